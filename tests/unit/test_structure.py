"""What a check of the page may tell: how it is built, and nothing that a person has written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daemon.transports.browser import selectors
from daemon.transports.browser.structure import masked, parts, told, vocabulary

BUILT_IN = selectors.built_in()
KNOWN = vocabulary(BUILT_IN)


def page(**more: Any) -> dict[str, Any]:
    """What the script answers of a page without anything."""
    empty: dict[str, Any] = {
        name: {} for name in ("selectors", "ids", "testids", "icons", "drawings", "roles", "tabs", "inputs")
    }
    rows = {"all": 0, "notices": 0, "shells": 0, "own": 0, "theirs": 0, "acks": {}, "lost": [], "keys": {}}
    return empty | {
        "lang": "en", "build": "2.3000.1048", "generation": "C", "main": True, "rows": rows, "dialogs": [], "text": "",
    } | more  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The number +49 151 2345678 isn't on WhatsApp.", "The number # isn't on WhatsApp."),
        ("Block Zebulon Pym?\nZebulon won't be able to call you.", "Block …? … won't be able to call you."),
        ("Kim's security code changed.", "… security code changed."),
        ("Join Ångström-Gruppe with 12 people", "Join … with # people"),
        ("zebulon@example.com, +44 20 7946 0011", "…, #"),
        ("You’ll be able to use WhatsApp again in 23:59:10", "You’ll be able to use WhatsApp again in #:#:#"),
        ("एक संदेश भेजें", "…"),
        ("Quick security check with Passkey", "Quick security check with Passkey"),
        ("What's new on WhatsApp Web", "What's new on WhatsApp Web"),
        ("invoice_2026_zebulon.pdf is larger than the 16 MB limit.", "… # … is larger than the # MB limit."),
    ],
)
def test_only_words_of_whatsapp_are_let_through(text: str, expected: str) -> None:
    """Names, numbers, addresses, other scripts and files' names are not."""
    assert expected == masked(text, KNOWN)


def test_parts_are_told_by_the_names_that_whatsapp_gives() -> None:
    """Their numbers are masked, and whatever is no such name is left out."""
    given = {
        "conversation-panel-messages": 1, "conv-msg-3EB0A1B2C3D4E5F60718": 2, "list-item-0": 1, "list-item-17": 1,
        "wds-ic-status-pending": 3, "app": 1, "Zebulon": 1, "zebulon": 1, "Zebulon Pym": 1, "+4915112345678": 1,
        "4915112345678@c.us": 1, "": 1, "invoice.pdf": 1, "msg-check": 2,
    }  # fmt: skip

    assert {
        "app": 1, "conv-msg-#": 2, "conversation-panel-messages": 1, "list-item-#": 2, "msg-check": 2,
        "wds-ic-status-pending": 3,
    } == parts(given)  # fmt: skip


def test_nothing_else_gets_out() -> None:
    """Whatever field it comes in."""
    secret, number = "Zebulon", "4915112345678"
    names = {secret: 1, number: 1, f"{number}@c.us": 2}
    answer = told(
        page(
            lang=secret, build=f"{secret} {number}", main=False, text=f"{secret} {number}",
            selectors={"logged_in": [1, 0]} | {secret: [1]}, ids=names, testids=names, icons=names, drawings=names,
            roles=names, tabs=names, inputs={f"image/{number};{secret}": 1},
            rows=page()["rows"] | {"keys": {"true_#@c.us_#": 1, secret: 1, number: 1}, "acks": {secret: 1, "sent": 2}},
            dialogs=[{"text": f"{secret} {number}", "buttons": [f"Call {secret}"], "waiting": False, "guarded": False}],
        ),
        BUILT_IN,
    )  # fmt: skip
    sent = json.dumps(answer)

    assert secret.lower() not in sent.lower()
    assert number not in sent and number[-4:] not in sent
    assert {"sent": 2} == answer["rows"]["acks"]
    assert {"true_#@c.us_#": 1} == answer["rows"]["keys"]
    assert {"logged_in": [1, 0]} == answer["selectors"]["hits"]


def test_what_stands_beside_the_chats_is_not_told() -> None:
    """It may be of people; without the chats it tells which screen that is."""
    words = "You have been logged out"

    assert told(page(text=words), BUILT_IN)["text"] is None
    assert words == told(page(text=words, main=False), BUILT_IN)["text"]
