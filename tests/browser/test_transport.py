"""Texts through a real Chromium: each arrives once, as it is, in the right chat; and no other claim is made."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
import structlog.testing

from daemon import errors
from daemon.states import AccountState, Ack, Finding, Hold
from daemon.transports.protocol import Mark, Outgoing
from standin.client import StandIn
from tests.support.driving import ONCE, Driving, a_number


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "Zwei Zeilen\nund ein 😀 mit 👩‍👩‍👧 und 🇩🇪\n\nnach einer leeren, *fett* und _schräg_",
        "- one\n- two\n1. three\n> quoted\n```code```",
        "https://example.org/a_b_c?d=1&e=~2 and 50% off, \"quotes\", <tags> & 'more'",
        "עברית و العربية und 中文\u00a0mit festem Leerzeichen",
        "x" * 3000,
        "👍",
    ],
    ids=["plain", "lines-emoji", "lists", "link", "scripts", "long", "emoji"],
)
def test_a_text_arrives_once_and_whole(driving: Driving, text: str) -> None:
    """Emoji, lines and signs reach the recipient in one message, and the receipt names that message."""
    number = a_number()

    receipt = driving.send(number, text)

    (message,) = driving.got(number)
    assert (text.replace("\u00a0", " "), receipt.transport_id) == (
        message["text"].replace("\u00a0", " "),
        message["id"],
    )
    assert Ack.SENT == receipt.ack


@ONCE
def test_the_same_chat_twice(driving: Driving) -> None:
    """The second message to the open chat is told from the first, even with the same text."""
    number = a_number()
    first = driving.send(number, "the same")
    message = Outgoing(number, "the same")

    mark = driving.prepare(message)
    second = driving.run(driving.transport.hand_over(message, mark))

    assert Mark(first.transport_id) == mark
    assert first.transport_id != second.transport_id
    assert [first.transport_id, second.transport_id] == [each["id"] for each in driving.got(number)]


def test_a_saved_contact_is_proved_without_its_number(driving: Driving, standin: StandIn) -> None:
    """Two contacts of one name: each gets its own text, and no marker stays in a message."""
    anna, other = a_number(), a_number()
    driving.set(names={anna: "Anna", other: "Anna"}, title_marks=True)

    driving.send(anna, "for the first")
    driving.send(other, "for the second")
    driving.send(other, "again for the second")

    assert ["for the first"] == [each["text"] for each in driving.got(anna)]
    assert ["for the second", "again for the second"] == [each["text"] for each in driving.got(other)]


@ONCE
def test_titles_with_direction_marks(driving: Driving, standin: StandIn) -> None:
    """A number between U+202A and U+202C proves the chat."""
    driving.set(title_marks=True)
    number = a_number()

    driving.send(number, "marked")

    assert ["marked"] == [each["text"] for each in driving.got(number)]


@ONCE
def test_line_ends_and_tabs(driving: Driving) -> None:
    """What an editor cannot hold becomes what it can."""
    number = a_number()

    driving.send(number, "one\r\ntwo\tthree\x00")

    assert ["one\ntwo    three"] == [each["text"] for each in driving.got(number)]


@ONCE
@pytest.mark.parametrize("words", ["new", "old"])
def test_a_number_not_on_whatsapp(driving: Driving, standin: StandIn, words: str) -> None:
    """Both wordings say that this recipient cannot be reached; the next one can."""
    missing, number = a_number(), a_number()
    driving.set(not_on_whatsapp=[missing], invalid_text=words)

    with pytest.raises(errors.Undeliverable, match="not on WhatsApp") as caught:
        driving.prepare(Outgoing(missing, "nobody"))
    driving.send(number, "somebody")

    assert missing.strip("+") not in str(caught.value)
    assert ([], 1) == (driving.got(missing), len(driving.got(number)))


@ONCE
def test_an_old_draft_is_not_sent_along(driving: Driving, standin: StandIn) -> None:
    """What stood in the composer is removed before the text goes in."""
    number, other = a_number(), a_number()
    driving.prepare(Outgoing(number, "an old draft\nof two lines"))
    driving.prepare(Outgoing(other, "another chat"))

    driving.send(number, "the new text")

    assert ["the new text"] == [each["text"] for each in driving.got(number)]
    assert [] == driving.got(other)


@ONCE
def test_only_what_was_prepared_is_handed_over(driving: Driving) -> None:
    """Another message, or an older preparation, is refused before anything leaves."""
    message = Outgoing(a_number(), "prepared")
    mark = driving.prepare(message)

    with pytest.raises(errors.NotSubmitted):
        driving.run(driving.transport.hand_over(Outgoing(message.number, "another"), mark))
    with pytest.raises(errors.NotSubmitted):
        driving.run(driving.transport.hand_over(message, mark))

    assert [] == driving.got(message.number)


@ONCE
def test_a_chat_that_moved_on_is_not_sent_to(driving: Driving, standin: StandIn) -> None:
    """A message written on the phone between the two phases makes the mark stale."""
    message = Outgoing(a_number(), "too late")
    mark = driving.prepare(message)
    standin.own(message.number, "from the phone")
    driving.run(driving.transport.health())

    with pytest.raises(errors.NotSubmitted, match="changed in the meantime"):
        driving.run(driving.transport.hand_over(message, mark))

    assert [] == driving.got(message.number)


@ONCE
@pytest.mark.parametrize(("kept", "finding"), [("resent", Finding.WAITING), ("lost", Finding.ABSENT)])
def test_what_stays_on_the_clock_is_settled_by_a_reload(driving: Driving, kept: str, finding: Finding) -> None:
    """As far as it can be: still waiting, or provably lost on the way; and others get theirs."""
    message, other = Outgoing(a_number(), "never ticked"), a_number()
    driving.set(stuck_numbers=[message.number], clock_survives=kept)
    mark = driving.prepare(message)
    with pytest.raises(errors.SubmitUnknown, match="on the clock"):
        driving.run(driving.transport.hand_over(message, mark))
    driving.run(driving.transport.reload())
    driving.until(AccountState.READY)

    look = driving.run(driving.transport.look_up(message, mark))
    driving.send(other, "served")

    assert (finding, 1) == (look.finding, len(driving.got(other)))
    assert [] == driving.got(message.number)


def test_the_clock_then_the_tick(driving: Driving, standin: StandIn) -> None:
    """Offline after the click: unknown, then seen waiting, then seen sent; and never clicked twice."""
    message = Outgoing(a_number(), "into the tunnel")
    mark = driving.prepare(message)
    driving.set(ack_stuck=True)

    with pytest.raises(errors.SubmitUnknown, match="on the clock"):
        driving.run(driving.transport.hand_over(message, mark))
    waiting = driving.run(driving.transport.look_up(message, mark))
    driving.set(offline=True)
    driving.until(AccountState.OFFLINE)
    offline = driving.run(driving.transport.look_up(message, mark))
    driving.set(ack_stuck=False, offline=False)
    standin.wait("message.received", number=message.number)
    driving.until(AccountState.READY)
    sent = driving.run(driving.transport.look_up(message, mark))

    assert [Finding.WAITING, Finding.WAITING, Finding.SENT] == [waiting.finding, offline.finding, sent.finding]
    assert (message.text, "pending") == (waiting.rows[-1].text, waiting.rows[-1].ack)
    assert sent.receipt and sent.receipt.transport_id == driving.got(message.number)[0]["id"]
    assert 1 == len(driving.got(message.number))


def test_a_message_whatsapp_gives_up(driving: Driving, standin: StandIn) -> None:
    """The failure sign means not sent; a look says so too, and a second try goes through."""
    message = Outgoing(a_number(), "refused at first")
    driving.set(fail_numbers=[message.number])
    mark = driving.prepare(message)

    with pytest.raises(errors.NotSubmitted, match="reports"):
        driving.run(driving.transport.hand_over(message, mark))
    finding = driving.run(driving.transport.look_up(message, mark)).finding
    driving.set(fail_numbers=[])
    driving.send(message.number, message.text)

    assert Finding.FAILED == finding
    assert 1 == len(driving.got(message.number))


def test_a_look_tells_old_from_new(driving: Driving, standin: StandIn) -> None:
    """The same text of an earlier campaign is before the mark: it proves nothing; a later one does."""
    number = a_number()
    driving.send(number, "Sale!")
    message = Outgoing(number, "Sale!")
    mark = driving.prepare(message)
    standin.incoming(number, "Sale!")

    absent = driving.run(driving.transport.look_up(message, mark))
    receipt = driving.send(number, "Sale!")
    driving.send(a_number(), "elsewhere")
    sent = driving.run(driving.transport.look_up(message, mark))
    gone = driving.run(driving.transport.look_up(message, Mark("3EB0000000000000000000")))

    assert [Finding.ABSENT, Finding.SENT, Finding.UNKNOWN] == [absent.finding, sent.finding, gone.finding]
    assert receipt == sent.receipt
    assert 2 == len(driving.got(number))


def test_a_look_into_a_new_chat(driving: Driving) -> None:
    """With no mark the whole chat counts: absent when it is empty, found when it is there."""
    message = Outgoing(a_number(), "first contact")

    absent = driving.run(driving.transport.look_up(message, Mark(None)))
    driving.send(message.number, message.text)
    sent = driving.run(driving.transport.look_up(message, Mark(None)))

    assert [Finding.ABSENT, Finding.SENT] == [absent.finding, sent.finding]


def test_a_chat_that_shows_nothing_proves_nothing(
    driving: Driving, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server has the message and the page paints no row: unknown, then found in a page loaded anew."""
    message = Outgoing(a_number(), "sent once")
    driving.set(rows_ms=None)
    monkeypatch.setattr(driving.transport, "_settings", driving.settings.model_copy(update={"send_timeout_s": 1}))
    mark = driving.prepare(message)
    with pytest.raises(errors.SubmitUnknown):
        driving.run(driving.transport.hand_over(message, mark))
    standin.forget()

    first = driving.run(driving.transport.look_up(message, mark))
    standin.wait("page.main")
    driving.until(AccountState.READY)
    listed = driving.run(driving.transport.look_up(message, mark))
    driving.reload()
    driving.set(rows_ms=600)
    late = driving.run(driving.transport.look_up(message, mark))

    assert Mark(None) == mark
    assert [Finding.UNKNOWN, Finding.UNKNOWN, Finding.SENT] == [first.finding, listed.finding, late.finding]
    assert 1 == len(driving.got(message.number))


