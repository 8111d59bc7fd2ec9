"""When a key was last used: written beside the requests, never in their way, and at most once a minute for each."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from aiohttp import web

from daemon import errors
from daemon.auth import keys
from daemon.server.visitors import beside

EVERY_S = 60.0


class KeyUse:
    """When the use of each secret was last written, and what is being written."""

    def __init__(self) -> None:
        self._written: dict[int, float] = {}
        self._writing: set[asyncio.Task[None]] = set()

    def note(self, app: web.Application, secret: int) -> None:
        """It is used now."""
        now = time.monotonic()
        if now - self._written.get(secret, -EVERY_S) < EVERY_S:
            return
        self._written[secret] = now
        task = asyncio.create_task(_write(app, secret))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def finish(self, _app: web.Application) -> None:
        """Wait for what is being written, as long as the database can be reached."""
        await asyncio.gather(*self._writing)


async def _write(app: web.Application, secret: int) -> None:
    with suppress(errors.DaemonError):  # the next use is written
        await beside(app, keys.used, secret)


KEY_USE = web.AppKey("key_use", KeyUse)
