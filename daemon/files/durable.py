"""Files that survive a power cut: the content is on the disk before the file gets its name, and the name is on the
disk before anything relies on it."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

ONE_NAME = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)  # the disk knows only one name for a file


def keep(part: Path, place: Path) -> None:
    """Rename the file at `part` to `place` atomically, replacing what is there.

    After a power cut `place` is either the complete new file or what was there before. Raises OSError.
    """
    sync(part)
    part.replace(place)
    sync(place.parent)


def keep_new(part: Path, place: Path) -> None:
    """The same where nothing is at `place`, and nothing that comes there meanwhile is replaced. Raises FileExistsError,
    OSError."""
    sync(part)
    try:
        place.hardlink_to(part)
    except OSError as error:
        if error.errno not in ONE_NAME:
            raise
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # nobody else's any more
        try:
            part.replace(place)
        except OSError:
            place.unlink()
            raise
    else:
        part.unlink()
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


def make_once(path: Path, text: str) -> None:
    """Put a file that only its owner can read at `path`, unless another process has done so meanwhile. Raises
    OSError."""
    draft = path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    try:
        sync(draft)  # a power cut must not leave the name without the content
        _name(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    sync(path.parent)


def _name(draft: Path, path: Path) -> None:
    """Give the file the name: whole or not at all, and only the first of several wins. Raises FileExistsError."""
    try:
        path.hardlink_to(draft)
    except OSError as error:
        if error.errno not in ONE_NAME:
            raise
        # Of two processes that start at once, one finds an empty file there.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(draft.read_bytes())
            file.flush()
            os.fsync(file.fileno())
