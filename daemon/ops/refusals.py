"""Why something is refused here: each code with its sentence, see `i18n/coded.py`."""

from __future__ import annotations

from daemon.i18n.coded import Wording


class Why(Wording):
    """The codes are API: they are added to, never changed."""

    SUPERVISORD_ENDED = "supervisord_ended", "supervisord has ended: see {log} and run/supervisord.log."
    HTTP_NOT_UP = "http_not_up", "The http process does not start: see {log}."


class Notice(Wording):
    """What people are told by mail."""

    LOGGED_OUT = "notice_logged_out", "Account {account} is logged out: link it again. Its campaigns wait."
    HELD = "notice_held", "Account {account} is held, and its campaigns wait: {why}"
    STALLED = (
        "notice_stalled",
        "Account {account} has sent nothing for {minutes} minutes, although messages are due: see whether its sender "
        "runs.",
    )
    FINISHED = "notice_finished", "Campaign {job} is finished. Sent: {sent} of {total}; failed: {failed}."
    UNDECIDED = (
        "notice_undecided",
        "Of campaign {job} it is unclear whether messages went out ({count}): decide about them on its page.",
    )
    BACKUP_FAILED = "notice_backup_failed", "A backup has failed: {why}"
    TEST = "notice_test", "This is a test. Mails from wasender arrive."
    TIMES = "notice_times", "{what} This has happened {count} times since then."


class MailTest(Wording):
    """What became of a test mail that was sent."""

    TAKEN = "mail_taken", "The mail server took the mail: see whether it arrives."


class MailProblem(Wording):
    """Why a mail could not be sent."""

    UNREACHED = "mail_unreached", "The mail server could not be reached."
    NOT_TRUSTED = "mail_not_trusted", "The mail server's certificate is not trusted, or it has no TLS."
    LOGIN = "mail_login", "The mail server does not take the user and password."
    REFUSED = "mail_refused", "The mail server does not take the mail: it answered {status}."
    TIMEOUT = "mail_timeout", "The mail server did not answer in time."
    NOT_SET = "mail_not_set", "Set WASENDER_SMTP_HOST and WASENDER_MAIL_TO first."
