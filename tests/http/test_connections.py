"""What a connection may take, on raw sockets against a real process; its deadlines are shortened."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from itertools import islice, pairwise
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from structlog.testing import capture_logs

from daemon.server import connections
from tests.support import forks

KEY = "a-key-for-tests-0123456789"
SHORT = {"HEADERS_S": 1.0, "BODY_S": 1.0, "RATE_S": 3.0, "STALLED_S": 1.0, "KEEP_ALIVE_S": 4.0, "TICK_S": 0.1}
SHORT["MOST"] = 20
RUN = """
import resource, sys
from daemon.server import connections
for name, value in {changes}.items():
    setattr(connections, name, value)
{more}
from daemon import http
sys.exit(http.main())
"""


@contextmanager
def process(
    environment: dict[str, str], folder: Path, more: str = "", **changes: float
) -> Iterator[tuple[int, Iterator[dict[str, Any]]]]:
    """A real http process; its port and the lines of its log from then on."""
    program = RUN.format(changes=SHORT | changes, more=more)
    with ExitStack() as stack:
        own = environment | {"WASENDER_PORT": "0", "WASENDER_API_KEY": KEY}
        started = stack.enter_context(forks.start(["-c", program], own, folder, subprocess.PIPE))
        stack.callback(started.kill)
        lines = (json.loads(line) for line in started.stdout or ())
        url = next(line["url"] for line in lines if line["event"] == "http.listening")
        yield int(url.rpartition(":")[2]), lines
        started.terminate()
        for _ in lines:  # to its end: it must not wait for a reader
            pass


@pytest.fixture
def port(environment: dict[str, str], tmp_path: Path, database: str) -> Iterator[int]:
    with process(environment, tmp_path) as (port, _):
        yield port


def opened(port: int, sent: bytes = b"") -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), 15)
    made.sendall(sent)
    return made


def rest(connection: socket.socket) -> bytes:
    """All that comes until the other side closes; times out, and fails, where it does not."""
    parts = b""
    with connection:
        try:
            while part := connection.recv(65_536):
                parts += part
        except ConnectionResetError:
            pass
    return parts


HEAD = f"POST /send HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {KEY}\r\nContent-Type: application/json\r\n".encode()
UPLOAD = (
    HEAD.replace(b"/send", b"/upload").replace(b"application/json", b"multipart/form-data; boundary=x")
    + b"Content-Length: 100000\r\n\r\n--x\r\n"
    + b'Content-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n1'
)
ASKS = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
ALIVE = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /health HTTP/1.1\r\nHost: local",
        HEAD + b"Content-Length: 100000\r\n\r\n{",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        UPLOAD,
        b"POST /app/login HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nContent-Length: 500\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\nkey=",
    ],
)  # fmt: skip
def test_whoever_stops_in_the_middle_is_told_so(port: int, sent: bytes) -> None:
    """Nothing at all, half of the headers, a body that stops, in every way to send one."""
    answer = rest(opened(port, sent))

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"200 OK" in rest(opened(port, ALIVE))


@pytest.mark.parametrize("head", [b"GET /health HTTP/1.1\r\n", HEAD + b"Content-Length: 1000000\r\n\r\n"])
def test_whoever_trickles_is_ended(port: int, head: bytes) -> None:
    """A byte now and then keeps neither the headers nor the body open."""
    connection = opened(port, head)
    connection.settimeout(0.2)
    for _ in range(100):
        try:
            answer = connection.recv(100)
            break
        except TimeoutError:
            connection.sendall(b"x")
    else:
        raise AssertionError("it is still open")

    assert b"" == answer or answer.startswith(b"HTTP/1.1 408 ")
    connection.close()


def test_a_connection_between_two_requests_is_kept_for_its_time_only(port: int) -> None:
    """It is used twice, then closed without a word."""
    with opened(port) as connection:
        for _ in range(2):
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200 OK" in connection.recv(65_536)
        assert b"" == connection.recv(65_536)


def test_many_connections_that_say_nothing_leave_room_soon(port: int) -> None:
    """Those above the limit are told to come back; once the silent ones are gone everybody is served."""
    with ExitStack() as stack:
        silent = [stack.enter_context(opened(port)) for _ in range(20)]
        assert rest(opened(port, ALIVE)).startswith(b"HTTP/1.1 503 ")
        for each in silent:
            assert each.recv(100).startswith(b"HTTP/1.1 408 ")
    assert b"200 OK" in rest(opened(port, ALIVE))


@pytest.mark.parametrize("path", [b"/app/static/app.js", b"/openapi.json"])
def test_whoever_reads_no_answer_gives_its_place_back(port: int, path: bytes) -> None:
    """Of a file or of something else, however often it has asked."""
    with ExitStack() as stack:
        for _ in range(20):
            silent = stack.enter_context(socket.socket())
            silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # the least there is
            silent.connect(("127.0.0.1", port))
            silent.sendall(ASKS % path * 100)
        assert rest(opened(port, ALIVE)).startswith(b"HTTP/1.1 503 ")
        for _ in range(150):
            with ExitStack() as others, suppress(ConnectionError):  # as one that is turned away may be
                places = [others.enter_context(opened(port, ASKS % b"/health")) for _ in range(20)]
                answers = [each.recv(65_536) for each in places]
                if all(b"200 OK" in each for each in answers):
                    break
            sleep(0.1)
        else:
            raise AssertionError("places are still taken")


def test_whoever_reads_slowly_gets_all_of_it(port: int) -> None:
    """It takes longer than anybody may take nothing."""
    begun, got = monotonic(), b""
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 200_000)
        slow.settimeout(15)
        slow.connect(("127.0.0.1", port))
        slow.sendall(ASKS % b"/openapi.json" * 9 + ALIVE)
        while part := slow.recv(100_000):
            got += part
            sleep(0.05)
    assert 10 == got.count(b"HTTP/1.1 200 OK") and got.endswith(b"}")
    assert monotonic() - begun > 2 * SHORT["STALLED_S"]


@pytest.mark.parametrize("path", [b"/send", b"/upload", b"/app/login", b"/app/jobs/1/clone"])
def test_a_strangers_body_is_not_read_on_and_on(port: int, path: bytes) -> None:
    """Megabytes without a key: an answer, and the end."""
    head = b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nContent-Length: 50000000\r\n"
    connection = opened(port, head + b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" + b"a=1&" * 2_000)

    assert rest(connection).startswith((b"HTTP/1.1 401 ", b"HTTP/1.1 413 "))


async def test_accepts_that_fail_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """asyncio reports each of a hundred in one turn; other errors of the loop go where they went."""
    monkeypatch.setattr(connections, "TICK_S", 0.01)
    limits, loop = connections.Limits(10), asyncio.get_running_loop()
    with capture_logs() as logs:
        for _ in range(500):
            limits.on_error(loop, {"message": "socket.accept() out of system resource"})
        watching = asyncio.create_task(limits.watch())
        while limits.not_accepted:
            await asyncio.sleep(0)
        watching.cancel()
    assert [("connection.not_accepted", 500)] == [(each["event"], each["count"]) for each in logs]


def test_at_its_limit_of_files_it_says_so_once_a_second(
    environment: dict[str, str], tmp_path: Path, database: str
) -> None:
    """However often asyncio tries; whoever is connected is served, and everybody once there is room."""
    more = "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))"
    changes = {"MOST": 500, "SPARE_FILES": -1_000, "TICK_S": 1.0, "HEADERS_S": 60.0}  # the cap does not come first
    with process(environment, tmp_path, more, **changes) as (port, lines), ExitStack() as stack:
        first = stack.enter_context(opened(port))
        for _ in range(80):
            stack.enter_context(opened(port))
        met: list[dict[str, Any]] = []
        while len(met) < 2:
            met += [line for line in islice(lines, 1) if line["event"] == "connection.not_accepted"]
        times = [datetime.fromisoformat(line["timestamp"]).timestamp() for line in met]
        assert all(later - earlier > 0.9 for earlier, later in pairwise(times))
        assert met[0]["count"] > 1 and met[0]["open"] < 64
        first.sendall(ALIVE)
        assert b"200 OK" in rest(first)
        stack.close()
        assert b"200 OK" in rest(opened(port, ALIVE))


def test_as_many_files_as_the_system_allows(environment: dict[str, str], tmp_path: Path, database: str) -> None:
    """The soft limit, 1024 in many places, is raised to the hard one."""
    more = "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 512))"
    with process(environment, tmp_path, more, MOST=400) as (port, _), ExitStack() as stack:
        for _ in range(350):
            stack.enter_context(opened(port))
        assert b"200 OK" in rest(opened(port, ALIVE))
