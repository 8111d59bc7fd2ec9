"""The notations of one telephone number: how a mobile that is written in a former way is written today. Pure.

Some countries have changed how their mobiles are written, and both forms stay in address books; WhatsApp goes on
calling many people by the number they once registered with. The rules are about digits only, not those of
`phonenumbers`: keys made by them are stored, and must not change with its next version. A rule stands here when the old
form can be nobody else's today; where that is not known, two numbers stay two people. Where each rule comes from:
docs/whatsapp-web.md, "Two notations of one number". Whoever changes one needs a step of the schema that brings the
stored keys up to date (`db/migrations/0009_person.py`).
"""

from __future__ import annotations

import re
from collections import defaultdict

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
CODES = tuple(dict.fromkeys(code for code, _, _ in _RULES))


def today(number: E164) -> PersonKey:
    """The number as it is written today: the same for all notations of one number."""
    for former, present in _BY_START.get(number[:3], ()):
        key, count = former.subn(present, number)
        if count:
            return PersonKey(key)
    return PersonKey(number)


def one_person(number: str | None, other: str) -> bool:
    """Whether these digits, each a whole number with its country's code, are two notations of one number."""
    return number is not None and today(E164(f"+{number}")) == today(E164(f"+{other}"))
