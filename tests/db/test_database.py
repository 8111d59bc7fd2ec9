"""The database itself: its schema, its start, its durability, and what cannot be used."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import peewee
import pytest
from playhouse.schema_diff import diff_models

from daemon import errors, models
from daemon.db import connection, proxy, sqlite
from tests.db.steps import STARTER
from tests.support.rig import eventually


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A SQLite file, which does not exist yet."""
    return tmp_path / "alone.db"


def test_the_migrations_lead_to_the_models(database):
    """No column, index or table differs between the steps and `models.py`."""
    drift = diff_models(proxy.database.obj, models.TABLES)
    assert not drift, drift


def test_every_table_is_in_the_list():
    """Else the check above would not see it."""
    assert set(models.Table.__subclasses__()) == set(models.TABLES)


def test_connecting_again_changes_nothing(database, database_url):
    """Each start applies what is missing, which is nothing the second time."""
    applied = proxy.tuples(_history())
    connection.close()
    connection.connect(database_url)
    assert applied == proxy.tuples(_history())


def _history() -> peewee.Select:
    table = peewee.Table("schema_migration", ("name", "applied")).bind(proxy.database.obj)
    return table.select(table.name, table.applied)


def test_processes_may_start_at_once_on_nothing(nothing, environment, tmp_path):
    """http and sender are started together by supervisord, also for the first time."""
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", STARTER, nothing],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=tmp_path,
        )
        for _ in range(4)
    ]
    for starter in starters:
        assert "ready\n" == starter.stdout.readline()
    for starter in starters:
        starter.stdin.write("\n")
        starter.stdin.flush()
    complaints = [starter.communicate(timeout=60)[1] for starter in starters]
    assert [""] * 4 == complaints
    assert [0] * 4 == [starter.returncode for starter in starters]
    connection.connect(nothing)
    assert not diff_models(proxy.database.obj, models.TABLES)
    connection.close()


def test_the_settings_hold_on_every_threads_connection(file):
    """WAL with synchronous=FULL: the move to `sending` relies on it, whichever thread makes it."""
    connection.connect(f"sqlite:///{file}")
    together = Barrier(3)

    def ask() -> list[Any]:
        together.wait(60)  # so that each thread has a connection of its own
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        try:
            return [proxy.database.execute_sql(f"PRAGMA {name}").fetchone()[0] for name in names]
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as others:
        asked = [others.submit(ask) for _ in range(2)]
        assert [["wal", 2, 1, round(sqlite.LOOK_S * 1_000)]] * 3 == [ask(), *(each.result() for each in asked)]


def test_writers_take_the_lock_at_once(file):
    """BEGIN IMMEDIATE: a transaction that reads first cannot be overtaken by another writer."""
    connection.connect(f"sqlite:///{file}")
    other = sqlite3.connect(file, timeout=0)
    try:
        with connection.write(), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    finally:
        other.close()
        connection.close()


def test_whoever_waits_gets_the_lock_as_soon_as_it_is_free(file):
    """Also where somebody writes all the time, and leaves it for a moment only."""
    connection.connect(f"sqlite:///{file}")
    held, over = [0], Event()

    def hold() -> None:
        other = sqlite3.connect(file, isolation_level=None, timeout=10)
        while not over.is_set():
            other.execute("BEGIN IMMEDIATE")
            held[0] += 1
            time.sleep(0.1)
            other.execute("COMMIT")
            time.sleep(0.02)
        other.close()

    with ThreadPoolExecutor(1) as others:
        holding = others.submit(hold)
        eventually(lambda: held[0], what="somebody writes")
        begun = held[0]
        with connection.write():
            waited = held[0] - begun
            models.Account.create(name="default")
        begun = held[0]
        eventually(lambda: held[0] > begun, what="they go on")
        models.Account.update(title="outside a transaction").execute()
        waited += held[0] - begun
        over.set()
        holding.result()
    connection.close()
    assert waited <= 6


def test_a_locked_database_is_busy_and_not_broken(file, monkeypatch):
    """Whoever asks is told to try again; afterwards it works."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.05)
    connection.connect(f"sqlite:///{file}")
    other = sqlite3.connect(file, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(errors.DatabaseBusy), connection.write():
            pass
        other.execute("COMMIT")
        with connection.write():
            models.Account.create(name="default")
    finally:
        other.close()
        connection.close()


def test_a_newer_database_is_left_as_it_is(file):
    """A step that this program does not know: it refuses, and not a byte changes."""
    connection.connect(f"sqlite:///{file}")
    proxy.database.execute_sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_later', '2030-01-01')")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(errors.DatabaseUnusable, match=r"newer wasender .*9999_later"):
        connection.connect(f"sqlite:///{file}")
    assert proxy.database.is_closed()
    assert before == file.read_bytes()


@pytest.mark.parametrize("damage", ["not a database", "cut short"])
def test_a_corrupt_database_is_left_as_it_is(file, damage):
    """It may still be repaired or restored: nothing is overwritten."""
    if damage == "not a database":
        file.write_bytes(b"This is a shopping list, not a database.\n" * 300)
    else:
        connection.connect(f"sqlite:///{file}")
        connection.close()
        file.write_bytes(file.read_bytes()[:5000])
    before = file.read_bytes()
    with pytest.raises(errors.DatabaseUnusable, match="was left as it is"):
        connection.connect(f"sqlite:///{file}")
    assert before == file.read_bytes()


@pytest.mark.parametrize("url", ["nonsense://x", "sqlite:////no/such/folder/x.db"])
def test_a_url_that_leads_nowhere_is_refused(url):
    """In words for whoever set it."""
    with pytest.raises(errors.DatabaseUnusable):
        connection.connect(url)
    connection.close()


def test_after_commit_tells_only_what_was_committed(database):
    """A log line about a move that was rolled back would be a lie."""
    told: list[str] = []
    with pytest.raises(ZeroDivisionError), connection.write():
        connection.after_commit(lambda: told.append("never"))
        raise ZeroDivisionError
    with connection.write():
        connection.after_commit(lambda: told.append("after"))
        told.append("inside")
    assert ["inside", "after"] == told


@pytest.mark.parametrize(
    "url", ["postgresql://wasender:geh#eim@host/db", "mysql://wasender:geheim@host/db", "nonsense"]
)
def test_an_address_that_is_none_is_refused_without_its_password(url: str) -> None:
    """One sentence with the right form, and nothing of what was given."""
    with pytest.raises(errors.DatabaseUnusable, match="write it as postgresql://") as refused:
        connection.connect(url)
    assert "eim" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("name", ["with space", "with#hash", "with?mark", "with%20percent"])
def test_a_path_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    """Signs that mean something in an address mean nothing in a folder's name."""
    (tmp_path / name).mkdir()
    connection.connect(f"sqlite:///{tmp_path / name / 'wasender.db'}")
    connection.close()
    assert (tmp_path / name / "wasender.db").exists()
    assert [name] == [path.name for path in tmp_path.iterdir()]
