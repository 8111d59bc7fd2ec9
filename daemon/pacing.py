"""When may this account send next. Pure: the clock, the dice and the past are arguments."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SLOWER = 3  # after a restriction pauses are so many times as long,
SLOW_MS = DAY_MS  # for so long


class Why(StrEnum):
    """What the next message waits for; shown beside the time."""

    READY = "ready"
    PAUSE = "pause"
    LONG_PAUSE = "long_pause"
    HOURLY_CAP = "hourly_cap"
    DAILY_CAP = "daily_cap"
    QUIET_HOURS = "quiet_hours"


@dataclass(frozen=True)
class Rules:
    """What limits an account beside a job's own delays; pauses in ms, caps 0 for none."""

    long_pause_every: int = 0
    long_pause_ms: tuple[int, int] = (0, 0)
    hourly_cap: int = 0
    daily_cap: int = 0
    quiet: tuple[time, time] | None = None
    zone: str = "UTC"

    def windows(self) -> tuple[tuple[int, int, Why], ...]:
        """The caps that are set: (most messages, within ms, reason)."""
        both = ((self.hourly_cap, HOUR_MS, Why.HOURLY_CAP), (self.daily_cap, DAY_MS, Why.DAILY_CAP))
        return tuple(cap for cap in both if cap[0])


@dataclass(frozen=True)
class Gap:
    """The pause after a message: its length, why, and the account's streak after it."""

    ms: int
    why: Why
    streak: int


@dataclass(frozen=True)
class Opening:
    """The earliest time (ms) an account may hand over its next message, and what it waits for."""

    at: int
    why: Why


def slowed(delay_ms: tuple[int, int], slow: bool) -> tuple[int, int]:
    """A job's delays, longer while the account is to be careful after a restriction."""
    return (delay_ms[0] * SLOWER, delay_ms[1] * SLOWER) if slow else delay_ms


def gap(delay_ms: tuple[int, int], streak: int, rules: Rules, dice: random.Random) -> Gap:
    """Draw the pause after a message that is the `streak`+1st since the last long pause."""
    ms = dice.randint(*delay_ms)
    if rules.long_pause_every and streak + 1 >= rules.long_pause_every:
        return Gap(ms + dice.randint(*rules.long_pause_ms), Why.LONG_PAUSE, 0)
    return Gap(ms, Why.PAUSE, streak + 1)


def opening(now_ms: int, paced: Opening, rules: Rules, nth_newest: Callable[[int, int], int | None]) -> Opening:
    """The earliest time that pace, caps and quiet hours all allow, never before `now_ms`.

    nth_newest: (n, since_ms) -> time in ms of the n-th newest hand-over after since_ms, None when
    there are fewer.
    """
    found = paced if paced.at > now_ms else Opening(now_ms, Why.READY)
    for cap, window_ms, why in rules.windows():
        oldest_that_counts = nth_newest(cap, now_ms - window_ms)
        if oldest_that_counts is not None and oldest_that_counts + window_ms > found.at:
            found = Opening(oldest_that_counts + window_ms, why)
    wakes_at = quiet_until(found.at, rules)
    return Opening(wakes_at, Why.QUIET_HOURS) if wakes_at > found.at else found


def quiet_until(at_ms: int, rules: Rules) -> int:
    """The end (ms) of the quiet hours that `at_ms` lies in, or `at_ms` itself."""
    if rules.quiet is None:
        return at_ms
    start, end = rules.quiet
    local = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(rules.zone))
    now = local.time()
    inside = start <= now < end if start <= end else (now >= start or now < end)
    if not inside:
        return at_ms
    day = local.date() if now < end else local.date() + timedelta(days=1)
    # Where clocks are put back, an hour comes twice: the end that lies ahead, not the one that has passed.
    wakes = datetime.combine(day, end, ZoneInfo(rules.zone)).replace(fold=local.fold)
    return int(wakes.astimezone(UTC).timestamp() * 1000)


def eta(
    pending: int, starts: Opening, delay_ms: tuple[int, int], streak: int, rules: Rules, past: Sequence[int] = ()
) -> int | None:
    """When (ms) the last of `pending` messages will go out at the mean pace; None when none is left.

    past: times of the hand-overs of the last 24 hours, oldest first, for the caps.
    """
    if pending <= 0:
        return None
    at, done = starts.at, list(past)
    mean, long_mean = sum(delay_ms) // 2, sum(rules.long_pause_ms) // 2
    if not rules.windows() and rules.quiet is None:
        long_pauses = (pending - 1 + streak) // rules.long_pause_every if rules.long_pause_every else 0
        return at + (pending - 1) * mean + long_pauses * long_mean
    for left in range(pending, 0, -1):
        for cap, window_ms, _ in rules.windows():
            if len(done) >= cap:
                at = max(at, done[-cap] + window_ms)
        at = quiet_until(at, rules)
        done.append(at)
        if left > 1:
            streak += 1
            at += mean
            if rules.long_pause_every and streak >= rules.long_pause_every:
                at, streak = at + long_mean, 0
    return at
