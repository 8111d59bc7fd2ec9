"""How a message writes dates, times, numbers and amounts: by a pattern in its text, or as chosen for a column. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any, TypedDict

from babel import dates, languages, numbers

from daemon.formats import values
from daemon.formats.values import Fault, Kind, Moment, Unreadable

LONGEST_PATTERN = 64
WIDTHS = frozenset({"short", "medium", "long", "full"})
CHOICES: dict[Kind, tuple[str, ...]] = {  # of a column, beside "" for what is in the file
    Kind.DATE: ("day", "long", "weekday", "full"),
    Kind.MOMENT: ("moment", "day", "long", "weekday", "full", "time"),
    Kind.TIME: ("time",),
    Kind.NUMBER: ("number",),
    Kind.MONEY: ("money",),
}
FORMS: dict[Kind, tuple[str, ...]] = {  # what one may write in a message, for the help beside it
    Kind.DATE: ('date("EEEE d. MMMM")', "date"),
    Kind.MOMENT: ('date("EEEE d. MMMM")', "date", "time"),
    Kind.TIME: ("time", 'time("HH:mm")'),
    Kind.NUMBER: ("number", 'number("#,##0.00")'),
    Kind.MONEY: ("money",),
}
OFFERED = (
    "de_DE", "de_AT", "de_CH", "en_US", "en_GB", "en_IN", "es_ES", "es_MX", "pt_BR", "pt_PT", "fr_FR", "it_IT", "nl_NL",
    "pl_PL", "tr_TR", "hi_IN", "ar", "id_ID", "ru_RU", "uk_UA",
)  # fmt: skip
"""Locales to choose from; others can be named in the API."""
ORDERS = frozenset(values.Order)
_DAY_LETTERS, _CLOCK_LETTERS = frozenset("GyQqMLdEec"), frozenset("abBhHkKms")  # YYYY and DD are not what one means
_QUOTED = re.compile(r"'[^']*'")


@dataclass(frozen=True)
class Column:
    """How one field is written. style: one of CHOICES, "" for what is in the file; order: of its day and month."""

    style: str = ""
    order: str = ""


class Kept(TypedDict):
    """Styles as JSON. columns: style and order, by field."""

    language: str
    zone: str
    columns: dict[str, list[str]]


@dataclass(frozen=True)
class Styles:
    """Of one campaign. language: a locale; zone: for times that are written with an offset; columns: by field."""

    language: str = "en"
    zone: str = "UTC"
    columns: tuple[tuple[str, Column], ...] = ()

    def of(self, field: str) -> Column:
        return next((column for name, column in self.columns if name == field), _PLAIN)

    def stored(self) -> Kept:
        """As JSON keeps it; `restored` is the way back."""
        columns = {name: [column.style, column.order] for name, column in self.columns}
        return {"language": self.language, "zone": self.zone, "columns": columns}


_PLAIN = Column()
PLAIN = Styles()


def restored(kept: Kept | None) -> Styles:
    """What was kept with a job; the usual ones for a job of an earlier version."""
    if not kept:
        return PLAIN
    columns = tuple((name, Column(*each)) for name, each in kept["columns"].items())
    return Styles(kept["language"], kept["zone"], columns)


def usual(country: str, language: str) -> str:
    """The locale of people with numbers of that country (ISO 3166), or the one of that language."""
    official = languages.get_official_languages(country, de_facto=True) if country else ()
    return f"{official[0]}_{country}" if official and known(f"{official[0]}_{country}") else language


def known(language: str) -> bool:
    """Whether there is such a locale."""
    try:
        values.locale(language)
    except ValueError:
        return False
    return True


def called(language: str) -> str:
    """The name of the locale in its own language."""
    locale = values.locale(language)
    written = str(locale.get_display_name(locale))
    return written[:1].upper() + written[1:]


# By a pattern


def pattern_fits(name: str, pattern: str) -> bool:
    """Whether the filter of that name can write by the pattern."""
    if not pattern or (pattern in WIDTHS and name in ("date", "time")):
        return True
    if len(pattern) > LONGEST_PATTERN:
        return False
    if name == "money":
        return pattern.upper() in values.known_currencies()
    try:
        if name == "number":
            numbers.parse_pattern(pattern)
            return bool(set(pattern) & set("0#"))
        letters = _letters(pattern)
    except (ValueError, TypeError, KeyError):
        return False
    return bool(letters) and letters <= _DAY_LETTERS | _CLOCK_LETTERS


@lru_cache(256)
def _letters(pattern: str) -> frozenset[str]:
    """The letters in it that stand for a part of a date or a time. Raises ValueError."""
    dates.parse_pattern(pattern)
    return frozenset(sign for sign in _QUOTED.sub("", pattern) if sign.isalpha())


def day(text: str, styles: Styles, pattern: str = "", order: str = "") -> str:
    """The date in the text, as the pattern writes it. Raises Unreadable."""
    at = values.moment(text, styles.language, styles.zone, order)
    if at.day is None:
        raise Unreadable(Fault.NOT_A_DATE)
    if not pattern or pattern in WIDTHS:
        return str(dates.format_date(at.day, pattern or "medium", values.locale(styles.language)))
    return _written(at, pattern, styles)


def clock(text: str, styles: Styles, pattern: str = "", order: str = "") -> str:
    """The time in the text, as the pattern writes it. Raises Unreadable."""
    at = _timed(text, styles, order)
    if not pattern or pattern in WIDTHS:
        return _clock(at, pattern or "short", styles)
    return _written(at, pattern, styles)


def _timed(text: str, styles: Styles, order: str) -> Moment:
    try:
        at = values.moment(text, styles.language, styles.zone, order)
    except Unreadable as error:
        raise Unreadable(error.why if error.why is Fault.DATE_AMBIGUOUS else Fault.NOT_A_TIME) from None
    if at.clock is None:
        raise Unreadable(Fault.NOT_A_TIME)
    return at


def _clock(at: Moment, width: Any, styles: Styles) -> str:
    moment = datetime.combine(at.day or date(2000, 1, 1), at.clock or time())
    return str(dates.format_time(moment, width, tzinfo=None, locale=values.locale(styles.language)))


def _written(at: Moment, pattern: str, styles: Styles) -> str:
    letters = _letters(pattern)
    if letters & _DAY_LETTERS and at.day is None:
        raise Unreadable(Fault.NOT_A_DATE)
    if letters & _CLOCK_LETTERS and at.clock is None:
        raise Unreadable(Fault.NOT_A_TIME)
    moment = datetime.combine(at.day or date(2000, 1, 1), at.clock or time())
    return str(dates.format_datetime(moment, pattern, None, values.locale(styles.language)))


def number(text: str, styles: Styles, pattern: str = "") -> str:
    """The number in the text, as the pattern writes it. Raises Unreadable."""
    found = values.number(text)
    return str(numbers.format_decimal(found, pattern or None, values.locale(styles.language)))


def money(text: str, styles: Styles, currency: str = "") -> str:
    """The amount in the text, as the locale writes it. currency: where the text names none. Raises Unreadable."""
    amount, code = values.money(text, styles.language, currency.upper())
    return str(numbers.format_currency(amount, code, locale=values.locale(styles.language)))


# As chosen for a column


def shown(text: str, styles: Styles, column: Column) -> str:
    """The text of a cell in the style of its column. Raises Unreadable."""
    return plainly(_shown(text, styles, column))


def plainly(text: str) -> str:
    """With spaces as they are typed: others may not come through a text box as they are."""
    return text.replace("\u202f", " ").replace("\xa0", " ")


def _shown(text: str, styles: Styles, column: Column) -> str:
    style = column.style
    if style in ("number", "money"):
        return number(text, styles) if style == "number" else money(text, styles)
    if style == "time":
        return _clock(_timed(text, styles, column.order), "short", styles)
    at = values.moment(text, styles.language, styles.zone, column.order)
    if at.day is None:
        raise Unreadable(Fault.NOT_A_DATE)
    locale: Any = values.locale(styles.language)
    if style == "moment":
        if at.clock is None:
            raise Unreadable(Fault.NOT_A_TIME)
        whole = datetime.combine(at.day, at.clock)
        both = str(dates.get_datetime_format("medium", locale=locale))
        day_text = str(dates.format_datetime(whole, _weekday_pattern(styles.language), None, locale))
        return both.replace("{1}", day_text).replace("{0}", _clock(at, "short", styles)).replace("'", "")
    if style == "weekday":
        return str(dates.format_date(at.day, _weekday_pattern(styles.language), locale))
    if style == "day":
        return str(dates.format_skeleton("yMMdd", datetime.combine(at.day, time()), None, locale=locale))
    return str(dates.format_date(at.day, style, locale))


@lru_cache(64)
def _weekday_pattern(language: str) -> str:
    """Weekday, day and month in the order of the language, none of them shortened."""
    skeletons = values.locale(language).datetime_skeletons
    found = dates.match_skeleton("MMMMEEEEd", skeletons)
    pattern = str(skeletons[found].pattern) if found else "EEEE d MMMM"
    return re.sub(r"M{3,}", "MMMM", re.sub(r"E+|c+", "EEEE", pattern))
