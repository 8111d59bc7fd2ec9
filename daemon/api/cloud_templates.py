"""WhatsApp templates: what Meta has approved for accounts of the Cloud API."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from aiohttp import web
from pydantic import Field

from daemon.api import endpoint, paging
from daemon.api.endpoint import Caller
from daemon.api.parameters import MAX_LIMIT, CloudTemplateId, Limit, Named, OfAccount, SortedCursor
from daemon.api.schemas.cloud_templates import (
    Button,
    CloudTemplate,
    CloudTemplates,
    NewCloudTemplate,
    SyncTemplates,
    TemplatesSynced,
)
from daemon.campaigns import cloud_templates
from daemon.errors import NotFound, TransportError
from daemon.formats import cloud_template
from daemon.formats.new_cloud_template import NewButton, NewTemplate
from daemon.server import cloud_graph
from daemon.server.scopes import Scope
from daemon.server.visitors import in_db, timed

TAG = "cloud templates"
InStatus = Annotated[str, Field(max_length=32, description="Only those in this status, such as `APPROVED`.")]


@endpoint.get("/cloud/templates", scope=Scope.SEND, tag=TAG)
def list_cloud_templates(
    caller: Caller,
    *,
    account: OfAccount | None = None,
    status: InStatus | None = None,
    search: Named = "",
    cursor: SortedCursor | None = None,
    limit: Limit = MAX_LIMIT,
) -> CloudTemplates:
    """The WhatsApp templates that are known, by account, name and language, a page at a time.

    They are as Meta told at the last synchronisation, or by its webhooks since.
    """
    rows = cloud_templates.every(account)
    wanted = [row for row in rows if status in (None, row.status) and paging.found_by(search, row.name)]
    page, after = paging.page(sorted(wanted, key=_place), _place, cursor, limit)
    return CloudTemplates(templates=[_shown(row) for row in page], next_cursor=after)


def _place(row: cloud_templates.CloudTemplate) -> tuple[str, str, str]:
    return row.account, row.name, row.language


@endpoint.get("/cloud/templates/{cloud_template_id}", scope=Scope.SEND, errors=(NotFound,), tag=TAG)
def show_cloud_template(caller: Caller, *, cloud_template_id: CloudTemplateId) -> CloudTemplate:
    """One WhatsApp template."""
    return _shown(cloud_templates.by_id(cloud_template_id))


@endpoint.post("/cloud/templates/sync", scope=Scope.SEND, errors=(NotFound, TransportError), tag=TAG)
async def sync_cloud_templates(
    caller: Caller, request: web.Request, *, body: SyncTemplates | None = None
) -> TemplatesSynced:
    """Read all WhatsApp templates of an account from Meta.

    Campaigns whose template Meta has paused, disabled, rejected or deleted are paused. If Meta does not answer, or not
    with templates, this is 502 with the reason.
    """
    own = await in_db(request, cloud_graph.account, caller.settings, body.account if body else None)
    found = await cloud_graph.templates(own)
    synced = await timed(request, cloud_templates.sync, own.account, found)
    return TemplatesSynced(account=own.account, **vars(synced))


@endpoint.post("/cloud/templates", scope=Scope.ADMIN, errors=(NotFound, TransportError), tag=TAG)
async def make_cloud_template(caller: Caller, request: web.Request, *, body: NewCloudTemplate) -> CloudTemplate:
    """Hand a new WhatsApp template in to Meta, which looks at it: mostly within minutes, at times a day.

    What Meta refuses at once is 422 with its reason.
    """
    own = await in_db(request, cloud_graph.account, caller.settings, body.account)
    given = dict(body) | {"buttons": [NewButton(each.text, each.url, each.example) for each in body.buttons]}
    del given["account"]
    wanted = NewTemplate(**given)
    made = await cloud_graph.create(own, wanted)
    keep = partial(cloud_templates.made, own.account, wanted, made.id, made.status, made.category)
    return _shown(await timed(request, keep))


def _shown(row: cloud_templates.CloudTemplate) -> CloudTemplate:
    shape, unusable = row.shape, row.unusable
    return CloudTemplate(
        id=row.id,
        account=row.account,
        name=row.name,
        language=row.language,
        status=row.status,
        category=row.category,
        quality=row.quality,
        rejected_for=row.reason,
        usable=unusable is None,
        reason=str(unusable) if unusable else None,
        code=unusable.code if unusable else None,
        header=shape.header or None,
        media=shape.shows or None,
        body=shape.body,
        footer=shape.footer or None,
        buttons=[
            Button(text=each.text, kind=each.kind, value=cloud_template.button(each.index) if each.taken else None)
            for each in shape.buttons
        ],
        values=list(shape.wanted),
        version=row.version,
        synced_at=row.synced_at,
        changed_at=row.changed_at,
    )
