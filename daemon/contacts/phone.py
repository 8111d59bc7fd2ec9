"""Text as people and spreadsheets write it → a telephone number in E.164, or the reason why not.

A number with `+` or `00` needs only a possible length for its country: numbering plans open new ranges before
libraries know them, and whether it exists WhatsApp tells. What a number without them means:

1. It starts with 0, or `default_country` is set: it is a number of the default country, if valid there.
2. At least 11 digits that are a valid number behind a `+`: the country code is taken to be there already.
3. Both 1 and 2, two different numbers: 2 if that is the default country's own code, else 1 if it is a mobile, else
   nobody can know, and it is refused. (`919876543210` is an Indian mobile and a German landline.)
4. None of these: refused. A message to a stranger is worse than one more line in the list of rejected rows.
"""

from __future__ import annotations

import re
import unicodedata

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType, ValidationResult

from daemon import errors
from daemon.states import E164

MIN_INTERNATIONAL = 11
"""Digits from which a number without `+` may be read as one with its country code."""
SHORTEST = 7
"""Digits of the shortest numbers there are, with country code."""

SHORTEST_UNKNOWN = 9
"""Digits, with country code, that a number in no known range needs to be tried."""

_PLAIN = re.compile(r"\+?[0-9][0-9 ().-]*")
_LINK = re.compile(
    r"(?i)(?:https?://)?(?:www\.)?(?:wa\.me/|(?:api|web)\.whatsapp\.com/send/?\?phone=)(?:\+|%2b)?(\d+)(?:[/?&#].*)?"
)
_CHAT_ID = re.compile(r"(?i)(\d+)(?::\d+)?@(?:c\.us|s\.whatsapp\.net)")
_LABEL = re.compile(r"(?i)(?:tel|telephone|telefon|phone|mobile?|mob|cell|handy|whatsapp|wa)\b[.:\s]*")
_FORMULA_TEXT = re.compile(r'="(.*)"')
_FLOAT = re.compile(r"(\+?\d{7,15})[.,]0+")
_FRACTION = re.compile(r"\+?\d{7,}[.,]\d{1,2}")
_ROUNDED = re.compile(r"(?i)[+-]?\d(?:[.,]\d+)?E\+?\d+")
_DATE = re.compile(r"\d{4}([-/.])\d{1,2}\1\d{1,2}(?:[T ].*)?|\d{1,2}([-/.])\d{1,2}\2(?:19|20)\d\d(?: .*)?")
_EXTENSION = re.compile(r"(?i)(?:;?\s*ext(?:ension|n)?|durchwahl|ramal|poste|anexo|[x#])[\s.:=]*\d{1,7}\s*")
_BETWEEN_TWO = re.compile(r"(?i)[/;,|&\n]|:::|\b(?:or|and|oder|und|ou|et|y)\b")
_SIGNS = re.compile(r"[\d\s().\-/+‐-―−]*")
_PREFIX = re.compile(r"[(\s]*(?:\+[+\s]*(?:00)?|00)")
_DECIMAL = re.compile(r"-.*|[1-9]\d{0,2}[.,]\d{3,}")
_MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}

_LONGEST = 100
_LONGEST_LINK = 2_000

_PARSE_REASONS = {
    NumberParseException.INVALID_COUNTRY_CODE: "does not start with a country code that exists",
    NumberParseException.NOT_A_NUMBER: "is not a telephone number",
    NumberParseException.TOO_SHORT_AFTER_IDD: "is too short",
    NumberParseException.TOO_SHORT_NSN: "is too short",
    NumberParseException.TOO_LONG: "is too long",
}
_LENGTH_REASONS = {
    ValidationResult.TOO_SHORT: "has too few digits",
    ValidationResult.TOO_LONG: "has too many digits",
    ValidationResult.INVALID_LENGTH: "has the wrong number of digits",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "lacks the area code",
}


def normalise(value: str, default_country: str) -> E164:
    """The number in E.164 (`+919876543210`).

    default_country: ISO code (`DE`) of numbers written without a country, or "".
    Raises InvalidNumber: one sentence that starts with "The number" or "This" and says what to change.
    """
    text = _cleaned(value)
    if text.startswith("+"):
        return _international(text)
    if text.startswith("0") or default_country:
        if not default_country:
            raise errors.InvalidNumber(
                "The number has no country code: write it with +, or set WASENDER_DEFAULT_COUNTRY."
            )
        return _national(text, default_country.upper())
    if _digits(text) >= MIN_INTERNATIONAL and (number := _parsed("+" + text)):
        return _e164(number)
    if _digits(text) < SHORTEST:
        raise errors.InvalidNumber("The number is too short.")
    raise errors.InvalidNumber(
        "The number is not valid with its first digits as the country code: write it with + and the right one, "
        "or set WASENDER_DEFAULT_COUNTRY."
    )


def as_given(value: str) -> E164 | None:
    """A number with `+` that is well-formed by E.164 (8 to 15 digits), whether or not any numbering plan has it.

    For callers of the API, who took it from a system of theirs; None when it is not even that.
    """
    try:
        text = _cleaned(value)
    except errors.InvalidNumber:
        return None
    digits = "".join(filter(str.isdigit, text))
    return E164(f"+{digits}") if text.startswith("+") and 8 <= len(digits) <= 15 and digits[0] != "0" else None


