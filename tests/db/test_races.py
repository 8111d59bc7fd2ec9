"""Two at once on PostgreSQL, where writers do not wait for each other unless they lock what they have read.

One of them is stopped in the middle of its transaction, until the other one waits for it or is done.
"""

from __future__ import annotations

import threading
from threading import Barrier

import pytest
from structlog.testing import capture_logs

from daemon import errors
from daemon.campaigns import create as creating
from daemon.campaigns import lifecycle
from daemon.contacts import suppression
from daemon.db import connection, proxy
from daemon.delivery import moves, rescue, unmatched, windows
from daemon.models import Answer, Event, Job, Message, Suppression
from daemon.states import JobState, State
from tests.conftest import BACKENDS
from tests.support.hand import LEASE_MS, Hand, fresh, job_state, states


@pytest.fixture
def backend() -> str:
    return "postgresql"


@pytest.mark.parametrize("state", [JobState.PAUSED, JobState.STOPPED])
def test_submit_sees_a_pause_that_is_just_being_made(hand: Hand, rival, start, until_it_waits, clock, state):
    """Whoever has pressed the button and got an answer sees nothing leave after it."""
    job = hand.queue(1)
    message = hand.claim_one()
    rival.execute("UPDATE job SET state = %s WHERE id = %s", (state.value, job.id))
    sending = start(hand.submit, message)
    until_it_waits(sending)
    rival.commit()
    with pytest.raises(errors.IllegalMove, match=f"job {job.id} is {state}"):
        sending.result()
    moves.release(message, "refused", clock())


def test_pause_waits_for_a_submit_that_is_just_being_made(hand: Hand, start, until_it_waits):
    """It counts as sent before the pause."""
    job = hand.queue(1)
    message = hand.claim_one()
    with connection.write():
        hand.submit(message)
        pausing = start(lifecycle.pause, job.id, "test", hand.clock())
        until_it_waits(pausing)
    pausing.result()
    assert JobState.PAUSED == job_state(job)
    assert State.SENDING == fresh(message).state


def test_what_is_given_back_while_the_job_is_stopped_is_cancelled(hand: Hand, start, until_it_waits, clock):
    """Else it would wait for ever in a job that has ended."""
    job = hand.queue(2)
    message = hand.claim_one()
    with connection.write():
        lifecycle.stop(job.id, "test", hand.clock())
        releasing = start(moves.release, message, "why", clock())
        until_it_waits(releasing)
    releasing.result()
    assert ["cancelled", "cancelled"] == states(job)


def test_stop_and_claim_at_once(hand: Hand, start, until_it_waits):
    """What was claimed first is in a hand, and the rest cancelled."""
    job = hand.queue(3)
    with connection.write():
        message = hand.claim_one()
        stopping = start(lifecycle.stop, job.id, "test", hand.clock())
        until_it_waits(stopping)
    stopping.result()
    assert ["claimed", "cancelled", "cancelled"] == states(job)
    moves.release(message, "stopped", hand.clock())


def test_claim_and_stop_at_once(hand: Hand, start, until_it_waits):
    """What was stopped first is not claimed."""
    job = hand.queue(3)
    with connection.write():
        lifecycle.stop(job.id, "test", hand.clock())
        claiming = start(hand.claim, 3)
        until_it_waits(claiming)
    assert [] == claiming.result()
    assert ["cancelled"] * 3 == states(job)


def test_a_job_that_is_being_changed_does_not_hold_up_another(hand: Hand, rival):
    """SKIP LOCKED: the claim takes its turn with the next job."""
    first, second = hand.queue(1), hand.queue(1, first=50)
    rival.execute("SELECT 1 FROM job WHERE id = %s FOR UPDATE", (first.id,))
    assert second.id == hand.claim_one().job_id
    rival.commit()
    assert first.id == hand.claim_one().job_id


def test_a_message_that_somebody_has_locked_is_left_out(hand: Hand, rival):
    """SKIP LOCKED: the next one is claimed, without a wait."""
    job = hand.queue(2)
    rival.execute("SELECT 1 FROM message WHERE number = '+4915110000000' FOR UPDATE")
    assert "+4915110000001" == hand.claim_one().number
    assert ["pending", "claimed"] == states(job)


