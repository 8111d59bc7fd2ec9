"""What comes in, as a browser that is driven hears of it."""

from __future__ import annotations

import asyncio

from daemon.transports.protocol import Heard, Unread
from tests.support.driving import Driving, a_number


def overheard(driving: Driving) -> list[Heard]:
    return driving.run(driving.transport.overheard())


def unread(driving: Driving, *titles: str) -> list[Unread]:
    """The unread chats, once these are among them, less those of earlier tests."""
    for _ in range(100):
        found = driving.run(driving.transport.unread())
        if set(titles) <= {chat.title for chat in found}:
            return found
        driving.run(asyncio.sleep(0.05))
    raise AssertionError(f"never unread: {titles}, but {[chat.title for chat in found]}")


def the(driving: Driving, title: str) -> Unread:
    return next(chat for chat in unread(driving, title) if chat.title == title)


def said(heard: Heard | None) -> list[tuple[bool, str]]:
    assert heard is not None
    return [(each.own, each.text) for each in heard.rows]


def away(driving: Driving) -> None:
    """Have another chat open."""
    driving.send(a_number(), "elsewhere")
    overheard(driving)


def until_shown(driving: Driving, text: str) -> None:
    """Wait for a row of the open chat."""
    page_ = driving.transport._page
    assert page_ is not None
    for _ in range(100):
        if any(row["text"] == text for row in page_._surface.ask("newestRows", count=3)):
            return
        driving.run(asyncio.sleep(0.02))
    raise AssertionError(f"not shown: {text}")
