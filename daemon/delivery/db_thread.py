"""The database as a sender reaches it: on one thread of its own, and only as long as the account is its own."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, TypeVar

import structlog

from daemon import errors
from daemon.accounts import ownership
from daemon.config import Settings
from daemon.db import clock, connection
from daemon.delivery import timing
from daemon.delivery.owner import Owning
from daemon.delivery.waits import Waits

log = structlog.get_logger()
T = TypeVar("T")


class DatabaseThread:
    """Work that is run there, one piece after another. owning: under whose ownership; ousted: why the account is
    lost."""

    def __init__(self, settings: Settings, waits: Waits) -> None:
        self.threads: Executor = ThreadPoolExecutor(1, thread_name_prefix="db")
        self.owning = Owning(settings, self.timed, timing.clock)
        self.ousted: errors.AccountLost | None = None
        self._waits, self._patience_s = waits, settings.lease_s

    async def call(self, work: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Run one piece of database work there. Raises AccountLost, and the sender ends then."""
        context = contextvars.copy_context()  # the log's ids go along

        def run() -> T:
            with connection.available(), ownership.by(self.owning.tenure):
                return work(*arguments, **options)

        try:
            return await asyncio.get_running_loop().run_in_executor(self.threads, context.run, run)
        except errors.AccountLost as error:
            self.owning.lost(error)
            self.ousted = error
            self._waits.stop.set()  # whoever goes on after this error: not for long
            raise

    async def timed(self, work: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Like `call`, with `now=` the time at which the work begins: it may be the database that has to be asked for
        it, and only its thread may ask."""

        def at_once(*given: Any, **others: Any) -> T:
            return work(*given, now=clock.now_ms(), **others)

        return await self.call(at_once, *arguments, **options)

    async def now(self) -> int:
        """The time, UTC epoch ms."""
        return await self.call(clock.now_ms)

    async def persist(self, write: Callable[[], Awaitable[T]]) -> T:
        """The outcome of `write`; it is known and must be written down, so a busy database is asked again.

        Gives up after a lease's time; the message is then still `sending` and will be looked up.
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
