"""What a sender was sending that never comes back does not stay `sending` for ever: after a day a person decides."""

from __future__ import annotations

import pytest

from daemon.accounts import directory
from daemon.campaigns import lifecycle
from daemon.delivery import rescue
from daemon.models import Event, Message
from daemon.states import JobState, State
from tests.support.hand import LEASE_MS, Hand, fresh, job_state

DAY_MS = 24 * 3_600_000


def sending(hand: Hand) -> Message:
    hand.queue(1)
    return hand.submit(hand.claim_one())


def test_it_is_uncertain_after_a_day_of_silence(hand: Hand, clock):
    """Any living sender does it, of whatever account; its history says so, and a person may decide."""
    message = sending(hand)
    clock.advance(LEASE_MS + DAY_MS)
    assert 0 == rescue.rescue(clock())
    clock.advance(1)
    assert 1 == rescue.rescue(clock())
    last = Event.select().order_by(Event.id.desc()).get()
    assert ("lose", "rescue", None) == (last.move, last.who, last.lease)
    assert "for a day" in last.why
    assert (State.UNCERTAIN, last.why) == (fresh(message).state, fresh(message).error)
    assert JobState.COMPLETED == job_state(message.job)
    assert 0 == rescue.rescue(clock())
    lifecycle.settle(message.id, True, "test", hand.clock())
    assert State.SENT == fresh(message).state


def test_it_is_left_to_a_sender_of_its_own_account_while_there_is_one(hand: Hand, clock):
    """However long the account was unlinked: only the chat knows."""
    message = sending(hand)
    clock.advance(30 * DAY_MS)
    directory.seen("default", clock())
    assert 0 == rescue.rescue(clock())
    clock.advance(DAY_MS - 1)
    assert 0 == rescue.rescue(clock())
    assert State.SENDING == fresh(message).state
    (doubtful,) = rescue.take_over("default", clock(), LEASE_MS, sole=True)
    hand.confirm(doubtful)


@pytest.mark.parametrize("state", [State.CLAIMED, State.SENDING])
def test_a_lease_from_while_the_clock_was_ahead_has_run_out(hand: Hand, clock, state):
    """It would last for a year."""
    clock.advance(365 * DAY_MS)
    hand.queue(1)
    message = hand.claim_one()
    if state is State.SENDING:
        hand.submit(message)
    directory.seen("default", clock())
    clock.advance(-365 * DAY_MS)
    assert 1 == rescue.rescue(clock())
    assert (State.PENDING if state is State.CLAIMED else State.UNCERTAIN) == fresh(message).state


def test_a_stopped_jobs_message_ends_as_well(hand: Hand, clock):
    message = sending(hand)
    lifecycle.stop(message.job_id, "test", hand.clock())
    clock.advance(2 * DAY_MS)
    assert 1 == rescue.rescue(clock())
    assert (State.UNCERTAIN, JobState.STOPPED) == (fresh(message).state, job_state(message.job))
