"""What requests for objects have in common: a query, a body, the fields that are asked for, and pages of a list."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from standin.graph.errors import GraphError

USUAL_ROWS = 25  # on a page, unless `limit` says otherwise


async def given(request: web.BaseRequest) -> bytes:
    """The body as JSON, whether it came as JSON or as a form: Graph takes both."""
    body = await request.read()
    if request.content_type == "application/x-www-form-urlencoded":
        return json.dumps(dict(parse_qsl(body.decode()))).encode()
    return body or b"{}"


def no_more_than(request: web.BaseRequest, *known: str) -> None:
    """Raises GraphError when the query holds what Meta's pages do not have."""
    for name in request.query:
        if name not in known:
            raise GraphError(100, message=f"(#100) The parameter {name} is unsupported.")


def chosen(fields: str | None, known: dict[str, Any], usual: tuple[str, ...]) -> dict[str, Any]:
    """The fields that were asked for, and always the id."""
    wanted = usual if fields is None else tuple(each for each in fields.split(",") if each)
    for name in wanted:
        if name not in known:
            raise GraphError(100, message=f"(#100) Tried accessing nonexisting field ({name})")
    return {"id": known["id"]} | {name: known[name] for name in wanted}


def page(request: web.BaseRequest, rows: list[dict[str, Any]], *, most: int = 100) -> dict[str, Any]:
    """A page of these rows, see `page_of`."""
    return page_of(request, len(rows), lambda first, end: rows[first:end], most=most)


def page_of(
    request: web.BaseRequest, count: int, take: Callable[[int, int], list[dict[str, Any]]], *, most: int = 100
) -> dict[str, Any]:
    """A page of a list, with cursors; `next` only where another page follows (Meta's OpenAPI v23.0, 2025-11-21)."""
    limit = _whole(request.query.get("limit", str(USUAL_ROWS)), "limit")
    if not 1 <= limit <= most:
        raise GraphError(100, f"Param limit must be from 1 to {most}", message="(#100) Invalid parameter")
    first = _position(request.query["after"]) + 1 if "after" in request.query else 0
    if "before" in request.query:
        first = max(0, _position(request.query["before"]) - limit)
    shown = take(first, min(first + limit, count))
    if not shown:
        return {"data": []}
    paging: dict[str, Any] = {"cursors": {"before": cursor(first), "after": cursor(first + len(shown) - 1)}}
    if first + len(shown) < count:
        url = request.url.update_query({"after": cursor(first + len(shown) - 1), "limit": str(limit)})
        paging["next"] = str(url.without_query_params("before"))
    return {"data": shown, "paging": paging}


def cursor(position: int) -> str:
    """Opaque to those who ask."""
    return base64.urlsafe_b64encode(f"MT{position}".encode()).decode().rstrip("=")


def _position(text: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().removeprefix("MT"))
    except (ValueError, binascii.Error):
        raise GraphError(100, "Invalid cursor", message="(#100) Invalid parameter") from None


def _whole(text: str, name: str) -> int:
    if not text.isdecimal():
        raise GraphError(100, f"Param {name} must be an integer", message="(#100) Invalid parameter")
    return int(text)
