"""Why something is refused here: each code with its sentence, see `i18n/coded.py`."""

from __future__ import annotations

from daemon.i18n.coded import WORDS_ONLY, Recorded, Wording


class Why(Wording):
    """The codes are API: they are added to, never changed."""

    STORING_INTERRUPTED = "storing_interrupted", "Storing the campaign was interrupted for too long: start it again."
    NO_CHAT_PICTURE = "no_chat_picture", "There is no screenshot of the chat of message {message}."
    PERSON_IN_HAND = (
        "person_in_hand",
        "A message to this person is being sent, or something of theirs is being stored: try again in a minute. From "
        "now on nothing more is sent to them.",
    )
    NO_UNMATCHED_CHAT = "no_unmatched_chat", "This chat is no longer waiting: it was matched, or read on the phone."
    STOP_MEANWHILE = (
        "stop_meanwhile",
        "Somebody has asked to stop in this chat since you opened the page: say whose it is, or ignore it once more.",
    )
    RECIPIENT_NOT_CHOSEN = "recipient_not_chosen", "Choose whose chat it is, or enter their number."
    NOT_A_RECIPIENT = (
        "not_a_recipient",
        "Account {account} has not messaged this number: enter the number of one of its recipients.",
    )
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
    CONTENT_REMOVED = (
        "content_removed",
        "The text, the fields or the recipients of job {job} were removed because of their age, so nothing of it can "
        "be sent again: create a new campaign.",
    )
    JOB_GOES_ON = (
        "job_goes_on",
        "Job {job} is {state}, so you cannot {verb} it: it resumes by itself, even after a login.",
    )
    JOB_BEGUN = (
        "job_begun",
        "Job {job} has begun, or has no start time, so you cannot {verb} it: pause or stop it instead.",
    )


class Unsent(Recorded):
    """Why a message is not sent, which its history keeps in words."""

    JOB_NOT_RUNNING = "job_not_running", "job {job} is {state}"
    PERSON_BARRED = "person_barred", "message {message}: the recipient {why}"
    MOVE_NOT_ALLOWED = "move_not_allowed", "message {message}: {move} is not possible in its current state"


class Asks(Wording):
    """Why a campaign is paused until a person resumes it."""

    MADE_FOR_DRY_RUN = (
        "job_made_for_dry_run",
        "This campaign was made during a dry run: resume it to send it for real.",
    )
    REFUSED_IN_A_ROW = (
        "job_refused_in_a_row",
        "One message after the other was refused for the same reason. {why} Mend that, resume the campaign, and retry "
        "those that failed.",
    )


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
        "Several messages in a row are waiting for WhatsApp's tick. When this hold ends, one more is tried.",
    )
    ONE_WAITS = (
        "one_waits_for_tick",
        "A message is waiting for WhatsApp's tick; sending resumes when it comes.",
    )
    NOTHING_SENT = (
        "nothing_could_be_sent",
        "Several messages in a row could not be sent. {why} One message is tried next.",
    )
    BROWSER_RESTARTS = "browser_restarts", "The browser is restarting."
    NUMBERS_REFUSED = (
        "numbers_refused",
        "WhatsApp reports several numbers in a row as not on WhatsApp. The account may be the problem: set "
        "WASENDER_CANARY to the account's own number so that this can be checked. Until then one number is tried at "
        "a time.",
    )
    KNOWN_REFUSED = (
        "known_numbers_refused",
        "WhatsApp reports one number after another as not on WhatsApp, even numbers that are: the account is the "
        "problem. No recipient is lost; one number is tried again later.",
    )
    CANARY = (
        "canary_did_not_arrive",
        "The test message to the account's own number did not arrive as written. {wrong}",
    )
    META_RESTRICTS = (
        "meta_restricts",
        "Meta has restricted the account ({what}). Sending goes on by itself when that ends.",
    )
    META_DISABLED = (
        "meta_disabled",
        "Meta has disabled the account ({what}): see WhatsApp Manager. Sending is tried again after a day.",
    )
    CLOCK_JUMPED = (
        "clock_jumped",
        "The clock has jumped by more than an hour. Nothing new is sent until it is right again, for ten minutes at "
        "the most.",
    )
    CANARY_FAILED = "canary_failed", "It failed unexpectedly ({kind})."


