"""Which wasender this is: its version, and where the files are that it does not import.

It runs from a checkout or, installed by pip, from a package. The version is written in setup.cfg, and nowhere else.
"""

from __future__ import annotations

import configparser
import importlib.metadata
from functools import cache
from pathlib import Path

NAME = "wasender"


def checkout() -> Path | None:
    """The folder of the checkout, or None where wasender is installed as a package."""
    root = Path(__file__).resolve().parents[2]
    return root if _metadata(root).get("name") == NAME else None


def root() -> Path:
    """The folder with wasender.env, data/ and run/: the checkout or, for a package, the one in which it is run."""
    return checkout() or Path.cwd()


@cache
def version() -> str:
    """Such as 1.0.0."""
    there = checkout()
    return _metadata(there)["version"] if there else importlib.metadata.version(NAME)


def shipped(file: str) -> Path | None:
    """A file beside the code, such as etc/supervisord.conf; None where it does not come with the package."""
    if there := checkout():
        return there / file
    for path in importlib.metadata.files(NAME) or ():
        if path.as_posix().endswith(f"/share/{NAME}/{file}"):
            return Path(path.locate())
    return None


def _metadata(folder: Path) -> dict[str, str]:
    setup = configparser.RawConfigParser()
    setup.read(folder / "setup.cfg")
    return dict(setup["metadata"]) if setup.has_section("metadata") else {}
