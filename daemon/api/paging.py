"""Pages of lists that are short enough to be sorted here: their cursor is where the last row of a page stands."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from daemon.api.refusals import Why
from daemon.errors import InvalidInput

Row = TypeVar("Row")
Key = Callable[[Row], tuple[Any, ...]]


def page(rows: Sequence[Row], key: Key[Row], cursor: str | None, limit: int) -> tuple[list[Row], str | None]:
    """The rows behind the cursor, and the cursor of the next page. key: by which they are sorted; unique for each row,
    of texts and numbers. A row that is gone, or new, moves no other. Raises InvalidInput."""
    behind = None if cursor is None else _place(cursor)
    try:
        left = [row for row in rows if behind is None or key(row) > behind]
    except TypeError:  # the cursor of another list
        raise _unfit() from None
    return left[:limit], _cursor(key(left[limit - 1])) if len(left) > limit else None


def _cursor(place: tuple[Any, ...]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _place(cursor: str) -> tuple[Any, ...]:
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise _unfit() from None
    if not isinstance(found, list):
        raise _unfit()
    return tuple(found)


def _unfit() -> InvalidInput:
    return InvalidInput(Why.VALUE_UNFIT, name="cursor", says="is taken from next_cursor").at("cursor")


def found_by(search: str, name: str) -> bool:
    """Whether all words of the search are in the name."""
    return all(word.casefold() in name.casefold() for word in search.split())
