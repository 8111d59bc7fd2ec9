"""A refused form's error, put at the field that it is about: there it is read, and there the cursor is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from markupsafe import escape
from pydantic import BaseModel, BeforeValidator

from daemon import errors

_ATTRIBUTES = r"(?:[^>\"]|\"[^\"]*\")*"
_FORM = re.compile(rf"<form\b{_ATTRIBUTES}>.*?</form>", re.S)
_AUTOFOCUS = re.compile(r"\sautofocus(?=[\s>])")
_TAG = re.compile(rf"<(?:input|select|textarea|p)\b{_ATTRIBUTES}>")
_CLOSED = {"select": "</select>", "textarea": "</textarea>"}


class Said(str):
    """An error in the reader's language. names: what the field that it is about may be called, likeliest first."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, text: str, names: tuple[str, ...]) -> Said:
        said = cls(text)
        said.names = names
        return said


def pointed(page: str, error: Said) -> str:
    """The page with the error at its field; as it is, where the field is not on it."""
    html = _TAG.sub(lambda tag: _AUTOFOCUS.sub("", tag[0]), page)
    sentence = str(escape(str(error)))
    paragraph = re.search(rf"<p\b({_ATTRIBUTES})>\s*{re.escape(sentence)}\s*</p>", html)
    at = paragraph.start() if paragraph else html.find(sentence)
    forms = list(_FORM.finditer(html))
    for form in [form for form in forms if form.start() <= at < form.end()] or forms:
        if (control := _control(html, form, error.names)) is not None:
            there = _stands_there(control, paragraph)
            return page if there else _moved(html, control, paragraph, sentence)
    return page


def _stands_there(control: re.Match[str], paragraph: re.Match[str] | None) -> bool:
    """Whether the page itself has put the error at that field."""
    place = re.search(r'\bid="([^"]*)"', paragraph[1]) if paragraph else None
    described = re.search(r'\saria-describedby="([^"]*)"', control[0])
    return bool(place and described and place[1] in described[1].split() and 'aria-invalid="true"' in control[0])


def _control(html: str, form: re.Match[str], names: tuple[str, ...]) -> re.Match[str] | None:
    for name in names:
        pattern = rf"<(input|select|textarea)\b{_ATTRIBUTES}?\sname=\"{re.escape(name)}\"{_ATTRIBUTES}>"
        for found in re.compile(pattern).finditer(html, form.start(), form.end()):
            if 'type="hidden"' not in found[0]:
                return found
    return None


def _moved(html: str, control: re.Match[str], paragraph: re.Match[str] | None, sentence: str) -> str:
    name = re.search(r'\sname="([^"]*)"', control[0])
    place = f"{name[1] if name else 'field'}-wrong"
    error = f'<span id="{place}" class="error at-field" role="alert">{sentence}</span>'
    if 'type="radio"' in control[0]:
        before = _before_choices(html, control.start())
        chosen = _told_by(control[0], place).replace(' aria-invalid="true"', "")  # a radio button has no such state
        pieces = [(before, before, error), (control.start(), control.end(), chosen)]
    else:
        end = control.end()
        if closing := _CLOSED.get(control[1]):
            end = html.index(closing, end) + len(closing)
        inner = html[control.end() : end]
        pieces = [(control.start(), end, f"{_told_by(control[0], place)}{inner}{error}")]
    if paragraph:
        emptied = paragraph[1].replace(' role="alert"', "")
        hidden = emptied if " hidden" in emptied else f"{emptied} hidden"
        pieces.append((paragraph.start(), paragraph.end(), f"<p{hidden}></p>"))
    for start, stop, text in sorted(pieces, reverse=True):
        html = html[:start] + text + html[stop:]
    return html


def _before_choices(html: str, first: int) -> int:
    """Where the error about a choice stands: under its title, else before its first answer, never within that."""
    group, title = html.rfind("<fieldset", 0, first), html.rfind("</legend>", 0, first)
    if title > group > html.rfind("</fieldset>", 0, first):
        return title + len("</legend>")
    label = html.rfind("<label", 0, first)
    return label if label > html.rfind("</label>", 0, first) else first


def _told_by(tag: str, place: str) -> str:
    """The control, wrong and focused, and described by the error before all else."""
    tag = re.sub(r'\saria-invalid="[^"]*"', "", tag)
    described = re.search(r'\saria-describedby="([^"]*)"', tag)
    others = described[1] if described else ""
    if described:
        tag = tag.replace(described[0], "")
    attributes = f' aria-invalid="true" aria-describedby="{f"{place} {others}".strip()}" autofocus'
    return tag[:-1].rstrip("/ ") + attributes + ">"


@contextmanager
def at_field(model: type[BaseModel], given: Callable[[str], Any]) -> Iterator[None]:
    """Who reads a form's field does not know what it is called: an error in here is told of the field it came from.
    given: what was sent for a field."""
    try:
        yield
    except errors.DaemonError as error:
        raise error.at(_field_of(error, model, given)) from None


def _field_of(error: errors.DaemonError, model: type[BaseModel], given: Callable[[str], Any]) -> str:
    """The field that was refused so: whoever reads one does not know what it is called."""
    for name, field in model.model_fields.items():
        for reader in (each for each in field.metadata if isinstance(each, BeforeValidator)):
            try:
                reader.func(given(field.alias or name))  # type: ignore[call-arg]
            except errors.DaemonError as found:
                if found.told == error.told:
                    return field.alias or name
    return ""
