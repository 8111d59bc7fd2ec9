"""Names that a person cannot tell apart: `Anna` and the same in Cyrillic letters, `Ian` with an l, full-width letters.

A name is compared by its skeleton (Unicode TS 39): every character replaced by the one that all its lookalikes share.
The table is Unicode's, from the package confusable-homoglyphs.
"""

from __future__ import annotations

import json
import re
import unicodedata
from functools import cache
from importlib.resources import files

# They have no width, though Python calls them printable: joiners, fillers, variation selectors.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u200b-\u200f\u2060\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def alike(one: str, other: str) -> bool:
    """Whether the names look the same, as they are written or with all letters small."""
    return not _shapes(one).isdisjoint(_shapes(other))


def _shapes(name: str) -> set[str]:
    plain = " ".join(unicodedata.normalize("NFKC", _UNSEEN.sub("", name)).split())
    return {_skeleton(plain), _skeleton(plain.casefold())}


def _skeleton(text: str) -> str:
    table = _prototypes()
    for _ in range(2):  # a replacement may bring an accent, which is replaced in the second round
        text = unicodedata.normalize("NFD", text)
        text = "".join(table.get(sign, sign) for sign in text)
    return unicodedata.normalize("NFD", text)


@cache
def _prototypes() -> dict[str, str]:
    """By character, what stands for it and all its lookalikes; may be several characters, as `rn` for m."""
    table = json.loads((files("confusable_homoglyphs") / "confusables.json").read_text(encoding="utf-8"))
    known = {sign: [_UNSEEN.sub("", each["c"]) for each in entries] for sign, entries in table.items()}
    found: dict[str, str] = {}
    for sign, others in known.items():
        # The table has both directions: a character has its prototype, a prototype all of its characters.
        if len(sign) == 1 and len(others) == 1 and (len(known.get(others[0], [])), others[0]) > (1, sign):
            found[sign] = others[0]
    return found
