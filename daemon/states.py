"""The words that tables, API and transports share: states, moves, holds, kinds. No imports from the rest."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NewType

# A telephone number as `+`, country code and number, digits only. `contacts.phone` makes one of what people write;
# whatever is given one, or reads one from the database, does not look at it again.
E164 = NewType("E164", str)

# Who somebody is, whichever way their number is written: `contacts.person` makes it. It is kept with every row that
# is about a person, and compared instead of the number; the number as it was given is written to and shown.
PersonKey = NewType("PersonKey", str)

QUOTED = "\u2068{}\u2069"  # words read off a WhatsApp page, inside a sentence of ours: hidden from viewers


class State(StrEnum):
    """Where a message is. The comment says who moves it on."""

    PENDING = "pending"  #: queued; the sender claims it
    CLAIMED = "claimed"  #: leased by a sender; nothing has left this machine
    SENDING = "sending"  #: may be out; the sender confirms it, or checks the chat
    ACCEPTED = "accepted"  #: WhatsApp took it, no tick yet; receipts move it on, or its time to live ends
    SENT = "sent"  #: WhatsApp's server ticked it
    DELIVERED = "delivered"
    READ = "read"
    EXPIRED = "expired"  #: its time to live ran out and it was not delivered
    FAILED = "failed"  #: permanent, or all attempts used; a person may retry
    UNCERTAIN = "uncertain"  #: it is unclear whether it went out; a person decides
    SKIPPED = "skipped"  #: must not be sent (opted out)
    CANCELLED = "cancelled"  #: its job was stopped first


UNFINISHED = frozenset({State.PENDING, State.CLAIMED, State.SENDING})
IN_HAND = frozenset({State.CLAIMED, State.SENDING})
OUT = frozenset({State.SENT, State.DELIVERED, State.READ})  # ticked
TAKEN = OUT | {State.ACCEPTED}  # WhatsApp has it: nothing is left to do here
REACHED = TAKEN | {State.SENDING, State.UNCERTAIN}  # the person got it, or may have
NOT_OUT = frozenset({State.FAILED, State.EXPIRED, State.UNCERTAIN, State.SKIPPED, State.CANCELLED})
PUT_BACK = frozenset({State.PENDING, State.CLAIMED, State.SKIPPED, State.CANCELLED})  # and perhaps handed over before
_ON_THE_WAY = frozenset({State.SENDING, State.UNCERTAIN, State.ACCEPTED, State.SENT})
MOVES: dict[str, tuple[frozenset[State], State]] = {  # name: (from, to): the only moves a message makes
    "claim": (frozenset({State.PENDING}), State.CLAIMED),
    "release": (frozenset({State.CLAIMED}), State.PENDING),  # not attempted: the attempt is given back
    "submit": (frozenset({State.CLAIMED}), State.SENDING),
    "accept": (frozenset({State.SENDING}), State.ACCEPTED),
    "confirm": (frozenset({State.SENDING}), State.SENT),
    # By receipt, before the answer or long after it, in any order: of all that come, the one furthest down counts.
    "expire": (_ON_THE_WAY, State.EXPIRED),
    "tick": (_ON_THE_WAY - {State.SENT} | PUT_BACK, State.SENT),
    "bounce": (_ON_THE_WAY | {State.EXPIRED}, State.FAILED),  # it was taken, and not delivered after all
    "deliver": (_ON_THE_WAY | {State.EXPIRED, State.FAILED} | PUT_BACK, State.DELIVERED),
    "read": (_ON_THE_WAY | {State.EXPIRED, State.FAILED, State.DELIVERED} | PUT_BACK, State.READ),
    "retry": (IN_HAND, State.PENDING),  # the attempt failed, another is due later
    "requeue": (frozenset({State.SENDING}), State.PENDING),  # a crash; the chat proves it never went out
    "fail": (IN_HAND, State.FAILED),
    "lose": (frozenset({State.SENDING}), State.UNCERTAIN),
    "skip": (frozenset({State.PENDING, State.CLAIMED}), State.SKIPPED),
    "cancel": (frozenset({State.PENDING, *IN_HAND}), State.CANCELLED),  # a claimed one would be queued again
    "reinstate": (frozenset({State.FAILED}), State.PENDING),  # it was the account's trouble, not the recipient's
    "settle": (frozenset({State.UNCERTAIN}), State.SENT),  # a person's decision, never the daemon's
    "resend": (frozenset({State.UNCERTAIN, State.FAILED}), State.PENDING),  # likewise
    "doubt": (frozenset({State.PENDING}), State.UNCERTAIN),  # after a restore, likewise: it may be out
}


class JobState(StrEnum):
    """Where a job is. `waiting_for_login` is derived when a job is read, never stored."""

    SCHEDULED = "scheduled"  #: waits for its time
    PENDING = "pending"  #: waits for its first claim
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    COMPLETED = "completed"  #: no recipient is left to send, whatever the outcomes


FILLING = "filling"  # a job whose recipients are still being stored: there is none yet for anybody but delivery/enqueue
MAY_RUN = frozenset({JobState.PENDING, JobState.RUNNING})
OPEN = frozenset({JobState.SCHEDULED, JobState.PENDING, JobState.RUNNING, JobState.PAUSED})
JOB_MOVES: dict[str, tuple[frozenset[JobState], JobState]] = {
    "open": (frozenset({JobState.SCHEDULED}), JobState.PENDING),
    "begin": (frozenset({JobState.PENDING}), JobState.RUNNING),
    "pause": (frozenset({JobState.SCHEDULED, JobState.PENDING, JobState.RUNNING}), JobState.PAUSED),
    "resume": (frozenset({JobState.PAUSED}), JobState.RUNNING),
    "reschedule": (frozenset({JobState.PAUSED}), JobState.SCHEDULED),  # resumed before its time has come
    "move": (
        frozenset({JobState.SCHEDULED, JobState.PAUSED}),
        JobState.SCHEDULED,
    ),  # before it has begun: to another time
    "start": (frozenset({JobState.SCHEDULED}), JobState.PENDING),  # before its time
    "replace": (
        frozenset({JobState.SCHEDULED, JobState.PAUSED}),
        JobState.STOPPED,
    ),  # before it has begun: by another job
    "stop": (OPEN, JobState.STOPPED),
    "complete": (frozenset({JobState.PENDING, JobState.RUNNING, JobState.PAUSED}), JobState.COMPLETED),
    "retry": (frozenset({JobState.RUNNING, JobState.PAUSED, JobState.COMPLETED}), JobState.RUNNING),
}


class SeriesState(StrEnum):
    """Where a campaign that repeats is."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class Role(IntEnum):
    """What a user may do; each role includes those before it. Stored by its name in lower case."""

    VIEWER = 1  #: look, with numbers masked
    OPERATOR = 2  #: run campaigns
    ADMIN = 3  #: also manage users and accounts, and do what cannot be undone