def test_the_last_two_messages_end_at_once(hand: Hand, start, until_it_waits):
    """The job is completed, and once."""
    job = hand.queue(2)
    one, other = (hand.submit(message) for message in hand.claim(2))
    with capture_logs() as logs:
        with connection.write():
            hand.confirm(one)
            confirming = start(hand.confirm, other)
            until_it_waits(confirming)
        confirming.result()
    assert JobState.COMPLETED == job_state(job)
    assert 1 == [line["event"] for line in logs].count("job.completed")


def test_retry_while_the_last_message_ends(hand: Hand, start, until_it_waits, clock):
    """What is queued again is not left behind in a completed job."""
    job = hand.queue(2)
    failed, last = hand.claim(2)
    moves.fail(failed, "no", clock())
    hand.submit(last)
    with connection.write():
        hand.confirm(last)
        retrying = start(lifecycle.retry, job.id, "test", hand.clock())
        until_it_waits(retrying)
    assert (1, JobState.RUNNING) == (retrying.result(), job_state(job))
    assert [failed.number] == hand.send_all()
    assert JobState.COMPLETED == job_state(job)


def test_a_decision_while_the_last_message_ends(hand: Hand, start, until_it_waits, clock):
    """As with retry."""
    job = hand.queue(2)
    lost, last = (hand.submit(message) for message in hand.claim(2))
    moves.lose(lost, "who knows", clock())
    with connection.write():
        hand.confirm(last)
        deciding = start(lifecycle.settle, lost.id, False, "test", hand.clock())
        until_it_waits(deciding)
    deciding.result()
    assert JobState.RUNNING == job_state(job)
    assert [lost.number] == hand.send_all()


def test_two_decisions_on_one_message(hand: Hand, start, until_it_waits, clock):
    """The second person is told what the first one said."""
    hand.queue(1)
    lost = hand.submit(hand.claim_one())
    moves.lose(lost, "who knows", clock())
    with connection.write():
        lifecycle.settle(lost.id, True, "one", hand.clock())
        deciding = start(lifecycle.settle, lost.id, False, "other", hand.clock())
        until_it_waits(deciding)
    with pytest.raises(errors.IllegalMove, match="is sent: only uncertain messages need a decision"):
        deciding.result()


def test_whoever_opts_out_while_a_message_is_submitted_is_answered_after_it(
    hand: Hand, start, until_it_waits, settings
):
    """After the answer nothing is handed over any more."""
    hand.queue(1)
    message = hand.claim_one()
    with connection.write():
        hand.submit(message)
        leaving = start(suppression.suppress, settings, message.number, "asked", "test", hand.clock())
        until_it_waits(leaving)
    leaving.result()
    assert State.SENDING == fresh(message).state


def test_submit_sees_an_opt_out_that_is_just_being_made(hand: Hand, start, until_it_waits, settings, clock):
    """The other way round."""
    hand.queue(1)
    message = hand.claim_one()
    with connection.write():
        suppression.suppress(settings, message.number, "asked", "test", hand.clock())
        sending = start(hand.submit, message)
        until_it_waits(sending)
    with pytest.raises(errors.IllegalMove, match="suppression list"):
        sending.result()
    moves.release(message, "opted out", clock())


@pytest.mark.parametrize("number", ["+5511987654321", "+551187654321"], ids=["same", "former"])
def test_who_writes_stop_while_they_are_taken_off_is_on_the_list(start, until_it_waits, settings, database, number):
    """In whichever notation: the entry that was there is going, and must not be taken for this one."""
    suppression.suppress(settings, "+5511987654321", "asked", "test", 1)

    def stop() -> bool:
        with connection.write():
            return suppression.put(number, "wrote STOP", "reply", 3)

    with connection.write():
        suppression.remove(settings, "+5511987654321", "wants news again", "test", 2)
        writing = start(stop)
        until_it_waits(writing)
    assert writing.result()
    assert [(number, "wrote STOP")] == [(row.number, row.reason) for row in suppression.page()[0]]


