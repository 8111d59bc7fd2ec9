"""Works out when an account may send next. Pure: the clock, the dice and the past are arguments."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from daemon.i18n.instants import LATEST_MS, instant

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SLOWER = 3  # after a restriction, pauses are this many times as long
SLOW_MS = DAY_MS  # how long that lasts


class Why(StrEnum):
    """What the next message waits for; shown next to the time."""

    READY = "ready"
    PAUSE = "pause"
    LONG_PAUSE = "long_pause"
    HOURLY_CAP = "hourly_cap"
    DAILY_CAP = "daily_cap"
    QUIET_HOURS = "quiet_hours"
    JOB_WINDOW = "job_window"
    JOB_CAP = "job_cap"
    DATE = "date"
    PORTFOLIO_LIMIT = "portfolio_limit"


@dataclass(frozen=True)
class Rules:
    """The limits of an account, apart from a job's own delays; pauses in ms, a cap of 0 for none. portfolio: the
    business at Meta whose limit of people it shares, "" for none, see `portfolios`. paced: whether there are pauses
    between messages at all; otherwise only those of a job that has some of its own, which are its alone."""

    long_pause_every: int = 0
    long_pause_ms: tuple[int, int] = (0, 0)
    hourly_cap: int = 0
    daily_cap: int = 0
    quiet: tuple[time, time] | None = None
    zone: str = "UTC"
    person_cap: int = 0  # most messages to one person, over all jobs and accounts
    person_window_ms: int = 0  # the period that person_cap is for
    portfolio: str = ""
    paced: bool = True
    consent: bool = False  # only people who agreed to it get campaigns

    def windows(self) -> tuple[tuple[int, int, Why], ...]:
        """The caps that are set: (most messages, within ms, reason)."""
        both = ((self.hourly_cap, HOUR_MS, Why.HOURLY_CAP), (self.daily_cap, DAY_MS, Why.DAILY_CAP))
        return tuple(cap for cap in both if cap[0])


def own(
    rules: Rules,
    hourly_cap: int | None,
    daily_cap: int | None,
    quiet_hours: str | None,
    zone: str | None,
    every: int | None = None,
    least_s: float | None = None,
    most_s: float | None = None,
) -> Rules:
    """`rules` with an account's own limits; None for a limit it has not set. quiet_hours: "" for none; every, least_s,
    most_s: of its long pauses."""
    changes: dict[str, Any] = {"hourly_cap": hourly_cap, "daily_cap": daily_cap, "zone": zone or None}
    changes["long_pause_every"] = every
    changes = {name: value for name, value in changes.items() if value is not None}
    if quiet_hours is not None:
        changes["quiet"] = window(quiet_hours)
    if (least_s, most_s) != (None, None):
        least, most = rules.long_pause_ms
        changes["long_pause_ms"] = range_ms(least / 1000, most / 1000, (least_s, most_s))
    return replace(rules, **changes) if changes else rules


def pauses(paced: bool, delay_max_ms: int, own_delays: bool | None) -> bool:
    """Whether there are pauses between a job's messages: where its account makes none, only those given for the job."""
    return paced or bool(own_delays and delay_max_ms)


@dataclass(frozen=True)
class Gap:
    """The pause after a message: its length, the reason, and the account's streak after it. took_ms: how long the send
    itself has taken, 0 where that is unknown."""

    ms: int
    why: Why
    streak: int
    took_ms: int = 0


@dataclass(frozen=True)
class Opening:
    """The earliest time (ms) at which an account may hand over its next message, and what it waits for."""

    at: int
    why: Why


def range_ms(low_s: float, high_s: float, own: tuple[float | None, float | None]) -> tuple[int, int]:
    """A range of pauses in ms, from the settings' and an account's own in seconds: where only one end is its own, the
    other one gives way."""
    low, high = own
    if low is None:
        low = low_s if high is None else min(low_s, high)
    if high is None:
        high = max(high_s, low)
    return round(low * 1000), round(high * 1000)


def slowed(delay_ms: tuple[int, int], slow: bool) -> tuple[int, int]:
    """A job's delays, made longer while the account sends slowly after a restriction."""
    return (delay_ms[0] * SLOWER, delay_ms[1] * SLOWER) if slow else delay_ms


def with_send(delay_ms: tuple[int, int], send_ms: int) -> tuple[int, int]:
    """How far apart two messages are: the pause begins when the one before has been sent."""
    return delay_ms[0] + send_ms, delay_ms[1] + send_ms


def gap(delay_ms: tuple[int, int], streak: int, rules: Rules, dice: random.Random) -> Gap:
    """Draw the pause after a message that is the `streak`+1st since the last long pause."""
    ms = dice.randint(*delay_ms)
    if rules.long_pause_every and streak + 1 >= rules.long_pause_every:
        return Gap(ms + dice.randint(*rules.long_pause_ms), Why.LONG_PAUSE, 0)
    return Gap(ms, Why.PAUSE, streak + 1)


