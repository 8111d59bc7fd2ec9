"""Whether the last backup failed, kept in the data folder: the http process tells people (`notices.py`), also where the
database is what could not be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from daemon import errors
from daemon.files import trouble

FILE = "backup-failed.json"


@dataclass(frozen=True)
class Failure:
    """When, UTC ms, and why, in English."""

    at: int
    why: str


@contextmanager
def noted(folder: Path, now: int) -> Iterator[None]:
    """A backup is made in here: note that it failed, or that it has succeeded. folder: the data folder."""
    try:
        yield
    except (errors.DaemonError, OSError) as error:
        why = str(error) if isinstance(error, errors.DaemonError) else trouble.reason(error)
        with suppress(OSError):  # the disk may be what is full
            (folder / FILE).write_text(json.dumps(asdict(Failure(now, why))))
        raise
    (folder / FILE).unlink(missing_ok=True)


def last(folder: Path) -> Failure | None:
    """The last backup's failure; None where it succeeded, or there was none."""
    try:
        return Failure(**json.loads((folder / FILE).read_text()))
    except (OSError, ValueError, TypeError):  # it is being written just now
        return None
