"""Templates by HTTP: the list, a new one, changes.

Sources: templates pages (2026-09-11) and Meta's OpenAPI v23.0 (2025-11-21); limits of texts and subcodes by
support/error-codes (2026-09) and public reports. Subcodes come with code 100, as all reports show.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from aiohttp import web

from standin.graph.asking import chosen, given, no_more_than, page
from standin.graph.errors import GraphError, unknown
from standin.graph.requests import EditTemplate, NewTemplate, parse
from standin.graph.templates import MEDIA, Template, places

if TYPE_CHECKING:
    from standin.graph.server import Graph
    from standin.graph.world import Business

USUAL = ("name", "parameter_format", "components", "language", "status", "category", "id")
MOST = 250  # templates of an account that is not verified
TOO_MANY, TOO_LONG, HEADER, AT_THE_END, NO_SAMPLE = 2388019, 2388040, 2388047, 2388299, 2388043
LENGTHS = {"BODY": 1024, "HEADER": 60, "FOOTER": 60}
BUTTON_CHARS = 25


async def listed(graph: Graph, request: web.BaseRequest, business: Business) -> dict[str, Any]:
    """`GET /{business account}/message_templates`."""
    filters = ("name", "language", "status", "category")
    no_more_than(request, "fields", "limit", "after", "before", *filters)
    rows = []
    for template in business.templates.values():
        told = template.told()
        if all(request.query.get(name, told[name]) == told[name] for name in filters):
            rows.append(chosen(request.query.get("fields"), told, USUAL))
    return page(request, rows, most=1000)


async def made(graph: Graph, request: web.BaseRequest, business: Business) -> dict[str, Any]:
    """`POST /{business account}/message_templates`: it is looked at by Meta before it can be used."""
    asked = parse(NewTemplate, await given(request))
    if (asked.name, asked.language) in business.templates:
        raise _unfit(2388024, "Content in this language already exists.")
    if len(business.templates) >= MOST:
        raise _unfit(TOO_MANY, "There are as many templates as there may be.")
    _check(graph, asked.components)
    template = Template.made(graph.world.next_id(), asked.model_dump(exclude_none=True), "PENDING")
    business.templates[template.name, template.language] = template
    _look_at(graph, business, template)
    return {"id": template.id, "status": template.status, "category": template.category}


async def removed(graph: Graph, request: web.BaseRequest, business: Business) -> dict[str, Any]:
    """`DELETE /{business account}/message_templates?name=[&hsm_id=]`: all languages, or the one with that id."""
    no_more_than(request, "name", "hsm_id")
    name, id = request.query.get("name"), request.query.get("hsm_id")
    gone = [key for key, each in business.templates.items() if key[0] == name and id in (None, each.id)]
    if not gone:
        raise unknown(name or "", "delete")
    for key in gone:
        del business.templates[key]
    return {"success": True}


async def shown(graph: Graph, request: web.BaseRequest, found: tuple[Business, Template]) -> dict[str, Any]:
    """`GET /{template}`."""
    no_more_than(request, "fields")
    return chosen(request.query.get("fields"), found[1].told(), USUAL)


async def edited(graph: Graph, request: web.BaseRequest, found: tuple[Business, Template]) -> dict[str, Any]:
    """`POST /{template}`: it is looked at again."""
    business, old = found
    asked = parse(EditTemplate, await given(request)).model_dump(exclude_none=True)
    if "components" in asked:
        _check(graph, asked["components"])
    new = Template.made(old.id, old.definition() | asked, "PENDING")
    business.templates[old.name, old.language] = new
    _look_at(graph, business, new)
    return {"success": True}


async def unpaused(graph: Graph, request: web.BaseRequest, found: tuple[Business, Template]) -> dict[str, Any]:
    """`POST /{template}/unpause`: templates/template-pacing (2026-09)."""
    business, template = found
    if template.status != "PAUSED":
        raise GraphError(100, "The template is not paused.", message="(#100) Invalid parameter")
    graph.decide(business, template, "APPROVED", title="UNPAUSE")
    return {"success": True}


def _look_at(graph: Graph, business: Business, template: Template) -> None:
    """Meta decides after a while, if the stand-in was told so."""
    wait_ms = graph.world.switches["approve_ms"]
    if wait_ms is not None:
        loop = asyncio.get_running_loop()
        loop.call_later(wait_ms / 1000, graph.decide, business, template, "APPROVED")


def _unfit(subcode: int, text: str) -> GraphError:
    return GraphError(100, text, message="Invalid parameter", subcode=subcode, told=("Template", text))


def _check(graph: Graph, components: list[dict[str, Any]]) -> None:
    """Raises GraphError: what Meta refuses before anybody looks at it."""
    parts = [str(each.get("type", "")).upper() for each in components]
    if parts.count("BODY") != 1 or len(parts) != len(set(parts)) or set(parts) - {*LENGTHS, "BUTTONS"}:
        raise GraphError(100, "components: one BODY, at most one HEADER, FOOTER, BUTTONS", message="Invalid parameter")
    for kind, part in zip(parts, components, strict=True):
        text = str(part.get("text", ""))
        if len(text) > LENGTHS.get(kind, 1024):
            raise _unfit(TOO_LONG, f"{kind} is longer than {LENGTHS[kind]} characters.")
        if kind == "HEADER":
            _check_header(graph, part)
        if kind == "BODY":
            _check_body(text, part)
        for button in part.get("buttons", []) if kind == "BUTTONS" else []:
            if len(str(button.get("text", ""))) > BUTTON_CHARS:
                raise _unfit(TOO_LONG, f"A button is longer than {BUTTON_CHARS} characters.")


def _check_header(graph: Graph, part: dict[str, Any]) -> None:
    kind = str(part.get("format", "")).upper()
    if kind == "TEXT":
        if len(places(str(part.get("text", "")))) > 1:
            raise _unfit(HEADER, "A header has one variable at most.")
    elif kind not in MEDIA:
        raise _unfit(HEADER, "The header has an unknown format.")
    elif kind != "LOCATION":
        handles = part.get("example", {}).get("header_handle", [])
        if len(handles) != 1 or handles[0] not in graph.world.handles:
            raise _unfit(NO_SAMPLE, "A header with media needs a sample that was uploaded.")


def _check_body(text: str, part: dict[str, Any]) -> None:
    if not text:
        raise _unfit(NO_SAMPLE, "The body has no text.")
    if re.match(r"\s*\{\{", text) or re.search(r"\}\}\W*$", text):
        raise _unfit(AT_THE_END, "Variables cannot be at the start or the end of the body.")
    example = part.get("example", {})
    if places(text) and not (example.get("body_text") or example.get("body_text_named_params")):
        raise _unfit(NO_SAMPLE, "Variables need examples.")
