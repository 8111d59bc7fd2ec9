"""What may follow what: the table of moves, leases, rescue, retries, and the end of a job."""

from __future__ import annotations

import peewee
import pytest

from daemon import errors
from daemon.accounts import directory, pace, pacing
from daemon.campaigns import lifecycle
from daemon.contacts import suppression
from daemon.db import connection, proxy
from daemon.delivery import counters, job_moves, moves, receipts, rescue
from daemon.models import Event, Job, Message
from daemon.states import (
    IN_HAND,
    JOB_MOVES,
    MOVES,
    NOT_OUT,
    OPEN,
    OUT,
    REACHED,
    TAKEN,
    UNFINISHED,
    Ack,
    JobState,
    State,
)
from daemon.transports.protocol import Mark, Receipt
from tests.support.hand import LEASE_MS, MARK, Hand, everything, fresh, job_state, states

RECEIPT = Receipt("id-1", Ack.SENT)
ACKS = {  # move: the call that makes it, given a message and the time
    "release": lambda m, now: moves.release(m, "why", now),
    "submit": lambda m, now: moves.submit(m, MARK, now, pacing.Gap(0, pacing.Why.PAUSE, 1)),
    "confirm": lambda m, now: moves.confirm(m, RECEIPT, now),
    "accept": lambda m, now: moves.confirm(m, Receipt("id-1", Ack.ACCEPTED), now),
    "retry": lambda m, now: moves.retry(m, "why", now, 3, 1000),
    "requeue": lambda m, now: moves.requeue(m, "why", now),
    "fail": lambda m, now: moves.fail(m, "why", now),
    "lose": lambda m, now: moves.lose(m, "why", now),
}
REFUSED = (errors.LeaseLost, errors.IllegalMove)


@pytest.mark.parametrize("state", list(State))
def test_a_move_is_made_from_the_states_in_the_table_and_from_no_other(hand: Hand, clock, state):
    """Every pair of state and move: allowed as the table says, else refused without any trace."""
    message, used = hand.bring(state, first=0), 1
    for name, (sources, target) in MOVES.items():
        if name == "claim":
            continue
        pair, before = f"{name} from {state}", everything()
        try:
            with moves.moving(message):
                moves.apply(message, name, "why", "test", clock())
        except REFUSED:
            assert state not in sources, pair
            assert before == everything(), pair  # so the same message is there for the next one
        else:
            assert state in sources, pair
            assert target == fresh(message).state == message.state, pair
            last = proxy.tuples(Event.select(Event.source, Event.target).order_by(Event.id.desc()))[0]
            assert (state, target) == last, pair
            assert [] == counters.miscounted(), pair
            hand.clear_the_queue()
            message, used = hand.bring(state, first=10 * used), used + 1


def test_only_pending_messages_are_claimed(hand: Hand):
    """The one state that a claim takes from is the one in the table."""
    for place, state in enumerate(State):
        message = hand.bring(state, first=10 * place)
        claimed = hand.claim(10)
        assert (State.PENDING == state) == (message.id in {each.id for each in claimed}), state
        assert all(each.state == State.CLAIMED for each in claimed), state
        hand.clear_the_queue()


def test_the_groups_of_states_fit_the_table():
    """What is in a hand comes from a claim; what WhatsApp has taken never comes back to the queue; final states have no
    move but a person's, those by receipt, and the one that gives back what an account's trouble has failed."""
    by_receipt = set(receipts.MOVE.values())
    assert IN_HAND < UNFINISHED
    assert OUT < TAKEN < REACHED and not TAKEN & UNFINISHED and not REACHED & (NOT_OUT - {State.UNCERTAIN})
    leaving = {name for name, (sources, target) in MOVES.items() if sources & TAKEN and target not in TAKEN}
    assert {"bounce", "expire"} == leaving
    assert not [name for name in by_receipt if MOVES[name][1] in UNFINISHED]
    leaving = {name for name, (sources, _) in MOVES.items() if sources - UNFINISHED - OUT}
    assert {"settle", "resend", "reinstate"} == leaving - by_receipt
    assert JobState.STOPPED not in OPEN
    assert not [name for name, (sources, _) in JOB_MOVES.items() if JobState.STOPPED in sources]


