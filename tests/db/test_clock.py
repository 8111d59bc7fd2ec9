"""The clock was ahead for a while, and is right again: a time that lies ahead of now never counts."""

from __future__ import annotations

import pytest

from daemon import errors
from daemon.accounts import commands, directory, pacing, status
from daemon.auth import lockout, passwords, sessions, users
from daemon.campaigns import dry_run, lifecycle, progress
from daemon.db import clock
from daemon.delivery import job_moves, moves
from daemon.models import Job, Kind, Message, Picture, Session
from daemon.states import AccountState, Hold, JobState, Role, State
from daemon.transports.protocol import Health
from tests.conftest import NOW
from tests.support.hand import Hand, account, fresh, job_state

HOUR_MS, DAY_MS = 3_600_000, 24 * 3_600_000
YEAR_MS = 365 * DAY_MS


@pytest.mark.parametrize(
    "rules", [{"hourly_cap": 2}, {"daily_cap": 2}, {"person_cap": 1, "person_window_ms": 7 * DAY_MS}]
)
def test_what_left_while_the_clock_was_ahead_uses_up_no_cap(hand: Hand, clock, rules):
    """Neither the account's nor a person's; what leaves from now on does."""
    hand.queue(2)
    clock.advance(YEAR_MS)
    assert 2 == len(hand.send_all())
    clock.advance(-YEAR_MS)
    hand.rules = pacing.Rules(**rules)
    hand.queue(3)
    assert status.Used(0, 0) == status.report(hand.settings, directory.find("default"), clock()).used
    assert (3 if "person_cap" in rules else 2) == len(hand.send_all())


def test_the_jobs_own_cap_does_not_count_it_either(hand: Hand, clock):
    job = hand.queue(3, daily_cap=2)
    clock.advance(YEAR_MS)
    assert 2 == len(hand.send_all())
    clock.advance(-YEAR_MS)
    assert 1 == len(hand.send_all())
    assert JobState.COMPLETED == job_state(job)


def test_a_hand_over_a_moment_ahead_counts(hand: Hand, clock):
    """Two accounts work at once: one may see what the other wrote a moment after its own `now`."""
    hand.rules = pacing.Rules(person_cap=1, person_window_ms=7 * DAY_MS)
    hand.queue(1)
    first = hand.submit(hand.claim_one())
    hand.confirm(first)
    clock.advance(-1)
    hand.queue(1)
    assert [] == hand.send_all()


@pytest.mark.parametrize("ahead", [6 * HOUR_MS, YEAR_MS])
def test_jobs_take_turns_all_the_same(hand: Hand, clock, ahead):
    """One that had its turn while the clock was ahead is not the last until then."""
    first = hand.queue(3, name="A")
    clock.advance(ahead)
    hand.confirm(hand.submit(hand.claim_one()))
    clock.advance(-ahead)
    hand.queue(3, first=50, name="B")
    order = []
    for _ in range(4):
        message = hand.confirm(hand.submit(hand.claim_one()))
        order.append("A" if message.job_id == first.id else "B")
        clock.advance(1)
    assert order in (["A", "B", "A", "B"], ["B", "A", "B", "A"])


def test_a_message_that_was_put_off_then_is_tried_again(hand: Hand, clock):
    """Its next try lay a year ahead."""
    job = hand.queue(1)
    clock.advance(YEAR_MS)
    moves.retry(hand.claim_one(), "the box is not there", clock(), 3, 30_000)
    clock.advance(-YEAR_MS)
    assert 1 == len(hand.send_all())
    assert JobState.COMPLETED == job_state(job)


def test_no_wait_for_another_try_is_longer_than_a_day(hand: Hand, clock):
    """Else it could not be told from one that was decided while the clock was ahead."""
    hand.queue(1)
    message = hand.claim_one()
    moves.retry(message, "the box is not there", clock(), 3, 3 * DAY_MS)
    assert NOW + DAY_MS == fresh(message).not_before
    assert [] == hand.claim()
    clock.advance(DAY_MS)
    assert 1 == len(hand.claim())


def test_a_job_that_has_begun_goes_on_where_its_time_lies_ahead_again(hand: Hand, clock):
    """It is resumed, and completed with its last message; it does not wait for a time that it had."""
    job = hand.queue(1, schedule_at=clock() + 1000)
    clock.advance(2000)
    message = hand.submit(hand.claim_one())
    lifecycle.pause(job.id, "test", hand.clock())
    clock.advance(-5000)
    lifecycle.resume(job.id, "test", hand.clock())
    assert JobState.RUNNING == job_moves.job(job.id).state
    hand.confirm(message)
    assert JobState.COMPLETED == job_state(job)


def test_a_job_in_which_nobody_is_left_ends_when_its_time_comes(hand: Hand, clock):
    """However it came to wait for it."""
    job = hand.queue(1, schedule_at=clock() + 1000)
    clock.advance(2000)
    hand.send_all()
    Job.update(state=JobState.SCHEDULED, completed_at=None).where(Job.id == job.id).execute()
    assert [] == hand.claim()
    assert JobState.COMPLETED == job_state(job)


