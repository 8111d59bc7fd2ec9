"""What states, waits and sizes are called on the page, and how a text looks in WhatsApp."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from markupsafe import Markup, escape

from daemon import campaigns, pacing
from daemon.models import IN_HAND, OUT, JobState, State
from daemon.transports import AccountState

BAR = (  # parts of the progress bar, from the left
    ("out", OUT),
    ("failed", frozenset({State.FAILED})),
    ("uncertain", frozenset({State.UNCERTAIN})),
    ("left-out", frozenset({State.SKIPPED, State.CANCELLED})),
    ("in-hand", IN_HAND),
)
TONES: dict[str, str] = {  # of a status chip, which says the state in words as well
    **dict.fromkeys(OUT | {JobState.COMPLETED, AccountState.READY}, "good"),
    **dict.fromkeys({State.CLAIMED, State.SENDING, JobState.RUNNING}, "busy"),
    **dict.fromkeys({State.FAILED, AccountState.BANNED}, "bad"),
    **dict.fromkeys({State.UNCERTAIN, AccountState.HELD, AccountState.OFFLINE, AccountState.NEEDS_LINK}, "warn"),
    **dict.fromkeys({campaigns.WAITING, JobState.PAUSED}, "warn"),
}
MEANINGS = {
    State.PENDING: "waits for its turn",
    State.CLAIMED: "is being prepared, nothing has left yet",
    State.SENDING: "is on its way to WhatsApp",
    State.SENT: "WhatsApp has it",
    State.DELIVERED: "it is on the recipient's phone",
    State.READ: "the recipient has opened it",
    State.FAILED: "could not be sent",
    State.UNCERTAIN: "nobody can tell whether it went out: you decide",
    State.SKIPPED: "was not to be sent",
    State.CANCELLED: "the campaign was stopped first",
}
STATUSES = {
    JobState.SCHEDULED: "It begins by itself at its time.",
    JobState.PENDING: "It waits for its turn.",
    JobState.RUNNING: "Messages are going out.",
    JobState.PAUSED: "Nothing is sent until you resume.",
    JobState.STOPPED: "It was stopped; what was still queued is cancelled.",
    JobState.COMPLETED: "Nobody is left to send to.",
}
WAITS = {
    pacing.Why.READY: "due now",
    pacing.Why.PAUSE: "the pause between two messages",
    pacing.Why.LONG_PAUSE: "long pause",
    pacing.Why.HOURLY_CAP: "the hourly limit is reached",
    pacing.Why.DAILY_CAP: "the daily limit is reached",
    pacing.Why.QUIET_HOURS: "quiet hours",
}
NAMES = frozenset({
    "name", "names", "fullname", "firstname", "lastname", "forename", "surname", "first", "last", "nome", "sobrenome",
    "nombre", "apellido", "nom", "prénom", "prenom", "vorname", "nachname", "cognome", "navn", "namn", "naam", "imię",
    "имя", "фамилия", "company", "firma",
})  # fmt: skip
"""Words in the title of a column that says who somebody is."""


_CODE = re.compile(r"```(.+?)```|`([^`\n]+)`", re.S)
_MARK = re.compile(r"(?<!\w)([*_~])(?=\S)([^\n]{1,1000}?)(?<=\S)\1(?!\w)")
_SHOWN = {"*": Markup("<strong>{}</strong>"), "_": Markup("<em>{}</em>"), "~": Markup("<s>{}</s>")}
_DEEPEST = 6


def formatted(text: str) -> Markup:
    """The text as WhatsApp shows it: *bold*, _italic_, ~struck~, `code`; all else stays text."""
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
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def words(state: str) -> str:
    return state.replace("_", " ")


def tone(state: str) -> str:
    return TONES.get(state, "plain")


def size(count: int) -> str:
    return f"{count / 1_048_576:.1f} MB" if count >= 1_048_576 else f"{max(1, round(count / 1024))} KB"


def seconds(ms: int) -> str:
    return f"{ms / 1000:g}"


def lasts(ms: int) -> str:
    """A duration in words, as exactly as anybody wants to know it."""
    minutes = round(ms / 60_000)
    if ms < 60_000:
        return "less than a minute"
    if minutes < 90:
        return f"about {minutes} min"
    hours = round(minutes / 60)
    return f"about {hours} hours" if hours < 48 else f"about {round(hours / 24)} days"
