"""Claim messages for the free lanes, and send each through its lane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from daemon import errors
from daemon.accounts import pacing
from daemon.delivery import claim, compose, moves, parts, timing
from daemon.delivery.context import OURS, Context
from daemon.delivery.lanes import Doubt, Lane
from daemon.delivery.parts import Piece
from daemon.delivery.refusals import Held, Passed
from daemon.delivery.waits import Stopping
from daemon.i18n.coded import Clause, Coded, refusal
from daemon.models import Job, Message
from daemon.telemetry import counts
from daemon.telemetry.counts import Counted
from daemon.transports import parts as parts_of
from daemon.transports.protocol import Mark, Outgoing

log = structlog.get_logger()

BARRED_MS = 3_600_000  # how long a chat that the account may not start is skipped


class Send:
    """Fills the free lanes. What a failure means is decided by its phase: before `moves.submit` nothing has left,
    after it only the chat can tell."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lanes, self._endings = context.lanes, context.endings
        self._lost_at = float("-inf")  # when a lease was found to be lost

    async def run(self) -> bool:
        """Claim for the free lanes, in one transaction; where few are free, wait for more."""
        if not self._context.standing.open or not self._may_claim():
            return False
        claimed = await self._claim()
        for message, composed in claimed:
            self._lanes.start(lane := self._lanes.open(message), self._send(lane, composed))
        room = self._room()
        if self._lanes.at_work and (not room or (claimed and room < self._lanes.some)):
            await self._lanes.some_end(1 if self._context.trouble.on_trial else self._lanes.some - room)
            return True
        return bool(claimed)

    def _may_claim(self) -> bool:
        """Whether the account is surely ours: else what is claimed would go back at once, again and again. A lease that
        was lost in spite of that has a pause."""
        return self._context.owning.holds() and timing.monotonic() - self._lost_at >= timing.LOOK_S

    def _room(self) -> int:
        """How many messages may be claimed now; while the account is on trial, one at a time."""
        if self._context.trouble.on_trial:
            return min(self._lanes.free, 1) if self._lanes.clear else 0
        return self._lanes.free

    async def _claim(self) -> list[tuple[Message, Outgoing | Exception]]:
        """Messages that are in hand now, and what is to be sent, or why it cannot be, which is for their lanes to deal
        with."""
        context, room = self._context, self._room()
        if not room:
            return []
        asked_at = timing.clock()  # before the round trip: a slow answer must not buy time
        claimed = await context.db.timed(
            self._composed,
            room,
            lease_ms=context.lease_ms,
            rules=context.rules,
            known_only=not context.standing.ready,
            in_hand=self._lanes.claimed,
            takes=context.takes,
        )
        context.standing.note = refusal(Held.CLOCK_JUMPED) if context.clock_check.doubts else None
        for message, _ in claimed:
            self._lanes.open(message)
        self._lanes.trust([message for message, _ in claimed], asked_at)
        return claimed

    def _composed(self, room: int, now: int, **terms: Any) -> list[tuple[Message, Outgoing | Exception]]:
        """On the database thread, at once: between two calls there would be a whole batch of moves."""
        check = self._context.clock_check
        if not check.believes(now):
            return []
        if check.anew:
            claim.due_again_where_dated(self._context.account, now)
            check.anew = False
        claimed = claim.claim(self._context.account, room, now=now, **terms)
        try:
            found: Sequence[Outgoing | Exception] = compose.several(self._context.settings, claimed)
        except errors.DatabaseBusy as error:
            found = [error] * len(claimed)
        return list(zip(claimed, found, strict=True))

    async def _send(self, lane: Lane, composed: Outgoing | Exception) -> None:
        message = lane.message
        lane.life = self._context.upkeep.life
        with bound_contextvars(job_id=message.job_id, message_id=message.id, attempt=message.attempts):
            await self._through(lane, composed)

    async def _through(self, lane: Lane, composed: Outgoing | Exception) -> None:
        """Send it; where it is of several parts, those that are left, one after the other."""
        if isinstance(composed, Exception):
            await self._part(lane, composed, None)
            return
        began, split = timing.monotonic(), parts_of.split(composed, not self._context.receipted)
        if len(split) == 1:
            await self._part(lane, composed, None, began)
            return
        whats = tuple(map(parts_of.name, split))
        try:
            begun = await self._context.db.call(parts.done, lane.message)
        except errors.DatabaseBusy as error:
            await self._part(lane, error, None)
            return
        if begun == len(split):  # a person has retried it: no part goes out twice
            why = await self._context.db.call(parts.failed, lane.message.id)
            clause = Clause(why) if isinstance(why, Coded) else why
            told = refusal(Passed.PART_NOT_AGAIN, why=clause) if clause else refusal(Passed.NOT_DELIVERED)
            await self._endings.move(lane, moves.fail, told)
            return
        for at, outgoing in enumerate(split[begun:], begun):
            if not await self._part(lane, outgoing, Piece(at, whats), began):
                return

    async def _part(self, lane: Lane, outgoing: Outgoing | Exception, piece: Piece | None, began: float = 0.0) -> bool:
        """Send a message, or a piece of it. began: when the message was. Returns whether the next one is due."""
        context, endings, message = self._context, self._endings, lane.message
        gap = pacing.Gap(message.job.delay_max_ms, pacing.Why.PAUSE, 0)
        try:
            gap = await self._gap(message)
            if isinstance(outgoing, Exception):
                raise outgoing
            self._lanes.extend_deadline(lane, sum(file.size for file in outgoing.attachments))
            mark = await self._ready(lane, outgoing, gap, piece)
        except errors.Undeliverable as error:  # WhatsApp says so
            await endings.move(lane, moves.fail, error.told)
            await context.trouble.refused(message)
            await context.set_pace(gap)
        except (errors.AttachmentLost, errors.IllegalMove, errors.LeaseLost, errors.DatabaseBusy) as error:
            await self._not_now(lane, error)
        except errors.AccountUnready as error:
            barred = isinstance(error, errors.ChatBarred) and context.standing.health.known_chats
            await endings.move(lane, endings.back(lane), error.told, wait_ms=BARRED_MS if barred else 0)
            context.standing.look_soon()  # before the next claim
        except (errors.InvalidInput, errors.NotFound) as error:
            await endings.move(lane, moves.fail, error.told)
            await context.set_pace(gap)
        except errors.BrowserLost as error:
            await endings.give_back_after_loss(lane)
            context.upkeep.lost(error, lane.life)
        except errors.ChatInUse as error:
            await endings.wait_for_person(lane, error.told)
            await context.set_pace(gap)
        except errors.Refused as error:
            await endings.refused(lane, error)
        except errors.NotSubmitted as error:
            await endings.retry(lane, error.told)
            await context.set_pace(gap)
        except Stopping:
            await endings.move(lane, endings.back(lane), refusal(Passed.SENDER_STOPPED))
        except OURS:
            raise
        except Exception as error:  # nothing has left
            kind = context.unforeseen.tell(error, "prepare")
            await endings.retry(lane, refusal(Passed.PREPARING_FAILED, kind=kind))
            await context.set_pace(gap)
        else:
            endings.files_found()
            return await self._hand_over(lane, outgoing, mark, gap, began, piece)
        return False

    async def _submit(self, lane: Lane, mark: Mark, gap: pacing.Gap, piece: Piece | None, spare_s: float) -> None:
        """Commit that it, or that part of it, may be out from now on. Raises TurnPassed: its turn was spare_s ago."""
        run, message = self._context.batches.run, lane.message
        if lane.out and piece is not None:
            await run(moves.submit_part, message, mark, piece)
        else:
            several = {} if piece is None else {"piece": piece}
            own_pause_ms = await self._own_pause_ms(message.job)
            terms = {"gap": gap, "rules": self._context.rules, "own_pause_ms": own_pause_ms, "spare_s": spare_s}
            await run(moves.submit, message, mark, **terms, **several)
        lane.out = True

    async def _not_now(self, lane: Lane, error: errors.DaemonError) -> None:
        """Nothing has left, and not because sending failed: a condition of the claim no longer holds."""
        if isinstance(error, errors.AttachmentLost):
            await self._endings.without_file(lane, error.told)
        elif isinstance(error, errors.IllegalMove):
            await self._endings.move(lane, moves.fail if lane.out else moves.release, error.told)
        elif isinstance(error, errors.DatabaseBusy):
            await self._endings.move(lane, moves.withdraw, error.told)
        else:
            self._endings.drop(lane)
            self._lost_at = timing.monotonic()
            self._lanes.ran_out_of_time(lane)
            counts.count(Counted.LEASES_LOST)
            log.error("lease.lost")

    async def _gap(self, message: Message) -> pacing.Gap:
        """The pause after it; a transport that is not a person's keyboard needs none."""
        if not self._context.transport.paced:
            return pacing.Gap(0, pacing.Why.READY, 0)
        return await self._context.gap((message.job.delay_min_ms, message.job.delay_max_ms))

    async def _own_pause_ms(self, job: Job) -> int:
        """How long its job alone waits after it, where its account does not."""
        if self._context.transport.paced or not pacing.pauses(False, job.delay_max_ms, job.own_delays):
            return 0
        gone = job.total - job.pending - job.claimed - job.skipped - job.cancelled
        every = self._context.settings.long_pause_every
        return (await self._context.gap((job.delay_min_ms, job.delay_max_ms), gone % every if every else 0)).ms

    async def _ready(self, lane: Lane, outgoing: Outgoing, gap: pacing.Gap, piece: Piece | None) -> Mark:
        """All is prepared, and it may be out from now on. Where it has a turn and the database was too slow for it, it
        takes another one: what many were held up with would go out at once, faster than allowed. Each time it may be
        held up for twice as long, so that it goes out in the end, however slow the database is."""
        context, spare_s = self._context, timing.TURN_S
        while True:
            mark = await self._prepare(lane, outgoing)
            await context.listening.overheard()
            if not context.standing.open:
                raise errors.AccountUnready(Passed.HELD_BEFORE)
            try:
                await self._submit(lane, mark, gap, piece, spare_s)
            except errors.TurnPassed:
                spare_s *= 2
            else:
                return mark

    async def _prepare(self, lane: Lane, outgoing: Outgoing) -> Mark:
        try:
            return await self._context.waits.unless_stopped(self._context.transport.prepare(outgoing), lane.left_s)
        except TimeoutError:
            raise errors.NotSubmitted(Passed.NOT_READY_IN_TIME) from None

    async def _hand_over(
        self, lane: Lane, outgoing: Outgoing, mark: Mark, gap: pacing.Gap, began: float, piece: Piece | None
    ) -> bool:
        """Returns whether the next part is due."""
        context, message = self._context, lane.message
        started, context.upkeep.used = timing.monotonic(), True
        try:
            handing = context.transport.hand_over(outgoing, mark, partial(self._holds, lane))
            receipt = await context.waits.within_grace(handing, lane.left_s)
            self._lanes.in_time()
            context.upkeep.works(message.id)
            context.trouble.success(message.job_id)
            if piece is not None and not piece.last:
                return await self._endings.part(lane, receipt, piece)
            paced = context.transport.paced
            pause = replace(gap, took_ms=round((timing.monotonic() - began) * 1000)) if paced else gap
            several = {} if piece is None else {"piece": piece}
            await self._endings.move(lane, moves.confirm, receipt, gap=pause, **several)
            await context.trouble.keep()
        except Stopping:
            return False  # stays `sending`: the next sender looks it up
        except errors.LeaseLost as error:  # this process was suspended; if nobody took over, it is queued again
            self._lost_at = timing.monotonic()
            self._lanes.ran_out_of_time(lane)
            await self._endings.move(lane, moves.requeue, error.told)
            return False
        except errors.Refused as error:
            await self._endings.refused(lane, error)
            return False
        except errors.NotSubmitted as error:
            await self._endings.retry(lane, error.told)
        except errors.BrowserLost as error:
            lane.doubt = Doubt(crashed=True)
            context.upkeep.lost_with(message.id)
            context.upkeep.lost(error, lane.life)
        except (errors.TransportError, TimeoutError) as error:
            log.warning("message.doubtful", why=str(error) or "It could not be sent in time.")
            lane.doubt = Doubt(crashed=False)
        except OURS:
            raise
        except Exception as error:  # it may be out
            log.warning("message.doubtful", why=context.unforeseen.tell(error, "hand over"))
            lane.doubt = Doubt(crashed=False)
        else:
            log.debug("message.handed_over", elapsed_ms=round((timing.monotonic() - started) * 1000))
            return False
        # Again, from the end of the send: a slow send must not use up the pause after it.
        await context.set_pace(gap)
        return False

    def _holds(self, lane: Lane) -> bool:
        """Whether message and account are surely still ours; asked right before the click, on any thread."""
        return timing.clock() < lane.trusted_until and self._context.owning.holds()
