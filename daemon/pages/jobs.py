"""One campaign, one message, and the messages that a person has to decide on."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from daemon import campaigns, evidence, render, uploads
from daemon.config import Settings
from daemon.models import JobState, Message, State
from daemon.pages.shell import members, number, show
from daemon.pages.views import job_view, message_view, name_columns
from daemon.pages.words import MEANINGS, seconds
from daemon.web import SETTINGS, in_db

routes = web.RouteTableDef()

ROWS_SHOWN = 50
DECISIONS_SHOWN = 20


@routes.get(r"/app/jobs/{id:\d{1,18}}")
@members
async def job(request: web.Request) -> web.StreamResponse:
    """One campaign and its recipients, `?state=` and a page at a time."""
    state = request.query.get("state") or None
    arguments = (request.app[SETTINGS], int(request.match_info["id"]), state, number(request, "cursor"))
    return show(request, "job.html", await in_db(request, _job_page, *arguments))


def _job_page(settings: Settings, job_id: int, state: str | None, cursor: int | None) -> dict[str, Any]:
    row = campaigns.job(job_id)
    found = job_view(settings, row)
    messages, after = campaigns.messages(job_id, state, cursor, ROWS_SHOWN)
    columns = name_columns(row.columns)
    return {
        "job": found,
        "text": row.text,
        "attachments": uploads.attachments(row.attachments),
        "delays": [seconds(row.delay_min_ms), seconds(row.delay_max_ms)],
        "rejected": len(row.rejected),
        "counts": [(each.value, found[each.value], MEANINGS[each]) for each in State if found[each.value]],
        "state": state,
        "cursor": cursor,
        "after": after,
        "messages": [message_view(each, columns) for each in messages],
    }


@routes.get(r"/app/messages/{id:\d{1,18}}")
@members
async def message(request: web.Request) -> web.StreamResponse:
    """What happened to one recipient."""
    arguments = (request.app[SETTINGS], int(request.match_info["id"]))
    return show(request, "message.html", await in_db(request, _message_page, *arguments))


def _message_page(settings: Settings, message_id: int) -> dict[str, Any]:
    row, events = campaigns.message(message_id)
    found = campaigns.job(row.job_id)
    return {
        "job": job_view(settings, found),
        "message": message_view(row, name_columns(found.columns)),
        "fields": row.fields,
        "evidence": evidence.newest(message_id),
        "events": events,
        "delivered_at": row.delivered_at,
        "read_at": row.read_at,
    }


@routes.get("/app/decisions")
@members
async def decisions(request: web.Request) -> web.StreamResponse:
    """The uncertain messages of all campaigns, each with what its chat looked like."""
    cursor = number(request, "cursor")
    return show(request, "decisions.html", await in_db(request, _decisions, request.app[SETTINGS], cursor))


def _decisions(settings: Settings, cursor: int | None) -> dict[str, Any]:
    rows, after = campaigns.messages_everywhere(State.UNCERTAIN, cursor, DECISIONS_SHOWN)
    cases = [
        {
            "message": message_view(row, name_columns(row.job.columns)),
            "job": {"job_id": row.job_id, "name": row.job.name, "may": {"resend": row.job.state != JobState.STOPPED}},
            "submitted_at": row.submitted_at,
            "text": _text(row),
            "evidence": evidence.newest(row.id),
        }
        for row in rows
    ]
    return {"cases": cases, "cursor": cursor, "after": after}


def _text(row: Message) -> str:
    """What the message says, for who has to find it in the chat."""
    text = row.job.text
    return render.render(render.compile(text), row.fields, row.number) if text.strip() else ""
