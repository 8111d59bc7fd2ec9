"""Saved message texts: the overview, the form with a preview as WhatsApp shows it, and deleting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from aiohttp import web
from aiohttp.web_request import FileField
from markupsafe import Markup

from daemon import errors
from daemon.campaigns import templates
from daemon.campaigns.templates import Template
from daemon.config import Settings
from daemon.contacts import naming, uploads
from daemon.contacts.uploads import Attachment
from daemon.formats import template as message_text
from daemon.i18n.languages import N_
from daemon.pages import forms
from daemon.pages.asking import said
from daemon.pages.content import PageContent
from daemon.pages.refusals import Why
from daemon.pages.script import AskedTemplate
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


@dataclass(frozen=True)
class TemplateView:
    """A template in the overview. html: its text, shortened; files: how many it has; at: when it was changed, UTC
    ms."""

    id: int
    name: str
    html: Markup
    files: int
    at: int


@dataclass(frozen=True)
class Templates(PageContent):
    template: ClassVar = "templates.html"
    here: ClassVar = "templates"

    templates: list[TemplateView]
    done: str


@dataclass(frozen=True)
class Entered:
    """A template as its form shows it. version: that was shown, None for a new one."""

    name: str = ""
    text: str = ""
    attachments: Sequence[str] = ()
    version: int | None = None


@dataclass(frozen=True)
class Preview:
    """A text as somebody would get it, for the page and, as JSON, for our script. fields: that it uses; error: what is
    wrong with it."""

    html: Markup
    length: int
    limit: int
    fields: list[str]
    error: str


@dataclass(frozen=True)
class TemplateForm(PageContent):
    """saved: the template as it is stored, None for a new one; conflict: whether somebody has changed it since."""

    template: ClassVar = "template.html"
    here: ClassVar = "templates"

    saved: Template | None
    form: Entered
    files: Sequence[Attachment]
    error: str
    conflict: bool
    preview: Preview
    max_text: int
    max_caption: int
    max_name: int
    max_upload_mb: int


@dataclass(frozen=True)
class Deletion(PageContent):
    """The question before the template is deleted."""

    template: ClassVar = "template_delete.html"
    here: ClassVar = "templates"

    saved: Template


@routes.get("/app/templates")
@only(Role.OPERATOR)
async def every(request: web.Request) -> web.StreamResponse:
    """All templates."""
    rows = await in_db(request, templates.every)
    views = [TemplateView(row.id, row.name, _short(row.text), len(row.attachments), row.updated_at) for row in rows]
    return show(request, Templates(views, DONE.get(forms.asked(request).text("done"), "")))


def _short(text: str) -> Markup:
    return formatted(text if len(text) <= SHOWN else text[:SHOWN].rstrip() + "…")


@routes.get("/app/templates/new")
@only(Role.OPERATOR)
async def new(request: web.Request) -> web.StreamResponse:
    """The form of a new template."""
    return await _form(request, Entered())


@routes.get(f"/app/templates/{ID}")
@only(Role.OPERATOR)
async def edit(request: web.Request) -> web.StreamResponse:
    """The form of a saved template."""
    row = await in_db(request, templates.find, int(request.match_info["id"]))
    return await _form(request, Entered(row.name, row.text, row.attachments, row.version), row)


async def _form(
    request: web.Request, entered: Entered, row: Template | None = None, error: str = "", status: int = 200
) -> web.StreamResponse:
    files = await in_db(request, _known_files, entered.attachments)
    asked = AskedTemplate(text=entered.text, samples={})
    content = TemplateForm(
        saved=row,
        form=entered,
        files=files,
        error=error,
        conflict=status == 409,
        preview=await in_db(request, _preview, asked),
        max_text=message_text.MAX_TEXT,
        max_caption=message_text.MAX_CAPTION,
        max_name=naming.MAX_NAME,
        max_upload_mb=request.app[SETTINGS].max_upload_mb,
    )
    return show(request, content, status)


def _known_files(ids: Sequence[str]) -> list[Attachment]:
    """Those of the form's attachments that still exist."""
    return [row for each in ids for row in _or_none(each)]


