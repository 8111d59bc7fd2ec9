"""Databases as they were before an upgrade: built by the steps up to one of them, with rows in every table."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import peewee

from daemon import models
from daemon.db import connection, inspection, postgres, proxy, schema, sqlite

STEPS = sorted(path.stem for path in inspection.MIGRATIONS.glob("[0-9]*.py"))
LANDED = Path(__file__).with_name("landed.txt")  #: the steps as they came, which is not the order of their numbers
ROWS = 3  # in each table
ENDS = ("failed", "sent", "pending")  # of the messages, in order

MOVED = {
    *(("upload", name) for name in ("contacts", "rejected", "sheet")), ("draft", "sheet"), ("draft", "audience"),
}  # fmt: skip

Table = list[dict[str, Any]]

#: A process that opens a database once it is told to.
STARTER = """
import sys
from daemon.db import connection
print("ready", flush=True)
sys.stdin.readline()
connection.connect(sys.argv[1])
connection.close()
"""


def steps_until(last: str, folder: Path) -> Path:
    """A folder with the steps up to `last`."""
    folder.mkdir()
    for name in STEPS[: STEPS.index(last) + 1]:
        shutil.copy(inspection.MIGRATIONS / f"{name}.py", folder)
    return folder


def landed() -> dict[str, str]:
    """The digest of each step that has landed, in the order in which they did."""
    lines = (line.split() for line in LANDED.read_text().splitlines())
    return {name.removesuffix(".py"): digest for digest, name in lines}


#: all steps in the order in which there were databases with them: new ones have landed last
ORDER = [*landed(), *(name for name in STEPS if name not in landed())]


def steps_landed(last: str, folder: Path) -> Path:
    """A folder with the steps that there were when `last` landed."""
    folder.mkdir()
    for name in ORDER[: ORDER.index(last) + 1]:
        shutil.copy(inspection.MIGRATIONS / f"{name}.py", folder)
    return folder


def build(url: str, folder: Path, fill_it: bool = True) -> dict[str, Table]:
    """A database of the steps in `folder`, filled; returns its rows."""
    current, inspection.MIGRATIONS = inspection.MIGRATIONS, folder
    try:
        connection.connect(url)
    finally:
        inspection.MIGRATIONS = current
    if fill_it:
        with proxy.database.atomic():
            fill()
    found = rows()
    connection.close()
    return found


def open_as_it_is(url: str) -> None:
    """Connect without bringing anything up to date."""
    connection.close()
    proxy.database.initialize(connection.opened(url))
    proxy.database.connect()


def fill() -> None:
    """`ROWS` rows in every table there is, which refer to each other as the table says."""
    database = proxy.database.obj
    names = set(tables())
    keys = {name: {key.column: key.dest_table for key in database.get_foreign_keys(name)} for name in names}
    done: set[str] = set()
    while names - done:
        ready = sorted(name for name in names - done if set(keys[name].values()) <= done | {name})
        assert ready, f"{names - done} refer to each other in a circle"
        for name in ready:
            _fill(name, keys[name])
            done.add(name)
    if proxy.on_postgres():
        for name in names:
            if any(column.name == "id" and "int" in column.data_type for column in database.get_columns(name)):
                database.execute_sql(f"SELECT setval(pg_get_serial_sequence('\"{name}\"', 'id'), {ROWS})")


def _fill(name: str, keys: dict[str, str]) -> None:
    columns = proxy.database.obj.get_columns(name)
    table = peewee.Table(name, [column.name for column in columns]).bind(proxy.database.obj)
    for n in range(1, ROWS + 1):
        values = {column.name: _value(name, column, keys.get(column.name), n) for column in columns}
        table.insert(values).execute()


def _value(table: str, column: Any, refers: str | None, n: int) -> Any:
    kind = column.data_type.lower()
    if refers:
        return f"k{n}" if "char" in kind else n
    if (table, column.name) in {("message", "state"), ("event", "target")}:
        return ENDS[n - 1]
    if (table, column.name) in _JSON:
        return f'[["{n}"]]'
    if "bool" in kind:
        return bool(n % 2)
    if "int" in kind:
        return n
    if "double" in kind or "real" in kind:
        return n + 0.5
    if "blob" in kind or "bytea" in kind:
        return bytes([0, n, 255])
    return f"k{n}"


_JSON = MOVED | {
    (model._meta.table_name, field.column_name)
    for model in models.TABLES
    for field in model._meta.sorted_fields
    if isinstance(field, models.Json)
}


def tables() -> list[str]:
    return [name for name in proxy.database.obj.get_tables() if name != schema.HISTORY]


def rows(known: dict[str, Table] | None = None) -> dict[str, Table]:
    """Every row of every table; with `known`: of those tables and columns only, to be compared with it. What has become
    rows of a table since (MOVED, see test_row_sets) is as it was known."""
    found: dict[str, Table] = {}
    for name in known or tables():
        if known and not known[name]:
            found[name] = []  # what an upgrade puts into it was nowhere before
            continue
        there = [c.name for c in proxy.database.obj.get_columns(name)]
        gone = {key for key in known[name][0] if (name, key) in MOVED} - set(there) if known else set()
        columns = [key for key in known[name][0] if key not in gone] if known else there
        table = peewee.Table(name, columns).bind(proxy.database.obj)
        lines = [{key: _plain(value) for key, value in line.items()} for line in table.select().dicts()]
        found[name] = sorted(lines, key=lambda line: str(line.get("id", next(iter(line.values())))))
        for line, before in zip(found[name], known[name] if gone and known else (), strict=False):
            line.update({key: before[key] for key in gone})
    return found


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def shape() -> Any:
    """The schema, to be compared with another on the same kind of database."""
    if proxy.on_postgres():
        questions = (
            "SELECT table_name, column_name, data_type, is_nullable, column_default, character_maximum_length "
            "FROM information_schema.columns WHERE table_schema = 'public'",
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
            "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype IN ('f', 'u')",
        )
    else:
        questions = ("SELECT type, name, tbl_name, sql FROM sqlite_master",)
    found = [sorted(proxy.database.execute_sql(question).fetchall(), key=str) for question in questions]
    return found if proxy.on_postgres() else [[(*row[:3], _unordered(row[3])) for row in found[0]]]


def _unordered(sql: str | None) -> list[str]:
    """SQLite's own words of a table or an index. Columns are in order of their names: in the database they stand in the
    order in which the steps have landed, and nothing asks for them by place."""
    if sql is None or not sql.startswith("CREATE TABLE"):
        return [sql or ""]
    head, _, body = sql.partition("(")
    parts, depth = [""], 0
    for sign in body.rpartition(")")[0]:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return [head.strip(), *sorted(part.strip() for part in parts)]


def die_at(url: str, at: int, passed_on: Connection | None = None) -> None:
    """Bring the database up to date, in a process that is killed before its statement number `at`, counted from 1.

    passed_on: is told how many statements there were, where it was not killed.
    """
    passed = 0

    def strike(*_: Any) -> None:
        nonlocal passed
        passed += 1
        if passed == at:
            os.kill(os.getpid(), signal.SIGKILL)

    sqlite.PRAGMAS["synchronous"] = "off"  # no test pulls the plug here
    watch_statements(strike)
    connection.connect(url)
    connection.close()
    if passed_on:
        passed_on.send(passed)


def watch_statements(tell: Callable[..., None]) -> None:
    """Have `tell` called before each statement, of whichever connection."""
    connect = sqlite3.connect

    def watched(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.set_trace_callback(tell)
        return connection

    sqlite3.connect = watched  # type: ignore[assignment]
    execute = postgres.Postgres.execute_sql

    def told(self: postgres.Postgres, sql: str, params: Any = None) -> Any:
        tell(sql)
        return execute(self, sql, params)

    postgres.Postgres.execute_sql = told  # type: ignore[method-assign]
    for name in ("begin", "commit"):
        setattr(postgres.Postgres, name, _before(tell, getattr(postgres.Postgres, name)))


def _before(tell: Callable[..., None], work: Callable[..., Any]) -> Callable[..., Any]:
    def told(*arguments: Any, **options: Any) -> Any:
        tell()
        return work(*arguments, **options)

    return told
