"""Requests with one Idempotency-Key take turns, so that whoever repeats one that is still worked on gets its answer.

The database would decide between them, too, but only about what is written in one transaction: a repeat would read a
file, send a test or see half of a long piece of work, and be answered otherwise than the first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

_TURNS: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()


@asynccontextmanager
async def turn(operation: str, caller: str, key: str | None) -> AsyncIterator[None]:
    """Wait until the request that came first is answered. key: None for a request without one, which never waits."""
    if key is None:
        yield
        return
    mine = (operation, caller, key)
    lock = _TURNS.get(mine)
    if lock is None:
        lock = _TURNS[mine] = asyncio.Lock()
    async with lock:
        yield
