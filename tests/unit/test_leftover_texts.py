"""Whose text stands in a composer: ours is known again as the page reads it back, a person's never is."""

from __future__ import annotations

from typing import Any, cast

import pytest

from daemon.transports.browser.chat import Chat
from daemon.transports.browser.leftovers import Leftovers

DIGITS = "4915112345678"


def leftovers() -> Leftovers:
    return Leftovers(cast(Any, None))  # what is asked here needs no page


@pytest.mark.parametrize(
    ("text", "read_back"),
    [
        ("Don\u2019t miss it", "Don't miss it"),
        ("\u200fשלום\u200f", "שלום"),
        ("می\u200cخواهم", "میخواهم"),
        ("I \u2764\ufe0f you", "I \u2764 you"),
        ("10\u00a0% off\there", "10 % off    here"),
        ("one\x00\r\ntwo", "one\ntwo"),
    ],
    ids=["apostrophe", "direction", "joiner", "variation", "spaces", "control"],
)
def test_ours_is_known_again(text: str, read_back: str) -> None:
    """In the same life by what was written, after a restart by the message that is to go there."""
    found = leftovers()
    assert found.ours(DIGITS, read_back, text)
    found.began(Chat(DIGITS, None, None, 0), text, files=False)
    assert found.ours(DIGITS, read_back)


@pytest.mark.parametrize("draft", ["Don't miss", "miss it", "Don't miss it!", "don't miss it"])
def test_a_persons_is_not_ours(draft: str) -> None:
    """Not even where it is a part of our text."""
    assert not leftovers().ours(DIGITS, draft, "Don\u2019t miss it")
