"""What Meta posts, on its way to the database: whose signature it has, and that it is stored before Meta is answered.

What comes while a transaction is under way shares the next one, so thousands of updates a second need few of them.
"""

from __future__ import annotations

import asyncio
import hmac
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from typing import Any

from aiohttp import web

from daemon.accounts import cloud_lines, cloud_standing
from daemon.accounts.cloud_lines import Line
from daemon.config import Settings
from daemon.db.connection import write
from daemon.db.proxy import on_postgres
from daemon.delivery import cloud_inbox
from daemon.delivery.cloud_inbox import Posted
from daemon.transports.cloud import hooks

MOST_BYTES = 4 << 20  # of one that is posted
TOGETHER_BYTES = 8 << 20  # of those that share a transaction
FRESH_S = 2.0  # how long the accounts' secrets are used before they are read again
SMALL = 64 << 10  # bytes whose signature is checked at once, not on a thread

Timed = Callable[..., Awaitable[Any]]


class Mail:
    """Takes what is posted; `run` it. stored: told when something was; turn: held while it is written."""

    def __init__(self, settings: Settings, stored: asyncio.Event, turn: threading.Lock) -> None:
        self._settings, self._stored, self._turn = settings, stored, turn
        self._waiting: list[tuple[Posted, asyncio.Future[None]]] = []
        self._came = asyncio.Event()
        self._lines: list[Line] = []
        self._read_at = float("-inf")

    async def run(self, timed: Timed) -> None:
        """Store what comes, until cancelled. timed: runs work on a database thread, with the time."""
        while True:
            await self._came.wait()
            self._came.clear()
            while self._waiting:
                posted, told = self._some()
                try:
                    await timed(self._store, posted)
                except BaseException as error:  # those who wait for it must be told
                    for each in told:
                        if not each.done():
                            each.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())
                    if not isinstance(error, Exception):
                        raise
                else:
                    self._stored.set()
                    for each in told:
                        if not each.done():
                            each.set_result(None)

    def _some(self) -> tuple[list[Posted], list[asyncio.Future[None]]]:
        posted: list[Posted] = []
        told: list[asyncio.Future[None]] = []
        size = 0
        while self._waiting and (not posted or size + len(self._waiting[0][0].body) <= TOGETHER_BYTES):
            each, future = self._waiting.pop(0)
            posted.append(each)
            told.append(future)
            size += len(each.body)
        return posted, told

    def _store(self, posted: Sequence[Posted], now: int) -> None:
        with nullcontext() if on_postgres() else self._turn:  # there nobody waits for who writes something else
            cloud_inbox.store(posted, now)

    async def keep(self, posted: Posted) -> None:
        """Store it; returns once it is. Raises DatabaseBusy."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((posted, done))
        self._came.set()
        await done

    async def signed(self, body: bytes, signature: str, timed: Timed) -> Posted | None:
        """It, with the accounts whose app has signed it; None where none has. Of one account somebody may set the
        secret who may not see the others, so it speaks for that account. That of the settings speaks for all: often
        one app is that of all accounts, of which most have no secret of their own."""
        lines, common = await self._accounts(timed), self._settings.cloud_app_secret
        secrets = sorted({common, *(line.secret for line in lines)} - {""})
        if len(body) <= SMALL:
            right = hooks.signed(body, signature, secrets)
        else:
            right = await asyncio.to_thread(hooks.signed, body, signature, secrets)
        if common in right:
            return Posted(body)
        return Posted(body, frozenset(line.account for line in lines if line.secret in right)) if right else None

    async def verifies(self, token: str, timed: Timed) -> bool:
        """Whether it is the verify token of one of the accounts: from then on something is expected for those."""
        theirs = []
        for line in await self._accounts(timed, fresh=True):
            if bool(line.verify_token) & hmac.compare_digest(token.encode(), line.verify_token.encode()):
                theirs.append(line.account)
        if theirs:
            await timed(_greeted, theirs)
        return bool(theirs)

    async def _accounts(self, timed: Timed, fresh: bool = False) -> list[Line]:
        if fresh or time.monotonic() - self._read_at > FRESH_S:
            self._lines = await timed(self._read)
            self._read_at = time.monotonic()
        return self._lines

    def _read(self, now: int) -> list[Line]:
        return cloud_lines.lines(self._settings)


def _greeted(accounts: Sequence[str], now: int) -> None:
    with write():
        for account in accounts:
            cloud_standing.heard(account, now)


MAIL: web.AppKey[Mail] = web.AppKey("cloud_mail", Mail)
