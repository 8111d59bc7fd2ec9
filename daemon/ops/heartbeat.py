"""Notes that the installation runs, and looks whether it goes on where it stopped. Runs in the http process: senders do
the same, but there may be none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from daemon.config import Settings
from daemon.delivery.interruptions import Presence

log = structlog.get_logger()

EVERY_S = 20.0


async def run(settings: Settings, timed: Callable[..., Any]) -> None:
    """Beat at once and then every EVERY_S seconds, until cancelled. timed: runs work on a database thread, with the
    time."""
    presence = Presence(settings)
    while True:
        try:
            await timed(presence.beat)
        except Exception:
            log.exception("heartbeat.failed")
        await asyncio.sleep(EVERY_S)
