"""Which of a sheet's rows a person wants: only those, or not those, where a column says something. Pure.

What is compared is what the cell shows; capitals and blanks around it do not count.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from daemon.contacts.phone_column import cell_at
from daemon.contacts.reasons import Fault, Reason, because
from daemon.formats import tabular
from daemon.formats.tabular import Row

MOST = 20
LONGEST = 200
"""Characters of a value."""
MOST_ALIKE = 10_000
"""Kinds of rows that are counted together."""


class Condition(StrEnum):
    """What a rule asks of a cell. The words are kept with drafts."""

    IS = "is"
    IS_NOT = "is_not"
    CONTAINS = "contains"
    CONTAINS_NOT = "contains_not"
    EMPTY = "is_empty"
    FILLED = "is_not_empty"

    @property
    def valued(self) -> bool:
        """Whether it compares with a value."""
        return self not in (Condition.EMPTY, Condition.FILLED)


class Rule(NamedTuple):
    """Only rows, or (only is False) not rows, whose cell in the column passes the test."""

    column: int
    only: bool
    test: Condition
    value: str = ""

    @property
    def finished(self) -> bool:
        """Whether it has the value that it compares with; until then it leaves nobody out."""
        return not self.test.valued or bool(folded(self.value))


_OPPOSITE = {
    Condition.IS: Condition.IS_NOT,
    Condition.CONTAINS: Condition.CONTAINS_NOT,
    Condition.EMPTY: Condition.FILLED,
}
_OPPOSITE |= {opposite: test for test, opposite in _OPPOSITE.items()}
_FAULTS = {  # by what the cells of those who are left out have in common
    Condition.IS: Fault.RULE_IS,
    Condition.IS_NOT: Fault.RULE_IS_NOT,
    Condition.CONTAINS: Fault.RULE_CONTAINS,
    Condition.CONTAINS_NOT: Fault.RULE_CONTAINS_NOT,
    Condition.EMPTY: Fault.RULE_EMPTY,
    Condition.FILLED: Fault.RULE_FILLED,
}
FAULTS = frozenset(_FAULTS.values())
"""The codes of those who are left out by a rule."""


@dataclass(frozen=True)
class Counts:
    """matches: how many rows pass the test of each rule, None for one without its value; remain: how many rows all the
    rules together leave."""

    matches: tuple[int | None, ...]
    remain: int


def folded(text: str) -> str:
    """The text as it is compared."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def left_out(rules: Sequence[Rule], cells: Sequence[str], called: Sequence[str]) -> Reason | None:
    """Why the rules leave this row out; None if they do not. called: what each column is called."""
    for rule in rules:
        if rule.finished and _passes(rule, cell_at(cells, rule.column)) is not rule.only:
            test = _OPPOSITE[rule.test] if rule.only else rule.test
            said = {"value": rule.value.strip()} if test.valued else {}
            return because(_FAULTS[test], column=called[rule.column], **said)
    return None


def counts(rules: Sequence[Rule], rows: Sequence[Row]) -> Counts:
    """What the rules do to these rows, which are gone through once, and not at all where no rule is finished."""
    asked = [(at, rule) for at, rule in enumerate(rules) if rule.finished]
    if not asked:
        return Counts((None,) * len(rules), len(rows))
    matches, remain = [0] * len(asked), 0
    for cells, count in _alike(rows, [rule.column for _, rule in asked]):
        passed = [_passes(rule, cell) for (_, rule), cell in zip(asked, cells, strict=True)]
        remain += count * all(found is rule.only for found, (_, rule) in zip(passed, asked, strict=True))
        matches = [before + count * found for before, found in zip(matches, passed, strict=True)]
    counted = dict(zip((at for at, _ in asked), matches, strict=True))
    return Counts(tuple(counted.get(at) for at in range(len(rules))), remain)


def _alike(rows: Iterable[Row], columns: Sequence[int]) -> Iterator[tuple[tuple[str, ...], int]]:
    """The cells of these columns, and in how many of the rows they stand so; the same ones may come several times."""
    found: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        found[tuple([cell_at(row.cells, at) for at in columns])] += 1
        if len(found) > MOST_ALIKE:
            yield from found.items()
            found.clear()
    yield from found.items()


def _passes(rule: Rule, cell: str) -> bool:
    cell = folded(tabular.plain(cell))
    if not rule.test.valued:
        return (not cell) is (rule.test is Condition.EMPTY)
    value = folded(rule.value)
    if rule.test in (Condition.IS, Condition.IS_NOT):
        return (cell == value) is (rule.test is Condition.IS)
    return (value in cell) is (rule.test is Condition.CONTAINS)
