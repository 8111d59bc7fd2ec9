"""Imports of contact lists and of the suppression list: the page of one that takes a while, and what was rejected."""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from aiohttp import web

from daemon import errors
from daemon.contacts import columns, uploads
from daemon.contacts.importer import Rejected
from daemon.formats import tabular
from daemon.pages import working
from daemon.pages.forms import Posted
from daemon.pages.shell import only
from daemon.server.visitors import in_db
from daemon.states import Role

routes = web.RouteTableDef()

ID = r"{id:[0-9a-f]{1,32}}"
SHOWN_AGAIN = (errors.InvalidInput, errors.NotFound, errors.TooLarge, errors.ReadingBusy)


@dataclass(frozen=True)
class Import:
    """kind: as in the address, and of the navigation; subject: what the people are for; again: shows the form again,
    with what was wrong."""

    kind: str
    subject: str
    again: Callable[[web.Request, Exception, Posted], Awaitable[web.StreamResponse]]


async def run(
    request: web.Request, about: Import, entered: Posted, work: Callable[[], Awaitable[str]]
) -> web.StreamResponse:
    """Do it, and go where it leads: if it takes a while, to the page that says how far it is."""
    key = secrets.token_hex(8)
    try:
        goal = await working.done(request, key, about.kind, entered, work, about)
    except SHOWN_AGAIN as error:
        return await about.again(request, error, entered)
    raise web.HTTPSeeOther(goal or f"/app/{about.kind}/imports/{key}")


@routes.get(f"/app/lists/imports/{ID}")
@routes.get(f"/app/suppressions/imports/{ID}")
@only(Role.OPERATOR)
async def at_work(request: web.Request) -> web.StreamResponse:
    """How far an import is; once it is done, where it leads."""
    kind, key = request.path.split("/")[2], request.match_info["id"]
    work = working.of(request, key)
    if work is None or not isinstance(work.about, Import):
        raise web.HTTPSeeOther(f"/app/{kind}")
    if not work.task.done():
        return working.page(request, work, work.about.subject, kind)
    working.forget(request.app, key, work)
    try:
        goal = work.task.result()
    except SHOWN_AGAIN as error:
        return await work.about.again(request, error, work.entered)
    raise web.HTTPSeeOther(goal)


@routes.post(f"/app/lists/imports/{ID}")
@routes.post(f"/app/suppressions/imports/{ID}")
@only(Role.OPERATOR)
async def give_up(request: web.Request) -> web.StreamResponse:
    """Give an import up, as long as it can be; then nothing is left of it."""
    if work := working.of(request, request.match_info["id"]):
        work.cancelled = True
    raise web.HTTPSeeOther(request.path)


@routes.get(f"/app/uploads/{ID}/rejected.csv")
@only(Role.OPERATOR)
async def rejected(request: web.Request) -> web.StreamResponse:
    """All rows of a file that were rejected, each with its reason: a table that can be corrected and imported again."""
    body = await in_db(request, lambda: _table(uploads.find(request.match_info["id"]).rejected))
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": 'attachment; filename="rejected.csv"',
    }
    return web.Response(body=body, headers=headers)


def _table(rows: Iterable[Rejected]) -> bytes:
    found = list(rows)
    names = list(dict.fromkeys(name for each in found for name in each.fields))
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["number", *names, columns.REASON])
    for each in found:
        fields = (each.fields.get(name, "") for name in names)
        table.writerow([tabular.harmless(cell) for cell in (each.value, *fields, each.reason)])
    return ("\ufeff" + text.getvalue()).encode()
