"""The database connection: SQLite by default, PostgreSQL by URL; transactions. `schema.py` brings it up to date.

SQLite runs in WAL with `synchronous=FULL`: a transaction that has committed survives a power cut, which
the move to `sending` relies on. Writers use `BEGIN IMMEDIATE`, so two claims never read the same row.
PostgreSQL runs in READ COMMITTED: there a transaction that reads before it writes locks what it read (`locked`).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import peewee
from playhouse import db_url

from daemon import errors, schema

MIGRATIONS = Path(__file__).parent / "migrations"
SQLITE = "sqlite:///"
MAGIC = b"SQLite format 3\0"  # how every SQLite file begins
BUSY_TIMEOUT_S = 10
PRAGMAS = {"journal_mode": "wal", "synchronous": "full", "foreign_keys": 1}

# A silent network is noticed in half a minute, not in a quarter of an hour; what the URL says comes first.
POSTGRES = {"connect_timeout": BUSY_TIMEOUT_S, "keepalives_idle": 30, "tcp_user_timeout": 30_000, "encoding": "utf8"}
SESSION = f"""SELECT set_config('default_transaction_isolation', 'read committed', false),
    set_config('lock_timeout', '{BUSY_TIMEOUT_S}s', false), -- as long as SQLite waits
    set_config('idle_in_transaction_session_timeout', '60s', false), -- a client whose machine died holds no locks
    CASE current_setting('synchronous_commit') -- `submit` relies on it: what has committed survives a power cut
        WHEN 'off' THEN set_config('synchronous_commit', 'local', false) END"""

database = peewee.DatabaseProxy()
AWAY = (peewee.OperationalError, peewee.InterfaceError)


class Postgres(peewee.PostgresqlDatabase):
    """PostgreSQL through psycopg 3. Of a connection that the server has closed (it was restarted) only that is
    repeated on a new one which cannot have changed anything: a BEGIN, and a read outside of a transaction."""

    def _connect(self) -> Any:
        connection = super()._connect()  # type: ignore[misc]
        connection.execute(SESSION)
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

    def lost(self) -> bool:
        """Whether this thread's connection is open here, but no longer at the other end."""
        return not self.is_closed() and bool(self.connection().closed)  # type: ignore[no-untyped-call]


class Sqlite(peewee.SqliteDatabase):
    """SQLite rolls back by itself when the disk is full or fails; a second ROLLBACK would only hide why."""

    def rollback(self) -> None:
        if self.connection().in_transaction:  # type: ignore[no-untyped-call]
            super().rollback()


def connect(url: str) -> None:
    """Bind the models to the database at `url` and bring its schema up to date.

    Raises DatabaseUnusable (corrupt, unreachable, or newer than this program); nothing is overwritten.
    """
    close()
    opened = _open(url)
    if url.startswith(SQLITE):
        _look(Path(url.removeprefix(SQLITE)))
    database.initialize(opened)
    try:
        _connect()
        schema.upgrade(opened, MIGRATIONS)
    except (peewee.DatabaseError, peewee.InterfaceError) as error:
        close()
        if _locked(error):
            raise errors.DatabaseBusy(f"Another process keeps the database locked ({error}): try again.") from error
        advice = "restore it from a backup or move it away"
        if "full" in str(error):
            advice = "make room on its disk"
        if url.startswith("postgres"):
            advice = "see that the server runs, and that the user and password of WASENDER_DATABASE_URL are right"
        reason = " ".join(str(error).split())
        raise errors.DatabaseUnusable(
            f"The database cannot be used ({reason}): {advice}; it was left as it is."
        ) from error
    except errors.DatabaseUnusable:
        close()
        raise


def _look(file: Path) -> None:
    """Judge an SQLite file before anything may write to it: what is refused keeps every byte, also of its -wal, which
    may hold the only copy of what was sent last. Raises DatabaseUnusable."""
    wal = file.with_name(file.name + "-wal")
    if not file.exists() or not file.stat().st_size:
        if wal.exists() and wal.stat().st_size:
            raise _unusable(f"{file.name} is missing or empty, but {wal.name} is there")
        return
    with file.open("rb") as opened:
        if opened.read(len(MAGIC)) != MAGIC:
            raise _unusable("file is not a database")
    try:
        reader = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)
    except sqlite3.OperationalError:
        return  # what keeps it from being read is said by whoever opens it in earnest
    try:
        known = {path.stem for path in MIGRATIONS.glob("[0-9]*.py")}
        history = reader.execute("SELECT name FROM sqlite_master WHERE name = 'schema_migration'").fetchone()
        steps = {name for (name,) in reader.execute("SELECT name FROM schema_migration")} if history else set()
        if newer := sorted(steps - known):
            raise schema.too_new(newer[-1])
        found = reader.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise _unusable(f"it is damaged: {found}")
    except sqlite3.OperationalError:
        return
    except sqlite3.DatabaseError as error:
        raise _unusable(str(error)) from error
    finally:
        reader.close()


def _unusable(reason: str) -> errors.DatabaseUnusable:
    return errors.DatabaseUnusable(
        f"The database cannot be used ({' '.join(reason.split())}): restore it from a backup or move it away; "
        "it was left as it is."
    )


def _connect() -> None:
    """Open this thread's connection. SQLite does not wait by itself where several processes turn WAL on at once."""
    give_up = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            database.connect(reuse_if_open=True)
            return
        except peewee.OperationalError as error:
            if not _locked(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.05)


