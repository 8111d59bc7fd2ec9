"""`wasender start`: which script it runs, with which words, and what a program is told of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from daemon.cli import machine, settings
from daemon.cli.exits import Exit
from tests.conftest import ROOT
from tests.support.commanding import invoke

SAYS = """#!/bin/sh
printf '%s\\n' "$0" "$@" >"$(dirname "$0")/words"
echo "wasender: preparing"
echo "wasender: page http://127.0.0.1:8090/app"
"""
FAILS = """#!/bin/sh
echo "wasender: port 8090 is taken: choose another one" >&2
exit 1
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That of a checkout of its own, which writes down with which words it is run."""
    made = tmp_path / "scripts" / "start"
    made.parent.mkdir()
    written(made, SAYS)
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    return made


def written(script: Path, text: str) -> None:
    script.write_text(text)
    script.chmod(0o755)


def words(script: Path) -> list[str]:
    return (script.parent / "words").read_text().splitlines()


@pytest.mark.parametrize(
    ("given", "run"),
    [
        ((), []),
        (("--demo",), ["--demo"]),
        (("--demo", "--once"), ["--demo", "--once"]),
        (("--detach", "--port", 8090), ["-d", "--port", "8090"]),
        (("-d", "--data", "there"), ["-d", "--data", "HERE/there"]),
    ],
)
def test_the_script_takes_the_place_of_the_command(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: Any, run: list[str]
) -> None:
    """As if it had been called itself: Ctrl-C and its exit code are its own, so nothing stands between."""

    def execv(path: Any, arguments: list[str]) -> None:
        assert (script, str(script)) == (path, arguments[0])
        raise SystemExit(subprocess.run(arguments, check=False, stdout=subprocess.DEVNULL).returncode)

    monkeypatch.setattr(machine.os, "execv", execv)
    done = invoke("start", *given)

    assert 0 == done.exit_code, done.output
    assert [str(script), *(each.replace("HERE", str(tmp_path)) for each in run)] == words(script)


def test_it_is_really_replaced(script: Path) -> None:
    """By a process of its own: the script runs as the process that was the command."""
    written(script, SAYS + 'echo "process $$"\n')
    code = "from daemon.cli import settings, app; import pathlib; settings.ROOT = pathlib.Path.cwd(); app.app()"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [os.sys.executable, "-c", code, "start", "--port", "8090"]  # type: ignore[attr-defined]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        said, _ = process.communicate(timeout=60)
    assert (0, f"process {process.pid}") == (process.returncode, said.splitlines()[-1])
    assert [str(script), "--port", "8090"] == words(script)


def test_a_program_is_told_where_the_page_is(script: Path) -> None:
    done = invoke("start", "--detach", "--port", 8090, "--json")
    page = "http://127.0.0.1:8090/app"
    assert {"started": True, "page": page, "said": ["preparing", f"page {page}"]} == json.loads(done.stdout)
    assert [str(script), "-d", "--port", "8090"] == words(script)


def test_what_keeps_it_from_starting_is_said(script: Path) -> None:
    """In the script's words; for a program it has to end by itself."""
    forever = invoke("start", "--json")
    written(script, FAILS)
    refused = invoke("start", "--detach", "--json")
    script.unlink()
    nowhere = invoke("start", "--json", "--detach")
    told = [json.loads(each.stderr)["error"] for each in (forever, refused, nowhere)]

    assert [Exit.USAGE, Exit.NOT_SET_UP, Exit.NOT_SET_UP] == [each.exit_code for each in (forever, refused, nowhere)]
    assert ["usage", "not_started", "no_script"] == [each["code"] for each in told]
    assert "port 8090 is taken: choose another one" in str(told[1])


def test_the_script_takes_these_words() -> None:
    known = re.findall(r"^    (-[-\w| ]+)\)", (ROOT / "scripts" / "start").read_text(), re.M)
    words = {word.strip() for each in known for word in each.split("|")}
    assert {"-d", "--demo", "--once", "--port", "--data"} <= words
