"""A stop and a retry of a large job go in chunks, between which others have their turn, and which may end anywhere."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest

from daemon import errors
from daemon.api import jobs
from daemon.campaigns import lifecycle
from daemon.campaigns.idempotency import Once, Replay
from daemon.db import connection, proxy
from daemon.db.refusals import Unsent as OfDb
from daemon.delivery import chunks, counters, job_moves, moves, receipts, rescue, sweeps
from daemon.models import Event, Job, Message
from daemon.states import JobState, State, Status
from daemon.transports.protocol import StatusUpdate
from tests.support.hand import LEASE_MS, Hand, everything, fresh, job_state, states
from tests.support.scripted import ScriptedTransport, until

pytestmark = pytest.mark.usefixtures("small_chunks")

CHUNK = 10
MANY = 35  # three chunks and a half


class Died(Exception):
    """The process is no more."""


def dying(after: int, between: Any) -> Callable[[], None]:
    """Have the process die after so many transactions from now on; returns what ends that."""
    left = [after]

    def die() -> None:
        left[0] -= 1
        if not left[0]:
            raise Died

    between(die)
    return lambda: between(lambda: None)


def moved(job: Job, name: str) -> Counter[int]:
    """How often each of the job's messages has made that move."""
    events = Event.select(Event.message).join(Message).where(Message.job == job, Event.move == name)
    return Counter(row[0] for row in proxy.tuples(events))


def failed(hand: Hand, count: int = MANY) -> Job:
    """A job of which so many have failed, completed."""
    job = hand.queue(count)
    while claimed := hand.claim(50):
        for message in claimed:
            moves.fail(message, "no", hand.clock())
    assert (JobState.COMPLETED, count) == (job_state(job), Job.get_by_id(job.id).failed)
    return job


def lock_is_free() -> None:
    if not proxy.on_postgres():
        with closing(sqlite3.connect(proxy.database.database, timeout=0, isolation_level=None)) as another:
            another.execute("BEGIN IMMEDIATE")  # raises where anybody has the lock
            another.execute("ROLLBACK")


def claimed_elsewhere(hand: Hand) -> set[int]:
    """Of which jobs a sender gets messages that claims on a connection of its own; it gives them back."""

    def look() -> set[int]:
        try:
            found = hand.claim(50)
            for message in found:
                moves.release(message, "a look", hand.clock())
            return {message.job_id for message in found}
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as sender:
        return sender.submit(look).result(30)


def test_a_stop_holds_from_its_first_transaction_on_and_lets_others_go_on(hand: Hand, between):
    job, other = hand.queue(MANY), hand.queue(3, first=900)
    seen: list[int] = []

    def look() -> None:
        between(lambda: None)  # what is looked at is left alone
        row = Job.get_by_id(job.id)
        seen.append(row.cancelled)
        assert (JobState.STOPPED, MANY) == (row.state, row.pending + row.cancelled)
        assert [] == counters.miscounted()
        lock_is_free()
        assert {other.id} == claimed_elsewhere(hand)
        between(look)

    between(look)
    stopped = lifecycle.stop(job.id, "Ada", hand.clock())
    between(lambda: None)
    assert ([10, 20, 30, 35], 0, MANY) == (seen, stopped.pending, stopped.cancelled)
    assert {State.CANCELLED} == set(states(job))
    assert [1] * MANY == list(moved(job, "cancel").values())
    assert {("Ada", hand.clock())} == set(proxy.tuples(Event.select(Event.who, Event.at).where(Event.move == "cancel")))


@pytest.mark.parametrize("count", [1, CHUNK - 1, CHUNK, CHUNK + 1])
def test_a_stop_of_so_many(hand: Hand, count: int):
    job = hand.queue(count)
    assert count == lifecycle.stop(job.id, "Ada", hand.clock()).cancelled
    assert [1] * count == list(moved(job, "cancel").values())


