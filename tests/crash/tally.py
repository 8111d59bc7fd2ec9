"""The figures of `scripts/crash`: what became of everybody, by kind of fault."""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SENT = frozenset({"sent", "delivered", "read"})
FIGURES = ("crashes", "messages", "delivered_once", "duplicates", "lost", "uncertain")
SHOWN = 3  # of those who did not get it once


@dataclass
class Tally:
    """What came of some rounds. wrong: a sentence for each thing that must not be, to repeat it by."""

    crashes: int = 0
    messages: int = 0
    delivered_once: int = 0
    duplicates: int = 0
    lost: int = 0
    uncertain: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        for name in FIGURES:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.wrong += other.wrong

    def line(self) -> str:
        return " ".join(f"{name}={getattr(self, name)}" for name in FIGURES)


def handed_over(journal: Path, numbers: Iterable[str]) -> Counter[str]:
    """How often each number was handed over, as the journal of the dry-run transport has it."""
    names = {hashlib.sha256(number.encode()).hexdigest(): number for number in numbers}
    found: Counter[str] = Counter()
    for line in journal.read_text().splitlines() if journal.exists() else []:
        try:
            found[names[json.loads(line)["to"]]] += 1
        except ValueError:
            continue  # half a line, which a full disk has left, is not a message
    return found


def in_parts(journal: Path, numbers: Iterable[str], parts: int) -> Counter[str]:
    """The same where a message has so many parts: once is each of them once; twice, where any of them came twice; not
    at all, where one is missing."""
    names = {hashlib.sha256(number.encode()).hexdigest(): number for number in numbers}
    each: dict[str, Counter[str]] = {number: Counter() for number in names.values()}
    for line in journal.read_text().splitlines() if journal.exists() else []:
        signs = json.loads(line)
        each[names[signs["to"]]][signs["files"]] += 1
    return Counter({number: max(came.values()) if len(came) == parts else 0 for number, came in each.items() if came})


def weigh(delivered: Counter[str], states: Mapping[str, str], numbers: Iterable[str], uncertain: int) -> Tally:
    """Hold what was really delivered against what the database says, once the uncertain ones are decided.

    Whoever got nothing is lost; so is whoever the database does not know as sent, whatever they got.
    """
    tally = Tally(uncertain=uncertain)
    odd = []
    for number in numbers:
        times, state = delivered[number], states.get(number)
        tally.messages += 1
        tally.delivered_once += times == 1
        tally.duplicates += max(0, times - 1)
        tally.lost += times == 0 or state not in SENT
        if times != 1 or state not in SENT:
            odd.append(f"{number} was delivered {times} times and is {state}")
    if odd:
        tally.wrong.append(", ".join(odd[:SHOWN]) + (f" and {len(odd) - SHOWN} more" if len(odd) > SHOWN else ""))
    return tally


def report(tallies: Mapping[str, Tally], took_s: float) -> int:
    """Print the table and the line of figures; returns the exit code."""
    whole = Tally()
    width = max(map(len, ["fault", *tallies]))
    print(f"{'fault':<{width}}", *FIGURES)
    for kind, each in sorted(tallies.items()):
        whole.add(each)
        print(f"{kind:<{width}}", *(f"{getattr(each, name):>{len(name)}}" for name in FIGURES))
    for what in whole.wrong:
        print(f"WRONG: {what}")
    print(whole.line())
    print(f"({took_s:.0f} s)", file=sys.stderr)
    return 1 if whole.duplicates or whole.lost or whole.wrong else 0
