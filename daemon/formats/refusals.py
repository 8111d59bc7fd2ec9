"""Why something is refused here: each code with its sentence, see `i18n/coded.py`."""

from __future__ import annotations

from daemon.i18n.coded import Piece, Recorded, Wording


class Why(Wording):
    """The codes are API: they are added to, never changed."""

    FILE_EMPTY = "file_empty", "{file} is empty: upload a file with at least one telephone number."
    QUOTATION_OPEN = (
        "quotation_open",
        "Line {line} of {file} has a quotation mark that is not closed: close or remove it.",
    )
    NOT_TEXT_FILE = "not_text_file", "{file} is not a text file: save it as .xlsx or .csv and upload that."
    UNKNOWN_ENCODING = "unknown_encoding", "There is no encoding {name} to choose: use one of {known}."
    NOT_IN_ENCODING = "not_in_encoding", "{file} is not in the encoding {encoding}: choose another one."
    CELL_ENDLESS = (
        "cell_endless",
        "A cell below line {line} of {file} is far too long: is a quotation mark not closed?",
    )
    OLD_WORKBOOK = (
        "old_workbook",
        "{file} is an old .xls workbook or is protected by a password: save it as .xlsx without a "
        "password and upload that.",
    )
    NOT_CONTACTS = (
        "not_contacts",
        "{file} is {kind}, not a list of contacts: save it as .xlsx or .csv and upload that.",
    )
    TOO_MANY_COLUMNS = "too_many_columns", "Row {row} of {file} has more than {most} columns: remove some."
    CELL_TOO_LONG = "cell_too_long", "Row {row} of {file} has a cell of more than {most} characters."
    TOO_MANY_ROWS = "too_many_rows", "{file} has more than {most} rows: split it."
    PLACEHOLDER_UNREADABLE = (
        "placeholder_unreadable",
        "Line {line} of the message: a placeholder cannot be read; only {{ field }}, {{ field | filter "
        "}} and {% if field %} can be used.",
    )
    TEXT_EMPTY = "text_empty", "The message is empty: write a text."
    HALF_EMOJI = "half_emoji", "The message contains half of an emoji: enter it again."
    TEXT_TOO_LONG_TO_SEND = "text_too_long_to_send", "The message has more than {most} characters: shorten it."
    IF_NOT_ENDED = "if_not_ended", "Line {line} of the message: an {% if %} has no {% endif %}."
    PLACEHOLDERS_TOO_DEEP = "placeholders_too_deep", "The message's placeholders are too deeply nested: simplify them."
    TOO_MANY_PLACEHOLDERS = "too_many_placeholders", "The message has too many placeholders: simplify it."
    PLACEHOLDER_NOT_ALLOWED = (
        "placeholder_not_allowed",
        "Line {line} of the message: {what} cannot be used; only {{ field }}, {{ field | filter }} and "
        "{% if field %} can.",
    )
    PLACEHOLDER_WITHOUT_FIELD = (
        "placeholder_without_field",
        "Line {line} of the message: a placeholder has no field in it; write the name of a column, such "
        "as {{ name }}, not a number or a text in quotes.",
    )
    ROWS_ALL_HIDDEN = "rows_all_hidden", "All rows of {file} are hidden: show them, or remove the filter."
    FILE_PROTECTED = "file_protected", "{file} is protected by a password: save it as .xlsx or .csv and upload that."
    FILE_UNPACKS_TOO_FAR = (
        "file_unpacks_too_far",
        "{file} unpacks to far more than a list of contacts: split it, or use .csv.",
    )
    NOT_A_WORKBOOK = (
        "not_a_workbook",
        "{file} is an archive, but not an .xlsx workbook: save it as .xlsx or .csv and upload that.",
    )
    FILE_DAMAGED_WORKBOOK = (
        "file_damaged_workbook",
        "{file} is damaged: open it in a spreadsheet, save it as .xlsx or .csv and upload that.",
    )
    TOO_MANY_STYLES = (
        "too_many_styles",
        "{file} has more than {most} texts or styles: copy the list to a new workbook, or use .csv.",
    )
    NOT_BY_SPREADSHEET = (
        "not_by_spreadsheet",
        "{file} was not written by a spreadsheet: save it as .xlsx or .csv and upload that.",
    )
    CELLS_FAR_OUTSIDE = "cells_far_outside", "{file} has cells far outside the list: copy the list to a new workbook."
    THREE_BRACES = (
        "three_braces",
        "Line {line} of the message: a placeholder has two braces on each side, not three: write {{ name }}.",
    )
    PLACEHOLDER_NOT_CLOSED = (
        "placeholder_not_closed",
        "Line {line} of the message: a placeholder is opened with {{ but not closed with }}: write {{ name }}.",
    )
    PLACEHOLDER_EMPTY = (
        "placeholder_empty",
        "Line {line} of the message: a placeholder is empty: write the name of a field in it, as in {{ name }}.",
    )
    PLACEHOLDER_OF_ANOTHER_PROGRAM = (
        "placeholder_of_another_program",
        "Line {line} of the message: {{ {written} }} is written as in another program: write {{ name }}, or {% if "
        "name %} … {% endif %}.",
    )
    PLACEHOLDER_QUOTES_NOT_STRAIGHT = (
        "placeholder_quotes_not_straight",
        "Line {line} of the message: quotation marks in a placeholder are straight: write {{ name }} or {{ "
        'name | default("friend") }}.',
    )
    FILTER_WITHOUT_BRACKETS = (
        "filter_without_brackets",
        "Line {line} of the message: put a filter's value in brackets: write {{ {better} }}.",
    )
    FIELD_WITH_SPACES = (
        "field_with_spaces",
        "Line {line} of the message: names of fields have no spaces: write {{ {better} }}.",
    )
    FIELD_WITH_SIGNS = (
        "field_with_signs",
        "Line {line} of the message: names of fields have only letters, digits and _, and no digit first: "
        "write {{ {better} }}.",
    )
    TAG_NOT_CLOSED = (
        "tag_not_closed",
        "Line {line} of the message: a tag is opened with {% but not closed with %}: write {% if name %} … "
        "{% endif %}.",
    )
    TAG_EMPTY = (
        "tag_empty",
        "Line {line} of the message: a tag is empty: write {% if name %} … {% endif %}.",
    )
    ELIF_WANTED = (
        "elif_wanted",
        "Line {line} of the message: write elif instead of {tag}.",
    )
    TAG_WITHOUT_IF = (
        "tag_without_if",
        "Line {line} of the message: the tag {% {tag} %} has no {% if %} before it.",
    )
    TAG_QUOTES_NOT_STRAIGHT = (
        "tag_quotes_not_straight",
        'Line {line} of the message: quotation marks in a tag are straight: write {% if name == "Ann" %}.',
    )
    ONE_SIGN_OF_COMPARISON = (
        "one_sign_of_comparison",
        'Line {line} of the message: two values are compared by two signs: write {% if name == "Ann" %}.',
    )
    PATTERN_UNFIT = (
        "pattern_unfit",
        "Line {line} of the message: {pattern} is not a pattern for a {filter}: write {{ {example} }}.",
    )
    TEXT_NOT_FOR_ALL = (
        "text_not_for_all",
        "The message does not fit {who}, by position: {places}{more}.",
    )


