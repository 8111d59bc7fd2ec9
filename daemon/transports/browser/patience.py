"""How long which screen of WhatsApp Web is waited for before the page is loaded anew: no state lasts for ever. Pure."""

from __future__ import annotations

from daemon.states import AccountState
from daemon.transports.browser.looks import Look
from daemon.transports.browser.screen_rules import Heal, Verdict

#: Until the first look by a reload, the second, and each later one; the page then takes some seconds to show itself.
FIRST_S, SECOND_S, LATER_S = 60.0, 120.0, 210.0
LINKING_S = 1800.0  #: the same while somebody may be linking and nothing changes: a reload would end it
LONGEST_S = 1800.0  #: how long a page may go on loading, however its progress grows
STEADY_S = 300.0  #: how long an account must be fine before the next trouble begins anew with FIRST_S
SAME_END_MS = 90_000  #: two ends of a hold that differ less are one: the page counts down
#: These look by themselves whether it is over, more often.
OTHERWISE = frozenset({Heal.RELOAD, Heal.TAKE_WINDOW, Heal.PROBE})


class Patience:
    """Decides when the page is loaded anew. Time is given: `now` in monotonic seconds, `now_ms` in UTC epoch ms."""

    def __init__(self) -> None:
        self._what: object = None
        self._since = 0.0  # of `_what`, or of the last progress
        self._life_since = 0.0  # since when it is loading in this life of the page
        self._best: float | None = None
        self._tries = 0
        self._reloaded_at: float | None = None
        self._good_since: float | None = None

    def is_over(self, verdict: Verdict, born: float, percent: float | None, now: float, now_ms: int) -> bool:
        """Whether the page is to be loaded anew now; the answer True is counted as done. born, percent: see Look."""
        health = verdict.health
        if health.state is AccountState.READY:
            self._what = None
            self._good_since = now if self._good_since is None else self._good_since
            if now - self._good_since >= STEADY_S:
                self._tries = 0
            return False
        self._good_since = None
        what = (health.state, health.hold, verdict.linking, born)
        if what != self._what:
            self._what, self._since, self._life_since, self._best = what, now, now, None
        self._note_progress(health.state, percent, now)
        if verdict.heal in OTHERWISE:
            return False
        if self._reloaded_at is not None and now - self._reloaded_at < FIRST_S:
            return False
        if verdict.linking is not None:
            self._tries = 0
            over = now - self._since >= LINKING_S
        elif health.until_ms is not None:
            over = now_ms >= health.until_ms
        else:
            over = now - self._since >= (FIRST_S, SECOND_S, LATER_S)[min(self._tries, 2)]
        if over:
            self._tries += 1
            self._since, self._reloaded_at = now, now
        return over

    def _note_progress(self, state: AccountState, percent: float | None, now: float) -> None:
        """What still comes is waited for."""
        if state is not AccountState.LOADING or percent is None or now - self._life_since >= LONGEST_S:
            return
        if self._best is None or percent > self._best:
            if self._best is not None:
                self._since = now
            self._best = percent


class Ends:
    """When what the page speaks of ends: it names a duration, which may count down or stand as it was written."""

    def __init__(self) -> None:
        self._named: tuple[float, str] | None = None
        self._until: int | None = None

    def until(self, look: Look, seconds: int | None, now_ms: int) -> int | None:
        """UTC epoch ms; None where no end is named. seconds: what `look["duration"]` says."""
        if not seconds:
            self._named = self._until = None
            return None
        named = (look["born"], look["duration"] or "")
        until = now_ms + seconds * 1000
        known = self._until is not None and self._named is not None and named[0] == self._named[0]
        if not (known and (named == self._named or abs(until - (self._until or 0)) < SAME_END_MS)):
            self._until = until
        self._named = named
        return self._until
