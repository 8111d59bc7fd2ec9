"""What became of a message that may be out: only a history that is loaded proves that it is not there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from daemon import errors
from daemon.states import AccountState, Finding, Hold
from daemon.transports.browser import ticks
from daemon.transports.browser.bridge import Operation
from daemon.transports.browser.whatsapp_web import Page
from daemon.transports.protocol import Mark, Outgoing
from standin.client import StandIn
from tests.support.driving import ONCE, Driving, a_number


def page(driving: Driving) -> Page:
    assert driving.transport._page is not None
    return driving.transport._page


def found(driving: Driving, message: Outgoing, mark: Mark) -> Finding:
    return driving.run(driving.transport.look_up(message, mark)).finding


def open_meanwhile(driving: Driving, patch: pytest.MonkeyPatch, title: str, before: str, back: str = "") -> None:
    """Somebody at the window opens another chat just before the transport asks for `before`, the first time; and goes
    back as soon as it has its answer."""
    surface, ask = page(driving)._surface, page(driving)._surface.ask

    def opened(title: str) -> None:
        assert "open" == ask("openListed", title=title, unread=False, nth=0, wait_ms=5_000)["outcome"]

    def asked(command: str, **given: Any) -> Any:
        if command != before:
            return ask(command, **given)
        patch.setattr(surface, "ask", ask)
        opened(title)
        answer = ask(command, **given)
        if back:
            opened(back)
        return answer

    patch.setattr(surface, "ask", asked)


@pytest.mark.parametrize("returns", [False, True], ids=["stays", "returns"])
@pytest.mark.parametrize("words", ["our offer", "something else"])
def test_rows_of_another_chat_say_nothing(
    driving: Driving, monkeypatch: pytest.MonkeyPatch, words: str, returns: bool
) -> None:
    """A first message, so no mark tells whose rows they are: neither its like elsewhere nor its lack counts."""
    message, other = Outgoing(a_number(), "our offer"), a_number()
    driving.set(names={other: "Kim", message.number: "Lea"})
    driving.send(other, words)
    mark = driving.prepare(message)
    receipt = driving.run(driving.transport.hand_over(message, mark))
    driving.reload()

    open_meanwhile(driving, monkeypatch, "Kim", "history", "Lea" if returns else "")
    torn = driving.run(driving.transport.look_up(message, mark))
    whole = driving.run(driving.transport.look_up(message, mark))

    assert (None, None) == (mark.last_own, mark.last)
    assert (Finding.UNKNOWN, None) == (torn.finding, torn.receipt)
    assert (["our offer"] if returns else []) == [row.text for row in torn.rows]
    assert (Finding.SENT, receipt) == (whole.finding, whole.receipt)


@pytest.mark.parametrize("earlier", [False, True], ids=["first", "later"])
def test_a_row_of_another_chat_is_no_tick(driving: Driving, monkeypatch: pytest.MonkeyPatch, earlier: bool) -> None:
    """The same words, ticked long ago, in the chat that is opened after the click: the message itself is looked up."""
    message, other = Outgoing(a_number(), "our offer"), a_number()
    driving.set(names={other: "Kim"})
    driving.send(other, "our offer")
    if earlier:
        driving.send(message.number, "an earlier one")
    driving.set(ack_stuck=True)
    monkeypatch.setattr(driving.transport, "_settings", driving.settings.model_copy(update={"send_timeout_s": 1}))
    mark = driving.prepare(message)

    open_meanwhile(driving, monkeypatch, "Kim", "awaitRow")
    with pytest.raises(errors.SubmitUnknown):
        driving.run(driving.transport.hand_over(message, mark))
    driving.set(ack_stuck=False)
    driving.standin.wait("message.received", number=message.number)
    look = driving.run(driving.transport.look_up(message, mark))

    assert look.receipt and look.receipt.transport_id == driving.got(message.number)[-1]["id"]
    assert Finding.SENT is look.finding


def test_a_draft_of_another_chat_is_not_taken_back(driving: Driving, monkeypatch: pytest.MonkeyPatch) -> None:
    """The click did nothing, and the chat that is opened then has the very words in its composer."""
    monkeypatch.setattr(ticks, "IGNORED_S", 0.3)
    monkeypatch.setattr(driving.transport, "_settings", driving.settings.model_copy(update={"send_timeout_s": 4}))
    message, other = Outgoing(a_number(), "our offer"), a_number()
    driving.set(names={other: "Kim"})
    driving.send(other, "earlier")

    def write(operation: Operation) -> None:
        page(driving).chats.open(other, operation)
        page(driving)._composer.fill("our offer")

    driving.run(driving.transport._run("write", write, 60))
    mark = driving.prepare(message)
    deaf = """window.addEventListener(
      "click", (event) => event.target.closest("#main footer button") && event.stopImmediatePropagation(), true)"""
    driver = page(driving)._surface._driver
    driving.run(driving.transport._run("deafen", lambda _: driver.execute_script(deaf), 30))

    open_meanwhile(driving, monkeypatch, "Kim", "readBack")
    with pytest.raises(errors.SubmitUnknown):
        driving.run(driving.transport.hand_over(message, mark))
    asked = page(driving)._surface.ask
    now = driving.run(driving.transport._run("ask", lambda _: asked("chatNow", digits=other.strip("+")), 30))
    driving.reload()

    assert ("Kim", "our offer") == (now["title"], now["draft"].strip())
    assert [] == driving.got(message.number)


@ONCE
@pytest.mark.parametrize("words", ["new", "old"])
def test_not_on_whatsapp_proves_nothing(driving: Driving, words: str) -> None:
    """It went out; then WhatsApp says, for a while, that the number is not on WhatsApp."""
    message = Outgoing(a_number(), "went out")
    mark = driving.prepare(message)
    receipt = driving.run(driving.transport.hand_over(message, mark))
    driving.set(not_on_whatsapp=[message.number], invalid_text=words)
    driving.reload()

    refused = driving.run(driving.transport.look_up(message, mark))
    driving.set(not_on_whatsapp=[])
    later = driving.run(driving.transport.look_up(message, mark))

    assert (Finding.UNKNOWN, Finding.SENT) == (refused.finding, later.finding)
    assert receipt == later.receipt
    assert 1 == len(driving.got(message.number))


@ONCE
def test_an_older_message_of_the_same_text_is_no_receipt(driving: Driving, standin: StandIn) -> None:
    """The person has written more than a page since the last campaign, and that had the same text."""
    number = a_number()
    driving.set(history_page=30)
    driving.send(number, "Our newsletter")
    questions = [standin.incoming(number, f"question {count}") for count in range(45)]
    driving.reload()
    message = Outgoing(number, "Our newsletter")

    # Here the sender is killed: Send was not clicked. Of ours nothing was loaded, as where far rows do not come.
    mark = replace(driving.prepare(message), last_own=None)
    driving.reload()
    absent = found(driving, message, mark)
    receipt = driving.send(number, message.text)
    for count in range(45):
        standin.incoming(number, f"another question {count}")
    driving.reload()
    sent = driving.run(driving.transport.look_up(message, mark))

    assert questions[-1]["id"] == mark.last
    assert [Finding.ABSENT, Finding.SENT] == [absent, sent.finding]
    assert receipt == sent.receipt


@ONCE
def test_a_mark_of_an_earlier_version(driving: Driving, standin: StandIn) -> None:
    """Where it saw nothing of ours, what only shows far back may be old; the rest is told as before."""
    number, fresh = a_number(), a_number()
    driving.set(history_page=30)
    mark = Mark.loads('{"last_own": null}')
    driving.send(number, "Our newsletter")
    driving.send(fresh, "Our newsletter")
    for count in range(45):
        standin.incoming(number, f"question {count}")
    driving.reload()

    findings = [found(driving, Outgoing(to, "Our newsletter"), mark) for to in (number, fresh)]
    absent = found(driving, Outgoing(number, "never sent"), mark)

    assert [Finding.UNKNOWN, Finding.SENT, Finding.ABSENT] == [*findings, absent]


@ONCE
def test_ours_may_stand_in_front_of_the_row_that_was_last(driving: Driving, standin: StandIn) -> None:
    """WhatsApp sorts by times that come from several clocks: a row right above the mark's is no proof of either."""
    number = a_number()
    driving.send(number, "sent by a slow clock")
    theirs = standin.incoming(number, "written in the same second")
    message = Outgoing(number, "sent by a slow clock")

    finding = found(driving, message, Mark(None, last=theirs["id"]))

    assert Finding.UNKNOWN is finding


