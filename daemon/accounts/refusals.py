"""Why something is refused here: each code with its sentence, see `i18n/coded.py`."""

from __future__ import annotations

from daemon.i18n.coded import Wording


class Why(Wording):
    """The codes are API: they are added to, never changed."""

    NO_BROWSER_PICTURE = (
        "no_browser_picture",
        "There is no screenshot of the browser of account {name}: request one first.",
    )
    NO_PAGE_CHECK = "no_page_check", "The page of account {name} has not been checked in the last day: check it first."
    NO_ACCOUNT = "no_account", "There is no account named {name}: GET /accounts lists them."
    SENDER_AT_WORK = "sender_at_work", "The sender of account {name} is busy: wait until its last task has finished."
    CAP_UNFIT = "cap_unfit", "A cap is a number of messages, 0 (no cap) to {most}."
    QUIET_HOURS_UNFIT = (
        "quiet_hours_unfit",
        "Write quiet hours as 21:00-08:00: two different times, in 24-hour format.",
    )
    UNKNOWN_TIME_ZONE = "unknown_time_zone", "This time zone is unknown: use a name such as Europe/Berlin."
    COUNTRY_UNFIT = "account_country_unfit", "Choose a country from the list."
    ALREADY_LINKED = "already_linked", "Account {name} is already linked: log it out first."
    NOT_LINKED = "not_linked", "Account {name} is not linked: there is nothing to log out of."
    SAY_WHICH_ACCOUNT = "say_which_account", "Say which account it is for: one of {accounts}."
    ACCOUNTS_UNKNOWN = "accounts_unknown", "There is no account called {name}: there are {accounts}."
    PAUSE_UNFIT = "account_pause_unfit", "A pause is a number of seconds, 0 to {most}."
    PAUSES_REVERSED = "pauses_reversed", "The shortest pause is longer than the longest: swap them."
    PAUSE_EVERY_UNFIT = (
        "pause_every_unfit",
        "Say after how many messages there is a long pause: 0 (never) to {most}.",
    )
    TITLE_UNFIT = "account_title_unfit", "Use a name of at most {most} characters, in one line."
    TITLE_TAKEN = "account_title_taken", "Another account is called {title}: choose another name."
    TRANSPORT_UNFIT = "transport_unfit", "A transport is one of these: {names}."
    OWN_NUMBER_UNFIT = (
        "own_number_unfit",
        "Write the account's own number with its country code, such as +491701234567.",
    )
    META_ID_UNFIT = "account_meta_id_unfit", "Write the id that Meta's app dashboard shows, which is digits only."
    NUMBER_ID_TAKEN = (
        "number_id_taken",
        "Another account has this number, and you may not use that account: enter the id of another number.",
    )
    BUSINESS_ID_TAKEN = (
        "business_id_taken",
        "Another account has this business account, and you may not use that account: ask somebody who may use both to "
        "enter it.",
    )
    META_SECRET_UNFIT = "account_meta_secret_unfit", "Write it without blanks, as Meta shows it."
    THROUGHPUT_UNFIT = (
        "account_throughput_unfit",
        "Write how many messages a second Meta allows the number: 1 to {most}.",
    )
    NAME_UNFIT = "account_name_unfit", "Choose a name of letters, digits, - and _ (32 at most)."
    NAME_TAKEN = "account_name_taken", "There is an account named {name} already: choose another name."
    NOT_LET_GO = (
        "account_not_let_go",
        "Account {name} was removed, but is not let go yet: its sender is ending, or its last message is not settled. "
        "Try again in a moment, or choose another name.",
    )
    WAS_REMOVED = "account_was_removed", "Account {name} was removed: nothing can be sent from it."
    NAMED_BY_SETTINGS = (
        "account_named_by_settings",
        "Account {name} is the one that campaigns use when they name none, so it stays. You can rename it, or set "
        "WASENDER_ACCOUNT to another one first.",
    )
    HAS_MESSAGES = (
        "account_has_messages",
        "Account {name} still has messages to send ({queued} queued, {in_flight} being sent) or campaigns that go on "
        "({campaigns}): stop these first, or remove it with cancel=true, which stops them.",
    )
    MORE_THAN_SENDERS = (
        "more_accounts_than_senders",
        "More accounts than senders: set WASENDER_SENDERS to {wanted} (now {senders}) and start wasender again. Until "
        "then nothing is sent from: {accounts}.",
    )
