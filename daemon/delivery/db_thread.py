"""The database as the sender reaches it: on a thread of its own, and only while it owns the account."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog

from daemon import errors
from daemon.accounts import ownership
from daemon.config import Settings
from daemon.db import clock, connection
from daemon.delivery import timing
from daemon.delivery.owner import Owning
from daemon.delivery.waits import Waits
from daemon.telemetry import watchdog

log = structlog.get_logger()
T = TypeVar("T")

LENGTHS = 2.0  # of WASENDER_WATCHDOG_S, that a piece of work may take


class DatabaseThread:
    """Runs work there, one piece after another. owning: the ownership it runs under; ousted: why the account was
    lost."""

    def __init__(self, settings: Settings, waits: Waits, given: ownership.Tenure | None = None) -> None:
        self.threads: Executor = ThreadPoolExecutor(1, thread_name_prefix="db")
        self.owning = Owning(settings, self.timed, timing.clock, given)
        self.ousted: errors.AccountLost | None = None
        self._waits, self._patience_s = waits, settings.lease_s
        self._unreached: tuple[float, errors.DatabaseBusy | None] = (0.0, None)  # when no connection could be made last

    async def call(self, work: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Run one piece of database work there. Raises AccountLost, which ends the sender."""
        context = contextvars.copy_context()  # keeps the ids for the log
        asked_at = timing.monotonic()

        def run() -> T:
            with (
                self._all_at_once(asked_at),
                watchdog.watched("database thread", LENGTHS),
                connection.available(),
                ownership.by(self.owning.tenure),
            ):
                return work(*arguments, **options)

        try:
            return await asyncio.get_running_loop().run_in_executor(self.threads, context.run, run)
        except errors.AccountLost as error:
            self.owning.lost(error)
            self.ousted = error
            self._waits.end()  # those who ignore this error stop soon
            raise

    @contextmanager
    def _all_at_once(self, asked_at: float) -> Iterator[None]:
        """Where no connection can be made, that is found out once for all that waits by then: hundreds of lanes would
        each wait until it is given up, one after the other, and the heartbeat behind them."""
        since, why = self._unreached
        if why is not None and asked_at < since:
            raise errors.DatabaseBusy(why.told)
        closed = not connection.is_open()
        try:
            yield
        except errors.DatabaseBusy as error:
            if closed and not connection.is_open():
                self._unreached = timing.monotonic(), error
            raise

    async def timed(self, work: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Like `call`, with `now=` the time at which the work begins. The time may have to be read from the database,
        which only its thread may do."""

        def at_once(*given: Any, **others: Any) -> T:
            return work(*given, now=clock.now_ms(), **others)

        return await self.call(at_once, *arguments, **options)

    async def now(self) -> int:
        """The time, UTC epoch ms."""
        return await self.call(clock.now_ms)

    async def persist(self, write: Callable[[], Awaitable[T]]) -> T:
        """Call `write` again while the database is busy: its outcome is known and must be stored.

        Gives up after the length of a lease; the message is then still `sending` and will be looked up.
        """
        give_up = timing.monotonic() + self._patience_s
        while True:
            try:
                return await write()
            except errors.DatabaseBusy as error:
                if timing.monotonic() > give_up or self._waits.stop.is_set():
                    raise
                log.warning("database.busy", reason=str(error))
                await asyncio.sleep(timing.POLL_S)

    def close(self, last: Callable[[], None]) -> None:
        """Run one last piece of work there, and end the thread."""
        self.threads.submit(last)
        self.threads.shutdown()
