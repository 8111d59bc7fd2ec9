"""What the sender needs from a way to send messages for one account."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from daemon.i18n.coded import Told
from daemon.states import E164, AccountState, Ack, Finding, Hold, Kind, Status


@dataclass(frozen=True)
class Attachment:
    """A stored file; `filename` is the name the recipient sees."""

    path: Path
    filename: str
    kind: Kind
    mimetype: str
    size: int


@dataclass(frozen=True)
class TemplateValue:
    """What stands at a place of a template. name: of the place, None where the template numbers its places."""

    text: str
    name: str | None = None


@dataclass(frozen=True)
class TemplateButton:
    """What a button of a template needs. index: from 0; text: what its address ends with, what a tap reports, or
    the code that it copies."""

    index: int
    kind: Literal["url", "quick_reply", "copy_code"]
    text: str


@dataclass(frozen=True)
class Location:
    """A place on the map; coordinates in degrees."""

    latitude: str
    longitude: str
    name: str
    address: str


@dataclass(frozen=True)
class Templated:
    """A template of WhatsApp's, filled in for one person. body: in the order of its places."""

    name: str
    language: str
    body: tuple[TemplateValue, ...] = ()
    header: TemplateValue | Attachment | Location | None = None
    buttons: tuple[TemplateButton, ...] = ()


@dataclass(frozen=True)
class Outgoing:
    """One message to one person. number: E.164 with "+". text may be empty when there is an attachment.

    template: instead of text and attachments. callback: what receipts name this hand-over by (see `callback_of`).
    """

    number: E164
    text: str
    attachments: tuple[Attachment, ...] = ()
    template: Templated | None = None
    callback: str | None = None


def callback_of(message_id: int, submission: int, job_at: int) -> str:
    """What receipts name a hand-over by: the message, which of its hand-overs, and when its job was made (UTC ms):
    after a restore another message may get the same id, but not in a job of that time. A part of several (from 0) that
    is not the last has `:p:<part>` behind it."""
    return f"m:{message_id}:a:{submission}:j:{job_at}"


REHEARSED = "dryrun-"  # what the ids of messages begin with that a dry run has handed over


@dataclass(frozen=True)
class Mark:
    """What the chat looked like just before the hand-over: enough to tell later what is new in it.

    last_own: id of our newest message among those that were loaded, None if there was none. name: the chat's title if
    it is not the number; replies are recognised by it in the list of chats. last: id of the newest message from either
    side; None in an empty chat, and in marks of older versions. turn_at: when it was its turn, by `time.monotonic`,
    where there are turns: it should leave soon. That is not stored.
    """

    last_own: str | None
    name: str | None = field(default=None, compare=False, repr=False)
    last: str | None = field(default=None, compare=False)
    turn_at: float | None = field(default=None, compare=False, repr=False)

    def dumps(self) -> str:
        known = {"last_own": self.last_own} | {
            name: value for name, value in (("name", self.name), ("last", self.last)) if value is not None
        }
        return json.dumps(known, ensure_ascii=False)

    @classmethod
    def loads(cls, text: str) -> Mark:
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Receipt:
    """The answer to a hand-over: WhatsApp has the message. transport_id: the id it has there (an opaque text).

    reason: why it is held, where it is only accepted. expires_at: UTC epoch ms, when its time to live ends.
    """

    transport_id: str
    ack: Ack
    reason: Told | None = None
    expires_at: int | None = None


@dataclass(frozen=True)
class StatusUpdate:
    """What WhatsApp reports of a message beside the answer to its hand-over: before it, late, more than once, in any
    order.

    at: when that was, UTC epoch ms. message_id: ours; submission: which of its hand-overs (`Message.submissions`), None
    where that is not told; job_at: when the job of that message was made, None for hand-overs by earlier versions.
    part: which of its parts (from 0), where it has several and this is not the last. transport_id: the id it has there;
    one of both ids is given. reason: a sentence for a person, with its code where it has one.
    """

    status: Status
    at: int
    transport_id: str | None = None
    message_id: int | None = None
    submission: int | None = None
    reason: Told | None = None
    part: int | None = None
    job_at: int | None = None


