"""PostgreSQL's LISTEN and NOTIFY: a sender that has nothing to do hears of work as soon as that has committed.

A notification is a hint to look, and nothing more: it names the account by a hash and says nothing else, so it may come
twice, for nothing, or never. Whoever waits for work also looks for it from time to time. On SQLite there is only that.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

import psycopg
import structlog

from daemon.db import connection, faults, proxy
from daemon.db.postgres import Postgres

log = structlog.get_logger()

FIRST_RETRY_S, LAST_RETRY_S = 1.0, 60.0  # between two attempts to listen; each one waits twice as long
HEARD_WITHIN_S = 5.0  # after which a notification that was sent does not come any more
POOLED_RETRY_S = 600.0  # a pooler that passes none on rarely changes


class NotPassedOn(Exception):
    """A notification that was sent did not arrive: PgBouncer in transaction mode, say, loses them."""


def channel(account: str) -> str:
    """On which it is told that the account has work. Names of accounts may be longer than those of channels."""
    return f"wasender_{hashlib.sha256(account.encode()).hexdigest()[:16]}"


def notify(account: str) -> None:
    """Wake the account's sender once the open transaction has committed; however often it is called, once."""
    if proxy.on_postgres():
        proxy.database.execute_sql("SELECT pg_notify(%s, '')", (channel(account),))


async def listen(url: str, account: str, heard: Callable[[], None]) -> None:
    """Call `heard` whenever the account may have work, until cancelled. The connection is one of its own, and is made
    anew when it is lost. On SQLite it returns at once."""
    database = connection.opened(url)
    if not isinstance(database, Postgres):
        return
    listener = _Listener(database, channel(account), heard)
    while True:
        try:
            await listener.run()
        except (psycopg.Error, OSError, NotPassedOn) as error:
            await asyncio.sleep(listener.failed(error))


class _Listener:
    """One sender's; knows whether it has said that it cannot listen, and how long it waits until it tries again."""

    def __init__(self, database: Postgres, name: str, heard: Callable[[], None]) -> None:
        self._database, self._channel, self._heard = database, name, heard
        self._retry_s, self._told = FIRST_RETRY_S, False

    async def run(self) -> None:
        """Connect, make sure that notifications arrive, and pass them on. Raises when it cannot, or no longer."""
        listening = await self._connect()
        try:
            await listening.execute(f"LISTEN {self._channel}")
            await self._prove(listening)
            if self._told:
                log.info("notifications.regained")
            self._retry_s, self._told = FIRST_RETRY_S, False
            self._heard()  # of what has happened meanwhile
            async for _ in listening.notifies():
                self._heard()
        finally:
            await listening.close()

    def failed(self, error: Exception) -> float:
        """Say so, once until it works again; returns after how many seconds to try again."""
        if not self._told:
            log.warning("notifications.lost", reason=faults.said(error))
            self._told = True
        if isinstance(error, NotPassedOn):
            return POOLED_RETRY_S
        wait_s, self._retry_s = self._retry_s, min(2 * self._retry_s, LAST_RETRY_S)
        return wait_s

    async def _prove(self, listening: psycopg.AsyncConnection) -> None:
        """See a notification arrive that another connection has sent. Raises NotPassedOn: LISTEN itself succeeds
        through a pooler, too, which then gives the session that listens to somebody else."""
        other = await self._connect()
        try:
            await other.execute("SELECT pg_notify(%s, '')", (self._channel,))
        finally:
            await other.close()
        if not [each async for each in listening.notifies(timeout=HEARD_WITHIN_S, stop_after=1)]:
            raise NotPassedOn("What NOTIFY tells does not arrive, as through a pooler in transaction mode")

    async def _connect(self) -> psycopg.AsyncConnection:
        return await psycopg.AsyncConnection.connect(**self._database.parameters(), autocommit=True)
