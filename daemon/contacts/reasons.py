"""Why somebody is not written to: a code, and what is filled into its sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

from daemon.i18n.coded import Coded


class Fault(StrEnum):
    """What is the matter with a row. The words stand in the API as `code`: they are added to, never changed."""

    MISSING = "missing"
    NOT_TEXT = "not_text"  #: JSON that is neither text nor a number
    FIELD_NOT_TEXT = "field_not_text"  #: name
    TEXT_TOO_LONG = "text_too_long"
    ROUNDED = "rounded"  #: 4.9151E+12
    DIGITS_LOST = "digits_lost"  #: likewise, and nobody can bring them back
    DECIMALS = "decimals"
    DATE = "date"
    SEVERAL = "several"  #: numbers in one cell
    EXTENSION = "extension"
    LETTERS = "letters"
    NO_DIGITS = "no_digits"
    TOO_MANY = "too_many"  #: digits, more than any number has
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NO_COUNTRY = "no_country"
    NO_COUNTRY_IN_FRONT = "no_country_in_front"  #: the first digits are no country code with which it is valid
    AMBIGUOUS = "ambiguous"  #: abroad, home: both are valid
    UNKNOWN_COUNTRY = "unknown_country"
    NOT_A_NUMBER = "not_a_number"
    TOO_FEW_DIGITS = "too_few_digits"  #: country, as of the next four
    TOO_MANY_DIGITS = "too_many_digits"
    WRONG_LENGTH = "wrong_length"
    NO_AREA = "no_area"
    UNASSIGNED = "unassigned"
    ZERO = "zero"  #: country; behind its code
    SCIENTIFIC = "scientific"  #: 4.915112345678E+12, with all digits
    HIDDEN_ID = "hidden_id"  #: WhatsApp's @lid
    GROUP = "group"
    BROADCAST = "broadcast"  #: or a channel
    LINK = "link"  #: of WhatsApp's, without a number in it
    SEVERAL_MOBILES = "several_mobiles"  #: of one card
    OTHER_COLUMN = "other_column"  #: column; of a list of whom must not be written to
    TAKEN_AS_WRITTEN = "taken_as_written"  #: of a list of whom must not be written to: added, although no plan has it
    CARD_BROKEN = "card_broken"
    CARD_WITHOUT_NUMBER = "card_without_number"
    NOT_ACCEPTED = "not_accepted"  #: there is a suggestion, and nobody has said yes to it
    LEFT_OUT = "left_out"  #: a person has left the row out
    RULE_IS = "rule_is"  #: column, value; a person's rule leaves the row out, because its cell is this value
    RULE_IS_NOT = "rule_is_not"  #: column, value; as of the next two
    RULE_CONTAINS = "rule_contains"
    RULE_CONTAINS_NOT = "rule_contains_not"
    RULE_EMPTY = "rule_empty"  #: column; as of the next one
    RULE_FILLED = "rule_filled"
    DOUBTFUL = "doubtful"  #: damaged in one of the ways that the number doctor knows
    OTHER = "other"  #: of a version that kept the sentence only


SENTENCES: dict[Fault, str] = {
    Fault.MISSING: "The number is missing.",
    Fault.NOT_TEXT: 'The number must be text: write it as "+", country code and number.',
    Fault.FIELD_NOT_TEXT: "The field {name} must be text or a number.",
    Fault.TEXT_TOO_LONG: "This is too long for a telephone number.",
    Fault.ROUNDED: "The spreadsheet rounded this number and its last digits are lost: format the column as text and "
    "enter it again.",
    Fault.DIGITS_LOST: "Its last digits are lost: format the column as text and enter the number again.",
    Fault.DECIMALS: "This has decimals: a telephone number is a whole number.",
    Fault.DATE: "This is a date, not a telephone number.",
    Fault.SEVERAL: "This is more than one number: keep one, or give each its own row.",
    Fault.EXTENSION: "The number has an extension, which WhatsApp cannot reach: give a direct number.",
    Fault.LETTERS: "This contains letters or characters that are not part of a telephone number.",
    Fault.NO_DIGITS: "It contains no digits.",
    Fault.TOO_MANY: "The number is too long: is it two numbers in one cell?",
    Fault.TOO_SHORT: "The number is too short.",
    Fault.TOO_LONG: "The number is too long.",
    Fault.NO_COUNTRY: "The number has no country code: write it with +, or set WASENDER_DEFAULT_COUNTRY.",
    Fault.NO_COUNTRY_IN_FRONT: "The number is not valid with its first digits as the country code: write it with + and "
    "the right one, or set WASENDER_DEFAULT_COUNTRY.",
    Fault.AMBIGUOUS: "The number could be {abroad} or {home}: write it with + and the country code.",
    Fault.UNKNOWN_COUNTRY: "The number does not start with a valid country code.",
    Fault.NOT_A_NUMBER: "The number is not a telephone number.",
    Fault.TOO_FEW_DIGITS: "The number has too few digits for country code +{country}.",
    Fault.TOO_MANY_DIGITS: "The number has too many digits for country code +{country}.",
    Fault.WRONG_LENGTH: "The number has the wrong number of digits for country code +{country}.",
    Fault.NO_AREA: "The number lacks the area code for country code +{country}.",
    Fault.UNASSIGNED: "There is no such number under country code +{country}: check its digits.",
    Fault.ZERO: "The number has a 0 after country code +{country} that does not belong there: "
    "remove it and check the digits.",
    Fault.SCIENTIFIC: "The spreadsheet shows this number in scientific notation: format the column as text.",
    Fault.HIDDEN_ID: "This is a hidden WhatsApp id (@lid), not a telephone number.",
    Fault.GROUP: "This is a WhatsApp group, not a telephone number.",
    Fault.BROADCAST: "This is a broadcast list or a channel, not a telephone number.",
    Fault.LINK: "This WhatsApp link has no telephone number in it.",
    Fault.SEVERAL_MOBILES: "This card has several mobile numbers and none is marked as preferred: "
    "keep the one to message.",
    Fault.OTHER_COLUMN: "The column {column} also has a number, which was not used: add it if it belongs on the list.",
    Fault.TAKEN_AS_WRITTEN: "Numbers in its country do not have this many digits. It was added as written: check it.",
    Fault.CARD_BROKEN: "This card cannot be read: export it again.",
    Fault.CARD_WITHOUT_NUMBER: "This card has no telephone number.",
    Fault.NOT_ACCEPTED: "The suggestion for this number was not accepted.",
    Fault.LEFT_OUT: "You excluded this row.",
    Fault.RULE_IS: "Your rule excludes rows where {column} is “{value}”.",
    Fault.RULE_IS_NOT: "Your rule excludes rows where {column} is not “{value}”.",
    Fault.RULE_CONTAINS: "Your rule excludes rows where {column} contains “{value}”.",
    Fault.RULE_CONTAINS_NOT: "Your rule excludes rows where {column} does not contain “{value}”.",
    Fault.RULE_EMPTY: "Your rule excludes rows where {column} is empty.",
    Fault.RULE_FILLED: "Your rule excludes rows where {column} is not empty.",
    Fault.DOUBTFUL: "{sentence}",
    Fault.OTHER: "{sentence}",
}
SUGGESTED = "Did you mean {suggestion}?"
ELSEWHERE = "This row has a number in the column {other}: move it, or choose that column."


class Reason(Coded):
    """Why a row is not written to. suggestion, among the values: in E.164, the number that was probably meant; other:
    the title of another column in which the row has a number."""

    SENTENCES = SENTENCES
    OTHER = Fault.OTHER

    def said(self, translate: Callable[[str], str], say: Callable[[str], str]) -> str:
        told, given = super().said(translate, say), dict(self.values)
        return f"{told} {translate(ELSEWHERE).format(**given)}" if "other" in given else told

    def texts(self) -> Sequence[str]:
        asked = (SUGGESTED,) if any(name == "suggestion" for name, _ in self.values) else ()
        return (SENTENCES[Fault(self.code)], *asked)

    def elsewhere(self, column: str) -> Reason:
        """The same, naming another column in which the row has a number; "" for none."""
        return Reason(self.code, (*self.values, ("other", column))) if column else self


def because(code: Fault, **values: str) -> Reason:
    """That reason, with what is filled in."""
    return Reason(code, tuple(values.items()))
