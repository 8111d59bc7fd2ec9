"""Contact lists: people kept for reuse."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import peewee
import structlog

from daemon import errors
from daemon.auth import audit
from daemon.contacts import importer, list_entries, naming, uploads
from daemon.contacts.person import Person
from daemon.contacts.refusals import Part, Why
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


def lists() -> list[Listed]:
    """All lists with their counts, by name."""
    counted = dict(tuples(ListEntry.select(ListEntry.list, peewee.fn.COUNT(ListEntry.id)).group_by(ListEntry.list)))
    rows = [_listed(row, counted.get(row.id, 0)) for row in ContactList.select()]
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


def create_list(
    name: str, found: importer.ContactList, now: int, key: str | None = None, scope: KeyScope = KeyScope.LIST
) -> tuple[Listed, Added]:
    """A new list of these people, who may be nobody yet.

    key: of the form or request (scope) that asks, so that its repeat gets the list that it has made.
    Raises InvalidInput (the name is taken, or there is nobody good among those given).
    """
    name = naming.one_line(name, Phrase("list"))
    asked = [name, found.columns, [[each.number, each.fields] for each in found.contacts]]
    digest = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
    _refuse_nobody(found)
    try:
        with write():
            if (before := _made_before(scope, key, digest, found)) is not None:
                return before
            row = ContactList.create(name=name, created_at=now, updated_at=now)
            audit.about("list", row.id)
            added = _put(row, found, now)
            if key:
                response = {"list_id": row.id, "added": added.added, "duplicates": added.duplicates}
                kept = Answer.insert(scope=scope, key=key, request=digest, response=response, created_at=now)
                newer = [Answer.request, Answer.response, Answer.created_at]  # the form was changed since, after Back
                kept.on_conflict(conflict_target=[Answer.scope, Answer.key], preserve=newer).execute()
    except peewee.IntegrityError:  # on PostgreSQL the same request may get as far as this twice at once
        if (before := _made_before(scope, key, digest, found)) is not None:
            return before
        raise naming.taken(Phrase("list"), name) from None
    return listed(row.id), added


def _made_before(
    scope: KeyScope, key: str | None, digest: str, found: importer.ContactList
) -> tuple[Listed, Added] | None:
    """What the same request was answered; None when it comes for the first time, or its list is gone."""
    same = (Answer.scope == scope, Answer.key == key, Answer.request == digest)
    answer = Answer.get_or_none(*same) if key else None
    row = ContactList.get_or_none(ContactList.id == answer.response["list_id"]) if answer else None
    if answer is None or row is None:
        return None
    counts = {"added": answer.response["added"], "duplicates": answer.response["duplicates"]}
    return listed(row.id), Added(**counts, rejected=found.rejected)


def add_people(list_id: int, found: importer.ContactList, now: int) -> Added:
    """Put people on a list. Who is on it already gets the fields that are new or differ; an empty one erases nothing.

    Raises NotFound, InvalidInput (there is nobody good among those given).
    """
    _refuse_nobody(found)
    with write():
        return _put(_list_to_change(list_id), found, now)


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
            after_commit(partial(log.info, "list.changed", list_id=list_id, added=0, updated=0, removed=count))
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
    """Forget a list and who is on it; campaigns keep their recipients. Raises NotFound."""
    with write():
        if not ContactList.delete().where(ContactList.id == list_id).execute():
            list_entries.find(list_id)
    log.info("list.deleted", list_id=list_id)


def _put(row: ContactList, found: importer.ContactList, now: int) -> Added:
    """Put people on the list; part of the caller's transaction, which holds the list."""
    people: dict[PersonKey, importer.Contact] = {}
    for each in found.contacts:
        people.setdefault(Person(each.number).key, each)
    duplicates = found.duplicates + len(found.contacts) - len(people)
    known = _known(row, list(people))
    new = [(row.id, each.number, key, _said(each)) for key, each in people.items() if key not in known]
    for done, batch in enumerate(peewee.chunked(new, list_entries.BATCH)):
        progress.told(Stage.STORING, done * list_entries.BATCH, len(new))
        columns = [ListEntry.list, ListEntry.number, ListEntry.person, ListEntry.fields]
        ListEntry.insert_many(batch, columns).execute()
    added, present, updated = len(new), 0, 0
    for key, each in people.items():
        if entry := known.get(key):
            fields = entry.fields | _said(each)
            if fields == entry.fields:
                present += 1
            else:
                _update(id=entry.id, fields=json.dumps(fields, ensure_ascii=False, separators=(",", ":")))
                updated += 1
    columns = list(dict.fromkeys([*row.columns, *found.columns]))
    if added or updated or columns != row.columns:
        _change(row, now, columns=columns)
        after_commit(partial(log.info, "list.changed", list_id=row.id, added=added, updated=updated, removed=0))
    return Added(added, present, updated, duplicates, found.rejected)


def _known(row: ContactList, people: Sequence[PersonKey]) -> dict[PersonKey, list_entries.Entry]:
    """Those of these people who are on the list. Many are not asked for one by one, but looked up in all."""
    query = list_entries.of(row.id)
    if len(people) <= list_entries.BATCH:
        query = query.where(ListEntry.person.in_(people))
    return {Person(each.number).key: each for each in list_entries.read(query)}


@Prepared
def _update() -> Any:
    return ListEntry.update(fields=param("fields")).where(ListEntry.id == param("id"))


def _said(contact: importer.Contact) -> dict[str, str]:
    return {name: value for name, value in contact.fields.items() if value}


def _list_to_change(list_id: int) -> ContactList:
    """The list, and nobody else changes it until the transaction ends. Raises NotFound."""
    return list_entries.one(locked(ContactList.select().where(ContactList.id == list_id)), list_id)


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
