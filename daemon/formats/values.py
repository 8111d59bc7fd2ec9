"""A date, a time, a number or an amount as people write it → the value. Pure.

ISO 8601 is read everywhere, so is what cannot mean two things. 03/04/2026 is a day in March or in April, 1.234 may be a
thousand or one and a bit: such a text is refused unless the caller says how it is written. Nothing is guessed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError, numbers

LONGEST = 80
"""Characters; a longer text is none of these."""
SAMPLED = 200
MOST = 0.6
"""Of the cells that say what a column holds: a few may be anything."""
_READ_EVERYWHERE = ("en", "de", "es", "fr", "it", "pt", "nl", "pl", "tr")  # names of months
_PIVOT = 69  # two digits from here on are a year of the last century, as POSIX has it
_CLOCK = (
    r"(?P<hour>\d{1,2})(?:(?:[:.h](?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?)?\s*(?P<half>[ap]\.?\s?m\.?)"
    r"|[:.h](?P<minute2>\d{2})(?::(?P<second2>\d{2})(?:[.,]\d+)?)?(?:\s*(?:uhr|h|hrs|horas))?|\s*(?:uhr|h|hrs|horas))"
)
_TIME = re.compile(rf"{_CLOCK}\s*(?P<offset>z|[+-]\d{{2}}:?\d{{2}})?", re.I)
_DAY_AND_TIME = re.compile(
    rf"(?P<day>.*?\S)(?:\s*,)?(?:\s+|(?<=\d)T)(?:(?:um|at|a\s+las|à|às|-|–)\s+)?(?P<time>{_CLOCK}\s*"
    r"(?:z|[+-]\d{2}:?\d{2})?)",
    re.I,
)
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})\.?")
_DOTS = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4}|\d{2})")
_EITHER = re.compile(r"(\d{1,2})([/-])(\d{1,2})\2(\d{4}|\d{2})")
_PIECE = re.compile(r"\d+|[^\W\d_]+")
_FILLERS = frozenset({"de", "del", "of", "the", "st", "nd", "rd", "th", "den", "der", "am"})
_NUMBER = re.compile(r"[-+−]?\d[\d.,]*")
_SIGNS = {
    "€": "EUR", "£": "GBP", "zł": "PLN", "₹": "INR", "₺": "TRY", "₴": "UAH", "₽": "RUB", "Kč": "CZK", "Fr.": "CHF",
    "R$": "BRL", "₪": "ILS", "₩": "KRW", "₫": "VND", "฿": "THB", "₦": "NGN", "₱": "PHP",
}  # fmt: skip
_SHARED = {"$": "USD", "¥": "JPY", "kr": "SEK", "kr.": "DKK"}  # of several: the locale's own where it is one of them


class Order(StrEnum):
    """What comes first in 03/04/2026."""

    DAY = "dmy"
    MONTH = "mdy"


class Kind(StrEnum):
    """What a column holds."""

    DATE = "date"
    MOMENT = "moment"  #: a date with a time
    TIME = "time"
    NUMBER = "number"
    MONEY = "money"


class Fault(StrEnum):
    """Why a text is no such value, or could be two."""

    NOT_A_DATE = "not_a_date"
    DATE_AMBIGUOUS = "date_ambiguous"
    NOT_A_TIME = "not_a_time"
    NOT_A_NUMBER = "not_a_number"
    NUMBER_AMBIGUOUS = "number_ambiguous"
    CURRENCY_UNKNOWN = "currency_unknown"


class Unreadable(Exception):
    """Raised for a text that is none."""

    def __init__(self, why: Fault) -> None:
        super().__init__(str(why))
        self.why = why


@dataclass(frozen=True)
class Moment:
    """A date, a time of day, or both."""

    day: date | None
    clock: time | None


@lru_cache(64)
def locale(language: str) -> Locale:
    """The locale of that name, such as `de` or `pt-BR`. Raises ValueError."""
    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, TypeError):
        raise ValueError(language) from None


def moment(text: str, language: str, zone: str = "UTC", order: str = "") -> Moment:
    """The date or the time, or both. zone: for times that are written with an offset from UTC. Raises Unreadable."""
    text = " ".join(text.split())
    if len(text) > LONGEST:
        raise Unreadable(Fault.NOT_A_DATE)
    if found := _TIME.fullmatch(text):
        return Moment(None, _clock(found))
    day_text, clock, offset = text, None, None
    if found := _DAY_AND_TIME.fullmatch(text):
        timed = _TIME.fullmatch(found["time"])
        if timed is not None:
            day_text, clock, offset = found["day"], _clock(timed), timed["offset"]
    day = _day(day_text, language, order)
    if clock is None or not offset:
        return Moment(day, clock)
    try:
        written = datetime.fromisoformat(f"{day}T{clock}{_plain(offset)}")
    except ValueError:  # such as +25:00
        raise Unreadable(Fault.NOT_A_TIME) from None
    try:
        there = written.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        there = written.astimezone(UTC)
    except OverflowError:  # before the first day there is, or behind the last
        raise Unreadable(Fault.NOT_A_DATE) from None
    return Moment(there.date(), there.time())


def _plain(offset: str) -> str:
    """In digits and signs that ISO 8601 has."""
    return "+00:00" if offset in "zZ" else "".join(str(int(sign)) if sign.isdecimal() else sign for sign in offset)


def _clock(found: re.Match[str]) -> time:
    hour, half = int(found["hour"]), (found["half"] or "").lower()
    minute = int(found["minute"] or found["minute2"] or 0)
    second = int(found["second"] or found["second2"] or 0)
    if half:
        if not 1 <= hour <= 12:
            raise Unreadable(Fault.NOT_A_TIME)
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    try:
        return time(hour, minute, second)
    except ValueError:
        raise Unreadable(Fault.NOT_A_TIME) from None


def _day(text: str, language: str, order: str) -> date:
    if found := _YEAR_FIRST.fullmatch(text):
        return _date(int(found[1]), int(found[3]), int(found[4]))
    if found := _DOTS.fullmatch(text):
        return _date(_year(found[3]), int(found[2]), int(found[1]))
    if found := _EITHER.fullmatch(text):
        first, second, year = int(found[1]), int(found[3]), _year(found[4])
        if not order and first <= 12 and second <= 12 and first != second:
            raise Unreadable(Fault.DATE_AMBIGUOUS)
        month_first = order == Order.MONTH if order else second > 12
        return _date(year, first, second) if month_first else _date(year, second, first)
    return _named(text, language)


def _named(text: str, language: str) -> date:
    """A date with the name of its month."""
    day = month = year = 0
    for piece in _PIECE.findall(text):
        word = piece.casefold()
        if piece.isdecimal() and len(piece) <= 2 and not day:
            day = int(piece)
        elif piece.isdecimal() and len(piece) in (2, 4) and not year and month:
            year = _year(piece)
        elif not piece.isdecimal() and (named := _months(language).get(word)) and not month:
            month = named
        elif word not in _FILLERS and word not in _weekdays(language):
            raise Unreadable(Fault.NOT_A_DATE)
    if not (day and month and year):
        raise Unreadable(Fault.NOT_A_DATE)
    return _date(year, month, day)


def _date(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise Unreadable(Fault.NOT_A_DATE) from None


def _year(text: str) -> int:
    year = int(text)
    return year if len(text) > 2 else year + (1900 if year >= _PIVOT else 2000)


@lru_cache(64)
def _months(language: str) -> dict[str, int]:
    """The month of each name; what one language calls so is never taken from another's."""
    found: dict[str, int] = {}
    for at in dict.fromkeys((language, *_READ_EVERYWHERE)):
        names = {
            _bare(name): month
            for context in ("format", "stand-alone")
            for width in ("wide", "abbreviated")
            for month, name in locale(at).months[context][width].items()
        }
        found = names | found
    return found


