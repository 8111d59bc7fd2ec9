"""Waits that end at the latest when the sender is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from daemon.delivery import timing

T = TypeVar("T")


class Stopping(Exception):
    """SIGTERM came while something that can be given up was under way."""


class Waits:
    """stop: set when the sender is to end."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.woken = 0  # how often somebody has called for a look at what there is to do
        self._ends = asyncio.Event()  # the wait of a sender that is idle
        self._limits: dict[asyncio.Timeout, float] = {}  # of what is waited for: how much longer it may take then

    def wake(self) -> None:
        """There may be something to do: an idle sender looks at once."""
        self.woken += 1
        self._ends.set()

    def end(self) -> None:
        """Set `stop`, and with it end what is waited for."""
        if not self.stop.is_set():
            self.stop.set()
            now = asyncio.get_running_loop().time()
            for limit, grace_s in self._limits.items():
                if not limit.expired():
                    limit.reschedule(now + grace_s)
        self._ends.set()

    async def idle(self, seconds: float) -> None:
        """Wait until `wake` or `stop`, but not longer; at once if it was woken since the last such wait."""
        try:
            await asyncio.wait_for(self._ends.wait(), seconds)
        except TimeoutError:
            pass
        if not self.stop.is_set():
            self._ends.clear()

    async def pause(self, seconds: float) -> None:
        """Wait, but not past `stop`."""
        try:
            await asyncio.wait_for(self.stop.wait(), seconds)
        except TimeoutError:
            pass

    async def pause_or_stop(self, seconds: float) -> None:
        """Wait. Raises Stopping."""
        await self.unless_stopped(asyncio.sleep(seconds))

    async def unless_stopped(self, work: Coroutine[Any, Any, T], limit_s: float | None = None) -> T:
        """The result of `work`; raises Stopping at once when `stop` is set, and cancels it.

        limit_s: after so long it is cancelled, too, and TimeoutError is raised.
        """
        return await self._within(work, 0.0, limit_s)

    async def within_grace(self, work: Coroutine[Any, Any, T], limit_s: float | None = None) -> T:
        """As `unless_stopped`, but `work` has STOP_GRACE_S to finish once `stop` is set."""
        return await self._within(work, timing.STOP_GRACE_S, limit_s)

    async def _within(self, work: Coroutine[Any, Any, T], grace_s: float, limit_s: float | None) -> T:
        if self.stop.is_set():
            limit_s = grace_s if limit_s is None else min(limit_s, grace_s)
        limit = asyncio.timeout(limit_s)
        try:
            async with limit:
                self._limits[limit] = grace_s
                try:
                    return await work
                finally:
                    del self._limits[limit]
        except TimeoutError:
            if limit.expired() and self.stop.is_set():
                raise Stopping from None
            raise
