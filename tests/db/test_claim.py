"""Enqueue and claim: order, turns, times, suppression, pace."""

from __future__ import annotations

from datetime import time

import pytest

from daemon import errors
from daemon.accounts import directory, pacing
from daemon.campaigns import lifecycle
from daemon.contacts import suppression
from daemon.db import connection, proxy
from daemon.delivery import claim, enqueue, job_moves, moves, rescue
from daemon.delivery.refusals import Passed
from daemon.models import Event, Job, Message
from daemon.states import JobState, State
from tests.conftest import Clock
from tests.support.hand import LEASE_MS, fresh, job_state, states

HOUR_MS = 3_600_000


def test_ten_thousand_people_are_queued_whole(hand, clock, people, settings):
    """Every recipient has a row in file order, one event, and is in the counters."""
    recipients = people(10_000)
    with connection.write():
        job = Job.create(
            account="default",
            name="n",
            text="t",
            state="pending",
            delay_min_ms=0,
            delay_max_ms=0,
            created_at=1,
            total=0,
        )
        enqueue.enqueue(job, recipients, "test", clock())

    job = job_moves.job(job.id)
    assert (10_000, 10_000) == (job.total, job.pending)
    rows = proxy.tuples(Message.select(Message.row, Message.number, Message.fields, Message.state).order_by(Message.id))
    assert [(p.position, p.number, p.fields, "pending") for p in recipients] == rows
    events = proxy.tuples(Event.select(Event.who, Event.at, Event.move, Event.source, Event.target).distinct())
    assert [("test", clock(), "enqueue", None, "pending")] == events
    assert 10_000 == Event.select().count()


def test_a_claim_holds_what_the_contract_says(hand, clock):
    """A claimed message has one lease for a lease's time, one attempt, its event, and begins the job."""
    job = hand.queue(3)
    first, second = hand.claim(2)

    assert (State.CLAIMED, 1, clock() + LEASE_MS) == (first.state, first.attempts, fresh(first).lease_until)
    assert first.lease
    assert first.lease == second.lease == fresh(second).lease
    assert JobState.RUNNING == job_state(job)
    assert clock() == job_moves.job(job.id).started_at
    assert ["enqueue", "claim"] == [e.move for e in Event.select().where(Event.message == first).order_by(Event.id)]
    assert ["claimed", "claimed", "pending"] == states(job)


def test_messages_go_out_in_file_order(hand):
    """The oldest due message comes first."""
    hand.queue(5)
    assert [f"+491511{n:07}" for n in range(5)] == hand.send_all()


def test_a_retry_comes_when_it_is_due_and_not_before(hand, clock):
    """Whoever failed once waits behind those who have not been tried, and until the backoff is over."""
    job = hand.queue(3)
    first = hand.submit(hand.claim_one())
    moves.retry(first, "no tick", clock(), max_attempts=3, wait_ms=30_000)

    assert ["+4915110000001", "+4915110000002"] == hand.send_all()
    assert [] == hand.claim()
    clock.advance(30_000)
    assert ["+4915110000000"] == hand.send_all()
    assert JobState.COMPLETED == job_state(job)


def test_running_jobs_of_an_account_take_turns(hand, clock):
    """A long job does not make a short one wait for its end."""
    long, short = hand.queue(4), hand.queue(2, first=50)
    order = []
    while claimed := hand.claim():
        order.append(claimed[0].job_id)
        hand.confirm(hand.submit(claimed[0]))
        clock.advance(1)
    assert [long.id, short.id, long.id, short.id, long.id, long.id] == order


@pytest.mark.parametrize("how", ["paused", "stopped", "scheduled"])
def test_a_job_that_may_not_run_never_blocks_another(hand, clock, how):
    """The predecessor stalled all jobs behind the first one that was paused; here only that one waits."""
    at = clock() + HOUR_MS if how == "scheduled" else None
    blocked = hand.queue(2, schedule_at=at)
    hand.queue(2, first=50)
    if how != "scheduled":
        {"paused": lifecycle.pause, "stopped": lifecycle.stop}[how](blocked.id, "test", hand.clock())

    assert ["+4915110000050", "+4915110000051"] == hand.send_all()
    assert {"cancelled" if how == "stopped" else "pending"} == set(states(blocked))


