"""Brings the database's schema up to date with the steps in migrations/, without losing a row.

All missing steps run in one transaction, so a process that dies halfway leaves the database as it was. On SQLite
foreign keys are off during the upgrade: with them on, a step that rebuilds a table would delete every row that refers
to it. To make up for that, the upgrade is refused if a table has lost rows or a row refers to nothing. A copy of the
SQLite file is kept beside it until the upgraded database has been opened again and checked.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import peewee
import structlog
from playhouse.migrations import Runner

from daemon import errors
from daemon.db import faults, sqlite
from daemon.files import durable

HISTORY = "schema_migration"
MOVING = "moving_from_sqlite"  # a table that is there until `wasender migrate` has brought all
WAIT_S = 600  # how long to wait for another process that is upgrading: copying a large database takes time
LOCK = 0x7761_7365  # PostgreSQL advisory lock held while upgrading; the number is arbitrary

log = structlog.get_logger()


def upgrade(database: Any, folder: Path) -> None:
    """Run the steps in `folder` that the database lacks. If several processes start at once, one upgrades and the
    others wait.

    Raises DatabaseUnusable when the database is newer than the steps, or when the upgrade is refused; nothing was
    changed then.
    """
    runner = Runner(database, str(folder))
    if not missing(runner):
        _forget_copies(database, runner)
        return
    with _alone(database), database.atomic():
        if not _on_sqlite(database):
            _lock(database)
        if steps := missing(runner):
            _run(database, runner, steps)


def missing(runner: Any) -> list[str]:
    """The steps that the database lacks, in order. Raises DatabaseUnusable when it has steps we do not know."""
    steps = runner.status()
    if unknown := sorted(step.name for step in steps if step.path is None):
        raise too_new(unknown[-1])
    return [step.name for step in steps if not step.applied]


def too_new(step: str) -> errors.DatabaseUnusable:
    return errors.DatabaseUnusable(
        f"The database was written by a newer wasender (step {step}): install that version or a later one."
    )


@contextmanager
def _alone(database: Any) -> Iterator[None]:
    """Exclusive access to SQLite for the upgrade: foreign keys off (which is only possible outside a transaction), and
    a long timeout in case another process is upgrading."""
    if not _on_sqlite(database):
        yield
        return
    (patience,) = database.execute_sql("PRAGMA busy_timeout").fetchone()
    database.execute_sql(f"PRAGMA busy_timeout = {WAIT_S * 1000}")
    database.execute_sql("PRAGMA foreign_keys = 0")
    try:
        yield
    finally:
        database.execute_sql("PRAGMA foreign_keys = 1")
        database.execute_sql(f"PRAGMA busy_timeout = {patience}")


def _lock(database: Any) -> None:
    """Exclusive access on PostgreSQL, with an advisory lock."""
    (patience,) = database.execute_sql("SELECT current_setting('lock_timeout')").fetchone()
    database.execute_sql(f"SET LOCAL lock_timeout = '{WAIT_S}s'")
    database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
    database.execute_sql("SELECT set_config('lock_timeout', %s, true)", (patience,))


def _run(database: Any, runner: Any, steps: list[str]) -> None:
    """Run the steps inside the open transaction, and check that no data is lost."""
    before = _rows(database)
    if before:
        _copy(database, steps[0])
    dangling = _dangling(database)
    try:
        runner.up()
    except (peewee.OperationalError, peewee.InterfaceError):
        raise  # the disk is full or the server unreachable: not the steps' fault
    except peewee.DatabaseError as error:
        raise _refused(faults.said(error)) from error
    after = _rows(database)
    for table, count in before.items():
        if after.get(table, 0) < count:
            raise _refused(f"{count - after.get(table, 0)} of {count} rows of {table} would be lost")
    if broken := _dangling(database) - dangling:
        table, parent = next(iter(broken))
        raise _refused(f"rows of {table} would refer to rows of {parent} that do not exist")
    if before:
        log.info("database.upgraded", steps=steps, rows=sum(before.values()))


def _refused(reason: str) -> errors.DatabaseUnusable:
    return errors.DatabaseUnusable(
        f"The database was not brought up to date, because {reason}: go on with the version before and report this; "
        "it was left as it is."
    )


def _rows(database: Any) -> dict[str, int]:
    """How many rows each table has, without the list of steps that were run: a new database has no such table yet."""
    tables = [table for table in database.get_tables() if table != HISTORY]
    return {table: peewee.Table(table).bind(database).select().count() for table in tables}


def _dangling(database: Any) -> Counter[tuple[str, str]]:
    """How many rows refer to a missing row, by (table, table referred to). Always empty on PostgreSQL."""
    if not _on_sqlite(database):
        return Counter()
    found = database.execute_sql("PRAGMA foreign_key_check").fetchall()
    return Counter((table, parent) for table, _row, parent, _key in found)


def copy_of(file: Path, step: str) -> Path:
    """Path of the copy that is made before `step`, such as 0003_desk."""
    return file.with_name(f"{file.name}.before-{step.partition('_')[0]}")


def _copy(database: Any, step: str) -> None:
    """Copy the SQLite file before `step`. The open transaction holds the write lock, so nobody else can write, and a
    second connection reads the state from before the transaction. Raises DatabaseUnusable."""
    file = _file(database)
    if file is None:
        return
    place = copy_of(file, step)
    part = place.with_name(place.name + ".part")
    try:
        part.unlink(missing_ok=True)  # left by a process that died while copying
        sqlite.copy(file, part)
        durable.keep(part, place)
    except (sqlite3.Error, OSError) as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise errors.DatabaseUnusable(
            f"There is no copy of the database, which is made before it is brought up to date ({error}): free "
            f"{-(-file.stat().st_size // 2**20)} MB in {file.parent} and see that it can be written to; the database "
            "was left as it is."
        ) from error


def _forget_copies(database: Any, runner: Any) -> None:
    """Delete the copies made before earlier upgrades, once the upgraded database was opened again and found sound."""
    file = _file(database)
    if file is None:
        return
    copies = [place for step in runner.migrations() if (place := copy_of(file, step.name)).is_file()]
    if copies and not _dangling(database) and database.execute_sql("PRAGMA quick_check(1)").fetchone() == ("ok",):
        for place in copies:
            place.unlink(missing_ok=True)
            log.info("database.copy_removed", file=place.name)


def _on_sqlite(database: Any) -> bool:
    return isinstance(database, peewee.SqliteDatabase)


def _file(database: Any) -> Path | None:
    if not _on_sqlite(database):
        return None
    file = Path(database.database)
    return file if file.is_file() else None
