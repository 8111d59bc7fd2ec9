"""How a message leaves its lane: always by one move."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import structlog

from daemon import errors
from daemon.config import Settings
from daemon.delivery import job_moves, moves
from daemon.delivery.batches import Batches
from daemon.delivery.breaker import Verdict
from daemon.delivery.db_thread import DatabaseThread
from daemon.delivery.lanes import Lane, Lanes
from daemon.delivery.parts import Piece
from daemon.delivery.refusals import Asks, Held, Passed
from daemon.delivery.standing import Standing
from daemon.delivery.trouble import Trouble
from daemon.delivery.upkeep import LOSSES
from daemon.i18n.coded import Coded, Told, part, refusal
from daemon.states import Hold
from daemon.telemetry import counts
from daemon.telemetry.counts import Counted
from daemon.transports.protocol import Receipt

log = structlog.get_logger()

IN_USE_MS, IN_USE_MOST_MS = 300_000, 3_600_000  # how long a message waits while a person types in that chat
IN_USE_END_MS = 86_400_000  # after this long it fails: somebody has left that text there


class Endings:
    """The moves that end a message's time in its lane."""

    def __init__(
        self,
        settings: Settings,
        db: DatabaseThread,
        lanes: Lanes,
        batches: Batches,
        standing: Standing,
        trouble: Trouble,
    ) -> None:
        self._settings, self._db, self._lanes, self._batches = settings, db, lanes, batches
        self._standing, self._trouble = standing, trouble
        self._fileless: int | None = None  # the job of the last recipient whose own file was missing

    async def move(self, lane: Lane, move: Callable[..., None], what: Any, **terms: Any) -> None:
        """End it with this move; a lost lease changes nothing. Raises DatabaseBusy if it could not be stored; once its
        lease has run out, the message is rescued or looked up."""
        try:
            await self._db.persist(partial(self._batches.run, move, lane.message, what, **terms))
        except errors.LeaseLost:
            counts.count(Counted.LEASES_LOST)
            log.error("lease.lost")
        except errors.DatabaseBusy:
            self._lanes.close(lane)
            raise
        self.drop(lane)

    async def part(self, lane: Lane, receipt: Receipt, piece: Piece) -> bool:
        """That part has its tick. Returns whether the next one is due; raises as `move`."""
        try:
            await self._db.persist(partial(self._batches.run, moves.confirm_part, lane.message, receipt, piece=piece))
        except errors.LeaseLost:
            counts.count(Counted.LEASES_LOST)
            log.error("lease.lost")
            self.drop(lane)
            return False
        except errors.DatabaseBusy:
            self._lanes.close(lane)
            raise
        return True

    @staticmethod
    def back(lane: Lane) -> Callable[..., None]:
        """The move back to the queue where nobody is to blame: some parts of it may be out already."""
        return moves.requeue if lane.out else moves.release

    def drop(self, lane: Lane) -> None:
        """Let go of it: it is no longer ours."""
        self._lanes.close(lane)
        timed = self._standing.hold is not None and self._standing.hold.until_ms  # over several: it has its own end
        if lane.doubt and not timed and (self._lanes.free or not self._lanes.doubtful):
            self._standing.no_longer(Hold.STUCK_ON_CLOCK)

    async def retry(self, lane: Lane, why: Told) -> None:
        """Count the attempt, unless a run of failures shows that the account is to blame: then the account holds."""
        most, wait_ms = self._settings.max_attempts, round(self._settings.retry_after_s * 1000)
        verdict = self._trouble.judge(lane.message, why, most)
        counted = verdict is Verdict.COUNT
        await self.move(lane, moves.retry, why, max_attempts=most, wait_ms=wait_ms, counted=counted)
        if verdict is Verdict.HOLD:
            await self._trouble.hold(refusal(Held.NOTHING_SENT, why=part(why)))
        await self._trouble.keep()

    async def refused(self, lane: Lane, error: errors.Refused) -> None:
        """WhatsApp's server itself says no: nothing was sent. Only a recipient's own trouble fails the message; where
        message after message of a campaign fails for the same reason, it waits for a person."""
        job_id, told = lane.message.job_id, error.told
        if error.blame is errors.Blame.RECIPIENT:
            await self.move(lane, moves.fail, told, opted_out=error.opted_out)
            if self._trouble.turned_down(job_id, told):
                await self._db.timed(job_moves.suspend, job_id, refusal(Asks.REFUSED_IN_A_ROW, why=part(told)))
            return
        if error.blame is errors.Blame.CAMPAIGN:
            await self._db.timed(job_moves.suspend, job_id, told)
        elif error.blame is errors.Blame.ACCOUNT:
            self._standing.look_soon()
        await self.move(lane, self.back(lane), told, wait_ms=error.wait_ms)

    async def give_back_after_loss(self, lane: Lane) -> None:
        """A browser crash is not the recipient's fault, unless it happens again and again with the same message.

        Counted in the history, because this process also ends when its browser crashes too often.
        """
        once, again = Passed.BROWSER_BROKE_DOWN, Passed.BROWSER_KEEPS_BREAKING_DOWN
        count, _ = await self._db.call(moves.put_aside, lane.message, once, again)
        if count + 1 >= LOSSES:
            await self.retry(lane, refusal(again))
        else:
            await self.move(lane, self.back(lane), refusal(once))

    async def wait_for_person(self, lane: Lane, why: Coded) -> None:
        """Somebody is typing in the recipient's chat: come back later, and give up if that text stays for a day."""
        now = await self._db.now()
        _, begun = await self._db.call(moves.put_aside, lane.message, why.code)
        waited_ms = max(now - begun, 0) if begun else 0
        if waited_ms >= IN_USE_END_MS:
            await self.move(lane, moves.fail, why)
        else:
            wait_ms = min(max(waited_ms, IN_USE_MS), IN_USE_MOST_MS)
            await self.move(lane, self.back(lane), why, wait_ms=wait_ms)

    async def without_file(self, lane: Lane, why: Told) -> None:
        """A file is missing or was changed since its upload. The job waits for a person; everybody keeps their place.

        If it is one recipient's own file, only they are skipped; if the next one's is missing as well, the job waits.
        """
        message = lane.message
        own = message.attachments is not None
        if own and self._fileless != message.job_id:
            self._fileless = message.job_id
            await self.move(lane, moves.fail, why)
        else:
            await self._db.timed(job_moves.suspend, message.job_id, why)
            await self.move(lane, self.back(lane), why)

    def files_found(self) -> None:
        """Start counting missing personal files again."""
        self._fileless = None
