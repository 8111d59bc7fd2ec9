"""What is known of one person, and its erasure."""

from __future__ import annotations

from typing import Any

from pydantic import Field, StrictStr

from daemon.api.answers import Answer
from daemon.api.schemas.common import Body, Done, Phone, example

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
    rows: list[Any] = Field(description="Rows of files and drafts that name them.")


class Erase(Body):
    """Whose data is erased."""

    model_config = example(number="+4915110000000")

    number: StrictStr


class ErasedPerson(Done):
    """What was erased."""

    messages: int
    rows: int = Field(description="Of lists, files and drafts.")
    copies: list[str] = Field(
        description="Backups and copies of the database in the data folder, which may still have the person in them."
    )