def opening(now: int, paced: Opening, rules: Rules, nth_newest: Callable[[int, int], int | None]) -> Opening:
    """The earliest time that pace, caps and quiet hours all allow, never before `now`.

    nth_newest: (n, since_ms) -> time in ms of the n-th newest hand-over after since_ms, None when
    there are fewer.
    """
    found = paced if paced.at > now else Opening(now, Why.READY)
    for cap, window_ms, why in rules.windows():
        oldest_that_counts = nth_newest(cap, now - window_ms)
        if oldest_that_counts is not None and oldest_that_counts + window_ms > found.at:
            found = Opening(oldest_that_counts + window_ms, why)
    wakes_at = quiet_until(found.at, rules)
    return Opening(wakes_at, Why.QUIET_HOURS) if wakes_at > found.at else found


def quiet_until(at_ms: int, rules: Rules) -> int:
    """The end (ms) of the quiet hours that `at_ms` lies in, or `at_ms` itself."""
    if rules.quiet is None or at_ms > LATEST_MS:
        return at_ms
    start, end = rules.quiet
    local = instant(at_ms, ZoneInfo(rules.zone))
    now = local.time()
    inside = start <= now < end if start <= end else (now >= start or now < end)
    if not inside:
        return at_ms
    day = local.date() if now < end else local.date() + timedelta(days=1)
    # When clocks are put back, an hour occurs twice: take the end that is ahead, not the one that has passed.
    wakes = datetime.combine(day, end, ZoneInfo(rules.zone)).replace(fold=local.fold)
    return int(wakes.astimezone(UTC).timestamp() * 1000)


def window(text: str | None) -> tuple[time, time] | None:
    """A job's sending hours, such as `09:00-18:00`; None for none. Raises ValueError if they cannot be read."""
    if not text:
        return None
    start, _, end = text.partition("-")
    both = time.fromisoformat(start.strip().zfill(5)), time.fromisoformat(end.strip().zfill(5))
    if both[0] == both[1]:
        raise ValueError("begins when it ends")
    return both


@dataclass(frozen=True)
class Terms:
    """A job's own limits, in addition to its account's: it only sends within its hours (in the account's time zone),
    and at most `daily_cap` messages in 24 hours (0: no cap)."""

    window: tuple[time, time] | None = None
    daily_cap: int = 0


def job_opening(now: int, terms: Terms, zone: str, nth_newest: Callable[[int, int], int | None]) -> Opening:
    """The earliest time that a job's own hours and cap allow. nth_newest: as in `opening`, for the job's messages."""
    found = Opening(now, Why.READY)
    if terms.daily_cap:
        oldest_that_counts = nth_newest(terms.daily_cap, now - DAY_MS)
        if oldest_that_counts is not None:
            found = Opening(max(now, oldest_that_counts + DAY_MS), Why.JOB_CAP)
    if terms.window:
        start, end = terms.window
        opens_at = quiet_until(found.at, Rules(quiet=(end, start), zone=zone))
        if opens_at > found.at:
            return Opening(opens_at, Why.JOB_WINDOW)
    return found if found.at > now else Opening(now, Why.READY)


def narrowed(rules: Rules, terms: Terms) -> Rules:
    """The account's rules combined with a job's own limits, for `eta`."""
    caps = [cap for cap in (rules.daily_cap, terms.daily_cap) if cap]
    return replace(rules, daily_cap=min(caps, default=0), quiet=_closed(rules.quiet, terms.window))


def _closed(quiet: tuple[time, time] | None, window: tuple[time, time] | None) -> tuple[time, time] | None:
    """The hours in which nothing goes out, as one period: the quiet hours and those outside the window."""
    if window is None or quiet is None or quiet[0] == quiet[1]:
        return quiet if window is None else (window[1], window[0])
    start, end = window
    if _within(start, quiet):
        start = quiet[1]
    if _within(end, quiet) or (_within(quiet[0], (start, end)) and not _within(quiet[1], (start, end))):
        end = quiet[0]
    return (end, start)


def _within(at: time, hours: tuple[time, time]) -> bool:
    start, end = hours
    return start <= at < end if start <= end else at >= start or at < end


def quiet_from(at_ms: int, rules: Rules) -> float:
    """Until when (ms) no quiet hours begin, counted from `at_ms`, which is not in quiet hours itself: the next quiet
    hours, or an earlier change of the clocks, after which the caller has to ask again. Infinite without quiet hours.
    """
    if rules.quiet is None or rules.quiet[0] == rules.quiet[1]:
        return math.inf
    offset, start = _offset(at_ms, rules.zone), rules.quiet[0]
    of_day = (start.hour * 3600 + start.minute * 60 + start.second) * 1000
    next_start = at_ms + ((of_day - at_ms - offset) % DAY_MS or DAY_MS)
    if _offset(next_start, rules.zone) == offset:
        return next_start
    same, other = at_ms, next_start
    while other - same > 1:
        middle = (same + other) // 2
        same, other = (middle, other) if _offset(middle, rules.zone) == offset else (same, middle)
    return other


