"""One moment of the database as a file, while everything goes on: what a backup keeps of it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from daemon import errors
from daemon.db import connection
from daemon.db.postgres import REACH
from daemon.db.schema import HISTORY
from daemon.db.sqlite import SQLITE, copy

SERVICE = "wasender"
DEBIAN = Path("/usr/lib/postgresql")
LONGEST_REASON = 500
CONNECT_S = 10
WAITS = {name: str(value) for name, value in ({"connect_timeout": CONNECT_S} | REACH).items()}


@dataclass(frozen=True)
class Snapshot:
    """The file and what is in it. kind: `sqlite` or `postgresql`; steps: of the schema; rows: of each table;
    attachments: their ids."""

    file: Path
    kind: str
    steps: list[str]
    epoch: int
    rows: dict[str, int]
    attachments: list[str]


def take(url: str, folder: Path) -> Snapshot:
    """Make one in that folder. Raises BackupRefused, DatabaseUnusable, OSError."""
    if url.startswith(SQLITE):
        return _sqlite(Path(url.removeprefix(SQLITE)), folder / "database.sqlite")
    return _postgres(url, folder)


def _sqlite(file: Path, to: Path) -> Snapshot:
    if not file.exists():
        raise errors.BackupRefused(f"There is no database {file}: name the data folder with --data.")
    try:
        copy(file, to)
    except sqlite3.Error as error:
        raise connection.unusable(f"{SQLITE}{file}", error) from error
    return looked_at(to)


def looked_at(file: Path) -> Snapshot:
    """The SQLite file of a backup, read through. Raises BackupRefused."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro&immutable=1", uri=True)) as reader:
            found = reader.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                raise errors.BackupRefused(f"The database in the backup is damaged ({found}): use another one.")
            names = [name for (name,) in reader.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            tables = sorted(name for name in names if not name.startswith("sqlite_"))
            return Snapshot(file, "sqlite", *_described(tables, lambda query: reader.execute(query).fetchall()))
    except sqlite3.Error as error:
        raise errors.BackupRefused(f"The database in the backup cannot be read ({error}): use another one.") from error


def _described(tables: list[str], ask: Any) -> tuple[list[str], int, dict[str, int], list[str]]:
    counting = "SELECT COUNT(*) FROM "
    rows = {table: int(ask(f'{counting}"{table}"')[0][0]) for table in tables}
    steps = sorted(name for (name,) in ask("SELECT name FROM schema_migration")) if HISTORY in rows else []
    epochs = ask("SELECT epoch FROM installation") if "installation" in rows else []
    attachments = ask("SELECT id FROM attachment ORDER BY id") if "attachment" in rows else []
    return steps, int(epochs[0][0]) if epochs else 0, rows, [each for (each,) in attachments]


def _postgres(url: str, folder: Path) -> Snapshot:
    """With `pg_dump`, of the same moment as the counts. Raises BackupRefused."""
    to = folder / "database.dump"
    try:
        with connected(url) as own, own.transaction():
            own.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            moment, schema = _row(own, "SELECT pg_export_snapshot(), current_schema()")
            dump = ["pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--lock-wait-timeout=10min"]
            run(url, folder, [*dump, f"--snapshot={moment}", f"--schema={schema}", f"--file={to}"])
            to.chmod(0o600)
            listed = [
                name for (name,) in own.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
            ]
            described = _described(sorted(listed), lambda query: own.execute(query).fetchall())
    except psycopg.Error as error:
        raise connection.unusable(url, error) from error
    run(url, folder, ["pg_restore", "--file=/dev/null", str(to)])  # reads all of it
    return Snapshot(to, "postgresql", *described)


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection that may be idle in a transaction as long as it likes. Raises psycopg.Error, DatabaseUnusable (of a
    URL that is none: what psycopg says of it may have the password in it)."""
    connection.opened(url)
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise connection.no_url() from None
    with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_S) as own:
        own.execute("SET idle_in_transaction_session_timeout = 0")
        yield own


def _row(own: psycopg.Connection[Any], query: str) -> tuple[Any, ...]:
    found = own.execute(sql.SQL(query)).fetchone()  # type: ignore[arg-type, unused-ignore]
    return found or ()


def run(url: str, folder: Path, words: Sequence[str]) -> None:
    """Run one of PostgreSQL's programs on the database. The password is in a file for its owner only, not among the
    words, which everybody on the machine can read. Raises BackupRefused."""
    program = _program(words[0])
    given = WAITS | {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    service = folder / "service.conf"
    lines = [f"[{SERVICE}]", *(f"{name}={value}" for name, value in given.items())]
    with os.fdopen(os.open(service, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write("\n".join(lines) + "\n")
    # What PG… of the environment adds to the URL (a password, certificates) counts as it does for our own connections.
    environment = os.environ | {"PGSERVICEFILE": str(service), "PGSERVICE": SERVICE, "LC_ALL": "C"}
    speaks = words[0] != "pg_restore"
    command = [program, *([f"--dbname=service={SERVICE}", "--no-password"] if speaks else []), *words[1:]]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    finally:
        service.unlink()
    if done.returncode:
        reason = " ".join(done.stderr.split())[:LONGEST_REASON]
        raise errors.BackupRefused(f"{words[0]} has failed: {reason}")


def _program(name: str) -> str:
    """Where it is: Debian keeps some versions off the PATH. Raises BackupRefused."""
    if found := shutil.which(name):
        return found
    versions = sorted(DEBIAN.glob(f"[0-9]*/bin/{name}"), key=lambda path: int(path.parts[-3].partition(".")[0]))
    if versions:
        return str(versions[-1])
    raise errors.BackupRefused(
        f"There is no {name} on this machine: install PostgreSQL's client programs, of the server's version or a later "
        "one (apt-get install postgresql-client)."
    )
