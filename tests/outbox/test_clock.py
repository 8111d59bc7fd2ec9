"""The clock was ahead for a while, and is right again: a time that lies ahead of now never counts."""

from __future__ import annotations

import pytest

from daemon import accounts, campaigns, db, errors, logins, outbox, pacing, rehearsal, standing, wishes
from daemon.models import Job, JobState, Message, Picture, Session, State
from daemon.transports import AccountState, Health, Hold
from tests.conftest import NOW
from tests.outbox.hand import Hand, account, fresh, job_state

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
    assert {"hour": 0, "day": 0} == standing.report(hand.settings, account(), clock())["used"]
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
    outbox.retry(hand.claim_one(), "the box is not there", clock(), 3, 30_000)
    clock.advance(-YEAR_MS)
    assert 1 == len(hand.send_all())
    assert JobState.COMPLETED == job_state(job)


def test_no_wait_for_another_try_is_longer_than_a_day(hand: Hand, clock):
    """Else it could not be told from one that was decided while the clock was ahead."""
    hand.queue(1)
    message = hand.claim_one()
    outbox.retry(message, "the box is not there", clock(), 3, 3 * DAY_MS)
    assert NOW + DAY_MS == fresh(message).not_before
    assert [] == hand.claim()
    clock.advance(DAY_MS)
    assert 1 == len(hand.claim())


def test_a_job_that_has_begun_goes_on_where_its_time_lies_ahead_again(hand: Hand, clock):
    """It is resumed, and completed with its last message; it does not wait for a time that it had."""
    job = hand.queue(1, schedule_at=clock() + 1000)
    clock.advance(2000)
    message = hand.submit(hand.claim_one())
    campaigns.pause(job.id, "test")
    clock.advance(-5000)
    assert JobState.RUNNING == campaigns.resume(job.id, "test").state
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
    accounts.report("default", Health(AccountState.HELD, Hold.RESTRICTED), clock() + ahead)
    accounts.report("default", Health(AccountState.READY), clock() + ahead)
    assert not accounts.can_send(account(), clock())
    assert "does not run" in campaigns.explain(account(), clock())
    assert (ahead < 0) == accounts.pace("default", clock())[1]
    assert (ahead < 0) == (accounts.describe(account(), clock())["slow_until"] is not None)


def test_a_lock_out_does_not_last_until_then(database, monkeypatch):
    """The right key is taken, and wrong ones are counted from the beginning."""
    now = [db.now_ms() + YEAR_MS]
    monkeypatch.setattr(logins, "now_ms", lambda: now[0])
    for _ in range(logins.TRIES):
        with pytest.raises(errors.Unauthorized):
            logins.by_key(logins.Try("127.0.0.1"), False, "key")
    with pytest.raises(errors.TooManyTries):
        logins.by_key(logins.Try("127.0.0.1"), True, "key")
    now[0] -= YEAR_MS
    for _ in range(logins.TRIES - 1):
        with pytest.raises(errors.Unauthorized):
            logins.by_key(logins.Try("127.0.0.1"), False, "key")
    logins.by_key(logins.Try("127.0.0.1"), True, "key")


def test_a_session_from_then_has_ended(database, monkeypatch):
    """It would be open for a year and two weeks; the next login takes it away."""
    now = [db.now_ms() + YEAR_MS]
    monkeypatch.setattr(logins, "now_ms", lambda: now[0])
    opened = logins.by_key(logins.Try("127.0.0.1"), True, "key")
    assert logins.session(opened.token, "key")
    now[0] -= YEAR_MS
    assert logins.session(opened.token, "key") is None
    assert [] == logins.sessions(None)
    logins.by_key(logins.Try("127.0.0.1"), True, "key")
    assert 1 == Session.select().count()


@pytest.mark.parametrize("taken", [False, True])
def test_a_wish_from_then_is_in_nobodys_way(hand: Hand, clock, taken):
    """Neither one that waits nor one that its sender died over; another one may be asked for at once."""
    wishes.ask("default", wishes.What.RELOAD, "test", clock() + YEAR_MS)
    if taken:
        assert wishes.take("default", True, clock() + YEAR_MS)
    shown = wishes.describe(account(), clock())
    assert (wishes.Stage.FAILED if taken else wishes.Stage.MISSED) == shown["stage"]
    assert wishes.take("default", True, clock()) is None
    wishes.ask("default", wishes.What.RELOAD, "test", clock())
    assert wishes.take("default", True, clock())


def test_a_picture_from_then_is_not_kept(hand: Hand, clock):
    Picture.create(account="other", at=clock() + YEAR_MS, png=b"x")
    accounts.open_account("other", clock())
    with pytest.raises(errors.NotFound):
        wishes.screenshot("other", clock())
    wishes.ask("default", wishes.What.SCREENSHOT, "test", clock())
    wishes.fulfil("default", wishes.take("default", True, clock()), clock(), b"y")
    assert ["default"] == [row.account for row in Picture.select()]


def test_a_dry_run_leaves_nobody_out_for_it(hand: Hand, clock, monkeypatch):
    """Neither as one who got a campaign lately nor as one who got enough."""
    hand.queue(1)
    clock.advance(YEAR_MS)
    (number,) = hand.send_all()
    clock.advance(-YEAR_MS)
    rules = pacing.Rules(person_cap=1, person_window_ms=7 * DAY_MS)
    assert set() == rehearsal._often(rules, [number])
    assert set() == rehearsal._lately(clock() - DAY_MS)
    assert [State.SENT] == [row.state for row in Message.select()]
