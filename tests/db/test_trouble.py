"""An account's trouble burns nobody: runs of refusals, however slow, and whom they are confirmed on."""

from __future__ import annotations

from typing import Any

import pytest
import structlog.testing

from daemon import errors
from daemon.campaigns import lifecycle
from daemon.db import clock
from daemon.delivery import breaker, eligibility, moves
from daemon.models import Event, Job, Message
from daemon.states import Finding, JobState, State
from daemon.transports.protocol import Lookup
from tests.support.hand import Hand, account, fresh, job_state, states
from tests.support.scripted import RECEIPT, ScriptedTransport, until

THERE = Lookup(Finding.SENT, "it is in the chat", RECEIPT)
OWN = "+4915119999999"
NOBODY = errors.Undeliverable("The number is not on WhatsApp.")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Holds that end within the test."""
    monkeypatch.setattr(breaker, "FIRST_HOLD_MS", 50)
    monkeypatch.setattr(breaker, "LONGEST_HOLD_MS", 50)


async def known(bench: Any) -> None:
    """Somebody has got a message: they are on WhatsApp."""
    await bench.run_out(ScriptedTransport(), bench.queue(1, first=500))


def refusing() -> list[Any]:
    return [NOBODY] * 1000


async def test_an_account_that_finds_nobody_any_more_holds_and_nobody_is_lost(bench: Any) -> None:
    """Not even who it found yesterday: after it all forty get theirs, none had failed for good."""
    await known(bench)
    job = bench.queue(40)
    transport = ScriptedTransport(prepare=refusing())
    async with bench.sending(transport):
        held = await until(lambda: seen if (seen := account()).hold else None, "it holds")
        transport.script["prepare"].clear()
        await until(lambda: job_state(job) == JobState.COMPLETED, "it goes on by itself")

    assert ("failures", True) == (held.hold, "even numbers that are" in held.detail)
    assert ["sent"] * 40 == states(job)
    assert {1} == {message.attempts for message in Message.select()}
    assert 5 <= Event.select().where(Event.move == "reinstate").count()


async def test_a_list_of_people_who_are_not_there_fails_as_it_should(bench: Any) -> None:
    """The account finds somebody who surely is: what it says of the others is true, and nothing waits."""
    await known(bench)
    job = bench.queue(12)
    transport = ScriptedTransport(prepare=refusing(), look_up=[THERE] * 10)
    with structlog.testing.capture_logs() as lines:
        await bench.run_out(transport, job)

    assert ["failed"] * 12 == states(job)
    assert [True, True] == [line["works"] for line in lines if line["event"] == "account.checked"]
    assert 2 == transport.count("look_up")
    assert {"prepare"} == {name for name, number in transport.order("prepare", "hand_over")}


async def test_slow_refusals_are_a_run_too(bench: Any) -> None:
    """One a campaign, and a restart of the sender after each; those who were completed are open again."""
    await known(bench)
    jobs = []
    for n in range(4):
        jobs.append(bench.queue(1, first=n))
        await bench.run_out(ScriptedTransport(prepare=refusing()), jobs[-1])
        assert ["failed"] == states(jobs[-1])
    jobs.append(bench.queue(1, first=4))
    transport = ScriptedTransport(prepare=refusing())
    async with bench.sending(transport):
        await until(lambda: account().hold, "it holds")
        transport.script["prepare"].clear()
        await until(lambda: all(states(job) == ["sent"] for job in jobs), "all get theirs")
    assert {JobState.COMPLETED} == {job_state(job) for job in jobs}


async def test_slow_failures_are_a_run_too(bench: Any) -> None:
    """A page that does not take the text, one message at a time: the third who would fail for good does not."""
    jobs = []
    broken = [errors.NotSubmitted("WhatsApp's text box does not accept the text unchanged.")]
    for n in range(2):
        jobs.append(bench.queue(1, first=n))
        await bench.run_out(ScriptedTransport(prepare=broken * 10), jobs[-1])
    jobs.append(bench.queue(1, first=2))
    transport = ScriptedTransport(prepare=broken * 1000)
    async with bench.sending(transport):
        await until(lambda: account().hold, "it holds")
        transport.script["prepare"].clear()
        await until(lambda: all(states(job) == ["sent"] for job in jobs), "all get theirs")


async def test_where_nobody_is_known_it_holds_and_says_what_to_do(bench: Any) -> None:
    """A new account: a number at a time is tried; one who is there ends it."""
    job = bench.queue(8)
    transport = ScriptedTransport(prepare=refusing())
    async with bench.sending(transport):
        held = await until(lambda: seen if (seen := account()).hold else None, "it holds")
        tried = transport.count("prepare")
        await until(lambda: transport.count("prepare") > tried, "one more is tried")
        transport.script["prepare"].clear()
        await until(lambda: job_state(job) == JobState.COMPLETED, "it goes on")
    assert "set WASENDER_CANARY" in held.detail
    assert ["sent"] * 8 == states(job)


async def test_the_accounts_own_number_will_do(bench: Any) -> None:
    """Where nobody else is known: the canary comes through, so the refusals are true."""
    bench.set(canary=OWN)
    job = bench.queue(6)

    class Only(ScriptedTransport):
        async def prepare(self, message: Any) -> Any:
            if message.number != OWN:
                self.calls.append(("prepare", message.number))
                raise NOBODY
            return await super().prepare(message)

    transport = Only(look_up=[THERE] * 10)
    await bench.run_out(transport, job)
    assert ["failed"] * 6 == states(job)
    assert [OWN] * 2 == transport.out


async def test_a_browser_lost_over_the_question_is_started_anew(bench: Any) -> None:
    """And the question asked again."""
    await known(bench)
    job = bench.queue(6)
    unready = [errors.BrowserLost("gone"), errors.AccountUnready("offline"), THERE, THERE]
    await bench.run_out(ScriptedTransport(prepare=refusing(), look_up=unready), job)
    assert ["failed"] * 6 == states(job)


def test_a_stopped_campaign_is_not_opened_again(hand: Hand) -> None:
    """Nor who was sent to since; a paused one stays paused. Who waits gets the attempts back."""
    given = {}
    for n, state in enumerate((JobState.STOPPED, JobState.PAUSED, JobState.COMPLETED)):
        job = hand.queue(2 if state is not JobState.COMPLETED else 1, first=10 * n)
        message = hand.claim_one()
        moves.fail(message, "not on WhatsApp", hand.clock())
        given[message.id] = 1
        if state is not JobState.COMPLETED:
            (lifecycle.stop if state is JobState.STOPPED else lifecycle.pause)(job.id, "test", hand.clock())
        assert state == job_state(job)
    assert 2 == moves.forgive(given | {999: 1}, "the account was the problem", hand.clock())
    stopped, paused, completed = Job.select().order_by(Job.id)
    assert (JobState.STOPPED, ["failed", "cancelled"]) == (job_state(stopped), states(stopped))
    assert (JobState.PAUSED, ["pending", "pending"]) == (job_state(paused), states(paused))
    assert (JobState.RUNNING, ["pending"]) == (job_state(completed), states(completed))
    found = Message.get(Message.job == completed)
    assert (0, None, None) == (found.attempts, found.error, found.ended_at)
    assert 0 == moves.forgive({found.id: 5}, "again", hand.clock()) - 1
    assert (State.PENDING, 0) == (fresh(found).state, fresh(found).attempts)
    lifecycle.stop(completed.id, "test", hand.clock())
    assert clock.now_ms()


def test_who_is_surely_there(hand: Hand) -> None:
    """The last ones that were ticked, each once, the newest first; of this account."""
    assert [] == eligibility.surely_there("default")
    hand.queue(4)
    for _ in range(4):
        hand.confirm(hand.submit(hand.claim_one()))
        hand.clock.advance(1)
    hand.queue(1, first=3)
    moves.fail(hand.submit(hand.claim_one()), "no", hand.clock())
    assert [f"+491511{n:07}" for n in (3, 2, 1)] == [message.number for message in eligibility.surely_there("default")]
    assert [] == eligibility.surely_there("other")
