"""Placeholders as other tools write them, which would be sent as they stand, and the fields they probably mean."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

from daemon.formats.refusals import Warned
from daemon.i18n.coded import Refusal, refusal

MOST = 5
"""So many are named; a text that has more is somebody's code."""

_OURS = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.S)
_SPINTAX = re.compile(r"\{[^{}|\n]{0,200}(?:\|[^{}|\n]{0,200}){1,20}\}")
_NAME = r"[^\W\d_][\w .\-]{0,40}"
_SURE = re.compile(  # nobody writes these but for a placeholder
    rf"\$\{{\s*({_NAME})\s*\}}|#\{{\s*({_NAME})\s*\}}|<<\s*({_NAME})\s*>>|\[\[\s*({_NAME})\s*\]\]|\*\|\s*({_NAME})\s*\|\*"
    rf"|%%\s*({_NAME})\s*%%|\{{\s*({_NAME})\s*\}}|%({_NAME})%|«\s*({_NAME})\s*»"
)
_PERHAPS = re.compile(rf"\[\s*({_NAME})\s*\]|<\s*({_NAME})\s*>|\(\(\s*({_NAME})\s*\)\)|@({_NAME})@|#({_NAME})#")
_ALIKE = 0.75


@dataclass(frozen=True)
class Foreign:
    """written: as it is in the text. field: which it probably means, "" where none is like it. choices: whether it
    offers several words to choose from (`{Hi|Hello}`)."""

    written: str
    field: str = ""
    choices: bool = False

    @property
    def told(self) -> Refusal:
        """What becomes of it, and what to write."""
        if self.choices:
            return refusal(Warned.WORDS_TO_CHOOSE, written=self.written)
        if self.field:
            return refusal(Warned.PLACEHOLDER_OF_COLUMN, written=self.written, field=self.field)
        return refusal(Warned.PLACEHOLDER_UNKNOWN, written=self.written)


def foreign(text: str, fields: Collection[str]) -> list[Foreign]:
    """The first few, in their order, each once. fields: those that the text may use."""
    bare = _OURS.sub(lambda ours: " " * len(ours[0]), text)
    found: dict[int, Foreign] = {}
    for match in _SPINTAX.finditer(bare):
        found[match.start()] = Foreign(match[0][:60], choices=True)
    for pattern in (_SURE, _PERHAPS):
        for match in pattern.finditer(bare):
            name = next(filter(None, match.groups()))
            field = _meant(name, fields)
            inside = any(at <= match.start() < at + len(each.written) for at, each in found.items())
            if (field or pattern is _SURE) and not inside:
                found[match.start()] = Foreign(match[0], field)
    once = {each.written: each for _, each in sorted(found.items())}
    return list(once.values())[:MOST]


def _meant(name: str, fields: Collection[str]) -> str:
    """The field that is called so, or nearly so; "" for none."""
    plain = {_plain(each): each for each in fields}
    wanted = _plain(name)
    close = difflib.get_close_matches(wanted, list(plain), 1, _ALIKE)
    if not close and len(wanted) > 2:
        close = [each for each in plain if wanted in each.split("_") or each in wanted.split("_")]
    return plain[close[0]] if close else ""


def _plain(name: str) -> str:
    signs = unicodedata.normalize("NFKC", name).casefold()
    return "_".join("".join(sign if sign.isalnum() else " " for sign in signs).split())
