"""The words that tables, API and transports share: states, moves, holds, kinds. No imports from the rest."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NewType

# A telephone number as `+`, country code and number, digits only. `contacts.phone` makes one of what people write;
# whatever is given one, or reads one from the database, does not look at it again.
E164 = NewType("E164", str)

QUOTED = "\u2068{}\u2069"  # words read off a WhatsApp page, inside a sentence of ours: hidden from viewers


class State(StrEnum):
    """Where a message is. The comment says who moves it on."""

    PENDING = "pending"  #: queued; the sender claims it
    CLAIMED = "claimed"  #: leased by a sender; nothing has left this machine
    SENDING = "sending"  #: may be out; the sender confirms it, or checks the chat
    SENT = "sent"  #: WhatsApp's server ticked it
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"  #: permanent, or all attempts used; a person may retry
    UNCERTAIN = "uncertain"  #: nobody can tell whether it went out; a person decides
    SKIPPED = "skipped"  #: must not be sent (opted out)
    CANCELLED = "cancelled"  #: its job was stopped first


UNFINISHED = frozenset({State.PENDING, State.CLAIMED, State.SENDING})
IN_HAND = frozenset({State.CLAIMED, State.SENDING})
OUT = frozenset({State.SENT, State.DELIVERED, State.READ})
NOT_OUT = frozenset({State.FAILED, State.UNCERTAIN, State.SKIPPED, State.CANCELLED})
MOVES: dict[str, tuple[frozenset[State], State]] = {  # name: (from, to): the only moves a message makes
    "claim": (frozenset({State.PENDING}), State.CLAIMED),
    "release": (frozenset({State.CLAIMED}), State.PENDING),  # not attempted: the attempt is given back
    "submit": (frozenset({State.CLAIMED}), State.SENDING),
    "confirm": (frozenset({State.SENDING}), State.SENT),
    "deliver": (frozenset({State.SENT}), State.DELIVERED),
    "read": (frozenset({State.SENT, State.DELIVERED}), State.READ),
    "retry": (IN_HAND, State.PENDING),  # the attempt failed, another is due later
    "requeue": (frozenset({State.SENDING}), State.PENDING),  # a crash; the chat proves it never went out
    "fail": (IN_HAND, State.FAILED),
    "lose": (frozenset({State.SENDING}), State.UNCERTAIN),
    "skip": (frozenset({State.PENDING, State.CLAIMED}), State.SKIPPED),
    "cancel": (frozenset({State.PENDING, *IN_HAND}), State.CANCELLED),  # a claimed one would be queued again
    "reinstate": (frozenset({State.FAILED}), State.PENDING),  # it was the account's trouble, not the recipient's
    "settle": (frozenset({State.UNCERTAIN}), State.SENT),  # a person's decision, never the daemon's
    "resend": (frozenset({State.UNCERTAIN, State.FAILED}), State.PENDING),  # likewise
}


class JobState(StrEnum):
    """Where a job is. `waiting_for_login` is derived when a job is read, never stored."""

    SCHEDULED = "scheduled"  #: waits for its time
    PENDING = "pending"  #: waits for its first claim
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    COMPLETED = "completed"  #: no recipient is left to send, whatever the outcomes


MAY_RUN = frozenset({JobState.PENDING, JobState.RUNNING})
OPEN = frozenset({JobState.SCHEDULED, JobState.PENDING, JobState.RUNNING, JobState.PAUSED})
JOB_MOVES: dict[str, tuple[frozenset[JobState], JobState]] = {
    "open": (frozenset({JobState.SCHEDULED}), JobState.PENDING),
    "begin": (frozenset({JobState.PENDING}), JobState.RUNNING),
    "pause": (frozenset({JobState.SCHEDULED, JobState.PENDING, JobState.RUNNING}), JobState.PAUSED),
    "resume": (frozenset({JobState.PAUSED}), JobState.RUNNING),
    "reschedule": (frozenset({JobState.PAUSED}), JobState.SCHEDULED),  # resumed before its time has come
    "stop": (OPEN, JobState.STOPPED),
    "complete": (frozenset({JobState.PENDING, JobState.RUNNING, JobState.PAUSED}), JobState.COMPLETED),
    "retry": (frozenset({JobState.RUNNING, JobState.PAUSED, JobState.COMPLETED}), JobState.RUNNING),
}


class Role(IntEnum):
    """What a user may do; each role includes those before it. Stored by its name in lower case."""

    VIEWER = 1  #: look, with numbers masked
    OPERATOR = 2  #: run campaigns
    ADMIN = 3  #: also manage users and accounts, and do what cannot be undone


class AccountState(StrEnum):
    """Whether an account can send now; stored with the account and shown unchanged."""

    STARTING = "starting"  #: its sender is starting Chrome
    LOADING = "loading"  #: the page is loading, or downloading messages
    NEEDS_LINK = "needs_link"  #: a QR code waits for the phone
    READY = "ready"  #: it can send
    OFFLINE = "offline"  #: WhatsApp's servers cannot be reached
    HELD = "held"  #: it must not send: see the reason, and `until` where WhatsApp names an end
    BANNED = "banned"  #: WhatsApp has banned the account, temporarily or permanently


class Hold(StrEnum):
    """Why an account is held or banned; the API and the log use these words."""

    CONFLICT = "conflict"  #: WhatsApp is open in another window
    RESTRICTED = "restricted"  #: may not start new chats
    MONTHLY_CAP = "monthly_cap"  #: no new chats left this month
    TEMPORARY_BAN = "temporary_ban"
    UNKNOWN_DIALOG = "unknown_dialog"
    PAGE_CHANGED = "page_changed"  #: the self-check does not find what sending needs
    STUCK_ON_CLOCK = "stuck_on_clock"  #: a message stays on the clock: no tick from the server
    APP_TOO_OLD = "app_too_old"  #: the phone's WhatsApp must be updated
    UNSUPPORTED_BROWSER = "unsupported_browser"
    TERMS = "terms"  #: WhatsApp wants its terms accepted on the phone
    UNREACHABLE = "unreachable"  #: the page itself does not load
    FAILURES = "failures"  #: too many messages in a row failed for the same reason
    CANARY = "canary"  #: the message to oneself did not arrive as it was written


class Kind(StrEnum):
    """What WhatsApp treats an attachment as: decides which entry of its menu is used."""

    PHOTO = "photo"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"


class Ack(StrEnum):
    """How far WhatsApp says a message has come (docs/whatsapp-web.md, "Ticks")."""

    SENT = "sent"  #: one tick: the server has it
    DELIVERED = "delivered"
    READ = "read"


class Finding(StrEnum):
    """What the chat says about a message that may be out."""

    SENT = "sent"  #: there is a row of ours, newer than the mark, with this content and a tick
    WAITING = "waiting"  #: there is such a row, still on the clock
    FAILED = "failed"  #: there is such a row, and WhatsApp says it was not sent
    ABSENT = "absent"  #: proved: the history is loaded back to the mark, and there is no such row in it
    UNKNOWN = "unknown"  #: cannot tell
