"""The moments that decide: the click on Send, the tick that counts as ours, and the chat that counts as theirs."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from daemon import errors
from daemon.states import AccountState, Kind
from daemon.transports.browser import ticks
from daemon.transports.browser.bridge import Operation
from daemon.transports.browser.whatsapp_web import Page
from daemon.transports.protocol import Health, Outgoing
from tests.support.attachments import a_png, an_attachment
from tests.support.driving import Driving, a_number

pytestmark = pytest.mark.parametrize("shared", ["B"], indirect=True, scope="module")


def page(driving: Driving) -> Page:
    assert driving.transport._page is not None
    return driving.transport._page


def ask(driving: Driving, command: str, **given: Any) -> Any:
    """One question to the page, on the driver's thread."""
    surface = page(driving)._surface
    return driving.run(driving.transport._run("ask", lambda _: surface.ask(command, **given), 30))


def rows_found(
    driving: Driving, number: str, before: list[str], *wants: dict[str, Any], seen: tuple[str, ...] = ()
) -> list[dict[str, str] | None]:
    """What one look finds after the rows `before` of this number's chat."""
    chat = {"title": None, "digits": number.strip("+")}
    found: list[dict[str, str] | None] = ask(
        driving, "awaitRow", before=before, seen=seen, wants=wants, want=chat, wait_ms=0
    )["found"]
    return found


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
    above = rows_found(driving, number, [newest], {"text": "Sale!", "names": [], "media": False})
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

    assert [None] == above
    assert 2 == [each["text"] for each in driving.got(number)].count("Sale!")


def test_where_the_rows_before_it_have_gone_only_one_that_was_seen_is_ours(driving: Driving) -> None:
    """The list keeps so many rows only: an older one of the same text would look new."""
    number = a_number()
    row = driving.send(number, "Sale!").transport_id
    want = {"text": "Sale!", "names": [], "media": False}

    unseen = rows_found(driving, number, ["gone"], want)
    seen = rows_found(driving, number, ["gone"], want, seen=(row,))

    assert [None] == unseen
    assert [row] == [each and each["id"] for each in seen]


def test_one_row_is_one_part(driving: Driving, tmp_path: Path) -> None:
    """Two pictures, and one of them is in the chat: half a message is not a sent one."""
    number = a_number()
    mark = driving.prepare(Outgoing(number, "x"))
    driving.send(number, "", an_attachment(tmp_path, Kind.PHOTO, a_png(3), "3.png"))
    pictures = tuple(an_attachment(tmp_path, Kind.PHOTO, a_png(3), "3.png") for _ in range(2))
    want = {"text": "", "names": ["3.png"], "media": True}

    row, nothing = rows_found(driving, number, [], want, want)
    look = driving.run(driving.transport.look_up(Outgoing(number, "", pictures), mark))

    assert (True, None) == (row is not None, nothing)
    assert "Only 1 of the message's 2 parts are in the chat." == str(look.evidence)


def test_a_text_that_was_changed_is_not_sent(driving: Driving) -> None:
    """Somebody has typed into the composer between the two phases."""
    message = Outgoing(a_number(), "as it was read back")
    mark = driving.prepare(message)

    def work(_: Operation) -> None:
        page(driving)._surface.ask("focus", where="composer", wait_ms=500)
        page(driving)._surface.type(" and more")

    driving.run(driving.transport._run("type", work, 30))
    with pytest.raises(errors.NotSubmitted, match="text was changed"):
        driving.run(driving.transport.hand_over(message, mark))

    assert [] == driving.got(message.number)


def test_nothing_is_clicked_behind_a_dialog(driving: Driving) -> None:
    """What it says may be the reason not to send."""
    message = Outgoing(a_number(), "behind it")
    mark = driving.prepare(message)
    driving.set(unknown_dialog="Something that nobody knows")

    with pytest.raises(errors.NotSubmitted):
        driving.run(driving.transport.hand_over(message, mark))
    driving.set(unknown_dialog=None)

    assert [] == driving.got(message.number)


def test_another_chat_that_opens_first_is_not_the_one(driving: Driving) -> None:
    """Somebody opens a chat while WhatsApp still asks for ours: that a title has changed proves nothing."""
    number, other = a_number(), a_number()
    driving.set(names={other: "Kim"})
    driving.send(other, "earlier")
    driving.send(a_number(), "elsewhere")
    driving.set(existence_ms=700, modal_delay_ms=5_000)
    click = (
        "[...document.querySelectorAll('#pane-side [role=row]')].find((row) => row.textContent.includes('Kim')).click()"
    )
    script = f"setTimeout(() => {{ {click} }}, 200)"
    driver = page(driving)._surface._driver
    driving.run(driving.transport._run("click", lambda _: driver.execute_script(script), 30))

    with contextlib.suppress(errors.NotSubmitted):
        driving.send(number, "for one only")

    assert ["earlier"] == [each["text"] for each in driving.got(other)]
    assert ["for one only"] * len(driving.got(number)) == [each["text"] for each in driving.got(number)]


