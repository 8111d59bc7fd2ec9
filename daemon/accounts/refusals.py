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
