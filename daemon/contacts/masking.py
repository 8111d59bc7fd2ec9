"""Telephone numbers as those see them who may only look: country code and last two digits.

Which of the contacts' fields holds a number nobody can know, so whatever looks like one is masked, in any text.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import Any

import phonenumbers

from daemon.states import QUOTED

hidden: ContextVar[bool] = ContextVar("hidden", default=False)  # whether numbers are masked for the reader

DOT = "•"
LEFT_OUT = "[…]"
_QUOTATION = re.compile(QUOTED.format("[^\u2068\u2069]*"))
LEAST, MOST = 7, 40  # digits; no number has more than 15, but a slip of the pen may add some
_BETWEEN = r"[^\S\r\n]|[().\-/\u00b7\u2010-\u2015\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
_CANDIDATE = re.compile(
    r"(?<![0-9A-Za-z])(?=[0-9a-f]*[a-f])[0-9a-f]{12,64}(?![0-9A-Za-z])"  # an id, which is left as it is
    rf"|(?<!\d)(?:(?P<plus>\+|%2[Bb]|\uff0b)(?:{_BETWEEN}){{0,2}})?"
    rf"(?P<digits>\d(?:(?:{_BETWEEN}){{0,4}}\d){{{LEAST - 1},{MOST - 1}}})(?!\d)"
)
_DAY, _MONTH, _YEAR = r"[0-3٠-٣]?\d", r"[01٠١]?\d", r"(?:19|20|١٩|٢٠)\d\d"
_BY = r"\u200f?[-./]"  # in Arabic behind a mark of direction
_DATE = rf"(?:{_YEAR}-{_MONTH}-{_DAY}|{_DAY}{_BY}{_MONTH}{_BY}(?:{_YEAR}|\d\d)|{_MONTH}/{_DAY}/{_YEAR})"
_WHEN = re.compile(rf"{_DATE}(?:\W{{1,4}}(?:\d\d?|{_DATE}))?")  # a day, with an hour behind it, or up to another
_EPOCH_MS = re.compile(r"1[6-9]\d{11}")  # of this century; no number looks like it: those that begin with 1 have 11
_FRACTION = re.compile(r"0\.\d+")


def phone(number: str) -> str:
    """The number as the reader may see it."""
    return masked(number) if hidden.get() else number


def text(value: str) -> str:
    """The text as the reader may see it: without numbers, and without what a page was seen to say, which may be
    anything of a chat."""
    return _CANDIDATE.sub(_hide, _QUOTATION.sub(LEFT_OUT, value)) if hidden.get() else value


def tree(value: Any) -> Any:
    """JSON, or a row of a table, as the reader may see it: every text in it, and the keys."""
    if not hidden.get():
        return value
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {tree(key): tree(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [tree(each) for each in value]
    return value


def masked(number: str) -> str:
    """`+4915110000012` as `+49•••••••••12`; of one without + no country code is known."""
    digits = re.sub(r"\D", "", number)
    international = number.lstrip().startswith(("+", "%2", "\uff0b"))
    code = _country_code(digits) if international else ""
    rest = len(digits) - len(code)
    return ("+" if international else "") + code + DOT * max(0, rest - 2) + (digits[-2:] if rest > 2 else DOT * rest)


def _country_code(digits: str) -> str:
    for length in (1, 2, 3):
        if int(digits[:length] or 0) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            return digits[:length]
    return ""


def _hide(found: re.Match[str]) -> str:
    digits, plus = found["digits"], found["plus"]
    if digits is None:
        return found[0]
    if not plus:
        shorter = digits.isdecimal() and len(digits) == LEAST  # an id or an amount, and nobody's whole number
        if shorter or _WHEN.fullmatch(digits) or _EPOCH_MS.fullmatch(digits) or _FRACTION.fullmatch(digits):
            return found[0]
    return masked(("+" if plus else "") + digits)
