"""The number doctor: what is wrong with a cell that should hold a telephone number, and what it was most likely.

Pure. `phone.read` decides what can be written to as it is; here its other half is done: what spreadsheets
and people have done to a number is named (`Kind`), and where it can be undone there is a suggestion, which a person
accepts. A suggestion is never taken by itself: a message to a stranger is worse than one more question.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from daemon.contacts import phone, several_numbers
from daemon.contacts.reasons import Fault, Reason, because
from daemon.i18n.languages import N_
from daemon.states import E164

SHOWN = 200
"""Characters of a cell that are looked at and shown."""


class Kind(StrEnum):
    """What is the matter with a cell; GOOD: nothing that anybody has to look at."""

    GOOD = "good"
    ROUNDED = "rounded"  #: 4.9151E+12
    DECIMAL = "decimal"  #: 4915112345678.0
    NO_PLUS = "no_plus"
    NO_ZERO = "no_zero"
    PREFIX = "prefix"  #: 00, 011…
    TRUNK = "trunk"  #: +49 (0) 151
    SEVERAL = "several"
    SIGNS = "signs"  #: letters, other digits, invisible signs
    EXTENSION = "extension"
    MOBILE_RULE = "mobile_rule"
    AMBIGUOUS = "ambiguous"
    COUNTRY = "country"  #: no country code, and none to take
    MISSING = "missing"
    NO_RANGE = "no_range"
    INVALID = "invalid"


TITLES: dict[Kind, str] = {
    Kind.GOOD: N_("OK"),
    Kind.ROUNDED: N_("Shortened by the spreadsheet"),
    Kind.DECIMAL: N_("Ends in .0"),
    Kind.NO_PLUS: N_("Missing +"),
    Kind.NO_ZERO: N_("Missing leading 0"),
    Kind.PREFIX: N_("Dialling prefix instead of +"),
    Kind.TRUNK: N_("Extra 0"),
    Kind.SEVERAL: N_("Several numbers in one cell"),
    Kind.SIGNS: N_("Extra text in the number"),
    Kind.EXTENSION: N_("With extension"),
    Kind.MOBILE_RULE: N_("Different notation for mobiles"),
    Kind.AMBIGUOUS: N_("Could be two different numbers"),
    Kind.COUNTRY: N_("No country code"),
    Kind.MISSING: N_("No number"),
    Kind.NO_RANGE: N_("In no known range"),
    Kind.INVALID: N_("Invalid number"),
}
REASONS: dict[Kind, str] = {
    Kind.ROUNDED: N_(
        "Spreadsheets show long numbers as 4.9E+12. Digits that were lost cannot be restored: format the column as "
        "text and enter the number again."
    ),
    Kind.DECIMAL: N_("A spreadsheet treated the number as an amount and added a decimal."),
    Kind.NO_PLUS: N_("The spreadsheet removed the +. We put it back."),
    Kind.NO_ZERO: N_("The spreadsheet removed the leading 0. We put it back."),
    Kind.PREFIX: N_("Prefixes such as 00 or 011 are dialled before a country code; WhatsApp needs a + instead."),
    Kind.TRUNK: N_("The 0 in brackets or after the country code is only dialled within the country."),
    Kind.SEVERAL: N_("We use the mobile number, or else the first valid one."),
    Kind.SIGNS: N_("There are letters, digits of another script or invisible characters between the digits."),
    Kind.EXTENSION: N_("WhatsApp cannot reach an extension. We use the number before it."),
    Kind.MOBILE_RULE: N_(
        "Mobile numbers have a 9 after the area code in Brazil and after +54 in Argentina; Mexico no longer uses the "
        "1 after +52. Numbers of Benin, Côte d'Ivoire, Gabon and Vietnam have another length now."
    ),
    Kind.AMBIGUOUS: N_("Valid in two countries. This is the likelier one: check each."),
    Kind.COUNTRY: N_("Choose a default country above, or correct them one by one."),
    Kind.MISSING: N_("The cell is empty."),
    Kind.NO_RANGE: N_(
        "They have the length of a mobile number in their country, but are in no range we know. New ranges may be "
        "missing: accept them if you are sure they are right."
    ),
    Kind.INVALID: N_("Correct the digits, or exclude the row."),
}  # fmt: skip

_INVISIBLE = ("Cf", "Cc", "Zl", "Zp")
_SCIENTIFIC = re.compile(r"(?i)\+?(\d(?:[.,]\d+)?)E\+?(\d{1,3})")
_DECIMAL = re.compile(r"\+?\d{6,15}[.,]0*")
_EXTENSION = re.compile(
    r"(?i)[\s,;]*(?:ext(?:ension|n)?|durchwahl|dw|ramal|poste|anexo|int(?:erno)?|[x#])[\s.:=]*\d{1,7}\s*$"
)
_APART = re.compile(r"(?i)[/;,|&\n]|:::|\b(?:or|and|oder|und|ou|et|y|o)\b")
_DIALLED = re.compile(r"\+?\s*(?:8\s*~?\s*10|0011|011|010|009|00)[\s.\-/]*(?=[1-9])")
_FRACTION = re.compile(r".*\d[.,]\d{1,2}")
_LOOKALIKES = str.maketrans("OolI|", "00111")
_MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
_LANDLINE = {PhoneNumberType.FIXED_LINE, PhoneNumberType.VOIP, PhoneNumberType.PAGER, PhoneNumberType.UAN}
_WITHOUT_ZERO = frozenset({"IN", "AR"})
"""Countries that dial a zero, and do not write it."""
_LEAST_DIGITS = 7
_CHATS = frozenset({Fault.HIDDEN_ID, Fault.GROUP, Fault.BROADCAST, Fault.LINK})
"""What digits are in is no number, and is not made one."""
_COUNTRY_WANTED = frozenset({  # what a number is refused for that lacks nothing but its country's code
    Fault.NO_COUNTRY, Fault.NO_COUNTRY_IN_FRONT, Fault.UNKNOWN_COUNTRY, Fault.AMBIGUOUS, Fault.TOO_FEW_DIGITS,
    Fault.TOO_MANY_DIGITS, Fault.WRONG_LENGTH, Fault.NO_AREA, Fault.UNASSIGNED,
})  # fmt: skip


@dataclass(frozen=True)
class Diagnosis:
    """What a cell comes to.

    number: E.164, what it can be written to as it is; None when a person has to decide.
    suggestion: E.164, what it most likely was, or is known to WhatsApp as. why: where the kind's own sentence
    (`REASONS`) does not say it all, else None. landline: probably not on WhatsApp.
    """

    kind: Kind
    number: E164 | None = None
    suggestion: E164 | None = None
    why: Reason | None = None
    landline: bool = False

    @property
    def reason(self) -> str:
        """The sentence of `why`, "" for none."""
        return str(self.why or "")


@lru_cache(200_000)
def diagnose(value: str, country: str) -> Diagnosis:
    """What is wrong with a cell. country: ISO code of numbers written without one, or ""."""
    text = _visible(value)
    number = several_numbers.read(value, country)  # all of it: what is cut off of what is shown may be another number
    if isinstance(number, Reason):
        if number.code in _CHATS:
            return Diagnosis(Kind.INVALID, why=number)
        if any(map(str.isdigit, text)):
            return _repaired(text, country, number)
        return Diagnosis(Kind.SIGNS, why=because(Fault.NO_DIGITS)) if text else Diagnosis(Kind.MISSING)
    landline = _type(number) in _LANDLINE
    if several_numbers.parts(value) and isinstance(phone.read(value, country), Reason):
        return Diagnosis(Kind.SEVERAL, number, landline=landline)
    if argentine := _with_nine(number):
        return Diagnosis(Kind.MOBILE_RULE, number, argentine, landline=landline)
    return Diagnosis(_damage(value, text, number, country), number, landline=landline)


def _damage(value: str, text: str, number: E164, country: str) -> Kind:
    """What was undone to read the number."""
    digits = "".join(filter(str.isdigit, text))
    if _DECIMAL.fullmatch(text) and not text.isdecimal():
        return Kind.DECIMAL
    if re.search(r"\(\s*0\s*\)", text) or (text.startswith("+") and "+" + digits != number):
        return Kind.TRUNK
    if _invisible(value) or any(sign.isalpha() for sign in text):
        return Kind.SIGNS
    if text.startswith("+"):
        return Kind.GOOD
    if number == "+" + digits:
        return Kind.NO_PLUS
    if digits.startswith("00") or (_DIALLED.match(text) and "+" + _DIALLED.sub("", digits) == number):
        return Kind.PREFIX
    return Kind.GOOD if digits.startswith("0") or not _has_zero(number, country) else Kind.NO_ZERO


def _repaired(text: str, country: str, why: Reason) -> Diagnosis:
    """What a cell that cannot be read most likely was."""
    if why.code is Fault.AMBIGUOUS:
        return _of_two(dict(why.values))
    if scientific := _SCIENTIFIC.fullmatch(text):
        return _whole(scientific[1], scientific[2], country)
    ways = (
        _as_seen, _one_of_several, _without_extension, _dialled, _with_other_signs, _mobile_rule,
        _with_plus, _likelier, _with_zero,
    )  # fmt: skip
    for way in ways:
        if found := way(text, country):
            return found
    if len("".join(filter(str.isdigit, text))) < _LEAST_DIGITS:
        return Diagnosis(Kind.INVALID, why=because(Fault.TOO_SHORT))
    if not country and not text.startswith("+") and why.code in _COUNTRY_WANTED:
        return Diagnosis(Kind.COUNTRY)
    if suggested := dict(why.values).get("suggestion"):
        return Diagnosis(Kind.NO_RANGE, suggestion=E164(suggested))
    return Diagnosis(Kind.INVALID, why=why)


def _whole(mantissa: str, exponent: str, country: str) -> Diagnosis:
    """Scientific notation: a suggestion only where all digits are there."""
    try:
        digits = mantissa.replace(",", ".")
        whole = Decimal(digits).scaleb(int(exponent))
    except InvalidOperation:  # pragma: no cover - the pattern lets nothing else through
        return Diagnosis(Kind.ROUNDED)
    lost = int(exponent) - (len(digits) - 2 if "." in digits else 0)
    number = _read(str(int(whole)), country) if lost <= 0 and int(exponent) < SHOWN else None
    return Diagnosis(Kind.ROUNDED, suggestion=number, why=None if number else because(Fault.DIGITS_LOST))


def _as_seen(text: str, country: str) -> Diagnosis | None:
    """Once quotes and what a spreadsheet puts around a text are gone."""
    number = phone.read(text, country)
    return None if isinstance(number, Reason) else Diagnosis(Kind.SIGNS, suggestion=number)


def _one_of_several(text: str, country: str) -> Diagnosis | None:
    parts = [part.strip() for part in re.split(_APART, re.sub(r"(?<=\d)\s*(?=\+)", "\n", text))]
    parts = [part for part in parts if sum(map(str.isdigit, part)) >= _LEAST_DIGITS]
    if len(parts) < 2:
        return None
    read = [number for part in parts if (number := _read(part, country))]
    best = next((number for number in read if _type(number) in _MOBILE), read[0] if read else None)
    return Diagnosis(Kind.SEVERAL, suggestion=best, landline=best is not None and _type(best) in _LANDLINE)


def _without_extension(text: str, country: str) -> Diagnosis | None:
    plain = _EXTENSION.sub("", text)
    number = _read(plain, country) if plain != text else None
    return Diagnosis(Kind.EXTENSION, suggestion=number, landline=_type(number) in _LANDLINE) if number else None


def _dialled(text: str, country: str) -> Diagnosis | None:
    found = _DIALLED.match(text)
    number = _valid("+" + text[found.end() :]) if found else None
    home = _parsed_valid(text, country)
    plain = _valid("+" + text[2:]) if text.startswith("00") else None
    for other in (plain, number):
        if other and home and other != home:
            return _of_two({"abroad": other, "home": home})
    return Diagnosis(Kind.PREFIX, suggestion=number) if number else None


def _with_other_signs(text: str, country: str) -> Diagnosis | None:
    """Without letters and signs; or with the digits that the letters look like."""
    for changed in (text.translate(_LOOKALIKES), text):
        plain = re.sub(r"[^\d+]", "", changed)
        plain = plain[:1] + plain[1:].replace("+", "")
        if changed is text and re.sub(r"[\s().\-/+]", "", text).isdecimal():
            return None
        if changed is not text and (changed == text or re.search(r"[A-Za-z]{2}", text)):
            continue
        plus = "+" if "+" in text and not plain.startswith("+") else ""
        if number := _read(plus + plain, country):
            return Diagnosis(Kind.SIGNS, suggestion=number)
    return None


def _mobile_rule(text: str, country: str) -> Diagnosis | None:
    """Brazil's ninth digit, Mexico's former 1, Argentina's 15 where phonenumbers does not see it, and the like."""
    number = _parsed(text, country)
    found = phone.today(number) if number is not None else None
    return Diagnosis(Kind.MOBILE_RULE, suggestion=found) if found else None


