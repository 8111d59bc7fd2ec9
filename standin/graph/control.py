"""The side of the stand-in that Meta does not have: what a test or a demonstration does by HTTP.

GET  /_record[?summary=1]             what was accepted and what became of it (summary: only how many)
GET  /_record?accepted=N&arrived=N&settled=N&timeout=S    the same once there are so many (settled: arrived or failed)
GET  /_switch                         all switches, and the rules in force
POST /_switch  {set, rules, clear}    change switches, put rules behind those there are (clear: instead of them)
POST /_world   {numbers, templates, people, tokens}   make them, or change what is known about them
POST /_say     {from, type, …}        somebody writes to us
POST /_tell    {field, value}         something becomes of a template, a number or the account
POST /_release {code?, ids?}          what is held goes on its way, or fails with that code
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web
from pydantic import ValidationError

from standin.graph.record import Message
from standin.graph.switches import Rule
from standin.graph.world import BUSINESS_ID, NUMBER_ID, Token

if TYPE_CHECKING:
    from standin.graph.server import Graph

MOST_S = 60.0


async def handle(graph: Graph, request: web.BaseRequest, name: str) -> web.Response:
    """Answer a request to `/_name`."""
    work = {("GET", "_record"): _record, ("GET", "_switch"): _shown}.get((request.method, name))
    if work is not None:
        return web.json_response(await work(graph, request))
    change = CHANGES.get(name) if request.method == "POST" else None
    if change is None:
        return web.json_response({"error": f"no such control: {request.method} /{name}"}, status=404)
    try:
        return web.json_response(await change(graph, json.loads(await request.read() or b"{}")))
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)


async def _record(graph: Graph, request: web.BaseRequest) -> dict[str, Any]:
    record, query = graph.world.record, request.query
    accepted, arrived, settled = (int(query.get(name, 0)) for name in ("accepted", "arrived", "settled"))

    def come() -> bool:
        return len(record.messages) >= accepted and record.arrived >= arrived and record.settled >= settled

    await record.until(come, min(float(query.get("timeout", MOST_S)), MOST_S))
    postman = graph.courier.postman
    told: dict[str, Any] = record.summary()
    told["webhooks"] = {
        "posts": postman.posts, "updates": postman.updates, "failed": postman.failed, "dropped": postman.dropped,
        "waiting": postman.waiting + graph.courier.pending, "took_ms": [round(each, 1) for each in postman.took_ms],
    }  # fmt: skip
    if "summary" not in query:
        told["messages"] = [each.told() for each in record.messages]
    return told


async def _shown(graph: Graph, request: web.BaseRequest) -> dict[str, Any]:
    rules = [rule.model_dump(exclude_defaults=True) for rule in graph.world.rules.every]
    return {"switches": graph.world.switches, "rules": rules}


async def _switch(graph: Graph, asked: dict[str, Any]) -> dict[str, Any]:
    rules = [Rule(**each) for each in asked.get("rules", [])]
    if unknown := set(asked) - {"set", "rules", "clear"}:
        raise ValueError(f"unknown: {sorted(unknown)}")
    graph.world.set_switches(asked.get("set", {}))
    if asked.get("clear"):
        graph.world.rules.clear()
    for rule in rules:
        graph.world.rules.add(rule)
    return {"switches": graph.world.switches, "rules": len(graph.world.rules.every)}


async def _world(graph: Graph, asked: dict[str, Any]) -> dict[str, Any]:
    """Whatever is named is made, or changed where it is there."""
    world = graph.world
    ids = []
    for each in asked.get("tokens", []):
        token = each.pop("token")
        world.tokens[token] = Token(**each)
    for each in asked.get("numbers", []):
        world.change_number(each.pop("id"), each.pop("business", BUSINESS_ID), **each)
    for each in asked.get("templates", []):
        business, status = each.pop("business", BUSINESS_ID), each.pop("status", "APPROVED")
        ids.append(world.add_template(each, business, status).id)
    for each in asked.get("people", []):
        world.person(each.pop("number"), **each)
    return {"templates": ids}


async def _say(graph: Graph, asked: dict[str, Any]) -> dict[str, Any]:
    number = graph.world.numbers[asked.pop("number", NUMBER_ID)]
    return {"id": graph.say(asked.pop("from"), number=number, context=asked.pop("context", None), **asked)}


async def _tell(graph: Graph, asked: dict[str, Any]) -> dict[str, Any]:
    business = graph.world.businesses[asked.get("business", BUSINESS_ID)]
    graph.tell(business, asked["field"], asked["value"])
    return {}


async def _decide(graph: Graph, asked: dict[str, Any]) -> dict[str, Any]:
    found = graph.world.template(str(asked.pop("id")))
    if found is None:
        raise KeyError("there is no such template")
    graph.decide(*found, asked.pop("event"), **asked)
    return found[1].told()


async def _prefer(graph: Graph, asked: dict[str, Any]) -> dict[str, Any]:
    graph.prefer(asked["person"], asked["value"])
    return {}


async def _move(graph: Graph, asked: dict[str, Any]) -> dict[str, Any]:
    graph.move(asked["before"], asked["after"])
    return {}


async def _release(graph: Graph, asked: dict[str, Any]) -> dict[str, Any]:
    """Those named, or all that are held."""
    held = [each for each in graph.world.record.messages if each.held and each.id in asked.get("ids", [each.id])]
    done: Callable[[Message], None] = graph.courier.release
    if asked.get("code"):
        code = int(asked["code"])
        done = lambda each: graph.courier.judge(each, code)  # noqa: E731
    for each in held:
        done(each)
    return {"messages": len(held)}


CHANGES: dict[str, Callable[[Graph, dict[str, Any]], Awaitable[dict[str, Any]]]] = {
    "_switch": _switch, "_world": _world, "_say": _say, "_tell": _tell, "_decide": _decide, "_prefer": _prefer,
    "_move": _move, "_release": _release,
}  # fmt: skip
