"""The first page: what needs somebody, the accounts, a week in figures, and the campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar
from urllib.parse import urlencode

from aiohttp import web
from babel.dates import format_date

from daemon.accounts import directory, handovers, pacing, rights, status
from daemon.accounts.directory import AccountRow
from daemon.campaigns import overview as figures
from daemon.campaigns import queries
from daemon.campaigns.funnel import Funnel
from daemon.campaigns.queries import Listed
from daemon.campaigns.rows import JobRow
from daemon.config import Settings
from daemon.db import clock
from daemon.i18n import languages
from daemon.i18n.languages import N_, amount, gettext
from daemon.pages import chart, forms, job_tabs
from daemon.pages.content import PageContent
from daemon.pages.draft_numbers import countries
from daemon.pages.shell import members, number, show
from daemon.pages.views import AccountView, JobView, account_view, job_view
from daemon.pages.words import WAITS
from daemon.server import access
from daemon.server.visitors import SETTINGS, in_db, require_key, visitor
from daemon.states import OUT, Role
from daemon.webhooks import subscriptions

routes = web.RouteTableDef()

JOBS_SHOWN = 20
LONGEST = 200  # characters of a search
SHOWS = {  # which campaigns are listed, in words
    "": N_("All"),
    "open": N_("Not over yet"),
    "over": N_("Over"),
    "archived": N_("Archived"),
}
TILES = {"sent": N_("Sent"), "delivered": N_("Delivered"), "read": N_("Read"), "replied": N_("Replied")}
CHECKLIST_COOKIE = "wasender_checklist"
PUT_AWAY = "put-away"


@dataclass(frozen=True, kw_only=True)
class Strip(AccountView):
    """An account in one line. number: its own, None where it is not known; used, cap: messages of the last 24 hours and
    how many there may be, 0 for no cap; next_at, waits_for: when the next message may go out (UTC ms) and what it waits
    for, None if none does."""

    number: str | None
    used: int
    cap: int
    next_at: int | None
    waits_for: str


@dataclass(frozen=True)
class Tile:
    """A figure of the last seven days, with a line through them. total: of all; days: of each."""

    name: str
    called: str
    total: int
    line: chart.Picture
    days: list[int]


@dataclass(frozen=True)
class Row:
    """A campaign in the table."""

    job: JobView
    funnel: Funnel
    made_by: job_tabs.By | None


@dataclass(frozen=True)
class Overview(PageContent):
    """undecided: how many messages a person has to decide about; webhooks: id and name of those that were disabled as
    nothing arrived, for who manages them; cursor: of this page, None for the first; after: of
    the next page; shows, search, account: what is listed, choices: of the first; newest, older: their queries;
    unconfirmed: accounts whose time zone is only this machine's, machine_zone: that one, reader_zone: the browser's, ""
    where it has not told; checklist: the first steps while they are not done, country: the likely one."""

    template: ClassVar = "overview.html"
    here: ClassVar = "campaigns"

    accounts: list[Strip]
    needs: figures.Needs
    webhooks: list[tuple[int, str]]
    tiles: list[Tile]
    days: list[str]
    rows: list[Row]
    choices: dict[str, str]
    shows: str
    search: str
    account: str
    any_jobs: bool
    cursor: int | None
    newest: str
    older: str
    unconfirmed: list[str]
    machine_zone: str
    reader_zone: str
    checklist: figures.Steps | None
    countries: list[tuple[str, str]]
    country: str


@routes.get("/app")
@members
async def overview(request: web.Request) -> web.StreamResponse:
    """The accounts and the campaigns; `?show=` and `?search=` say which of these."""
    asked = forms.asked(request)
    shows = asked.text("show")
    search = " ".join(asked.text("search").split())[:LONGEST]
    account = asked.text("account")[:LONGEST]
    put_away = request.cookies.get(CHECKLIST_COOKIE) == PUT_AWAY
    given = (number(request, "cursor"), shows if shows in SHOWS else "", search, account, put_away)
    return show(request, await in_db(request, _overview, request.app[SETTINGS], *given))


@routes.post("/app/checklist")
async def put_checklist_away(request: web.Request) -> web.StreamResponse:
    """Do not show the first steps in this browser any more."""
    require_key(request)
    await forms.read(request)
    response = web.HTTPSeeOther("/app")
    access.remember(request, response, CHECKLIST_COOKIE, PUT_AWAY)
    raise response


def _overview(
    settings: Settings, cursor: int | None, shows: str, search: str, account: str, put_away: bool
) -> Overview:
    now = clock.now_ms()
    accounts = directory.every()
    over = {"open": False, "over": True}.get(shows)
    rows, after = queries.overview(Listed(shows == "archived", over, search, account), cursor, JOBS_SHOWN)
    steps = figures.steps(settings, now)
    week = figures.week(now, languages.zone.get())
    zoned = {settings.account: None, **{row.name: row.timezone for row in accounts}}
    unsure = [] if settings.timezone else sorted(name for name, zone in zoned.items() if not zone and rights.may(name))
    kept = {name: value for name, value in {"show": shows, "search": search, "account": account}.items() if value}
    first = not settings.default_country and not any(row.country for row in accounts)
    return Overview(
        accounts=[_strip(settings, row, now) for row in accounts],
        needs=figures.needs(settings, now),
        webhooks=subscriptions.in_trouble() if _manages_all() else [],
        tiles=[_tile(name, week) for name in TILES],
        days=[format_date(day.on, "EEE d MMM", locale=languages.language.get()) for day in week],
        rows=[_row(settings, row) for row in rows],
        choices=SHOWS,
        shows=shows,
        search=search,
        account=account,
        any_jobs=bool(rows) or bool(kept) or bool(cursor) or queries.archived() > 0,
        cursor=cursor,
        newest="?" + urlencode(kept) if kept else "",
        older="?" + urlencode(kept | {"cursor": after}) if after else "",
        unconfirmed=unsure,
        machine_zone=settings.zone,
        reader_zone=languages.told_zone(),
        checklist=None if put_away or steps.done() else steps,
        countries=countries(languages.language.get()) if first else [],
        country=figures.likely_country(languages.told_zone() or settings.zone),
    )


def _manages_all() -> bool:
    who = visitor.get()
    return who is not None and who.role >= Role.ADMIN and not rights.limited()


def _strip(settings: Settings, row: AccountRow, now: int) -> Strip:
    rules = status.rules(settings, row)
    waiting = queries.has_waiting(row.name)
    report = status.report(settings, row, now) if waiting else None
    return Strip(
        **vars(account_view(row, now)),
        number=directory.number(settings, row.name),
        used=handovers.count(row.name, now - pacing.DAY_MS, now),
        cap=rules.daily_cap,
        next_at=(report.opens_at or now) if report and report.can_send else None,
        waits_for=WAITS[report.opens_why] if report else "",
    )


def _row(settings: Settings, row: JobRow) -> Row:
    sent = sum(getattr(row, state.value) for state in OUT)
    reached = Funnel(row.total, sent, row.delivered + row.read, row.read, row.replied, 0)
    return Row(job_view(settings, row), reached, job_tabs.by(row.made_by))


def _tile(name: str, week: Sequence[figures.Day]) -> Tile:
    days = [getattr(day, name) for day in week]
    tips = [f"{_day(day.on)}: {amount(value)}" for day, value in zip(week, days, strict=True)]
    called = gettext(TILES[name])
    return Tile(name, called, sum(days), chart.line(days, ", ".join([called, *tips]), tips), days)


def _day(on: date) -> str:
    return format_date(on, "full", locale=languages.language.get())
