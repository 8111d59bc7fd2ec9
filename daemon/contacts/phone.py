"""Text as people and spreadsheets write it → a telephone number in E.164, or the reason why not.

A number with `+` or `00` needs only a length that mobiles of its country have: numbering plans open new ranges before
libraries know them, and whether it exists WhatsApp tells. A 0 behind the country code is left away where that makes it
valid. In some countries more is dialled than 00 before a country's code (001 in Hong Kong): where the default country's
way gives another number than a `+` does, the valid one of the two is taken, and of two valid ones none. WhatsApp's ids
of chats are numbers only where they are made of one (`…@c.us`). What a number without them means:

1. It starts with 0, or `default_country` is set: it is a number of the default country, if valid there.
2. At least 11 digits that are a valid number behind a `+`: the country code is taken to be there already.
3. Both 1 and 2, two different numbers: 2 if that is the default country's own code, else 1 if it is a mobile, else
   nobody can know, and it is refused. (`919876543210` is an Indian mobile and a German landline.)
4. None of these: refused. A message to a stranger is worse than one more line in the list of rejected rows.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from phonenumbers import (
    CountryCodeSource,
    NumberParseException,
    PhoneMetadata,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
)

from daemon import errors
from daemon.contacts.person import Person
from daemon.contacts.reasons import Fault, Reason, because
from daemon.states import E164, PersonKey

MIN_INTERNATIONAL = 11
"""Digits from which a number without `+` may be read as one with its country code."""
SHORTEST = 7
"""Digits of the shortest numbers there are, with country code."""

SHORTEST_UNKNOWN = 9
"""Digits, with country code, that a number in no known range needs to be tried."""

QUICK_START = frozenset({"+1234567890", "+9876543210"})
"""The numbers of the predecessor's first example, which programs still try: nobody has them."""

_PLAIN = re.compile(r"\+?[0-9][0-9 ().-]*")
_LINK = re.compile(
    r"(?i)(?:https?://)?(?:www\.)?"
    r"(?:wa\.me/|(?:(?:api|web)\.whatsapp\.com|whatsapp:/)/?send/?\?(?:[^&#]*&(?:amp;)?)*?phone=)"
    r"(?:\+|%2b)?(\d+)(?:[/?&#].*)?"
)
_NO_NUMBER = re.compile(r"(?i)(?:https?://)?(?:www\.)?(?:wa\.me|(?:api|web)\.whatsapp\.com|whatsapp:/)/.*")
_GROUP_LINK = re.compile(r"(?i)(?:https?://)?chat\.whatsapp\.com/.*")
_CHAT_ID = re.compile(r"(?i)(\d+)(?:\.\d+)?(?::\d+)?@(?:c\.us|s\.whatsapp\.net)")
_ANY_CHAT_ID = re.compile(
    r"(?i)(?:\S*@([a-z.]*\b(?:lid|g\.us|c\.us|s\.whatsapp\.net|broadcast|newsletter))|(lid)\W*\d+)\W*"
)
_CHATS = {"lid": Fault.HIDDEN_ID, "g.us": Fault.GROUP, "broadcast": Fault.BROADCAST, "newsletter": Fault.BROADCAST}
_LABEL = re.compile(r"(?i)(?:tel|sms|callto|telephone|telefon|phone|mobile?|mob|cell|handy|whatsapp|wa)\b[.:\s]*")
_FORMULA_TEXT = re.compile(r'="(.*)"')
_FLOAT = re.compile(r"(\+?\d{7,15})[.,]0+")
_FRACTION = re.compile(r"\+?\d{7,}[.,]\d{1,2}")
_ROUNDED = re.compile(r"(?i)[+-]?(\d)(?:[.,](\d+))?E\+?(\d{1,9})")
_CARRIER = re.compile(r"(?i)^\(?0\s*-?(?:x{1,2}|\*\*)\s*-?\(?(\d\d)\)?")  # (0xx11): of any carrier, in Brazil
_DATE = re.compile(r"\d{4}([-/.])\d{1,2}\1\d{1,2}(?:[T ].*)?|\d{1,2}([-/.])\d{1,2}\2(?:19|20)\d\d(?: .*)?")
_EXTENSION = re.compile(r"(?i)(?:;?\s*ext(?:ension|n)?|durchwahl|ramal|poste|anexo|[x#])[\s.:=]*\d{1,7}\s*")
_BETWEEN_TWO = re.compile(r"(?i)[/;,|&\n]|:::|\b(?:or|and|oder|und|ou|et|y)\b")
_SIGNS = re.compile(r"[\d\s().\-/+‐-―−]*")
_MEXICAN = re.compile(r"^\+520?(?:1|4[45])(?=\d{10}$)")  # 044 and 045 were dialled before mobiles, 01 before others
_PREFIX = re.compile(r"[(\s]*(?:\+[+\s]*(?:00)?|00[\s+]*)")
_DECIMAL = re.compile(r"-.*|[1-9]\d{0,2}[.,]\d{3,}")
_MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
_LANDLINE = {PhoneNumberType.FIXED_LINE, PhoneNumberType.VOIP, PhoneNumberType.PAGER, PhoneNumberType.UAN}