@dataclass(frozen=True)
class ChatRow:
    """A message in the chat. own: whether it is ours, None if unclear; ack: of our own, as the page shows it."""

    own: bool | None
    text: str
    ack: str | None


@dataclass(frozen=True)
class Lookup:
    """Outcome of `look_up`. evidence: one sentence for a person, without numbers or message text.

    rows (oldest first) and screenshot (PNG): what a person can decide by when the finding is UNKNOWN or WAITING.
    """

    finding: Finding
    evidence: Told
    receipt: Receipt | None = None
    rows: tuple[ChatRow, ...] = field(default=(), repr=False)
    screenshot: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Unread:
    """A chat with unread messages, as shown in the list of chats, without opening it.

    title: name or number; "" if only the number is known, as for archived chats. number: E.164, if the title is one.
    count: of unread messages; 0 for a chat that has to be read again. preview: the newest message, often "" because
    most rows of the list do not show it. landmarks: ids of rows known to be in the chat, if it is the one we think it
    is: whoever reads back to one of them has missed nothing. hint: whose chat it is by the browser's own address book,
    where the title is a name; group: whether it certainly is a group's.
    """

    title: str = field(repr=False)
    number: E164 | None = field(repr=False)
    count: int
    preview: str = field(default="", repr=False)
    landmarks: frozenset[str] = field(default=frozenset(), repr=False, compare=False)
    hint: E164 | None = field(default=None, repr=False)
    group: bool = False


@dataclass(frozen=True)
class Said:
    """A message in a chat. key: its id there. own: whether it is certainly ours. text: "" for pictures, voice, etc. at:
    when it was written, UTC ms, where that is told."""

    key: str
    own: bool
    text: str = field(repr=False)
    at: int | None = None


@dataclass(frozen=True)
class Heard:
    """The newest rows of a chat that is or was open, oldest first, without quoted text.

    number: E.164, if the title is one or the chat was opened by number; None if only a name is known. A contact can be
    saved under any title, so our own rows in the chat are better proof of whose it is. title: "" where it is not known,
    or another chat has it, too.
    """

    number: E164 | None = field(repr=False)
    rows: tuple[Said, ...]
    title: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True)
class Tick:
    """How far one of our messages has come. key: its id in the chat."""

    key: str
    ack: Ack


@dataclass(frozen=True)
class ListedTick:
    """A chat whose last message is ours, and how far that has come, as the list of chats shows it.

    title, number: as in `Unread`. preview: its text or the name of its file, "" where the list does not show it. at:
    between which times it was sent (UTC epoch ms), as finely as the list says; None where it does not. alone: the
    list was read through, and no other chat in it has this title.
    """

    title: str = field(repr=False)
    number: E164 | None = field(repr=False)
    ack: Ack
    preview: str = field(default="", repr=False)
    at: tuple[int, int] | None = None
    alone: bool = False


@dataclass(frozen=True)
class Listed:
    """A part of the list of chats. more: the list goes on below it."""

    chats: tuple[ListedTick, ...] = ()
    more: bool = False


@dataclass(frozen=True)
class Health:
    """What the account can do, as the transport sees it now.

    hold: set when state is HELD or BANNED. until_ms: UTC epoch ms when WhatsApp says it ends, else None.
    detail: one sentence for a person (no numbers, no message text). qr: the payload to draw while
    NEEDS_LINK, or link_code: the 8 characters to enter on the phone where that was asked for; credentials, so
    they are kept out of repr and logs. known_chats: it is HELD, but only new chats
    are barred; chats in which the other side has written go on.
    """

    state: AccountState
    hold: Hold | None = None
    until_ms: int | None = None
    detail: Told | None = None
    qr: str | None = None
    known_chats: bool = False
    link_code: str | None = None

    @property
    def usable(self) -> bool:
        """Whether chats can be opened and read, and at least some messages be sent."""
        return self.state is AccountState.READY or self.known_chats

    @property
    def words(self) -> str | None:
        """`detail` in English."""
        return None if self.detail is None else str(self.detail)

    def __repr__(self) -> str:
        return f"Health({self.state}, hold={self.hold}, until_ms={self.until_ms}, detail={self.words!r})"


