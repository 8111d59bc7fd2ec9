"""What became of a message that may be out: only the chat can tell, and its lane waits until it has."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog
from structlog.contextvars import bound_contextvars

from daemon import errors
from daemon.delivery import compose, moves, parts, receipts, timing
from daemon.delivery.context import OURS, Context
from daemon.delivery.lanes import Doubt, Lane
from daemon.delivery.parts import Piece
from daemon.delivery.refusals import Held, Passed
from daemon.i18n.coded import Told, part, refusal
from daemon.models import Message
from daemon.states import AccountState, Finding, Hold
from daemon.transports import parts as parts_of
from daemon.transports.protocol import Health, Inspectable, Lookup, Mark, Outgoing, Receipt

log = structlog.get_logger()

LOOKS = 3  # after this many inconclusive looks a message is uncertain
# A message that waits for its tick, past its deadline: after RELOAD_AFTER_S the page is loaded anew; where it waits
# SETTLE_S later still, others go on, and it is looked at now and then. A page that loads anew may take all of the rest
# of the two minutes within which the others are served.
RELOAD_AFTER_S, SETTLE_S = 15.0, 10.0
ASIDE_S = 60.0  # between two looks at it then
AGAIN_S = 180.0  # between two more reloads for it, while the account holds over it
GONE_S = 30.0  # so long it must be missing where it was seen before: a page that was just loaded may show it late
OF_ANOTHER = "The only match in the chat is another message to this person."
GIVE_UP_S, GIVE_UP_HELD_S = 300.0, 3600.0  # until a person decides; the latter while the account itself is to blame


class _Taken(Exception):
    """The message is not ours any more."""


class Doubts:
    """Settles doubtful messages, each in its lane; if that leaves no lane free, nothing else is done."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lanes = context.lanes

    async def run(self) -> bool:
        """Look into the chats of doubtful messages, as many at once as there are free lanes."""
        if not (self._context.standing.usable or self._context.receipted):  # waiting for a receipt asks nobody
            return False
        now = timing.monotonic()
        if self._context.receipted:
            for lane in self._lanes.doubtful:
                if lane.doubt:
                    self._lanes.wait_beside(lane, lane.doubt)
        waiting = [
            (lane, lane.doubt)
            for lane in self._lanes.doubtful
            if lane.task is None and lane.doubt and lane.doubt.next_look <= now
        ]
        begun = waiting[: max(self._lanes.concurrency - self._lanes.at_work, 0)]
        for lane, doubt in begun:
            self._lanes.start(lane, self._find_out(lane, doubt))
        if begun and not self._lanes.free:
            await self._lanes.some_end()
        return bool(begun)

    async def _find_out(self, lane: Lane, doubt: Doubt) -> None:
        """Look into the chat; until that is settled the message is not sent again."""
        self._lanes.extend_deadline(lane)
        message = lane.message
        with bound_contextvars(job_id=message.job_id, message_id=message.id, attempt=message.attempts):
            try:
                await self._consult(lane, doubt)
            except (errors.InvalidInput, errors.NotFound) as error:  # its text or files can no longer be reconstructed
                await self._lose_blindly(lane, error.told)
            except _Taken:
                self._context.endings.drop(lane)
            except OURS:
                raise
            except Exception as error:  # what cannot be looked for cannot be found
                kind = self._context.unforeseen.tell(error, "look up")
                doubt.looks += 1
                if doubt.looks < LOOKS:
                    await self._context.waits.pause(timing.LOOK_AGAIN_S)
                else:
                    await self._lose_blindly(lane, refusal(Passed.LOOKING_FAILED, kind=kind))

    async def _consult(self, lane: Lane, doubt: Doubt) -> None:
        context, message, life = self._context, lane.message, self._context.upkeep.life
        sought = await self._sought(message, doubt)
        if sought is None:
            await context.endings.move(lane, moves.requeue, refusal(Passed.REST_FOLLOWS))
            return
        outgoing, mark, piece = sought
        try:
            found = await context.waits.unless_stopped(self._look(lane, outgoing, mark), lane.left_s)
        except errors.BrowserLost as error:
            context.upkeep.lost(error, life)
            return
        except errors.AccountUnready:
            context.standing.look_soon()
            if doubt.aside:
                doubt.next_look = timing.monotonic() + ASIDE_S
            await context.waits.pause(timing.LOOK_S)
            return
        row = found.receipt
        if row is not None and await context.db.call(receipts.of_another, message, row.transport_id):
            found = replace(found, finding=Finding.UNKNOWN, evidence=OF_ANOTHER, receipt=None)
        log.info("message.looked_up", finding=found.finding, evidence=str(found.evidence))
        doubt.looks += 1
        endings = context.endings
        if found.finding is not Finding.ABSENT:
            doubt.gone_since = None
        if found.finding is Finding.SENT and found.receipt:
            context.trouble.arrived()
            if doubt.aside:
                context.trouble.success()
            await self._found(lane, found.receipt, piece)
        elif found.finding is Finding.FAILED:
            await endings.retry(lane, refusal(Passed.NOT_SENT))
        elif found.finding is Finding.ABSENT and self._may_come_back(doubt):
            await context.waits.pause(timing.LOOK_AGAIN_S)
        elif found.finding is Finding.ABSENT and doubt.crashed and not context.upkeep.breaks_it(message.id):
            await endings.move(lane, moves.requeue, found.evidence)
        elif found.finding is Finding.ABSENT:
            await endings.retry(lane, refusal(Passed.NEVER_APPEARED, evidence=part(found.evidence)))
        elif found.finding is Finding.WAITING:
            doubt.looks = 0
            await self._wait_for_tick(lane, doubt, found)
        elif doubt.looks >= LOOKS:
            await endings.move(lane, moves.lose, found.evidence, found=found)
        else:
            await context.waits.pause(timing.LOOK_AGAIN_S)

    async def _look(self, lane: Lane, outgoing: Outgoing, mark: Mark) -> Lookup:
        """Raises _Taken where a receipt settles it while one is only waited for, or somebody else has it in hand."""
        looking = self._context.transport.look_up(outgoing, mark)
        if not self._context.receipted:
            return await looking
        task, taken = asyncio.ensure_future(looking), asyncio.ensure_future(lane.taken.wait())
        try:
            await asyncio.wait({task, taken}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise _Taken
            return task.result()
        finally:
            task.cancel()
            taken.cancel()

    async def _sought(self, message: Message, doubt: Doubt) -> tuple[Outgoing, Mark, Piece | None] | None:
        """What to look for in the chat, and after which mark: the part in doubt, where it has several. None: no part is
        in doubt, it broke off between two of them."""
        context = self._context
        outgoing = await context.db.call(compose.outgoing, context.settings, message, False)
        split = parts_of.split(outgoing, not context.receipted)
        doubt.handed_at = message.submitted_at
        if len(split) == 1 or not await context.db.call(parts.known, message):
            return outgoing, Mark.loads(message.mark or ""), None
        row = await context.db.call(parts.doubtful, message)
        if row is None:
            return None
        doubt.handed_at = row.submitted_at
        return split[row.part], Mark.loads(row.mark or ""), Piece(row.part, tuple(map(parts_of.name, split)))

    async def _found(self, lane: Lane, receipt: Receipt, piece: Piece | None) -> None:
        """It has its tick; where that is one part of several, those after it follow."""
        if piece is None:
            await self._context.endings.move(lane, moves.confirm, receipt)
        else:
            await self._context.endings.move(lane, moves.confirm if piece.last else moves.go_on, receipt, piece=piece)

    def _may_come_back(self, doubt: Doubt) -> bool:
        """Whether it was seen before, waiting for its tick, and is not missing for long enough yet."""
        if doubt.clock_since is None:
            return False
        now = timing.monotonic()
        doubt.gone_since = doubt.gone_since or now
        return now - doubt.gone_since < GONE_S

    async def _wait_for_tick(self, lane: Lane, doubt: Doubt, found: Lookup) -> None:
        """It is in the chat, still with the clock icon. Time, a page that is loaded anew, or a person ends that."""
        now = timing.monotonic()
        if doubt.clock_since is None:
            doubt.clock_since = now
            if doubt.crashed:
                await self._resume(doubt, now)
        if doubt.aside:
            await self._wait_aside(lane, doubt, found, now)
            return
        await self._hold_for_tick()
        if doubt.reloaded_at is None and now - doubt.clock_since >= RELOAD_AFTER_S:
            await self._reload(doubt)
        elif doubt.reloaded_at is not None and now - doubt.reloaded_at >= SETTLE_S:
            log.warning("message.set_aside")
            doubt.aside, doubt.next_look = True, now + ASIDE_S
            others = doubt.crashed and await self._context.db.call(moves.others_arrived, lane.message)
            await self._context.trouble.stuck(lane.message, others_arrived=others)
            return
        await self._context.waits.pause(timing.LOOK_AGAIN_S)

    async def _resume(self, doubt: Doubt, now: float) -> None:
        """An earlier life has waited for it: that counts, and so does the page that was loaded for this life."""
        waited_s = (await self._context.db.now() - (doubt.handed_at or 0)) / 1000
        doubt.clock_since = now - max(waited_s, 0.0)
        if waited_s >= RELOAD_AFTER_S:
            doubt.reloaded_at = now

    async def _wait_aside(self, lane: Lane, doubt: Doubt, found: Lookup, now: float) -> None:
        hold, blamed = self._context.standing.hold, self._context.trouble.many_stuck
        doubt.next_look = now + ASIDE_S
        if now - (doubt.clock_since or now) >= (GIVE_UP_HELD_S if blamed else GIVE_UP_S):
            why = refusal(Passed.NEVER_TICKED)
            await self._context.endings.move(lane, moves.lose, why, found=found)
        elif hold and hold.hold is Hold.STUCK_ON_CLOCK and now - (doubt.reloaded_at or 0.0) >= AGAIN_S:
            await self._reload(doubt)
            doubt.next_look = 0.0

    async def _reload(self, doubt: Doubt) -> None:
        """Load the page anew, where there is one; in a way, it has been also where there is none."""
        context, life = self._context, self._context.upkeep.life
        doubt.reloaded_at = timing.monotonic()
        if not isinstance(context.transport, Inspectable) or context.lanes.at_work > 1:
            return
        try:
            await context.waits.unless_stopped(context.transport.reload())
        except errors.BrowserLost as error:
            context.upkeep.lost(error, life)
        except errors.TransportError as error:
            log.warning("page.not_reloaded", reason=str(error))
        context.standing.look_soon()

    async def _hold_for_tick(self) -> None:
        """A message waits for its tick. Where other lanes go on the account does, too."""
        if not self._lanes.free:
            detail = refusal(Held.ONE_WAITS)
            self._context.standing.hold = Health(AccountState.HELD, Hold.STUCK_ON_CLOCK, detail=detail)
            await self._context.standing.report()

    async def _lose_blindly(self, lane: Lane, why: Told) -> None:
        """It stays unclear, and there is nothing to show; if even that cannot be stored, others go first."""
        try:
            await self._context.endings.move(lane, moves.lose, why)
        except OURS:
            raise
        except Exception as error:
            self._context.unforeseen.tell(error, "lose")
            self._context.endings.drop(lane)
