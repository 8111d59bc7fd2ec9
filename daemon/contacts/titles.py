"""A column's title → what it says of the numbers below it: by the meaning of its words, in many languages. Pure.

Titles are taken apart at blanks, signs and humps (`mobilePhone`), words that are written together at the words that are
known (Handynummer, 手机号码), articles are left away (الجوال). Accents and capitals do not count.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from daemon.contacts.title_words import PHRASES, WORDS, Means

LONGEST = 12
"""Words; more are a sentence, not a title."""

_LONGEST_SIGNS = 100
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_DOTTED = re.compile(r"(?<![^\W\d_])([^\W\d_])\.\s?(?=[^\W\d_]\b)")
_ARTICLES = ("وال", "بال", "لل", "ال", "ה")
_LEAST_PART = 4  # letters of a word that is looked for inside of another
_LEAST_LATIN = 5
_MARKS = re.compile(r"[\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0640]")
_ALIKE = str.maketrans({
    "ı": "i", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "أ": "ا", "إ": "ا", "آ": "ا",
    "ى": "ي", "ی": "ي", "ئ": "ي", "ة": "ه", "ک": "ك", "ہ": "ه", "°": "o", "#": " no ", "ё": "е", "’": "'",
})  # fmt: skip


class Rank(IntEnum):
    """How likely a column is that of the numbers to write to, by its title."""

    NEVER = -1
    RECORD = 0  #: numbers of something else
    UNKNOWN = 1
    NUMBER = 2  #: some number, or some way to reach them
    FIXED = 3
    PHONE = 4
    MOBILE = 5
    WHATSAPP = 6

    @property
    def telephone(self) -> bool:
        """Whether the title says that there are telephone numbers below."""
        return self >= Rank.FIXED


class Dialled(IntEnum):
    """What is dialled before the number in another column, by the title of its own."""

    NOTHING = 0
    AREA = 1
    COUNTRY = 2
    NATION = 3  #: not dialled, but it says which country's number it is: `DE`, `Deutschland`


_DIALLED = {Means.COUNTRY: Dialled.COUNTRY, Means.AREA: Dialled.AREA, Means.NATION: Dialled.NATION}


@dataclass(frozen=True)
class Title:
    """What a title says. others: they are somebody else's (a parent's, the employer's); emergency: to be called in
    need only; order: -1 the main one, 1 the second or an old one, else 0. known: whether a word of it is one that
    titles have; strange: whether one is not. words: how many. family: its letters, equal for `Phone 1` and `Phone
    2`. dialled: whether it is about what comes before numbers in another column."""

    rank: Rank = Rank.UNKNOWN
    others: bool = False
    emergency: bool = False
    order: int = 0
    known: bool = False
    family: str = ""
    words: int = 0
    dialled: Dialled = Dialled.NOTHING
    strange: bool = False


@lru_cache(4096)
def meaning(title: str) -> Title:
    """What the title says; UNKNOWN for a sentence, a number, or none."""
    if len(title) > _LONGEST_SIGNS or sum(map(str.isdigit, title)) > 4:
        return Title(strange=True)
    plain = _plain(title)
    words = _words(plain)
    if not words or len(words) > LONGEST:
        return Title(strange=bool(words))
    found: set[Means] = set()
    known, strange, text = False, False, f" {' '.join(words)} "
    for phrase, means in _phrases():
        if phrase in text:
            found.add(means)
            known, text = True, text.replace(phrase, "  ")
    for word in text.split():
        found |= (meant := _meanings(word))
        known = known or (word in _vocabulary() and meant != {Means.JOIN})
        strange = strange or not meant
    family = "".join(sign for sign in plain if sign.isalpha())
    order = -1 if Means.FIRST in found else 1 if Means.LATER in found else 0
    dialled = next((kind for means, kind in _DIALLED.items() if means in found), Dialled.NOTHING)
    told = (Means.OTHERS in found, Means.EMERGENCY in found, order, known, family, len(words), dialled, strange)
    return Title(_rank(found), *told)


def _rank(found: set[Means]) -> Rank:
    if Means.NEVER in found:
        return Rank.NUMBER if found & {Means.MOBILE, Means.WHATSAPP} and Means.PHONE in found else Rank.NEVER
    if Means.WHATSAPP in found:
        return Rank.WHATSAPP
    if Means.MOBILE in found:
        return Rank.MOBILE
    if Means.PHONE in found or {Means.CONTACT, Means.NUMBER} <= found:
        return Rank.FIXED if Means.FIXED in found else Rank.PHONE
    if found & {Means.RECORD, Means.AREA, Means.COUNTRY}:
        return Rank.RECORD
    if Means.NUMBER in found or (Means.CONTACT in found and Means.PLAIN not in found):
        return Rank.NUMBER
    return Rank.FIXED if found == {Means.FIXED} else Rank.UNKNOWN


def _plain(text: str) -> str:
    """In small letters, without accents, with letters that are written in several ways written in one."""
    text = unicodedata.normalize("NFKC", text.replace("№", " no ").replace("º", "o"))
    text = _HUMP.sub(" ", text.replace("WhatsApp", "whatsapp").replace("WhatsAPP", "whatsapp"))
    text = unicodedata.normalize("NFD", _DOTTED.sub(r"\1", text).casefold())
    text = unicodedata.normalize("NFC", _MARKS.sub("", text))
    return text.translate(_ALIKE)


def _words(plain: str) -> list[str]:
    apart = (sign if sign.isalpha() or unicodedata.category(sign) in ("Mn", "Mc") else " " for sign in plain)
    return "".join(apart).split()


@lru_cache(1)
def _vocabulary() -> dict[str, set[Means]]:
    found: dict[str, set[Means]] = {}
    for means, words in WORDS.items():
        for word in words.split():
            for part in _words(_plain(word)):
                found.setdefault(part, set()).add(means)
    return found


@lru_cache(1)
def _phrases() -> list[tuple[str, Means]]:
    """Longest first; one of an alphabet stands between blanks."""
    found = []
    for means, phrases in PHRASES.items():
        for phrase in phrases.split("|"):
            text = " ".join(_words(_plain(phrase)))
            found.append((text if _unspaced(text) else f" {text} ", means))
    return sorted(found, key=lambda each: -len(each[0]))


@lru_cache(4096)
def _meanings(word: str) -> frozenset[Means]:
    """What a word says, or the known words that it is made of."""
    known = _vocabulary()
    if word in known:
        return frozenset(known[word])
    if _unspaced(word):
        return frozenset(_scanned(word))
    for article in _ARTICLES:
        bare = word.removeprefix(article)
        if bare != word and bare in known:
            return frozenset(known[bare])
    if (parts := _split(word)) is not None:
        return frozenset().union(*(known[part] for part in parts))
    return frozenset(_inside(word))


def _unspaced(word: str) -> bool:
    """Whether it is of a script that has no blanks between words."""
    return bool(re.search(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]", word))


def _scanned(word: str) -> Iterator[Means]:
    """The longest known words from left to right."""
    known, at = _vocabulary(), 0
    while at < len(word):
        part = next((word[at:end] for end in range(len(word), at, -1) if word[at:end] in known), "")
        yield from known.get(part, ())
        at += len(part) or 1


def _split(word: str) -> list[str] | None:
    """The known words that a word is put together from, with an s or n between; None when it is not."""
    known = _vocabulary()
    ways: dict[int, list[str]] = {0: []}
    for at in range(len(word)):
        if at not in ways:
            continue
        for end in range(len(word), at + 1, -1):
            part = word[at:end]
            if part in known and known[part] != {Means.JOIN} and len(ways[at]) < 4:
                for after in (end, end + 1 if word[end : end + 1] in ("s", "n", "e") else end):
                    ways.setdefault(after, [*ways[at], part])
    found = ways.get(len(word))
    return found if found and any(len(part) > 2 for part in found) else None


def _inside(word: str) -> Iterator[Means]:
    """The longest known words at the begin, the end and in the middle: forms and compounds that are not listed."""
    known = _vocabulary()
    least = _LEAST_LATIN if word.isascii() else _LEAST_PART
    while len(word) >= least:
        parts = (
            word[at : at + size]
            for size in range(len(word), least - 1, -1)
            for at in range(len(word) - size + 1)
            if word[at : at + size] in known
        )
        part = next(parts, None)
        if part is None:
            return
        yield from known[part]
        word = max(word.split(part, 1), key=len)
