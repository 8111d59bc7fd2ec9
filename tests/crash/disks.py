"""File systems that fill up or fail under a sender. Root's work: they are really mounted."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType

import pytest

OF_A_MESSAGE_KB = 8  # with its history, in the file and in the log


def only_for_root() -> None:
    """Skips a test that mounts a file system where nobody may; in CI, where everybody has to be able to, it fails."""
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("only root can mount a file system")


class SmallDisk:
    """A small file system at `folder`, so that it can really be full: 8 MB, of which SQLite's log alone takes 4, and
    room for so many messages."""

    def __init__(self, folder: Path, messages: int = 0) -> None:
        self._folder, self._kb = folder, 8192 + OF_A_MESSAGE_KB * messages

    def __enter__(self) -> SmallDisk:
        _do("mount", "-t", "tmpfs", "-o", f"size={self._kb}k", "tmpfs", str(self._folder))
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _do("umount", "-l", str(self._folder))


class FailingDisk:
    """A file system of its own at `folder`, which an error makes read-only, as Debian mounts its disks.

    Nothing less does: `mount -o remount,ro` is refused as long as a file is open for writing (as the database
    always is), permissions do not bind root, and neither stops a write to what is already open.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._image = folder.with_name(folder.name + ".img")

    def __enter__(self) -> FailingDisk:
        with self._image.open("wb") as file:
            file.truncate(16 << 20)
        _do("mkfs.ext4", "-q", "-F", str(self._image))
        self._mount()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _do("umount", "-l", str(self._folder))

    def repair(self) -> None:
        """What a person does: unmount it, check it, mount it. Nobody may have a file open on it."""
        _do("umount", str(self._folder))
        _do("e2fsck", "-p", "-f", str(self._image), good=(0, 1))  # 1: errors were corrected
        self._mount()

    def _mount(self) -> None:
        _do("mount", "-o", "loop,errors=remount-ro", str(self._image), str(self._folder))


def fail(folder: Path) -> None:
    """Have the kernel find an error on the failing disk that holds `folder`: it is read-only on return."""
    device = folder.stat().st_dev
    name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
    Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("injected by wasender's tests")


def _do(*words: str, good: tuple[int, ...] = (0,)) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode in good, f"{' '.join(words)}: {done.stdout}{done.stderr}"
