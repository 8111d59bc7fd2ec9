"""A restriction that bars new chats only, and what a chat that tells nothing looks like to the person who decides."""

from __future__ import annotations

import asyncio

import pytest

from daemon import errors
from daemon.delivery import canary
from daemon.states import AccountState, Finding, Hold
from daemon.transports.browser import screens
from daemon.transports.protocol import Mark, Outgoing
from standin.client import StandIn
from tests.support.driving import ONCE, Driving, a_number


@pytest.mark.parametrize(("switch", "hold"), [("restricted", Hold.RESTRICTED), ("monthly_cap", Hold.MONTHLY_CAP)])
def test_known_chats_go_on_while_new_ones_are_barred(
    driving: Driving, standin: StandIn, switch: str, hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account is held all the while, also when the open chat has a composer; lifted, new ones can be started."""
    monkeypatch.setattr(screens, "PROBE_S", 1.0)
    known, new = a_number(), a_number()
    driving.send(known, "before")
    standin.incoming(known, "thanks")
    driving.set(**{switch: True})

    with pytest.raises(errors.ChatBarred):
        driving.prepare(Outgoing(new, "cold"))
    barred = driving.until(AccountState.HELD, lambda health: health.hold is hold)
    driving.send(known, "after")
    still = driving.health()
    driving.set(**{switch: False})
    driving.until(AccountState.READY, timeout_s=60)
    driving.send(new, "at last")

    assert (True, True) == (barred.known_chats, still.known_chats)
    assert (AccountState.HELD, hold) == (still.state, still.hold)
    assert ["before", "after"] == [each["text"] for each in driving.got(known)]
    assert ["at last"] == [each["text"] for each in driving.got(new)]


@ONCE
def test_a_message_can_be_looked_up_under_a_restriction(driving: Driving, standin: StandIn) -> None:
    """To read a chat nothing has to be started."""
    known = a_number()
    driving.send(known, "before")
    standin.incoming(known, "thanks")
    message = Outgoing(known, "now")
    mark = driving.prepare(message)
    driving.run(driving.transport.hand_over(message, mark))
    driving.set(restricted=True)
    driving.until(AccountState.HELD)

    assert Finding.SENT is driving.run(driving.transport.look_up(message, mark)).finding


def test_a_look_that_tells_nothing_comes_with_evidence(driving: Driving, standin: StandIn) -> None:
    """The chat's newest rows as a person would see them, and a picture."""
    number = a_number()
    driving.send(number, "first")
    standin.incoming(number, "who is this?")

    found = driving.run(driving.transport.look_up(Outgoing(number, "second"), Mark("AAAAAAAAAAAAAAAAAAAAAAAA")))

    assert Finding.UNKNOWN is found.finding
    assert [(True, "first"), (False, "who is this?")] == [(row.own, row.text) for row in found.rows]
    assert found.rows[0].ack in {"sent", "delivered", "read"}
    assert found.screenshot
    assert b"\x89PNG" == found.screenshot[:4]
    assert "who is this?" not in repr(found)


@ONCE
def test_a_look_that_tells_something_needs_none(driving: Driving, standin: StandIn) -> None:
    """Nothing of the chat is kept when it is known what became of the message."""
    number = a_number()
    message = Outgoing(number, "here")
    mark = driving.prepare(message)
    driving.run(driving.transport.hand_over(message, mark))

    found = driving.run(driving.transport.look_up(message, mark))

    assert (Finding.SENT, (), None) == (found.finding, found.rows, found.screenshot)


@ONCE
def test_a_page_that_reloads_before_the_tick_is_noticed_at_once(driving: Driving, standin: StandIn) -> None:
    """Long before the deadline: the chat tells what became of the message."""
    number = a_number()
    driving.set(ack_ms=3_000)
    message = Outgoing(number, "in between")
    mark = driving.prepare(message)

    async def reload_in_the_middle() -> None:
        sending = asyncio.ensure_future(driving.transport.hand_over(message, mark))
        await asyncio.to_thread(standin.wait, "message.received")
        await asyncio.to_thread(standin.reload)
        with pytest.raises(errors.SubmitUnknown, match="page"):
            await asyncio.wait_for(sending, driving.settings.send_timeout_s - 0.5)

    standin.forget()
    driving.run(reload_in_the_middle())
    driving.set(ack_ms=10)
    driving.until(AccountState.READY)

    found = driving.run(driving.transport.look_up(message, mark))
    assert found.finding in (Finding.SENT, Finding.WAITING)
    assert 1 == len(driving.got(number))


def fly(driving: Driving, outgoing: Outgoing) -> str | None:
    """A canary of an account that is ours all the time."""

    async def nothing() -> None:
        pass

    return driving.run(canary.fly(driving.transport, outgoing, lambda: True, nothing, nothing))


def test_the_canary_flies(driving: Driving, standin: StandIn) -> None:
    """Emoji, scripts and lines come back as they were written, each time."""
    own = a_number()
    for now_ms in (1_790_000_000_000, 1_790_000_060_000):
        assert None is fly(driving, canary.message(own, now_ms))

    texts = [each["text"] for each in driving.got(own)]
    assert [canary.message(own, now_ms).text for now_ms in (1_790_000_000_000, 1_790_000_060_000)] == texts


@ONCE
@pytest.mark.parametrize("part", ["composer", "rows", "ticks"])
def test_the_canary_does_not_come_back_from_a_changed_page(driving: Driving, standin: StandIn, part: str) -> None:
    """It says what is wrong, or the account is held for it; the page as it was lets it fly again."""
    own = a_number()
    fly(driving, canary.message(own, 1_790_000_000_000))
    driving.send(a_number(), "elsewhere")
    driving.set(missing=[part])
    driving.reload()

    try:
        wrong = fly(driving, canary.message(own, 1_790_000_060_000))
    except errors.AccountUnready as error:
        wrong = str(error)
    driving.set(missing=[])
    driving.reload()

    assert wrong
    assert None is fly(driving, canary.message(own, 1_790_000_120_000))
