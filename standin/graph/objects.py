"""All of Meta's paths but the sending of messages: which function answers which, and who may ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from standin.graph import files, histories, numbers, template_paths
from standin.graph.errors import unknown
from standin.graph.limits import check_management
from standin.graph.updates import dump

if TYPE_CHECKING:
    from standin.graph.server import Graph
    from standin.graph.switches import Rule
    from standin.graph.world import Business

Work = Callable[..., Awaitable[Any]]
FILE = "whatsapp_business"  # where the content of media is

#: what is asked of a number, a business account, a template, a file: (method, what, the path behind it): work
WORKS: dict[tuple[str, str, str], Work] = {
    ("GET", "number", ""): numbers.shown,
    ("POST", "number", ""): numbers.configured,
    ("POST", "number", "media"): files.uploaded,
    ("GET", "number", "message_history"): histories.listed,
    ("GET", "business", ""): numbers.business_shown,
    ("GET", "business", "phone_numbers"): numbers.of_business,
    ("GET", "business", "subscribed_apps"): numbers.subscribed,
    ("POST", "business", "subscribed_apps"): numbers.subscribe,
    ("DELETE", "business", "subscribed_apps"): numbers.unsubscribe,
    ("GET", "business", "message_templates"): template_paths.listed,
    ("POST", "business", "message_templates"): template_paths.made,
    ("DELETE", "business", "message_templates"): template_paths.removed,
    ("GET", "template", ""): template_paths.shown,
    ("POST", "template", ""): template_paths.edited,
    ("POST", "template", "unpause"): template_paths.unpaused,
    ("GET", "media", ""): files.shown,
    ("DELETE", "media", ""): files.removed,
    ("GET", "history", "events"): histories.events,
    ("POST", "app", "uploads"): files.upload_begun,
    ("POST", "upload", ""): files.upload_filled,
}
KINDS = {"media": "media", "message_history": "history", "message_templates": "templates"}  # of rules, by path


async def handle(graph: Graph, request: web.BaseRequest, path: list[str]) -> web.StreamResponse:
    """Answer a request. Raises GraphError."""
    id, rest = path[0], "/".join(path[1:])
    if path == ["debug_token"] and request.method == "GET":
        return graph.answer(dump(numbers.token(graph.world, request.query)))
    if path == [FILE, "attachments"] and request.method == "GET":
        return files.content(graph.world, request.query)
    what, found = _object(graph, id)
    work = WORKS.get((request.method, what, rest))
    if work is None:
        raise unknown("/".join(path), request.method.lower())
    kind = KINDS.get(rest) or {"media": "media", "template": "templates", "number": "number"}.get(what, "other")
    rule = graph.world.rules.about(kind, id) if graph.world.rules.every else None
    if rule is not None:
        return await _ruled(graph, request, rule, lambda: work(graph, request, found), _business(graph, found))
    return graph.answer(dump(await work(graph, request, found)))


async def _ruled(
    graph: Graph, request: web.BaseRequest, rule: Rule, work: Callable[[], Awaitable[Any]], business: Business
) -> web.StreamResponse:
    """The same with a rule: it is done where the rule accepts it, and answered as the rule says."""
    if rule.drop == "before":
        graph.drop(request)
    content = dump(await work()) if rule.accept or not rule.refuses else b""
    if rule.slow_ms:
        await asyncio.sleep(rule.slow_ms / 1000)
    if rule.drop == "after":
        graph.drop(request)
    if rule.drop == "middle":
        graph.half(request, content)
    if rule.refuses:
        return graph.refused(rule, business)
    return graph.answer(b"\x00\xff<html>" if rule.garbage else content)


def _object(graph: Graph, id: str) -> tuple[str, Any]:
    """What has that id."""
    world = graph.world
    if id in world.numbers:
        return "number", world.numbers[id]
    if id in world.businesses:
        check_management(world.businesses[id], world.switches["management"], world.clock())
        return "business", world.businesses[id]
    if id in world.media:
        return "media", world.media[id]
    if id == world.app_id:
        return "app", None
    if id in world.uploads:
        return "upload", world.uploads[id]
    if (template := world.template(id)) is not None:
        return "template", template
    if (message := world.record.by_history.get(id)) is not None:
        return "history", message
    return "nothing", None


def _business(graph: Graph, found: Any) -> Business:
    return getattr(found, "business", None) or next(iter(graph.world.businesses.values()))
