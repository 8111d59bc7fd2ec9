"""What comes in: unread chats, and what stands in those that are open anyway.

A chat that is open when a message arrives in it counts as read at once, so its rows are read before another chat takes
its place. Opening one tells its other side that it was read: that is done only where somebody asks for it by `read`.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Any

from daemon.transports import Heard, Said, Unread
from daemon.transports.chats import Chats
from daemon.transports.screens import Screens
from daemon.transports.surface import Interrupted, Operation, Surface

ROWS = 30  #: of an unread chat, at least
MOST_ROWS = 100
OPEN_MS = 5_000
KEPT = 50  #: looks at open chats that nobody has asked for yet


class Incoming:
    """All methods but `overheard` run on the driver's thread."""

    def __init__(self, surface: Surface, screens: Screens, chats: Chats) -> None:
        self._surface, self._screens, self._chats = surface, screens, chats
        self._overheard: deque[Heard] = deque(maxlen=KEPT)

    def overheard(self) -> list[Heard]:
        """What was noted since the last call, oldest first."""
        found = []
        while self._overheard:
            found.append(self._overheard.popleft())
        return found

    def note(self, digits: str, rows: list[dict[str, Any]]) -> None:
        """These stand in the chat of `digits`, which is proved to be theirs."""
        if any(not row["own"] for row in rows):
            self._overheard.append(_heard(digits, rows))

    def overhear(self) -> None:
        """Note what stands in the open chat, if it still is the one that was proved last."""
        proved = self._chats.proved
        if proved is None or proved.left != self._screens.left:
            return
        found = self._surface.ask("heard")
        if found["title"] == proved.title:
            self.note(proved.digits, found["rows"])

    def unread(self, operation: Operation) -> list[Unread]:
        """See Transport.unread."""
        self._screens.require_usable(operation)
        try:
            self.overhear()
            found = self._surface.ask("unread")
        except Interrupted:
            return []
        return [Unread(row["title"], _e164(row["number"]), row["count"], row["preview"]) for row in found]

    def read(self, chat: Unread, operation: Operation) -> Heard | None:
        """See Transport.read."""
        self._screens.require_usable(operation)
        try:
            self.overhear()
            self._chats.proved = None  # whatever opens now, nothing is to be sent into it
            count = min(MOST_ROWS, max(ROWS, 2 * chat.count))
            found = self._surface.ask("openUnread", title=chat.title, count=count, wait_ms=OPEN_MS)
        except Interrupted:
            return None
        if found["outcome"] != "open":
            return None
        return _heard(found["number"], found["rows"])


def _heard(digits: str | None, rows: list[dict[str, Any]]) -> Heard:
    return Heard(_e164(digits), tuple(Said(row["key"], row["own"], row["text"]) for row in rows))


def _e164(digits: str | None) -> str | None:
    return f"+{digits}" if digits else None


def name_of(title: str | None, digits: str) -> str | None:
    """What a chat is called where that is not its number."""
    return None if title is None or re.sub(r"\D", "", title) == digits else title
