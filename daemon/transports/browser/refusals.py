"""Why something is refused here: each code with its sentence, see `i18n/coded.py`."""

from __future__ import annotations

from daemon.i18n.coded import Recorded, Wording


class Why(Wording):
    """The codes are API: they are added to, never changed."""

    TOO_LARGE = "selectors_too_large", "{file} is too large for a {name}: use the file as it was published."
    UNREADABLE = ("selectors_unreadable", "{file} cannot be read ({reason}): check that it is there and readable.")
    NOT_UTF8 = "selectors_not_utf8", "{file} is not text in UTF-8: use the file as it was published."
    NOT_TOML = "selectors_not_toml", "{name} is not valid TOML: {reason}. Use the file as it was published."
    UNUSABLE = ("selectors_unusable", "{name} cannot be used: {problems}. Use the file as it was published.")
    NOT_NEWER = (
        "selectors_not_newer",
        "{file} is of {date}, and the file that came with this version of {ours}: it would not be used, so nothing was "
        "installed.",
    )
    NEWER_INSTALLED = (
        "selectors_newer_installed",
        "{file} is of {date}, and the installed one of {installed}: nothing was changed. Add --older to go back to it.",
    )


class Unsent(Recorded):
    """Why WhatsApp Web does not take a message, or does not do what it is asked to."""

    PAGE_CHANGED_SO = "page_changed_while_prepared_so", "The page changed while the message was prepared ({reason})."
    PAGE_CHANGED = "page_changed_while_prepared", "The page changed while the message was prepared."
    LOADING = "whatsapp_web_loading", "WhatsApp Web is loading."
    EARLIER_ATTACHMENT = (
        "earlier_attachment_shown",
        "An earlier attachment was still on the page; the page is reloaded.",
    )
    CHAT_IN_USE = (
        "chat_in_use_by_person",
        "Somebody has started to write in this chat: send or delete that text in WhatsApp.",
    )
    PARTS_MISSING = "parts_missing", "WhatsApp Web has changed; not found: {parts}."
    CHAT_BLANK = "chat_blank", "The chat does not show its messages; the page is reloaded."
    NOT_PREPARED = "not_prepared", "The message was not prepared."
    CHAT_GONE = "chat_gone", "The chat has disappeared from the screen since the message was prepared."
    LEASE_RAN_OUT = "lease_ran_out_before_send", "Time ran out before Send was clicked."
    ONLY_A_PART = "only_a_part_sent", "Only a part of the message was sent: {error}"
    CHANGED_WHILE_SENT = "page_changed_while_sent", "The page changed while the message was being sent."
    RELOADED_AT_SEND = "page_reloaded_at_send", "The page was reloaded while Send was being clicked."
    SEND_IGNORED = "send_ignored", "WhatsApp did not react to the Send button."
    CHANGED_WHILE_READ = "page_changed_while_read", "The page changed while a chat was read."
    CHAT_NOT_OPENED = "chat_not_opened", "The chat could not be opened, or could not be confirmed as the right one."
    NOT_BACK = "not_back_after_reload", "WhatsApp Web did not come back after a reload."
    PAGE_BUSY = "page_busy", "The page is busy with something else."
    CHAT_UNANSWERED = "chat_unanswered", "WhatsApp does not open the chat: its server does not answer."
    NOT_ON_WHATSAPP = "not_on_whatsapp", "The number is not on WhatsApp."
    NO_NEW_CHATS = "no_new_chats", "WhatsApp does not let this account start new chats."
    BLOCKED = "contact_blocked", "This contact is blocked in WhatsApp."
    NO_TEXT_BOX = "no_text_box", "The chat has no text box."
    TEXT_TOO_LONG = "whatsapp_text_too_long", "The text is longer than {TEXT_MAX} characters."
    NOTHING_TO_SEND = "message_without_content", "The message is empty."
    TEXT_BOX_GONE = "text_box_gone", "The text box has disappeared."
    OLD_DRAFT_STAYS = "old_draft_stays", "An old draft could not be removed from the chat."
    TEXT_NOT_ACCEPTED = "text_not_accepted", "WhatsApp's text box does not accept the text unchanged."
    NO_PREVIEW = "no_preview", "WhatsApp shows no preview of the attachment."
    MENU_UNLIKE = "attachment_menu_unlike", "WhatsApp's menu for attachments is not as expected."
    FILE_MISSING = "attachment_file_missing", "The attachment's file is missing."
    FILE_NOT_READY = "attachment_file_not_ready", "The attachment's file cannot be made ready ({reason})."
    RELOADED_BEFORE_TICK = "reloaded_before_tick", "The page was reloaded before WhatsApp's tick came."
    ON_THE_CLOCK = "still_on_the_clock", "The message is still on the clock."
    NOT_SHOWN = "not_shown_in_chat", "The message does not show up in the chat."
    REPORTED_NOT_SENT = "reported_not_sent", "WhatsApp reports that the message was not sent."
    LINKED_ALREADY = "linked_already", "The account is linked already: log it out first."
    NOT_LINKED_YET = "not_linked_yet", "The account is not linked: there is nothing to log out of."
    NO_QR_CODE = "qr_code_not_shown", "WhatsApp Web does not show its QR code now: try again in a minute."
    NO_LINK_CODE = (
        "link_code_not_shown",
        "WhatsApp Web shows no code for a telephone number now: scan the QR code instead.",
    )
    CHANGED_MEANWHILE = "page_changed_meanwhile", "WhatsApp Web changed in the meantime: try again."
    NO_CONNECTION = "no_connection", "WhatsApp Web has no connection to its servers."
    NOT_USABLE = "account_not_usable", "The account is {state}."
    NO_SCREENSHOT = "no_screenshot_taken", "Chrome could not take a screenshot: try again."
    NOT_CLICKED = "send_not_clicked", "The message was not sent. {why}"
    CHAT_CHANGED_OVER = "another_chat_opened", "Another chat was opened in the meantime."
    TEXT_CHANGED = "text_changed_meanwhile", "The text was changed in the meantime."
    CHAT_MOVED_ON = "chat_changed_meanwhile", "The chat changed in the meantime."
    DIALOG_CAME_UP = "dialog_came_up", "A dialog came up."
    PAGE_OCCUPIED = "page_occupied", "The page is busy."
    NO_SEND_BUTTON = "no_send_button", "There is no Send button."
    NUMBER_NOT_TAKEN = "number_not_taken", "WhatsApp does not take this number: {words}"
    NO_WAY_OUT = "no_way_to_log_out", "WhatsApp Web shows no way to log out at the moment. {BY_PHONE}"
    FILE_TOO_LARGE = "attachment_too_large", "WhatsApp refuses the attachment: it is larger than the limit."
    FILE_UNSUPPORTED = (
        "attachment_unsupported",
        "WhatsApp refuses the attachment: this kind of file is not supported.",
    )
    FILE_EMPTY = "attachment_empty", "WhatsApp refuses the attachment: the file is empty."


