"""Contact lists: the overview, one list with its people, and the changes to it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import ClassVar
from urllib.parse import urlencode

from aiohttp import web

from daemon import errors
from daemon.contacts import file_reading, importer, list_entries, lists, naming, uploads
from daemon.contacts import repairs as contact_repairs
from daemon.contacts.lists import Listed
from daemon.contacts.uploads import Upload
from daemon.formats import encodings
from daemon.i18n import languages
from daemon.i18n.languages import N_
from daemon.pages import forms, imports, repairs
from daemon.pages.asking import doubt, said
from daemon.pages.content import PageContent
from daemon.pages.draft_numbers import countries
from daemon.pages.forms import Posted
from daemon.pages.refusals import Why
from daemon.pages.repairs import RejectedRows
from daemon.pages.shell import only, show
from daemon.server import heavy
from daemon.server.visitors import SETTINGS, in_db, timed
from daemon.states import Role

routes = web.RouteTableDef()

ID = r"{id:\d{1,18}}"
COLUMNS_SHOWN = 5
DONE = {
    "deleted": N_("The list is deleted."),
    "renamed": N_("The list is renamed."),
}
REPAIRED = contact_repairs.TITLE


@dataclass(frozen=True)
class Lists(PageContent):
    template: ClassVar = "lists.html"
    here: ClassVar = "lists"

    lists: Sequence[Listed]
    done: str


@dataclass(frozen=True)
class Entered:
    """What was entered in a form. list: the id of another list, as it was sent; key: see forms.NewList."""

    name: str = ""
    numbers: str = ""
    list: str = ""
    key: str = ""


@dataclass(frozen=True)
class NewList(PageContent):
    """doubt: which columns may have the numbers; upload: what was refused of the file."""

    template: ClassVar = "list_new.html"
    here: ClassVar = "lists"

    form: Entered
    lists: Sequence[Listed]
    max_name: int
    encodings: Sequence[str]
    error: str
    doubt: errors.ChoosePhoneColumn | None
    upload: RejectedRows | None
    country: str
    countries: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Said:
    """What has just been done, as the address says: how many people each; None where it says nothing."""

    added: int | None
    present: int | None
    updated: int | None
    duplicates: int | None
    removed: int | None


@dataclass(frozen=True)
class OneList(PageContent):
    """entries: the people of this page; cursor: of this page, None for the first; after: of the next one; columns: as
    many as are shown, hidden: the others; place: the form that the error is about, entered: what was entered there;
    doubt, upload: see NewList."""

    template: ClassVar = "list.html"
    here: ClassVar = "lists"

    list: Listed
    search: str
    entries: Sequence[list_entries.Entry]
    cursor: int | None
    after: int | None
    columns: Sequence[str]
    hidden: Sequence[str]
    error: str
    doubt: errors.ChoosePhoneColumn | None
    place: str
    conflict: bool
    entered: Entered
    done: str
    said: Said
    upload: RejectedRows | None
    max_name: int
    encodings: Sequence[str]
    country: str
    countries: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Removal(PageContent):
    """The question before these people are removed."""

    template: ClassVar = "list_remove.html"
    here: ClassVar = "lists"

    list: Listed
    people: Sequence[list_entries.Entry]


@dataclass(frozen=True)
class Deletion(PageContent):
    """The question before the list is deleted."""

    template: ClassVar = "list_delete.html"
    here: ClassVar = "lists"

    list: Listed


@routes.get("/app/lists")
@only(Role.OPERATOR)
async def every(request: web.Request) -> web.StreamResponse:
    """All lists with their counts."""
    rows = await in_db(request, lists.lists)
    return show(request, Lists(rows, DONE.get(forms.asked(request).text("done"), "")))


@routes.get("/app/lists/new")
@only(Role.OPERATOR)
async def new(request: web.Request) -> web.StreamResponse:
    """The form of a new list."""
    return await _new(request, Entered(key=secrets.token_hex(8)))


async def _new(
    request: web.Request, form: Entered, error: Exception | None = None, upload: Upload | None = None
) -> web.StreamResponse:
    country = await repairs.country(request)
    content = NewList(
        form=form,
        lists=await in_db(request, lists.lists),
        max_name=naming.MAX_NAME,
        encodings=encodings.CHOICES,
        error=said(error),
        doubt=doubt(error),
        upload=await in_db(request, repairs.rejected_rows, upload, country),
        country=country,
        countries=countries(languages.language.get()),
    )
    return show(request, content, 422 if error else 200)


@routes.post("/app/lists/new")
@only(Role.OPERATOR)
async def create(request: web.Request) -> web.StreamResponse:
    """Create a list from a file, pasted numbers or another list, or an empty one."""
    entered = await forms.read(request)
    given: list[Upload] = []

    async def again(request: web.Request, error: Exception, entered: Posted) -> web.StreamResponse:
        values = Entered(**entered.texts(("name", "numbers", "list", "key")))
        return await _new(request, values, error, given[0] if given else None)

    try:
        form = entered.parsed(forms.NewList)
    except errors.InvalidInput as error:
        return await again(request, error, entered)

    async def all_of_it() -> str:
        upload = await _given(request, form)
        given.extend([upload] if upload else [])
        found = await in_db(request, _people, upload, form.list)
        made, added = await heavy.timed(request, _size(upload), _create, form, found)
        return _to_list(made.id, added, upload)

    return await imports.run(request, imports.Import("lists", form.name, again), entered, all_of_it)


def _create(form: forms.NewList, found: importer.ContactList, now: int) -> tuple[Listed, lists.Added]:
    return lists.create_list(form.name, found, now, key=form.key or None, scope=lists.FORM)


def _size(upload: Upload | None) -> int:
    """About how many bytes the rows are."""
    return 100 * upload.total if upload is not None else 0


async def _given(request: web.Request, form: forms.AddToList) -> Upload | None:
    """The file or pasted numbers of a form, read and stored; None if there is neither.

    Raises TooLarge, UnreadableFile, ChoosePhoneColumn, ReadingBusy.
    """
    country = await repairs.country(request, form.country)
    if form.file is None and form.upload and form.repair:
        return await _repaired(request, form, country)
    if form.file is None and form.upload:
        return await in_db(request, uploads.chosen, form.upload, country, form.phone_column or None)
    if form.file is not None:
        given = file_reading.File(form.file.filename, form.file.file)
    elif form.numbers.strip():
        given = file_reading.File("pasted.txt", form.numbers.encode("utf-8", "ignore"))
    else:
        return None
    try:
        said_of_it = importer.Said(encoding=form.encoding or None) if form.file is not None else importer.NOTHING_SAID
        found = await file_reading.contacts(given, country, said=said_of_it)
    except errors.ChoosePhoneColumn as unsure:
        raise await heavy.timed(
            request, given.size, uploads.in_doubt, request.app[SETTINGS], unsure, given.name
        ) from None
    _refuse_guess(found, given.name)
    return await heavy.timed(request, given.size, uploads.add_contacts, request.app[SETTINGS], found, given.name)


async def _repaired(request: web.Request, form: forms.AddToList, country: str) -> Upload:
    """The rows of an earlier upload for which this was proposed, as an upload of its own."""
    usual = await repairs.country(request)  # by which it was proposed
    rows = await in_db(request, repairs.chosen, form.upload, form.rows, form.repair, usual)
    given = file_reading.File("repaired.txt", contact_repairs.as_text(rows).encode())
    found = await file_reading.contacts(given, country, said=importer.Said(phone_column=REPAIRED))
    return await heavy.timed(request, given.size, uploads.add_contacts, request.app[SETTINGS], found, given.name)


def _refuse_guess(found: importer.ContactList, filename: str) -> None:
    """Raise UnreadableFile if nobody can be sure how names are written: they are not seen before they are kept."""
    if not found.encoding_sure:
        texts = (text for each in found.contacts for text in each.fields.values() if not text.isascii())
        word, encoding = next(texts, "")[:40], found.encoding
        raise errors.UnreadableFile(Why.ENCODING_GUESSED, file=filename, encoding=encoding, word=word)


def _add(list_id: int, upload: Upload | None, now: int) -> lists.Added:
    return lists.add_people(list_id, _people(upload, 0), now)


def _people(upload: Upload | None, list_id: int) -> importer.ContactList:
    if upload is not None:
        return lists.from_upload(upload.id)
    return lists.from_list(list_id) if list_id else importer.ContactList()


def _to_list(list_id: int, added: lists.Added, upload: Upload | None) -> str:
    """The address of the list, which shows how many were added."""
    told = {"added": added.added, "present": added.present, "updated": added.updated, "duplicates": added.duplicates}
    query: dict[str, object] = {name: count for name, count in told.items() if count or name == "added"}
    if upload is not None and upload.rejected:
        query["upload"] = upload.id
    return f"/app/lists/{list_id}?{urlencode(query)}"


@routes.get(f"/app/lists/{ID}")
@only(Role.OPERATOR)
async def one(request: web.Request) -> web.StreamResponse:
    """One list and its people, `?q=` and a page at a time; `?upload=` whose rejected rows, `?rows=` from which on."""
    return await _one(request, int(request.match_info["id"]))


async def _one(
    request: web.Request,
    list_id: int,
    error: Exception | str = "",
    place: str = "",
    status: int = 200,
    name: str | None = None,
    numbers: str = "",
) -> web.StreamResponse:
    """The list, with what was wrong in the form at `place`, and the name or numbers that were entered there."""
    query = forms.asked(request)
    search, cursor, upload_id = query.text("q"), query.number("cursor"), query.text("upload")
    row = await in_db(request, lists.listed, list_id)
    country = await repairs.country(request)
    entries, after = await in_db(request, list_entries.entries, list_id, search, cursor)
    content = OneList(
        list=row,
        search=search,
        entries=entries,
        cursor=cursor,
        after=after,
        columns=row.columns[:COLUMNS_SHOWN],
        hidden=row.columns[COLUMNS_SHOWN:],
        error=said(error),
        doubt=doubt(error),
        place=place,
        conflict=status == 409,
        entered=Entered(row.name if name is None else name, numbers),
        done=DONE.get(query.text("done"), ""),
        said=Said(**{each.name: query.number(each.name) for each in fields(Said)}),
        upload=await in_db(request, _upload, upload_id, country, query.index("rows")) if upload_id else None,
        country=country,
        countries=countries(languages.language.get()),
        max_name=naming.MAX_NAME,
        encodings=encodings.CHOICES,
    )
    return show(request, content, status)


def _upload(upload_id: str, country: str, begin: int) -> RejectedRows | None:
    """The rejected rows of what was added."""
    try:
        return repairs.rejected_rows(uploads.find(upload_id), country, begin)
    except errors.NotFound:
        return None


@routes.post(f"/app/lists/{ID}/add")
@only(Role.OPERATOR)
async def add(request: web.Request) -> web.StreamResponse:
    """Add the people of a file or of a pasted text to the list."""
    entered, list_id = await forms.read(request), int(request.match_info["id"])
    form, row = entered.parsed(forms.AddToList), await in_db(request, lists.listed, list_id)

    async def all_of_it() -> str:
        upload = await _given(request, form)
        if upload is None:
            raise errors.InvalidInput(Why.NOBODY_TO_ADD)
        added = await heavy.timed(request, _size(upload), _add, list_id, upload)
        return _to_list(list_id, added, upload)

    async def again(request: web.Request, error: Exception, entered: Posted) -> web.StreamResponse:
        return await _one(request, list_id, error, "add", 422, numbers=form.numbers)

    return await imports.run(request, imports.Import("lists", row.name, again), entered, all_of_it)


@routes.post(f"/app/lists/{ID}/remove")
@only(Role.OPERATOR)
async def remove(request: web.Request) -> web.StreamResponse:
    """Remove people from the list, after asking."""
    form, list_id = (await forms.read(request)).parsed(forms.RemoveFromList), int(request.match_info["id"])
    if not form.id:
        return await _one(request, list_id, "Nobody is selected: tick the people to remove.", "people", 422)
    if not form.sure:
        row = await in_db(request, lists.listed, list_id)
        people = await in_db(request, list_entries.some, list_id, form.id)
        return show(request, Removal(row, people))
    count = await timed(request, lists.remove_people, list_id, ids=form.id)
    raise web.HTTPSeeOther(f"/app/lists/{list_id}?removed={count}#people")


@routes.post(f"/app/lists/{ID}/rename")
@only(Role.OPERATOR)
async def rename(request: web.Request) -> web.StreamResponse:
    form, list_id = (await forms.read(request)).parsed(forms.RenameList), int(request.match_info["id"])
    try:
        await timed(request, lists.rename_list, list_id, form.name, version=form.version)
    except (errors.InvalidInput, errors.EditConflict) as error:
        status = 409 if isinstance(error, errors.EditConflict) else 422
        return await _one(request, list_id, error, "name", status, name=form.name)
    raise web.HTTPSeeOther(f"/app/lists/{list_id}?done=renamed")


@routes.get(f"/app/lists/{ID}/delete")
@only(Role.OPERATOR)
async def ask_delete(request: web.Request) -> web.StreamResponse:
    """Ask before the list is deleted."""
    row = await in_db(request, lists.listed, int(request.match_info["id"]))
    return show(request, Deletion(row))


@routes.post(f"/app/lists/{ID}/delete")
@only(Role.OPERATOR)
async def delete(request: web.Request) -> web.StreamResponse:
    try:
        await in_db(request, lists.delete_list, int(request.match_info["id"]))
    except errors.NotFound:  # deleted in another tab, or by a second click
        pass
    raise web.HTTPSeeOther("/app/lists?done=deleted")
