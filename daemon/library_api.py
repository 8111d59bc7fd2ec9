"""The REST API of what is kept for reuse: templates and contact lists."""

from __future__ import annotations

from typing import Annotated, Any

from aiohttp import web
from pydantic import Field, StrictStr

from daemon import contacts, errors, library, listing
from daemon.api import ID, MAX_LIMIT, Body, parse
from daemon.config import Settings
from daemon.models import Template
from daemon.web import SETTINGS, Role, in_db, require

routes = web.RouteTableDef()

Id = Annotated[int, Field(ge=0, lt=10**18, strict=True)]


class Text(Body):
    """The body of POST /templates and PUT /templates/{id}. updated_at: of what the caller has read."""

    name: StrictStr
    text: StrictStr
    attachments: list[StrictStr] = []
    updated_at: Id | None = None


class People(Body):
    """The body of POST /lists/{id}/entries: exactly one of these."""

    upload_id: StrictStr | None = None
    numbers: list[Any] | None = None
    recipients: list[Any] | None = None
    list_id: Id | None = None


class Make(People):
    """The body of POST /lists; without people the list is empty."""

    name: StrictStr


class Name(Body):
    """The body of PUT /lists/{id}."""

    name: StrictStr
    updated_at: Id | None = None


class Remove(Body):
    """The body of DELETE /lists/{id}/entries."""

    ids: list[Id] = []
    numbers: list[StrictStr] = []


@routes.get("/templates")
async def templates(request: web.Request) -> web.Response:
    require(request, Role.OPERATOR)
    rows = await in_db(request, library.templates)
    return web.json_response({"templates": [_template(row) for row in rows]})


@routes.post("/templates")
async def keep(request: web.Request) -> web.Response:
    require(request, Role.OPERATOR)
    body = await parse(request, Text)
    row = await in_db(request, library.keep_template, body.name, body.text, body.attachments)
    return web.json_response(_template(row))


@routes.get(f"/templates/{ID}")
async def template(request: web.Request) -> web.Response:
    require(request, Role.OPERATOR)
    return web.json_response(_template(await in_db(request, library.template, _id(request))))


@routes.put(f"/templates/{ID}")
async def change(request: web.Request) -> web.Response:
    require(request, Role.OPERATOR)
    body = await parse(request, Text)
    given = (_id(request), body.name, body.text, body.attachments, body.updated_at)
    return web.json_response(_template(await in_db(request, library.change_template, *given)))


@routes.delete(f"/templates/{ID}")
async def forget(request: web.Request) -> web.Response:
    require(request, Role.OPERATOR)
    await in_db(request, library.delete_template, _id(request))
    return web.json_response({"success": True})


@routes.get("/lists")
async def lists(request: web.Request) -> web.Response:
    require(request, Role.OPERATOR)
    return web.json_response({"lists": [_list(row) for row in await in_db(request, library.lists)]})


@routes.post("/lists")
async def make(request: web.Request) -> web.Response:
    """A new list; a repeat with the same Idempotency-Key gets the one that was made."""
    require(request, Role.OPERATOR)
    body, key = await parse(request, Make), request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= 200 and key.isascii()):
        raise errors.InvalidInput("The Idempotency-Key is 1 to 200 characters long, all of them ASCII.")
    found = await in_db(request, _people, request.app[SETTINGS], body, True)
    row, added = await in_db(request, library.create_list, body.name, found, key)
    return web.json_response({**_list(row), **_added(added)})


@routes.get(f"/lists/{ID}")
async def one_list(request: web.Request) -> web.Response:
    require(request, Role.OPERATOR)
    return web.json_response(_list(await in_db(request, library.listed, _id(request))))


@routes.put(f"/lists/{ID}")
async def rename(request: web.Request) -> web.Response:
    require(request, Role.OPERATOR)
    body = await parse(request, Name)
    return web.json_response(_list(await in_db(request, library.rename_list, _id(request), body.name, body.updated_at)))


@routes.delete(f"/lists/{ID}")
async def forget_list(request: web.Request) -> web.Response:
    require(request, Role.OPERATOR)
    await in_db(request, library.delete_list, _id(request))
    return web.json_response({"success": True})


