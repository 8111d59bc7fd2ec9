"""Hostile requests to every route: bytes that no browser sends, in paths, queries, headers, cookies and bodies.

The routes come from the registry of endpoints and from the pages, so a new one is covered without being listed. By
hand, against a process of its own:

    python -m tests.support.fuzzing --requests 30000 --seed 1

It prints how often each status came, the slowest answers, and the memory of the process before and after.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
from aiohttp import web

from daemon import config, pages
from daemon.api import endpoint
from daemon.db import connection
from daemon.files import data_folder
from daemon.pages import forms
from daemon.server.access import TOKEN_HEADER
from daemon.server.visitors import COOKIE
from tests.support.filling import fill

KEY = "k3Jq9_xW2mP7sLdR4tV8zB1n"
HANG_S = 2.0
GIVE_UP_S = 30.0
LOGIN_EVERY = 100  # a request may log us out, or delete what we are
AT_ONCE = 4
METHODS = [b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"PROPFIND", b"get", b"\xff"]
HOSTILE: list[bytes] = [
    b"", b"0", b"1", b"-1", b"1e9", b"9" * 18, b"9" * 19, b"9" * 400, b"1_0", b" 1", b"0x1", b"NaN", b"1.5",
    "٣".encode(), "²".encode(), b"default", b"null", b"true", b"[]", b"{}", b"\x00", b"a\x00b", b"\xff\xfe", b"\xc3",
    b"\xed\xa0\x80", "\U0001f600".encode(), "\u202e\u2066".encode(), "é".encode("latin-1"), b"x" * 300, b"x" * 5_000,
    b"../../etc/passwd", b"..%2f..%2f", b"%00", b"%ff", b"%", b"%zz", b"'", b"' OR 1=1 --", b"\"", b"<script>",
    b"{{ 7*7 }}", b"{% for a in b %}", b"{{ a.__class__ }}", b"${7*7}", b"http://[", b"//evil.example",
    b"javascript:1", b"a b c " * 60, b"%_" * 90, b"\\" * 90, b"(" * 300, b"+4915110000000", b"+" + b"1" * 60,
    "+٤٩١٥١١٢٣٤٥٦٧٩".encode(), b"2026-01-01T00:00:00Z", b"9999-12-31T23:59:59Z", b"10000-01-01", b"2026-02-30",
    b"25:99", b"sent", b"failed", b"uncertain", b"3/7", b"1.1", b"9" * 18 + b"." + b"9" * 20, b"/app", b"/app/jobs/1",
    b"save", b"next:0", b"delete:9", b"key", b"=", b";", b"&", b"\t", b"\r", b"\n", b"=cmd|' /C calc'!A0",
]  # fmt: skip
QUERIES = (
    "search", "state", "cursor", "limit", "next", "done", "saved", "upload", "number", "q", "show", "before", "after",
    "page", "row", "person", "list", "job", "account", "dry_run", "format", "lang",
)  # fmt: skip
HEADERS = (
    "Accept", "Accept-Language", "Accept-Encoding", "Authorization", "Content-Encoding", "Cookie", "Expect",
    "Forwarded", "Host", "Idempotency-Key", "If-Modified-Since", "If-None-Match", "If-Range", "Origin", "Range",
    "Referer", "Sec-Fetch-Site", "TE", "Upgrade", "User-Agent", "X-API-KEY", "X-CSRF-Token", "X-Forwarded-For",
    "X-Forwarded-Proto", "X-HTTP-Method-Override", "Content-Language", "Last-Event-ID", "Sec-WebSocket-Key", "Via",
)  # fmt: skip
COOKIES = (COOKIE, "wasender_browser", "wasender_language", "wasender_zone", "other")
KINDS = (
    b"application/json", b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x", b"text/plain", b"",
    b"application/json; charset=utf-16", b"application/json; charset=nothing", b"multipart/form-data", b"\xff/\xff",
    b"application/x-www-form-urlencoded; charset=idna", b"multipart/form-data; boundary=\xff",
    b"multipart/mixed; boundary=x", b"application/x-www-form-urlencoded; charset=hex",
    b"multipart/form-data; boundary=" + b"b" * 200, b"application/xml",
)  # fmt: skip
FILES = (
    b"phone\n+4915110000000\n", b"PK\x03\x04" + b"\x00" * 40, b"BEGIN:VCARD\nTEL:+4915110000000\nEND:VCARD\n",
    b"\xff\xfe\x00", b"BEGIN:VCARD\nTEL;" + b"a=" * 60, b"a,b\n" * 2_000, b"\"" * 999, b"", b"\x00" * 2_000,
    "téléphone\n0612345678\n".encode("latin-1"),
)  # fmt: skip


@dataclass
class Found:
    """What came of the requests."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slow: list[tuple[float, str]] = field(default_factory=list)
    closed: int = 0  # without a status: bytes that are no HTTP

    def slowest(self) -> list[tuple[float, str]]:
        return sorted(self.slow, reverse=True)[:5]


