"""Makes the campaigns of series whose time has come. Runs in the http process: it needs no sender, and senders may be
several."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from daemon import errors
from daemon.campaigns import series
from daemon.config import Settings
from daemon.ops import keeping

log = structlog.get_logger()

EVERY_S = 10.0
KIND = "series"
JUMP_MS = 3_600_000  # since the last look: the clock may have jumped
DOUBTED_MS = 600_000  # so long it is not believed; a run that is made after that is no later than series.LATE_MS


def make(settings: Settings, now: int) -> bool:
    """Make what is due; False where the clock may have jumped: then nothing is made, and nothing left out."""
    if not keeping.believed(KIND, now, JUMP_MS, DOUBTED_MS):
        return False
    series.make_due(settings, now)
    return True


async def run(settings: Settings, timed: Callable[..., Any]) -> None:
    """Look at once and then every EVERY_S seconds, until cancelled. timed: runs work on a database thread, with the
    time."""
    steady = True
    while True:
        try:
            before, steady = steady, await timed(make, settings)
            if before and not steady:
                log.warning("series.waited")
        except errors.DatabaseBusy as error:
            log.warning("database.busy", reason=str(error))
        except Exception:
            log.exception("series.failed")
        await asyncio.sleep(EVERY_S)
