"""What receipts make of a message: in any order, doubled, late, or faster than the answer."""

from __future__ import annotations

from itertools import permutations

import peewee
import pytest

from daemon import errors
from daemon.accounts import handovers, pacing
from daemon.campaigns import lifecycle, timeline
from daemon.db import clock as db_clock
from daemon.delivery import claim, eligibility, job_moves, moves, quarters, reasons, receipt_rows, receipts, rescue
from daemon.delivery.receipts import Outcome
from daemon.models import Event, Handover, Job, Message
from daemon.states import MOVES, PUT_BACK, TAKEN, Ack, JobState, State, Status
from daemon.transports.protocol import Receipt, StatusUpdate
from tests.support.hand import LEASE_MS, Hand, everything, fresh, job_state, states

ORDER = [Status.SENT, Status.EXPIRED, Status.FAILED, Status.DELIVERED, Status.READ]
DAY_MS = pacing.DAY_MS


def accepted(hand: Hand, **receipt: object) -> Message:
    hand.queue(1)
    message = hand.submit(hand.claim_one())
    moves.confirm(message, Receipt("wamid.1", Ack.ACCEPTED, **receipt), hand.clock())
    return message


def test_an_accepted_message_holds_no_lease_and_keeps_no_job_open(hand: Hand, clock):
    """Nothing is left to do here; a sender that dies leaves it alone."""
    message = accepted(hand, reason="It is held.", expires_at=clock() + DAY_MS)
    row = fresh(message)
    assert (State.ACCEPTED, None, None) == (row.state, row.lease, row.lease_until)
    assert (clock(), None, "wamid.1", "It is held.") == (row.accepted_at, row.sent_at, row.transport_id, row.error)
    assert JobState.COMPLETED == job_state(row.job)
    assert (1, 0) == (row.job.accepted, row.job.sending)

    assert [] == rescue.take_over("default", clock() + 9 * LEASE_MS, LEASE_MS, sole=True)
    assert 0 == rescue.rescue(clock() + 9 * LEASE_MS)
    assert [] == hand.claim()
    with pytest.raises(errors.IllegalMove):
        lifecycle.retry(row.job_id, "test", hand.clock())
    assert State.ACCEPTED == fresh(message).state


