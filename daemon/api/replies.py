"""Replies from recipients, and the chats that could not be matched to one."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from daemon.accounts import directory
from daemon.api import endpoint
from daemon.api.endpoint import Caller
from daemon.api.parameters import ChatId, Cursor, Flag, Limit, OfAccount, OfJob, Since, ToNumber, Until
from daemon.api.schemas.people import AssignChat, Candidate, Chat, ChatChanged, Chats, IgnoreChat, Replies, Reply
from daemon.contacts import importer, masking
from daemon.contacts.person import Person
from daemon.db import clock
from daemon.delivery import replies as stored_replies
from daemon.delivery import unmatched
from daemon.errors import EditConflict, NotFound
from daemon.server.scopes import Scope
from daemon.states import ChatState

StopsOnly = Annotated[Flag, Field(description="Only those that ask for no more messages.")]
InState = Annotated[ChatState, Field(description="Which: those that wait for a person, or those that were decided.")]


@endpoint.get("/replies", scope=Scope.READ, tag="replies")
def replies(
    caller: Caller,
    *,
    stop: StopsOnly = False,
    job_id: OfJob | None = None,
    account: OfAccount | None = None,
    number: ToNumber = "",
    since: Since | None = None,
    until: Until | None = None,
    cursor: Cursor | None = None,
    limit: Limit = stored_replies.PAGE,
) -> Replies:
    """Replies of the last 30 days, newest first, a page at a time."""
    country = directory.country(caller.settings, account) if number else ""
    person = Person(importer.one(masking.searchable(number), country)).key if number else None
    wanted = stored_replies.Wanted(account, person, since, until)
    rows, after = stored_replies.page(cursor, clock.now_ms(), stop, job_id, limit, wanted)
    return Replies(replies=[Reply.model_validate(row) for row in rows], next_cursor=after)


@endpoint.get("/replies/chats", scope=Scope.READ, tag="replies")
def unmatched_chats(
    caller: Caller,
    *,
    state: InState = ChatState.WAITING,
    stop: StopsOnly = False,
    cursor: Cursor | None = None,
    limit: Limit = unmatched.SHOWN,
) -> Chats:
    """Chats with something unread of which it is not known whose they are, newest first, a page at a time.

    Assign each to a recipient, or ignore it. Begin with those that have `stop`: until they are assigned, whoever asks
    for no more there can get further messages.
    """
    rows, after = unmatched.page(state, stop, cursor, limit, clock.now_ms())
    return Chats(chats=[Chat(**_said(row)) for row in rows], next_cursor=after)


@endpoint.post("/replies/chats/{chat_id}/assign", scope=Scope.CONTROL, errors=(NotFound,), tag="replies")
def assign_chat(caller: Caller, *, chat_id: ChatId, body: AssignChat) -> ChatChanged:
    """Say whose chat it is: somebody whom its account has messaged. The chat is read within half a minute.

    If somebody asks for no more in it, that number is on the suppression list at once (`suppressed`).
    """
    return _changed(unmatched.assign(caller.settings, chat_id, body.number, caller.name, clock.now_ms()))


@endpoint.post("/replies/chats/{chat_id}/ignore", scope=Scope.CONTROL, errors=(NotFound, EditConflict), tag="replies")
def ignore_chat(caller: Caller, *, chat_id: ChatId, body: IgnoreChat | None = None) -> ChatChanged:
    """Say that the chat has nothing to do with a campaign. It is not opened, and waits again only for a STOP in it.

    With `version`, this is refused if somebody has asked for no more in it since.
    """
    return _changed(unmatched.ignore(chat_id, caller.name, body.version if body else None))


@endpoint.post("/replies/chats/{chat_id}/reopen", scope=Scope.CONTROL, errors=(NotFound,), tag="replies")
def reopen_chat(caller: Caller, *, chat_id: ChatId) -> ChatChanged:
    """Take back what was said about the chat. Whoever is on the suppression list stays there."""
    return _changed(unmatched.reopen(chat_id, caller.name))


def _changed(chat: unmatched.Chat) -> ChatChanged:
    return ChatChanged(**_said(chat))


def _said(chat: unmatched.Chat) -> dict[str, Any]:
    known = {name: getattr(chat, name) for name in Chat.model_fields.keys() & vars(chat).keys()}
    candidates = [Candidate(number=each.number, fields=each.fields) for each in chat.candidates]
    return known | {"state": chat.state, "unread": chat.count, "suppressed": chat.listed, "candidates": candidates}
