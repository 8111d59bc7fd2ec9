"""A WhatsApp template that somebody writes here, as Meta takes it; what Meta would refuse at once is told before."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from daemon import errors
from daemon.formats import cloud_template
from daemon.formats.cloud_template import NAMED, Component, Definition, ListedButton, NamedExample
from daemon.formats.refusals import Unmade

CATEGORIES = ("MARKETING", "UTILITY")
MOST_BODY, MOST_HEADER, MOST_FOOTER, MOST_BUTTON = 1_024, 60, 60, 25
MOST_BUTTONS = 10
MOST_URL = 2_000
_NAME = re.compile(r"[a-z0-9_]{1,512}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2,3})?")


@dataclass(frozen=True)
class NewButton:
    """A button with an address, or one that answers with its text. example: the address with its place filled in."""

    text: str
    url: str = ""
    example: str = ""


@dataclass(frozen=True)
class NewTemplate:
    """A template as somebody writes it. examples: what may stand in the places of the body, by their number or name."""

    name: str
    language: str
    category: str
    body: str
    examples: Mapping[str, str]
    header: str = ""
    header_example: str = ""
    footer: str = ""
    buttons: Sequence[NewButton] = ()

    def definition(self) -> Definition:
        """As Meta takes it. Raises InvalidInput, at the field that is wrong."""
        self._check()
        places = cloud_template.places(self.body)
        named = any(not each.isdecimal() for each in (*places, *cloud_template.places(self.header)))
        components: list[Component] = []
        if self.header.strip():
            components.append(self._header(named))
        body: Component = {"type": "BODY", "text": self.body.strip()}
        if places and named:
            body["example"] = {
                "body_text_named_params": [{"param_name": each, "example": self.examples[each]} for each in places]
            }
        elif places:
            body["example"] = {"body_text": [[self.examples[each] for each in places]]}
        components.append(body)
        if self.footer.strip():
            components.append({"type": "FOOTER", "text": self.footer.strip()})
        if self.buttons:
            components.append({"type": "BUTTONS", "buttons": [_button(each) for each in self.buttons]})
        form = NAMED if named else "POSITIONAL"
        return {
            "name": self.name,
            "language": self.language,
            "category": self.category,
            "parameter_format": form,
            "components": components,
        }

    def _header(self, named: bool) -> Component:
        made: Component = {"type": "HEADER", "format": "TEXT", "text": self.header.strip()}
        places = cloud_template.places(self.header)
        if places and named:
            shown: NamedExample = {"param_name": places[0], "example": self.header_example}
            made["example"] = {"header_text_named_params": [shown]}
        elif places:
            made["example"] = {"header_text": [self.header_example]}
        return made

    def _check(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise errors.InvalidInput(Unmade.NAME_UNFIT).at("name")
        if not _LANGUAGE.fullmatch(self.language):
            raise errors.InvalidInput(Unmade.LANGUAGE_UNFIT).at("language")
        if self.category not in CATEGORIES:
            raise errors.InvalidInput(Unmade.CATEGORY_UNFIT, categories=", ".join(CATEGORIES)).at("category")
        _text("body", self.body, MOST_BODY, needed=True)
        _text("header", self.header, MOST_HEADER)
        _text("footer", self.footer, MOST_FOOTER)
        places = cloud_template.places(self.body)
        numbers = [each for each in places if each.isdecimal()]
        if numbers and (len(numbers) < len(places) or numbers != [str(at + 1) for at in range(len(numbers))]):
            raise errors.InvalidInput(Unmade.PLACES_UNFIT, first="{{1}}", second="{{2}}").at("body")
        if re.match(r"\s*\{\{", self.body) or re.search(r"\}\}\s*$", self.body):
            raise errors.InvalidInput(Unmade.PLACE_AT_END).at("body")
        for each in places:
            if not self.examples.get(each, "").strip():
                raise errors.InvalidInput(Unmade.EXAMPLE_MISSING, place=f"{{{{{each}}}}}").at("examples")
        in_header = cloud_template.places(self.header)
        if len(in_header) > 1 or (in_header and places and bool(numbers) != in_header[0].isdecimal()):
            raise errors.InvalidInput(Unmade.PLACES_UNFIT, first="{{1}}", second="{{2}}").at("header")
        if in_header and not self.header_example.strip():
            raise errors.InvalidInput(Unmade.EXAMPLE_MISSING, place=f"{{{{{in_header[0]}}}}}").at("header_example")
        if len(self.buttons) > MOST_BUTTONS:
            raise errors.InvalidInput(Unmade.BUTTONS_TOO_MANY, most=MOST_BUTTONS).at("buttons")
        for button in self.buttons:
            _text("buttons", button.text, MOST_BUTTON, needed=True)
            if len(button.url) > MOST_URL or (button.url and not re.match(r"https?://[^/\s]", button.url)):
                raise errors.InvalidInput(Unmade.URL_UNFIT, example="https://example.com/order/{{1}}").at("buttons")
            if cloud_template.places(button.url) and not button.example.strip():
                raise errors.InvalidInput(Unmade.EXAMPLE_MISSING, place=button.text).at("buttons")


def _text(field: str, text: str, most: int, needed: bool = False) -> None:
    if needed and not text.strip():
        raise errors.InvalidInput(Unmade.TEXT_MISSING, field=field).at(field)
    if len(text.strip()) > most:
        raise errors.InvalidInput(Unmade.TEXT_TOO_LONG, field=field, most=f"{most:,}").at(field)


def _button(button: NewButton) -> ListedButton:
    if not button.url:
        return {"type": "QUICK_REPLY", "text": button.text.strip()}
    made: ListedButton = {"type": "URL", "text": button.text.strip(), "url": button.url}
    if cloud_template.places(button.url):
        made["example"] = [button.example.strip()]
    return made
