"""What is known of one person, and its erasure."""

from __future__ import annotations

from typing import Any

from pydantic import Field, StrictStr

from daemon.api.answers import Answer
from daemon.api.schemas.common import Body, Done, Phone, Time, example

Part = list[dict[str, Any]]


class Known(Answer):
    """All that is known of somebody. Times are ISO 8601."""

    number: Phone
    notations: list[Phone] = Field(description="The number, and how it was written before its country changed that.")
    messages: Part = Field(description="Each with its text, the person's fields, its state and history.")
    replies: Part
    handovers: Part = Field(description="When something was handed over to WhatsApp for them.")
    lists: Part
    suppressions: Part = Field(description="Whether they are on the list, and were taken off it.")
    consents: Part = Field(description="What was recorded of their consent, and whether they withdrew it.")
    rows: list[Any] = Field(description="Rows of files and drafts that name them.")
    mentions: Part = Field(
        description="Where else their number stands: in names of campaigns and files, notices, and why something waits."
    )


class Erase(Body):
    """Whose data is erased."""

    model_config = example(number="+4915110000000")

    number: StrictStr


class ErasedPerson(Done):
    """What was erased."""

    messages: int
    rows: int = Field(description="Of lists, files and drafts.")
    copies: list[str] = Field(
        description="Backups in the data folder and copies of the database, which may still have the person in them."
    )


class Kept(Answer):
    """A kind of what is kept."""

    kind: str = Field(description="Such as `texts`; `archive` is removed to a form that takes less room.")
    setting: str = Field(description="The setting that says for how long.")
    days: int = Field(description="After the end of a campaign, or since it came; 0: for ever.")
    there: int = Field(description="How many ended campaigns still have it, or how many there are; 10000 at most.")
    due: int = Field(description="How many of these are too old, and will be removed; 10000 at most.")
    due_messages: int | None = Field(description="The messages of these campaigns; null: it is not kept by campaign.")
    run_at: Time | None = Field(description="When it was last looked for.")
    removed_at: Time | None = Field(description="When something was last removed.")
    removed: int = Field(description="How much was removed then: messages, or what there is one of for each campaign.")
    total: int = Field(description="How much was removed ever.")


class Retention(Answer):
    """What is kept how long."""

    kinds: list[Kept]
