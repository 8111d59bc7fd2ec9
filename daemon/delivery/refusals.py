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
