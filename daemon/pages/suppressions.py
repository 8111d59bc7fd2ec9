"""The suppression list: who is on it and why, adding, importing, and removing with a reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlencode

from aiohttp import web

from daemon import errors
from daemon.config import Settings
from daemon.contacts import file_reading, importer, suppression, uploads
from daemon.formats import encodings
from daemon.i18n import languages
from daemon.i18n.languages import N_, gettext
from daemon.pages import forms, imports, pressed, repairs
from daemon.pages.asking import doubt, said
from daemon.pages.content import PageContent
from daemon.pages.draft_numbers import countries
from daemon.pages.forms import Posted
from daemon.pages.refusals import Why
from daemon.pages.repairs import RejectedRows
from daemon.pages.shell import only, show
from daemon.server import heavy
from daemon.server.visitors import SETTINGS, caller, in_db, timed
from daemon.states import Role

routes = web.RouteTableDef()

TITLE = N_("Suppression list")
PLACE = re.compile(r"[0-9]{1,18}\.[0-9]{1,20}")  # in the list: a time and a number
SOURCES = {
    suppression.REPLY: N_("their reply"),
    suppression.WHATSAPP: N_("what they told WhatsApp"),
    suppression.ERASED: N_("the erasure of their data"),
    "page": N_("this page"),
    "api": N_("the API"),
}
DONE = {
    "added": N_("The number is on the list. It gets no more messages."),
    "removed": N_("The number is off the list. Campaigns may message it again."),
    "gone": N_("The number was no longer on the list."),
}


@routes.get("/app/suppressions")
@only(Role.OPERATOR)
async def listed(request: web.Request) -> web.StreamResponse:
    """The list, newest first, filtered by `?search=`, a page at a time."""
    return await _page(request, reading=True)


@dataclass(frozen=True)
class Row(suppression.Entry):
    """Somebody on the list as the page shows them. origin: the source in words, where there are any."""

    origin: str | None


@dataclass(frozen=True)
class ImportSaid:
    """What an import has done, as the address says. query: what the address says of it; encoding: see
    suppression.Imported."""

    added: int
    present: int
    duplicates: int
    refused: int
    encoding: str
    query: str


@dataclass(frozen=True)
class Listed(PageContent):
    """form: what was entered, by field; imported: what the import did, upload: the rows that it names; doubt: which
    columns may have the numbers; next: the query of the next page; longest: of a reason."""

    template: ClassVar = "suppressions.html"
    here: ClassVar = "suppressions"

    rows: list[Row]
    total: int
    removals: list[suppression.Removed]
    search: str
    cursor: str | None
    next: str
    form: dict[str, str]
    add_error: str
    import_error: str
    imported: ImportSaid | None
    upload: RejectedRows | None
    doubt: errors.ChoosePhoneColumn | None
    country: str
    countries: Sequence[tuple[str, str]]
    encodings: Sequence[str]
    done: str
    longest: int


@dataclass(frozen=True)
class Asked(PageContent):
    """The question why this entry is to be removed. longest: of the answer."""

    template: ClassVar = "suppression_remove.html"
    here: ClassVar = "suppressions"

    row: Row
    why: str
    error: str
    longest: int


async def _page(
    request: web.Request,
    form: Posted | None = None,
    add_error: str = "",
    import_error: Exception | None = None,
    reading: bool = False,
) -> web.StreamResponse:
    """reading: whether the address says what is shown of the list."""
    search = " ".join(forms.asked(request).text("search").split())[:100] if reading else ""
    cursor = _place(forms.asked(request).text("cursor").strip()) if reading else None
    country, imported = await repairs.country(request), _imported(forms.asked(request)) if reading else None
    rows, after = await in_db(request, suppression.page, search, cursor, suppression.PAGE // 2)
    content = Listed(
        rows=[_row(each) for each in rows],
        total=await in_db(request, suppression.count),
        removals=await in_db(request, suppression.removals),
        search=search,
        cursor=cursor,
        next=urlencode({"cursor": after} | ({"search": search} if search else {})) if after else "",
        form=(form or (forms.asked(request) if imported else Posted())).texts(("number", "reason", "numbers", "why")),
        add_error=add_error,
        import_error=said(import_error),
        imported=imported,
        upload=await in_db(request, _rejected, forms.asked(request), country) if imported else None,
        doubt=doubt(import_error),
        country=(form or Posted()).text("country") or country,
        countries=countries(languages.language.get()),
        encodings=encodings.CHOICES,
        done=DONE.get(forms.asked(request).text("done"), "") if reading else "",
        longest=suppression.LONGEST_REASON,
    )
    return show(request, content, 422 if add_error or import_error else 200)


def _place(cursor: str) -> str | None:
    """Where a page of the list begins. Raises MalformedRequest."""
    if cursor and not PLACE.fullmatch(cursor):
        raise errors.MalformedRequest(Why.ADDRESS_INCOMPLETE)
    return cursor or None


def _row(entry: suppression.Entry) -> Row:
    return Row(**vars(entry), origin=SOURCES.get(entry.source))


async def _settings(request: web.Request, country: str) -> Settings:
    """The settings, with the country of numbers that are written without one. Raises InvalidInput."""
    return request.app[SETTINGS].model_copy(update={"default_country": await repairs.country(request, country)})


@routes.post("/app/suppressions")
@only(Role.OPERATOR)
async def add(request: web.Request) -> web.StreamResponse:
    """Add one number to the list; an entry that exists stays unchanged."""
    entered = await forms.read(request)
    if (asked := pressed.question(request, entered)) is not None:
        return asked
    try:
        form = entered.parsed(forms.NewSuppression)
        settings = await _settings(request, form.country)
        given = (settings, form.number, form.reason or suppression.ASKED, caller(request))
        await timed(request, suppression.suppress, *given)
    except errors.InvalidInput as error:
        return await _page(request, entered, add_error=said(error))
    raise web.HTTPSeeOther("/app/suppressions?done=added")


@routes.post("/app/suppressions/import")
@only(Role.OPERATOR)
async def import_list(request: web.Request) -> web.StreamResponse:
    """Add everybody in a file or a pasted list, and show the result. A repeat adds only those who are missing."""
    entered = await forms.read(request)

    async def again(request: web.Request, error: Exception, entered: Posted) -> web.StreamResponse:
        return await _page(request, entered, import_error=error)

    try:
        form = entered.parsed(forms.ImportSuppressions)
        settings = await _settings(request, form.country)
    except errors.InvalidInput as error:
        return await again(request, error, entered)
    who, reason = caller(request), form.why or suppression.ASKED

    async def all_of_it() -> str:
        found, name = await _given(request, settings, form)
        size = 100 * found.total
        return await heavy.timed(request, size, _import, settings, found, name, reason, who, form.why)

    return await imports.run(request, imports.Import("suppressions", gettext(TITLE), again), entered, all_of_it)


async def _given(
    request: web.Request, settings: Settings, form: forms.ImportSuppressions
) -> tuple[importer.ContactList, str]:
    """Who is in the file or the text, and what it is called. Raises InvalidInput, ChoosePhoneColumn, TooLarge,
    ReadingBusy."""
    if form.upload and form.repair:
        usual = await repairs.country(request)  # by which it was proposed
        rows = await in_db(request, repairs.chosen, form.upload, form.rows, form.repair, usual)
        numbers = "\n".join(each.new or each.old for each in rows)
        return await in_db(request, suppression.in_text, settings, numbers), suppression.PASTED
    if form.file is not None:
        given = file_reading.File(form.file.filename, form.file.file)
        told = importer.Said(encoding=form.encoding or None)
        try:
            return await file_reading.contacts(given, settings.default_country, trusted=True, said=told), given.name
        except errors.ChoosePhoneColumn as unsure:
            raise await heavy.timed(request, given.size, uploads.in_doubt, settings, unsure, given.name) from None
    if form.upload:
        return await in_db(request, suppression.in_upload, settings, form.upload, form.phone_column)
    size = len(form.numbers)
    async with heavy.turn(request, size):
        return await in_db(request, suppression.in_text, settings, form.numbers), suppression.PASTED


def _import(
    settings: Settings, found: importer.ContactList, name: str, reason: str, who: str, why: str, now: int
) -> str:
    """Add them; the address that says what was done. The rows that it names are kept before: once somebody is on the
    list, the import cannot be given up."""
    rejected = importer.ContactList(rejected=found.rejected)
    kept = uploads.add_contacts(settings, rejected, name, now) if found.rejected else None
    done = suppression.import_found(found, name, reason, who, now)
    told = {"imported": done.added, "present": done.present, "duplicates": done.duplicates, "refused": done.refused}
    also = {"encoding": done.encoding, "upload": kept.id if kept else None, "why": why}
    return f"/app/suppressions?{urlencode(told | {each: said for each, said in also.items() if said})}"


def _imported(asked: Posted) -> ImportSaid | None:
    """What the address says of an import, None where it says nothing. Raises MalformedRequest."""
    if (added := asked.number("imported")) is None:
        return None
    encoding = asked.text("encoding")
    said = asked.texts(("imported", "present", "duplicates", "refused", "encoding", "upload", "why"))
    return ImportSaid(
        added=added,
        present=asked.index("present"),
        duplicates=asked.index("duplicates"),
        refused=asked.index("refused"),
        encoding=encoding if encoding in encodings.CHOICES else "",
        query=urlencode({name: text for name, text in said.items() if text}),
    )


def _rejected(asked: Posted, country: str) -> RejectedRows | None:
    """The rows that the import names, from `rows` on."""
    try:
        found = uploads.find(asked.text("upload"))
    except errors.NotFound:  # there are none, or they were deleted meanwhile
        return None
    return repairs.rejected_rows(found, country, asked.index("rows"))


@routes.get("/app/suppressions/remove")
@only(Role.ADMIN)
async def ask_remove(request: web.Request) -> web.StreamResponse:
    """Ask for a reason before a number is removed."""
    return await _ask(request, forms.asked(request).text("number"))


async def _ask(request: web.Request, number: str, why: str = "", error: str = "") -> web.StreamResponse:
    row = await in_db(request, suppression.find, number)
    return show(request, Asked(_row(row), why, error, suppression.LONGEST_REASON), 422 if error else 200)


@routes.post("/app/suppressions/remove")
@only(Role.ADMIN)
async def remove(request: web.Request) -> web.StreamResponse:
    form = (await forms.read(request)).parsed(forms.RemoveSuppression)
    number, why = form.number, form.why
    if not why:
        return await _ask(request, number, error=gettext("Enter a reason: it is recorded."))
    try:
        await timed(request, suppression.remove, request.app[SETTINGS], number, why, caller(request))
    except errors.NotFound:  # removed in another tab, or by a second click
        raise web.HTTPSeeOther("/app/suppressions?done=gone") from None
    except errors.InvalidInput as error:
        return await _ask(request, number, why, said(error))
    raise web.HTTPSeeOther("/app/suppressions?done=removed")
