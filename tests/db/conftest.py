"""Tests of the queue take the part of a sender, with a clock that they move."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from random import Random
from typing import Any

import psycopg
import pytest

from daemon.accounts import directory
from daemon.auth import passwords
from daemon.campaigns import create
from daemon.campaigns.drafts import Draft
from daemon.config import Settings
from daemon.db import clock as db_clock
from daemon.db import connection, proxy
from daemon.delivery import chunks, counters, enqueue, inbox, job_moves, moves, timing
from daemon.delivery.engine import Engine
from daemon.models import Job
from daemon.states import Ack, JobState
from daemon.transports.protocol import Receipt
from daemon.webhooks import cloud
from tests.conftest import BACKENDS
from tests.support.hand import Hand, broken_histories, job_state, known
from tests.support.meta import SETTINGS as META
from tests.support.postgres import Server
from tests.support.posting import Post
from tests.support.rehearsing import prepare
from tests.support.rig import eventually
from tests.support.scripted import ScriptedTransport, until

Start = Callable[..., Future[Any]]
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Everything here runs on every database."""
    kind: str = request.param
    return kind


@pytest.fixture
def nothing(backend: str, database_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database without any table."""
    if backend == "sqlite":
        yield database_url
    else:
        server: Server = request.getfixturevalue("postgresql")
        url = server.new_database(migrated=False)
        yield url
        server.drop(url)


@pytest.fixture
def rival(database: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody else's connection."""
    with psycopg.connect(database) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def start() -> Iterator[Start]:
    """Run a function on a thread with a connection of its own."""
    with ThreadPoolExecutor(8) as threads:

        def run(work: Callable[..., Any], *given: Any) -> Any:
            try:
                return work(*given)
            finally:
                connection.close()

        yield lambda work, *given: threads.submit(run, work, *given)


@pytest.fixture
def until_it_waits(database: str) -> Iterator[Callable[[Future[Any]], None]]:
    """Returns when the other one waits for a lock. Fails when it is done without."""
    with psycopg.connect(database, autocommit=True) as observer:

        def wait(other: Future[Any]) -> None:
            def waits() -> bool:
                assert not other.done(), "it did not wait"
                return bool(observer.execute(WAITS).fetchone()[0])

            eventually(waits, what="it waits for the lock")

        yield wait


@pytest.fixture
def hand(database: str, settings: Settings, clock: Any, people: Any) -> Iterator[Hand]:
    """A sender's hand; whatever a test does, counters and histories must agree with the rows at its end."""
    directory.open_account("default", clock())
    yield Hand(settings, clock, people)
    assert [] == counters.miscounted()
    assert [] == broken_histories()


class Bench:
    """A database with jobs, and senders that run on it."""

    def __init__(self, make_settings: Callable[..., Any], people: Callable[..., Any]) -> None:
        self.make_settings, self.people = make_settings, people
        self.set()

    def set(self, **changes: Any) -> None:
        self.settings = self.make_settings(**{"retry_after_s": 0, "lease_s": 5, "transport": "browser"} | changes)

    def queue(self, count: int = 1, **order: Any) -> Job:
        numbers = [person.number for person in self.people(count, order.pop("first", 0))]
        known(order.get("account"))
        answer = create.create(
            self.settings, create.Order("Hello", numbers=numbers, **order), "test", db_clock.now_ms()
        )
        return job_moves.job(answer.job_id)

    @asynccontextmanager
    async def sending(self, transport: ScriptedTransport) -> AsyncIterator[tuple[Engine, asyncio.Task[int]]]:
        """A sender that runs; at the end it is stopped, and must have ended in order if the test did not await it."""
        running = Engine(self.settings, transport, Random(1))
        task = asyncio.create_task(running.run())
        try:
            yield running, task
        finally:
            running.stop()
            code = await asyncio.wait_for(asyncio.shield(task), 15)
        assert code in (0, 1)
        assert "close" == transport.calls[-1][0]

    async def run_out(self, transport: ScriptedTransport, *jobs: Job) -> None:
        """Send until the jobs are completed."""
        async with self.sending(transport):
            await until(lambda: all(job_state(job) == JobState.COMPLETED for job in jobs), "the jobs are completed")


@pytest.fixture
def bench(database: str, make_settings: Any, people: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """See `Bench`; the sender's waits are made short, and counters and histories are checked at the end."""
    quick = {"POLL_S": 0.005, "LOOK_S": 0.005, "LOOK_AGAIN_S": 0.005, "REPORT_S": 0.02, "STOP_GRACE_S": 0.2}
    quick["RESTART_S"] = 0.0
    for name, seconds in quick.items():
        monkeypatch.setattr(timing, name, seconds)
    directory.open_account("default", db_clock.now_ms())
    yield Bench(make_settings, people)
    assert [] == counters.miscounted()
    assert [] == broken_histories()


@pytest.fixture
def post(hand: Hand, make_settings: Callable[..., Settings], clock: Any, monkeypatch: pytest.MonkeyPatch) -> Post:
    """Posts what Meta tells of an account of the Cloud API."""
    monkeypatch.setattr(cloud, "GAP_S", 0.0)
    return Post(make_settings(**META), clock)


@pytest.fixture
def still_logins(database: str, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cheap passwords, and time that stands still."""
    monkeypatch.setattr(passwords, "COST", (4, 1, 1))
    monkeypatch.setattr(db_clock, "now_ms", clock)


@pytest.fixture
def wrote(hand: Hand) -> Hand:
    """The account has written to ONE and TWO; the rows' ids are A and B."""
    hand.queue(2)
    for key in ("A", "B"):
        message = hand.submit(hand.claim_one())
        moves.confirm(message, Receipt(key, Ack.SENT), hand.clock())
        hand.clock.advance(1)
    return hand


@pytest.fixture
def ears(bench: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The bench of a sender that listens all the time."""
    monkeypatch.setattr(inbox, "EVERY_S", 0.03)
    bench.set(stop_confirm="You are off the list.")
    return bench


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Have something done after each transaction of a piece of work that is done in chunks, and before the next one."""

    def install(what: Callable[[], None]) -> None:
        @contextmanager
        def write() -> Iterator[None]:
            with connection.write():
                yield
            if not proxy.database.in_transaction():
                what()

        for module in (chunks, enqueue):
            monkeypatch.setattr(module, "write", write)

    return install


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many messages each of them has."""
    for name in ("CHUNK", "LEAST", "MOST"):
        monkeypatch.setattr(chunks, name, 10)
    monkeypatch.setattr(chunks, "GAP_S", 0.0)
    return 10


@pytest.fixture
def prepared(database: str, settings: Any) -> Draft:
    """A draft for four people, up to its dry run."""
    return prepare(settings)
