"""The types of path, query and header parameters: each with its schema and the sentence for invalid values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from daemon.campaigns.news import FAMILIES, unknown_kinds
from daemon.i18n.instants import known_zone
from daemon.webhooks.outbox import Stage

MAX_LIMIT = 1000
STATE = "state"  #: the present state of jobs and accounts, among the kinds of events
MAX_ID = 10**18 - 1
MAX_TIME = 253_402_300_799_999  # the end of the year 9999
BEGINS = "Where the page begins: `next_cursor` of the page before."
MAX_CHARS = 1_000  # of a text in a query; a search may accept less
_DIGITS = re.compile(r"[0-9]{1,18}")
_WORDS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class Says:
    """What a value has to be, as the end of a sentence that begins with the parameter's name."""

    what: str


@dataclass(frozen=True)
class Pattern:
    """A regular expression for a path segment; a segment that does not match is answered 404."""

    text: str


def _digits(value: Any) -> Any:
    """Digits and nothing else: pydantic would also take `1_0`, `+1` and ` 1.0`."""
    if isinstance(value, str):
        if not _DIGITS.fullmatch(value):
            raise PydanticCustomError("whole_number", "not a whole number")
        return int(value)
    return value


def _zone(value: str) -> str:
    if not known_zone(value):
        raise PydanticCustomError("zone", "not a time zone")
    return value


def _moment(value: Any) -> Any:
    """UTC epoch ms of such a number, or of a date and time with its zone; a plus in a query may have become a space."""
    if isinstance(value, str):
        if _DIGITS.fullmatch(value):
            return int(value)
        try:
            found = datetime.fromisoformat(value.replace(" ", "+"))
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            raise PydanticCustomError("moment", "not a date and time with its zone")
        return max(0, round(found.timestamp() * 1000))
    return value


def _kinds(value: str) -> str:
    if unknown_kinds(each for each in value.split(",") if each != STATE):
        raise PydanticCustomError("kinds", "not events")
    return value


def _flag(value: Any) -> Any:
    if isinstance(value, str):
        if value not in _WORDS:
            raise PydanticCustomError("flag", "neither true nor false")
        return _WORDS[value]
    return value


_ID = (BeforeValidator(_digits), Field(ge=0, le=MAX_ID), Pattern("[0-9]{1,18}"))
JobId = Annotated[int, *_ID, Field(examples=[1], description="Id of a job, as POST /send and GET /jobs give it.")]
MessageId = Annotated[
    int, *_ID, Field(examples=[1], description="Id of a message, as GET /jobs/{id}/messages gives it.")
]
TemplateId = Annotated[int, *_ID, Field(examples=[1], description="Id of a template.")]
CloudTemplateId = Annotated[
    int, *_ID, Field(examples=[1], description="Id of a WhatsApp template, as GET /cloud/templates gives it.")
]
ListId = Annotated[int, *_ID, Field(examples=[1], description="Id of a contact list.")]
ChatId = Annotated[int, *_ID, Field(examples=[1], description="Id of a chat, as GET /replies/chats gives it.")]
SeriesId = Annotated[int, *_ID, Field(examples=[1], description="Id of a campaign that repeats.")]
UserId = Annotated[int, *_ID, Field(examples=[1], description="Id of a user, as GET /users gives it.")]
KeyId = Annotated[int, *_ID, Field(examples=[1], description="Id of a key, as GET /keys gives it.")]
WebhookId = Annotated[int, *_ID, Field(examples=[1], description="Id of a webhook.")]
DeliveryId = Annotated[
    int, *_ID, Field(examples=[1], description="Id of a delivery, as GET /webhooks/{id}/deliveries gives it.")
]
StageName = Annotated[Stage, Field(description="Only those in this state.")]
AccountName = Annotated[
    str, Field(examples=["default"], description="Name of an account, as GET /accounts gives it."), Pattern("[^{}/]+")
]

Limit = Annotated[
    int,
    BeforeValidator(_digits),
    Field(ge=1, le=MAX_LIMIT, description="Maximum number of rows in the answer."),
    Says(f"is a whole number from 1 to {MAX_LIMIT}"),
]
Cursor = Annotated[
    int,
    BeforeValidator(_digits),
    Field(ge=0, le=MAX_ID, description=BEGINS),
    Says("is a whole number, taken from next_cursor"),
]
TextCursor = Annotated[
    str,
    Field(pattern=r"^[0-9]{1,18}\.[0-9]{1,20}$", description=BEGINS),
    Says("is taken from next_cursor"),
]
SortedCursor = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-]{1,2000}$", description=BEGINS), Says("is taken from next_cursor")
]
Place = Annotated[
    str,
    Field(pattern=r"^[0-9]{1,18}\.[0-9]{1,18}$", description="Begin behind this event: its `id`, as `Last-Event-ID`."),
    Says("is the id of an event"),
]
Kinds = Annotated[
    str,
    Field(max_length=MAX_CHARS, description="Only these, separated by commas: see `EventStream`."),
    AfterValidator(_kinds),
    Says(f"names events, such as message.sent, or kinds of them: {', '.join(FAMILIES)}, {STATE}"),
]
ExternalId = Annotated[
    str,
    Field(max_length=255, description="Only those with this `external_id`, exactly."),
    Says("is a text of 1 to 255 characters"),
]
OfJob = Annotated[
    int,
    BeforeValidator(_digits),
    Field(ge=0, le=MAX_ID, description="Only those of this job."),
    Says("is the id of a job, a whole number"),
]
ToNumber = Annotated[
    str, Field(max_length=40, examples=["+4915110000000"], description="Only this person's, in any notation.")
]
_MOMENT = (
    BeforeValidator(_moment),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": MAX_TIME},
                {"type": "string", "format": "date-time"},
            ]
        }
    ),
    Says("is UTC epoch milliseconds, or a date and time with its zone, such as 2030-01-31T09:00Z"),
)
Since = Annotated[int, Field(ge=0, le=MAX_TIME, description="Only those from this time on."), *_MOMENT]
Until = Annotated[int, Field(ge=0, le=MAX_TIME, description="Only those before this time."), *_MOMENT]
MAX_WAIT_S = 60
Wait = Annotated[
    int,
    BeforeValidator(_digits),
    Field(
        ge=0,
        le=MAX_WAIT_S,
        description="Wait this many seconds at most until it is different: from what `If-None-Match` names, else from "
        "what it is now. Not without a key.",
    ),
    Says(f"is a whole number of seconds, at most {MAX_WAIT_S}"),
]
Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"enum": [*_WORDS]}), Says("is true or false")]
OfAccount = Annotated[
    str,
    Field(max_length=32, description="Only those of this account."),
    Says("is the name of an account"),
]
Cancel = Annotated[
    bool,
    BeforeValidator(_flag),
    WithJsonSchema({"enum": [*_WORDS]}),
    Field(description="Also where campaigns are not over: stop them."),
    Says("is true or false"),
]
Zone = Annotated[
    str,
    Field(max_length=64, examples=["Europe/Berlin"], description="A time zone in which to give the times; else UTC."),
    AfterValidator(_zone),
    Says("is the name of a time zone, such as Europe/Berlin"),
]
Named = Annotated[
    str,
    Field(max_length=MAX_CHARS, description="Only those with these words in their name."),
    Says(f"is a text of at most {MAX_CHARS} characters"),
]
Search = Annotated[str, Field(max_length=MAX_CHARS), Says(f"is a text of at most {MAX_CHARS} characters")]
