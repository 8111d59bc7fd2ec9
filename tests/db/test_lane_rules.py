"""The rules of many lanes: what counts when several fail at once, one on trial, caps, and a database that fails in the
middle of a batch."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import peewee
import pytest

from daemon import errors
from daemon.accounts import ownership, pace, pacing
from daemon.campaigns import lifecycle
from daemon.contacts import suppression
from daemon.db import proxy
from daemon.db.refusals import Unsent as OfDb
from daemon.delivery import batches, breaker, compose, moves, receipts, timing
from daemon.delivery.receipts import Outcome
from daemon.formats.refusals import Unsent as OfFormatsUnsent
from daemon.i18n.coded import refusal
from daemon.models import Event, Handover, Job, Message, Minute, Quarter, Reason, Suppression, Tally
from daemon.states import Ack, Hold, State, Status
from daemon.transports.cloud.refusals import Cloud
from daemon.transports.protocol import Mark, Outgoing, Receipt, StatusUpdate, always
from daemon.transports.refusals import Rehearsed
from tests.support.hand import MARK, Hand, account, everything, fresh, states
from tests.support.scripted import Hang, ScriptedTransport, until

LANES = 8
NO_COMPOSER = errors.NotSubmitted("The box to write in is not there.")
GAP = pacing.Gap(0, pacing.Why.READY, 0)


def wide(**script: list[Any]) -> ScriptedTransport:
    """A transport that takes LANES messages at once."""
    transport = ScriptedTransport(**script)
    transport.concurrency = LANES
    return transport


def pending() -> list[int]:
    """The attempts of those that wait."""
    return [message.attempts for message in Message.select().where(Message.state == State.PENDING)]


async def test_what_fails_after_the_hold_has_begun_is_excused(bench, monkeypatch):
    """Five fail for one cause, and the account holds; three more that were on their way fail for it, too. That is no
    second hold, and nobody has lost an attempt."""
    prepared = [Hang(NO_COMPOSER) for _ in range(LANES)]
    bench.set(max_attempts=2)
    job = bench.queue(LANES)
    transport = wide(prepare=[*prepared])
    async with bench.sending(transport) as (running, _):
        for each in prepared:
            await each.entered.wait()
        for each in prepared[: breaker.LIMIT]:
            each.let_go()
        await until(lambda: account().hold == Hold.FAILURES, "it holds")
        ends = account().until
        for each in prepared[breaker.LIMIT :]:
            each.let_go()
        await until(lambda: len(pending()) == LANES, "all wait again")
        await until(lambda: running.context.lanes.empty, "the lanes are empty")
        assert (ends, [0] * LANES) == (account().until, pending())
        assert 1 == running.context.trouble._failures._holds
    assert ["pending"] * LANES == states(job)
    whys = {event.why for event in Event.select().where(Event.move == "retry")}
    assert {str(NO_COMPOSER)} == whys


async def test_what_is_ready_after_the_hold_has_begun_goes_back_to_the_queue(bench):
    """Five fail for one cause, and the account holds; three more were claimed before, and are ready only now: nothing
    leaves, and they keep their place and their attempts."""
    failing, ready = ([Hang(then) for _ in range(n)] for then, n in ((NO_COMPOSER, breaker.LIMIT), (None, 3)))
    job = bench.queue(LANES)
    transport = wide(prepare=[*failing, *ready])
    async with bench.sending(transport) as (running, _):
        for each in (*failing, *ready):
            await each.entered.wait()
        for each in failing:
            each.let_go()
        await until(lambda: account().hold == Hold.FAILURES, "it holds")
        for each in ready:
            each.let_go()
        await until(lambda: running.context.lanes.empty, "the lanes are empty")
    assert (["pending"] * LANES, [0] * LANES) == (states(job), pending())
    assert (0, []) == (transport.count("hand_over"), transport.out)


async def test_where_time_runs_out_for_many_fewer_are_sent_at_once(bench, monkeypatch):
    """The machine is too slow for more than three at once: they would be given back for ever, and claimed again."""
    transport = wide()
    hand_over, most, tried = transport.hand_over, 3, []

    async def slow(message: Outgoing, mark: Mark, held: Callable[[], bool] = always) -> Receipt:
        tried.append(message.number)
        sending = running.context.lanes.sending
        await asyncio.sleep(0.01)  # until all of them are here
        if sending > most:
            raise errors.LeaseLost(Rehearsed.LEASE_RAN_OUT)
        return await hand_over(message, mark, held)

    monkeypatch.setattr(transport, "hand_over", slow)
    job = bench.queue(5 * LANES)
    async with bench.sending(transport) as (running, _):
        await until(lambda: states(job).count("sent") == 5 * LANES, "all are sent")
        assert len(set(tried)) == 5 * LANES < len(tried)
        most = LANES
        bench.queue(5 * LANES, first=100)
        await until(lambda: running.context.lanes.free == LANES, "all lanes are used again")


async def test_on_trial_one_message_goes_at_a_time_until_one_has_gone_through(bench, monkeypatch):
    """Eight lanes are free, and one is used: it fails, and the account holds anew; the next goes through, and then all
    lanes are used."""
    monkeypatch.setattr(breaker, "FIRST_HOLD_MS", 1)
    monkeypatch.setattr(breaker, "LONGEST_HOLD_MS", 1)
    failing = [NO_COMPOSER] * breaker.LIMIT
    first, second = Hang(NO_COMPOSER), Hang()
    others = [Hang() for _ in range(LANES)]
    bench.set(max_attempts=9, retry_after_s=60)  # who has failed is not due again in here
    bench.queue(breaker.LIMIT)
    transport = wide(prepare=[*failing, first, second, *others])
    async with bench.sending(transport) as (running, _):
        await until(lambda: running.context.trouble.on_trial and running.context.lanes.clear, "it is on trial")
        job = bench.queue(3 * LANES, first=100)
        await first.entered.wait()
        asked = transport.count("health")
        await until(lambda: transport.count("health") > asked + 3, "it has gone round a few times")
        assert (1, breaker.LIMIT + 1) == (running.context.lanes.at_work, transport.count("prepare"))
        first.let_go()
        await second.entered.wait()
        assert (1, breaker.LIMIT + 2) == (running.context.lanes.at_work, transport.count("prepare"))
        second.let_go()
        for each in others:
            await each.entered.wait()
        assert (LANES, False) == (running.context.lanes.at_work, running.context.trouble.on_trial)
        for each in others:
            each.let_go()
        await until(lambda: states(job).count("sent") == 3 * LANES - 1, "all but the one that failed are sent")


def test_a_jobs_cap_has_room_for_a_part_of_the_batch(hand: Hand, clock):
    """What is claimed and not handed over yet takes room; what turns out never to have left gives it back."""
    job = hand.queue(20, daily_cap=5)
    first = hand.claim(3)
    assert 3 == len(first)
    second = hand.claim(10)
    assert (2, []) == (len(second), hand.claim(10))
    for message in first:
        hand.submit(message)
    clock.advance(2_000)
    assert [] == hand.claim(10)
    moves.release(second[0], "back", clock())
    clock.advance(2_000)
    (third,) = hand.claim(10)
    moves.requeue(first[0], "it never left", clock())
    assert 1 == len(hand.claim(10))
    hand.submit(third)
    clock.advance(2_000)
    assert [] == hand.claim(10)
    assert 15 == states(job).count("pending")


async def test_no_batch_of_a_sender_passes_a_jobs_cap(bench):
    """Eight lanes, five that may go today."""
    job = bench.queue(20, daily_cap=5)
    transport = wide()
    async with bench.sending(transport):
        await until(lambda: states(job).count("sent") == 5, "five are sent")
        asked = transport.count("health")
        await until(lambda: transport.count("health") > asked + 3, "it has gone round a few times")
    assert 5 == transport.count("hand_over")


@pytest.fixture
def sending(hand: Hand) -> list[Message]:
    """Five messages on their way, in the order of their numbers, claimed under one lease."""
    hand.queue(5)
    return [hand.submit(message) for message in hand.claim(5)]


async def entries(sending: list[Message], ack: Ack = Ack.SENT) -> list[batches.Entry]:
    """All are confirmed: by a few statements for all of them where they are sent, one by one where they have come
    further already."""
    return [
        batches.Entry(moves.confirm, message, (Receipt(f"id-{message.id}", ack),), {"gap": GAP}) for message in sending
    ]


@pytest.mark.parametrize(("ack", "statement", "nth"), [(Ack.SENT, '"tally"', 1), (Ack.READ, 'UPDATE "message"', 4)])
async def test_a_database_that_fails_in_the_middle_has_made_none_of_the_batch(
    hand, sending, clock, monkeypatch, ack, statement, nth
):
    """The messages in memory are what they were, so the same batch is made whole when it is back."""
    waiting = await entries(sending, ack)
    before, kept = everything(), [dict(message.__data__) for message in sending]
    real, made = proxy.database.obj.execute_sql, []

    def execute_sql(sql: str, params: Any = None) -> Any:
        made.append(sql)
        if sum(statement in each for each in made) == nth:
            raise peewee.OperationalError("database is locked")
        return real(sql, params)

    with monkeypatch.context() as patched:
        patched.setattr(proxy.database.obj, "execute_sql", execute_sql)
        with pytest.raises(errors.DatabaseBusy):
            batches.together(waiting, clock())
    assert before == everything()
    assert kept == [dict(message.__data__) for message in sending]
    assert [None] * 5 == [each.refused for each in waiting]
    batches.together(waiting, clock())
    assert [ack] * 5 == [fresh(message).state for message in sending] == [message.state for message in sending]


@pytest.mark.parametrize(("ack", "nth"), [(Ack.SENT, 1), (Ack.READ, 4)])
async def test_an_account_that_is_lost_in_the_middle_has_made_none_of_the_batch(
    hand, sending, clock, monkeypatch, ack, nth
):
    """Another sender owns it: nothing of this one counts any more."""
    waiting = await entries(sending, ack)
    before, real, made = everything(), pace.set_pace, []

    def lost(name: str, now: int, gap: pacing.Gap) -> None:
        made.append(name)
        if len(made) == nth:
            raise ownership.lost(name)
        real(name, now, gap)

    monkeypatch.setattr(pace, "set_pace", lost)
    with pytest.raises(errors.AccountLost):
        batches.together(waiting, clock())
    assert before == everything()


async def test_one_that_is_refused_leaves_the_others_of_the_batch(hand, clock):
    """Two of five have opted out since the claim: three are on their way, and those two as they were."""
    hand.queue(5)
    claimed = hand.claim(5)
    for message in claimed[1:4:2]:
        suppression.suppress(hand.settings, message.number, "asked", "test", clock())
    waiting = [batches.Entry(moves.submit, message, (MARK,), {"gap": GAP}) for message in claimed]
    batches.together(waiting, clock())
    assert [False, True, False, True, False] == [isinstance(each.refused, errors.IllegalMove) for each in waiting]
    assert ["sending", "claimed", "sending", "claimed", "sending"] == [message.state for message in claimed]
    assert [message.state for message in claimed] == [fresh(message).state for message in claimed]


async def test_those_who_opt_out_by_their_failure_are_on_the_list_with_the_batch(hand, sending, clock):
    """Only they, and none whose move was not made."""
    terms = [{"opted_out": True}, {}, {"opted_out": True}, {}, {}]
    waiting = [batches.Entry(moves.fail, *each) for each in zip(sending, [("No.",)] * 5, terms, strict=True)]
    sending[2].lease = "lost"
    batches.together(waiting, clock())
    assert [None] * 2 + [errors.LeaseLost] + [None] * 2 == [each.refused and type(each.refused) for each in waiting]
    assert [sending[0].number] == [each.number for each in Suppression.select()]


async def test_one_whose_turn_has_passed_leaves_the_others_of_the_batch(hand, clock):
    """It takes another turn; those whose turn it is are on their way."""
    hand.queue(4)
    claimed = hand.claim(4)
    turns = [time.monotonic() - ago_s for ago_s in (0.0, 60.0, 0.0, 60.0)]
    waiting = [
        batches.Entry(moves.submit, message, (Mark("before", turn_at=at),), {"gap": GAP, "spare_s": 30.0})
        for message, at in zip(claimed, turns, strict=True)
    ]
    batches.together(waiting, clock())
    assert [False, True, False, True] == [isinstance(each.refused, errors.TurnPassed) for each in waiting]
    assert ["sending", "claimed", "sending", "claimed"] == [fresh(message).state for message in claimed]


async def test_a_batch_is_as_many_statements_however_many_messages_it_has(hand: Hand, clock, monkeypatch):
    """Claimed, submitted with terms of two kinds, confirmed and reported; to people who have a cap."""
    real, made = proxy.database.obj.execute_sql, list[str]()
    monkeypatch.setattr(proxy.database.obj, "execute_sql", lambda sql, *rest: (made.append(sql), real(sql, *rest))[1])
    rules = pacing.Rules(person_cap=5, person_window_ms=pacing.DAY_MS)

    def statements(size: int) -> int:
        begun = len(made)
        claimed = hand.claim(size)
        turn = Mark("before", turn_at=time.monotonic())
        terms = [{"gap": GAP, "rules": rules, "spare_s": 30.0 * (1 + nth % 2)} for nth in range(size)]
        out = [batches.Entry(moves.submit, each, (turn,), of) for each, of in zip(claimed, terms, strict=True)]
        batches.together(out, clock())
        taken = [(message, Receipt(f"wamid.{message.id}", Ack.ACCEPTED)) for message in claimed]
        batches.together([batches.Entry(moves.confirm, each, (of,), {"gap": GAP}) for each, of in taken], clock())
        told = [StatusUpdate(Status.DELIVERED, clock(), transport_id=of.transport_id) for _, of in taken]
        assert [Outcome.MOVED] * size == receipts.take("default", told, clock())
        return len(made) - begun

    hand.queue(40)
    statements(2)  # the first one begins the job
    assert statements(3) == statements(30)


async def test_nothing_of_a_job_that_was_paused_since_goes_out_with_a_batch(hand, clock):
    """The claim was earlier; all of them stay in hand, to be given back."""
    job = hand.queue(3)
    claimed = hand.claim(3)
    lifecycle.pause(job.id, "test", clock())
    waiting = [batches.Entry(moves.submit, message, (MARK,), {"gap": GAP}) for message in claimed]
    batches.together(waiting, clock())
    assert [errors.IllegalMove] * 3 == [type(each.refused) for each in waiting]
    assert ["claimed"] * 3 == states(job)


async def test_a_second_hand_over_in_a_batch_does_not_keep_the_first_ones_id(hand, sending, clock):
    """Else a receipt of the first one were taken for one of the second."""
    for message in sending:
        moves.confirm(message, Receipt(f"wamid.{message.id}", Ack.ACCEPTED), clock())
        hand.receipt(message, Status.FAILED)
    lifecycle.retry(sending[0].job_id, "person", clock())
    claimed = hand.claim(5)
    batches.together([batches.Entry(moves.submit, each, (MARK,), {"gap": GAP}) for each in claimed], clock())
    late = [StatusUpdate(Status.FAILED, clock(), f"wamid.{message.id}") for message in sending]
    assert [Outcome.UNMATCHED] * 5 == receipts.take("default", late, clock())
    assert ["sending"] * 5 == [fresh(message).state for message in sending]


async def test_what_a_busy_database_has_not_stored_is_not_handed_over(bench, monkeypatch):
    """A batch whose transaction fails has submitted none of its messages; each goes out once, later."""
    real, failed = batches.together, []

    def together(entries: list[batches.Entry], now: int) -> None:
        if not failed:
            failed.extend(each.message.id for each in entries)
            raise errors.DatabaseBusy(OfDb.DATABASE_UNANSWERED, reason="locked")
        real(entries, now)

    stored: list[str] = []

    class Watching(ScriptedTransport):
        concurrency = LANES

        async def hand_over(self, message: Any, mark: Mark, held: Any = always) -> Receipt:
            stored.append(Message.get(Message.number == message.number).state)
            return await super().hand_over(message, mark, held)

    monkeypatch.setattr(batches, "together", together)
    job = bench.queue(LANES)
    prepared = [Hang(MARK) for _ in range(LANES)]
    async with bench.sending(Watching(prepare=[*prepared])):
        for each in prepared:
            await each.entered.wait()
        for each in prepared:
            each.let_go()
        await until(lambda: len(stored) >= LANES, "all are handed over")
        assert ["sending"] * LANES == stored
        await until(lambda: states(job) == ["sent"] * LANES, "all are sent")
    assert (True, [1] * LANES) == (bool(failed), [message.attempts for message in Message.select()])


async def test_the_moves_of_a_senders_batch_are_made_for_all_at_once(bench, monkeypatch):
    """Also where each message has a turn of its own; one by one each would cost some ten statements."""
    most: Counter[str] = Counter()

    def counted(name: str, real: Any) -> Any:
        def work(*given: Any, **terms: Any) -> set[int]:
            found: set[int] = real(*given, **terms)
            most[name] = max(most[name], len(found))
            return found

        return work

    monkeypatch.setattr(batches, "BULK", {move: counted(move.__name__, real) for move, real in batches.BULK.items()})
    monkeypatch.setattr(timing, "GATHER_S", 0.2)
    job = bench.queue(LANES)
    prepared = [Hang(Mark("before", turn_at=time.monotonic() + nth)) for nth in range(LANES)]
    transport = wide(prepare=[*prepared])
    transport.paced = False
    async with bench.sending(transport):
        for each in prepared:
            await each.entered.wait()
        for each in prepared:
            each.let_go()
        await until(lambda: states(job) == ["sent"] * LANES, "all are sent")
    assert (True, True) == (most["submit"] > 1, most["confirm"] > 1)


@pytest.mark.parametrize("ack", [Ack.SENT, Ack.READ])
async def test_a_batch_sets_the_pace_once(hand, sending, clock, monkeypatch, ack):
    """Of two hundred that are confirmed at once the last one's pause counts, and they are all the same; one whose move
    was undone has not set it."""
    waiting = await entries(sending, ack)
    paced = []
    real = pace._pace

    def counting(*shape: Any, **values: Any) -> Any:
        paced.append(values["at"])
        return real(*shape, **values)

    monkeypatch.setattr(pace, "_pace", counting)
    batches.together(waiting, clock())
    assert ([clock()], clock()) == (paced, account().next_send_at)


def kept_of(job: Job, other: Job) -> list[Any]:
    """What the tables say of two jobs, without what tells one pair of jobs from another."""
    own = {"id", "job", "message", "number", "person", "row", "fields", "lease", "external_id"}
    first = Message.select(peewee.fn.MIN(Message.id)).where(Message.job == job.id).scalar()
    queries = [table.select().where(table.job == job.id) for table in (Message, Tally, Quarter, Reason, Minute)]
    for table in (Event, Handover):
        nth = (table.message - first).alias("nth")
        queries.append(table.select(table, nth).join(Message).where(Message.job == job.id).order_by(nth, table.id))
    found = [[{name: row[name] for name in row if name not in own} for row in query.dicts()] for query in queries]
    counts = Job.select(*(getattr(Job, state.value) for state in State)).where(Job.id == job.id)
    return [*found, list(counts.tuples()), [each.known for each in Message.select().where(Message.job == other.id)]]


@pytest.mark.parametrize("ack", [Ack.ACCEPTED, Ack.SENT])
async def test_moves_made_for_all_leave_what_moves_made_one_by_one_leave(hand, clock, monkeypatch, ack):
    """In every table and in memory. One of five is moved by a receipt before its answer, one has lost its lease, and
    one is waited for by another job, too."""
    at_once, left = dict(batches.BULK), []
    why = refusal(Cloud.QUALITY_CHECK)
    for round_, bulk in enumerate((at_once, {})):
        monkeypatch.setattr(batches, "BULK", bulk)
        job, other = hand.queue(5, first=100 * round_), hand.queue(1, first=100 * round_ + 2)
        claimed = hand.claim(5)
        batches.together(
            [batches.Entry(moves.submit, each, (MARK,), {"gap": GAP, "rules": hand.rules}) for each in claimed], clock()
        )
        receipts.take("default", [StatusUpdate(Status.DELIVERED, clock(), "id-1", claimed[1].id, 1)], clock())
        claimed[3].lease = "another one's"
        answered = [
            batches.Entry(moves.confirm, each, (Receipt(f"id-{at}", ack, why if at == 4 else None),), {"gap": GAP})
            for at, each in enumerate(claimed)
        ]
        batches.together(answered, clock())
        assert [False, False, False, True, False] == [each.refused is not None for each in answered]
        assert [ack, "delivered", ack, "sending", ack] == states(job)
        memory = [(each.state, each.transport_id, each.coded, each.accepted_at, each.expires_at) for each in claimed]
        left.append([*kept_of(job, other), memory])
        hand.clear_the_queue()
    assert left[0] == left[1]
    assert [True] == left[0][-2]


async def test_each_lane_has_its_own_reason_why_it_cannot_be_composed(bench, monkeypatch):
    """They are put together in one go: one whose text cannot be made fails, and the others of the batch are sent."""
    job = bench.queue(LANES)
    (odd,) = Message.select().where(Message.job == job).order_by(Message.id).limit(1).offset(2)
    real = compose.outgoing

    def outgoing(settings: Any, message: Message, to_send: bool = True) -> Any:
        if message.id == odd.id:
            raise errors.InvalidInput(OfFormatsUnsent.TEXT_BLANK)
        return real(settings, message, to_send)

    monkeypatch.setattr(compose, "outgoing", outgoing)
    transport = wide()
    async with bench.sending(transport):
        await until(lambda: states(job).count("sent") == LANES - 1, "the others are sent")
        await until(lambda: fresh(odd).state == State.FAILED, "it has failed")
    assert "The message is blank for this recipient." == fresh(odd).error


async def test_a_database_that_is_busy_while_they_are_composed_gives_all_of_them_back(bench, monkeypatch):
    real, busy = compose.several, [errors.DatabaseBusy(OfDb.DATABASE_UNANSWERED, reason="locked")]

    def several(*given: Any) -> Any:
        if busy:
            raise busy.pop()
        return real(*given)

    monkeypatch.setattr(compose, "several", several)
    job = bench.queue(LANES)
    await bench.run_out(wide(), job)
    assert (["sent"] * LANES, [1] * LANES) == (states(job), [message.attempts for message in Message.select()])


async def test_a_doubt_that_a_receipt_has_settled_frees_its_lane_at_once(bench):
    """However long the transport would have waited for it."""
    waits = Hang()
    bench.queue(1)
    transport = wide(hand_over=[errors.SubmitUnknown("No answer came.")], look_up=[waits])
    transport.one_file = True
    async with bench.sending(transport) as (running, _):
        await waits.entered.wait()
        message = Message.get()
        told = StatusUpdate(Status.DELIVERED, message.submitted_at, "wamid.1", message.id, 1)
        receipts.take("default", [told], message.submitted_at)
        await until(lambda: running.context.lanes.empty, "the lane is free")
        assert (State.DELIVERED, 1) == (fresh(message).state, transport.count("look_up"))
