"""New campaign: the dry run, and a test message."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from aiohttp import web

from daemon import errors
from daemon.accounts import limits, pacing, rights
from daemon.campaigns import draft_templates, drafts, dry_run, queries, recent_campaigns
from daemon.campaigns.dated import Dates
from daemon.campaigns.draft_content import Exclusion, Reason, Recent, Report
from daemon.campaigns.drafts import Draft
from daemon.campaigns.recent_campaigns import Got
from daemon.config import Settings
from daemon.contacts.columns import name_columns
from daemon.contacts.importer import Contact
from daemon.contacts.person import Person
from daemon.db import clock
from daemon.formats import placeholders
from daemon.i18n.coded import Coded
from daemon.i18n.instants import zone_name
from daemon.pages import forms
from daemon.pages.draft_when import elsewhere
from daemon.pages.forms import Posted
from daemon.pages.shell import only
from daemon.pages.steps import CONTENTS, PATH, StepContent, get_step, go, load, post_step, show_step
from daemon.pages.views import JobView, job_view
from daemon.pages.words import WAITS, lasts
from daemon.server.visitors import SETTINGS, caller, require_key, timed
from daemon.states import E164, PersonKey, Role

routes = web.RouteTableDef()

PAGE = 50
NOBODY = PersonKey("")


# The dry run


@routes.get(PATH + "/check")
@only(Role.OPERATOR)
async def check(request: web.Request) -> web.StreamResponse:
    """What the dry run found; `?reason=` lists the rows with that reason, a page at a time."""
    return await get_step(request, "check")


@routes.post(PATH + "/check")
async def run(request: web.Request) -> web.StreamResponse:
    """Check every recipient, and freeze the result."""
    return await post_step(request, "check", forms.DryRun, _run)


def _run(settings: Settings, draft: Draft, form: forms.DryRun, now: int) -> str | None:
    dry_run.run(settings, draft.id, draft.version, form.days, not form.keep, now)
    return f"/app/drafts/{draft.id}/check"


@dataclass(frozen=True)
class RowView:
    """A row of the sheet. words: who that is, or why nothing is sent there; who: beside a reason, who that is; got: the
    campaign that they got lately; due: when it is sent, where that is by a date of theirs."""

    row: int
    number: str
    words: str | Coded
    who: str = ""
    got: Got | None = None
    due: int | None = None


@dataclass(frozen=True)
class Shown:
    """A page of the rows with that reason, or of those who will get it (`people`); page, last: from 0."""

    reason: str
    rows: list[RowView]
    page: int
    last: int


@dataclass(frozen=True)
class CheckStep(StepContent):
    """found: the latest dry run; valid: whether it still holds; days, leave_out: as of the form; reasons, waits: in
    words, by code; free_text: as of the step message; nonce: against double clicks; lasts: how long it takes, in words;
    people: whose details a test message can use; shown: the rows that were asked for; account_zone, elsewhere: as of
    the step before."""

    template: ClassVar = "draft_check.html"

    found: Report | None
    valid: bool
    days: str
    leave_out: bool
    reasons: Mapping[Reason, str]
    test_number: str
    test_job: JobView | None
    nonce: str
    waits: Mapping[pacing.Why, str]
    foreign: Sequence[placeholders.Foreign]
    free_text: bool
    lasts: str
    people: list[RowView]
    shown: Shown | None
    account_zone: str
    elsewhere: str


def _check(settings: Settings, draft: Draft, entered: Posted, query: Posted) -> CheckStep:
    found, audience = dry_run.current(settings, draft, clock.now_ms())
    recent = draft.data.recent or Recent(days=drafts.RECENT_DAYS, leave_out=True)
    test = draft.data.test
    (job,) = queries.some_jobs({test.job} if test else ()) or (None,)
    names = name_columns(drafts.fields(draft))
    zone = account_zone(settings, draft)
    return CheckStep(
        account_zone=zone,
        elsewhere=elsewhere(zone),
        found=found,
        valid=found is not None and audience is not None,
        days=entered.text("days") if "days" in entered else str(recent.days),
        leave_out=entered.text("recent") != "keep" if "recent" in entered else recent.leave_out,
        reasons=dry_run.REASONS,
        test_number=entered.text("number") if "number" in entered else test.number if test else "",
        test_job=job_view(settings, job) if job else None,
        nonce=secrets.token_hex(8),
        waits=WAITS,
        foreign=[] if draft.data.template else placeholders.foreign(draft.data.text or "", drafts.fields(draft)),
        free_text=draft_templates.is_free_text(settings, draft),
        lasts=how_long(found) if found else "",
        people=[_person(each, names) for each in (audience or ())[:PAGE]],
        shown=_shown(settings, draft, found, audience, names, query)
        if found is not None and audience is not None
        else None,
    )


def account_zone(settings: Settings, draft: Draft) -> str:
    account = draft.data.when.account if draft.data.when else None
    return zone_name(limits.rules_of(settings, account or rights.usual(settings.account)).zone)


def _person(each: Contact, names: list[str]) -> RowView:
    return RowView(each.position, each.number, _called(each.fields, names))


def _due(dates: Dates | None, who: Contact) -> int | None:
    return dates.due(who.fields).at if dates else None


def _shown(
    settings: Settings, draft: Draft, found: Report, audience: Sequence[Contact], names: list[str], query: Posted
) -> Shown | None:
    reason, page = query.text("reason"), query.index("page")
    window = slice(page * PAGE, (page + 1) * PAGE)
    if reason == "people":
        dates = dry_run.dates(settings, draft)
        rows = [replace(_person(each, names), due=_due(dates, each)) for each in audience[window]]
        return Shown(reason, rows, page, (len(audience) - 1) // PAGE)
    if reason not in found.counts:
        return None
    left_out = [each for each in found.left_out if each.reason == reason]
    rows = _left_out(draft, found, left_out[window], names)
    return Shown(reason, rows, page, (len(left_out) - 1) // PAGE)


def _left_out(draft: Draft, found: Report, left_out: Sequence[Exclusion], names: list[str]) -> list[RowView]:
    """Why each of them is left out, and who that is; of whoever got a campaign recently, which one."""
    places = {each.row for each in left_out}
    called = {each.position: _called(each.fields, names) for each in drafts.people(draft) if each.position in places}
    recent = draft.data.recent or Recent(days=drafts.RECENT_DAYS, leave_out=True)
    keys = {each.row: Person(E164(each.value)).key for each in left_out if each.reason is Reason.RECENT}
    got = recent_campaigns.of(set(keys.values()), found.at - recent.days * pacing.DAY_MS, clock.now_ms())
    return [
        RowView(each.row, each.value, each.details, called.get(each.row, ""), got.get(keys.get(each.row, NOBODY)))
        for each in left_out
    ]


def how_long(found: Report) -> str:
    """How long it takes, in words; "" if it would never end."""
    return lasts(found.ends - found.starts) if found.ends and found.starts else ""


def _called(fields: Mapping[str, str], names: list[str]) -> str:
    return " ".join(filter(None, (fields.get(name, "") for name in names)))


# A test message


@routes.post(PATH + "/test")
async def test(request: web.Request) -> web.StreamResponse:
    """Send one of the messages to a number of one's own."""
    require_key(request)
    draft, entered = await load(request), await forms.read(request)
    try:
        form = entered.parsed(forms.Test)
        arguments = (draft.id, form.number, -1 if form.row is None else form.row, form.nonce, caller(request))
        await timed(request, dry_run.send_test, request.app[SETTINGS], *arguments)
    except (errors.InvalidInput, errors.EditConflict) as error:
        return await show_step(request, draft, "check", entered, error)
    return await go(request, f"/app/drafts/{draft.id}/check#test")


CONTENTS["check"] = _check