_LONGEST = 100
_LONGEST_LINK = 2_000

_NOT_PARSED = {
    NumberParseException.INVALID_COUNTRY_CODE: Fault.UNKNOWN_COUNTRY,
    NumberParseException.NOT_A_NUMBER: Fault.NOT_A_NUMBER,
    NumberParseException.TOO_SHORT_AFTER_IDD: Fault.TOO_SHORT,
    NumberParseException.TOO_SHORT_NSN: Fault.TOO_SHORT,
    NumberParseException.TOO_LONG: Fault.TOO_LONG,
}
_WRONG_LENGTH = {
    ValidationResult.TOO_SHORT: Fault.TOO_FEW_DIGITS,
    ValidationResult.TOO_LONG: Fault.TOO_MANY_DIGITS,
    ValidationResult.INVALID_LENGTH: Fault.WRONG_LENGTH,
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: Fault.NO_AREA,
}
_LENGTHS = frozenset(_WRONG_LENGTH.values())


class _Refused(Exception):
    """It is no number that can be written to."""

    def __init__(self, code: Fault, **values: str) -> None:
        super().__init__(code)
        self.reason = because(code, **values)


def read(value: str, default_country: str, trusted: bool = False) -> E164 | Reason:
    """The number, or why it is none that can be written to: every way in decides by this.

    default_country: ISO code (`DE`) of numbers written without a country, or "". trusted: whether one with `+` that is
    well-formed by E.164 (8 to 15 digits) is taken whether or not any numbering plan has it, if only it has as many
    digits as its country's mobiles: of programs, which have it from a system of theirs.
    """
    try:
        return _read(value, default_country)
    except _Refused as refused:
        given = as_given(value, default_country) if trusted else None
        return refused.reason if given is None or _unlike_its_country(given, refused.reason) else given


def _unlike_its_country(number: E164, why: Reason) -> bool:
    """Whether it is refused for having a digit too few or too many, and is in no former notation."""
    former = any(name == "suggestion" for name, _ in why.values)
    return why.code in _LENGTHS and not former and number not in QUICK_START


def normalise(value: str, default_country: str) -> E164:
    """As `read`. Raises InvalidNumber: one sentence that starts with "The number" or "This" and says what to change."""
    found = read(value, default_country)
    if isinstance(found, Reason):
        raise errors.InvalidNumber(found)
    return found