class Passed(Recorded):
    """Why somebody is passed over, or a message goes back, as its history words it."""

    SUPPRESSED = "person_suppressed", "is on the suppression list"
    NO_CONSENT = "person_no_consent", "has no recorded consent"
    WHATSAPP_SAYS = "whatsapp_says", WORDS_ONLY
    ERASED = "person_erased", "their data was erased"
    TOO_LATE = "date_too_late", "was due by a date, and could not be sent in time"
    REPEATED = "person_repeated", "is in this campaign already, in another notation of the number"
    GOT_ONE_IN_A_DAY = "person_got_one_in_a_day", "got 1 message within 1 day"
    GOT_ONE_IN_DAYS = "person_got_one_in_days", "got 1 message within {days} days"
    GOT_MANY_IN_A_DAY = "person_got_many_in_a_day", "got {count} messages within 1 day"
    GOT_MANY_IN_DAYS = "person_got_many_in_days", "got {count} messages within {days} days"
    ONE_TOO_MANY = "person_one_too_many", "has to wait: Meta's limit of people in 24 hours is reached"
    SENDER_STOPPED = "sender_was_stopped", "the sender was stopped"
    SENDER_SILENT = "sender_fell_silent", "its sender stopped responding while sending it"
    BROWSER_BROKE_DOWN = "browser_broke_down", "the browser crashed before anything was sent"
    BROWSER_KEEPS_BREAKING_DOWN = "browser_keeps_breaking_down", "the browser crashed on every attempt"
    JOB_WAS_STOPPED = "job_was_stopped", "the job was stopped"
    SENDER_DIED = "sender_died", "its sender crashed before anything was sent"
    LEASE_RAN_OUT = "lease_ran_out", "time ran out before anything was sent"
    NOBODY_LOOKED = "nobody_looked", "for a day, no sender of its account was running to check the chat"
    HELD_BEFORE = "held_before_anything_left", "the account was put on hold before anything was sent"
    NOT_READY_IN_TIME = "not_ready_in_time", "It could not be prepared in time."
    PREPARING_FAILED = "preparing_failed", "Preparing it failed unexpectedly ({kind})."
    LOOKING_FAILED = "looking_failed", "Checking the chat for it failed unexpectedly ({kind})."
    PERHAPS_SENT_BEFORE = (
        "perhaps_sent_before",
        "It may have been sent before the database was restored: look into the chat.",
    )
    PART_SENT = "part_sent", "Part {part} of {of} is sent: {what}."
    REST_FOLLOWS = "rest_follows", "this part is sent, the others follow"
    REST_STAYS = "rest_stays", "Only a part of it was sent: the campaign was stopped before the rest."
    PART_IN_DOUBT = "part_in_doubt", "It is unclear whether part {part} of {of} was sent ({what}): {why}"
    PART_FAILED = "part_failed", "Part {part} of {of} was not delivered ({what}): {why}"
    PART_NOT_AGAIN = (
        "part_not_sent_again",
        "{why}. A retry cannot send that part alone: duplicate the campaign for those who failed.",
    )
    NOT_SENT = "whatsapp_says_not_sent", "WhatsApp says it was not sent"
    NEVER_APPEARED = "never_appeared", "it never appeared in the chat: {evidence}"
    NEVER_TICKED = (
        "never_ticked",
        "It is in the chat without WhatsApp's tick, even after WhatsApp Web was reloaded.",
    )
    NOT_DELIVERED = "not_delivered", "WhatsApp accepted the message but did not deliver it."
    NOT_DELIVERED_IN_TIME = "not_delivered_in_time", "WhatsApp did not deliver the message in time."
    ACCOUNT_TO_BLAME = "account_to_blame", "the account was the problem"
