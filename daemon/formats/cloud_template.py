"""A message template of WhatsApp's Cloud API: its components as Meta lists them → what it wants filled in, and with
texts for that, the message as a text with fields. Pure.

Not to be confused with `template`, which is the text of any message. A template's places are written `{{1}}` or
`{{first_name}}`, and what is filled in are texts of that other kind, with fields of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict

from daemon.formats.refusals import Unsent
from daemon.i18n.coded import Refusal, refusal

HEADER = "header"  #: what the value of the header is called
MEDIA = ("IMAGE", "VIDEO", "DOCUMENT")
LOCATION = "LOCATION"
LATITUDE, LONGITUDE = f"{HEADER}_latitude", f"{HEADER}_longitude"
LOCATED = (LATITUDE, LONGITUDE, f"{HEADER}_name", f"{HEADER}_address")  #: values of a header that shows a place
NAMED = "NAMED"
MOST_BLANKS = 4  # in a row, within a value

ButtonKind = Literal["url", "quick_reply", "copy_code"]  # those that take a value, as they are sent

_PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_BRACES = re.compile(r"\{\{|\{%|\{$")
_NOT_IN_VALUES = re.compile(r"[\n\r\t\v\f\x1c-\x1e\x85\u2028\u2029]")
_DEGREES = re.compile(r"[+-]?\d{1,3}(\.\d{1,20})?", re.ASCII)
_BLANKS = " " * (MOST_BLANKS + 1)
_BUTTONS: dict[str, ButtonKind] = {"URL": "url", "QUICK_REPLY": "quick_reply", "COPY_CODE": "copy_code"}
_COMPONENTS = frozenset({"HEADER", "BODY", "FOOTER", "BUTTONS"})
_WITHOUT_VALUE = frozenset({"PHONE_NUMBER", "VOICE_CALL", "REQUEST_CONTACT_INFO"})


def button(index: int) -> str:
    """What the value of the button at that place is called."""
    return f"button_{index}"


@dataclass(frozen=True)
class Button:
    """index: from 0, as it is sent. kind: what Meta calls it when it is sent, in lower case; text: as people see it;
    url: with its place; wanted: it has to get a value, taken: it may."""

    index: int
    kind: str
    text: str
    url: str = ""
    wanted: bool = False
    taken: bool = False


@dataclass(frozen=True)
class Shape:
    """What a template is made of. named: its places have names instead of numbers; media: what its header shows, one
    of MEDIA, "" for none, located: it shows a place on the map; places: of the body, in order; unsupported: what it has
    that is not sent from here."""

    named: bool
    body: str
    places: tuple[str, ...]
    header: str = ""
    header_place: str = ""
    media: str = ""
    located: bool = False
    footer: str = ""
    buttons: tuple[Button, ...] = ()
    unsupported: str = ""

    @property
    def wanted(self) -> tuple[str, ...]:
        """The values that it has to get, in order."""
        header = (HEADER,) if self.media or self.header_place else LOCATED if self.located else ()
        return (*header, *self.places, *(button(each.index) for each in self.buttons if each.wanted))

    @property
    def shows(self) -> str:
        """What its header shows in place of a text, in lower case; "" for none."""
        return LOCATION.lower() if self.located else self.media.lower()

    @property
    def texts_wanted(self) -> tuple[str, ...]:
        """The same without a file."""
        return tuple(name for name in self.wanted if not (self.media and name == HEADER))

    @property
    def taken(self) -> frozenset[str]:
        """All that it may get."""
        return frozenset(self.wanted) | {button(each.index) for each in self.buttons if each.taken}


class NamedExample(TypedDict):
    """What may stand in a place that has a name."""

    param_name: str
    example: str


class Example(TypedDict, total=False):
    """What may stand in the places of a part, as Meta wants to see it."""

    header_text: list[str]
    header_text_named_params: list[NamedExample]
    body_text: list[list[str]]
    body_text_named_params: list[NamedExample]


class ListedButton(TypedDict, total=False):
    """A button as Meta lists it."""

    type: str
    text: str
    url: str
    example: list[str]


class Component(TypedDict, total=False):
    """A part of a template as Meta lists it; there may be more in it."""

    type: str
    format: str
    text: str
    buttons: list[ListedButton]
    example: Example


class Definition(TypedDict):
    """A whole template as it is handed in."""

    name: str
    language: str
    category: str
    parameter_format: str
    components: list[Component]


class Value(TypedDict):
    """What is filled in: a text with fields. place: what it is called; name: where places have names."""

    place: str
    text: str
    name: NotRequired[str]


class OfButton(TypedDict):
    """What is filled into a button."""

    index: int
    kind: ButtonKind
    text: str


class Filled(TypedDict):
    """A template with the texts that are filled in, as a job keeps it. media: what its header shows, "" for none;
    location: the values of a place, in the order of LOCATED."""

    name: str
    language: str
    media: str
    header: Value | None
    location: NotRequired[list[Value]]
    body: list[Value]
    buttons: list[OfButton]


def shape(components: Sequence[Component], parameter_format: str | None = None) -> Shape:
    """What Meta's list of a template's components says."""
    by_type = {str(each.get("type", "")).upper(): each for each in components}
    nothing: Component = {}
    header, body = by_type.get("HEADER", nothing), str(by_type.get("BODY", nothing).get("text") or "")
    form = str(header.get("format") or "").upper()
    text = str(header.get("text") or "") if form == "TEXT" else ""
    strange = sorted(set(by_type) - _COMPONENTS)
    strange += [form] if form and form not in ("TEXT", LOCATION, *MEDIA) else []
    buttons = tuple(_button(at, each) for at, each in enumerate(by_type.get("BUTTONS", nothing).get("buttons") or ()))
    strange += [each.kind for each in buttons if each.kind.upper() not in (*_BUTTONS, *_WITHOUT_VALUE)]
    found = places(text)
    return Shape(
        named=parameter_format == NAMED,
        body=body,
        places=places(body),
        header=text,
        header_place=found[0] if found else "",
        media=form if form in MEDIA else "",
        located=form == LOCATION,
        footer=str(by_type.get("FOOTER", nothing).get("text") or ""),
        buttons=buttons,
        unsupported=", ".join(strange).lower(),
    )


def _button(at: int, button: ListedButton) -> Button:
    kind, url = str(button.get("type") or "").upper(), str(button.get("url") or "")
    wanted = (kind == "URL" and bool(places(url))) or kind == "COPY_CODE"
    taken = wanted or kind == "QUICK_REPLY"
    return Button(at, _BUTTONS.get(kind, kind.lower()), str(button.get("text") or ""), url, wanted, taken)


def places(text: str) -> tuple[str, ...]:
    """The places in a part of a template: numbers in their order, names as they come."""
    found = list(dict.fromkeys(_PLACE.findall(text)))
    return tuple(sorted(found, key=lambda name: int(name) if name.isdecimal() else 0))


def text_of(shape: Shape, values: Mapping[str, str]) -> str:
    """The body as a text with fields: what is filled in, and the rest as it stands there."""
    return _filled(shape.body, values)


def header_of(shape: Shape, values: Mapping[str, str]) -> str:
    """The text of its header likewise, "" for none."""
    return _filled(shape.header, {shape.header_place: values.get(HEADER, "")})


def _filled(text: str, values: Mapping[str, str]) -> str:
    """A place without a value stays as it is."""
    made, at = "", 0
    for place in _PLACE.finditer(text):
        made += literal(text[at : place.start()]) + (values.get(place[1]) or literal(place[0]))
        at = place.end()
    return made + literal(text[at:])


def literal(text: str) -> str:
    """So that it means itself in a text with fields."""
    return _BRACES.sub(lambda found: f'{{{{ "{found[0]}" }}}}', text)


def filled(name: str, language: str, shape: Shape, values: Mapping[str, str]) -> Filled:
    """What a job keeps. values: of texts, by what they are called."""
    header: Value | None = None
    if shape.header_place:
        header = _value(shape, shape.header_place, HEADER, values[HEADER])
    buttons: list[OfButton] = [
        {"index": each.index, "kind": _BUTTONS[each.kind.upper()], "text": values[button(each.index)]}
        for each in shape.buttons
        if each.taken and button(each.index) in values
    ]
    body = [_value(shape, place, place, values[place]) for place in shape.places]
    made: Filled = {
        "name": name,
        "language": language,
        "media": shape.media,
        "header": header,
        "body": body,
        "buttons": buttons,
    }
    if shape.located:
        made["location"] = [{"place": each, "text": values[each]} for each in LOCATED]
    return made


def _value(shape: Shape, place: str, called: str, text: str) -> Value:
    return {"place": called, "text": text, "name": place} if shape.named else {"place": called, "text": text}


def values(kept: Filled) -> list[tuple[str, str]]:
    """All texts that are filled in, each with what it is called."""
    header = [(HEADER, kept["header"]["text"])] if kept["header"] else []
    header += [(each["place"], each["text"]) for each in kept.get("location", ())]
    body = [(each["place"], each["text"]) for each in kept["body"]]
    return [*header, *body, *((button(each["index"]), each["text"]) for each in kept["buttons"])]


def fault(place: str, text: str) -> Refusal | None:
    """Why WhatsApp would not take this as what is filled in; None where it would."""
    if not text.strip():
        return refusal(Unsent.TEMPLATE_VALUE_EMPTY, place=place)
    if place in (LATITUDE, LONGITUDE) and not _on_earth(text, 90 if place == LATITUDE else 180):
        return refusal(Unsent.TEMPLATE_VALUE_NO_COORDINATE, place=place)
    if _NOT_IN_VALUES.search(text):
        return refusal(Unsent.TEMPLATE_VALUE_LINES, place=place)
    if _BLANKS in text:
        return refusal(Unsent.TEMPLATE_VALUE_BLANKS, place=place, most=MOST_BLANKS)
    return None


def _on_earth(text: str, most: int) -> bool:
    """Whether it is a coordinate, in degrees with a decimal point."""
    return _DEGREES.fullmatch(text.strip()) is not None and abs(float(text)) <= most
