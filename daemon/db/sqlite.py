"""SQLite: how the database is opened."""

from __future__ import annotations

import peewee

SQLITE = "sqlite:///"
BUSY_TIMEOUT_S = 10
PRAGMAS = {"journal_mode": "wal", "synchronous": "full", "foreign_keys": 1}


class Sqlite(peewee.SqliteDatabase):
    """SQLite rolls back by itself when the disk is full or fails; a second ROLLBACK would only hide the cause."""

    def rollback(self) -> None:
        if self.connection().in_transaction:  # type: ignore[no-untyped-call]
            super().rollback()
