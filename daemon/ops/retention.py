"""Deletes data that is only kept for a while. Runs in the http process once an hour, so that it does not depend on
senders, which may be busy or no longer exist."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from daemon.accounts import commands
from daemon.campaigns import create
from daemon.db import clock
from daemon.delivery import evidence, replies, rescue

log = structlog.get_logger()

EVERY_S = 3_600


def prune() -> None:
    """Delete old evidence, screenshots, replies and stored answers. Also settle messages that were being sent when the
    last sender of their account went away: they would stay in that state for ever."""
    now = clock.now_ms()
    for work in (rescue.rescue, evidence.prune, commands.prune, replies.prune, create.forget_answers):
        work(now)


async def run(in_thread: Callable[..., Any]) -> None:
    """Prune at once and then every hour, until cancelled."""
    while True:
        try:
            await in_thread(prune)
        except Exception:
            log.exception("pruning.failed")
        await asyncio.sleep(EVERY_S)
