"""All of Meta's paths but the sending of messages: numbers, templates, media, subscriptions, history, tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from standin.graph.errors import GraphError, unknown
from standin.graph.updates import dump

if TYPE_CHECKING:
    from standin.graph.server import Graph
    from standin.graph.world import Number

#: what a number answers when nothing is asked for: Meta's OpenAPI v23.0 (2025-11-21)
USUAL = ("id", "display_phone_number", "verified_name", "quality_rating")


async def handle(graph: Graph, request: web.BaseRequest, path: list[str]) -> web.StreamResponse:
    """Answer a request. Raises GraphError."""
    world, id = graph.world, path[0]
    if len(path) == 1 and request.method == "GET" and id in world.numbers:
        return graph.answer(dump(_number(world.numbers[id], request.query.get("fields"))))
    raise unknown("/".join(path), request.method.lower())


def _number(number: Number, fields: str | None) -> dict[str, Any]:
    """business-phone-numbers, throughput, messaging-limits, support/health-status (2025-10 to 2026-09)."""
    known: dict[str, Any] = {
        "id": number.id,
        "display_phone_number": f"+{number.display}",
        "verified_name": number.verified_name,
        "quality_rating": number.quality,
        "status": number.status,
        "throughput": {"level": number.level},
        "name_status": number.name_status,
        "code_verification_status": "VERIFIED",
        "platform_type": "CLOUD_API",
        "is_on_biz_app": False,
        "whatsapp_business_manager_messaging_limit": number.business.portfolio.limit,
        "health_status": _health(number),
    }
    wanted = USUAL if fields is None else tuple(fields.split(","))
    for name in wanted:
        if name not in known:
            message = f"(#100) Tried accessing nonexisting field ({name})"
            raise GraphError(100, message=message)
    return {"id": number.id} | {name: known[name] for name in wanted}


def _health(number: Number) -> dict[str, Any]:
    entity: dict[str, Any] = {"entity_type": "PHONE_NUMBER", "id": number.id, "can_send_message": number.health}
    if number.health_errors:
        entity["errors"] = number.health_errors
    business = {"entity_type": "WABA", "id": number.business.id, "can_send_message": "AVAILABLE"}
    return {"can_send_message": number.health, "entities": [entity, business]}
