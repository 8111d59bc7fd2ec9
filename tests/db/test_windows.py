"""A job's own window and daily cap: kept at claim time, and never in another job's way."""

from __future__ import annotations

import random
from datetime import UTC, datetime, time

import pytest

from daemon import errors
from daemon.accounts import directory, limits, pacing
from daemon.campaigns import create, lifecycle, progress
from daemon.db import clock as db_clock
from daemon.delivery import claim, compose, job_moves, moves
from daemon.models import Job, Message
from daemon.states import AccountState, JobState
from daemon.transports.protocol import Health
from tests.conftest import NOW
from tests.support.hand import job_state

HOUR_MS = 3_600_000  # NOW is 10:00 UTC
DAY_MS = 24 * HOUR_MS


def hour(ms: int) -> int:
    return datetime.fromtimestamp(ms / 1000, UTC).hour


def test_outside_its_window_a_job_waits_and_another_goes_on(hand, clock):
    """The closed job is put aside until it opens; the other one does not notice."""
    closed = hand.queue(2, window="14:00-18:00")
    hand.queue(2, first=50)

    assert ["+4915110000050", "+4915110000051"] == hand.send_all()
    assert NOW + 4 * HOUR_MS == Job.get_by_id(closed.id).opens_at
    clock.now = NOW + 4 * HOUR_MS - 1
    assert [] == hand.claim()
    clock.now = NOW + 4 * HOUR_MS
    assert ["+4915110000000", "+4915110000001"] == hand.send_all()
    assert JobState.COMPLETED == job_state(closed)


def test_a_window_may_lie_over_midnight(hand, clock):
    """22:00-06:00 opens in the evening and is open in the small hours."""
    hand.queue(2, window="22:00-06:00")
    assert [] == hand.claim()
    clock.now = NOW + 12 * HOUR_MS
    hand.confirm(hand.submit(hand.claim_one()))
    clock.now = NOW + 19 * HOUR_MS
    assert ["+4915110000001"] == hand.send_all()


def test_a_window_is_in_the_accounts_time_zone(hand, clock):
    """09:00 in Kolkata is 03:30 UTC."""
    hand.rules = pacing.Rules(zone="Asia/Kolkata")
    job = hand.queue(1, window="09:00-10:00")
    assert [] == hand.claim()
    opens = datetime.fromtimestamp(Job.get_by_id(job.id).opens_at / 1000, UTC)
    assert (3, 30) == (opens.hour, opens.minute)


def test_a_job_that_was_put_aside_follows_a_new_time_zone(hand, clock):
    """When it opens was reckoned in the old one: whoever moves the account's clock, or the settings', means now."""
    job = hand.queue(1, window="14:00-18:00")
    other = hand.queue(1, window="19:00-21:00", first=50)
    assert [] == hand.claim()
    clock.advance(1_000)
    limits.set_limits("default", {"timezone": "Asia/Kolkata"}, "test")  # 15:30 there
    (message,) = hand.claim()
    assert (job.id, []) == (message.job_id, hand.claim())
    hand.confirm(hand.submit(message))
    assert "Asia/Kolkata" == Job.get_by_id(other.id).opens_zone
    assert NOW + 3.5 * HOUR_MS == Job.get_by_id(other.id).opens_at

    limits.set_limits("default", {"timezone": None}, "test")
    hand.rules = pacing.Rules(zone="Asia/Tokyo")  # the settings, after a restart: 19:00 there
    assert other.id == hand.claim_one().job_id


def test_a_job_that_an_earlier_version_put_aside_is_looked_at_once(hand, clock):
    """It did not say in which zone."""
    job = hand.queue(1, window="14:00-18:00")
    assert [] == hand.claim()
    Job.update(opens_at=NOW + 20 * HOUR_MS, opens_zone=None).where(Job.id == job.id).execute()
    assert [] == hand.claim()
    assert (NOW + 4 * HOUR_MS, "UTC") == (Job.get_by_id(job.id).opens_at, Job.get_by_id(job.id).opens_zone)


def test_when_the_window_closes_the_rest_waits_for_tomorrow(hand, clock):
    """What has not gone out by the end goes on the next day, in order."""
    hand.queue(3, window="09:00-11:00")
    hand.confirm(hand.submit(hand.claim_one()))
    clock.now = NOW + HOUR_MS
    assert [] == hand.claim()
    clock.now = NOW + 23 * HOUR_MS
    assert ["+4915110000001", "+4915110000002"] == hand.send_all()


def test_a_daily_cap_lets_so_many_out_in_a_day(hand, clock):
    """Then the job waits until the oldest of them is a day old; another job gets the turns meanwhile."""
    capped = hand.queue(5, daily_cap=2)
    hand.queue(3, first=50)

    sent = hand.send_all()
    assert ["+4915110000000", "+4915110000001"] == [n for n in sent if n < "+4915110000050"]
    assert 5 == len(sent)
    first = Message.select(Message.submitted_at).where(Message.job == capped).order_by(Message.id).scalar()
    clock.now = first + DAY_MS - 1
    assert [] == hand.claim()
    clock.now = first + DAY_MS
    assert ["+4915110000002"] == [hand.confirm(hand.submit(hand.claim_one())).number]
    assert 3 == len([m for m in Message.select().where(Message.job == capped) if m.submitted_at])


def test_one_claim_takes_no_more_than_the_cap_leaves(hand, clock):
    """A transport that takes many at once gets what is left of the day, and nothing beside those in its hand."""
    hand.queue(9, daily_cap=4)
    hand.confirm(hand.submit(hand.claim_one()))
    held = hand.claim(10)
    assert 3 == len(held)
    assert [] == hand.claim(10)
    for message in held[1:]:
        moves.release(message, "not now", clock())
    hand.confirm(hand.submit(held[0]))
    clock.advance(claim.LOOK_AGAIN_MS)
    assert 2 == len(hand.claim(10))


