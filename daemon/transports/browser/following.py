"""How far messages of ours have come: by the list of chats, and by the rows of chats that are open anyway.

No chat is opened for it: that would tell its other side that it was read.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from typing import TypedDict

from daemon.states import E164, Ack
from daemon.transports.browser.bridge import Interrupted, Surface
from daemon.transports.browser.reading import ACKS
from daemon.transports.protocol import Listed, ListedTick, Tick

STEP_MS = 500  #: how long one look goes down the list; the view that it ends with is still read
ARRIVED = frozenset({Ack.DELIVERED, Ack.READ})
KEPT = 5_000  #: how many messages are remembered with what was told of them


class ChatRow(TypedDict):
    """A row of the list of chats, as the page tells it. ack: None where the last message is not ours."""

    title: str
    number: str | None
    ack: str | None
    preview: str
    at: list[int] | None


class OwnTicks:
    """Notes how far messages have come in chats that are open, each step once."""

    def __init__(self) -> None:
        self._told: dict[str, Ack] = {}
        self._notes: deque[Tick] = deque()

    def note(self, rows: Sequence[dict[str, object]]) -> None:
        """Rows of a chat as the page tells them: key, own, ack."""
        for row in rows:
            ack = ACKS.get(str(row["ack"])) if row["own"] else None
            key = str(row["key"])
            if ack in ARRIVED and self._told.get(key) != ack:
                self._told[key] = ack
                self._notes.append(Tick(key, ack))
        while len(self._told) > KEPT:
            del self._told[next(iter(self._told))]

    def drained(self) -> list[Tick]:
        """All that was noted; nothing is left."""
        found = list(self._notes)
        self._notes.clear()
        return found


class Following:
    """Goes down the list of chats, a part at a time. `look` runs on the driver's thread."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self._after: int | None = None  # place of the last row of the part before; None: the list begins anew
        self._titles: Counter[str] = Counter()  # of all parts so far
        self._named: list[ListedTick] = []  # chats with a name, until it is known whether another one has it, too

    def look(self, since: int, further: bool, ticks: OwnTicks) -> Listed:
        """See Follows.listed. The caller makes sure that the page shows its chats. ticks: notes those of the open
        one."""
        after, ms = (self._after, STEP_MS) if further else (None, 0)
        try:
            found = self._surface.ask("listedTicks", after=after, ms=ms, since=since)
        except Interrupted:
            return Listed()
        ticks.note(found["open"])
        rows: list[ChatRow] = found["rows"]
        if not further:
            twice = Counter(row["title"] for row in rows)
            return Listed(tuple(_listed(row) for row in rows if _ours(row) and twice[row["title"]] == 1))
        return self._on(rows, found["next"])

    def _on(self, rows: Sequence[ChatRow], place: int | None) -> Listed:
        """A part of the list. Chats with a name are told at the list's end."""
        self._titles.update(row["title"] for row in rows)
        listed = [_listed(row) for row in rows if _ours(row)]
        self._named += [chat for chat in listed if chat.number is None]
        told = [chat for chat in listed if chat.number is not None]
        self._after = place
        if place is not None:
            return Listed(tuple(told), more=True)
        told += [_alone(chat) for chat in self._named if self._titles[chat.title] == 1]
        self._titles.clear()
        self._named.clear()
        return Listed(tuple(told))


def _ours(row: ChatRow) -> bool:
    return ACKS.get(row["ack"] or "") in ARRIVED


def _listed(row: ChatRow) -> ListedTick:
    number = E164(f"+{row['number']}") if row["number"] else None
    at = (row["at"][0], row["at"][1]) if row["at"] else None
    return ListedTick(row["title"], number, ACKS[row["ack"] or ""], row["preview"], at)


def _alone(chat: ListedTick) -> ListedTick:
    return ListedTick(chat.title, chat.number, chat.ack, chat.preview, chat.at, alone=True)
