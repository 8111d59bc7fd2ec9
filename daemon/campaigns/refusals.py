"""Why something is refused here: each code with its sentence, see `i18n/coded.py`."""

from __future__ import annotations

from daemon.i18n.coded import Piece, Recorded, Wording


class Why(Wording):
    """The codes are API: they are added to, never changed."""

    PEOPLE_UNFIT = "people_unfit", "people is one of {choices}."
    TEXT_REMOVED = (
        "text_removed_from_origin",
        "The text of job {job} was removed because of its age: give a new message.",
    )
    RECIPIENTS_REMOVED = (
        "recipients_removed_from_origin",
        "The recipients of job {job} were removed because of their age: only counts are left.",
    )
    GROUP_EMPTY = "group_empty", "This group is empty: choose other people."
    TOO_MANY_PEOPLE = "too_many_people", "This is more than {most} people: choose fewer."
    ACCOUNT_UNFIT = "account_unfit", "account is the name of an account: letters, digits, - and _ (32 at most)."
    NO_SUCH_ACCOUNT = "no_such_account", "There is no account {name}. Known accounts: {accounts}."
    SCHEDULE_UNFIT = (
        "schedule_unfit",
        "schedule_at is in milliseconds since 1970, or a date such as 2030-01-31T09:00:00Z.",
    )
    SCHEDULE_TOO_LATE = "schedule_too_late", "schedule_at is at most ten years from now."
    NO_SERIES = "no_series", "There is no repeating campaign {series}."
    SERIES_ENDED = "series_ended", "This repeating campaign has ended: start a new one."
    NO_RUN = "no_run", "This repeating campaign has left out no run at this time."
    SERIES_FORGOTTEN = (
        "series_forgotten",
        "The people of this campaign are no longer kept: it ended too long ago. Start a new one.",
    )
    SERIES_NEVER = "series_never", "No run is left before this end: choose a later one, or other days."
    SCHEDULE_PASSED = "schedule_passed", "This time has passed: choose a later one, or start it now."
    DAILY_CAP_UNFIT = "daily_cap_unfit", "daily_cap is a number of messages, 0 (no cap) to {most}."
    IDEMPOTENCY_KEY_REUSED = (
        "idempotency_key_reused",
        "This Idempotency-Key was used for a different request: use a new key for a new job.",
    )
    RECIPIENTS_GIVEN_OTHERWISE = (
        "recipients_given_otherwise",
        "Give the recipients in exactly one way: as numbers, as recipients, or as upload_id.",
    )
    PHONE_COLUMN_WITHOUT_UPLOAD = (
        "phone_column_without_upload",
        "phone_column names a column of an upload: give its upload_id, too.",
    )
    PER_ROW_OF_UPLOAD = (
        "per_row_of_upload",
        "An earlier version stored this upload without its duplicates: upload the file again to send one message for "
        "each row.",
    )
    DELAYS_UNFIT = "delays_unfit", "delay_min and delay_max are seconds, 0 to {most}, the smaller one first."
    MESSAGE_EMPTY = "message_empty", "The message is empty: write a text or add an attachment."
    MESSAGE_AND_TEMPLATE = "message_and_template", "Give either a message or a template, not both."
    TEMPLATE_WITH_FILES = (
        "template_with_files",
        "A WhatsApp template has no attachments: the file of its header is given as its value header.",
    )
    MARKETING_UNHEARD = (
        "marketing_unheard",
        "Meta does not reach this installation for account {account}, so nobody would hear of people who want no more "
        "marketing: set up its webhook first.",
    )
    TEMPLATE_NEEDS_CLOUD = (
        "template_needs_cloud",
        "Account {account} does not use WhatsApp's Cloud API: WhatsApp templates are sent from an account that does.",
    )
    TEMPLATE_UNKNOWN = (
        "template_unknown",
        "Account {account} has no WhatsApp template {name}. Known templates: {names}. Synchronise them if it is new.",
    )
    TEMPLATE_LANGUAGE_UNKNOWN = (
        "template_language_unknown",
        "The WhatsApp template {name} is not there in the language {language}. Known languages: {known}.",
    )
    TEMPLATE_NOT_APPROVED = (
        "template_not_approved",
        "The WhatsApp template {name} is {status}: only an approved one can be sent.",
    )
    TEMPLATE_UNSUPPORTED = (
        "template_unsupported",
        "The WhatsApp template {name} cannot be sent from here: it has {what}.",
    )
    TEMPLATE_VALUE_MISSING = (
        "template_value_missing",
        "The WhatsApp template {name} needs a value for {value}.",
    )
    TEMPLATE_VALUE_SURPLUS = (
        "template_value_surplus",
        "The WhatsApp template {name} has no place for the value {value}. Its values: {values}.",
    )
    EXTERNAL_ID_TOO_LONG = "external_id_too_long", "external_id takes up to {most} characters."
    EXTERNAL_ID_TOO_LONG_AT = (
        "external_id_too_long_at",
        "{place} {position}: external_id takes up to {most} characters.",
    )
    WINDOW_UNFIT = "window_unfit", "window is written as 09:00-18:00, two different times."
    DRAFT_OF_NEWER_VERSION = (
        "draft_of_newer_version",
        "This draft was saved by a newer version of wasender: continue it there, or discard it.",
    )
    DRY_RUN_OUTDATED = "dry_run_outdated", "Something was changed after the dry run: check it again, then start."
    DRAFT_DISCARDED = "draft_discarded", "This draft was discarded. Start a new campaign."
    DRAFT_STARTED = "draft_started", "This draft was started as campaign {job}: it can no longer be changed."
    LIST_EMPTY = "list_empty", "The list {name} is empty: choose another one, or a file."
    LIST_TOO_LONG = "list_too_long", "The list has more than {most} people: split it."
    SHEET_NOT_CHOSEN = "sheet_not_chosen", "Choose one of the workbook's sheets."
    COLUMN_NOT_CHOSEN = "column_not_chosen", "Choose the column that has the phone numbers."
    DRAFT_CHANGED = "draft_changed", "This draft was changed in the meantime: reload it."
    COLUMNS_NOT_KNOWN = "columns_not_known", "No earlier choice is kept for a file with this header row."
    COLUMN_NOT_SAID = "column_not_said", "First choose the column with the phone numbers."
    DAYS_UNFIT = "days_unfit", "Give a number of days, 1 to {most}."
    TEST_OUTDATED = "test_outdated", "Something was changed after the dry run: check it again, then send a test."
    DRAFT_INCOMPLETE = "draft_incomplete", "Something is still missing: complete the steps before the dry run."
    NOTHING_TO_RETRY = "nothing_to_retry", "Job {job} has no failed messages to retry."
    NOTHING_FOUND_TO_RETRY = "nothing_found_to_retry", "Job {job} has no failed messages that match this search."
    NOT_OVER = "job_not_over", "Job {job} is not over yet: stop it first, or wait until it is done, then archive it."
    MESSAGE_NOT_UNCERTAIN = (
        "message_not_uncertain",
        "Message {message} is {state}: only uncertain messages need a decision.",
    )
    NOT_UNCONFIRMED = "job_not_unconfirmed", "Job {job} does not wait for a decision: it goes on by itself, or is over."
    FIRST_NEEDS_UNCERTAIN = "first_needs_uncertain", "first belongs to the choice uncertain: leave it out."
    STATE_UNFIT = "state_unfit", "state is one of {states}."
    NO_MESSAGE = "no_message", "There is no message {message}."
    SEARCH_TOO_LONG = "search_too_long", "A search text can be at most {most} characters long."
    NO_TEMPLATE = "no_template", "There is no template {template}: it was deleted or never saved."
    NO_CLOUD_TEMPLATE = "no_cloud_template", "There is no WhatsApp template {template}."
    NOBODY = "nobody_to_write_to", "There are no recipients. Add at least one phone number."
    NOBODY_FITS = "nobody_fits", "There are no recipients. {reasons}"
    LANGUAGE_UNKNOWN = (
        "language_unknown",
        "There is no language {language} for dates and amounts: give one such as de, en-GB or pt-BR.",
    )
    UNKNOWN_FIELDS = "unknown_fields", "There is no field {names}: {fields}."


