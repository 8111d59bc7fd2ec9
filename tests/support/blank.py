"""An empty SQLite database to copy: making one takes ten times as long."""

from __future__ import annotations

import atexit
import tempfile
from functools import cache
from pathlib import Path

from daemon.db import connection


@cache
def blank_file() -> Path:
    """A SQLite file with today's schema and no rows; it goes when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="wasender-blank-")
    atexit.register(folder.cleanup)
    file = Path(folder.name) / "wasender.db"
    connection.connect(f"sqlite:///{file}")
    connection.close()
    return file
