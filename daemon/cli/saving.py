"""Files that a command writes: whole or not at all, for their owner only, for they hold people's numbers."""

from __future__ import annotations

import codecs
import os
import secrets
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from daemon.cli.exits import Failure
from daemon.cli.output import printable


def to_file(parts: Iterable[bytes], file: Path) -> int:
    """Write the file in place of an earlier one; its size in bytes. Raises Failure.

    A link stays one; what is no ordinary file, such as a device or a pipe, is written into.
    """
    try:
        if file.exists() and not file.is_file():
            return _written(parts, os.open(file, os.O_WRONLY))
        return _replaced(parts, file.resolve())
    except (OSError, RuntimeError) as error:  # the latter of links that go round in a circle
        why = getattr(error, "strerror", None) or "its links go round in a circle"
        raise Failure("file_unwritable", f"{file} cannot be written ({why}): name another place.") from None


def _replaced(parts: Iterable[bytes], file: Path) -> int:
    """The same, where it is an ordinary file or none yet. Raises OSError."""
    draft = file.parent / f".wasender-{secrets.token_hex(8)}"
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        size = _written(parts, handle)
        draft.replace(file)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
    return size


def _written(parts: Iterable[bytes], handle: int) -> int:
    with os.fdopen(handle, "wb") as opened:
        return sum(opened.write(part) for part in parts)


def to_terminal(parts: Iterable[bytes]) -> None:
    """Write text to standard output: as it comes, but in a terminal without what would steer it."""
    text = codecs.getincrementaldecoder("utf-8-sig")("replace") if sys.stdout.isatty() else None
    for part in parts:
        sys.stdout.buffer.write(printable(text.decode(part).replace("\r", "")).encode() if text else part)
    sys.stdout.buffer.flush()
