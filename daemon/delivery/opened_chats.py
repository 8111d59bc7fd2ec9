"""Chats that are opened to be read: WhatsApp marks them as read at once, so they would not show as unread again.

Before a chat is opened, that is committed; after its messages are stored, that is, too. If the sender ends in between,
the next one reads it again.
"""

from __future__ import annotations

from daemon.contacts.person import Person
from daemon.db.connection import write
from daemon.models import OpenedChat
from daemon.states import E164, PersonKey
from daemon.transports.protocol import Unread

MOST = 20  # the most chats of an account that are read again


def begin(account: str, chat: Unread, now: int) -> int:
    """Commit that this chat is about to be opened; returns the entry's id."""
    person = Person(chat.number).key if chat.number else PersonKey("")
    same = [OpenedChat.account == account, OpenedChat.person == person]
    if not chat.number:
        same.append(OpenedChat.title == chat.title)
    with write():
        row = OpenedChat.get_or_none(*same)
        if row is None:
            number = chat.number or ""
            return int(OpenedChat.create(account=account, title=chat.title, number=number, person=person, at=now).id)
        OpenedChat.update(at=now, stored=False).where(OpenedChat.id == row.id).execute()
        return int(row.id)


def reopen(entry: int) -> None:
    """Read it once more, whether or not it was stored before."""
    with write():
        OpenedChat.update(stored=False).where(OpenedChat.id == entry).execute()


def end(account: str, entry: int) -> None:
    """Everything in it is stored. The entry stays until another chat is done: this one is still open, and what comes in
    now is marked as read as well."""
    with write():
        OpenedChat.delete().where(OpenedChat.account == account, OpenedChat.stored).execute()
        OpenedChat.update(stored=True).where(OpenedChat.id == entry).execute()


def forget(entry: int) -> None:
    """Drop the entry: the chat was not opened after all, or cannot be any more."""
    with write():
        OpenedChat.delete().where(OpenedChat.id == entry).execute()


def unfinished(account: str, latest: bool) -> list[tuple[int, Unread]]:
    """Chats that were opened and not stored, oldest first, each with its entry's id; latest: also the one opened
    last."""
    query = OpenedChat.select().where(OpenedChat.account == account)
    if not latest:
        query = query.where(~OpenedChat.stored)
    rows = query.order_by(OpenedChat.at, OpenedChat.id).limit(MOST)
    return [(row.id, Unread(row.title, E164(row.number) if row.number else None, 0)) for row in rows]