@ONCE
def test_an_empty_chat_in_a_fresh_page_is_proof(driving: Driving, standin: StandIn) -> None:
    """A chat without even a notice, and not in the list of chats: the message never left."""
    driving.set(notice=False)
    driving.reload()

    look = driving.run(driving.transport.look_up(Outgoing(a_number(), "never sent"), Mark(None)))

    assert Finding.ABSENT is look.finding


@ONCE
def test_a_chat_with_messages_that_come_late_is_waited_for(driving: Driving, standin: StandIn) -> None:
    """The list of chats says that there are some: no mark is taken before they are there."""
    number = a_number()
    old = standin.own(number, "Sale!")
    driving.set(rows_ms=1_000)
    driving.reload()

    late = driving.prepare(Outgoing(number, "Sale!"))
    driving.send(a_number(), "elsewhere")
    driving.set(rows_ms=None)
    with pytest.raises(errors.NotSubmitted, match="does not show"):
        driving.prepare(Outgoing(number, "Sale!"))

    assert Mark(old["id"]) == late
    assert [] == driving.got(number)


@ONCE
@pytest.mark.parametrize("lines", ["p", "br"])
def test_lines_in_whatever_the_editor_makes_of_them(driving: Driving, standin: StandIn, lines: str) -> None:
    """Paragraphs or line breaks: the first way of writing is read back as what was written."""
    number, text = a_number(), "one\n\nthree 😀\n\n\nsix"
    driving.set(composer_lines=lines)

    with structlog.testing.capture_logs() as logs:
        driving.send(number, text)

    assert [text] == [each["text"] for each in driving.got(number)]
    assert [] == [entry for entry in logs if entry["event"] == "composer.differed"]


