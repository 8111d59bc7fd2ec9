"""Which of a sheet's rows a person wants: only those, or not those, where a column says something. Pure.

What is compared is what the cell shows; capitals and blanks around it do not count.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
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
        if rule.finished and _passes(rule, cells) is not rule.only:
            test = _OPPOSITE[rule.test] if rule.only else rule.test
            said = {"value": rule.value.strip()} if test.valued else {}
            return because(_FAULTS[test], column=called[rule.column], **said)
    return None


def counts(rules: Sequence[Rule], rows: Sequence[Row]) -> Counts:
    """What the rules do to these rows."""
    passed = [[_passes(rule, row.cells) for row in rows] if rule.finished else None for rule in rules]
    wanted = [each for rule, each in zip(rules, passed, strict=True) if each is not None and rule.only]
    unwanted = [each for rule, each in zip(rules, passed, strict=True) if each is not None and not rule.only]
    remain = sum(all(each[at] for each in wanted) and not any(each[at] for each in unwanted) for at in range(len(rows)))
    return Counts(tuple(None if each is None else sum(each) for each in passed), remain)


def _passes(rule: Rule, cells: Sequence[str]) -> bool:
    cell = folded(tabular.plain(cell_at(cells, rule.column)))
    if not rule.test.valued:
        return (not cell) is (rule.test is Condition.EMPTY)
    value = folded(rule.value)
    if rule.test in (Condition.IS, Condition.IS_NOT):
        return (cell == value) is (rule.test is Condition.IS)
    return (value in cell) is (rule.test is Condition.CONTAINS)