def test_an_equal_message_of_theirs_is_no_receipt(driving: Driving, monkeypatch: pytest.MonkeyPatch) -> None:
    """They answer with the very words while ours is on the clock."""
    number = a_number()
    surface, asked = page(driving)._surface, page(driving)._surface.ask
    theirs: list[str] = []

    def answer_first(command: str, **given: Any) -> Any:
        if command == "awaitRow" and not theirs:
            theirs.append(driving.standin.incoming(number, "yes!")["id"])
        return asked(command, **given)

    driving.set(ack_ms=600)
    message = Outgoing(number, "yes!")
    mark = driving.prepare(message)
    monkeypatch.setattr(surface, "ask", answer_first)
    receipt = driving.run(driving.transport.hand_over(message, mark))

    assert [receipt.transport_id] == [each["id"] for each in driving.got(number)]


def test_a_send_button_that_does_nothing(driving: Driving, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text still stands in the composer: it is taken back, and only then is it certain that nothing was sent."""
    monkeypatch.setattr(ticks, "IGNORED_S", 0.3)
    message = Outgoing(a_number(), "not taken")
    mark = driving.prepare(message)
    script = """
      const deaf = (event) => event.target.closest("#main footer .slot") && event.stopImmediatePropagation();
      window.addEventListener("click", deaf, true);
      setTimeout(() => window.removeEventListener("click", deaf, true), 6000)"""
    driver = page(driving)._surface._driver
    driving.run(driving.transport._run("deafen", lambda _: driver.execute_script(script), 30))

    with pytest.raises(errors.NotSubmitted, match="did not react"):
        driving.run(driving.transport.hand_over(message, mark))
    left = ask(driving, "chatNow", digits=message.number.strip("+"))["draft"]
    driving.reload()

    assert "" == left.strip("\n")
    assert [] == driving.got(message.number)


def test_a_message_of_which_a_part_is_out(driving: Driving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sound has gone and its text cannot follow: that is not "nothing was sent"."""
    message = Outgoing(a_number(), "listen", (an_attachment(tmp_path, Kind.AUDIO, b"ID3 audio"),))
    mark = driving.prepare(message)

    def refuse(*_: Any) -> None:
        raise errors.NotSubmitted("The text box has disappeared.")

    monkeypatch.setattr(page(driving)._composer, "fill", refuse)
    with pytest.raises(errors.SubmitUnknown, match="Only a part"):
        driving.run(driving.transport.hand_over(message, mark))

    assert [""] == [each["text"] for each in driving.got(message.number)]


def look(driving: Driving) -> Health:
    """How the page is, while a message is in hand."""
    looking = driving.transport._run("look", lambda operation: page(driving).screens.look(operation, idle=False), 30)
    return driving.run(looking)[0]


def test_what_was_composed_before_the_chats_had_gone_is_void(driving: Driving) -> None:
    """Another window had WhatsApp meanwhile: whatever stands in the composer now, it is prepared anew."""
    message = Outgoing(a_number(), "stale")
    mark = driving.prepare(message)
    for conflict in (True, False):
        driving.set(conflict=conflict)
        # Asked for its health, the transport would discard what is prepared; a look alone does not.
        assert any(look(driving).usable is not conflict for _ in range(500))

    with pytest.raises(errors.NotSubmitted, match="from the screen since"):
        driving.run(driving.transport.hand_over(message, mark))

    assert [] == driving.got(message.number)


def test_a_page_that_came_anew_shows_no_tick(driving: Driving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two looks for the tick: what is in the chat is then for a look-up to find out."""
    message = Outgoing(a_number(), "in another life")
    surface, asked = page(driving)._surface, page(driving)._surface.ask
    loaded: list[str] = []

    def load_first(command: str, **given: Any) -> Any:
        if command == "awaitRow" and not loaded:
            loaded.append(command)
            asked("awaitRow", **given)
            surface.open()
            asked("awaitPaint", digits="0", wait_ms=1_000)
        return asked(command, **given)

    driving.set(ack_stuck=True)
    mark = driving.prepare(message)
    monkeypatch.setattr(surface, "ask", load_first)
    with pytest.raises(errors.SubmitUnknown, match="reloaded"):
        driving.run(driving.transport.hand_over(message, mark))
    driving.set(ack_stuck=False)
    driving.until(AccountState.READY)


def test_a_preview_in_the_same_chat_is_put_away(driving: Driving, tmp_path: Path) -> None:
    """The picture of an earlier preparation does not go out in place of this one."""
    number = a_number()
    old, new = (an_attachment(tmp_path, Kind.PHOTO, a_png(shade), f"{shade}.png") for shade in (4, 5))
    driving.prepare(Outgoing(number, "never sent", (old,)))

    driving.send(number, "only this", new)

    assert [("only this", ["5.png"])] == [
        (each["text"], [file["name"] for file in each["files"]]) for each in driving.got(number)
    ]