@pytest.mark.parametrize("name", ACKS)
def test_an_ack_of_a_lost_lease_changes_nothing(hand: Hand, clock, name):
    """A sender that was taken for dead writes neither state nor counters nor history."""
    hand.queue(2)
    message = hand.claim_one()
    if name not in ("release", "submit"):
        hand.submit(message)
    old = fresh(message)
    rescue.take_over("default", clock(), LEASE_MS, sole=True)
    if name in ("release", "submit"):
        hand.claim_one()
    before = everything()

    with pytest.raises(errors.LeaseLost):
        ACKS[name](old, clock())
    assert before == everything()
    assert old.lease


def test_a_sender_that_lost_its_lease_cannot_extend_it(hand: Hand, clock):
    """Extend names the messages that are still ours, and leaves the others' leases alone."""
    hand.queue(2)
    lost, kept = hand.claim(2)
    Message.update(lease="another").where(Message.id == lost.id).execute()
    until = clock() + 5 * LEASE_MS

    assert [kept.id] == [message.id for message in moves.extend([lost, kept], until)]
    assert (clock() + LEASE_MS, until) == (fresh(lost).lease_until, fresh(kept).lease_until)


def test_an_extended_lease_is_not_rescued(hand: Hand, clock):
    """The heartbeat of a living sender keeps others away."""
    hand.queue(1)
    message = hand.claim_one()
    clock.advance(LEASE_MS)
    moves.extend([message], clock() + LEASE_MS)
    clock.advance(LEASE_MS)
    assert 0 == rescue.rescue(clock())
    clock.advance(1)
    assert 1 == rescue.rescue(clock())


def test_submit_is_committed_with_the_mark_before_anything_leaves(hand: Hand, clock, database):
    """Another connection sees `sending`, the mark and the account's pace as soon as submit returns."""
    hand.queue(1)
    message = hand.submit(hand.claim_one(), pause_ms=4_000)
    connection.close()
    seen = fresh(message)
    assert (State.SENDING, MARK, clock()) == (State(seen.state), Mark.loads(seen.mark), seen.submitted_at)
    assert clock() + 4_000 == pace.opening("default", clock(), hand.rules).at


@pytest.mark.parametrize("how", [lifecycle.pause, lifecycle.stop])
def test_submit_is_refused_when_a_person_was_faster(hand: Hand, clock, how):
    """Paused or stopped between claim and submit: nothing goes out, and the attempt does not count."""
    job = hand.queue(1)
    message = hand.claim_one()
    how(job.id, "test", clock())
    with pytest.raises(errors.IllegalMove, match=f"job {job.id} is"):
        hand.submit(message)
    moves.release(message, "a person was faster", clock())

    expected = State.PENDING if how is lifecycle.pause else State.CANCELLED
    assert (expected, 0, None) == (fresh(message).state, fresh(message).attempts, fresh(message).lease)


def test_a_refused_commit_leaves_the_message_in_memory_as_it_was(hand: Hand, clock, monkeypatch):
    """Else the same outcome could not be written down when the database answers again."""
    hand.queue(1)
    message = hand.submit(hand.claim_one())
    real = counters.shift
    monkeypatch.setattr(counters, "shift", lambda *_: (_ for _ in ()).throw(peewee.OperationalError("disk full")))
    with pytest.raises(errors.DatabaseBusy):
        moves.confirm(message, Receipt("x", Ack.READ), clock())
    assert State.SENDING == message.state == fresh(message).state
    monkeypatch.setattr(counters, "shift", real)

    moves.confirm(message, Receipt("x", Ack.READ), clock())
    assert State.READ == fresh(message).state


