"""What the duties of an engine share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

from daemon import errors
from daemon.accounts import directory, limits, ownership, pace, pacing
from daemon.config import Settings
from daemon.delivery.batches import Batches
from daemon.delivery.claim import Takes
from daemon.delivery.clock_check import ClockCheck
from daemon.delivery.db_thread import DatabaseThread
from daemon.delivery.endings import Endings
from daemon.delivery.inbox import Listening
from daemon.delivery.lanes import Lanes
from daemon.delivery.standing import Standing
from daemon.delivery.trouble import Trouble
from daemon.delivery.upkeep import Upkeep
from daemon.delivery.waits import Stopping, Waits
from daemon.telemetry.unforeseen import Unforeseen
from daemon.transports.protocol import Receipted, Rehearses, Transport

# Not a matter of the message in hand: the engine, or the process, has to act.
OURS = (
    Stopping,
    errors.DatabaseBusy,
    errors.DatabaseUnusable,
    errors.SetupError,
    errors.AccountInUse,
    errors.AccountLost,
)


@dataclass
class Context:
    """One account's sender: its settings and transport, and the services that every duty uses. given: the account,
    where `seat` has taken it already."""

    settings: Settings
    transport: Transport
    dice: Random
    given: ownership.Tenure | None = None
    waits: Waits = field(default_factory=Waits)
    unforeseen: Unforeseen = field(default_factory=Unforeseen)

    def __post_init__(self) -> None:
        settings, transport = self.settings, self.transport
        self.account = settings.account
        self.receipted = isinstance(transport, Receipted)  # asking it for each message takes a while
        self.takes = Takes(isinstance(transport, Rehearses), settings.dryrun_takes_all)
        self.rules = replace(limits.rules(settings), paced=transport.paced)
        self.lease_ms = round(settings.lease_s * 1000)
        self.db = DatabaseThread(settings, self.waits, self.given)
        self.owning = self.db.owning
        self.clock_check = ClockCheck()
        self.upkeep = Upkeep(transport, self.waits)
        self.standing = Standing(self.account, transport, self.db, self.waits, self.upkeep)
        self.lanes = Lanes(settings, transport.concurrency)
        self.batches = Batches(self.db, self.lanes)
        self.trouble = Trouble(self.account, self.db, self.standing)
        self.endings = Endings(settings, self.db, self.lanes, self.batches, self.standing, self.trouble)
        self.listening = Listening(settings, transport, self.db, self.gap, self.owning.holds)

    def begin_anew(self) -> None:
        """The transport has come up again and knows nothing of its life before."""
        self.standing.look_soon()
        self.listening.begin_anew()

    async def gap(self, delay_ms: tuple[int, int] | None = None, streak: int | None = None) -> pacing.Gap:
        """The pause after the next message, for a job with these delays; None for what belongs to no job. streak: how
        many there were since the last long pause, if not the account's."""
        found = await self.db.timed(directory.whole_pace, self.account)
        settings, rules = self.settings, pacing.own(self.rules, None, None, None, None, *found.pauses)
        delay_ms = delay_ms or pacing.range_ms(settings.delay_min, settings.delay_max, found.delay)
        streak = found.streak if streak is None else streak
        return pacing.gap(pacing.slowed(delay_ms, found.slow), streak, rules, self.dice)

    async def set_pace(self, gap: pacing.Gap) -> None:
        """Start the pause now."""
        await self.db.timed(pace.set_pace, self.account, gap=gap)

    def opens(self, now: int) -> bool:
        """Whether pace, caps and quiet hours allow a message now; on the database thread."""
        return pace.opening(self.account, now, self.rules).at <= now
