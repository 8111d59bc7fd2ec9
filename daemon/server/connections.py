"""What a connection may take: time for its headers, its body and its answer, and a place among a limited number.

aiohttp itself waits for all of them for ever. Every TICK_S all connections are looked at: one that has not sent its
headers in time, or whose body has stopped or merely trickles, is told so (408) and closed. One that takes nothing of
its answer is ended by the kernel.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from daemon.files import handles
from daemon.server import posted
from daemon.server.visitors import Handler, visitor

log = structlog.get_logger()

HEADERS_S = 20.0  # from its opening, or from a request's first byte, to the end of the headers
BODY_S = 20.0  # without a byte of the body
LEAST_BYTES_S = 8 * 1024  # of a body, on average over RATE_S
RATE_S = 60.0
STALLED_S = 60.0  # in which nothing of an answer is taken
KEEP_ALIVE_S = 75.0  # between two requests
MOST = 1_000  # connections at a time
SPARE_FILES = 64  # for the database, uploads and static files
TICK_S = 1.0
ANONYMOUS_BYTES = 4 * 1024  # of a stranger's body
ANONYMOUS: web.AppKey[dict[Any, int]] = web.AppKey("anonymous")  # the limit of handlers that have another
ANONYMOUS_LINGER_S = 1.0  # for the rest of a longer one, so that the answer can be read


class Limits:
    """The connections that are open, and what is counted of those that were turned away."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.open: set[Connection] = set()
        self.refused = 0
        self.not_accepted = 0

    async def watch(self) -> None:
        """Look at all connections, and tell of those turned away, once a tick."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK_S)
            for each in list(self.open):
                each.look(loop.time())
            if self.refused:
                log.warning("connection.refused", count=self.refused, open=len(self.open))
            if self.not_accepted:
                log.error("connection.not_accepted", count=self.not_accepted, open=len(self.open))
            self.refused = self.not_accepted = 0

    def on_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """The loop's exception handler: it meets an accept that fails a hundred times over in one turn."""
        if "accept" in str(context.get("message", "")):
            self.not_accepted += 1
        else:
            loop.default_exception_handler(context)


class Connection(RequestHandler):
    """aiohttp's, with its deadlines."""

    def __init__(self, limits: Limits, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limits = limits
        self._asked_at: float | None = None  # when the headers began that have not ended yet
        self._byte_at = 0.0
        self._window: tuple[Any, float, int] | None = None  # the request whose body comes, since when, bytes until then
        self._bytes = 0
        self._given_up = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # Only the kernel knows whether the other side takes anything, of what is written here or of a file. A window
        # that stays closed is silence to it, though each of its probes is answered.
        mine: socket.socket = transport.get_extra_info("socket")
        mine.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(1000 * STALLED_S))
        if len(self._limits.open) >= self._limits.most:
            self._limits.refused += 1
            self._end("503 Service Unavailable")
            return
        self._limits.open.add(self)
        self._asked_at = self._loop.time()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._limits.open.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._given_up:
            return
        if data:
            self._byte_at = self._loop.time()
            self._bytes += len(data)
            if self._asked_at is None and self._idle():
                self._asked_at = self._byte_at
        super().data_received(data)
        if not self._idle():
            self._asked_at = None

    def _idle(self) -> bool:
        return self._current_request is None and not self._messages

    def look(self, now: float) -> None:
        """End it if it has taken too long."""
        if self._given_up:
            if self.transport is not None:
                self.transport.abort()  # what it was told last has not gone out in a tick
        elif self._asked_at is not None:
            if now - self._asked_at > HEADERS_S:
                self._end("408 Request Timeout")
        elif self._body_is_late(now):
            self._end("408 Request Timeout")

    def _body_is_late(self, now: float) -> bool:
        request = self._current_request
        if request is None or request.content.is_eof() or self._reading_paused:
            self._window = None  # nothing is to come, or it is we who do not read
            return False
        if self._window is None or self._window[0] is not request:
            self._window, self._byte_at = (request, now, self._bytes), max(self._byte_at, now - TICK_S)
        _, since, before = self._window
        if now - since >= RATE_S:
            if self._bytes - before < LEAST_BYTES_S * RATE_S:
                return True
            self._window = (request, now, self._bytes)
        return now - self._byte_at > BODY_S

    def _end(self, status: str) -> None:
        self._given_up = True
        request, transport = self._current_request, self.transport
        if transport is None:
            return
        if request is None or request.writer is None or not request.writer.output_size:
            transport.write(f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
        transport.close()


class Site(web.TCPSite):
    """aiohttp's, which makes connections of ours."""

    __slots__ = ("_limits",)

    def __init__(self, runner: web.AppRunner, host: str, port: int) -> None:
        super().__init__(runner, host, port)
        self._limits = Limits(min(MOST, open_files() - SPARE_FILES))

    async def start(self) -> None:
        await web.BaseSite.start(self)
        loop, server = asyncio.get_running_loop(), self._runner.server
        loop.set_exception_handler(self._limits.on_error)
        options = server._kwargs  # type: ignore[union-attr]
        self._server = await loop.create_server(
            lambda: Connection(self._limits, server, loop=loop, **options),
            self._host,
            self._port,
            backlog=self._backlog,
        )
        self._bound_port = self._server.sockets[0].getsockname()[1] if self._server.sockets else self._port

    async def watch(self) -> None:
        """See `Limits.watch`; for as long as the site is up."""
        await self._limits.watch()


def open_files() -> int:
    """How many files the process may have open, as far as it matters."""
    return handles.most() or MOST + SPARE_FILES


@web.middleware
async def bound(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A stranger's body: no more of it is read than that of a login, unless the route's handler has another limit. Of
    nobody's form a file stays open."""
    if visitor.get() is None and request.can_read_body:
        most = request.app[ANONYMOUS].get(request.match_info.handler, ANONYMOUS_BYTES)
        request._client_max_size = most
        if (request.content_length or most + 1) > most and request.protocol is not None:
            request.protocol._lingering_time = ANONYMOUS_LINGER_S
    try:
        return await handler(request)
    finally:
        posted.close(request)
