"""JSON that came in: parsed after a look at how much it holds, as each value takes up to a hundred times its bytes."""

from __future__ import annotations

import codecs
import re
from typing import Any

from daemon import errors
from daemon.formats import json_pieces
from daemon.server.refusals import Why

MAX_BYTES = 32 << 20
SMALL = 128 << 10  # a body that is parsed at once, within some 20 ms whatever it holds
MOST_VALUES = 4_000_000  # of a body that has people in it
SHOWN = 80  # characters of a header in a sentence
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # SQLite stores it, PostgreSQL does not
FEW_VALUES = 20_000  # of one that has none: commas in a text count, too


def parse(data: bytes, content_type: str = "", most: int = MOST_VALUES) -> Any:
    """What the JSON stands for; None if there is none. content_type: as it was declared, for the sentence.

    One that is not SMALL is to be parsed on a thread, which others interrupt. Raises MalformedRequest, TooLarge.
    """
    refuse_large(len(data))
    # Each value but the first of its list or object comes after a comma; a list or object itself takes as much as two.
    if data.count(b",") + 2 * (data.count(b"[") + data.count(b"{")) > most:
        raise errors.TooLarge(Why.TOO_MANY_VALUES, most=f"{most:,}")
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        data.decode()
    except UnicodeDecodeError:
        raise errors.MalformedRequest(Why.NOT_UTF8) from None
    if _NUL.search(data):
        raise errors.MalformedRequest(Why.HAS_NUL)
    try:
        return json_pieces.whole(data or b"null") if len(data) <= SMALL else json_pieces.parse(data)
    except ValueError as error:
        if content_type and "json" not in content_type and content_type != "application/octet-stream":
            raise errors.MalformedRequest(Why.NOT_SENT_AS_JSON, kind=content_type[:SHOWN]) from None
        raise errors.MalformedRequest(Why.NOT_JSON, reason=error) from None


def refuse_large(size: int) -> None:
    """Raise TooLarge if a body of so many bytes is not read."""
    if size > MAX_BYTES:
        raise errors.TooLarge(Why.BODY_TOO_LARGE, limit=MAX_BYTES >> 20)