def _read(value: str, default_country: str) -> E164:
    text, dialled = _cleaned(value)
    if dialled and default_country:
        return _dialled(text, default_country.upper())
    if text.startswith("+"):
        return _international(text)
    if text.startswith(("0", "(0")) or default_country:
        if not default_country:
            raise _Refused(Fault.NO_COUNTRY)
        return _national(text, default_country.upper())
    if digits(text) >= MIN_INTERNATIONAL and (number := _parsed("+" + text)):
        return _e164(number)
    if digits(text) < SHORTEST:
        raise _Refused(Fault.TOO_SHORT)
    raise _Refused(Fault.NO_COUNTRY_IN_FRONT)


def as_given(value: str, default_country: str) -> E164 | None:
    """A number with `+` of 8 to 15 digits, whether or not any numbering plan has it; None when it is not even that, has
    a 0 behind its country's code that belongs to no number, or is dialled otherwise in the default country."""
    try:
        text, dialled = _cleaned(value)
        if dialled and default_country and _otherwise(text, default_country.upper()):
            return None
        number = phonenumbers.parse(text) if text.startswith("+") else None
        if number is not None:
            _without_zero(text, number)
    except _Refused:
        return None
    except NumberParseException:  # of no country
        pass
    digits = "".join(filter(str.isdigit, text))
    return E164(f"+{digits}") if text.startswith("+") and 8 <= len(digits) <= 15 and digits[0] != "0" else None


def is_chat(value: str) -> bool:
    """Whether it is WhatsApp's id of somebody or of several, from which nobody can tell a number."""
    found = read(value, "")
    return isinstance(found, Reason) and found.code in (Fault.HIDDEN_ID, Fault.GROUP, Fault.BROADCAST)


def is_mobile(number: E164) -> bool:
    """Whether the numbering plan says that it is a mobile's, or cannot tell mobiles from others."""
    found = _parsed(number)
    return found is not None and phonenumbers.number_type(found) in _MOBILE


def is_landline(number: E164) -> bool:
    """Whether the numbering plan says that it is one that takes no WhatsApp but in rare cases."""
    found = _parsed(number)
    return found is not None and phonenumbers.number_type(found) in _LANDLINE


def resemblance(value: str, default_country: str) -> float:
    """How much a cell looks like a telephone number.

    1: valid and written as one; 0.9: digits that are valid, perhaps by chance; 0.5: shaped like one or damaged; else 0.
    """
    if sum(map(str.isdigit, value)) < SHORTEST:
        return 0.5 if _ROUNDED.fullmatch(value) else 0
    if len(value) > _LONGEST or (_DECIMAL.fullmatch(value) and not _FLOAT.fullmatch(value)):
        return 0
    if isinstance(found := read(value, default_country), Reason):
        shaped = _ROUNDED.fullmatch(value) or (_SIGNS.fullmatch(value) and not _DATE.fullmatch(value))
        shaped = shaped or found.code == Fault.SEVERAL
        return 0.5 if shaped and digits(value) <= 32 else 0
    return 0.9 if value.isdigit() and not value.startswith("0") else 1


def _international(text: str) -> E164:
    """A number with `+`: valid, or at least possible and not too short to be anybody's."""
    try:
        number = phonenumbers.parse(text)
    except NumberParseException:
        return _valid(text, None)  # has the words for it
    if phonenumbers.is_valid_number(number):
        return _e164(number)
    if today(number):
        return _valid(text, None)  # says which
    if (plain := _without_zero(text, number)) is not None:
        return plain
    possible = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    if not possible or digits(text) < SHORTEST_UNKNOWN:
        return _valid(text, None)
    _refuse_length(number)
    return _e164(number)


def _dialled(text: str, country: str) -> E164:
    """A number whose + is written as 00, in a country where it may be that digits more are dialled in its place."""
    there = _otherwise(text, country)
    ways = [number for way in (text, there) if way and (number := _taken(way))]
    ways = list(filter(_parsed, ways)) or ways
    if len(ways) > 1 and ways[0] != ways[1]:
        raise _Refused(Fault.AMBIGUOUS, abroad=ways[0], home=ways[1])
    return ways[0] if ways else _international(text)  # says why not


