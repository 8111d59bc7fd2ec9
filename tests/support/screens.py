"""Looks at WhatsApp's page as a test makes them up."""

from __future__ import annotations

from typing import Any

from daemon.states import Hold
from daemon.transports.browser.looks import Dialog, Look
from daemon.transports.browser.screen_rules import Seen


def look(**shown: Any) -> Look:
    """A page that shows nothing, but for `shown`."""
    nothing = Look(
        url="https://web.whatsapp.com/", error_page=None, born=1.0, online=True, splash=False, progress=False,
        percent=None, lang="en", main=False, chats_hidden=False, qr=None, qr_reload=False, qr_screen=False,
        link_code=None,
        link_entry=False, link_expired=False, passkey=None, offline_icon=False, dialogs=[], said=[], duration=None,
        cap_used=None, preview=False, chat=None, text="",
    )  # fmt: skip
    return Look(**(nothing | shown))  # type: ignore[typeddict-item]


def dialog(text: str, *, waiting: bool = False, guarded: bool = False) -> Dialog:
    return Dialog(text=text, buttons=["OK"], waiting=waiting, invalid=False, number=None, guarded=guarded)


def seen(
    *said: str, unknown_s: float = 0.0, bar: Hold | None = None, changed: tuple[str, ...] = (),
    linked: bool | None = None, **shown: Any,
) -> Seen:  # fmt: skip
    page = look(said=list(said), **shown)
    return Seen(page, until=9_000, unknown_s=unknown_s, bar=bar, changed=changed, linked=linked)
