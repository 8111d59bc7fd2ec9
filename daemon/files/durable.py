"""Files that survive a power cut: the content is on the disk before the file gets its name, and the name is on the
disk before anything relies on it."""

from __future__ import annotations

import os
from pathlib import Path


def keep(part: Path, place: Path) -> None:
    """Rename the file at `part` to `place` atomically, replacing what is there.

    After a power cut `place` is either the complete new file or what was there before. Raises OSError.
    """
    sync(part)
    part.replace(place)
    sync(place.parent)


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner can read, and its parents, unless it exists. Raises OSError."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True, mode=0o700)
        sync(folder.parent)


def sync(path: Path) -> None:
    """Wait until the file's content, or the folder's list of files, is on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
