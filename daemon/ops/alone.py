"""Having a database alone: no process of ours uses it, and on SQLite none starts meanwhile."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg

from daemon import errors
from daemon.db import faults, presence
from daemon.db.sqlite import SQLITE
from daemon.files import durable
from daemon.ops import snapshot

LEAVING_S = 5.0  # until the server has noticed that somebody has gone
OTHERS = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND backend_type = 'client backend'"""


@contextmanager
def alone(url: str) -> Iterator[Callable[[], None]]:
    """Raises BackupRefused where somebody uses it; what is given does so again, as on PostgreSQL nobody is kept out."""
    if not url.startswith(SQLITE):
        _nobody_connected(url)
        yield partial(_nobody_connected, url)
        return
    file = Path(url.removeprefix(SQLITE))
    durable.make_folder(file.parent)
    with presence.lock_file(file).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise errors.BackupRefused(
                f"A process of wasender uses {file}: stop wasender first (systemctl stop wasender)."
            ) from None
        lock.truncate(0)  # who waits for us looks at the database anew
        yield lambda: None


def _nobody_connected(url: str) -> None:
    try:
        with snapshot.connected(url) as own:
            give_up = time.monotonic() + LEAVING_S
            while (count := (own.execute(OTHERS).fetchone() or (0,))[0]) and time.monotonic() < give_up:
                time.sleep(LEAVING_S / 50)
    except psycopg.Error as error:
        raise errors.BackupRefused(f"The database does not answer ({faults.said(error)}).") from None
    if count:
        raise errors.BackupRefused(f"{count} others are connected to the database: stop wasender on every host first.")
