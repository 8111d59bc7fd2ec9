"""What PostgreSQL alone has: addresses, roles, sessions, and its own ways to be unusable."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from daemon import errors
from daemon.accounts import directory
from daemon.contacts import suppression
from daemon.db import clock, connection, proxy, schema
from daemon.delivery import timing
from daemon.delivery.engine import Engine
from daemon.states import JobState
from daemon.transports.dry_run import DryRunTransport
from tests.support.hand import Hand, job_state
from tests.support.postgres import USER, Server
from tests.support.rig import eventually

pytestmark = pytest.mark.usefixtures("fresh_database")


@pytest.fixture
def backend() -> str:
    return "postgresql"


@pytest.fixture
def admin(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the database's owner."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def value(name: str) -> str:
    text: str = proxy.database.execute_sql(f"SHOW {name}").fetchone()[0]
    return text


def test_a_newer_database_is_left_as_it_is(admin, database_url):
    """A step that this program does not know: it refuses, and nothing changes."""
    admin.execute("INSERT INTO schema_migration (name, applied) VALUES ('9999_later', '2030-01-01')")
    admin.execute("DROP TABLE event")
    with pytest.raises(errors.DatabaseUnusable, match=r"newer wasender .*9999_later"):
        connection.connect(database_url)
    assert proxy.database.is_closed()
    assert (None,) == admin.execute("SELECT to_regclass('event')").fetchone()


@pytest.fixture
def upgrading(postgresql: Server) -> Iterator[tuple[psycopg.Connection[Any], str]]:
    """A database without tables, and the connection of somebody who is making them."""
    url = postgresql.new_database(migrated=False)
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (schema.LOCK,))
        yield other, url
    postgresql.drop(url)


def test_whoever_starts_while_another_one_migrates_waits(upgrading):
    """http and sender of several hosts may be brought up to date at once."""
    other, url = upgrading

    def connect() -> None:
        connection.connect(url)
        connection.close()

    with ThreadPoolExecutor(1) as threads:
        connecting = threads.submit(connect)
        waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        eventually(lambda: other.execute(waits).fetchone(), what="it waits")
        assert not connecting.done()
        other.execute("SELECT pg_advisory_unlock_all()")
        connecting.result()


def test_a_migration_that_takes_long_elsewhere_is_busy_and_not_broken(upgrading, monkeypatch):
    """The process ends and is started again by supervisord."""
    monkeypatch.setattr(schema, "WAIT_S", 0.05)
    with pytest.raises(errors.DatabaseBusy, match="try again"):
        connection.connect(upgrading[1])
    assert proxy.database.is_closed()


@pytest.mark.parametrize("what", ["port", "database", "user"])
def test_a_server_that_does_not_let_us_in_is_refused(postgresql: Server, what):
    """The reason is the server's own, and the password is not in it."""
    port = 1 if what == "port" else postgresql.port
    user = "nobody" if what == "user" else USER
    name = "nothing" if what == "database" else "postgres"
    with pytest.raises(errors.DatabaseUnusable, match="see that the server runs") as caught:
        connection.connect(f"postgresql://{user}:top-secret@127.0.0.1:{port}/{name}")
    assert "top-secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_user_who_may_not_make_tables_is_refused(postgresql: Server):
    """As in PostgreSQL 15 anybody but the owner."""
    url = postgresql.new_database(migrated=False)
    postgresql.execute("CREATE ROLE guest LOGIN")
    try:
        with pytest.raises(errors.DatabaseUnusable, match="permission denied"):
            connection.connect(url.replace(USER, "guest", 1))
    finally:
        postgresql.drop(url)
        postgresql.execute("DROP ROLE guest")


def test_the_url_may_name_a_socket_and_options(postgresql: Server, database_url):
    """As psql takes it: host, port and whatever libpq knows as parameters."""
    connection.connect(postgresql.socket_url(database_url.rpartition("/")[2]) + "&application_name=campaigns")
    try:
        assert "campaigns" == value("application_name")
        assert (None,) == proxy.database.execute_sql("SELECT inet_client_addr()").fetchone()
    finally:
        connection.close()


