"""Rows that share a number: a family on one phone, or one person twice. Pure.

Rows that say the same of the same number are one row. Whether the others are several people, who each get their
message, or one number that gets one, a person says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from daemon.campaigns.exclusions import Detail, Details, details
from daemon.contacts.columns import Candidate, name_columns
from daemon.contacts.person import Person
from daemon.states import PersonKey


def called(who: Candidate, fields: Sequence[str]) -> str:
    """The person's name by the columns of names, else their first field; "" where there is none."""
    return name({each: who.fields.get(each, "") for each in fields})


def name(fields: Mapping[str, str]) -> str:
    """The name that these fields of a person hold, as of `called`."""
    return " ".join(filter(None, (fields[each] for each in name_columns(list(fields)))))[:60]


class Merged:
    """Tells, row after row, which one is merged into an earlier one of the same person. each_row: only those that say
    the same are."""

    def __init__(self, fields: Sequence[str], each_row: bool) -> None:
        self._fields, self._each_row = fields, each_row
        self._seen: dict[PersonKey, list[Candidate]] = {}

    def into(self, who: Candidate, person: PersonKey) -> Details | None:
        """Into which row, and why; None for a row that stands for itself."""
        before = self._seen.setdefault(person, [])
        same = next((each for each in before if (each.fields, each.file) == (who.fields, who.file)), None)
        if same is not None:
            return details(Detail.SAME_ROW, row=str(same.position))
        if before and not self._each_row:
            first = before[0]
            name = called(first, self._fields)
            row = str(first.position)
            return details(Detail.MERGED, row=row, name=name) if name else details(Detail.SAME_NUMBER, row=row)
        before.append(who)
        return None


@dataclass(frozen=True)
class Shared:
    """A number and those who share it, by their rows. names: (row, name)."""

    number: str
    names: list[tuple[int, str]]


def shared(people: Sequence[Candidate], fields: Sequence[str]) -> list[Shared]:
    """The numbers that several rows have which do not say the same."""
    found: dict[PersonKey, list[Candidate]] = {}
    for each in people:
        if each.number:
            mine = found.setdefault(Person(each.number).key, [])
            if all((other.fields, other.file) != (each.fields, each.file) for other in mine):
                mine.append(each)
    several = [each for each in found.values() if len(each) > 1]
    return [Shared(str(some[0].number), [(one.position, called(one, fields)) for one in some]) for some in several]
