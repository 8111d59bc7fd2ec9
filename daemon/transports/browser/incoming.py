"""Incoming messages: unread chats, and the rows of chats that are open anyway.

A message that arrives in the open chat counts as read at once, so the chat's rows are read before another chat is
opened. Opening a chat tells the other side that it was read, so this only happens when asked for with `read`.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections import deque
from typing import Any

import structlog

from daemon import errors
from daemon.formats import notations
from daemon.i18n.coded import refusal
from daemon.states import E164, AccountState
from daemon.transports.browser.bridge import Interrupted, Operation, Surface
from daemon.transports.browser.chat import Chat
from daemon.transports.browser.chats import Chats
from daemon.transports.browser.following import OwnTicks
from daemon.transports.browser.refusals import Unsent
from daemon.transports.browser.screens import Screens
from daemon.transports.protocol import Heard, Said, Unread

log = structlog.get_logger()

OPEN_MS = 5_000
ALIKE = 3  #: how many chats of the same title are opened to find the one with the landmarks
MOST_ROWS = 600  #: how far a chat is read back, at most
BACK_S = 25.0  #: how long that may take
OLDER_MS = 700  #: how long to wait for older rows to load


class Incoming:
    """All methods run on the driver's thread."""

    def __init__(self, surface: Surface, screens: Screens, chats: Chats) -> None:
        self._surface, self._screens, self._chats = surface, screens, chats
        self.notes: deque[Heard] = deque()  #: oldest first; the caller may keep them when the page is gone
        self.ticks = OwnTicks()  #: likewise
        self._reading: tuple[str, str | None] | None = None  # title and digits of the chat that `read` opened
        self._hidden = 0

    def note(self, digits: str, rows: list[dict[str, Any]]) -> None:
        """Note these rows of the chat with `digits`, which is proved to be theirs."""
        self._reading = None
        self.ticks.note(rows)
        if any(not row["own"] for row in rows):
            self.notes.append(_heard(digits, rows))

    def overhear(self) -> None:
        """Note the rows of the open chat, whichever it is: a person may have opened another one.

        The number is only noted if the title is that number and the chat was opened for it; otherwise our own rows in
        the chat have to show whose it is.
        """
        found = self._surface.ask("heard")
        proved = self._chats.proved
        opened = [self._reading[1]] if self._reading and self._reading[0] == found["title"] else []
        if proved is not None and proved.left == self._screens.left:
            opened.append(proved.digits)
        theirs = any(digits and notations.one_person(found["number"], digits) for digits in opened)
        number = found["number"] if theirs else None
        self.ticks.note(found["rows"])
        if any(not row["own"] for row in found["rows"]):
            self.notes.append(_heard(number, found["rows"], found["title"]))

    def catch_up(self, chat: Chat, rows: list[dict[str, Any]], operation: Operation) -> bool:
        """For an open chat in which none of the loaded rows is ours, because the other side has written more since:
        read back to our own rows and note them all. Returns whether anything had to be loaded for that."""
        if not rows or any(row["own"] for row in rows):
            return False
        read = self._back(frozenset(), 0, operation)
        if read is None or read["title"] != chat.title or len(read["rows"]) <= len(rows):
            return False
        self.note(chat.digits, read["rows"])
        return True

    def unread(self, operation: Operation) -> list[Unread]:
        """See Transport.unread."""
        self.require_chats(operation)
        try:
            self.overhear()
            found = self._surface.ask("unread")
        except Interrupted:
            return []
        if not found["whole"]:
            log.warning("reply.cut", what="list", rows=len(found["chats"]))
        if found["hidden"] and found["hidden"] != self._hidden:
            log.warning("reply.out_of_reach", count=found["hidden"])
        self._hidden = found["hidden"]
        return [_unread(row) for row in found["chats"]]

    def require_chats(self, operation: Operation) -> None:
        """Make sure that the page shows its chats. Raises AccountUnready.

        The account may be on hold: it can still receive messages when it must not send any.
        """
        health, look = self._screens.look(operation, idle=False)
        if not (health.usable or (health.state is AccountState.HELD and look["main"])):
            raise errors.AccountUnready(health.detail or refusal(Unsent.NOT_USABLE, state=health.state))

    def read(self, chat: Unread, operation: Operation) -> Heard | None:
        """See Transport.read. Raises also NotSubmitted, Undeliverable, where the chat of a number does not open."""
        self.require_chats(operation)
        try:
            self.overhear()
            self._chats.proved = self._reading = None  # nothing must be sent into the chat that opens now
            if not chat.title or (chat.number and not chat.count):
                return self._read_number(re.sub(r"\D", "", chat.number or ""), chat, operation)
            first: Heard | None = None
            for nth in range(1 if chat.count else ALIKE):  # the first unread one is the next to read
                heard = self._read_listed(chat, nth, operation)
                if heard and (chat.count or chat.landmarks & {said.key for said in heard.rows}):
                    return heard
                first = first or heard
        except Interrupted as error:
            raise errors.NotSubmitted(Unsent.CHANGED_WHILE_READ) from error
        return first

    def _read_listed(self, chat: Unread, nth: int, operation: Operation) -> Heard | None:
        """Open it by its row in the list."""
        only = chat.count > 0
        found = self._surface.ask("openListed", title=chat.title, unread=only, nth=nth, wait_ms=OPEN_MS)
        if found["outcome"] != "open":
            return None
        self._reading = chat.title, found["number"]
        read = self._back(chat.landmarks, chat.count, operation)
        if read is None or read["title"] != chat.title:
            return None
        return _heard(found["number"], read["rows"], chat.title)

    def _read_number(self, digits: str, chat: Unread, operation: Operation) -> Heard | None:
        """Open it by number, like a recipient's chat: it is in no list, or far down in it and already read."""
        try:
            title = self._chats.open(E164(f"+{digits}"), operation).title
        except errors.ChatBarred:  # its rows can still be read, if it is the right one
            at = self._surface.ask("chatNow", digits=digits)
            if not at["number"]:
                return None
            title = at["title"]
        read = self._back(chat.landmarks, chat.count, operation)
        return None if read is None or read["title"] != title else _heard(digits, read["rows"])

    def _back(self, landmarks: frozenset[str], count: int, operation: Operation) -> dict[str, Any] | None:
        """The rows of the open chat, back to one of the landmarks and to all `count` unread ones; without landmarks,
        back to a row of ours. Older rows are loaded as far as necessary."""
        until = time.monotonic() + BACK_S
        while True:
            operation.check()
            found: dict[str, Any] = self._surface.ask("readRows", wait_ms=500)
            rows = found["rows"]
            reached = any(row["key"] in landmarks if landmarks else row["own"] for row in rows)
            if reached and sum(not row["own"] for row in rows) >= count:
                break
            older = self._surface.ask("older", wait_ms=OLDER_MS)
            if older["top"] and not older["came"] and not older["loading"]:
                break
            if len(rows) >= MOST_ROWS or time.monotonic() > until:
                log.warning("reply.cut", what="chat", rows=len(rows))
                break
        self.ticks.note(rows)
        with contextlib.suppress(Interrupted):
            self._surface.ask("newest")
        return found


def drained(notes: deque[Heard]) -> list[Heard]:
    """All notes; the queue is empty afterwards."""
    found = []
    while notes:
        found.append(notes.popleft())
    return found


def _unread(row: dict[str, Any]) -> Unread:
    number, hint = _e164(row["number"]), _e164(row["hint"])
    return Unread(row["title"], number, row["count"], row["preview"], hint=hint, group=row["group"])


def _heard(digits: str | None, rows: list[dict[str, Any]], title: str | None = None) -> Heard:
    return Heard(_e164(digits), tuple(Said(row["key"], row["own"], row["text"]) for row in rows), title or "")


def _e164(digits: str | None) -> E164 | None:
    return E164(f"+{digits}") if digits else None


def name_of(title: str | None, digits: str) -> str | None:
    """The chat's title, unless it is the number."""
    return None if title is None or re.sub(r"\D", "", title) == digits else title
