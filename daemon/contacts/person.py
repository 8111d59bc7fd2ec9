"""Who somebody is: by telephone number, in whichever notation, or by WhatsApp's id of a user (BSUID).

Some countries have changed how their mobiles are written, and both forms stay in address books; WhatsApp goes on
calling many people by the number they once registered with. Two notations of one number are one person here. The rules
are about digits only, not those of `phonenumbers`: keys are stored, and must not change with its next version. A rule
stands here when the old form can be nobody else's today; where that is not known, two numbers stay two people. Where
each rule comes from: docs/whatsapp-web.md, "Two notations of one number". Whoever changes one needs a step of the
schema that brings the stored keys up to date (`db/migrations/0009_person.py`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from daemon.states import E164, PersonKey

_RULES = (  # country code, the rest in the former notation, the rest as it is today
    # Brazil: mobiles got a ninth digit, 9, from 2012 to 2016; in a number of eight only those that begin with 6 to 9
    # are mobiles.
    ("55", r"([1-9]\d)([6-9]\d{7})", r"\g<1>9\g<2>"),
    # Mexico: a 1 before mobiles that are called from abroad, until 2020.
    ("52", r"1([2-9]\d{9})", r"\g<1>"),
    # Argentina: a 9 before mobiles that are called from abroad, a 15 behind the area code of those called from
    # within; no landline has the same ten digits.
    ("54", r"(?=9?\d{12}$)9?(11|[23]\d{2,3})15(\d+)", r"9\g<1>\g<2>"),
    ("54", r"(11\d{8}|[23]\d{9})", r"9\g<1>"),
    # Benin: 01 before all numbers since November 2024.
    ("229", r"([24-9]\d{7})", r"01\g<1>"),
    # Côte d'Ivoire: since January 2021 two digits before the former eight, by operator: Moov, MTN, Orange.
    ("225", r"((?:0[1-3]|[457][0-3])\d{6})", r"01\g<1>"),
    ("225", r"([04-9][4-6]\d{6})", r"05\g<1>"),
    ("225", r"((?:[04578][789]|[69][78])\d{6})", r"07\g<1>"),
    # Gabon: 06 became 066, 07 became 077 and so on in 2019; of those behind +241 many were written without the 0.
    ("241", r"0(1\d{6})", r"1\g<1>"),
    ("241", r"0?([256]\d{6})", r"6\g<1>"),
    ("241", r"0?([47]\d{6})", r"7\g<1>"),
    # Vietnam: mobiles of eleven digits have had ten since 2018 (with the 0 that is left out here).
    ("84", r"12([068]\d{7})", r"7\g<1>"),
    ("84", r"121(\d{7})", r"79\g<1>"),
    ("84", r"122(\d{7})", r"77\g<1>"),
    ("84", r"12([3-5]\d{7})", r"8\g<1>"),
    ("84", r"127(\d{7})", r"81\g<1>"),
    ("84", r"129(\d{7})", r"82\g<1>"),
    ("84", r"16([2-9]\d{7})", r"3\g<1>"),
    ("84", r"18([68]\d{7})", r"5\g<1>"),
    ("84", r"199(\d{7})", r"59\g<1>"),
)
_BY_START: dict[str, list[tuple[re.Pattern[str], str]]] = defaultdict(list)  # of the number: + and two digits
for _code, _former, _new in _RULES:
    _BY_START["+" + _code[:2]].append((re.compile(rf"\A\+{_code}{_former}\Z"), rf"+{_code}{_new}"))
_CODES = tuple(dict.fromkeys(code for code, _, _ in _RULES))
_BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[0-9A-Za-z]{1,128}")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, by at least one of: phone, as it was given; bsuid, WhatsApp's id of them for one business, such as
    `US.13491208655302741918` (people without a visible number have no other)."""

    phone: E164 | None = None
    bsuid: str | None = None

    def __post_init__(self) -> None:
        if self.phone is None and self.bsuid is None:
            raise ValueError("a person has a telephone number, a BSUID, or both")
        if self.bsuid is not None and not _BSUID.fullmatch(self.bsuid):
            raise ValueError("not a BSUID")

    @property
    def key(self) -> PersonKey:
        """The same for the same person: the number as it is written today, else the BSUID."""
        return PersonKey(self.bsuid or "") if self.phone is None else _today(self.phone)


def _today(number: E164) -> PersonKey:
    for former, today in _BY_START.get(number[:3], ()):
        key, count = former.subn(today, number)
        if count:
            return PersonKey(key)
    return PersonKey(number)


def meant(digits: str) -> Iterator[PersonKey]:
    """Who is meant where somebody looks for these digits, if they are a whole number in a former notation, with or
    without its country's code. That the digits are a part of a number is for the caller to see."""
    bare = digits.lstrip("0")
    for code in ("", *_CODES):
        number = f"+{code}{bare}"
        if (key := _today(E164(number))) != PersonKey(number):
            yield key
