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
        "Job {job} is {state}, so it cannot {verb}: a stopped job stays stopped; create a new one "
        "for the remaining people.",
    )
    JOB_COMPLETED = ("job_completed", "Job {job} is {state}, so it cannot {verb}: all messages have been handled.")
    JOB_PAUSED = "job_paused", "Job {job} is {state}, so it cannot {verb}: resume it instead."
    JOB_SCHEDULED = (
        "job_scheduled",
        "Job {job} is {state}, so it cannot {verb}: it starts by itself at the scheduled time.",
    )
    JOB_GOES_ON = (
        "job_goes_on",
        "Job {job} is {state}, so it cannot {verb}: it resumes by itself, even after a login.",
    )


class Unsent(Recorded):
    """Why a message is not sent, which its history keeps in words."""

    JOB_NOT_RUNNING = "job_not_running", "job {job} is {state}"
    PERSON_BARRED = "person_barred", "message {message}: the recipient {why}"
    MOVE_NOT_ALLOWED = "move_not_allowed", "message {message}: {move} is not allowed from where it is now"


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
    ACCOUNT_TO_BLAME = "account_to_blame", "the account was to blame"
