"""The move from SQLite to PostgreSQL: all rows of all tables, also when it breaks off; what is there is not touched."""

from __future__ import annotations

import fcntl
import hashlib
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import peewee
import pytest

from daemon import errors
from daemon.auth import audit, audit_reading
from daemon.campaigns import create, queries
from daemon.config import Settings
from daemon.db import connection, inspection, proxy
from daemon.delivery import interruptions
from daemon.delivery.interruptions import FILE, Presence
from daemon.models import AuditEntry, Job, Message
from daemon.ops import alone, migrate
from daemon.states import AuditResult
from tests.conftest import NOW
from tests.db import steps
from tests.support import forks
from tests.support.postgres import Server


@pytest.fixture
def backend() -> str:
    """From where it is moved."""
    return "sqlite"


@pytest.fixture
def target(postgresql: Server) -> Iterator[str]:
    """An empty database without any table."""
    url = postgresql.new_database(migrated=False)
    yield url
    connection.close()
    postgresql.drop(url)


@pytest.fixture
def filled(database_url: str, settings: Settings) -> dict[str, Any]:
    """Rows in every table, those of each with values of each kind."""
    return steps.build(database_url, inspection.MIGRATIONS)


def move(settings: Settings, to: str, tell: Callable[[str, int, int], object] = lambda *_: None) -> migrate.Moved:
    return migrate.migrate(settings, to, tell)


def found(url: str) -> dict[str, Any]:
    connection.connect(url)
    try:
        return steps.rows()
    finally:
        connection.close()


def as_moved(filled: dict[str, Any], there: dict[str, Any]) -> dict[str, Any]:
    """As PostgreSQL has it: some columns that are true or false are whole numbers in SQLite."""
    return {
        name: [
            {key: bool(value) if isinstance(other[key], bool) else value for key, value in row.items()}
            for row, other in zip(table, there[name], strict=True)
        ]
        for name, table in filled.items()
    }


def content(settings: Settings) -> str:
    return hashlib.sha256(Path(settings.db_url.removeprefix("sqlite:///")).read_bytes()).hexdigest()


def test_every_row_of_every_table_is_moved(filled: dict[str, Any], settings: Settings, target: str) -> None:
    """With its values; SQLite's file stays as it was, to the byte."""
    before = content(settings)
    told: list[tuple[str, int, int]] = []
    moved = move(settings, target, lambda *each: told.append(each))
    assert as_moved(filled, found(target)) == found(target)
    assert {name: len(table) for name, table in filled.items()} == moved.rows
    assert (before, False) == (content(settings), moved.resumed)
    assert {(name, count, count) for name, count in moved.rows.items() if count} == set(told)


def test_work_goes_on_there(database: str, settings: Settings, make_settings: Any, people: Any, target: str) -> None:
    """Ids follow those that were moved, nobody is asked whether campaigns may go on, and the audit log is one."""
    order = create.Order("Hello", numbers=[person.number for person in people(3)])
    deed = audit.Deed("Anna", "jobs.send", b"a key", lambda: NOW)
    with audit.done_by(deed):
        first = create.create(settings, order, "test", NOW).job_id
    Presence(settings).beat(NOW)
    connection.close()
    move(settings, target)

    there = make_settings(database_url=target)
    connection.connect(target)
    Presence(there).beat(NOW + 1_000)
    assert ["pending", None] == [queries.job(first).state, queries.job(first).unconfirmed]
    second = create.create(there, order, "test", NOW).job_id
    assert second > first and 6 == Message.select().count() == len({row.id for row in Message.select()})
    assert 0 < interruptions.read(settings.data_dir / FILE).epoch
    deed.over(AuditResult.DONE)
    assert (2, None) == (audit_reading.check(b"a key").count, audit_reading.check(b"a key").broken)
    with pytest.raises(peewee.IntegrityError, match="only added to"):
        AuditEntry.delete().execute()
    assert "moving_from_sqlite" not in proxy.database.get_tables()


