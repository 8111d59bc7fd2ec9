"""What stands in a composer and was not sent: ours goes, a person's stays."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest
from selenium.common.exceptions import WebDriverException

from daemon import errors
from daemon.states import AccountState, Finding
from daemon.transports.protocol import Mark, Outgoing
from standin.client import StandIn
from tests.support.driving import ONCE, Driving, a_number
from tests.support.rig import eventually

HALF = "half a sentence by a person"


def drafts(driving: Driving) -> dict[str, str]:
    """What WhatsApp keeps in composers, by number."""
    page = driving.transport._page
    assert page is not None
    kept: str = page._surface._driver.execute_script("return localStorage.getItem('WADrafts') ?? '{}'")
    found: dict[str, str] = json.loads(kept)
    return found


def write(driving: Driving, text: str) -> None:
    """A person types into the open chat."""
    page: Any = driving.transport._page
    page._surface.ask("focus", where="composer", wait_ms=500)
    page._surface.type(text)


@ONCE
@pytest.mark.parametrize("then", ["health", "prepare", "look_up", "close"])
def test_text_that_is_given_back_does_not_stay_in_the_chat(driving: Driving, standin: StandIn, then: str) -> None:
    """A job was paused between preparing and sending; nobody is to find, or send, what it would have said."""
    number = a_number()
    driving.send(number, "hello")
    driving.prepare(Outgoing(number, "of a campaign\nthat was stopped"))
    before = drafts(driving)

    if then == "prepare":
        driving.prepare(Outgoing(a_number(), "x"))
    elif then == "look_up":
        driving.run(driving.transport.look_up(Outgoing(number, "hello"), Mark(None)))
    elif then == "close":
        driving.run(driving.transport.close())
        driving.start()
    else:
        for _ in range(2):  # one may come while it is being submitted
            driving.health()

    assert number in before
    assert number not in drafts(driving)


@ONCE
def test_the_first_line_of_ours_is_known_after_chrome_has_ended(driving: Driving, standin: StandIn) -> None:
    """It ended while a message was being written: what stands there is no person's, whom the message would wait for."""
    number = a_number()
    message = Outgoing(number, "Dear Ann,\nit is tomorrow")
    driving.prepare(message)
    page: Any = driving.transport._page
    page._composer.clear()
    write(driving, "Dear Ann,")
    eventually(lambda: "Dear Ann," == drafts(driving).get(number), what="WhatsApp keeps it")
    with contextlib.suppress(WebDriverException):
        page._surface._driver.execute_cdp_cmd("Browser.close", {})  # it writes down what a killed one may lose
    eventually(lambda: not driving.transport._chrome.alive(), what="Chrome is gone")
    driving.ensure()
    driving.until(AccountState.READY)
    assert "Dear Ann," == drafts(driving).get(number)
    driving.send(number, message.text)
    assert [message.text] == [each["text"] for each in driving.got(number)]


@ONCE
def test_of_what_was_sent_when_chrome_ended_nothing_is_ours_any_more(driving: Driving, standin: StandIn) -> None:
    """It is found out later: a greeting that a person has begun since is not taken for the first words of it."""
    number, text = a_number(), "Hello Ann, it is tomorrow"
    message = Outgoing(number, text)
    mark = driving.prepare(message)
    page: Any = driving.transport._page
    driving.run(driving.transport.hand_over(message, mark))
    page.leftovers.texts[number.removeprefix("+")] = text  # as where Chrome has ended before the tick came
    assert Finding.SENT is driving.run(driving.transport.look_up(message, mark)).finding
    write(driving, "Hello")
    with pytest.raises(errors.ChatInUse):
        driving.prepare(Outgoing(number, "Another message"))
    page._composer.clear()


def test_a_cancelled_preparation_leaves_no_text(driving: Driving, standin: StandIn) -> None:
    """SIGTERM while it is composed, or while a word of ours proves whose chat it is."""
    number = a_number()
    driving.set(names={number: "Kim"})
    driving.send(number, "hello")
    driving.send(a_number(), "elsewhere")
    driving.set(existence_ms=150)

    async def cancelled(after_s: float) -> None:
        task = asyncio.ensure_future(driving.transport.prepare(Outgoing(number, "never\nmind\nit")))
        await asyncio.wait({task}, timeout=after_s)
        task.cancel()
        await asyncio.wait({task})

    for tenths in range(1, 9):
        driving.run(cancelled(tenths / 10))
        driving.health()

    assert {} == drafts(driving)


@ONCE
@pytest.mark.parametrize("name", [None, "Kim"])
@pytest.mark.parametrize("here", [True, False], ids=["open", "closed"])
def test_a_persons_text_stays_and_the_message_waits(
    driving: Driving, standin: StandIn, name: str | None, here: bool
) -> None:
    """Whether the chat is proved by its number or by a word of ours; when that text is gone, the message goes."""
    number = a_number()
    driving.set(names={number: name} if name else {})
    driving.send(number, "hello")
    write(driving, HALF)
    if not here:
        driving.send(a_number(), "elsewhere")

    for _ in range(2):
        with pytest.raises(errors.ChatInUse, match="started to write"):
            driving.prepare(Outgoing(number, "campaign"))
        kept = drafts(driving)
        driving.health()
        assert HALF == kept[number].strip() == drafts(driving)[number].strip()
    looked = driving.run(driving.transport.look_up(Outgoing(number, "hello"), Mark(None)))
    assert HALF == drafts(driving)[number].strip()
    page: Any = driving.transport._page
    page._composer.clear()
    driving.send(number, "campaign")

    assert Finding.SENT is looked.finding
    assert ["hello", "campaign"] == [each["text"] for each in driving.got(number)]


@ONCE
def test_what_another_life_of_ours_has_written_is_ours(driving: Driving, standin: StandIn) -> None:
    """Killed while it composed; the next life is to send the same text to the same person."""
    number = a_number()
    driving.send(number, "hello")
    page: Any = driving.transport._page
    for left in ("first line\nsecond line\nthird", "first line\nsecond line"):
        page._composer.fill(left)
        page.leftovers.texts.clear()
        driving.prepare(Outgoing(number, "first line\nsecond line\nthird"))

    page._composer.fill("first line")
    page.leftovers.texts.clear()
    page.leftovers._written = None
    with pytest.raises(errors.ChatInUse):
        driving.prepare(Outgoing(number, "first line\nsecond line\nthird"))
    page._composer.clear()


@ONCE
def test_what_a_person_adds_to_ours_is_theirs(driving: Driving, standin: StandIn) -> None:
    """Nobody's words are thrown away because they stand beside ours."""
    number = a_number()
    driving.send(number, "hello")
    driving.prepare(Outgoing(number, "ours"))
    write(driving, " and theirs")

    for _ in range(2):
        driving.health()

    assert "ours and theirs" == drafts(driving)[number]
    page: Any = driving.transport._page
    page._composer.clear()
