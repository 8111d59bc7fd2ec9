"""When an account may send next: pauses, caps, quiet hours, and how long all of it takes."""

from __future__ import annotations

from datetime import UTC, datetime, time
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.accounts import pacing
from daemon.accounts.pacing import DAY_MS, HOUR_MS, Opening, Rules, Why

NOW = 1_767_261_600_000  # 2026-01-01 10:00 UTC
READY = Opening(0, Why.READY)


def nothing_sent(_n: int, _since: int) -> None:
    return None


def nth_newest_of(times: list[int]):
    def nth_newest(n: int, since: int) -> int | None:
        later = sorted((at for at in times if at > since), reverse=True)
        return later[n - 1] if len(later) >= n else None

    return nth_newest


def at(text: str, zone: str = "UTC", fold: int = 0) -> int:
    """A local time as UTC epoch ms."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp() * 1000)


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 98), st.integers())
def test_an_ordinary_pause_lies_in_its_range(low, more, streak, seed):
    """Both ends included, and the streak grows."""
    gap = pacing.gap((low, low + more), streak, Rules(long_pause_every=100), Random(seed))
    assert low <= gap.ms <= low + more
    assert (Why.PAUSE, streak + 1) == (gap.why, gap.streak)


@pytest.mark.parametrize("streak", [9, 10, 11, 99])
def test_a_streak_above_the_limit_ends_with_a_long_pause(streak):
    """The setting was lowered meanwhile: the long pause is overdue, and comes once."""
    rules = Rules(long_pause_every=10, long_pause_ms=(20_000, 20_000))
    assert pacing.Gap(21_000, Why.LONG_PAUSE, 0) == pacing.gap((1000, 1000), streak, rules, Random(1))
    assert pacing.Gap(1000, Why.PAUSE, 9) == pacing.gap((1000, 1000), 8, rules, Random(1))


@pytest.mark.parametrize("streak", [9, 10, 11, 99])
def test_the_eta_of_a_streak_above_the_limit(streak):
    """As the sender does: one long pause after the first message, the next one ten messages later."""
    rules = Rules(long_pause_every=10, long_pause_ms=(20_000, 20_000))
    starts = Opening(NOW, Why.READY)
    for pending in (1, 2, 11, 12, 22):
        expected = simulated(pending, starts, 1000, streak, rules, [])
        assert expected == pacing.eta(pending, starts, (1000, 1000), streak, rules)


def test_pauses_are_not_all_alike():
    """Nobody types like a clock."""
    dice = Random(1)
    assert len({pacing.gap((4000, 8000), 0, Rules(), dice).ms for _ in range(50)}) > 40


def test_every_tenth_pause_is_a_long_one_on_top_of_the_ordinary_one():
    """As the settings say: 10 messages, then 20 to 40 s more."""
    rules, dice, streak, gaps = Rules(long_pause_every=10, long_pause_ms=(20_000, 40_000)), Random(3), 0, []
    for _ in range(30):
        gap = pacing.gap((4000, 8000), streak, rules, dice)
        streak = gap.streak
        gaps.append(gap)
    assert [10, 20, 30] == [n for n, gap in enumerate(gaps, 1) if gap.why is Why.LONG_PAUSE]
    assert all(24_000 <= gap.ms <= 48_000 for gap in gaps if gap.why is Why.LONG_PAUSE)
    assert all(4000 <= gap.ms <= 8000 for gap in gaps if gap.why is Why.PAUSE)


def test_no_long_pause_when_it_is_off():
    """0 means never."""
    assert Why.PAUSE == pacing.gap((0, 0), 10_000, Rules(), Random(1)).why


def test_an_opening_is_never_in_the_past():
    """A pace that has run out means now."""
    assert Opening(NOW, Why.READY) == pacing.opening(NOW, Opening(NOW - 1, Why.PAUSE), Rules(), nothing_sent)
    later = Opening(NOW + 1, Why.PAUSE)
    assert later == pacing.opening(NOW, later, Rules(), nothing_sent)


@pytest.mark.parametrize(
    ("rules", "window", "why"),
    [
        (Rules(hourly_cap=3), HOUR_MS, Why.HOURLY_CAP),
        (Rules(daily_cap=3), DAY_MS, Why.DAILY_CAP),
        (Rules(hourly_cap=3, daily_cap=3), DAY_MS, Why.DAILY_CAP),
    ],
)
def test_a_cap_opens_when_its_oldest_message_leaves_the_window(rules, window, why):
    """The later of two caps counts."""
    times = [NOW - 5000, NOW - 3000, NOW - 1000]
    assert Opening(NOW - 5000 + window, why) == pacing.opening(NOW, READY, rules, nth_newest_of(times))
    assert Why.READY == pacing.opening(NOW, READY, rules, nth_newest_of(times[1:])).why


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2026-03-10T20:59:59", "2026-03-10T20:59:59"),
        ("2026-03-10T21:00:00", "2026-03-11T08:00:00"),
        ("2026-03-11T00:30:00", "2026-03-11T08:00:00"),
        ("2026-03-11T07:59:59", "2026-03-11T08:00:00"),
        ("2026-03-11T08:00:00", "2026-03-11T08:00:00"),
    ],
)
def test_quiet_hours_over_midnight(moment, opens):
    """The start is quiet, the end is not."""
    rules = Rules(quiet=(time(21), time(8)), zone="Europe/Berlin")
    expected = at(opens, "Europe/Berlin")
    assert expected == pacing.opening(at(moment, "Europe/Berlin"), READY, rules, nothing_sent).at


def test_quiet_hours_within_a_day():
    """A lunch break."""
    rules = Rules(quiet=(time(12), time(13)))
    found = pacing.opening(at("2026-03-10T12:30:00"), READY, rules, nothing_sent)
    assert Opening(at("2026-03-10T13:00:00"), Why.QUIET_HOURS) == found
    assert Why.READY == pacing.opening(at("2026-03-10T13:30:00"), READY, rules, nothing_sent).why


@pytest.mark.parametrize(
    ("moment", "hours"),
    [("2026-03-28T21:00:00", 10), ("2026-10-24T21:00:00", 12), ("2026-05-01T21:00:00", 11)],
    ids=["spring", "autumn", "else"],
)
def test_quiet_hours_follow_the_wall_clock_when_clocks_change(moment, hours):
    """The night of the change is an hour shorter or longer."""
    rules = Rules(quiet=(time(21), time(8)), zone="Europe/Berlin")
    begins = at(moment, "Europe/Berlin")
    assert begins + hours * HOUR_MS == pacing.quiet_until(begins, rules)


def test_quiet_hours_that_end_in_the_hour_that_comes_twice():
    """They end each time that hour comes, never in the past."""
    rules = Rules(quiet=(time(21), time(2, 30)), zone="Europe/Berlin")
    first = at("2026-10-25T02:15:00", "Europe/Berlin")
    second = at("2026-10-25T02:15:00", "Europe/Berlin", fold=1)
    assert first + 15 * 60_000 == pacing.quiet_until(first, rules)
    assert second + 15 * 60_000 == pacing.quiet_until(second, rules)


@given(
    st.integers(NOW, NOW + 400 * DAY_MS),
    st.times(),
    st.times(),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "Australia/Lord_Howe"]),
)
def test_quiet_hours_never_end_in_the_past(moment, start, end, zone):
    """Whatever the zone does with its clocks; and outside of them nothing waits."""
    rules = Rules(quiet=(start.replace(microsecond=0), end.replace(microsecond=0)), zone=zone)
    until = pacing.quiet_until(moment, rules)
    assert moment <= until <= moment + DAY_MS + 2 * HOUR_MS


def simulated(pending: int, starts: Opening, delay: int, streak: int, rules: Rules, past: list[int]) -> int:
    """When the last one goes out, by doing what the sender does."""
    now, times = starts.at, list(past)
    for left in range(pending, 0, -1):
        while (opens := pacing.opening(now, Opening(now, Why.READY), rules, nth_newest_of(times)).at) > now:
            now = opens
        times.append(now)
        if left > 1:
            gap = pacing.gap((delay, delay), streak, rules, Random(0))
            now, streak = now + gap.ms, gap.streak
    return now


@settings(max_examples=60, deadline=None)
@given(
    pending=st.integers(1, 60),
    delay=st.integers(1, 20 * 60_000),
    every=st.integers(0, 12),
    long_ms=st.integers(0, 60 * 60_000),
    hourly=st.sampled_from([0, 0, 3, 10]),
    daily=st.sampled_from([0, 0, 20]),
    quiet=st.sampled_from([None, (time(21), time(8)), (time(12), time(13))]),
    streak=st.integers(0, 11),
    sent=st.integers(0, 12),
)
def test_the_eta_is_what_a_simulation_comes_to(pending, delay, every, long_ms, hourly, daily, quiet, streak, sent):
    """With pauses of one length, it is exact to the millisecond."""
    rules = Rules(every, (long_ms, long_ms), hourly, daily, quiet, "Asia/Kolkata")
    streak = min(streak, max(0, every - 1))
    past = [NOW - (sent - n) * 60_000 for n in range(sent)]
    starts = pacing.opening(NOW, READY, rules, nth_newest_of(past))
    expected = simulated(pending, starts, delay, streak, rules, past)
    assert expected == pacing.eta(pending, starts, (delay, delay), streak, rules, [(at, 1) for at in past])


@settings(max_examples=40, deadline=None)
@given(
    day=st.sampled_from(["2026-03-28", "2026-10-24", "2026-04-04", "2026-06-01"]),  # before clocks change, and not
    zone=st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "America/New_York"]),
    quiet=st.tuples(st.integers(0, 23), st.integers(0, 23), st.sampled_from([0, 15, 30])),
    pending=st.integers(1, 150),
    delay=st.integers(0, 30 * 60_000),
    every=st.integers(0, 7),
    long_ms=st.integers(0, 90 * 60_000),
    hourly=st.sampled_from([0, 1, 7]),
    daily=st.sampled_from([0, 1, 30]),
)
def test_the_eta_steps_from_wait_to_wait_without_a_slip(
    day, zone, quiet, pending, delay, every, long_ms, hourly, daily
):
    """Through nights of every length, where an hour comes twice or not at all, and through caps that bind at once."""
    rules = Rules(every, (long_ms, long_ms), hourly, daily, (time(quiet[0]), time(quiet[1], quiet[2])), zone)
    begins = at(f"{day}T10:00:00", zone)
    starts = pacing.opening(begins, READY, rules, nothing_sent)
    expected = simulated(pending, starts, delay, 0, rules, [])
    assert expected == pacing.eta(pending, starts, (delay, delay), 0, rules)


def test_the_eta_of_nobody_is_none():
    """Nothing is left to wait for."""
    assert pacing.eta(0, READY, (1, 1), 0, Rules()) is None


def test_the_reasons_are_words_of_the_api():
    """A client may match on them."""
    expected = {
        "ready",
        "pause",
        "long_pause",
        "hourly_cap",
        "daily_cap",
        "quiet_hours",
        "job_window",
        "job_cap",
        "date",
        "portfolio_limit",
    }
    assert expected == set(Why)
    assert datetime.fromtimestamp(NOW / 1000, UTC).isoformat().startswith("2026-01-01T10:00")
