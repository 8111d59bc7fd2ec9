"""The right chat, and no other: how it is opened, and how it is proved."""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from dataclasses import dataclass
from typing import Any

import structlog

from daemon import errors
from daemon.transports import Hold
from daemon.transports.composing import Box
from daemon.transports.screens import LINK, OPEN_MS, Screens
from daemon.transports.surface import Interrupted, Operation, Surface

log = structlog.get_logger()

NAVIGATE_S = 90.0  #: how long WhatsApp may take to start anew
ANCHOR_REST_S = 600.0  #: how long a way to open chats that did not work is left alone


@dataclass(frozen=True)
class Chat:
    """An open chat that is proved to be the one with `digits`.

    rows: how its rows came to rest (for the page's `settled`). left: `Screens.left` at the time.
    """

    digits: str
    title: str | None
    rows: dict[str, Any] | None
    left: int

    def want(self) -> dict[str, str | None]:
        """What the page has to find before it sends."""
        return {"title": self.title, "digits": self.digits}


class Chats:
    """Opens chats. WhatsApp's own pages link to a chat by an address; so do we, and have it proved."""

    def __init__(self, surface: Surface, screens: Screens) -> None:
        self._surface = surface
        self._screens = screens
        self._no_composer: set[str] = set()
        self.link_rests = 0.0  #: until when (monotonic) links are not tried
        self.proved: Chat | None = None  #: the last one

    def open(self, number: str, operation: Operation) -> Chat:
        """Open the chat with `number` and prove that it is this one.

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
                raise errors.AccountUnready(f"WhatsApp Web has changed; not found: {', '.join(changed)}.")
            self.proved = Chat(digits, chat["title"], chat.get("rows"), self._screens.left)
            return self.proved
        raise errors.NotSubmitted("The chat could not be opened, or not be proved to be the right one.")

    def _by_link(self, digits: str, operation: Operation) -> dict[str, Any] | None:
        answer = self._surface.ask("openChat", digits=digits, href=LINK + digits, marker=None, wait_ms=OPEN_MS)
        answer = self._after_dialogs(answer, digits, None, operation)
        if answer["outcome"] == "ignored":
            return None
        if answer["outcome"] in ("named", "unchanged", "timeout"):
            return self._prove_by_marker(digits, operation)
        return self._arrived(answer)

    def _prove_by_marker(self, digits: str, operation: Operation) -> dict[str, Any] | None:
        """Ask WhatsApp to put a word of ours into the draft of the number's chat: it then stands in the
        composer of that chat and of no other."""
        marker = "ws" + secrets.token_hex(5)
        href = f"{LINK}{digits}&text={marker}"
        operation.check()
        answer = self._surface.ask("openChat", digits=digits, href=href, marker=marker, wait_ms=OPEN_MS)
        answer = self._after_dialogs(answer, digits, marker, operation)
        if answer["outcome"] in ("ignored", "timeout"):
            return None
        chat = self._arrived(answer)
        if chat and chat["composer"]:
            Box(self._surface, "composer").clear()
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
                if self._surface.ask("missing", names=["panel_back"]) == []:
                    self._surface.ask("click", name="panel_back")
        return self._arrived(answer) if answer["outcome"] == "proved" else None

    def _by_address(self, digits: str, operation: Operation) -> dict[str, Any] | None:
        """Load WhatsApp anew with the chat in its address: slow, but it needs nothing of the page."""
        marker = "ws" + secrets.token_hex(5)
        born = self._surface.observe()["born"]
        self._surface.open(f"/send?phone={digits}&text={marker}")
        until = time.monotonic() + NAVIGATE_S
        while time.monotonic() < until:
            operation.check()
            try:
                look = self._surface.observe()
                if look["born"] == born or not look["main"]:
                    if look["error_page"] or look["qr"]:
                        raise errors.AccountUnready("WhatsApp Web did not come back after it was loaded anew.")
                    time.sleep(0.05)
                    continue
                answer = self._surface.ask("arrive", digits=digits, marker=marker, wait_ms=OPEN_MS, before=None)
                answer = self._after_dialogs(answer, digits, marker, operation)
                if answer["outcome"] in ("timeout", "busy"):
                    continue
                chat = self._arrived(answer)
                if chat and chat["composer"]:
                    Box(self._surface, "composer").clear()
            except Interrupted:
                time.sleep(0.05)
                continue
            return chat
        return None

    def _after_dialogs(
        self, answer: dict[str, Any], digits: str, marker: str | None, operation: Operation
    ) -> dict[str, Any]:
        """Answer the dialogs that come up instead of the chat. Raises Undeliverable, AccountUnready."""
        for _ in range(5):
            operation.check()
            if answer["outcome"] == "unready":
                self._screens.require_usable(operation)
                raise errors.NotSubmitted("The page is busy with something else.")
            if answer["outcome"] == "busy":
                answer = self._surface.ask("arrive", digits=digits, marker=marker, wait_ms=OPEN_MS, before=None)
                if answer["outcome"] == "busy":
                    raise errors.NotSubmitted("WhatsApp does not open the chat: its server does not answer.")
                continue
            if answer["outcome"] != "dialog":
                return answer
            dialog = answer["dialog"]
            if dialog["invalid"]:
                self._surface.ask("acceptDialog", text=self._surface.text["invalid_number"])
                raise errors.Undeliverable("The number is not on WhatsApp.")
            if not self._screens.dismiss({"dialogs": [dialog]}, idle=False):
                self._screens.require_usable(operation)  # names the dialog
                continue
            answer = self._surface.ask("arrive", digits=digits, marker=marker, wait_ms=OPEN_MS, before=None)
        return answer

    def _arrived(self, answer: dict[str, Any]) -> dict[str, Any] | None:
        if answer["outcome"] == "proved":
            return answer
        if answer["outcome"] == "barred":
            chat: dict[str, Any] = self._surface.ask("chatNow", digits="0")
            return {**chat, "by": "bar"}
        return None

    def barred_now(self, chat: dict[str, Any] | None, digits: str) -> errors.ChatBarred | None:
        """Why this account may not write in the chat that is open (as `observe` saw it); None when it may."""
        if chat is None or chat["composer"] or chat["bar"] not in (Hold.RESTRICTED, Hold.MONTHLY_CAP):
            return None
        self._screens.note_bar(Hold(chat["bar"]), digits, chat["title"])
        return errors.ChatBarred("WhatsApp does not let this account start new chats.")

    def _without_composer(self, chat: dict[str, Any], digits: str) -> None:
        """Raises what it means that nothing can be written in the chat."""
        if chat["bar"] == "blocked":
            raise errors.Undeliverable("This contact is blocked in WhatsApp.")
        if barred := self.barred_now(chat, digits):
            raise barred
        self._no_composer.add(digits)
        if len(self._no_composer) > 2:  # one chat may be special; several in a row mean that the page has changed
            self._screens.note_changed(["composer"])
        raise errors.NotSubmitted("The chat has no box to write in.")
