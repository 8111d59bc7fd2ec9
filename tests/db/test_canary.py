"""The message to oneself: when it goes out, and what it means when it does not come back as it was written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import structlog.testing

from daemon import errors
from daemon.accounts import directory
from daemon.db import clock
from daemon.delivery import canary
from daemon.models import Account, Event
from daemon.states import AccountState, Finding, Hold, JobState
from daemon.transports.protocol import Health, Lookup
from tests.support.hand import account, job_state, states
from tests.support.scripted import READY, RECEIPT, Hang, ScriptedTransport, until

OWN = "+4915119999999"
BACK = Lookup(Finding.SENT, "It is in the chat.", RECEIPT)
GONE = Lookup(Finding.ABSENT, "The chat is loaded and the message is not in it.")


@pytest.fixture
def flock(bench: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The bench of a sender that has a canary and tries a failed one again at once."""
    monkeypatch.setattr(canary, "AGAIN_MS", 50)
    bench.set(canary=OWN, delay_min=0, delay_max=0)
    return bench


def tries(transport: ScriptedTransport) -> list[str]:
    """Who was written to, in order; O for oneself."""
    return ["O" if number == OWN else "+" for name, number in transport.calls if name == "hand_over"]


async def test_it_goes_out_before_the_first_recipient(flock: Any) -> None:
    """And is read back; it is no message of any job."""
    job = flock.queue(2)
    transport = ScriptedTransport(look_up=[BACK])
    with structlog.testing.capture_logs() as lines:
        await flock.run_out(transport, job)

    assert ["O", "+", "+"] == tries(transport)
    assert [("look_up", OWN)] == transport.order("look_up")
    assert 1 == sum(line["event"] == "canary.confirmed" for line in lines)
    assert clock.now_ms() - 60_000 < account().canary_at <= clock.now_ms()
    assert directory.describe(directory.find("default"), clock.now_ms()).canary_at == account().canary_at
    assert {"enqueue", "claim", "submit", "confirm"} == {event.move for event in Event.select()}


async def test_without_the_setting_there_is_none(bench: Any) -> None:
    """It is a choice."""
    transport = ScriptedTransport()
    await bench.run_out(transport, bench.queue(1))

    assert ["+"] == tries(transport)


@pytest.mark.parametrize(("ago_ms", "flies"), [(canary.EVERY_MS - 60_000, False), (canary.EVERY_MS, True)])
async def test_it_flies_every_hour(flock: Any, ago_ms: int, flies: bool) -> None:
    """The time of the last one outlives the sender: a crash loop does not send one after the other."""
    Account.update(canary_at=clock.now_ms() - ago_ms).execute()
    transport = ScriptedTransport(look_up=[BACK])
    await flock.run_out(transport, flock.queue(1))

    assert ["O"] * flies + ["+"] == tries(transport)


async def test_it_flies_when_the_phone_was_linked(flock: Any) -> None:
    """However short ago the last one was."""
    Account.update(canary_at=clock.now_ms()).execute()
    job = flock.queue(1)
    transport = ScriptedTransport(look_up=[BACK])
    transport.health_now = Health(AccountState.NEEDS_LINK, qr="2@secret")
    async with flock.sending(transport):
        await until(lambda: account().state == AccountState.NEEDS_LINK, "it asks for the phone")
        transport.health_now = READY
        await until(lambda: job_state(job) == JobState.COMPLETED, "the job is done")

    assert ["O", "+"] == tries(transport)


@pytest.mark.parametrize(
    "script",
    [
        {"look_up": [GONE, BACK]},
        {"look_up": [Lookup(Finding.UNKNOWN, "It cannot be read."), BACK]},
        {"prepare": [errors.NotSubmitted("The box does not take the text as it is.")], "look_up": [BACK]},
        {"hand_over": [errors.SubmitUnknown("The message does not show up in the chat.")], "look_up": [BACK]},
        {"prepare": [errors.Undeliverable("The number is not on WhatsApp.")], "look_up": [BACK]},
    ],
    ids=["absent", "unreadable", "not typed", "no tick", "wrong number"],
)
async def test_one_that_does_not_come_back_holds_the_campaigns(flock: Any, script: dict[str, list[Any]]) -> None:
    """Instead of failing people one by one; when the next one comes back, all get theirs."""
    job = flock.queue(2)
    back = Hang(then=BACK)  # until it was seen that it holds
    outcomes = {name: [back if each is BACK else each for each in said] for name, said in script.items()}
    transport = ScriptedTransport(**outcomes)
    tried: list[str] = []
    with structlog.testing.capture_logs() as lines:
        async with flock.sending(transport):
            held = await until(lambda: seen if (seen := account()).hold == Hold.CANARY else None, "it holds")
            tried += [number for name, number in transport.calls if name == "prepare"]
            back.let_go()
            await until(lambda: job_state(job) == JobState.COMPLETED, "it goes on")

    assert {OWN} == set(tried)
    assert AccountState.HELD == held.state and held.until
    assert "did not arrive as written" in held.detail
    assert ["sent", "sent"] == states(job)
    assert (1, 1) == tuple(sum(line["event"] == f"canary.{name}" for line in lines) for name in ("failed", "confirmed"))


@pytest.mark.parametrize(
    "trouble", [lambda: errors.AccountUnready("It is offline."), lambda: errors.BrowserLost("Chrome is gone.")]
)
async def test_trouble_of_the_account_or_the_browser_says_nothing_of_the_page(
    flock: Any, trouble: Callable[[], Exception]
) -> None:
    """It flies again when that is over."""
    job = flock.queue(1)
    transport = ScriptedTransport(prepare=[trouble()], look_up=[BACK])
    with structlog.testing.capture_logs() as lines:
        await flock.run_out(transport, job)

    assert ["O", "+"] == tries(transport)
    assert 0 == sum(line["event"] == "canary.failed" for line in lines)


async def test_it_keeps_the_accounts_pace(flock: Any) -> None:
    """The first recipient waits for the pause after it."""
    flock.set(canary=OWN, delay_min=600, delay_max=600)
    flock.queue(1)
    transport = ScriptedTransport(look_up=[BACK])
    async with flock.sending(transport):
        await until(lambda: account().canary_at, "it has flown")

    row = account()
    assert 600_000 == row.next_send_at - row.paced_at
    assert ["O"] == tries(transport)


def test_no_two_are_alike_and_all_hold_what_is_hard_to_write() -> None:
    """Several lines, emoji, scripts that run either way."""
    first, second = (canary.message(OWN, at) for at in (1_790_000_000_000, 1_790_000_001_000))

    assert first.text != second.text
    assert 2 == first.text.count("\n")
    assert all(sign in first.text for sign in ("🐤", "👩‍👧", "العربية", "हिन्दी", "中文"))
