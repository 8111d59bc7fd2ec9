"""Moving a scheduled campaign to another time, on its page; a mistake stands at its field there."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from daemon import errors
from daemon.accounts import limits
from daemon.campaigns import queries, scheduling
from daemon.config import Settings
from daemon.pages import forms
from daemon.pages.asking import said
from daemon.pages.draft_when import entered_instant
from daemon.pages.jobs import shown
from daemon.pages.scheduled import JOB
from daemon.pages.shell import show
from daemon.server.visitors import SETTINGS, caller, require_key, timed

routes = web.RouteTableDef()


class Reschedule(forms.Form):
    """When a scheduled campaign starts, in its account's zone."""

    at: forms.Moment


@routes.post(JOB + "/reschedule")
async def reschedule(request: web.Request) -> web.StreamResponse:
    """Let it start at another time."""
    require_key(request)
    entered, job_id = await forms.read(request), int(request.match_info["id"])
    try:
        await timed(request, _move, request.app[SETTINGS], job_id, entered.parsed(Reschedule), caller(request))
    except errors.InvalidInput as error:
        page, table = await shown(request)
        if page.scheduled is None:
            raise
        wrong = replace(page.scheduled, at=entered.text("at"), error=said(error))
        return show(request, replace(page, scheduled=wrong), 422, table)
    raise web.HTTPSeeOther(f"/app/jobs/{job_id}")


def _move(settings: Settings, job_id: int, form: Reschedule, who: str, now: int) -> None:
    row = queries.job(job_id)
    zone = limits.rules_of(settings, row.account).zone
    scheduling.move(job_id, entered_instant(form.at, zone, row.schedule_at, now), who, now)