def _with_plus(text: str, country: str) -> Diagnosis | None:
    digits = "".join(filter(str.isdigit, text))
    number = _valid("+" + digits) if not text.startswith(("0", "+")) and not _FRACTION.search(text) else None
    if number is None or _parsed_valid(text, country):
        return None
    return Diagnosis(Kind.NO_PLUS, suggestion=number)


def _with_zero(text: str, country: str) -> Diagnosis | None:
    number = _read("0" + text, country) if country and not text.startswith(("0", "+")) else None
    return Diagnosis(Kind.NO_ZERO, suggestion=number) if number else None


def _likelier(text: str, country: str) -> Diagnosis | None:
    """Valid with a plus and as a number of the default country: a mobile is likelier than a landline."""
    digits = "".join(filter(str.isdigit, text))
    abroad, home = _valid("+" + digits), _parsed_valid(text, country)
    if not abroad or not home or abroad == home:
        return None
    return _of_two({"abroad": abroad, "home": home})


def _of_two(numbers: Mapping[str, str]) -> Diagnosis:
    """It could be either number."""
    abroad, home = E164(numbers["abroad"]), E164(numbers["home"])
    both = because(Fault.AMBIGUOUS, abroad=abroad, home=home, sentence=f"{abroad} / {home}")
    return Diagnosis(Kind.AMBIGUOUS, suggestion=home if _type(home) in _MOBILE else abroad, why=both)