def _taken(text: str) -> E164 | None:
    """As `_international`; None where it is refused."""
    try:
        return _international(text)
    except _Refused:
        return None


def _otherwise(text: str, country: str) -> E164 | None:
    """What it is if 00, here a +, begins what the country's people dial before a country's code; None where that is the
    same number, or they dial something else."""
    try:
        number = phonenumbers.parse("00" + text[1:], country, keep_raw_input=True)
    except NumberParseException:
        return None
    if number.country_code_source != CountryCodeSource.FROM_NUMBER_WITH_IDD:
        return None
    there = _e164(number)
    try:
        return None if there == _e164(phonenumbers.parse(text)) else there
    except NumberParseException:
        return there


def _without_zero(text: str, number: PhoneNumber) -> E164 | None:
    """The number without the 0 that is dialled within its country; None where there is none. Raises _Refused."""
    code = str(number.country_code)
    rest = "".join(filter(str.isdigit, text)).removeprefix(code)
    if not rest.startswith("0") or _begin_with_zero(number.country_code or 0):
        return None
    plain = _parsed(f"+{code}{rest[1:]}")
    if plain is None and str(number.national_number) == rest[1:] and not number.italian_leading_zero:
        return None  # it was left away in reading, as the country's people dial it
    if plain is None:
        raise _Refused(Fault.ZERO, country=code)
    return _e164(plain)


@lru_cache(512)
def _begin_with_zero(code: int) -> bool:
    """Whether numbers behind this country code may begin with 0."""
    examples = (
        phonenumbers.example_number_for_type(region, kind)
        for region in phonenumbers.region_codes_for_country_code(code)
        for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)
    )
    return any(example is not None and example.italian_leading_zero for example in examples)


def _refuse_length(number: PhoneNumber) -> None:
    """Raise _Refused where no mobile of the country has so many digits."""
    region = phonenumbers.region_code_for_country_code(number.country_code or 0)
    metadata = PhoneMetadata.metadata_for_region(region, None)
    described = (metadata.mobile, metadata.general_desc) if metadata else ()
    lengths = next((each.possible_length for each in described if each and each.possible_length), ())
    digits = len(phonenumbers.national_significant_number(number))
    if not lengths or digits in lengths or lengths == (-1,):
        return
    few, many = digits < min(lengths), digits > max(lengths)
    code = Fault.TOO_FEW_DIGITS if few else Fault.TOO_MANY_DIGITS if many else Fault.WRONG_LENGTH
    raise _Refused(code, country=str(number.country_code))


def _national(text: str, country: str) -> E164:
    """Rules 1 to 3 of the module for a number without `+`."""
    home = _parsed(text, country)
    abroad = None
    if digits(text) >= MIN_INTERNATIONAL and not text.startswith("0"):
        abroad = _parsed("+" + text)
    if not home:
        return _e164(abroad) if abroad else _valid(text, country)
    if abroad and abroad.country_code == home.country_code:
        return _e164(abroad)
    if not abroad or phonenumbers.number_type(home) in _MOBILE:
        return _e164(home)
    raise _Refused(Fault.AMBIGUOUS, abroad=_e164(abroad), home=_e164(home))


def _parsed(text: str, country: str | None = None) -> PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, country)
    except NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def _valid(text: str, country: str | None) -> E164:
    """As E.164; raises _Refused with the reason."""
    try:
        number = phonenumbers.parse(text, country)
    except NumberParseException as error:
        raise _Refused(_NOT_PARSED[error.error_type]) from None
    if phonenumbers.is_valid_number(number):
        return _e164(number)
    code = _WRONG_LENGTH.get(phonenumbers.is_possible_number_with_reason(number))
    meant = today(number) or (_of_no_range(number) if country and code is None else None)
    suggested = {"suggestion": meant} if meant else {}
    if code is None and digits(text) < SHORTEST:
        raise _Refused(Fault.TOO_SHORT, **suggested)
    raise _Refused(code or Fault.UNASSIGNED, country=str(number.country_code), **suggested)


