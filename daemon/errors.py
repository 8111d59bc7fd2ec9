"""Every error wasender raises on purpose: its type decides what becomes of it, its code says what is wrong.

DaemonError
├── InWords                told in words: to the operator, or by a transport
│   ├── ConfigError        the settings cannot be used as they are
│   ├── AccountInUse       another sender already drives this account
│   ├── BackupRefused      a backup cannot be made, read or restored
│   ├── DatabaseUnusable   the database is corrupt, read-only or newer than this program
│   ├── LeaseLost          this sender no longer holds the message: it must not write
│   │   └── AccountLost    another sender owns the account now: this one stops
│   └── TransportError     what can go wrong while sending
│       ├── NotSubmitted   nothing has left this machine; the message may be tried again
│       │   ├── Refused        WhatsApp's server has refused it; says who is to blame
│       │   ├── TurnPassed     it was held up past its turn to be sent; the next one may be soon
│       │   ├── PartMissing    the page lacks a part that sending needs
│       │   └── ChatInUse      a person has started to write in the recipient's chat
│       ├── GraphRefused   Meta's Graph API has refused a call
│       ├── SubmitUnknown  it may be out; only the chat can tell
│       ├── Undeliverable  this recipient cannot get this message, however often it is tried
│       ├── AccountUnready the account cannot send now; no recipient is to blame
│       │   └── ChatBarred     it may not start this chat now; existing chats may go on
│       ├── NotOffered     the transport, or the page as it is now, cannot do what a person asks for
│       └── BrowserLost    Chrome or its driver died or no longer answers
├── SetupError             the machine lacks something (Chromium, a display, a writable folder)
│   └── PortTaken          the http process cannot listen where it is told to
├── DatabaseBusy           the database is locked or unreachable for now; nothing was changed
│   └── DiskFull           there is no room left on the disk for what is to be stored
├── ReadingBusy            too many files wait to be read; this one was not
├── TooManyStreams         so many event streams are open that no further one is
├── Unauthorized           no key, or not the right one
├── Forbidden              logged in, but the role does not allow it
│   └── StalePage          the page was made for another login: its token is not this session's
├── TooManyTries           too many wrong passwords; the text says how long to wait
├── RateLimited            the key has used up its requests of this minute
│   └── MailTestsLimited   so many test mails were sent within a minute
├── UnknownHost            the request is for a name that is not ours
├── MalformedRequest       a request that cannot be read at all
├── NotFound               no job, message, upload, attachment or account by that id
├── InvalidInput           what the caller gave cannot be used; says what to change
│   ├── InvalidNumber      not a telephone number that can be written to
│   ├── AttachmentLost     an attachment of a job is missing, or not the file that was uploaded
│   │   ├── AttachmentMissing  its file is not there
│   │   └── AttachmentDamaged  its file has been changed
│   ├── UnreadableFile     a contacts file or an attachment that cannot be read
│   ├── ChoosePhoneColumn  it is not certain which column of a file has the telephone numbers
│   └── TemplateError      a message text with a mistake or with a field that is missing
├── TooLarge               a body or a file above its limit
│   └── StorageFull        there is no room left for it among the files that are kept
└── IllegalMove            the job or message is in a state that forbids it
    ├── AccountHasWork     an account cannot be removed while it has messages to send
    ├── EditConflict       what the caller wants to change was changed since they read it
    └── KeyReused          the Idempotency-Key was used before with another request
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, ClassVar, Self

from daemon.i18n.coded import WORDS, Coded, Refusal, Told, Wording, refusal


class Why(Wording):
    """What is refused here, and of the errors that are told in words only, the kind. The codes are API: they are added
    to, never changed. The rooms have theirs in `refusals.py`."""

    DISK_FULL = "disk_full", "The disk is full: free some space where wasender keeps its data, then try again."
    UNKNOWN_HOST = (
        "unknown_host",
        "This server is not called {host}: add the name to WASENDER_ALLOWED_HOSTS, or use its IP address.",
    )
    TOO_MANY_TRIES = "too_many_tries", "Too many failed attempts: wait {seconds} seconds, then try again."
    RATE_LIMITED = (
        "rate_limited",
        "This key may make {most} requests a minute: wait {seconds} seconds, then go on.",
    )
    MAIL_TESTS_LIMITED = (
        "mail_tests_limited",
        "Only {most} test mails are sent a minute: wait {seconds} seconds, then try again.",
    )
    TOO_MANY_STREAMS = "too_many_streams", "Too many event streams are open: close some, then try again."
    CHOOSE_PHONE_COLUMN = (
        "choose_phone_column",
        "It is not clear which column has the telephone numbers, {columns}: say which with phone_column.",
    )
    STORAGE_FULL = (
        "storage_full",
        "Uploads and attachments have reached their limit of {most} MB: raise WASENDER_MAX_STORED_MB, or wait until "
        "unused ones are deleted, {days} days after upload.",
    )
    FOLDER_NOT_WRITABLE = (
        "data_folder_not_writable",
        "The data folder {folder} cannot be written to ({reason}): {advice}, or set WASENDER_DATA_DIR.",
    )
    RESTORE_UNFINISHED = (
        "restore_unfinished",
        "A backup is being restored to {folder}, or that broke off: run wasender restore once more, it finishes it.",
    )
    KEY_NOT_TEXT = "key_file_not_text", "{file} is not text: delete it and start again."
    KEY_EMPTY = "key_file_empty", "{file} is empty: delete it and start again."
    KEY_WEAK = "key_file_weak", "The key in {file} can be guessed: {advice}; or delete the file and one is made."
    KEY_OPEN = (
        "key_file_open",
        "Every user of this machine can read the API key in {file}: run chmod 600 {file}, and replace the key if "
        "somebody may have read it.",
    )
    KEY_STAYS_OPEN = (
        "key_file_stays_open",
        "Every user of this machine can read the API key in {file}, and its disk keeps no permissions that could "
        "change that: set WASENDER_DATA_DIR to a folder on another disk, set WASENDER_API_KEY in the environment, or "
        "mount the disk with umask=077.",
    )
    PORT_TAKEN = (
        "port_taken",
        "Port {port} on {host} cannot be used ({reason}): stop what uses it, or set WASENDER_PORT to another one.",
    )
    MISCONFIGURED = "misconfigured", "{sentence}"
    ACCOUNT_IN_USE = "account_in_use", "{sentence}"
    BACKUP_REFUSED = "backup_refused", "{sentence}"
    DATABASE_UNUSABLE = "database_unusable", "{sentence}"
    LEASE_LOST = "lease_lost", "{sentence}"
    TRANSPORT_ERROR = "transport_error", "{sentence}"
    NOT_SUBMITTED = "not_submitted", "{sentence}"
    PART_MISSING = "page_part_missing", "{sentence}"
    CHAT_IN_USE = "chat_in_use", "{sentence}"
    REFUSED = "refused_by_whatsapp", "{sentence}"
    GRAPH_REFUSED = "graph_refused", "{sentence}"
    SUBMIT_UNKNOWN = "submit_unknown", "{sentence}"
    UNDELIVERABLE = "undeliverable", "{sentence}"
    ACCOUNT_UNREADY = "account_unready", "{sentence}"
    CHAT_BARRED = "chat_barred", "{sentence}"
    BROWSER_LOST = "browser_lost", "{sentence}"


class DaemonError(Exception):
    """Base of all: why something is refused, as a code and the values of its sentence; as text, the English sentence.

    members: what a program needs to know beside it, as JSON. field: of the request that it is about, where that is not
    told by its code.
    """

    field = ""

    def __init__(self, told: Wording | Coded, /, **values: Any) -> None:
        self.told: Coded = told if isinstance(told, Coded) else refusal(told, **values)
        super().__init__(str(self.told))

    def at(self, field: str) -> Self:
        """This error, about that field."""
        self.field = self.field or field
        return self

    @property
    def members(self) -> dict[str, object]:
        return {}


class InWords(DaemonError):
    """What the operator reads in a log or a terminal, or what a transport says: words, with one code for each kind; or
    a code of its own."""

    KIND: ClassVar[Why]

    def __init__(self, told: Told, /, **values: Any) -> None:
        if not isinstance(told, Wording | Coded):
            told = Refusal(self.KIND, ((WORDS, told),))
        super().__init__(told, **values)


class ConfigError(InWords):
    """The settings cannot be used; one line for each problem."""

    KIND = Why.MISCONFIGURED


class AccountInUse(InWords):
    """Another sender process holds the lock on this account's browser profile."""

    KIND = Why.ACCOUNT_IN_USE


