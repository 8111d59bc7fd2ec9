"""What several models have in common."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NaiveDatetime,
    PlainSerializer,
    StrictStr,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from daemon.api.answers import Answer
from daemon.api.parameters import MAX_ID, MAX_TIME
from daemon.campaigns import fitting
from daemon.contacts import importer, masking, repairs
from daemon.formats import tabular

_DATE = TypeAdapter(AwareDatetime)
_NAIVE = TypeAdapter(NaiveDatetime)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_NO_DATE = re.compile(r"[\d.\s+-]*")  # pydantic would read a text of digits as seconds


class Body(BaseModel):
    """Base of all request bodies."""

    model_config = ConfigDict(extra="forbid")


def example(**fields: Any) -> ConfigDict:
    """An example of a body, for the documentation."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


def _instant(value: Any) -> Any:
    """UTC epoch ms from an ISO 8601 date with time zone, or from such a number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and not _NO_DATE.fullmatch(value):
        with suppress(ValidationError):
            return round(_DATE.validate_python(value).timestamp() * 1000)
    if isinstance(value, str) and (_DAY.fullmatch(value) or not _NO_DATE.fullmatch(value)):
        with suppress(ValidationError):
            _NAIVE.validate_python(value)
            raise PydanticCustomError(
                "instant", "the time zone is missing: add one, such as 2030-01-31T09:00+01:00, or Z for UTC"
            )
    raise PydanticCustomError("instant", "input should be milliseconds since 1970, or a date such as 2030-01-31T09:00Z")


Instant = Annotated[
    int,
    BeforeValidator(_instant),
    Field(ge=0, le=MAX_TIME),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": MAX_TIME},
                {"type": "string", "format": "date-time"},
            ],
            "description": "UTC epoch milliseconds, or a date and time with its zone (ISO 8601).",
        }
    ),
]
Amount = Annotated[int, Field(ge=0, strict=True)]
Id = Annotated[int, Field(ge=0, le=MAX_ID, strict=True)]
Seen = Annotated[
    Id | None, Field(description="The version the caller has read: the change is refused if there is a later one.")
]
SeenAt = Annotated[Id | None, Field(description="The same, with `updated_at` instead of `version`.")]
# Masked for viewers: a number, what is shown in its place, and a contact's fields.
Phone = Annotated[str, PlainSerializer(masking.phone, return_type=str)]
Value = Annotated[str, PlainSerializer(masking.value, return_type=str)]
Fields = Annotated[dict[str, str], PlainSerializer(masking.fields, return_type=dict[str, str])]
Time = Annotated[int, Field(description="UTC epoch milliseconds.")]
Items = Annotated[
    list[Any],
    Field(
        description="Each is checked on its own: a bad one never affects the good ones.", max_length=tabular.MAX_ROWS
    ),
]
Ids = Annotated[list[Id], Field(max_length=tabular.MAX_ROWS, fail_fast=True)]
Numbers = Annotated[list[StrictStr], Field(max_length=tabular.MAX_ROWS, fail_fast=True)]
Attachments = Annotated[
    list[StrictStr],
    Field(
        description="Ids from POST /upload_attachment, in order.",
        max_length=fitting.MAX_ATTACHMENTS,
        fail_fast=True,
    ),
]


def absent(value: Any) -> bool:
    """Whether a field is left out of an answer."""
    return value is None


class FieldError(Answer):
    """What is wrong with one field."""

    field: str = Field(description="Its name in the request; one inside another as `recipients.0`.")
    code: str
    detail: str


class Problem(Answer):
    """An error in the format of RFC 9457."""

    type: str = Field(
        description="Stable: programs can tell errors apart by it.", examples=["urn:wasender:problem:not-found"]
    )
    title: str
    status: int
    detail: str = Field(description="What is wrong and what to do about it, for a person.")
    code: str = Field(
        description="Stable, and more exact than `type`; the sentence may change, this does not.",
        examples=["no_job"],
        pattern="^[a-z0-9_]+$",
    )
    errors: list[FieldError] | None = Field(None, description="The fields that it is about, where there are any.")
    candidates: list[str] | None = Field(
        None, description="With `choose-phone-column`: the columns that may have the telephone numbers."
    )
    upload_id: str | None = Field(None, description="With `choose-phone-column`: the upload, if it is kept.")
    queued: int | None = Field(None, description="With `account-has-work`: messages that wait.")
    in_flight: int | None = Field(None, description="With `account-has-work`: messages that are being sent.")
    jobs: list[int] | None = Field(None, description="With `account-has-work`: jobs that are not over, 100 at most.")


class Done(Answer):
    """It was done."""

    success: Literal[True] = True


class Rejected(Answer):
    """A row that was left out, and why. For a file, `row` is its line; for a list, `index` counts from 0."""

    row: int | None = Field(None, exclude_if=absent)
    index: int | None = Field(None, exclude_if=absent)
    position: int = Field(description="Whichever of the two is set.")
    value: Value
    reason: str = Field(description="For a person.")
    code: str = Field("other", description="The same for a program, such as `missing` or `too_few_digits`.")

    suggestion: Phone | None = Field(
        None,
        exclude_if=absent,
        description="The number that was probably meant, where there is one: never used by itself. It is looked for in "
        f"the first {repairs.MOST:,} rejected rows.",
    )

    @classmethod
    def every(cls, found: Sequence[importer.Rejected], meant: repairs.Suggested, place: str | None) -> list[Rejected]:
        """meant: what they most likely were; place: `row` or `index`, what their position is called."""
        return [
            cls(
                **({place: each.position} if place else {}),
                position=each.position,
                value=each.value,
                reason=each.reason,
                code=each.code,
                suggestion=meant.get((each.position, each.value)),
            )
            for each in found
        ]
