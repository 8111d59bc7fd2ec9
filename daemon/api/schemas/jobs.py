"""Sending, jobs, and their messages."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictStr

from daemon.api.answers import Answer
from daemon.api.schemas.common import (
    Amount,
    Attachments,
    Body,
    Done,
    Fields,
    Id,
    Instant,
    Items,
    Phone,
    Rejected,
    Time,
    absent,
    example,
)
from daemon.campaigns import create, external_ids
from daemon.states import State

Seconds = Annotated[float, Field(ge=0, le=create.MAX_DELAY_S, strict=True)]
OnlySay = Annotated[
    StrictBool,
    Field(description="Only say what would happen: who would get it, who not and why, when it would end."),
]


class SendTemplate(Body):
    """A WhatsApp template in place of a message, for an account of the Cloud API."""

    model_config = example(name="order_ready", language="en_US", values={"1": "{{ name }}"})

    name: Annotated[StrictStr, Field(min_length=1, max_length=512)]
    language: Annotated[StrictStr, Field(min_length=1, max_length=16)] = Field(
        description="The code that WhatsApp has for it, such as `en_US`."
    )
    values: dict[str, StrictStr] = Field(
        {},
        max_length=100,
        description="What is filled in, each a text with `{{ field }}`: by the number or name of its place in the "
        "body; `header`: the text of the header, or the id of an attachment if it shows one; `button_0` and so on: "
        "what the button's address ends with, or what a tap on it reports.",
    )


class Send(Body):
    """A campaign: who gets which message, when and how fast. Give the recipients in exactly one way, and either
    `message` or `template`."""

    model_config = example(numbers=["+4915110000000"], message="Hello")

    message: StrictStr = Field("", description="The text, with `{{ field }}` for each recipient's own values.")
    template: SendTemplate | None = Field(
        None, description="A WhatsApp template in place of the message: `GET /cloud/templates` lists them."
    )
    numbers: Items | None = None
    recipients: Items | None = Field(
        None,
        description="Objects with `number` and any fields for the text; `external_id` is what you call the recipient.",
    )
    upload_id: StrictStr | None = Field(None, description="A contacts file, from POST /upload.")
    phone_column: StrictStr | None = Field(
        None, description="The column of the upload that has the numbers, where POST /upload could not tell."
    )
    language: StrictStr | None = Field(
        None,
        description="The locale of dates and amounts in the text, such as `de` or `pt-BR`; else that of the default "
        "country.",
    )
    attachments: Attachments = []
    per: Literal["number", "row"] | None = Field(
        None,
        description="`number`, the default: each number gets one message, and its other rows are duplicates. "
        "`row`: each of the recipients gets a message of its own, also where several share a number; so does "
        "each row of an upload.",
    )
    delay_min: Seconds | None = Field(
        None,
        description="The shortest pause between two messages, in seconds; without it, that of the account. An "
        "account of the Cloud API pauses only where a job has one of these two.",
    )
    delay_max: Seconds | None = None
    name: StrictStr | None = None
    account: StrictStr | None = None
    schedule_at: Instant | None = None
    window: StrictStr | None = Field(None, description="Send only between these times, such as `09:00-18:00`.")
    daily_cap: Amount | None = Field(None, description="The most messages of this job in 24 hours; 0 for no cap.")
    replaces: Id | None = Field(
        None, description="A scheduled job that has not begun: this one takes its place, in one step."
    )
    external_id: Annotated[StrictStr, Field(max_length=external_ids.LONGEST)] | None = Field(
        None, description="What you call this job: it is answered with it, and `GET /jobs?external_id=` finds it."
    )
    dry_run: OnlySay = False


class Reschedule(Body):
    """When a scheduled job starts from now on."""

    model_config = example(schedule_at="2030-12-01T09:00:00+01:00")

    schedule_at: Instant


class Duplicate(Body):
    """A job of the same text, files and pace, for some of its people."""

    model_config = example(people="unanswered", message="Did you get our message?")

    people: Literal["all", "failed", "unreached", "unread", "unanswered", "replied"] = Field(
        description="`unreached`: failed, expired or cancelled; `unread`: sent, and not read; `unanswered`: sent, and "
        "no reply."
    )
    except_list: Id | None = Field(None, description="The id of a list whose people are left out.")
    message: StrictStr | None = Field(None, description="Another text; without it, that of the job.")
    name: StrictStr | None = None
    account: StrictStr | None = None
    schedule_at: Instant | None = None
    dry_run: OnlySay = False


class Decide(Body):
    """The decision about an uncertain message: it was sent, or it is to be sent again."""

    model_config = example(sent=True)

    sent: StrictBool


class TextWarning(Answer):
    """A placeholder in the text as other tools write it, which wasender does not fill in."""

    code: Literal["placeholder_of_column", "placeholder_unknown", "words_to_choose"] = Field(
        description="Whether there is such a field, there is none, or it offers words to choose from."
    )
    placeholder: str = Field(description="As written in the text.", examples=["{name}"])
    field: str | None = Field(description="The field it probably means.")
    sentence: str = Field(description="The same for a person.")


class WouldGet(Answer):
    """Somebody who would get the message. For a file, `position` is their line; for a list, it counts from 0."""

    position: int
    number: Phone
    external_id: str | None


class Queued(Done):
    """The outcome of POST /send."""

    message: str
    job_id: int | None = Field(description="null: a dry run, which makes no job.")
    total_numbers: int = Field(description="How many people get the message.")
    duplicates_removed: int
    rejected: list[Rejected]
    note: str = Field(description="When sending begins, what it waits for, and the sentences of `warnings`.")
    warnings: list[TextWarning] = Field(
        [], description="Parts of the text that are sent as written, perhaps by mistake."
    )
    dry_run: Literal[True] | None = Field(
        default=None, exclude_if=absent, description="Nothing was stored; only then the rest."
    )
    recipients: list[WouldGet] | None = Field(
        default=None, exclude_if=absent, description="Who would get it: the first 10,000 of `total_numbers`."
    )
    left_out: list[Rejected] | None = Field(
        default=None,
        exclude_if=absent,
        description="Who has a usable number and would be skipped, and why: the first 10,000 of `left_out_total`.",
    )
    left_out_total: int | None = Field(default=None, exclude_if=absent)
    starts_at: Time | None = Field(default=None, exclude_if=absent, description="When the first message would go out.")
    eta: Time | None = Field(
        default=None, exclude_if=absent, description="When it would be done, if the account can send all the while."
    )
    waits_for: str | None = Field(default=None, exclude_if=absent, description="Why the account cannot send now.")
    waits_code: str | None = Field(default=None, exclude_if=absent, description="The same for a program.")


READY = "ready"  # the next message may go out now
Status = Literal[
    "scheduled",
    "pending",
    "running",
    "paused",
    "stopped",
    "completed",
    "waiting_for_login",
    "waiting_for_confirmation",
]


class Job(Answer):
    """A campaign and its progress. Each message is counted once, in its present state."""

    job_id: int
    name: str | None = Field(description="null for callers without a key; so are `account`, `reason` and the like.")
    status: Status
    reason: str | None = Field(description="Why it is not continuing, for a person.")
    code: str | None = Field(description="The same for a program, such as `needs_link` or `held.restricted`.")
    dry_run: bool = Field(description="A dry run handled some of its messages: those count as sent but went to nobody.")
    waits_until: Time | None = Field(description="When that ends, where it is known.")
    account: str | None
    total: int
    pending: int
    claimed: int
    sending: int
    accepted: int = Field(description="WhatsApp accepted them but has not confirmed yet that they are sent.")
    sent: int
    delivered: int
    read: int
    expired: int = Field(description="WhatsApp accepted them but did not deliver them in time.")
    failed: int
    uncertain: int
    skipped: int
    cancelled: int
    replied: int = Field(description="How many people have answered it.")
    next_send_at: Time | None
    next_reason: str | None = Field(description="What the next message waits for.")
    eta: Time | None = Field(description="Estimated time of completion.")
    schedule_at: Time | None
    created_at: Time
    started_at: Time | None
    completed_at: Time | None
    archived_at: Time | None = Field(description="Since when the page's overview leaves it out.")
    made_by: str | None = Field(description="Who has made it.")
    external_id: str | None = Field(description="What other software calls it.")
    removed: dict[str, Time] = Field(
        description="When what was removed from it because of its age: `texts`, `fields`, `rejected`, `history`, "
        "`recipients`."
    )

    def lasting(self) -> str:
        return self.model_dump_json(exclude=self.passing())

    def passing(self) -> set[str]:
        """What changes with the clock alone: the estimated end, and the time of a message that is due."""
        return {"eta", "next_send_at"} if self.next_reason == READY else {"eta"}


class JobChanged(Job):
    """The job after a change."""

    success: Literal[True] = True
    message: str


class Jobs(Answer):
    """A page of jobs."""

    jobs: list[Job]
    next_cursor: int | None

    def lasting(self) -> str:
        return f"{self.next_cursor} {[each.lasting() for each in self.jobs]}"


class Reason(Answer):
    """Why some of a job's messages have failed."""

    code: str = Field(description="The reason for a program; `other` stands for all that have no code.")
    count: int
    reason: str = Field(description="The same for a person, as one of these messages has it.")