def test_a_receipt_may_say_more_than_sent(hand: Hand, clock):
    """Each step is in the history."""
    hand.queue(1)
    message = hand.confirm(hand.submit(hand.claim_one()), Ack.READ)
    moves = [event.move for event in Event.select().where(Event.message == message).order_by(Event.id)]
    assert ["enqueue", "claim", "submit", "confirm", "deliver", "read"] == moves
    row = fresh(message)
    assert (clock(),) * 3 == (row.sent_at, row.delivered_at, row.read_at)
    assert "id-1" == row.transport_id


def test_take_over_tells_the_two_deaths_apart(hand: Hand, clock):
    """Claimed: queued again, attempt given back. Sending: back in our hand, under a new lease."""
    job = hand.queue(3)
    sending = hand.submit(hand.claim_one())
    claimed = hand.claim_one()

    (doubtful,) = rescue.take_over("default", clock(), LEASE_MS, sole=True)

    assert (sending.id, State.SENDING) == (doubtful.id, doubtful.state)
    assert sending.lease != doubtful.lease == fresh(sending).lease
    assert clock() + LEASE_MS == fresh(sending).lease_until
    assert (State.PENDING, 0, None) == (fresh(claimed).state, fresh(claimed).attempts, fresh(claimed).lease)
    with pytest.raises(errors.LeaseLost):
        hand.confirm(sending)
    hand.confirm(doubtful)
    assert ["sent", "pending", "pending"] == states(job)


def test_take_over_spares_a_living_sender_of_the_account(hand: Hand, clock):
    """Unless the caller alone may drive it, a lease that runs is respected."""
    hand.queue(2)
    hand.submit(hand.claim_one())
    hand.claim_one()
    before = everything()
    clock.advance(LEASE_MS)
    assert [] == rescue.take_over("default", clock(), LEASE_MS, sole=False)
    assert before == everything()
    clock.advance(1)
    assert 1 == len(rescue.take_over("default", clock(), LEASE_MS, sole=False))


def test_take_over_leaves_other_accounts_alone(hand: Hand, clock):
    """Only the chat of its own account could be looked into."""
    directory.open_account("other", clock())
    hand.queue(1, account="other")
    (theirs,) = hand.claim(account="other")
    hand.submit(theirs)
    assert [] == rescue.take_over("default", clock() + 2 * LEASE_MS, LEASE_MS, sole=True)
    assert State.SENDING == fresh(theirs).state


def test_rescue_queues_claimed_messages_of_any_account_and_no_others(hand: Hand, clock):
    """What may be out is never queued again by time alone."""
    hand.queue(1)
    directory.open_account("other", clock())
    hand.queue(1, first=50, account="other")
    sending = hand.submit(hand.claim_one())
    (claimed,) = hand.claim(account="other")
    clock.advance(LEASE_MS + 1)

    assert 1 == rescue.rescue(clock())
    assert (State.SENDING, State.PENDING) == (fresh(sending).state, fresh(claimed).state)
    assert 0 == fresh(claimed).attempts
    assert 0 == rescue.rescue(clock())


def test_rescue_of_a_stopped_job_cancels(hand: Hand, clock):
    """It must not be queued in a job that has ended."""
    job = hand.queue(2)
    hand.claim_one()
    lifecycle.stop(job.id, "test", hand.clock())
    rescue.rescue(clock() + LEASE_MS + 1)
    assert ["cancelled", "cancelled"] == states(job)


def test_retries_wait_twice_as_long_each_time_and_end(hand: Hand, clock):
    """30 s, 60 s, then it has failed, with the last reason."""
    job = hand.queue(1)
    waits = []
    for _ in range(2):
        message = hand.submit(hand.claim_one())
        moves.retry(message, "no tick", clock(), max_attempts=3, wait_ms=30_000)
        waits.append(fresh(message).not_before - clock())
        clock.now = fresh(message).not_before
    moves.retry(hand.submit(hand.claim_one()), "no tick again", clock(), max_attempts=3, wait_ms=30_000)

    assert [30_000, 60_000] == waits
    row = Message.get()
    assert (State.FAILED, 3, "no tick again") == (row.state, row.attempts, row.error)
    assert JobState.COMPLETED == job_state(job)


