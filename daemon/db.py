"""The database connection: SQLite by default, PostgreSQL by URL; transactions and migrations.

SQLite runs in WAL with `synchronous=FULL`: a transaction that has committed survives a power cut, which
the move to `sending` relies on. Writers use `BEGIN IMMEDIATE`, so two claims never read the same row.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import peewee
from playhouse import db_url
from playhouse.migrations import Runner

from daemon import errors

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_S = 10
PRAGMAS = {"journal_mode": "wal", "synchronous": "full", "foreign_keys": 1}

database = peewee.DatabaseProxy()


def connect(url: str) -> None:
    """Bind the models to the database at `url` and bring its schema up to date.

    Raises DatabaseUnusable (corrupt, unreachable, or newer than this program); nothing is overwritten.
    """
    close()
    database.initialize(_open(url))
    try:
        _connect()
        with database.atomic():
            _migrate()
    except (peewee.DatabaseError, peewee.InterfaceError) as error:
        close()
        if _locked(error):
            raise errors.DatabaseBusy(f"Another process keeps the database locked ({error}): try again.") from error
        raise errors.DatabaseUnusable(
            f"The database cannot be used ({error}): restore it from a backup or move it away; it was left as it is."
        ) from error
    except errors.DatabaseUnusable:
        close()
        raise


def _connect() -> None:
    """Open this thread's connection. SQLite does not wait by itself where several processes turn WAL on at once."""
    give_up = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            database.connect(reuse_if_open=True)
            return
        except peewee.OperationalError as error:
            if not _locked(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.05)


def _locked(error: Exception) -> bool:
    return isinstance(error, peewee.OperationalError) and "locked" in str(error)


def _open(url: str) -> peewee.Database:
    options: dict[str, Any] = {}
    if url.startswith("sqlite"):
        options = {"pragmas": PRAGMAS, "timeout": BUSY_TIMEOUT_S, "lock_type": "IMMEDIATE"}
    try:
        opened: peewee.Database = db_url.connect(url, **options)
    except (RuntimeError, ValueError, ImportError) as error:
        raise errors.DatabaseUnusable(f"WASENDER_DATABASE_URL is not usable: {error}") from error
    return opened


def _migrate() -> None:
    runner = Runner(database.obj, str(MIGRATIONS))
    unknown = sorted(step.name for step in runner.status() if step.path is None)
    if unknown:
        raise errors.DatabaseUnusable(
            f"The database was written by a newer wasender (step {unknown[-1]}): install that version or a later one."
        )
    runner.up()


@contextmanager
def write() -> Iterator[None]:
    """One transaction that writes. Raises DatabaseBusy when the database is locked, full or away."""
    with available(), database.atomic():
        yield


@contextmanager
def available() -> Iterator[None]:
    """Work that may also only read. Raises DatabaseBusy when the database is locked, full or away meanwhile."""
    try:
        yield
    except (peewee.OperationalError, peewee.InterfaceError) as error:
        raise errors.DatabaseBusy(f"The database did not answer ({error}): try again.") from error


def after_commit(tell: Callable[[], object]) -> None:
    """Run `tell` once the open transaction has committed, never if it is rolled back; at once outside one."""
    database.after_commit(tell)


def tuples(query: Any) -> list[tuple[Any, ...]]:
    """The query's rows as plain tuples."""
    return list(query.tuples())


def on_postgres() -> bool:
    return isinstance(database.obj, peewee.PostgresqlDatabase)


def now_ms() -> int:
    """Now as UTC epoch milliseconds: the host's clock on SQLite, the database's on PostgreSQL."""
    if on_postgres():
        cursor = database.execute_sql("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
        return int(cursor.fetchone()[0])
    return time.time_ns() // 1_000_000


def close() -> None:
    """Close this thread's connection."""
    if database.obj is not None and not database.is_closed():
        database.close()
