"""The short way for what comes a thousand times a second: a whole message in one piece, while no rule is in force.

aiohttp takes some 180 µs of processor time for a request and its answer, four times what everything Meta checks takes,
and that time is the daemon's under test. What is read here goes through the same checks (`Graph.quick`). A connection
on which anything else comes, a refusal included, is aiohttp's from there on.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

REQUEST = re.compile(rb"POST /(?:v\d+\.\d+/)?(\d+)/(messages|marketing_messages) HTTP/1\.1\r\n")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)(?=\r\n)", re.I)
TOKEN = re.compile(rb"\r\nauthorization: *([^\r\n]+)(?=\r\n)", re.I)
JSON = re.compile(rb"\r\ncontent-type: *application/json(?=[;\r])", re.I)
OTHERWISE = re.compile(rb"\r\n(?:expect|transfer-encoding|content-encoding|upgrade|connection: *close)", re.I)
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nfacebook-api-version: v26.0\r\nx-fb-trace-id: %s\r\n"
    b"Content-Length: %d\r\n\r\n"
)
END = b"\r\n\r\n"

#: (number, whether for marketing, the Authorization header, the body): the answer, its trace, and how many seconds it
#: takes; None: not this way
Quick = Callable[[str, bool, str, bytes], tuple[bytes, str, float] | None]

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Connection(web.RequestHandler):
    """A connection of aiohttp's that first looks whether the short way will do."""

    def __init__(self, server: Server) -> None:
        quiet: dict[str, Any] = {"access_log": None}
        super().__init__(server, loop=asyncio.get_running_loop(), **quiet)
        self._quick: Quick | None = server.quick
        self._begun = b""

    def data_received(self, data: bytes) -> None:
        """Answer what is whole; what is not waits for its rest."""
        if self._quick is None:
            super().data_received(data)
            return
        data = self._begun + data
        while data:
            left = self._answered(self._quick, data)
            if left is None:
                self._quick, self._begun = None, b""
                super().data_received(data)
                return
            if left == data:
                break
            data = left
        self._begun = data

    def _answered(self, quick: Quick, data: bytes) -> bytes | None:
        """What follows the request that was answered; all of it while one is not whole; None: not this way."""
        asked = REQUEST.match(data)
        if asked is None:
            return None
        end = data.find(END)
        if end < 0:
            return None
        head = data[: end + 2]
        length, token = LENGTH.search(head), TOKEN.search(head)
        if length is None or token is None or not JSON.search(head) or OTHERWISE.search(head):
            return None
        first = end + len(END)
        behind = first + int(length[1])
        if len(data) < behind:
            return data
        number, path = asked[1].decode(), asked[2]
        done = quick(number, path == b"marketing_messages", token[1].decode("latin-1"), data[first:behind])
        if done is None or self.transport is None:
            return None
        content, trace, wait_s = done
        answer = HEAD % (trace.encode(), len(content)) + content
        if wait_s:
            asyncio.get_running_loop().call_later(wait_s, self.transport.write, answer)
        else:
            self.transport.write(answer)
        return data[behind:]


class Server(web.Server):
    """aiohttp's low-level server with such connections."""

    def __init__(self, handler: Handler, quick: Quick, **options: Any) -> None:
        super().__init__(handler, **options)
        self.quick = quick

    def __call__(self) -> Connection:
        """A connection has been made."""
        return Connection(self)
