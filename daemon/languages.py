"""The page's languages: which one a reader gets, and what is said in it.

English is what the code says; the others are in `locale/<language>.po`, read as they are (GNU gettext).
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

FOLDER = Path(__file__).parent / "locale"
LANGUAGES = {"en": "English", "es": "Español", "pt": "Português", "hi": "हिन्दी", "ar": "العربية"}
RIGHT_TO_LEFT = frozenset({"ar"})

language: ContextVar[str] = ContextVar("language", default="en")


def choose(wished: str | None, accepted: str) -> str:
    """The reader's language: what they chose, else the first of the browser's that there is, else English.

    accepted: the header Accept-Language (RFC 9110, 12.5.4).
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
    """What is said in that language; where nothing is, the English words."""
    path = FOLDER / f"{name}.po"
    if not path.exists():
        return NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=name))
    compiled.seek(0)
    return GNUTranslations(compiled)


def gettext(message: str) -> str:
    """The message in the reader's language, as it is where nobody has translated it."""
    return translations(language.get()).gettext(message)


def ngettext(one: str, many: str, count: int) -> str:
    """The message for so many, by the plural rules of the reader's language."""
    return translations(language.get()).ngettext(one, many, count)


def N_(message: str) -> str:
    """Marks a message that is translated where it is shown."""
    return message
