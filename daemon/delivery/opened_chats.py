"""Chats that are opened to be read: WhatsApp counts them as read at once, so nothing there would show them again.

That a chat is about to be opened is committed before it is; that its rows are stored, after. Whatever ends the sender
in between, the next one reads it once more.
"""

from __future__ import annotations

from daemon.contacts.person import Person
from daemon.db.connection import write
from daemon.models import OpenedChat
from daemon.states import E164, PersonKey
from daemon.transports.protocol import Unread

MOST = 20  # of an account that are read again


def begin(account: str, chat: Unread, now: int) -> int:
    """Commit that this chat is being opened; returns the entry's id."""
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
    """It is to be read once more, whether or not it was stored before."""
    with write():
        OpenedChat.update(stored=False).where(OpenedChat.id == entry).execute()


def end(account: str, entry: int) -> None:
    """All that stood in it is stored. It stays noted until another one is: it is still open, and what comes in now is
    counted as read as well."""
    with write():
        OpenedChat.delete().where(OpenedChat.account == account, OpenedChat.stored).execute()
        OpenedChat.update(stored=True).where(OpenedChat.id == entry).execute()


def forget(entry: int) -> None:
    """It was not opened after all, or cannot be any more."""
    with write():
        OpenedChat.delete().where(OpenedChat.id == entry).execute()


def unfinished(account: str, latest: bool) -> list[tuple[int, Unread]]:
    """What was opened and not stored, oldest first, each with its entry's id; latest: also the one that was open
    last."""
    query = OpenedChat.select().where(OpenedChat.account == account)
    if not latest:
        query = query.where(~OpenedChat.stored)
    rows = query.order_by(OpenedChat.at, OpenedChat.id).limit(MOST)
    return [(row.id, Unread(row.title, E164(row.number) if row.number else None, 0)) for row in rows]
