"""The database goes away and comes back: nobody is stuck, nothing is made twice, and nothing is lost."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import peewee
import psycopg
import pytest

from daemon import errors
from daemon.campaigns import create, lifecycle
from daemon.contacts import suppression
from daemon.db import clock, connection, proxy
from daemon.delivery import job_moves, rescue
from daemon.delivery import moves as message_moves
from daemon.delivery.db_thread import DatabaseThread
from daemon.delivery.refusals import Why as OfDelivery
from daemon.delivery.waits import Waits
from daemon.models import Account, Event, Job, Message
from daemon.states import Ack, JobState, State
from daemon.transports.protocol import Receipt
from tests.conftest import BACKENDS
from tests.support import forks
from tests.support.hand import MARK, Hand, fresh, job_state
from tests.support.postgres import Server
from tests.support.rig import eventually

Ending = Callable[[Message, int], None]


@pytest.fixture
def backend() -> str:
    return "postgresql"


@pytest.fixture
def throw_out(database: str) -> Iterator[Callable[[], None]]:
    """The server ends every other connection, as when it is restarted."""
    others = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"
    with psycopg.connect(database, autocommit=True) as administrator:
        yield lambda: administrator.execute(f"{others} AND pid != pg_backend_pid()").fetchall() and None


def test_after_a_restart_of_the_server_reads_and_transactions_just_work(hand: Hand, postgresql: Server):
    """The old connection is found dead by the first statement, which can have changed nothing."""
    job = hand.queue(1)
    postgresql.restart()
    assert job.id == job_moves.job(job.id).id
    postgresql.restart()
    lifecycle.pause(job.id, "test", hand.clock())
    assert JobState.PAUSED == job_state(job)


def test_a_crash_of_the_server_loses_nothing_that_was_committed(hand: Hand, postgresql: Server):
    """It recovers from its log."""
    hand.queue(1)
    message = hand.submit(hand.claim_one())
    postgresql.restart(signal.SIGQUIT)
    assert (State.SENDING, MARK.dumps()) == (fresh(message).state, fresh(message).mark)
    hand.confirm(message)


def test_while_the_server_is_down_everything_is_busy(hand: Hand, postgresql: Server):
    """And says so each time; when it is up again, the same thread goes on."""
    job = hand.queue(1)
    postgresql.stop()
    try:
        for _ in range(2):
            with pytest.raises(errors.DatabaseBusy, match="did not answer"), connection.available():
                job_moves.job(job.id)
            with pytest.raises(errors.DatabaseBusy, match="did not answer"):
                lifecycle.pause(job.id, "test", hand.clock())
    finally:
        postgresql.start()
    assert ["+4915110000000"] == hand.send_all()


def test_a_transaction_that_is_cut_off_has_changed_nothing(hand: Hand, throw_out):
    """It is not repeated: what it has read may no longer be so. The next one works, on a new connection."""
    job = hand.queue(1)
    told: list[str] = []
    with pytest.raises(errors.DatabaseBusy, match="did not answer"), connection.write():
        lifecycle.pause(job.id, "test", hand.clock())
        connection.after_commit(lambda: told.append("paused"))
        throw_out()
        suppression.page()[0]
    assert JobState.PENDING == job_state(job)
    lifecycle.pause(job.id, "test", hand.clock())
    assert [] == told


def test_a_transaction_that_fails_while_it_is_cut_off(hand: Hand, throw_out):
    """The error of the work must not hide that the connection is gone: the next piece of work needs a new one."""
    hand.queue(1)
    with pytest.raises(errors.DatabaseBusy), connection.write():
        throw_out()
        raise errors.NotFound(OfDelivery.NO_JOB, job=7)
    assert ["+4915110000000"] == hand.send_all()


def test_a_write_outside_of_a_transaction_is_not_repeated(hand: Hand, throw_out):
    """Nobody can tell whether it was made; only reads are asked again. The next one has a new connection."""
    throw_out()
    with pytest.raises(errors.DatabaseBusy), connection.available():
        Account.update(streak=Account.streak + 1).execute()
    Account.update(streak=Account.streak + 10).execute()
    assert 10 == Account.get_by_id("default").streak


def test_the_clock_is_the_databases(database: str, monkeypatch):
    """Senders on several hosts agree about leases, whatever their own clocks say."""
    monkeypatch.setattr("time.time_ns", lambda: 0)
    monkeypatch.setattr("time.time", lambda: 0.0)
    (at,) = proxy.database.execute_sql("SELECT extract(epoch FROM now()) * 1000").fetchone()
    assert abs(clock.now_ms() - float(at)) < 10_000


def test_a_sender_goes_on_after_restarts_and_crashes_of_the_server(
    hand: Hand, postgresql: Server, environment: dict[str, str], people: Any, settings: Any, tmp_path: Any
):
    """A real process, the server ended under it again and again: everybody gets it once."""
    count = 150
    job = hand.queue(count)
    journal = settings.data_dir / "dryrun.jsonl"

    def out() -> list[str]:
        return journal.read_text().splitlines() if journal.exists() else []

    environment |= {"WASENDER_LEASE_S": "5", "WASENDER_LOG_LEVEL": "warning"}
    log = (tmp_path / "log").open("w")
    sender = forks.start(["-m", "daemon.sender"], environment, tmp_path, log)
    try:
        for n, how in enumerate([signal.SIGINT, signal.SIGQUIT, signal.SIGINT]):
            eventually(lambda n=n: len(out()) > (n + 1) * 20, what="it sends")
            postgresql.restart(how)
        eventually(lambda: job_state(job) is JobState.COMPLETED, 60, "the job is completed")
        sender.terminate()
        assert 0 == sender.wait(60), (tmp_path / "log").read_text()
    finally:
        sender.kill()
        sender.wait()
        log.close()
    everybody = {hashlib.sha256(person.number.encode()).hexdigest(): 1 for person in people(count)}
    assert everybody == Counter(json.loads(line)["to"] for line in out())
    assert {State.SENT: count} == Counter(message.state for message in Message.select())


async def test_what_waits_while_the_server_is_out_of_reach_is_given_up_together(settings: Any):
    """A server behind a network that swallows everything is waited for once, not once by each of many lanes."""
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes connections, and never says a word
        mute.settimeout(10)
        connection.close()
        before = proxy.database.obj
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        proxy.database.initialize(connection.opened(f"postgresql://nobody@{address}/x?connect_timeout=2"))
        thread = DatabaseThread(settings, Waits())
        try:
            asked = [asyncio.create_task(thread.call(job_moves.job, 1)) for _ in range(20)]
            outcomes = await asyncio.gather(*asked, return_exceptions=True)
            assert [errors.DatabaseBusy] * 20 == [type(each) for each in outcomes]
            mute.accept()[0].close()
            mute.setblocking(False)
            with pytest.raises(BlockingIOError):
                mute.accept()
            mute.close()
            with pytest.raises(errors.DatabaseBusy, match="refused"):  # whoever asks later tries again
                await thread.call(job_moves.job, 1)
        finally:
            thread.close(connection.close)
            proxy.database.initialize(before)


@contextmanager
def lost_answer(committed: bool) -> Iterator[None]:
    """The connection breaks during the next COMMIT of what has changed anything: after the server has made it, or
    before it has come."""
    opened = proxy.database.obj
    real = opened.commit

    def commit() -> None:
        if proxy.on_postgres() and opened.execute_sql("SELECT pg_current_xact_id_if_assigned()").fetchone() == (None,):
            return real()
        opened.commit = real
        if committed:
            real()
        if proxy.on_postgres():
            opened.connection().close()
        raise peewee.OperationalError("server closed the connection unexpectedly")

    opened.commit = commit
    yield
    assert opened.commit == real, "there was no COMMIT"


ENDINGS: dict[str, tuple[Ending, State]] = {
    "confirm": (lambda m, now: message_moves.confirm(m, Receipt("x", Ack.SENT), now), State.SENT),
    "confirm as read": (lambda m, now: message_moves.confirm(m, Receipt("x", Ack.READ), now), State.READ),
    "fail": (lambda m, now: message_moves.fail(m, "why", now), State.FAILED),
    "lose": (lambda m, now: message_moves.lose(m, "why", now), State.UNCERTAIN),
    "retry": (lambda m, now: message_moves.retry(m, "why", now, 3, 0), State.PENDING),
    "the last retry": (lambda m, now: message_moves.retry(m, "why", now, 1, 0), State.FAILED),
    "requeue": (lambda m, now: message_moves.requeue(m, "why", now), State.PENDING),
    "release": (lambda m, now: message_moves.release(m, "why", now), State.PENDING),
}


class TestACommitWithoutAnAnswer:
    """Whether it was made is not known, so the sender asks again: made or not, it comes out as made once."""

    @pytest.fixture(params=BACKENDS)
    def backend(self, request: pytest.FixtureRequest) -> str:
        kind: str = request.param
        return kind

    @pytest.mark.parametrize("committed", [True, False])
    @pytest.mark.parametrize("name", ENDINGS)
    def test_a_repeated_move_is_made_once(self, hand: Hand, clock, name, committed):
        """State, history and counters are as if the answer had come the first time."""
        end, target = ENDINGS[name]
        hand.queue(2)
        message = hand.claim_one()
        if name != "release":
            hand.submit(message)
        source = message.state
        with pytest.raises(errors.DatabaseBusy), lost_answer(committed):
            end(message, clock())
        assert (source, True) == (message.state, bool(message.lease))
        end(message, clock.advance(250))

        assert target == message.state == fresh(message).state
        assert None is message.lease is fresh(message).lease
        moves = [event.move for event in Event.select().where(Event.message == message).order_by(Event.id)]
        assert len(moves) == len(set(moves))

    def test_a_repeated_release_after_a_stop(self, hand: Hand, clock):
        """What was queued again has been cancelled since: to the sender it is the same."""
        job = hand.queue(1)
        message = hand.claim_one()
        with pytest.raises(errors.DatabaseBusy), lost_answer(committed=True):
            message_moves.release(message, "why", clock())
        lifecycle.stop(job.id, "test", hand.clock())
        message_moves.release(message, "why", clock())
        assert State.CANCELLED == message.state == fresh(message).state

    def test_a_repeated_move_after_another_sender_has_claimed_it_changes_nothing(self, hand: Hand, clock):
        """The message is no longer ours, and we are done with it."""
        hand.queue(1)
        message = hand.claim_one()
        with pytest.raises(errors.DatabaseBusy), lost_answer(committed=True):
            message_moves.release(message, "why", clock())
        other = hand.claim_one()
        message_moves.release(message, "why", clock())
        assert (State.CLAIMED, other.lease) == (fresh(other).state, fresh(other).lease)
        hand.confirm(hand.submit(other))

    def test_the_same_move_of_another_lease_is_no_answer(self, hand: Hand, clock):
        """Somebody else has confirmed it, under a lease of their own: ours is lost all the same."""
        hand.queue(1)
        message = hand.submit(hand.claim_one())
        (doubtful,) = rescue.take_over("default", clock(), 1000, sole=True)
        hand.confirm(doubtful)
        with pytest.raises(errors.LeaseLost):
            hand.confirm(message)

    @pytest.mark.parametrize("committed", [True, False])
    def test_a_submit_without_an_answer_is_withdrawn(self, hand: Hand, clock, committed):
        """Nothing was handed over, so the message is queued again, wherever the database says that it is."""
        hand.queue(1)
        message = hand.claim_one()
        with pytest.raises(errors.DatabaseBusy), lost_answer(committed):
            hand.submit(message)
        message_moves.withdraw(message, "no answer", clock())
        assert (State.PENDING, 0) == (fresh(message).state, fresh(message).attempts)
        moves = [event.move for event in Event.select().where(Event.message == message).order_by(Event.id)]
        assert ["enqueue", "claim", *(["submit", "requeue"] if committed else ["release"])] == moves
        assert ["+4915110000000"] == hand.send_all()

    def test_a_claim_without_an_answer_is_rescued(self, hand: Hand, clock):
        """It is nobody's until its lease has run out."""
        hand.queue(1)
        with pytest.raises(errors.DatabaseBusy), lost_answer(committed=True):
            hand.claim()
        assert [] == hand.claim()
        assert 1 == rescue.rescue(clock.advance(60_001))
        assert ["+4915110000000"] == hand.send_all()

    def test_the_error_says_whether_it_is_known(self, hand: Hand, backend):
        """A person who has pressed a button reads it."""
        job = hand.queue(1)
        words = "check whether the change was made" if backend == "postgresql" else "try again"
        with pytest.raises(errors.DatabaseBusy, match=words), lost_answer(committed=True):
            lifecycle.pause(job.id, "test", hand.clock())
        assert JobState.PAUSED == job_state(job)

    def test_a_job_that_was_made_without_an_answer_is_answered_to_its_key(self, hand: Hand, settings):
        """The client repeats its request and gets the answer, not a second job."""
        order = create.Order("Hello", numbers=["+4915110000000"], key="same")
        with pytest.raises(errors.DatabaseBusy), lost_answer(committed=True):
            create.create(settings, order, "test", hand.clock())
        assert 1 == create.create(settings, order, "test", hand.clock()).job_id == Job.select().count()
