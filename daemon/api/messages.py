"""Messages of all jobs: by state, one by one, and decisions about uncertain ones."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from daemon.accounts import directory
from daemon.api import endpoint
from daemon.api.answers import Png
from daemon.api.endpoint import Caller
from daemon.api.parameters import Cursor, ExternalId, Limit, MessageId, OfAccount, ToNumber
from daemon.api.schemas.jobs import Decide, Evidence, Message, MessageDecided, MessageHistory, Messages, Move, Part
from daemon.campaigns import lifecycle, queries
from daemon.campaigns.queries import Step
from daemon.campaigns.rows import MessageRow
from daemon.contacts import importer, masking
from daemon.contacts.person import Person
from daemon.db import clock
from daemon.delivery import evidence, parts, windows
from daemon.errors import IllegalMove, NotFound
from daemon.i18n.coded import code_of
from daemon.server.scopes import Scope
from daemon.states import State

InState = Annotated[State, Field(description="Only those in this state; without it and without `number`, `uncertain`.")]
NAMES = tuple(Message.model_fields.keys() - {"code"})


@endpoint.get("/messages", scope=Scope.READ, tag="messages")
def messages_everywhere(
    caller: Caller,
    *,
    state: InState | None = None,
    number: ToNumber = "",
    external_id: ExternalId | None = None,
    account: OfAccount | None = None,
    cursor: Cursor | None = None,
    limit: Limit = queries.PAGE,
) -> Messages:
    """Messages of all jobs in one state or to one person, oldest first; by default those that need a decision.

    With `external_id` or `number` those of that recipient, in any state if none is given.
    """
    if external_id is not None:
        rows, after = queries.messages_called(external_id, state, account, cursor, limit)
    elif number:
        person = Person(importer.one(masking.searchable(number), directory.country(caller.settings, account))).key
        rows, after = queries.messages_to(person, state, account, cursor, limit)
    else:
        rows, after = queries.messages_everywhere(state or State.UNCERTAIN, cursor, limit, account=account)
    return Messages(messages=[describe(row) for row in rows], next_cursor=after)


@endpoint.get("/messages/{message_id}", scope=Scope.READ, errors=(NotFound,), tag="messages")
def message(caller: Caller, *, message_id: MessageId) -> MessageHistory:
    """One message with its history, and what its chat looked like if it was uncertain."""
    row, events = queries.message(message_id)
    seen = evidence.newest(message_id)
    return MessageHistory(
        **describe(row).model_dump(),
        timeline=[_move(each) for each in events],
        parts=[Part.model_validate(each) for each in parts.shown(row.id, row.state)],
        free_text_until=windows.window(row.account, windows.key_of(row.number), clock.now_ms()),
        evidence=Evidence.model_validate(seen) if seen else None,
    )


@endpoint.get("/messages/{message_id}/screenshot.png", scope=Scope.CONTROL, errors=(NotFound,), tag="messages")
def message_screenshot(caller: Caller, *, message_id: MessageId) -> Png:
    """The screenshot of the chat of an uncertain message; not found if none was taken."""
    queries.message(message_id)  # whether there is one for this caller
    return Png(evidence.screenshot(message_id))


@endpoint.post("/messages/{message_id}/decide", scope=Scope.CONTROL, errors=(NotFound, IllegalMove), tag="messages")
def decide(caller: Caller, *, message_id: MessageId, body: Decide) -> MessageDecided:
    """Decide about an uncertain message: it was sent, or it is to be sent again."""
    row = lifecycle.settle(message_id, body.sent, caller.name, clock.now_ms())
    return MessageDecided(**describe(row).model_dump())


def describe(row: MessageRow) -> Message:
    """One message as the API shows it."""
    columns = {name: getattr(row, name) for name in NAMES}
    return Message.model_validate(columns | {"code": code_of(row.coded)})


def _move(step: Step) -> Move:
    shown = {"at": step.at, "who": step.who, "move": step.move, "from": step.source, "to": step.target, "why": step.why}
    return Move.model_validate(shown | {"code": code_of(step.coded)})