def test_a_paused_job_goes_on_where_it_was(hand):
    """After resume those who are left get it, in order, and nobody twice."""
    job = hand.queue(4)
    sent = [hand.confirm(hand.submit(hand.claim_one())).number]
    lifecycle.pause(job.id, "test", hand.clock())
    assert [] == hand.claim()
    lifecycle.resume(job.id, "test", hand.clock())

    assert [f"+491511{n:07}" for n in range(4)] == sent + hand.send_all()
    assert JobState.COMPLETED == job_state(job)


def test_a_scheduled_job_opens_at_its_time(hand, clock):
    """Not a millisecond before; then by itself."""
    job = hand.queue(1, schedule_at=clock() + HOUR_MS)
    assert JobState.SCHEDULED == job_state(job)
    clock.advance(HOUR_MS - 1)
    assert [] == hand.claim()
    assert JobState.SCHEDULED == job_state(job)
    clock.advance(1)

    assert ["+4915110000000"] == hand.send_all()
    assert JobState.COMPLETED == job_state(job)


def test_a_scheduled_job_that_is_paused_over_its_time_waits_for_a_person(hand, clock):
    """Resumed before its time it waits for it again; after it, it runs at once."""
    early, late = (hand.queue(1, first=n, schedule_at=clock() + HOUR_MS) for n in (0, 50))
    lifecycle.pause(early.id, "test", hand.clock())
    lifecycle.pause(late.id, "test", hand.clock())
    lifecycle.resume(early.id, "test", hand.clock())
    assert JobState.SCHEDULED == job_moves.job(early.id).state
    clock.advance(HOUR_MS)

    assert ["+4915110000000"] == hand.send_all()
    lifecycle.resume(late.id, "test", hand.clock())
    assert JobState.RUNNING == job_moves.job(late.id).state
    assert ["+4915110000050"] == hand.send_all()


def test_a_job_is_claimed_by_the_sender_of_its_account_only(hand):
    """Accounts do not touch each other's jobs."""
    directory.open_account("other", hand.clock())
    hand.queue(1, account="other")
    assert [] == hand.claim(account="default")
    assert 1 == len(hand.claim(account="other"))


def test_people_on_the_suppression_list_are_skipped_at_claim(hand, settings):
    """Also when they opted out after the job was made; the next one is claimed in the same go."""
    job = hand.queue(3)
    suppression.suppress(settings, "+4915110000000", "asked", "test", hand.clock())
    suppression.suppress(settings, "+4915110000001", "asked", "test", hand.clock())

    claimed = hand.claim_one()

    assert "+4915110000002" == claimed.number
    assert ["skipped", "skipped", "claimed"] == states(job)
    assert Passed.SUPPRESSED.sentence == Message.get(Message.state == State.SKIPPED).error


def test_hundreds_who_opted_out_hold_nobody_up(hand, settings, people):
    """A job that begins with more of them than one claim skips gets through all the same."""
    count = claim.SKIPS_PER_CLAIM + 5
    job = hand.queue(count + 1)
    for person in people(count):
        suppression.suppress(settings, person.number, "asked", "test", hand.clock())

    assert [] == hand.claim()
    assert [f"+491511{count:07}"] == hand.send_all()
    assert JobState.COMPLETED == job_state(job)


def test_whoever_opts_out_between_claim_and_submit_gets_nothing(hand, settings, clock):
    """Submit refuses, the message is released, and the next claim skips it."""
    job = hand.queue(1)
    message = hand.claim_one()
    suppression.suppress(settings, message.number, "asked", "test", hand.clock())

    with pytest.raises(errors.IllegalMove, match="suppression list"):
        hand.submit(message)
    assert State.CLAIMED == fresh(message).state
    moves.release(message, "opted out", clock())
    assert [] == hand.claim()
    assert ["skipped"] == states(job)
    assert JobState.COMPLETED == job_state(job)


