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


# A stored time that should be in the past but lies further ahead than this was written while the clock was wrong, and
# is ignored. The tolerance is there because two processes may read slightly different times at the same moment.
AHEAD_MS = 60_000


def lately(at: Any, since: int, now: int) -> Any:
    """SQL condition: the stored time lies between `since` and now, ignoring times written while the clock was ahead."""
    return (at > since) & (at <= now + AHEAD_MS)


def within(at: int, now: int, length_ms: int) -> bool:
    """Whether a stored time is less than `length_ms` ago; False for one written while the clock was ahead."""
    return -AHEAD_MS <= now - at < length_ms
