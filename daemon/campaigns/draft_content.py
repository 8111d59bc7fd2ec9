"""The content of a draft, typed, and how it is stored as JSON.

Content stored by earlier versions can still be loaded: a field that is missing gets its default, an unknown one is
ignored. FORMAT is raised when a field changes its meaning; `load` then converts older content.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, TypedDict

from pydantic import BaseModel, BeforeValidator, ConfigDict, InstanceOf, PlainSerializer

from daemon import errors
from daemon.accounts import pacing
from daemon.campaigns import exclusions
from daemon.campaigns.refusals import Why
from daemon.contacts.row_rules import Rule
from daemon.i18n.coded import Coded

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
    hidden_rows: int = 0
    hidden_columns: int = 0


class Source(Part):
    """Where the people come from. name: of the file, list or campaign; sheet: index of the chosen one of sheets;
    encoding: of a text file, encoding_sure: whether it is more than a guess."""

    kind: SourceKind
    name: str = ""
    list_id: int | None = None
    sheet: int = 0
    sheets: tuple[SheetSize, ...] = ()
    encoding: str | None = None
    encoding_sure: bool = True

    @property
    def size(self) -> int:
        """What its rows take, in bytes, roughly."""
        return sum(each.rows for each in self.sheets) * 100


class ChosenColumns(Part):
    """What each column is, see contacts.columns.Columns. styles: how a column is written, and whether its days or its
    months come first, by its index, see formats.styles.Column. sure: whether a person has confirmed it. doubt: the
    columns that may hold the numbers, if that is uncertain. proposed: rules that leave out whoever must not be written
    to, about which a person has not decided yet; declined: those that they did not want; shape: of the row of titles,
    see campaigns.known_columns."""

    phone: int | None = None
    header: int | None = None
    names: tuple[str, ...] = ()
    files: int | None = None
    styles: dict[int, tuple[str, str]] = {}
    sure: bool = False
    doubt: tuple[int, ...] = ()
    second: int | None = None
    rules: tuple[Rule, ...] = ()
    proposed: tuple[Rule, ...] = ()
    declined: tuple[Rule, ...] = ()
    shape: str = ""


class ChosenNumbers(Part):
    """What a person decided about the numbers, see contacts.columns.Decisions. seen: whether they have moved on to the
    next step. per: for rows that share a number, one of create.PER_NUMBER and PER_ROW; "" until they have said."""

    country: str = ""
    seen: bool = False
    accepted: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    fixes: dict[str, str] = {}
    per: str = ""


class Weekly(Part):
    """A campaign that repeats. days: of the week, 0 for Monday; time: such as 09:00; until: UTC ms, most: how many
    times, None without such an end; anew: the list is read anew each time."""

    days: tuple[int, ...]
    time: str
    until: int | None = None
    most: int | None = None
    anew: bool = False


class Dated(Part):
    """A campaign that is relative to a date of each person. field: that has it; days: after it, below 0 before it;
    time: such as 09:00, in the account's time zone; order: of its day and month, see formats.values.Order."""

    field: str
    days: int
    time: str
    order: str = ""


class KeptDate(TypedDict):
    """The same as a job keeps it."""

    field: str
    days: int
    time: str
    order: str


class When(Part):
    """When and how fast. delay_*: seconds, None for the pace of the settings; at: UTC ms, None to start right away;
    weekly: None for once; dated: None where all get it as soon as it is their turn;
    zone: the time zone in which `at` was entered; daily_cap: 0 for none."""

    account: str | None = None
    delay_min: float | None = None
    delay_max: float | None = None
    window: str | None = None
    daily_cap: int = 0
    at: int | None = None
    zone: str = ""
    weekly: Weekly | None = None
    dated: Dated | None = None


class ChosenTemplate(Part):
    """A WhatsApp template in place of a text. values: what is filled in, each a text with fields, by the number or name
    of its place; `header`, which is the id of a file where the header shows one; `button_0` and so on. account: of the
    page, the one whose template it is; "" for that of the order."""

    name: str
    language: str
    values: dict[str, str] = {}
    account: str = ""


class Recent(Part):
    """Whether to leave out people who got a campaign in the last `days` days."""

    days: int
    leave_out: bool


