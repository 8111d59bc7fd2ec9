"""Reading the audit log: pages of it, all of it for an export, and whether it is as it was written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from daemon.auth.audit import FIELDS, ONE, START, seal
from daemon.db.proxy import tuples
from daemon.db.records import record
from daemon.models import AuditEntry, AuditHead

PAGE = 100
CURSOR = re.compile(r"[0-9]{1,18}\.[0-9]{1,18}")
PIECE = 1_000  # entries that are read at once


@dataclass(frozen=True)
class Entry:
    """An entry, as `AuditEntry`; at: UTC ms."""

    id: int
    at: int
    who: str
    identity: str
    action: str
    kind: str
    target: str
    address: str
    result: str
    code: str
    digest: str


@dataclass(frozen=True)
class Wanted:
    """Which entries: of this person or key, of this action, from `since` on, before `until` (UTC ms)."""

    who: str | None = None
    action: str | None = None
    since: int | None = None
    until: int | None = None

    def conditions(self) -> list[Any]:
        chosen: list[Any] = []
        if self.who:
            chosen.append(AuditEntry.who == self.who)
        if self.action:
            chosen.append(AuditEntry.action == self.action)
        if self.since is not None:
            chosen.append(AuditEntry.at >= self.since)
        if self.until is not None:
            chosen.append(AuditEntry.at < self.until)
        return chosen


@dataclass(frozen=True)
class Checked:
    """What a check has found. count: entries that were looked at; last, digest: the newest one; pruned: the last one
    that was deleted as too old; broken: the first that is not as it was written, None for none."""

    count: int
    last: int
    digest: str
    pruned: int
    broken: int | None


def page(wanted: Wanted, cursor: str | None, limit: int = PAGE) -> tuple[list[Entry], str | None]:
    """Entries, newest first, and the cursor of the next page."""
    query = AuditEntry.select().where(*wanted.conditions()) if wanted.conditions() else AuditEntry.select()
    if cursor is not None:
        at, _, entry_id = cursor.partition(".")
        before = (AuditEntry.at == int(at)) & (AuditEntry.id < int(entry_id))
        query = query.where(AuditEntry.at <= int(at), (AuditEntry.at < int(at)) | before)
    rows = [record(Entry, row) for row in query.order_by(AuditEntry.at.desc(), AuditEntry.id.desc()).limit(limit + 1)]
    more = rows[limit:]
    return rows[:limit], f"{rows[limit - 1].at}.{rows[limit - 1].id}" if more else None


def every(wanted: Wanted) -> Iterator[list[Entry]]:
    """Entries, newest first, a piece at a time; what is added meanwhile is not in it."""
    cursor: str | None = None
    while True:
        rows, cursor = page(wanted, cursor, PIECE)
        yield rows
        if cursor is None:
            return


def newest() -> tuple[int, str] | None:
    """The id and digest of the entry that was added last, whatever the clock said then; None where there is none."""
    rows = tuples(AuditEntry.select(AuditEntry.id, AuditEntry.digest).order_by(AuditEntry.id.desc()).limit(1))
    return rows[0] if rows else None


def has(entry_id: int, digest: str) -> bool:
    """Whether there is that entry, or it is so old that it was deleted."""
    head = AuditHead.get_or_none(AuditHead.id == ONE)
    if head is not None and entry_id <= head.pruned:
        return True
    return bool(AuditEntry.select().where(AuditEntry.id == entry_id, AuditEntry.digest == digest).exists())


def check(key: bytes, known: tuple[int, str] | None = None) -> Checked:
    """Look at all entries, in order. known: the id and digest of one that was noted elsewhere, which has to be there as
    it was; entries that came after it cannot be taken away without that being noticed, as they can be otherwise."""
    head = AuditHead.get_or_none(AuditHead.id == ONE)
    pruned, digest = (head.pruned, head.pruned_digest) if head else (0, START)
    if head and pruned and head.seal != seal(key, "pruned", pruned, digest):
        return Checked(0, head.last, head.digest, pruned, pruned)
    count, last = 0, pruned
    found = known is None or known[0] <= pruned
    until = head.last if head else 0
    while rows := _behind(last, until):
        for *values, written in rows:
            if values[0] != last + 1 or seal(key, digest, values) != written:
                return Checked(count, until, head.digest if head else START, pruned, last + 1)
            count, last, digest = count + 1, last + 1, written
            found = found or (last, digest) == known
    broken = None
    if last != until or (head and digest != head.digest):
        broken = last + 1
    elif not found and known is not None:
        broken = known[0]
    return Checked(count, until, digest, pruned, broken)


def _behind(last: int, until: int) -> list[tuple[Any, ...]]:
    columns = [getattr(AuditEntry, name) for name in FIELDS]
    query = AuditEntry.select(*columns, AuditEntry.digest).where(AuditEntry.id > last, AuditEntry.id <= until)
    return tuples(query.order_by(AuditEntry.id).limit(PIECE))
