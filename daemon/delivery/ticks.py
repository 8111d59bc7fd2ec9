"""Ticks: how far messages have come after their hand-over, as far as a transport sees it without opening their chats.

A row of a chat that is open has the id of its message. The list of chats only shows the tick of a chat's last message,
so it says something of one of ours only where that certainly is the last one: the chat is known to be theirs, nothing
of ours has left for them since, they have not answered, and its time and its text, as far as they are shown, are those
of our message. In doubt nothing is moved: the next look may show more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import peewee

from daemon import errors
from daemon.accounts import pacing
from daemon.config import Settings
from daemon.contacts.person import Person
from daemon.db.proxy import tuples
from daemon.delivery import compose, receipts
from daemon.delivery.receipts import Outcome
from daemon.models import Handover, Message, Reply
from daemon.states import OUT, Ack, PersonKey, State, Status
from daemon.transports.protocol import ListedTick, Mark, StatusUpdate, Tick

FOLLOWED_MS = 3 * pacing.DAY_MS  # so long after its hand-over a message is followed
NAMES_MS = 8 * pacing.DAY_MS  # so long a name must have stood for one person only
MINUTE_MS = 60_000
BRIEF_MS = 2 * MINUTE_MS  # a hand-over that took longer has no minute of its own
SHORTENED = 40  # with so many letters and digits the beginning of a text stands for all of it
STATUS = {Ack.DELIVERED: Status.DELIVERED, Ack.READ: Status.READ}
BEHIND = {Status.DELIVERED: {State.SENT}, Status.READ: {State.SENT, State.DELIVERED}}


def followed(account: str, now: int) -> bool:
    """Whether anything is still to be learnt of a message of the account."""
    recent = (Message.account == account, Message.submitted_at > now - FOLLOWED_MS)
    state = peewee.fn.COALESCE(Message.state, "")  # not the column: all that was ever sent is in its index
    return bool(Message.select().where(*recent, state.in_([State.SENT.value, State.DELIVERED.value])).exists())


def take(account: str, ticks: Sequence[Tick], now: int) -> int:
    """Move on the messages whose rows were seen; returns how many. Raises DatabaseBusy: then none was moved."""
    acks = {tick.key: STATUS[tick.ack] for tick in ticks if tick.ack in STATUS}
    mine = (Message.account == account, Message.transport_id.in_(list(acks)))
    rows = list(Message.select(Message.id, Message.transport_id, Message.state, Message.submissions).where(*mine))
    return _move(account, [(row, acks[str(row.transport_id)]) for row in rows], now)


def take_listed(settings: Settings, chats: Sequence[ListedTick], now: int) -> int:
    """Move on the messages that certainly are the last ones of these chats; returns how many. Raises DatabaseBusy."""
    account, moves = settings.account, []
    for chat, person in _people(account, chats, now):
        message = _newest(account, person)
        if message and _is_last(settings, chat, message, now):
            moves.append((message, STATUS[chat.ack]))
    return _move(account, moves, now)


def _move(account: str, moves: Iterable[tuple[Message, Status]], now: int) -> int:
    updates = [
        StatusUpdate(status, now, message_id=message.id, submission=message.submissions)
        for message, status in moves
        if message.state in BEHIND[status]
    ]
    return receipts.take(account, updates, now).count(Outcome.MOVED) if updates else 0


def _people(account: str, chats: Sequence[ListedTick], now: int) -> list[tuple[ListedTick, PersonKey]]:
    """The chats that are with one certain person: by the number, or by the name that only their chat had."""
    known = [(chat, Person(chat.number).key) for chat in chats if chat.ack in STATUS and chat.number is not None]
    named = [chat for chat in chats if chat.ack in STATUS and chat.number is None]
    if named:
        sole = {title: min(persons) for title, persons in _names(account, now).items() if len(persons) == 1}
        known += [(chat, sole[chat.title]) for chat in named if chat.title in sole]
    return known


def _names(account: str, now: int) -> dict[str, set[PersonKey]]:
    """Whose chats had which name when we wrote there."""
    recent = (Message.account == account, Message.submitted_at > now - NAMES_MS)
    query = Message.select(Message.person, Message.mark).where(*recent, Message.mark.contains('"name":'))
    found: dict[str, set[PersonKey]] = defaultdict(set)
    for person, mark in tuples(query):
        if name := _name(mark):
            found[name].add(person)
    return found


def _name(mark: str | None) -> str | None:
    return Mark.loads(mark).name if mark else None


def _newest(account: str, person: PersonKey) -> Message | None:
    """What was handed over for them last."""
    theirs = (Message.account == account, Message.person == person, Message.submitted_at.is_null(False))
    found: Message | None = Message.select().where(*theirs).order_by(Message.submitted_at.desc()).first()
    return found


def _is_last(settings: Settings, chat: ListedTick, message: Message, now: int) -> bool:
    """Whether the row of that chat is the row of this message."""
    submitted, sent = message.submitted_at, message.sent_at
    if message.state not in OUT or not submitted or not sent or submitted <= now - FOLLOWED_MS:
        return False
    if chat.number is None and _name(message.mark) != chat.title:
        return False
    if not _in_time(chat, submitted, sent) or _followed_by_another(message, submitted, sent):
        return False
    if chat.preview and (told := _tells(settings, chat.preview, message)) is not None:
        return told and (chat.number is not None or chat.at is not None)
    to_the_minute = chat.at is not None and chat.at[1] - chat.at[0] <= MINUTE_MS
    return to_the_minute and sent - submitted <= BRIEF_MS and (chat.number is not None or chat.alone)


def _in_time(chat: ListedTick, submitted: int, sent: int) -> bool:
    """Whether it was sent when the row says, if it says. WhatsApp counts whole seconds."""
    return chat.at is None or (chat.at[0] <= sent and submitted // 1000 * 1000 < chat.at[1])


def _followed_by_another(message: Message, submitted: int, sent: int) -> bool:
    """Whether something else has left for them since, or they have written."""
    theirs = (Handover.account == message.account, Handover.person == message.person, Handover.at >= submitted)
    another = Handover.message.is_null() | (Handover.message != message.id)
    if Handover.select().where(*theirs, another).exists():
        return True
    wrote = (Reply.account == message.account, Reply.person == message.person, Reply.at >= sent)
    return bool(Reply.select().where(*wrote).exists())


def _tells(settings: Settings, preview: str, message: Message) -> bool | None:
    """Whether the row shows the text of the message, or the name of its file; None where a file may show as a word of
    WhatsApp's own ("Photo")."""
    try:
        outgoing = compose.outgoing(settings, message, to_send=False)
    except (errors.InvalidInput, errors.NotFound):
        return False
    shown = _letters(preview)
    for text in (outgoing.text, *(file.filename for file in outgoing.attachments)):
        whole = _letters(text)
        if (whole or text.strip()) and (shown == whole if whole else preview.strip() == text.strip()):
            return True
        if len(shown) >= SHORTENED and whole.startswith(shown):
            return True
    return None if outgoing.attachments else False


def _letters(text: str) -> str:
    """Letters and digits only: WhatsApp shows signs of formatting, lists and emoji in ways of its own."""
    return "".join(sign for sign in text.casefold() if sign.isalnum())
