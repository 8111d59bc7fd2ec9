"""Where accounts are at home: the data folder that has their browser's profile.

A data folder has a name of its own, made once, which goes with it wherever it is moved. The name of a machine would
not: a profile is moved with its folder, and a container has another name after each start.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from daemon.files import durable, trouble

FILE = "folder_id"


def of(folder: Path) -> str:
    """The name of the data folder. Raises SetupError."""
    path = folder / FILE
    with trouble.told():
        if not path.exists():
            durable.make_once(path, secrets.token_hex(8) + "\n")
        return path.read_text(encoding="ascii").strip()[:32]


def has_profile(folder: Path, name: str) -> bool:
    """Whether a sender has driven that account from this data folder."""
    return (folder / "profiles" / name).exists() or (folder / f"dryrun-{name}.lock").exists()