def _or_none(attachment_id: str) -> list[Attachment]:
    try:
        return uploads.attachments([attachment_id])
    except errors.NotFound:
        return []


@routes.post("/app/templates/new")
@only(Role.OPERATOR)
async def create(request: web.Request) -> web.StreamResponse:
    entered = await _entered(request)
    try:
        await in_db(request, uploads.intact, request.app[SETTINGS], entered.attachments)
        await timed(request, templates.keep, entered.name, entered.text, attachments=entered.attachments)
    except (errors.InvalidInput, errors.NotFound) as error:
        return await _form(request, entered, error=said(error), status=422)
    raise web.HTTPSeeOther("/app/templates?done=saved")


@routes.post(f"/app/templates/{ID}")
@only(Role.OPERATOR)
async def save(request: web.Request) -> web.StreamResponse:
    entered = await _entered(request)
    row = await in_db(request, templates.find, int(request.match_info["id"]))
    try:
        await in_db(request, uploads.intact, request.app[SETTINGS], entered.attachments)
        changed = (row.id, entered.name, entered.text)
        attached, version = entered.attachments, entered.version
        await timed(request, templates.change, *changed, attachments=attached, version=version)
    except errors.EditConflict as error:
        row = await in_db(request, templates.find, row.id)
        return await _form(request, replace(entered, version=row.version), row, said(error), 409)
    except (errors.InvalidInput, errors.NotFound) as error:
        return await _form(request, entered, row, said(error), 422)
    raise web.HTTPSeeOther("/app/templates?done=saved")


async def _entered(request: web.Request) -> Entered:
    """The form as it was filled in; a file sent with it (without our script) is stored first."""
    form = (await forms.read(request)).parsed(forms.KeepTemplate)
    ids = form.attachments
    if form.file is not None:
        found = await timed(request, _take, request.app[SETTINGS], form.file)
        ids = [*ids, found.id]
    return Entered(form.name, form.text, ids, form.version)


def _take(settings: Settings, file: FileField, now: int) -> Attachment:
    """Store a file of a form. Raises TooLarge, UnreadableFile."""
    place = uploads.new_part(settings)
    try:
        with place.open("wb") as target:
            while chunk := file.file.read(1024 * 1024):
                target.write(chunk)
                if target.tell() > settings.max_upload_mb * 1024 * 1024:
                    raise errors.TooLarge(Why.ATTACHMENT_ABOVE_LIMIT, limit=settings.max_upload_mb)
        return uploads.add_attachment(settings, place, file.filename, now)
    finally:
        place.unlink(missing_ok=True)


@routes.get(f"/app/templates/{ID}/delete")
@only(Role.OPERATOR)
async def ask_delete(request: web.Request) -> web.StreamResponse:
    """Ask before the template is deleted."""
    row = await in_db(request, templates.find, int(request.match_info["id"]))
    return show(request, Deletion(row))


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
    return web.json_response(vars(await in_db(request, _preview, asked)))


def _preview(draft: AskedTemplate) -> Preview:
    """A field without a sample shows its name in brackets."""
    limit = message_text.MAX_TEXT
    shown, fields, error = draft.text, list[str](), ""
    if draft.text.strip():
        try:
            template = message_text.compile(draft.text)
            fields = sorted(template.fields)
            values = {
                name: draft.samples.get(name, "").strip() or template.samples.get(name, f"[{name}]") for name in fields
            }
            shown = message_text.render(template, values, values.get(message_text.NUMBER, ""))
        except errors.TemplateError as problem:
            error = said(problem)
    length = len(shown.encode("utf-16-le", "surrogatepass")) // 2
    return Preview(formatted(shown), length, limit, fields, error)
