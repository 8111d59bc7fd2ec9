"""The server: any version in front, Meta's paths behind it, and the control side under `/_…`.

A thousand messages a second have to leave the machine to the daemon under test, so there is no router, and messages
that come whole go a shorter way (`quick.py`). Each body is still read by its pydantic model, which parses JSON and
checks every field in some 20 µs.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from standin.graph import control, objects, quick, sending, updates
from standin.graph.courier import Courier
from standin.graph.errors import GraphError, trace_id, unknown
from standin.graph.limits import usage
from standin.graph.switches import Rule
from standin.graph.templates import Template
from standin.graph.updates import dump
from standin.graph.world import Business, Number, World

VERSION = re.compile(r"v\d+\.\d+")
MESSAGING, MANAGEMENT = "whatsapp_business_messaging", "whatsapp_business_management"
MOST_BYTES = 101 * 2**20  # of a request: the largest file, and a form around it
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
            self._authorise(request.headers.get("Authorization", ""), request.method, path)
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

    def decide(
        self, business: Business, template: Template, event: str, *, reason: str | None = None, title: str | None = None
    ) -> None:
        """Meta decides about a template: `event` is what the webhook says, and how it stands then."""
        value: dict[str, Any] = {
            "event": event, "message_template_id": int(template.id), "message_template_name": template.name,
            "message_template_language": template.language, "reason": reason,
            "message_template_category": template.category,
        }  # fmt: skip
        if title is not None:
            value["other_info"] = {"title": title, "description": title.replace("_", " ").capitalize()}
        template.status = {"REINSTATED": "APPROVED"}.get(event, event)
        template.rejected = reason or "NONE"
        self.tell(business, "message_template_status_update", value)

    def judge_quality(self, business: Business, template: Template, score: str) -> None:
        """People like a template more or less than before: GREEN, YELLOW, RED."""
        value = {
            "previous_quality_score": template.quality, "new_quality_score": score,
            "message_template_id": int(template.id), "message_template_name": template.name,
            "message_template_language": template.language,
        }  # fmt: skip
        template.quality = score
        self.tell(business, "message_template_quality_update", value)

    def prefer(self, person: str, value: str, number: Number | None = None) -> None:
        """Somebody (`+…`) wants no marketing any more (`stop`), or wants it again (`resume`)."""
        known = self.world.person(person, stopped=value == "stop")
        number = number or next(iter(self.world.numbers.values()))
        self.courier.postman.put(updates.preference(self.world, number, known, value))

    def move(self, before: str, after: str, number: Number | None = None) -> None:
        """Somebody changes their number: they are on WhatsApp under the new one only, with another user id."""
        old, new = self.world.person(before, on_whatsapp=False), self.world.person(after)
        number = number or next(iter(self.world.numbers.values()))
        self.courier.postman.put(updates.moved(self.world, number, old, new))

    def tell(self, business: Business, field: str, value: dict[str, Any]) -> None:
        """A webhook about a business account, as `account_update` with the value that Meta's page has."""
        self.courier.postman.put(updates.about_business(self.world, business, field, value))

    def refusal(self, error: GraphError) -> web.Response:
        """The answer to what is refused."""
        self.world.record.requests[f"error {error.code}"] += 1
        headers = {**HEADERS, "x-fb-trace-id": trace_id(), **error.headers}
        return web.Response(status=error.http, body=error.body, content_type="application/json", headers=headers)

    def answer(self, body: bytes) -> web.Response:
        """The answer to what was done."""
        headers = {**HEADERS, "x-fb-trace-id": trace_id()}
        return web.Response(body=body, content_type="application/json", headers=headers)

    def quick(self, id: str, marketing: bool, authorization: str, body: bytes) -> tuple[bytes, str, float] | None:
        """Take a message and say what is answered; None: what is to be done about it takes longer.

        Whatever is refused has changed nothing, so that it can be asked again.
        """
        number = self.world.numbers.get(id)
        if number is None or self.world.rules.every or sending.is_read(body):
            return None
        try:
            self._authorise(authorization, "POST", [id, "messages"])
            message = sending.accept(self.world, number, sending.parsed(body, marketing), marketing, None)
        except GraphError:
            return None
        self.world.record.requests["messages"] += 1
        self.courier.carry(message)
        return dump(sending.answer(message)), trace_id(), self.world.switches["answer_ms"] / 1000

    def _authorise(self, authorization: str, method: str, path: list[str]) -> None:
        """Raises GraphError: 190 for no token, one that is not known, or one that has expired; 10 where it may not."""
        kind, _, token = authorization.partition(" ")
        if not token or kind not in ("Bearer", "OAuth"):
            raise GraphError(190, message="An access token is required to request this resource.")
        known = self.world.tokens.get(token)
        if known is None:
            raise GraphError(190)
        if known.expires_at is not None and known.expires_at <= self.world.clock():
            raise GraphError(190, message="Error validating access token: Session has expired.", subcode=463)
        if known.objects is not None and path[0] not in known.objects:
            raise unknown(path[0], method.lower())
        needed = MESSAGING if path[-1] in ("messages", "marketing_messages", "media") else MANAGEMENT
        if needed not in known.scopes and path[0] not in self.world.media and path[0] != "debug_token":
            history = path[-1] == "message_history"
            raise GraphError(200, subcode=1349174) if history else GraphError(10)

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
        if rule is not None and rule.refuses and not rule.accept:
            await asyncio.sleep(rule.slow_ms / 1000)
            return self.refused(rule, number.business)
        message = sending.accept(self.world, number, asked, marketing, rule)
        content = dump(sending.answer(message))
        if rule is None:
            self.courier.carry(message)
            await asyncio.sleep(self.world.switches["answer_ms"] / 1000)
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
            self.half(request, content)
        if rule.refuses:
            return self.refused(rule, number.business)
        return self.answer(b"\x00\xff<html>" if rule.garbage else content)

    def refused(self, rule: Rule, business: Business) -> web.Response:
        """The answer that a rule wants."""
        headers = {} if rule.retry_after_s is None else {"Retry-After": str(rule.retry_after_s)}
        if rule.regain_minutes is not None:
            headers |= usage(business.id, rule.regain_minutes)
        if rule.code is None:
            text = "<html>Sorry, something went wrong.</html>"
            return web.Response(status=rule.status or 500, text=text, content_type="text/html", headers=headers)
        error = GraphError(
            rule.code, rule.details, http=rule.status, subcode=rule.subcode, transient=rule.transient, headers=headers
        )
        return self.refusal(error)

    def drop(self, request: web.BaseRequest) -> None:
        """End the connection without an answer. Raises Dropped."""
        if request.transport is not None:
            request.transport.abort()
        raise Dropped

    def half(self, request: web.BaseRequest, content: bytes) -> None:
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


@asynccontextmanager
async def serving(
    world: World | None = None, *, webhook: str | None = None, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Graph]:
    """Serve in this event loop until the block ends: `async with serving(world, webhook=url) as graph`."""
    graph = Graph(world or World())
    graph.world.webhook = webhook or graph.world.webhook
    await graph.courier.open()
    loop = asyncio.get_running_loop()

    def made(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MOST_BYTES)

    server = quick.Server(graph.handle, graph.quick, request_factory=made)
    runner = web.ServerRunner(server, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        graph.url = f"http://{host}:{runner.addresses[0][1]}"
        yield graph
    finally:
        await graph.courier.close()
        await runner.cleanup()
