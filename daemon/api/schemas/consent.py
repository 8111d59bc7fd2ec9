"""Who agreed to be messaged."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictStr, WithJsonSchema

from daemon.api.answers import Answer
from daemon.api.schemas.common import Body, Done, Instant, Phone, Time, example
from daemon.api.schemas.people import Suppression
from daemon.contacts import consents
from daemon.states import ConsentHow

How = Annotated[ConsentHow, Field(description="How it was said; `other` needs `words`.")]
Words = Annotated[
    StrictStr, Field(max_length=consents.LONGEST_WORDS, description="The same in your own words, such as which form.")
]
Text = Annotated[StrictStr, Field(max_length=consents.LONGEST, description="The text that was agreed to.")]


def _day(value: object) -> object:
    """A day and nothing else: a number would be one, too, for pydantic."""
    return date.fromisoformat(value) if isinstance(value, str) and len(value) == len("2030-01-31") else object()


Day = Annotated[
    date,
    BeforeValidator(_day),
    WithJsonSchema({"type": "string", "format": "date", "description": "Such as 2030-01-31."}),
]


class RecordConsent(Body):
    """That somebody agreed to be messaged: when (`given_at`, or `given_on` where only the day is known), how, to which
    text."""

    model_config = example(
        number="+4915110000000", given_on="2026-03-04", how="form", words="Newsletter form, shop.example",
        text="Yes, send me offers by WhatsApp.",
    )  # fmt: skip

    number: StrictStr
    given_at: Instant | None = None
    given_on: Day | None = None
    how: How
    words: Words = ""
    text: Text = ""


class WithdrawConsent(Body):
    """That somebody wants no messages any more; without `withdrawn_at` since now."""

    model_config = example(number="+4915110000000", how="spoken", words="called us")

    number: StrictStr
    withdrawn_at: Instant | None = None
    how: How
    words: Words = ""


class ConsentRow(Answer):
    """What was recorded once."""

    number: Phone
    given_at: Time | None = Field(description="null: only the withdrawal is known.")
    day_only: bool = Field(description="Only the day is known; `given_at` is its beginning in UTC.")
    how: str
    words: str
    text: str
    recorded_by: str
    recorded_at: Time
    withdrawn_at: Time | None
    withdrawn_how: str
    withdrawn_words: str
    withdrawn_by: str


class Consent(Answer):
    """What is known of one person's consent."""

    number: Phone
    given: bool = Field(description="Whether a consent is recorded that was not withdrawn.")
    consents: list[ConsentRow] = Field(description="All that was recorded, newest first; the first one counts.")
    suppressed: bool = Field(description="They are on the suppression list, by a STOP for instance, and get nothing.")
    suppression: Suppression | None = Field(description="Since when and why, where that is known.")


class ListConsent(Body):
    """Which columns of the list say it. Without `date_column` the columns are those that speak of consent."""

    model_config = example(date_column="opt_in_date", how="form", text="Yes, send me offers by WhatsApp.")

    date_column: StrictStr | None = None
    how_column: StrictStr = ""
    text_column: StrictStr = ""
    how: How = ConsentHow.IMPORTED
    words: Words = Field("", description="Of those for whom `how_column` says nothing.")
    text: Text = Field("", description="Of those for whom `text_column` says nothing.")
    order: Literal["", "dmy", "mdy"] = Field(
        "", description="What comes first in 03/04/2026; needed only where dates can be read in two ways."
    )


class UnreadableDate(Answer):
    """Somebody whose date could not be read."""

    number: Phone
    value: str


class ListConsentRecorded(Done):
    """What became of it."""

    recorded: int
    present: int = Field(description="Of whom the same, or something newer, was recorded already.")
    undated: int = Field(description="Whose row has no date: nothing is recorded of them.")
    withdrawn: int = Field(description="Who withdrew since, or was erased: nothing is recorded of them.")
    unreadable_total: int
    unreadable: list[UnreadableDate] = Field(description="The first 100 whose date could not be read.")
