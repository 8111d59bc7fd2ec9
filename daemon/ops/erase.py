"""Removes a person everywhere, and keeps only a digest of their number, so that they are never written to again.

It can be repeated: what was interrupted goes on. From its first transaction on nothing more is sent to them.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any

import peewee
import structlog

from daemon import errors
from daemon.config import Settings
from daemon.contacts import erased, suppression
from daemon.contacts.mentions import Sought
from daemon.db.connection import write
from daemon.db.proxy import database, locked, on_postgres, tuples
from daemon.db.refusals import Unsent
from daemon.delivery import erasing
from daemon.models import (
    Answer,
    Consent,
    Draft,
    Happening,
    Job,
    KeptAnswer,
    KeptRow,
    ListEntry,
    Removal,
    RowSet,
    Suppression,
)
from daemon.ops import backup, people, restore

log = structlog.get_logger()

# In the data folder, of earlier moments; the last two are there when a backup or a restore was killed.
OF_RESTORES = (f"{restore.KEPT}*", f"{restore.STAGING}*")  # in the data folder, or in attachments on another disk
COPIES = (
    "*.db.before-*",
    f"{backup.FOLDER}/*",
    f"{backup.STAGING}*",
    *OF_RESTORES,
    *(f"{backup.ATTACHMENTS}{each}" for each in OF_RESTORES),
)


@dataclass(frozen=True)
class Done:
    """How many of their messages and rows were erased; copies: files of earlier moments that may still have them."""

    messages: int
    rows: int
    copies: list[str]


def erase(settings: Settings, number: str, by: str, now: int) -> Done:
    """Erase the person with that number. Raises InvalidNumber; IllegalMove while something of theirs is being sent or
    stored, DatabaseBusy: then it is to be repeated."""
    who = people.sought(settings, number)
    erased.put(who.persons, now)
    suppression.await_submits()
    count = len(erasing.theirs(who))
    erasing.messages(settings, who, by, now)
    erasing.replies(who)
    erasing.posted(who)
    rows = _rows(who) + _lists(who)
    _texts(who)
    _empty_log()
    copies = sorted(str(path) for pattern in COPIES for path in settings.data_dir.glob(pattern))
    log.info("person.erased", who=by, messages=count, rows=rows)
    return Done(count, rows, copies)


def _empty_log() -> None:
    """What is deleted is overwritten in SQLite's file; its log still has what stood there. Raises DatabaseBusy."""
    if not on_postgres() and not database.obj.empty_log():
        raise errors.DatabaseBusy(Unsent.DATABASE_LOCKED, reason="an earlier moment of it is read, as for a backup")


def _lists(who: Sought) -> int:
    with write():
        count = ListEntry.delete().where(ListEntry.person.in_(list(who.persons))).execute()
        Consent.delete().where(Consent.person.in_(list(who.persons))).execute()
        Suppression.delete().where(Suppression.person.in_(list(who.persons))).execute()
        Removal.delete().where(Removal.number.in_(list(who.numbers))).execute()
    return int(count)


def _rows(who: Sought) -> int:
    """Rows of uploads, drafts and audiences. The last row of a set takes the place of one that goes, so it is looked
    again until none is found: somebody else may be erased at the same time."""
    count = 0
    while found := sorted(((set_id, n) for set_id, n, _ in people.kept_rows(who)), reverse=True):
        # From the end on, so that no place changes meanwhile.
        count += sum(_row(who, set_id, n) for set_id, n in found)
    return count


def _row(who: Sought, set_id: int, n: int) -> bool:
    """Whether it was still theirs."""
    with write():
        if locked(RowSet.select(RowSet.id).where(RowSet.id == set_id)).first() is None:
            return False
        row = (KeptRow.set == set_id) & (KeptRow.n == n)
        body = KeptRow.select(KeptRow.body).where(row).scalar()
        if body is None or not who.stands_in(json.loads(body)):
            return False
        last, body = tuples(
            KeptRow.select(KeptRow.n, KeptRow.body).where(KeptRow.set == set_id).order_by(KeptRow.n.desc()).limit(1)
        )[0]
        if last != n:
            KeptRow.update(body=body).where(row).execute()
        KeptRow.delete().where(KeptRow.set == set_id, KeptRow.n == last).execute()
        RowSet.update(count=RowSet.count - 1).where(RowSet.id == set_id).execute()
    return True


def _texts(who: Sought) -> None:
    """What was rejected, drafts, and answers that are kept for repeated requests."""
    for table, columns in ((Job, ("rejected",)), (Draft, ("data", "report")), (Happening, ("about",))):
        for column in columns:
            _json(who, table, column)
    for kept in (Answer, KeptAnswer):
        _json(who, kept, "response")
    for draft_id, original in tuples(Draft.select(Draft.id, Draft.original).where(Draft.original.is_null(False))):
        if who.is_in(zlib.decompress(bytes(original)).decode(errors="replace")):
            with write():
                Draft.update(original=None).where(Draft.id == draft_id).execute()


def _json(who: Sought, table: Any, column: str) -> None:
    field, keys = getattr(table, column), table._meta.get_primary_keys()
    text = peewee.fn.COALESCE(field, "").coerce(False)
    for *key, written in tuples(table.select(*keys, text)):
        if not isinstance(written, str) or not who.may_be_in(written):
            continue
        value = json.loads(written)
        if who.stands_in(value):
            same = [one == given for one, given in zip(keys, key, strict=True)]
            with write():
                table.update({field: who.without_in(value)}).where(*same).execute()
