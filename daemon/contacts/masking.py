"""Telephone numbers as those see them who may only look: country code and last two digits.

What is known to be a number is masked because of its field: `phone`, `value`, `fields`. Behind that is a net: which of
the contacts' fields and texts hold numbers nobody can know, so whatever looks like one is masked in any text (`text`,
`tree`), also with letters in it, in digits of other scripts, or as a spreadsheet has rounded it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import Any

import phonenumbers

from daemon import errors
from daemon.contacts.refusals import Why
from daemon.states import QUOTED

hidden: ContextVar[bool] = ContextVar("hidden", default=False)  # whether numbers are masked for the reader

NUMBERS = frozenset({"number", "link_number"})  # what JSON calls them
DOT = "•"
LEFT_OUT = "[…]"
_QUOTATION = re.compile(QUOTED.format("[^\u2068\u2069]*"))
LEAST, MOST = 7, 40  # digits; no number has more than 15, but a slip of the pen may add some
FEW = 4  # digits that are hidden whole: two of them would be half of what there is
_SMALL = "\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468\u2776-\u277e\u24ea"  # ² ₂ ② ❷
_DIGIT = rf"[\d{_SMALL}]"
_BETWEEN = (
    r"[^\S\r\n]|[().\-/_*|~'\u2019\u00b4`\u00b7\u2010-\u2015\u2212\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
    r"|,(?=\S)"
)
_HEX = re.compile(r"(?=[0-9a-f]*[a-f])[0-9a-f]{12,64}")
_CANDIDATE = re.compile(
    rf"(?<![0-9A-Za-z])(?P<hex>{_HEX.pattern})(?![0-9A-Za-z])"
    rf"|(?<!{_DIGIT})(?:(?P<plus>\+|%2[Bb]|\uff0b)(?:{_BETWEEN}){{0,2}})?"
    rf"(?P<digits>{_DIGIT}(?:(?:{_BETWEEN}){{0,6}}{_DIGIT}){{{LEAST - 1},{MOST - 1}}})(?!{_DIGIT})"
)
_WITH_WORDS = re.compile(  # behind a plus, words in between make it no other number
    rf"[+\uff0b]{_DIGIT}(?:[^\d{_SMALL}\r\n,;:+{DOT}]{{0,8}}{_DIGIT}){{{LEAST - 1},{MOST}}}"
)
_TOKEN = re.compile(r"[^\s<>\"=&?#;,/:]{8,60}")
_LONG_ID = 32
_LETTERS = 3  # so many different ones in a word of digits are a slip, or there to get by; an id has more
_LOOKALIKES = frozenset("OoIl")
_MANTISSA = rf"(?<!{_DIGIT}){_DIGIT}{{1,20}}(?:[.,\u066b]{_DIGIT}{{0,20}})?"
_ROUNDED = re.compile(rf"(?P<mantissa>{_MANTISSA})\s?(?:[eE]|[\u00d7xX]\s?10\^?)\s?\+?{_DIGIT}{{1,2}}(?!\w)")
_DAY, _MONTH, _YEAR = r"[0-3٠-٣]?\d", r"[01٠١]?\d", r"(?:19|20|١٩|٢٠)\d\d"
_BY = r"\u200f?[-./]"  # in Arabic behind a mark of direction
_DATE = rf"(?:{_YEAR}-{_MONTH}-{_DAY}|{_DAY}{_BY}{_MONTH}{_BY}(?:{_YEAR}|\d\d)|{_MONTH}/{_DAY}/{_YEAR})"
_WHEN = re.compile(rf"{_DATE}(?:\W{{1,4}}(?:\d\d?|{_DATE}))?")  # a day, with an hour behind it, or up to another
_STAMP = re.compile(rf"{_DATE}T\d\d")  # of ISO 8601, up to the minutes
_EPOCH_MS = re.compile(r"1[6-9]\d{11}")  # of this century; no number looks like it: those that begin with 1 have 11
_FRACTION = re.compile(r"0\.\d+")
_AMOUNT = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+")


def searchable(wanted: str) -> str:
    """What a reader searches for, if they may. Raises InvalidInput: whoever sees numbers masked could otherwise find
    them out digit by digit, as each search answers whether it is in one."""
    if hidden.get() and any(map(str.isdigit, unicodedata.normalize("NFKC", wanted))):
        raise errors.InvalidInput(Why.SEARCH_OF_HIDDEN_NUMBERS)
    return wanted


def phone(number: str) -> str:
    """The number as the reader may see it."""
    return masked(number) if hidden.get() else number


def value(cell: str) -> str:
    """What stands in the place of a number, and may be none: letters stay."""
    if not hidden.get():
        return cell
    return _dotted(cell) if any(map(str.isalpha, cell)) else masked(cell)


def fields(given: Mapping[str, str]) -> dict[str, str]:
    """A contact's fields as the reader may see them. A title has so many digits only where a file had none and its
    first row was taken for it."""
    if not hidden.get():
        return dict(given)
    return _kept_apart((title(name), text(each)) for name, each in given.items())


def title(name: str) -> str:
    """A column's title as the reader may see it."""
    many = hidden.get() and sum(map(str.isdigit, name)) > FEW
    return _dotted(name) if many else name