class BackupRefused(InWords):
    """A backup cannot be made, cannot be read, or must not be restored as things are."""

    KIND = Why.BACKUP_REFUSED


class DatabaseUnusable(InWords):
    """The database is corrupt, read-only, or was written by a newer wasender."""

    KIND = Why.DATABASE_UNUSABLE


class SetupError(DaemonError):
    """The machine lacks something wasender needs."""


class PortTaken(SetupError):
    """The http process cannot listen where it is told to; reason: in the system's words."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(Why.PORT_TAKEN, host=host, port=port, reason=reason)


class DatabaseBusy(DaemonError):
    """The database did not take a change; nothing was changed."""


class DiskFull(DatabaseBusy):
    """The disk of the database or of the data folder is full."""

    def __init__(self) -> None:
        super().__init__(Why.DISK_FULL)


class ReadingBusy(DaemonError):
    """So many files wait to be read that no further one is taken; nothing was changed."""


class TooManyStreams(DaemonError):
    """So many event streams are open, in all or by this caller, that no further one is."""

    def __init__(self) -> None:
        super().__init__(Why.TOO_MANY_STREAMS)


class Unauthorized(DaemonError):
    """The request carries no API key, or a wrong one."""


class Forbidden(DaemonError):
    """The caller is known, but may not do this."""


class StalePage(Forbidden):
    """The token that our pages send along is missing, or belongs to another session."""


class UnknownHost(DaemonError):
    """The Host header is no name of this installation; host: what it says."""

    def __init__(self, host: str) -> None:
        super().__init__(Why.UNKNOWN_HOST, host=host)


class TooManyTries(DaemonError):
    """Too many wrong passwords; no more are taken for `left_ms`."""

    def __init__(self, left_ms: int) -> None:
        self.left_ms = left_ms
        self.left_s = -(-left_ms // 1000)
        super().__init__(Why.TOO_MANY_TRIES, seconds=self.left_s)


class RateLimited(DaemonError):
    """A key has had as many requests as it may have in a minute; it may go on in `left_s` seconds."""

    def __init__(self, most: int, left_s: int) -> None:
        self.left_s = left_s
        super().__init__(Why.RATE_LIMITED, most=f"{most:,}", seconds=left_s)


class MailTestsLimited(RateLimited):
    """So many test mails were sent within a minute; there can be another one in `left_s` seconds."""

    def __init__(self, most: int, left_s: int) -> None:
        super().__init__(most, left_s)
        DaemonError.__init__(self, Why.MAIL_TESTS_LIMITED, most=most, seconds=left_s)


class MalformedRequest(DaemonError):
    """The request cannot be read at all."""


class NotFound(DaemonError):
    """Nothing is stored under that id."""


class InvalidInput(DaemonError):
    """What the caller gave cannot be used."""


class InvalidNumber(InvalidInput):
    """Not a telephone number that can be written to."""


class AttachmentLost(InvalidInput):
    """An attachment's file is missing or not what was uploaded: all its recipients wait until a person sees to it."""