@pytest.mark.parametrize("move", ["release", "requeue"])
def test_what_was_not_tried_costs_no_attempt(hand: Hand, clock, move):
    """However often it happens, the third real try is still the third."""
    hand.queue(1)
    for _ in range(5):
        message = hand.claim_one()
        if move == "requeue":
            hand.submit(message)
        ACKS[move](message, clock())
    assert (0, State.PENDING) == (Message.get().attempts, Message.get().state)


@pytest.mark.parametrize("ending", ["confirm", "accept", "fail", "lose", "retry", "release", "requeue"])
def test_stop_cancels_what_waits_and_lets_the_one_in_hand_end(hand: Hand, clock, ending):
    """What is out counts as what became of it; what would be queued again is cancelled."""
    job = hand.queue(3)
    message = hand.claim_one()
    if ending != "release":
        hand.submit(message)
    lifecycle.stop(job.id, "test", hand.clock())
    assert ["cancelled", "cancelled"] == states(job)[1:]
    ACKS[ending](message, clock())

    expected = {"confirm": "sent", "accept": "accepted", "fail": "failed", "lose": "uncertain"}.get(ending, "cancelled")
    assert [expected, "cancelled", "cancelled"] == states(job)
    assert JobState.STOPPED == job_state(job)
    assert [] == hand.claim()


def last_confirmed(hand: Hand, message: Message) -> None:
    hand.confirm(hand.submit(message))


def last_accepted(hand: Hand, message: Message) -> None:
    hand.confirm(hand.submit(message), Ack.ACCEPTED)


def last_failed(hand: Hand, message: Message) -> None:
    moves.fail(message, "not on WhatsApp", hand.clock())


def last_lost(hand: Hand, message: Message) -> None:
    moves.lose(hand.submit(message), "cannot tell", hand.clock())


def last_out_of_tries(hand: Hand, message: Message) -> None:
    moves.retry(message, "no", hand.clock(), max_attempts=1, wait_ms=0)


def last_skipped(hand: Hand, message: Message) -> None:
    moves.release(message, "later", hand.clock())
    suppression.suppress(hand.settings, message.number, "asked", "test", hand.clock())
    hand.claim()


def last_ends_while_paused(hand: Hand, message: Message) -> None:
    hand.submit(message)
    lifecycle.pause(message.job_id, "test", hand.clock())
    hand.confirm(message)


@pytest.mark.parametrize(
    "end",
    [last_confirmed, last_accepted, last_failed, last_lost, last_out_of_tries, last_skipped, last_ends_while_paused],
)
def test_a_job_is_completed_when_nobody_is_left_whatever_the_outcome(hand: Hand, clock, end):
    """Not before the last one, and with the time."""
    job = hand.queue(2)
    hand.confirm(hand.submit(hand.claim_one()))
    assert JobState.RUNNING == job_state(job)
    clock.advance(5)
    end(hand, hand.claim_one())
    assert (JobState.COMPLETED, clock()) == (job_state(job), job_moves.job(job.id).completed_at)


def job_in(hand: Hand, state: JobState) -> Job:
    """A job in that state, with one message sent where it has begun."""
    job = hand.queue(3, schedule_at=hand.clock() + 1000 if state is JobState.SCHEDULED else None)
    if state in (JobState.SCHEDULED, JobState.PENDING):
        return job
    moves.fail(hand.claim_one(), "no", hand.clock())
    if state is JobState.PAUSED:
        lifecycle.pause(job.id, "test", hand.clock())
    elif state is JobState.STOPPED:
        lifecycle.stop(job.id, "test", hand.clock())
    elif state is JobState.COMPLETED:
        hand.send_all()
    return job_moves.job(job.id)


