"""The command where the answer does not come: what it asks again, for how long, and what it says when it gives up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from daemon.cli import client as calling
from daemon.cli import following
from daemon.cli.client import Client, Unanswered
from daemon.cli.exits import Exit, Failure
from tests.support.commanding import Silent, in_its_place, invoke
from tests.support.rig import free_port

QUEUED = {"job_id": 7, "total_numbers": 1, "message": "Queued.", "note": None}
JOB = {"job_id": 7, "status": "completed", "pending": 0, "claimed": 0, "sending": 0}
BROKEN = -1  #: in place of a status: an answer that breaks off in its body


class Handler(Silent):
    """Answers as it was told to, one after the other; the last of these again and again."""

    def _answer(self) -> None:
        server: Any = self.server
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server.keys.append(self.headers.get("Idempotency-Key"))
        status, told = server.answers[0] if len(server.answers) == 1 else server.answers.pop(0)
        body = json.dumps(told).encode()
        self.send_response(200 if status == BROKEN else status)
        self.send_header("Content-Length", str(len(body) + (10 if status == BROKEN else 0)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _answer


@pytest.fixture
def server() -> Iterator[Any]:
    with in_its_place(Handler, keys=[]) as server:
        yield server


@pytest.fixture
def client(server: Any) -> Client:
    return Client(f"http://127.0.0.1:{server.server_port}", "key", "try")


@pytest.fixture(autouse=True)
def passed(monkeypatch: pytest.MonkeyPatch) -> Callable[[], float]:
    """How many seconds the command would have waited between its tries."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    for module in (calling, following):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    return lambda: now[0]


def test_an_answer_that_breaks_off_is_none(client: Client, server: Any, tmp_path: Path) -> None:
    """In its head or in its body: no traceback, and no half of it."""
    server.answers = [(BROKEN, {})]
    file = tmp_path / "file"
    file.write_text("x")
    for work in (
        lambda: client.get("/jobs"),
        lambda: client.changed("/jobs/7", "", 0),
        lambda: client.upload("/upload", file, {}),
    ):
        with pytest.raises(Unanswered) as failure:
            work()
        assert ("unreachable", Exit.UNREACHABLE) == (failure.value.code, failure.value.exit_code)


def test_what_may_have_been_done_is_asked_for_a_minute(
    client: Client, server: Any, passed: Callable[[], float]
) -> None:
    """With one key, as a restart of http takes longer than a moment. Too busy is no answer either."""
    server.answers = (
        [(BROKEN, QUEUED)] * 3 + [(503, {"code": "database_busy", "detail": "Busy."})] * 4 + [(200, QUEUED)]
    )
    assert QUEUED == client.once("/send", {})
    assert (8, 1) == (len(server.keys), len(set(server.keys)))
    server.answers = [(BROKEN, QUEUED)]
    before = passed()
    with pytest.raises(Unanswered) as failure:
        client.once("/send", {}, "mine")
    assert {"idempotency_key": "mine"} == failure.value.members and "not certain" in failure.value.sentence
    assert 50 < passed() - before <= 60


def test_what_cannot_have_arrived_is_not_doubted(passed: Callable[[], float]) -> None:
    """Nobody listens there: it is said before long, though not before http may have been restarted."""
    with pytest.raises(Failure) as failure:
        Client(f"http://127.0.0.1:{free_port()}", "key", "try").once("/send", {})
    assert (Exit.UNREACHABLE, {}) == (failure.value.exit_code, failure.value.members)
    assert "certain" not in failure.value.sentence and 5 < passed() <= 10


def test_a_refusal_after_silence_is_certain(client: Client, server: Any) -> None:
    """With the same key, what had been done would have been answered as then. A key that is no longer taken says
    nothing."""
    refused = {"code": "nobody_left", "detail": "Nobody is left."}
    server.answers = [(BROKEN, QUEUED), (409, refused)]
    with pytest.raises(Failure, match=r"^Nobody is left\.$"):
        client.once("/send", {})
    server.answers = [(BROKEN, QUEUED), (401, {"code": "no_key", "detail": "No key."})]
    with pytest.raises(Unanswered, match=r"^No key\. Whether"):
        client.once("/send", {})


