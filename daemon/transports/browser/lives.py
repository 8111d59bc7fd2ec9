"""Whose a browser's profile is, where several accounts have had its name one after the other: the file NAME.life beside
it says which, as `accounts/home.py` calls it. It is not in the profile, which may have been linked on another computer
and put in place by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import structlog

from daemon.files import durable

log = structlog.get_logger()


def of(profile: Path) -> str:
    """Which life the profile is for; "" where that was never said. Raises OSError where that cannot be told now."""
    try:
        return _mark(profile).read_text("ascii", errors="replace").strip()
    except FileNotFoundError:
        return ""


def settle(profile: Path, life: str) -> None:
    """Make the profile that life's: one of another life is emptied, or it would send from that one's phone. Only for
    who has its lock, while no browser uses it. life: "" for the first, which takes what nobody has marked. Raises
    OSError."""
    if of(profile) == life:
        return
    if any(profile.iterdir()):
        log.info("profile.discarded", account=profile.name)
    empty(profile)
    durable.sync(profile)  # before the mark: a power cut must not bring the old one back under it
    if not life:
        _mark(profile).unlink()
        return
    draft = _mark(profile).with_suffix(".new")
    draft.write_text(life + "\n", "ascii")
    durable.keep(draft, _mark(profile))


def empty(profile: Path) -> None:
    """Delete what is in it. The folder itself may be a link, or a disk of its own. Raises OSError."""
    for each in profile.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        else:
            each.unlink()


def _mark(profile: Path) -> Path:
    return profile.with_name(f"{profile.name}.life")
