"""Now, by the clock that decides leases: the host's on SQLite, the database's on PostgreSQL."""

from __future__ import annotations

import time
from typing import Any

from daemon.db import proxy


def now_ms() -> int:
    """Now as UTC epoch milliseconds: the host's clock on SQLite, the database's on PostgreSQL."""
    if proxy.on_postgres():
        cursor = proxy.database.execute_sql("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
        return int(cursor.fetchone()[0])
    return time.time_ns() // 1_000_000


# What is stored as past and lies further ahead of now than this was written while the clock was ahead, and never
# counts. Not at once: of two who work at the same time one may see what the other has written a moment "later".
AHEAD_MS = 60_000


def lately(at: Any, since: int, now: int) -> Any:
    """The condition that a stored time lies between `since` and now, as far as the clock can be trusted."""
    return (at > since) & (at <= now + AHEAD_MS)


def within(at: int, now: int, length_ms: int) -> bool:
    """Whether a stored time is less than `length_ms` ago, as far as the clock can be trusted."""
    return -AHEAD_MS <= now - at < length_ms