class Lacking(Wording):
    """What the machine lacks that Chrome needs."""

    NO_CHROME = (
        "no_chrome",
        "No Chromium or Chrome is installed. On Debian: apt install chromium chromium-driver; or set WASENDER_CHROME "
        "to its path.",
    )
    NO_DRIVER = (
        "no_chromedriver",
        "No chromedriver is installed. On Debian: apt install chromium chromium-driver; or set "
        "WASENDER_CHROMEDRIVER to its path.",
    )
    NO_PROGRAM = "no_program", "{setting}={value} is not a program: set it to the path of {what}, or leave it out."
    NOT_RUNNING = (
        "chrome_not_running",
        "{program} does not run ({reason}). On Debian: apt install chromium chromium-driver.",
    )
    NO_VERSION = (
        "chrome_without_version",
        "{program} does not tell its version, so it is probably not Chrome. On Debian: apt install chromium "
        "chromium-driver.",
    )
    VERSIONS_DIFFER = (
        "chrome_versions_differ",
        "{program} and its chromedriver are of different versions. On Debian: apt install chromium chromium-driver.",
    )
    NO_SANDBOX = (
        "no_chrome_sandbox",
        "Chrome's sandbox does not work on this machine: {words} On Debian: apt install chromium-sandbox, or allow "
        "user namespaces.",
    )
    NO_DISPLAY = (
        "no_display",
        "There is no display to show Chrome on. On Debian: apt install xvfb; or set WASENDER_HEADLESS=auto.",
    )
    NO_XVFB = "no_xvfb", "{program} does not start: try it by hand, or set WASENDER_HEADLESS=true."
    PROFILE = "profile_not_writable", "The browser profile {folder} cannot be written to ({reason}): change its owner."
    SELECTORS = (
        "selectors_not_writable",
        "{file} cannot be written ({reason}): use the account that owns the data folder.",
    )