def guess_country(values: Iterable[str], country: str = "") -> str:
    """The country that most of the numbers with a country code are of; "" when none has one. country: in which they
    are dialled, "" where that is not known."""
    found: Counter[str] = Counter()
    for value in values:
        text = _visible(value)
        if text.startswith(("+", "00")) and (number := _abroad(text, country)):
            region = phonenumbers.region_code_for_number(number)
            if region and region.isalpha():
                found[region] += 1
    return found.most_common(1)[0][0] if found else ""


def _abroad(text: str, country: str) -> phonenumbers.PhoneNumber | None:
    """A number with its country's code, also with zeros that do not belong there."""
    found = phone.read(text, country) if country and text.startswith("00") else None
    if isinstance(found, Reason) and found.code is Fault.AMBIGUOUS:
        return None
    number = _valid("+" + text.lstrip("+0")) if found is None or isinstance(found, Reason) else found
    return _parsed(number, "") if number else None


def _visible(value: str) -> str:
    """Without invisible signs, digits as ASCII, ends trimmed of quotes."""
    text = value[:SHOWN]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = "".join(str(unicodedata.digit(sign)) if sign.isdigit() else sign for sign in _seen(text))
    return text.strip().strip("'\"=’").strip()


def _seen(text: str) -> Iterator[str]:
    return (sign for sign in text if sign == "\n" or unicodedata.category(sign) not in _INVISIBLE)


