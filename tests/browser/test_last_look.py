"""The moments that decide: the click on Send, the tick that counts as ours, and the chat that counts as theirs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon import errors
from daemon.transports import Kind, Outgoing
from daemon.transports.surface import Operation
from daemon.transports.whatsapp_web import Page
from tests.browser.driving import Driving, a_number
from tests.browser.test_transport_files import a_png, an_attachment
from tests.standin.client import StandIn


@pytest.fixture(scope="module", params=["B"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driving]:
    """One browser for the module."""
    driving = Driving(tmp_path_factory.mktemp("driving"), generation=request.param)
    try:
        driving.start()
        yield driving
    finally:
        driving.close()


@pytest.fixture
def driving(shared: Driving) -> Iterator[Driving]:
    """The shared browser, on a page as at the start; a new one where a test has lost it."""
    shared.ensure()
    yield shared
    shared.reset()


@pytest.fixture
def standin(driving: Driving) -> StandIn:
    return driving.standin


def page(driving: Driving) -> Page:
    assert driving.transport._page is not None
    return driving.transport._page


def ask(driving: Driving, command: str, **given: Any) -> Any:
    """One question to the page, on the driver's thread."""
    surface = page(driving)._surface
    return driving.run(driving.transport._run("ask", lambda _: surface.ask(command, **given), 30))


def elsewhere(driving: Driving, number: str, draft: str) -> None:
    """Open another chat behind the transport's back, and write a draft into it."""

    def work(operation: Operation) -> None:
        page(driving).chats.open(number, operation)
        page(driving)._composer.fill(draft)

    driving.run(driving.transport._run("elsewhere", work, 60))


def test_without_a_lease_nothing_is_clicked(driving: Driving) -> None:
    """The lease is asked for when all is composed, right before the click."""
    message = Outgoing(a_number(), "slept too long")
    mark = driving.prepare(message)
    drafts: list[str] = []

    def held() -> bool:
        drafts.append(page(driving)._surface.ask("chatNow", digits=message.number.strip("+"))["draft"])
        return False

    with pytest.raises(errors.LeaseLost):
        driving.run(driving.transport.hand_over(message, mark, held))

    assert ["slept too long"] == drafts
    assert [] == driving.got(message.number)


@pytest.mark.parametrize("named", [False, True], ids=["numbers", "names"])
def test_another_chat_with_the_same_draft(driving: Driving, named: bool) -> None:
    """The title is looked at once more in the call that clicks; neither of the two gets anything."""
    message, other = Outgoing(a_number(), "the same words"), a_number()
    if named:
        driving.set(names={message.number: "Kim", other: "Kim B."})
    mark = driving.prepare(message)
    elsewhere(driving, other, "the same words")

    with pytest.raises(errors.NotSubmitted, match="Another chat"):
        driving.run(driving.transport.hand_over(message, mark))

    assert ([], []) == (driving.got(message.number), driving.got(other))


def test_the_last_digits_prove_no_chat(driving: Driving) -> None:
    """Two numbers of two countries that end alike are two people, at the proof and at the click."""
    number = a_number()
    other = "+44" + number[-9:]
    message = Outgoing(number, "for the first only")
    mark = driving.prepare(message)
    proved = [ask(driving, "chatNow", digits=each.strip("+"))["number"] for each in (number, other)]
    elsewhere(driving, other, message.text)

    with pytest.raises(errors.NotSubmitted, match="Another chat"):
        driving.run(driving.transport.hand_over(message, mark))

    assert [True, False] == proved
    assert ([], []) == (driving.got(number), driving.got(other))


def test_an_older_row_that_comes_late_is_no_tick(driving: Driving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody scrolls up while the tick is waited for: an older message of the same text comes into the page."""
    number = a_number()
    driving.send(number, "Sale!")
    for count in range(4):
        newest = driving.send(number, f"later {count}").transport_id
    want = {"text": "Sale!", "names": [], "media": False}
    above = ask(driving, "awaitRow", before=[newest], wants=[want], wait_ms=0)
    driving.set(history_page=3, ack_stuck=True)
    driving.reload()
    monkeypatch.setattr(driving.transport, "_settings", driving.settings.model_copy(update={"send_timeout_s": 1}))
    surface, asked = page(driving)._surface, page(driving)._surface.ask

    def scroll_first(command: str, **given: Any) -> Any:
        if command == "awaitRow":
            asked("older", wait_ms=300)
        return asked(command, **given)

    message = Outgoing(number, "Sale!")
    mark = driving.prepare(message)
    monkeypatch.setattr(surface, "ask", scroll_first)
    with pytest.raises(errors.SubmitUnknown, match="on the clock"):
        driving.run(driving.transport.hand_over(message, mark))
    driving.set(ack_stuck=False)
    driving.standin.wait("message.received", number=number)

    assert [None] == above["found"]
    assert 2 == [each["text"] for each in driving.got(number)].count("Sale!")


def test_one_row_is_one_part(driving: Driving, tmp_path: Path) -> None:
    """Two pictures, and one of them is in the chat: half a message is not a sent one."""
    number = a_number()
    mark = driving.prepare(Outgoing(number, "x"))
    driving.send(number, "", an_attachment(tmp_path, Kind.PHOTO, a_png(3), "3.png"))
    pictures = tuple(an_attachment(tmp_path, Kind.PHOTO, a_png(3), "3.png") for _ in range(2))
    want = {"text": "", "names": ["3.png"], "media": True}

    row, nothing = ask(driving, "awaitRow", before=[], wants=[want, want], wait_ms=0)["found"]
    look = driving.run(driving.transport.look_up(Outgoing(number, "", pictures), mark))

    assert (True, None) == (row is not None, nothing)
    assert "Only 1 of the message's 2 parts are in the chat." == look.evidence