def test_whoever_sends_is_told_what_to_do_in_doubt(server: Any, tmp_path: Path) -> None:
    """Never to run it again as it stands, which would make a second job."""
    server.answers = [(BROKEN, QUEUED)]
    (tmp_path / "key").write_text("k" * 40)
    where = ("--url", f"http://127.0.0.1:{server.server_port}", "--key-file", tmp_path / "key")
    done = invoke("send", "--number", "+4930231250", "-m", "Hi", *where)
    told = json.loads(invoke("send", "--number", "+4930231250", "-m", "Hi", *where, "--json").stderr)["error"]

    assert Exit.UNREACHABLE == done.exit_code and server.keys[-1] == told["idempotency_key"]
    assert "Whether the job is queued is not certain: see `wasender jobs`." in done.stderr
    assert f"--idempotency-key {server.keys[0]} sends nothing twice" in done.stderr


def test_ctrl_c_leaves_the_same_doubt(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the order and its answer."""
    given: list[str] = []

    def once(_: Client, path: str, body: object, key: str, doubt: str) -> None:
        given.append(key)
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "once", once)
    (tmp_path / "key").write_text("k" * 40)
    where = ("--url", f"http://127.0.0.1:{server.server_port}", "--key-file", tmp_path / "key")
    done = invoke("send", "--number", "+4930231250", "-m", "Hi", *where)
    assert Exit.INTERRUPTED == done.exit_code and f"--idempotency-key {given[0]} sends nothing twice" in done.stderr


@pytest.mark.parametrize("key", ["schlüssel", "two\nlines", "x" * 256])
def test_a_key_that_cannot_be_sent(key: str) -> None:
    """It is wrong before anything is asked."""
    done = invoke("send", "--number", "+4930231250", "-m", "Hi", "--idempotency-key", key)
    assert Exit.USAGE == done.exit_code and "--idempotency-key" in done.stderr


def silence(exit_code: Exit = Exit.UNREACHABLE) -> Failure:
    return Failure("unreachable", "No answer.", exit_code)


class Told:
    """A client that is told what it gets; the last of it again and again."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def changed(self, path: str, tag: str, wait: int) -> tuple[Any, str]:
        found = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        if isinstance(found, Failure):
            raise found
        return found, "tag"


def test_the_waiting_goes_on_over_a_restart() -> None:
    """Also one at its very beginning, where the job was queued just now."""
    client: Any = Told(silence(), silence(Exit.BUSY), JOB | {"status": "running"}, silence(), JOB)
    assert JOB == following.wait(client, 7)


def test_the_waiting_ends_where_nothing_answers_any_more(passed: Callable[[], float]) -> None:
    """After minutes, with the job's id; at once where nobody knows yet whether there is such a job."""
    client: Any = Told(JOB | {"status": "running"}, silence())
    with pytest.raises(Failure) as failure, following.left_alone(7):
        list(following.changes(client, 7))
    assert {"job_id": 7} == failure.value.members and "`wasender status 7`" in failure.value.sentence
    assert 300 <= passed() < 310
    client, before = Told(silence()), passed()
    with pytest.raises(Failure):
        list(following.changes(client, 7))
    assert before == passed()


def test_a_refusal_ends_the_waiting() -> None:
    """With the job's id, which a program that waits has not been told yet."""
    client: Any = Told(Failure("no_key", "No key.", Exit.NOT_AUTHORISED))
    with pytest.raises(Failure) as failure, following.left_alone(7):
        following.wait(client, 7)
    assert {"job_id": 7} == failure.value.members


@pytest.mark.parametrize(
    ("counts", "exit_code"),
    [({"skipped": 1}, None), ({"failed": 1}, Exit.NOT_DONE), ({"accepted": 1}, None), ({}, None)],
)
def test_whether_everybody_was_reached(counts: dict[str, int], exit_code: Exit | None) -> None:
    """Whoever was skipped was to be left out; what WhatsApp has taken is on its way."""
    job = JOB | {"accepted": 0} | dict.fromkeys(following.BADLY, 0) | {"skipped": 0} | counts
    if exit_code is None:
        following.judge(job)
        return
    with pytest.raises(Failure, match=f"1 {next(iter(counts))}") as failure:
        following.judge(job)
    assert exit_code is failure.value.exit_code
