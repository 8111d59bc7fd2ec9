"""What is known of one person: handed out as a file, or erased, for those who may do what cannot be undone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import ClassVar

from aiohttp import web

from daemon import errors
from daemon.config import Settings
from daemon.i18n.languages import N_, amount, gettext
from daemon.ops import erase, keeping, people
from daemon.ops.erase import Done
from daemon.pages import forms
from daemon.pages.asking import said
from daemon.pages.content import PageContent
from daemon.pages.shell import only, show
from daemon.server.visitors import SETTINGS, caller, in_db, timed
from daemon.states import Role

routes = web.RouteTableDef()


CALLED = {
    "texts": N_("texts of campaigns"),
    "fields": N_("fields of recipients"),
    "rejected": N_("rejected rows"),
    "history": N_("history of messages"),
    "recipients": N_("recipients (counts stay)"),
    "archive": N_("uncompressed history"),
    "replies": N_("replies"),
    "evidence": N_("texts and screenshots of checked chats"),
    "drafts": N_("drafts that were never started"),
    "uploads": N_("uploads"),
}


@dataclass(frozen=True)
class Kept:
    """A kind, what it is called, and for how many days it is kept (0: for ever); the rest as in `keeping.Held`."""

    called: str
    days: int
    there: str
    due: str
    removed_at: int | None
    removed: int


@dataclass(frozen=True)
class Privacy(PageContent):
    """number: as it was entered; sure: whether it is asked if that person is to be erased; done: they were; kinds: what
    is kept how long."""

    template: ClassVar = "privacy.html"
    here: ClassVar = "privacy"

    number: str = ""
    error: str | None = None
    sure: bool = False
    done: Done | None = None
    kinds: list[Kept] = field(default_factory=list)


class OfPerson(forms.Form):
    """number: in any notation; sure: set where the question was answered."""

    number: forms.Line
    sure: forms.Line


@routes.get("/app/privacy")
@only(Role.ADMIN, everywhere=True)
async def privacy(request: web.Request) -> web.StreamResponse:
    """The form."""
    return show(request, Privacy(kinds=await timed(request, _kinds, request.app[SETTINGS])))


def _kinds(settings: Settings, now: int) -> list[Kept]:
    return [
        Kept(CALLED[each.kind], each.days, _many(each.there), _many(each.due), each.removed_at, each.removed)
        for each in keeping.held(settings, now)
    ]


def _many(count: int) -> str:
    return amount(count) if count < keeping.MANY else gettext("%(count)s or more") % {"count": amount(count)}


@routes.post("/app/privacy/export")
@only(Role.ADMIN, everywhere=True)
async def export(request: web.Request) -> web.StreamResponse:
    """All that is known of them, as a file. The number is not in the address, where others might keep it."""
    form = (await forms.read(request)).parsed(OfPerson)
    try:
        known = await in_db(request, people.known, request.app[SETTINGS], form.number)
    except errors.InvalidInput as error:
        return show(request, Privacy(form.number, said(error)), 422)
    text = json.dumps(vars(known), ensure_ascii=False, indent=2)
    headers = {"Content-Disposition": 'attachment; filename="person.json"', "Cache-Control": "no-store"}
    return web.Response(text=text, content_type="application/json", headers=headers)


@routes.post("/app/privacy/erase")
@only(Role.ADMIN, everywhere=True)
async def erased(request: web.Request) -> web.StreamResponse:
    """Ask first, then erase them."""
    form = (await forms.read(request)).parsed(OfPerson)
    page = Privacy(form.number)
    try:
        if form.sure != "yes":
            await in_db(request, people.sought, request.app[SETTINGS], form.number)
            return show(request, replace(page, sure=True))
        done = await timed(request, erase.erase, request.app[SETTINGS], form.number, caller(request))
    except (errors.InvalidInput, errors.IllegalMove) as error:
        return show(request, replace(page, error=said(error)), 422 if isinstance(error, errors.InvalidInput) else 409)
    return show(request, Privacy(done=done))
