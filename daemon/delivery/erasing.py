"""What is left of somebody's messages and replies once they were erased: that there was one, when, and its outcome, so
that campaigns still add up. Of the person nothing is left: no number, field, text, id, picture or reason."""

from __future__ import annotations

import hashlib
from typing import Any

from daemon import errors
from daemon.contacts import erased
from daemon.contacts.mentions import Sought
from daemon.db.connection import write
from daemon.db.proxy import tuples
from daemon.delivery import moves, old_history
from daemon.delivery.refusals import Passed, Why
from daemon.i18n.coded import refusal
from daemon.models import (
    Account,
    CloudBatch,
    CloudProgress,
    Event,
    Evidence,
    Handover,
    Job,
    KnownUser,
    LastWrote,
    Message,
    MessagePart,
    OldStop,
    OpenedChat,
    Picture,
    PortfolioPerson,
    Reply,
    UnmatchedChat,
)
from daemon.states import IN_HAND, PersonKey, State


def known_as(who: Sought) -> list[PersonKey]:
    """WhatsApp's ids of them."""
    rows = KnownUser.select(KnownUser.bsuid).where(KnownUser.number.in_(list(who.numbers)))
    return [PersonKey(bsuid) for (bsuid,) in tuples(rows)]


def theirs(who: Sought) -> list[int]:
    """The ids of their messages."""
    accounts = Account.select(Account.name)  # there is an index by account and person
    rows = Message.select(Message.id).where(Message.account.in_(accounts), Message.person.in_(list(who.persons)))
    return sorted(message_id for (message_id,) in tuples(rows))


def label(row_id: int) -> str:
    """What stands in the place of a number."""
    return f"erased {row_id}"


def messages(who: Sought, by: str, now: int) -> set[str]:
    """Erase their messages; what is queued is skipped. Returns the ids of files that only they were to get. Raises
    IllegalMove while one is being sent."""
    files: set[str] = set()
    for message_id in theirs(who):
        with write():
            job_id = Message.select(Message.job_id).where(Message.id == message_id).scalar()
            moves.job_state(job_id)
            message = Message.select(Message, Job).join(Job).where(Message.id == message_id).get()
            if message.state in IN_HAND:
                raise errors.IllegalMove(Why.PERSON_IN_HAND)
            files |= set(message.attachments or ())
            Event.update(why=None, coded=None).where(Event.message == message_id).execute()
            old_history.forget_reasons(message_id)
            if message.state == State.PENDING:
                why = refusal(Passed.ERASED)
                moves.apply(message, "skip", why, by, now, error=why)
            _scrub(message_id)
    return files


def _scrub(message_id: int) -> None:
    Evidence.delete().where(Evidence.message == message_id).execute()
    parts = {"what": "", "mark": None, "transport_id": None}
    MessagePart.update(parts).where(MessagePart.message == message_id).execute()
    PortfolioPerson.update(person=label(message_id)).where(PortfolioPerson.message == message_id).execute()
    nothing: dict[str, Any] = {
        "number": label(message_id),
        "person": erased.NOBODY,
        "external_id": None,
        "fields": {},
        "attachments": None,
        "mark": None,
        "error": None,
        "coded": None,
        "transport_id": label(message_id),  # not None: else a late receipt would tell it anew
    }
    Message.update(nothing).where(Message.id == message_id).execute()


def replies(who: Sought) -> None:
    """Erase what they have written, and what is known of their chats."""
    persons, numbers = list(who.persons), list(who.numbers)
    with write():
        for row in Reply.select().where(Reply.person.in_(persons) | Reply.number.in_(numbers)):
            key = hashlib.sha256(row.key.encode()).hexdigest()
            nothing = {"number": label(row.id), "person": erased.NOBODY, "text": "", "key": key, "fresh": False}
            Reply.update(nothing).where(Reply.id == row.id).execute()
        Handover.update(number="", person=None).where(Handover.person.in_(persons)).execute()
        LastWrote.delete().where(LastWrote.person.in_(persons)).execute()
        KnownUser.delete().where(KnownUser.number.in_(numbers)).execute()
        PortfolioPerson.delete().where(PortfolioPerson.person.in_(persons)).execute()
        Picture.delete().execute()  # of pages with chats; it is made again when somebody asks for one
        _chats(who, persons, numbers)


def _chats(who: Sought, persons: list[PersonKey], numbers: list[Any]) -> None:
    opened = OpenedChat.person.in_(persons) | OpenedChat.number.in_(numbers)
    OpenedChat.delete().where(opened).execute()
    unmatched = UnmatchedChat.number.in_(numbers) | UnmatchedChat.hint.in_(numbers)
    UnmatchedChat.delete().where(unmatched).execute()
    for table in (OpenedChat, UnmatchedChat):
        named = [row.id for row in table.select(table.id, table.title) if who.is_in(row.title)]
        table.delete().where(table.id.in_(named)).execute()
    stops = [row for row in OldStop.select() if who.is_in(row.key)]
    for row in stops:
        OldStop.update(key=hashlib.sha256(row.key.encode()).hexdigest()).where(OldStop.id == row.id).execute()


def posted(who: Sought) -> None:
    """Erase what Meta has posted about them and nobody could work through. Raises IllegalMove while there is something
    that is still to be worked through."""
    for batch_id, body in tuples(CloudBatch.select(CloudBatch.id, CloudBatch.body)):
        if who.is_in(bytes(body).decode(errors="replace")):
            with write():
                aside = (CloudProgress.batch == batch_id) & CloudProgress.aside.is_null(False)
                if not CloudProgress.select().where(aside).exists():
                    raise errors.IllegalMove(Why.PERSON_IN_HAND)
                CloudBatch.delete().where(CloudBatch.id == batch_id).execute()
                CloudProgress.delete().where(CloudProgress.batch == batch_id).execute()
