"""Templates and contact lists on both databases: what is found, what is refused, and who waits for whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from daemon import errors
from daemon.campaigns import templates
from daemon.contacts import importer, list_entries, lists, unfinished_lists
from daemon.db import clock, connection, proxy
from daemon.models import Answer, ContactList, ListEntry, Template
from daemon.ops import erase, people
from tests.support.at_once import at_once

pytestmark = pytest.mark.usefixtures("database")


def crowd(count: int, first: int = 0, **fields: str) -> importer.ContactList:
    people = [
        importer.Contact(n + 1, f"+491511{first + n:07}", {"name": f"Person {first + n}", **fields})
        for n in range(count)
    ]
    return importer.ContactList(people, columns=["name", *fields])


def found(list_id: int, search: str) -> list[str]:
    """The names of all who are found, whatever the pages."""
    names, cursor = [], None
    while True:
        rows, cursor = list_entries.entries(list_id, search, cursor, 3)
        names += [each.fields["name"] for each in rows]
        if cursor is None:
            return names


def test_many_are_added_and_only_the_new_ones() -> None:
    """More than one batch; in file order; the second time nothing changes, not even the list's own time."""
    made, added = lists.create_list("Guests", crowd(1200), clock.now_ms())
    again = lists.add_people(made.id, crowd(1200), clock.now_ms())
    more = lists.add_people(made.id, crowd(10, first=1195, city="Bonn"), clock.now_ms())

    assert (1200, 0, 0) == (added.added, added.present, added.updated)
    assert (0, 1200, 0) == (again.added, again.present, again.updated)
    assert (5, 0, 5) == (more.added, more.present, more.updated)
    everybody = lists.people(made.id)
    assert [f"Person {n}" for n in range(1205)] == [each.fields["name"] for each in everybody]
    assert list(range(1, 1206)) == [each.position for each in everybody]
    assert ("", "Bonn") == (everybody[0].fields["city"], everybody[1199].fields["city"])


def test_an_empty_field_erases_nothing() -> None:
    """What is said replaces, what is not said stays."""
    made, _ = lists.create_list("Guests", crowd(1, city="Bonn"), clock.now_ms())
    person = importer.Contact(1, "+4915110000000", {"name": "Anna", "city": "", "age": "7"})
    lists.add_people(made.id, importer.ContactList([person], columns=["name", "city", "age"]), clock.now_ms())

    assert {"name": "Anna", "city": "Bonn", "age": "7"} == lists.people(made.id)[0].fields


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("anna", ["Anna Schäfer"]),
        ("SCHÄFER", ["Anna Schäfer", "Jo"]),
        ("schäfer", ["Anna Schäfer", "Jo"]),
        ("+49 (1511) 0000002", ["Zoë 100%"]),
        ("0000003", ["Jo"]),
        ("100%", ["Zoë 100%"]),
        ("_", []),
        ('"quoted"', ['Ben "quoted"']),
        ("name", ["Name Name"]),
        ("city", []),
        (":", []),
        ("\\", ["back\\slash"]),
        ("", ["Anna Schäfer", 'Ben "quoted"', "Zoë 100%", "Jo", "Name Name", "back\\slash"]),
        ("nobody", []),
    ],
)
def test_search_looks_at_numbers_and_what_the_fields_hold(search: str, names: list[str]) -> None:
    """In any case, with signs that mean something to SQL or JSON; never at the titles of the fields."""
    given = [("Anna Schäfer", "Bonn"), ('Ben "quoted"', "Bonn"), ("Zoë 100%", ""), ("Jo", "schäferstadt")]
    given += [("Name Name", ""), ("back\\slash", "")]
    people = [importer.Contact(n, f"+491511000000{n}", {"name": name, "city": c}) for n, (name, c) in enumerate(given)]
    made, _ = lists.create_list("Guests", importer.ContactList(people, columns=["name", "city"]), clock.now_ms())
    lists.create_list("Others", crowd(20, first=500), clock.now_ms())

    assert names == found(made.id, search)


def test_lists_know_how_many_they_hold() -> None:
    """Also those who hold nobody, by name."""
    lists.create_list("b", crowd(3), clock.now_ms())
    lists.create_list("A", crowd(2), clock.now_ms())
    lists.create_list("c", importer.ContactList(), clock.now_ms())

    assert [("A", 2), ("b", 3), ("c", 0)] == [(each.name, each.people) for each in lists.lists()]


def test_deleting_a_list_forgets_its_people_and_no_others() -> None:
    """Nothing of it is left."""
    made, _ = lists.create_list("Guests", crowd(700), clock.now_ms())
    lists.create_list("Others", crowd(3), clock.now_ms())
    lists.delete_list(made.id)

    assert 3 == ListEntry.select().count()
    with pytest.raises(errors.NotFound):
        lists.people(made.id)
    with pytest.raises(errors.NotFound):
        lists.delete_list(made.id)


