"""One campaign, one message, and the messages that a person has to decide on."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from daemon import errors
from daemon.campaigns import cloning, queries, recipients
from daemon.campaigns.queries import JobRow, MessageRow
from daemon.campaigns.recipients import Page, Selection
from daemon.campaigns.timeline import Course, course
from daemon.config import Settings
from daemon.contacts import masking, uploads
from daemon.db import clock
from daemon.delivery import evidence, job_moves, replies
from daemon.formats import template
from daemon.i18n.languages import N_, gettext
from daemon.pages import chart, forms
from daemon.pages.shell import members, number, show
from daemon.pages.views import job_view, message_view, name_columns
from daemon.pages.words import MEANINGS, MOVES, WHO, rate, seconds
from daemon.server.visitors import SETTINGS, caller, in_db, require_key, timed
from daemon.states import JobState, State

routes = web.RouteTableDef()

ROWS_SHOWN = 50
DECISIONS_SHOWN = 20
PEOPLE = {  # whom a clone is for, see cloning.PEOPLE
    "all": N_("everybody"),
    "failed": N_("those who failed"),
    "unreached": N_("those whose message failed, expired or was cancelled"),
}


@routes.get(r"/app/jobs/{id:\d{1,18}}")
@members
async def job(request: web.Request) -> web.StreamResponse:
    """One campaign and its recipients, filtered by `?state=` and `?search=`, a page at a time."""
    places = (number(request, "cursor"), number(request, "before"))
    arguments = (request.app[SETTINGS], int(request.match_info["id"]), _selection(request), *places)
    return show(request, "job.html", await in_db(request, _job_page, *arguments))


def _selection(request: web.Request) -> Selection:
    state = forms.asked(request).text("state") or None
    if state is not None and state not in set(State):
        raise errors.InvalidInput(f"state is one of {', '.join(State)}.")
    return Selection(state, " ".join(forms.asked(request).text("search").split()))


def _job_page(
    settings: Settings, job_id: int, selection: Selection, cursor: int | None, before: int | None
) -> dict[str, Any]:
    row = job_moves.job(job_id)
    found = job_view(settings, row)
    went = course(row, clock.now_ms())
    return {
        "job": found,
        "replies": replies.count(job_id, clock.now_ms()),
        "text": row.text,
        "attachments": uploads.attachments(row.attachments),
        "delays": [seconds(row.delay_min_ms), seconds(row.delay_max_ms)],
        "window": row.window,
        "daily_cap": row.daily_cap,
        "cloned_from": row.cloned_from,
        "rejected": len(row.rejected),
        "rates": {
            "now": rate(went.per_hour_now) if went.per_hour_now else None,
            "average": rate(went.per_hour) if went.per_hour is not None else None,
        },
        "course": _drawn(went),
        "clone_id": secrets.token_hex(16),
        "people": {name: words for name, words in PEOPLE.items() if _group(row, name)},
        **_recipients(row, selection, cursor, before),
    }


def _group(row: JobRow, name: str) -> int:
    return sum(getattr(row, state) for state in cloning.PEOPLE[name])


def _drawn(went: Course) -> dict[str, Any] | None:
    if not went.stretches:
        return None
    return {
        "bars": chart.bars(went.stretches, gettext("Outcomes over time, as in the table below")),
        "highest": chart.highest(went.stretches),
        "rows": [each for each in went.stretches if each.total],
        "accepted": any(each.accepted for each in went.stretches),
        "others": any(each.other for each in went.stretches),
        "failed": any(each.failed for each in went.stretches),
        "begins": went.stretches[0].at,
        "ends": went.stretches[-1].at + went.width_ms,
    }


def _recipients(row: JobRow, selection: Selection, cursor: int | None, before: int | None) -> dict[str, Any]:
    """The table of recipients with its filters and pages. An invalid search is explained beside its field."""
    error, searched = None, selection
    try:
        counts = recipients.counts(row, selection)
    except errors.InvalidInput as refused:
        error, searched = str(refused), Selection(selection.state)
        counts = recipients.counts(row, searched)
    selected = counts[searched.state] if searched.state else sum(counts.values())
    page = recipients.page(row, searched, cursor, before, ROWS_SHOWN) if selected else Page([], None, None)
    columns = name_columns(row.columns)
    query = {"state": searched.state, "search": searched.search}
    return {
        "state": searched.state,
        "search": selection.search,
        "search_error": error,
        "query": _query(**query),
        "found": sum(counts.values()),
        "selected": selected,
        "failed_found": counts[State.FAILED],
        "filters": [
            {
                "name": each.value,
                "count": counts[each],
                "meaning": MEANINGS[each],
                "query": _query(**query | {"state": each.value}),
            }
            for each in State
            if counts[each] or searched.state == each
        ],
        "everybody": _query(search=searched.search),
        "first_page": _query(**query) if page.before else None,
        "page_before": _query(before=page.before, **query) if page.before else None,
        "page_after": _query(cursor=page.after, **query) if page.after else None,
        "messages": [message_view(each, columns) for each in page.rows],
    }


def _query(**values: object) -> str:
    """The values that are set, as a query (`?…`); "" if none is."""
    given = {name: value for name, value in values.items() if value}
    return f"?{urlencode(given)}" if given else ""


@routes.post(r"/app/jobs/{id:\d{1,18}}/clone")
async def clone(request: web.Request) -> web.StreamResponse:
    """Duplicate the campaign as a draft. Its id comes from the page, so that a double click makes only one."""
    require_key(request)
    form = (await forms.read(request)).parsed(forms.CloneJob)
    given = (int(request.match_info["id"]), form.id, form.people, caller(request))
    draft = await timed(request, cloning.clone, *given)
    raise web.HTTPSeeOther(f"/app/drafts/{draft.id}/message")


@routes.get(r"/app/messages/{id:\d{1,18}}")
@members
async def message(request: web.Request) -> web.StreamResponse:
    """What happened to one recipient; `?state=` and `?search=` decide who comes before and after."""
    arguments = (request.app[SETTINGS], int(request.match_info["id"]), _selection(request))
    return show(request, "message.html", await in_db(request, _message_page, *arguments))


def _message_page(settings: Settings, message_id: int, selection: Selection) -> dict[str, Any]:
    row, events = queries.message(message_id)
    found = job_moves.job(row.job_id)
    row.job = found
    try:
        before, after = recipients.neighbours(row, selection)
    except errors.InvalidInput:
        selection = Selection()
        before, after = recipients.neighbours(row, selection)
    return {
        "job": job_view(settings, found),
        "message": message_view(row, name_columns(found.columns)),
        "fields": masking.fields(row.fields),
        "evidence": evidence.newest(message_id),
        "events": [
            {
                "at": each.at,
                "state": each.target,
                "what": MOVES.get(each.move, each.move),
                "why": each.why,
                "who": WHO.get(each.who, each.who),
                "known": each.who in WHO,
            }
            for each in events
        ],
        "delivered_at": row.delivered_at,
        "read_at": row.read_at,
        "query": _query(state=selection.state, search=selection.search),
        "before": before,
        "after": after,
    }


@routes.get("/app/decisions")
@members
async def decisions(request: web.Request) -> web.StreamResponse:
    """The uncertain messages of all campaigns or of `?job=`, each with what its chat looked like."""
    arguments = (number(request, "cursor"), number(request, "job"))
    return show(request, "decisions.html", await in_db(request, _decisions, *arguments))


def _decisions(cursor: int | None, job_id: int | None) -> dict[str, Any]:
    of = job_moves.job(job_id) if job_id is not None else None
    rows, after = queries.messages_everywhere(State.UNCERTAIN, cursor, DECISIONS_SHOWN, job_id)
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
    return {
        "cases": cases,
        "of": {"id": of.id, "name": of.name} if of else None,
        "first_page": _query(job=job_id) if cursor else None,
        "page_after": _query(cursor=after, job=job_id) if after else None,
    }


def _text(row: MessageRow) -> str:
    """The text of the message, for the person who looks for it in the chat."""
    text = row.job.text
    return template.render(template.compile(text), row.fields, row.number) if text.strip() else ""