class Reasons(Answer):
    """Why a job's messages have failed."""

    reasons: list[Reason]


class Message(Answer):
    """One recipient of a job."""

    id: int
    job_id: int
    row: int = Field(description="Its position in the file or list.")
    number: Phone
    external_id: str | None = Field(description="What other software calls this recipient.")
    fields: Fields
    fields_removed: bool = Field(description="Whether there are none any more because they were too old.")
    state: State
    attempts: int
    error: str | None
    code: str | None = Field(description="The same for a program. null: there is none, or an earlier version kept it.")
    not_before: Time
    accepted_at: Time | None
    sent_at: Time | None
    delivered_at: Time | None
    read_at: Time | None


class Messages(Answer):
    """A page of messages."""

    messages: list[Message]
    next_cursor: int | None


class Move(Answer):
    """One step in a message's history."""

    at: Time
    who: str
    move: str
    source: str | None = Field(alias="from")
    target: str = Field(alias="to")
    why: str | None
    code: str | None = Field(description="`why` for a program.")


class ChatRow(Answer):
    """A message as it was seen in a chat. own: whether it was ours, null if that was unclear."""

    own: bool | None
    text: str
    ack: str | None


class Part(Answer):
    """A part of a message that WhatsApp takes as a message of its own, such as a document beside a picture."""

    part: int = Field(description="From 1.")
    of: int = Field(description="How many there are.")
    what: str = Field(description="The name of its file; empty for text.")
    state: Literal["pending", "sending", "sent", "uncertain", "failed", "cancelled"]
    submitted_at: Time | None = Field(description="When it was last handed over.")
    sent_at: Time | None


class Evidence(Answer):
    """What the chat looked like when it was unclear whether the message had gone out."""

    at: Time
    finding: str
    rows: list[ChatRow]
    screenshot: str | None = Field(description="Where the picture is.")


class MessageHistory(Message):
    """A message and its history."""

    timeline: list[Move]
    parts: list[Part] = Field(description="None where the message is of one.")
    free_text_until: Time | None = Field(
        description="Until when free text may be sent to the person, by the Cloud API; null: only templates."
    )
    evidence: Evidence | None


class MessageDecided(Message):
    """The message after the decision."""

    success: Literal[True] = True