@pytest.mark.parametrize("state", [State.SENDING, State.ACCEPTED, State.UNCERTAIN])
@pytest.mark.parametrize("first", [1, 2, 3])
def test_receipts_end_alike_in_whatever_order_they_come(hand: Hand, clock, state, first):
    """Each twice: the state, the counters and the times are those of the one furthest down."""
    told = [Status.SENT, Status.DELIVERED, Status.READ, Status.FAILED, Status.EXPIRED]
    ends = set()
    at = {status: clock() - 50 + 10 * place for place, status in enumerate(ORDER)}
    orders = list(permutations(told, first))
    for order in orders[:: max(1, len(orders) // 12)]:
        message = hand.bring(state)
        for status in (*order, *order):
            hand.receipt(message, status, at=at[status])
        row = fresh(message)
        assert max(order, key=ORDER.index) == row.state
        assert (row.lease, row.lease_until) == (None, None)
        assert (row.error is None) == (row.state in TAKEN)
        assert (row.ended_at is None) == (row.state in TAKEN)
        if {Status.SENT, Status.DELIVERED, Status.READ} & set(order):
            ends.add((frozenset(order), row.state, row.sent_at, row.delivered_at, row.read_at))
        lifecycle_end(message)
    assert len({end[0] for end in ends}) == len(ends)


def lifecycle_end(message: Message) -> None:
    """Nobody else of that job is claimed by what comes next."""
    if job_state(message.job) not in (JobState.COMPLETED, JobState.STOPPED):
        lifecycle.stop(message.job_id, "test", db_clock.now_ms())


@pytest.mark.parametrize("status", list(Status))
def test_a_receipt_moves_as_the_table_says(hand: Hand, status):
    """Every pair of state and receipt: moved, or nothing but WhatsApp's id and the times changes."""
    sources, target = MOVES[receipts.MOVE[status]]
    for place, state in enumerate(State):
        message = hand.bring(state, first=10 * place)
        before = fresh(message)
        outcome = hand.receipt(message, status)
        if state in sources and not (state in PUT_BACK and not before.submissions):
            assert (Outcome.MOVED, target) == (outcome, fresh(message).state), state
            event = Event.select().where(Event.message == message).order_by(Event.id.desc()).first()
            assert ("receipt", state, target) == (event.who, event.source, event.target)
        else:
            assert (Outcome.KNOWN, state) == (outcome, fresh(message).state), state
        hand.clear_the_queue()


def test_a_doubled_receipt_changes_nothing(hand: Hand, clock):
    """Neither history nor times."""
    message = accepted(hand)
    for status in ORDER:
        hand.receipt(message, status)
        before = everything()
        clock.advance(1_000)
        assert Outcome.KNOWN == hand.receipt(message, status)
        assert before == everything()


def test_an_earlier_time_that_comes_later_is_the_one(hand: Hand, clock):
    """`read` may come first: it says no more than that it was sent by then."""
    message, now = accepted(hand), clock()
    clock.advance(10)
    hand.receipt(message, Status.READ, at=now + 3)
    assert (now + 3,) * 3 == times(message)
    hand.receipt(message, Status.SENT, at=now + 1)
    hand.receipt(message, Status.DELIVERED, at=now + 2)
    assert (now + 1, now + 2, now + 3) == times(message)
    hand.receipt(message, Status.DELIVERED, at=now + 9 * DAY_MS)
    assert (now + 1, now + 2, now + 3) == times(message)


def times(message: Message) -> tuple[int | None, ...]:
    row = fresh(message)
    return row.sent_at, row.delivered_at, row.read_at


def test_a_time_ahead_of_now_is_now(hand: Hand, clock):
    """WhatsApp's clock is not ours."""
    message = accepted(hand)
    hand.receipt(message, Status.SENT, at=clock() + 60_000)
    assert clock() == fresh(message).sent_at


LATE = {
    "accept": lambda m, now: moves.confirm(m, Receipt("wamid.accept", Ack.ACCEPTED, expires_at=now + 5), now),
    "confirm": lambda m, now: moves.confirm(m, Receipt("wamid.confirm", Ack.SENT), now),
    "fail": lambda m, now: moves.fail(m, "no", now),
    "retry": lambda m, now: moves.retry(m, "no", now, 3, 1_000),
    "lose": lambda m, now: moves.lose(m, "no answer", now),
    "requeue": lambda m, now: moves.requeue(m, "no", now),
}


@pytest.mark.parametrize("status", list(Status))
def test_a_receipt_before_the_answer_counts_and_the_answer_changes_nothing(hand: Hand, clock, status):
    """The job is over with the receipt; the sender hears no error, and holds it no more."""
    for place, (late, answer) in enumerate(LATE.items()):
        hand.queue(1, first=place)
        message = hand.submit(hand.claim_one())
        assert Outcome.MOVED == hand.receipt(message, status, transport_id=f"wamid.{late}"), late
        assert JobState.COMPLETED == job_state(message.job), late
        assert [] == moves.extend([message], clock() + LEASE_MS), late
        before, kept = everything(), list(Handover.select().dicts())
        if late == "accept" and status is Status.SENT:  # its time to live is known by the answer alone
            before[1][-1]["expires_at"] = clock() + 5
        answer(message, clock())
        assert before == everything(), late
        assert kept == list(Handover.select().dicts()), late
        assert (receipts.MOVE[status], None) == (last_move(message), message.lease), late
        assert MOVES[receipts.MOVE[status]][1] == message.state, late


def last_move(message: Message) -> str:
    return str(Event.select(Event.move).where(Event.message == message).order_by(Event.id.desc()).scalar())


def test_the_late_answer_tells_the_id_that_the_receipt_did_not(hand: Hand, clock):
    """By it the next ones are matched."""
    hand.queue(1)
    message = hand.submit(hand.claim_one())
    hand.receipt(message, Status.SENT)
    hand.confirm(message, Ack.ACCEPTED)
    assert (State.SENT, "id-1") == (fresh(message).state, fresh(message).transport_id)
    (outcome,) = receipts.take("default", [StatusUpdate(Status.READ, clock(), transport_id="id-1")], clock())
    assert (Outcome.MOVED, State.READ) == (outcome, fresh(message).state)


def test_a_receipt_for_a_dead_sender_settles_what_it_was_sending(hand: Hand, clock):
    """Also what another one has taken over to look for; that one's answer changes nothing either."""
    hand.queue(1)
    message = hand.submit(hand.claim_one())
    (doubtful,) = rescue.take_over("default", clock(), LEASE_MS, sole=True)
    hand.receipt(message, Status.DELIVERED)
    before = everything()
    moves.lose(doubtful, "cannot tell", clock())
    assert before == everything()
    with pytest.raises(errors.LeaseLost):
        moves.confirm(message, Receipt("x", Ack.ACCEPTED), clock())
    assert before == everything()


def test_a_receipt_is_of_its_account_only(hand: Hand, clock):
    """Another account's ids name nothing here."""
    message = accepted(hand)
    updates = [
        StatusUpdate(Status.READ, clock(), message_id=message.id),
        StatusUpdate(Status.READ, clock(), transport_id="wamid.1"),
        StatusUpdate(Status.READ, clock()),
    ]
    before = everything()
    assert [Outcome.UNMATCHED] * 3 == receipts.take("other", updates, clock())
    unknown = [StatusUpdate(Status.READ, clock(), message_id=message.id + 1), StatusUpdate(Status.READ, clock())]
    assert [Outcome.UNMATCHED] * 2 == receipts.take("default", unknown, clock())
    assert before == everything()


def test_many_receipts_of_several_jobs_are_taken_at_once(hand: Hand, clock):
    """In one transaction, in their order."""
    messages = [accepted(hand) for _ in range(3)]
    updates = [StatusUpdate(status, clock(), message_id=each.id) for status in ORDER[:3] for each in messages[::-1]]
    assert {Outcome.MOVED} == set(receipts.take("default", updates, clock()))
    assert [State.FAILED] * 3 == [fresh(each).state for each in messages]


def test_nothing_is_applied_when_the_database_breaks_off(hand: Hand, clock, monkeypatch):
    """So the whole of it can be taken once more."""
    messages = [accepted(hand) for _ in range(2)]
    updates = [StatusUpdate(Status.SENT, clock(), message_id=each.id) for each in messages]
    before = everything()

    def broken(_name: str, _job: int, _at: int, _by: int) -> None:
        raise peewee.OperationalError("disk full")

    monkeypatch.setattr(quarters, "add", broken)  # after the messages were written
    with pytest.raises(errors.DatabaseBusy):
        receipts.take("default", updates, clock())
    assert before == everything()
    monkeypatch.undo()
    monkeypatch.setattr(db_clock, "now_ms", clock)
    assert [Outcome.MOVED] * 2 == receipts.take("default", updates, clock())


def sent_again(hand: Hand) -> Message:
    """A message that was lost, and that a person had sent again; it waits."""
    hand.queue(1)
    message = hand.submit(hand.claim_one())
    moves.lose(message, "cannot tell", hand.clock())
    lifecycle.settle(message.id, False, "person", hand.clock())
    return fresh(message)


@pytest.mark.parametrize("status", [Status.SENT, Status.DELIVERED, Status.READ])
@pytest.mark.parametrize("claimed", [False, True])
def test_what_is_known_to_be_out_is_not_sent_again(hand: Hand, clock, status, claimed):
    """Somebody waits for a second hand-over, and the first one turns out to have worked: nothing more leaves."""
    message = sent_again(hand)
    if claimed:
        message = hand.claim_one()
    assert Outcome.MOVED == hand.receipt(message, status, submission=1)
    assert (status, JobState.COMPLETED) == (fresh(message).state, job_state(message.job))
    if claimed:
        with pytest.raises((errors.LeaseLost, errors.IllegalMove)):  # the latter where its job is over with it
            hand.submit(message)
        before = everything()
        moves.release(message, "it is too late", clock())
        assert before == everything()
    assert [] == hand.claim()


def test_what_failed_since_may_be_sent_again_though_it_was_sent(hand: Hand, clock):
    """A doubled `sent` of a message that then failed is no news; that it arrived is."""
    message = accepted(hand)
    hand.receipt(message, Status.SENT)
    hand.receipt(message, Status.FAILED)
    lifecycle.retry(message.job_id, "person", hand.clock())
    assert (None,) * 3 == times(message)
    before = everything()
    assert Outcome.KNOWN == hand.receipt(message, Status.SENT)
    assert Outcome.KNOWN == hand.receipt(message, Status.FAILED)
    assert before == everything()
    assert Outcome.MOVED == hand.receipt(message, Status.DELIVERED)
    assert State.DELIVERED == fresh(message).state


@pytest.mark.parametrize("status", [Status.FAILED, Status.EXPIRED])
def test_what_failed_while_it_waits_to_be_sent_again_is_still_sent(hand: Hand, clock, status):
    """A late `sent` of the same hand-over comes after it: the message is not out, and must not be lost."""
    message = sent_again(hand)
    assert [Outcome.KNOWN] * 2 == [hand.receipt(message, each, submission=1) for each in (status, Status.SENT)]
    assert [message.id] == [each.id for each in hand.claim()]


@pytest.mark.parametrize("status", list(Status))
def test_of_an_earlier_hand_over_only_that_they_got_it_counts(hand: Hand, clock, status):
    """The second one is on its way: what the first one failed by is over."""
    message = sent_again(hand)
    message = hand.submit(hand.claim_one())
    assert 2 == message.submissions
    before = everything()
    outcome = hand.receipt(message, status, submission=1, transport_id="wamid.old")
    if status in receipts.ARRIVED:
        assert (Outcome.MOVED, status, None) == (outcome, fresh(message).state, fresh(message).transport_id)
    else:
        assert Outcome.KNOWN == outcome
        assert before == everything()
    assert Outcome.KNOWN == hand.receipt(message, Status.READ, submission=3)


def test_what_was_never_handed_over_has_no_receipt(hand: Hand, clock):
    """Whatever it says."""
    job = hand.queue(1)
    message = job.messages.get()
    before = everything()
    assert [Outcome.KNOWN] * 5 == [hand.receipt(message, status, submission=0) for status in Status]
    assert before == everything()


def test_a_second_hand_over_does_not_keep_the_first_ones_id(hand: Hand, clock):
    """Else a receipt of the first one were taken for one of the second."""
    message = accepted(hand)
    hand.receipt(message, Status.FAILED)
    lifecycle.retry(message.job_id, "person", hand.clock())
    message = hand.submit(hand.claim_one())
    (outcome,) = receipts.take("default", [StatusUpdate(Status.FAILED, clock(), transport_id="wamid.1")], clock())
    assert (Outcome.UNMATCHED, State.SENDING, None) == (outcome, fresh(message).state, fresh(message).transport_id)


def test_two_ids_of_one_hand_over_are_an_alarm(hand: Hand, clock, caplog, capsys):
    """It may have gone out twice; the message itself goes its way."""
    message = accepted(hand)
    told: list[str] = []
    original, receipt_rows.log = (
        receipt_rows.log,
        type("Log", (), {"error": lambda _, event, **__: told.append(event)})(),
    )
    try:
        hand.receipt(message, Status.SENT, transport_id="wamid.2")
    finally:
        receipt_rows.log = original
    assert (["message.doubled"], State.SENT, "wamid.1") == (told, fresh(message).state, fresh(message).transport_id)


def test_what_nobody_reports_on_expires(hand: Hand, clock):
    """An hour after its time to live; what arrives later still counts. What has no such time stays."""
    timed = [accepted(hand, expires_at=clock() + DAY_MS) for _ in range(3)]
    kept = accepted(hand)
    hand.receipt(timed[1], Status.SENT)
    hand.receipt(timed[2], Status.DELIVERED)
    assert 0 == receipts.expire_due(clock() + DAY_MS)
    clock.advance(DAY_MS + receipts.EXPIRY_GRACE_MS + 1)
    assert 2 == receipts.expire_due(clock())
    assert 0 == receipts.expire_due(clock())
    assert ["expired", "expired", "delivered", "accepted"] == [fresh(each).state for each in (*timed, kept)]
    assert receipts.WHY[Status.EXPIRED].sentence == fresh(timed[0]).error
    hand.receipt(timed[0], Status.READ)
    assert (State.READ, None) == (fresh(timed[0]).state, fresh(timed[0]).error)


def test_the_counters_of_a_completed_job_move_and_it_stays_completed(hand: Hand, clock):
    """Also in one that was stopped."""
    job = hand.queue(3)
    for _ in range(2):
        hand.confirm(hand.submit(hand.claim_one()), Ack.ACCEPTED)
    lifecycle.stop(job.id, "test", hand.clock())
    ended = job_moves.job(job.id).completed_at
    clock.advance(1_000)
    first, second, _ = Message.select().order_by(Message.id)
    hand.receipt(first, Status.DELIVERED)
    hand.receipt(second, Status.FAILED)
    row = Job.get_by_id(job.id)
    assert (1, 1, 1, 0) == (row.delivered, row.failed, row.cancelled, row.accepted)
    assert (JobState.STOPPED, ended) == (row.state, row.completed_at)
    assert ["delivered", "failed", "cancelled"] == states(job)


def caps(hand: Hand, message: Message) -> tuple[int, int]:
    """(hand-overs of the account, what the person got) by the caps."""
    now = hand.clock()
    got = handovers.got([message.number], now - DAY_MS, now, 0).get(message.number, 0)
    assert bool(got) == bool(list(handovers.often(1, now - DAY_MS, now)))
    return handovers.count("default", now - DAY_MS, now), got


@pytest.mark.parametrize("status", [Status.FAILED, Status.EXPIRED])
@pytest.mark.parametrize("state", [State.SENDING, State.ACCEPTED, State.UNCERTAIN, State.SENT])
def test_what_did_not_arrive_counts_for_the_account_and_not_for_the_person(hand: Hand, state, status):
    """Until it did after all."""
    message = hand.bring(state)
    assert (1, 1) == caps(hand, message)
    hand.receipt(message, status)
    assert (1, 0) == caps(hand, message)
    hand.receipt(message, Status.DELIVERED)
    assert (1, 1) == caps(hand, message)


def test_what_was_thought_never_to_have_left_counts_when_it_arrives(hand: Hand, clock):
    """The refusal took it out of the caps; the receipt knows better."""
    message = hand.bring(State.FAILED)
    assert (0, 0) == caps(hand, message)
    clock.advance(1_000)
    hand.receipt(message, Status.DELIVERED)
    assert (1, 1) == caps(hand, message)
    assert message.submitted_at == Handover.get().at


def test_a_person_at_the_cap_by_an_accepted_message_is_skipped(hand: Hand, clock):
    """It may well arrive. Once it is known not to have, they get the next one."""
    hand.rules = pacing.Rules(person_cap=1, person_window_ms=DAY_MS)
    for status, expected in ((None, State.SKIPPED), (Status.EXPIRED, State.CLAIMED)):
        message = accepted(hand)
        if status:
            hand.receipt(message, status)
        job = hand.queue(1)
        hand.claim()
        assert [expected] == states(job)
        Handover.delete().execute()
        lifecycle_end(job.messages.get())
        rescue.take_over("default", clock(), LEASE_MS, sole=True)


def test_a_chat_is_known_from_when_whatsapp_took_a_message_for_it(hand: Hand, clock):
    """And no longer when it did not arrive."""
    for place, state in enumerate(each for each in State if each not in (State.SKIPPED, State.CLAIMED)):
        first = hand.bring(state, first=10 * place)
        lifecycle_end(first)
        second = hand.queue(1, first=10 * place).messages.get()
        found = Message.select().where(Message.id == second.id, eligibility.known(Message)).exists()
        assert (state in TAKEN) == found, state
        got = claim.claim("default", 1, clock(), LEASE_MS, hand.rules, known_only=True)
        assert [second.id] * found == [each.id for each in got], state
        hand.clear_the_queue()


def test_the_course_counts_each_once(hand: Hand, clock):
    """A message that failed after it was sent is no longer among the sent ones."""
    job = hand.queue(6)
    messages = [hand.confirm(hand.submit(hand.claim_one()), Ack.ACCEPTED) for _ in range(6)]
    for message, last in zip(messages[1:], ORDER, strict=True):
        hand.receipt(message, Status.SENT)
        hand.receipt(message, last)
    found = timeline.course(job_moves.job(job.id), clock()).stretches
    totals = [sum(getattr(each, kind) for each in found) for kind in ("out", "accepted", "failed", "other")]
    assert [3, 1, 1, 1] == totals


def test_what_whatsapp_says_in_words_has_a_code(hand: Hand, clock) -> None:
    """So that failures for it are not grouped with those of which nothing is known."""
    message = hand.bring(State.SENT)
    update = StatusUpdate(Status.FAILED, clock(), message_id=message.id, reason="The business account is locked.")
    assert [Outcome.MOVED] == receipts.take("default", [update], clock())
    failed = fresh(message)
    assert (State.FAILED, "The business account is locked.") == (failed.state, failed.error)
    assert {"whatsapp_says": 1} == reasons.of(message.job_id)