class Unmade(Recorded):
    """Why a run of a series became no campaign."""

    MISSED = "run_missed", "wasender was not running at this time, so this run was left out."


class Part(Piece):
    """As it says."""

    REJECTED_AT = "rejected_at", "{place} {position}: {reason}"


class Stands(Recorded):
    """Why a campaign does not go on, or its account does not send."""

    NO_SENDER = "account_without_sender", "No sender is set up for account {account}: start one for it."
    SILENT = "account_sender_silent", "The sender of account {name} is not running."
    STARTING = "account_starting", "The sender is starting its browser."
    LOADING = "account_loading", "WhatsApp Web is loading."
    ENTER_CODE = "account_needs_code", "WhatsApp is not linked: enter the code on the phone."
    SCAN_CODE = "account_needs_scan", "WhatsApp is not linked: scan the QR code with the phone."
    OFFLINE = "account_offline", "WhatsApp's servers cannot be reached; sending resumes when they can."
    BANNED = "account_banned", "WhatsApp has temporarily banned this account."
    ON_HOLD = "account_on_hold", "The account is on hold: {hold}."
    KNOWN_GO_ON = "known_people_go_on", "People it has messaged before still get their messages."
    PORTFOLIO_LIMIT = (
        "portfolio_limit",
        "Meta lets your business begin conversations with {count} people in 24 hours, and it has. Nobody is lost: the "
        "others follow as soon as that allows it. Whoever has written in the last 24 hours does not count.",
    )
    DRY_RUN = (
        "job_for_real_sender",
        "This campaign waits for a real sender: the account's sender is a dry run.",
    )
    TEMPLATE_BARRED = (
        "template_barred",
        "WhatsApp says that the template {name} ({language}) is {status}: resume the campaign when it is approved "
        "again, or send another one.",
    )
    REPLACED = "job_replaced", "It was changed before it began: campaign {job} is sent instead."
    AFTER_RESTORE = (
        "job_after_restore",
        "The database was restored from a backup, so it may not know of all messages of this campaign that were sent: "
        "decide whether it goes on.",
    )
    AFTER_LONG_STOP = (
        "job_after_long_stop",
        "wasender was not running for more than a day, and this campaign is overdue: decide whether it goes on.",
    )
    WAS_DRY_RUN = (
        "job_begun_by_dry_run",
        "This campaign was started as a dry run, so it is never sent: duplicate it to send it.",
    )


class Gone(Wording):
    """What was removed from a campaign because of its age."""

    TEXTS = "text_removed", "The text of this campaign was removed because of its age."
    FIELDS = "fields_removed", "The recipients' fields were removed because of their age."
    REJECTED = "rejected_removed", "The rejected rows of this campaign were removed because of their age."
    HISTORY = "history_removed", "The history of the messages was removed because of its age."
    RECIPIENTS = (
        "recipients_removed",
        "The recipients of this campaign were removed because of their age: only counts are left.",
    )
