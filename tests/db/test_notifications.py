"""PostgreSQL tells an idle sender of work. Whatever becomes of that, the sender also looks for it by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
import pytest
import structlog

from daemon import errors
from daemon.accounts import commands
from daemon.campaigns import lifecycle, scheduling
from daemon.db import clock as db_clock
from daemon.db import connection, notifications
from daemon.delivery import moves, timing
from daemon.models import Account, Message
from daemon.states import JobState
from tests.support.hand import Hand, job_state
from tests.support.scripted import ScriptedTransport, until

NEVER_S = 600.0
SENTINEL = "the last one"


@pytest.fixture
def backend() -> str:
    return "postgresql"


@asynccontextmanager
async def listening(url: str, heard: Callable[[], None]) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(notifications.listen(url, "default", heard))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def out(postgresql_url: str) -> None:
    """The server ends the connection of who listens."""
    with psycopg.connect(postgresql_url, autocommit=True) as administrator:
        ended = administrator.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() "
            "AND query LIKE 'LISTEN%'"
        )
        assert [(True,)] == ended.fetchall()


# What is told


@pytest.fixture
def told(database: str) -> Iterator[Callable[[Callable[[], object]], list[str]]]:
    """What somebody who listens to the account hears of an action: the payloads."""
    with psycopg.connect(database, autocommit=True) as ear:
        ear.execute(f"LISTEN {notifications.channel('default')}")

        def hear(act: Callable[[], object]) -> list[str]:
            act()
            ear.execute("SELECT pg_notify(%s, %s)", (notifications.channel("default"), SENTINEL))
            payloads: list[str] = []
            for each in ear.notifies(timeout=60):
                payloads.append(each.payload)
                if each.payload == SENTINEL:
                    break
            return payloads[:-1]

        yield hear


def test_what_gives_an_idle_sender_work_is_told(hand: Hand, told):
    """Once each, without a word about it."""
    now = hand.clock
    assert [""] == told(lambda: hand.queue(3))
    job = Message.get().job
    assert [] == told(lambda: lifecycle.pause(job.id, "anna", now()))
    assert [""] == told(lambda: lifecycle.resume(job.id, "anna", now()))
    moves.fail(hand.submit(hand.claim_one()), "why", now())
    assert [""] == told(lambda: lifecycle.retry(job.id, "anna", now()))
    moves.lose(message := hand.submit(hand.claim_one()), "why", now())
    assert [""] == told(lambda: lifecycle.settle(message.id, False, "anna", now()))
    assert 3 == len(hand.send_all())
    assert JobState.COMPLETED == job_state(job)
    assert [""] == told(lambda: commands.ask("default", commands.What.SCREENSHOT, "anna", now()))


def test_what_a_sender_does_itself_wakes_nobody(hand: Hand, told):
    """A claim begins the job, and the last outcome completes it."""
    told(lambda: hand.queue(1))
    assert [] == told(hand.send_all)


def test_a_job_for_later_is_told_when_it_is_started_early(hand: Hand, told):
    """Until then there is nothing to do."""
    at = hand.clock() + 3_600_000
    assert [] == told(lambda: hand.queue(1, schedule_at=at))
    job = Message.get().job
    assert [""] == told(lambda: scheduling.start(job.id, "anna", hand.clock()))


def test_what_is_rolled_back_is_not_told(hand: Hand, told):
    """Nothing has happened."""

    def fail() -> None:
        with suppress(errors.NotFound), connection.write():
            hand.queue(1)
            lifecycle.pause(0, "anna", hand.clock())

    assert [] == told(fail)
    assert 0 == Message.select().count()


def test_the_channel_does_not_say_whose_it_is():
    """Names of accounts may be of any length, too, and those of channels have an end."""
    channels = {notifications.channel(name) for name in ("sales", "Sales", "s" * 100, "s" * 101)}
    assert 4 == len(channels)
    assert all("sales" not in each.lower() and each.isidentifier() and len(each) < 63 for each in channels)


# Who hears it


async def test_an_idle_sender_is_woken(bench: Any, database: str, monkeypatch):
    """One that looks for itself only every ten minutes: a campaign, one that goes on, and a command."""
    monkeypatch.setattr(timing, "POLL_S", NEVER_S)
    transport = ScriptedTransport()
    async with bench.sending(transport) as (engine, _):
        idle, asleep = engine.context.waits.idle, asyncio.Event()

        async def noted(seconds: float) -> None:
            asleep.set()
            await idle(seconds)
            asleep.clear()

        monkeypatch.setattr(engine.context.waits, "idle", noted)
        async with listening(database, engine.wake):
            await until(lambda: engine.context.waits.woken, "it listens")
            await until(asleep.is_set, "it has nothing to do")
            job = bench.queue(1)
            await until(lambda: job_state(job) == JobState.COMPLETED, "the campaign is sent")
            await until(asleep.is_set, "it has nothing to do")
            second = bench.queue(1, first=1, schedule_at=db_clock.now_ms() + 3_600_000)
            scheduling.start(second.id, "anna", db_clock.now_ms())
            await until(lambda: job_state(second) == JobState.COMPLETED, "the second one is sent")
            await until(asleep.is_set, "it has nothing to do")
            commands.ask("default", commands.What.SCREENSHOT, "anna", db_clock.now_ms())
            await until(lambda: transport.count("screenshot"), "the picture is taken")


async def test_who_loses_the_connection_listens_again(database: str, monkeypatch):
    """Says so once, and then looks, as it may have missed something."""
    monkeypatch.setattr(notifications, "FIRST_RETRY_S", 0.01)
    heard: list[None] = []
    with structlog.testing.capture_logs() as log:
        async with listening(database, lambda: heard.append(None)):
            await until(lambda: heard, "it listens")
            before = len(heard)
            out(database)
            await until(lambda: len(heard) > before, "it listens again")
            before = len(heard)
            with connection.write():
                notifications.notify("default")
                notifications.notify("default")
            await until(lambda: len(heard) > before, "it hears")
    assert ["notifications.lost", "notifications.regained"] == [line["event"] for line in log]


async def test_while_the_server_is_down_it_tries_again_and_again(database: str, postgresql: Any, monkeypatch):
    """The log has one line of it, however long that takes."""
    monkeypatch.setattr(notifications, "FIRST_RETRY_S", 0.001)
    tried, heard = [0], [0]
    failed = notifications._Listener.failed

    def counted(listener: Any, error: Exception) -> float:
        tried[0] += 1
        return failed(listener, error)

    monkeypatch.setattr(notifications._Listener, "failed", counted)
    with structlog.testing.capture_logs() as log:
        async with listening(database, lambda: heard.__setitem__(0, heard[0] + 1)):
            await until(lambda: heard[0], "it listens")
            postgresql.stop()
            try:
                await until(lambda: tried[0] > 3, "it tries again")
            finally:
                postgresql.start()
            before = heard[0]
            await until(lambda: heard[0] > before, "it listens again")
    assert ["notifications.lost", "notifications.regained"] == [line["event"] for line in log]


class Pooler:
    """Passes everything on between client and server but notifications, as PgBouncer does in transaction mode."""

    def __init__(self, port: int) -> None:
        self._behind = port
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Pooler:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await asyncio.gather(*self._serving)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._serving.add(task)
        server, to_server = await asyncio.open_connection("127.0.0.1", self._behind)

        async def forth() -> None:
            while some := await client.read(65536):
                to_server.write(some)
            to_server.close()

        forwarding = asyncio.create_task(forth())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await server.readexactly(5)
                body = await server.readexactly(int.from_bytes(head[1:], "big") - 4)
                if head[:1] != b"A":
                    to_client.write(head + body)
        to_client.close()
        await forwarding
        for writer in (to_client, to_server):
            with suppress(ConnectionError):
                await writer.wait_closed()


async def test_through_a_pooler_that_loses_notifications_it_gives_up_quietly(
    database: str, postgresql: Any, monkeypatch
):
    """LISTEN itself succeeds there. One warning, and the sender is as good as without."""
    monkeypatch.setattr(notifications, "HEARD_WITHIN_S", 0.2)
    heard: list[None] = []
    async with Pooler(postgresql.port) as pooler:
        url = database.replace(str(postgresql.port), str(pooler.port)) + "?sslmode=disable&gssencmode=disable"
        with structlog.testing.capture_logs() as log:
            async with listening(url, lambda: heard.append(None)):
                await until(lambda: log, "it has found out")
    assert [("notifications.lost", True)] == [(line["event"], "pooler" in line["reason"]) for line in log]
    assert [] == heard


class TestOnSqlite:
    @pytest.fixture
    def backend(self) -> str:
        return "sqlite"

    async def test_there_is_nobody_to_listen_to(self, bench: Any, database: str):
        """What is done tells nobody, and who would listen is done."""
        bench.queue(1)
        await notifications.listen(database, "default", lambda: pytest.fail("there was something to hear"))
        assert 1 == Account.select().count()
