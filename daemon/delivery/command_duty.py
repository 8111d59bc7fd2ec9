"""The sender grants what a person wishes of its account, between two messages."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from daemon import errors
from daemon.accounts import commands
from daemon.db import clock
from daemon.transports.protocol import Transport

ASK_S = 1.0  # how often it looks whether there is a wish, at most


class Granting:
    """One account's wishes, and the transport that can grant them.

    in_db: runs database work and returns its result, as `Sender._db` does.
    """

    def __init__(self, account: str, transport: Transport, in_db: Callable[..., Awaitable[Any]]) -> None:
        self._account, self._transport, self._in_db = account, transport, in_db
        self._asked_at = 0.0

    async def grant(self, guarded: Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]], *, idle: bool) -> bool:
        """Grant a wish if there is one; whether there was.

        guarded: runs what may be given up when the sender is stopped. idle: see `wishes.take`.
        Raises BrowserLost when the browser was lost over it, and what `guarded` raises.
        """
        if time.monotonic() - self._asked_at < ASK_S:
            return False
        self._asked_at = time.monotonic()
        if not await self._in_db(commands.waiting, self._account):
            return False
        wish = await self._in_db(commands.take, self._account, idle, clock.now_ms)
        if wish is None:
            return False
        try:
            picture = await guarded(self._do(wish))
        except errors.BrowserLost:
            await self._in_db(commands.fail, self._account, wish, commands.BROKEN, clock.now_ms)
            raise
        except errors.TransportError as error:
            await self._in_db(commands.fail, self._account, wish, str(error), clock.now_ms)
        except Exception:  # stopped, or something that ends the sender
            await self._in_db(commands.fail, self._account, wish, commands.STOPPED, clock.now_ms)
            raise
        else:
            await self._in_db(commands.fulfil, self._account, wish, clock.now_ms, picture)
        return True

    async def _do(self, wish: commands.Wish) -> bytes | None:
        if wish.what is commands.What.SCREENSHOT:
            return await self._transport.screenshot()
        if wish.what is commands.What.LOG_OUT:
            await self._transport.log_out()
        elif wish.what is commands.What.RELOAD:
            await self._transport.reload()
        else:
            await self._transport.link(wish.number)
        return None
