"""The sender process: takes an account, builds its transport and engine, and runs them."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import structlog

from daemon import errors, process
from daemon.accounts import counting
from daemon.config import Settings
from daemon.db import clock, connection, notifications
from daemon.delivery.engine import Engine
from daemon.delivery.seat import Seat, Seats, abandoned
from daemon.telemetry.unforeseen import Unforeseen
from daemon.transports import registry

log = structlog.get_logger()

LOOK_S = 1.0  # between two looks for an account


async def _main(settings: Settings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    passed: dict[str, float] = {}  # accounts that somebody drives after all, and until when not to try them again
    while (seat := await _find(settings, stop, passed)) is not None:
        try:
            return await _drive(seat, stop)
        except errors.AccountInUse as error:
            if settings.pinned:
                raise
            log.warning("account.in_use", account=seat.account, reason=str(error))
            passed[seat.account] = loop.time() + settings.lease_s
    log.info("process.stopping")
    return 0


async def _find(settings: Settings, stop: asyncio.Event, passed: Mapping[str, float]) -> Seat | None:
    """An account to drive; None when told to stop. Looks again until there is one."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, thread_name_prefix="db") as threads:  # it ends before the engine's own begins

        def look() -> Seat | None:
            with connection.available():
                now = clock.now_ms()
                for name, life in abandoned(settings, now).items():
                    registry.discard(settings, name, life)
                return seats.find(now, [name for name, until in passed.items() if loop.time() < until])

        seats = Seats(settings)
        idle = False
        try:
            while not stop.is_set():
                try:
                    found = await loop.run_in_executor(threads, look)
                except errors.DatabaseBusy as error:
                    log.warning("database.busy", reason=str(error))
                    found = None
                if found is not None:
                    return found
                if not idle:
                    log.info("sender.idle", reason="no account without a sender is here")
                idle = True
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), LOOK_S)
        finally:
            await loop.run_in_executor(threads, connection.close)
    return None


async def _drive(seat: Seat, stop: asyncio.Event) -> int:
    """Run the account's engine until told to stop; the exit code. Raises as `Engine.run` does."""
    structlog.contextvars.bind_contextvars(account=seat.account)
    engine = Engine(seat.settings, registry.make_transport(seat.settings), seat=seat)

    async def watch() -> None:
        await stop.wait()
        engine.stop()

    beside = [
        asyncio.create_task(watch()),
        asyncio.create_task(notifications.listen(seat.settings.db_url, seat.account, engine.wake)),
    ]
    for task in beside:
        task.add_done_callback(_ended)
    try:
        return await engine.run()
    finally:
        for task in beside:
            task.cancel()
        await asyncio.wait(beside)
        structlog.contextvars.unbind_contextvars("account")


def _ended(task: asyncio.Task[None]) -> None:
    """The sender goes on: where nobody calls it, it looks for work by itself."""
    if not task.cancelled() and isinstance(error := task.exception(), Exception):
        Unforeseen().tell(error, "beside the sender")


def main() -> int:
    """Start a sender; returns the exit code."""
    return process.run("sender", _main, counting.started)


if __name__ == "__main__":
    sys.exit(main())
