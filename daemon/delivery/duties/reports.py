"""Ask how far messages have come of which nothing was reported; and heed what Meta has told of the account."""

from __future__ import annotations

import asyncio
from collections import deque

import structlog

from daemon import errors
from daemon.accounts import cloud_standing
from daemon.delivery import receipts, timing, unreported
from daemon.delivery.context import OURS, Context
from daemon.delivery.unreported import Place
from daemon.transports.protocol import Health, Reports

log = structlog.get_logger()

LOOK_S = 5.0  # between two looks at what Meta has told
ASK_S = 15.0  # between two times of asking
ROUND_S = 600.0  # from the end of a round through all of them to the next
MOST_AN_HOUR = 2_000  # messages that are asked for


class Ask:
    """Beside all else: nothing waits for it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._transport = context.transport if isinstance(context.transport, Reports) else None
        self._looked_at = self._next_at = float("-inf")
        self._place = Place()
        self._asked: deque[tuple[float, int]] = deque()  # when how many were asked for, in the last hour
        self._task: asyncio.Task[None] | None = None
        self._told: Health | None = None  # the hold that Meta has told of, and until when
        self._tried: int | None = None  # when one without an end was told of; None: something has gone out since
        self._beside = False  # something else has held the account since that was heeded

    async def run(self) -> bool:
        """Begin what is due."""
        if self._transport is None:
            return False
        if timing.monotonic() - self._looked_at >= LOOK_S:
            self._looked_at = timing.monotonic()
            await self._heed()
        if self._task is not None and self._task.done():
            task, self._task = self._task, None
            task.result()
        if self._task is None and timing.monotonic() >= self._next_at and self._context.standing.usable:
            self._next_at = timing.monotonic() + ASK_S
            self._task = asyncio.create_task(self._guarded(self._transport))
        return False

    async def _heed(self) -> None:
        """Meta may have told that the account may not send for now, or that it may again. While something else holds it
        that comes first."""
        standing = self._context.standing
        known: cloud_standing.Standing = await self._context.db.timed(cloud_standing.of, self._context.account)
        await self._try(known)
        hold = known.hold if known.hold is not None and known.hold.until_ms is not None else None
        if standing.hold is not None and standing.hold != self._told:
            self._beside = True
        if hold == self._told and (standing.hold is not None or not self._beside):
            return
        if standing.hold is None or standing.hold == self._told:
            standing.hold, self._beside = hold, False
        self._told = hold
        await standing.report()

    async def _try(self, known: cloud_standing.Standing) -> None:
        """A hold without an end ends as one that an answer has shown: Meta is asked, again and again. Then one message
        at a time is tried until one goes out, as Meta may take them all and report later that they have failed."""
        account, db, transport, hold = self._context.account, self._context.db, self._transport, known.hold
        if transport is None:
            return
        if hold is not None and hold.until_ms is None:
            if known.told_at != self._tried:
                self._tried = known.told_at
                transport.told(hold)
                self._context.standing.look_soon()
            elif transport.can_send():
                await db.timed(cloud_standing.end, account, known.told_at)
        elif self._tried is not None and await db.timed(cloud_standing.trial_over, account, self._tried):
            self._tried = None
            transport.proved()

    async def _guarded(self, transport: Reports) -> None:
        try:
            await self._ask(transport)
        except errors.AccountUnready:
            self._context.standing.look_soon()
        except OURS as error:
            log.warning("reports.interrupted", reason=type(error).__name__)
        except Exception as error:
            self._context.unforeseen.tell(error, "reports")

    async def _ask(self, transport: Reports) -> None:
        context, hour_ago = self._context, timing.monotonic() - 3_600
        while self._asked and self._asked[0][0] < hour_ago:
            self._asked.popleft()
        if sum(count for _, count in self._asked) >= MOST_AN_HOUR:
            return
        due = await context.db.timed(unreported.due, context.account, self._place)
        self._place = due.after or Place()
        if due.after is None:
            self._next_at = timing.monotonic() + ROUND_S
        if not due.ids:
            return
        self._asked.append((timing.monotonic(), len(due.ids)))
        found = await context.waits.unless_stopped(transport.reported(due.ids))
        if found:
            moved = await context.db.timed(receipts.take, context.account, found)
            log.info("reports.asked", count=len(due.ids), found=moved.count(receipts.Outcome.MOVED))