def test_a_cap_that_frees_at_night_waits_for_the_window(hand, clock):
    """Both are kept: a day later it is 17:00, an hour before the window opens."""
    hand.queue(2, window="10:00-12:00", daily_cap=1)
    hand.confirm(hand.submit(hand.claim_one()))
    clock.now = NOW + DAY_MS - HOUR_MS
    assert [] == hand.claim()
    clock.now = NOW + DAY_MS
    assert ["+4915110000001"] == hand.send_all()


def test_a_closed_job_is_skipped_even_when_its_turn_is_first(hand, clock):
    """Many closed jobs before the one that may run cost one look each, and no turn of its."""
    for n in range(5):
        hand.queue(1, first=n, window="14:00-15:00")
    hand.queue(1, first=50)
    assert ["+4915110000050"] == [message.number for message in hand.claim()]


def test_a_clock_that_was_set_back_does_not_shut_a_job_for_ever(hand, clock):
    """What was found while the clock was a year ahead is found anew."""
    job = hand.queue(1, window="09:00-11:00")
    Job.update(opens_at=NOW + 365 * DAY_MS).where(Job.id == job.id).execute()
    assert ["+4915110000000"] == hand.send_all()


def test_a_paused_job_in_its_window_stays_paused(hand, clock):
    """The window opens nothing that a person has closed."""
    job = hand.queue(1, window="09:00-18:00")
    lifecycle.pause(job.id, "test", hand.clock())
    assert [] == hand.claim()
    lifecycle.resume(job.id, "test", hand.clock())
    assert 1 == len(hand.claim())


def test_progress_says_what_a_job_waits_for(hand, clock, settings):
    """The window or the cap, until when, and an end that reckons with it."""
    directory.report("default", Health(AccountState.READY), clock())
    window = hand.queue(1, window="14:00-18:00")
    shown = progress.progress(settings, window, hand.clock())
    assert ("job_window", NOW + 4 * HOUR_MS) == (shown.next_reason, shown.next_send_at)
    assert NOW + 4 * HOUR_MS == shown.eta
    lifecycle.stop(window.id, "test", hand.clock())

    capped = hand.queue(3, first=50, daily_cap=1)
    hand.confirm(hand.submit(hand.claim_one()))
    shown = progress.progress(settings, job_moves.job(capped.id), hand.clock())
    assert ("job_cap", NOW + DAY_MS) == (shown.next_reason, shown.next_send_at)
    assert NOW + 2 * DAY_MS == shown.eta


@pytest.mark.parametrize(
    ("window", "cap"), [("9-18", None), ("09:00", None), ("09:00-09:00", None), ("25:00-26:00", None), (None, -1)]
)
def test_terms_that_cannot_be_kept_are_refused(hand, window, cap):
    """Before anything is queued, with how it is written."""
    with pytest.raises(errors.InvalidInput, match=r"written as 09:00-18:00|0 \(no cap\)"):
        hand.queue(1, window=window, daily_cap=cap)
    assert 0 == Job.select().count()


def test_own_attachments_go_out_instead_of_the_jobs(database, settings, tmp_path):
    """A recipient's own files are what the transport gets; whoever has none gets the job's."""
    from daemon.contacts import uploads
    from daemon.contacts.importer import Contact

    ids = []
    for name in ("all.pdf", "anna.pdf"):
        place = tmp_path / name
        place.write_bytes(b"%PDF-1.4")
        ids.append(uploads.add_attachment(settings, place, name, now=0).id)
    people = [Contact(1, "+493023125001", {}, [ids[1]]), Contact(2, "+493023125002", {})]
    audience = create.Audience(people, [], 0, "row")
    order = create.Order("Hi", audience=audience, attachments=[ids[0]])
    job_id = create.create(settings, order, "test", db_clock.now_ms()).job_id

    rows = list(Message.select(Message, Job).join(Job).where(Message.job == job_id).order_by(Message.id))
    names = [[file.filename for file in compose.outgoing(settings, row).attachments] for row in rows]
    assert [["anna.pdf"], ["all.pdf"]] == names


def test_a_window_and_the_quiet_hours_leave_what_both_allow():
    """Of one job's hours and its account's quiet ones; narrowed to one stretch for the estimate."""
    rules = pacing.Rules(quiet=(time(21), time(8)), daily_cap=100)
    narrow = pacing.narrowed(rules, pacing.Terms((time(6), time(23)), 30))
    assert ((time(21), time(8)), 30) == (narrow.quiet, narrow.daily_cap)
    assert (time(18), time(9)) == pacing.narrowed(rules, pacing.Terms((time(9), time(18)))).quiet
    assert 100 == pacing.narrowed(rules, pacing.Terms()).daily_cap


def test_nothing_is_ever_sent_outside(hand, clock):
    """Whatever the clock does within a week, each hand-over lies in the window and within the cap."""
    dice = random.Random(1)
    job = hand.queue(40, window="09:00-17:00", daily_cap=5)
    for _ in range(400):
        clock.advance(dice.randint(60_000, 2 * HOUR_MS))
        for message in hand.claim():
            hand.confirm(hand.submit(message))
    rows = (
        Message.select().where(Message.job == job, Message.submitted_at.is_null(False)).order_by(Message.submitted_at)
    )
    times = [row.submitted_at for row in rows]
    assert 40 == len(times)
    assert {True} == {9 <= hour(at) < 17 for at in times}
    assert {True} == {later - early >= DAY_MS for early, later in zip(times, times[5:], strict=False)}
