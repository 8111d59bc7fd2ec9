"""`GET /{number}/message_history`: what became of messages, for those whose webhooks were lost.

Source: Meta's OpenAPI v23.0 (2025-11-21) and the reference of v25.0 (2026): statuses and times only, no recipient, no
text, no callback data, no code of an error. The order of the list is not documented; here the newest come first.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from aiohttp import web

from standin.graph.asking import chosen, no_more_than, page, page_of
from standin.graph.errors import GraphError

if TYPE_CHECKING:
    from standin.graph.record import Event, Message
    from standin.graph.server import Graph
    from standin.graph.world import Number

FIELDS = re.compile(r"([a-z_]+)(?:\{([a-z_,]+)\})?(?:,|$)")
USUAL = ("id", "message_id")
EVENT_FIELDS = (
    "delivery_status", "timestamp", "webhook_update_state", "error_description", "application", "webhook_uri",
)  # fmt: skip
OTHER_STATES = {"DELIVERED": "SUCCESS"}  # the words that one entry has; every other state is ERROR


async def listed(graph: Graph, request: web.BaseRequest, number: Number) -> dict[str, Any]:
    """The messages of a number, or the one with that `message_id`."""
    no_more_than(request, "message_id", "fields", "limit", "after", "before")
    fields = dict(FIELDS.findall(request.query.get("fields", ",".join(USUAL))))
    for name in fields:
        if name not in (*USUAL, "events"):
            raise GraphError(100, message=f"(#100) Tried accessing nonexisting field ({name})")
    if "message_id" in request.query:
        message = graph.world.record.by_id.get(request.query["message_id"])
        if message is None or message.number is not number or message.at > graph.world.known_since():
            text = "The requested message_id was not found in the message history"
            raise GraphError(100, text, http=422)
        return page(request, [_row(graph, message, fields)])
    count = bisect_right(number.messages, graph.world.known_since(), key=lambda each: each.at)

    def take(first: int, end: int) -> list[dict[str, Any]]:
        newest = number.messages[max(0, count - end) : max(0, count - first)]
        return [_row(graph, each, fields) for each in reversed(newest)]

    return page_of(request, count, take)


async def events(graph: Graph, request: web.BaseRequest, message: Message) -> dict[str, Any]:
    """`GET /{entry of the history}/events`: the same in other words, as Meta's page has it."""
    no_more_than(request, "delivery_status", "fields", "limit", "after", "before")
    wanted = request.query.get("delivery_status")
    rows = []
    for n, each in enumerate(message.events):
        row = _event(graph, message, n, each)
        node = {
            "id": row["id"], "delivery_status": row["delivery_status"], "occurrence_timestamp": row["timestamp"],
            "status_timestamp": row["timestamp"], "application": row["application"],
            "webhook_update_state": OTHER_STATES.get(row["webhook_update_state"], "ERROR"),
        }  # fmt: skip
        if wanted in (None, row["delivery_status"]):
            rows.append({"cursor": str(n), "node": node})
    return page(request, rows)


def _row(graph: Graph, message: Message, fields: dict[str, str]) -> dict[str, Any]:
    row: dict[str, Any] = {"id": graph.world.history_id(message), "message_id": message.id}
    if "events" in fields:
        inside = fields["events"] or ",".join(EVENT_FIELDS[:2])
        rows = [_event(graph, message, n, each) for n, each in enumerate(message.events)]
        wanted = [name for name in inside.split(",") if name != "id"]
        for name in wanted:
            if name not in EVENT_FIELDS:
                raise GraphError(100, message=f"(#100) Tried accessing nonexisting field ({name})")
        row["events"] = {"data": [chosen(",".join(n for n in wanted if n in each), each, ()) for each in rows]}
    return {name: row[name] for name in ("id", *fields) if name in row}


def _event(graph: Graph, message: Message, n: int, event: Event) -> dict[str, Any]:
    """The timestamp is a whole number here."""
    row: dict[str, Any] = {
        "id": f"{graph.world.history_id(message)}{n + 1}", "delivery_status": event.status.upper(),
        "timestamp": int(event.at), "webhook_update_state": event.told, "application": {"id": graph.world.app_id},
    }  # fmt: skip
    if graph.world.webhook:
        row["webhook_uri"] = graph.world.webhook
    if event.trouble:
        row["error_description"] = event.trouble
    return row
