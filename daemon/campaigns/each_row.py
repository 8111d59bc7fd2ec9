"""A message for each row, also where several have one number: which of the messages to it each row gets. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from heapq import merge

from daemon.contacts.importer import Contact
from daemon.contacts.person import Person
from daemon.states import E164, PersonKey


class EachRow(Collection[Contact]):
    """The rows of an upload as they stand in its file, each counted as of `counted`; they are read when they are gone
    through. people: each person once, at their first row; repeated: the other rows; both in the order of the file."""

    def __init__(self, people: Collection[Contact], repeated: Collection[Contact]) -> None:
        self._people, self._repeated = people, repeated

    def __len__(self) -> int:
        return len(self._people) + len(self._repeated)

    def __contains__(self, who: object) -> bool:
        return any(each == who for each in self)

    def __iter__(self) -> Iterator[Contact]:
        several = {Person(each.number).key for each in self._repeated}
        return counted(merge(self._people, self._repeated, key=lambda each: each.position), several)


def counted(people: Iterable[Contact], several: Collection[PersonKey] | None = None) -> Iterator[Contact]:
    """Each of the rows counted by its number, which all rows of one person write as the first one does. several: who
    has more than one; None where that is not known."""
    seen: dict[PersonKey, tuple[E164, int]] = {}
    for each in people:
        key = Person(each.number).key
        if several is not None and key not in several:
            yield each
            continue
        number, count = seen.get(key, (each.number, 0))
        seen[key] = number, count + 1
        yield replace(each, number=number, nth=count)
