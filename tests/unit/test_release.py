"""Which version this is, and that everybody says the same."""

from __future__ import annotations

import configparser
import re
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemon.cli.app import app
from daemon.files import release
from tests.conftest import ROOT


def test_a_checkout_says_what_its_setup_says() -> None:
    """It is written in one place; the changelog names it, too."""
    setup = configparser.RawConfigParser()
    setup.read(ROOT / "setup.cfg")

    assert setup["metadata"]["version"] == release.version()
    told = re.findall(r"^## \[(\d\S*)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert told[0] == release.version()
    assert ROOT == release.checkout()
    assert f"wasender {release.version()}\n" == CliRunner().invoke(app, ["--version"]).output


def test_an_installed_one_asks_its_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no setup.cfg beside it, or another program's; its folder is the one in which it is run."""
    module = tmp_path / "site-packages" / "daemon" / "files" / "release.py"
    module.parent.mkdir(parents=True)
    monkeypatch.setattr(release, "__file__", str(module))
    monkeypatch.setattr(metadata, "version", {"wasender": "7.8.9"}.__getitem__)
    monkeypatch.chdir(tmp_path)
    release.version.cache_clear()
    try:
        assert release.checkout() is None
        assert tmp_path == release.root()
        assert "7.8.9" == release.version()
        (tmp_path / "site-packages" / "setup.cfg").write_text("[metadata]\nname = other\nversion = 1\n")
        assert release.checkout() is None
    finally:
        release.version.cache_clear()