class Lost(Recorded):
    """What has become of Chrome or its driver."""

    NOT_UP = "chrome_not_up", "Chrome does not start."
    ENDED = "chrome_ended_at_start", "Chrome ended as soon as it was started (exit code {code}). {words}"
    CLOSED = "chrome_closed", "Chrome was closed."
    FAILED = "chrome_failed", "Chrome or its driver failed: {reason}"
    GONE = "chrome_gone", "Chrome is not running."
    SILENT = "chrome_silent", "Chrome did not answer for {seconds} s."
    BUSY = "chrome_busy", "Chrome is still busy with an operation that was cancelled."
    PAGE_SILENT = "whatsapp_web_silent", "WhatsApp Web does not respond."


class Screen(Recorded):
    """How the account is, by what WhatsApp Web shows."""

    RESTRICTED_NEW = "restricted_new_chats", "WhatsApp has restricted this account: it can't start new chats."
    MONTHLY_CAP = "monthly_cap_reached", "No new chats can be started this month."
    UNREACHED = "whatsapp_web_unreached", "WhatsApp Web cannot be reached ({error})."
    BANNED = "banned_temporarily", "WhatsApp has temporarily banned this account. Details are shown on the phone."
    OTHER_WINDOW = "open_in_other_window", "WhatsApp Web is open in another window."
    LOGGED_OUT = "logged_out_by_whatsapp", "WhatsApp logged this device out: link it again."
    LOGGING_OUT = "logging_out", "WhatsApp is logging this device out."
    UNSUPPORTED = "browser_unsupported", "WhatsApp Web does not support this browser: update Chromium."
    TOO_OLD = "phone_app_too_old", "WhatsApp on the phone is too old: update it there."
    TERMS = "terms_to_confirm", "WhatsApp asks for a confirmation on the phone: open WhatsApp there."
    NOT_LOADING = (
        "whatsapp_web_not_loading",
        "WhatsApp Web does not load: its service is unavailable, or this network blocks it.",
    )
    RESTRICTED = "restricted_by_whatsapp", "WhatsApp has restricted this account."
    PHONE_OFFLINE = "phone_long_offline", "The phone has not been online for a while."
    FOREIGN = (
        "page_in_other_language",
        "WhatsApp Web is in another language ({language}), but sending needs it in English: choose English in its "
        "settings (Settings, then Language).",
    )
    PASSKEY = (
        "passkey_wanted",
        "WhatsApp wants a passkey before it links this device. That works only in a visible browser, with the phone "
        "nearby: see docs/install.md, Linking with a passkey.",
    )
    TOO_MANY = (
        "too_many_link_attempts",
        "WhatsApp allows no more attempts to link for now: wait a few hours, then try once more.",
    )
    CHECKPOINT = (
        "security_check_wanted",
        "WhatsApp wants a security check (a passkey) before this device can continue. That works only in a visible "
        "browser, with the phone nearby: see docs/install.md, Linking with a passkey.",
    )
    DIALOG = "unknown_dialog_shown", "{sentence}"
    INSTEAD = "page_shows_other", "Instead of WhatsApp Web the page shows: {shown}"
    INSTEAD_NOTHING = "page_shows_nothing", "Instead of WhatsApp Web the page shows: nothing"


class Look(Recorded):
    """What a look into the chat has found of a message."""

    CHAT_EMPTY = "look_chat_empty", "The chat shows nothing at all: it may not have loaded."
    TOO_FAR = "look_history_not_loaded", "The chat's history could not be loaded as far as needed."
    NOT_PROVED = "look_chat_not_proved", "The open chat cannot be confirmed as the right one."
    LAST_GONE = "look_last_gone", "The message that was last in the chat is no longer there."
    SIMILAR = "look_similar", "A similar message is in the chat, but it may be an older one."
    UNREADABLE = "look_unreadable", "There is a message in the chat whose content cannot be read."
    ABSENT = "look_absent", "The chat is loaded and the message is not in it."
    FAILED = "look_failed", "It is in the chat, and WhatsApp says it was not sent."
    WAITING = "look_waiting", "It is in the chat, still with the clock icon."
    SENT = "look_sent", "It is in the chat, with WhatsApp's tick."
    RELOADED = "look_page_reloaded", "The page was reloaded while the chat was being checked."
    OFFLINE = "look_offline", "It is not in the chat, but WhatsApp Web is offline."
    NOT_OPENED = (
        "look_not_opened",
        "WhatsApp does not open the chat now (not on WhatsApp, or blocked), so it cannot be checked.",
    )
    FAILED_PARTS = (
        "look_failed_parts",
        "Of the message's {wanted} parts WhatsApp reports {count} as not sent.",
    )
    ONLY_PARTS = "look_only_parts", "Only {count} of the message's {wanted} parts are in the chat."
