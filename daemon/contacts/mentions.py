"""Finds one person's number in text and JSON, however it is written there. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import phonenumbers

from daemon.contacts.person import Person
from daemon.formats import notations
from daemon.states import E164, PersonKey

GONE = "[erased]"  #: what stands in the place of a number
LEAST = 8  # digits without a country's code by which somebody is recognised
MOST = 15  # digits of one number: where there are more, several stand there
_NO_DIGIT = re.compile(r"\D+")
_NUMBER = re.compile(r"\+?\d(?:[\s().\-/_]{0,3}\d){6,}")


@dataclass(frozen=True)
class Sought:
    """Somebody. number: as it was asked for; also: further keys that they have, such as WhatsApp's id of them."""

    number: E164
    also: tuple[PersonKey, ...] = ()

    @cached_property
    def numbers(self) -> tuple[E164, ...]:
        """In every notation."""
        today = Person(self.number).key
        return tuple(dict.fromkeys([self.number, E164(today), *notations.former(today)]))

    @cached_property
    def persons(self) -> tuple[PersonKey, ...]:
        """All keys under which there may be something of them."""
        return tuple(dict.fromkeys([*(Person(number).key for number in self.numbers), *self.also]))

    @cached_property
    def _whole(self) -> frozenset[str]:
        return frozenset(number[1:] for number in self.numbers)

    @cached_property
    def _national(self) -> frozenset[str]:
        return frozenset(form for number in self.numbers if (form := _national(number)))

    @cached_property
    def _ends(self) -> tuple[str, ...]:
        return tuple({digits[-LEAST:] for digits in self._whole})

    def is_in(self, text: str) -> bool:
        """Whether the text names their number; text: also such in which others stand between."""
        return any(self._is_one(found[0]) for found in _NUMBER.finditer(text))

    def may_be_in(self, text: str) -> bool:
        """The same, sooner, and sometimes true where it is not."""
        digits = _only_digits(text)
        return any(end in digits for end in self._ends)

    def without(self, text: str) -> str:
        """The text without their number."""
        return _NUMBER.sub(lambda found: GONE if self._is_one(found[0]) else found[0], text)

    def without_in(self, value: Any) -> Any:
        """JSON without their number."""
        if isinstance(value, str):
            return self.without(value)
        if isinstance(value, dict):
            return {self.without(name): self.without_in(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.without_in(each) for each in value]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return GONE if is_number and self._is_one(f"{value:.0f}") else value

    def stands_in(self, value: Any) -> bool:
        """Whether JSON names their number."""
        return bool(self.without_in(value) != value)

    def _is_one(self, text: str) -> bool:
        """Whether it is their number: with the country's code, without it, or without the area's, too. Of others that
        end alike it is told by what stands before that."""
        digits = _only_digits(text)
        plain = digits.lstrip("0")
        if plain in self._whole or any(each in digits for each in self._whole if len(digits) > MOST):
            return True
        if text.startswith("+"):
            return False
        if digits.startswith("00"):  # in some countries one or two digits follow it: 001 65…, 0031 49…
            return any(digits.endswith(each) and len(digits) - len(each) in (3, 4) for each in self._whole)
        local = len(plain) >= LEAST and any(len(plain) < len(each) and each.endswith(plain) for each in self._national)
        return plain in self._national or local


def _only_digits(text: str) -> str:
    digits = _NO_DIGIT.sub("", text)
    return digits if digits.isascii() else "".join(str(unicodedata.digit(each)) for each in digits)


def _national(number: E164) -> str:
    """The number without its country's code; "" where too little is left."""
    try:
        found = str(phonenumbers.parse(number).national_number)
    except phonenumbers.NumberParseException:
        return ""
    return found if len(found) >= LEAST else ""


def of(number: E164, also: Iterable[PersonKey] = ()) -> Sought:
    """Who has that number."""
    return Sought(number, tuple(also))
