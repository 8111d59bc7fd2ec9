"""Checks an SQLite file before anything may write to it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import quote

from daemon import errors
from daemon.db import presence, schema, sqlite

MIGRATIONS = Path(__file__).parent / "migrations"
MAGIC = b"SQLite format 3\0"  # how every SQLite file begins


def judge(file: Path, sound: bool = False) -> None:
    """Check an SQLite file before anything may write to it. A file that is refused keeps every byte, including its
    -wal, which may hold the only record of the latest messages sent. Raises DatabaseUnusable.

    Its pages are read only where the last process has not closed it in order, and nobody who is there knows that it is
    `sound`: that takes as long as the file is large.
    """
    wal = file.with_name(file.name + "-wal")
    if not file.exists() or not file.stat().st_size:
        if wal.exists() and wal.stat().st_size:
            raise unusable(f"{file.name} is missing or empty, but {wal.name} is there")
        return
    with file.open("rb") as opened:
        if opened.read(len(MAGIC)) != MAGIC:
            raise unusable("file is not a database")
    try:
        reader = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=sqlite.BUSY_TIMEOUT_S)
    except sqlite3.OperationalError:
        return  # opening it for real will report why it cannot be read
    try:
        known = {path.stem for path in MIGRATIONS.glob("[0-9]*.py")}
        history = reader.execute("SELECT name FROM sqlite_master WHERE name = 'schema_migration'").fetchone()
        steps = {name for (name,) in reader.execute("SELECT name FROM schema_migration")} if history else set()
        if newer := sorted(steps - known):
            raise schema.too_new(newer[-1])
        if not sound and not presence.closed_in_order(file):
            _read_through(reader)
    except sqlite3.OperationalError:
        return
    except sqlite3.DatabaseError as error:
        raise unusable(str(error)) from error
    finally:
        reader.close()


def _read_through(reader: sqlite3.Connection) -> None:
    found = reader.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise unusable(f"it is damaged: {found}")


def unusable(reason: str) -> errors.DatabaseUnusable:
    return errors.DatabaseUnusable(
        f"The database cannot be used ({' '.join(reason.split())}): restore it from a backup or move it away; "
        "it was left as it is."
    )