def test_signs_in_a_password_are_written_as_in_any_url():
    """`p@ss/word` is p%40ss%2Fword."""
    opened = connection.opened("postgresql://us%2Der:p%40ss%2Fword@db.example:6432/wasender?connect_timeout=3")
    expected = {"user": "us-er", "password": "p@ss/word", "host": "db.example", "port": 6432, "connect_timeout": 3}
    assert expected.items() <= opened.connect_params.items()
    assert "wasender" == opened.database


def test_a_session_is_what_the_queue_relies_on_whatever_the_server_is_set_to(admin, database_url):
    """Read committed, durable commits, and no lock for ever."""
    name = database_url.rpartition("/")[2]
    admin.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    admin.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    connection.connect(database_url)
    try:
        with connection.write():
            assert "read committed" == value("transaction_isolation")
        found = [value(each) for each in ("synchronous_commit", "lock_timeout", "idle_in_transaction_session_timeout")]
        assert ["local", "10s", "1min"] == found
        assert "UTF8" == value("client_encoding")
    finally:
        connection.close()


def test_the_server_gives_up_a_client_as_soon_as_that_gives_up_the_server(database_url):
    """So that locks of a host that was cut off are not held for longer; options of the URL are for both."""
    names = ["tcp_user_timeout", "tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count"]
    for options, expected in (("", ["15000", "5", "5", "2"]), ("?tcp_user_timeout=4000", ["4000", "5", "5", "2"])):
        connection.connect(database_url + options)
        try:
            assert expected == [value(name) for name in names]
        finally:
            connection.close()


def test_a_stricter_durability_is_left_as_it_is(admin, database_url):
    """With a standby a commit may have to wait for it."""
    admin.execute(f"ALTER DATABASE {database_url.rpartition('/')[2]} SET synchronous_commit = remote_apply")
    connection.connect(database_url)
    try:
        assert "remote_apply" == value("synchronous_commit")
    finally:
        connection.close()


def test_what_a_text_cannot_hold_is_the_callers_mistake(hand: Hand, settings):
    """A zero byte, which SQLite takes."""
    with pytest.raises(errors.InvalidInput, match="cannot store"), connection.available():
        suppression.suppress(settings, "+4915110000000", "asked\0twice", "test", hand.clock())
    assert [] == suppression.page()[0]


async def test_a_sender_asks_for_the_time_on_its_database_thread_only(hand: Hand, settings, monkeypatch):
    """The event loop must not wait for the database."""
    job = hand.queue(2)
    asked: list[str] = []
    real = clock.now_ms

    def now_ms() -> int:
        asked.append(threading.current_thread().name)
        return real()

    monkeypatch.setattr(clock, "now_ms", now_ms)
    running = Engine(settings, DryRunTransport(settings))
    monkeypatch.setattr(timing, "POLL_S", 0.01)

    async def end() -> None:
        while await running.context.db.call(job_state, job) is not JobState.COMPLETED:
            await running.context.waits.pause(0.01)
        running.stop()

    code, _ = await asyncio.wait_for(asyncio.gather(running.run(), end()), 60)
    assert 0 == code
    assert {True} == {name.startswith("db") for name in asked}


def test_a_database_that_was_lent_is_lent_again_as_new(postgresql: Server):
    """Also after all connections were ended, and not with another schema: what all tests here rely on."""
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"
    url = postgresql.lend()
    for ended in (False, True):
        with psycopg.connect(url, autocommit=True) as own:
            connection.connect(url)
            directory.open_account("theirs", 1)
            connection.close()
            assert (1,) == own.execute("SELECT count(*) FROM account").fetchone()
            if ended:
                own.execute(end, (own.info.backend_pid,))
        postgresql.take_back(url)
        assert url == postgresql.lend()
        with psycopg.connect(url, autocommit=True) as own:
            assert (0,) == own.execute("SELECT count(*) FROM account").fetchone()
    with psycopg.connect(url, autocommit=True) as own:
        own.execute("DROP TABLE event")
    postgresql.take_back(url)
    other = postgresql.lend()
    assert url != other
    postgresql.take_back(other)
