"""Contact lists: people kept for reuse."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import peewee
import structlog

from daemon import errors
from daemon.auth import audit
from daemon.contacts import importer, list_entries, naming, unfinished_lists, uploads
from daemon.contacts.person import Person
from daemon.contacts.refusals import Part, Why
from daemon.contacts.unfinished_lists import there
from daemon.db import versions
from daemon.db.connection import after_commit, write
from daemon.db.prepared import Prepared, param
from daemon.db.proxy import locked, tuples
from daemon.i18n.coded import Phrase, refusal
from daemon.models import Answer, ContactList, KeyScope, ListEntry
from daemon.states import E164, PersonKey
from daemon.telemetry import progress
from daemon.telemetry.progress import Stage

log = structlog.get_logger()

# Who gives the key of a new list, where it is the page: no caller of the API can give one of those.
FORM = KeyScope.LIST_FORM


@dataclass(frozen=True)
class Listed:
    """A list as it is shown: with how many people are on it."""

    id: int
    name: str
    columns: list[str]
    people: int
    created_at: int
    updated_at: int
    version: int


@dataclass(frozen=True)
class Added:
    """What became of people who were put on a list. duplicates: stood in the source more than once."""

    added: int = 0
    present: int = 0
    updated: int = 0
    duplicates: int = 0
    rejected: list[importer.Rejected] = field(default_factory=list)

    def and_of(self, more: Added) -> Added:
        """With what became of others."""
        counts = (self.added + more.added, self.present + more.present, self.updated + more.updated)
        return Added(*counts, self.duplicates + more.duplicates, [*self.rejected, *more.rejected])


def lists() -> list[Listed]:
    """All lists with their counts, by name."""
    counted = dict(tuples(ListEntry.select(ListEntry.list, peewee.fn.COUNT(ListEntry.id)).group_by(ListEntry.list)))
    rows = [_listed(row, counted.get(row.id, 0)) for row in ContactList.select().where(there())]
    return sorted(rows, key=lambda row: (row.name.casefold(), row.id))


def listed(list_id: int) -> Listed:
    """One list with its count. Raises NotFound."""
    return _listed(list_entries.find(list_id), ListEntry.select().where(ListEntry.list == list_id).count())


def people(list_id: int) -> list[importer.Contact]:
    """Everybody on the list, in the order they were added; every field is there, if only as "". Raises NotFound."""
    columns = list_entries.find(list_id).columns
    everybody = list_entries.read(list_entries.of(list_id).order_by(ListEntry.id))
    return [
        importer.Contact(place, each.number, {name: each.fields.get(name, "") for name in columns})
        for place, each in enumerate(everybody, 1)
    ]


def from_list(list_id: int) -> importer.ContactList:
    """A list's people, to be put on another one. Raises NotFound."""
    return importer.ContactList(people(list_id), columns=list_entries.find(list_id).columns)


def from_upload(upload_id: str, default_country: str = "", phone_column: str | None = None) -> importer.ContactList:
    """An uploaded file's people, to be put on a list. Arguments and errors: as of `uploads.chosen`."""
    row = uploads.chosen(upload_id, default_country, phone_column)
    return importer.ContactList(list(row.contacts), list(row.rejected), row.duplicates, row.columns, row.phone_column)


@dataclass(frozen=True)
class Filled:
    """The people of a list to be, each once. list_id: of what has them already, where they are many; duplicates: as of
    `Added`."""

    people: dict[PersonKey, importer.Contact]
    duplicates: int
    list_id: int | None = None


def create_list(
    name: str, found: importer.ContactList, now: int, key: str | None = None, scope: KeyScope = KeyScope.LIST
) -> tuple[Listed, Added]:
    """A new list of these people, who may be nobody yet. Not to be called in a transaction if there may be many.

    key: of the form or request (scope) that asks, so that its repeat gets the list that it has made.
    Raises InvalidInput (the name is taken, or there is nobody good among those given), DatabaseBusy.
    """
    name = naming.one_line(name, Phrase("list"))
    asked = [name, found.columns, [[each.number, each.fields] for each in found.contacts]]
    digest = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
    if (before := _made_before(scope, key, digest, found)) is not None:
        return before
    try:
        with filled(name, found, now) as people, write():
            if (before := _made_before(scope, key, digest, found)) is not None:
                return before
            made, added = store_list(name, found, people, now)
            if key:
                response = {"list_id": made.id, "added": added.added, "duplicates": added.duplicates}
                kept = Answer.insert(scope=scope, key=key, request=digest, response=response, created_at=now)
                newer = [Answer.request, Answer.response, Answer.created_at]  # the form was changed since, after Back
                kept.on_conflict(conflict_target=[Answer.scope, Answer.key], preserve=newer).execute()
    except (
        peewee.IntegrityError,
        errors.InvalidInput,
    ):  # on PostgreSQL the same request may get this far twice at once
        if (before := _made_before(scope, key, digest, found)) is not None:
            return before
        raise
    return made, added


