"""Moves all that is in an SQLite database to an empty one of PostgreSQL, and compares both, row by row.

Rows are copied in the order in which SQLite has them, a batch in one transaction with the note how far it is: a move
that breaks off goes on there. The SQLite file is only read. What SQLite does not check and PostgreSQL does (the length
of a text, a character U+0000) is not changed on the way, but refused.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import peewee
import psycopg
from psycopg import sql

from daemon import errors
from daemon.config import Settings
from daemon.db import connection, faults, inspection
from daemon.db.schema import HISTORY
from daemon.db.schema import MOVING as NOTES
from daemon.db.sqlite import SQLITE
from daemon.delivery import interruptions
from daemon.delivery.interruptions import Mark
from daemon.models import TABLES
from daemon.ops import snapshot, under_way
from daemon.ops.alone import alone

BATCH = 10_000
Tell = Callable[[str, int, int], object]


@dataclass(frozen=True)
class Moved:
    """How many rows each table has, in both databases; resumed: a move that had broken off was finished."""

    rows: dict[str, int]
    resumed: bool


@dataclass(frozen=True)
class _Table:
    """columns: in the order in which they are copied; truths: those of them that are true or false."""

    name: str
    columns: list[str]
    truths: frozenset[int]

    def asked(self, query: str) -> str:
        """The query about this table; both databases write names in the same way."""
        columns = ", ".join(f'"{name}"' for name in self.columns)
        return query.replace("{columns}", columns).replace("{table}", f'"{self.name}"')

    def as_postgres(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """SQLite has 0 and 1."""
        return tuple(bool(value) if n in self.truths and value is not None else value for n, value in enumerate(row))


def migrate(settings: Settings, to: str, tell: Tell) -> Moved:
    """Move it. to: the new database's URL; tell: is given a table's name, how many of its rows are there and of how
    many. Raises BackupRefused, DatabaseUnusable; the SQLite file is as it was, whatever happens."""
    if not settings.db_url.startswith(SQLITE):
        raise errors.BackupRefused("The settings name no SQLite database: there is nothing to move.")
    if not to.startswith(("postgresql://", "postgres://")):
        raise errors.BackupRefused("Say where to as postgresql://user:password@host/name.")
    file = Path(settings.db_url.removeprefix(SQLITE))
    if not file.exists():
        raise errors.BackupRefused(f"There is no database {file}: name the data folder with --data.")
    under_way.by_its_owner(file.parent)
    with alone(settings.db_url), closing(_opened(file)) as source:
        _check_steps(source)
        with alone(to):
            _prepare(to)
        at = ""
        try:
            with snapshot.connected(to) as target:
                resumed = _begin(target, file)
                tables = _tables(target)
                for table in tables:
                    at = table.name
                    _copy(source, target, table, tell)
                rows = {table.name: _compared(source, target, table) for table in tables}
                _finish(target, tables)
        except psycopg.Error as error:
            raise errors.BackupRefused(
                f"PostgreSQL has refused it ({at + ': ' if at else ''}{faults.said(error)}): mend that, and run it "
                "again; it goes on where it was."
            ) from error
        except sqlite3.Error as error:
            raise _unreadable(error) from error
    mark = settings.data_dir / interruptions.FILE
    interruptions.raise_to(mark, Mark(interruptions.read(mark).epoch))  # from now on the database is no file
    return Moved(rows, resumed)


def _opened(file: Path) -> sqlite3.Connection:
    try:
        return sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)
    except sqlite3.Error as error:
        raise _unreadable(error) from error


def _unreadable(error: sqlite3.Error) -> errors.BackupRefused:
    return errors.BackupRefused(f"The SQLite database cannot be read ({error}).")


def _check_steps(source: sqlite3.Connection) -> None:
    known = {path.stem for path in inspection.MIGRATIONS.glob("[0-9]*.py")}
    try:
        steps = {name for (name,) in source.execute("SELECT name FROM schema_migration")}
    except sqlite3.Error as error:
        raise _unreadable(error) from error
    if newer := sorted(steps - known):
        raise errors.BackupRefused(
            f"The database was written by a newer wasender (step {newer[-1]}): install that version or a later one."
        )
    if known - steps:
        raise errors.BackupRefused(
            "The database is of an earlier version: start wasender once and stop it, which brings it up to date."
        )


def _prepare(to: str) -> None:
    """All tables are there. Raises DatabaseUnusable."""
    connection.connect(to)
    connection.close()


def _begin(target: psycopg.Connection[Any], file: Path) -> bool:
    """Whether this is a move that had broken off. Raises BackupRefused where there is something else."""
    files = [each.stat() for each in (file, file.with_name(f"{file.name}-wal")) if each.exists()]
    origin = " ".join([str(file), *(f"{each.st_ino} {each.st_size} {each.st_mtime_ns}" for each in files)])
    (there,) = _one(target, "SELECT to_regclass(%s) IS NOT NULL", (NOTES,))
    if there:
        if (origin,) != _one(target, "SELECT origin FROM {notes} WHERE name = ''", notes=NOTES):
            raise errors.BackupRefused(
                "Another database was being moved there, or this one was written to since that broke off: make the new "
                "database anew, and begin again."
            )
        return True
    filled = [name for name in _names(target) if _one(target, "SELECT EXISTS (SELECT 1 FROM {name})", name=name)[0]]
    if filled:
        raise errors.BackupRefused(
            f"The database is not empty (there are rows in {', '.join(filled[:5])}): name an empty one."
        )
    with target.transaction():
        _run(target, "CREATE TABLE {notes} (name TEXT PRIMARY KEY, position BIGINT, origin TEXT)", notes=NOTES)
        _run(target, "INSERT INTO {notes} VALUES ('', 0, %s)", (origin,), notes=NOTES)
    return False


def _names(target: psycopg.Connection[Any]) -> list[str]:
    """The tables that rows belong into."""
    query = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename"
    return [name for (name,) in _run(target, query).fetchall() if name not in (HISTORY, NOTES)]


def _tables(target: psycopg.Connection[Any]) -> list[_Table]:
    """Those that others refer to first."""
    there = _names(target)
    in_order = [model._meta.table_name for model in peewee.sort_models(TABLES)]  # type: ignore[attr-defined]
    found = []
    for name in [name for name in in_order if name in there] + sorted(set(there) - set(in_order)):
        query = """SELECT column_name, data_type FROM information_schema.columns
            WHERE table_schema = current_schema() AND table_name = %s ORDER BY ordinal_position"""
        columns = _run(target, query, (name,)).fetchall()
        truths = frozenset(n for n, (_, kind) in enumerate(columns) if kind == "boolean")
        found.append(_Table(name, [column for column, _ in columns], truths))
    return found


def _copy(source: sqlite3.Connection, target: psycopg.Connection[Any], table: _Table, tell: Tell) -> None:
    """What is not there yet."""
    noted = _run(target, "SELECT position FROM {notes} WHERE name = %s", (table.name,), notes=NOTES).fetchone()
    last = noted[0] if noted else -(2**63)
    (total,) = source.execute(table.asked("SELECT COUNT(*) FROM {table}")).fetchone()
    (done,) = source.execute(table.asked("SELECT COUNT(*) FROM {table} WHERE rowid <= ?"), (last,)).fetchone()
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)
    for batch in _batches(source, table, last):
        with target.transaction():
            with target.cursor() as cursor, cursor.copy(statement) as copy:
                for row in batch:
                    copy.write_row(table.as_postgres(row[1:]))
            note = "INSERT INTO {notes} VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET position = EXCLUDED.position"
            _run(target, note, (table.name, batch[-1][0]), notes=NOTES)
        done += len(batch)
        tell(table.name, done, total)


def _batches(source: sqlite3.Connection, table: _Table, last: int) -> Iterator[list[tuple[Any, ...]]]:
    """The rows behind that one, each with its place before its values."""
    query = table.asked("SELECT rowid, {columns} FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT ?")
    while batch := source.execute(query, (last, BATCH)).fetchall():
        yield batch
        last = batch[-1][0]


def _compared(source: sqlite3.Connection, target: psycopg.Connection[Any], table: _Table) -> int:
    """How many rows there are, in both. Raises BackupRefused where they differ."""
    query = table.asked("SELECT {columns} FROM {table}")
    here = _digest(table.as_postgres(row) for row in source.execute(query))
    with target.transaction(), target.cursor("compared") as cursor:
        cursor.itersize = BATCH
        cursor.execute(sql.SQL(query))  # type: ignore[arg-type, unused-ignore]
        there = _digest(cursor)
    if here != there:
        raise errors.BackupRefused(
            f"{table.name} has {here[0]:,} rows in SQLite and {there[0]:,} in PostgreSQL, or they differ: report this, "
            "and stay with SQLite."
        )
    return here[0]


def _digest(rows: Iterable[Sequence[Any]]) -> tuple[int, int]:
    """How many rows, and a sum over their digests, in whichever order they come."""
    count = total = 0
    for row in rows:
        text = repr(tuple(bytes(each) if isinstance(each, memoryview) else each for each in row))
        total += int.from_bytes(hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest())
        count += 1
    return count, total % 2**128


def _finish(target: psycopg.Connection[Any], tables: Sequence[_Table]) -> None:
    """The next ids follow those that are there; the planner knows the tables."""
    newest = "SELECT setval(%s, MAX({column})) FROM {table} HAVING MAX({column}) IS NOT NULL"
    with target.transaction():
        for table in tables:
            for column in table.columns:
                owner = (f'"{table.name}"', column)
                (sequence,) = _one(target, "SELECT pg_get_serial_sequence(%s, %s)", owner)
                if sequence:
                    _run(target, newest, (sequence,), column=column, table=table.name)
        _run(target, "DROP TABLE {notes}", notes=NOTES)
    _run(target, "ANALYZE")


def _run(target: psycopg.Connection[Any], query: str, values: Sequence[Any] = (), **names: str) -> psycopg.Cursor[Any]:
    """names: of tables and columns, for their places in the query."""
    made = sql.SQL(query).format(**{place: sql.Identifier(name) for place, name in names.items()})  # type: ignore[arg-type, unused-ignore]
    return target.execute(made, values or None)


def _one(target: psycopg.Connection[Any], query: str, values: Sequence[Any] = (), **names: str) -> tuple[Any, ...]:
    found: tuple[Any, ...] = _run(target, query, values, **names).fetchone() or ()
    return found
