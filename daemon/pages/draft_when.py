"""New campaign: when to send."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, ClassVar
from zoneinfo import ZoneInfo, available_timezones

from aiohttp import web
from pydantic import Field

from daemon import errors
from daemon.accounts import directory, limits, pacing, rights
from daemon.campaigns import create, dated, draft_columns, draft_order, draft_styles, drafts, scheduling, weekly
from daemon.campaigns.draft_content import Dated, SourceKind, Weekly, When
from daemon.campaigns.drafts import Draft
from daemon.campaigns.refusals import Why as OfCampaigns
from daemon.config import Settings
from daemon.db import clock
from daemon.formats import styles
from daemon.i18n import languages
from daemon.i18n.coded import Phrase
from daemon.i18n.instants import instant, zone_name
from daemon.pages import forms
from daemon.pages.forms import Posted
from daemon.pages.refusals import Why
from daemon.pages.shell import only
from daemon.pages.steps import CONTENTS, PATH, StepContent, get_step, post_step
from daemon.pages.words import WEEKDAYS
from daemon.states import Role

routes = web.RouteTableDef()
MOST_RUNS = 1_000
MOST_DAYS = 365
SAMPLED = 2_000  # rows that are looked through for dates


class WhenForm(forms.Step):
    """Name, beginning, window, cap, pauses and account. day: of the week, 1 for Monday; until: a date, "" for none;
    most: how many times, 0 for no such end; anew: whether the list is read each time; dated: whether each gets it by a
    date of theirs, so many days before or after it, order: what comes first in such a date."""

    name: forms.Text
    account: forms.Text
    delay_min: forms.Seconds
    delay_max: forms.Seconds
    opens: forms.Line = Field(alias="from")
    closes: forms.Line = Field(alias="to")
    daily_cap: Annotated[int, forms.whole(1, create.MAX_DAILY_CAP, Phrase("The most messages a day"), empty=0)]
    zone: forms.Text
    later: Annotated[bool, forms.is_("at")] = Field(alias="start")
    weekly: Annotated[bool, forms.is_("weekly")] = Field(alias="start")
    at: forms.Moment
    day: forms.Numbers
    time: forms.Line
    until: forms.Line
    most: Annotated[int, forms.whole(1, MOST_RUNS, Phrase("How many times"), empty=0)]
    anew: forms.Given
    dated: Annotated[bool, forms.is_("dated")] = Field(alias="start")
    dated_field: forms.Line
    dated_days: Annotated[int, forms.whole(0, MOST_DAYS, Phrase("The number of days"), empty=0)]
    dated_side: forms.Line
    dated_time: forms.Line
    dated_order: forms.Line


@routes.get(PATH + "/when")
@only(Role.OPERATOR)
async def when(request: web.Request) -> web.StreamResponse:
    """Name, time, window, cap, pauses, account."""
    return await get_step(request, "when")


@routes.post(PATH + "/when")
async def set_time(request: web.Request) -> web.StreamResponse:
    """Save the name, time, window, cap, pauses and account."""
    return await post_step(request, "when", WhenForm, _set_time)


@dataclass(frozen=True)
class WhenStep(StepContent):
    """values: of the form, by field; dates: the fields with dates, and whether it is unclear what comes first there;
    weekdays, days: all, and those that are ticked; anew, list_name: of a list that is read each time; account_zone,
    account_now: its time zone, and what time it is there; elsewhere: the browser's, where that is another one, else
    ""."""

    template: ClassVar = "draft_when.html"

    values: dict[str, str]
    accounts: Sequence[tuple[str, str]]
    zones: Sequence[str]
    dates: Mapping[str, bool]
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
    account = draft_order.account(settings, draft.data)
    rules, own = limits.rules_of(settings, account), limits.settings_of(settings, account)
    zone = zone_name(rules.zone)
    window = (kept.window or "-").partition("-")
    chosen, rule = zone_name(kept.zone or zone), kept.weekly
    at = shown_instant(kept.at, chosen) if kept.at and not rule else ""
    by = kept.dated
    usual_pauses = (own.delay_min, own.delay_max) if rules.paced else (0, 0)
    values = {
        "name": draft.name,
        "start": "weekly" if rule else "dated" if by else "at" if at else "now",
        "dated_field": by.field if by else "",
        "dated_days": str(abs(by.days)) if by else "2",
        "dated_side": ("before" if by.days < 0 else "after" if by.days else "on") if by else "before",
        "dated_time": by.time if by else "09:00",
        "dated_order": by.order if by else "",
        "time": rule.time if rule else "09:00",
        "until": instant(rule.until, ZoneInfo(chosen)).strftime("%Y-%m-%d") if rule and rule.until else "",
        "most": str(rule.most or "") if rule else "",
        "at": at,
        "zone": chosen,
        "from": window[0],
        "to": window[2],
        "daily_cap": str(kept.daily_cap or ""),
        "delay_min": f"{usual_pauses[0] if kept.delay_min is None else kept.delay_min:g}",
        "delay_max": f"{usual_pauses[1] if kept.delay_max is None else kept.delay_max:g}",
        "account": account,
    }
    if entered:
        values |= entered.texts(values)
    chosen_days = {day for day in range(7) if str(day) in entered.texts_of("day")} if entered else None
    source = draft.data.source
    usual = rights.usual(settings.account)
    known = {usual: usual} | {row.name: row.called for row in directory.every()}
    account_now = instant(clock.now_ms(), ZoneInfo(rules.zone)).strftime("%H:%M")
    return WhenStep(
        values=values,
        accounts=list(known.items()),
        zones=sorted({zone, languages.told_zone() or zone, values["zone"], "UTC"}),
        elsewhere=elsewhere(zone),
        account_zone=zone,
        account_now=account_now,
        dates=_dates(settings, draft),
        weekdays=tuple(enumerate(WEEKDAYS, 1)),
        days={day + 1 for day in rule.days} if chosen_days is None and rule else chosen_days or set(),
        anew=rule.anew if rule else False,
        list_name=source.name if source and source.kind is SourceKind.LIST else "",
        rules=rules,
        settings=own,
    )


def elsewhere(zone: str) -> str:
    """The browser's time zone where it is not the account's, else ""."""
    here = languages.told_zone()
    return here if here != zone_name(zone) else ""


def _dates(settings: Settings, draft: Draft) -> dict[str, bool]:
    """The fields that have dates, and whether it is unclear what comes first in them."""
    chosen, language = draft.data.columns, draft_styles.language(settings, draft.data)
    if chosen is None or chosen.phone is None:
        return {}
    sheet, found = draft_columns.rows(draft)[:SAMPLED], dict[str, bool]()
    for at, name in enumerate(chosen.names):
        cells = [row.cells[at] for row in sheet if at < len(row.cells)]
        unclear = dated.doubtful(cells, language) if name and at != chosen.phone else None
        if unclear is not None:
            found[name] = unclear and not chosen.styles.get(at, ("", ""))[1]
    return found


def _set_time(settings: Settings, draft: Draft, form: WhenForm, now: int) -> str | None:
    drafts.save(draft.id, draft.version, {"when": _chosen(settings, draft, form, now)}, now, form.name)
    return None


def _chosen(settings: Settings, draft: Draft, form: WhenForm, now: int) -> When:
    usual = rights.usual(settings.account)
    account, low, high = form.account or usual, form.delay_min, form.delay_max
    if account != usual and account not in {row.name for row in directory.every()}:
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
        at=_chosen_start(form, (draft.data.when or When()).at, now),
        weekly=_chosen_weekly(form),
        dated=_chosen_date(settings, draft, form) if form.dated else None,
    )


def _chosen_date(settings: Settings, draft: Draft, form: WhenForm) -> Dated:
    """By which date each gets it. Raises InvalidInput."""
    offered = _dates(settings, draft)
    if form.dated_field not in offered:
        raise errors.InvalidInput(Why.DATE_FIELD_NOT_LISTED)
    order = form.dated_order if form.dated_order in styles.ORDERS else ""
    if offered[form.dated_field] and not order:
        raise errors.InvalidInput(Why.DATE_ORDER_NOT_SAID)
    if not offered[form.dated_field]:
        order = dict(draft_styles.columns(draft.data) or ()).get(form.dated_field, styles.Column()).order
    days = {"before": -form.dated_days, "after": form.dated_days}.get(form.dated_side, 0)
    return Dated(field=form.dated_field, days=days, time=_time_of_day(form.dated_time, "dated_time"), order=order)


def _time_of_day(text: str, field: str) -> str:
    """Raises InvalidInput."""
    try:
        return time.fromisoformat(text).strftime("%H:%M")
    except ValueError:
        raise errors.InvalidInput(Why.TIME_NOT_GIVEN).at(field) from None


def _chosen_weekly(form: WhenForm) -> Weekly | None:
    """On which days it repeats, None for once. Raises InvalidInput."""
    if not form.weekly:
        return None
    days = tuple(sorted({day - 1 for day in form.day if day <= 7}))
    if not days:
        raise errors.InvalidInput(Why.WEEKDAYS_NOT_GIVEN)
    at = _time_of_day(form.time, "time")
    return Weekly(days=days, time=at, until=_last_day(form), most=form.most or None, anew=form.anew)


def _last_day(form: WhenForm) -> int | None:
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


def _chosen_start(form: WhenForm, before: int | None, now: int) -> int | None:
    """When to start, None for right away. before: when it was to start until now. A day that was entered beside "Right
    away" is asked about, not dropped."""
    if form.weekly:
        if form.zone not in available_timezones():
            raise errors.InvalidInput(Why.ZONE_NOT_LISTED)
        rule = _chosen_weekly(form)
        first = weekly.following(rule, form.zone, now) if rule else None
        if first is None:
            raise errors.InvalidInput(OfCampaigns.SERIES_NEVER)
        return first
    if form.dated:
        return None
    if form.later:
        return entered_instant(form.at, form.zone, before, now)
    if form.at is not None:
        raise errors.InvalidInput(Why.START_TWOFOLD)
    return None


def shown_instant(at: int, zone: str) -> str:
    """A time as the field for it takes it: to the minute, and without which of two it is when the clocks go back."""
    return instant(at, ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M")


def entered_instant(local: datetime | None, zone: str, before: int | None, now: int) -> int:
    """The time that was entered, as UTC ms. before: the one that the field had; it stays if nobody has changed that.
    Raises InvalidInput."""
    if zone not in available_timezones():
        raise errors.InvalidInput(Why.ZONE_NOT_LISTED)
    if local is None:
        raise errors.InvalidInput(Why.START_NOT_GIVEN)
    if before is not None and shown_instant(before, zone) == local.isoformat(timespec="minutes"):
        at = before
    else:
        at = round(local.replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)
    if at < now:
        raise errors.InvalidInput(Why.START_PASSED)
    if at > now + scheduling.LONGEST_AHEAD_MS:
        raise errors.InvalidInput(Why.START_TOO_LATE)
    if shown_instant(at, zone) != local.isoformat(timespec="minutes"):
        raise errors.InvalidInput(Why.START_SKIPPED)
    return at


CONTENTS["when"] = _when
