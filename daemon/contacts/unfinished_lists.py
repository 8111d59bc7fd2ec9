"""Lists that are being stored, or deleted: of many people it takes many transactions, between which others get their
turn on SQLite.

Before the last one of those that store it, and from the first one of those that delete it, it is no list for anybody
(`there`), but whoever is erased is also erased from it. What a process has left that died is deleted by `sweep`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Any

import peewee
import structlog

from daemon import errors
from daemon.contacts.refusals import Why
from daemon.contacts.row_sets import GAP_S
from daemon.db.connection import write
from daemon.db.proxy import in_order, on_postgres, tuples
from daemon.models import ContactList, ListEntry
from daemon.states import E164, PersonKey
from daemon.telemetry import progress
from daemon.telemetry.progress import Stage

log = structlog.get_logger()

CHUNK = 500  # people in one transaction
FILLING, GIVEN_UP = 0, -1  # as its version; that of a list is 1 at least
ABANDONED_MS = 600_000  # after so long without a new chunk nobody is filling it any more

Row = tuple[E164, PersonKey, dict[str, str]]


def there() -> Any:
    """The condition that a row is a list."""
    return ContactList.version > FILLING


def begin(now: int) -> int:
    """What will be a list; returns its id."""
    with write():
        made = ContactList.create(name=_no_name(), version=FILLING, created_at=now, updated_at=now)
    return int(made.id)


def fill(list_id: int, people: Sequence[Row], now: int) -> None:
    """Store these people, chunk by chunk. Raises DatabaseBusy, and what a listener of the progress raises."""
    begun = time.monotonic()
    for first in range(0, len(people), CHUNK):
        progress.told(Stage.STORING, first, len(people))
        if first:
            gap()
        with write():
            at = now + round(1_000 * (time.monotonic() - begun))
            if not ContactList.update(updated_at=at).where(_is(list_id, FILLING)).execute():
                raise _interrupted()
            insert(list_id, people[first : first + CHUNK])


def insert(list_id: int, people: Sequence[Row]) -> None:
    """Part of a transaction."""
    if people:
        columns = [ListEntry.list, ListEntry.number, ListEntry.person, ListEntry.fields]
        ListEntry.insert_many([(list_id, *each) for each in people], columns).execute()


def open_list(list_id: int, name: str, columns: list[str], now: int) -> None:
    """All are in it: from here on it is a list. Part of the caller's transaction. Raises DatabaseBusy."""
    whole = {"name": name, "columns": columns, "version": 1, "created_at": now, "updated_at": now}
    if not ContactList.update(whole).where(_is(list_id, FILLING)).execute():
        raise _interrupted()


def close_list(list_id: int) -> bool:
    """It is a list no longer, and its name is free; `discard` follows. Part of a transaction. Whether it was one."""
    gone = {"name": _no_name(), "version": GIVEN_UP}
    return bool(ContactList.update(gone).where(ContactList.id == list_id, there()).execute())


def discard(list_id: int) -> None:
    """Delete it, unless it is a list. Not to be called in a transaction."""
    with write():  # from this commit on it can neither be filled nor opened
        ContactList.update(version=GIVEN_UP).where(_is(list_id, FILLING)).execute()
    if not ContactList.select().where(_is(list_id, GIVEN_UP)).exists():
        return
    while True:
        with write(), in_order():
            some = tuples(
                ListEntry.select(ListEntry.id).where(ListEntry.list == list_id).order_by(ListEntry.id).limit(CHUNK)
            )
            ListEntry.delete().where(ListEntry.id.in_([row[0] for row in some])).execute()
            if len(some) < CHUNK:
                ContactList.delete().where(_is(list_id, GIVEN_UP)).execute()
                return
        gap()


def sweep(now: int) -> int:
    """Delete what died while it was stored or deleted; returns how many. One of a time that is ahead of now is of a
    clock that was."""
    silent = (ContactList.updated_at < now - ABANDONED_MS) | (ContactList.updated_at > now + ABANDONED_MS)
    dead = (ContactList.version == GIVEN_UP) | ((ContactList.version == FILLING) & silent)
    found = [row[0] for row in tuples(ContactList.select(ContactList.id).where(dead))]
    for list_id in found:
        discard(list_id)
        log.warning("list.discarded", list_id=list_id)
    return len(found)


def gap() -> None:
    """Let others have their turn."""
    if not on_postgres():
        time.sleep(GAP_S)


def _no_name() -> str:
    return f"unfinished {secrets.token_hex(16)}"


def _is(list_id: int, version: int) -> peewee.Expression:
    return (ContactList.id == list_id) & (ContactList.version == version)


def _interrupted() -> errors.DatabaseBusy:
    return errors.DatabaseBusy(Why.STORING_LIST_INTERRUPTED)