def always() -> bool:
    """For a hand-over without a lease: it is always held."""
    return True


class Transport(Protocol):
    """A way to send messages for one account. What only some can do beside that is a protocol of its own, below.

    Every method is a coroutine and may be cancelled; a cancelled `prepare` leaves nothing sent. With a concurrency of 1
    it does one thing at a time; else everything may be called while messages are in flight.
    """

    concurrency: int  #: how many messages it takes at once (browser 1, Cloud API many)
    exclusive: bool  #: whether, once started, it is the only one on its account: what others held is then dead
    paced: bool  #: whether it writes as a person does, so with the pauses of one; caps and quiet hours hold anyway

    async def start(self) -> None:
        """Bring it up, cleaning away what a previous life left. Does not wait for a login.

        Raises SetupError (the machine lacks something), AccountInUse, BrowserLost (try again).
        """

    async def health(self) -> Health:
        """Look at the account now; heals what can be healed without a person (a stale QR code, a
        reconnect button, a known promotion). Raises BrowserLost."""

    async def prepare(self, message: Outgoing) -> Mark:
        """Do all that can be done before anything leaves: open the chat, prove it is the right one,
        compose, read back. Raises NotSubmitted, Undeliverable, AccountUnready, BrowserLost."""

    async def hand_over(self, message: Outgoing, mark: Mark, held: Callable[[], bool] = always) -> Receipt:
        """Send what `prepare` composed; returns when the server has ticked it.

        held: asked at the last moment before anything leaves; where it says no, the message may be somebody
        else's by now, and LeaseLost is raised. Raises NotSubmitted only where it is certain that nothing was
        sent; else SubmitUnknown (no tick within the deadline) or BrowserLost. Where WhatsApp's "yes" is no tick the
        receipt says `Ack.ACCEPTED`; what follows comes as `StatusUpdate`. Where its server itself refuses the message
        Refused is raised, by `prepare`, too.
        """

    async def look_up(self, message: Outgoing, mark: Mark) -> Lookup:
        """Find out what became of a message that was handed over in this or an earlier life.

        Sends nothing. Raises AccountUnready, BrowserLost; says UNKNOWN when it cannot tell.
        """

    async def close(self) -> None:
        """Leave no process behind. Safe to call twice and after BrowserLost; takes under 5 s."""


@runtime_checkable
class Inbox(Protocol):
    """It can read what people have answered; also while the account is held, as long as it shows its chats."""

    async def unread(self) -> list[Unread]:
        """All chats with something unread. Opens none; what is in the one that is open is then `overheard`.

        Both this and `read` raise AccountUnready, BrowserLost."""

    async def read(self, chat: Unread) -> Heard | None:
        """Open the chat, which tells its other side that it was read, and read it back to one of its
        landmarks (past all that is unread), or to its beginning. None: it cannot be opened, or is a group."""

    async def overheard(self) -> list[Heard]:
        """What stood in chats that were open for another reason, since the last call: also in the one of `prepare`."""


@runtime_checkable
class Follows(Protocol):
    """It can tell how far messages have come after their hand-over, without opening a chat for that."""

    async def listed(self, since: int, further: bool) -> Listed:
        """Look at the top of the list of chats or, further, at the part below the last one, down to chats that were
        last written in before `since` (UTC epoch ms). Takes about a second at most; also works while the account is
        held. What is read in the chat that is open is then `ticked`. Raises AccountUnready, BrowserLost."""

    async def ticked(self) -> list[Tick]:
        """How far messages have come in chats that were open for another reason; each step once."""


