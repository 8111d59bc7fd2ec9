"""What people have answered in the last 30 days, each with the campaign it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlencode

from aiohttp import web

from daemon import errors
from daemon.contacts import suppression
from daemon.contacts.columns import name_columns
from daemon.db import clock
from daemon.delivery import replies, unmatched
from daemon.i18n.languages import N_
from daemon.pages import forms
from daemon.pages.asking import said
from daemon.pages.content import PageContent
from daemon.pages.job_tabs import seen
from daemon.pages.shell import members, number, only, show
from daemon.pages.views import campaign
from daemon.server.visitors import SETTINGS, caller, in_db, timed
from daemon.states import E164, Role

routes = web.RouteTableDef()

CHAT = r"/app/replies/chats/{id:\d{1,18}}"
DONE = {
    "assigned": N_("The chat is assigned. It is read within half a minute, and its replies appear below."),
    "suppressed": N_("The chat is assigned. This person asked to stop, so they are on the suppression list now."),
    "ignored": N_("The chat is ignored."),
    "reopened": N_("The chat is in the list again."),
}


@routes.get("/app/replies")
@members
async def answers(request: web.Request) -> web.StreamResponse:
    """Newest first; `?show=stop` those that say STOP, `?job=` those to one campaign, a page at a time."""
    asked = forms.asked(request)
    stops = asked.text("show") == "stop"
    arguments = (number(request, "cursor"), stops, number(request, "job"))
    return await _show(request, 200, *arguments, DONE.get(asked.text("done"), ""))


@routes.post(CHAT + "/assign")
@only(Role.OPERATOR)
async def assign(request: web.Request) -> web.StreamResponse:
    """Say whose chat it is: one of those who may be meant, or another recipient's number."""
    form = (await forms.read(request)).parsed(forms.AssignChat)
    chat_id = int(request.match_info["id"])
    try:
        chosen = form.other or form.recipient
        chat = await timed(request, unmatched.assign, request.app[SETTINGS], chat_id, chosen, caller(request))
    except errors.InvalidInput as error:
        refused = Refused(chat_id, said(error), form.other)
        return await _show(request, 422, None, False, None, "", refused)
    raise web.HTTPSeeOther(f"/app/replies?done={'suppressed' if chat.stop and chat.listed else 'assigned'}")


@routes.post(CHAT + "/ignore")
@only(Role.OPERATOR)
async def ignore(request: web.Request) -> web.StreamResponse:
    """Say that the chat has nothing to do with a campaign; where somebody asks to stop in it and the page did not show
    that yet, it does."""
    form = (await forms.read(request)).parsed(forms.Versioned)
    chat_id = int(request.match_info["id"])
    try:
        await in_db(request, unmatched.ignore, chat_id, caller(request), form.version)
    except errors.EditConflict as error:
        refused = Refused(chat_id, said(error), None)
        return await _show(request, 409, None, False, None, "", refused)
    raise web.HTTPSeeOther("/app/replies?done=ignored")


@routes.post(CHAT + "/reopen")
@only(Role.OPERATOR)
async def reopen(request: web.Request) -> web.StreamResponse:
    """Take back what was said about the chat."""
    await in_db(request, unmatched.reopen, int(request.match_info["id"]), caller(request))
    raise web.HTTPSeeOther("/app/replies?done=reopened")


@dataclass(frozen=True)
class Refused:
    """What was said of a chat and cannot be so, and why. number: what was entered for it, if anything was wanted."""

    chat_id: int
    error: str
    number: str | None


@dataclass(frozen=True)
class CandidateView:
    """A recipient whose chat it may be. who: their name."""

    number: E164
    who: str


@dataclass(frozen=True)
class ChatView:
    """A chat that could not be matched, and who may be meant."""

    chat: unmatched.Chat
    candidates: list[CandidateView]


@dataclass(frozen=True)
class ReplyView(replies.Answered):
    """A reply as the page shows it. who: the name of who sent it; listed: whether they are on the suppression list."""

    who: str
    listed: bool


@dataclass(frozen=True)
class Replies(PageContent):
    """stops: whether only those that say STOP are shown; campaign: the name of the only one whose replies are; first,
    next: queries of these pages; only_job: the part of a query that names the campaign; chats: those that could not be
    matched, settled: those about which a person has said something; refused: what was entered for one of them."""

    template: ClassVar = "replies.html"
    here: ClassVar = "replies"

    replies: list[ReplyView]
    stops: bool
    campaign: str | None
    cursor: int | None
    first: str
    next: str
    only_job: str
    chats: list[ChatView]
    settled: list[unmatched.Chat]
    refused: Refused | None
    done: str


async def _show(
    request: web.Request,
    status: int,
    cursor: int | None,
    stops: bool,
    job_id: int | None,
    done: str = "",
    refused: Refused | None = None,
) -> web.Response:
    content = await in_db(request, _page, cursor, stops, job_id, done, refused)
    await seen(request, content.replies)
    return show(request, content, status)


def _page(cursor: int | None, stops: bool, job_id: int | None, done: str, refused: Refused | None) -> Replies:
    whole = cursor is None and job_id is None
    chats = [_chat_view(chat) for chat in unmatched.listed(clock.now_ms()) if not stops or chat.stop] if whole else []
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
        chats=chats,
        settled=unmatched.settled() if whole and not stops else [],
        refused=refused,
        done=done,
    )


def _view(reply: replies.Answered, listed: set[E164]) -> ReplyView:
    return ReplyView(**vars(reply), who=_name(reply.columns, reply.fields), listed=reply.number in listed)


def _chat_view(chat: unmatched.Chat) -> ChatView:
    return ChatView(chat, [CandidateView(each.number, _name(each.columns, each.fields)) for each in chat.candidates])


def _name(columns: list[str], fields: Mapping[str, str]) -> str:
    return " ".join(filter(None, (fields.get(name, "") for name in name_columns(columns))))
