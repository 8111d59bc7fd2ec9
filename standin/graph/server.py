"""The server: any version in front, Meta's paths behind it, and the control side under `/_…`.

It answers without aiohttp's router: a thousand messages a second have to leave the machine to the daemon under test.
Each body is still read by its pydantic model, which parses JSON and checks every field in a few microseconds.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from standin.graph import control, objects, sending, updates
from standin.graph.courier import Courier
from standin.graph.errors import GraphError, trace_id, unknown
from standin.graph.limits import usage
from standin.graph.switches import Rule
from standin.graph.updates import dump
from standin.graph.world import Number, World

VERSION = re.compile(r"v\d+\.\d+")
EARLY_S = 5.0  # how long an answer waits for the webhooks that are to come before it
HEADERS = {"facebook-api-version": "v26.0"}


class Dropped(Exception):
    """The connection is gone: there is nobody to answer."""


class Graph:
    """A stand-in that serves: `url`, its `world` and the `courier` of its messages."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.courier = Courier(world)
        self.url = ""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        path = request.path.strip("/").split("/")
        if path[0].startswith("_"):
            return await control.handle(self, request, path[0])
        if VERSION.fullmatch(path[0]):
            del path[0]
        try:
            self._authorise(request)
            if len(path) == 2 and path[1] in ("messages", "marketing_messages") and request.method == "POST":
                return await self._messages(request, path[0], path[1] == "marketing_messages")
            return await objects.handle(self, request, path)
        except GraphError as error:
            return self.refusal(error)
        except Dropped:
            return web.Response(status=500)  # goes nowhere

    def say(
        self, sender: str, text: str | None = None, *, number: Number | None = None, context: str | None = None,
        **content: Any,
    ) -> str:  # fmt: skip
        """Somebody (`+…`) writes to us: a text, or `type=…` with the object of that name. Returns the message's id."""
        world = self.world
        number = number or next(iter(world.numbers.values()))
        person = world.person(sender)
        number.heard[sender] = world.clock()
        content = {"type": "text", "text": {"body": text}} if text is not None else content
        if content.get("type") not in content:
            raise ValueError("type and the object of that name are needed")
        id, update = updates.inbound(world, number, person, content, context)
        number.received[id] = False
        self.courier.postman.put(update)
        return id

    def refusal(self, error: GraphError) -> web.Response:
        """The answer to what is refused."""
        self.world.record.requests[f"error {error.code}"] += 1
        headers = {**HEADERS, "x-fb-trace-id": trace_id(), **error.headers}
        return web.Response(status=error.http, body=error.body, content_type="application/json", headers=headers)

    def answer(self, body: bytes) -> web.Response:
        """The answer to what was done."""
        headers = {**HEADERS, "x-fb-trace-id": trace_id()}
        return web.Response(body=body, content_type="application/json", headers=headers)

    def _authorise(self, request: web.BaseRequest) -> None:
        """Raises GraphError 190: no token, one that is not known, or one that has expired."""
        given = request.headers.get("Authorization", "")
        token = given.removeprefix("Bearer ") if given.startswith("Bearer ") else None
        if not token:
            raise GraphError(190, message="An access token is required to request this resource.")
        known = self.world.tokens.get(token)
        if known is None:
            raise GraphError(190)
        if known.expires_at is not None and known.expires_at <= self.world.clock():
            raise GraphError(190, message="Error validating access token: Session has expired.", subcode=463)

    async def _messages(self, request: web.BaseRequest, id: str, marketing: bool) -> web.StreamResponse:
        world = self.world
        number = world.numbers.get(id)
        if number is None:
            raise unknown(id, "post")
        world.record.requests["messages"] += 1
        body = await request.read()
        if not request.content_type == "application/json":
            raise GraphError(100, "The body has to be application/json.")
        if sending.is_read(body):
            return self.answer(sending.read(world, number, body))
        return await self._send(request, number, body, marketing)

    async def _send(self, request: web.BaseRequest, number: Number, body: bytes, marketing: bool) -> web.StreamResponse:
        asked = sending.parsed(body, marketing)
        rules = self.world.rules
        rule = rules.about("messages", number.id, asked.to or asked.recipient) if rules.every else None
        if rule is not None and rule.drop == "before":
            self.drop(request)
        if rule is not None and _refuses(rule) and not rule.accept:
            return await self.refuse(rule, number)
        message = sending.accept(self.world, number, asked, marketing, rule)
        content = dump(sending.answer(message))
        if rule is None:
            self.courier.carry(message)
            return self.answer(content)
        if rule.early:
            self.courier.at_once(message)
            await self._quiet()
        else:
            self.courier.carry(message)
        if rule.slow_ms:
            await asyncio.sleep(rule.slow_ms / 1000)
        if rule.drop == "after":
            self.drop(request)
        if rule.drop == "middle":
            await self._half(request, content)
        if _refuses(rule):
            return await self.refuse(rule, number)
        return self.answer(b"\x00\xff<html>" if rule.garbage else content)

    async def refuse(self, rule: Rule, number: Number) -> web.Response:
        """The answer that a rule wants."""
        if rule.slow_ms and not rule.accept:
            await asyncio.sleep(rule.slow_ms / 1000)
        headers = {} if rule.retry_after_s is None else {"Retry-After": str(rule.retry_after_s)}
        if rule.regain_minutes is not None:
            headers |= usage(number.business.id, rule.regain_minutes)
        if rule.code is None:
            return web.Response(
                status=rule.status or 500, text="<html>Sorry, something went wrong.</html>", headers=headers
            )
        error = GraphError(
            rule.code, rule.details, http=rule.status, subcode=rule.subcode, transient=rule.transient, headers=headers
        )
        return self.refusal(error)

    def drop(self, request: web.BaseRequest) -> None:
        """End the connection without an answer. Raises Dropped."""
        if request.transport is not None:
            request.transport.abort()
        raise Dropped

    async def _half(self, request: web.BaseRequest, content: bytes) -> None:
        """Half an answer, then the end of the connection. Raises Dropped."""
        transport = request.transport
        if transport is not None:
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(content)
            transport.write(head + content[: len(content) // 2])
            transport.close()
        raise Dropped

    async def _quiet(self) -> None:
        """Wait until what is to be told was taken, or until nobody takes it."""
        until = asyncio.get_running_loop().time() + EARLY_S
        while self.courier.postman.waiting and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.002)


def _refuses(rule: Rule) -> bool:
    return rule.status is not None or rule.code is not None


@asynccontextmanager
async def serving(
    world: World | None = None, *, webhook: str | None = None, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Graph]:
    """Serve in this event loop until the block ends: `async with serving(world, webhook=url) as graph`."""
    graph = Graph(world or World())
    graph.world.webhook = webhook or graph.world.webhook
    await graph.courier.open()
    runner = web.ServerRunner(web.Server(graph.handle, access_log=None), shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        graph.url = f"http://{host}:{runner.addresses[0][1]}"
        yield graph
    finally:
        await graph.courier.close()
        await runner.cleanup()
