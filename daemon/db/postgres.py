"""PostgreSQL: how a session is set up, and what may be repeated after a lost connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import peewee

from daemon.db.sqlite import BUSY_TIMEOUT_S

# A dead network is noticed within a quarter of a minute instead of a quarter of an hour: while an answer is awaited by
# the keepalives, while something is sent by the user timeout. Options in the URL take precedence. The server is told
# the same: a client that was cut off, or whose machine died, in a transaction holds its locks no longer than that.
REACH = {"keepalives_idle": 5, "keepalives_interval": 5, "keepalives_count": 2, "tcp_user_timeout": 15_000}
ITS_NAMES = {name: name if name.startswith("tcp_") else f"tcp_{name}" for name in REACH}  # what the server calls them
POSTGRES = {"connect_timeout": BUSY_TIMEOUT_S, **REACH, "encoding": "utf8"}
SESSION = f"""SELECT set_config('default_transaction_isolation', 'read committed', false),
    set_config('lock_timeout', '{BUSY_TIMEOUT_S}s', false), -- as long as SQLite waits
    set_config('idle_in_transaction_session_timeout', '60s', false), -- a client that hangs holds no locks
    {", ".join(f"set_config('{name}', %s, false)" for name in ITS_NAMES.values())},
    CASE current_setting('synchronous_commit') -- `submit` relies on it: what has committed survives a power cut
        WHEN 'off' THEN set_config('synchronous_commit', 'local', false) END"""
# What is left is to go through an index in its order, and to look the rows of another table up one by one.
# A plan without alternative seems so dear that it would be compiled first (`jit`), for longer than it takes.
IN_ORDER = "SELECT set_config('jit', 'off', true), " + ", ".join(
    f"set_config('enable_{way}', 'off', true)" for way in ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin")
)
AWAY = (peewee.OperationalError, peewee.InterfaceError)


class Postgres(peewee.PostgresqlDatabase):
    """PostgreSQL through psycopg 3. When the server has closed the connection (after a restart), only statements that
    cannot have changed anything are repeated on a new one: BEGIN, and a SELECT outside a transaction."""

    def _connect(self) -> Any:
        connection = super()._connect()  # type: ignore[misc]
        connection.execute(SESSION, [str(self.connect_params.get(name, REACH[name])) for name in ITS_NAMES])
        return connection

    def begin(self, *arguments: Any, **options: Any) -> None:
        try:
            super().begin(*arguments, **options)
        except AWAY:
            if not self.lost():
                raise
            self.close()
            super().begin(*arguments, **options)

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        try:
            return super().execute_sql(sql, params)  # type: ignore[no-untyped-call]
        except AWAY:
            if not self.lost() or self.in_transaction() or not sql.startswith("SELECT"):
                raise
            self.close()
            return super().execute_sql(sql, params)  # type: ignore[no-untyped-call]

    @contextmanager
    def hasty(self) -> Iterator[None]:
        """Nothing is done before the transaction."""
        yield

    def hasten(self) -> None:
        """The commit of this transaction does not wait for the disk; one that does brings it there, too."""
        self.execute_sql("SELECT set_config('synchronous_commit', 'off', true)")

    def parameters(self) -> dict[str, Any]:
        """What psycopg needs for a connection of its own to the same database."""
        return {"dbname": self.database, **self.connect_params}

    def lost(self) -> bool:
        """Whether this thread's connection is still open here but was closed by the server."""
        return not self.is_closed() and bool(self.connection().closed)  # type: ignore[no-untyped-call]