@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_what_a_killed_stop_left_is_cancelled_by_the_sweeper(hand: Hand, between, after: int):
    """With the name of the person who stopped it; whoever sweeps may be killed as well."""
    job = hand.queue(MANY)
    alive = dying(after, between)
    with pytest.raises(Died):
        lifecycle.stop(job.id, "Ada", hand.clock())
    alive()
    assert (JobState.STOPPED, min(MANY, after * CHUNK)) == (job_state(job), Job.get_by_id(job.id).cancelled)
    assert [] == hand.claim(50)
    with pytest.raises(errors.IllegalMove, match="a stopped job stays stopped"):
        lifecycle.stop(job.id, "Bob", hand.clock())
    if after < 3:
        alive = dying(1, between)
        with pytest.raises(Died):
            sweeps.finish_stops(hand.clock())
        alive()
    sweeps.finish_stops(hand.clock())
    assert ({State.CANCELLED}, MANY) == (set(states(job)), Job.get_by_id(job.id).cancelled)
    assert [1] * MANY == list(moved(job, "cancel").values())
    assert {("Ada",)} == set(proxy.tuples(Event.select(Event.who).where(Event.move == "cancel")))
    before = everything()
    assert (0, before) == (sweeps.finish_stops(hand.clock()), everything())


def test_messages_in_hand_are_cancelled_when_they_come_back_to_a_half_stopped_job(hand: Hand, between):
    """And one that is out is sent; whose name is on the rest is that of the person, not of who brought them back."""
    job = hand.queue(MANY)
    out, back = hand.claim(2)
    hand.submit(out)
    alive = dying(1, between)
    with pytest.raises(Died):
        lifecycle.stop(job.id, "Ada", hand.clock())
    alive()
    moves.release(back, "back", hand.clock())
    hand.confirm(out)
    assert [State.CANCELLED, State.SENT] == [fresh(back).state, fresh(out).state]
    assert 1 == sweeps.finish_stops(hand.clock())
    swept = Event.select(Event.who).where(Event.move == "cancel", Event.source == State.PENDING.value)
    assert {("Ada",)} == set(proxy.tuples(swept))
    assert Counter({State.CANCELLED: MANY - 1, State.SENT: 1}) == Counter(states(job))


def test_a_receipt_between_two_chunks_counts(hand: Hand, between):
    """Who has got it after all is not cancelled."""
    job = hand.queue(MANY)
    last = Message.select().where(Message.job == job).order_by(Message.id.desc()).get()
    Message.update(submissions=1).where(Message.id == last.id).execute()

    def tick() -> None:
        between(lambda: None)
        told = [StatusUpdate(Status.DELIVERED, hand.clock(), message_id=last.id, submission=1)]
        receipts.take("default", told, hand.clock())

    between(tick)
    assert 1 == lifecycle.stop(job.id, "Ada", hand.clock()).delivered
    assert Counter({State.CANCELLED: MANY - 1, State.DELIVERED: 1}) == Counter(states(job))


def test_a_stop_that_the_database_interrupts_is_made_and_says_what_is_left(hand: Hand, between):
    """Who stopped it is told that it is; the rest follows."""
    job = hand.queue(MANY)

    def busy() -> None:
        between(lambda: None)
        raise errors.DatabaseBusy(OfDb.DATABASE_UNANSWERED, reason="locked")

    calls = iter([lambda: None, busy])
    between(lambda: next(calls)())
    stopped = lifecycle.stop(job.id, "Ada", hand.clock())
    assert (JobState.STOPPED, MANY - 2 * CHUNK, 2 * CHUNK) == (stopped.state, stopped.pending, stopped.cancelled)
    assert 1 == sweeps.finish_stops(hand.clock())
    assert {State.CANCELLED} == set(states(job))


def test_a_sweep_for_a_while_leaves_the_rest_to_the_next_one(hand: Hand, between, monkeypatch):
    """So that a sender's heartbeats do not wait for it; it sees to its own account."""
    job, foreign = hand.queue(MANY), hand.queue(MANY, account="other", first=100)
    for each in (job, foreign):
        alive = dying(1, between)
        with pytest.raises(Died):
            lifecycle.stop(each.id, "Ada", hand.clock())
        alive()
    passed = [0.0]
    monkeypatch.setattr(sweeps, "time", SimpleNamespace(monotonic=lambda: passed[0]))
    between(lambda: passed.__setitem__(0, passed[0] + 1))
    assert 0 == sweeps.finish_stops(hand.clock(), account="default", within_s=1)
    assert 2 * CHUNK == Job.get_by_id(job.id).cancelled
    assert 1 == sweeps.finish_stops(hand.clock(), account="default", within_s=10)
    assert [MANY, CHUNK] == [Job.get_by_id(each.id).cancelled for each in (job, foreign)]