@contextmanager
def filled(name: str, found: importer.ContactList, now: int) -> Iterator[Filled]:
    """Store the people of a large list first, chunk by chunk: `store_list` makes a list of it; where that was not
    called by the end, they are deleted. Not to be called in a transaction. Raises InvalidInput, as `create_list`, and
    DatabaseBusy."""
    name = naming.one_line(name, Phrase("list"))
    _refuse_nobody(found)
    people, duplicates = _once_each(found)
    if len(people) <= unfinished_lists.CHUNK:
        yield Filled(people, duplicates)
        return
    if ContactList.select().where(ContactList.name == name).exists():
        raise naming.taken(Phrase("list"), name)
    with audit.aside():  # nothing of it is done before it is a list
        list_id = unfinished_lists.begin(now)
    try:
        with audit.aside():
            rows = [(each.number, key, _said(each)) for key, each in people.items()]
            unfinished_lists.fill(list_id, rows, now)
        yield Filled(people, duplicates, list_id)
    finally:
        with suppress(errors.DatabaseBusy), audit.aside():  # then it is swept later
            unfinished_lists.discard(list_id)


def store_list(name: str, found: importer.ContactList, people: Filled, now: int) -> tuple[Listed, Added]:
    """Make the list, in one transaction, or as part of the caller's. Raises InvalidInput (the name is taken),
    DatabaseBusy."""
    name = naming.one_line(name, Phrase("list"))
    added = Added(len(people.people), duplicates=people.duplicates, rejected=found.rejected)
    try:
        with write():
            list_id = people.list_id
            if list_id is None:
                row = ContactList.create(name=name, created_at=now, updated_at=now)
                _put(row, people.people, found.columns, now)
                list_id = row.id
            else:
                unfinished_lists.open_list(list_id, name, list(dict.fromkeys(found.columns)), now)
            audit.about("list", list_id)
            if added.added:
                _tell(list_id, added)
            return _listed(list_entries.find(list_id), added.added), added
    except peewee.IntegrityError:
        raise naming.taken(Phrase("list"), name) from None


def _made_before(
    scope: KeyScope, key: str | None, digest: str, found: importer.ContactList
) -> tuple[Listed, Added] | None:
    """What the same request was answered; None when it comes for the first time, or its list is gone."""
    same = (Answer.scope == scope, Answer.key == key, Answer.request == digest)
    answer = Answer.get_or_none(*same) if key else None
    if answer is None:
        return None
    counts = {"added": answer.response["added"], "duplicates": answer.response["duplicates"]}
    with suppress(errors.NotFound):
        return listed(answer.response["list_id"]), Added(**counts, rejected=found.rejected)
    return None


@dataclass(frozen=True)
class Adding:
    """People who are being put on a list: what became of those of all chunks but the last, and these."""

    so_far: Added
    rest: dict[PersonKey, importer.Contact]
    columns: list[str]


def add_people(list_id: int, found: importer.ContactList, now: int) -> Added:
    """Put people on a list. Who is on it already gets the fields that are new or differ; an empty one erases nothing.
    Not to be called in a transaction if there may be many. If it breaks off, repeat it: whoever has come onto the list
    by then is present.

    Raises NotFound, InvalidInput (there is nobody good among those given).
    """
    return end_adding(list_id, begin_adding(list_id, found, now), now)


def begin_adding(list_id: int, found: importer.ContactList, now: int) -> Adding:
    """What of `add_people` comes before its last transaction: where they are few, nothing."""
    _refuse_nobody(found)
    everybody, duplicates = _once_each(found)
    people, so_far = list(everybody.items()), Added(duplicates=duplicates, rejected=found.rejected)
    last = max(len(people) - 1, 0) // unfinished_lists.CHUNK * unfinished_lists.CHUNK
    progress.told(Stage.STORING, 0, len(people))
    for first in range(0, last, unfinished_lists.CHUNK):
        progress.settled(Stage.STORING, first, len(people))
        with write():
            chunk = dict(people[first : first + unfinished_lists.CHUNK])
            so_far = so_far.and_of(_put(_list_to_change(list_id), chunk, found.columns, now))
        unfinished_lists.gap()
    progress.settled(Stage.STORING, last, len(people))
    return Adding(so_far, dict(people[last:]), found.columns)


def end_adding(list_id: int, adding: Adding, now: int) -> Added:
    """The last transaction, or a part of the caller's."""
    with write():
        added = adding.so_far.and_of(_put(_list_to_change(list_id), adding.rest, adding.columns, now))
        if added.added or added.updated:
            _tell(list_id, added)
    return added


