"""What a draft holds, typed, and how it is kept as JSON.

What was kept by earlier versions is loaded as well: a field that it has not yet has its default here, one that is
known no more is left out. FORMAT grows when a field changes its meaning; `load` then brings earlier ones up to date.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple, TypedDict

from pydantic import BaseModel, ConfigDict

from daemon import errors
from daemon.accounts import pacing

# Of what is kept; those before it had no number, and the same fields.
FORMAT = 1


class Part(BaseModel):
    """Values that belong together, never changed in place: a change is a copy."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class SourceKind(StrEnum):
    """Where the people come from."""

    FILE = "file"
    PASTED = "pasted"
    LIST = "list"
    CAMPAIGN = "campaign"


class SheetSize(NamedTuple):
    title: str
    rows: int


class Source(Part):
    """Where the people come from. name: of the file, list or campaign; sheet: index of the chosen one of sheets."""

    kind: SourceKind
    name: str = ""
    list_id: int | None = None
    sheet: int = 0
    sheets: tuple[SheetSize, ...] = ()


class ChosenColumns(Part):
    """What each column is, see contacts.columns.Columns. sure: whether a person has said so. doubt: the columns that
    may have the numbers, where it is not certain which."""

    phone: int | None = None
    header: int | None = None
    names: tuple[str, ...] = ()
    files: int | None = None
    sure: bool = False
    doubt: tuple[int, ...] = ()


class ChosenNumbers(Part):
    """What a person said to the numbers, see contacts.columns.Decisions. seen: whether they have gone on."""

    country: str = ""
    seen: bool = False
    accepted: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    fixes: dict[str, str] = {}


class When(Part):
    """When and how fast. delay_*: seconds, None for the settings' pace; at: UTC ms, None for at once; zone: in which
    `at` was given; daily_cap: 0 for none."""

    account: str | None = None
    delay_min: float | None = None
    delay_max: float | None = None
    window: str | None = None
    daily_cap: int = 0
    at: int | None = None
    zone: str = ""


class Recent(Part):
    """Whether those who got a campaign in so many days are left out."""

    days: int
    leave_out: bool


class SelfTest(Part):
    """The latest test message to oneself: its number and job."""

    number: str
    job: int


class Content(Part):
    """All of a draft but its name, rows and people. None: nobody has come to that step yet.

    files: ids of each one's own, by casefolded name; stamp: names the people as they are now; origin: what the draft
    was made of; started: whether it has become a job.
    """

    source: Source | None = None
    columns: ChosenColumns | None = None
    numbers: ChosenNumbers = ChosenNumbers()
    text: str | None = None
    attachments: tuple[str, ...] = ()
    files: dict[str, str] = {}
    files_optional: bool = False
    when: When | None = None
    recent: Recent | None = None
    test: SelfTest | None = None
    cloned_from: int | None = None
    stamp: str = ""
    origin: str = ""
    started: bool = False


class Changes(TypedDict, total=False):
    """What a save changes of the content."""

    source: Source
    columns: ChosenColumns
    numbers: ChosenNumbers
    text: str
    attachments: tuple[str, ...]
    files: dict[str, str]
    files_optional: bool
    when: When
    recent: Recent
    test: SelfTest


def load(kept: Mapping[str, Any]) -> Content:
    """What `dump` has kept, or an earlier version. Raises InvalidInput when a later one has."""
    if kept.get("format", 0) > FORMAT:
        raise errors.InvalidInput("This draft was kept by a newer wasender: go on with it there, or discard it.")
    values = {name: value for name, value in kept.items() if value is not None}
    if "list" in (source := values.get("source", {})):  # its name before there was a format
        values["source"] = {**source, "list_id": source["list"]}
    return Content.model_validate(values)


def dump(content: Content) -> dict[str, Any]:
    """As JSON."""
    return {"format": FORMAT, **content.model_dump(mode="json", exclude_defaults=True)}


# What the dry run found


class Reason(StrEnum):
    """Why somebody is left out, in the order in which a report counts them."""

    BAD_NUMBER = "bad_number"
    LEFT_OUT = "left_out"
    DUPLICATE = "duplicate"
    OPTED_OUT = "opted_out"
    RECENT = "recent"
    TOO_OFTEN = "too_often"
    MISSING_FIELD = "missing_field"
    TOO_LONG = "too_long"
    UNFIT = "unfit"
    ATTACHMENT = "attachment"


class Exclusion(NamedTuple):
    """Somebody who does not get it. value: their number, or what stands in its place; details: a sentence."""

    row: int
    value: str
    reason: Reason
    details: str


class Notes(Part):
    """How many of those who get it may be looked at once more: got a campaign lately, have a landline."""

    recent: int = 0
    landline: int = 0


class Forecast(Part):
    """starts, ends: UTC epoch ms, None when nothing would ever go out. why: what the first message waits for. jobs,
    messages: what is queued for the account beside this."""

    starts: int | None
    why: pacing.Why
    ends: int | None
    jobs: int
    messages: int


class Report(Forecast):
    """What the dry run found. at: when; people: how many get it; version: of the draft that it looked at."""

    at: int
    total: int
    people: int
    counts: dict[Reason, int]
    left_out: tuple[Exclusion, ...]
    warnings: Notes
    version: int
