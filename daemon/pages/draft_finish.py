"""New campaign: when to send, the dry run, a test message."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo, available_timezones

from aiohttp import web

from daemon import errors
from daemon.accounts import directory, limits, pacing
from daemon.campaigns import drafts, dry_run, queries, recent_campaigns, scheduling, weekly
from daemon.campaigns.draft_content import Exclusion, Reason, Recent, Report, SourceKind, Weekly, When
from daemon.campaigns.drafts import Draft
from daemon.campaigns.recent_campaigns import Got
from daemon.campaigns.refusals import Why as OfCampaigns
from daemon.config import Settings
from daemon.contacts.columns import name_columns
from daemon.contacts.importer import Contact
from daemon.contacts.person import Person
from daemon.db import clock
from daemon.formats import placeholders
from daemon.i18n import languages
from daemon.i18n.coded import Coded
from daemon.i18n.instants import instant, zone_name
from daemon.pages import forms
from daemon.pages.forms import Posted
from daemon.pages.refusals import Why
from daemon.pages.shell import only
from daemon.pages.steps import CONTENTS, PATH, StepContent, get_step, go, load, post_step, show_step
from daemon.pages.views import JobView, job_view
from daemon.pages.words import WAITS, WEEKDAYS, lasts
from daemon.server.visitors import SETTINGS, caller, require_key, timed
from daemon.states import E164, PersonKey, Role

routes = web.RouteTableDef()

PAGE = 50
NOBODY = PersonKey("")


# When


@routes.get(PATH + "/when")
@only(Role.OPERATOR)
async def when(request: web.Request) -> web.StreamResponse:
    """Name, time, window, cap, pauses, account."""
    return await get_step(request, "when")


@routes.post(PATH + "/when")
async def set_time(request: web.Request) -> web.StreamResponse:
    """Save the name, time, window, cap, pauses and account."""
    return await post_step(request, "when", forms.When, _set_time)


@dataclass(frozen=True)
class WhenStep(StepContent):
    """values: of the form, by field; weekdays, days: all, and those that are ticked; anew, list_name: of a list that is
    read each time; account_zone, account_now: its time zone, and what time it is there; elsewhere:
    the browser's, where that is another one, else ""."""

    template: ClassVar = "draft_when.html"

    values: dict[str, str]
    accounts: Sequence[str]
    zones: Sequence[str]
    account_zone: str
    elsewhere: str
    account_now: str
    weekdays: Sequence[tuple[int, str]]
    days: Collection[int]
    anew: bool
    list_name: str
    rules: pacing.Rules
    settings: Settings


def _when(settings: Settings, draft: Draft, entered: Posted, query: Posted) -> WhenStep:
    kept = draft.data.when or When()
    account = kept.account or settings.account
    rules = limits.rules_of(settings, account)
    zone = zone_name(rules.zone)
    window = (kept.window or "-").partition("-")
    chosen, rule = zone_name(kept.zone or zone), kept.weekly
    at = instant(kept.at, ZoneInfo(chosen)) if kept.at and not rule else None
    values = {
        "name": draft.name,
        "start": "weekly" if rule else "at" if at else "now",
        "time": rule.time if rule else "09:00",
        "until": instant(rule.until, ZoneInfo(chosen)).strftime("%Y-%m-%d") if rule and rule.until else "",
        "most": str(rule.most or "") if rule else "",
        "at": at.strftime("%Y-%m-%dT%H:%M") if at else "",
        "zone": chosen,
        "from": window[0],
        "to": window[2],
        "daily_cap": str(kept.daily_cap or ""),
        "delay_min": f"{settings.delay_min if kept.delay_min is None else kept.delay_min:g}",
        "delay_max": f"{settings.delay_max if kept.delay_max is None else kept.delay_max:g}",
        "account": account,
    }
    if entered:
        values |= entered.texts(values)
    chosen_days = {int(day) for day in entered.texts_of("day") if day.isdecimal()} if entered else None
    source = draft.data.source
    known = [row.name for row in directory.every() if row.name != settings.account]
    account_now = instant(clock.now_ms(), ZoneInfo(rules.zone)).strftime("%H:%M")
    return WhenStep(
        values=values,
        accounts=[settings.account, *known],
        zones=sorted({zone, languages.told_zone() or zone, values["zone"], "UTC"}),
        elsewhere=elsewhere(zone),
        account_zone=zone,
        account_now=account_now,
        weekdays=tuple(enumerate(WEEKDAYS, 1)),
        days={day + 1 for day in rule.days} if chosen_days is None and rule else chosen_days or set(),
        anew=rule.anew if rule else False,
        list_name=source.name if source and source.kind is SourceKind.LIST else "",
        rules=rules,
        settings=settings,
    )


def elsewhere(zone: str) -> str:
    """The browser's time zone where it is not the account's, else ""."""
    here = languages.told_zone()
    return here if here != zone_name(zone) else ""


