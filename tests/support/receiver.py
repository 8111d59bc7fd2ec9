"""A server that receives webhooks, for tests: it verifies each signature as a receiver would, and keeps what it got."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook


@dataclass(frozen=True)
class Got:
    """A request: its headers, and its body as JSON."""

    headers: dict[str, str]
    raw: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def body(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.raw)
        return told

    @property
    def type(self) -> str:
        return str(self.body["type"])

    def verify(self, secret: str) -> None:
        """Raises WebhookVerificationError."""
        Webhook(secret).verify(self.raw, self.headers)


@dataclass
class Receiver:
    """answers: the status of each request, by its number; the last one from then on."""

    answers: list[int] = field(default_factory=lambda: [204])
    got: list[Got] = field(default_factory=list)
    decide: Callable[[Got], int] | None = None
    server: TestServer | None = None

    async def __aenter__(self) -> Receiver:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self.server = TestServer(app, host="127.0.0.1")
        await self.server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.server is not None
        await self.server.close()

    @property
    def url(self) -> str:
        assert self.server is not None
        return f"http://127.0.0.1:{self.server.port}/hook"

    async def _take(self, request: web.Request) -> web.Response:
        got = Got({name.lower(): value for name, value in request.headers.items()}, await request.text())
        status = self.decide(got) if self.decide else self.answers[min(len(self.got), len(self.answers) - 1)]
        self.got.append(got)
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status // 100 == 3 else {})

    async def until(self, done: Callable[[list[Got]], Any], timeout: float = 60) -> list[Got]:
        """What it has got, once that is enough."""
        async with asyncio.timeout(timeout):
            while not done(self.got):
                await asyncio.sleep(0.02)
        return self.got
