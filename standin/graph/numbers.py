"""Numbers and business accounts: what they tell, who has subscribed to them, and what a token is.

Sources: business-phone-numbers, throughput, messaging-limits, webhooks/override (2026-09-11), support/health-status
(2025-10), marketing-messages/onboard (2026-09); shapes of answers by Meta's OpenAPI v23.0 (2025-11-21).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web
from multidict import MultiMapping

from standin.graph.asking import chosen, given, no_more_than, page
from standin.graph.errors import GraphError
from standin.graph.requests import Configure, Subscribe, WebhookConfiguration, parse

if TYPE_CHECKING:
    from standin.graph.server import Graph
    from standin.graph.world import Business, Number, World

#: what a number answers when no fields are asked for
USUAL = ("id", "verified_name", "code_verification_status", "display_phone_number", "quality_rating", "platform_type")
DONE = {"success": True}
NOT_VERIFIED = 2200  # the receiver did not give the challenge back (public reports)


async def shown(graph: Graph, request: web.BaseRequest, number: Number) -> dict[str, Any]:
    """`GET /{number}`."""
    no_more_than(request, "fields")
    return chosen(request.query.get("fields"), _number(number), USUAL)


async def configured(graph: Graph, request: web.BaseRequest, number: Number) -> dict[str, Any]:
    """`POST /{number}`: an address of its own for webhooks; an empty one takes it away."""
    asked = parse(Configure, await given(request)).webhook_configuration
    number.override = await _greeted(graph, asked)
    return DONE


async def business_shown(graph: Graph, request: web.BaseRequest, business: Business) -> dict[str, Any]:
    """`GET /{business account}`."""
    no_more_than(request, "fields")
    known = {
        "id": business.id, "name": business.name, "timezone_id": "1", "currency": "EUR",
        "message_template_namespace": "standin", "account_review_status": "APPROVED",
        "business_verification_status": "verified", "marketing_messages_onboarding_status": business.marketing,
        "whatsapp_business_manager_messaging_limit": business.portfolio.limit, "health_status": _health(business, None),
    }  # fmt: skip
    usual = ("id", "name", "timezone_id", "message_template_namespace")
    return chosen(request.query.get("fields"), known, usual)


async def of_business(graph: Graph, request: web.BaseRequest, business: Business) -> dict[str, Any]:
    """`GET /{business account}/phone_numbers`."""
    no_more_than(request, "fields", "limit", "after", "before")
    numbers = [each for each in graph.world.numbers.values() if each.business is business]
    rows = [chosen(request.query.get("fields"), _number(each), USUAL) for each in numbers]
    return page(request, rows)


async def subscribed(graph: Graph, request: web.BaseRequest, business: Business) -> dict[str, Any]:
    """`GET /{business account}/subscribed_apps`."""
    if not business.subscribed:
        return {"data": []}
    row: dict[str, Any] = {
        "whatsapp_business_api_data": {"id": graph.world.app_id, "link": "https://example.com", "name": "wasender"},
    }  # fmt: skip
    if business.override:
        row["override_callback_uri"] = business.override
    return {"data": [row]}


async def subscribe(graph: Graph, request: web.BaseRequest, business: Business) -> dict[str, Any]:
    """`POST /{business account}/subscribed_apps`, with an address of its own or without."""
    asked = parse(Subscribe, await given(request))
    business.override = await _greeted(graph, asked)
    business.subscribed = True
    return DONE


async def unsubscribe(graph: Graph, request: web.BaseRequest, business: Business) -> dict[str, Any]:
    """`DELETE /{business account}/subscribed_apps`."""
    business.subscribed = False
    return DONE


def token(world: World, query: MultiMapping[str]) -> dict[str, Any]:
    """`GET /debug_token?input_token=…`: Graph API reference, debug_token."""
    if "input_token" not in query:
        raise GraphError(100, message="(#100) The parameter input_token is required.")
    known = world.tokens.get(query["input_token"])
    if known is None:
        error = {"code": 190, "message": "Invalid OAuth access token."}
        return {"data": {"error": error, "is_valid": False, "scopes": []}}
    expires = known.expires_at
    return {"data": {
        "app_id": world.app_id, "type": "SYSTEM_USER", "application": "wasender",
        "expires_at": 0 if expires is None else int(expires),
        "is_valid": expires is None or expires > world.clock(), "scopes": list(known.scopes),
    }}  # fmt: skip


async def _greeted(graph: Graph, asked: WebhookConfiguration | Subscribe) -> str | None:
    """The address, once who is there has given the challenge back; None: there is to be none."""
    url = asked.override_callback_uri
    if not url:
        return None
    if not asked.verify_token:
        raise GraphError(100, message="(#100) The parameter verify_token is required.")
    if not await graph.courier.postman.greet(url, asked.verify_token):
        raise GraphError(NOT_VERIFIED, message="(#2200) Callback verification failed.")
    return url


def _number(number: Number) -> dict[str, Any]:
    return {
        "id": number.id,
        "display_phone_number": f"+{number.display}",
        "verified_name": number.verified_name,
        "quality_rating": number.quality,
        "status": number.status,
        "throughput": {"level": number.level},
        "name_status": number.name_status,
        "code_verification_status": "VERIFIED",
        "platform_type": "CLOUD_API",
        "account_mode": "SANDBOX" if number.only_to is not None else "LIVE",
        "is_on_biz_app": False,
        "whatsapp_business_manager_messaging_limit": number.business.portfolio.limit,
        "health_status": _health(number.business, number),
    }


def _health(business: Business, number: Number | None) -> dict[str, Any]:
    """The worst of the parts is that of the whole."""
    entities: list[dict[str, Any]] = []
    for kind, each in (("PHONE_NUMBER", number), ("WABA", business)):
        if each is not None:
            entity = {"entity_type": kind, "id": each.id, "can_send_message": each.health}
            entities.append(entity | ({"errors": each.health_errors} if each.health_errors else {}))
    worst = max((each["can_send_message"] for each in entities), key=("AVAILABLE", "LIMITED", "BLOCKED").index)
    return {"can_send_message": worst, "entities": entities}
