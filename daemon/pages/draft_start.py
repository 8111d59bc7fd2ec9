"""New campaign, the last step: what will be sent, to whom and when, and the start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web
from markupsafe import Markup

from daemon import errors
from daemon.accounts import limits, rights
from daemon.campaigns import careful, draft_files, drafts, dry_run, series
from daemon.campaigns.careful import Figures
from daemon.campaigns.draft_content import Report, When
from daemon.campaigns.drafts import Draft
from daemon.config import Settings
from daemon.contacts import uploads
from daemon.db import clock
from daemon.pages import forms, working
from daemon.pages.draft_finish import account_zone, how_long
from daemon.pages.draft_when import elsewhere
from daemon.pages.forms import Posted
from daemon.pages.refusals import Why
from daemon.pages.shell import only
from daemon.pages.steps import CONTENTS, PATH, StepContent, get_step, go, load, show_step
from daemon.pages.words import formatted
from daemon.server import heavy
from daemon.server.visitors import SETTINGS, caller, in_db, require_key
from daemon.states import Role

routes = web.RouteTableDef()


class Begin(forms.Versioned):
    """sure: what is asked about a large campaign was answered."""

    sure: forms.Given


@routes.get(PATH + "/start")
@only(Role.OPERATOR)
async def confirm(request: web.Request) -> web.StreamResponse:
    """A summary of who gets what and when, before anything is sent."""
    return await get_step(request, "start")


@dataclass(frozen=True)
class StartStep(StepContent):
    """audience: how many get it, own: how many of these a file of their own; chosen: the time and pace; html: the first
    one's message; lasts: how long it takes, in words."""

    template: ClassVar = "draft_start.html"

    found: Report | None
    audience: int
    files: Sequence[uploads.Attachment]
    own: int
    chosen: When
    account_zone: str
    elsewhere: str
    html: Markup
    lasts: str
    asks: Figures | None


def _start(settings: Settings, draft: Draft, entered: Posted, query: Posted) -> StartStep:
    found, audience = dry_run.current(settings, draft, clock.now_ms())
    audience = audience or []
    files = draft_files.attached(draft.data)
    when = draft.data.when or When()
    first = audience[0] if audience else None
    text = draft.data.text or ""
    shown = dry_run.preview(text, first, drafts.fields(draft), dry_run.styles(settings, draft)).text
    zone = account_zone(settings, draft)
    return StartStep(
        found=found,
        audience=len(audience),
        files=files,
        own=sum(each.attachments is not None for each in audience),
        chosen=when,
        account_zone=zone,
        elsewhere=elsewhere(zone),
        html=formatted(shown),
        lasts=how_long(found) if found else "",
        asks=_asks(settings, draft, found),
    )


def _asks(settings: Settings, draft: Draft, found: Report | None) -> Figures | None:
    if found is None or found.starts is None or found.ends is None:
        return None
    when = draft.data.when or When()
    caps = (limits.rules_of(settings, when.account or rights.usual(settings.account)).daily_cap, when.daily_cap)
    return careful.figures(found.people, found.warnings.fresh, caps, found.ends - found.starts)


def _confirmed(settings: Settings, draft: Draft) -> None:
    """Raises InvalidInput where the start has to be asked about and was not answered."""
    found, audience = dry_run.current(settings, draft, clock.now_ms())
    if audience and _asks(settings, draft, found):
        raise errors.InvalidInput(Why.START_NOT_CONFIRMED)


@routes.post(PATH + "/start")
async def start(request: web.Request) -> web.StreamResponse:
    """Start the campaign. Pressing it twice, or going back in the browser, does not start a second one."""
    require_key(request)
    form = (await forms.read(request)).parsed(Begin)
    draft = await load(request)
    if not form.sure:
        try:
            await in_db(request, _confirmed, request.app[SETTINGS], draft)
        except errors.InvalidInput as error:
            return await show_step(request, draft, "start", None, error)
    arguments = (draft.id, -1 if form.version is None else form.version, caller(request))
    try:
        size = draft.data.source.size if draft.data.source else 0

        repeats = draft.data.when is not None and draft.data.when.weekly is not None
        start = series.begin if repeats else drafts.start

        async def all_of_it() -> str:
            made = await heavy.timed(request, size, start, request.app[SETTINGS], *arguments)
            return f"/app/{'series' if repeats else 'jobs'}/{made}"

        goal = await working.done(request, draft.id, "check", Posted(), all_of_it)
    except (errors.InvalidInput, errors.EditConflict, errors.NotFound, errors.IllegalMove) as error:
        return await show_step(request, await load(request), "check", None, error)
    return await go(request, goal or f"/app/drafts/{draft.id}/work")


CONTENTS["start"] = _start
