"""Works through what Meta has posted (`delivery/cloud_inbox.py`). Runs in the http process: it is there also while no
sender is, and a batch may be about several accounts; of several such processes, in the one that has the duty.

A transaction takes as many receipts as the database takes within HELD_S, so that nobody waits for long: above all not
the next batch, which has to be stored before Meta is answered.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import structlog

from daemon import errors
from daemon.accounts import cloud_lines, ownership
from daemon.config import Settings
from daemon.contacts import optout
from daemon.db.connection import write
from daemon.db.proxy import on_postgres
from daemon.delivery import cloud_inbox
from daemon.delivery.chunks import GAP_S, next_size
from daemon.delivery.cloud_inbox import Aside, Batch, Counted
from daemon.transports.cloud import hooks
from daemon.transports.cloud.hooks import Told
from daemon.webhooks import cloud_taking, duty
from daemon.webhooks.cloud_taking import Known, NotTheirs

log = structlog.get_logger()

DUTY = "cloud"
POLL_S = 1.0  # where nobody in this process has stored anything
RENEW_S = 5.0
RECEIPTS = 200  # in the first transaction
LEAST, MOST = 200, 500  # in a later one; PostgreSQL lets others write meanwhile
REST_S = 0.05  # after fewer than MOST, so that what comes in small batches shares transactions

Timed = Callable[..., Awaitable[Any]]
NOTHING = hooks.Unread("")  # in place of what a batch tells that tells nothing
DATABASE = (errors.DatabaseBusy, errors.DatabaseUnusable, errors.DiskFull)


class Worker:
    """Works through it; `run` it. stored: to be set when something was; turn: who writes for this process now: whoever
    stores a batch waits for the transaction that is under way, and not for its turn among all that wait for SQLite."""

    def __init__(self, settings: Settings) -> None:
        self.stored = asyncio.Event()
        self.turn = threading.Lock()
        self._settings = settings
        self._owner, self._place = secrets.token_hex(8), ownership.here(settings.data_dir)
        self._held_at = float("-inf")
        self._size = RECEIPTS

    async def run(self, timed: Timed) -> None:
        """Go on until cancelled. timed: runs work on a database thread, with the time."""
        try:
            while True:
                if not await self._round(timed):
                    await self._wait()
        finally:
            if self._held_at > float("-inf"):
                await _quietly(timed(self._leave))

    async def _wait(self) -> None:
        try:
            await asyncio.wait_for(self.stored.wait(), POLL_S)
        except TimeoutError:
            pass

    async def _round(self, timed: Timed) -> bool:
        """Work through what there is; whether there may be more."""
        self.stored.clear()
        try:
            batches: list[Batch] = await timed(_waiting)
            if not batches or not await self._on_duty(timed):
                return False
            ours: Known = await timed(self._known)
            work = Work.of(await asyncio.to_thread(_read, batches), ours)
            for batch_id in work.unreadable:
                await timed(self._set_aside, batch_id)
            while not work.over and await self._on_duty(timed):
                await timed(self._step, work, ours)
                if not on_postgres():
                    await asyncio.sleep(GAP_S)
            if work.count < MOST:
                await asyncio.sleep(REST_S)
            return True
        except DATABASE as error:
            log.warning("database.busy", reason=str(error))
        except Exception:
            log.exception("cloud.failed")
        return False

    async def _on_duty(self, timed: Timed) -> bool:
        if time.monotonic() - self._held_at >= RENEW_S:
            asked = time.monotonic()
            self._held_at = asked if await timed(self._hold) else float("-inf")
        return self._held_at > float("-inf")

    def _hold(self, now: int) -> bool:
        return duty.hold(DUTY, self._owner, self._place, now)

    def _leave(self, now: int) -> None:
        duty.leave(DUTY, self._owner)

    def _known(self, now: int) -> Known:
        return cloud_taking.known(cloud_lines.lines(self._settings), optout.more(self._settings.stop_words))

    def _set_aside(self, batch_id: int, now: int) -> None:
        """Not by one that has lost the duty: the batch is gone then, and another one may have its id."""
        with write():
            if duty.ours(DUTY, self._owner, now):
                cloud_inbox.set_aside(batch_id, Aside.UNREADABLE, now)

    def _step(self, work: Work, ours: Known, now: int) -> None:
        """One transaction."""
        chunk = work.next(self._size)
        with self.turn:
            try:
                held_s = self._take(work, chunk, ours, now)
            except DATABASE:
                raise
            except Exception:
                log.exception("cloud.item_failed", count=len(chunk))
                self._take_one_by_one(work, chunk, ours, now)
                return
        if len(chunk) > 1:
            self._size = max(next_size(len(chunk), held_s), LEAST) if not on_postgres() else MOST

    def _take(self, work: Work, chunk: list[Item], ours: Known, now: int) -> float:
        """What is done by one that has lost the duty meanwhile is not stored: another one does it. Returns how long it
        took, in seconds, once it was its turn."""
        reported = [(item.told, item.batch.at) for item in chunk if isinstance(item.told, hooks.Reported)]
        first = chunk[0]
        if not reported and not isinstance(first.told, NotTheirs):
            cloud_taking.take(first.told, ours, first.batch.at, now)
        with write():
            begun = time.monotonic()
            if duty.ours(DUTY, self._owner, now):
                cloud_inbox.advance(*work.after(chunk), now)
                if isinstance(first.told, NotTheirs):
                    cloud_inbox.not_theirs(first.told.account, first.told.signers, len(chunk), now)
                if reported:  # last: it locks their jobs
                    cloud_taking.take_reported(reported, ours, now)
        work.took(chunk)
        return time.monotonic() - begun

    def _take_one_by_one(self, work: Work, chunk: list[Item], ours: Known, now: int) -> None:
        """Something in a chunk fails: what does not is taken, what does is left out and counted."""
        for item in chunk:
            try:
                self._take(work, [item], ours, now)
            except DATABASE:
                raise
            except Exception:
                with write():
                    if duty.ours(DUTY, self._owner, now):
                        cloud_inbox.count("", Counted.FAILED, 1, now)
                        cloud_inbox.advance(*work.after([item]), now)
                work.took([item])


@dataclass(frozen=True)
class Item:
    """Something that a batch tells."""

    batch: Batch
    told: Told | NotTheirs


class Work:
    """What some batches tell, and how far it is taken: first what people write, as somebody may ask to stop."""

    def __init__(self) -> None:
        self.unreadable: list[int] = []
        self._items: list[Item] = []
        self._at = 0
        self._left: Counter[int] = Counter()
        self._done: Counter[int] = Counter()

    @classmethod
    def of(cls, read: list[tuple[Batch, list[Told] | None]], ours: Known) -> Work:
        """The batches with what was read of them; None where that is nothing of Meta's. What those who have signed a
        batch may not tell keeps its place in it."""
        made = cls()
        for batch, told in read:
            if told is None:
                made.unreadable.append(batch.id)
                continue
            ordered = sorted(told, key=_number)
            left = [cloud_taking.told_by(batch.signers, each, ours) for each in ordered[batch.done :]]
            made._items += [Item(batch, each) for each in left or [NOTHING]]
            made._left[batch.id] = max(len(ordered) - batch.done, 1)
            made._done[batch.id] = batch.done
        return made

    @property
    def count(self) -> int:
        """How many things they tell."""
        return len(self._items)

    @property
    def over(self) -> bool:
        return self._at >= len(self._items)

    def next(self, most: int) -> list[Item]:
        """What is taken next: receipts of one number together, as what is left out of one account; anything else by
        itself."""
        some = self._items[self._at : self._at + most]
        if isinstance(some[0].told, NotTheirs):
            return [*takewhile(lambda item: item.told == some[0].told, some)]
        number = _number(some[0].told)
        return [*takewhile(lambda item: _number(item.told) == number, some)] if number else some[:1]

    def after(self, chunk: list[Item]) -> tuple[dict[int, int], list[int]]:
        """How much of which batches is taken once these are, and which of them are finished."""
        by = Counter(item.batch.id for item in chunk)
        finished = [batch_id for batch_id, count in by.items() if self._left[batch_id] == count]
        return {each: self._done[each] + count for each, count in by.items() if each not in finished}, finished

    def took(self, chunk: list[Item]) -> None:
        """They are taken."""
        for item in chunk:
            self._left[item.batch.id] -= 1
            self._done[item.batch.id] += 1
        self._at += len(chunk)


def _number(told: Told | NotTheirs) -> str:
    """Of receipts, the id of the number they are of."""
    return told.number_id if isinstance(told, hooks.Reported) else ""


def _waiting(now: int) -> list[Batch]:
    return cloud_inbox.waiting()


def _read(batches: list[Batch]) -> list[tuple[Batch, list[Told] | None]]:
    return list(_each_read(batches))


def _each_read(batches: list[Batch]) -> Iterator[tuple[Batch, list[Told] | None]]:
    for batch in batches:
        try:
            yield batch, hooks.read(batch.body)
        except ValueError:
            yield batch, None


async def _quietly(work: Awaitable[Any]) -> None:
    try:
        await work
    except Exception:
        log.exception("cloud.failed")
