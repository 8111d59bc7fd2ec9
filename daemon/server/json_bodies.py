"""JSON that came in: parsed after a look at how much it holds, as each value takes up to a hundred times its bytes."""

from __future__ import annotations

import codecs
from typing import Any

from daemon import errors
from daemon.server import json_pieces

MAX_BYTES = 32 << 20
SMALL = 128 << 10  # a body that is parsed at once, within some 20 ms whatever it holds
MOST_VALUES = 4_000_000  # of a body that has people in it
SHOWN = 80  # characters of a header in a sentence
FEW_VALUES = 20_000  # of one that has none: commas in a text count, too


def parse(data: bytes, content_type: str = "", most: int = MOST_VALUES) -> Any:
    """What the JSON stands for; None if there is none. content_type: as it was declared, for the sentence.

    One that is not SMALL is to be parsed on a thread, which others interrupt. Raises MalformedRequest, TooLarge.
    """
    refuse_large(len(data))
    # Each value but the first of its list or object comes after a comma; a list or object itself takes as much as two.
    if data.count(b",") + 2 * (data.count(b"[") + data.count(b"{")) > most:
        raise errors.TooLarge(
            f"The body holds more than {most:,} values: send them in several requests, or as a file to POST /upload."
        )
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        data.decode()
    except UnicodeDecodeError:
        raise errors.MalformedRequest("The body is not UTF-8: send JSON in UTF-8.") from None
    try:
        return json_pieces.whole(data or b"null") if len(data) <= SMALL else json_pieces.parse(data)
    except ValueError as error:
        if content_type and "json" not in content_type and content_type != "application/octet-stream":
            raise errors.MalformedRequest(
                f"The body is not JSON but {content_type[:SHOWN]}: send JSON, with Content-Type: application/json."
            ) from None
        raise errors.MalformedRequest(f"The body is not valid JSON: {error}.") from None


def refuse_large(size: int) -> None:
    """Raise TooLarge if a body of so many bytes is not read."""
    if size > MAX_BYTES:
        raise errors.TooLarge(
            f"The body is larger than {MAX_BYTES >> 20} MB: send it in several requests, or as a file to POST /upload."
        )
