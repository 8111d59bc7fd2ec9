"""What is left of somebody's messages and replies once they were erased: that there was one, when, and its outcome, so
that campaigns still add up. Of the person nothing is left: no number, field, text, id, picture or reason."""

from __future__ import annotations

import hashlib
from typing import Any

import peewee

from daemon import errors
from daemon.config import Settings
from daemon.contacts import erased
from daemon.contacts.mentions import Sought
from daemon.contacts.stored import attachment_path
from daemon.db.connection import write
from daemon.db.proxy import tuples
from daemon.delivery import moves, old_history
from daemon.delivery.refusals import Passed, Why
from daemon.i18n.coded import refusal
from daemon.models import (
    Account,
    Attachment,
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

FEW = 500  # ids in one statement


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


def messages(settings: Settings, who: Sought, by: str, now: int) -> None:
    """Erase their messages, and the files that only they were to get; what is queued is skipped. Raises IllegalMove,
    before the first is erased, while one is being sent."""
    ids = theirs(who)
    for few in peewee.chunked(ids, FEW):
        if Message.select(Message.id).where(Message.id.in_(few), Message.state.in_(IN_HAND)).exists():
            raise errors.IllegalMove(Why.PERSON_IN_HAND)
    for message_id in ids:
        files = _own_files(message_id)
        with write():
            job_id = Message.select(Message.job_id).where(Message.id == message_id).scalar()
            moves.job_state(job_id)
            message = Message.select(Message, Job).join(Job).where(Message.id == message_id).get()
            if message.state in IN_HAND:
                raise errors.IllegalMove(Why.PERSON_IN_HAND)
            Event.update(why=None, coded=None).where(Event.message == message_id).execute()
            old_history.forget_reasons(message_id)
            if message.state == State.PENDING:
                why = refusal(Passed.ERASED)
                moves.apply(message, "skip", why, by, now, error=why)
            _scrub(message_id)
            delete_files(settings, files)


def _own_files(message_id: int) -> list[Attachment]:
    """Those that only this message has, as they are now."""
    own = set(Message.select(Message.attachments).where(Message.id == message_id).scalar() or ())
    return list(Attachment.select().where(Attachment.id.in_(sorted(own - used(own, message_id))))) if own else []


def used(files: set[str], but: int = 0) -> set[str]:
    """Which of these files campaigns have, and messages but that one."""
    others = Message.select(Message.attachments).where(Message.attachments.is_null(False), Message.id != but)
    found = (each or () for query in (others, Job.select(Job.attachments)) for (each,) in query.tuples().iterator())
    return files & {each for some in found for each in some}


def delete_files(settings: Settings, files: list[Attachment]) -> None:
    """Delete these as part of the caller's transaction, but for those that were used since they were read. The bytes go
    before it is committed: nobody would look for them later."""
    for each in files:
        same = Attachment.used_at.is_null() if each.used_at is None else Attachment.used_at == each.used_at
        if Attachment.delete().where(Attachment.id == each.id, same).execute():
            attachment_path(settings, each.id).unlink(missing_ok=True)


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
        for (one,) in tuples(PortfolioPerson.select(PortfolioPerson.id).where(PortfolioPerson.person.in_(persons))):
            nobody = PortfolioPerson.update(person=f"erased person {one}")  # it counts for a day still
            nobody.where(PortfolioPerson.id == one).execute()
        Picture.delete().execute()  # of pages with chats; it is made again when somebody asks for one
        _chats(who, persons, numbers)


def _chats(who: Sought, persons: list[PersonKey], numbers: list[Any]) -> None:
    opened = OpenedChat.person.in_(persons) | OpenedChat.number.in_(numbers)
    OpenedChat.delete().where(opened).execute()
    unmatched = UnmatchedChat.number.in_(numbers) | UnmatchedChat.hint.in_(numbers)
    UnmatchedChat.delete().where(unmatched).execute()
    for table, columns in ((OpenedChat, ("title",)), (UnmatchedChat, ("title", "stop_key"))):
        named = [row.id for row in table.select() if any(who.is_in(getattr(row, each) or "") for each in columns)]
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
