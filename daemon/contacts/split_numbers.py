"""A telephone number that a list has in several columns: its country's or area's code in one, the rest in another.
Pure.

The rest alone may be somebody else's: `3920011` beside `0171` is a landline far away from the mobile that is meant, and
`0664 1234567` beside `Austria` is no German's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import babel
import phonenumbers

from daemon.contacts import phone
from daemon.contacts.reasons import Reason
from daemon.contacts.titles import Dialled

_LONGEST_CODE = 5
_LANGUAGES = (
    "en", "de", "fr", "es", "pt", "it", "nl", "pl", "tr", "ru", "uk", "ar", "fa", "he", "hi", "id", "zh", "ja", "ko",
    "cs", "sv", "da", "nb", "fi", "hu", "ro", "el",
)  # fmt: skip
_ALSO = {"USA": "US", "UK": "GB", "ENGLAND": "GB", "SCOTLAND": "GB", "WALES": "GB", "UAE": "AE", "KSA": "SA"}
_WHOLE = 9
"""Digits from which on a number that no code fits to is taken for whole."""


def whole(rest: str, codes: Sequence[tuple[Dialled, str]], country: str) -> str:
    """The number as it is dialled; `rest` as it is where there is no code, or where it has one already.

    codes: what is in the columns of codes, and what they are by their titles. country: as in `phone.read`.
    """
    if rest.startswith(("+", "00")) or not phone.digits(rest):
        return rest
    found = rest
    for kind, code in sorted(codes, key=lambda each: each[0]):  # the area's first
        found = _joined(found, kind, code, country)
    return found


def _joined(rest: str, kind: Dialled, code: str, country: str) -> str:
    if kind is Dialled.NATION:
        return _of_nation(rest, code, country)
    if kind is Dialled.COUNTRY and code.upper() in phonenumbers.SUPPORTED_REGIONS:
        code = str(phonenumbers.country_code_for_region(code.upper()))
    digits = "".join(filter(str.isdigit, code))
    if not 0 < len(digits) <= _LONGEST_CODE or any(map(str.isalpha, code)):
        return rest
    if kind is Dialled.COUNTRY or code.lstrip("( ").startswith(("+", "00")):
        digits = digits.lstrip("0")
        bare = "".join(filter(str.isdigit, rest))
        ways = [f"+{digits} {rest}"]
        if bare.startswith(digits) and len(bare) >= phone.MIN_INTERNATIONAL:
            ways.insert(0, f"+{bare}")
        return _first(ways) or ways[-1]
    ways = [f"{code} {rest}", f"0{digits} {rest}"]
    joined = _first(ways, country)
    if alone := _first([rest], country) if phone.digits(rest) >= _WHOLE else "":
        return _of_two(joined, rest, country) if joined else alone
    return joined or ways[0]


def _of_two(joined: str, rest: str, country: str) -> str:
    """With the code, unless the rest has its country's code already: then it could be either."""
    one, other = phone.read(joined, country), phone.read(rest, country)
    has_country = other == f"+{''.join(filter(str.isdigit, rest))}"
    return f"{one} / {other}" if has_country and one != other else joined


def _of_nation(rest: str, nation: str, country: str) -> str:
    """Somebody's number, who lives there: where it is a number there and in the country of all, it could be either."""
    there = _nation(nation)
    if rest.startswith(("+", "00")) or not there or there == country.upper():
        return rest
    abroad, home = phone.read(rest, there), phone.read(rest, country)
    if isinstance(abroad, Reason):
        return f"+{phonenumbers.country_code_for_region(there)} {rest}" if isinstance(home, Reason) else rest
    return abroad if isinstance(home, Reason) or home == abroad else f"{abroad} / {home}"


def _nation(cell: str) -> str:
    """The ISO code of the country that the cell names, "" for none."""
    name = cell.replace(".", "").strip()
    known = _ALSO.get(name.upper(), name.upper())
    if known in phonenumbers.SUPPORTED_REGIONS:
        return known
    return _names().get(name.casefold(), "") if len(name) > 2 else ""


@lru_cache(1)
def _names() -> dict[str, str]:
    """ISO codes by the countries' names in many languages."""
    found: dict[str, str] = {}
    for language in _LANGUAGES:
        for code, name in babel.Locale.parse(language).territories.items():
            if code in phonenumbers.SUPPORTED_REGIONS:
                found.setdefault(name.casefold(), code)
    return found


def _first(ways: Iterable[str], country: str = "") -> str:
    """The first that is a number, "" for none."""
    return next((way for way in ways if not isinstance(phone.read(way, country), Reason)), "")
