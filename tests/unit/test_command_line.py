"""The command `wasender`: what it answers, where, and with which exit code."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from daemon.cli import settings
from daemon.cli.app import app
from daemon.transports.browser import selectors
from tests.conftest import ROOT
from tests.support.commanding import invoke

TEXT = selectors.BUILT_IN.read_text()
TODAY = selectors.built_in().date.isoformat()
NEWER, NEWEST = "2098-01-01", "2099-01-01"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A sound selectors.toml of NEWER."""
    return dated(tmp_path / "sent.toml", NEWER)


def dated(path: Path, day: str) -> Path:
    path.write_text(TEXT.replace(f'date = "{TODAY}"', f'date = "{day}"'))
    return path


def test_a_file_is_installed(file: Path, tmp_path: Path) -> None:
    """Whole, for its owner only; from then on it is the one in use."""
    data = tmp_path / "data"
    before = invoke("selectors", "show", "--data", data)
    done = invoke("selectors", "install", file, "--data", data)
    after = invoke("selectors", "show", "--data", data)
    place = data / "selectors.toml"

    assert (0, 0, 0) == (before.exit_code, done.exit_code, after.exit_code)
    assert f"The built-in file is used ({TODAY})." in before.stdout
    assert f"{place} is installed ({NEWER})." in done.stdout
    assert f"{place} is used ({NEWER})." in after.stdout
    assert (file.read_bytes(), 0o600) == (place.read_bytes(), stat.S_IMODE(place.stat().st_mode))
    assert {place, data / "audit-waiting.jsonl"} == set(data.iterdir())  # an entry for the audit log, for http


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("\nlogged_in = ", "\nlogged_out = "), "find.logged_in is missing"),
        (lambda text: text.replace(NEWER, TODAY), "it would not be used"),
        (lambda text: text.replace(NEWER, "2020-01-01"), "it would not be used"),
        (lambda text: "not TOML", "not valid TOML"),
    ],
    ids=["unsound", "as new", "older", "no TOML"],
)
def test_what_would_not_be_used_is_not_installed(file: Path, tmp_path: Path, change: Any, said: str) -> None:
    """The one that is there stays."""
    data = tmp_path / "data"
    invoke("selectors", "install", file, "--data", data)
    installed = (data / "selectors.toml").read_bytes()
    file.write_text(change(file.read_text()))
    refused = invoke("selectors", "install", file, "--data", data)

    assert (1, "") == (refused.exit_code, refused.stdout)
    assert refused.stderr.startswith("wasender: ") and said in refused.stderr
    assert installed == (data / "selectors.toml").read_bytes()


def test_an_older_one_only_when_told(file: Path, tmp_path: Path) -> None:
    """Somebody may want to go back; nobody does by mistake."""
    data = tmp_path / "data"
    invoke("selectors", "install", dated(tmp_path / "newest.toml", NEWEST), "--data", data)
    refused = invoke("selectors", "install", file, "--data", data)
    told = invoke("selectors", "install", file, "--data", data, "--older")

    assert (1, 0) == (refused.exit_code, told.exit_code)
    assert "--older" in refused.stderr
    assert NEWER == str(selectors.choose(data).used.date)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (TEXT, {"own": False, "date": TODAY, "outdated": TODAY, "refused": None}),
        ("", {"own": False, "date": TODAY, "outdated": None}),
    ],
    ids=["not newer", "not sound"],
)
def test_why_one_in_the_data_folder_is_not_used(tmp_path: Path, content: str, told: dict[str, Any]) -> None:
    """As a sentence, and for programs."""
    place = tmp_path / "selectors.toml"
    place.write_text(content)
    answer = json.loads(invoke("selectors", "show", "--data", tmp_path, "--json").stdout)

    assert told | {"path": str(place)} == {name: answer[name] for name in (*told, "path")}
    assert content or "no section" in answer["refused"]
    assert f"{place} is not: " in invoke("selectors", "show", "--data", tmp_path).stdout