def _invisible(value: str) -> bool:
    """Whether signs are in it that nobody sees, or digits of another script."""
    text = value[:SHOWN].strip()
    return not text.isascii() and any(
        unicodedata.category(sign) in _INVISIBLE or (sign.isdigit() and not sign.isascii()) for sign in text
    )


def _read(text: str, country: str) -> E164 | None:
    """As `phone.read`; None where that refuses it."""
    number = phone.read(text, country)
    if isinstance(number, Reason):
        return _valid("+" + text) if text.isdecimal() and not text.startswith("0") else None
    return number if phone.read(number, "") == number else None


def _parsed(text: str, country: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country or None)
    except NumberParseException:
        return None


def _parsed_valid(text: str, country: str) -> E164 | None:
    return _good(_parsed(text, country)) if country else None


def _valid(text: str) -> E164 | None:
    return _good(_parsed(text, ""))


def _good(number: phonenumbers.PhoneNumber | None) -> E164 | None:
    """The number in E.164, if it is valid, and is itself when it is read again: a few that are valid as they are
    parsed are not valid as they are written out."""
    if number is None or not phonenumbers.is_valid_number(number):
        return None
    found = E164(phonenumbers.format_number(number, PhoneNumberFormat.E164))
    return found if phone.read(found, "") == found else None


def _type(number: E164 | None) -> int:
    found = _parsed(number, "") if number else None
    return phonenumbers.number_type(found) if found else PhoneNumberType.UNKNOWN


def _with_nine(number: E164) -> E164 | None:
    """For a number that is Argentine without the mobile 9: the mobile it may be."""
    found = _parsed(number, "") if number.startswith("+54") else None
    return phone.today(found) if found else None


def _has_zero(number: E164, country: str) -> bool:
    """Whether the country's people write this number with a zero in front."""
    found = _parsed(number, "") if country and country not in _WITHOUT_ZERO else None
    return found is not None and phonenumbers.format_number(found, PhoneNumberFormat.NATIONAL).startswith("0")