@dataclass(frozen=True)
class Turns:
    """When the next messages of a number may go: `count` of them, the first in `in_ms`, each `gap_ms` after the one
    before."""

    count: int
    in_ms: float
    gap_ms: float


class Kept(Protocol):
    """What a transport keeps in the database, for which it has no tables of its own. number: the one that sends, as
    WhatsApp names it. All may raise DatabaseBusy."""

    async def turns(self, number: str, most: int, rate: int) -> Turns:
        """Take turns to send, shared with all that send from the number. rate: messages a second that it may send."""

    async def slower(self, number: str, pause_ms: int) -> None:
        """WhatsApp says that it was too much: nobody takes turns during the pause, and then fewer for a while."""

    async def media(self, number: str, file: str) -> str | None:
        """The id under which WhatsApp has that file, if it keeps it for a while yet."""

    async def keep_media(self, number: str, file: str, media_id: str, lasts_ms: int) -> None: ...

    async def forget_media(self, number: str, file: str) -> None: ...

    async def limited(self, business: str, most: int | None) -> None:
        """WhatsApp says to how many people that business may begin to write in 24 hours; None: to any number."""


@runtime_checkable
class Keeps(Protocol):
    """It keeps something in the database."""

    def keep_in(self, kept: Kept) -> None:
        """There, from now on; before it is started."""


@runtime_checkable
class Profiled(Protocol):
    """It keeps an account's login in the data folder."""

    def belong_to(self, life: str) -> None:
        """Of several accounts that have had the name, it is for this one, see `accounts/home.py`; before it is started.
        What an earlier one has left is deleted then."""


@runtime_checkable
class Receipted(Protocol):
    """What became of a hand-over is told by receipts only: `look_up` waits for them and finds nothing itself, and what
    was handed over is never handed over again. one_file: it has no albums."""

    one_file: bool


@runtime_checkable
class Reports(Protocol):
    """It can be asked how far messages have come that it has handed over, where nothing was reported."""

    async def reported(self, transport_ids: Sequence[str]) -> list[StatusUpdate]:
        """What is known of the messages with these ids, in no order; of some perhaps nothing. Raises AccountUnready."""

    def told(self, hold: Health) -> None:
        """It was reported that the account cannot send, and not until when: as if an answer had shown it, except that
        then one message at a time is tried, until one is `proved` to have gone out."""

    def can_send(self) -> bool:
        """Whether WhatsApp says so, asked since."""

    def proved(self) -> None:
        """Something has gone out since."""


@runtime_checkable
class Linkable(Protocol):
    """It is linked to a telephone; both raise NotOffered, BrowserLost."""

    async def link(self, number: E164 | None) -> None:
        """From now on link by a code for that number (E.164), which `health` then reports; None: by the QR code.

        Raises AccountUnready (it is linked already, or WhatsApp does not take the number)."""

    async def log_out(self) -> None:
        """End the link to the phone. Raises AccountUnready when there is none."""


@runtime_checkable
class Inspectable(Protocol):
    """It drives something that can be seen; all raise NotOffered, BrowserLost."""

    async def screenshot(self) -> bytes:
        """A picture (PNG) of what it drives."""

    async def reload(self) -> None:
        """Load the page anew."""

    async def structure(self) -> str:
        """How the page is built, as JSON: no names, numbers or texts of people."""


@runtime_checkable
class Rehearses(Protocol):
    """It sends nothing: what it hands over reaches nobody."""

    rehearses: bool


@runtime_checkable
class Wears(Protocol):
    """It wears out with use."""

    async def worn_out(self) -> str | None:
        """Why it should be closed and started again before the next message; None when it need not be."""
