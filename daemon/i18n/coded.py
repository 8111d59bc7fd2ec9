"""A reason as a code and the values of its sentence; the sentence is made where it is shown, in the reader's language.

Code that decides by a reason looks at its code, never at the words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar, Self, TypedDict

WORDS = "sentence"
"""The value that holds a whole English sentence: from a version without codes, or from something that has none (a
transport)."""
WORDS_ONLY = f"{{{WORDS}}}"  #: what a code says that stands for such a sentence
Translate = Callable[[str], str]
_PLACE = re.compile(r"\{(\w+)\}")  # what is in two braces, with blanks, is a placeholder that a sentence speaks of
_STOPS = ".।。"


class Wording(StrEnum):
    """A code that brings its sentence along, in English and with places for values: `NAME = "code", "Sentence."`."""

    sentence: str

    def __new__(cls, code: str, sentence: str) -> Self:
        made = str.__new__(cls, code)
        made._value_ = code
        made.sentence = sentence
        return made


class Recorded(Wording):
    """A code of which an earlier version has stored only the sentence, in English: it is recognised by its pattern."""


class Piece(Wording):
    """What sentences are made of; never the whole reason."""


class Phrase(str):
    """A value that is a part of a sentence, in English: it is translated with it."""

    __slots__ = ()


@dataclass(frozen=True)
class Clause:
    """A value that is a sentence, within another one: said without its full stop."""

    of: Coded


class Stored(TypedDict):
    """A code and its values as JSON keeps them."""

    code: str
    values: dict[str, str]


@dataclass(frozen=True)
class Coded:
    """A code and the values of its sentence, by name. A subclass has the codes and their English sentences."""

    code: StrEnum
    values: tuple[tuple[str, Any], ...] = ()

    SENTENCES: ClassVar[Mapping[Any, str]]
    OTHER: ClassVar[StrEnum]
    """The code of a reason that this version does not know: it has only words."""

    def __str__(self) -> str:
        """The sentence in English: for the API, the log, and tables that a program reads."""
        return self.said(str, str)

    def said(self, translate: Translate, say: Translate) -> str:
        """The sentence. translate: looks a text with places up in a catalog; say: translates a whole sentence."""
        given = dict(self.values)
        if WORDS in given:
            return say(given[WORDS])
        return " ".join(fill(translate(text), given, translate, say) for text in self.texts())

    def texts(self) -> Sequence[str]:
        """The sentences it is made of, with places for the values."""
        return (self.SENTENCES[self.code],)

    def stored(self) -> Stored:
        """As JSON, which `restored` reads."""
        return {"code": self.code.value, "values": {name: str(value) for name, value in self.values}}

    @classmethod
    def known(cls, code: str | None) -> StrEnum | None:
        """The code that is written so, if this version knows it."""
        return next((each for each in cls.SENTENCES if each == code), None)

    @classmethod
    def restored(cls, code: str | None, values: Mapping[str, str] | None, sentence: str = "") -> Self:
        """The reason that was stored. sentence: shown where values are missing: versions before this format stored only
        that."""
        known = cls.known(code) or cls.OTHER
        if values is not None and known is not cls.OTHER:
            try:
                made = cls(known, tuple(values.items()))
                str(made)
            except KeyError:  # another version fills in other values
                pass
            else:
                return made
        return cls(known, ((WORDS, (values or {}).get(WORDS, sentence)),))


def wordings(of: type[Wording] = Wording) -> list[Wording]:
    """Every code with its sentence, of the rooms that are loaded."""
    found: list[Wording] = list(of)
    for each in of.__subclasses__():
        found += wordings(each)
    return found


def fill(text: str, given: Mapping[str, Any], translate: Translate = str, say: Translate = str) -> str:
    """The text with its places filled in. Raises KeyError for one that is not given."""
    return _PLACE.sub(lambda place: _filled(given[place[1]], translate, say), text)


def _filled(value: Any, translate: Translate, say: Translate) -> str:
    if isinstance(value, Coded):
        return value.said(translate, say)
    if isinstance(value, Clause):
        return value.of.said(translate, say).rstrip(_STOPS)
    if isinstance(value, tuple):
        *others, last = (_filled(each, translate, say) for each in value)
        return "; ".join([*(each.rstrip(_STOPS) for each in others), last])
    return translate(value) if isinstance(value, Phrase) else str(value)


class Unknown(Wording):
    """What stands for a code that this version does not know."""

    OTHER = "other", "{sentence}"


class Refusal(Coded):
    """Why something is refused: a code of a room's `refusals.py`. A value is a text, a Phrase, another Coded, a Clause,
    or several in a tuple, which make one sentence."""

    SENTENCES = {}
    OTHER = Unknown.OTHER
    code: Wording

    def texts(self) -> Sequence[str]:
        return (self.code.sentence,)

    @classmethod
    def known(cls, code: str | None) -> StrEnum | None:
        return next((each for each in wordings() if each == code), None)


def refusal(code: Wording, /, **values: Any) -> Refusal:
    """That refusal, with what is filled in."""
    return Refusal(code, tuple((name, _kept(value)) for name, value in values.items()))


def _kept(value: Any) -> Any:
    return value if isinstance(value, Phrase | Coded | Clause | tuple) else str(value)


def packed(value: Any) -> Any:
    """A reason, or a value of one, as JSON for another process of this version, which `unpacked` reads."""
    if isinstance(value, Coded):
        values = {name: packed(each) for name, each in value.values}
        return {"kind": type(value).__name__, "code": value.code, "values": values}
    if isinstance(value, Phrase):
        return {"phrase": str(value)}
    if isinstance(value, Clause):
        return {"clause": packed(value.of)}
    return [packed(each) for each in value] if isinstance(value, tuple) else value


def unpacked(kept: Any) -> Any:
    """What was `packed`. Raises LookupError for a code that this process does not know."""
    if isinstance(kept, list):
        return tuple(unpacked(each) for each in kept)
    if not isinstance(kept, dict):
        return kept
    if "phrase" in kept:
        text: str = kept["phrase"]
        return Phrase(text)
    if "clause" in kept:
        return Clause(unpacked(kept["clause"]))
    kind = {each.__name__: each for each in Coded.__subclasses__()}[kept["kind"]]
    code = kind.known(kept["code"])
    if code is None:
        raise LookupError(kept["code"])
    return kind(code, tuple((name, unpacked(each)) for name, each in kept["values"].items()))


Told = str | Coded
"""A reason: with its code, or only the words of somebody who has none for it (a transport)."""


def part(why: Told) -> Phrase | Coded:
    """A reason as a value of another one: it is translated with it."""
    return why if isinstance(why, Coded) else Phrase(why)


class Filed(TypedDict):
    """A reason's code and values, as the tables keep them in a column beside its words in English. values: `packed`."""

    kind: str
    code: str
    values: dict[str, object]


def filed(why: Told | None) -> Filed | None:
    """What is kept beside the words of a reason; None where it has nothing but these."""
    if not isinstance(why, Coded):
        return None
    kept: Filed = packed(why)
    return kept | {"values": {name: value for name, value in kept["values"].items() if name != WORDS}}


def told(words: str | None, kept: Filed | None) -> Told | None:
    """The reason that was stored as these words and what was `filed` beside them. Its words alone where nothing was, as
    by earlier versions, or where this version does not know the code."""
    if not words or kept is None:
        return words
    try:
        found: Coded = unpacked(kept)
        if WORDS_ONLY in found.texts():
            return replace(found, values=((WORDS, words),))
        str(found)
    except LookupError:  # of another version, or it fills in other values
        return words
    return found


def code_of(kept: Filed | None) -> str | None:
    """The code that was `filed`; None for words only."""
    return None if kept is None else kept["code"]
