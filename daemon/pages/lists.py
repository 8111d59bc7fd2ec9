"""Contact lists: all of them, one with its people, and what is done to it."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.web_request import FileField

from daemon import contacts, errors, library, listing, uploads
from daemon.config import Settings
from daemon.languages import N_
from daemon.models import KeyScope, Upload
from daemon.pages.shell import number, only, show
from daemon.web import SETTINGS, Role, in_db, posted

routes = web.RouteTableDef()

ID = r"{id:\d{1,18}}"
MAX_CONTACTS = 32 * 1024 * 1024
REJECTED_SHOWN = 50
COLUMNS_SHOWN = 5
COUNTS = ("added", "present", "updated", "duplicates", "removed")
DONE = {
    "deleted": N_("The list is deleted."),
    "renamed": N_("The list has its new name."),
}


@routes.get("/app/lists")
@only(Role.OPERATOR)
async def every(request: web.Request) -> web.StreamResponse:
    """All lists with their counts."""
    rows = await in_db(request, library.lists)
    return show(request, "lists.html", {"lists": rows, "done": DONE.get(request.query.get("done", ""), "")})


@routes.get("/app/lists/new")
@only(Role.OPERATOR)
async def new(request: web.Request) -> web.StreamResponse:
    """The form of a new list."""
    return await _new(request, {"name": "", "numbers": "", "list": "", "key": secrets.token_hex(8)})


async def _new(
    request: web.Request, form: dict[str, str], error: str = "", upload: Upload | None = None
) -> web.StreamResponse:
    context = {
        "form": form,
        "lists": await in_db(request, library.lists),
        "max_name": library.MAX_NAME,
        "error": error,
        "upload": _rejected(upload),
    }
    return show(request, "list_new.html", context, 422 if error else 200)


@routes.post("/app/lists/new")
@only(Role.OPERATOR)
async def create(request: web.Request) -> web.StreamResponse:
    """A new list: of a file, pasted numbers, another list, or nobody yet."""
    fields = await posted(request)
    form = {name: str(fields.get(name, "")) for name in ("name", "numbers", "list", "key")}
    upload: Upload | None = None
    try:
        upload = await in_db(request, _given, request.app[SETTINGS], fields.get("file"), form["numbers"])
        found = await in_db(request, _people, upload, form["list"])
        given = (form["name"], found, form["key"][:64] or None, KeyScope.LIST_FORM)
        made, added = await in_db(request, library.create_list, *given)
    except (errors.InvalidInput, errors.NotFound, errors.TooLarge) as error:
        return await _new(request, form, str(error), upload)
    raise _to_list(made.id, added, upload)


def _given(settings: Settings, file: Any, pasted: str) -> Upload | None:
    """What a form brings, a file or pasted numbers, read and kept; or None. Raises TooLarge, UnreadableFile."""
    if isinstance(file, FileField) and file.filename:
        data, name = file.file.read(MAX_CONTACTS + 1), file.filename
        if len(data) > MAX_CONTACTS:
            raise errors.TooLarge("The contacts file is larger than 32 MB: split it, or save it as CSV.")
    elif pasted.strip():
        data, name = pasted.encode("utf-8", "ignore"), "pasted.txt"
    else:
        return None
    return uploads.find(uploads.add_contacts(data, name, settings.default_country)["upload_id"])


def _people(upload: Upload | None, list_id: str) -> contacts.ContactList:
    if upload is not None:
        return library.from_upload(upload.id)
    return library.from_list(int(list_id)) if list_id.isdecimal() and len(list_id) < 19 else contacts.ContactList()


def _to_list(list_id: int, added: library.Added, upload: Upload | None) -> web.HTTPSeeOther:
    """Back to the list, which says what became of those who were given."""
    said = {"added": added.added, "present": added.present, "updated": added.updated, "duplicates": added.duplicates}
    query: dict[str, object] = {name: count for name, count in said.items() if count or name == "added"}
    if upload is not None and upload.rejected:
        query["upload"] = upload.id
    return web.HTTPSeeOther(f"/app/lists/{list_id}?{urlencode(query)}")


@routes.get(f"/app/lists/{ID}")
@only(Role.OPERATOR)
async def one(request: web.Request) -> web.StreamResponse:
    """One list and its people, `?q=` and a page at a time."""
    return await _one(request)


async def _one(
    request: web.Request, error: str = "", place: str = "", status: int = 200, entered: dict[str, str] | None = None
) -> web.StreamResponse:
    arguments = (int(request.match_info["id"]), request.query.get("q", ""), number(request, "cursor"))
    context = await in_db(request, _list_page, *arguments)
    upload_id = request.query.get("upload", "")
    context |= {
        "error": error,
        "place": place,
        "late": status == 409,
        "entered": {"name": context["list"].name, "numbers": ""} | (entered or {}),
        "done": DONE.get(request.query.get("done", ""), ""),
        "said": {name: number(request, name) for name in COUNTS},
        "upload": await in_db(request, _upload, upload_id) if upload_id else None,
        "max_name": library.MAX_NAME,
    }
    return show(request, "list.html", context, status)


def _list_page(list_id: int, search: str, cursor: int | None) -> dict[str, Any]:
    row = library.listed(list_id)
    entries, after = listing.entries(list_id, search, cursor)
    return {
        "list": row,
        "search": search,
        "entries": entries,
        "cursor": cursor,
        "after": after,
        "columns": row.columns[:COLUMNS_SHOWN],
        "hidden": row.columns[COLUMNS_SHOWN:],
    }


def _upload(upload_id: str) -> dict[str, Any] | None:
    """The rejected rows of what was added, as far as they are shown."""
    try:
        return _rejected(uploads.find(upload_id))
    except errors.NotFound:
        return None


def _rejected(upload: Upload | None) -> dict[str, Any] | None:
    if upload is None or not upload.rejected:
        return None
    shown = [{"row": row, "value": value, "reason": reason} for row, value, reason in upload.rejected[:REJECTED_SHOWN]]
    return {"count": len(upload.rejected), "shown": shown}


@routes.post(f"/app/lists/{ID}/add")
@only(Role.OPERATOR)
async def add(request: web.Request) -> web.StreamResponse:
    """Put the people of a file, or pasted ones, on the list."""
    fields, list_id = await posted(request), int(request.match_info["id"])
    pasted = str(fields.get("numbers", ""))
    try:
        upload = await in_db(request, _given, request.app[SETTINGS], fields.get("file"), pasted)
        if upload is None:
            raise errors.InvalidInput("There is nobody to add: choose a contacts file or paste telephone numbers.")
        added = await in_db(request, library.add_people, list_id, await in_db(request, _people, upload, ""))
    except (errors.InvalidInput, errors.TooLarge) as error:
        return await _one(request, str(error), "add", 422, {"numbers": pasted})
    raise _to_list(list_id, added, upload)


@routes.post(f"/app/lists/{ID}/remove")
@only(Role.OPERATOR)
async def remove(request: web.Request) -> web.StreamResponse:
    """Take people off the list, once that was asked."""
    fields, list_id = await posted(request), int(request.match_info["id"])
    ids = [int(str(each)) for each in fields.getall("id", []) if str(each).isdecimal() and len(str(each)) < 19]
    if not ids:
        return await _one(request, "Nobody is chosen: tick the people to remove.", "people", 422)
    if not fields.get("sure"):
        row = await in_db(request, library.listed, list_id)
        people = await in_db(request, listing.some, list_id, ids)
        return show(request, "list_remove.html", {"list": row, "people": people, "columns": row.columns})
    count = await in_db(request, library.remove_people, list_id, ids)
    raise web.HTTPSeeOther(f"/app/lists/{list_id}?removed={count}#people")


@routes.post(f"/app/lists/{ID}/rename")
@only(Role.OPERATOR)
async def rename(request: web.Request) -> web.StreamResponse:
    fields, list_id = await posted(request), int(request.match_info["id"])
    name, at = str(fields.get("name", "")), str(fields.get("updated_at", ""))
    try:
        await in_db(request, library.rename_list, list_id, name, int(at) if at.isdecimal() and len(at) < 19 else 0)
    except (errors.InvalidInput, errors.IllegalMove) as error:
        status = 409 if isinstance(error, errors.IllegalMove) else 422
        return await _one(request, str(error), "name", status, {"name": name})
    raise web.HTTPSeeOther(f"/app/lists/{list_id}?done=renamed")


@routes.get(f"/app/lists/{ID}/delete")
@only(Role.OPERATOR)
async def ask_delete(request: web.Request) -> web.StreamResponse:
    """The question before it is deleted."""
    row = await in_db(request, library.listed, int(request.match_info["id"]))
    return show(request, "list_delete.html", {"list": row})


@routes.post(f"/app/lists/{ID}/delete")
@only(Role.OPERATOR)
async def delete(request: web.Request) -> web.StreamResponse:
    try:
        await in_db(request, library.delete_list, int(request.match_info["id"]))
    except errors.NotFound:  # in another tab, or by a second click: it is gone, as was wished
        pass
    raise web.HTTPSeeOther("/app/lists?done=deleted")