@ONCE
@pytest.mark.parametrize(
    ("switch", "state", "hold"),
    [
        ({"monthly_cap": True}, AccountState.HELD, Hold.MONTHLY_CAP),
        ({"restricted": True}, AccountState.HELD, Hold.RESTRICTED),
        ({"temp_ban": 7200}, AccountState.BANNED, Hold.TEMPORARY_BAN),
    ],
    ids=["cap", "restricted", "ban"],
)
def test_trouble_that_begins_while_a_message_is_composed(
    driving: Driving, monkeypatch: pytest.MonkeyPatch, switch: dict[str, Any], state: AccountState, hold: Hold
) -> None:
    """It is the account's: no recipient's attempt counts, before the text is in the box and after."""
    page = driving.transport._page
    assert page is not None
    fill = page._composer.fill

    def fill_too_late(*given: Any) -> dict[str, Any]:
        driving.set(**switch)
        return fill(*given)

    message = Outgoing(a_number(), "too late")
    with monkeypatch.context() as patch:
        patch.setattr(page._composer, "fill", fill_too_late)
        with pytest.raises(errors.AccountUnready):
            driving.prepare(message)
    health = driving.health()
    driving.set(**dict.fromkeys(switch, None if state is AccountState.BANNED else False))
    driving.until(AccountState.READY)
    mark = driving.prepare(message)
    driving.set(**switch)
    with pytest.raises(errors.NotSubmitted):
        driving.run(driving.transport.hand_over(message, mark))

    assert (state, hold) == (health.state, health.hold)
    assert (state, hold) == (driving.health().state, driving.health().hold)
    assert [] == driving.got(message.number)


