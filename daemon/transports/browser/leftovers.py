"""Unsent text in composers: ours is removed, a person's is left alone.

WhatsApp keeps a composer's text with the chat, even over restarts. We recognise our own text because we remember what
was written where; after a restart of the sender, by comparing it with the message that is to go to that chat.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from selenium.common.exceptions import StaleElementReferenceException

from daemon import errors
from daemon.states import E164
from daemon.transports import parts
from daemon.transports.browser.bridge import Interrupted, Surface
from daemon.transports.browser.chat import Chat, Want
from daemon.transports.browser.composing import Box

if TYPE_CHECKING:
    from daemon.transports.browser.chat import Chat

log = structlog.get_logger()

KEPT = 500  #: for how many chats we remember our unsent text
_INVISIBLE = re.compile("[\u061c\u200b\u200c\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufe0e\ufe0f\ufeff]")
_MARKER = re.compile(r"ws[0-9a-f]{10}")


def new_marker() -> str:
    """A word that is in no chat yet, to prove which one WhatsApp has opened."""
    return "ws" + secrets.token_hex(5)


@dataclass
class Written:
    """What is being composed: in which chat, and whether files are waiting in a preview."""

    chat: Chat
    text: str
    files: bool


class Leftovers:
    """Our text that may still be in composers. All methods run on the driver's thread."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface
        self.texts: OrderedDict[str, str] = OrderedDict()  # digits: what was written there and not sent
        self._written: Written | None = None

    def began(self, chat: Chat, text: str, *, files: bool) -> None:
        """Remember that `text` may be in the composer of `chat`, which is open, from now on."""
        self._written = Written(chat, text, files)
        self.texts[chat.digits] = text
        self.texts.move_to_end(chat.digits)
        while len(self.texts) > KEPT:
            self.texts.popitem(last=False)

    def sent(self) -> None:
        """It has left the composer."""
        if self._written:
            self.texts.pop(self._written.chat.digits, None)
            self._written = None

    def forget(self, number: E164) -> None:
        """What was written to them last has been sent, as was found out later."""
        self.texts.pop(re.sub(r"\D", "", number), None)

    def ours(self, digits: str, draft: str, text: str | None = None) -> bool:
        """Whether `draft`, found in the chat with `digits`, is certainly ours. text: the message to be sent there."""
        found = _plain(_MARKER.sub("", draft))
        written = self.texts.get(digits)
        if not found or (written is not None and _plain(written).startswith(found)):
            return True
        if text is None:
            return False
        # From before a restart: the whole text, or as many whole lines as were written before the process ended.
        text = parts.typed(text)
        lines = text.split("\n")
        return any(found == _plain("\n".join(lines[:count])) for count in range(2, len(lines))) or found == _plain(text)

    def clear(self, left: int) -> None:
        """Remove what was composed last and will not be sent, if it is still unchanged in the open chat.

        left: `Screens.left` now. If the chat is no longer open, the text is removed when it is opened next.
        """
        written, self._written = self._written, None
        if written is None:
            return
        with contextlib.suppress(Interrupted, StaleElementReferenceException, errors.NotSubmitted):
            if written.files and not self._surface.ask("leavePreview"):
                return
            at = self._surface.ask("chatNow", digits=written.chat.digits)
            if (at["title"], left) != (written.chat.title, written.chat.left) or not at["composer"]:
                return
            if self.ours(written.chat.digits, at["draft"]):
                Box(self._surface, "composer").clear(written.chat.want())
                self.texts.pop(written.chat.digits, None)
                log.info("composer.cleared")

    def without_marker(self, digits: str, before: str | None, after: str, want: Want | None) -> str:
        """Remove our marker from the composer of the chat with `digits`, which it has proved.

        before: the composer's text when WhatsApp was asked, if this chat was open then; after: its text now. want: see
        Box.clear. A person's text stays: WhatsApp puts the marker after it, or in its place. Returns what is left.
        """
        rest = _MARKER.sub("", after)
        theirs = rest if _plain(rest) else before or ""
        box = Box(self._surface, "composer")
        if self.ours(digits, theirs):
            box.clear(want)
            return ""
        theirs = _MARKER.sub("", theirs)
        box.fill(theirs, want=want)
        return theirs


def _plain(text: str) -> str:
    """As the page reads a composer back (js/text.js): without signs that nobody sees, one kind of apostrophe."""
    return " ".join(re.sub("[\u2018\u2019\u02bc]", "'", _INVISIBLE.sub("", parts.typed(text))).split())