@ONCE
def test_what_is_ours_behind_our_last_one_is_new(driving: Driving, standin: StandIn) -> None:
    """Also in front of the row of theirs that was the newest."""
    number = a_number()
    ours = driving.send(number, "before")
    sent = driving.send(number, "sent by a slow clock")
    theirs = standin.incoming(number, "written in the same second")

    look = driving.run(
        driving.transport.look_up(Outgoing(number, "sent by a slow clock"), Mark(ours.transport_id, last=theirs["id"]))
    )

    assert (Finding.SENT, sent) == (look.finding, look.receipt)


@pytest.mark.parametrize(
    ("notice", "notices"),
    [
        ("row", []),
        ("bare", []),
        ("row", ["Your security code with Kim changed. Tap to learn more."]),
        (
            "bare",
            ["Disappearing messages are on. New messages will disappear from this chat 7 days after they're sent."],
        ),
        ("bare", ["This business uses a secure service from Meta.", "You started using a new device."]),
    ],
    ids=["encrypted", "no test ids", "security code", "disappearing", "two more"],
)
def test_a_notice_is_no_message(driving: Driving, notice: str, notices: list[str]) -> None:
    """Its id is another one after a reload, so no mark is made of it; nobody wrote it; and the page has not changed."""
    driving.set(notice=notice, notices=notices)
    driving.reload()
    message = Outgoing(a_number(), "first contact")

    mark = driving.prepare(message)
    driving.reload()
    absent = found(driving, message, mark)
    driving.run(driving.transport.hand_over(message, driving.prepare(message)))
    driving.reload()
    sent = found(driving, message, mark)

    assert (None, None) == (mark.last_own, mark.last)
    assert [Finding.ABSENT, Finding.SENT] == [absent, sent]