def test_who_asks_while_whatsapp_tells_it_is_listed_for_good(start, until_it_waits):
    """The entry that is just being made is WhatsApp's, and must not stay theirs alone."""
    number = "+4915110000001"

    def stop() -> bool:
        with connection.write():
            return suppression.put(number, "wrote STOP", suppression.REPLY, 3)

    with connection.write():
        suppression.put(number, suppression.NO_MARKETING, suppression.WHATSAPP, 2)
        writing = start(stop)
        until_it_waits(writing)
    assert not writing.result()
    assert suppression.REPLY == suppression.find(number).source


def test_two_take_over_at_once(hand: Hand, start, until_it_waits, clock):
    """The second one finds nothing left to rescue, and no error."""
    hand.queue(3)
    claimed = hand.claim(2)
    hand.submit(claimed[0])
    clock.advance(LEASE_MS + 1)
    with connection.write():
        doubtful = rescue.take_over("default", clock(), LEASE_MS, sole=False)
        other = start(rescue.take_over, "default", clock(), LEASE_MS, False)
        until_it_waits(other)
    assert [claimed[0].id] == [message.id for message in doubtful]
    assert [] == other.result()
    hand.confirm(doubtful[0])


def test_two_rescues_at_once(hand: Hand, start, until_it_waits, clock):
    """Each message is released once."""
    hand.queue(2)
    hand.claim(2)
    clock.advance(LEASE_MS + 1)
    with connection.write():
        assert 2 == rescue.rescue(clock())
        other = start(rescue.rescue, clock())
        until_it_waits(other)
    assert 0 == other.result()
    assert 2 == Event.select().where(Event.move == "release", Event.who == "rescue").count()


def test_a_lease_that_is_just_being_extended_is_not_rescued(hand: Hand, start, until_it_waits, clock):
    """The heartbeat was in time."""
    hand.queue(1)
    message = hand.claim_one()
    clock.advance(LEASE_MS + 1)
    with connection.write():
        assert [message] == moves.extend([message], clock() + LEASE_MS)
        rescuing = start(rescue.rescue, clock())
        until_it_waits(rescuing)
    assert 0 == rescuing.result()
    assert State.CLAIMED == fresh(message).state


def test_a_confirm_that_a_rescue_is_ahead_of_is_refused(hand: Hand, start, until_it_waits, clock):
    """The lease was lost while it waited."""
    hand.queue(1)
    message = hand.submit(hand.claim_one())
    with connection.write():
        (doubtful,) = rescue.take_over("default", clock(), LEASE_MS, sole=True)
        confirming = start(hand.confirm, message)
        until_it_waits(confirming)
    with pytest.raises(errors.LeaseLost):
        confirming.result()
    hand.confirm(doubtful)


@pytest.mark.parametrize("first", ["commits", "is rolled back"])
def test_the_same_idempotency_key_at_once(hand: Hand, start, until_it_waits, settings, first):
    """One job, and both are answered alike; when the first one fails, the second one is it."""
    order = creating.Order("Hello", numbers=["+4915110000000"], key="same")
    answer: creating.Created | None = None
    try:
        with connection.write():
            answer = creating.create(settings, order, "test", hand.clock())
            repeating = start(creating.create, settings, order, "test", hand.clock())
            until_it_waits(repeating)
            if first == "is rolled back":
                raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    if first == "commits":
        assert answer == repeating.result()
    assert [repeating.result().job_id] == [job.id for job in Job.select()]
    assert 1 == Answer.select().count()


def test_a_circle_of_locks_is_busy_and_not_broken(hand: Hand, rival, start):
    """PostgreSQL breaks it; the sender and the API's clients try again."""
    first, second = hand.queue(1), hand.queue(1, first=50)
    rival.execute("SET deadlock_timeout = '1min'")
    proxy.database.execute_sql("SET deadlock_timeout = '50ms'")
    rival.execute("SELECT 1 FROM job WHERE id = %s FOR UPDATE", (second.id,))
    with pytest.raises(errors.DatabaseBusy, match="deadlock detected"), connection.write():
        lifecycle.pause(first.id, "test", hand.clock())
        crossing = start(rival.execute, "SELECT 1 FROM job WHERE id = %s FOR UPDATE", (first.id,))
        lifecycle.pause(second.id, "test", hand.clock())
    crossing.result()
    rival.rollback()
    lifecycle.pause(second.id, "test", hand.clock())
    assert [JobState.PENDING, JobState.PAUSED] == [job_state(first), job_state(second)]