@pytest.mark.parametrize("state", list(JobState))
def test_a_person_may_move_a_job_as_the_table_says(hand: Hand, state):
    """Every pair of state and request: done, or refused with the state and a reason, and nothing changed."""
    for name in ("pause", "resume", "stop", "retry"):
        job = job_in(hand, state)
        assert state == job_state(job)
        sources, target = JOB_MOVES[name]
        before = everything()
        if state in sources:
            getattr(lifecycle, name)(job.id, "test", hand.clock())
            kept = name == "retry" and state is JobState.PAUSED  # queued again, and still paused
            assert (state if kept else target) == job_state(job), name
        else:
            with pytest.raises(
                errors.IllegalMove, match=rf"[Jj]ob {job.id} (is {state}, so you cannot {name} it|has no failed)"
            ):
                getattr(lifecycle, name)(job.id, "test", hand.clock())
            assert before == everything(), name
        hand.clear_the_queue()


def test_retry_queues_all_that_failed_with_their_attempts_anew(hand: Hand, clock):
    """A completed job opens again for them, and completes again."""
    job = hand.queue(3)
    for _ in range(2):
        moves.fail(hand.submit(hand.claim_one()), "no", clock())
    hand.send_all()
    assert JobState.COMPLETED == job_state(job)
    count, reopened = lifecycle.retry(job.id, "test", hand.clock()), job_moves.job(job.id)

    assert (2, JobState.RUNNING, None) == (count, reopened.state, reopened.completed_at)
    assert [(0, None), (0, None)] == proxy.tuples(
        Message.select(Message.attempts, Message.error).where(Message.state == State.PENDING)
    )
    assert ["+4915110000000", "+4915110000001"] == hand.send_all()
    assert JobState.COMPLETED == job_state(job)


def test_an_uncertain_message_was_sent_when_a_person_says_so(hand: Hand, clock):
    """Settled, under that person's name; the job stays completed."""
    job = hand.queue(1)
    message = hand.submit(hand.claim_one())
    moves.lose(message, "cannot tell", clock())
    settled = lifecycle.settle(message.id, True, "page", hand.clock())
    assert (State.SENT, clock()) == (settled.state, fresh(message).sent_at)
    assert ("page", "settle") == proxy.tuples(Event.select(Event.who, Event.move).order_by(Event.id.desc()))[0]
    assert JobState.COMPLETED == job_state(job)


def test_an_uncertain_message_is_sent_again_only_when_a_person_says_so(hand: Hand, clock):
    """Never by itself; then the job opens again for it."""
    job = hand.queue(1)
    message = hand.submit(hand.claim_one())
    moves.lose(message, "cannot tell", clock())
    clock.advance(100 * LEASE_MS)
    rescue.rescue(clock())
    assert [] == hand.claim()
    lifecycle.settle(message.id, False, "page", hand.clock())
    assert JobState.RUNNING == job_state(job)
    assert [message.number] == hand.send_all()


def test_an_uncertain_message_of_a_stopped_job_is_not_sent_again(hand: Hand, clock):
    """Stopped is for good; that it was sent can still be said."""
    job = hand.queue(1)
    message = hand.submit(hand.claim_one())
    lifecycle.stop(job.id, "test", hand.clock())
    moves.lose(message, "cannot tell", clock())
    with pytest.raises(errors.IllegalMove, match="stays stopped"):
        lifecycle.settle(message.id, False, "page", hand.clock())
    lifecycle.settle(message.id, True, "page", hand.clock())
    assert ["sent"] == states(job)


def test_only_an_uncertain_message_needs_a_decision(hand: Hand):
    """All others are decided."""
    for place, state in enumerate(state for state in State if state is not State.UNCERTAIN):
        message = hand.bring(state, first=10 * place)
        with pytest.raises(errors.IllegalMove, match="only uncertain messages"):
            lifecycle.settle(message.id, True, "page", hand.clock())
        assert state == fresh(message).state
        hand.clear_the_queue()


def test_the_check_of_the_counters_finds_a_difference(hand: Hand):
    """What every test here relies on sees a counter that is off by one."""
    job = hand.queue(2)
    Job.update(sent=Job.sent + 1).where(Job.id == job.id).execute()
    assert [job.id] == counters.miscounted()
    Job.update(sent=Job.sent - 1).where(Job.id == job.id).execute()
