"""People who answer, in a chat that is made of rows."""

from __future__ import annotations

from typing import Any

from daemon.delivery import replies
from daemon.models import Reply
from daemon.transports.protocol import Heard, Said, Unread
from tests.support.hand import Hand
from tests.support.scripted import ScriptedTransport

ONE, TWO, STRANGER = "+4915110000000", "+4915110000001", "+4915119999999"
NONE: frozenset[str] = frozenset()
DAY_MS = 86_400_000


def own(key: str, text: str = "Hello") -> Said:
    return Said(key, True, text)


def theirs(key: str, text: str) -> Said:
    return Said(key, False, text)


def take(hand: Hand, number: str | None, *rows: Said, further: frozenset[str] = NONE) -> replies.Taken:
    return replies.take("default", Heard(number, rows), further, hand.clock())


def texts() -> list[str]:
    return [row.text for row in Reply.select().order_by(Reply.id)]


class Chats(ScriptedTransport):
    """A transport with chats: `unread_now` shows in the list until it is read, `open_now` is overheard once."""

    def __init__(self, **script: list[Any]) -> None:
        super().__init__(**script)
        self.unread_now: dict[str, tuple[Unread, Heard | None]] = {}
        self.open_now: list[Heard] = []
        self.read_before: dict[str, Heard] = {}  # what stands in chats that are not unread any more

    async def unread(self) -> list[Unread]:
        await self._next("unread", "", None)
        return [chat for chat, _ in self.unread_now.values()]

    async def read(self, chat: Unread) -> Heard | None:
        """`reread`, where the sender does not come from the list: nothing in it is unread."""
        await self._next("read" if chat.count else "reread", chat.number or chat.title, None)
        if not chat.count:
            return self.read_before.get(chat.number or chat.title)
        heard = self.unread_now.pop(chat.title)[1]
        if heard is not None:
            self.read_before[chat.number or chat.title] = heard
        return heard

    async def overheard(self) -> list[Heard]:
        found, self.open_now = self.open_now, []
        return found

    def answers(self, number: str, *said: Said, title: str | None = None, preview: str = "") -> None:
        known = title is None
        chat = Unread(title or number, number if known else None, 1, preview)
        self.unread_now[chat.title] = chat, Heard(number if known else None, said, title or "")