@ONCE
@pytest.mark.parametrize("spinner", ["role", "element", "label", "icon", "testid"])
def test_older_rows_that_take_long_are_waited_for(driving: Driving, standin: StandIn, spinner: str) -> None:
    """However a build shows that they are on their way: until they are there the beginning is not reached."""
    number = a_number()
    mark = Mark(driving.send(number, "the mark").transport_id)
    driving.send(number, "what we look for")
    for count in range(40):
        standin.own(number, f"later {count}")
    driving.set(history_page=30, history_ms=1_800, spinner=spinner)
    driving.reload()

    look = driving.run(driving.transport.look_up(Outgoing(number, "what we look for"), mark))

    assert (Finding.SENT, "It is in the chat, with WhatsApp's tick.") == (look.finding, str(look.evidence))


@ONCE
def test_absent_while_offline_proves_nothing(driving: Driving) -> None:
    """What the server has, this page may not have heard of: neither at the begin of the look nor at its end."""
    message = Outgoing(a_number(), "never sent")
    mark = driving.prepare(message)
    ask = page(driving)._surface.ask

    def lost_at_the_end(command: str, **given: object) -> object:
        if command == "newest":
            driving.set(offline=True)
        return ask(command, **given)

    driving.set(offline=True)
    driving.until(AccountState.OFFLINE)
    offline = found(driving, message, mark)
    driving.set(offline=False)
    driving.until(AccountState.READY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page(driving)._surface, "ask", lost_at_the_end)
        lost = found(driving, message, mark)
    driving.set(offline=False)
    driving.until(AccountState.READY)
    online = found(driving, message, mark)

    assert [Finding.UNKNOWN, Finding.UNKNOWN, Finding.ABSENT] == [offline, lost, online]


@ONCE
def test_nothing_at_all_proves_nothing_where_it_was_sent(
    driving: Driving, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row is painted and no list of chats tells of one: the page that was handed the message cannot be asked."""
    message = Outgoing(a_number(), "sent once")
    driving.set(rows_ms=None, missing=["list"])
    monkeypatch.setattr(driving.transport, "_settings", driving.settings.model_copy(update={"send_timeout_s": 1}))
    mark = driving.prepare(message)
    with pytest.raises(errors.SubmitUnknown):
        driving.run(driving.transport.hand_over(message, mark))
    standin.forget()

    finding = found(driving, message, mark)
    standin.wait("page.main")

    assert Finding.UNKNOWN is finding
    assert 1 == len(driving.got(message.number))


@ONCE
def test_a_chat_without_a_composer_is_proved_by_its_rows(driving: Driving) -> None:
    """Where new chats are barred only the mark's row proves a chat that has a name."""
    named = a_number()
    driving.set(names={named: "Kim"})
    first = driving.send(named, "the first one")
    message = Outgoing(named, "never sent")
    driving.set(monthly_cap=True)
    driving.reload()
    with pytest.raises(errors.AccountUnready):
        driving.prepare(message)

    by_its_row = found(driving, message, Mark(first.transport_id))
    by_nothing = found(driving, message, replace(Mark(None), name="Kim"))
    held = driving.health()
    driving.set(monthly_cap=False)
    driving.until(AccountState.READY)

    assert [Finding.ABSENT, Finding.UNKNOWN] == [by_its_row, by_nothing]
    assert Hold.MONTHLY_CAP is held.hold
