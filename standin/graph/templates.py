"""Templates: what they are made of, and whether the values of a message fit.

Sources: templates pages and messages/send-messages (2026-09-11); the words of 132000 by captures of v25.0 (2026), those
of 131008 and 132012 by public reports (2023 to 2026).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from standin.graph import requests
from standin.graph.errors import GraphError

PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
UNFIT = re.compile(r"[\n\r\t]| {5}")
MEDIA = {"IMAGE": "image", "VIDEO": "video", "DOCUMENT": "document", "LOCATION": "location"}
STATES = {"APPROVED", "PENDING", "REJECTED", "PAUSED", "DISABLED", "ARCHIVED"}


@dataclass(eq=False)
class Template:
    """A template in one language. `components` as they were sent to Meta; the rest follows from them."""

    id: str
    name: str
    language: str
    category: str
    status: str
    components: list[dict[str, Any]]
    named: bool = False
    quality: str = "UNKNOWN"
    rejected: str = "NONE"
    ttl_s: int | None = None
    header: str | None = None  # TEXT, IMAGE, …
    header_places: list[str] = field(default_factory=list)
    body_places: list[str] = field(default_factory=list)
    buttons: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def made(cls, id: str, definition: dict[str, Any], status: str) -> Template:
        """From the body of `POST …/message_templates`."""
        made = cls(
            id, definition["name"], definition["language"], definition["category"], status, definition["components"],
            named=definition.get("parameter_format") == "NAMED", ttl_s=definition.get("message_send_ttl_seconds"),
        )  # fmt: skip
        for part in made.components:
            kind = part["type"].upper()
            if kind == "HEADER":
                made.header = part["format"].upper()
                made.header_places = places(part.get("text", ""))
            elif kind == "BODY":
                made.body_places = places(part.get("text", ""))
            elif kind == "BUTTONS":
                made.buttons = part["buttons"]
        return made

    def definition(self) -> dict[str, Any]:
        """As it was made."""
        made = {"name": self.name, "language": self.language, "category": self.category, "components": self.components}
        made |= {"parameter_format": "NAMED" if self.named else "POSITIONAL"}
        return made if self.ttl_s is None else made | {"message_send_ttl_seconds": self.ttl_s}

    def told(self) -> dict[str, Any]:
        """All fields that can be asked for."""
        return {
            "id": self.id, "name": self.name, "language": self.language, "status": self.status,
            "category": self.category, "components": self.components,
            "parameter_format": "NAMED" if self.named else "POSITIONAL",
            "quality_score": {"score": self.quality}, "rejected_reason": self.rejected,
            **({} if self.ttl_s is None else {"message_send_ttl_seconds": self.ttl_s}),
        }  # fmt: skip


def places(text: str) -> list[str]:
    """The different places for values in a text, in order."""
    return list(dict.fromkeys(PLACE.findall(text)))


def check(template: Template, given: requests.Template) -> None:
    """Raise GraphError unless the values are those that the template has places for."""
    header: list[requests.Parameter] = []
    body: list[requests.Parameter] = []
    buttons: dict[int, requests.Component] = {}
    for part in given.components:
        if part.type == "header":
            header += part.parameters
        elif part.type == "body":
            body += part.parameters
        else:
            buttons[_index(part)] = part
    _check_header(template, header)
    _check_texts("body", template, template.body_places, body)
    _check_buttons(template, buttons)


def _index(part: requests.Component) -> int:
    if part.sub_type is None or part.index is None:
        raise GraphError(131008, "Button components need sub_type and index.")
    if not str(part.index).isdecimal():
        raise GraphError(131009, f"Button index {part.index} is not valid.")
    return int(part.index)


def _check_header(template: Template, given: list[requests.Parameter]) -> None:
    if template.header in MEDIA:
        wanted = MEDIA[template.header]
        received = given[0].type if given else None
        if received != wanted or len(given) != 1 or getattr(given[0], wanted) is None:
            text = f"header: Format mismatch, expected {template.header}, received {(received or 'UNKNOWN').upper()}"
            raise GraphError(132012, text)
        return
    _check_texts("header", template, template.header_places, given)


def _check_texts(where: str, template: Template, wanted: list[str], given: list[requests.Parameter]) -> None:
    """Texts for the places of a part: as many as there are, with their names where places have names."""
    if len(given) != len(wanted):
        text = (
            f"number of localizable_params ({len(given)}) does not match the expected number of params ({len(wanted)})"
        )
        raise GraphError(132000, f"{where}: {text}")
    for each in given:
        if each.type != "text":
            raise GraphError(132012, f"{where}: Format mismatch, expected TEXT, received {each.type.upper()}")
        _check_text(where, each.text)
    if template.named:
        names = [each.parameter_name for each in given]
        if None in names or "" in names:
            raise GraphError(100, "Parameter name is missing or empty", message="(#100) Invalid parameter")
        if set(wanted) != set(names):
            raise GraphError(132000, f"{where}: the names of the parameters are not those of the template")
    elif any(each.parameter_name is not None for each in given):
        raise GraphError(100, f"{where}: this template has no named parameters", message="(#100) Invalid parameter")


def _check_text(where: str, text: str | None) -> None:
    if not text:
        raise GraphError(131008, f"{where}: text of a parameter is missing or empty")
    if UNFIT.search(text):
        raise GraphError(132018, "Param text cannot have new-line/tab characters or more than 4 consecutive spaces")


def _check_buttons(template: Template, given: dict[int, requests.Component]) -> None:
    """A web address with a place needs its end, a code to copy its code; a quick reply may be given a payload."""
    for index, part in given.items():
        if index >= len(template.buttons):
            raise GraphError(132018, f"buttons: there is no button at index {index}")
        kind = template.buttons[index]["type"].lower()
        if part.sub_type != kind:
            raise GraphError(132012, f"buttons: Button at index {index} is of type {kind}, not {part.sub_type}")
    for index, button in enumerate(template.buttons):
        kind = button["type"].upper()
        needed = {"URL": "text", "COPY_CODE": "coupon_code", "QUICK_REPLY": "payload"}.get(kind)
        count = 1 if (kind == "URL" and places(button["url"])) or kind == "COPY_CODE" else 0
        found = given[index].parameters if index in given else []
        if count and not found:
            text = f"buttons: Button at index {index} of type {kind.title()} requires a parameter"
            raise GraphError(131008, text)
        if len(found) > (count or (kind == "QUICK_REPLY")):
            text = f"number of localizable_params ({len(found)}) does not match the expected number of params ({count})"
            raise GraphError(132000, f"buttons: {text}")
        for each in found:
            value = getattr(each, each.type)
            if each.type != needed or not isinstance(value, str):
                raise GraphError(132012, f"buttons: Button at index {index} takes a {needed}")
            _check_text("buttons", value)
