"""What a person does to a campaign that waits for its time, on its page: move it, start it now, edit it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from aiohttp import web

from daemon.accounts import limits
from daemon.campaigns import cloning, queries, scheduling
from daemon.campaigns.rows import JobRow
from daemon.config import Settings
from daemon.delivery import job_moves
from daemon.pages import forms
from daemon.pages.draft_when import shown_instant
from daemon.server.visitors import SETTINGS, caller, require_key, timed

routes = web.RouteTableDef()
JOB = r"/app/jobs/{id:\d{1,18}}"


class DraftFor(forms.Form):
    """The id of a draft that is to be made."""

    id: forms.DraftId


@dataclass(frozen=True)
class Scheduled:
    """A campaign's time, as its form shows it. zone: its account's; draft_id: of the draft that would be made; error:
    what was wrong with the time that was entered."""

    at: str
    zone: str
    draft_id: str
    error: str = ""


def scheduled(settings: Settings, row: JobRow) -> Scheduled | None:
    """None for a campaign that does not wait for its time."""
    if row.schedule_at is None or not job_moves.waits_to_begin(row.started_at, row.schedule_at, row.state):
        return None
    zone = limits.rules_of(settings, row.account).zone
    return Scheduled(shown_instant(row.schedule_at, zone), zone, secrets.token_hex(16))


@routes.post(JOB + "/start")
async def start_now(request: web.Request) -> web.StreamResponse:
    """Start it before its time."""
    require_key(request)
    job_id = int(request.match_info["id"])
    await timed(request, scheduling.start, job_id, caller(request))
    raise web.HTTPSeeOther(f"/app/jobs/{job_id}")


@routes.post(JOB + "/edit")
async def edit(request: web.Request) -> web.StreamResponse:
    """Make a draft of it, which takes its place when it is started."""
    require_key(request)
    form = (await forms.read(request)).parsed(DraftFor)
    given = (request.app[SETTINGS], int(request.match_info["id"]), form.id, caller(request))
    draft_id = await timed(request, _edit, *given)
    raise web.HTTPSeeOther(f"/app/drafts/{draft_id}/message")


def _edit(settings: Settings, job_id: int, draft_id: str, who: str, now: int) -> str:
    zone = limits.rules_of(settings, queries.job(job_id).account).zone
    return cloning.edit(job_id, draft_id, zone, who, now).id
