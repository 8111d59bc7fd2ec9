"""SQLite: how the database is opened, and how its one writer is waited for."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import peewee

from daemon.db import faults

SQLITE = "sqlite:///"
BUSY_TIMEOUT_S = 10
# SQLite itself sleeps 1 ms, then 2, and then ever longer, up to 100: in that time others write again and again. So it
# gives up after these two, and is asked anew.
LOOK_S = 0.003
# secure_delete: what is deleted is overwritten at once, by whichever process; Debian's SQLite does so by itself.
PRAGMAS = {"journal_mode": "wal", "synchronous": "full", "foreign_keys": 1, "secure_delete": 1}
EMPTIED_S = 0.02  # between two tries to empty the log, in which others may write


def copy(file: Path, to: Path) -> None:
    """One moment of the database in that file, whoever writes to it meanwhile, as a new file for its owner only. Raises
    sqlite3.Error, OSError."""
    os.close(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(file)) as reader:
        reader.execute("VACUUM INTO :file", {"file": str(to)})


class Sqlite(peewee.SqliteDatabase):
    """SQLite rolls back by itself when the disk is full or fails; a second ROLLBACK would only hide the cause."""

    def rollback(self) -> None:
        if self.connection().in_transaction:  # type: ignore[no-untyped-call]
            super().rollback()

    def begin(self, *arguments: Any, **options: Any) -> None:
        """Wait for whoever writes, BUSY_TIMEOUT_S at most."""
        self._waiting(super().begin, *arguments, **options)

    @contextmanager
    def hasty(self) -> Iterator[None]:
        """This thread's next transaction does not wait for the disk, only for its place in the file; one that does
        brings it there, too."""
        super().execute_sql("PRAGMA synchronous = NORMAL")  # type: ignore[no-untyped-call]
        try:
            yield
        finally:
            super().execute_sql(f"PRAGMA synchronous = {PRAGMAS['synchronous']}")  # type: ignore[no-untyped-call]

    def hasten(self) -> None:
        """It began so."""

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        """Outside a transaction wait as `begin` does. Within one nobody is waited for: each begins with the lock."""
        if self.in_transaction():
            return super().execute_sql(sql, params)  # type: ignore[no-untyped-call]
        return self._waiting(super().execute_sql, sql, params)

    def empty_log(self) -> bool:
        """Bring all that is in the write-ahead log into the file, and leave nothing in it; whether that could be done
        in BUSY_TIMEOUT_S: who reads an earlier moment is in the way. Not in a transaction."""
        give_up = time.monotonic() + BUSY_TIMEOUT_S
        while self.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > give_up:
                return False
            time.sleep(EMPTIED_S)
        return True

    @staticmethod
    def _waiting(work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        give_up = time.monotonic() + BUSY_TIMEOUT_S
        while True:
            try:
                return work(*arguments, **options)
            except peewee.OperationalError as error:
                if not faults.locked(error) or time.monotonic() > give_up:
                    raise
