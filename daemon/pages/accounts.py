"""The WhatsApp accounts side by side: link, watch, limit, help, log out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, cast
from urllib.parse import quote

from aiohttp import web

from daemon import errors
from daemon.accounts import commands, directory, installed, limits, rights, status
from daemon.accounts.directory import AccountRow
from daemon.campaigns import by_account, removing
from daemon.config import Settings
from daemon.db import clock
from daemon.delivery import unreported
from daemon.i18n.coded import Coded
from daemon.i18n.languages import N_
from daemon.pages import account_forms, forms
from daemon.pages.asking import said
from daemon.pages.content import PageContent
from daemon.pages.forms import Posted
from daemon.pages.shell import members, only, show
from daemon.pages.views import AccountView, account_view
from daemon.pages.words import WAITS
from daemon.server.visitors import SETTINGS, caller, in_db, require_all_accounts, timed
from daemon.states import AccountState, Role

routes = web.RouteTableDef()

ASKED = {
    commands.What.SCREENSHOT: N_("Screenshot of the browser"),
    commands.What.LOG_OUT: N_("Log out"),
    commands.What.LINK_BY_CODE: N_("Code for a phone number"),
    commands.What.LINK_BY_QR: N_("Back to the QR code"),
    commands.What.RELOAD: N_("Reload WhatsApp Web"),
    commands.What.CHECK_PAGE: N_("Check the page"),
}
UNDER_WAY = {
    commands.Stage.ASKED: N_("Waiting until the current message is finished."),
    commands.Stage.TAKEN: N_("In progress."),
}
PAUSES = ("delay_min", "delay_max", "long_pause_min", "long_pause_max")
TRANSPORTS = {
    "browser": N_("WhatsApp Web"),
    "cloud": N_("Cloud API of WhatsApp"),
    "dryrun": N_("Dry run: nothing is sent"),
}
BAD = (commands.Stage.FAILED, commands.Stage.MISSED)


@routes.get("/app/accounts")
@members
async def overview(request: web.Request) -> web.StreamResponse:
    """All accounts."""
    return await _overview(request)


async def _overview(
    request: web.Request,
    name: str = "",
    form: Posted | None = None,
    error: errors.DaemonError | None = None,
    part: str = "",
) -> web.StreamResponse:
    """The page, with what was wrong in a form: part is `limits`, `link` or `remove` of an account, or `add`."""
    typed = (form or Posted()).texts((*limits.SHOWN, "number", "name"))
    late = isinstance(error, errors.EditConflict)
    wrong = Wrong(name, part, typed, said(error), late)
    asked = forms.asked(request)
    edited = name if part == "remove" or (form and form.text("whole")) else asked.text("edit")
    content = await in_db(request, _accounts, request.app[SETTINGS], wrong, edited, asked.text("saved"))
    busy = late or isinstance(error, errors.AccountHasWork)
    return show(request, content, 200 if error is None else 409 if busy else 422)


def _accounts(settings: Settings, wrong: Wrong, edited: str, saved: str) -> Accounts:
    now = clock.now_ms()
    rows = directory.every()
    cards, lacking = [_view(settings, row, now) for row in rows], status.lacking(settings, rows, now)
    return Accounts(cards, lacking, TRANSPORTS, settings, wrong, edited, saved)


@dataclass(frozen=True)
class Code:
    """The code that links a phone, in the two parts in which WhatsApp shows it; at: when it came, UTC ms."""

    parts: tuple[str, str]
    number: str | None
    at: int | None


@dataclass(frozen=True)
class Use:
    """How many messages were sent in a stretch of time, against its cap; 0 for none."""

    title: str
    used: int
    cap: int


@dataclass(frozen=True)
class Asked:
    """The last command as the card shows it. sentence: what came of it, or how far it is; at: UTC ms."""

    title: str
    sentence: str | Coded
    at: int
    open: bool
    bad: bool


@dataclass(frozen=True, kw_only=True)
class Card(AccountView):
    """The account as its card shows it. unheard: nothing comes by Meta's webhook. sends: whether anything may go out;
    own: its own limits as the form shows them; version: of those."""

    alive: bool
    unlinked: bool
    linked: bool
    code: Code | None
    slow_until: int | None
    canary_at: int | None
    uses: tuple[Use, ...]
    opens_at: int | None
    waits_for: str
    due: bool
    sends: bool
    jobs: Sequence[by_account.Campaign]
    limits: status.InForce
    own: Mapping[str, str]
    version: int
    command: Asked | None
    cloud: bool
    picture_at: int | None
    checked_at: int | None
    number: str | None
    removable: bool
    unheard: bool


@dataclass(frozen=True)
class Wrong:
    """What was wrong in a form. name: of the account, part: `limits` or `link`; form: what was entered, by field; late:
    whether somebody else has changed the limits since."""

    name: str
    part: str
    form: dict[str, str]
    error: str
    late: bool


@dataclass(frozen=True)
class Accounts(PageContent):
    """lacking: that some have no sender as there are too few; transports: by name, what they are called; edited: the
    account whose settings are all shown; saved: the one whose settings were just saved."""

    template: ClassVar = "accounts.html"
    here: ClassVar = "accounts"

    accounts: list[Card]
    lacking: Coded | None
    transports: Mapping[str, str]
    settings: Settings
    wrong: Wrong
    edited: str
    saved: str


def _view(settings: Settings, row: AccountRow, now: int) -> Card:
    report = status.report(settings, row, now)
    alive, state = report.alive, row.state
    unlinked = alive and state == AccountState.NEEDS_LINK
    return Card(
        **vars(account_view(row, now, with_pace=False)),  # the card says that with its end
        alive=alive,
        unlinked=unlinked,
        linked=alive and state in status.LINKED,
        code=_code(row) if unlinked and row.link_code else None,
        slow_until=report.slow_until,
        canary_at=report.canary_at,
        uses=_uses(report),
        opens_at=report.opens_at,
        waits_for=WAITS[report.opens_why],
        due=report.opens_at is None,
        sends=report.can_send or (alive and row.known_chats),
        jobs=by_account.jobs(row.name),
        limits=report.limits,
        own=_own(row),
        version=row.limits_version,
        command=_command(commands.last(row, now)),
        cloud=limits.settings_of(settings, row.name).transport == "cloud",
        picture_at=report.screenshot_at,
        checked_at=report.page_check_at,
        number=report.number,
        removable=row.name != settings.account,
        unheard=limits.settings_in(settings, row.name, row).transport == "cloud" and unreported.polls(row.name, now),
    )


def _code(row: AccountRow) -> Code:
    code = row.link_code or ""
    return Code((code[:4], code[4:]), row.link_number, row.link_code_at)


def _uses(report: status.Report) -> tuple[Use, ...]:
    return (
        Use(N_("Sent in the last 24 hours"), report.used.day, report.limits.daily_cap),
        Use(N_("Sent in the last hour"), report.used.hour, report.limits.hourly_cap),
    )


def _own(row: AccountRow) -> dict[str, str]:
    """The account's own limits as the form shows them: empty where the settings decide."""
    shown = {name: "" if (value := getattr(row, name)) is None else str(value) for name in limits.SHOWN}
    shown |= {name: f"{value:g}" for name in PAUSES if (value := getattr(row, name)) is not None}
    shown |= {"quiet_hours": forms.NO_HOURS} if row.quiet_hours == "" else {}
    return shown


