"""The account's failures in a row, kept across restarts, and the hold that follows from them; see `breaker`."""

from __future__ import annotations

from functools import partial

import structlog

from daemon.accounts import directory
from daemon.delivery import moves
from daemon.delivery.breaker import FIRST_HOLD_MS, LONGEST_HOLD_MS, Failures, Verdict, cause_of
from daemon.delivery.db_thread import DatabaseThread
from daemon.delivery.refusals import Held, Passed
from daemon.delivery.standing import Standing
from daemon.i18n.coded import Told, refusal
from daemon.models import Message
from daemon.states import AccountState, Hold
from daemon.transports.protocol import Health

log = structlog.get_logger()

REFUSED_LIMIT = 20  # so many of a campaign in a row, for the same reason


class Trouble:
    """One account's failures and what is done about them."""

    def __init__(self, account: str, db: DatabaseThread, standing: Standing) -> None:
        self._account, self._db, self._standing = account, db, standing
        self._failures = Failures()
        self._kept: directory.Failing | None = None
        self._refusals: dict[int, tuple[str, int]] = {}  # by job: what WhatsApp refuses in a row, and how often
        self._stuck: set[int] = set()  # since the last success: messages that wait for a tick beside others

    async def load(self) -> None:
        """Continue from what earlier senders stored; called once the account is ours."""
        self._kept = await self._db.call(directory.failing, self._account)
        self._failures = Failures.loads(self._kept)

    @property
    def suspect(self) -> bool:
        """Whether to look for somebody who is known to be there."""
        return self._failures.suspect

    @property
    def on_trial(self) -> bool:
        """Whether it was held and nothing has gone through since: then one message is tried at a time."""
        return self._failures.on_trial

    @property
    def many_stuck(self) -> bool:
        """Whether message after message waits for its tick: it is the account's trouble, also between two holds."""
        return len(self._stuck) > 1

    def success(self, job_id: int | None = None) -> None:
        """A message has gone through. job_id: of which campaign."""
        self._failures.success()
        if job_id is not None:
            self._refusals.pop(job_id, None)
        self.arrived()

    def arrived(self) -> None:
        """WhatsApp ticks messages."""
        if self.many_stuck:
            self._standing.no_longer(Hold.STUCK_ON_CLOCK)
        self._stuck.clear()

    async def stuck(self, message: Message, *, others_arrived: bool) -> None:
        """It waits for its tick, whatever was done about it. One may; where none has gone through between it and the
        next, the account is to blame, and holds before one more is tried. others_arrived: since it was handed over, in
        an earlier life."""
        if not others_arrived:
            self._stuck.add(message.id)
        self._standing.no_longer(Hold.STUCK_ON_CLOCK)
        if self.many_stuck and not others_arrived:
            lasts_ms = min(FIRST_HOLD_MS * 2 ** (len(self._stuck) - 2), LONGEST_HOLD_MS)
            until_ms = await self._db.now() + lasts_ms
            detail = refusal(Held.MANY_WAIT)
            self._standing.hold = Health(AccountState.HELD, Hold.STUCK_ON_CLOCK, until_ms, detail)
        await self._standing.report()

    def judge(self, message: Message, why: Told, most: int) -> Verdict:
        """What one more failure means. Messages that were in flight when the hold began are excused, and do not extend
        it."""
        if self._standing.hold and self._standing.hold.hold is Hold.FAILURES:
            return Verdict.EXCUSE
        return self._failures.note(message.id, why, message.attempts >= most)

    def turned_down(self, job_id: int, why: Told) -> bool:
        """WhatsApp has refused one more message of the campaign. Whether it is one after the other, for one reason: it
        is more likely the campaign's fault than that of its people."""
        cause = cause_of(why)
        before, count = self._refusals.get(job_id, (cause, 0))
        count = count + 1 if before == cause else 1
        self._refusals[job_id] = (cause, 0 if count >= REFUSED_LIMIT else count)
        return count >= REFUSED_LIMIT

    async def refused(self, message: Message) -> None:
        """WhatsApp says that this person cannot be reached."""
        self._failures.refuse(message.id, await self._db.now())
        await self.keep()

    async def hold(self, detail: Told) -> None:
        """The account is to blame: it holds for a while, and those who failed get their place and attempts back."""
        lasts_ms, counted = self._failures.hold()
        until_ms = await self._db.now() + lasts_ms
        self._standing.hold = Health(AccountState.HELD, Hold.FAILURES, until_ms, detail)
        # Before the hold is reported, so that those who read it find everybody in their place.
        forgiving = partial(self._db.timed, moves.forgive, counted, refusal(Passed.ACCOUNT_TO_BLAME))
        log.warning("account.forgiven", count=await self._db.persist(forgiving))
        await self._standing.report()

    async def keep(self) -> None:
        """Store the count: a run may build up slowly, so it must outlive this process."""
        run = self._failures.dumps()
        if run != self._kept:
            await self._db.call(directory.keep_failing, self._account, run)
            self._kept = run
