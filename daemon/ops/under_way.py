"""Making and restoring backups, one at a time in a data folder. What is locked is the folder itself, so no file is left
over, and a process that dies holds nobody up."""

from __future__ import annotations

import fcntl
import os
import pwd
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon import errors

LOOKING_S = 1.0  # who only looks (`is_under_way`) is not in the way of anybody


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Be the only one who makes or restores a backup in that data folder. Raises BackupRefused."""
    if not folder.is_dir():
        raise errors.BackupRefused(f"There is no folder {folder}: name the data folder with --data.")
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        give_up = time.monotonic() + LOOKING_S
        while not _locked(handle, fcntl.LOCK_EX):
            if time.monotonic() > give_up:
                raise errors.BackupRefused(f"Another backup or restore of {folder} is under way: wait for its end.")
            time.sleep(LOOKING_S / 50)
        yield
    finally:
        os.close(handle)


def by_its_owner(folder: Path) -> None:
    """Raises BackupRefused for root where the folder is another user's, who could not use what root leaves in it."""
    owner = folder.stat().st_uid if folder.is_dir() else 0
    if os.geteuid() != 0 or owner == 0:
        return
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = f"#{owner}"  # as sudo writes it
    raise errors.BackupRefused(
        f"{folder} belongs to the user {name}, who could not read what root makes there: run this as that user "
        f"(sudo -u {name} …)."
    )


def is_under_way(folder: Path) -> bool:
    """Whether somebody makes or restores a backup there. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return not _locked(handle, fcntl.LOCK_SH)
    finally:
        os.close(handle)


def _locked(handle: int, how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