def test_the_next_message_waits_for_the_pause_also_after_a_crash(hand, clock):
    """The pace is in the database: a sender that dies and comes back does not send sooner."""
    hand.queue(2)
    hand.submit(hand.claim_one(), pause_ms=8_000)
    clock.advance(7_999)
    connection.close()  # a new life knows only what is stored
    directory.open_account("default", clock())
    (doubtful,) = rescue.take_over("default", clock(), LEASE_MS, sole=True)
    hand.confirm(doubtful)

    assert [] == hand.claim()
    clock.advance(1)
    assert 1 == len(hand.claim())


def test_accounts_have_a_pace_each(hand, clock):
    """One account's pause does not slow another."""
    directory.open_account("other", clock())
    hand.queue(2)
    hand.queue(1, first=50, account="other")
    hand.submit(hand.claim_one(), pause_ms=HOUR_MS)

    assert [] == hand.claim()
    assert 1 == len(hand.claim(account="other"))


@pytest.mark.parametrize(
    ("rules", "window_ms"),
    [(pacing.Rules(hourly_cap=2), HOUR_MS), (pacing.Rules(daily_cap=2), 24 * HOUR_MS)],
    ids=["hourly", "daily"],
)
def test_a_cap_holds_until_the_oldest_has_left_the_window(hand, clock, rules, window_ms):
    """Caps count hand-overs in a sliding window, over all jobs of the account."""
    hand.rules = rules
    first_at = clock()
    hand.queue(2)
    hand.queue(2, first=50)
    hand.confirm(hand.submit(hand.claim_one()))
    clock.advance(1000)
    hand.confirm(hand.submit(hand.claim_one()))
    assert [] == hand.claim()
    clock.now = first_at + window_ms - 1
    assert [] == hand.claim()
    clock.advance(1)

    hand.confirm(hand.submit(hand.claim_one()))
    assert [] == hand.claim()


def test_nothing_is_claimed_in_quiet_hours(hand):
    """They end at their time."""
    hand.rules = pacing.Rules(quiet=(time(9, 0), time(11, 0)))  # the clock stands at 10:00
    hand.queue(1)
    assert [] == hand.claim()
    hand.clock.advance(HOUR_MS)
    assert 1 == len(hand.claim())


def test_an_idle_claim_takes_no_write_lock(hand):
    """A sender that has nothing to do does not make writers wait for it: it begins no transaction on SQLite, and on
    PostgreSQL, where that takes no lock, it does nothing but read."""
    writes = []
    taken = "execute_sql" if proxy.on_postgres() else "begin"
    original = getattr(proxy.database.obj, taken)

    def noted(*given):
        if taken == "begin" or not given[0].startswith("SELECT") or "FOR UPDATE" in given[0]:
            writes.append(given)
        return original(*given)

    setattr(proxy.database.obj, taken, noted)
    try:
        assert [] == hand.claim()
    finally:
        delattr(proxy.database.obj, taken)
    assert [] == writes


def test_the_clock_fixture_moves_campaigns_too(hand, clock: Clock):
    """What `campaigns` stores is the test's time, not the host's."""
    assert clock() == job_moves.job(hand.queue(1).id).created_at


def test_a_clock_set_back_costs_no_more_than_the_pause(hand):
    """An hour back: the account waits for its pause from now, not for the hour."""
    hand.queue(2)
    hand.confirm(hand.submit(hand.claim_one(), pause_ms=5_000))

    hand.clock.advance(-3_600_000)

    assert [] == hand.claim()
    hand.clock.advance(4_999)
    assert [] == hand.claim()
    hand.clock.advance(1)
    assert 1 == len(hand.claim())


def test_whom_another_account_has_written_to_is_not_known_to_this_one(hand, clock):
    """A chat is known where it exists: while new ones are barred, only the account's own count."""
    directory.open_account("other", clock())
    hand.queue(1, account="other")
    (message,) = hand.claim(account="other")
    hand.confirm(hand.submit(message))
    hand.queue(1)

    assert [] == claim.claim("default", 1, clock(), LEASE_MS, hand.rules, known_only=True)
    hand.send_all()
    hand.queue(1)
    assert 1 == len(claim.claim("default", 1, clock(), LEASE_MS, hand.rules, known_only=True))
