"""The suppression list, and replies."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, StrictStr

from daemon.api.answers import Answer
from daemon.api.schemas.common import Body, Done, Phone, Rejected, Time, example
from daemon.contacts import suppression


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


class Replies(Answer):
    """A page of replies, newest first."""

    replies: list[Reply]
    next_cursor: int | None
