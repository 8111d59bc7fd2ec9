"""Whose chat it may be, by what it is called.

A chat bears the name that the phone's address book has for somebody, the one they have given themselves, or their
number, as whoever saved it has written it. What we know is what the chat was called when we wrote, and the fields of
the contacts file, where a name may stand in two columns. So a name makes candidates; whose chat it is, our own messages
in it show, or a person says.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Any

from daemon.db.proxy import tuples
from daemon.formats.notations import today
from daemon.models import Message
from daemon.states import E164
from daemon.transports.protocol import Mark

AT_ONCE = 20  # names that are looked for in one pass through the messages
MOST = 20  # candidates of a name
NAME = 4  # words that a whole name has at most
WORDS = 6  # of a name that are looked for
SHORTEST = 7  # digits of a number without its country
SURE = 9  # digits by which a number without its country is somebody's
_NUMBER = re.compile(r"[\d\s()./+-]+")
_ASCII = re.compile(r"[A-Za-z0-9]{2,}")
_FORMS = frozenset({  # of address, which stand in one of both names only
    "dr", "prof", "dipl", "ing", "med", "herr", "frau", "hr", "fr", "mr", "mrs", "ms", "miss", "sir", "mme", "mlle",
    "sr", "sra", "srta", "dra", "don", "dona", "senor", "senora",
})  # fmt: skip


def called(account: str, titles: Iterable[str], since: int) -> dict[str, list[E164]]:
    """Numbers of recipients since then whose chat may have that name, by title; the newest first."""
    left = list(dict.fromkeys(title for title in titles if title.strip()))
    found: dict[str, list[E164]] = {}
    while left:
        some, left = left[:AT_ONCE], left[AT_ONCE:]
        found |= _called(account, some, since)
    return found


def by_number(account: str, title: str, since: int) -> list[E164]:
    """Numbers of recipients since then that are the number in the title, which may be without its country."""
    digits = _digits(title)
    if len(digits) < SURE:
        return []
    ours = (Message.account == account, Message.submitted_at > since)
    theirs = Message.number.endswith(digits) | Message.person.endswith(digits)
    rows = tuples(Message.select(Message.number).where(*ours, theirs).order_by(Message.submitted_at.desc()).limit(MOST))
    return list({today(number): number for (number,) in rows}.values())


def _called(account: str, titles: list[str], since: int) -> dict[str, list[E164]]:
    ours = (Message.account == account, Message.submitted_at > since)
    fields: Any = Message.fields.cast("TEXT")
    terms = [term for title in titles for term in _terms(title, fields)]
    query = Message.select(Message.number, Message.mark, Message.fields).where(*ours, reduce(or_, terms))
    names = {title: _Name(title) for title in titles}
    found: dict[str, dict[str, E164]] = defaultdict(dict)
    for number, mark, given in query.order_by(Message.submitted_at.desc()).tuples().iterator():
        for title, name in names.items():
            if len(found[title]) < MOST and name.fits(number, mark, given):
                found[title].setdefault(today(number), number)
    return {title: list(numbers.values()) for title, numbers in found.items() if numbers}


def _terms(title: str, fields: Any) -> list[Any]:
    """What the database can tell of a message whose recipient may have that name."""
    named = json.dumps(title, ensure_ascii=False)
    terms = [Message.mark.contains(named), fields.contains(named)]
    for word in sorted(_words(title, plain=False), key=len, reverse=True)[:WORDS]:
        letters = max(_ASCII.findall(word), key=len, default="")  # alike in either case on both databases
        if len(word) > 1:
            terms += [fields.contains(letters)] if letters else [fields.contains(each) for each in _cases(word)]
    digits = _digits(title)
    if len(digits) >= SHORTEST:
        terms += [Message.number.endswith(digits), Message.person.endswith(digits)]
    return terms


def _cases(word: str) -> set[str]:
    return {word, word.lower(), word.upper(), word.capitalize()}


class _Name:
    """The name of a chat, to be compared with what is known of a recipient."""

    def __init__(self, title: str) -> None:
        self._title, self._digits = title, _digits(title)
        words = _words(title)
        self._words = frozenset(words - _FORMS or words)

    def fits(self, number: str, mark: str | None, fields: Mapping[str, str] | None) -> bool:
        if mark and Mark.loads(mark).name == self._title:
            return True
        if len(self._digits) >= SHORTEST and (
            number.endswith(self._digits) or today(E164(number)).endswith(self._digits)
        ):
            return True
        return self._is_in([value for value in (fields or {}).values() if isinstance(value, str)])

    def _is_in(self, values: list[str]) -> bool:
        """Whether the name stands in these values: in one, or in several, such as a first and a last name."""
        if self._title in values:
            return True
        if not self._words:
            return False
        covered: set[str] = set()
        for value in values:
            theirs = _words(value)
            theirs = theirs - _FORMS or theirs
            if theirs >= self._words and (len(self._words) > 1 or len(theirs) <= NAME):
                return True
            if theirs <= self._words:
                covered |= theirs
        # One word more: what whoever saved it has added, such as a firm.
        return len(covered) > 1 and len(self._words) - len(covered) <= 1


def _words(text: str, plain: bool = True) -> set[str]:
    """The words of a name; plain: without case, accents and signs."""
    if plain:
        text = "".join(
            sign for sign in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(sign)
        )
    return set(re.findall(r"[^\W_]+", text))


def _digits(title: str) -> str:
    """The digits of a title that is a number, without what may be before the area code; "" of any other title."""
    text = unicodedata.normalize("NFKC", title).strip()
    if not _NUMBER.fullmatch(text):
        return ""
    return re.sub(r"\D", "", text.replace("(0)", "")).lstrip("0")
