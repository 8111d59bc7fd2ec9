"""The notations of one telephone number, where a country has changed how mobiles are written: today's and the former
ones. Pure.

Both stay in address books, and WhatsApp goes on calling many people by the number they once registered with. The rules
are about digits only, not those of `phonenumbers`: keys are made by them and stored, and must not change with its next
version. A rule stands here when the former notation can be nobody else's today; where that is not known, two numbers
stay two people. Where each comes from: docs/whatsapp-web.md, "Two notations of one number". Whoever changes one needs a
step of the schema that brings the stored keys up to date (`db/migrations/0009_person.py`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from daemon.states import E164, PersonKey

# A number digit by digit: `d` for any, `[6-9]` for one of those; in braces what was left away, and behind
# > what has come instead. The first that fits is the one.
_RULES = (
    # Brazil: mobiles got a ninth digit, 9, from 2012 to 2016; in a number of eight only those that begin with 6 to 9
    # are mobiles.
    "55 [1-9]d {>9} [6-9]ddddddd",
    # Mexico: a 1 before mobiles that are called from abroad, until 2020.
    "52 {1>} [2-9]ddddddddd",
    # Argentina: a 9 before mobiles that are called from abroad, a 15 behind the area code of those called from
    # within; no landline has the same ten digits.
    "54 {>9} 11 {15>} dddddddd",
    "54 9 11 {15>} dddddddd",
    "54 {>9} [23]ddd {15>} dddddd",
    "54 9 [23]ddd {15>} dddddd",
    "54 {>9} [23]dd {15>} ddddddd",
    "54 9 [23]dd {15>} ddddddd",
    "54 9 11 {15>} ddddddd",  # these three have a digit too few, but keys of such numbers are stored
    "54 9 [23]ddd {15>} ddddd",
    "54 9 [23]dd {15>} dddddd",
    "54 {>9} 11dddddddd",
    "54 {>9} [23]ddddddddd",
    # Benin: 01 before all numbers since November 2024.
    "229 {>01} [24-9]ddddddd",
    # Côte d'Ivoire: since January 2021 two digits before the former eight, by operator: Moov, MTN, Orange.
    "225 {>01} 0[1-3]dddddd",
    "225 {>01} [457][0-3]dddddd",
    "225 {>05} [04-9][4-6]dddddd",
    "225 {>07} [04578][789]dddddd",
    "225 {>07} [69][78]dddddd",
    # Gabon: 06 became 066, 07 became 077 and so on in 2019; of those behind +241 many were written without the 0.
    "241 {0>1} 1dddddd",
    "241 {0>6} [256]dddddd",
    "241 {>6} [256]dddddd",
    "241 {0>7} [47]dddddd",
    "241 {>7} [47]dddddd",
    # Vietnam: mobiles of eleven digits have had ten since 2018 (with the 0 that is left out here).
    "84 {12>7} [068]ddddddd",
    "84 {121>79} ddddddd",
    "84 {122>77} ddddddd",
    "84 {12>8} [3-5]ddddddd",
    "84 {127>81} ddddddd",
    "84 {129>82} ddddddd",
    "84 {16>3} [2-9]ddddddd",
    "84 {18>5} [68]ddddddd",
    "84 {199>59} ddddddd",
)
_TOKEN = re.compile(r"\{(?P<left>\d*)>(?P<come>\d*)\}|\[[^]]+\]|\d|d")
LEAST_SEARCHED = 4
"""So few digits are looked for as they are only: too many numbers had them once."""


@dataclass(frozen=True)
class _Rule:
    """former, today: patterns of the number, with a group for each digit that stays; as_former, as_today: how they are
    put together. signs: the former digits, as patterns, with the place that each has today, None for one that was left
    away. written: today's digits, `_` for any."""

    former: re.Pattern[str]
    today: re.Pattern[str]
    as_today: str
    as_former: str
    signs: tuple[tuple[re.Pattern[str], int | None], ...]
    written: str

    @property
    def code(self) -> str:
        """The number's first digits, by which a rule is found."""
        return self.written[:2]


def _rule(text: str) -> _Rule:
    former, today, as_today, as_former, written = "", "", "", "", ""
    signs: list[tuple[re.Pattern[str], int | None]] = []
    group = 0
    for token in _TOKEN.finditer(text.replace(" ", "")):
        left, come = token["left"], token["come"]
        if left is None:
            sign = token[0].replace("d", r"\d")
            group += 1
            former, today = f"{former}({sign})", f"{today}({sign})"
            as_today, as_former = rf"{as_today}\g<{group}>", rf"{as_former}\g<{group}>"
            signs.append((re.compile(sign), len(written)))
            written += sign if sign.isdigit() else "_"
            continue
        former, today, as_today, as_former = former + left, today + come, as_today + come, as_former + left
        signs += [(re.compile(sign), None) for sign in left]
        written += come
    return _Rule(
        re.compile(rf"\A\+{former}\Z"),
        re.compile(rf"\A\+{today}\Z"),
        f"+{as_today}",
        f"+{as_former}",
        tuple(signs),
        written,
    )


_BY_START: dict[str, list[_Rule]] = defaultdict(list)  # of the number: + and two digits
for _each in map(_rule, _RULES):
    _BY_START[f"+{_each.code}"].append(_each)


def today(number: E164) -> PersonKey:
    """The number as it is written today: the same for all notations of one number."""
    for rule in _BY_START.get(number[:3], ()):
        found, count = rule.former.subn(rule.as_today, number)
        if count:
            return PersonKey(found)
    return PersonKey(number)


def one_person(number: str | None, other: str) -> bool:
    """Whether these digits, each a whole number with its country's code, are two notations of one number."""
    return number is not None and today(E164(f"+{number}")) == today(E164(f"+{other}"))


def former(number: PersonKey) -> list[E164]:
    """In which other ways a number of today was written."""
    written = (E164(rule.today.sub(rule.as_former, number)) for rule in _BY_START.get(number[:3], ()))
    return [each for each in dict.fromkeys(written) if str(each) != number and today(each) == number]


@lru_cache(256)
def patterns(digits: str) -> tuple[str, ...]:
    """The numbers of today that had these digits in them in a former notation where it was another one, as patterns of
    SQL's LIKE. That the digits are a part of a number is for the caller to see."""
    bare = digits.lstrip("0")
    found = {}
    if len(bare) >= LEAST_SEARCHED:
        for rule in (rule for rules in _BY_START.values() for rule in rules):
            found.update(dict.fromkeys(_placed(rule, bare)))
    return tuple(found)


def _placed(rule: _Rule, digits: str) -> Iterator[str]:
    """Today's numbers with the digits at each place of the former ones, where a change lies between or among them."""
    for start in range(len(rule.signs) - len(digits) + 1):
        window = rule.signs[start : start + len(digits)]
        places = [place for _, place in window]
        shifted = places != list(range(places[0] or 0, (places[0] or 0) + len(places)))
        if shifted and all(sign.fullmatch(digit) for (sign, _), digit in zip(window, digits, strict=True)):
            written = list(rule.written)
            for place, digit in zip(places, digits, strict=True):
                if place is not None:
                    written[place] = digit
            yield f"+{''.join(written)}"
