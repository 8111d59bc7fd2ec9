"""WhatsApp's id of a user whose number a business is not shown (BSUID); pure."""

from __future__ import annotations

import re

_FORM = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[0-9A-Za-z]{1,128}", re.ASCII)


def is_one(text: str) -> bool:
    """Whether that is the form of such an id."""
    return _FORM.fullmatch(text) is not None