def test_only_the_lists_own_people_are_removed() -> None:
    """Ids of another list's people do nothing here."""
    made, _ = lists.create_list("Guests", crowd(3), clock.now_ms())
    other, _ = lists.create_list("Others", crowd(3), clock.now_ms())
    ids = [each.id for each in list_entries.entries(other.id)[0]]

    assert 0 == lists.remove_people(made.id, clock.now_ms(), ids)
    assert [] == list_entries.some(made.id, ids)
    assert 2 == lists.remove_people(made.id, clock.now_ms(), numbers=["+4915110000000", "+4915110000001", "+49999"])
    assert (1, 3) == (lists.listed(made.id).people, lists.listed(other.id).people)


def test_a_name_is_there_once() -> None:
    """For templates and lists, made or renamed."""
    lists.create_list("Guests", crowd(1), clock.now_ms())
    other, _ = lists.create_list("Others", crowd(1), clock.now_ms())
    templates.keep("Sale", "Hi", clock.now_ms())
    template = templates.keep("Thanks", "Hi", clock.now_ms())

    with pytest.raises(errors.InvalidInput, match="There is already a list called Guests"):
        lists.create_list(" Guests ", crowd(1), clock.now_ms())
    with pytest.raises(errors.InvalidInput, match="There is already a list called Guests"):
        lists.rename_list(other.id, "Guests", clock.now_ms())
    with pytest.raises(errors.InvalidInput, match="There is already a template called Sale"):
        templates.change(template.id, "Sale", "Hi", clock.now_ms())
    with pytest.raises(errors.InvalidInput, match="There is already a template called Sale"):
        templates.keep("Sale", "Another", clock.now_ms())
    assert (2, 2) == (ContactList.select().count(), Template.select().count())


def test_the_same_people_added_twice_at_once_are_there_once() -> None:
    """The second waits for the first, and finds them."""
    made, _ = lists.create_list("Guests", importer.ContactList(), clock.now_ms())
    results = at_once(*[lambda: lists.add_people(made.id, crowd(300), clock.now_ms())] * 3)

    assert [0, 0, 300] == sorted(each.added for each in results)
    assert 300 == lists.listed(made.id).people


def test_one_form_sent_twice_at_once_makes_one_list() -> None:
    """Both are led to it, or one is told that the name is taken: never a second list."""
    results = at_once(*[lambda: lists.create_list("Guests", crowd(50), clock.now_ms(), "key")] * 2)

    assert 1 == ContactList.select().count()
    assert 1 == Answer.select().count()
    assert [made.id for made, _ in [r for r in results if isinstance(r, tuple)]] == [ContactList.get().id] * 2


def test_a_form_that_was_changed_since_makes_another_list() -> None:
    """After Back, with another name; or with the same one, when the list is gone."""
    first, _ = lists.create_list("Guests", crowd(2), clock.now_ms(), "key")
    second, _ = lists.create_list("Friends", crowd(2), clock.now_ms(), "key")
    assert ("Friends", True) == (second.name, first.id != second.id)
    lists.delete_list(second.id)

    third, added = lists.create_list("Friends", crowd(2), clock.now_ms(), "key")
    assert (2, 2) == (third.people, added.added)


