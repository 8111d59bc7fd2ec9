"""What people have answered in the last 30 days, each with the campaign it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlencode

from aiohttp import web

from daemon.contacts import suppression
from daemon.db import clock
from daemon.delivery import replies
from daemon.pages import forms
from daemon.pages.content import PageContent
from daemon.pages.shell import members, number, show
from daemon.pages.views import campaign, name_columns
from daemon.server.visitors import in_db
from daemon.states import E164

routes = web.RouteTableDef()


@routes.get("/app/replies")
@members
async def answers(request: web.Request) -> web.StreamResponse:
    """Newest first; `?show=stop` those that say STOP, `?job=` those to one campaign, a page at a time."""
    stops = forms.asked(request).text("show") == "stop"
    arguments = (number(request, "cursor"), stops, number(request, "job"))
    return show(request, await in_db(request, _page, *arguments))


@dataclass(frozen=True)
class ReplyView(replies.Answered):
    """A reply as the page shows it. who: the name of who sent it; listed: whether they are on the suppression list."""

    who: str
    listed: bool


@dataclass(frozen=True)
class Replies(PageContent):
    """stops: whether only those that say STOP are shown; campaign: the name of the only one whose replies are; first,
    next: queries of these pages; only_job: the part of a query that names the campaign."""

    template: ClassVar = "replies.html"
    here: ClassVar = "replies"

    replies: list[ReplyView]
    stops: bool
    campaign: str | None
    cursor: int | None
    first: str
    next: str
    only_job: str


def _page(cursor: int | None, stops: bool, job_id: int | None) -> Replies:
    rows, after = replies.page(cursor, clock.now_ms(), stops, job_id)
    listed = suppression.among(row.number for row in rows)
    given = {"job": job_id, "show": "stop" if stops else None}
    chosen = {name: value for name, value in given.items() if value is not None}
    return Replies(
        replies=[_view(row, listed) for row in rows],
        stops=stops,
        campaign=campaign(job_id).name if job_id is not None else None,
        cursor=cursor,
        first=urlencode(chosen),
        next=urlencode(chosen | {"cursor": after}) if after else "",
        only_job=urlencode({"job": job_id}) if job_id is not None else "",
    )


def _view(reply: replies.Answered, listed: set[E164]) -> ReplyView:
    who = " ".join(filter(None, (reply.fields.get(name, "") for name in name_columns(reply.columns))))
    return ReplyView(**vars(reply), who=who, listed=reply.number in listed)
