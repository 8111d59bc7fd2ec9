"""Whose a browser's profile is: what is another's is emptied, and nothing is where that cannot be told."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from daemon.config import Settings
from daemon.transports.browser import discarding, lives


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """One in which somebody has linked a phone."""
    folder = tmp_path / "data/profiles/shop"
    (folder / "Default").mkdir(parents=True)
    (folder / "Default/login").touch()
    return folder


def test_a_profile_is_of_one_life(profile: Path) -> None:
    """What nobody has marked is the first one's."""
    lives.settle(profile, "")
    assert (profile / "Default").exists()
    for life in ("one", "two", ""):
        lives.settle(profile, life)
        assert (life, []) == (lives.of(profile), list(profile.iterdir()))
        (profile / "login").touch()
        lives.settle(profile, life)
        assert (profile / "login").exists()


def test_where_the_mark_cannot_be_read_nothing_is_deleted(profile: Path, settings: Settings) -> None:
    """It may be there again in a moment."""
    profile.with_name("shop.life").mkdir()
    with pytest.raises(OSError):
        lives.settle(profile, "one")
    discarding.discard(settings, "shop", "one")
    discarding.discard(settings, "shop", "")
    assert (profile / "Default/login").exists()


def test_a_profile_that_is_a_link_is_emptied(profile: Path, tmp_path: Path, settings: Settings) -> None:
    """It is on another disk; what it leads to has the login."""
    profile.rename(tmp_path / "disk")
    profile.symlink_to(tmp_path / "disk")
    lives.settle(profile, "one")
    (profile / "login").touch()
    with capture_logs() as logged:
        for _ in range(3):  # it is found again, as the link stays
            discarding.discard(settings, "shop", "")
    assert [] == list((tmp_path / "disk").iterdir())
    assert ["profile.discarded"] == [each["event"] for each in logged]
