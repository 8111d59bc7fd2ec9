"""Which processes have the SQLite file open, and whether the last of them closed it in order.

A file that was not is read through before anybody writes to it (`inspection.judge`), which takes a while where it is
large: so the first process does it, alone, and the others wait for its result. Beside the
file lie `<file>-in-use`, which every process holds locked as long as it lives, and `<file>-closed`, which says how long
the file was and when it was last changed when the last one left it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from daemon.db.sqlite import SQLITE
from daemon.files import durable

SHUT = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR})  # the folder lets nobody write
SOUND = b"sound\n"  # stands in the lock file while those who have it locked are sure of the database


class Seat:
    """A process's place at the file. sound: another process that is there has looked at it. lock: the open lock file,
    None where there is none to be had."""

    def __init__(self, file: Path, lock: int | None) -> None:
        self._file, self._lock = file, lock
        self.sound = False

    def take(self) -> None:
        """Have the file alone, or beside others that have checked it; wait for one that is still checking."""
        while self._lock is not None:
            with suppress(BlockingIOError):
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.ftruncate(self._lock, 0)
                return
            fcntl.flock(self._lock, fcntl.LOCK_SH)
            if os.pread(self._lock, len(SOUND), 0) == SOUND:
                self.sound = True
                return
            fcntl.flock(self._lock, fcntl.LOCK_UN)  # the other one found it damaged, or died while checking

    def share(self) -> None:
        """The database is open and sound: let others in."""
        if self._lock is not None and not self.sound:
            os.pwrite(self._lock, SOUND, 0)
            fcntl.flock(self._lock, fcntl.LOCK_SH)

    def leave(self) -> None:
        """The last one out, with every connection closed, notes how the file is."""
        if self._lock is None:
            return
        with suppress(OSError):  # others still use it, or no note can be written: then the next start reads it through
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _pending(self._file):
                part = self._file.with_name(f"{self._file.name}-closed.part")
                part.write_text(json.dumps(_look(self._file)))
                durable.keep(part, _note(self._file))
        os.close(self._lock)  # and so unlocks it


@contextmanager
def present(url: str) -> Iterator[Seat]:
    """Have a place at the database at `url` for as long as this process lives. PostgreSQL needs none, and a folder that
    cannot be written to has none: opening the database says what is wrong.

    Raises OSError where the lock is no file, or its disk knows no locks.
    """
    file, lock = Path(url.removeprefix(SQLITE)), None
    if url.startswith(SQLITE):
        place = lock_file(file)
        try:
            lock = os.open(place, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno not in SHUT:
                raise
    seat = Seat(file, lock)
    try:
        try:
            seat.take()
        except OSError as error:  # of a call that knows no names
            raise OSError(error.errno, error.strerror, str(place)) from error
        yield seat
    finally:
        seat.leave()


def lock_file(file: Path) -> Path:
    """What every process that has the database open holds locked."""
    return file.with_name(f"{file.name}-in-use")


def closed_in_order(file: Path) -> bool:
    """Whether the last process left the file as it is now, with nothing pending in its -wal."""
    try:
        known: object = json.loads(_note(file).read_text())
    except (OSError, ValueError):
        return False
    return known == _look(file) and not _pending(file)


def _look(file: Path) -> dict[str, int]:
    found = file.stat()
    return {"size": found.st_size, "mtime_ns": found.st_mtime_ns}


def _pending(file: Path) -> bool:
    wal = file.with_name(file.name + "-wal")
    return wal.exists() and wal.stat().st_size > 0


def _note(file: Path) -> Path:
    return file.with_name(f"{file.name}-closed")
