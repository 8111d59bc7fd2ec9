"""Templates: texts saved for reuse."""

from __future__ import annotations

from daemon.api import endpoint, paging
from daemon.api.endpoint import Caller
from daemon.api.parameters import MAX_LIMIT, Limit, Named, SortedCursor, TemplateId
from daemon.api.schemas.common import Done
from daemon.api.schemas.library import NewTemplate, Template, Templates
from daemon.campaigns import templates as saved_templates
from daemon.contacts import uploads
from daemon.db import clock, versions
from daemon.errors import AttachmentLost, IllegalMove, NotFound
from daemon.server.scopes import Scope

NAMES = tuple(Template.model_fields)


@endpoint.get("/templates", scope=Scope.SEND, tag="templates")
def templates(
    caller: Caller, *, search: Named = "", cursor: SortedCursor | None = None, limit: Limit = MAX_LIMIT
) -> Templates:
    """The templates, by name, a page at a time."""
    wanted = [row for row in saved_templates.every() if paging.found_by(search, row.name)]
    rows, after = paging.page(wanted, lambda row: (row.name.casefold(), row.id), cursor, limit)
    return Templates(templates=[_template(row) for row in rows], next_cursor=after)


@endpoint.post("/templates", scope=Scope.SEND, errors=(NotFound, AttachmentLost), tag="templates")
def keep_template(caller: Caller, *, body: NewTemplate) -> Template:
    """Save a text under a name."""
    uploads.intact(caller.settings, body.attachments)
    return _template(saved_templates.keep(body.name, body.text, clock.now_ms(), body.attachments))


@endpoint.get("/templates/{template_id}", scope=Scope.SEND, errors=(NotFound,), tag="templates")
def template(caller: Caller, *, template_id: TemplateId) -> Template:
    """One template."""
    return _template(saved_templates.find(template_id))


@endpoint.put(
    "/templates/{template_id}", scope=Scope.SEND, errors=(NotFound, IllegalMove, AttachmentLost), tag="templates"
)
def change_template(caller: Caller, *, template_id: TemplateId, body: NewTemplate) -> Template:
    """Change a template. With `version`, this is refused if somebody has changed the template since."""
    uploads.intact(caller.settings, body.attachments)
    now = clock.now_ms()
    seen = versions.seen(saved_templates.find(template_id), body.version, body.updated_at)
    row = saved_templates.change(template_id, body.name, body.text, now, body.attachments, seen)
    return _template(row)


@endpoint.delete("/templates/{template_id}", scope=Scope.SEND, errors=(NotFound,), tag="templates")
def forget_template(caller: Caller, *, template_id: TemplateId) -> Done:
    """Delete a template. Jobs created from it keep their text."""
    saved_templates.delete(template_id)
    return Done()


def _template(row: saved_templates.Template) -> Template:
    return Template.model_validate({name: getattr(row, name) for name in NAMES})
