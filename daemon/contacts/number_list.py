"""A text that is nothing but telephone numbers, several on a line: each of them is a person. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from daemon.contacts import phone

_APART = re.compile(r"[,;|\t]|(?<=\d)\s+(?=\+|00[1-9]\d{6})")
_SHAPE = re.compile(r"[\d\s().\-/+‐-―−]+")
_MOST_DIGITS = 20
_LEAST_BARE = 10  # digits of numbers between which only blanks stand
_LEAST_DIGITS = 5
_LOOKED_AT = 20  # lines, of which one at least has several numbers
_MANY = 3  # numbers on a line, where there are several lines: two may be one person's


def numbers(text: str) -> list[str]:
    """The numbers in their order; [] where anything else is in the text, or where two on a line may be one person's.

    A first line with a single title may stand above them.
    """
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if len(lines) > 1 and sum(map(str.isdigit, lines[0])) < _LEAST_DIGITS and not _APART.search(lines[0]):
        lines = lines[1:]
    if len(lines) > 1 and not any(_APART.search(line) for line in lines[:_LOOKED_AT]):
        return []
    rows = []
    for line in lines:
        parts = _parts(line)
        if not parts or not all(_number(part) for part in parts):
            return []
        rows.append(parts)
    found = [part for parts in rows for part in parts]
    widest = max(map(len, rows), default=0)
    goes_on = len(rows) > 1 and all(_APART.match(line[-1]) for line in lines[:-1])
    if widest < 2 or not (len(rows) == 1 or widest >= _MANY or goes_on):
        return []
    return found if _alike(found) else []


def in_cell(cell: str) -> list[str]:
    """The numbers of a cell that holds nothing else, parted by commas and the like; [] for any other."""
    found = [part for line in cell.splitlines() for part in _parts(line)]
    return found if found and all(_number(part) for part in found) else []


def apart(text: str) -> list[str]:
    """What stands between line ends, commas, semicolons and tabs, and numbers with a plus that follow each other."""
    return [part.strip() for line in text.splitlines() for part in _APART.split(line) if part.strip()]


def _parts(line: str) -> list[str]:
    parts = [part.strip().strip("\"'").strip() for part in _APART.split(line)]
    parts = [part for part in parts if part]
    bare = parts[0].split() if len(parts) == 1 else []
    if len(bare) > 1 and all(each.isdecimal() and len(each) >= _LEAST_BARE for each in bare):
        return bare
    return parts


def _number(part: str) -> bool:
    digits = sum(map(str.isdigit, part))
    return phone.SHORTEST <= digits <= _MOST_DIGITS and bool(_SHAPE.fullmatch(part)) and part.count("+") <= 1


def _alike(found: Sequence[str]) -> bool:
    """Whether all are written with their country, or all have as many digits: an id beside a number has not."""
    international = all(part.lstrip("( ").startswith(("+", "00")) for part in found)
    return international or len({sum(map(str.isdigit, part)) for part in found}) == 1