class UnreadableFile(InvalidInput):
    """The uploaded file cannot be read."""


class ChoosePhoneColumn(InvalidInput):
    """It is not certain which column of a file has the telephone numbers: a person has to say.

    candidates: what the columns are called that it could be. rows: of the file, as (position, cells). upload_id: under
    which it is kept, if it is.
    """

    def __init__(
        self, candidates: Sequence[str], rows: Sequence[tuple[int, list[str]]] = (), upload_id: str | None = None
    ) -> None:
        self.candidates, self.rows, self.upload_id = list(candidates), rows, upload_id
        named = " or ".join(f'"{each[:60]}"' for each in self.candidates[:6])
        super().__init__(Why.CHOOSE_PHONE_COLUMN, columns=named)

    @property
    def members(self) -> dict[str, object]:
        kept: dict[str, object] = {"upload_id": self.upload_id} if self.upload_id else {}
        return {"candidates": self.candidates, **kept}


class AttachmentMissing(AttachmentLost):
    """The file of an attachment is missing or cannot be read."""


class AttachmentDamaged(AttachmentLost):
    """The content of an attachment's file is not what was uploaded."""


class TemplateError(InvalidInput):
    """The message text has a mistake, or names a field that a recipient does not have."""


class TooLarge(DaemonError):
    """A request body or a file is above its limit."""


