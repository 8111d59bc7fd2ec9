"""The suppression list: who is on it and why, adding, importing, and removing with a reason."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from daemon import errors
from daemon.contacts import file_reading, suppression, uploads
from daemon.i18n.languages import N_
from daemon.pages import forms
from daemon.pages.asking import doubt, said
from daemon.pages.forms import Posted
from daemon.pages.shell import only, show
from daemon.server.visitors import SETTINGS, caller, in_db, timed
from daemon.states import Role

routes = web.RouteTableDef()

REJECTED_SHOWN = 50
SOURCES = {suppression.REPLY: N_("their reply"), "page": N_("this page"), "api": N_("the API")}
DONE = {
    "added": N_("The number is on the list. It gets no more messages."),
    "removed": N_("The number is off the list. Campaigns may message it again."),
    "gone": N_("The number was no longer on the list."),
}


@routes.get("/app/suppressions")
@only(Role.OPERATOR)
async def listed(request: web.Request) -> web.StreamResponse:
    """The list, newest first, filtered by `?search=`, a page at a time."""
    return await _page(request)


async def _page(
    request: web.Request,
    form: Posted | None = None,
    errors_by_form: dict[str, str] | None = None,
    imported: suppression.Imported | None = None,
    status: int = 200,
    asked: errors.ChoosePhoneColumn | None = None,
) -> web.StreamResponse:
    reading = request.method == "GET"
    search = " ".join(forms.asked(request).text("search").split())[:100] if reading else ""
    cursor = (forms.asked(request).text("cursor") or None) if reading else None
    context = await in_db(request, _context, search, cursor)
    context |= {
        "form": (form or Posted()).texts(("number", "reason", "numbers", "why")),
        "errors": {"add": "", "import": ""} | (errors_by_form or {}),
        "imported": _imported(imported) if imported else None,
        "doubt": asked,
        "done": DONE.get(forms.asked(request).text("done"), "") if reading else "",
        "longest": suppression.LONGEST_REASON,
    }
    return show(request, "suppressions.html", context, status)


def _context(search: str, cursor: str | None) -> dict[str, Any]:
    rows, after = suppression.page(search, cursor, suppression.PAGE // 2)
    return {
        "rows": [vars(row) | {"from": SOURCES.get(row.source)} for row in rows],
        "total": suppression.count(),
        "removals": suppression.removals(),
        "search": search,
        "cursor": cursor,
        "next": urlencode({"cursor": after} | ({"search": search} if search else {})) if after else "",
    }


def _imported(done: suppression.Imported) -> dict[str, Any]:
    shown = done.rejected[:REJECTED_SHOWN]
    return {
        "added": done.added,
        "present": done.present,
        "duplicates": done.duplicates,
        "rejected": done.refused,
        "named": len(done.rejected),
        "rows": shown,
        "more": len(done.rejected) - len(shown),
    }


@routes.post("/app/suppressions")
@only(Role.OPERATOR)
async def add(request: web.Request) -> web.StreamResponse:
    """Add one number to the list; an entry that exists stays unchanged."""
    entered = await forms.read(request)
    try:
        form = entered.parsed(forms.NewSuppression)
        given = (request.app[SETTINGS], form.number, form.reason or suppression.ASKED, caller(request))
        await timed(request, suppression.suppress, *given)
    except errors.InvalidInput as error:
        return await _page(request, entered, {"add": str(error)}, status=422)
    raise web.HTTPSeeOther("/app/suppressions?done=added")


@routes.post("/app/suppressions/import")
@only(Role.OPERATOR)
async def import_list(request: web.Request) -> web.StreamResponse:
    """Add everybody in a file or a pasted list, and show the result. A repeat adds only those who are missing."""
    entered = await forms.read(request)
    settings, who = request.app[SETTINGS], caller(request)
    try:
        form = entered.parsed(forms.ImportSuppressions)
        reason = form.why or suppression.ASKED
        if form.file is not None:
            given = file_reading.File(form.file.filename, form.file.file)
            try:
                found = await file_reading.contacts(given, settings.default_country, trusted=True)
            except errors.ChoosePhoneColumn as unsure:
                raise await timed(request, uploads.in_doubt, settings, unsure, given.name) from None
            done = await timed(request, suppression.import_found, found, given.name, reason, who)
        elif form.upload:
            asked = (form.upload, form.phone_column)
            done = await timed(request, suppression.import_upload, settings, *asked, reason, who)
        else:
            done = await timed(request, suppression.import_text, settings, form.numbers, reason, who)
    except (errors.InvalidInput, errors.TooLarge, errors.ReadingBusy) as error:
        return await _page(request, entered, {"import": said(error)}, status=422, asked=doubt(error))
    return await _page(request, imported=done)


@routes.get("/app/suppressions/remove")
@only(Role.ADMIN)
async def ask_remove(request: web.Request) -> web.StreamResponse:
    """Ask for a reason before a number is removed."""
    return await _ask(request, forms.asked(request).text("number"))


async def _ask(request: web.Request, number: str, why: str = "", error: str = "") -> web.StreamResponse:
    row = await in_db(request, suppression.find, number)
    context = {
        "row": vars(row) | {"from": SOURCES.get(row.source)},
        "why": why,
        "error": error,
        "longest": suppression.LONGEST_REASON,
    }
    return show(request, "suppression_remove.html", context, 422 if error else 200)


@routes.post("/app/suppressions/remove")
@only(Role.ADMIN)
async def remove(request: web.Request) -> web.StreamResponse:
    form = (await forms.read(request)).parsed(forms.RemoveSuppression)
    number, why = form.number, form.why
    if not why:
        return await _ask(request, number, error=N_("Enter a reason: it is kept."))
    try:
        await timed(request, suppression.remove, request.app[SETTINGS], number, why, caller(request))
    except errors.NotFound:  # removed in another tab, or by a second click
        raise web.HTTPSeeOther("/app/suppressions?done=gone") from None
    except errors.InvalidInput as error:
        return await _ask(request, number, why, str(error))
    raise web.HTTPSeeOther("/app/suppressions?done=removed")
