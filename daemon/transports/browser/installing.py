"""selectors.toml in the data folder as a person manages it: checking, installing, and which one is used."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from daemon.errors import InvalidInput, SetupError
from daemon.files import durable
from daemon.transports.browser import selectors
from daemon.transports.browser.refusals import Lacking, Why
from daemon.transports.browser.selectors import NAME


@dataclass(frozen=True)
class Version:
    """Which file it is: by its date, and whether it is that of the data folder, or the built-in one."""

    date: date
    own: bool


@dataclass(frozen=True)
class Standing:
    """used: the file that is used. place: where that of the data folder is, or would be. refused, outdated: why one
    there is not used, see `selectors.Choice`."""

    used: Version
    place: Path
    refused: str | None
    outdated: date | None


def built_in() -> Version:
    """The file that came with this version."""
    return Version(selectors.built_in().date, own=False)


def check(path: Path) -> Version:
    """The file at `path`, if it is sound. Raises InvalidInput that names what is wrong."""
    return Version(selectors.check(selectors.read(path)).date, own=True)


def standing(folder: Path) -> Standing:
    """What is used with this data folder."""
    choice = selectors.choose(folder)
    return Standing(Version(choice.used.date, choice.used.own), folder / NAME, choice.refused, choice.outdated)


def install(path: Path, folder: Path, *, older: bool) -> Standing:
    """Check the file at `path` and put it into the data folder, whole or not at all. older: also in place of a newer
    one.

    Raises InvalidInput, SetupError.
    """
    theirs, ours, now = check(path), built_in(), standing(folder)
    if theirs.date <= ours.date:
        raise InvalidInput(Why.NOT_NEWER, file=path, date=theirs.date, ours=ours.date)
    if now.used.own and now.used.date > theirs.date and not older:
        raise InvalidInput(Why.NEWER_INSTALLED, file=path, date=theirs.date, installed=now.used.date)
    part = now.place.with_name(f".{NAME}.{os.getpid()}.part")
    try:
        owner = folder.stat()
        part.write_bytes(path.read_bytes())
        part.chmod(0o600)
        if owner.st_uid != os.geteuid():  # root installs it, and the daemon has to read it
            os.chown(part, owner.st_uid, owner.st_gid)
        durable.keep(part, now.place)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SetupError(Lacking.SELECTORS, file=now.place, reason=error.strerror) from None
    return standing(folder)