def text(value: str) -> str:
    """The text as the reader may see it: without numbers, and without what a page was seen to say, which may be
    anything of a chat."""
    if not hidden.get():
        return value
    value = _QUOTATION.sub(LEFT_OUT, value)
    if not any(map(str.isdigit, value)):
        return value
    value = _WITH_WORDS.sub(_hide_with_words, value)
    value = _ROUNDED.sub(_hide_rounded, value)
    return _TOKEN.sub(_hide_lettered, _CANDIDATE.sub(_hide, value))


def tree(value: Any) -> Any:
    """JSON, or a row of a table, as the reader may see it: every text in it, and the keys."""
    if not hidden.get():
        return value
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return _kept_apart((tree(key), _entry(key, each)) for key, each in value.items())
    if isinstance(value, list | tuple):
        return [tree(each) for each in value]
    return value


def _entry(key: str, each: Any) -> Any:
    return phone(each) if key in NUMBERS and isinstance(each, str) else tree(each)


def _kept_apart(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """As a dict; two names that are masked alike stay two."""
    found: dict[Any, Any] = {}
    for name, each in pairs:
        while name in found:
            name += "_"
        found[name] = each
    return found


def masked(number: str) -> str:
    """`+4915110000012` as `+49•••••••••12`; of one without + no country code is known. What is masked stays so."""
    digits = "".join(sign for sign in number if sign.isdigit() or sign == DOT)
    international = number.lstrip().startswith(("+", "%2", "\uff0b"))
    code = _country_code(digits) if international else ""
    rest = len(digits) - len(code)
    return ("+" if international else "") + code + DOT * max(0, rest - 2) + (digits[-2:] if rest > 2 else DOT * rest)


def _country_code(digits: str) -> str:
    plain = "".join(str(unicodedata.digit(each)) for each in digits[:3].partition(DOT)[0])
    for length in (1, 2, 3):
        if int(plain[:length] or 0) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            return digits[:length]
    return ""


def _dotted(mixed: str, alike: frozenset[str] = frozenset()) -> str:
    """Each digit as a dot, but the last two of many. alike: signs that are taken for digits."""
    places = [at for at, sign in enumerate(mixed) if sign.isdigit() or sign == DOT or sign in alike]
    places = places[:-2] if len(places) > FEW else places
    signs = list(mixed)
    for at in places:
        signs[at] = DOT
    return "".join(signs)


def _hide(found: re.Match[str]) -> str:
    if found["hex"] is not None:
        return found[0] if _an_id(found) else _dotted(found[0])
    digits, plus = found["digits"], found["plus"]
    if not plus:
        shorter = digits.isdecimal() and len(digits) == LEAST  # an id or an amount, and nobody's whole number
        if shorter or any(pattern.fullmatch(digits) for pattern in (_WHEN, _EPOCH_MS, _FRACTION, _AMOUNT)):
            return found[0]
    return masked(("+" if plus else "") + digits)


def _an_id(found: re.Match[str]) -> bool:
    """Whether hexadecimal digits are an id of ours, and not a number with letters in it: an id stands in an address, or
    is long, or has letters all over."""
    token = found[0]
    letters = sum(map(str.isalpha, token))
    spread = letters > _LETTERS and (len(token) >= _LONG_ID or max(map(len, re.split("[a-f]", token))) <= LEAST)
    return spread or found.string[found.start() - 1 : found.start()] == "/"


def _hide_with_words(found: re.Match[str]) -> str:
    lettered = any(map(str.isalpha, found[0]))
    return _country(found[0]) if lettered else found[0]  # without words `_CANDIDATE` finds it


def _country(number: str) -> str:
    """A number with words in it: the country code and the last two digits stay, and the words."""
    digits = "".join(filter(str.isdigit, number))
    shown, places = len(_country_code(digits)), [at for at, sign in enumerate(number) if sign.isdigit()]
    signs = list(number)
    for at in places[shown:-2]:
        signs[at] = DOT
    return "".join(signs)


def _hide_rounded(found: re.Match[str]) -> str:
    """4.9171E+11: what is left of the number; the exponent is not of it."""
    left = found["mantissa"]
    many = sum(map(str.isdigit, left)) > 2
    return (re.sub(_DIGIT, DOT, left) if many else left) + found[0][len(left) :]


def _hide_lettered(found: re.Match[str]) -> str:
    """A word of digits with a few letters in it, or with letters that look like digits."""
    token = found[0]
    digits = sum(map(str.isdigit, token))
    letters = [sign for sign in token if sign.isalpha()]
    if digits < FEW or not letters or _STAMP.match(token) or (_HEX.fullmatch(token) and _an_id(found)):
        return token
    alike = sum(sign in _LOOKALIKES for sign in letters)
    others = {sign for sign in letters if sign not in _LOOKALIKES}
    if digits + alike > LEAST and (len(letters) - alike <= _LETTERS or len(others) == 1):
        return _dotted(token, _LOOKALIKES)
    return token
