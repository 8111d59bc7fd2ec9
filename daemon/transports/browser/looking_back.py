"""Has a message reached its chat? The look that settles what a crash, a reload or a silent page has left open."""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import replace
from typing import Any

import structlog
from selenium.common.exceptions import StaleElementReferenceException

from daemon import errors
from daemon.i18n.coded import refusal
from daemon.states import E164, AccountState, Finding
from daemon.transports.browser.bridge import Interrupted, Operation, Surface
from daemon.transports.browser.chat import Chat
from daemon.transports.browser.chats import Chats
from daemon.transports.browser.composing import plan
from daemon.transports.browser.incoming import Incoming
from daemon.transports.browser.reading import Older, Reading
from daemon.transports.browser.refusals import Look, Unsent
from daemon.transports.browser.screens import Screens
from daemon.transports.protocol import ChatRow, Lookup, Mark, Outgoing

log = structlog.get_logger()

EVIDENCE_ROWS = 12  #: how many of the chat a person sees who has to decide

#: The last hand-over, and the life of the page that it was in.
Handed = tuple[Outgoing, Mark, float]


class LookingBack:
    """Opens the recipient's chat and reads it back to the mark."""

    def __init__(self, surface: Surface, screens: Screens, chats: Chats, incoming: Incoming) -> None:
        self._surface = surface
        self._screens = screens
        self._chats = chats
        self._incoming = incoming

    def look_up(self, message: Outgoing, mark: Mark, operation: Operation, handed: Handed | None) -> Lookup:
        """See Transport.look_up. handed: the last that this page was handed."""
        found = self._find(message, mark, operation, handed)
        if found.finding not in (Finding.UNKNOWN, Finding.WAITING):
            return found
        return replace(found, rows=self._newest_rows(message.number), screenshot=self._surface.picture())

    def _newest_rows(self, number: E164) -> tuple[ChatRow, ...]:
        """The rows of the recipient's chat; none where it cannot be proved that it is the open one."""
        with contextlib.suppress(Interrupted):
            if chat := self._proved(re.sub(r"\D", "", number)):
                rows = self._surface.ask("newestRows", count=EVIDENCE_ROWS, want=chat.want())
                return tuple(ChatRow(**row) for row in rows)
        return ()

    def _proved(self, digits: str) -> Chat | None:
        """Their chat, where it was the last that was proved and has been on the screen since."""
        chat = self._chats.proved
        return chat if chat and (chat.digits, chat.left) == (digits, self._screens.left) else None

    def _find(self, message: Outgoing, mark: Mark, operation: Operation, handed: Handed | None) -> Lookup:
        try:
            return self._look_up(message, mark, operation, handed)
        except (Interrupted, StaleElementReferenceException):
            return Lookup(Finding.UNKNOWN, refusal(Look.RELOADED))
        except errors.NotSubmitted as error:
            return Lookup(Finding.UNKNOWN, error.told)
        except errors.Undeliverable:
            # Whatever WhatsApp says of the number now, the message may have reached it before.
            return Lookup(
                Finding.UNKNOWN,
                refusal(Look.NOT_OPENED),
            )

    def _look_up(self, message: Outgoing, mark: Mark, operation: Operation, handed: Handed | None) -> Lookup:
        digits = re.sub(r"\D", "", message.number)
        state, _ = self._screens.require_usable(operation, offline_ok=True)
        online = state is not AccountState.OFFLINE
        self._surface.ask("leavePreview")
        proved = True
        if not online:
            chat = self._proved(digits)
            if chat is None or self._surface.ask("chatNow", digits=digits)["title"] != chat.title:
                raise errors.AccountUnready(Unsent.NO_CONNECTION)
        else:
            try:
                self._incoming.overhear()
                chat = self._chats.open(message.number, operation)
            except errors.AccountUnready:
                if not self._screens.barred(digits):
                    raise  # with a bar in place of the composer the rows can be read all the same
                at = self._surface.ask("chatNow", digits=digits)
                chat, proved = Chat(digits, at["title"], None, self._screens.left), bool(at["number"])
        wants = [want for parcel in plan(message) for want in parcel.wants()]
        same_life = handed == (message, mark, self._surface.born)
        reading = Reading(mark, len(wants), same_life=same_life, proved=proved, clock=time.monotonic)
        found = self._read(reading, mark, wants, chat, operation, may_reload=same_life and online)
        if found.finding is Finding.ABSENT and not (online and self._screens.look(operation, idle=False)[0].usable):
            return Lookup(Finding.UNKNOWN, refusal(Look.OFFLINE))
        return found

    def _read(
        self,
        reading: Reading,
        mark: Mark,
        wants: list[dict[str, Any]],
        chat: Chat,
        operation: Operation,
        *,
        may_reload: bool,
    ) -> Lookup:
        """Read the rows after the mark, loading older ones until it is reached (or the beginning is).

        That takes a while, and a person at the window, or an earlier link that is answered late, may open another
        chat meanwhile: each answer says whether it is of this one.
        """
        self._surface.ask("settled", max_ms=8_000, quiet_ms=200, empty_ms=1_000)
        older: Older | None = None
        while True:
            operation.check()
            history = self._surface.ask(
                "history", last=mark.last, last_own=mark.last_own, wants=wants, wait_ms=1_000, want=chat.want()
            )
            outcome = reading.step(history, older)
            if outcome:
                break
            older = None if history["reached"] else self._surface.ask("older", wait_ms=500, want=chat.want())
            time.sleep(0.05)
        if outcome.blank and may_reload:
            log.info("page.reloaded")
            self._surface.open()
        if outcome.read_through:
            with contextlib.suppress(Interrupted):
                self._surface.ask("newest")
        return outcome.lookup
