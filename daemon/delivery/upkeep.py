"""The transport's lives: it is started, and restarted when it breaks down, until that happens too often."""

from __future__ import annotations

from collections import Counter

import structlog

from daemon import errors
from daemon.delivery import timing
from daemon.delivery.waits import Waits
from daemon.telemetry import counts
from daemon.telemetry.counts import Counted
from daemon.transports.protocol import Transport

log = structlog.get_logger()

MAX_RESTARTS = 5  # of the transport in a row; then supervisord restarts the process
LOSSES = 2  # after this many browsers lost with the same message, each counts as an attempt


class Upkeep:
    """One transport. broken: why it has to be restarted, None while it runs. life: counts its starts. used: whether
    anything was sent since it was last renewed."""

    def __init__(self, transport: Transport, waits: Waits) -> None:
        self._transport, self._waits = transport, waits
        self.broken: errors.BrowserLost | None = None
        self.life = 0
        self.used = False
        self._restarts = 0
        self._steady_since = 0.0
        self._lost_with: Counter[int] = Counter()  # message id: how often it broke down while that was handed over

    def lost(self, error: errors.BrowserLost, life: int) -> None:
        """It broke down in that life; later reports from before the restart add nothing."""
        if life == self.life and self.broken is None:
            self.broken = error

    def lost_with(self, message_id: int) -> None:
        self._lost_with[message_id] += 1

    def breaks_it(self, message_id: int) -> bool:
        """Whether it is this very message that breaks it."""
        return self._lost_with[message_id] >= LOSSES

    def works(self, message_id: int) -> None:
        """A message has gone through."""
        self._restarts = 0
        self._lost_with.pop(message_id, None)

    def seen(self, usable: bool) -> None:
        """Earlier restarts stop counting once it has been usable for a while."""
        if not usable:
            self._steady_since = timing.monotonic()
        elif timing.monotonic() - self._steady_since > timing.STEADY_S:
            self._restarts = 0

    async def bring_up(self) -> None:
        """Start it. Raises BrowserLost when that fails too often, Stopping, SetupError, AccountInUse."""
        while True:
            started = timing.monotonic()
            try:
                await self._waits.unless_stopped(self._transport.start())
            except errors.BrowserLost as error:
                await self._count(error)
            else:
                log.info("transport.started", elapsed_ms=round((timing.monotonic() - started) * 1000))
                self._steady_since = timing.monotonic()
                self.life += 1
                self.broken = None
                return

    async def restart(self) -> None:
        """Start it again after it broke down. Raises as `bring_up` does."""
        if self.broken:
            await self._count(self.broken)
            await self.bring_up()

    async def _count(self, error: errors.BrowserLost) -> None:
        """Close what is left and wait a little. Raises the error when it has happened too often in a row."""
        self._restarts += 1
        counts.count(Counted.TRANSPORT_RESTARTS)
        log.error("transport.failed", error=str(error), failures=self._restarts)
        await self._transport.close()
        if self._restarts >= MAX_RESTARTS:
            raise error
        await self._waits.pause(timing.RESTART_S * 2.0 ** (self._restarts - 1))
