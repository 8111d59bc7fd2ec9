"""The http process as it is started: `python -m daemon.http`."""

from __future__ import annotations

import asyncio
import configparser
import json
import signal
import socket
import stat
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from daemon import errors, http
from daemon.config import Settings
from daemon.db.refusals import Unsent
from tests.conftest import ROOT
from tests.support import forks
from tests.support.processes import Start, starting

SOON_S = 30  #: half of what aiohttp gives its clients where nothing is said; a busy machine may need some of it


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts the process with these settings."""
    with starting("daemon.http", environment, tmp_path) as start:
        yield start


def event(process: subprocess.Popen[str], name: str) -> dict[str, Any]:
    """The next event of that name in its log."""
    for line in process.stdout or ():
        found: dict[str, Any] = json.loads(line)
        if found["event"] == name:
            return found
    raise AssertionError(f"it ended without {name}")


def test_it_answers_until_it_is_told_to_stop(start, settings):
    """A key is made, the port is told, SIGTERM ends it in order and soon."""
    process = start(PORT="0")
    url = event(process, "http.listening")["url"]
    key_file = settings.data_dir / "api_key"
    assert 0o600 == stat.S_IMODE(key_file.stat().st_mode)
    request = urllib.request.Request(f"{url}/accounts", headers={"X-API-KEY": key_file.read_text().strip()})
    with urllib.request.urlopen(request, timeout=10) as response:
        assert ["default"] == [each["name"] for each in json.load(response)["accounts"]]

    process.send_signal(signal.SIGTERM)
    rest = [json.loads(line) for line in process.stdout or ()]
    assert 0 == process.wait(SOON_S)
    assert ["process.stopping", "process.stopped"] == [line["event"] for line in rest]
    assert key_file.read_text().strip() not in str(rest)


def test_an_open_connection_does_not_keep_it(start):
    """A client that keeps its connection, or never finishes its request, is not waited for."""
    process = start(PORT="0")
    port = int(event(process, "http.listening")["url"].rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)) as idle, socket.create_connection(("127.0.0.1", port)) as slow:
        idle.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(1000).startswith(b"HTTP/1.1 200")
        slow.sendall(b"POST /send HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(SOON_S)


def test_supervisor_waits_longer_than_the_process_needs():
    """Otherwise it would be killed while it answers."""
    supervisor = configparser.RawConfigParser(inline_comment_prefixes=(";",))
    supervisor.read(ROOT / "etc" / "supervisord.conf")

    assert http.STOP_S < 5 < supervisor.getint("program:http", "stopwaitsecs")


def test_a_port_in_use_is_told_in_one_line(start):
    """Exit code 1, with the port and the setting."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        process = start(PORT=port)
        refused = event(process, "process.refused")
        assert 1 == process.wait(60)
    assert f"Port {port} on 127.0.0.1 cannot be used (Address already in use): " in refused["reason"]
    assert "WASENDER_PORT" in refused["reason"] and "\n" not in refused["reason"]


def test_bad_settings_are_told_all_at_once(start):
    """Exit code 1, one line of the log, both problems."""
    process = start(PORT="many", API_KEY="YOUR_SECRET_KEY")
    reason = event(process, "process.refused")["reason"]
    assert "WASENDER_PORT" in reason and "WASENDER_API_KEY" in reason
    assert "YOUR_SECRET_KEY" not in reason
    assert 1 == process.wait(60)


def test_it_ends_where_something_beside_the_requests_does(environment: dict[str, str], tmp_path: Path) -> None:
    """Nobody would notice that nothing is told or kept any more: supervisord starts it anew."""
    program = """
import sys
from daemon import http

async def run(settings, timed):
    raise ZeroDivisionError

http.retention.run = run
sys.exit(http.main())
"""
    with forks.start(["-c", program], environment | {"WASENDER_PORT": "0"}, tmp_path, subprocess.PIPE) as process:
        assert "beside the requests" == event(process, "work.crashed")["work"]
        assert 1 == event(process, "process.stopped")["exit_code"]
        assert 1 == process.wait(SOON_S)


async def test_a_database_that_is_away_does_not_end_the_watch_over_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread was free: that the database could not be reached from it is nothing to the watchdog."""
    monkeypatch.setattr(http, "PROBE_S", 0.0)
    asked = []

    async def timed(work: Any) -> None:
        asked.append(work)
        raise errors.DatabaseBusy(Unsent.DATABASE_UNANSWERED, reason="gone")

    with suppress(TimeoutError):
        await asyncio.wait_for(http._probe(timed), 0.2)
    assert len(asked) > 1


async def test_the_watchdog_is_told_whether_a_database_thread_is_free(
    settings: Settings, database: str, aiohttp_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Again and again, beside the requests."""
    told = asyncio.Event()

    @contextmanager
    def watched(name: str, lengths: float) -> Iterator[None]:
        yield
        told.set()

    monkeypatch.setattr(http.watchdog, "watched", watched)
    await aiohttp_client(http.make_app(settings, "a-key-for-tests-0123456789"))
    async with asyncio.timeout(SOON_S):
        await told.wait()