def resemblance(value: str, default_country: str) -> float:
    """How much a cell looks like a telephone number.

    1: valid and written as one; 0.9: digits that are valid, perhaps by chance; 0.5: shaped like one or damaged; else 0.
    """
    if sum(map(str.isdigit, value)) < SHORTEST:
        return 0.5 if _ROUNDED.fullmatch(value) else 0
    if len(value) > _LONGEST or (_DECIMAL.fullmatch(value) and not _FLOAT.fullmatch(value)):
        return 0
    try:
        normalise(value, default_country)
    except errors.InvalidNumber:
        shaped = _ROUNDED.fullmatch(value) or (_SIGNS.fullmatch(value) and not _DATE.fullmatch(value))
        return 0.5 if shaped and _digits(value) <= 32 else 0
    return 0.9 if value.isdigit() and not value.startswith("0") else 1


def _international(text: str) -> E164:
    """A number with `+`: valid, or at least possible and not too short to be anybody's."""
    try:
        number = phonenumbers.parse(text)
    except NumberParseException:
        return _valid(text, None)  # has the words for it
    possible = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    if possible and _digits(text) >= SHORTEST_UNKNOWN and not _suggestion(number):
        return _e164(number)
    return _valid(text, None)


def _national(text: str, country: str) -> E164:
    """Rules 1 to 3 of the module for a number without `+`."""
    home = _parsed(text, country)
    abroad = None
    if _digits(text) >= MIN_INTERNATIONAL and not text.startswith("0"):
        abroad = _parsed("+" + text)
    if not home:
        return _e164(abroad) if abroad else _valid(text, country)
    if abroad and abroad.country_code == home.country_code:
        return _e164(abroad)
    if not abroad or phonenumbers.number_type(home) in _MOBILE:
        return _e164(home)
    raise errors.InvalidNumber(
        f"The number could be {_e164(abroad)} or {_e164(home)}: write it with + and the country code."
    )


def _parsed(text: str, country: str | None = None) -> PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, country)
    except NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def _valid(text: str, country: str | None) -> E164:
    """As E.164; raises InvalidNumber with the reason in words."""
    try:
        number = phonenumbers.parse(text, country)
    except NumberParseException as error:
        raise errors.InvalidNumber(f"The number {_PARSE_REASONS[error.error_type]}.") from None
    if phonenumbers.is_valid_number(number):
        return _e164(number)
    reason = _LENGTH_REASONS.get(phonenumbers.is_possible_number_with_reason(number))
    if reason:
        problem = f"{reason} for country code +{number.country_code}"
    elif _digits(text) < SHORTEST:
        problem = "is too short"
    else:
        problem = f"is not one that country code +{number.country_code} hands out: check its digits"
    raise errors.InvalidNumber(f"The number {problem}.{_suggestion(number)}")


def _suggestion(number: PhoneNumber) -> str:
    """For numbers from before Mexico dropped its mobile 1 and Brazil added its mobile 9."""
    national = str(number.national_number)
    changed = {52: national.removeprefix("1"), 55: f"{national[:2]}9{national[2:]}"}.get(number.country_code or 0)
    fixed = _parsed(f"+{number.country_code}{changed}") if changed else None
    return f" Did you mean {_e164(fixed)}?" if fixed else ""


def _cleaned(value: str) -> str:
    """The bare number: digits and separators, with + in front if international. Raises InvalidNumber."""
    text = value.strip() if len(value) <= _LONGEST_LINK else "x" * _LONGEST
    if not _PLAIN.fullmatch(text):
        text = _unwrapped(text)
    if len(text) >= _LONGEST:
        raise errors.InvalidNumber("This is too long for a telephone number.")
    if _ROUNDED.fullmatch(text):
        raise errors.InvalidNumber(
            "The spreadsheet rounded this number and its last digits are lost: "
            "format the column as text and enter it again."
        )
    if whole := _FLOAT.fullmatch(text):
        text = whole[1]
    if not text:
        raise errors.InvalidNumber("The number is missing.")
    if _FRACTION.fullmatch(text):
        raise errors.InvalidNumber("This has decimals: a telephone number is a whole number.")
    if _DATE.fullmatch(text):
        raise errors.InvalidNumber("This is a date, not a telephone number.")
    text = _PREFIX.sub("+", text, count=1) if _PREFIX.match(text) else text
    if text.count("+") > 1 or len([part for part in _BETWEEN_TWO.split(text) if _digits(part) >= SHORTEST]) > 1:
        raise errors.InvalidNumber("This holds more than one number: keep one, or give each its own row.")
    if _EXTENSION.search(text):
        raise errors.InvalidNumber("The number has an extension, which WhatsApp cannot reach: give a direct number.")
    if not _SIGNS.fullmatch(text):
        raise errors.InvalidNumber("This holds letters or signs that are not part of a telephone number.")
    if _digits(text) > 20:
        raise errors.InvalidNumber("The number is too long: is it two numbers in one cell?")
    return text


def _unwrapped(text: str) -> str:
    """Without invisible signs, foreign digits, links, labels and a spreadsheet's text marks."""
    text = "".join(
        str(unicodedata.digit(sign)) if sign.isdigit() else sign
        for sign in unicodedata.normalize("NFKC", text)
        if unicodedata.category(sign) not in ("Cf", "Cc") or sign == "\n"
    ).strip()
    if quoted := _FORMULA_TEXT.fullmatch(text):
        text = quoted[1].strip()
    text = text.strip("'\"").strip()
    if linked := _LINK.fullmatch(text) or _CHAT_ID.fullmatch(text):
        return "+" + linked[1]
    return _LABEL.sub("", text, count=1) if _LABEL.match(text) else text


def _digits(text: str) -> int:
    return sum(map(str.isdigit, text))


def _e164(number: PhoneNumber) -> E164:
    return E164(phonenumbers.format_number(number, PhoneNumberFormat.E164))
