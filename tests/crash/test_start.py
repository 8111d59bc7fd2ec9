"""`scripts/start` in a copy of the checkout: what it prepares, runs, refuses and leaves behind."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from standin.client import StandIn
from tests.support.rig import chrome_processes, copy_outside, eventually, free_port


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """In a folder with a blank, which any of the programs and configurations could take for two words."""
    folder = tmp_path / "a clone"
    folder.mkdir()
    return copy_outside(folder)


def start(checkout: Path, *options: str, **environment: str) -> subprocess.Popen[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WASENDER_")}
    return subprocess.Popen(
        [checkout / "scripts/start", *options],
        cwd="/", env=clean | environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def refusal(checkout: Path, *options: str, **environment: str) -> str:
    """The one line with which it refuses."""
    process = start(checkout, *options, **environment)
    _, err = process.communicate(timeout=60)
    assert 0 != process.returncode
    assert 1 == len(err.splitlines()), err
    return err


def test_the_demonstration_delivers_the_sample_and_its_report_equals_the_record(checkout: Path) -> None:
    """`--demo --once`: exit code 0, a row for each recipient, and the stand-in has just the rows that are sent."""
    process = start(checkout, "--demo", "--once", "--port", str(free_port()))
    out, err = process.communicate(timeout=300)

    assert 0 == process.returncode, err
    report = list(csv.DictReader(out[out.index("row,number") :].splitlines()))
    with StandIn.start(checkout / "data/demo/standin") as standin:  # it keeps its record
        record = standin.record()
    sent = [row["number"] for row in report if row["state"] == "sent"]
    assert sent == [message["number"] for message in record["messages"]]
    assert 26 == len(sent)
    assert [("+12025550199", "failed")] == [(r["number"], r["state"]) for r in report if r["state"] != "sent"]
    for row, message in zip(report, record["messages"], strict=False):
        assert row["name"] in message["text"]
        assert ["invitation.pdf"] == [file["name"] for file in message["files"]]
    assert [] == record["violations"]
    assert [] == chrome_processes(checkout)


def test_the_demonstration_over_the_cloud_accounts_for_everybody(checkout: Path) -> None:
    """`--demo --cloud --once`: no browser; who is not on WhatsApp was accepted, and has failed by a receipt."""
    process = start(checkout, "--demo", "--cloud", "--once", "--port", str(free_port()))
    out, err = process.communicate(timeout=120)

    assert 0 == process.returncode, err
    report = list(csv.DictReader(out[out.index("row,number") :].splitlines()))
    states = Counter(row["state"] for row in report)
    assert (26, 1) == (states["sent"] + states["delivered"], states["failed"])  # what is sent is about to be delivered
    assert ["+12025550199"] == [row["number"] for row in report if row["state"] == "failed"]
    assert "26 delivered according to the stand-in, 26 according to the report" in err


def test_ctrl_c_leaves_nothing_behind(checkout: Path) -> None:
    """SIGINT to its process group, as Ctrl-C sends it, ends Chrome, its driver, Xvfb and supervisord."""
    port = free_port()
    process = subprocess.Popen(
        [checkout / "scripts/start", "--demo", "--port", str(port)],
        cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0,
    )  # fmt: skip

    def healthy() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    try:
        eventually(healthy, what="it answers")
        eventually(lambda: chrome_processes(checkout), what="Chrome runs")
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert [] == chrome_processes(checkout)
    assert not (checkout / "run/supervisor.sock").exists()


def test_in_the_background_it_runs_until_it_is_shut_down(checkout: Path) -> None:
    """`-d` returns when http runs; a second one is refused; all that it wrote is for its owner alone."""
    (checkout / "wasender.env").write_text("WASENDER_DATA_DIR=elsewhere\nWASENDER_TRANSPORT=dryrun\n")
    port = str(free_port())
    process = start(checkout, "-d", "--port", port, WASENDER_TRANSPORT="dryrun")
    out, err = process.communicate(timeout=60)
    control = [checkout / ".venv/bin/supervisorctl", "-c", "etc/supervisord.conf"]
    try:
        assert 0 == process.returncode, err
        assert f"http://127.0.0.1:{port}/app" in out
        assert "already runs" in refusal(checkout, "-d", WASENDER_TRANSPORT="dryrun")
        data = checkout / "elsewhere"
        assert {"api_key", "wasender.db", "wasender.log"} <= {path.name for path in data.iterdir()}
        assert [] == [path for path in data.rglob("*") if path.stat().st_mode & 0o077]
    finally:
        subprocess.run([*control, "shutdown"], cwd=checkout, check=True, stdout=subprocess.DEVNULL)
    eventually(lambda: not (checkout / "run/supervisord.pid").exists(), what="it is shut down")


def test_a_relative_data_folder_is_the_callers(checkout: Path, tmp_path: Path) -> None:
    """Not the checkout's, though the script goes there."""
    with socket.create_server(("127.0.0.1", 0)) as taken:  # it stops there, having made the folder
        refusal(checkout, "--data", "tmp/wasender-test-data/x", "--port", str(taken.getsockname()[1]))
    assert Path("/tmp/wasender-test-data/x").is_dir()
    shutil.rmtree("/tmp/wasender-test-data")


def test_help_names_every_option(checkout: Path) -> None:
    """`--help` prints the usage and does nothing."""
    out, _ = start(checkout, "--help").communicate(timeout=60)

    assert all(option in out for option in ("-d", "--demo", "--once", "--cloud", "--port", "--data"))


def test_a_port_in_use_is_named(checkout: Path) -> None:
    """One line with the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"Port {port} on 127.0.0.1 cannot be used (Address already in use): " in refusal(
            checkout, "--port", str(port)
        )


def test_an_unwritable_data_folder_is_named(checkout: Path) -> None:
    """One line with the folder; root may write anywhere, but not below a file."""
    (checkout / "file").touch()

    assert f"{checkout}/file/data cannot be written" in refusal(checkout, "--data", f"{checkout}/file/data")


def test_a_missing_chromium_is_named(checkout: Path) -> None:
    """One line with what to install."""
    line = refusal(checkout, "--port", str(free_port()), WASENDER_CHROME="/nowhere/chromium")

    assert "/nowhere/chromium" in line


def test_without_root_the_missing_packages_are_named(checkout: Path, tmp_path: Path) -> None:
    """Nobody but root can install: the line says what to run."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "cat", "chmod", "cmp", "cut", "dirname", "env", "sh"):
        (tools / name).symlink_to(str(shutil.which(name)))
    for name, script in {"id": "echo 1000", "python3": f'exec {sys.executable} "$@"'}.items():
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755)

    line = refusal(checkout, PATH=str(tools), DISPLAY=":7")

    assert "sudo apt-get install chromium chromium-driver" in line


def test_an_old_python_is_named(checkout: Path, tmp_path: Path) -> None:
    """One line with the version that is there and the one that is needed."""
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    old.chmod(0o755)

    line = refusal(checkout, PYTHON=str(old))

    assert "3.11" in line
    assert "3.9.2" in line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--once"], "--once goes with --demo"),
        (["--cloud"], "--cloud goes with --demo"),
        (["--frob"], "unknown option --frob"),
        (["--port"], "--port needs a value"),
        (["--demo", "--once", "-d"], "it does not go with -d"),
    ],
)
def test_wrong_options_are_refused(checkout: Path, options: list[str], words: str) -> None:
    """One line that says what is wrong with this one."""
    assert words in refusal(checkout, *options)
