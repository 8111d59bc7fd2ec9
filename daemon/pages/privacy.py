"""What is known of one person: handed out as a file, or erased, for those who may do what cannot be undone."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import ClassVar

from aiohttp import web

from daemon import errors
from daemon.ops import erase, people
from daemon.ops.erase import Done
from daemon.pages import forms
from daemon.pages.asking import said
from daemon.pages.content import PageContent
from daemon.pages.shell import only, show
from daemon.server.visitors import SETTINGS, caller, in_db, timed
from daemon.states import Role

routes = web.RouteTableDef()


@dataclass(frozen=True)
class Privacy(PageContent):
    """number: as it was entered; sure: whether it is asked if that person is to be erased; done: they were."""

    template: ClassVar = "privacy.html"
    here: ClassVar = "privacy"

    number: str = ""
    error: str | None = None
    sure: bool = False
    done: Done | None = None


class OfPerson(forms.Form):
    """number: in any notation; sure: set where the question was answered."""

    number: forms.Line
    sure: forms.Line


@routes.get("/app/privacy")
@only(Role.ADMIN, everywhere=True)
async def privacy(request: web.Request) -> web.StreamResponse:
    """The form."""
    return show(request, Privacy())


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