@lru_cache(64)
def _weekdays(language: str) -> frozenset[str]:
    names = (
        name
        for at in (language, *_READ_EVERYWHERE)
        for context in ("format", "stand-alone")
        for width in ("wide", "abbreviated", "short")
        for name in locale(at).days[context].get(width, {}).values()
    )
    return frozenset(piece for name in names for piece in _PIECE.findall(_bare(name)))


def _bare(name: object) -> str:
    return str(name).casefold().rstrip(".")


# Numbers


def number(text: str, decimals: int | None = None) -> Decimal:
    """The number. decimals: the most it can have behind its point, where that is known. Raises Unreadable."""
    text = re.sub(r"[\s'’]", "", text)
    if len(text) > LONGEST or not _NUMBER.fullmatch(text) or not text[-1].isdecimal():
        raise Unreadable(Fault.NOT_A_NUMBER)
    sign = "-" if text[0] in "-−" else ""
    text = text.lstrip("+-−")
    point = _point(text, decimals)
    whole, _, rest = text.rpartition(point) if point else (text, "", "")
    groups = re.split("[.,]", whole)
    if len(groups) > 1:  # in India groups of two stand before the last three
        widths, usual = [len(each) for each in groups[1:]], (2, 3) if "," in whole else (3,)
        if widths[-1] != 3 or any(width not in usual for width in widths) or not 1 <= len(groups[0]) <= 3:
            raise Unreadable(Fault.NOT_A_NUMBER)
    try:
        return Decimal(f"{sign}{''.join(groups)}.{rest or 0}")
    except InvalidOperation:
        raise Unreadable(Fault.NOT_A_NUMBER) from None


