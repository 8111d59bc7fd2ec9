"""What changes, as it changes: one look at the database for all who listen (SSE)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiohttp import web

from daemon import accounts, campaigns
from daemon.config import Settings
from daemon.db import now_ms
from daemon.models import Account

log = structlog.get_logger()

POLL_S = 0.4
WATCHED_JOBS = 50

Change = tuple[str, dict[str, Any]]  # ("job", progress) or ("account", description)


class Feed:
    """Looks for changes while anybody listens, and gives each listener those it has not seen."""

    def __init__(self, look: Callable[[], list[Change]]) -> None:
        self._look = look
        self._listeners: dict[asyncio.Queue[Change], dict[tuple[str, Any], dict[str, Any]]] = {}
        self._wanted = asyncio.Event()

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[asyncio.Queue[Change]]:
        """A queue of changes; it begins with everything as it is now."""
        queue: asyncio.Queue[Change] = asyncio.Queue()
        self._listeners[queue] = {}
        self._wanted.set()
        try:
            yield queue
        finally:
            del self._listeners[queue]
            if not self._listeners:
                self._wanted.clear()

    async def run(self, in_thread: Callable[[Callable[[], list[Change]]], Any]) -> None:
        """Look and tell, for ever."""
        while True:
            await self._wanted.wait()
            try:
                changes = await in_thread(self._look)
            except Exception:
                log.exception("feed.failed")  # who listens keeps waiting; the next look may succeed
                changes = []
            for queue, seen in self._listeners.items():
                for kind, state in changes:
                    key = (kind, state.get("job_id", state.get("name")))
                    if seen.get(key) != state:
                        seen[key] = state
                        queue.put_nowait((kind, state))
            await asyncio.sleep(POLL_S)


def look(settings: Settings) -> list[Change]:
    """The newest jobs and all accounts as they are now."""
    now = now_ms()
    newest, _ = campaigns.jobs(None, WATCHED_JOBS)
    jobs: list[Change] = [("job", campaigns.progress(settings, job)) for job in newest]
    return jobs + [("account", _described(account, now)) for account in accounts.every()]


def _described(account: Account, now: int) -> dict[str, Any]:
    """The account without its heartbeat, which would be a change every few seconds, and with a sign that changes
    whenever the QR code does."""
    code = hashlib.sha256(account.qr.encode()).hexdigest()[:8] if account.qr else None
    return accounts.describe(account, now) | {"seen_at": None, "qr": code}


FEED = web.AppKey("feed", Feed)
