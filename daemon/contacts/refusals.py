"""Why something is refused here: each code with its sentence, see `i18n/coded.py`."""

from __future__ import annotations

from daemon.i18n.coded import Piece, Recorded, Wording


class Why(Wording):
    """The codes are API: they are added to, never changed."""

    STORING_LIST_INTERRUPTED = (
        "storing_list_interrupted",
        "Storing the list was interrupted for too long: start it again.",
    )
    FIELD_NAME_UNFIT = (
        "field_name_unfit",
        "The field name {name} cannot be used: begin with a letter, then letters, digits and _ only.",
    )
    FIELD_NAME_TAKEN = "field_name_taken", "Two columns cannot both be called {name}: rename one of them."
    FILE_TAKES_MEMORY = "file_takes_memory", "{file} takes too much memory to read: split it, or save it as .csv."
    CONTACTS_FILE_TOO_LARGE = (
        "contacts_file_too_large",
        "The contacts file is larger than 32 MB: split it, or save it as CSV.",
    )
    READING_BUSY = "reading_busy", "Many files are being read at the moment: try again in a minute."
    READING_STOPPED = (
        "reading_stopped",
        "wasender is shutting down, so the file was not read: upload it again after the restart.",
    )
    FILE_TAKES_TIME = "file_takes_time", "{file} takes too long to read: split it, or save it as .csv."
    FILE_ONLY_HEADER = "file_only_header", "{file} has only a header, no contacts: add a row for each person."
    NO_PHONE_COLUMN = (
        "no_phone_column",
        "No column of {file} looks like telephone numbers: put them in a column of their own, with + and "
        "the country code.",
    )
    TOO_MANY_FIELDS = (
        "too_many_fields",
        "Entry {position} has more than {most} fields: leave out what no message needs.",
    )
    TOO_MANY_REJECTED = (
        "too_many_rejected",
        "More than {most} rows have no usable telephone number: put the numbers in a column of their own, with + and "
        "the country code.",
    )
    NO_LIST = "no_list", "There is no contact list {list}: it was deleted or never created."
    SEARCH_OF_HIDDEN_NUMBERS = (
        "search_of_hidden_numbers",
        "Numbers are hidden from you, so they cannot be searched for: search for a name.",
    )
    UNKNOWN_PHONE_COLUMN = "unknown_phone_column", "phone_column: there is no column {name}: the columns are {known}."
    NUMBERS_ON_SEVERAL_SHEETS = (
        "numbers_on_several_sheets",
        "{file} has telephone numbers on several sheets, {sheets}: say which one with sheet, or keep "
        "only that one in the file.",
    )
    FORMULA_UNSOLVED = (
        "formula_unsolved",
        "The cell {cell} of {file} is a formula without a result: open the file in a spreadsheet, save "
        "it there, and upload that.",
    )
    NO_SHEET = "no_sheet", "{file} has no sheet {name}: use one of {sheets}."
    ATTACHMENT_DELETED = "attachment_deleted", "An attachment was deleted in the meantime: upload it again."
    TOO_MUCH_PASTED = "too_much_pasted", "This is more than {most} numbers: upload it as a file instead."
    NOTHING_TO_IMPORT = (
        "nothing_to_import",
        "There is nothing to import: choose a file, or paste at least one telephone number.",
    )
    NOT_SUPPRESSED = "not_suppressed", "This number is not on the suppression list."
    CONSENT_IN_FUTURE = "consent_in_future", "The date lies in the future: give the day on which it was said."
    CONSENT_WORDS_LONG = "consent_words_long", "This is longer than {most} characters: shorten it."
    CONSENT_OTHER_HOW = "consent_other_how", "Say in your own words how it was given."
    CONSENT_WITHDRAWN_SINCE = (
        "consent_withdrawn_since",
        "This person withdrew on {day}: only a consent that they gave later counts.",
    )
    CONSENT_COLUMN_UNKNOWN = "consent_column_unknown", "There is no column {name}: the columns are {known}."
    CONSENT_COLUMN_NOT_GIVEN = (
        "consent_column_not_given",
        "Say which column has the day on which people agreed: the columns are {known}.",
    )
    CONSENT_DAY_OR_MONTH = (
        "consent_day_or_month",
        "In {date} the day or the month may come first: choose which.",
    )
    CURSOR_UNFIT = "cursor_unfit", "Take cursor from next_cursor of the previous answer."
    REASON_TOO_LONG = "reason_too_long", "The reason is longer than {most} characters: shorten it."
    NO_UPLOAD = "no_upload", "There is no upload {upload}: POST /upload the contacts file first."
    UPLOAD_EMPTY = "upload_empty", "The file is empty: choose one with content."
    NO_ATTACHMENT = (
        "no_attachment",
        "There is no attachment {attachment}: POST /upload_attachment the file and use the id in the answer.",
    )
    ATTACHMENT_DAMAGED = "attachment_damaged", "The file {file} is damaged: upload it again."
    COUNTRY_UNKNOWN = "country_unknown", "{country} is no country: give its two-letter code, such as DE, US or IN."
    PHONE_COLUMN_CHOSEN = (
        "phone_column_chosen",
        'This upload was read with the column "{column}": to choose another one, POST /upload the file '
        "again with phone_column.",
    )
    ATTACHMENT_GONE = "attachment_gone", "The file {file} is no longer there: upload it again."
    NAME_MISSING = "name_missing", "The {what} needs a name."
    NAME_TOO_LONG = "name_too_long", "The name of a {what} can be up to {most} characters long."
    NAME_TAKEN = "name_taken", "There is already a {what} called {name}: choose another name."
    NO_NUMBER_FITS = "no_number_fits", "None of these telephone numbers can be used, by position: {first}"


class Unsent(Recorded):
    """Why a message is not sent, which its history keeps in words."""

    ATTACHMENT_NOT_STORED = (
        "attachment_not_stored",
        "An attachment of this campaign is no longer stored: restore it from a backup, or stop this "
        "campaign and create a new one.",
    )
    ATTACHMENT_LOST = (
        "attachment_lost",
        "The file of attachment {attachment} is missing or damaged: restore it from a backup and resume this "
        "campaign, "
        "or stop it and create a new one.",
    )


class Part(Piece):
    """As it says."""

    NUMBER_AT = "number_at", "{position}: {reason}"
