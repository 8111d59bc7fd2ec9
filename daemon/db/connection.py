"""The connection to the database: SQLite by default, PostgreSQL by URL; transactions and the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import peewee
from playhouse import db_url

from daemon import errors
from daemon.db import faults, inspection, proxy, schema, sqlite
from daemon.db.postgres import AWAY, POSTGRES, Postgres
from daemon.db.refusals import Unsent
from daemon.db.sqlite import PRAGMAS, SQLITE, Sqlite

settling: ContextVar[Callable[[], None] | None] = ContextVar("settling", default=None)  #: last thing before a commit


def connect(url: str, sound: bool = False) -> None:
    """Bind the models to the database at `url` and bring its schema up to date.

    sound: another process that has it open has looked at it, see `presence`.
    Raises DatabaseUnusable (corrupt, unreachable, or newer than this program); nothing is overwritten.
    """
    close()
    database = opened(url)
    if url.startswith(SQLITE):
        inspection.judge(Path(url.removeprefix(SQLITE)), sound)
    proxy.database.initialize(database)
    try:
        _connect()
        schema.upgrade(database, inspection.MIGRATIONS)
    except (peewee.DatabaseError, peewee.InterfaceError) as error:
        close()
        raise unusable(url, error) from error
    except errors.DatabaseUnusable:
        close()
        raise


def see_that_it_is_whole() -> None:
    """Raises DatabaseUnusable where `wasender migrate` has not brought all of an SQLite database."""
    if proxy.on_postgres() and proxy.database.execute_sql("SELECT to_regclass(%s)", (schema.MOVING,)).fetchone()[0]:
        raise errors.DatabaseUnusable(
            "The move from SQLite to this database has not ended: set WASENDER_DATABASE_URL to what it was, and run "
            "`wasender migrate` once more; it goes on where it was."
        )


def unusable(url: str, error: Exception) -> errors.DaemonError:
    """Why the database at `url` cannot be opened or read, of what its driver says."""
    if _locked(error):
        return errors.DatabaseBusy(Unsent.DATABASE_LOCKED, reason=error)
    known = faults.known(error)
    if isinstance(known, errors.DatabaseBusy):
        return known
    advice = "restore it from a backup or move it away"
    if "unable to open" in str(error):
        advice = "see that it is a file, and that it and its folder can be written to"
    if url.startswith("postgres"):
        advice = "see that the server runs, and that the user and password of WASENDER_DATABASE_URL are right"
    reason = faults.said(error)
    return errors.DatabaseUnusable(f"The database cannot be used ({reason}): {advice}; it was left as it is.")


def _connect() -> None:
    """Open this thread's connection, retrying while another process switches the file to WAL: SQLite's busy timeout
    does not cover that."""
    give_up = time.monotonic() + sqlite.BUSY_TIMEOUT_S
    while True:
        try:
            proxy.database.connect(reuse_if_open=True)
            return
        except peewee.OperationalError as error:
            if not _locked(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.05)


def _locked(error: Exception) -> bool:
    return isinstance(error, peewee.OperationalError) and faults.locked(error)


def opened(url: str) -> peewee.Database:
    """The database at `url`, not connected yet. Raises DatabaseUnusable."""
    options: dict[str, Any] = {}
    try:
        if url.startswith(SQLITE):  # the rest is a plain path: # and ? have no special meaning in it
            return Sqlite(url.removeprefix(SQLITE), pragmas=PRAGMAS, timeout=sqlite.LOOK_S, lock_type="IMMEDIATE")
        if "#" in url or url.partition("?")[0].count("@") > 1:  # what follows would be taken for the host, and told
            raise ValueError
        if url.startswith(("postgresql://", "postgres://")):
            given = db_url.parse(url, unquote_password=True, unquote_user=True)
            options = {"prefer_psycopg3": True, "unquote_password": True, "unquote_user": True, **POSTGRES, **given}
            del options["database"]
        else:
            raise ValueError
        database: peewee.Database = db_url.connect(url, **options)
    except (RuntimeError, ValueError, ImportError):
        raise no_url() from None
    return database


def no_url() -> errors.DatabaseUnusable:
    """Neither the URL nor what a library says of it is repeated: both may have the password in them."""
    return errors.DatabaseUnusable(
        "WASENDER_DATABASE_URL is not usable: write it as postgresql://user:password@host/name, with signs such "
        "as # and / in the password as %23 and %2F, or leave it out for SQLite."
    )


@contextmanager
def write() -> Iterator[None]:
    """One transaction that writes. Raises DatabaseBusy when the database is locked or unreachable, DiskFull when it is
    full, InvalidInput when a statement is too long for it.

    In that case nothing was changed, unless the connection broke during COMMIT: the error's text says so, and
    the caller has to check before repeating the work.
    """
    outermost, committing = not proxy.database.in_transaction(), False
    try:
        with proxy.database.atomic(), _untold_unless_made():
            yield
            if outermost and (settle := settling.get()) is not None:
                settle()
            committing = outermost
    except AWAY as error:
        raise _refused(error, committing) from error
    except peewee.DatabaseError as error:
        if (known := faults.known(error)) is not None:
            raise known from error
        raise


@contextmanager
def write_fleeting() -> Iterator[None]:
    """As `write`, for what is of no use after a power cut: its commit does not wait for the disk. Never within
    another transaction."""
    with proxy.database.obj.hasty(), write():
        proxy.database.obj.hasten()
        yield


@contextmanager
def _untold_unless_made() -> Iterator[None]:
    """If part of a transaction is undone, what it would have reported is dropped as well; see `after_commit`."""
    waiting = proxy.database.obj._state.commit_callbacks
    told = len(waiting)
    try:
        yield
    except BaseException:
        del waiting[told:]
        raise


@contextmanager
def available() -> Iterator[None]:
    """Database work that need not be one transaction. Raises as `write` does."""
    try:
        yield
    except AWAY as error:
        raise _refused(error, False) from error
    except peewee.DatabaseError as error:
        if type(error) is peewee.DatabaseError and not proxy.on_postgres():  # SQLite found a damaged page
            raise inspection.unusable(str(error)) from error
        if (known := faults.known(error)) is not None:
            raise known from error
        if not isinstance(error, peewee.DataError):
            raise
        raise errors.InvalidInput(Unsent.CANNOT_BE_STORED, reason=faults.said(error)) from error


def _refused(error: Exception, committing: bool) -> errors.DaemonError:
    """The error for the caller; a broken connection is closed, so that the next piece of work opens a new one."""
    lost = proxy.on_postgres() and proxy.database.obj.lost()
    if lost and not proxy.database.in_transaction():
        proxy.database.close()
    if (known := faults.known(error)) is not None:
        return known
    reason = faults.said(error)
    if lost and committing:
        return errors.DatabaseBusy(Unsent.CONNECTION_BROKE, reason=reason)
    return errors.DatabaseBusy(Unsent.DATABASE_UNANSWERED, reason=reason)


def after_commit(tell: Callable[[], object]) -> None:
    """Run `tell` once the open transaction has committed, never if it is rolled back; at once outside one."""
    proxy.database.after_commit(tell)


def is_open() -> bool:
    """Whether this thread has a connection; else the next piece of work makes one."""
    return not proxy.database.is_closed()


def close() -> None:
    """Close this thread's connection."""
    if proxy.database.obj is not None and not proxy.database.is_closed():
        proxy.database.close()


db_url.register_database(Postgres, "postgres", "postgresql")
