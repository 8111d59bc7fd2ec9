"""What states, waits and sizes are called on the page, and how a text looks in WhatsApp."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from daemon.accounts import pacing
from daemon.campaigns import progress
from daemon.delivery.interruptions import Cause
from daemon.i18n.instants import instant
from daemon.i18n.languages import N_, amount, gettext, ngettext
from daemon.states import IN_HAND, OUT, AccountState, Hold, JobState, State

BAR = (  # parts of the progress bar, from the left
    ("out", OUT),
    ("accepted", frozenset({State.ACCEPTED})),
    ("failed", frozenset({State.FAILED})),
    ("uncertain", frozenset({State.UNCERTAIN})),
    ("left-out", frozenset({State.EXPIRED, State.SKIPPED, State.CANCELLED})),
    ("in-hand", IN_HAND),
)
TONES: dict[str, str] = {  # colours of a status chip, which also names the state
    **dict.fromkeys(OUT | {JobState.COMPLETED, AccountState.READY}, "good"),
    **dict.fromkeys({State.CLAIMED, State.SENDING, State.ACCEPTED, JobState.RUNNING}, "busy"),
    **dict.fromkeys({State.FAILED, AccountState.BANNED}, "bad"),
    **dict.fromkeys({State.UNCERTAIN, AccountState.HELD, AccountState.OFFLINE, AccountState.NEEDS_LINK}, "warn"),
    **dict.fromkeys({State.EXPIRED, progress.WAITING, progress.TO_CONFIRM, JobState.PAUSED}, "warn"),
}
LABELS: dict[str, str] = {
    "pending": N_("pending"),
    "claimed": N_("claimed"),
    "sending": N_("sending"),
    "accepted": N_("accepted"),
    "sent": N_("sent"),
    "delivered": N_("delivered"),
    "read": N_("read"),
    "expired": N_("expired"),
    "failed": N_("failed"),
    "uncertain": N_("uncertain"),
    "skipped": N_("skipped"),
    "cancelled": N_("cancelled"),
    "scheduled": N_("scheduled"),
    "running": N_("running"),
    "paused": N_("paused"),
    "stopped": N_("stopped"),
    "completed": N_("completed"),
    progress.WAITING: N_("waiting for login"),
    progress.TO_CONFIRM: N_("waiting for your decision"),
    "starting": N_("starting"),
    "loading": N_("loading"),
    "needs_link": N_("needs link"),
    "ready": N_("ready"),
    "offline": N_("offline"),
    "held": N_("held"),
    "banned": N_("banned"),
    "not running": N_("not running"),
}
"""What states of messages, jobs and accounts are called."""
HELD_BY: dict[str, str] = {  # what a campaign is called whose account cannot send, by its code
    "no_sender": N_("no sender"),
    "sender_stopped": N_("sender not running"),
    progress.DRY_RUN: N_("waiting for a real sender"),
    progress.WAS_DRY_RUN: N_("started as a dry run"),
    AccountState.NEEDS_LINK: LABELS[progress.WAITING],
    **dict.fromkeys(map(str, Cause), LABELS[progress.TO_CONFIRM]),
    f"held.{Hold.RESTRICTED}": N_("restricted"),
    f"held.{Hold.MONTHLY_CAP}": N_("monthly limit reached"),
    f"held.{Hold.CONFLICT}": N_("WhatsApp is open elsewhere"),
    f"held.{Hold.STUCK_ON_CLOCK}": N_("waiting for WhatsApp's tick"),
    f"held.{Hold.CHECKPOINT}": N_("security check"),
    f"held.{Hold.TERMS}": N_("terms to accept on the phone"),
    f"held.{Hold.UNREACHABLE}": N_("WhatsApp Web cannot be reached"),
    f"held.{Hold.CREDENTIALS}": N_("access to the Cloud API"),
    f"held.{Hold.PAYMENT}": N_("payment method"),
    f"held.{Hold.NUMBER}": N_("number cannot send"),
    f"held.{Hold.THROTTLED}": N_("Meta asks for a pause"),
    f"held.{Hold.FAILURES}": N_("paused after failures"),
}
"""Other holds are ON_HOLD, other states as they are called."""
ON_HOLD = N_("on hold")
MEANINGS = {
    State.PENDING: N_("waits for its turn"),
    State.CLAIMED: N_("is being prepared; nothing has been sent yet"),
    State.SENDING: N_("is on its way to WhatsApp"),
    State.ACCEPTED: N_("WhatsApp has accepted it but not confirmed yet that it is sent"),
    State.SENT: N_("WhatsApp has it"),
    State.DELIVERED: N_("it is on the recipient's phone"),
    State.READ: N_("the recipient has opened it"),
    State.EXPIRED: N_("WhatsApp accepted it but could not deliver it in time"),
    State.FAILED: N_("could not be sent"),
    State.UNCERTAIN: N_("it is unclear whether it went out: you decide"),
    State.SKIPPED: N_("skipped on purpose"),
    State.CANCELLED: N_("the campaign was stopped first"),
}
STATUSES = {
    JobState.SCHEDULED: N_("It starts by itself at the scheduled time."),
    JobState.PENDING: N_("It waits for its turn."),
    JobState.RUNNING: N_("Messages are going out."),
    JobState.PAUSED: N_("Nothing is sent until you resume."),
    JobState.STOPPED: N_("It was stopped; queued messages were cancelled."),
    JobState.COMPLETED: N_("All messages have been handled."),
}
REHEARSED = N_("Dry run: messages are prepared, but nothing is sent.")
BEING_STOPPED = N_("It is stopped; the rest of the queued messages is being cancelled.")
WAITS = {
    pacing.Why.READY: N_("due now"),
    pacing.Why.PAUSE: N_("the pause between two messages"),
    pacing.Why.LONG_PAUSE: N_("long pause"),
    pacing.Why.HOURLY_CAP: N_("the hourly limit is reached"),
    pacing.Why.DAILY_CAP: N_("the daily limit is reached"),
    pacing.Why.QUIET_HOURS: N_("quiet hours"),
    pacing.Why.JOB_WINDOW: N_("waiting for its sending hours"),
    pacing.Why.JOB_CAP: N_("the campaign's daily limit is reached"),
    pacing.Why.DATE: N_("each person's own date"),
    pacing.Why.PORTFOLIO_LIMIT: N_("Meta's limit of people in 24 hours is reached"),
}
WEEKDAYS = (
    N_("Monday"),
    N_("Tuesday"),
    N_("Wednesday"),
    N_("Thursday"),
    N_("Friday"),
    N_("Saturday"),
    N_("Sunday"),
)
MOVES = {
    "enqueue": N_("queued"),
    "claim": N_("picked up"),
    "release": N_("put back without an attempt"),
    "submit": N_("handed over to WhatsApp"),
    "part": N_("a part of it is sent"),
    "accept": N_("accepted by WhatsApp"),
    "confirm": N_("WhatsApp's server has it"),
    "tick": N_("WhatsApp's server has it"),
    "deliver": N_("arrived on the phone"),
    "read": N_("opened by the recipient"),
    "bounce": N_("not delivered after all"),
    "expire": N_("not delivered in time"),
    "retry": N_("failed, will retry"),
    "requeue": N_("it did not go out, queued again"),
    "fail": N_("failed permanently"),
    "lose": N_("it is unclear whether it went out"),
    "skip": N_("skipped"),
    "cancel": N_("cancelled"),
    "reinstate": N_("queued again: the account was the problem"),
    "doubt": N_("perhaps sent before the database was restored"),
    "settle": N_("marked as sent"),
    "resend": N_("queued again"),
}
"""What each move of a message (models.MOVES) is called in its history."""
WHO = {
    "sender": N_("the sender"),
    "rescue": N_("automatic recovery"),
    "receipt": N_("a receipt from WhatsApp"),
    "page": N_("API-key login"),
    "api": N_("the API"),
}
"""Who made a move, where it was not a user."""
MINUTELY = 600  # messages an hour above which the rate is shown per minute


_CODE = re.compile(r"```(.+?)```|`([^`\n]+)`", re.S)
_MARK = re.compile(r"(?<!\w)([*_~])(?=\S)([^\n]{1,1000}?)(?<=\S)\1(?!\w)")
_SHOWN = {"*": Markup("<strong>{}</strong>"), "_": Markup("<em>{}</em>"), "~": Markup("<s>{}</s>")}
_DEEPEST = 6


def formatted(text: str) -> Markup:
    """The text as WhatsApp shows it: *bold*, _italic_, ~struck~, `code`; everything else is plain text."""
    parts, at = [], 0
    for code in _CODE.finditer(text):
        parts += [_marked(text[at : code.start()]), Markup("<code>{}</code>").format(code[1] or code[2])]
        at = code.end()
    return Markup("").join([*parts, _marked(text[at:])])


def _marked(text: str, depth: int = 0) -> Markup:
    if depth == _DEEPEST:
        return escape(text)
    parts, at = [], 0
    for mark in _MARK.finditer(text):
        inner = _marked(mark[2], depth + 1)
        parts += [escape(text[at : mark.start()]), _SHOWN[mark[1]].format(inner)]
        at = mark.end()
    return Markup("").join([*parts, escape(text[at:])])


def iso(ms: int) -> str:
    return instant(ms).strftime("%Y-%m-%dT%H:%M:%SZ")


def words(state: str) -> str:
    """The name of a state, to be translated."""
    return LABELS.get(state, state.replace("_", " "))


def held_by(code: str) -> str:
    """What a campaign that its account holds up is called, to be translated. code: of `progress.code`."""
    return HELD_BY.get(code) or (ON_HOLD if code.startswith("held.") else words(code))


def tone(state: str) -> str:
    return TONES.get(state, "plain")


def size(count: int) -> str:
    return f"{count / 1_048_576:.1f} MB" if count >= 1_048_576 else f"{max(1, round(count / 1024))} KB"


def seconds(ms: int) -> str:
    return f"{ms / 1000:g}"


def lasts(ms: int) -> str:
    """A duration in the reader's language, rounded to what is useful."""
    minutes = round(ms / 60_000)
    if ms < 60_000:
        return gettext("less than a minute")
    if minutes < 90:
        return _counted(ngettext("about %(count)s min", "about %(count)s min", minutes), minutes)
    hours = round(minutes / 60)
    if hours < 48:
        return _counted(ngettext("about %(count)s hour", "about %(count)s hours", hours), hours)
    days = round(hours / 24)
    return _counted(ngettext("about %(count)s day", "about %(count)s days", days), days)


def rate(per_hour: float) -> str:
    """How fast messages go out, in the reader's language."""
    if per_hour >= MINUTELY:
        count = round(per_hour / 60)
        return _counted(ngettext("%(count)s message a minute", "%(count)s messages a minute", count), count)
    count = round(per_hour)
    return _counted(ngettext("%(count)s message an hour", "%(count)s messages an hour", count), count)


def _counted(message: str, count: int) -> str:
    return message % {"count": amount(count)}
