"""Where accounts are at home: the data folder that has their browser's profile.

A data folder has a name of its own, made once, which goes with it wherever it is moved. The name of a machine would
not: a profile is moved with its folder, and a container has another name after each start.

A name that was removed and is added again begins another life: behind the folder's name, or before there is one, its
home says which. Whatever profile an earlier life has left, in whichever folder, is linked to another phone, perhaps.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from daemon.files import durable, trouble

FILE = "folder_id"
LONGEST = 32  # of what is stored
_LIFE = re.compile(r"#([0-9a-f]{8})$")


def of(folder: Path) -> str:
    """The name of the data folder. Raises SetupError."""
    path = folder / FILE
    with trouble.told():
        if not path.exists():
            durable.make_once(path, secrets.token_hex(8) + "\n")
        return path.read_text(encoding="ascii").strip()[:LONGEST]


def has_profile(folder: Path, name: str) -> bool:
    """Whether a sender has driven that account from this data folder."""
    return (folder / "profiles" / name).exists() or (folder / f"dryrun-{name}.lock").exists()


def anew() -> str:
    """The home of a name that is added again: no folder yet, and a life of its own."""
    return f"#{secrets.token_hex(4)}"


def life(home: str | None) -> str:
    """Which life of the name it is; "" for the first."""
    found = _LIFE.search(home or "")
    return found[1] if found else ""


def moved(home: str | None, folder: str) -> str:
    """The home in that folder, in the same life."""
    behind = f"#{life(home)}" if life(home) else ""
    return folder[: LONGEST - len(behind)] + behind


def anywhere(home: str | None) -> bool:
    """Whether a folder has the account already."""
    return bool(_LIFE.sub("", home or ""))
