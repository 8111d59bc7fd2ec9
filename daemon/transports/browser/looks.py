"""What the page answers when it is asked how it is."""

from __future__ import annotations

from typing import Any, TypedDict


class Dialog(TypedDict):
    """A dialog over the page. waiting: it goes by itself. invalid: it refuses a number, which is `number`. guarded: it
    has parts of WhatsApp's check of who links or uses this device, so it is never clicked away."""

    text: str
    buttons: list[str]
    waiting: bool
    invalid: bool
    number: str | None
    guarded: bool


class Look(TypedDict):
    """What the page answers to "observe"."""

    url: str
    error_page: str | None  # the code of Chrome's own page for what it cannot reach
    born: float  # which life of the page it is
    online: bool
    splash: bool
    progress: bool
    percent: float | None  # how far it says that it has come
    lang: str  # of the page, as a tag like "en"; "" where it does not say
    main: bool  # the chats are there
    chats_hidden: bool  # they are in the page, and not to be seen
    qr: str | None
    qr_reload: bool
    qr_screen: bool
    link_code: str | None
    link_entry: bool
    link_expired: bool
    passkey: str | None  # which step of the check by passkey is on the screen
    offline_icon: bool
    dialogs: list[Dialog]
    said: list[str]  # names of the texts in selectors.toml that the page says
    duration: str | None
    cap_used: tuple[int, int] | None
    preview: bool
    chat: dict[str, Any] | None
    text: str
