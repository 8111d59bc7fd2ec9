"""What the account can do, as its transport reports and as its sender has decided."""

from __future__ import annotations

from dataclasses import replace

from daemon import errors
from daemon.accounts import directory
from daemon.delivery import timing
from daemon.delivery.db_thread import DatabaseThread
from daemon.delivery.upkeep import Upkeep
from daemon.delivery.waits import Waits
from daemon.i18n.coded import Told
from daemon.states import AccountState, Hold
from daemon.transports.protocol import Health, Transport


class Standing:
    """health: as the transport saw it last. hold: one that the sender decided, not the page. note: why nothing new goes
    out though the account could send. linked_anew: since the last canary."""

    def __init__(self, account: str, transport: Transport, db: DatabaseThread, waits: Waits, upkeep: Upkeep) -> None:
        self._account, self._transport, self._db, self._waits, self._upkeep = account, transport, db, waits, upkeep
        self.health = Health(AccountState.STARTING)
        self.hold: Health | None = None
        self.note: Told | None = None
        self.linked_anew = False
        self._timed: Health | None = None  # the hold that `_lasts_until` (monotonic) is of
        self._lasts_until = 0.0
        self._reported: tuple[Health, str | None] | None = None
        self._looked_at = self._reported_at = float("-inf")

    @property
    def usable(self) -> bool:
        """Whether chats can be read, and the doubtful be looked up."""
        return self.health.usable

    @property
    def held(self) -> bool:
        """Whether nothing goes out, though the page may show its chats."""
        return bool(self.hold) if self.health.usable else self.health.state is AccountState.HELD

    @property
    def open(self) -> bool:
        """Whether messages may go out."""
        return self.health.usable and not self.hold

    @property
    def ready(self) -> bool:
        """Whether they may go to anybody, not to known chats only."""
        return self.health.state is AccountState.READY

    def look_soon(self) -> None:
        """Something may have changed: look again before anything else."""
        self._looked_at = float("-inf")

    def no_longer(self, hold: Hold) -> None:
        """End the sender's own hold, if it is this one."""
        if self.hold and self.hold.hold is hold:
            self.hold = None
        self.look_soon()

    async def look(self) -> bool:
        """Make sure that `health` is at most LOOK_S old; False when the transport broke down meanwhile."""
        if timing.monotonic() - self._looked_at < timing.LOOK_S:
            return True
        life = self._upkeep.life
        try:
            self.health = await self._waits.unless_stopped(self._transport.health())
        except errors.BrowserLost as error:
            self._upkeep.lost(error, life)
            return False
        self._looked_at = timing.monotonic()
        self.linked_anew |= self.health.state is AccountState.NEEDS_LINK
        self._upkeep.seen(self.health.usable)
        if self.hold and self.hold.until_ms and self.is_over(self.hold.until_ms, await self._db.now()):
            self.hold = None
        await self.report()
        return True

    def is_over(self, until_ms: int, now: int) -> bool:
        """Whether the sender's own hold has ended; it does not get longer if the clock is set back."""
        if self._timed is not self.hold:
            self._timed, self._lasts_until = self.hold, timing.monotonic() + (until_ms - now) / 1000
        return until_ms <= now or timing.monotonic() >= self._lasts_until

    async def report(self, health: Health | None = None) -> None:
        """Store what the account can do, when it changes and every REPORT_S."""
        if health is None:
            health = self.hold if self.hold and self.health.usable else self.health
            if self.note and health.state is AccountState.READY:
                health = replace(health, detail=self.note)
        key = (health, health.qr)
        if key != self._reported or timing.monotonic() - self._reported_at >= timing.REPORT_S:
            await self._db.timed(directory.report, self._account, health)
            self._reported, self._reported_at = key, timing.monotonic()
