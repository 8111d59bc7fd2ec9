"""An account's trouble: it holds with a reason, costs no recipient an attempt, and goes on by itself when cured."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import structlog.testing

from daemon import errors
from daemon.accounts import directory, pacing
from daemon.campaigns import create, progress
from daemon.db import clock
from daemon.delivery import breaker, claim, counters, evidence, job_moves, moves, timing
from daemon.delivery.duties import doubts, send
from daemon.models import Account, Event, Message
from daemon.states import AccountState, Finding, Hold, JobState, State
from daemon.transports.protocol import ChatRow, Health, Lookup
from tests.support.hand import account, job_state, states
from tests.support.scripted import MARK, READY, RECEIPT, ScriptedTransport, until
from tests.support.troubles import TROUBLES


@pytest.fixture
def short_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of failures holds for a moment only."""
    monkeypatch.setattr(breaker, "FIRST_HOLD_MS", 200)
    monkeypatch.setattr(breaker, "LONGEST_HOLD_MS", 200)


def attempts() -> list[int]:
    return [message.attempts for message in Message.select().order_by(Message.id)]


OF_OUR_OWN = {"stuck on the clock", "failures", "canary"}  # the sender holds, not the page


@pytest.mark.parametrize("name", sorted(TROUBLES.keys() - OF_OUR_OWN))
async def test_trouble_holds_the_account_and_nobody_pays_for_it(bench: Any, name: str) -> None:
    """It comes with a message in hand; the reason is there to read and in the log; cured, all get theirs."""
    health = TROUBLES[name]
    job = bench.queue(3)
    transport = ScriptedTransport(prepare=[lambda: _turn(transport, health)])
    with structlog.testing.capture_logs() as lines:
        async with bench.sending(transport):
            held = await until(lambda: seen if (seen := account()).state == health.state else None, "it holds")
            await until(lambda: ["pending"] * 3 == states(job), "the one in hand is given back")
            assert [0, 0, 0] == attempts()
            assert (health.hold, health.detail, health.until_ms) == (held.hold, held.detail, held.until)
            shown = progress.progress(bench.settings, job_moves.job(job.id), clock.now_ms())
            assert progress.WAITING == shown.status
            assert (health.detail or "scan the QR code") in shown.reason
            assert not directory.can_send(held, clock.now_ms())
            transport.health_now = READY
            await until(lambda: job_state(job) == JobState.COMPLETED, "it goes on by itself")
    assert ["sent"] * 3 == states(job)
    assert [1, 1, 1] == attempts()
    logged = [line for line in lines if line["event"] == "account.changed" and line["state"] == health.state]
    assert [(health.hold, health.detail)] == [(line["hold"], line["detail"]) for line in logged]


def _turn(transport: ScriptedTransport, health: Health) -> Exception:
    """Trouble comes up while a message is being prepared."""
    transport.health_now = health
    return errors.AccountUnready("The account cannot send.")


async def test_a_message_on_the_clock_holds_the_account_until_its_tick_comes(bench: Any) -> None:
    """Nothing else is sent meanwhile; nobody is tried a second time."""
    job = bench.queue(2)
    on_the_clock = Lookup(Finding.WAITING, "It is in the chat, still with the clock icon.")
    transport = ScriptedTransport(hand_over=[errors.SubmitUnknown("no tick")], look_up=[on_the_clock] * 1000)
    async with bench.sending(transport):
        held = await until(lambda: seen if (seen := account()).hold == Hold.STUCK_ON_CLOCK else None, "it holds")
        assert AccountState.HELD == held.state
        assert [] == transport.out
        transport.script["look_up"] = [Lookup(Finding.SENT, "It has its tick.", RECEIPT)]
        await until(lambda: job_state(job) == JobState.COMPLETED, "it goes on")
    assert [1, 1] == attempts()
    assert 1 == len(transport.out)


