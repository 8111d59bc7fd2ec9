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
    """Which life the profile is for; "" where that was never said."""
    try:
        return _mark(profile).read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def settle(profile: Path, life: str) -> None:
    """Make the profile that life's: one of an earlier life is deleted, or it would send from that one's phone. Only for
    who has its lock, while no browser uses it. life: "" for the first, which takes what is there. Raises OSError."""
    if not life or of(profile) == life:
        return
    if any(profile.iterdir()):
        log.info("profile.discarded", account=profile.name)
    shutil.rmtree(profile)
    profile.mkdir(mode=0o700)
    durable.sync(profile.parent)  # before the mark: a power cut must not bring the old one back under it
    draft = _mark(profile).with_suffix(".new")
    draft.write_text(life + "\n", "ascii")
    durable.keep(draft, _mark(profile))


def _mark(profile: Path) -> Path:
    return profile.with_name(f"{profile.name}.life")
