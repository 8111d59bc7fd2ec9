"""The database that the models are bound to: SQLite or PostgreSQL, decided at start-up."""

from __future__ import annotations

from typing import Any

import peewee

from daemon.db.postgres import Postgres

database = peewee.DatabaseProxy()


def tuples(query: Any) -> list[tuple[Any, ...]]:
    """The query's rows as plain tuples."""
    return list(query.tuples())


def on_postgres() -> bool:
    return isinstance(database.obj, Postgres)


def locked(query: Any, skip: bool = False) -> Any:
    """The query, locking its rows until the transaction ends; skip: leave out rows that are locked already.

    On SQLite this adds nothing: the transaction has locked the whole database.
    """
    return query.for_update(skip_locked=skip) if on_postgres() else query
