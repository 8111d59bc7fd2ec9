"""New campaign: the drafts there are, and the first steps of one: its people, and what its columns are."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from daemon import contacts, drafts, errors, library, mapping
from daemon.config import Settings
from daemon.models import Draft
from daemon.pages.shell import only, show
from daemon.pages.steps import CONTEXTS, PATH, TITLES, Form, files_of, get_step, load, post_step, text_of
from daemon.tables import Row
from daemon.web import SETTINGS, Role, caller, in_db, posted, require_key

routes = web.RouteTableDef()

MAX_FILE = 32 * 1024 * 1024
SAMPLES = 3
SAMPLE_ROWS = 50
SAMPLE_LENGTH = 40
HEADERS = 6
ROLES = ("field", "number", "file", "ignore")


@routes.get("/app/new")
@only(Role.OPERATOR)
async def new(request: web.Request) -> web.StreamResponse:
    """The drafts, to be gone on with, and the button that begins another, with `?template=` or for `?list=`."""
    context = await in_db(request, _new, dict(request.query))
    return show(request, "new.html", context | {"fresh_id": secrets.token_hex(16)})


def _new(query: Form) -> dict[str, Any]:
    template, kept = _chosen(query, "template"), _chosen(query, "list")
    return {
        "drafts": _drafts(),
        "template": library.template(template) if template else None,
        "list": library.listed(kept) if kept else None,
    }


def _chosen(form: Form, name: str) -> int:
    text = text_of(form, name)
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _drafts() -> list[dict[str, Any]]:
    found = []
    for row in drafts.listed():
        step = drafts.reached(row)
        source = row.data.get("source") or {}
        count = sum(rows for at, (_, rows) in enumerate(source.get("sheets", [])) if at == source["sheet"])
        found.append({"draft": row, "step": step, "title": TITLES[step], "rows": count, "source": source})
    return found


@routes.post("/app/drafts")
async def begin(request: web.Request) -> web.StreamResponse:
    """Begin a draft; its id comes from the page, so that a double click begins one."""
    require_key(request)
    form = await posted(request)
    wished = text_of(form, "id")
    draft_id = wished if len(wished) == 32 and set(wished) <= set("0123456789abcdef") else secrets.token_hex(16)
    draft = await in_db(request, _begin, request.app[SETTINGS], draft_id, caller(request), form)
    raise web.HTTPSeeOther(f"/app/drafts/{draft.id}")


def _begin(settings: Settings, draft_id: str, who: str, form: Form) -> Draft:
    template, kept = _chosen(form, "template"), _chosen(form, "list")
    found = library.template(template) if template else None
    data = {"text": found.text, "attachments": found.attachments} if found else {}
    origin = f"template {template} list {kept}" if template or kept else ""
    draft = drafts.begin(draft_id, who, data=data, origin=origin)
    if kept and not drafts.ready(draft, "people"):
        return drafts.take_list(settings, draft, kept)
    return draft


@routes.get(PATH)
@only(Role.OPERATOR)
async def resume(request: web.Request) -> web.StreamResponse:
    """To the first step that is not done."""
    draft = await load(request)
    raise web.HTTPSeeOther(f"/app/drafts/{draft.id}/{await in_db(request, drafts.reached, draft)}")


@routes.post(PATH + "/discard")
async def discard(request: web.Request) -> web.StreamResponse:
    """Forget a draft; its button asks first."""
    require_key(request)
    await in_db(request, drafts.discard, request.match_info["id"], caller(request))
    raise web.HTTPSeeOther("/app/new")


@routes.get(PATH + "/discard")
@only(Role.OPERATOR)
async def ask_discard(request: web.Request) -> web.StreamResponse:
    """The question before a draft is forgotten."""
    draft = await load(request)
    return show(request, "draft_discard.html", {"draft": draft})


# People


@routes.get(PATH + "/people")
@only(Role.OPERATOR)
async def people(request: web.Request) -> web.StreamResponse:
    """Where the people come from."""
    return await get_step(request, "people")


@routes.post(PATH + "/people")
async def take_people(request: web.Request) -> web.StreamResponse:
    """A file, what was pasted, a list, or another sheet of the workbook; none of them keeps what is there."""
    return await post_step(request, "people", _take_people)


def _people(settings: Settings, draft: Draft, entered: Form | None, query: Mapping[str, str]) -> dict[str, Any]:
    source = draft.data.get("source") or {}
    return {
        "source": source,
        "lists": library.lists(),
        "pasted": text_of(entered, "pasted") if entered else "",
        "chosen_list": text_of(entered, "list") if entered else query.get("list", ""),
        "max_rows": drafts.MAX_ROWS,
    }


def _take_people(settings: Settings, draft: Draft, form: Form) -> str | None:
    files, button = files_of(form, "file"), text_of(form, "go")
    base = f"/app/drafts/{draft.id}"
    if files:
        data = files[0].file.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise errors.TooLarge("The contacts file is larger than 32 MB: split it, or save it as CSV.")
        taken = drafts.take_file(settings, draft, data, files[0].filename)
        several = len(taken.data["source"]["sheets"]) > 1
        return f"{base}/people" if several and button != "leave" else None
    if text_of(form, "pasted").strip():
        drafts.take_text(settings, draft, text_of(form, "pasted"))
    elif text_of(form, "list"):
        drafts.take_list(settings, draft, _chosen(form, "list"))
    elif text_of(form, "sheet").isdecimal():
        drafts.choose_sheet(settings, draft, int(text_of(form, "sheet")))
    elif not drafts.ready(draft, "people") and button != "leave":
        raise errors.InvalidInput("Choose a file, paste numbers or choose a list.")
    return None


# Columns


@routes.get(PATH + "/columns")
@only(Role.OPERATOR)
async def columns(request: web.Request) -> web.StreamResponse:
    """What each column of the sheet is."""
    return await get_step(request, "columns")


@routes.post(PATH + "/columns")
async def map_columns(request: web.Request) -> web.StreamResponse:
    """Keep what each column is."""
    return await post_step(request, "columns", _map_columns)


def _columns(settings: Settings, draft: Draft, entered: Form | None, query: Mapping[str, str]) -> dict[str, Any]:
    rows, chosen = drafts.rows(draft), draft.data["columns"]
    width = len(chosen["names"])
    header = chosen["header"]
    body = rows[0 if header is None else header + 1 :]
    names = contacts.field_names(rows[header].cells if header is not None else [], width)
    found = []
    for at in range(width):
        cells = [cell for row in body[:SAMPLE_ROWS] if (cell := _cell(row, at))]
        role = "number" if at == chosen["phone"] else "file" if at == chosen["files"] else ""
        found.append({
            "title": _cell(rows[header], at) if header is not None else "",
            "samples": [cell[:SAMPLE_LENGTH] for cell in dict.fromkeys(cells)][:SAMPLES],
            "role": _role(entered, at) or role or ("field" if chosen["names"][at] else "ignore"),
            "name": text_of(entered, f"name-{at}") if entered else chosen["names"][at] or names[at],
        })  # fmt: skip
    heads = [(at, row.position, " · ".join(filter(None, row.cells))[:60]) for at, row in enumerate(rows[:HEADERS])]
    return {"columns": found, "heads": heads, "header": header, "rows": len(body), "roles": ROLES}


def _role(entered: Form | None, at: int) -> str:
    role = text_of(entered, f"role-{at}") if entered else ""
    return role if role in ROLES else ""


def _cell(row: Row, at: int) -> str:
    return row.cells[at] if at < len(row.cells) else ""


def _map_columns(settings: Settings, draft: Draft, form: Form) -> str | None:
    rows, before = drafts.rows(draft), draft.data["columns"]
    width = len(before["names"])
    header = _header(form, len(rows))
    if text_of(form, "go") == "header":
        changed = {**before, "header": header, "sure": False}
        names = contacts.field_names(rows[header].cells if header is not None else [], width)
        kept = zip(before["names"], names, strict=True)
        changed["names"] = [new if old else "" for old, new in kept]
        drafts.save(draft.id, draft.version, {"columns": changed})
        return f"/app/drafts/{draft.id}/columns"
    roles = [_role(form, at) or "ignore" for at in range(width)]
    if text_of(form, "go") == "leave" and roles.count("number") != 1:
        return None
    if roles.count("number") != 1:
        raise errors.InvalidInput("Say of one column, and of one only, that it holds the telephone numbers.")
    if roles.count("file") > 1:
        raise errors.InvalidInput("Only one column can name each one's file.")
    phone = roles.index("number")
    names = [text_of(form, f"name-{at}").strip() if role == "field" else "" for at, role in enumerate(roles)]
    for at, role in enumerate(roles):
        if role == "field" and not names[at]:
            raise errors.InvalidInput(f"Give column {at + 1} a name, or ignore it.")
    mapping.column_names(names, [phone])
    files = roles.index("file") if "file" in roles else None
    changed = {"phone": phone, "header": header, "names": names, "files": files, "sure": True}
    changes: dict[str, Any] = {"columns": changed}
    if (phone, header) != (before["phone"], before["header"]):  # what was decided was about other cells
        changes["numbers"] = {"country": draft.data["numbers"].get("country", "")}
    drafts.save(draft.id, draft.version, changes)
    return None


def _header(form: Form, count: int) -> int | None:
    text = text_of(form, "header")
    return int(text) if text.isdecimal() and len(text) < 9 and int(text) < min(count, HEADERS) else None


CONTEXTS["people"] = _people
CONTEXTS["columns"] = _columns
