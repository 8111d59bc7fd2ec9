"""Makes the campaigns of series whose time has come. Runs in the http process: it needs no sender, and senders may be
several."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from daemon.campaigns import series
from daemon.config import Settings

log = structlog.get_logger()

EVERY_S = 10.0


async def run(settings: Settings, timed: Callable[..., Any]) -> None:
    """Look at once and then every EVERY_S seconds, until cancelled. timed: runs work on a database thread, with the
    time."""
    while True:
        try:
            await timed(series.make_due, settings)
        except Exception:
            log.exception("series.failed")
        await asyncio.sleep(EVERY_S)
