"""Trouble with files while a process starts: one sentence with the file and what to do, never a traceback."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from daemon import errors
from daemon.files.refusals import Unusable
from daemon.i18n.coded import Refusal, refusal

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
ADVICE = {
    errno.ENOSPC: "make room on its disk",
    errno.EDQUOT: "make room on its disk",
    errno.EACCES: "change its owner to the user that wasender runs as",
    errno.EPERM: "change its owner to the user that wasender runs as",
    errno.EROFS: "its disk can only be read, mount it to be written to",
    errno.ENOENT: "a link leads to where nothing is, remove it",
    errno.EISDIR: "a folder is where a file has to be, move it away",
    errno.ENOTDIR: "a file is where a folder has to be, move it away",
    errno.EEXIST: "a file is where a folder has to be, move it away",
    errno.ELOOP: "its symbolic links go round in a circle, remove them",
    errno.ENAMETOOLONG: "choose a shorter path",
    errno.EIO: "its disk may be failing, see the system's log",
    errno.ENOLCK: "its disk knows no locks, as some network disks do: use one of this machine",
    errno.EOPNOTSUPP: "its disk lacks what wasender needs, as some network disks do: use one of this machine",
    errno.EMFILE: "the process may open too few files, raise its limit (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine",
}
OTHERWISE = "see that it can be read and written to"


def advice(error: OSError) -> str:
    """What a person can do about it."""
    return ADVICE.get(error.errno or 0, OTHERWISE)


def reason(error: OSError) -> str:
    """The system's own words, without what a library adds to them."""
    known = error.errno is not None and error.errno > 0  # those of names that cannot be resolved are below 0
    return os.strerror(error.errno or 0) if known else error.strerror or str(error)


def unusable(error: OSError) -> Refusal:
    """What is wrong with which file, and what to do."""
    name, why = error.filename2 or error.filename, error.strerror or type(error).__name__
    if isinstance(name, str | bytes):
        return refusal(Unusable.FILE, file=os.fsdecode(name), reason=why, advice=advice(error))
    return refusal(Unusable.SOME_FILE, reason=why, advice=advice(error))


@contextmanager
def told() -> Iterator[None]:
    """A part of a start; raises SetupError where a file is in the way of it."""
    try:
        yield
    except (ConnectionError, TimeoutError):  # no file's
        raise
    except OSError as error:
        raise errors.SetupError(unusable(error)) from error


def keeps_modes(folder: Path) -> bool:
    """Whether files in the folder can be closed to others: disks formatted for Windows, and some of a network, give all
    files the same mode, whatever chmod is told. Raises OSError."""
    probe = folder / f".mode-{os.getpid()}-{secrets.token_hex(4)}"
    handle = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with suppress(PermissionError):  # some refuse, others keep silent
            os.fchmod(handle, 0o600)
        return not stat.S_IMODE(os.fstat(handle).st_mode) & 0o077
    finally:
        os.close(handle)
        probe.unlink()
