"""Why something is refused here: each code with its sentence, see `i18n/coded.py`."""

from __future__ import annotations

from daemon.i18n.coded import Wording


class Why(Wording):
    """The codes are API: they are added to, never changed."""

    NOTHING_CHOSEN = "confirmation_without_choice", "Choose what becomes of this campaign with one of its buttons."
    WORK_CANCELLED = "work_cancelled", "Cancelled: nothing was changed."
    DRAFT_BUSY = (
        "draft_busy",
        "Something else is being done with this campaign: press the button again when that is finished.",
    )
    ACCOUNT_NOT_LISTED = "account_not_listed", "Choose one of the accounts in the list."
    PAUSE_REVERSED = "pause_reversed", "The pause in seconds: give the shorter one first."
    ZONE_NOT_LISTED = "zone_not_listed", "Choose one of the time zones in the list."
    START_NOT_GIVEN = "start_not_given", "Enter the day and time to start."
    START_TWOFOLD = (
        "start_twofold",
        "There is a day and time, but “Right away” is chosen: choose “At this time”, or remove the day.",
    )
    WEEKDAYS_NOT_GIVEN = "weekdays_not_given", "Tick at least one weekday."
    TIME_NOT_GIVEN = "time_not_given", "Enter the time of day, such as 09:00."
    DATE_FIELD_NOT_LISTED = "date_field_not_listed", "Choose a column that has dates."
    DATE_ORDER_NOT_SAID = (
        "date_order_not_said",
        "In some of these dates the day and the month could be swapped: say which comes first.",
    )
    UNTIL_UNFIT = "until_unfit", "Enter the last day as a date, or leave it empty."
    START_NOT_CONFIRMED = (
        "start_not_confirmed",
        "Look at these figures once more, then tick that the campaign is to start.",
    )
    START_PASSED = "start_passed", "This time has passed: choose a later one, or start right away."
    START_TOO_LATE = "start_too_late", "This time is more than ten years away: choose an earlier one."
    START_SKIPPED = "start_skipped", "On that day the clocks go forward over this time: choose an earlier or later one."
    HOURS_NOT_DIFFERENT = "hours_not_different", "Enter two different times, or leave both empty."
    FIELD_NOT_LISTED = "field_not_listed", "There is no field {names}: use one of those listed below the text."
    NOTHING_WRITTEN = "nothing_written", "Write a message, or add an attachment."
    FILE_ABOVE_LIMIT = "file_above_limit", "{file} is larger than {limit} MB."
    COUNTRY_NOT_LISTED = "country_not_listed", "Choose one of the countries in the list."
    PHONE_COLUMN_NOT_ONE = "phone_column_not_one", "Choose exactly one column as the phone number."
    ATTACHMENT_COLUMN_NOT_ONE = "attachment_column_not_one", "Only one column can be the personal attachment."
    SECOND_COLUMN_NOT_ONE = "second_column_not_one", "Only one column can be the second phone number."
    RULE_WITHOUT_VALUE = "rule_without_value", "Rule {rule}: enter a value, or remove the rule."
    RULES_LEAVE_NOBODY = "rules_leave_nobody", "Your rules exclude every row: change one of them."
    ROWS_NOT_DECIDED = (
        "rows_not_decided",
        "Some people may not want messages: choose “Exclude them” or “Include them” under “Which rows?”.",
    )
    SHARED_NOT_DECIDED = (
        "shared_not_decided",
        "Several rows share a number: choose whether each person or each number gets a message.",
    )
    COLUMN_WITHOUT_NAME = "column_without_name", "Give column {column} a name, or ignore it."
    ENCODING_WITHOUT_FILE = "encoding_without_file", "Choose the file again, together with its encoding."
    NO_PEOPLE_GIVEN = "no_people_given", "Choose a file, paste numbers or choose a list."
    PEOPLE_STAY = "people_stay", "The campaign has its people already: press the button to replace them."
    NOT_OUR_FORM = "not_our_form", "This form does not belong to this page: open the page again."
    PAUSE_UNFIT = "pause_unfit", "The pause is a number of seconds, 0 to {most}."
    RATE_NOT_WHOLE = "rate_not_whole", "Enter a whole number of requests a minute, or leave the field empty."
    CAP_NOT_WHOLE = (
        "cap_not_whole",
        "A cap is a whole number of messages, 0 for no cap. Leave it empty for the default.",
    )
    ENCODING_GUESSED = (
        "encoding_guessed",
        "The encoding of {file} is a guess, {encoding}, by which it has the text {word}: choose the file "
        "again, together with its encoding.",
    )
    NOBODY_TO_ADD = "nobody_to_add", "There is nobody to add: choose a contacts file or paste phone numbers."
    NOT_THE_LOGIN_FORM = "not_the_login_form", "This is not the login form."
    LOGIN_FROM_ELSEWHERE = (
        "login_from_elsewhere",
        "This login form came from another site: open the page itself and log in there.",
    )
    DAY_NOT_GIVEN = "day_not_given", "Give the day on which they agreed."
    HOW_NOT_CHOSEN = "how_not_chosen", "Choose how it was said."
    PAGE_NOT_FOUND = "page_not_found", "There is nothing at {path}."
    ATTACHMENT_ABOVE_LIMIT = "attachment_above_limit", "The file is larger than {limit} MB."
    THIS_IS_YOU = (
        "this_is_you",
        "You cannot do this to yourself: ask another administrator, or somebody with the API key.",
    )
    KEY_IS_NO_PASSWORD = (
        "key_is_no_password",
        "The API key is not a user's password: change it in the settings of the daemon.",
    )
    ROW_UNFIT = "row_unfit", "Row {row}: {why}"
    SENT_UNFIT = "sent_unfit", "{name}: {reason}."
    NOT_WHOLE = "not_whole", "{what} is a whole number, {least} to {most}."
    NO_CAMPAIGN = "no_campaign", "There is no campaign {campaign}."
    ADDRESS_INCOMPLETE = "address_incomplete", "This address is not complete: open the page again from the menu."
