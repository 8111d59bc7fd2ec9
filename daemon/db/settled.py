"""How far tables that only grow can be read by their ids without missing a row that is committed late.

PostgreSQL gives out ids while transactions are under way, and commits them in any order: whoever reads up to the
newest row that is there, and goes on behind it, misses a lower one of a transaction that took longer. An id is settled
once no transaction is left that may have been given it: its row is there, or never will be. SQLite has one writer at a
time, so there all that is seen is settled.
"""

from __future__ import annotations

from collections import deque

import peewee

from daemon.db import proxy
from daemon.db.proxy import database

MOST = 100  # looks that wait for transactions to end


class Horizon:
    """The settled ids of some tables, as one reader knows them. Transactions have to write something else before they
    insert into these tables, so that PostgreSQL counts them as under way by then."""

    def __init__(self, *tables: type[peewee.Model]) -> None:
        """The ids of an earlier table are looked up first: a row of it that names one of a later table is settled only
        together with that one."""
        self._tables = tables
        self._waiting: deque[tuple[tuple[int, ...], int]] = deque()
        self._settled: tuple[int, ...] | None = None

    def given_out(self) -> tuple[int, ...]:
        """The last id that was given out of each table, one after the other; its row may still be to come."""
        return tuple(map(_last_id, self._tables))

    def look(self) -> tuple[int, ...] | None:
        """The newest settled id of each table. None: not known yet, as a transaction was under way at the first
        look."""
        ids = self.given_out()
        if not proxy.on_postgres() or (not self._waiting and self._settled == ids):
            return ids
        if not self._waiting or self._waiting[-1][0] != ids:
            if len(self._waiting) == MOST:
                self._waiting.pop()
            # A transaction of its own, begun later than all that were given these ids; the snapshot's own end would
            # not do, as it is behind the last one that has ended.
            own = int(database.execute_sql("SELECT pg_current_xact_id()::text").fetchone()[0])
            self._waiting.append((ids, own))
        oldest = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"  # of those under way
        first = int(database.execute_sql(oldest).fetchone()[0])
        while self._waiting and self._waiting[0][1] <= first:
            self._settled, _ = self._waiting.popleft()
        return self._settled


def _last_id(table: type[peewee.Model]) -> int:
    if proxy.on_postgres():
        sql = 'SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM "{}_id_seq"'
        return int(database.execute_sql(sql.format(table._meta.table_name)).fetchone()[0])
    return int(table.select(peewee.fn.MAX(table._meta.primary_key)).scalar() or 0)
