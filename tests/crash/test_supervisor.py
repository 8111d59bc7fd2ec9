"""supervisord and the two programs, as etc/supervisord.conf has them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from standin.client import StandIn
from tests.support.rig import ROOT, Rig, chrome_processes

KILLED = ("supervisord", "http", "sender", "chrome", "chromedriver", "Xvfb")
NAMED = {"chromedriver": "its driver"}


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with StandIn.start(tmp_path_factory.mktemp("standin"), linked=True, boot_ms=20, loading_ms=20) as standin:
        yield standin


@pytest.fixture(scope="module")
def rig(standin: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(tmp_path_factory.mktemp("rig"), whatsapp_url=standin.url, delay_min=0, delay_max=0) as rig:
        yield rig


def states(rig: Rig) -> dict[str, str]:
    lines = [line.split() for line in rig.control("status").splitlines()]
    return {words[0]: words[1] for words in lines}


def test_whatever_is_killed_comes_back_and_nothing_is_left_over() -> None:
    """Each of them once, as an ordinary user: a message is sent after it, and no process is there that belongs to none.
    What it takes on an idle machine is measured by hand. The README's table of who restarts what has them all."""
    words = ["--kills", str(len(KILLED)), "--limit", "60", "--only", *KILLED]
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.tree", *words], capture_output=True, text=True, timeout=400, check=False
    )

    assert 0 == done.returncode, done.stdout + done.stderr[-20_000:]
    assert f"kills={len(KILLED)} messages={2 * len(KILLED)} " in done.stdout
    table = (ROOT / "README.md").read_text().partition("| What is gone |")[2].partition("\n\n")[0]
    gone = [line.split("|")[1].lower() for line in table.splitlines()[2:]]
    assert [] == [each for each in KILLED if not any(NAMED.get(each, each).lower() in row for row in gone)]


def test_stopping_the_sender_ends_chrome_and_keeps_the_rest(rig: Rig) -> None:
    """`stop sender` takes Chrome, its driver and Xvfb along; `start sender` brings them back."""
    rig.ready()
    assert chrome_processes(rig.data)

    rig.control("stop", "sender")

    assert [] == chrome_processes(rig.data)
    assert "RUNNING" == states(rig)["http"]
    rig.control("start", "sender")
    rig.ready()


def test_both_programs_write_json_lines_and_nothing_else(rig: Rig) -> None:
    """Every line of the common stream is one JSON event with its time, level, name and process."""
    rig.ready()
    events = rig.events()

    assert {"http", "sender"} == {event["process"] for event in events}
    for event in events:
        assert {"timestamp", "level", "event"} <= event.keys()


def test_without_supervisord_the_programs_end_in_order(rig: Rig) -> None:
    """Nobody is there to start it anew: http and sender stop by themselves, with Chrome, and the next start finds all
    free."""
    rig.ready()
    assert rig.daemon
    programs = [psutil.Process(rig.pid(name)) for name in ("http", "sender")]
    closed = rig.data / "wasender.db-closed"  # written by the last one that leaves the database in order
    closed.unlink(missing_ok=True)

    rig.daemon.kill()

    assert ([], True) == (psutil.wait_procs(programs, 30)[1], rig.daemon.wait(30) < 0)
    assert [] == chrome_processes(rig.data)
    assert closed.exists()
    rig.start()
    rig.ready()


def test_ctrl_c_stops_everything(standin: StandIn, tmp_path_factory: pytest.TempPathFactory) -> None:
    """SIGINT to supervisord ends every process of ours, and supervisord itself."""
    with Rig(tmp_path_factory.mktemp("rig"), whatsapp_url=standin.url) as rig:
        rig.ready()
        assert rig.daemon
        family = psutil.Process(rig.daemon.pid).children(recursive=True)

        os.kill(rig.daemon.pid, signal.SIGINT)

        assert 0 == rig.daemon.wait(60)
        assert [] == [process for process in family if process.is_running()]
        assert [] == chrome_processes(rig.data)
