"""Files that a command writes: whole or not at all, for their owner only, for they hold people's numbers."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from daemon.cli.exits import Failure
from daemon.cli.output import printable


def to_file(parts: Iterable[bytes], file: Path) -> int:
    """Write the file in place of an earlier one; its size in bytes. Raises Failure."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
            for part in parts:
                opened.write(part)
            size = opened.tell()
        draft.replace(file)
    except OSError as error:
        raise Failure(
            "file_unwritable", f"{file} cannot be written ({error.strerror}): name another place with -o."
        ) from None
    finally:
        draft.unlink(missing_ok=True)
    return size


def to_terminal(parts: Iterable[bytes]) -> None:
    """Write text to standard output: as it comes, but in a terminal without what would steer it."""
    text = codecs.getincrementaldecoder("utf-8-sig")("replace") if sys.stdout.isatty() else None
    for part in parts:
        sys.stdout.buffer.write(printable(text.decode(part).replace("\r", "")).encode() if text else part)
    sys.stdout.buffer.flush()