def remove_people(list_id: int, now: int, ids: Sequence[int] = (), numbers: Sequence[E164] = ()) -> int:
    """Take people off a list, by their entries' ids or their numbers (E.164); returns how many. Raises NotFound."""
    count = 0
    with write():
        row = _list_to_change(list_id)
        for column, values in ((ListEntry.id, ids), (ListEntry.person, [Person(each).key for each in numbers])):
            for batch in peewee.chunked(values, list_entries.BATCH):
                gone = ListEntry.delete().where(ListEntry.list == list_id, column.in_(list(batch)))
                count += gone.execute()
        if count:
            _change(row, now)
            _tell(list_id, Added(), count)
    return count


def rename_list(list_id: int, name: str, now: int, version: int | None = None) -> Listed:
    """Give a list another name. version: as with templates. Raises NotFound, InvalidInput, EditConflict."""
    name = naming.one_line(name, Phrase("list"))
    try:
        with write():
            row = _list_to_change(list_id)
            if row.name != name:
                versions.check(Phrase("list"), row.version, version)
                _change(row, now, name=name)
    except peewee.IntegrityError:
        raise naming.taken(Phrase("list"), name) from None
    return listed(list_id)


def delete_list(list_id: int) -> None:
    """Forget a list and who is on it; campaigns keep their recipients. Not to be called in a transaction. Raises
    NotFound."""
    close_list(list_id)
    forget_entries(list_id)


def close_list(list_id: int) -> None:
    """It is there no longer; `forget_entries` follows. One transaction, or part of the caller's. Raises NotFound."""
    with write():
        if not unfinished_lists.close_list(list_id):
            list_entries.find(list_id)
        after_commit(partial(log.info, "list.deleted", list_id=list_id))


def forget_entries(list_id: int) -> None:
    """Delete who was on a list that is closed, chunk by chunk. Not to be called in a transaction."""
    with suppress(errors.DatabaseBusy), audit.aside():  # then it is swept later
        unfinished_lists.discard(list_id)


def _once_each(found: importer.ContactList) -> tuple[dict[PersonKey, importer.Contact], int]:
    """The people, and how many stood there more than once."""
    people: dict[PersonKey, importer.Contact] = {}
    for each in found.contacts:
        people.setdefault(Person(each.number).key, each)
    return people, found.duplicates + len(found.contacts) - len(people)


def _put(row: ContactList, people: dict[PersonKey, importer.Contact], columns: list[str], now: int) -> Added:
    """Put a chunk of people on the list; part of the caller's transaction, which holds the list."""
    known = _known(row, list(people))
    new = [(each.number, key, _said(each)) for key, each in people.items() if key not in known]
    unfinished_lists.insert(row.id, new)
    added, present, updated = len(new), 0, 0
    for key, each in people.items():
        if entry := known.get(key):
            fields = entry.fields | _said(each)
            if fields == entry.fields:
                present += 1
            else:
                _update(id=entry.id, fields=json.dumps(fields, ensure_ascii=False, separators=(",", ":")))
                updated += 1
    columns = list(dict.fromkeys([*row.columns, *columns]))
    if added or updated or columns != row.columns:
        _change(row, now, columns=columns)
    return Added(added, present, updated)


def _tell(list_id: int, put: Added, removed: int = 0) -> None:
    work = partial(log.info, "list.changed", list_id=list_id, added=put.added, updated=put.updated, removed=removed)
    after_commit(work)


def _known(row: ContactList, people: Sequence[PersonKey]) -> dict[PersonKey, list_entries.Entry]:
    """Those of these people who are on the list."""
    query = list_entries.of(row.id).where(ListEntry.person.in_(people))
    return {Person(each.number).key: each for each in list_entries.read(query)}


@Prepared
def _update() -> Any:
    return ListEntry.update(fields=param("fields")).where(ListEntry.id == param("id"))


def _said(contact: importer.Contact) -> dict[str, str]:
    return {name: value for name, value in contact.fields.items() if value}


def _list_to_change(list_id: int) -> ContactList:
    """The list, and nobody else changes it until the transaction ends. Raises NotFound."""
    return list_entries.one(locked(ContactList.select().where(ContactList.id == list_id, there())), list_id)


def _change(row: ContactList, now: int, **changes: Any) -> None:
    """Change a list that is locked, to its next version."""
    changes |= {"version": row.version + 1, "updated_at": versions.later(row, now)}
    ContactList.update(changes).where(ContactList.id == row.id).execute()


def _listed(row: ContactList, count: int) -> Listed:
    return Listed(row.id, row.name, row.columns, count, row.created_at, row.updated_at, row.version)


def _refuse_nobody(found: importer.ContactList) -> None:
    if found.rejected and not found.contacts:
        first = tuple(refusal(Part.NUMBER_AT, position=each.position, reason=each.why) for each in found.rejected[:3])
        raise errors.InvalidInput(Why.NO_NUMBER_FITS, first=first)
