"""The suppression list, and replies."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, StrictStr

from daemon.api.answers import Answer
from daemon.api.schemas.common import Body, Done, Fields, Id, Phone, Rejected, Time, Value, example
from daemon.contacts import suppression
from daemon.states import ChatState


class Suppress(Body):
    """Somebody who must not be written to."""

    model_config = example(number="+4915110000000", reason="called us")

    number: StrictStr
    reason: StrictStr = suppression.ASKED


class Unsuppress(Body):
    """Somebody who may be written to again; the reason is kept."""

    model_config = example(number="+4915110000000", reason="wants news again")

    number: StrictStr
    reason: StrictStr = ""


class Suppression(Answer):
    """Somebody who must not be written to."""

    number: Phone
    reason: str
    source: str
    created_at: Time
    confirmed_at: Time | None = Field(description="When they were sent the confirmation that they are on the list.")


class Suppressed(Suppression):
    """The entry, whether it is new or was there before."""

    success: Literal[True] = True


class Suppressions(Answer):
    """A page of the list, newest first."""

    suppressions: list[Suppression]
    next_cursor: str | None


class Imported(Done):
    """The outcome of an import."""

    added: int
    present: int
    already_there: int = Field(description="The same as `present`.")
    duplicates: int
    duplicates_removed: int = Field(description="The same as `duplicates`.")
    rejected: list[Rejected]
    encoding: str | None = Field(None, description="For a text file: the encoding it was read in, if that is a guess.")


class Reply(Answer):
    """A reply from a recipient."""

    id: int
    account: str
    number: Phone
    text: str
    at: Time
    stop: bool = Field(description="Whether it asks for no more messages.")
    message_id: int | None
    job_id: int | None
    free_text_until: Time | None = Field(
        default=None, description="Until when free text may be sent to them, by the Cloud API; then only templates."
    )


class Replies(Answer):
    """A page of replies, newest first."""

    replies: list[Reply]
    next_cursor: int | None


class Candidate(Answer):
    """A recipient whose chat it may be. fields: of the newest message to them."""

    number: Phone
    fields: Fields


class Chat(Answer):
    """A chat with something unread that could not be matched to a recipient."""

    id: int
    account: str
    title: Value = Field(description="As it stands in the list of chats.")
    state: ChatState
    unread: int = Field(description="How many messages in it are unread.")
    opened: bool = Field(description="Whether it was read, and nothing in it showed whose it is.")
    stop: bool = Field(description="Whether somebody asks for no more messages in it.")
    version: int = Field(description="Another one each time that somebody asks for no more in it.")
    first_at: Time
    number: Phone | None = Field(description="Whose it is, once it is assigned.")
    suppressed: bool = Field(description="Whether that number is on the suppression list.")
    who: str | None = Field(description="Who has assigned or ignored it.")
    candidates: list[Candidate] = Field(description="Of one that waits: who is called that.")


class ChatChanged(Chat):
    """The chat after a decision."""

    success: Literal[True] = True


class Chats(Answer):
    """A page of chats, newest first."""

    chats: list[Chat]
    next_cursor: int | None


class AssignChat(Body):
    """Whose chat it is."""

    model_config = example(number="+4915110000000")

    number: StrictStr = Field(description="Of somebody whom the chat's account has messaged, in any notation.")


class IgnoreChat(Body):
    """A chat that has nothing to do with a campaign, as it was read."""

    model_config = example(version=1)

    version: Id | None = Field(
        None, description="That of the chat as it was read: refused if somebody has asked for no more in it since."
    )