def test_a_look_far_back(driving: Driving, standin: StandIn) -> None:
    """The mark lies beyond the rows that are loaded, in a list that shows far rows as shells."""
    number = a_number()
    driving.set(history_page=10, virtualize=True)
    mark = Mark(driving.send(number, "the mark").transport_id)
    driving.send(number, "what we look for")
    for count in range(40):
        standin.own(number, f"later {count}\nwith\nthree lines")
    driving.send(a_number(), "elsewhere")

    sent = driving.run(driving.transport.look_up(Outgoing(number, "what we look for"), mark))
    absent = driving.run(driving.transport.look_up(Outgoing(number, "never sent"), mark))

    assert [Finding.SENT, Finding.ABSENT] == [sent.finding, absent.finding]


def test_a_long_text_that_is_shown_cut(driving: Driving, standin: StandIn) -> None:
    """Behind "Read more" the rest of the text is taken on trust."""
    driving.set(read_more_chars=600)
    number = a_number()

    driving.send(number, "a long story " * 80)

    assert 1 == len(driving.got(number))


@pytest.mark.parametrize("search_works", [True, False], ids=["search", "address"])
def test_chats_open_without_the_link(driving: Driving, standin: StandIn, search_works: bool) -> None:
    """When clicks on links do nothing the new-chat panel is used, and the address when that fails too."""
    number, missing = a_number(), a_number()
    driving.set(anchor_works=False, search_works=search_works, not_on_whatsapp=[missing])

    driving.send(number, "another way")
    with pytest.raises(errors.TransportError):
        driving.prepare(Outgoing(missing, "nobody"))
    driving.set(names={number: "By Name"})
    driving.send(number, "to a name")
    page = driving.transport._page
    assert page is not None
    page.chats.link_rests = 0.0

    assert ["another way", "to a name"] == [each["text"] for each in driving.got(number)]
    assert [] == driving.got(missing)


