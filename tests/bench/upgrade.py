"""How long an upgrade takes, and how much room: `python -m tests.bench.upgrade [--messages N] [--database postgresql]`.

The databases are those that earlier versions have left (tests/db/kept), with one of their sent messages and its history
a million times over. The disk is written to as in production.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import structlog

from daemon.db import connection, proxy, sqlite
from tests.db import steps
from tests.support.keep_database import KEPT
from tests.support.postgres import Server

FIRST = 1_000_000
NUMBERED = {"number", "person"}  #: columns of a message that tell whose it is


def load(url: str, version: str) -> None:
    """The kept database of that version."""
    if url.startswith(sqlite.SQLITE):
        with closing(sqlite3.connect(url.removeprefix(sqlite.SQLITE))) as database:
            database.executescript((KEPT / f"{version}.sqlite.sql").read_text())
    else:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute((KEPT / f"{version}.postgresql.sql").read_text())  # type: ignore[arg-type]


def multiply(count: int) -> int:
    """Fill the database that is open; returns how many rows there are more."""
    execute = proxy.database.execute_sql
    numbers = f"generate_series(1, {count}) AS n"
    if not proxy.on_postgres():
        execute("CREATE TEMP TABLE numbers (n INTEGER PRIMARY KEY)")
        many = f"WITH RECURSIVE up (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < {count})"
        execute(f"INSERT INTO numbers {many} SELECT n FROM up")
        numbers = "numbers"

    def copy(table: str, of: int, changed: dict[str, str]) -> None:
        names = [column.name for column in proxy.database.obj.get_columns(table)]
        values = ", ".join(changed.get(name, f't."{name}"') for name in names)
        columns = ", ".join(f'"{name}"' for name in names)
        execute(f'INSERT INTO "{table}" ({columns}) SELECT {values} FROM "{table}" AS t, {numbers} WHERE t.id = {of}')

    (message,) = execute("SELECT MIN(id) FROM message WHERE state = 'sent'").fetchone()
    number = "'+' || CAST(4915200000000 + n AS TEXT)"
    copy("message", message, {"id": f"{FIRST} + n", **dict.fromkeys(NUMBERED, number)})
    events = [id for (id,) in execute(f"SELECT id FROM event WHERE message_id = {message} ORDER BY id").fetchall()]
    for k, event in enumerate(events, 1):
        copy("event", event, {"id": f"{FIRST} * {10 * k} + n", "message_id": f"{FIRST} + n"})
    return count * (1 + len(events))


def upgraded(url: str, version: str, messages: int) -> str:
    """Builds it, upgrades it, and says how that went."""
    load(url, version)
    steps.open_as_it_is(url)
    with proxy.database.atomic():
        rows = multiply(messages)
    if proxy.on_postgres():
        (size,) = proxy.database.execute_sql("SELECT pg_database_size(current_database())").fetchone()
    connection.close()
    folder = Path(url.removeprefix(sqlite.SQLITE)).parent
    if url.startswith(sqlite.SQLITE):
        size = sum(path.stat().st_size for path in folder.iterdir())
    began = time.monotonic()
    connection.connect(url)
    took = time.monotonic() - began
    connection.close()
    began = time.monotonic()
    connection.connect(url)  # looks it over, and deletes the copy
    second = time.monotonic() - began
    connection.close()
    return f"{version}: {rows:,} rows, {size / 2**20:,.0f} MB: {took:.1f} s, the next start {second:.1f} s"


def main() -> None:
    """Measure."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--messages", type=int, default=1_000_000)
    arguments.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    arguments.add_argument("--from", dest="versions", nargs="+", default=["schema-0003", "schema-0050"])
    given: Any = arguments.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))
    with ExitStack() as stack:
        server = stack.enter_context(Server(durable=True)) if given.database == "postgresql" else None
        for version in given.versions:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = server.new_database(migrated=False) if server else f"{sqlite.SQLITE}{folder / 'wasender.db'}"
            print(upgraded(url, version, given.messages), flush=True)


if __name__ == "__main__":
    main()