def _offset(at_ms: int, zone: str) -> int:
    """The zone's offset from UTC (ms) at that time."""
    offset = instant(at_ms, ZoneInfo(zone)).utcoffset()
    return round(offset.total_seconds() * 1000) if offset else 0


@dataclass(frozen=True)
class _Run:
    """A run of messages at the mean pace: the index of the first, its time, and the streak before it."""

    first: int
    at: int
    streak: int


@dataclass(frozen=True)
class _Pace:
    """The mean pauses between messages, ms."""

    mean: int
    long_mean: int
    every: int

    def after(self, count: int, streak: int) -> int:
        """The time (ms) from a message to the `count`-th after it."""
        long_pauses = (streak + count) // self.every if self.every else 0
        return count * self.mean + long_pauses * self.long_mean

    def time(self, run: _Run, index: int) -> int:
        return run.at + self.after(index - run.first, run.streak)

    def fit(self, most: int, ms: float, streak: int) -> int:
        """How many messages, at least 1 and at most `most`, begin less than `ms` after the first of them."""
        low, high = 1, most
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.after(middle - 1, streak) < ms else (low, middle - 1)
        return low

    def first_early(self, run: _Run, base: _Run, back: int, window_ms: int, low: int, high: int) -> int:
        """The first index from low to high-1 of `run` that is less than window_ms after the message `back` places
        before it, which belongs to `base`; `high` when there is none.

        Both runs have the same mean pace, so the distance only changes with the long pauses, which come at different
        places: it has two values, one long pause apart.
        """
        own, other = run.streak - run.first, base.streak - base.first - back
        spare = run.at - base.at - window_ms - (run.first - back - base.first) * self.mean
        if not self.every:
            return high if spare >= 0 else low
        fewest, ahead = divmod(own - other, self.every)
        if spare + fewest * self.long_mean >= 0:
            return high
        into = (other + low) % self.every
        if ahead and into >= self.every - ahead and spare + (fewest + 1) * self.long_mean >= 0:
            low += self.every - into  # up to there, the run has had one more long pause
        return min(low, high)


def eta(
    pending: int,
    starts: Opening,
    delay_ms: tuple[int, int],
    streak: int,
    rules: Rules,
    past: Sequence[tuple[int, int]] = (),
) -> int | None:
    """When (ms) the last of `pending` messages will go out at the mean pace; None when none is left.

    past: the hand-overs of the last 24 hours, oldest first, for the caps: (when, how many from then on). The
    calculation goes from one wait (for a cap or quiet hours) to the next, not from message to message, so its cost
    depends on the number of waits.
    """
    if pending <= 0:
        return None
    pace = _Pace(sum(delay_ms) // 2, sum(rules.long_pause_ms) // 2, rules.long_pause_every)
    streak = min(streak, max(0, pace.every - 1))
    caps = rules.windows()
    runs: list[_Run] = []
    index = 0
    for when, number in past if caps else ():
        runs.append(_Run(index, when, 0))
        index += number
    bases = [0] * len(caps)  # for each cap, the run of the message that has to be a whole window ago
    at = starts.at
    end = index + pending
    while True:
        for n, (cap, window_ms, _) in enumerate(caps):
            if index >= cap:
                bases[n] = _run_of(runs, index - cap, bases[n])
                at = max(at, pace.time(runs[bases[n]], index - cap) + window_ms)
        at = quiet_until(at, rules)
        run = _Run(index, at, streak)
        count = pace.fit(end - index, quiet_from(at, rules) - at, streak)
        for n, (cap, window_ms, _) in enumerate(caps):
            count = _until_cap(pace, runs, run, min(count, cap), cap, window_ms, bases[n])
        if index + count == end:
            return at + pace.after(count - 1, streak)
        runs.append(run)
        at += pace.after(count, streak)
        streak = (streak + count) % pace.every if pace.every else 0
        index += count


def _run_of(runs: Sequence[_Run], index: int, start: int) -> int:
    """The run that has the message `index`, searched from `start` on."""
    while start + 1 < len(runs) and runs[start + 1].first <= index:
        start += 1
    return start


def _until_cap(pace: _Pace, runs: Sequence[_Run], run: _Run, count: int, cap: int, window_ms: int, base: int) -> int:
    """How many of the run's first `count` messages (at most `cap`) go out before one has to wait for the cap."""
    index, end = max(run.first + 1, cap), run.first + count
    while index < end:
        base = _run_of(runs, index - cap, base)
        there = runs[base + 1].first + cap if base + 1 < len(runs) else end
        stop = min(end, there)
        early = pace.first_early(run, runs[base], cap, window_ms, index, stop)
        if early < stop:
            return early - run.first
        index = stop
    return count
