"""Contact lists: people kept for reuse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from daemon.accounts import directory
from daemon.api import endpoint, paging
from daemon.api.answers import Csv
from daemon.api.endpoint import Caller
from daemon.api.parameters import MAX_LIMIT, Cursor, Flag, Limit, ListId, Named, Search, SortedCursor
from daemon.api.refusals import Why
from daemon.api.schemas.common import Done, Rejected
from daemon.api.schemas.library import (
    Added,
    ContactList,
    Entries,
    Entry,
    ListMade,
    ListName,
    Lists,
    NewList,
    People,
    Removed,
    TakeOff,
)
from daemon.campaigns import report
from daemon.campaigns.idempotency import Once
from daemon.config import Settings
from daemon.contacts import importer, repairs
from daemon.contacts import list_entries as list_rows
from daemon.contacts import lists as contact_lists
from daemon.db import clock, versions
from daemon.errors import ChoosePhoneColumn, IllegalMove, InvalidInput, NotFound
from daemon.server.scopes import Scope

Found = Annotated[Search, Field(description="Only those with this text in their number or a field.")]
ForExcel = Annotated[Flag, Field(description="Mark the file as UTF-8, which Excel needs.")]


@endpoint.get("/lists", scope=Scope.SEND, tag="lists")
def lists(caller: Caller, *, search: Named = "", cursor: SortedCursor | None = None, limit: Limit = MAX_LIMIT) -> Lists:
    """The lists, by name, a page at a time."""
    wanted = [row for row in contact_lists.lists() if paging.found_by(search, row.name)]
    rows, after = paging.page(wanted, lambda row: (row.name.casefold(), row.id), cursor, limit)
    return Lists(lists=[_list(row) for row in rows], next_cursor=after)


@endpoint.post("/lists", scope=Scope.SEND, errors=(NotFound, ChoosePhoneColumn), tag="lists")
def make_list(caller: Caller, *, body: NewList, once: Once) -> ListMade:
    """Create a list, with people from one source, or empty."""
    found = _people(caller.settings, body, may_be_nobody=True)
    meant = repairs.suggested(found.rejected, directory.country(caller.settings))
    now = clock.now_ms()

    try:
        with contact_lists.filled(body.name, found, now) as people:

            def made() -> ListMade:
                row, added = contact_lists.store_list(body.name, found, people, now)
                return ListMade.model_validate({**row.__dict__, **_added(added, meant).model_dump()})

            return once.run(made, now)
    except InvalidInput:
        once.look()  # another host has answered the same request meanwhile
        raise


@endpoint.get("/lists/{list_id}", scope=Scope.SEND, errors=(NotFound,), tag="lists")
def one_list(caller: Caller, *, list_id: ListId) -> ContactList:
    """One list."""
    return _list(contact_lists.listed(list_id))


@endpoint.put("/lists/{list_id}", scope=Scope.SEND, errors=(NotFound, IllegalMove), tag="lists")
def rename_list(caller: Caller, *, list_id: ListId, body: ListName) -> ContactList:
    """Rename a list. With `version`, this is refused if somebody has changed the list since."""
    seen = versions.seen(contact_lists.listed(list_id), body.version, body.updated_at)
    return _list(contact_lists.rename_list(list_id, body.name, clock.now_ms(), seen))


@endpoint.delete("/lists/{list_id}", scope=Scope.SEND, errors=(NotFound,), tag="lists")
def forget_list(caller: Caller, *, list_id: ListId, once: Once) -> Done:
    """Delete a list and its entries. Jobs keep their recipients."""

    def closed() -> Done:
        contact_lists.close_list(list_id)
        return Done()

    answer = once.run(closed, clock.now_ms())
    contact_lists.forget_entries(list_id)
    return answer


@endpoint.get("/lists/{list_id}/entries", scope=Scope.SEND, errors=(NotFound,), tag="lists")
def list_entries(
    caller: Caller, *, list_id: ListId, search: Found = "", cursor: Cursor | None = None, limit: Limit = list_rows.PAGE
) -> Entries:
    """The people on a list, in the order they were added, a page at a time."""
    rows, after = list_rows.entries(list_id, search, cursor, limit)
    found = [Entry(id=each.id, number=each.number, fields=each.fields) for each in rows]
    return Entries(entries=found, next_cursor=after)


@endpoint.post("/lists/{list_id}/entries", scope=Scope.SEND, errors=(NotFound, ChoosePhoneColumn), tag="lists")
def add_to_list(caller: Caller, *, list_id: ListId, body: People, once: Once) -> Added:
    """Add people to a list. Those already on it get the fields that are new or different.

    Many are added in chunks. If that breaks off, repeat the request: those on the list by then are `already_there`.
    """
    found = _people(caller.settings, body, may_be_nobody=False)
    meant = repairs.suggested(found.rejected, directory.country(caller.settings))
    now = clock.now_ms()
    adding = contact_lists.begin_adding(list_id, found, now)
    return once.run(lambda: _added(contact_lists.end_adding(list_id, adding, now), meant), now)


@endpoint.delete("/lists/{list_id}/entries", scope=Scope.SEND, errors=(NotFound,), tag="lists")
def take_off_list(caller: Caller, *, list_id: ListId, body: TakeOff, once: Once) -> Removed:
    """Remove people from a list, by the ids of their entries or by number. Only those on the list are counted."""
    found = importer.parse_numbers(body.numbers, directory.country(caller.settings))
    if found.rejected:
        raise InvalidInput(Why.NUMBERS_AT, position=found.rejected[0].position, reason=found.rejected[0].why)
    numbers = [each.number for each in found.contacts]
    now = clock.now_ms()
    return once.run(lambda: Removed(removed=contact_lists.remove_people(list_id, now, body.ids, numbers)), now)


@endpoint.get("/lists/{list_id}/export.csv", scope=Scope.SEND, errors=(NotFound,), tag="lists")
def export_list(caller: Caller, *, list_id: ListId, excel: ForExcel = False) -> Csv:
    """A list as CSV, which can be imported again."""
    return Csv(f"list-{list_id}.csv", _parts(list_id, excel))


def _parts(list_id: int, excel: bool) -> Iterator[bytes]:
    parts = list_rows.export(list_id)
    yield ((report.EXCEL_MARK if excel else "") + next(parts)).encode()
    yield from (part.encode() for part in parts)


def _people(settings: Settings, body: People, may_be_nobody: bool) -> importer.ContactList:
    """The people given in the body. Raises InvalidInput, NotFound."""
    given = [each for each in (body.upload_id, body.numbers, body.recipients, body.list_id) if each is not None]
    if not given and may_be_nobody:
        return importer.ContactList()
    if len(given) != 1:
        raise InvalidInput(Why.PEOPLE_GIVEN_OTHERWISE)
    if body.upload_id is not None:
        return contact_lists.from_upload(body.upload_id, directory.country(settings), body.phone_column)
    if body.list_id is not None:
        return contact_lists.from_list(body.list_id)
    return importer.parse_numbers(body.numbers or body.recipients or [], directory.country(settings))


def _list(row: contact_lists.Listed) -> ContactList:
    return ContactList.model_validate(row.__dict__)


def _added(added: contact_lists.Added, meant: repairs.Suggested) -> Added:
    rejected = Rejected.every(added.rejected, meant, None)
    counts: dict[str, Any] = {"added": added.added, "already_there": added.present, "updated": added.updated}
    return Added(**counts, duplicates_removed=added.duplicates, rejected=rejected)