@pytest.mark.parametrize("most", [1, 3])
@pytest.mark.parametrize("phase", ["prepare", "hand_over"])
async def test_a_run_of_failures_holds_the_account_and_burns_nobody(
    bench: Any, short_holds: None, most: int, phase: str
) -> None:
    """So many recipients in a row, one cause: it is the account. After the hold one is tried; then all get theirs."""
    bench.set(max_attempts=most, retry_after_s=0.001)
    job = bench.queue(breaker.LIMIT + 2)
    transport = ScriptedTransport(**{phase: [errors.NotSubmitted("The box is gone.")] * (breaker.LIMIT + 2)})
    with structlog.testing.capture_logs() as lines:
        async with bench.sending(transport):
            held = await until(lambda: seen if (seen := account()).hold == Hold.FAILURES else None, "it holds")
            assert [0] * (breaker.LIMIT + 2) == attempts()
            assert held.until and "The box is gone." in held.detail
            tried = transport.count("prepare")
            await until(lambda: job_state(job) == JobState.COMPLETED, "it goes on")
    assert breaker.LIMIT == tried
    assert ["sent"] * (breaker.LIMIT + 2) == states(job)
    assert {1} == set(attempts())
    assert 3 == sum(line["event"] == "account.changed" and line["hold"] == Hold.FAILURES for line in lines)


