"""Why something is refused here: each code with its sentence, see `i18n/coded.py`."""

from __future__ import annotations

from daemon.i18n.coded import Recorded, Wording


class Why(Wording):
    """The codes are API: they are added to, never changed."""

    STORING_INTERRUPTED = "storing_interrupted", "Storing the campaign was interrupted for too long: start it again."
    NO_CHAT_PICTURE = "no_chat_picture", "There is no screenshot of the chat of message {message}."
    NO_JOB = "no_job", "There is no job {job}: GET /jobs lists them."
    JOB_STOPPED = (
        "job_stopped",
        "Job {job} is {state}, so you cannot {verb} it: a stopped job stays stopped; create a new one "
        "for the remaining people.",
    )
    JOB_COMPLETED = ("job_completed", "Job {job} is {state}, so you cannot {verb} it: all messages have been handled.")
    JOB_PAUSED = "job_paused", "Job {job} is {state}, so you cannot {verb} it: resume it instead."
    JOB_SCHEDULED = (
        "job_scheduled",
        "Job {job} is {state}, so you cannot {verb} it: it starts by itself at the scheduled time.",
    )
    JOB_GOES_ON = (
        "job_goes_on",
        "Job {job} is {state}, so you cannot {verb} it: it resumes by itself, even after a login.",
    )


class Unsent(Recorded):
    """Why a message is not sent, which its history keeps in words."""

    JOB_NOT_RUNNING = "job_not_running", "job {job} is {state}"
    PERSON_BARRED = "person_barred", "message {message}: the recipient {why}"
    MOVE_NOT_ALLOWED = "move_not_allowed", "message {message}: {move} is not allowed from where it is now"


class Missing(Recorded):
    """What a transport does not have that a person asks for."""

    NO_BROWSER = "without_browser", "This account sends without a browser, so there is nothing to show."
    NO_PAGE = "without_page", "This account sends without a page, so there is none to load."
    NO_PHONE = "without_phone", "This account sends without a linked phone, so there is nothing to log out of."
    NOTHING_TO_LINK = (
        "without_link",
        "This account sends without a linked phone: set WASENDER_TRANSPORT=browser to link one.",
    )


class Held(Recorded):
    """Why an account waits, as its sender has decided."""

    MANY_WAIT = (
        "many_wait_for_tick",
        "Message after message waits for WhatsApp's tick. One more is tried when this hold ends.",
    )
    ONE_WAITS = (
        "one_waits_for_tick",
        "A message is waiting for WhatsApp's tick; sending resumes when it comes.",
    )
    NOTHING_SENT = (
        "nothing_could_be_sent",
        "Message after message could not be sent. {why} It is tried again with one message.",
    )
    BROWSER_RESTARTS = "browser_restarts", "The browser is restarting."
    NUMBERS_REFUSED = (
        "numbers_refused",
        "WhatsApp says of one number after another that it is not on WhatsApp. That may be a problem with the "
        "account: set WASENDER_CANARY to the account's own number, so that this can be checked. Until then "
        "one number is tried at a time.",
    )
    KNOWN_REFUSED = (
        "known_numbers_refused",
        "WhatsApp says of one number after another that it is not on WhatsApp, even of those that are: the "
        "problem is the account. No recipient is lost; one number is tried again later.",
    )
    CANARY = (
        "canary_did_not_arrive",
        "The message to the account itself did not arrive as it was written. {wrong}",
    )
    CANARY_FAILED = "canary_failed", "It failed unexpectedly ({kind})."


class Passed(Recorded):
    """Why somebody is passed over, or a message goes back, as its history words it."""

    SUPPRESSED = "person_suppressed", "is on the suppression list"
    REPEATED = "person_repeated", "is in this campaign already, in another notation of the number"
    GOT_ONE_IN_A_DAY = "person_got_one_in_a_day", "got 1 message within 1 day"
    GOT_ONE_IN_DAYS = "person_got_one_in_days", "got 1 message within {days} days"
    GOT_MANY_IN_A_DAY = "person_got_many_in_a_day", "got {count} messages within 1 day"
    GOT_MANY_IN_DAYS = "person_got_many_in_days", "got {count} messages within {days} days"
    SENDER_STOPPED = "sender_was_stopped", "the sender was stopped"
    SENDER_SILENT = "sender_fell_silent", "its sender fell silent while it was sending"
    BROWSER_BROKE_DOWN = "browser_broke_down", "the browser broke down before anything left"
    BROWSER_KEEPS_BREAKING_DOWN = "browser_keeps_breaking_down", "the browser broke down each time it was tried"
    JOB_WAS_STOPPED = "job_was_stopped", "the job was stopped"
    SENDER_DIED = "sender_died", "its sender died before anything left"
    LEASE_RAN_OUT = "lease_ran_out", "its lease ran out before anything left"
    NOBODY_LOOKED = "nobody_looked", "no sender of its account was there for a day to look into the chat"
    HELD_BEFORE = "held_before_anything_left", "the account was held before anything left"
    NOT_READY_IN_TIME = "not_ready_in_time", "It was not ready to be sent within its time."
    PREPARING_FAILED = "preparing_failed", "Preparing it failed unexpectedly ({kind})."
    LOOKING_FAILED = "looking_failed", "Looking for it failed unexpectedly ({kind})."
    NOT_SENT = "whatsapp_says_not_sent", "WhatsApp says that it was not sent"
    NEVER_APPEARED = "never_appeared", "it never appeared in the chat: {evidence}"
    NEVER_TICKED = (
        "never_ticked",
        "It is in the chat without WhatsApp's tick, also after WhatsApp Web was loaded anew.",
    )
    NOT_DELIVERED = "not_delivered", "WhatsApp took the message and did not deliver it."
    NOT_DELIVERED_IN_TIME = "not_delivered_in_time", "WhatsApp did not deliver the message in its time to live."
    ACCOUNT_TO_BLAME = "account_to_blame", "the account was to blame"
