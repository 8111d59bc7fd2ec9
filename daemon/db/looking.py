"""Looking at a database without changing it: it is neither made nor brought up to date, and nobody is held up."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import peewee
from playhouse.migrations import Runner

from daemon import errors
from daemon.db import connection, inspection, proxy, schema
from daemon.db.sqlite import BUSY_TIMEOUT_S, SQLITE, Sqlite


class Absent(Exception):
    """There is no database."""


@contextmanager
def looking(url: str) -> Iterator[list[str]]:
    """One moment of the database at `url`, bound to the models; the steps of its schema that it lacks.

    Raises Absent, DatabaseUnusable, DatabaseBusy.
    """
    connection.close()
    try:
        database: Any = _sqlite(Path(url.removeprefix(SQLITE))) if url.startswith(SQLITE) else connection.opened(url)
        proxy.database.initialize(database)
        database.connect()
        # A counter and what it counts are read one after the other, and belong to one moment.
        begin = "BEGIN" if url.startswith(SQLITE) else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        missing = schema.missing(Runner(database, str(inspection.MIGRATIONS)))
        database.execute_sql(begin)
        try:
            yield missing
        finally:
            database.execute_sql("ROLLBACK")
    except (peewee.DatabaseError, peewee.InterfaceError) as error:
        raise connection.unusable(url, error) from error
    finally:
        connection.close()


def _sqlite(file: Path) -> Sqlite:
    if not file.exists() or not file.stat().st_size:
        wal = file.with_name(file.name + "-wal")
        if wal.exists() and wal.stat().st_size:
            inspection.judge(file)  # raises
        raise Absent
    inspection.judge(file)
    options: dict[str, Any] = {"uri": True, "timeout": BUSY_TIMEOUT_S, "pragmas": {"query_only": 1}}
    return Sqlite(f"file:{quote(str(file))}?mode=ro", **options)


def upgrading(url: str) -> bool:
    """Whether a process is bringing it up to date at this moment: it lacks steps, and somebody has locked it."""
    try:
        with looking(url) as missing:
            return bool(missing) and _locked(url)
    except (Absent, errors.DatabaseUnusable, errors.DatabaseBusy):
        return False


def _locked(url: str) -> bool:
    if not url.startswith(SQLITE):
        (free,) = proxy.database.execute_sql("SELECT pg_try_advisory_xact_lock(%s)", (schema.LOCK,)).fetchone()
        return not free
    with closing(sqlite3.connect(url.removeprefix(SQLITE), timeout=0, isolation_level=None)) as writer:
        try:
            writer.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        writer.execute("ROLLBACK")
        return False
