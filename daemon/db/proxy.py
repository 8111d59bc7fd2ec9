"""The database that the models are bound to: SQLite or PostgreSQL, decided at start-up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import peewee

from daemon.db.postgres import IN_ORDER, Postgres

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


@contextmanager
def in_order() -> Iterator[None]:
    """A part of a transaction, or one of its own, in which PostgreSQL follows the queue's indices row by row.

    Left to itself it sorts all that waits, to find the first, when its statistics are missing or out of date. It lasts
    until the outermost transaction ends. SQLite has no statistics, so it does that in any case; nothing is begun there.
    """
    if not on_postgres():
        yield
        return
    with nullcontext() if database.in_transaction() else database.atomic():
        database.execute_sql(IN_ORDER)
        yield
