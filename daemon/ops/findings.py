"""What a check has found: one line for each thing that was looked at, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """GOOD; ODD: it works, and somebody should look; BAD: it does not work; UNKNOWN: it could not be seen."""

    GOOD = "good"
    ODD = "odd"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """what: a word, for programs, too. says: what was found. mend: what to do about it. facts: for a report."""

    what: str
    level: Level
    says: str
    mend: str = ""
    facts: tuple[tuple[str, object], ...] = ()


def good(what: str, says: str, **facts: object) -> Finding:
    """Nothing to do."""
    return Finding(what, Level.GOOD, says, facts=tuple(facts.items()))


def odd(what: str, says: str, mend: str, **facts: object) -> Finding:
    """It works, and somebody should look."""
    return Finding(what, Level.ODD, says, mend, tuple(facts.items()))


def bad(what: str, says: str, mend: str, **facts: object) -> Finding:
    """It does not work."""
    return Finding(what, Level.BAD, says, mend, tuple(facts.items()))


def unknown(what: str, says: str, mend: str = "", **facts: object) -> Finding:
    """It could not be seen."""
    return Finding(what, Level.UNKNOWN, says, mend, tuple(facts.items()))