@routes.get(f"/lists/{ID}/entries")
async def entries(request: web.Request) -> web.Response:
    """Who is on it, `?search=` and a page at a time."""
    require(request, Role.OPERATOR)
    cursor, limit = _number(request, "cursor"), _number(request, "limit")
    if limit is not None and not 1 <= limit <= MAX_LIMIT:
        raise errors.InvalidInput(f"limit is 1 to {MAX_LIMIT}.")
    given = (_id(request), request.query.get("search", ""), cursor, listing.PAGE if limit is None else limit)
    rows, after = await in_db(request, listing.entries, *given)
    found = [{"id": each.id, "number": each.number, "fields": each.fields} for each in rows]
    return web.json_response({"entries": found, "next_cursor": after})


@routes.post(f"/lists/{ID}/entries")
async def add(request: web.Request) -> web.Response:
    require(request, Role.OPERATOR)
    body = await parse(request, People)
    found = await in_db(request, _people, request.app[SETTINGS], body, False)
    return web.json_response(_added(await in_db(request, library.add_people, _id(request), found)))


@routes.delete(f"/lists/{ID}/entries")
async def remove(request: web.Request) -> web.Response:
    """Take people off it, by the ids of their entries or by their numbers; who is not on it is not counted."""
    require(request, Role.OPERATOR)
    body = await parse(request, Remove)
    found = contacts.parse_numbers(body.numbers, request.app[SETTINGS].default_country)
    if found.rejected:
        raise errors.InvalidInput(f"numbers, index {found.rejected[0].position}: {found.rejected[0].reason}")
    numbers = [each.number for each in found.contacts]
    count = await in_db(request, library.remove_people, _id(request), body.ids, numbers)
    return web.json_response({"success": True, "removed": count})


@routes.get(f"/lists/{ID}/export.csv")
async def export(request: web.Request) -> web.StreamResponse:
    """The list as CSV, which can be imported again; `?excel=1` marks it as UTF-8 for Excel."""
    require(request, Role.OPERATOR)
    list_id = _id(request)
    parts = listing.export(list_id)
    first = await in_db(request, next, parts)
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": f'attachment; filename="list-{list_id}.csv"',
    }
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await response.write((("\ufeff" if request.query.get("excel") else "") + first).encode())
    while part := await in_db(request, next, parts, ""):
        await response.write(part.encode())
    return response


def _people(settings: Settings, body: People, may_be_nobody: bool) -> contacts.ContactList:
    """Who is meant. Raises InvalidInput, NotFound."""
    given = [each for each in (body.upload_id, body.numbers, body.recipients, body.list_id) if each is not None]
    if not given and may_be_nobody:
        return contacts.ContactList()
    if len(given) != 1:
        raise errors.InvalidInput("Give the people once: as upload_id, numbers, recipients or list_id.")
    if body.upload_id is not None:
        return library.from_upload(body.upload_id)
    if body.list_id is not None:
        return library.from_list(body.list_id)
    return contacts.parse_numbers(body.numbers or body.recipients or [], settings.default_country)


def _template(row: Template) -> dict[str, Any]:
    names = ("id", "name", "text", "attachments", "created_at", "updated_at")
    return {name: getattr(row, name) for name in names}


def _list(row: library.Listed) -> dict[str, Any]:
    return dict(row.__dict__)


def _added(added: library.Added) -> dict[str, Any]:
    rejected = [{"position": r.position, "value": r.value, "reason": r.reason} for r in added.rejected]
    return {
        "success": True,
        "added": added.added,
        "already_there": added.present,
        "updated": added.updated,
        "duplicates_removed": added.duplicates,
        "rejected": rejected,
    }


def _id(request: web.Request) -> int:
    return int(request.match_info["id"])


def _number(request: web.Request, name: str) -> int | None:
    text = request.query.get(name, "")
    if not text:
        return None
    if not text.isdecimal() or len(text) > 18:
        raise errors.InvalidInput(f"{name} is a whole number.")
    return int(text)
