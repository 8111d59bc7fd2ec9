"""Bringing the database's schema up to date, by the steps in migrations/, without losing a row.

All steps that are missing run in one transaction, so a process that dies in it leaves the database as it was. On
SQLite foreign keys are off meanwhile: with them, a step that rebuilds a table would delete all that refers to it. So
before the commit nothing may be missing that was there, and no row may refer to nothing. A copy of an SQLite file is
kept beside it until the upgraded one has been opened again and checked.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import peewee
import structlog
from playhouse.migrations import Runner

from daemon import errors
from daemon.files import durable

HISTORY = "schema_migration"
WAIT_S = 600  # for another process that is upgrading: a copy of a large database takes its time
LOCK = 0x7761_7365  # any number that is ours: the advisory lock of those who bring the schema up to date

log = structlog.get_logger()


def upgrade(database: Any, folder: Path) -> None:
    """Run the steps in `folder` that the database lacks; of several processes one does it and the others wait.

    Raises DatabaseUnusable when the database is newer than the steps, or the upgrade is refused: then nothing was
    changed.
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
    """The steps that the database lacks, in order. Raises DatabaseUnusable when it knows more than we do."""
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
    """On SQLite: without foreign keys, which can only be switched outside of a transaction, and patient with whoever
    is upgrading already."""
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
    """The same on PostgreSQL, where the lock is one of our own."""
    (patience,) = database.execute_sql("SELECT current_setting('lock_timeout')").fetchone()
    database.execute_sql(f"SET LOCAL lock_timeout = '{WAIT_S}s'")
    database.execute_sql("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
    database.execute_sql("SELECT set_config('lock_timeout', %s, true)", (patience,))


def _run(database: Any, runner: Any, steps: list[str]) -> None:
    """Run the steps inside the open transaction, and see that they kept everything."""
    before = _rows(database)
    if before:
        _copy(database, steps[0])
    dangling = _dangling(database)
    try:
        runner.up()
    except (peewee.OperationalError, peewee.InterfaceError):
        raise  # the disk is full, or the server away: nothing that the steps have done
    except peewee.DatabaseError as error:
        raise _refused(" ".join(str(error).split())) from error
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
    """How many rows each table has. The steps' own history does not count: a new database has no table yet."""
    tables = [table for table in database.get_tables() if table != HISTORY]
    return {table: peewee.Table(table).bind(database).select().count() for table in tables}


def _dangling(database: Any) -> Counter[tuple[str, str]]:
    """How many rows refer to something that does not exist, by (table, what it refers to). PostgreSQL has none."""
    if not _on_sqlite(database):
        return Counter()
    found = database.execute_sql("PRAGMA foreign_key_check").fetchall()
    return Counter((table, parent) for table, _row, parent, _key in found)


def copy_of(file: Path, step: str) -> Path:
    """Where the copy lies that is made before `step` (0003_desk)."""
    return file.with_name(f"{file.name}.before-{step.partition('_')[0]}")


def _copy(database: Any, step: str) -> None:
    """Keep the SQLite file as it is before `step`. Nobody else writes: the open transaction has the lock, and what it
    reads through another connection is what was committed before. Raises DatabaseUnusable."""
    file = _file(database)
    if file is None:
        return
    place = copy_of(file, step)
    part = place.with_name(place.name + ".part")
    try:
        part.unlink(missing_ok=True)  # of a process that died here
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(file)) as reader:
            reader.execute("VACUUM INTO ?", (str(part),))
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
    """The database is up to date, was opened again, and nothing is wrong with it: copies made before are done with."""
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
