"""The data folder, which only its owner can read."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

import structlog

from daemon import errors
from daemon.errors import Why
from daemon.files import durable, trouble

log = structlog.get_logger()

RESTORING = "restoring.json"  # in it while a backup is being put there, see ops/restore.py


def prepare(folder: Path) -> None:
    """Make it, readable by its owner only. Raises SetupError."""
    see_that_it_is_whole(folder)
    try:
        if folder.is_symlink():
            folder.stat()  # it leads somewhere: a folder cannot be made in its place
        durable.make_folder(folder)
        found = folder.stat()
        if found.st_uid == os.geteuid() and found.st_mode & 0o077 and not found.st_mode & stat.S_ISVTX:
            with suppress(PermissionError):  # the disk keeps no modes, and says so
                folder.chmod(0o700)  # made by somebody else's tool; one such as /tmp is not ours to close
            if folder.stat().st_mode & 0o077:
                log.warning("folder.left_open", folder=str(folder))
        probe = folder / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        advice = trouble.advice(error)
        raise errors.SetupError(Why.FOLDER_NOT_WRITABLE, folder=folder, reason=error.strerror, advice=advice) from error


def see_that_it_is_whole(folder: Path) -> None:
    """Raises SetupError where a restore has broken off, or is under way."""
    if (folder / RESTORING).exists():
        raise errors.SetupError(Why.RESTORE_UNFINISHED, folder=folder)
