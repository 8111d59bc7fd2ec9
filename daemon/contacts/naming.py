"""Names of things that are kept for reuse: one line, not too long, not taken."""

from __future__ import annotations

from daemon import errors
from daemon.contacts.refusals import Why
from daemon.formats import tabular
from daemon.i18n.coded import Phrase

MAX_NAME = 120


def one_line(name: str, what: Phrase) -> str:
    """The name in one line. Raises InvalidInput."""
    plain = " ".join(tabular.clean(name).split())
    if not plain:
        raise errors.InvalidInput(Why.NAME_MISSING, what=what)
    if len(plain) > MAX_NAME:
        raise errors.InvalidInput(Why.NAME_TOO_LONG, what=what, most=MAX_NAME)
    return plain


def taken(what: Phrase, name: str) -> errors.InvalidInput:
    return errors.InvalidInput(Why.NAME_TAKEN, what=what, name=name)
