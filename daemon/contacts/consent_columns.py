"""Which columns of a list say when people agreed to be messaged, how, and to which text: by their titles. Pure.

They are proposed to a person, never taken by themselves. Dates are read as everywhere (`formats.values`); one in which
day and month could be each other is read only where somebody has said what comes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from daemon.contacts import optout
from daemon.formats import values
from daemon.formats.values import Fault, Unreadable

LANGUAGE = "en"  # names of months are read in others, too
_SAMPLE = 50
_CONSENT = (
    "consent|opt in|optin|permission|subscribed|agreed|gdpr|"
    "einwilligung|einverstandnis|einverständnis|zustimmung|dsgvo|"
    "consentimiento|autorizacion|autorización|aceptacion|aceptación|rgpd|"
    "consentimento|autorizacao|autorização|aceite|lgpd|"
    "consentement|accord|consenso|adesione|toestemming|zgoda|onay|riza|rıza|согласие|"
    "موافقة|सहमति|同意"
)
_WHEN = (
    "date|at|on|time|when|since|timestamp|datum|am|vom|seit|zeit|zeitpunkt|fecha|desde|hora|data|em|le|depuis|del|"
    "op|tarih|tarihi|дата|تاريخ|तिथि|तारीख|दिनांक|日期"
)
_HOW = (
    "how|source|via|method|channel|origin|form|quelle|wie|weg|kanal|herkunft|art|fuente|medio|origen|canal|como|cómo|"
    "metodo|método|fonte|origem|meio|moyen|bron|źródło|kaynak|источник|مصدر|طريقة|स्रोत|माध्यम"
)
_TEXT = (
    "text|wording|statement|terms|wortlaut|erklarung|erklärung|texto|declaracion|declaração|texte|testo|tekst|metin|"
    "текст|نص|पाठ"
)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def _words(phrases: str) -> frozenset[str]:
    return frozenset(optout.fold(each) for each in phrases.split("|"))


_CONSENTS, _WHENS, _HOWS, _TEXTS = map(_words, (_CONSENT, _WHEN, _HOW, _TEXT))


@dataclass(frozen=True)
class Columns:
    """The titles of the columns; "" where there is none."""

    date: str = ""
    how: str = ""
    text: str = ""


def proposed(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> Columns:
    """The columns whose titles speak of consent. rows: some of the people's fields, which tell a column of dates."""
    about = {name: words for name in columns if _of_consent(words := _title(name))}
    some, most = ([name for name in about if _dated(name, rows) > share] for share in (0, values.MOST))

    def named(wanted: frozenset[str], among: Iterable[str]) -> str:
        return next((name for name in among if wanted & set(about[name].split())), "")

    date = named(_WHENS, some) or next(iter(most), "")
    text = named(_TEXTS, (name for name in about if name != date))
    how = named(_HOWS, (name for name in about if name not in (date, text)))
    return Columns(date, how, text)


def _title(name: str) -> str:
    return optout.fold(_HUMP.sub(" ", name).replace("_", " "))


def _of_consent(words: str) -> bool:
    """Words written together (Einwilligungsdatum) are told by their parts."""
    return any(f" {each} " in f" {words} " or (len(each) > 5 and each in words) for each in _CONSENTS)


def _dated(name: str, rows: Iterable[Mapping[str, str]]) -> float:
    """How many of the column's cells are dates, as a part of those that say anything."""
    cells = [cell for row in rows if (cell := row.get(name, "").strip())][:_SAMPLE]
    return sum(map(_is_date, cells)) / len(cells) if cells else 0.0


def _is_date(cell: str) -> bool:
    """Whether it is one, if perhaps two."""
    try:
        return values.moment(cell, LANGUAGE).day is not None
    except Unreadable as error:
        return error.why is Fault.DATE_AMBIGUOUS


def day(cell: str, zone: str, order: str) -> tuple[int, bool]:
    """When it was: UTC ms, and whether that is a day without a time. zone: of a time that names none. Raises
    Unreadable."""
    found = values.moment(cell, LANGUAGE, zone, order)
    if found.day is None:
        raise Unreadable(Fault.NOT_A_DATE)
    if found.clock is None:
        at = datetime(found.day.year, found.day.month, found.day.day, tzinfo=UTC)
    else:
        at = datetime.combine(found.day, found.clock, ZoneInfo(zone))
    return round(at.timestamp() * 1_000), found.clock is None
