"""The sender's side of owning its account: take it at the start, renew it while running, and possibly lose it.

Waiting for another owner lasts at most one lease. It ends when that owner signs off, its lease runs out, its row has
not changed for a whole lease (then the account is ours), or, most often, when its heartbeat shows that it is alive:
then this sender is refused.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from daemon import errors
from daemon.accounts import ownership
from daemon.config import Settings
from daemon.telemetry import counts
from daemon.telemetry.counts import Counted

log = structlog.get_logger()

LOOK_S = 0.25  # between two looks at whether the owner lives


class Owning:
    """One sender's claim to its account.

    timed: runs database work that needs the time, `DatabaseThread.timed`. clock: seconds that also pass while
    this machine sleeps. given: what `seat.find` has taken. tenure: what it owns; None before and after.
    """

    def __init__(
        self,
        settings: Settings,
        timed: Callable[..., Awaitable[Any]],
        clock: Callable[[], float],
        given: ownership.Tenure | None = None,
    ) -> None:
        self._given = given
        self._account, self._folder, self._lease_s = settings.account, settings.data_dir, settings.lease_s
        self._timed, self._clock = timed, clock
        self._until = 0.0  # until when (by the clock) it is surely ours
        self.tenure: ownership.Tenure | None = None

    async def obtain(self, sole: bool | None, pause: Callable[[float], Awaitable[None]]) -> bool:
        """Take the account; returns whether this call made it ours. sole: see `ownership.take`; with None the row is
        left alone if the transport's lock will tell more. pause: waits, and raises what ends the wait.

        Raises AccountInUse when another sender drives the account.
        """
        if self.tenure:
            return False
        if self._given:  # taken just now, and renewed by the first heartbeat
            self.tenure, self._given = self._given, None
            await self._timed(self.renew)
            return True
        place, lease_ms = ownership.here(self._folder), round(self._lease_s * 1000)
        seen: ownership.Taken | None = None
        since = time.monotonic()
        while True:
            asked_at = self._clock()  # before the round trip: a slow answer must not buy time
            watched = seen if time.monotonic() - since > self._lease_s else None
            found = await self._timed(
                ownership.take, self._account, place, lease_ms=lease_ms, sole=sole, watched=watched
            )
            if isinstance(found, ownership.Tenure):
                self.tenure, self._until = found, asked_at + self._lease_s
                log.info("account.taken", proved=found.proved)
                return True
            if sole is None and found.near:
                return False
            if seen is None:
                seen, since = found, time.monotonic()
                log.warning("account.in_use", reason="another sender owns it; if that one is silent, it is taken over")
            elif found != seen:
                raise errors.AccountInUse(
                    f"Another sender drives account {self._account}, perhaps on another machine: stop it first, or set "
                    "WASENDER_ACCOUNT to another name."
                )
            await pause(LOOK_S)

    def renew(self, now: int) -> None:
        """On the database's thread. Raises AccountLost."""
        if self.tenure:
            asked_at = self._clock()
            ownership.renew(self.tenure, now, round(self._lease_s * 1000))
            self._until = asked_at + self._lease_s

    def holds(self) -> bool:
        """Whether the account is surely ours; any thread may ask."""
        return self.tenure is not None and self._clock() < self._until

    def lost(self, error: errors.AccountLost) -> None:
        """Another sender owns the account: from now on this one sends nothing."""
        if self.holds():
            counts.count(Counted.ACCOUNTS_LOST)
            log.error("account.lost", reason=str(error))
        self._until = 0.0

    def end(self) -> None:
        """This process no longer drives the account."""
        if self.tenure:
            ownership.forget(self.tenure)