def _point(text: str, decimals: int | None) -> str:
    """The sign before the decimals, "" for none."""
    signs = re.sub(r"\d", "", text)
    if not signs:
        return ""
    if len(set(signs)) == 2:
        if signs[:-1].count(signs[-1]):
            raise Unreadable(Fault.NOT_A_NUMBER)
        return signs[-1]
    if len(signs) > 1:
        return ""
    before, after = text.split(signs)
    if len(after) != 3 or len(before) > 3 or before == "0" or not before:
        return signs
    if decimals is not None and decimals < 3:
        return ""
    raise Unreadable(Fault.NUMBER_AMBIGUOUS)


def money(text: str, language: str, currency: str = "") -> tuple[Decimal, str]:
    """The amount and its currency (ISO 4217). currency: where the text names none. Raises Unreadable."""
    found = re.fullmatch(r"\s*([^\d+\-−]*?)\s*([-+−]?)\s*([^\d+\-−]*?)\s*(\d[\d.,'’\s]*?)\s*([^\d\s]*)\s*", text)
    if found is None or len(text) > LONGEST:
        raise Unreadable(Fault.NOT_A_NUMBER)
    signs = [each for each in (found[1], found[3], found[5]) if each]
    if len(signs) > 1:
        raise Unreadable(Fault.NOT_A_NUMBER)
    code = _currency(signs[0], language) if signs else currency or own_currency(language)
    if not code:
        raise Unreadable(Fault.CURRENCY_UNKNOWN)
    return number(f"{found[2]}{found[4]}", numbers.get_currency_precision(code)), code


def _currency(sign: str, language: str) -> str:
    if sign.upper() in known_currencies():
        return sign.upper()
    if sign in _SIGNS:
        return _SIGNS[sign]
    own = own_currency(language)
    if sign in _SHARED:
        same = own and numbers.get_currency_symbol(own, locale=locale(language)) in (sign, sign.rstrip("."))
        return own if same else _SHARED[sign]
    raise Unreadable(Fault.NOT_A_NUMBER)


@lru_cache(1)
def known_currencies() -> frozenset[str]:
    """Codes of all currencies, as in ISO 4217."""
    return frozenset(numbers.list_currencies())


@lru_cache(64)
def own_currency(language: str) -> str:
    """The currency of the locale's country; "" where it names none."""
    territory = locale(language).territory
    return next(iter(numbers.get_territory_currencies(territory)), "") if territory else ""


# Columns


def kind(cells: Sequence[str], language: str) -> tuple[Kind | None, bool]:
    """What most cells of a column are, and whether a day and a month among them could be each other. Whole numbers
    alone are none: they may be anybody's keys."""
    filled = [each for each in cells if each.strip()][:SAMPLED]
    read = [_kind(each, language) for each in filled]
    counts = Counter(each for each, _ in read if each is not None)
    if counts[Kind.MOMENT]:
        counts[Kind.MOMENT] += counts.pop(Kind.DATE, 0)
    if counts[Kind.NUMBER]:
        counts[Kind.NUMBER] += sum(each.isdecimal() for each in filled)
    found, count = max(counts.items(), key=lambda each: each[1], default=(None, 0))
    if not count or count < MOST * len(filled):
        return None, False
    return found, any(each for _, each in read)


def _kind(cell: str, language: str) -> tuple[Kind | None, bool]:
    try:
        at = moment(cell, language)
        return (Kind.TIME if at.day is None else Kind.MOMENT if at.clock else Kind.DATE), False
    except Unreadable as error:
        if error.why is Fault.DATE_AMBIGUOUS:
            return (Kind.MOMENT if ":" in cell else Kind.DATE), True
    try:
        number(cell)
        return (Kind.NUMBER if re.search(r"[.,]", cell) else None), False
    except Unreadable as error:
        if error.why is Fault.NUMBER_AMBIGUOUS:
            return Kind.NUMBER, False
    try:
        money(cell, language)
        return Kind.MONEY, False
    except Unreadable:
        return None, False
