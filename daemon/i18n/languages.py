"""The page's languages: which one a reader gets, and the translations.

The code is written in English; other languages are in `locale/<language>.po` (GNU gettext), read without compiling.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import negotiate_locale
from babel.dates import format_date, format_time
from babel.messages.catalog import Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from daemon.i18n.coded import Coded, Told
from daemon.i18n.instants import instant, zone_name

FOLDER = Path(__file__).parent / "locale"
LANGUAGES = {"en": "English", "de": "Deutsch", "es": "Español", "pt": "Português", "hi": "हिन्दी", "ar": "العربية"}
RIGHT_TO_LEFT = frozenset({"ar"})

language: ContextVar[str] = ContextVar("language", default="en")
zone: ContextVar[str] = ContextVar("zone", default="UTC")  #: the reader's time zone
_told: ContextVar[bool] = ContextVar("told", default=False)


def choose(wished: str | None, accepted: str) -> str:
    """The reader's language: the one they chose, or the browser's first that we have, or English.

    accepted: the Accept-Language header (RFC 9110, 12.5.4).
    """
    if wished in LANGUAGES:
        return wished
    ranked = sorted((_ranked(part) for part in accepted.split(",")), key=lambda each: -each[1])
    wanted = [name.replace("-", "_") for name, weight in ranked if weight > 0]
    found = negotiate_locale(wanted, list(LANGUAGES)) or negotiate_locale(
        [name.partition("_")[0] for name in wanted], list(LANGUAGES)
    )
    return found or "en"


def _ranked(part: str) -> tuple[str, float]:
    name, _, weight = part.partition(";q=")
    try:
        return name.strip(), float(weight) if weight else 1.0
    except ValueError:
        return name.strip(), 0.0


@lru_cache
def translations(name: str) -> NullTranslations:
    """The catalog of that language; a message without a translation stays English."""
    path = FOLDER / f"{name}.po"
    if not path.exists():
        return NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=name))
    compiled.seek(0)
    return GNUTranslations(compiled)


def gettext(message: str) -> str:
    """The message in the reader's language, or unchanged if it has no translation."""
    return translations(language.get()).gettext(message) if message else ""  # which is a catalog's own entry


def ngettext(one: str, many: str, count: int) -> str:
    """The message for `count`, by the plural rules of the reader's language."""
    return translations(language.get()).ngettext(one, many, count)


def say(reason: Told | tuple[Told, ...]) -> str:
    """A reason, or one sentence after the other, in the reader's language; in English if it has no translation.

    What has a code is translated by it, and then filled in. Of what has none (rows of earlier versions, a transport
    that has only words) there is the English sentence: one that contains values is recognised by its pattern, and for
    these alone there still are patterns; a text of several sentences is translated sentence by sentence.
    """
    if isinstance(reason, tuple):
        return " ".join(say(each) for each in reason)
    return reason.said(gettext, say) if isinstance(reason, Coded) else _said(language.get(), reason)


def _said(name: str, text: str) -> str:
    """The text in that language. One that is longer than any sentence of ours is made of what somebody has sent: it is
    neither kept, nor tried against the patterns, which takes the cube of its length."""
    return _found(name, text) if len(text) <= LONGEST_SENTENCE else _by_sentences(name, text)


def _by_sentences(name: str, text: str) -> str:
    parts = _ENDS.split(text)
    return " ".join(_said(name, part) for part in parts) if len(parts) > 1 else text


@lru_cache(1024)
def _found(name: str, text: str) -> str:
    found = translations(name).gettext(text) if text else ""
    if found != text or name == "en":
        return found
    for pattern, wanted in patterns(name):
        if match := pattern.fullmatch(text):
            values = {key: _said(name, value) for key, value in match.groupdict().items()}
            return _PLACE.sub(lambda place, values=values: values[place[1]], wanted)  # type: ignore[misc]
    return _by_sentences(name, text)


@lru_cache
def patterns(name: str) -> list[tuple[re.Pattern[str], str]]:
    """Translated sentences that have placeholders and may be stored in words, the most specific first: (pattern,
    translation)."""
    path = FOLDER / f"{name}.po"
    if not path.exists():
        return []
    with path.open("rb") as file:
        entries = [(entry.id, entry.string) for entry in read_po(file, locale=name) if _stored(entry)]
    filled = [(id, string) for id, string in entries if isinstance(id, str) and "{" in id and string]
    filled.sort(key=lambda entry: -len(_PLACE.sub("", entry[0])))
    return [(_pattern(id), str(string)) for id, string in filled]


def _stored(entry: Message) -> bool:
    """Whether the sentence may stand somewhere without its code: most refusals are told to who asked, and forgotten."""
    told = [place for place, _ in entry.locations if place.endswith(("/refusals.py", "daemon/errors.py"))]
    if told and len(told) == len(entry.locations) and RECORDED not in entry.auto_comments:
        return False
    return isinstance(entry.id, str) and _WORD.search(_PLACE.sub("", entry.id)) is not None


def _pattern(message: str) -> re.Pattern[str]:
    parts, at = [], 0
    seen: set[str] = set()
    for place in _PLACE.finditer(message):
        parts.append(re.escape(message[at : place.start()]))
        parts.append(f"(?P={place[1]})" if place[1] in seen else f"(?P<{place[1]}>{_VALUE})")
        seen.add(place[1])
        at = place.end()
    return re.compile("".join([*parts, re.escape(message[at:])]), re.S)


RECORDED = "Recorded."  #: the comment in a catalog on the sentence of such a code
LONGEST_SENTENCE = 600
_PLACE = re.compile(r"\{(\w+)\}")
_WORD = re.compile(r"[^\W\d_]{2}")
_VALUE = r"(?:(?![.!?]\s+[A-Z\"]).)+?"  # a value ends before the next sentence
_ENDS = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"])")


def moment(ms: int, show: str = "minutes") -> str:
    """A time in the reader's zone and format. show: "minutes" or "seconds", the precision."""
    at = instant(ms, ZoneInfo(zone.get()))
    day = format_date(at, "medium", locale=language.get())
    clock = format_time(at, "medium" if show == "seconds" else "short", at.tzinfo, language.get())
    return f"{day}, {clock} UTC" if zone.get() == "UTC" else f"{day}, {clock}"


def day(ms: int) -> str:
    """A day in the reader's format, by UTC."""
    return format_date(instant(ms), "medium", locale=language.get())


def amount(number: float) -> str:
    """A number in the reader's format."""
    return format_decimal(number, locale=language.get())


def told_zone() -> str:
    """The reader's time zone as their browser has told it; "" where it has not."""
    return zone.get() if _told.get() else ""


def set_zone(name: str | None) -> None:
    """Set the reader's time zone by its IANA name; UTC if it is unknown, or not told."""
    _told.set(name is not None)
    name = zone_name(name or "UTC")
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        name = "UTC"
    zone.set(name)


def N_(message: str) -> str:
    """Marks a message for translation; it is translated where it is shown."""
    return message
