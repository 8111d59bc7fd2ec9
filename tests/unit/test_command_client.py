"""The command as a client: what it does where something else answers than it expects, and what it shows of it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.cli import events, saving
from daemon.cli.client import Client
from daemon.cli.exits import Exit, Failure
from daemon.cli.output import document
from tests.support.commanding import Silent, in_its_place, invoke

STEERS = "a\x1b[2J\x9b2J\u202eb\rc"


class Handler(Silent):
    """Redirects everything, except an event stream, which tells where it is and ends."""

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers.get("Last-Event-ID")))  # type: ignore[attr-defined]
        stream = self.path.startswith("/events")
        body = b"id: 7.1\r\n\r\nevent: ping\r\nid: 7.2\r\ndata: \r\n\r\n" if stream else b"Moved"
        self.send_response(200 if stream else 301)
        self.send_header("Location", "https://elsewhere.example/")
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Any]:
    with in_its_place(Handler, seen=[]) as server:
        yield server


@pytest.fixture
def client(server: Any) -> Client:
    return Client(f"http://127.0.0.1:{server.server_port}", "key", "try")


def test_a_redirect_is_no_answer(client: Client) -> None:
    """It is neither followed, with the key, nor taken for the report."""
    for work in (lambda: client.get("/jobs"), lambda: list(client.download("/jobs/1/report.csv"))):
        with pytest.raises(Failure) as failure:
            work()
        assert ("not_wasender", Exit.UNREACHABLE) == (failure.value.code, failure.value.exit_code)


def test_whoever_follows_goes_on_where_the_stream_was(
    client: Client, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it ended before anything had happened."""

    def again(seconds: float) -> None:
        if len(server.seen) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(events.time, "sleep", again)
    with pytest.raises(KeyboardInterrupt):
        list(events._events(client, {"job": None, "account": "shop", "types": "reply"}, True))
    path = "/events?account=shop&types=reply"
    assert [(path, None), (path, "7.2")] == server.seen


@pytest.mark.parametrize(
    "url", ["http://host:abc", "http://[::1", "https://ann:secret@host", "http://host:0", "http://"]
)
def test_an_address_that_is_none(url: str, tmp_path: Path) -> None:
    """It is refused without a word of what it holds."""
    key = tmp_path / "key"
    key.write_text("k")
    done = invoke("jobs", "--url", url, "--key-file", key, "--json")
    assert (Exit.USAGE, "bad_url") == (done.exit_code, json.loads(done.stderr)["error"]["code"])
    assert "secret" not in done.output


@pytest.mark.parametrize("text", ["first\nsecond", "schlüssel"])
def test_a_file_that_holds_no_key(text: str, tmp_path: Path) -> None:
    """It is not sent, and not shown."""
    key = tmp_path / "key"
    key.write_text(text)
    done = invoke("jobs", "--url", "http://127.0.0.1:1", "--key-file", key)
    assert Exit.NOT_AUTHORISED == done.exit_code
    assert "is no key" in done.stderr and not set(text.split()) & set(done.output.split())


@pytest.mark.parametrize("terminal", [True, False])
def test_a_report_does_not_steer_the_terminal(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replies come from strangers. In a pipe the file stays as it is, in whatever pieces it comes."""
    data = f"\ufeffä;{STEERS}\r\n".encode()
    out = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(out, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr("sys.stdout", out)
    saving.to_terminal(bytes([each]) for each in data)
    expected = "ä;a\ufffd[2J\ufffd2J\ufffdbc\n".encode() if terminal else data
    assert expected == out.buffer.getvalue()  # type: ignore[attr-defined]


def test_a_document_does_not_steer_the_terminal() -> None:
    """It says the same."""
    assert document({"a": STEERS}).isprintable()
    assert {"a": STEERS, "ä": "👍"} == json.loads(document({"a": STEERS, "ä": "👍"}))


SHOWN_ONCE = [
    (("webhooks", "make", "https://example.org/"), {"webhook_id": 3, "secret": None}, "webhooks rotate 3"),
    (("webhooks", "rotate", "3"), {"webhook_id": 3, "secret": None}, "webhooks rotate 3"),
    (("keys", "make", "shop"), {"id": 7, "name": "shop", "key": None}, "keys rotate 7"),
    (("users", "reset-password", "1"), {"password": None, "password_until": 0}, "users reset-password 1"),
]


@pytest.mark.parametrize(("words", "answer", "anew"), SHOWN_ONCE, ids=[" ".join(each[0]) for each in SHOWN_ONCE])
def test_a_secret_whose_answer_was_lost_is_asked_for_anew(
    words: tuple[str, ...], answer: dict[str, Any], anew: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repeat has none: nothing is written in its place, and it is said what to do."""
    (tmp_path / "api_key").write_text("k" * 40)
    monkeypatch.setattr(Client, "once", lambda *_: answer)
    monkeypatch.setattr(Client, "get", lambda *_, **__: {"users": [{"id": 1, "name": "Anna"}], "next_cursor": None})
    done = invoke(*words, WASENDER_DATA_DIR=str(tmp_path))
    assert (Exit.NOT_DONE, "") == (done.exit_code, done.stdout)
    assert f"get a new one with `wasender {anew}`" in done.stderr
    told = invoke(*words, "--json", WASENDER_DATA_DIR=str(tmp_path))
    assert answer == json.loads(told.stdout) and "answer_lost" == json.loads(told.stderr)["error"]["code"]
