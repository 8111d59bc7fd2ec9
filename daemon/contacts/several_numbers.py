"""A cell with several telephone numbers: of one person, the one to write to; in a list of nothing else, each a person.
Pure.

What stands beside a number says what it is (`Mobil: …`, `… (WhatsApp)`), else its kind does. Where two could be meant,
or something stands there that is not known (a name, `do not call`), nobody guesses: the row says that there are
several.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from daemon.contacts import number_list, phone, titles
from daemon.contacts.person import Person
from daemon.contacts.reasons import Fault, Reason, because
from daemon.contacts.titles import Rank, Title
from daemon.formats.tabular import Row
from daemon.states import E164

_APART = re.compile(
    r"(?i)\s*(?::::|[;,|&\n\t]|\s/\s|\b(?:or|and|oder|und|ou|et|y|o|e|или|и|veya|ve|atau|dan)\b|(?<=\d)\s+(?=\+))\s*"
)
_SLASH = re.compile(r"\s*/\s*")
_BESIDE = re.compile(r"(?:[^\W\d_][\w.\-]*|[*:=\[\]]+)+")
_NUMBER = re.compile(r"\(?\+?[(\d][\d\s().\-/‐-―−]*")
_DENIED = re.compile(r"(?i)\b(?:no|not|sin|sem|sans|senza|ohne)\W+(?:whats|wa\b)")
_LONGEST = 300
_MOST = 20


@dataclass(frozen=True)
class Part:
    """One of the numbers. text: as it is written, without what is beside it; beside: what that says."""

    text: str
    beside: Title


def parts(cell: str) -> list[Part]:
    """The numbers of the cell, if it has several and nothing that is none; else []."""
    if len(cell) > _LONGEST:
        return []
    for sign in (_APART, _SLASH):
        written = [part for part in sign.split(cell) if part]
        if 1 < len(written) <= _MOST:
            found = [_part(part) for part in written]
            return [part for part in found if part] if all(found) else []
    return []


def _part(written: str) -> Part | None:
    if not isinstance(phone.read(written, ""), Reason):
        return Part(written, Title())
    bare = [part for part in _BESIDE.split(written) if any(map(str.isdigit, part))]
    if len(bare) != 1:
        return None
    text = re.sub(r"\(\s*\)|^\s*\)|\($", "", bare[0].strip()).strip(" -.")
    if phone.digits(text) < phone.SHORTEST or not _NUMBER.fullmatch(text):
        return None
    words = " ".join(_BESIDE.findall(written))
    beside = titles.meaning(words)
    return Part(text, replace(beside, strange=beside.strange or _DENIED.search(words) is not None))


def read(cell: str, country: str) -> E164 | Reason:
    """The number to write to, of several the one that the person is most likely to have WhatsApp on; or why there is
    none, also where it could be either of two. country: as in `phone.read`."""
    number = phone.read(cell, country)
    if not isinstance(number, Reason) or not (found := parts(cell)):
        return number
    several = because(Fault.SEVERAL)
    good: dict[str, tuple[E164, Title]] = {}
    for part in found:
        if part.beside.rank is Rank.NEVER:
            continue
        if isinstance(one := phone.read(part.text, country), Reason):
            return several
        good.setdefault(Person(one).key, (one, part.beside))
    own = [each for each in good.values() if not each[1].others and not each[1].emergency]
    for way in (_only, _preferred, _whatsapp, _mobile):
        if len(chosen := list(way(own))) == 1:
            return several if good[Person(chosen[0]).key][1].strange else chosen[0]
    return several


def _only(own: Sequence[tuple[E164, Title]]) -> Iterable[E164]:
    return (number for number, _ in own)


def _preferred(own: Sequence[tuple[E164, Title]]) -> Iterable[E164]:
    return (number for number, beside in own if beside.order < 0 and beside.rank is not Rank.FIXED)


def _whatsapp(own: Sequence[tuple[E164, Title]]) -> Iterable[E164]:
    return (number for number, beside in own if beside.rank is Rank.WHATSAPP)


def _mobile(own: Sequence[tuple[E164, Title]]) -> Iterable[E164]:
    return (
        number
        for number, beside in own
        if beside.rank >= Rank.MOBILE or (beside.rank is not Rank.FIXED and phone.is_mobile(number))
    )


def every(cell: str) -> list[str]:
    """What stands in the cell for each number in it; the cell itself where it has not several."""
    return [part.text for part in parts(cell)] or [cell]


def spread(rows: list[Row]) -> list[Row]:
    """The rows, where a list of nothing but numbers has several in a cell: each of them on a row of its own, counted
    anew. Rows that are anything else are as they were."""
    filled = {at for row in rows for at, cell in enumerate(row.cells) if cell}
    if len(filled) != 1:
        return rows
    (column,) = filled
    found = [number_list.in_cell(row.cells[column]) for row in rows]
    if not any(len(each) > 1 for each in found):
        return rows
    title = 0 if phone.digits(rows[0].cells[column]) >= phone.SHORTEST else 1
    cells = [cell for row, each in zip(rows, found, strict=True) for cell in each or [row.cells[column]]]
    return [Row(at + 1 - title, [*[""] * column, cell]) for at, cell in enumerate(cells)]