def _of_no_range(number: PhoneNumber) -> E164 | None:
    """As E.164, for a number that would be taken with a plus: it has as many digits as its country's mobiles, and may
    be of a range that is new."""
    found = read(_e164(number), "")
    return None if isinstance(found, Reason) else found


def today(number: PhoneNumber) -> E164 | None:
    """For a number in a notation that its country has given up, also with a prefix that was dialled then: the one of
    today; None where there is none, or where that is not valid."""
    given = _e164(number)
    key = Person(E164(_MEXICAN.sub("+52", given))).key
    return E164(key) if key != PersonKey(given) and _parsed(key) else None


def _cleaned(value: str) -> tuple[str, bool]:
    """The bare number: digits and separators, with + in front if international; and whether that was written as 00.
    Raises _Refused."""
    text = value.strip() if len(value) <= _LONGEST_LINK else "x" * _LONGEST
    if not _PLAIN.fullmatch(text):
        text = _unwrapped(text)
    if len(text) >= _LONGEST:
        raise _Refused(Fault.TEXT_TOO_LONG)
    if rounded := _ROUNDED.fullmatch(text):
        raise _Refused(Fault.ROUNDED if len(rounded[2] or "") < int(rounded[3]) else Fault.SCIENTIFIC)
    if whole := _FLOAT.fullmatch(text):
        text = whole[1]
    if not text:
        raise _Refused(Fault.MISSING)
    if _FRACTION.fullmatch(text):
        raise _Refused(Fault.DECIMALS)
    if _DATE.fullmatch(text):
        raise _Refused(Fault.DATE)
    prefix = _PREFIX.match(text)
    text = "+" + text[prefix.end() :] if prefix else text
    if text.count("+") > 1 or len([part for part in _BETWEEN_TWO.split(text) if digits(part) >= SHORTEST]) > 1:
        raise _Refused(Fault.SEVERAL)
    if _EXTENSION.search(text):
        raise _Refused(Fault.EXTENSION)
    if not _SIGNS.fullmatch(text):
        raise _Refused(Fault.LETTERS)
    if digits(text) > 20:
        raise _Refused(Fault.TOO_MANY)
    return text, prefix is not None and "+" not in prefix[0]


def _unwrapped(text: str) -> str:
    """Without invisible signs, foreign digits, links, labels and a spreadsheet's text marks."""
    text = "".join(
        str(unicodedata.digit(sign)) if sign.isdigit() else sign
        for sign in unicodedata.normalize("NFKC", text)
        if unicodedata.category(sign) not in ("Cf", "Cc") or sign == "\n"
    ).strip()
    if quoted := _FORMULA_TEXT.fullmatch(text):
        text = quoted[1].strip()
    text = text.strip("'\"`").strip()
    if linked := _LINK.fullmatch(text) or _CHAT_ID.fullmatch(text):
        return "+" + linked[1]
    _refuse_chats(text)
    text = _CARRIER.sub(r"0\1 ", text)
    return _LABEL.sub("", text, count=1) if _LABEL.match(text) else text


def _refuse_chats(text: str) -> None:
    """Raise _Refused for links and ids of WhatsApp's that lead to no telephone number."""
    if _GROUP_LINK.fullmatch(text):
        raise _Refused(Fault.GROUP)
    if _NO_NUMBER.fullmatch(text):
        raise _Refused(Fault.LINK)
    if found := _ANY_CHAT_ID.fullmatch(text):
        kind = (found[1] or found[2]).lower()
        raise _Refused(next((code for end, code in _CHATS.items() if kind.endswith(end)), Fault.GROUP))


def digits(text: str) -> int:
    """How many are in it."""
    return sum(map(str.isdigit, text))


def _e164(number: PhoneNumber) -> E164:
    return E164(phonenumbers.format_number(number, PhoneNumberFormat.E164))
