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

    def wake(self) -> None:
        """There may be something to do: an idle sender looks at once."""
        self.woken += 1
        self._ends.set()

    def end(self) -> None:
        """Set `stop`."""
        self.stop.set()
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
        task = asyncio.ensure_future(work)
        stopped = asyncio.create_task(self.stop.wait())
        late = False
        try:
            await asyncio.wait({task, stopped}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                late = not stopped.done()
                if grace_s and not late:
                    await asyncio.wait({task}, timeout=grace_s)
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=timing.STOP_GRACE_S)
            if task.cancelled() or not task.done():
                raise TimeoutError if late else Stopping
            return task.result()
        finally:
            stopped.cancel()