def _set_time(settings: Settings, draft: Draft, form: forms.When, now: int) -> str | None:
    drafts.save(draft.id, draft.version, {"when": _chosen(settings, form, now)}, now, form.name)
    return None


def _chosen(settings: Settings, form: forms.When, now: int) -> When:
    account, low, high = form.account or settings.account, form.delay_min, form.delay_max
    if account != settings.account and account not in {row.name for row in directory.every()}:
        raise errors.InvalidInput(Why.ACCOUNT_NOT_LISTED)
    if low > high:
        raise errors.InvalidInput(Why.PAUSE_REVERSED)
    start, end = form.opens[:5], form.closes[:5]
    window = f"{start}-{end}" if start or end else None
    try:
        pacing.window(window)
    except ValueError:
        raise errors.InvalidInput(Why.HOURS_NOT_DIFFERENT) from None
    return When(
        account=account,
        delay_min=low,
        delay_max=high,
        window=window,
        daily_cap=form.daily_cap,
        zone=form.zone,
        at=_chosen_start(form, now),
        weekly=_chosen_weekly(form),
    )


def _chosen_weekly(form: forms.When) -> Weekly | None:
    """On which days it repeats, None for once. Raises InvalidInput."""
    if not form.weekly:
        return None
    days = tuple(sorted({day - 1 for day in form.day if day <= 7}))
    if not days:
        raise errors.InvalidInput(Why.WEEKDAYS_NOT_GIVEN)
    try:
        at = time.fromisoformat(form.time).strftime("%H:%M")
    except ValueError:
        raise errors.InvalidInput(Why.TIME_NOT_GIVEN) from None
    return Weekly(days=days, time=at, until=_last_day(form), most=form.most or None, anew=form.anew)


def _last_day(form: forms.When) -> int | None:
    """The end of the last day, UTC ms. Raises InvalidInput."""
    if not form.until:
        return None
    if form.zone not in available_timezones():
        raise errors.InvalidInput(Why.ZONE_NOT_LISTED)
    try:
        after = date.fromisoformat(form.until) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise errors.InvalidInput(Why.UNTIL_UNFIT) from None
    return round(datetime.combine(after, time(), ZoneInfo(form.zone)).timestamp() * 1000) - 1


def _chosen_start(form: forms.When, now: int) -> int | None:
    """When to start, None for right away. A day that was entered beside "Right away" is asked about, not dropped."""
    if form.weekly:
        if form.zone not in available_timezones():
            raise errors.InvalidInput(Why.ZONE_NOT_LISTED)
        rule = _chosen_weekly(form)
        first = weekly.following(rule, form.zone, now) if rule else None
        if first is None:
            raise errors.InvalidInput(OfCampaigns.SERIES_NEVER)
        return first
    if form.later:
        return entered_instant(form.at, form.zone, now)
    if form.at is not None:
        raise errors.InvalidInput(Why.START_TWOFOLD)
    return None


def entered_instant(local: datetime | None, zone: str, now: int) -> int:
    """The time that was entered, as UTC ms. Raises InvalidInput."""
    if zone not in available_timezones():
        raise errors.InvalidInput(Why.ZONE_NOT_LISTED)
    if local is None:
        raise errors.InvalidInput(Why.START_NOT_GIVEN)
    at = round(local.replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)
    if at < now:
        raise errors.InvalidInput(Why.START_PASSED)
    if at > now + scheduling.LONGEST_AHEAD_MS:
        raise errors.InvalidInput(Why.START_TOO_LATE)
    return at


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
    campaign that they got lately."""

    row: int
    number: str
    words: str | Coded
    who: str = ""
    got: Got | None = None


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
    words, by code; nonce: against double clicks; lasts: how long it takes, in words; people: whose details a test
    message can use; shown: the rows that were asked for; account_zone, elsewhere: as of the step before."""

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
        foreign=placeholders.foreign(draft.data.text or "", drafts.fields(draft)),
        lasts=how_long(found) if found else "",
        people=[_person(each, names) for each in (audience or ())[:PAGE]],
        shown=_shown(draft, found, audience, names, query) if found is not None and audience is not None else None,
    )


def account_zone(settings: Settings, draft: Draft) -> str:
    account = draft.data.when.account if draft.data.when else None
    return zone_name(limits.rules_of(settings, account or settings.account).zone)


def _person(each: Contact, names: list[str]) -> RowView:
    return RowView(each.position, each.number, _called(each.fields, names))


def _shown(draft: Draft, found: Report, audience: Sequence[Contact], names: list[str], query: Posted) -> Shown | None:
    reason, page = query.text("reason"), query.index("page")
    window = slice(page * PAGE, (page + 1) * PAGE)
    if reason == "people":
        rows = [_person(each, names) for each in audience[window]]
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


CONTENTS["when"] = _when
CONTENTS["check"] = _check
