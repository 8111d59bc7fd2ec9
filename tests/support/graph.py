"""What is at the other end of the stand-in for Meta's API: a client that sends, and who receives its webhooks."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from standin.graph.server import Graph, serving
from standin.graph.world import APP_SECRET, NUMBER_ID, TOKEN, VERIFY_TOKEN, World

ANNA, BELA = "+4915123450011", "+4915123450022"
QUICK = {"sent_ms": 0, "delivered_ms": 1, "gather_ms": 0, "window": "open"}


class Receiver:
    """Takes webhooks whose signature is right. `answers`: statuses to answer with before it answers 200."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[bytes] = []
        self.answers: list[int] = []
        self.greeted: list[dict[str, str]] = []
        self._came = asyncio.Condition()

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Meta's greeting, or a webhook."""
        if request.method == "GET":
            self.greeted.append(dict(request.query))
            right = request.query["hub.verify_token"] == VERIFY_TOKEN
            return web.Response(text=request.query["hub.challenge"] if right else "", status=200 if right else 403)
        body = await request.read()
        signature = hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
        if request.headers["X-Hub-Signature-256"] != f"sha256={signature}":
            return web.Response(status=401)
        status = self.answers.pop(0) if self.answers else 200
        async with self._came:
            self.bodies.append(body)
            self._came.notify_all()
        return web.Response(status=status)

    def changes(self) -> list[dict[str, Any]]:
        """All changes of all webhooks, in the order in which they came."""
        return [
            change for body in self.bodies for entry in json.loads(body)["entry"] for change in entry["changes"]
        ]  # fmt: skip

    def statuses(self) -> list[dict[str, Any]]:
        """All statuses, in the order in which they came."""
        return [each for change in self.changes() for each in change["value"].get("statuses", [])]

    def told(self) -> list[str]:
        """What was told about messages: `sent`, `delivered`, …"""
        return [each["status"] for each in self.statuses()]

    async def until(self, done: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Wait for webhooks until `done()` holds."""
        async with asyncio.timeout(timeout_s), self._came:
            await self._came.wait_for(done)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver that serves until the block ends."""
    receiver = Receiver()
    runner = web.ServerRunner(web.Server(receiver.handle, access_log=None), shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        yield receiver
    finally:
        await runner.cleanup()


class Client:
    """Asks the stand-in as a program would that knows Meta's pages."""

    def __init__(self, graph: Graph, session: aiohttp.ClientSession, receiver: Receiver) -> None:
        self.graph, self.world, self.receiver = graph, graph.world, receiver
        self.session = session

    async def ask(
        self, method: str, path: str, *, token: str | None = TOKEN, version: str = "v26.0", **about: Any
    ) -> tuple[int, dict[str, Any]]:
        """The status and the answer."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        url = f"{self.graph.url}/{version}/{path}"
        async with self.session.request(method, url, headers=headers | about.pop("headers", {}), **about) as answer:
            return answer.status, await answer.json(content_type=None)

    async def send(self, to: str = ANNA, *, number: str = NUMBER_ID, **content: Any) -> tuple[int, dict[str, Any]]:
        """A text, unless `content` says otherwise."""
        body = {"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": "Hello"}} | content
        return await self.ask("POST", f"{number}/messages", json=body)

    async def refused(self, code: int, to: str = ANNA, **content: Any) -> str:
        """Send what has to be refused with that code; what it says."""
        status, answer = await self.send(to, **content)
        error = answer["error"]
        assert (code, True) == (error["code"], status >= 400), error
        return f"{error['message']} {error.get('error_data', {}).get('details', '')}"

    async def quiet(self) -> None:
        """Wait until nothing is to come any more: all steps taken, all webhooks received or given up."""
        async with asyncio.timeout(10):
            while self.graph.courier.pending or self.graph.courier.postman.waiting:
                await asyncio.sleep(0)


@asynccontextmanager
async def talking(world: World | None = None, **changes: Any) -> AsyncIterator[Client]:
    """A stand-in, who receives its webhooks, and a client of it; `changes` are switches of a new world."""
    world = world or World(QUICK | changes)
    async with (
        receiving() as receiver,
        serving(world, webhook=receiver.url) as graph,
        aiohttp.ClientSession() as session,
    ):
        yield Client(graph, session, receiver)
