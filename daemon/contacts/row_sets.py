"""Rows that are kept in order: of uploads, of a draft's sheets, of those that a dry run has chosen. Never one value:
they are stored in short transactions, as they come, and read in pieces, so that a million of them are nowhere at once.

A set is filled first, and then held by what it belongs to (`NAMED`), in the transaction that says so. What nobody
holds, because it was let go, or never came to its end, is deleted by `sweep`, in pieces as well.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeVar, overload

import peewee
import structlog

from daemon.db import clock
from daemon.db.connection import write
from daemon.db.prepared import Prepared, param
from daemon.db.proxy import in_order, locked, on_postgres, tuples
from daemon.models import Draft, KeptRow, RowSet, Series, Upload
from daemon.telemetry import progress
from daemon.telemetry.progress import Stage

log = structlog.get_logger()

NAMED = (  # where it says whose a set is, beside a draft's sheets
    Upload.people_set, Upload.repeated_set, Upload.rejected_set, Upload.sheet_set, Draft.audience_set,
    Series.audience_set,
)  # fmt: skip

T = TypeVar("T")

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

CHUNK = 2_000  # rows in one transaction
PIECE = 2_000  # rows that are read at once
GAP_S = 0.012  # between two transactions, where others wait for the only writer
MOST = 1_000_000  # rows of a set
GRACE_MS = 3_600_000  # what nobody holds is deleted so long after it was last touched: somebody may still read it


@dataclass(frozen=True)
class Rows(Sequence[T]):
    """The rows of a set, each as `make` reads it. It can be gone through again and again. distinct: each person stands
    there once; first: how many of the set's rows come before these."""

    set_id: int | None
    length: int
    make: Callable[[Any], T]
    distinct: bool = False
    first: int = 0

    def after(self, count: int) -> Rows[T]:
        """Those behind the first few, which are read when they are gone through."""
        return replace(self, first=self.first + count, length=max(0, self.length - count))

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[T]:
        after = self.first - 1
        while self.set_id is not None and (piece := _piece(self.set_id, after, PIECE)):
            after = piece[-1][0]
            yield from map(self.make, _parsed(piece))

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> list[T]: ...
    def __getitem__(self, place: int | slice) -> T | list[T]:
        """One, or some of them in order, by their places from the beginning."""
        if isinstance(place, slice):
            begin, end, step = place.indices(self.length)
            if step != 1:  # a sample: the rows between are not read
                return [self[at] for at in range(begin, end, step)]
            return [self.make(each) for each in _parsed(self._between(begin, end))]
        found = self._between(place, place + 1)
        if not found:
            raise IndexError(place)
        return self.make(_parsed(found)[0])

    def _between(self, begin: int, end: int) -> list[tuple[int, str]]:
        if self.set_id is None or end <= begin:
            return []
        return _piece(self.set_id, self.first + begin - 1, end - begin)


def _piece(set_id: int, after: int, most: int) -> list[tuple[int, str]]:
    with in_order():
        found: list[tuple[int, str]] = _read(set=set_id, after=after, most=most).fetchall()
    return found


def _parsed(piece: list[tuple[int, str]]) -> list[Any]:
    found: list[Any] = json.loads(f"[{','.join(body for _, body in piece)}]")
    return found


def rows(set_id: int | None, make: Callable[[Any], T]) -> Rows[T]:
    """The rows of that set; of None there are none."""
    found = RowSet.select(RowSet.count, RowSet.distinct).where(RowSet.id == set_id).tuples().first()
    return Rows(set_id, found[0], make, found[1]) if found else Rows(None, 0, make)


def size(*set_ids: int | None) -> int:
    """Characters of JSON that the rows of these sets take."""
    return int(RowSet.select(peewee.fn.SUM(RowSet.size)).where(RowSet.id.in_(list(set_ids))).scalar() or 0)


def begin(distinct: bool = False) -> int:
    """A new set without rows; returns its id."""
    with write():
        made = RowSet.create(touched_at=clock.now_ms(), held=False, count=0, size=0, distinct=distinct)
    return int(made.id)


