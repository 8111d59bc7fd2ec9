"""When the next message may go: the turns of the number, and the pauses between messages to one person."""

from __future__ import annotations

import asyncio
from collections import deque

from daemon.transports.protocol import Kept

PAIR_S = 6.0  # Meta's: one message in so many seconds from one number to one person
BURST = 10  # at once; Meta takes more, and then wants quiet for as long as they would have taken
KEPT = 10_000  # people that are remembered
AHEAD_S = 0.5  # for how much time turns are taken at once, at most, and how long before those taken are over


class Turnstile:
    """Lets one message after the other through, at the speed of the number, which all its senders share."""

    def __init__(self, kept: Kept, number: str, rate: int) -> None:
        self._kept, self._number, self._rate = kept, number, rate
        self._most = max(1, round(rate * AHEAD_S))
        self._turns: deque[float] = deque()
        self._until = 0.0  # when the last turn is that was taken: whoever dies leaves no more than these unused
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._paused = 0  # how often it was slowed down

    async def turn(self) -> float:
        """Return when it is this message's turn: at what time that was. Raises DatabaseBusy."""
        now = asyncio.get_running_loop().time
        while True:
            seen, at = self._paused, await self._next()
            if (left_s := at - now()) > 0:
                await asyncio.sleep(left_s)
            if seen == self._paused:
                return max(at, now())

    async def slower(self, pause_s: float) -> None:
        """It was too much: those who wait wait longer. Raises DatabaseBusy."""
        self._paused += 1
        self._turns.clear()
        self._until = 0.0
        await self._kept.slower(self._number, round(pause_s * 1000))

    async def _next(self) -> float:
        self._waiting += 1
        try:
            async with self._lock:
                while not self._turns:
                    if (early_s := self._until - asyncio.get_running_loop().time() - AHEAD_S) > 0:
                        await asyncio.sleep(early_s)
                        continue
                    found = await self._kept.turns(self._number, min(self._waiting, self._most), self._rate)
                    first = asyncio.get_running_loop().time() + found.in_ms / 1000
                    self._turns.extend(first + each * found.gap_ms / 1000 for each in range(found.count))
                    self._until = self._turns[-1]
                return self._turns.popleft()
        finally:
            self._waiting -= 1


class Pairs:
    """How soon one person may get another message. Times in seconds of the loop's clock."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}  # as if messages went out evenly
        self._refused: dict[str, int] = {}
        self._last: dict[str, str] = {}  # the message that counts and has not left

    def wait_s(self, person: str, now: float, message: str = "") -> float:
        """How long to wait, 0 for not at all; then it counts as sent, once until it `leaves`. message: its name."""
        if message and self._last.get(person) == message:
            return 0.0
        at = max(self._next.get(person, 0.0), now)
        early = at - now - (BURST - 1) * PAIR_S
        if early > 0:
            return early
        if len(self._next) >= KEPT:
            self._next = {each: due for each, due in self._next.items() if due > now}
            self._last = {each: name for each, name in self._last.items() if each in self._next}
        self._next[person], self._last[person] = at + PAIR_S, message
        return 0.0

    def leaves(self, person: str) -> None:
        """What was let through last is handed over."""
        self._last.pop(person, None)

    def refused(self, person: str) -> float:
        """Meta says that it was too soon: how long to wait, more each time."""
        times = self._refused[person] = self._refused.get(person, -1) + 1
        return PAIR_S + (4.0 ** min(times, 6) if times else 0.0)

    def taken(self, person: str) -> None:
        """Meta has taken one."""
        self._refused.pop(person, None)
