"""Linking WhatsApp Web to a phone by a code instead of the QR code, and logging it out again.

WhatsApp changes the code by itself about every three minutes. `screens` reads it each time it looks at the page, and
requests a new one if it has expired, as long as somebody may still want to use it.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator

import structlog

from daemon import errors
from daemon.i18n.coded import Phrase
from daemon.states import E164
from daemon.transports.browser.bridge import Interrupted, Operation, Surface, mask
from daemon.transports.browser.refusals import Screen, Unsent
from daemon.transports.browser.screens import Screens

log = structlog.get_logger()

LANDING_S = 30.0  #: how long the page may take to show its QR code again
FIELD_MS = 8_000  #: how long the field for the number may take to appear
CODE_MS = 15_000  #: how long the code may take to arrive from WhatsApp's servers
LOG_OUT_MS = 15_000  #: how long logging out may take
BY_PHONE = "On the phone open WhatsApp, then Linked devices, tap this device and then Log out."


class Linking:
    """Linking and logging out, while nothing is being sent. All methods run on the driver's thread."""

    def __init__(self, surface: Surface, screens: Screens) -> None:
        self._surface = surface
        self._screens = screens

    def by_code(self, number: E164, operation: Operation) -> None:
        """Have WhatsApp show a code for `number` (E.164); returns when `Screens.look` can read it.

        Raises AccountUnready (already linked, or the page does not get that far), NotOffered.
        """
        with _calm():
            self._to_landing(operation)
            self._need(self._surface.ask("openEntry", wait_ms=FIELD_MS))
            operation.check()
            self._surface.type(number)
            answer = self._surface.ask("submitNumber", digits=re.sub(r"\D", "", number), wait_ms=CODE_MS)
            if refused := answer.get("refused"):
                self._surface.open()
                raise errors.AccountUnready(Unsent.NUMBER_NOT_TAKEN, words=mask(refused, 80))
            self._need(answer)
            self._screens.since.linking = time.monotonic()
            log.info("page.code_asked")

    def by_qr(self) -> None:
        """Go back to the QR code."""
        with _calm():
            look = self._surface.observe()
            if look["main"] or look["chats_hidden"]:
                raise errors.AccountUnready(Unsent.LINKED_ALREADY)
            self._surface.open()

    def log_out(self, operation: Operation) -> None:
        """Log this device out with WhatsApp's own menu. Raises AccountUnready, NotOffered."""
        with _calm():
            look = self._surface.observe()
            if look["qr"] or look["qr_screen"] or look["link_code"] or look["link_entry"]:
                raise errors.AccountUnready(Unsent.NOT_LINKED_YET)
            operation.check()
            answer = self._surface.ask("logOut", wait_ms=LOG_OUT_MS)
            if "why" in answer:
                log.warning("page.part_missing", name=answer["why"], group="log_out")
                raise errors.NotOffered(Unsent.NO_WAY_OUT, BY_PHONE=Phrase(BY_PHONE))
            log.info("page.logged_out")

    def _to_landing(self, operation: Operation) -> None:
        """Go to the page with the QR code, reloading if it shows another step of linking."""
        until = time.monotonic() + LANDING_S
        reloaded = False
        while True:
            operation.check()
            try:
                look = self._surface.observe()
            except Interrupted:  # it is being loaded
                continue
            if look["main"] or look["chats_hidden"]:
                raise errors.AccountUnready(Unsent.LINKED_ALREADY)
            self._refuse("passkey" if look["passkey"] else "too_many" if "too_many" in look["said"] else "")
            if (look["link_code"] or look["link_entry"] or look["link_expired"]) and not reloaded:
                self._surface.open()
                reloaded = True
            elif look["qr"] or look["qr_screen"]:
                return
            elif time.monotonic() > until:
                raise errors.AccountUnready(Unsent.NO_QR_CODE)
            time.sleep(0.1)

    def _refuse(self, why: str) -> None:
        """Say why WhatsApp links nobody now. The page stays: a person may go on with it."""
        if why == "passkey":
            raise errors.AccountUnready(Screen.PASSKEY)
        if why == "too_many":
            raise errors.AccountUnready(Screen.TOO_MANY)

    def _need(self, answer: dict[str, str]) -> None:
        self._refuse(answer.get("why", ""))
        if "why" in answer:
            log.warning("page.part_missing", name=answer["why"], group="link")
            self._surface.open()
            raise errors.NotOffered(Unsent.NO_LINK_CODE)


@contextlib.contextmanager
def _calm() -> Iterator[None]:
    """If the page reloads in the meantime, the person is asked to try again."""
    try:
        yield
    except Interrupted:
        raise errors.AccountUnready(Unsent.CHANGED_MEANWHILE) from None
