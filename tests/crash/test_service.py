"""etc/wasender.service: what systemd would run, run as systemd would."""

from __future__ import annotations

import configparser
import json
import shlex
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.rig import ROOT, Rig, eventually


@pytest.fixture
def unit() -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(ROOT / "etc/wasender.service")
    return parser["Service"]


def test_it_runs_as_its_own_user_with_a_private_folder(unit: configparser.SectionProxy) -> None:
    """Not root, and nobody else reads the WhatsApp login."""
    assert ("wasender", "0700", "0077") == (unit["User"], unit["StateDirectoryMode"], unit["UMask"])


def test_systemd_waits_longer_than_supervisord_needs(unit: configparser.SectionProxy) -> None:
    """TimeoutStopSec covers the stopwaitsecs of all programs, one after the other."""
    programs = configparser.RawConfigParser(inline_comment_prefixes=(";",))
    programs.read(ROOT / "etc/supervisord.conf")
    waits = [programs.getint(name, "stopwaitsecs") for name in programs.sections() if name.startswith("program:")]

    assert sum(waits) < int(unit["TimeoutStopSec"])


def test_its_command_runs_in_the_foreground_and_logs_to_a_journal_socket(
    unit: configparser.SectionProxy, tmp_path: Path
) -> None:
    """With a socket for standard output, as journald gives one: JSON lines arrive, and SIGTERM ends it in order."""
    rig = Rig(tmp_path, transport="dryrun")
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    with ours, theirs, (tmp_path / "errors.log").open("wb") as errors:
        process = subprocess.Popen(
            shlex.split(unit["ExecStart"]), cwd=rig.root, env=rig.environment, stdout=theirs, stderr=errors
        )
        theirs.close()
        try:
            eventually(rig.answers, what="the http process answers")
            process.send_signal(signal.SIGTERM)
            assert 0 == process.wait(60)
        finally:
            process.kill()
        with ours.makefile() as journal:
            events = [json.loads(line) for line in journal]

    assert {"http", "sender"} == {event["process"] for event in events if event["event"] == "process.stopped"}