@cache
def routes() -> list[tuple[str, str]]:
    """Method and path of every route, with the names of its parameters in braces."""
    app = web.Application()
    app.add_routes(endpoint.routes())
    app.add_routes(pages.routes)
    return sorted((each.method, each.resource.canonical) for each in app.router.routes() if each.resource)


@cache
def names() -> tuple[list[str], list[str]]:
    """The names that queries and bodies may have."""
    query = {each.name for one in endpoint.REGISTRY for each in one.in_query} | set(QUERIES)
    body = {"csrf", "file", "numbers", "reason"}
    for one in endpoint.REGISTRY:
        body |= set(one.body.model_fields) if one.body else set()
    for model in vars(forms).values():
        if isinstance(model, type) and issubclass(model, forms.Form):
            body |= {each.alias or name for name, each in model.model_fields.items()}
    return sorted(query), sorted(body)


@cache
def _fields_of(method: str, path: str) -> list[str]:
    """The names that a body of that route may have: those of its model, or of any form."""
    for one in endpoint.REGISTRY:
        if (one.method, one.path) == (method, path) and one.body is not None:
            return sorted(one.body.model_fields)
    return names()[1]


class Fuzzer:
    """Makes requests by the dice, sends them and looks at what comes back."""

    def __init__(self, port: int, seed: int, key: str = KEY) -> None:
        self.port, self.dice, self.key = port, random.Random(seed), key
        self.found = Found()
        self._session: list[bytes] = []

    async def run(self, count: int, tell: Callable[[int], None] = lambda _: None) -> Found:
        """Send so many requests, several at once."""
        left = iter(range(count))

        async def some() -> None:
            for number in left:
                if number % LOGIN_EVERY == 0:
                    await self._log_in()
                await self._send(*self.request())
                tell(number)

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))
        return self.found

    # Making a request

    def bad(self) -> bytes:
        value = self.dice.choice(HOSTILE)
        if self.dice.random() < 0.1:
            value += self.dice.choice(HOSTILE)
        if self.dice.random() < 0.05:
            value = self.dice.randbytes(self.dice.randrange(1, 60))
        return value

    def request(self) -> tuple[str, bytes]:
        """What it is, for the report, and its bytes."""
        dice = self.dice
        method, path = dice.choice(routes())
        shown = f"{method} {path}"
        verb = method.replace("*", "GET").encode() if dice.random() < 0.85 else dice.choice(METHODS)
        target = re.sub(rb"{\w+}", lambda _: self._segment(), path.encode())
        if dice.random() < 0.05:
            target += b"/" + self._encoded(self.bad())
        if dice.random() < 0.4:
            target += b"?" + self._fields(names()[0], dice.randrange(1, 4))
        kind, body = (
            self._body(_fields_of(method, path)) if verb not in (b"GET", b"HEAD") or dice.random() < 0.1 else (b"", b"")
        )
        lines = [b"Connection: close", *self._who()]
        if dice.random() < 0.97:
            lines.append(b"Host: localhost")
        if kind:
            lines.append(b"Content-Type: " + kind)
        if dice.random() < 0.7:
            lines.append(b"Content-Length: %d" % len(body))
        elif body:
            lines.append(b"Transfer-Encoding: chunked")
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        for _ in range(dice.choice((0, 0, 1, 3))):
            lines.append(self._header())
        head = b"\r\n".join([b"%b %b HTTP/1.1" % (verb, target), *lines])
        return shown, head + b"\r\n\r\n" + body

    def _who(self) -> list[bytes]:
        chance = self.dice.random()
        if chance < 0.45:
            return [b"X-API-KEY: " + self.key.encode()]
        html = [b"Accept: text/html"] if self.dice.random() < 0.7 else []
        return [*self._session, b"Sec-Fetch-Site: same-origin", *html] if chance < 0.9 else html

    def _segment(self) -> bytes:
        if self.dice.random() < 0.75:
            return self.dice.choice([b"1", b"1", b"1", b"2", b"default", b"screen", b"app.js"])
        return self._encoded(self.bad())

    def _encoded(self, value: bytes) -> bytes:
        """As it is, where HTTP's first line holds it, or percent-encoded."""
        if self.dice.random() < 0.7 or re.search(rb"[\s\x00]", value):
            return quote(value, safe="").encode()
        return value

    def _fields(self, known: list[str], count: int) -> bytes:
        pairs = []
        for _ in range(count):
            name = self.dice.choice(known).encode() if self.dice.random() < 0.9 else self.bad()
            pairs.append(self._encoded(name) + b"=" + self._encoded(self.bad()))
        return b"&".join(pairs)

    def _header(self) -> bytes:
        name = self.dice.choice(HEADERS).encode()
        value = (
            self.bad()
            .replace(b"\r", b"")
            .replace(b"\n", b"")
            .replace(b"\x00", b"" if self.dice.random() < 0.9 else b"\x00")
        )
        if name == b"Cookie":
            value = self.dice.choice(COOKIES).encode() + b"=" + value
        return name + b": " + value

    def _body(self, known: list[str]) -> tuple[bytes, bytes]:
        kind = self.dice.choice(KINDS[:3] if self.dice.random() < 0.8 else KINDS)
        if self.dice.random() < 0.05:
            return kind, self.dice.randbytes(self.dice.randrange(4_000))
        if b"json" in kind:
            return kind, self._json(known)
        if b"multipart" in kind:
            return kind, self._multipart(known)
        return kind, self._fields(known, self.dice.randrange(12))

    def _json(self, known: list[str]) -> bytes:
        chosen = self.dice.sample(known, self.dice.randrange(min(6, len(known) + 1)))
        text = json.dumps({name: self._value(3) for name in chosen}).encode()
        if self.dice.random() < 0.15:
            at = self.dice.randrange(len(text))
            text = text[:at] + self.bad() + text[at + self.dice.randrange(3) :]
        return text if self.dice.random() < 0.97 else b"[" * 10_000 + text

    def _value(self, depth: int) -> Any:
        chance = self.dice.random()
        if depth and chance < 0.2:
            return [self._value(depth - 1) for _ in range(self.dice.choice((0, 1, 2, 30)))]
        if depth and chance < 0.35:
            some = self.dice.sample(names()[1], 3)
            return {name: self._value(depth - 1) for name in some}
        if chance < 0.55:
            return self.dice.choice([0, 1, -1, 10**18, 10**40, 1.5, -0.0, 1e308, True, False, None])
        if chance < 0.65:
            return self.dice.choice(
                ["+4915110000000", "Hi {{ name }}", "default", "sent", "not_sent", "\ud800", "a\x00b"]
            )
        return self.bad().decode(errors="replace")

    def _multipart(self, known: list[str]) -> bytes:
        parts = []
        for _ in range(self.dice.randrange(5)):
            name = b"file" if self.dice.random() < 0.5 else self.dice.choice(known).encode()
            disposition = b'Content-Disposition: form-data; name="' + name + b'"'
            value = self.bad()
            if name == b"file" or self.dice.random() < 0.3:
                disposition += (
                    b'; filename="' + self.dice.choice([b"a.csv", b"a.xlsx", b"a.vcf", b"a.png", self.bad()]) + b'"'
                )
                value = self.dice.choice(FILES)
            more = self._header() + b"\r\n" if self.dice.random() < 0.1 else b""
            odd = self.dice.choice(
                [b"Content-Transfer-Encoding: odd\r\n", b"Content-Type: text/plain; charset=\xff\r\n", b""]
            )
            parts.append(
                b"--x\r\n%b\r\n%b%b\r\n%b\r\n" % (disposition, more, odd if self.dice.random() < 0.1 else b"", value)
            )
        return b"".join(parts) + (b"--x--\r\n" if self.dice.random() < 0.9 else b"")

    # Sending it

    async def _log_in(self) -> None:
        """A session of the page, by the key; no part of what is found."""
        form = f"key={self.key}".encode()
        same = b"Host: localhost\r\nConnection: close\r\nSec-Fetch-Site: same-origin\r\n"
        kind = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n" % len(form)
        answer = await self._ask(b"POST /app/login HTTP/1.1\r\n" + same + kind + form)
        cookie = re.findall(rb"Set-Cookie: (%b=[^;]+)" % COOKIE.encode(), answer)[:1]
        seen = b"Accept: text/html\r\nCookie: %b\r\n\r\n" % b"".join(cookie)
        token = re.findall(rb'name="csrf" value="(\w+)"', await self._ask(b"GET /app/me HTTP/1.1\r\n" + same + seen))[
            :1
        ]
        if cookie and token:  # else another request has ended it just now
            self._session = [b"Cookie: " + cookie[0], f"{TOKEN_HEADER}: ".encode() + token[0]]

    async def _send(self, shown: str, sent: bytes) -> None:
        started = time.monotonic()
        try:
            answer = await asyncio.wait_for(self._ask(sent), GIVE_UP_S)
        except TimeoutError:
            self.found.wrong.append(f"no answer in {GIVE_UP_S:.0f} s: {shown}: {sent[:600]!r}")
            return
        except ConnectionError:
            answer = b""
        took = time.monotonic() - started
        self.found.slow = sorted([*self.found.slow, (round(took, 3), f"{shown}: {sent[:300]!r}")], reverse=True)[:20]
        line = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)
        if line is None:
            self.found.closed += 1
            return
        status = int(line[1])
        self.found.statuses[status] += 1
        by_design = status == 507 or (status == 503 and shown.endswith(" /ready"))
        if status >= 500 and not by_design:
            self.found.wrong.append(f"{status}: {shown}: {sent[:2_000]!r}: {answer[-300:]!r}")

    async def _ask(self, sent: bytes) -> bytes:
        """What comes until the other side closes; of an event stream its beginning."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(sent)
            answer = b""
            while part := await reader.read(65_536):
                answer += part
                if b"text/event-stream" in answer[:2_000]:
                    break
            return answer
        finally:
            writer.close()


# By hand


@contextmanager
def installation(folder: Path) -> Iterator[tuple[psutil.Process, int]]:
    """An http process with something to be found in it; it and its port. Its log is http.log in the folder."""
    given = {"data_dir": folder / "data", "transport": "dryrun", "api_key": KEY}
    settings = config.load(_env_file=None, **given)
    data_folder.prepare(settings.data_dir)
    connection.connect(settings.db_url)
    fill(settings)
    connection.close()
    environment = os.environ | {f"WASENDER_{name.upper()}": str(value) for name, value in given.items()}
    with (folder / "http.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "daemon.http"], stdout=log, stderr=log, env=environment | {"WASENDER_PORT": "0"}
        )
    try:
        while not (found := re.search(r'"url": "http://[^"]*:(\d+)"', (folder / "http.log").read_text())):
            assert process.poll() is None, (folder / "http.log").read_text()
            time.sleep(0.05)
        yield psutil.Process(process.pid), int(found[1])
    finally:
        process.terminate()
        process.wait(60)


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--requests", type=int, default=30_000)
    asked.add_argument("--seed", type=int, default=1)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder, installation(Path(folder)) as (process, port):
        fuzzer, memory = Fuzzer(port, options.seed), {}

        def tell(number: int) -> None:
            if number % (options.requests // 10) == 0:
                memory[number] = process.memory_info().rss // 1024 // 1024
                print(f"{number}: {memory[number]} MB", file=sys.stderr, flush=True)

        started = time.monotonic()
        found = asyncio.run(fuzzer.run(options.requests, tell))
        took = time.monotonic() - started
        last = process.memory_info().rss // 1024 // 1024
        lines = (Path(folder) / "http.log").read_text().splitlines()
    bad = [line for line in lines if json.loads(line)["level"] in ("error", "critical")]
    statuses = dict(sorted(found.statuses.items()))
    print(f"{options.requests} requests in {took:.0f} s: {statuses}, {found.closed} without a status")
    print(f"memory in MB: {[*memory.values(), last]}")
    print("slowest:", *(f"{took_s:.2f} s {what}" for took_s, what in found.slowest()), sep="\n  ")
    print("wrong:", *found.wrong[:50], sep="\n  ")
    print("errors in the log:", *bad[:50], sep="\n  ")
    return 1 if found.wrong or bad or found.slowest()[0][0] > HANG_S else 0


if __name__ == "__main__":
    sys.exit(main())
