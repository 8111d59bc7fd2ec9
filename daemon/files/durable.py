"""Files that survive a power cut: the content reaches the disk before the name, and the name before anybody relies
on it."""

from __future__ import annotations

import os
from pathlib import Path


def keep(part: Path, place: Path) -> None:
    """Give the file at `part` its name `place`, in one step; a file of that name is replaced.

    After a power cut there is the whole file under `place`, or what was there before. Raises OSError.
    """
    sync(part)
    part.replace(place)
    sync(place.parent)


def make_folder(folder: Path) -> None:
    """Make a folder for its owner only, with those above it, if it is not there. Raises OSError."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True, mode=0o700)
        sync(folder.parent)


def sync(path: Path) -> None:
    """Wait until the file's content, or the folder's list of names, is on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
