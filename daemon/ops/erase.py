"""Removes a person everywhere, and keeps only a digest of their number, so that they are never written to again.

It can be repeated: what was interrupted goes on. From its first transaction on nothing more is sent to them.
"""

from __future__ import annotations

import glob
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peewee
import structlog

from daemon import errors
from daemon.campaigns import leftovers
from daemon.config import Settings
from daemon.contacts import erased, stored, suppression
from daemon.contacts.mentions import Sought
from daemon.db.connection import write
from daemon.db.proxy import database, locked, on_postgres, tuples
from daemon.db.refusals import Unsent
from daemon.db.sqlite import SQLITE
from daemon.delivery import erasing
from daemon.models import (
    Account,
    Answer,
    Attachment,
    CloudStanding,
    Consent,
    Draft,
    Happening,
    Job,
    KeptAnswer,
    KeptRow,
    KnownColumns,
    ListEntry,
    Notice,
    Removal,
    RowSet,
    Run,
    Series,
    Suppression,
)
from daemon.ops import backup, people, restore

log = structlog.get_logger()

# Of earlier moments; what is called by a STAGING is there when a backup or a restore was killed. OF_RESTORES is also in
# attachments on another disk, and beside an SQLite file that is elsewhere.
OF_RESTORES = (f"{restore.KEPT}*", f"{restore.STAGING}*")
COPIES = (
    "*.db.before-*",
    f"{backup.FOLDER}/*",
    f"{backup.STAGING}*",
    *OF_RESTORES,
    *(f"{backup.ATTACHMENTS}{each}" for each in OF_RESTORES),
)
SCHEMAS = "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s)"

#: Where a number may stand in what is kept as JSON, beside drafts and series.
JSON: tuple[Any, ...] = (
    Job.rejected,
    Job.coded,
    Draft.report,
    Run.coded,
    Happening.about,
    Answer.response,
    KeptAnswer.response,
    KnownColumns.columns,
    Account.coded,
    Account.kept_hold,
    CloudStanding.coded,
    Notice.coded,
)


@dataclass(frozen=True)
class Done:
    """How many of their messages and rows were erased; copies: what is of earlier moments and may still have them."""

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
    _texts(settings, who)
    _empty_log()
    log.info("person.erased", who=by, messages=count, rows=rows)
    return Done(count, rows, copies(settings))


def copies(settings: Settings) -> list[str]:
    """What is of earlier moments, as far as this installation knows: files, also of attachments that are none any more,
    and on PostgreSQL schemas."""
    folder, found = settings.data_dir.resolve(), set[str]()
    places = [(folder, COPIES)]
    if on_postgres():
        schemas = database.execute_sql(SCHEMAS, (restore.KEPT_SCHEMA,)).fetchall()
        found.update(f"schema {name}" for (name,) in schemas)
        places.append((folder, ("wasender.db*",)))  # as it was when it was moved to PostgreSQL
    else:
        file = Path(settings.db_url.removeprefix(SQLITE)).resolve()
        places.append((file.parent, (f"{glob.escape(file.name)}.before-*", *OF_RESTORES)))
    found.update(str(path) for place, patterns in places for each in patterns for path in place.glob(each))
    return sorted(found | {str(each) for each in stored.without_row(settings)})


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


def _texts(settings: Settings, who: Sought) -> None:
    """What stands in words, was rejected, in drafts and series, and in answers that are kept for repeated requests."""
    for column in JSON:
        _clean(column, who, who.without_in)
    _clean(Draft.data, who, lambda data: who.without_in(_without_files(who, data)))
    _clean(Series.order, who, lambda order: _without_choice(who, order))
    for draft_id, original in tuples(Draft.select(Draft.id, Draft.original).where(Draft.original.is_null(False))):
        if who.is_in(zlib.decompress(bytes(original)).decode(errors="replace")):
            with write():
                Draft.update(original=None).where(Draft.id == draft_id).execute()
    _files(settings, who)
    for column in people.WORDS:
        _clean(column, who, who.without)


def _clean(column: Any, who: Sought, without: Callable[[Any], Any]) -> None:
    """Write each value of the column without what names them."""
    table, keys = column.model, column.model._meta.get_primary_keys()
    as_kept = peewee.fn.COALESCE(column, "").coerce(False)
    for *key, written in tuples(table.select(*keys, as_kept)):
        if not isinstance(written, str) or not who.may_be_in(written):
            continue
        value = column.python_value(written)
        if without(value) == value:
            continue
        same = [one == given for one, given in zip(keys, key, strict=True)]
        with write():
            row = locked(table.select(*keys, column).where(*same)).first()
            now = getattr(row, column.name, None)
            if now is not None and without(now) != now:
                table.update({column: without(now)}).where(*same).execute()


def _without_files(who: Sought, content: dict[str, Any]) -> dict[str, Any]:
    """What a draft holds, without personal files that are called by their number."""
    files = content.get("files") or {}
    return (
        content | {"files": {name: each for name, each in files.items() if not who.is_in(name)}} if files else content
    )


def _without_choice(who: Sought, order: dict[str, Any]) -> dict[str, Any]:
    """What a series is made of, without what was said of them. Its text stays, as that of campaigns."""
    if not order.get("choice"):
        return order
    content, titles, fixes = order["choice"]
    fixes = {key: said for key, said in fixes.items() if not people.is_of(who, key)}
    return order | {"choice": [who.without_in(_without_files(who, content)), titles, fixes]}


def _files(settings: Settings, who: Sought) -> None:
    """Files that are called by their number, unless somebody else is to get them."""
    named = {row.id: row for row in Attachment.select() if who.is_in(row.filename)}
    if named:
        needed = erasing.used(set(named)) | leftovers.attachments()
        with write():
            erasing.delete_files(settings, [row for each, row in named.items() if each not in needed])
