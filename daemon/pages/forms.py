"""What the page's forms send: each form a model, and the one reader that fills it in.

A model's fields say how they are read (a line, a whole number, a choice, files …); other fields are ignored. If what a
person typed cannot be read, one sentence says what to enter; what the page itself put there (ids, pages, versions)
counts as not given if it cannot be read. In an address it is refused, as another page would be shown for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar

from aiohttp import web
from aiohttp.web_request import FileField
from multidict import MultiDict, MultiDictProxy, MultiMapping
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from daemon import errors
from daemon.accounts import commands
from daemon.campaigns import create, drafts
from daemon.i18n.coded import Phrase
from daemon.pages.pointing import at_field
from daemon.pages.refusals import Why
from daemon.server import json_bodies
from daemon.server.posted import posted

MOST_DIGITS = 18  # of a number that the databases can hold
NO_HOURS = "off"  # what the form shows for quiet hours that are switched off
LONGEST_NONCE = 40
LONGEST_KEY = 64
Model = TypeVar("Model", bound=BaseModel)


class Posted:
    """The fields of a form or query as they were sent; a refused form is shown again with them."""

    def __init__(self, fields: MultiMapping[Any] | None = None, address: bool = False) -> None:
        self._fields = fields if fields is not None else MultiDictProxy[Any](MultiDict())
        self._address = address

    def __bool__(self) -> bool:
        return bool(self._fields)

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def text(self, name: str) -> str:
        """The text of the field; "" if there is none."""
        return _text(self._fields.getall(name, []))

    def index(self, name: str) -> int:
        """The page, row or person that the field names, from 0; 0 if it names none. Raises MalformedRequest."""
        return self.number(name) or 0

    def number(self, name: str) -> int | None:
        """The whole number in the field; None if there is none. Raises MalformedRequest."""
        number = _perhaps(self._fields.getall(name, []))
        if self._address and number is None and self.text(name).strip():
            raise errors.MalformedRequest(Why.ADDRESS_INCOMPLETE)
        return number

    def texts_of(self, name: str) -> list[str]:
        """All texts that were sent under that name."""
        return [each for each in self._fields.getall(name, []) if isinstance(each, str)]

    def texts(self, names: Iterable[str]) -> dict[str, str]:
        return {name: self.text(name) for name in names}

    def parsed(self, model: type[Model]) -> Model:
        """The form's model. Raises InvalidInput."""
        given: dict[str, Any] = {}
        for name, field in model.model_fields.items():
            sent_as = field.alias or name
            if any(isinstance(each, Each) for each in field.metadata):
                start = f"{sent_as}-"
                rows = {key.removeprefix(start): key for key in self._fields if key.startswith(start)}
                given[sent_as] = {row: self._fields.getall(key) for row, key in rows.items()}
            else:
                given[sent_as] = self._fields.getall(sent_as, [])
        with at_field(model, given.__getitem__):
            return _checked(lambda: model.model_validate(given))


def asked(request: web.Request) -> Posted:
    """The query of the address."""
    return Posted(request.query, address=True)


async def read(request: web.Request, most_bytes: int | None = None) -> Posted:
    """The form that was sent. Raises MalformedRequest, TooLarge."""
    if most_bytes is not None and (request.content_length is None or request.content_length > most_bytes):
        raise errors.TooLarge(Why.NOT_OUR_FORM)
    return Posted(await posted(request))


async def body(request: web.Request, model: type[Model]) -> Model:
    """What our script sends as JSON. Raises MalformedRequest, InvalidInput, TooLarge."""
    given = json_bodies.parse(await request.read(), most=json_bodies.FEW_VALUES)
    return _checked(lambda: model.model_validate(given))


def _checked(validate: Callable[[], Model]) -> Model:
    try:
        return validate()
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "The body"
        raise errors.InvalidInput(Why.SENT_UNFIT, name=place, reason=first["msg"].lower()).at(place) from None


# How a field is read: each function gets all values sent under its name


@dataclass(frozen=True)
class Each:
    """Marks a field that stands for several with a row number: `role-0`, `role-1` …"""


def _text(values: list[Any]) -> str:
    first = values[0] if values else ""
    return first.replace("\r\n", "\n") if isinstance(first, str) else ""


def _line(values: list[Any]) -> str:
    return _text(values).strip()


def _number(values: list[Any]) -> int:
    return _perhaps(values) or 0


def _perhaps(values: list[Any]) -> int | None:
    text = _text(values)
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else None


def _fresh_id(values: list[Any]) -> str:
    text = _text(values)
    return text if len(text) == 32 and set(text) <= set("0123456789abcdef") else secrets.token_hex(16)


def _files(values: list[Any]) -> list[FileField]:
    return [each for each in values if isinstance(each, FileField) and each.filename]