class Turns:
    """The transactions that have ended, by how many people each has put on a list or taken off; then: done after it."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.then: Callable[[], object] = lambda: None


@pytest.fixture
def turns(database: str, monkeypatch: pytest.MonkeyPatch) -> Turns:
    """Ten people in each."""
    found = Turns()

    @contextmanager
    def write() -> Iterator[None]:
        before = ListEntry.select().count()
        with connection.write():
            yield
        if not proxy.database.in_transaction():
            found.sizes.append(abs(ListEntry.select().count() - before))
            found.then()

    for module in (lists, unfinished_lists):
        monkeypatch.setattr(module, "write", write)
    monkeypatch.setattr(unfinished_lists, "CHUNK", 10)
    monkeypatch.setattr(unfinished_lists, "GAP_S", 0.0)
    return found


class Killed(BaseException):
    """The process is gone."""


def killed() -> None:
    raise Killed


def test_no_transaction_is_longer_than_a_chunk(turns: Turns) -> None:
    """Others have their turn between them: while people are stored, added and deleted."""
    made, added = lists.create_list("Guests", crowd(35), clock.now_ms(), "key")
    assert (35, 35, ["name"], 10) == (made.people, added.added, made.columns, max(turns.sizes))
    assert made == lists.listed(made.id) == lists.create_list("Guests", crowd(35), clock.now_ms(), "key")[0]
    both = crowd(40, first=30)
    both.contacts.append(both.contacts[0])
    more = lists.add_people(made.id, both, clock.now_ms())
    assert (35, 5, 0, 1) == (more.added, more.present, more.updated, more.duplicates)
    assert [f"Person {n}" for n in range(70)] == [each.fields["name"] for each in lists.people(made.id)]
    lists.delete_list(made.id)
    assert (0, 0, 10) == (ListEntry.select().count(), ContactList.select().count(), max(turns.sizes))


def test_a_list_is_none_before_all_are_on_it(turns: Turns) -> None:
    """Nobody sees it, sends to it or changes it; then it is there as a whole."""
    seen: list[Any] = []

    def look() -> None:
        for hidden in ContactList.select().where(ContactList.version < 1):
            seen.append(lists.lists())
            for work in (lists.people, lists.listed, list_entries.persons, lists.delete_list):
                with pytest.raises(errors.NotFound):
                    work(hidden.id)
            with pytest.raises(errors.NotFound):
                lists.add_people(hidden.id, crowd(1), clock.now_ms())

    turns.then = look
    made, _ = lists.create_list("Guests", crowd(35), clock.now_ms())
    turns.then = lambda: None
    assert seen and not any(seen)
    assert [made] == lists.lists()


@pytest.mark.parametrize("after", [1, 3])
def test_what_a_kill_leaves_of_a_list_is_deleted(
    turns: Turns, after: int, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later, when nobody can be filling it any more. Its name is free, and whoever is erased is erased from it."""
    turns.then = lambda: killed() if len(turns.sizes) == after else None
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(unfinished_lists, "discard", lambda _: None)
        lists.create_list("Guests", crowd(35), clock.now_ms(), "key")
    turns.then = lambda: None
    left = ListEntry.select().count()
    assert (10 * (after - 1), []) == (left, lists.lists())
    number = "+4915110000000"
    assert [] == people.known(settings, number).lists
    erase.erase(settings, number, "test", clock.now_ms())
    assert max(left - 1, 0) == ListEntry.select().count()

    made, added = lists.create_list("Guests", crowd(35), clock.now_ms(), "key")
    assert (35, 35) == (added.added, made.people)
    assert 0 == unfinished_lists.sweep(clock.now_ms())
    assert 1 == unfinished_lists.sweep(clock.now_ms() + unfinished_lists.ABANDONED_MS + 1_000)
    assert ([made], 35) == (lists.lists(), ListEntry.select().count())


def test_one_that_is_given_up_cannot_be_filled(turns: Turns) -> None:
    """By a process that was suspended and goes on."""
    turns.then = lambda: (
        len(turns.sizes) == 2 and unfinished_lists.sweep(clock.now_ms() + 3 * unfinished_lists.ABANDONED_MS)
    )
    with pytest.raises(errors.DatabaseBusy, match="start it again"):
        lists.create_list("Guests", crowd(35), clock.now_ms())
    assert (0, 0) == (ListEntry.select().count(), ContactList.select().count())


def test_one_that_is_refused_leaves_nothing(turns: Turns) -> None:
    """Its name was taken while its people were stored, or before."""
    turns.then = lambda: len(turns.sizes) == 3 and lists.create_list("Guests", crowd(1), clock.now_ms())
    for _ in range(2):
        with pytest.raises(errors.InvalidInput, match="There is already a list called Guests"):
            lists.create_list("Guests", crowd(35), clock.now_ms())
    assert (1, 1) == (ListEntry.select().count(), ContactList.select().count())


def test_adding_that_a_kill_broke_off_is_repeated(turns: Turns) -> None:
    """Whoever is on the list by then is present."""
    made, _ = lists.create_list("Guests", crowd(5), clock.now_ms())
    turns.sizes.clear()
    turns.then = lambda: killed() if len(turns.sizes) == 2 else None
    with pytest.raises(Killed):
        lists.add_people(made.id, crowd(35), clock.now_ms())
    turns.then = lambda: None
    again = lists.add_people(made.id, crowd(35), clock.now_ms())
    assert (15, 20, 35) == (again.added, again.present, lists.listed(made.id).people)


def test_deleting_that_a_kill_broke_off_is_finished(turns: Turns) -> None:
    """It is gone with the first transaction, and its name is free."""
    made, _ = lists.create_list("Guests", crowd(35), clock.now_ms())
    turns.sizes.clear()
    turns.then = lambda: killed() if len(turns.sizes) == 3 else None
    with pytest.raises(Killed):
        lists.delete_list(made.id)
    turns.then = lambda: None
    assert [] == lists.lists()
    lists.create_list("Guests", crowd(1), clock.now_ms())
    assert 1 == unfinished_lists.sweep(clock.now_ms())
    assert (1, 1) == (ListEntry.select().count(), ContactList.select().count())


def test_who_is_left_out_is_known_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its deletion begins while the list is read: a part of it would let others be messaged."""
    made, _ = lists.create_list("Paid", crowd(3), clock.now_ms())
    read = list_entries.tuples

    def meanwhile(query: Any) -> Any:
        lists.close_list(made.id)
        ListEntry.delete().where(ListEntry.number == "+4915110000000").execute()
        return read(query)

    monkeypatch.setattr(list_entries, "tuples", meanwhile)
    with pytest.raises(errors.NotFound):
        list_entries.persons(made.id)