async def test_a_hold_for_failures_outlives_its_sender(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that is started anew does not try the next five."""
    bench.set(retry_after_s=0.001)
    bench.queue(breaker.LIMIT)
    transport = ScriptedTransport(prepare=[errors.NotSubmitted("The box is gone.")] * breaker.LIMIT)
    async with bench.sending(transport):
        await until(lambda: account().hold == Hold.FAILURES, "it holds")
    until_ms = account().until
    second = ScriptedTransport()
    async with bench.sending(second):
        await until(lambda: account().hold == Hold.FAILURES, "the next one holds, too")
        await until(lambda: second.count("health") > 20, "it looks on")
    assert 0 == second.count("prepare")
    assert until_ms == account().until


def know(settings: Any, *numbers: str) -> None:
    """The account has written to them before."""
    earlier = create.create(settings, create.Order("Previous", numbers=numbers), "test", clock.now_ms()).job_id
    for message in claim.claim("default", len(numbers), clock.now_ms(), 60_000, pacing.Rules()):
        assert message.job_id == earlier
        moves.submit(message, MARK, clock.now_ms(), pacing.Gap(0, pacing.Why.PAUSE, 0))
        moves.confirm(message, RECEIPT, clock.now_ms())


async def test_known_chats_go_on_where_only_new_ones_are_barred(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those whom the account has written to get theirs; the others wait, untried, until the restriction is over."""
    numbers = [person.number for person in bench.people(4)]
    know(bench.settings, *numbers[2:])
    job = bench.queue(4)
    barred = errors.ChatBarred("WhatsApp does not let this account start new chats.")
    transport = ScriptedTransport(prepare=[barred])
    transport.health_now = TROUBLES["restricted"]
    async with bench.sending(transport):
        await until(lambda: numbers[3] in transport.out, "the known one whose chat is not barred gets it")
        await until(lambda: transport.count("health") > 50, "it looks on")
        assert [numbers[2], numbers[3]] == [number for _, number in transport.order("prepare")]
        assert ["pending", "pending", "pending", "sent"] == states(job)
        rested = Message.get((Message.number == numbers[2]) & (Message.job == job))
        assert 0 == rested.attempts
        assert send.BARRED_MS * 0.9 < rested.not_before - clock.now_ms()
        shown = progress.progress(bench.settings, job_moves.job(job.id), clock.now_ms())
        assert "messaged before" in shown.reason
        transport.health_now = READY
        Message.update(not_before=0).where(Message.id == rested).execute()
        await until(lambda: job_state(job) == JobState.COMPLETED, "all get theirs")
    assert ["sent"] * 4 == states(job)


async def test_after_a_restriction_the_pace_is_reduced(bench: Any) -> None:
    """Pauses are three times as long for a day; whoever asks sees until when."""
    job = bench.queue(1, delay_min=10, delay_max=10)
    transport = ScriptedTransport()
    transport.health_now = TROUBLES["restricted"]
    async with bench.sending(transport):
        await until(lambda: account().hold == Hold.RESTRICTED, "it holds")
        transport.health_now = READY
        await until(lambda: job_state(job) == JobState.COMPLETED, "it goes on")
    assert 10_000 * pacing.SLOWER == account().next_send_at - account().paced_at
    row = directory.find("default")
    shown = directory.describe(row, clock.now_ms())
    assert pacing.SLOW_MS * 0.99 < shown.slow_until - clock.now_ms() <= pacing.SLOW_MS
    assert None is directory.describe(row, row.slow_until).slow_until
    assert (1, False) == directory.pace("default", row.slow_until)


async def test_other_holds_do_not_slow_the_account_down(bench: Any) -> None:
    """Somebody had WhatsApp open in another window: that is no reason."""
    transport = ScriptedTransport()
    transport.health_now = TROUBLES["conflict"]
    async with bench.sending(transport):
        await until(lambda: account().hold == Hold.CONFLICT, "it holds")
    assert 0 == Account.get().slow_until


async def test_a_chat_without_a_box_is_not_a_wrong_number(bench: Any) -> None:
    """Only WhatsApp's own dialog says that a number is not there."""
    job = bench.queue(1)
    why = "The chat has no text box."
    await bench.run_out(ScriptedTransport(prepare=[errors.NotSubmitted(why)]), job)
    moves = [event.move for event in Event.select().order_by(Event.id)]
    assert ["enqueue", "claim", "retry", "claim", "submit", "confirm"] == moves


async def test_a_worn_out_transport_is_started_anew_between_messages(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never while one is in hand, and it does not count as a breakdown."""
    monkeypatch.setattr(timing, "WEAR_S", 0.0)
    job = bench.queue(3)
    transport = ScriptedTransport(worn_out=["Chrome uses too much memory."] * 3)
    with structlog.testing.capture_logs() as lines:
        await bench.run_out(transport, job)
    renewals = sum(line["event"] == "transport.renewed" for line in lines)
    calls = [name for name, _ in transport.order("start", "close", "prepare", "hand_over")]
    assert 2 <= renewals <= 3  # one after each message; the last may come when all is done
    assert 0 == sum(line["event"] == "transport.failed" for line in lines)
    assert 3 == len(transport.out)
    assert all(after == "hand_over" for before, after in pairwise(calls) if before == "prepare")


async def test_uncertain_messages_keep_what_the_chat_looked_like(bench: Any) -> None:
    """Rows and picture are stored with the move, for the person who decides."""
    bench.queue(1)
    seen = Lookup(
        Finding.UNKNOWN, "It cannot be read.", rows=(ChatRow(True, "Hello", "sent"),), screenshot=b"\x89PNG\0\xff"
    )
    transport = ScriptedTransport(hand_over=[errors.SubmitUnknown("no tick")], look_up=[seen] * doubts.LOOKS)
    async with bench.sending(transport):
        message = await until(lambda: Message.get_or_none(Message.state == State.UNCERTAIN), "it is uncertain")
    kept = evidence.newest(message.id)
    assert kept
    assert ("It cannot be read.", [evidence.Row(True, "Hello", "sent")]) == (kept.finding, kept.rows)
    assert f"/messages/{message.id}/screenshot.png" == kept.screenshot
    assert b"\x89PNG\0\xff" == evidence.screenshot(message.id)
    assert counters.miscounted() == []


def test_without_a_look_there_is_no_evidence(database: str) -> None:
    """A message nobody has looked up has none, and no picture."""
    assert None is evidence.newest(1)
    with pytest.raises(errors.NotFound):
        evidence.screenshot(1)