def test_a_lock_that_is_held_for_long_is_busy_and_not_broken(hand: Hand, rival):
    """As on SQLite; afterwards it works."""
    job = hand.queue(1)
    proxy.database.execute_sql("SET lock_timeout = '50ms'")
    rival.execute("SELECT 1 FROM job WHERE id = %s FOR UPDATE", (job.id,))
    with pytest.raises(errors.DatabaseBusy):
        lifecycle.pause(job.id, "test", hand.clock())
    rival.rollback()
    lifecycle.pause(job.id, "test", hand.clock())


class TestOnEveryDatabase:
    """The same, started together and left to chance."""

    @pytest.fixture(params=BACKENDS)
    def backend(self, request: pytest.FixtureRequest) -> str:
        kind: str = request.param
        return kind

    def test_a_key_makes_one_job_however_often_it_comes(self, hand: Hand, start, settings):
        """Four requests with one key."""
        order = creating.Order("Hello", numbers=["+4915110000000"], key="same")
        together = Barrier(4)

        def create() -> creating.Created:
            together.wait()
            return creating.create(settings, order, "test", hand.clock())

        answers = [each.result() for each in [start(create) for _ in range(4)]]
        assert [answers[0]] * 4 == answers
        assert 1 == Job.select().count()

    def test_four_hands_finish_a_job_while_a_person_presses_every_button(self, hand: Hand, start):
        """Counters, history and the end of the job are right (the `hand` fixture looks)."""
        job = hand.queue(40)
        together, pressed = Barrier(5), threading.Event()

        def send() -> int:
            together.wait()
            sent = 0
            # A retry opens a completed job again, so the hands stay until the last button was pressed.
            while not (pressed.is_set() and job_state(job) is JobState.COMPLETED):
                for message in hand.claim(2):
                    try:
                        hand.submit(message)
                    except errors.IllegalMove:
                        moves.release(message, "paused", hand.clock())
                    else:
                        ends = (moves.fail, moves.lose) if message.id % 3 == 0 else (None,)
                        end = ends[message.id % len(ends)]
                        end(message, "no", hand.clock()) if end else hand.confirm(message)
                        sent += 1
            return sent

        def press() -> None:
            together.wait()
            for _ in range(15):
                for button in (lifecycle.pause, lifecycle.resume, lifecycle.retry):
                    try:
                        button(job.id, "test", hand.clock())
                    except errors.IllegalMove:
                        pass

        pressing, *sending = [start(press), *(start(send) for _ in range(4))]
        pressing.result()
        if job_state(job) is JobState.PAUSED:
            lifecycle.resume(job.id, "test", hand.clock())
        pressed.set()
        assert 40 <= sum(each.result() for each in sending)
        assert set(states(job)) <= {"sent", "failed", "uncertain"}
        assert Message.select().count() == 40


def test_whose_a_chat_is_is_told_by_a_person_and_by_meta_at_once(hand: Hand, start, until_it_waits, clock):
    """Both take the id before the chat: neither stands in the other's way."""
    hand.queue(1)
    message = hand.submit(hand.claim_one())
    unmatched.note_user("default", "DE.1", "stop", clock())
    (chat,) = unmatched.listed(clock())
    with connection.write():
        learnt = windows.learn({"DE.1": message.number}, clock())
        assigning = start(unmatched.assign, hand.settings, chat.id, message.number, "anna", clock())
        until_it_waits(assigning)
        unmatched.users_known({"default"}, learnt, clock())
    with pytest.raises(errors.NotFound):
        assigning.result()
    assert [message.number] == [each.number for each in Suppression.select()]
