"""What is there for a while only: seen to in the http process once an hour, whatever the senders are busy with, and
also where none runs any more."""

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
    """Delete what is too old: chats as they looked, pictures of browsers, replies, answers to requests. What was being
    sent when the last sender of an account went away does not stay so for ever either."""
    now = clock.now_ms()
    for work in (rescue.rescue, evidence.prune, commands.prune, replies.prune, create.forget_answers):
        work(now)


async def run(in_thread: Callable[..., Any]) -> None:
    """At once and then every hour, for ever."""
    while True:
        try:
            await in_thread(prune)
        except Exception:
            log.exception("pruning.failed")
        await asyncio.sleep(EVERY_S)