class StorageFull(TooLarge):
    """All uploads and attachments together would be above their limit. limit: MB; days: how long unused ones stay."""

    def __init__(self, limit: int, days: int) -> None:
        super().__init__(Why.STORAGE_FULL, most=f"{limit:,}", days=days)


class IllegalMove(DaemonError):
    """The job or message is in a state that forbids the move."""


class AccountHasWork(IllegalMove):
    """An account that is to be removed still has something to send. work: how much, as JSON."""

    def __init__(self, told: Wording | Coded, /, work: dict[str, object], **values: Any) -> None:
        self.work = work
        super().__init__(told, **values)

    @property
    def members(self) -> dict[str, object]:
        return dict(self.work)


class EditConflict(IllegalMove):
    """Somebody, or another tab, has changed since what the caller wants to change; or a draft has been started."""


class KeyReused(IllegalMove):
    """The Idempotency-Key belongs to a different, earlier request."""


class LeaseLost(InWords):
    """The message's lease is no longer ours."""

    KIND = Why.LEASE_LOST


class AccountLost(LeaseLost):
    """The account's lease is no longer ours, nor are its messages; this sender ends."""


class TransportError(InWords):
    """Base of what a transport raises."""

    KIND = Why.TRANSPORT_ERROR


class NotSubmitted(TransportError):
    """Nothing has left this machine."""

    KIND = Why.NOT_SUBMITTED


class TurnPassed(NotSubmitted):
    """Others may have the time that was this message's: it takes another turn."""


class Blame(StrEnum):
    """Whose trouble it is when WhatsApp's server refuses a message."""

    RECIPIENT = "recipient"  #: only they do not get it
    CAMPAIGN = "campaign"  #: nobody in it gets it before a person has seen to it
    ACCOUNT = "account"  #: it cannot send now: `Transport.health` says why
    NOBODY = "nobody"  #: it only came too early


class Refused(NotSubmitted):
    """WhatsApp's server has refused the message, which proves that nothing was sent.

    blame: whose trouble it is; only a recipient's fails the message. wait_ms: how long it waits otherwise. opted_out:
    the recipient has told WhatsApp that they want no marketing of this business.
    """

    KIND = Why.REFUSED

    def __init__(self, told: Told, blame: Blame, wait_ms: int = 0, opted_out: bool = False) -> None:
        super().__init__(told)
        self.blame, self.wait_ms, self.opted_out = blame, wait_ms, opted_out


class PartMissing(NotSubmitted):
    """The page lacks `parts`, which sending needs: no recipient is to blame for that."""

    KIND = Why.PART_MISSING

    def __init__(self, told: Told, parts: list[str], /, **values: Any) -> None:
        super().__init__(told, **values)
        self.parts = parts


class ChatInUse(NotSubmitted):
    """A person has started to write in the recipient's chat: the message waits until that text is gone."""

    KIND = Why.CHAT_IN_USE


class SubmitUnknown(TransportError):
    """The message may be out."""

    KIND = Why.SUBMIT_UNKNOWN


class GraphRefused(TransportError):
    """Meta's Graph API answered a call with an error. Of its envelope: code (None: it had none), subcode, details
    (Meta's own words, in which no number is left whole). status: of HTTP; wait_s: how long Meta asks to wait, 0: it
    does not say."""

    KIND = Why.GRAPH_REFUSED

    def __init__(self, code: int | None, subcode: int, details: str, status: int, wait_s: float = 0.0) -> None:
        super().__init__(f"{details or 'No details.'} ({status if code is None else code})")
        self.code, self.subcode, self.details, self.status, self.wait_s = code, subcode, details, status, wait_s


class Undeliverable(TransportError):
    """This recipient can never get this message."""

    KIND = Why.UNDELIVERABLE


class AccountUnready(TransportError):
    """The account cannot send now; `Transport.health` says why."""

    KIND = Why.ACCOUNT_UNREADY


class ChatBarred(AccountUnready):
    """WhatsApp does not let the account start this chat for now."""

    KIND = Why.CHAT_BARRED


class NotOffered(TransportError):
    """This cannot be done here; the text says what a person can do instead."""


class BrowserLost(TransportError):
    """Chrome or its driver is gone or hangs."""

    KIND = Why.BROWSER_LOST
