"""Large orders and files: few at a time, so that they leave threads and memory to everything else.

A request is large by what it brings or names. The rest is never kept waiting by it: of the database threads only
AT_ONCE work for large ones, whoever sends them; the others wait for their turn without a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from aiohttp import web

from daemon import errors
from daemon.server import visitors
from daemon.server.refusals import Why

T = TypeVar("T")

LARGE = 256 << 10  # bytes
AT_ONCE = 2  # of http.DB_THREADS
ROOM = 256 << 20  # bytes of large bodies that are taken in, or wait for their turn
STRANGERS_ROOM = 64 << 20  # of those of whoever has no key: apart, so that nobody else waits for them


class Gate:
    """What the large requests take together."""

    def __init__(self) -> None:
        self.turns = asyncio.Semaphore(AT_ONCE)
        self.taken = {False: 0, True: 0}  # bytes; of whoever has no key


GATE: web.AppKey[Gate] = web.AppKey("gate", Gate)


@contextmanager
def room(request: web.Request, size: int, stranger: bool = False) -> Iterator[None]:
    """Memory for a body of so many bytes, until its request is answered. stranger: whoever sends it has no key. Raises
    ReadingBusy."""
    taken = request.app[GATE].taken
    if size > LARGE and taken[stranger] + size > (STRANGERS_ROOM if stranger else ROOM):
        raise errors.ReadingBusy(Why.LARGE_REQUESTS)
    taken[stranger] += size
    try:
        yield
    finally:
        taken[stranger] -= size


@asynccontextmanager
async def turn(request: web.Request, size: int) -> AsyncIterator[None]:
    """Wait until few enough large requests are being worked on, if this is one."""
    if size <= LARGE:
        yield
        return
    async with request.app[GATE].turns:
        yield


async def timed(request: web.Request, size: int, work: Callable[..., T], *arguments: Any) -> T:
    """`visitors.timed`, in turn."""
    async with turn(request, size):
        return await visitors.timed(request, work, *arguments)