class Unmade(Wording):
    """Why a WhatsApp template that somebody writes is not handed in."""

    NAME_UNFIT = "template_name_unfit", "A WhatsApp template is named with small letters, digits and _ only."
    LANGUAGE_UNFIT = "template_language_unfit", "Write the language as WhatsApp does: en_US, de, pt_BR."
    CATEGORY_UNFIT = "template_category_unfit", "The category is one of {categories}."
    PLACES_UNFIT = (
        "template_places_unfit",
        "Number the places {first}, {second} and so on, without a gap, or give all of them names.",
    )
    PLACE_AT_END = "template_place_at_end", "The body has to begin and to end with words, not with a place."
    EXAMPLE_MISSING = "template_example_missing", "Give an example of what stands in {place}: Meta looks at it."
    BUTTONS_TOO_MANY = "template_buttons_too_many", "A WhatsApp template has {most} buttons at most."
    URL_UNFIT = "template_url_unfit", "Write the address of a button as {example}."
    TEXT_MISSING = "template_text_missing", "Write the {field} of the WhatsApp template."
    TEXT_TOO_LONG = "template_text_too_long", "The {field} of a WhatsApp template has {most} characters at most."


class Unsent(Recorded):
    """Why a message is not sent, which its history keeps in words."""

    FILLED_IN_TOO_LONG = "filled_in_too_long", "The message has more than {most} characters."
    FIELD_TOO_LONG = (
        "field_too_long",
        "The field {name} has more than {most} characters.",
    )
    NOT_FILLABLE = (
        "not_fillable",
        "The message cannot be filled in with these fields: simplify its placeholders.",
    )
    FIELD_EMPTY_IN_TEXT = (
        "field_empty_in_text",
        "The field {names} is empty.",
    )
    FIELDS_EMPTY_IN_TEXT = (
        "fields_empty_in_text",
        "The fields {names} are empty.",
    )
    TEXT_BLANK = (
        "text_blank",
        "The message is blank for this recipient.",
    )
    MESSAGE_TOO_LONG = (
        "message_too_long",
        "The message has {length} characters; {limit} are allowed.",
    )
    CAPTION_TOO_LONG = (
        "caption_too_long",
        "The message has {length} characters; {limit} are allowed beside an attachment.",
    )
    TEMPLATE_VALUE_EMPTY = (
        "template_value_empty",
        "What is filled into {place} of the WhatsApp template is empty.",
    )
    TEMPLATE_VALUE_NO_COORDINATE = (
        "template_value_no_coordinate",
        "What is filled into {place} of the WhatsApp template is no coordinate: write degrees with a point, such as "
        "52.5163.",
    )
    TEMPLATE_VALUE_LINES = (
        "template_value_lines",
        "What is filled into {place} of the WhatsApp template has a line break or a tab, which WhatsApp does not take.",
    )
    TEMPLATE_VALUE_BLANKS = (
        "template_value_blanks",
        "What is filled into {place} of the WhatsApp template has more than {most} spaces in a row, which WhatsApp "
        "does not take.",
    )
    NOT_A_DATE = (
        "field_not_a_date",
        "The field {name} is not a date: write it as 2026-11-29 or 29.11.2026.",
    )
    DATE_AMBIGUOUS = (
        "date_ambiguous",
        "The date in the field {name} could be read in two ways: say whether the day or the month comes first, or "
        "write it as 2026-04-03.",
    )
    NOT_A_TIME = (
        "field_not_a_time",
        "The field {name} is not a time: write it as 14:30.",
    )
    NOT_A_NUMBER = (
        "field_not_a_number",
        "The field {name} is not a number: write it as 1234.50.",
    )
    NUMBER_AMBIGUOUS = (
        "number_ambiguous",
        "The number in the field {name} could be read in two ways: write it without a separator for thousands.",
    )
    CURRENCY_UNKNOWN = (
        "currency_unknown",
        'The amount in the field {name} has no currency: write it with its sign, or {{ {name} | money("EUR") }} in the '
        "message.",
    )


class Part(Piece):
    """As it says."""

    ONE_RECIPIENT = (
        "one_recipient",
        "1 recipient",
    )
    MANY_RECIPIENTS = (
        "many_recipients",
        "{count} recipients",
    )
    UNFIT_AT = (
        "unfit_at",
        "{position} ({reason})",
    )
    AND_MORE = (
        "and_more",
        "; and {count} more",
    )
    FILTER = (
        "the_filter",
        "the filter {name}",
    )
    FILTER_ARGUMENTS = (
        "filter_arguments",
        "the filter {name} with these arguments",
    )
    TEST = (
        "the_test",
        "the test {name}",
    )
    NAME = (
        "the_name",
        "the name {name}",
    )


class Warned(Wording):
    """What a text is warned of, and sent all the same."""

    WORDS_TO_CHOOSE = (
        "words_to_choose",
        '"{written}" is sent as it is written: wasender does not choose between words.',
    )
    PLACEHOLDER_OF_COLUMN = (
        "placeholder_of_column",
        '"{written}" is sent as it is written: write {{ {field} }} for that column.',
    )
    PLACEHOLDER_UNKNOWN = (
        "placeholder_unknown",
        '"{written}" is sent as it is written: a column is filled in where its name stands in {{ }}.',
    )
