"""Why somebody does not get a message: a code, and what is filled into its sentence."""

from __future__ import annotations

from enum import StrEnum

from daemon.contacts import reasons
from daemon.i18n.coded import WORDS, Coded, Refusal, Stored


class Detail(StrEnum):
    """What keeps somebody out, beside the faults of a number (`contacts.reasons`). The words are kept with drafts and
    jobs: new ones may come, none is ever changed."""

    REPEATED = "repeated"
    MERGED = "merged"  #: row, name; of another one with the same number
    SAME_NUMBER = "same_number"  #: row
    SAME_ROW = "same_row"  #: row; which says the same
    SUPPRESSED = "suppressed"
    NO_CONSENT = "no_consent"
    LATELY = "lately"  #: days
    CAPPED = "capped"
    NO_FILE = "no_file"
    NOT_UPLOADED = "not_uploaded"  #: file
    FILE_MISSING = "file_missing"  #: file
    FILE_DAMAGED = "file_damaged"  #: file
    TOO_MANY_FILES = "too_many_files"  #: most
    MIXED_FILES = "mixed_files"  #: of versions that did not send a message in parts
    NOTHING = "nothing_to_send"
    FIELD_EMPTY = "field_empty"  #: names
    FIELDS_EMPTY = "fields_empty"  #: names
    TEXT_LONG = "text_long"  #: length, limit
    CAPTION_LONG = "caption_long"  #: length, limit
    NO_DATE = "no_date"  #: field
    DATE_PASSED = "date_passed"  #: field, date
    DATE_TOO_FAR = "date_too_far"  #: field, date
    HEADER_WITHOUT_FILE = "header_without_file"
    HEADER_ONE_FILE = "header_one_file"  #: media
    HEADER_FILE_UNFIT = "header_file_unfit"  #: file, media, types, most
    TEXT_UNFIT = "text_unfit"  #: of a version that kept the sentence only
    UNTOLD = "untold"  #: of a version that kept the sentence only


SENTENCES: dict[Detail, str] = {
    Detail.REPEATED: "Duplicate of an earlier row.",
    Detail.MERGED: "Row {row} ({name}) has the same number and gets the message.",
    Detail.SAME_NUMBER: "Row {row} has the same number and gets the message.",
    Detail.SAME_ROW: "Row {row} says the same.",
    Detail.SUPPRESSED: "The number is on the suppression list.",
    Detail.NO_CONSENT: "No consent of theirs is recorded.",
    Detail.LATELY: "They got a campaign in the last {days} days, or are queued for one.",
    Detail.CAPPED: "They have reached the per-person limit.",
    Detail.NO_FILE: "The row names no file.",
    Detail.NOT_UPLOADED: "The file {file} was not uploaded.",
    Detail.FILE_MISSING: "The file {file} is no longer there: upload it again.",
    Detail.FILE_DAMAGED: "The file {file} is damaged: upload it again.",
    Detail.TOO_MANY_FILES: "A message takes up to {most} attachments.",
    Detail.MIXED_FILES: "Photos and videos can go together; other kinds of attachments cannot be mixed in one message.",
    Detail.NOTHING: "There is neither a text nor a file to send them.",
    Detail.FIELD_EMPTY: "The field {names} is empty.",
    Detail.FIELDS_EMPTY: "The fields {names} are empty.",
    Detail.TEXT_LONG: "The message has {length} characters; {limit} are allowed.",
    Detail.CAPTION_LONG: "The message has {length} characters; {limit} are allowed beside an attachment.",
    Detail.NO_DATE: "The field {field} has no readable date.",
    Detail.DATE_PASSED: "The time for the date {date} in {field} has passed.",
    Detail.DATE_TOO_FAR: "The date {date} in {field} is more than ten years away.",
    Detail.HEADER_WITHOUT_FILE: "The header of this WhatsApp template shows no file: send it without attachments.",
    Detail.HEADER_ONE_FILE: "The header of this WhatsApp template shows one file of the kind {media}.",
    Detail.HEADER_FILE_UNFIT: "{file} cannot be the {media} in the header of a WhatsApp template: it takes {types}, up "
    "to {most} MB.",
    Detail.TEXT_UNFIT: "{sentence}",
    Detail.UNTOLD: "{sentence}",
}


class Details(Coded):
    """What keeps somebody out, where it is not their number."""

    SENTENCES = SENTENCES
    OTHER = Detail.UNTOLD


def details(code: Detail, **values: str) -> Details:
    """The reason with this code, and what is filled into its sentence."""
    return Details(code, tuple(values.items()))


def kept(found: Coded) -> Stored | str:
    """As a draft stores it; `restored` is the way back."""
    return str(found) if found.code is Detail.UNTOLD else found.stored()


def restored(found: Coded | Stored | str) -> Coded:
    """What was kept with a draft: a code with its values, or the sentence of a version before the codes."""
    if isinstance(found, Coded):
        return found
    if isinstance(found, str):
        return details(Detail.UNTOLD, **{WORDS: found})
    code, values = found["code"], found["values"]
    if code in reasons.SENTENCES:
        return reasons.Reason.restored(code, values)
    if Details.known(code) is None and Refusal.known(code) is not None:  # of the text, by whoever fills it in
        return Refusal.restored(code, values)
    return Details.restored(code, values)
