"""Whether the last backup failed, kept in the data folder: the http process tells people (`notices.py`), also where the
database is what could not be read."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from daemon import errors
from daemon.files import trouble
from daemon.ops import under_way

FILE = "backup-failed.json"
ENDED = "It was ended before it was done."


@dataclass(frozen=True)
class Failure:
    """When, UTC ms, and why, in English."""

    at: int
    why: str


@contextmanager
def noted(folder: Path, now: int) -> Iterator[None]:
    """A backup is made in here, while nobody else makes or restores one: note that it failed, or was killed, or that it
    has succeeded. folder: the data folder. Raises BackupRefused, and what is raised inside."""
    with under_way.one_at_a_time(folder):
        _note(folder, Failure(now, ENDED))  # not told as long as this process lives
        try:
            yield
        except (errors.DaemonError, OSError) as error:
            why = str(error) if isinstance(error, errors.DaemonError) else trouble.reason(error)
            _note(folder, Failure(now, why))
            raise
        (folder / FILE).unlink(missing_ok=True)


def _note(folder: Path, failure: Failure) -> None:
    part = folder / f".{FILE}-{secrets.token_hex(4)}"
    with suppress(OSError):  # the disk may be what is full
        try:
            part.write_text(json.dumps(asdict(failure)))
            part.replace(folder / FILE)  # also where root has made the one that is there
        finally:
            part.unlink(missing_ok=True)


def last(folder: Path) -> Failure | None:
    """The last backup's failure; None where it succeeded, or there was none, or one is being made."""
    try:
        failure = Failure(**json.loads((folder / FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return None if failure.why == ENDED and under_way.is_under_way(folder) else failure
