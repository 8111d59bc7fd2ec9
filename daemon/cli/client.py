"""A client of the REST API, of the standard library alone: the command has to start quickly.

Every answer that is an error becomes a Failure with its own sentence and an exit code; so does no answer at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import ssl
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from io import BufferedReader
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode, urlsplit

from daemon.cli.exits import Exit, Failure

PATIENCE_S = 60.0  #: for one answer
SLOW_S = 900.0  #: for one that reads a file, or goes through all of a large campaign
AGAIN_S = 60.0  #: how long a request that may be repeated safely is repeated after its first failure
SOON_S = 10.0  #: the same where it cannot have arrived: nobody listens there, as while http restarts
BETWEEN_S = 0.5  #: before the second try; doubled before each further one
LONGEST_S = 8.0  #: between two tries
CHUNK = 256 * 1024
STDIN = Path("-")  #: in place of a file's name: the input
EXITS = {
    401: Exit.NOT_AUTHORISED,
    403: Exit.NOT_AUTHORISED,
    404: Exit.NOT_FOUND,
    429: Exit.BUSY,
    503: Exit.BUSY,
}
PASSING = frozenset({Exit.UNREACHABLE, Exit.BUSY})  #: what may be over when it is asked again
DOUBT = "Whether it was done is not certain: look before you repeat it."
STANDARD = frozenset({"type", "title", "status", "detail", "code"})  # of an error; the rest are its own members

Query = Mapping[str, object]


class Unanswered(Failure):
    """The request went out, and nothing came back that says what became of it: it may have been done."""


@dataclass(frozen=True)
class Event:
    """One of an event stream. id: "" where it has none; data: None where it only says, by its id, where to go on."""

    id: str
    kind: str
    data: Any


class Client:
    """Calls the service at `url` with `key`. advice: what to do where nobody answers there."""

    def __init__(self, url: str, key: str, advice: str) -> None:
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and "@" not in parts.netloc
        except ValueError:
            fits = False
        if not fits:  # without what was given: there may be a password in it
            sentence = "The address cannot be used: write it as https://wasender.example.org, without a password."
            raise Failure("bad_url", sentence, Exit.USAGE)
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._secure, self._host, self._prefix = parts.scheme == "https", parts.netloc, parts.path.rstrip("/")
        self._key, self._advice = key, advice

    def get(self, path: str, query: Query | None = None, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON of an answer. Raises Failure."""
        return self.call("GET", path, query=query, headers=headers)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        patience: float = PATIENCE_S,
    ) -> Any:
        """The JSON of the answer. Raises Failure."""
        data = None if body is None else json.dumps(body).encode()
        given = dict(headers or {}) | ({} if data is None else {"Content-Type": "application/json"})
        return self._json(self._whole(method, path, data, query, given, patience)[1])

    def changed(self, path: str, tag: str, wait: int) -> tuple[Any | None, str]:
        """What is there once it differs from what has that ETag ("": at once), and its ETag; None where it is still the
        same after `wait` seconds."""
        headers = {"If-None-Match": tag} if tag else {}
        asked = {"wait": wait} if tag else None
        answer, data = self._whole("GET", path, None, asked, headers, wait + PATIENCE_S)
        return (None if answer.status == 304 else self._json(data)), answer.headers.get("ETag") or ""

    def once(self, path: str, body: object, key: str = "", query: Query | None = None, doubt: str = DOUBT) -> Any:
        """Like `call` with POST. Where no answer comes it is asked again: with an Idempotency-Key, it is done once.

        doubt: what is said where it may have been done when this gives up.
        """
        key = key or secrets.token_hex(16)
        began: float | None = None
        pause, unsure = BETWEEN_S, False
        while True:
            try:
                return self.call("POST", path, body, query=query, headers={"Idempotency-Key": key}, patience=SLOW_S)
            except Failure as failure:
                unsure = unsure or isinstance(failure, Unanswered)
                now = time.monotonic()
                began = now if began is None else began
                patience = AGAIN_S if unsure or failure.exit_code is Exit.BUSY else SOON_S
                if failure.exit_code not in PASSING or now + pause > began + patience:
                    if unsure and failure.exit_code in PASSING | {Exit.NOT_AUTHORISED}:
                        members = failure.members | {"idempotency_key": key}
                        raise Unanswered(failure.code, f"{failure} {doubt}", failure.exit_code, members) from None
                    raise
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_S)

    def upload(self, path: str, file: Path, fields: Mapping[str, str], name: str = "", key: str = "") -> Any:
        """Send a file as the part `file` of a form, behind the fields. Raises Failure.

        key: with it the same file with the same fields is stored once, and has one id however often it is sent.
        """
        try:
            with file.open("rb") as opened:
                own = key and _own_key(key, path, name or file.name, fields, opened)
                return self._form(path, opened, file.stat().st_size, name or file.name, fields, own)
        except OSError as error:
            raise unreadable(file, error) from None

    def _form(self, path: str, file: IO[bytes], size: int, name: str, fields: Mapping[str, str], key: str) -> Any:
        mark = secrets.token_hex(16)
        head = "".join(
            f'--{mark}\r\nContent-Disposition: form-data; name="{each}"\r\n\r\n{value}\r\n'
            for each, value in fields.items()
        )
        name = os.fsencode(name).decode(errors="replace")  # a file's may be in another encoding than UTF-8
        shown = name.replace("\\", "_").replace('"', "%22").replace("\r", "").replace("\n", "")
        head += f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{shown}"\r\n\r\n'
        begin, end = head.encode(), f"\r\n--{mark}--\r\n".encode()

        def parts() -> Iterator[bytes]:
            yield begin
            while chunk := file.read(CHUNK):
                yield chunk
            yield end

        headers = {
            "Content-Type": f"multipart/form-data; boundary={mark}",
            "Content-Length": str(len(begin) + size + len(end)),
        } | ({"Idempotency-Key": key} if key else {})
        return self._json(self._whole("POST", path, parts(), None, headers, SLOW_S)[1])

    def download(self, path: str, query: Query | None = None) -> Iterator[bytes]:
        """A file, in pieces; it is whole when this ends without a Failure."""
        with self._answer("GET", path, None, query, {}, SLOW_S) as answer:
            try:
                while chunk := answer.read(CHUNK):
                    yield chunk
            except (OSError, HTTPException):
                raise Failure("cut_off", "The answer was cut off: try again.", Exit.UNREACHABLE) from None

    def events(self, path: str, query: Query | None, last_id: str = "") -> Iterator[Event]:
        """What an event stream tells, until it ends or nothing comes for longer than its pings allow."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        with self._answer("GET", path, None, query, headers, PATIENCE_S) as answer:
            fields: dict[str, str] = {}
            try:
                for raw in answer:
                    line = raw.decode().rstrip("\r\n")
                    if line:
                        name, _, value = line.partition(":")
                        value = value.removeprefix(" ")
                        fields[name] = f"{fields[name]}\n{value}" if name == "data" and "data" in fields else value
                        continue
                    told = self._json(fields["data"].encode()) if fields.get("data") else None
                    if told is not None or fields.get("id"):
                        yield Event(fields.get("id", ""), fields.get("event", "message"), told)
                    fields = {}
            except (OSError, HTTPException, UnicodeError):
                return

    def _whole(
        self,
        method: str,
        path: str,
        data: bytes | Iterable[bytes] | None,
        query: Query | None,
        headers: Mapping[str, str],
        patience: float,
    ) -> tuple[HTTPResponse, bytes]:
        """The answer, which is no error, and all of its body. Raises Failure."""
        with self._answer(method, path, data, query, headers, patience) as answer:
            try:
                return answer, answer.read()
            except (OSError, HTTPException) as error:
                raise self._unreachable(error, sent=True) from None

    @contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        data: bytes | Iterable[bytes] | None,
        query: Query | None,
        headers: Mapping[str, str],
        patience: float,
    ) -> Iterator[HTTPResponse]:
        """The answer, which is no error. Raises Failure."""
        asked = {name: _plain(value) for name, value in (query or {}).items() if value not in (None, "")}
        target = self._prefix + path + (f"?{urlencode(asked)}" if asked else "")
        connection, sent = self._connection(patience), False
        try:
            try:
                connection.connect()
                sent = True
                own = {"X-API-KEY": self._key} if self._key else {}
                connection.request(method, target, data, {"Accept": "application/json", **own, **headers})
                answer = connection.getresponse()
                fine = answer.status < 300 or answer.status == 304  # no redirect is followed: the key would go along
                failed = None if fine else self._refusal(answer.status, answer.read())
            except (OSError, HTTPException, UnicodeError) as error:
                raise self._unreachable(error, sent) from None
            if failed is not None:
                raise failed
            yield answer
        finally:
            connection.close()

    def _connection(self, patience: float) -> HTTPConnection:
        if self._secure:
            return HTTPSConnection(self._host, timeout=patience, context=ssl.create_default_context())
        return HTTPConnection(self._host, timeout=patience)

    def _json(self, data: bytes) -> Any:
        try:
            return json.loads(data)
        except ValueError:
            raise self._stranger() from None

    def _refusal(self, status: int, data: bytes) -> Failure:
        try:
            told = json.loads(data)
            members = {name: value for name, value in told.items() if name not in STANDARD}
            exit_code = EXITS.get(status, Exit.REFUSED)
            return Failure(str(told["code"]), str(told["detail"]), exit_code, {"status": status, **members})
        except (ValueError, KeyError, AttributeError):
            return self._stranger(status)

    def _stranger(self, status: int | None = None) -> Failure:
        what = f" ({status})" if status else ""
        sentence = f"What answers at {self.url} is not wasender{what}: check the address."
        # A web server in front answers so where wasender has died over the request.
        kind = Unanswered if status is None or status >= 500 else Failure
        return kind("not_wasender", sentence, Exit.UNREACHABLE)

    def _unreachable(self, error: Exception, sent: bool) -> Failure:
        """sent: whether the request may have arrived."""
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        sentence = f"wasender does not answer at {self.url} ({why}): {self._advice}."
        return (Unanswered if sent else Failure)("unreachable", sentence, Exit.UNREACHABLE)


def unreadable(file: Path, error: OSError) -> Failure:
    """A file that was named cannot be read."""
    missing = isinstance(error, FileNotFoundError)
    advice = "check its name and folder" if missing else "check that it is a file you may read"
    return Failure("file_unreadable", f"{file} cannot be read ({error.strerror}): {advice}.")


def read_text(file: Path) -> str:
    """The text of a file that was named, or of the input. Raises Failure."""
    try:
        return sys.stdin.read() if file == STDIN else file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise unreadable(file, error) from None
    except UnicodeDecodeError:
        raise Failure("file_unreadable", f"{file} is not UTF-8: save it as UTF-8.") from None


def _own_key(key: str, path: str, name: str, fields: Mapping[str, str], file: BufferedReader) -> str:
    """An upload's Idempotency-Key, of an order's: another file, or the same read otherwise, has another one, so that an
    order that was refused can be corrected."""
    content = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return hashlib.sha256(json.dumps([key, path, name, dict(fields), content]).encode()).hexdigest()


def segment(name: object) -> str:
    """A value as a part of a path."""
    return quote(str(name), safe="")


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
