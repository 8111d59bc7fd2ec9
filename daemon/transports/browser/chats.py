"""Opening a chat, and proving that it is the right one."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable
from typing import Any

import structlog

from daemon import errors
from daemon.formats import notations
from daemon.states import E164, Hold
from daemon.transports.browser.bridge import Abandoned, Interrupted, Operation, Surface
from daemon.transports.browser.chat import Chat, Want
from daemon.transports.browser.leftovers import Leftovers, new_marker
from daemon.transports.browser.refusals import Unsent
from daemon.transports.browser.screens import LINK, OPEN_MS, Screens

log = structlog.get_logger()
NAVIGATE_S = 90.0  #: how long WhatsApp may take to load
ANCHOR_REST_S = 600.0  #: how long a way to open chats is not tried again after it has failed


class Chats:
    """Opens chats, as links on WhatsApp's own pages do, and proves that the right one is open."""

    def __init__(self, surface: Surface, screens: Screens, leftovers: Leftovers) -> None:
        self._surface = surface
        self._screens = screens
        self._leftovers = leftovers
        self._no_composer: set[str] = set()
        self.link_rests = 0.0  #: until when (monotonic) links are not tried
        self.proved: Chat | None = None  #: the last one

    def open(self, number: E164, operation: Operation) -> Chat:
        """Open the chat with `number` and prove that it is the right one.

        Raises Undeliverable, AccountUnready, NotSubmitted.
        """
        digits = re.sub(r"\D", "", number)
        self.proved = None
        began = time.monotonic()
        ways = [("search", self._by_search), ("address", self._by_address)]
        if time.monotonic() >= self.link_rests:
            ways.insert(0, ("link", self._by_link))
        for name, way in ways:
            operation.check()
            chat = way(digits, operation)
            if chat is None:
                log.warning("chat.way_failed", way=name)
                if name == "link":
                    self.link_rests = time.monotonic() + ANCHOR_REST_S
                continue
            log.debug("chat.opened", way=name, proof=chat["by"], elapsed_ms=int((time.monotonic() - began) * 1000))
            if not chat["composer"]:
                self._without_composer(chat, digits)
            self._no_composer.clear()
            if changed := ([] if chat["title"] else ["title"]) + chat.get("lost", []):
                self._screens.note_changed(changed)
                raise errors.AccountUnready(Unsent.PARTS_MISSING, parts=", ".join(changed))
            self.proved = Chat(digits, chat["title"], chat.get("rows"), self._screens.left, chat["draft"] or "")
            return self.proved
        raise errors.NotSubmitted(Unsent.CHAT_NOT_OPENED)

    def _by_link(self, digits: str, operation: Operation) -> dict[str, Any] | None:
        def ask(*, again: bool = True) -> dict[str, Any]:
            href = LINK + digits
            answer: dict[str, Any] = self._surface.ask(
                "openChat", digits=digits, href=href, marker=None, wait_ms=OPEN_MS, again=again
            )
            return answer

        answer = self._after_dialogs(ask(again=False), digits, None, operation, ask)
        if answer["outcome"] == "Ignore":
            return None
        if answer["outcome"] in ("named", "unchanged", "timeout"):
            return self._prove_by_marker(digits, operation)
        return self._arrived(answer)

    def _prove_by_marker(self, digits: str, operation: Operation) -> dict[str, Any] | None:
        """Ask WhatsApp to put a marker word into the draft of the number's chat: it is then in the composer of that
        chat and of no other."""
        marker = new_marker()
        operation.check()
        before = self._surface.ask("chatNow", digits=digits)

        def ask() -> dict[str, Any]:
            href = f"{LINK}{digits}&text={marker}"
            answer: dict[str, Any] = self._surface.ask(
                "openChat", digits=digits, href=href, marker=marker, wait_ms=OPEN_MS
            )
            return answer

        try:
            answer = self._after_dialogs(ask(), digits, marker, operation, ask, before=before["title"])
        except Abandoned:
            now = self._surface.ask("chatNow", digits=digits)
            if marker in (now["draft"] or ""):
                self._unmarked(now, digits, before)
            raise
        if answer["outcome"] in ("Ignore", "timeout"):
            return None
        return self._unmarked(self._arrived(answer), digits, before)

    def _unmarked(
        self, chat: dict[str, Any] | None, digits: str, before: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """The chat without our marker in its composer. before: what was open when WhatsApp was asked."""
        if chat and chat["composer"]:
            same = before is not None and before["title"] == chat["title"]
            seen = before["draft"] if before is not None and same else None
            want: Want | None = {"title": chat["title"], "digits": digits} if chat["title"] else None
            chat["draft"] = self._leftovers.without_marker(digits, seen, chat["draft"] or "", want)
        return chat

    def _by_search(self, digits: str, operation: Operation) -> dict[str, Any] | None:
        before = self._surface.ask("title")
        panel = self._surface.ask("openPanel")
        if not panel.get("focused"):
            return None
        try:
            self._surface.type(digits)
            operation.check()
            if not self._surface.ask("pickResult", digits=digits, wait_ms=2_500):
                return None
            answer = self._surface.ask(
                "arrive", digits=digits, marker=None, wait_ms=4_000, before=before and before["text"]
            )
            answer = self._after_dialogs(answer, digits, None, operation)
        finally:
            with contextlib.suppress(Interrupted):
                if not self._surface.ask("leavePanel")["left"]:
                    self._surface.key("Delete", "Delete", 46)
        return self._arrived(answer) if answer["outcome"] == "proved" else None

    def _by_address(self, digits: str, operation: Operation) -> dict[str, Any] | None:
        """Reload WhatsApp with the chat in the address: slow, but it depends on nothing in the page."""
        marker = new_marker()
        born = self._surface.observe()["born"]
        self._surface.open(f"/send?phone={digits}&text={marker}")
        until = time.monotonic() + NAVIGATE_S
        while time.monotonic() < until:
            operation.check()
            try:
                look = self._surface.observe()
                if look["born"] == born or not look["main"]:
                    if look["error_page"] or look["qr"]:
                        raise errors.AccountUnready(Unsent.NOT_BACK)
                    time.sleep(0.05)
                    continue
                answer = self._surface.ask("arrive", digits=digits, marker=marker, wait_ms=OPEN_MS, before=None)
                # A page that was just loaded for this chat has not been asked for any other.
                answer = self._after_dialogs(answer, digits, marker, operation, alone=True)
                if answer["outcome"] in ("timeout", "busy"):
                    continue
                chat = self._unmarked(self._arrived(answer), digits)
            except Interrupted:
                time.sleep(0.05)
                continue
            return chat
        return None

    def _after_dialogs(
        self,
        answer: dict[str, Any],
        digits: str,
        marker: str | None,
        operation: Operation,
        ask: Callable[[], dict[str, Any]] | None = None,
        *,
        before: str | None = None,
        alone: bool = False,
    ) -> dict[str, Any]:
        """Handle dialogs that appear instead of the chat. Raises Undeliverable, AccountUnready.

        ask: asks for the chat again. before: the title that stood there. alone: no answer about another number can
        still arrive.
        """
        nameless = alone

        def arrive() -> dict[str, Any]:
            answer: dict[str, Any] = self._surface.ask(
                "arrive", digits=digits, marker=marker, wait_ms=OPEN_MS, before=before
            )
            return answer

        for _ in range(6):
            operation.check()
            if answer["outcome"] == "unready":
                self._screens.require_usable(operation)
                raise errors.NotSubmitted(Unsent.PAGE_BUSY)
            if answer["outcome"] == "busy":
                answer = arrive()
                if answer["outcome"] == "busy":
                    # Otherwise its answer would arrive while the next person's chat is being opened.
                    texts = self._surface.text
                    self._surface.ask("clickInDialog", text=texts["starting_chat"], labels=[texts["put_away"]])
                    raise errors.NotSubmitted(Unsent.CHAT_UNANSWERED)
                continue
            if answer["outcome"] != "dialog":
                return answer
            dialog = answer["dialog"]
            if dialog["invalid"]:
                self._surface.ask("acceptDialog", text=self._surface.text["invalid_number"])
                # It may be a late answer about somebody else's number. If it names no number, as in older builds, it
                # is taken to be about this one only if asking again gives the same answer. WhatsApp may call them by
                # another notation of their number than the one we asked for.
                if notations.one_person(dialog["number"], digits) or (dialog["number"] is None and nameless):
                    raise errors.Undeliverable(Unsent.NOT_ON_WHATSAPP)
                nameless = nameless or dialog["number"] is None
                log.info("chat.answer_of_another")
                answer = ask() if ask else {"outcome": "timeout"}
                continue
            if not self._screens.dismiss([dialog], idle=False):
                self._screens.require_usable(operation)  # names the dialog
                continue
            answer = arrive()
        return answer

    def _arrived(self, answer: dict[str, Any]) -> dict[str, Any] | None:
        if answer["outcome"] == "switched":  # the way works: somebody was faster
            raise errors.NotSubmitted(Unsent.CHAT_CHANGED_OVER)
        return answer if answer["outcome"] in ("proved", "barred") else None

    def barred_now(self, chat: dict[str, Any] | None, digits: str) -> errors.ChatBarred | None:
        """Why the account may not write in the open chat (as `observe` saw it); None if it may."""
        if chat is None or chat["composer"] or chat["bar"] not in (Hold.RESTRICTED, Hold.MONTHLY_CAP):
            return None
        self._screens.note_bar(Hold(chat["bar"]), digits, chat["title"])
        return errors.ChatBarred(Unsent.NO_NEW_CHATS)

    def _without_composer(self, chat: dict[str, Any], digits: str) -> None:
        """Raises the error that fits a chat in which nothing can be written."""
        if chat["bar"] == "blocked":
            # Without a composer only the number proves whose chat it is: a name may be somebody else's.
            raise (errors.Undeliverable if chat["number"] else errors.NotSubmitted)(Unsent.BLOCKED)
        if barred := self.barred_now(chat, digits):
            raise barred
        self._no_composer.add(digits)
        if len(self._no_composer) > 2:  # one chat may be special; several in a row mean that the page has changed
            self._screens.note_changed(["composer"])
        raise errors.NotSubmitted(Unsent.NO_TEXT_BOX)
