"""Columns that say who must not be written to (`WhatsApp: nein`, `Opt-out`, a note "kein WhatsApp"), and the rules that
leave those rows out. Pure. They are proposed to a person, never taken by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from daemon.contacts import optout, phone_column, row_rules
from daemon.contacts.row_rules import Condition, Rule
from daemon.formats import tabular
from daemon.formats.tabular import Row

MOST = 5
"""Rules for one column; a column that would need more is not one of flags."""
_LONGEST = 300
_MOST_DISTINCT = 20_000
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def _folded(words: str) -> list[str]:
    return [optout.fold(each) for each in words.split("|")]


_DENIALS = _folded(
    "do not message|don't message|dont message|do not contact|don't contact|dont contact|do not text|do not whatsapp|"
    "no whatsapp|no messages|no marketing|opt out|opted out|optout|unsubscribed|whatsapp no|"
    "kein whatsapp|keine whatsapp|keine nachrichten|keine werbung|kein kontakt|nicht anschreiben|nicht kontaktieren|"
    "nicht schreiben|nicht per whatsapp|whatsapp nein|abgemeldet|widersprochen|werbesperre|werbewiderspruch|"
    "sin whatsapp|no contactar|no enviar|no molestar|no escribir|dado de baja|"
    "sem whatsapp|não contatar|não contactar|não enviar|não mandar|whatsapp não|descadastrado|"
    "pas de whatsapp|ne pas contacter|ne pas écrire|ne pas envoyer|whatsapp non|désabonné|désinscrit|"
    "niente whatsapp|non contattare|non scrivere|disiscritto|"
    "لا ترسل|لا تراسل|بدون واتساب|لا واتساب|मैसेज न करें|संदेश न भेजें|संपर्क न करें|व्हाट्सएप नहीं"
)
_DENYING_TITLES = [*_DENIALS, *_folded("dnc|stop|abmeldung|widerspruch|gesperrt|blocked|baja|إلغاء الاشتراك")]
_ALLOWING_TITLES = _folded(
    "whatsapp|wa|opt in|optin|consent|permission|subscribed|newsletter|marketing|einwilligung|einverstanden|"
    "einverständnis|zustimmung|dsgvo|gdpr|lgpd|consentimiento|autorización|autoriza|consentimento|autorização|"
    "consentement|accord|consenso|واتساب|موافقة|सहमति|व्हाट्सएप"
)
_NO = frozenset(_folded("no|n|nein|nicht|non|não|nao|false|falsch|falso|faux|0|нет|لا|नहीं"))
_YES = frozenset(_folded("yes|y|ja|j|si|sí|s|sim|oui|o|true|wahr|verdadero|verdadeiro|vrai|1|x|ok|да|نعم|हाँ"))


def _pattern(phrases: Sequence[str]) -> re.Pattern[str]:
    longest_first = sorted(filter(None, phrases), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")


_DENIAL, _DENYING, _ALLOWING = map(_pattern, (_DENIALS, _DENYING_TITLES, _ALLOWING_TITLES))


def proposed(rows: Sequence[Row], header: int | None, width: int, phone: int | None) -> tuple[Rule, ...]:
    """The rules that leave out whoever a column says must not be written to."""
    heading = [] if header is None else rows[header].cells
    said: dict[int, set[str]] = {at: set() for at in range(width) if at != phone}
    for row in islice(rows, 0 if header is None else header + 1, None):
        for at, cells in list(said.items()):
            if cell := tabular.plain(phone_column.cell_at(row.cells, at)).strip():
                cells.add(cell)
                if len(cells) > _MOST_DISTINCT:  # such as names
                    del said[at]
    found: list[Rule] = []
    for at, cells in said.items():
        rules = list(_of_column(at, _title(phone_column.cell_at(heading, at)), cells))
        found += rules if len(rules) <= MOST else []
    return tuple(found[: row_rules.MOST])


def _title(text: str) -> str:
    return optout.fold(_HUMP.sub(" ", text.replace("WhatsApp", "whatsapp")))


def _of_column(at: int, title: str, cells: set[str]) -> Iterator[Rule]:
    if not cells:
        return
    said = {cell: optout.fold(cell) for cell in sorted(cells) if len(cell) <= _LONGEST}
    if _DENYING.search(title):
        if not any(words in _NO for words in said.values()):
            yield Rule(at, False, Condition.FILLED)
        else:
            yield from _each(at, [cell for cell, words in said.items() if words not in _NO])
    elif _ALLOWING.search(title) and len(cells) <= len(_NO | _YES):
        yield from _each(at, [cell for cell, words in said.items() if words in _NO or _DENIAL.search(words)])
    else:
        yield from _noted(at, said)


def _each(at: int, cells: Sequence[str]) -> Iterator[Rule]:
    """A rule for each value, however its capitals are."""
    for value in {row_rules.folded(cell): cell for cell in reversed(cells)}.values():
        yield Rule(at, False, Condition.IS, value[: row_rules.LONGEST])


def _noted(at: int, said: dict[str, str]) -> Iterator[Rule]:
    """Where notes say so, among other things."""
    phrases: dict[str, None] = {}
    whole = []
    for cell, words in said.items():
        if found := _DENIAL.search(words):
            if words != found[0] and found[0] in row_rules.folded(cell):
                phrases[found[0]] = None
            else:
                whole.append(cell)
    covered = [cell for cell in whole if not any(phrase in row_rules.folded(cell) for phrase in phrases)]
    yield from (Rule(at, False, Condition.CONTAINS, phrase) for phrase in phrases)
    yield from _each(at, covered)