def _locked(error: Exception) -> bool:
    waited = "locked" in str(error) or "lock timeout" in str(error)
    return isinstance(error, peewee.OperationalError) and waited


def _open(url: str) -> peewee.Database:
    options: dict[str, Any] = {}
    try:
        if url.startswith(SQLITE):  # the rest is a path as it is: a # or ? in it means nothing
            return Sqlite(url.removeprefix(SQLITE), pragmas=PRAGMAS, timeout=BUSY_TIMEOUT_S, lock_type="IMMEDIATE")
        if url.startswith(("postgresql://", "postgres://")):
            given = db_url.parse(url, unquote_password=True, unquote_user=True)
            options = {"prefer_psycopg3": True, "unquote_password": True, "unquote_user": True, **POSTGRES, **given}
            del options["database"]
        else:
            raise ValueError
        opened: peewee.Database = db_url.connect(url, **options)
    except (RuntimeError, ValueError, ImportError):
        # Nothing of the URL or the reason: a password may be in either.
        raise errors.DatabaseUnusable(
            "WASENDER_DATABASE_URL is not usable: write it as postgresql://user:password@host/name, with signs such "
            "as # and / in the password as %23 and %2F, or leave it out for SQLite."
        ) from None
    return opened


@contextmanager
def write() -> Iterator[None]:
    """One transaction that writes. Raises DatabaseBusy when the database is locked, full or away.

    Nothing was changed then, unless the connection broke during COMMIT: the error's text says so, and
    whoever repeats the work has to find out first.
    """
    outermost, committing = not database.in_transaction(), False
    try:
        with database.atomic():
            yield
            committing = outermost
    except AWAY as error:
        raise _busy(error, committing) from error


@contextmanager
def available() -> Iterator[None]:
    """Work that may also only read. Raises DatabaseBusy when the database is locked, full or away meanwhile."""
    try:
        yield
    except AWAY as error:
        raise _busy(error, False) from error
    except peewee.DatabaseError as error:
        if type(error) is peewee.DatabaseError and not on_postgres():  # a page that cannot be read, met only now
            raise _unusable(str(error)) from error
        if not isinstance(error, peewee.DataError):
            raise
        raise errors.InvalidInput(f"The database cannot store this ({error}).") from error


def _busy(error: Exception, committing: bool) -> errors.DatabaseBusy:
    """The error for the caller; a broken connection is put away, so that what comes next gets a new one."""
    lost = on_postgres() and database.obj.lost()
    if lost and not database.in_transaction():
        database.close()
    reason = " ".join(str(error).split())
    if lost and committing:
        return errors.DatabaseBusy(f"The database broke off ({reason}); look whether the change was made.")
    return errors.DatabaseBusy(f"The database did not answer ({reason}): try again.")


def after_commit(tell: Callable[[], object]) -> None:
    """Run `tell` once the open transaction has committed, never if it is rolled back; at once outside one."""
    database.after_commit(tell)


class Prepared:
    """A query that Peewee builds once for each shape it takes, as building it costs more than running it.

    Decorates a function (*shape) -> query that has `param("name")` where values go; called with (*shape, name=value)
    it executes the query and returns the cursor. Values are plain ones, as the database has them.
    """

    def __init__(self, build: Callable[..., Any]) -> None:
        self._build = build
        self._built: dict[tuple[Any, ...], tuple[str, list[Any]]] = {}

    def __call__(self, *shape: Any, **values: Any) -> Any:
        key = (on_postgres(), *shape)
        if key not in self._built:
            self._built[key] = database.get_sql_context().sql(self._build(*shape)).query()
        sql, places = self._built[key]
        return database.execute_sql(sql, [values[p.name] if isinstance(p, _Place) else p for p in places])


@dataclass(frozen=True)
class _Place:
    name: str


def param(name: str) -> peewee.Value:
    """Where the value of that name goes in a `Prepared` query."""
    return peewee.Value(_Place(name), converter=False, unpack=False)


def tuples(query: Any) -> list[tuple[Any, ...]]:
    """The query's rows as plain tuples."""
    return list(query.tuples())


def on_postgres() -> bool:
    return isinstance(database.obj, Postgres)


def locked(query: Any, skip: bool = False) -> Any:
    """The query, locking its rows until the transaction ends; skip: without those that somebody has locked.

    On SQLite the transaction has locked the whole database already.
    """
    return query.for_update(skip_locked=skip) if on_postgres() else query


def now_ms() -> int:
    """Now as UTC epoch milliseconds: the host's clock on SQLite, the database's on PostgreSQL."""
    if on_postgres():
        cursor = database.execute_sql("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
        return int(cursor.fetchone()[0])
    return time.time_ns() // 1_000_000


# What is stored as past and lies further ahead of now than this was written while the clock was ahead, and never
# counts. Not at once: of two who work at the same time one may see what the other has written a moment "later".
AHEAD_MS = 60_000


def lately(at: Any, since: int, now: int) -> Any:
    """The condition that a stored time lies between `since` and now, as far as the clock can be trusted."""
    return (at > since) & (at <= now + AHEAD_MS)


def within(at: int, now: int, length_ms: int) -> bool:
    """Whether a stored time is less than `length_ms` ago, as far as the clock can be trusted."""
    return -AHEAD_MS <= now - at < length_ms


def close() -> None:
    """Close this thread's connection."""
    if database.obj is not None and not database.is_closed():
        database.close()


db_url.register_database(Postgres, "postgres", "postgresql")
