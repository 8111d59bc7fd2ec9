"""Ends a process that is stuck, so that supervisord starts a new one: an event loop that no longer turns, a thread that
never comes back from its work, an end that does not come.

A thread looks at it, and counts time by its own turns: while the process is stopped, or the machine sleeps, none
passes. Code that keeps Python's lock keeps that thread from looking, too; then a timer of Python's own ends the
process, and says on stderr where it was.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from daemon.telemetry import unforeseen

log = structlog.get_logger()
T = TypeVar("T")

TURNS = 8  # in the time after which something is stuck
STUCK = 70  # the exit code
TELL_S = 2.0  # for the last line of the log: what is stuck may be the log itself


@dataclass(eq=False)
class Work:
    """Something that has an end. thread: which does it; turns: how many it has taken so far; most: it may take."""

    name: str
    thread: int
    most: float
    turns: int = 0


_under_way: set[Work] = set()


@contextmanager
def watched(name: str, lengths: float = 1.0, more_s: float = 0.0) -> Iterator[None]:
    """Work of this thread that must come to an end: within so many lengths of the setting, and so many seconds more."""
    one = Work(name, threading.get_ident(), TURNS * (lengths + more_s / _dog.limit_s))
    _under_way.add(one)
    try:
        yield
    finally:
        _under_way.discard(one)


class Watchdog:
    """That of this process."""

    def __init__(self) -> None:
        self.limit_s = 120.0
        self._loop: Work | None = None

    def start(self, limit_s: float) -> None:
        """Watch this thread from now on, until the process has ended. Its loop says that it turns by `turn`."""
        self.limit_s = limit_s
        self._loop = Work("event loop", threading.get_ident(), TURNS)
        _under_way.add(self._loop)
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    async def turn(self) -> None:
        """Say so for as long as the loop turns."""
        while self._loop is not None:
            self._loop.turns = 0
            await asyncio.sleep(self.limit_s / TURNS)

    def _watch(self) -> None:
        pause = threading.Event()
        while True:
            faulthandler.dump_traceback_later(2 * self.limit_s, exit=True)
            pause.wait(self.limit_s / TURNS)
            for one in list(_under_way):
                one.turns += 1
                if one.turns > one.most:
                    self._end(one)

    def _end(self, stuck: Work) -> None:
        frame = sys._current_frames().get(stuck.thread)
        told: dict[str, Any] = {"what": stuck.name, "seconds": round(stuck.turns * self.limit_s / TURNS)}
        told["frames"] = unforeseen.places(frame) if frame else []
        telling = threading.Thread(target=lambda: log.error("process.stuck", **told), daemon=True)
        telling.start()
        telling.join(TELL_S)
        os._exit(STUCK)


_dog = Watchdog()


async def watching(limit_s: float, work: Coroutine[Any, Any, T]) -> T:
    """Do the work of the process, watched: while it lasts, and until the process has ended. limit_s: seconds after
    which something is stuck."""
    _dog.start(limit_s)
    turning = asyncio.create_task(_dog.turn())
    try:
        return await work
    finally:
        turning.cancel()
