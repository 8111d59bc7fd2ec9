"""WhatsApp templates: those that Meta has for the accounts of the Cloud API, and a form for a new one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

from aiohttp import web
from markupsafe import Markup

from daemon import errors
from daemon.accounts import directory, limits
from daemon.campaigns import cloud_templates
from daemon.config import Settings
from daemon.formats import cloud_template, new_cloud_template
from daemon.formats.new_cloud_template import CATEGORIES, NewButton, NewTemplate
from daemon.i18n.coded import Coded
from daemon.i18n.languages import N_
from daemon.pages import forms
from daemon.pages.asking import said
from daemon.pages.content import PageContent
from daemon.pages.forms import Posted
from daemon.pages.shell import only, show
from daemon.pages.words import formatted
from daemon.server import cloud_graph
from daemon.server.problems import PROBLEMS
from daemon.server.visitors import SETTINGS, in_db, timed
from daemon.states import Role

routes = web.RouteTableDef()

PATH = "/app/cloud-templates"
ROWS = 3  # of the form's buttons
TONES = {"APPROVED": "good", "PENDING": "busy", "IN_APPEAL": "busy"}
DONE = {
    "synced": N_("The templates are as Meta has them now."),
    "created": N_("Meta has the template and will look at it. Its status changes here when Meta has decided."),
}
REFUSED = (errors.InvalidInput, errors.NotFound, errors.TransportError)


@dataclass(frozen=True)
class Shown:
    """A template in the overview. status: in our words, tone: its colour; reason: why Meta has rejected it."""

    id: int
    name: str
    language: str
    status: str
    tone: str
    category: str
    quality: str
    reason: str
    unusable: Coded | None
    header: str
    media: str
    html: Markup
    footer: str
    buttons: Sequence[str]
    values: str


@dataclass(frozen=True)
class OfAccount:
    """The templates of an account. live: it uses the Cloud API now, so Meta can be asked; synced_at: when that was last
    done, UTC ms."""

    name: str
    title: str
    live: bool
    synced_at: int | None
    templates: Sequence[Shown]


@dataclass(frozen=True)
class CloudTemplates(PageContent):
    template: ClassVar = "cloud_templates.html"
    here: ClassVar = "templates"

    accounts: Sequence[OfAccount]
    done: str
    error: str


@dataclass(frozen=True)
class NewForm(PageContent):
    """rows: of buttons."""

    template: ClassVar = "cloud_template_new.html"
    here: ClassVar = "templates"

    accounts: Sequence[tuple[str, str]]
    categories: Sequence[str]
    entered: Entered
    rows: Sequence[int]
    error: str
    max_body: int
    max_header: int
    max_footer: int
    max_button: int


@dataclass(frozen=True)
class Entered:
    """The form as it was filled in. examples: a line for each place of the body; buttons: text, address, example."""

    account: str = ""
    name: str = ""
    language: str = "en_US"
    category: str = "UTILITY"
    header: str = ""
    header_example: str = ""
    body: str = ""
    examples: str = ""
    footer: str = ""
    buttons: Sequence[tuple[str, str, str]] = field(default=(("", "", ""),) * ROWS)


class SyncForm(forms.Form):
    account: forms.Line


@routes.get(PATH)
@only(Role.OPERATOR)
async def every(request: web.Request) -> web.StreamResponse:
    """All templates, by account."""
    return await _overview(request)


async def _overview(request: web.Request, error: Exception | None = None) -> web.StreamResponse:
    found = await in_db(request, _accounts, request.app[SETTINGS])
    done = DONE.get(forms.asked(request).text("done"), "")
    return show(request, CloudTemplates(found, done, said(error)), _status(error))


def _status(error: Exception | None) -> int:
    kinds = type(error).__mro__ if error else ()
    return next((PROBLEMS[kind][0] for kind in kinds if kind in PROBLEMS), 200)


def _accounts(settings: Settings) -> list[OfAccount]:
    """Accounts of the Cloud API, and those that have templates of the time when they were one."""
    found: dict[str, list[cloud_templates.CloudTemplate]] = {}
    for row in cloud_templates.every():
        found.setdefault(row.account, []).append(row)
    shown = []
    for account in directory.every():
        live = limits.settings_of(settings, account.name).transport == "cloud"
        rows = found.get(account.name, [])
        if live or rows:
            synced_at = max((row.synced_at for row in rows), default=None)
            title = account.title or account.name
            shown.append(OfAccount(account.name, title, live, synced_at, [_shown(row) for row in rows]))
    return shown


def _shown(row: cloud_templates.CloudTemplate) -> Shown:
    shape = row.shape
    return Shown(
        id=row.id,
        name=row.name,
        language=row.language,
        status=cloud_templates.called(row.status),
        tone=TONES.get(row.status, "warn"),
        category=(row.category or "").lower(),
        quality=(row.quality or "").lower(),
        reason=(row.reason or "").lower().replace("_", " "),
        unusable=row.unusable,
        header=shape.header,
        media=shape.shows,
        html=formatted(shape.body),
        footer=shape.footer,
        buttons=[each.text for each in shape.buttons],
        values=", ".join(shape.wanted),
    )


@routes.post(f"{PATH}/sync")
@only(Role.OPERATOR)
async def sync(request: web.Request) -> web.StreamResponse:
    """Ask Meta for the templates of an account."""
    form = (await forms.read(request)).parsed(SyncForm)
    try:
        own = await in_db(request, cloud_graph.account, request.app[SETTINGS], form.account)
        found = await cloud_graph.templates(own)
        await timed(request, cloud_templates.sync, own.account, found)
    except REFUSED as error:
        return await _overview(request, error)
    raise web.HTTPSeeOther(f"{PATH}?done=synced")


@routes.get(f"{PATH}/new")
@only(Role.ADMIN)
async def new(request: web.Request) -> web.StreamResponse:
    """The form of a new template."""
    return await _form(request, Entered(account=forms.asked(request).text("account")))


async def _form(request: web.Request, entered: Entered, error: Exception | None = None) -> web.StreamResponse:
    accounts = await in_db(request, _accounts, request.app[SETTINGS])
    content = NewForm(
        accounts=[(each.name, each.title) for each in accounts if each.live],
        categories=CATEGORIES,
        entered=entered,
        rows=range(ROWS),
        error=said(error),
        max_body=new_cloud_template.MOST_BODY,
        max_header=new_cloud_template.MOST_HEADER,
        max_footer=new_cloud_template.MOST_FOOTER,
        max_button=new_cloud_template.MOST_BUTTON,
    )
    return show(request, content, _status(error))


@routes.post(f"{PATH}/new")
@only(Role.ADMIN)
async def create(request: web.Request) -> web.StreamResponse:
    """Hand the template in to Meta."""
    entered = _entered(await forms.read(request))
    try:
        own = await in_db(request, cloud_graph.account, request.app[SETTINGS], entered.account)
        wanted = _wanted(entered)
        made = await cloud_graph.create(own, wanted)
        await timed(request, partial(cloud_templates.made, own.account, wanted, made.id, made.status, made.category))
    except REFUSED as error:
        return await _form(request, entered, error)
    raise web.HTTPSeeOther(f"{PATH}?done=created")


def _entered(form: Posted) -> Entered:
    names = ("account", "name", "language", "category", "header", "header_example", "body", "examples", "footer")
    given = {name: form.text(name).strip() for name in names}
    buttons = [
        (form.text(f"text-{at}").strip(), form.text(f"url-{at}").strip(), form.text(f"example-{at}").strip())
        for at in range(ROWS)
    ]
    return Entered(**given, buttons=buttons)


def _wanted(entered: Entered) -> NewTemplate:
    lines = [line.strip() for line in entered.examples.splitlines()]
    places = cloud_template.places(entered.body)
    return NewTemplate(
        name=entered.name,
        language=entered.language,
        category=entered.category,
        body=entered.body,
        examples=dict(zip(places, lines, strict=False)),
        header=entered.header,
        header_example=entered.header_example,
        footer=entered.footer,
        buttons=[NewButton(*each) for each in entered.buttons if any(each)],
    )
