"""Group commit: moves that become ready at about the same time share a transaction.

A transaction locks one job only (see `moves`), so there is one per job. What is as usual is moved by a few statements
for all (`bulk_sends`); any other move has its own savepoint: if one is refused, the others are still made. If no other
lane could join, nothing waits.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import structlog

from daemon import errors
from daemon.accounts import pace
from daemon.db.connection import write
from daemon.db.proxy import in_order
from daemon.delivery import bulk_sends, moves, timing
from daemon.delivery.db_thread import DatabaseThread
from daemon.delivery.lanes import Lanes
from daemon.delivery.refusals import Passed
from daemon.models import Message

log = structlog.get_logger()

BULK: Mapping[Callable[..., None], Callable[..., set[int]]] = {
    moves.submit: bulk_sends.submit,
    moves.confirm: bulk_sends.confirm,
}
OURS = (errors.AccountLost, errors.DatabaseBusy, errors.DatabaseUnusable)  # none of the moves is made then


@dataclass
class Entry:
    """One waiting move. refused: why it was not made, None for done."""

    move: Callable[..., None]
    message: Message
    what: tuple[Any, ...]
    terms: dict[str, Any]
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    refused: Exception | None = None


class Batches:
    """The moves of one sender's messages, on their way to the database."""

    def __init__(self, db: DatabaseThread, lanes: Lanes) -> None:
        self._db, self._lanes = db, lanes
        self._waiting: list[Entry] = []
        self._timer: asyncio.TimerHandle | None = None
        self._flush: asyncio.Task[None] | None = None

    async def run(self, move: Callable[..., None], message: Message, *what: Any, **terms: Any) -> None:
        """Make the move, together with others if there are any. Raises what the move raises.

        Its transaction begins within GATHER_S, at once if all lanes wait for it; where another one is under way, within
        REST_S of its end.
        """
        if self._lanes.at_work <= 1:
            await self._db.timed(move, message, *what, **terms)
            return
        entry = Entry(move, message, what, terms)
        self._waiting.append(entry)
        if self._flush is None:
            if len(self._waiting) >= self._lanes.at_work:
                self._begin()
            elif self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(timing.GATHER_S, self._begin)
        await entry.done

    def _begin(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._flush is None and self._waiting:
            self._flush = asyncio.create_task(self._write_all())

    async def _write_all(self) -> None:
        """Write until nothing waits. After each transaction there is a pause as long as it took, REST_S at most: what
        becomes ready then, or has meanwhile, shares the next one, and others get to the database."""
        try:
            while self._waiting:
                began = timing.monotonic()
                entries, self._waiting = self._waiting, []
                entries.sort(key=lambda entry: (entry.message.job_id, entry.message.person, entry.message.id))
                for _, group in groupby(entries, key=lambda entry: entry.message.job_id):
                    await self._write(list(group))
                if len(self._waiting) < self._lanes.at_work:
                    took_s = timing.monotonic() - began
                    await asyncio.sleep(max(timing.GATHER_S - took_s, min(took_s, timing.REST_S)))
        finally:
            self._flush = None

    async def _write(self, entries: list[Entry]) -> None:
        failed: BaseException | None = None
        try:
            await self._db.timed(together, entries)
        except BaseException as error:  # those who wait for it must be told
            failed = error
        for entry in entries:
            if entry.done.done():
                continue  # given up
            outcome = failed or entry.refused
            if outcome is None:
                entry.done.set_result(None)
            else:
                entry.done.set_exception(outcome)
        if isinstance(failed, asyncio.CancelledError):
            raise failed


def together(entries: list[Entry], now: int) -> None:
    """Make these moves of one job's messages in one transaction; `refused` says which were not made, and why.

    They come in the order of their numbers: everybody locks persons in that order. Raises DatabaseBusy, AccountLost:
    none was made then, and the messages in memory are what they were.
    """
    with _restored(entries), write(), in_order(), pace.batch() as undone:
        moves.job_state(entries[0].message.job_id)
        entries = [entry for entry in entries if not _turn_passed(entry)]
        made: set[int] = set()
        if len(entries) > 1:
            try:
                with _restored(entries), write():
                    made = _at_once(entries, now)
            except OURS:
                raise
            except Exception as error:  # of one of them: found out below
                log.warning("batch.taken_apart", count=len(entries), kind=type(error).__name__)
                undone()
        for entry in entries:
            if entry.message.id in made:
                continue
            try:
                with write():
                    entry.move(entry.message, *entry.what, now=now, **entry.terms)
            except OURS:
                raise
            except Exception as error:  # it concerns this move only
                entry.refused = error
                undone()


def _turn_passed(entry: Entry) -> bool:
    """Whether it has to take another turn, because the database was too slow: nothing more is asked of it then."""
    passed = entry.move is moves.submit and moves.turn_passed(entry.what[0], entry.terms.get("spare_s", math.inf))
    if passed:
        entry.refused = errors.TurnPassed(Passed.NOT_READY_IN_TIME)
    return passed


def _at_once(entries: list[Entry], now: int) -> set[int]:
    """Make those moves that are as usual by few statements; returns the ids of their messages."""
    made: set[int] = set()
    for move, all_of_them in BULK.items():
        left = [entry for entry in entries if entry.move is move and "piece" not in entry.terms]
        while left:
            terms = left[0].terms
            alike, left = [each for each in left if each.terms == terms], [each for each in left if each.terms != terms]
            made |= all_of_them([(entry.message, *entry.what) for entry in alike], now=now, **terms)
    return made


@contextmanager
def _restored(entries: list[Entry]) -> Iterator[None]:
    """If it fails, the messages in memory are what they were."""
    before = [dict(entry.message.__data__) for entry in entries]
    try:
        yield
    except BaseException:
        for entry, values in zip(entries, before, strict=True):
            entry.message.__data__.clear()
            entry.message.__data__.update(values)
        raise
