"""A process that is stuck ends by itself, and says where it was."""

from __future__ import annotations

import json
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from daemon.telemetry import watchdog
from tests.support import forks

LIMIT_S = 2
SOON_S = 60
WHERE = {"loop": "event loop", "thread": "browser thread", "end": "event loop"}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, list[dict[str, Any]]]]:
    """Those that get stuck in one place each, all at once: exit code and log."""
    found = {}
    with ExitStack() as stack:
        processes = {}
        for where in (*WHERE, "lock", "nowhere"):
            folder: Path = tmp_path_factory.mktemp(where)
            settings = {"WASENDER_DATA_DIR": str(folder / "data"), "WASENDER_WATCHDOG_S": str(LIMIT_S)}
            words = ["-m", "tests.support.stuck", where]
            process = forks.start(words, {"PATH": "/usr/bin", **settings}, folder, subprocess.PIPE)
            processes[where] = stack.enter_context(process)
            stack.callback(process.kill)
        for where, process in processes.items():
            lines = list(process.stdout or ())
            found[where] = (process.wait(SOON_S), [json.loads(line) for line in lines if line.startswith("{")])
    return found


@pytest.mark.parametrize("where", WHERE)
def test_what_is_stuck_ends(ended: Any, where: str) -> None:
    """A loop that does not turn, a thread that does not come back, an end that waits for it: its last line says where,
    by places in the code."""
    code, lines = ended[where]
    assert watchdog.STUCK == code
    last = lines[-1]
    assert ("process.stuck", "error", WHERE[where]) == (last["event"], last["level"], last["what"])
    assert LIMIT_S <= last["seconds"] < 2 * LIMIT_S
    assert where == "end" or "stuck.py line" in last["frames"][-1]


def test_code_that_keeps_pythons_lock_is_ended_too(ended: Any) -> None:
    """No thread of ours can look then."""
    code, lines = ended["lock"]
    assert 1 == code
    assert "process.started" == lines[-1]["event"]


def test_what_is_only_slow_goes_on(ended: Any) -> None:
    """Work within its time, and a loop that waits."""
    code, lines = ended["nowhere"]
    assert (0, "process.stopped") == (code, lines[-1]["event"])
