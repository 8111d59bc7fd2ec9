"""Saved message texts: the overview, the form with a preview as WhatsApp shows it, and deleting."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from aiohttp.web_request import FileField

from daemon import errors
from daemon.campaigns import templates
from daemon.campaigns.templates import TemplateRow
from daemon.config import Settings
from daemon.contacts import naming, uploads
from daemon.contacts.uploads import AttachmentRow
from daemon.formats import template as message_text
from daemon.i18n.languages import N_
from daemon.pages import forms
from daemon.pages.forms import AskedTemplate
from daemon.pages.shell import only, show
from daemon.pages.words import formatted
from daemon.server.visitors import SETTINGS, in_db, require, timed
from daemon.states import Role

routes = web.RouteTableDef()

ID = r"{id:\d{1,18}}"
SHOWN = 400  # characters of a text that the overview shows
DONE = {
    "saved": N_("The template is saved."),
    "deleted": N_("The template is deleted."),
}


@routes.get("/app/templates")
@only(Role.OPERATOR)
async def every(request: web.Request) -> web.StreamResponse:
    """All templates."""
    rows = await in_db(request, templates.every)
    views = [
        {"id": row.id, "name": row.name, "html": _short(row.text), "files": len(row.attachments), "at": row.updated_at}
        for row in rows
    ]
    done = DONE.get(forms.asked(request).text("done"), "")
    return show(request, "templates.html", {"templates": views, "done": done})


def _short(text: str) -> Any:
    return formatted(text if len(text) <= SHOWN else text[:SHOWN].rstrip() + "…")


@routes.get("/app/templates/new")
@only(Role.OPERATOR)
async def new(request: web.Request) -> web.StreamResponse:
    """The form of a new template."""
    return await _form(request, {"name": "", "text": "", "attachments": [], "version": None})


@routes.get(f"/app/templates/{ID}")
@only(Role.OPERATOR)
async def edit(request: web.Request) -> web.StreamResponse:
    """The form of a saved template."""
    row = await in_db(request, templates.find, int(request.match_info["id"]))
    return await _form(request, _values(row), row)


def _values(row: TemplateRow) -> dict[str, Any]:
    return {"name": row.name, "text": row.text, "attachments": row.attachments, "version": row.version}


async def _form(
    request: web.Request, values: dict[str, Any], row: TemplateRow | None = None, error: str = "", status: int = 200
) -> web.StreamResponse:
    files = await in_db(request, _known_files, values["attachments"])
    context = {
        "template": row,
        "form": values,
        "files": files,
        "error": error,
        "conflict": status == 409,
        "preview": await in_db(
            request, _preview, AskedTemplate(text=values["text"], attachments=len(files), samples={})
        ),
        "max_text": message_text.MAX_TEXT,
        "max_caption": message_text.MAX_CAPTION,
        "max_name": naming.MAX_NAME,
        "max_upload_mb": request.app[SETTINGS].max_upload_mb,
        "done": DONE.get(forms.asked(request).text("done"), ""),
    }
    return show(request, "template.html", context, status)


def _known_files(ids: list[str]) -> list[AttachmentRow]:
    """Those of the form's attachments that still exist."""
    return [row for each in ids for row in _or_none(each)]


def _or_none(attachment_id: str) -> list[AttachmentRow]:
    try:
        return uploads.attachments([attachment_id])
    except errors.NotFound:
        return []


@routes.post("/app/templates/new")
@only(Role.OPERATOR)
async def create(request: web.Request) -> web.StreamResponse:
    values = await _entered(request)
    try:
        await in_db(request, uploads.intact, request.app[SETTINGS], values["attachments"])
        await timed(request, templates.keep, values["name"], values["text"], attachments=values["attachments"])
    except (errors.InvalidInput, errors.NotFound) as error:
        return await _form(request, values, error=str(error), status=422)
    raise web.HTTPSeeOther("/app/templates?done=saved")


@routes.post(f"/app/templates/{ID}")
@only(Role.OPERATOR)
async def save(request: web.Request) -> web.StreamResponse:
    values = await _entered(request)
    row = await in_db(request, templates.find, int(request.match_info["id"]))
    try:
        await in_db(request, uploads.intact, request.app[SETTINGS], values["attachments"])
        await timed(
            request,
            templates.change,
            row.id,
            values["name"],
            values["text"],
            attachments=values["attachments"],
            version=values["version"],
        )
    except errors.EditConflict as error:
        row = await in_db(request, templates.find, row.id)
        return await _form(request, values | {"version": row.version}, row, str(error), 409)
    except (errors.InvalidInput, errors.NotFound) as error:
        return await _form(request, values, row, str(error), 422)
    raise web.HTTPSeeOther("/app/templates?done=saved")


async def _entered(request: web.Request) -> dict[str, Any]:
    """The form as it was filled in; a file sent with it (without our script) is stored first."""
    form = (await forms.read(request)).parsed(forms.KeepTemplate)
    ids = form.attachments
    if form.file is not None:
        found = await timed(request, _take, request.app[SETTINGS], form.file)
        ids = [*ids, found.id]
    return {"name": form.name, "text": form.text, "attachments": ids, "version": form.version}


def _take(settings: Settings, file: FileField, now: int) -> AttachmentRow:
    """Store a file of a form. Raises TooLarge, UnreadableFile."""
    place = uploads.new_part(settings)
    try:
        with place.open("wb") as target:
            while chunk := file.file.read(1024 * 1024):
                target.write(chunk)
                if target.tell() > settings.max_upload_mb * 1024 * 1024:
                    raise errors.TooLarge(f"The file is larger than {settings.max_upload_mb} MB.")
        return uploads.add_attachment(settings, place, file.filename, now)
    finally:
        place.unlink(missing_ok=True)


@routes.get(f"/app/templates/{ID}/delete")
@only(Role.OPERATOR)
async def ask_delete(request: web.Request) -> web.StreamResponse:
    """Ask before the template is deleted."""
    row = await in_db(request, templates.find, int(request.match_info["id"]))
    return show(request, "template_delete.html", {"template": row})


@routes.post(f"/app/templates/{ID}/delete")
@only(Role.OPERATOR)
async def delete(request: web.Request) -> web.StreamResponse:
    try:
        await in_db(request, templates.delete, int(request.match_info["id"]))
    except errors.NotFound:  # deleted in another tab, or by a second click
        pass
    raise web.HTTPSeeOther("/app/templates?done=deleted")


@routes.post("/app/templates/preview")
async def preview(request: web.Request) -> web.StreamResponse:
    """The text as somebody would get it, its length, the fields it uses, and what is wrong with it."""
    require(request, Role.OPERATOR)
    asked = await forms.body(request, AskedTemplate)
    return web.json_response(await in_db(request, _preview, asked))


def _preview(draft: AskedTemplate) -> dict[str, Any]:
    """A field without a sample shows its name in brackets."""
    limit = message_text.MAX_CAPTION if draft.attachments else message_text.MAX_TEXT
    shown, fields, error = draft.text, [], ""
    if draft.text.strip():
        try:
            template = message_text.compile(draft.text)
            fields = sorted(template.fields)
            values = {name: draft.samples.get(name, "").strip() or f"[{name}]" for name in fields}
            shown = message_text.render(template, values, values.get(message_text.NUMBER, ""))
        except errors.TemplateError as problem:
            error = str(problem)
    length = len(shown.encode("utf-16-le", "surrogatepass")) // 2
    return {"html": formatted(shown), "length": length, "limit": limit, "fields": fields, "error": error}