def test_a_check_changes_nothing(file: Path, tmp_path: Path) -> None:
    """It tells whether the file would be used."""
    newer = json.loads(invoke("selectors", "check", file, "--json").stdout)
    same = invoke("selectors", "check", selectors.BUILT_IN)

    assert {"sound": True, "newer": True, "date": NEWER, "own": True} == newer
    assert (0, True) == (same.exit_code, "would not be used" in same.stdout)
    assert [file] == list(tmp_path.iterdir())


def test_errors_for_programs(tmp_path: Path) -> None:
    """One JSON object on standard error, and nothing else anywhere."""
    failed = invoke("selectors", "check", tmp_path / "nowhere.toml", "--json")
    error = json.loads(failed.stderr)["error"]

    assert (1, "", "selectors_unreadable") == (failed.exit_code, failed.stdout, error["code"])
    assert "cannot be read" in error["detail"]


def test_what_the_machine_or_the_settings_do_not_allow(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 3, with what to do."""
    no_folder = invoke("selectors", "install", file, "--data", file / "data")
    monkeypatch.setenv("WASENDER_PORT", "many")
    no_setting = invoke("selectors", "show")

    assert (3, 3) == (no_folder.exit_code, no_setting.exit_code)
    assert "WASENDER_DATA_DIR" in no_folder.stderr and "WASENDER_PORT" in no_setting.stderr


@pytest.mark.parametrize("arguments", [["bogus"], ["selectors", "install"], ["selectors", "show", "--what"], []])
def test_a_wrong_command_line(arguments: list[str]) -> None:
    """Exit code 2, and how it goes."""
    result = invoke(*arguments)

    assert 2 == result.exit_code
    assert "Usage: wasender" in result.output


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield from commands(command, (*path, name)) if hasattr(command, "commands") else [(*path, name)]


def test_every_help_has_an_example() -> None:
    """And says that there is an answer for programs."""
    found = list(commands(typer.main.get_command(app)))
    helps = {path: invoke(*path, "--help").stdout for path in found}

    assert [] == [path for path, text in helps.items() if f"Example: wasender {' '.join(path)}" not in text]
    assert [] == [path for path, text in helps.items() if "--json" not in text]
    assert [] == [path for path, text in (helps | {(): invoke("--help").stdout}).items() if "<bool>" in text]
    assert ("selectors", "install") in found


def test_relative_folders_are_those_of_the_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the command is run; one that is given by hand is meant as it stands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WASENDER_DATA_DIR", "data/here")

    assert ROOT / "data" / "here" == settings.load(None).data_dir
    assert tmp_path / "mine" == settings.load(Path("mine")).data_dir
    for url, path in ("sqlite:///data/x.db", ROOT / "data/x.db"), (f"sqlite:///{tmp_path}/y.db", tmp_path / "y.db"):
        monkeypatch.setenv("WASENDER_DATABASE_URL", url)
        assert f"sqlite:///{path}" == settings.load(None).db_url


def test_the_command_runs_from_anywhere(tmp_path: Path) -> None:
    """As scripts/prepare makes it, also by a link; the path is an ordinary person's, and an http.py lies around."""
    checkout = tmp_path / "it's my folder"
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / "daemon").symlink_to(ROOT / "daemon")
    python = checkout / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (tmp_path / "http.py").write_text("raise SystemExit('shadowed')")
    prepare = f". {ROOT}/scripts/prepare && prepare_command && prepare_command"
    subprocess.run(["bash", "-euc", prepare], cwd=checkout, check=True)
    command = [checkout / ".venv" / "bin" / "wasender", "selectors", "show", "--json", "--data", "data"]
    link = tmp_path / "wasender"
    link.symlink_to(command[0].relative_to(tmp_path))
    for each in (command, [link, *command[1:]]):
        told = subprocess.run(each, cwd=tmp_path, check=True, capture_output=True, text=True)

        assert str(tmp_path / "data" / "selectors.toml") == json.loads(told.stdout)["path"]
        assert "" == told.stderr
