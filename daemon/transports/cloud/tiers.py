"""How many people a business may begin to write to in 24 hours, as Meta words it; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TIER = re.compile(r"(?:TIER_)?(\d{1,9})(K?)")
UNLIMITED = frozenset({"TIER_UNLIMITED", "UNLIMITED"})


@dataclass(frozen=True)
class Limit:
    """most: None for any number."""

    most: int | None


def limit(words: str) -> Limit | None:
    """What such words as `TIER_2K`, `TIER_UNLIMITED` or `250` say; None where they say nothing, such as
    `TIER_NOT_SET`."""
    if words in UNLIMITED:
        return Limit(None)
    found = _TIER.fullmatch(words)
    if found is None or not int(found[1]):
        return None
    return Limit(int(found[1]) * (1_000 if found[2] else 1))