def _command(last: commands.Asked | None) -> Asked | None:
    if last is None:
        return None
    sentence = last.outcome or UNDER_WAY[last.stage]
    under_way, bad = last.stage in UNDER_WAY, last.stage in BAD
    return Asked(ASKED[last.what], sentence, last.ended_at or last.at, under_way, bad)


@routes.post("/app/accounts/{name}/link")
@only(Role.OPERATOR)
async def link(request: web.Request) -> web.StreamResponse:
    """Link by a code for the number in the form; without a number, by the QR code again."""
    name, form = request.match_info["name"], await forms.read(request)
    try:
        asked = form.parsed(forms.LinkAccount)
        number = None if asked.qr else asked.number
        await timed(request, status.ask, request.app[SETTINGS], name, asked.what, caller(request), number=number)
    except (errors.InvalidInput, errors.IllegalMove) as error:
        return await _overview(request, name, form, error, "link")
    raise web.HTTPSeeOther(f"/app/accounts#account-{quote(name)}")


@routes.post("/app/accounts/{name}/zone")
@only(Role.ADMIN)
async def confirm_zone(request: web.Request) -> web.StreamResponse:
    """The account's time zone and country, as the first page asks for them."""
    name, form = request.match_info["name"], await forms.read(request)
    if name == request.app[SETTINGS].account and rights.may(name):
        await in_db(request, directory.ensure, name)
    given = {field: form.text(field) for field in ("timezone", "country")}
    own = cast(limits.Limits, {field: text for field, text in given.items() if text})
    if own:
        await in_db(request, limits.set_limits, name, own, caller(request))
    raise web.HTTPSeeOther("/app")


@routes.post("/app/accounts/{name}/limits")
@only(Role.ADMIN)
async def limit(request: web.Request) -> web.StreamResponse:
    """Rename it, set caps, pauses and so on; for an empty field the settings decide."""
    name, form = request.match_info["name"], await forms.read(request)
    try:
        asked = form.parsed(account_forms.AccountSettings)
        await in_db(request, limits.set_limits, name, asked.limits, caller(request), asked.version)
    except (errors.InvalidInput, errors.EditConflict) as error:
        return await _overview(request, name, form, error, "limits")
    raise web.HTTPSeeOther(f"/app/accounts?saved={quote(name)}#account-{quote(name)}")


@routes.post("/app/accounts")
@only(Role.ADMIN)
async def add(request: web.Request) -> web.StreamResponse:
    """Add an account."""
    require_all_accounts()
    form = await forms.read(request)
    try:
        asked = form.parsed(account_forms.NewAccount)
        own = limits.Limits(title=asked.title, transport=asked.transport)
        added = await timed(request, installed.add, request.app[SETTINGS], asked.name, own, caller(request))
    except (errors.InvalidInput, errors.IllegalMove) as error:
        return await _overview(request, "", form, error, "add")
    raise web.HTTPSeeOther(f"/app/accounts#account-{quote(added.name)}")


@routes.post("/app/accounts/{name}/remove")
@only(Role.ADMIN)
async def remove(request: web.Request) -> web.StreamResponse:
    """Remove the account; with `cancel` its campaigns are stopped first."""
    name, form = request.match_info["name"], await forms.read(request)
    cancel = form.parsed(account_forms.RemoveAccount).cancel
    try:
        await timed(request, removing.remove, request.app[SETTINGS], name, cancel, caller(request))
    except errors.IllegalMove as error:
        return await _overview(request, name, form, error, "remove")
    await timed(request, removing.finish, name)
    raise web.HTTPSeeOther("/app/accounts")
