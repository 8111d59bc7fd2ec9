"""The words that tables, API and transports share: states, moves, holds, kinds. No imports from the rest."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NewType

E164 = NewType("E164", str)
"""A telephone number as `+`, country code and number, digits only. `contacts.phone` makes one of what people write;
whatever is given one, or reads one from the database, does not look at it again."""


class State(StrEnum):
    """Where a message is. The comment says who moves it on."""

    PENDING = "pending"  #: queued; the sender claims it
    CLAIMED = "claimed"  #: in a sender's hand, nothing has left this machine
    SENDING = "sending"  #: may be out; the sender confirms, or looks into the chat
    SENT = "sent"  #: WhatsApp's server ticked it
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"  #: permanent, or all attempts used; a person may retry
    UNCERTAIN = "uncertain"  #: nobody can tell whether it went out; a person decides
    SKIPPED = "skipped"  #: not to be sent (opted out)
    CANCELLED = "cancelled"  #: its job was stopped first


UNFINISHED = frozenset({State.PENDING, State.CLAIMED, State.SENDING})
IN_HAND = frozenset({State.CLAIMED, State.SENDING})
OUT = frozenset({State.SENT, State.DELIVERED, State.READ})
NOT_OUT = frozenset({State.FAILED, State.UNCERTAIN, State.SKIPPED, State.CANCELLED})
MOVES: dict[str, tuple[frozenset[State], State]] = {  # name: (from, to): the only moves a message makes
    "claim": (frozenset({State.PENDING}), State.CLAIMED),
    "release": (frozenset({State.CLAIMED}), State.PENDING),  # not tried: the attempt is given back
    "submit": (frozenset({State.CLAIMED}), State.SENDING),
    "confirm": (frozenset({State.SENDING}), State.SENT),
    "deliver": (frozenset({State.SENT}), State.DELIVERED),
    "read": (frozenset({State.SENT, State.DELIVERED}), State.READ),
    "retry": (IN_HAND, State.PENDING),  # tried in vain, another try is due later
    "requeue": (frozenset({State.SENDING}), State.PENDING),  # a crash; the chat proves it never went out
    "fail": (IN_HAND, State.FAILED),
    "lose": (frozenset({State.SENDING}), State.UNCERTAIN),
    "skip": (frozenset({State.PENDING, State.CLAIMED}), State.SKIPPED),
    "cancel": (frozenset({State.PENDING, *IN_HAND}), State.CANCELLED),  # from a hand: it would be queued again
    "reinstate": (frozenset({State.FAILED}), State.PENDING),  # it was the account's trouble, not the recipient's
    "settle": (frozenset({State.UNCERTAIN}), State.SENT),  # a person's decision, never the daemon's
    "resend": (frozenset({State.UNCERTAIN, State.FAILED}), State.PENDING),  # likewise
}


class JobState(StrEnum):
    """What a job does. `waiting_for_login` is derived when a job is read, never stored."""

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
    """What somebody may do; each may all that those before it may. Stored by its name, in small letters."""

    VIEWER = 1  #: look, with numbers masked
    OPERATOR = 2  #: run campaigns
    ADMIN = 3  #: also users, accounts and what cannot be undone


class AccountState(StrEnum):
    """What an account can do now; stored with the account and shown as it is."""

    STARTING = "starting"  #: its sender is bringing Chrome up
    LOADING = "loading"  #: the page loads, or downloads messages
    NEEDS_LINK = "needs_link"  #: a QR code waits for the phone
    READY = "ready"  #: it can send
    OFFLINE = "offline"  #: WhatsApp's servers cannot be reached
    HELD = "held"  #: it must not send: see the reason, and `until` where WhatsApp names an end
    BANNED = "banned"  #: WhatsApp has shut the account out for a time or for good


class Hold(StrEnum):
    """Why an account is held or banned; the words the API, the log and the page use."""

    CONFLICT = "conflict"  #: WhatsApp is open in another window
    RESTRICTED = "restricted"  #: may not start new chats
    MONTHLY_CAP = "monthly_cap"  #: no new chats left this month
    TEMPORARY_BAN = "temporary_ban"
    UNKNOWN_DIALOG = "unknown_dialog"
    PAGE_CHANGED = "page_changed"  #: the self-check does not find what sending needs
    STUCK_ON_CLOCK = "stuck_on_clock"  #: a message gets no tick from the server
    APP_TOO_OLD = "app_too_old"  #: the phone's WhatsApp must be updated
    UNSUPPORTED_BROWSER = "unsupported_browser"
    TERMS = "terms"  #: WhatsApp wants its terms accepted on the phone
    UNREACHABLE = "unreachable"  #: the page itself does not load
    FAILURES = "failures"  #: too many messages in a row failed for one cause
    CANARY = "canary"  #: the message to oneself did not come through as it was written


class Kind(StrEnum):
    """What an attachment is to WhatsApp: decides the menu entry it goes through."""

    PHOTO = "photo"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"


class Ack(StrEnum):
    """How far WhatsApp says a message has come (whatsapp-web.md §6)."""

    SENT = "sent"  #: one tick: the server has it
    DELIVERED = "delivered"
    READ = "read"


class Finding(StrEnum):
    """What a look into the chat says of a message that may be out."""

    SENT = "sent"  #: a row of ours, newer than the mark, with this content and a tick
    WAITING = "waiting"  #: such a row is there, on the clock
    FAILED = "failed"  #: such a row is there, and WhatsApp says it was not sent
    ABSENT = "absent"  #: proved, which only the history can: it is loaded down to the mark and no such row is in it
    UNKNOWN = "unknown"  #: cannot tell