def append(set_id: int, values: Iterable[Any]) -> int:
    """Add rows to a set that is being filled; returns how many it has now. Not to be called in a transaction."""
    left, count = iter(values), 0
    while chunk := list(islice(left, CHUNK)):
        began = _count(RowSet.select(RowSet.count), set_id)
        bodies = [_ENCODER.encode(each) for each in chunk]
        insert = _at(set_id, began, bodies)
        grown = {"count": RowSet.count + len(chunk), "size": RowSet.size + sum(map(len, bodies))}
        with write():
            there = _count(locked(RowSet.select(RowSet.id, RowSet.count)), set_id)
            if there != began:  # somebody was erased meanwhile
                began, insert = there, _at(set_id, there, bodies)
            insert()
            RowSet.update(touched_at=clock.now_ms(), **grown).where(RowSet.id == set_id).execute()
        count = began + len(chunk)
        progress.told(Stage.STORING, count)
        if not on_postgres():
            time.sleep(GAP_S)
    return count


def _count(query: Any, set_id: int) -> int:
    row = query.where(RowSet.id == set_id).first()
    return int(row.count) if row else 0


def _at(set_id: int, began: int, bodies: list[str]) -> Callable[[], Any]:
    """Inserts these rows from that place on."""
    return _insert.bound([{"n": n, "body": body} for n, body in enumerate(bodies, began)], set=set_id)


def keep(values: Iterable[Any], distinct: bool = False) -> int:
    """A new set of these rows, which nobody holds yet; returns its id. Not to be called in a transaction."""
    made = begin(distinct)
    append(made, values)
    return made


def hold(*set_ids: int | None) -> None:
    """Part of the transaction that makes them somebody's."""
    RowSet.update(held=True).where(RowSet.id.in_(list(set_ids))).execute()


def let_go(*set_ids: int | None) -> None:
    """They are nobody's any more; part of the caller's transaction, if there is one."""
    if ids := [each for each in set_ids if each is not None]:
        with write():
            RowSet.update(held=False, touched_at=clock.now_ms()).where(RowSet.id.in_(ids)).execute()


def sweep(now: int) -> int:
    """Delete what nobody holds, in pieces; returns how many sets. What is held, and nothing names, is let go of."""
    loose = (~RowSet.held, (RowSet.touched_at < now - GRACE_MS) | (RowSet.touched_at > now + GRACE_MS))
    gone = [set_id for (set_id,) in tuples(RowSet.select(RowSet.id).where(*loose))]
    for set_id in gone:
        _delete(set_id)
    if gone:
        log.info("rows.deleted", sets=len(gone))
    if unnamed := _unnamed(now):
        let_go(*unnamed)
        log.info("rows.let_go", sets=len(unnamed))
    return len(gone)


def _unnamed(now: int) -> set[int]:
    """Those that are held and nothing has, as two requests at once left them in earlier versions."""
    old = RowSet.select(RowSet.id).where(RowSet.held, RowSet.touched_at < now - GRACE_MS)
    held = {set_id for (set_id,) in tuples(old)}  # read first: one is named by the transaction that holds it
    if not held:
        return held
    for column in NAMED:
        held -= {set_id for (set_id,) in tuples(column.model.select(column).where(column.is_null(False)))}
    sheets = Draft.select(Draft.sheets).where(Draft.sheets.is_null(False))
    return held - {set_id for row in sheets for _, set_id in row.sheets or ()}


def _delete(set_id: int) -> None:
    while True:
        last = (
            KeptRow.select(KeptRow.n)
            .where(KeptRow.set == set_id)
            .order_by(KeptRow.n)
            .offset(CHUNK - 1)
            .limit(1)
            .scalar()
        )
        with write():
            theirs = [KeptRow.set == set_id] if last is None else [KeptRow.set == set_id, KeptRow.n <= last]
            KeptRow.delete().where(*theirs).execute()
            if last is None:
                RowSet.delete().where(RowSet.id == set_id).execute()
                return
        if not on_postgres():
            time.sleep(GAP_S)


@Prepared
def _read() -> Any:
    theirs = (KeptRow.set == param("set"), KeptRow.n > param("after"))
    return KeptRow.select(KeptRow.n, KeptRow.body).where(*theirs).order_by(KeptRow.n).limit(param("most"))


@Prepared
def _insert() -> Any:
    return KeptRow.insert({KeptRow.set: param("set"), KeptRow.n: param("n"), KeptRow.body: param("body")})
