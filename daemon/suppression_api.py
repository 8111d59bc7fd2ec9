"""The REST API of the suppression list, and of what people reply.

The list is for operators: who may only look sees no whole numbers, and a search would give them away.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from pydantic import StrictStr

from daemon import errors, exports, replies, suppression
from daemon.api import MAX_LIMIT, Body, parse
from daemon.db import now_ms
from daemon.web import SETTINGS, Role, caller, in_db, require

routes = web.RouteTableDef()


class Suppress(Body):
    """The body of POST /suppressions."""

    number: StrictStr
    reason: StrictStr = suppression.ASKED


class Remove(Body):
    """The body of DELETE /suppressions; the reason is kept."""

    number: StrictStr
    reason: StrictStr = ""


@routes.get("/suppressions")
async def suppressions(request: web.Request) -> web.Response:
    """The list, newest first; `?search=` a part of a number or of a reason."""
    require(request, Role.OPERATOR)
    search, cursor = request.query.get("search", ""), request.query.get("cursor")
    rows, after = await in_db(request, suppression.page, search, cursor, limit(request))
    return web.json_response({"suppressions": rows, "next_cursor": after})


@routes.post("/suppressions")
async def suppress(request: web.Request) -> web.Response:
    require(request, Role.OPERATOR)
    body = await parse(request, Suppress)
    settings = request.app[SETTINGS]
    row = await in_db(request, suppression.suppress, settings, body.number, body.reason, caller(request))
    return web.json_response({"success": True, **row})


@routes.post("/suppressions/import")
async def import_list(request: web.Request) -> web.Response:
    """Add everybody of a contacts file: multipart `file`, or a text in `numbers`; and a `reason`."""
    require(request, Role.OPERATOR)
    try:
        form = await request.post()
    except (ValueError, BadHttpMessage):
        raise errors.MalformedRequest("The form ends in the middle: send it again.") from None
    reason, file = str(form.get("reason", "")).strip() or suppression.ASKED, form.get("file")
    settings, who = request.app[SETTINGS], caller(request)
    if isinstance(file, web.FileField):
        data = await asyncio.to_thread(file.file.read)
        done = await in_db(request, suppression.import_file, settings, data, file.filename, reason, who)
    else:
        text = str(form.get("numbers", ""))
        done = await in_db(request, suppression.import_text, settings, text, reason, who)
    rejected = [{"row": each.position, "value": each.value, "reason": each.reason} for each in done.rejected]
    counts = {"added": done.added, "present": done.present, "duplicates": done.duplicates}
    return web.json_response({"success": True, **counts, "rejected": rejected})


@routes.get("/suppressions/export.csv")
async def export(request: web.Request) -> web.StreamResponse:
    """The whole list, which can be imported again; `?excel=1` marks it as UTF-8 for Excel."""
    require(request, Role.OPERATOR)
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": 'attachment; filename="suppressions.csv"',
    }
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    head = [["number", "reason", "source", "created_at", "confirmed_at"]]
    await response.write(((exports.EXCEL_MARK if request.query.get("excel") else "") + exports.as_csv(head)).encode())
    cursor: str | None = None
    while True:
        rows, cursor = await in_db(request, suppression.page, "", cursor, MAX_LIMIT)
        await response.write(exports.as_csv([_line(row) for row in rows], plain=0).encode())
        if cursor is None:
            return response


def _line(row: dict[str, Any]) -> list[int | str]:
    times = [_iso(row[name]) for name in ("created_at", "confirmed_at")]
    return [row["number"], row["reason"], row["source"], *times]


def _iso(at: int | None) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds") if at else ""


@routes.delete("/suppressions")
async def remove(request: web.Request) -> web.Response:
    require(request, Role.ADMIN)
    body = await parse(request, Remove)
    await in_db(request, suppression.remove, request.app[SETTINGS], body.number, body.reason, caller(request))
    return web.json_response({"success": True})


@routes.get("/replies")
async def answers(request: web.Request) -> web.Response:
    """Replies of the last 30 days, newest first; `?stop=true` those that say STOP, `?job_id=` those to one campaign."""
    require(request, Role.VIEWER)
    given = request.query
    stops = given.get("stop", "") in ("1", "true")
    numbers = (number(request, "cursor"), number(request, "job_id"), limit(request, replies.PAGE))
    found, after = await in_db(request, _replies, stops, *numbers)
    return web.json_response({"replies": found, "next_cursor": after})


def _replies(stops: bool, cursor: int | None, job_id: int | None, most: int) -> tuple[list[dict[str, Any]], int | None]:
    rows, after = replies.page(cursor, now_ms(), stops, job_id, most)
    return [replies.describe(row) for row in rows], after


def limit(request: web.Request, usual: int = MAX_LIMIT) -> int:
    """How many rows are asked for. Raises InvalidInput."""
    wanted = number(request, "limit")
    if wanted is None:
        return usual
    if not 1 <= wanted <= MAX_LIMIT:
        raise errors.InvalidInput(f"limit is 1 to {MAX_LIMIT}.")
    return wanted


def number(request: web.Request, name: str) -> int | None:
    """A whole number of the query, None where there is none. Raises InvalidInput."""
    text = request.query.get(name, "")
    if not text:
        return None
    if not text.isdecimal() or len(text) > 18:
        raise errors.InvalidInput(f"{name} is a whole number.")
    return int(text)