class Scope(StrEnum):
    """The permission an endpoint requires. Scopes do not include each other: each is granted by itself."""

    READ = "read"  #: look at jobs, messages, replies and accounts, with numbers masked for a viewer
    SEND = "send"  #: send, and prepare sending: uploads, templates, lists
    CONTROL = "control"  #: pause, stop, retry and decide; link an account; see and add to the suppression list
    ADMIN = "admin"  #: change limits, log an account out, take somebody off the suppression list, make keys


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
    CHECKPOINT = "checkpoint"  #: WhatsApp wants a security check, which needs a person at the browser
    LANGUAGE = "language"  #: the page is not in English, though it was asked for
    CREDENTIALS = "credentials"  #: the Cloud API's settings or its token are missing, invalid, or permit too little
    PAYMENT = "payment"  #: Meta has a problem with the payment method
    NUMBER = "number"  #: Meta does not let this number send: not registered, not verified, or gone
    THROTTLED = "throttled"  #: Meta asks for a pause


class Kind(StrEnum):
    """What WhatsApp treats an attachment as: decides which entry of its menu is used."""

    PHOTO = "photo"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"


class ConsentHow(StrEnum):
    """How somebody said that they want messages, or none any more."""

    FORM = "form"
    PAPER = "paper"
    SPOKEN = "spoken"
    MESSAGE = "message"
    IMPORTED = "imported"
    OTHER = "other"


class Ack(StrEnum):
    """How far WhatsApp says a message has come (docs/whatsapp-web.md, "Ticks")."""

    ACCEPTED = "accepted"  #: it was taken, and has no tick yet
    SENT = "sent"  #: one tick: the server has it
    DELIVERED = "delivered"
    READ = "read"


class ChatState(StrEnum):
    """What a person has said of a chat that could not be matched."""

    WAITING = "waiting"  #: nothing yet
    ASSIGNED = "assigned"  #: whose it is
    IGNORED = "ignored"  #: it is nothing to us


class AuditResult(StrEnum):
    """What became of something that somebody did."""

    DONE = "done"
    REFUSED = "refused"  #: nothing was changed
    FAILED = "failed"  #: by something unforeseen: part of it may be done


class Status(StrEnum):
    """What a receipt says of a message, beside the answer to its hand-over."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"  #: it was taken, and not delivered after all
    EXPIRED = "expired"  #: it was not delivered in its time to live


class Finding(StrEnum):
    """What the chat says about a message that may be out."""

    SENT = "sent"  #: there is a row of ours, newer than the mark, with this content and a tick
    WAITING = "waiting"  #: there is such a row, still on the clock
    FAILED = "failed"  #: there is such a row, and WhatsApp says it was not sent
    #: Proved: the history is loaded back to the mark, and there is no such row in it. The message is queued again then;
    #: a transport without a history (where only a refusal proves that nothing was sent) never says so.
    ABSENT = "absent"
    UNKNOWN = "unknown"  #: cannot tell