async def test_a_sender_finishes_a_stop_when_it_starts(bench: Any, between):
    job = bench.queue(MANY)
    alive = dying(1, between)
    with pytest.raises(Died):
        lifecycle.stop(job.id, "Ada", 1)
    alive()
    async with bench.sending(ScriptedTransport()):
        await until(lambda: Job.get_by_id(job.id).cancelled == MANY, "all are cancelled")
    assert {State.CANCELLED} == set(states(job))


def test_a_retry_in_chunks_queues_each_once_while_senders_go_on(hand: Hand, between):
    """Who is tried in between and fails again has had the retry that was asked for."""
    job = failed(hand)
    seen: list[int] = []

    def look() -> None:
        between(lambda: None)
        seen.append(len(moved(job, "resend")))
        assert [] == counters.miscounted()
        lock_is_free()
        assert {job.id} == claimed_elsewhere(hand)
        for message in hand.claim(4):
            moves.fail(message, "again", hand.clock())
        between(look)

    between(look)
    count, row = lifecycle.retry(job.id, "Ada", hand.clock()), job_moves.job(job.id)
    between(lambda: None)
    assert ([10, 20, 30, 35], MANY) == (seen, count)
    assert (JobState.RUNNING, MANY - 16, 16) == (row.state, row.pending, row.failed)
    assert [1] * MANY == list(moved(job, "resend").values())
    assert MANY - 16 == len(hand.send_all())
    assert 16 == lifecycle.retry(job.id, "Ada", hand.clock())


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_retry_that_was_killed_is_completed_by_another(hand: Hand, between, after: int):
    job = failed(hand)
    alive = dying(after, between)
    with pytest.raises(Died):
        lifecycle.retry(job.id, "Ada", hand.clock())
    alive()
    assert (JobState.RUNNING, after * CHUNK) == (job_state(job), Job.get_by_id(job.id).pending)
    assert (MANY - after * CHUNK) == lifecycle.retry(job.id, "Ada", hand.clock())
    assert [1] * MANY == list(moved(job, "resend").values())
    assert MANY == len(hand.send_all())
    assert JobState.COMPLETED == job_state(job)


def test_a_killed_retry_is_a_job_that_ends(hand: Hand, between):
    job = failed(hand)
    alive = dying(2, between)
    with pytest.raises(Died):
        lifecycle.retry(job.id, "Ada", hand.clock())
    alive()
    assert 2 * CHUNK == len(hand.send_all())
    assert JobState.COMPLETED == job_state(job)
    assert MANY - 2 * CHUNK == lifecycle.retry(job.id, "Ada", hand.clock())
    assert (JobState.RUNNING, MANY - 2 * CHUNK) == (job_state(job), Job.get_by_id(job.id).pending)


def test_a_job_that_is_done_between_two_chunks_is_opened_again(hand: Hand, between):
    """Those that were queued have all been sent by then."""
    job = failed(hand)
    sent: list[str] = []

    def send() -> None:
        between(lambda: None)
        sent.extend(hand.send_all())
        between(send)

    between(send)
    assert MANY == lifecycle.retry(job.id, "Ada", hand.clock())
    assert (MANY, MANY, JobState.COMPLETED) == (len(sent), len(set(sent)), job_state(job))


def test_a_retry_of_those_found_leaves_the_others(hand: Hand):
    job = failed(hand)
    names = [message.fields["name"] for message in Message.select().where(Message.job == job).order_by(Message.id)]
    ending = names[MANY - 1]
    expected = [State.PENDING if ending in name else State.FAILED for name in names]
    assert expected.count(State.PENDING) == lifecycle.retry(job.id, "Ada", hand.clock(), ending)
    assert expected == states(job)


def test_a_stop_while_it_is_retried_wins(hand: Hand, between):
    """The retry is refused with the stop; what it had queued is cancelled, the rest stays failed."""
    job = failed(hand)

    def stop() -> None:
        between(lambda: None)
        lifecycle.stop(job.id, "Bob", hand.clock())

    between(stop)
    with pytest.raises(errors.IllegalMove, match="a stopped job stays stopped"):
        lifecycle.retry(job.id, "Ada", hand.clock())
    assert Counter({State.CANCELLED: CHUNK, State.FAILED: MANY - CHUNK}) == Counter(states(job))
    assert (JobState.STOPPED, []) == (job_state(job), hand.claim(50))


