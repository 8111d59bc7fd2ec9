"""A campaign that is relative to a date of each person, in the queue."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from daemon.accounts import directory
from daemon.campaigns import cloning, create, progress, queries
from daemon.campaigns.draft_content import Dated
from daemon.delivery import moves
from daemon.models import Event, Job, Message
from daemon.states import AccountState, JobState, State
from daemon.transports.protocol import Health
from tests.support.hand import Hand

DAY_MS = 86_400_000
RULE = Dated(field="termin", days=-2, time="09:00")


@pytest.fixture
def job(hand: Hand, clock) -> Job:
    """Its three people have a date in 10, 20 and 30 days."""
    days = [datetime.fromtimestamp(clock() / 1000 + n * 86_400, UTC).strftime("%Y-%m-%d") for n in (20, 10, 30)]
    people = [{"number": f"+49151100000{n}", "termin": day} for n, day in enumerate(days)]
    return hand.queue(text="On {{ termin }}", recipients=people, dated=RULE)


def due(job: Job) -> list[Message]:
    return list(Message.select().where(Message.job == job).order_by(Message.not_before))


def test_each_gets_it_at_their_time_and_then_the_job_is_complete(hand: Hand, clock, job):
    """Not before; and waits of weeks are left alone."""
    for message in due(job):
        assert [] == hand.claim(5)
        clock.now = message.not_before - 1
        assert [] == hand.claim(5)
        clock.now = message.not_before
        (claimed,) = hand.claim(5)
        assert message.id == claimed.id
        hand.confirm(hand.submit(claimed))
    assert JobState.COMPLETED == Job.get_by_id(job.id).state


def test_a_time_that_was_missed_is_not_sent_late(hand: Hand, clock, job):
    """The machine was off for longer than it is of use: skipped with the reason; the next one is sent."""
    first, second, _ = due(job)
    clock.now = first.not_after + 1
    assert [] == hand.claim(5)
    skipped = Message.get_by_id(first.id)
    why = Event.get(Event.message == first.id, Event.move == "skip")
    assert (State.SKIPPED, "date_too_late") == (skipped.state, why.coded["code"])
    clock.now = second.not_after
    assert [second.id] == [message.id for message in hand.claim(5)]


def test_a_claimed_one_that_comes_back_too_late_is_skipped_too(hand: Hand, clock, job):
    """Whatever it waited for."""
    clock.now = due(job)[0].not_before
    (message,) = hand.claim(1)
    moves.release(message, "not now", clock(), 2 * DAY_MS)
    clock.advance(2 * DAY_MS)
    assert [] == hand.claim(1)
    assert State.SKIPPED == Message.get_by_id(message.id).state


def test_another_campaign_is_not_held_up(hand: Hand, clock, job):
    """While everybody of the one waits for weeks."""
    other = hand.queue(1, first=50)
    assert [other.id] == [message.job_id for message in hand.claim(5)]
    assert [0, 0, 0] == [message.attempts for message in due(job)]


def test_progress_says_when_the_next_and_the_last_are_due(hand: Hand, clock, job):
    """As long as anything is queued."""
    directory.report("default", Health(AccountState.READY), clock())
    first, _, last = due(job)
    found = progress.progress(hand.settings, queries.job(job.id), clock())
    assert ("date", first.not_before) == (found.next_reason, found.next_send_at)
    assert found.eta is not None and last.not_before <= found.eta < last.not_before + DAY_MS


def test_a_duplicate_has_the_same_rule(hand: Hand, clock, job):
    """In a draft, and as an order of a program."""
    order = cloning.order(job.id, "all", 0, cloning.Changed())
    again = create.create(hand.settings, order, "test", clock())
    assert [each.not_before for each in due(job)] == [each.not_before for each in due(Job.get_by_id(again.job_id))]
    assert RULE == cloning.clone(job.id, "a" * 32, "all", "test", clock()).data.when.dated


def test_of_two_messages_to_one_number_only_the_late_one_is_skipped(hand: Hand, clock):
    """Each has a date of its own."""
    days = [datetime.fromtimestamp(clock() / 1000 + n * 86_400, UTC).strftime("%Y-%m-%d") for n in (10, 20)]
    people = [{"number": "+491511000007", "termin": day} for day in days]
    job = hand.queue(text="On {{ termin }}", recipients=people, dated=RULE, per=create.PER_ROW)
    clock.now = due(job)[1].not_before
    (claimed,) = hand.claim(5)
    assert claimed.id == due(job)[1].id
    assert State.SKIPPED == due(job)[0].state