@pytest.mark.parametrize("ahead", [-6 * HOUR_MS, 6 * HOUR_MS])
def test_a_dead_sender_is_not_alive_because_its_clock_was_ahead(hand: Hand, clock, ahead):
    """Nor is an account at a reduced pace for longer than a day."""
    directory.report("default", Health(AccountState.HELD, Hold.RESTRICTED), clock() + ahead)
    directory.report("default", Health(AccountState.READY), clock() + ahead)
    assert not directory.can_send(account(), clock())
    assert "is not running" in progress.explain(account(), clock())
    assert (ahead < 0) == directory.pace("default", clock())[1]
    assert (ahead < 0) == (directory.describe(directory.find("default"), clock()).slow_until is not None)


def test_a_lock_out_does_not_last_until_then(database, monkeypatch):
    """The right password is taken, and wrong ones are counted from the beginning."""
    now, origin = [clock.now_ms() + YEAR_MS], lockout.Try("127.0.0.1")
    monkeypatch.setattr(clock, "now_ms", lambda: now[0])
    monkeypatch.setattr(passwords, "COST", (4, 1, 1))
    users.create("Anna", Role.VIEWER, "a good long one", "test", clock.now_ms())
    for _ in range(lockout.TRIES):
        with pytest.raises(errors.Unauthorized):
            sessions.by_password(origin, "Anna", "wrong", clock.now_ms())
    with pytest.raises(errors.TooManyTries):
        sessions.by_password(origin, "Anna", "a good long one", clock.now_ms())
    now[0] -= YEAR_MS
    for _ in range(lockout.TRIES - 1):
        with pytest.raises(errors.Unauthorized):
            sessions.by_password(origin, "Anna", "wrong", clock.now_ms())
    sessions.by_password(origin, "Anna", "a good long one", clock.now_ms())


def test_a_session_from_then_has_ended(database, monkeypatch):
    """It would be open for a year and two weeks; the next login takes it away."""
    now = [clock.now_ms() + YEAR_MS]
    monkeypatch.setattr(clock, "now_ms", lambda: now[0])
    opened = sessions.by_key(lockout.Try("127.0.0.1"), True, "key", clock.now_ms())
    assert sessions.session(opened.token, "key", clock.now_ms())
    now[0] -= YEAR_MS
    assert sessions.session(opened.token, "key", clock.now_ms()) is None
    assert [] == sessions.sessions(None, clock.now_ms())
    sessions.by_key(lockout.Try("127.0.0.1"), True, "key", clock.now_ms())
    assert 1 == Session.select().count()


@pytest.mark.parametrize("taken", [False, True])
def test_a_command_from_then_is_in_nobodys_way(hand: Hand, clock, taken):
    """Neither one that waits nor one that its sender died over; another one may be asked for at once."""
    commands.ask("default", commands.What.RELOAD, "test", clock() + YEAR_MS)
    if taken:
        assert commands.take("default", True, clock() + YEAR_MS)
    shown = status.told(account(), clock())
    assert (commands.Stage.FAILED if taken else commands.Stage.MISSED) == (shown and shown.stage)
    assert commands.take("default", True, clock()) is None
    commands.ask("default", commands.What.RELOAD, "test", clock())
    assert commands.take("default", True, clock())


def test_a_picture_from_then_is_not_kept(hand: Hand, clock):
    Picture.create(account="other", at=clock() + YEAR_MS, png=b"x")
    directory.open_account("other", clock())
    with pytest.raises(errors.NotFound):
        commands.screenshot("other", clock())
    commands.ask("default", commands.What.SCREENSHOT, "test", clock())
    commands.fulfil("default", commands.take("default", True, clock()), clock(), b"y")
    assert ["default"] == [row.account for row in Picture.select()]


def test_a_dry_run_leaves_nobody_out_for_it(hand: Hand, clock):
    """Neither as one who got a campaign lately nor as one who got enough."""
    hand.queue(1)
    clock.advance(YEAR_MS)
    (number,) = hand.send_all()
    clock.advance(-YEAR_MS)
    rules = pacing.Rules(person_cap=1, person_window_ms=7 * DAY_MS)
    assert set() == dry_run.too_often(rules, [number], clock())
    assert set() == dry_run._lately(clock() - DAY_MS, clock())
    assert [State.SENT] == [row.state for row in Message.select()]


def test_a_dry_run_goes_by_what_has_left(hand: Hand, clock):
    """Whoever may have got one, whatever became of the message since; not who provably did not, nor a test's."""
    job = hand.queue(1)
    message = hand.submit(hand.claim_one())
    moves.lose(message, "who knows", clock())
    lifecycle.settle(message.id, False, "test", hand.clock())
    lifecycle.stop(job.id, "test", hand.clock())
    hand.queue(1, first=1)
    moves.fail(hand.submit(hand.claim_one()), "WhatsApp refused it", clock())
    test = hand.queue(1, first=2)
    Job.update(kind=Kind.TEST).where(Job.id == test.id).execute()
    hand.send_all()
    assert State.CANCELLED == fresh(message).state
    assert {message.number} == dry_run._lately(clock() - DAY_MS, clock())
    clock.advance(DAY_MS)
    assert set() == dry_run._lately(clock() - DAY_MS, clock())
