"""A reason as a code and the values of its sentence; the sentence is made where it is shown, in the reader's language.

Code that decides by a reason looks at its code, never at the words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Self, TypedDict

WORDS = "sentence"
"""The value that holds a whole English sentence: from a version without codes, or from something that has none (a
transport)."""


class Stored(TypedDict):
    """A code and its values as JSON keeps them."""

    code: str
    values: dict[str, str]


@dataclass(frozen=True)
class Coded:
    """A code and the values of its sentence, by name. A subclass has the codes and their English sentences."""

    code: StrEnum
    values: tuple[tuple[str, str], ...] = ()

    SENTENCES: ClassVar[Mapping[Any, str]]
    OTHER: ClassVar[StrEnum]
    """The code of a reason that this version does not know: it has only words."""

    def __str__(self) -> str:
        """The sentence in English: for the API, the log, and tables that a program reads."""
        return self.said(str, str)

    def said(self, translate: Callable[[str], str], say: Callable[[str], str]) -> str:
        """The sentence. translate: looks a text with places up in a catalog; say: translates a whole sentence."""
        given = dict(self.values)
        if WORDS in given:
            return say(given[WORDS])
        return " ".join(translate(text).format(**given) for text in self.texts())

    def texts(self) -> Sequence[str]:
        """The sentences it is made of, with places for the values."""
        return (self.SENTENCES[self.code],)

    def stored(self) -> Stored:
        """As JSON, which `restored` reads."""
        return {"code": self.code.value, "values": dict(self.values)}

    @classmethod
    def restored(cls, code: str | None, values: Mapping[str, str] | None, sentence: str = "") -> Self:
        """The reason that was stored. sentence: shown where values are missing: versions before this format stored only
        that."""
        known = next((each for each in cls.SENTENCES if each == code), cls.OTHER)
        if values is not None and known is not cls.OTHER:
            try:
                made = cls(known, tuple(values.items()))
                str(made)
            except KeyError:  # another version fills in other values
                pass
            else:
                return made
        return cls(known, ((WORDS, (values or {}).get(WORDS, sentence)),))