class SelfTest(Part):
    """The latest test message to oneself: its number and job."""

    number: str
    job: int


class Content(Part):
    """Everything in a draft except its name, rows and people. None: that step has not been reached yet.

    language: a locale for dates and amounts, "" for the likeliest; files: ids of personal attachments, by casefolded
    file name; stamp: identifies the current people; origin: what the draft was made from; replaces:
    the scheduled job that it takes the place of; started: whether it has become a job.
    """

    source: Source | None = None
    columns: ChosenColumns | None = None
    numbers: ChosenNumbers = ChosenNumbers()
    text: str | None = None
    template: ChosenTemplate | None = None
    language: str = ""
    attachments: tuple[str, ...] = ()
    files: dict[str, str] = {}
    files_optional: bool = False
    when: When | None = None
    recent: Recent | None = None
    test: SelfTest | None = None
    cloned_from: int | None = None
    replaces: int | None = None
    stamp: str = ""
    origin: str = ""
    started: bool = False

    @property
    def written(self) -> bool:
        """Whether there is something to send, beside files that rows name."""
        return self.template is not None or bool((self.text or "").strip() or self.attachments)


class Changes(TypedDict, total=False):
    """The parts of the content that a save changes."""

    source: Source
    columns: ChosenColumns
    numbers: ChosenNumbers
    text: str
    template: ChosenTemplate | None
    language: str
    attachments: tuple[str, ...]
    files: dict[str, str]
    files_optional: bool
    when: When
    recent: Recent
    test: SelfTest


def load(kept: Mapping[str, Any]) -> Content:
    """Content as `dump` or an earlier version stored it. Raises InvalidInput if a newer version stored it."""
    if kept.get("format", 0) > FORMAT:
        raise errors.InvalidInput(Why.DRAFT_OF_NEWER_VERSION)
    values = {name: value for name, value in kept.items() if value is not None}
    if "list" in (source := values.get("source", {})):  # its name before there was a format
        values["source"] = {**source, "list_id": source["list"]}
    return Content.model_validate(values)


def dump(content: Content) -> dict[str, Any]:
    """The content as JSON."""
    return {"format": FORMAT, **content.model_dump(mode="json", exclude_defaults=True)}


# What the dry run found


class Reason(StrEnum):
    """Why somebody is left out, in the order in which a report counts them."""

    BAD_NUMBER = "bad_number"
    LEFT_OUT = "left_out"
    RULE = "rule"
    DUPLICATE = "duplicate"
    OPTED_OUT = "opted_out"
    NO_CONSENT = "no_consent"
    RECENT = "recent"
    TOO_OFTEN = "too_often"
    MISSING_FIELD = "missing_field"
    TOO_LONG = "too_long"
    UNREADABLE = "unreadable"
    UNFIT = "unfit"
    ATTACHMENT = "attachment"
    NO_DATE = "no_date"
    DATE_PASSED = "date_passed"


class Exclusion(NamedTuple):
    """Somebody who will not get the message. value: their number, or the cell's text if there is none."""

    row: int
    value: str
    reason: Reason
    details: Annotated[
        InstanceOf[Coded], BeforeValidator(exclusions.restored), PlainSerializer(exclusions.kept, return_type=Any)
    ]


class Notes(Part):
    """How many recipients deserve a second look: got a campaign recently, have a landline, were never written to from
    this account, have no recorded consent. messages: how many WhatsApp makes of the text and files for somebody at
    most."""

    recent: int = 0
    landline: int = 0
    fresh: int = 0
    messages: int = 1
    unrecorded: int = 0


class Forecast(Part):
    """starts, ends: UTC epoch ms, None if nothing would ever be sent. why: what the first message waits for. jobs,
    messages: what else is queued for the account."""

    starts: int | None
    why: pacing.Why
    ends: int | None
    jobs: int
    messages: int


class Report(Forecast):
    """The result of a dry run. at: when it ran; people: how many get the message; version: the version of the draft it
    looked at; first_due, last_due: of a campaign that is relative to a date, UTC ms."""

    at: int
    total: int
    people: int
    counts: dict[Reason, int]
    left_out: tuple[Exclusion, ...]
    warnings: Notes
    version: int
    first_due: int | None = None
    last_due: int | None = None