def test_a_move_that_breaks_off_goes_on_where_it_was(
    filled: dict[str, Any], settings: Settings, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After any batch of any table."""
    monkeypatch.setattr(migrate, "BATCH", 2)
    batches: list[str] = []

    def dies(table: str, done: int, total: int) -> None:
        batches.append(table)
        if len(batches) % 7 == 0:
            raise KeyboardInterrupt

    breaks = 0
    while True:
        try:
            moved = move(settings, target, dies)
            break
        except KeyboardInterrupt:
            breaks += 1
    assert breaks > 5 and moved.resumed
    assert len(batches) == sum(-(-count // 2) for count in moved.rows.values())  # none was copied twice
    assert as_moved(filled, found(target)) == found(target)


def test_it_goes_on_only_with_the_same_database(
    filled: dict[str, Any], settings: Settings, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written since would be missing."""

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move(settings, target, dies)
    connection.connect(settings.db_url)
    Job.update(name="changed").execute()
    connection.close()
    with pytest.raises(errors.BackupRefused, match="written to since"):
        move(settings, target)


def test_nothing_starts_on_a_database_that_was_moved_in_part(
    filled: dict[str, Any], settings: Settings, target: str, environment: dict[str, str], tmp_path: Path
) -> None:
    """Of the messages in the queue some would be sent, of which what is not there yet may know more."""

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move(settings, target, dies)
    elsewhere = {"WASENDER_DATABASE_URL": target, "WASENDER_DATA_DIR": str(tmp_path / "elsewhere")}
    for name in ("daemon.http", "daemon.sender"):
        with forks.start(["-m", name], environment | elsewhere, tmp_path, stdout=subprocess.PIPE) as process:
            try:
                assert 1 == process.wait(30)
                assert process.stdout and "has not ended" in process.stdout.read()
            finally:
                process.kill()
    move(settings, target)
    connection.connect(target)
    connection.see_that_it_is_whole()


def test_nothing_is_moved_into_what_is_not_empty(
    filled: dict[str, Any], settings: Settings, target: str, make_settings: Any
) -> None:
    """Not twice either."""
    move(settings, target)
    with pytest.raises(errors.BackupRefused, match="not empty"):
        move(settings, target)
    assert as_moved(filled, found(target)) == found(target)


def test_nothing_is_moved_under_processes_that_run(
    filled: dict[str, Any], settings: Settings, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of either database."""
    monkeypatch.setattr(alone, "LEAVING_S", 0.1)
    with (settings.data_dir / "wasender.db-in-use").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        with pytest.raises(errors.BackupRefused, match="stop wasender first"):
            move(settings, target)
    connection.connect(target)
    with pytest.raises(errors.BackupRefused, match="connected to the database"):
        move(settings, target)


def test_what_cannot_be_moved_is_refused(
    filled: dict[str, Any], settings: Settings, target: str, tmp_path: Path
) -> None:
    """What is no SQLite, no PostgreSQL, not there or not up to date; and what PostgreSQL cannot store."""
    postgres = settings.model_copy(update={"database_url": target})
    nowhere = settings.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'none.db'}"})
    for given, to in ((postgres, target), (nowhere, target), (settings, "mysql://host/name")):
        with pytest.raises(errors.BackupRefused):
            move(given, to)
    connection.connect(settings.db_url)
    proxy.database.execute_sql("UPDATE job SET name = 'a' || char(0) WHERE id = 1")
    connection.close()
    with pytest.raises(errors.BackupRefused, match="PostgreSQL has refused it"):
        move(settings, target)
    connection.connect(settings.db_url)
    proxy.database.execute_sql("DELETE FROM schema_migration WHERE name = '0060_interruptions'")
    connection.close()
    with pytest.raises(errors.BackupRefused, match="earlier version"):
        move(settings, target)


def test_a_row_that_differs_is_noticed(
    filled: dict[str, Any], settings: Settings, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the sum over all rows."""
    whole = migrate._Table.as_postgres
    copied: list[int] = []

    def once(self: Any, row: Any) -> tuple[Any, ...]:
        values = whole(self, row)
        if self.name == "job" and not copied:
            copied.append(1)
            return tuple("other" if name == "name" else each for name, each in zip(self.columns, values, strict=True))
        return values

    monkeypatch.setattr(migrate._Table, "as_postgres", once)
    with pytest.raises(errors.BackupRefused, match="they differ"):
        move(settings, target)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("message", "number", "'+4915112345678 or +4915112345679'"),  # too long
        ("message", "attempts", "4915112345678"),  # too large
        ("job", "name", "'Zeferina +4915112345678' || char(0)"),
    ],
)
def test_what_postgresql_refuses_is_told_without_what_stands_in_it(
    filled: dict[str, Any], settings: Settings, target: str, table: str, column: str, value: str
) -> None:
    """Only the table, and why."""
    connection.connect(settings.db_url)
    proxy.database.execute_sql(f"UPDATE {table} SET {column} = {value} WHERE id = 1")
    connection.close()
    with pytest.raises(errors.BackupRefused, match=rf"\({table}: ") as refused:
        move(settings, target)
    assert "Zeferina" not in str(refused.value) and "49151" not in str(refused.value)


@pytest.mark.parametrize("password", ["Mirabelle/4711", "Mira@Mirabelle", "x#Mirabelle", "Mirabelle%zz", "x Mirabelle"])
def test_a_url_that_is_none_is_not_repeated(filled: dict[str, Any], settings: Settings, password: str) -> None:
    """What a library says of it may have the password in it."""
    with pytest.raises(errors.DatabaseUnusable) as refused:
        move(settings, f"postgresql://wasender:{password}@127.0.0.1:1/wasender")
    assert "Mirabelle" not in str(refused.value) and "4711" not in str(refused.value)


def test_a_damaged_file_is_told(filled: dict[str, Any], settings: Settings, target: str) -> None:
    """Where its schema can be read and a table cannot."""
    file = Path(settings.db_url.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(file)) as source:
        source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = source.execute("PRAGMA page_size").fetchone()
        (page,) = source.execute("SELECT rootpage FROM sqlite_master WHERE name = 'message'").fetchone()
    with file.open("r+b") as opened:
        opened.seek((page - 1) * size)
        opened.write(b"\xff" * size)
    with pytest.raises(errors.BackupRefused, match="The SQLite database cannot be read"):
        move(settings, target)
