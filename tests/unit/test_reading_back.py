"""Reading an unread chat back to what is known of it, by a page that answers as a test says."""

from __future__ import annotations

from typing import Any, cast

import pytest

from daemon.states import AccountState
from daemon.transports.browser.bridge import Operation, Surface
from daemon.transports.browser.chats import Chats
from daemon.transports.browser.incoming import Incoming
from daemon.transports.browser.screens import Screens
from daemon.transports.protocol import Health, Unread

CHAIN = [("o1", True, "our offer"), ("a", False, "who are you?"), ("b", False, "STOP"), ("c", False, "hello?")]
WAITS = {"came": False, "top": True, "loading": True}  # it stands at its top, and older rows are on their way
CAME = {"came": True, "top": True, "loading": False}
NONE = {"came": False, "top": True, "loading": False}
MORE = {"came": False, "top": False, "loading": False}  # there is more above


class Page:
    """Shows the newest `shown` rows of CHAIN, one more for each answer that says that older ones came."""

    def __init__(self, older: list[dict[str, bool]], shown: int = 1) -> None:
        self.older, self.shown = older, shown
        self.asked: list[str] = []

    def ask(self, command: str, **_: Any) -> Any:
        self.asked.append(command)
        if command == "heard":
            return {"title": None, "number": None, "rows": []}
        if command == "openListed":
            return {"outcome": "open", "number": None}
        if command == "readRows":
            rows = [{"key": key, "own": own, "ack": None, "text": text} for key, own, text in CHAIN[-self.shown :]]
            return {"title": "Kim", "rows": rows}
        if command == "older":
            answer = self.older.pop(0)
            self.shown += answer["came"]
            return answer
        return True


class Shown:
    """Screens that show their chats."""

    left = 0

    def look(self, operation: Operation, *, idle: bool) -> Any:
        return Health(AccountState.READY), {"main": True}


class NoChats:
    proved = None


def read(page: Page, **chat: Any) -> list[tuple[bool, str]]:
    incoming = Incoming(cast(Surface, page), cast(Screens, Shown()), cast(Chats, NoChats()))
    heard = incoming.read(Unread("Kim", None, **({"count": 1} | chat)), Operation())
    assert heard
    return [(row.own, row.text) for row in heard.rows]


@pytest.mark.parametrize(
    ("older", "chat", "rows"),
    [
        ([WAITS, WAITS, CAME, CAME, CAME], {}, 4),  # what is on its way is waited for
        ([CAME, WAITS, CAME, WAITS, CAME], {}, 4),
        ([MORE, CAME, MORE, CAME, CAME], {}, 4),
        ([CAME, NONE], {}, 2),  # the beginning is reached
        ([CAME, CAME, CAME], {"landmarks": frozenset({"b"})}, 2),  # as far as it is known
        ([CAME, CAME, CAME], {"landmarks": frozenset({"b"}), "count": 3}, 3),  # and as much as is unread
        ([CAME, CAME, CAME], {"landmarks": frozenset({"c"})}, 1),
    ],
)
def test_a_chat_is_read_back_as_far_as_needed(older: list[dict[str, bool]], chat: dict[str, Any], rows: int) -> None:
    """Nothing of it is left out, ours are ours, and no more is loaded than needed."""
    page = Page(list(older))

    assert [(own, text) for _, own, text in CHAIN[-rows:]] == read(page, **chat)
    assert "newest" == page.asked[-1]
