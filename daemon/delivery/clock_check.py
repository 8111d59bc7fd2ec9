"""Whether a sender may believe the clock.

A claim goes by it. With one that is a year ahead everybody with a date is skipped as too late, which no move leads back
from, what is scheduled goes out, and nothing that was sent today counts towards a cap. So the clock that decides (on
PostgreSQL the database's) is compared with how long this machine has run. Where they do not agree the sender claims
nothing, until the clock is right again or the wait is over; then it is believed, as somebody may have set it right.
"""

from __future__ import annotations

import structlog

from daemon.delivery import interruptions, timing
from daemon.delivery.interruptions import DOUBTED_MS, JUMP_MS
from daemon.models import Installation

log = structlog.get_logger()


class ClockCheck:
    """One for all lanes of a sender, asked on its database thread. It writes nothing.

    doubts: the clock was not believed when it was looked at last. anew: it is believed for the first time, or again,
    and nobody has put right yet what was decided by a wrong one.
    """

    def __init__(self) -> None:
        self.anew = True
        self._base: tuple[int, int] | None = None  # the clock when it was believed last, and how long we had run then
        self._doubted_at: int | None = None  # how long this machine had run then, ms

    @property
    def doubts(self) -> bool:
        return self._doubted_at is not None

    def begin(self, now: int) -> None:
        """Go on from when a process of ours was last there. To be called before this one notes that it is."""
        here = interruptions.moment(now)
        row = Installation.get_or_none(Installation.id == interruptions.ONE)
        if row is not None and here.boot and row.boot == here.boot:
            self._base = row.seen_at, row.up_ms
        elif row is not None and row.seen_at > now:  # how long ago that was is not known, but it was before now
            self._base = row.seen_at, here.up_ms

    def believes(self, now: int) -> bool:
        """Whether the clock may be gone by. now: what it says. From the first doubt to the end of the wait only the
        time counts for which the machine has run, so that no clock makes it longer."""
        up_ms = round(timing.clock() * 1000)
        ahead_ms = now - up_ms - (self._base[0] - self._base[1]) if self._base else 0
        if abs(ahead_ms) > JUMP_MS:
            if self._doubted_at is None:
                self._doubted_at = up_ms
                log.warning("clock.jumped", ahead_s=round(ahead_ms / 1000))
            if up_ms - self._doubted_at < DOUBTED_MS:
                return False
        self.anew |= self.doubts
        self._base, self._doubted_at = (now, up_ms), None
        return True