@ONCE
def test_late_rows_are_not_taken_for_new_ones(driving: Driving, standin: StandIn) -> None:
    """Rows of an old campaign that come late are neither the mark's absence nor the receipt."""
    number = a_number()
    old = driving.send(number, "Sale!")
    driving.send(a_number(), "elsewhere")
    driving.set(rows_ms=120)

    message = Outgoing(number, "Sale!")
    mark = driving.prepare(message)
    receipt = driving.run(driving.transport.hand_over(message, mark))

    assert Mark(old.transport_id) == mark
    assert old.transport_id != receipt.transport_id == driving.got(number)[1]["id"]


@ONCE
@pytest.mark.parametrize(("switch", "hold"), [("restricted", Hold.RESTRICTED), ("monthly_cap", Hold.MONTHLY_CAP)])
def test_no_new_chats(driving: Driving, standin: StandIn, switch: str, hold: Hold) -> None:
    """A chat without a composer holds the account, not the recipient, until WhatsApp lifts it."""
    message = Outgoing(a_number(), "cold")
    driving.prepare(Outgoing(a_number(), "something is open"))
    driving.set(**{switch: True})
    driving.until(AccountState.HELD, lambda health: health.hold is hold) if switch == "restricted" else None

    with pytest.raises(errors.AccountUnready):
        driving.prepare(message)
    held = driving.health()
    driving.set(**{switch: False})
    driving.until(AccountState.READY)
    driving.send(message.number, message.text)

    assert (AccountState.HELD, hold) == (held.state, held.hold)
    assert 1 == len(driving.got(message.number))


def test_a_missing_send_button(driving: Driving, standin: StandIn) -> None:
    """Without a Send button Enter is used, and nothing else in its place is clicked."""
    number = a_number()
    driving.set(missing=["send"])

    driving.send(number, "by Enter\nwith two lines")

    assert ["by Enter\nwith two lines"] == [each["text"] for each in driving.got(number)]


@pytest.mark.parametrize("late_ms", [0, 900])
@pytest.mark.parametrize("part", ["rows", "ticks"])
def test_a_changed_page_is_noticed_before_anything_is_sent(
    driving: Driving, standin: StandIn, part: str, late_ms: int
) -> None:
    """Rows or ticks that are not where they were hold the account, also where they come only when the text is in."""
    number = a_number()
    driving.send(number, "before")
    driving.send(a_number(), "elsewhere")
    driving.set(missing=[part], rows_ms=late_ms)
    driving.reload()

    with pytest.raises(errors.AccountUnready, match="has changed"):
        driving.prepare(Outgoing(number, "after"))
    held = driving.health()

    assert (AccountState.HELD, Hold.PAGE_CHANGED) == (held.state, held.hold)
    driving.set(missing=[], rows_ms=0)
    driving.reload()


def test_a_chat_without_a_title(driving: Driving, standin: StandIn) -> None:
    """Where the title cannot be read the chat is proved by its draft."""
    number = a_number()
    driving.set(missing=["title"])

    driving.send(number, "untitled")

    assert ["untitled"] == [each["text"] for each in driving.got(number)]


@ONCE
def test_a_cancelled_preparation_leaves_nothing(driving: Driving, standin: StandIn) -> None:
    """Cancelling returns at once; the next operation works."""
    number, other = a_number(), a_number()
    driving.set(existence_ms=4000)

    async def cancel() -> float:
        task = asyncio.ensure_future(driving.transport.prepare(Outgoing(number, "never mind")))
        await asyncio.sleep(0.3)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - began

    assert driving.run(cancel()) < 2
    driving.set(existence_ms=0)
    driving.send(other, "the next")

    assert ([], 1) == (driving.got(number), len(driving.got(other)))
