"""Names of things that are kept for reuse: one line, not too long, not taken."""

from __future__ import annotations

from daemon import errors
from daemon.formats import tabular

MAX_NAME = 120


def one_line(name: str, what: str) -> str:
    """The name in one line. Raises InvalidInput."""
    plain = " ".join(tabular.clean(name).split())
    if not plain:
        raise errors.InvalidInput(f"The {what} needs a name.")
    if len(plain) > MAX_NAME:
        raise errors.InvalidInput(f"The name of a {what} can be up to {MAX_NAME} characters long.")
    return plain


def taken(what: str, name: str) -> errors.InvalidInput:
    return errors.InvalidInput(f"There is already a {what} called {name}: choose another name.")
