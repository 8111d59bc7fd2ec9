"""Follow sent messages until they are read, by their ticks: no chat is opened for it, and no send is delayed."""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine
from enum import Enum, auto
from typing import Any

import structlog

from daemon import errors
from daemon.accounts import pace
from daemon.delivery import ticks, timing
from daemon.delivery.context import OURS, Context
from daemon.delivery.duties import Duty
from daemon.transports.protocol import Follows, ListedTick, Tick

log = structlog.get_logger()

LOOK_S = 5.0  # between two looks at the top of the list of chats
NOTHING_S = 30.0  # the same while there is nothing to follow
ROUND_S = 600.0  # between two rounds through the list, down to the oldest chat that is followed
OVERDUE_S = 840.0  # after this long a round begins even where messages go out without a break
SPARE_MS = 1_500  # how long a look may take: none is begun right before the next message is due
JUST_MS = 1_000  # what has become due within this time may not have been claimed yet
AGAIN_S = 60.0  # until a round that failed is begun again
AT_ONCE = 200  # ticks in one transaction


class Spare(Enum):
    """Whether there is time for a look."""

    YES = auto()
    NO = auto()  # a message is about to be due
    NOTHING = auto()  # there is nothing to follow


class Follow:
    """While nothing else is to be done: a look at the top of the list of chats, and now and then a round through it,
    part by part. overdue: the duty that does a part of the round while others wait, if it was put off for too long."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._transport = context.transport if isinstance(context.transport, Follows) else None
        self.overdue: Duty = Overdue(self)
        self._kept: deque[Tick] = deque()  # seen, and not stored yet
        self._seen: dict[str, ListedTick] = {}  # title: how the chat looked when it was taken; since the last round
        self._next_look, self._round_at = float("-inf"), timing.monotonic() - ROUND_S
        self._under_way = False  # a round
        self._rested = False  # other duties had their turn since the last part

    async def run(self) -> bool:
        """Look, if it is time to; True while a round is under way."""
        if not self._may() or timing.monotonic() < self._next_look:
            return False
        spare = await self._context.db.timed(self._spare)
        if spare is not Spare.YES:
            self._next_look = timing.monotonic() + (NOTHING_S if spare is Spare.NOTHING else timing.POLL_S)
            return False
        round_due = timing.monotonic() - self._round_at >= ROUND_S
        await self.look(further=self._under_way or round_due)
        return self._under_way

    async def part_of_an_overdue_round(self) -> bool:
        """Store what was seen; if the last round was too long ago, go on with the next, in turns with other duties."""
        if not self._may():
            return False
        await self._guarded(self._store())
        if timing.monotonic() - self._round_at < OVERDUE_S or not self._rested:
            self._rested = True
            return False
        if await self._context.db.timed(self._spare) is Spare.NOTHING:
            self._round_at = timing.monotonic()
            return False
        await self.look(further=True)
        return True

    def _may(self) -> bool:
        """Whether the page is free, and shows its chats or may do so."""
        standing = self._context.standing
        return self._transport is not None and not self._context.lanes.at_work and (standing.usable or standing.held)

    def _spare(self, now: int) -> Spare:
        context = self._context
        if not ticks.followed(context.account, now):
            return Spare.NOTHING
        due = pace.opening(context.account, now - JUST_MS, context.rules).at
        return Spare.NO if now - JUST_MS < due <= now + SPARE_MS else Spare.YES

    async def look(self, further: bool) -> None:
        """One look, at the top of the list or at the next part of a round, and what it shows."""
        self._rested = False
        try:
            await self._guarded(self._look(further))
        finally:
            self._next_look = timing.monotonic() + (timing.POLL_S if self._under_way else LOOK_S)

    async def _look(self, further: bool) -> None:
        context, transport = self._context, self._transport
        if transport is None:
            return
        if further and not self._under_way:
            self._seen.clear()
        since = await context.db.now() - ticks.FOLLOWED_MS
        if further:  # where this part fails, another round begins later
            self._under_way, self._round_at = False, timing.monotonic() - ROUND_S + AGAIN_S
        listed = await context.waits.unless_stopped(transport.listed(since, further))
        if further:
            self._under_way, self._round_at = listed.more, timing.monotonic()
        new = [chat for chat in listed.chats if self._seen.get(chat.title) != chat]
        for at in range(0, len(new), AT_ONCE):
            part = new[at : at + AT_ONCE]
            await context.db.timed(ticks.take_listed, context.settings, part)
            self._seen |= {chat.title: chat for chat in part}
        await self._store()

    async def _store(self) -> None:
        """Store what was seen in chats that were open. Raises DatabaseBusy: it is kept."""
        if self._transport is None:
            return
        self._kept.extend(await self._transport.ticked())
        while self._kept:
            part = [self._kept.popleft() for _ in range(min(len(self._kept), AT_ONCE))]
            try:
                await self._context.db.timed(ticks.take, self._context.account, part)
            except errors.DatabaseBusy:
                self._kept.extendleft(reversed(part))
                raise

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """What is wrong with it must not keep messages from being sent."""
        context, life = self._context, self._context.upkeep.life
        try:
            await work
        except errors.AccountUnready:
            context.standing.look_soon()
        except errors.BrowserLost as error:
            context.upkeep.lost(error, life)
        except OURS:
            raise
        except Exception as error:
            context.unforeseen.tell(error, "follow")


class Overdue:
    """See `Follow`."""

    def __init__(self, follow: Follow) -> None:
        self._follow = follow

    async def run(self) -> bool:
        """Go on with a round that is overdue."""
        return await self._follow.part_of_an_overdue_round()