def _rows(values: Mapping[str, list[Any]]) -> dict[str, str]:
    return {row: _text(each) for row, each in values.items()}


def _indices(values: Mapping[str, list[Any]]) -> dict[int, int]:
    found = {_perhaps([row]): _perhaps(each) for row, each in values.items()}
    return dict(sorted((r, i) for r, i in found.items() if r is not None and i is not None))


def _pressed(values: list[Any]) -> Pressed:
    what, _, which = (_text(values) or "next").partition(":")
    return Pressed(what, which)


def _seconds(values: list[Any]) -> float:
    try:
        seconds = float(_line(values).replace(",", "."))
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= create.MAX_DELAY_S:
        raise errors.InvalidInput(Why.PAUSE_UNFIT, most=f"{create.MAX_DELAY_S:,}")
    return seconds


def _moment(values: list[Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(_text(values)).replace(tzinfo=None)
    except ValueError:
        return None


def _cap(values: list[Any]) -> int | None:
    text = _line(values)
    if text and (not text.isdecimal() or len(text) > 9):
        raise errors.InvalidInput(Why.CAP_NOT_WHOLE)
    return int(text) if text else None


def _rate(values: list[Any]) -> int | None:
    text = _line(values)
    if text and (not text.isdecimal() or len(text) > 9):
        raise errors.InvalidInput(Why.RATE_NOT_WHOLE)
    return int(text) if text else None


def _hours(values: list[Any]) -> str | None:
    text = _line(values)
    return "" if text.lower() == NO_HOURS else text or None


def _zone(values: list[Any]) -> str | None:
    return _line(values) or None


def whole(least: int, most: int, what: Phrase, empty: int | None = None) -> BeforeValidator:
    """A whole number that a person types; empty: what an empty field means, None where it has to be filled in."""

    def parse(values: list[Any]) -> int:
        text = _line(values)
        if not text and empty is not None:
            return empty
        if not text.isdecimal() or len(text) > 9 or not least <= int(text) <= most:
            raise errors.InvalidInput(Why.NOT_WHOLE, what=what, least=f"{least:,}", most=f"{most:,}")
        return int(text)

    return BeforeValidator(parse)


def cut(most: int) -> BeforeValidator:
    """A text that the page itself set, such as a nonce, cut to a maximum length."""
    return BeforeValidator(lambda values: _text(values)[:most])


def is_(value: str) -> BeforeValidator:
    """Whether this value was chosen."""
    return BeforeValidator(lambda values: _text(values) == value)


@dataclass(frozen=True)
class Pressed:
    """The button that was pressed, and the row or file it belongs to: `accept:17`. The Enter key means `next`."""

    what: str
    which: str = ""

    @property
    def index(self) -> int:
        """The row as a number from 0; -1 where it is none."""
        at = _perhaps([self.which])
        return -1 if at is None else at


Text = Annotated[str, BeforeValidator(_text)]
Line = Annotated[str, BeforeValidator(_line)]
# A number that the page put there itself: an id, a page, a time. 0 where it cannot be read.
Number = Annotated[int, BeforeValidator(_number)]
# As Number; None where it is not given or cannot be read.
Perhaps = Annotated[int | None, BeforeValidator(_perhaps)]
# The id that a page set for a new draft, so that a double click makes only one; a new one if it cannot be used.
DraftId = Annotated[str, BeforeValidator(_fresh_id)]
Given = Annotated[bool, BeforeValidator(bool)]
Button = Annotated[Pressed, BeforeValidator(_pressed)]
Seconds = Annotated[float, BeforeValidator(_seconds)]
Cap = Annotated[int | None, BeforeValidator(_cap)]
Rate = Annotated[int | None, BeforeValidator(_rate)]  # requests a minute
Hours = Annotated[str | None, BeforeValidator(_hours)]
Pause = Annotated[float | None, BeforeValidator(lambda values: _seconds(values) if _line(values) else None)]
Zone = Annotated[str | None, BeforeValidator(_zone)]
# A date and a local time; None if they cannot be read.
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Files = Annotated[list[FileField], BeforeValidator(_files)]
File = Annotated[FileField | None, BeforeValidator(lambda values: next(iter(_files(values)), None))]
Texts = Annotated[list[str], BeforeValidator(lambda values: [str(each) for each in values])]
Numbers = Annotated[list[int], BeforeValidator(lambda values: [n for each in values if (n := _number([each]))])]
Rows = Annotated[dict[str, str], Each(), BeforeValidator(_rows)]
# What is chosen by its place in a list, by row, in their order; without those that cannot be read.
Indices = Annotated[dict[int, int], Each(), BeforeValidator(_indices)]


class Form(BaseModel):
    """A form; fields that it does not know are ignored."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)


# The forms


class Language(Form):
    """The chosen language, and the page to return to."""

    language: Text
    next: Text


class Login(Form):
    """A name and its password, or the API key alone: `by_key` says which form it was."""

    next: Text
    name: Line
    password: Text
    key: Line
    by_key: Given = Field(alias="key")


class Versioned(Form):
    """version: of what is changed, when the page was shown; see db/versions.py."""

    version: Perhaps


class NewUser(Form):
    name: Text
    role: Text
    password: Text


class Role(Versioned):
    role: Text


class UsersAccounts(Versioned):
    """Which accounts a user may see and use; some: only those that are ticked."""

    some: Annotated[bool, is_("some")] = Field(alias="which")
    accounts: Texts


class Password(Versioned):
    password: Text


class OwnPassword(Form):
    """The present password, and the new one twice."""

    password: Text
    new: Text
    again: Text


class LinkAccount(Form):
    """A telephone number to be linked by a code; or, with the button `qr`, the QR code again."""

    number: Line
    qr: Given

    @property
    def what(self) -> commands.What:
        return commands.What.LINK_BY_QR if self.qr else commands.What.LINK_BY_CODE


class AccountLimits(Versioned):
    """An account's own limits; an empty field leaves it to the settings. quiet_hours: NO_HOURS for none."""

    hourly_cap: Cap
    daily_cap: Cap
    quiet_hours: Hours
    timezone: Zone


class AssignChat(Form):
    """Whose chat it is: the number of one who may be meant, or another one that was entered."""

    recipient: Line
    other: Line


class NewSuppression(Form):
    number: Text
    country: Text
    reason: Line


class Asked(Form):
    """The answer to the question which column of a file has the numbers. upload: the id under which the file is kept
    until then."""

    upload: Line
    phone_column: Text


class ImportSuppressions(Asked):
    """A file and its encoding, as of AddToList, a text with numbers in it, or the upload's rows with a proposal; and
    why they are put on the list."""

    file: File
    encoding: Line
    numbers: Text
    country: Text
    repair: Text
    rows: Number
    why: Line


class RemoveSuppression(Form):
    number: Text
    why: Line


class AddToList(Asked):
    """A file, with its encoding where that was not recognised, pasted numbers, or the upload's rows with a proposal:
    those from `rows` on."""

    file: File
    encoding: Line
    numbers: Text
    country: Text
    repair: Text
    rows: Number


class NewList(AddToList):
    """A name, and people: as of AddToList, of another list, or none. key: made by the page for a double click."""

    name: Text
    list: Number
    key: Annotated[str, cut(LONGEST_KEY)]


class RemoveFromList(Form):
    """The people who are ticked; sure: whether the question was answered."""

    id: Numbers
    sure: Given


class RenameList(Versioned):
    name: Text


class KeepTemplate(Versioned):
    """A template; file: an attachment sent with the form, where our script does not run."""

    name: Text
    text: Text
    attachments: Texts
    file: File


class CloneJob(Form):
    """Whom a duplicate is for; but: the list whose people are left out, 0 for none."""

    id: DraftId
    but: Number
    people: Annotated[str, BeforeValidator(lambda values: _text(values) if values else "all")]


class NewDraft(Form):
    """The template and the list that it starts with; 0 for none."""

    id: DraftId
    template: Number
    list: Number


class Step(Versioned):
    """A step of a draft; go: the button."""

    go: Button


class People(Step):
    """Where the people come from: a file, a text, a list, or another sheet of the workbook; and the column that has the
    numbers, where that was asked. fresh: the page was shown before there were any people."""

    file: File
    pasted: Text
    phone_column: Perhaps
    encoding: Line
    list: Annotated[int | None, BeforeValidator(lambda values: _number(values) if _text(values) else None)]
    sheet: Perhaps
    fresh: Annotated[bool, is_("1")]


class Decision(Step):
    """The country, and a person's numbers by row. group, page: what was shown; country: None where it was not asked."""

    country: Annotated[str | None, BeforeValidator(lambda values: _text(values) if values else None)]
    group: Text
    page: Number
    number: Rows
    per: Text


class Message(Step):
    """The text; files for all, and each one's own; person: whose message was shown."""

    text: Text
    language: Text
    optional: Annotated[bool, is_("yes")]
    file: Files
    own: Files
    template: Number
    whatsapp: Number
    template_name: Text
    person: Perhaps


class DryRun(Step):
    """In how many days somebody counts as contacted recently, and whether those people are kept."""

    days: Annotated[int, whole(1, drafts.MAX_RECENT_DAYS, Phrase("The number of days"))]
    keep: Annotated[bool, is_("keep")] = Field(alias="recent")


class Test(Form):
    """A test message. row: of the sheet, whose details are used; nonce: set by the page against double clicks."""

    number: Text
    row: Perhaps
    nonce: Annotated[str, cut(LONGEST_NONCE)]