def test_a_retry_while_it_is_stopped_is_refused_and_changes_nothing(hand: Hand, between):
    job = hand.queue(MANY + 1)
    moves.fail(hand.claim_one(), "no", hand.clock())

    def retry() -> None:
        between(lambda: None)
        before = everything()
        with pytest.raises(errors.IllegalMove, match="a stopped job stays stopped"):
            lifecycle.retry(job.id, "Bob", hand.clock())
        assert before == everything()
        between(retry)

    between(retry)
    lifecycle.stop(job.id, "Ada", hand.clock())
    assert Counter({State.CANCELLED: MANY, State.FAILED: 1}) == Counter(states(job))


def test_two_retries_at_once_queue_each_once(hand: Hand, between):
    job = failed(hand)
    counts: list[int] = []

    def another() -> None:
        between(lambda: None)
        counts.append(lifecycle.retry(job.id, "Bob", hand.clock()))
        for message in hand.claim(50):
            moves.fail(message, "again", hand.clock())

    between(another)
    counts.append(lifecycle.retry(job.id, "Ada", hand.clock()))
    assert ([MANY - CHUNK, CHUNK], [1] * MANY) == (counts, list(moved(job, "resend").values()))


@pytest.mark.parametrize("name", ["stop", "retry"])
def test_with_an_idempotency_key_it_goes_in_chunks_as_well(hand: Hand, between, settings, name: str):
    """And the last answer is the one that is kept."""
    job = failed(hand) if name == "retry" else hand.queue(MANY)
    seen: list[int] = []

    def look() -> None:
        lock_is_free()
        seen.append(Job.get_by_id(job.id).pending)

    between(look)
    once = Once(name, "Ada", "a key", "digest", dump=lambda answer: answer.model_dump(mode="json"))
    caller = SimpleNamespace(name="Ada", settings=settings, known=True)
    answer = getattr(jobs, name)(caller, job_id=job.id, once=once)
    assert ([25, 15, 5, 0] if name == "stop" else [10, 20, 30, 35])[-3:] == seen[-3:]
    assert MANY == (answer.cancelled if name == "stop" else answer.pending)
    with pytest.raises(Replay) as kept:
        once.look()
    assert answer.model_dump(mode="json") == kept.value.response


def test_a_chunk_is_as_many_statements_however_many_messages_it_has(hand: Hand, monkeypatch):
    def statements(size: int, first: int) -> tuple[int, int]:
        for name in ("CHUNK", "LEAST", "MOST"):
            monkeypatch.setattr(chunks, name, size)
        stopped, retried = hand.queue(3 * size, first=first), failed_of(hand, 3 * size, first + 500)
        made: list[str] = []
        real = proxy.database.obj.execute_sql
        with monkeypatch.context() as patched:
            patched.setattr(
                proxy.database.obj, "execute_sql", lambda sql, *rest: (made.append(sql), real(sql, *rest))[1]
            )
            lifecycle.stop(stopped.id, "Ada", hand.clock())
            by_stop = len(made)
            lifecycle.retry(retried.id, "Ada", hand.clock())
        lifecycle.stop(retried.id, "Ada", hand.clock())
        return by_stop, len(made) - by_stop

    assert statements(3, 1_000) == statements(20, 2_000)


def failed_of(hand: Hand, count: int, first: int) -> Job:
    """A job of which all have failed, beside others that wait."""
    job = hand.queue(count, first=first, account="other")
    while claimed := hand.claim(100, "other"):
        for message in claimed:
            moves.fail(message, "no", hand.clock())
    return job


def test_leases_that_run_out_in_a_half_stopped_job_end_cancelled(hand: Hand, between, clock):
    job = hand.queue(MANY)
    hand.claim_one()
    alive = dying(1, between)
    with pytest.raises(Died):
        lifecycle.stop(job.id, "Ada", hand.clock())
    alive()
    clock.advance(LEASE_MS + 1)
    assert 1 == rescue.rescue(clock())
    sweeps.finish_stops(clock())
    assert {State.CANCELLED} == set(states(job))
