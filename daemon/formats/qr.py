"""QR codes, as a picture and as characters."""

from __future__ import annotations

import io
from typing import Any

import segno

QUIET = 2  #: squares around it, without which a phone does not find it
HALVES = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}


def svg(payload: str, scalable: bool = False) -> bytes:
    """As an SVG picture. scalable: as wide as the page has it, instead of a size of its own."""
    picture = io.BytesIO()
    how: dict[str, Any] = {
        "kind": "svg",
        "scale": 6,
        "border": 4,
        "light": "#fff",
        "xmldecl": False,
        "omitsize": scalable,
    }
    segno.make(payload, micro=False).save(picture, **how)
    return picture.getvalue()


def characters(payload: str) -> str:
    """As lines of characters, each two rows of squares high; to be shown dark on light."""
    rows = [list(row) for row in segno.make(payload, micro=False).matrix_iter(border=QUIET)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return "\n".join("".join(HALVES[bool(a), bool(b)] for a, b in zip(*pair, strict=True)) for pair in pairs)
