"""The clock jumps while a sender runs: nothing is claimed by it until it is right again, or ten minutes are over."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import structlog.testing

from daemon.accounts import ownership
from daemon.campaigns import create
from daemon.campaigns.draft_content import Dated
from daemon.delivery import claim, job_moves, moves, rescue, timing
from daemon.delivery.clock_check import ClockCheck
from daemon.delivery.interruptions import BEAT_MS, DOUBTED_MS, JUMP_MS, Presence
from daemon.models import Installation, Job, Message
from daemon.states import JobState
from tests.support.hand import Hand, account, fresh, job_state, states
from tests.support.scripted import ScriptedTransport, until

HOUR_MS, DAY_MS = 3_600_000, 24 * 3_600_000
YEAR_MS = 365 * DAY_MS
RULE = Dated(field="termin", days=-2, time="09:00")
DATED = "+4915119990001"


class Machine:
    """How long it has run, beside the test's clock."""

    def __init__(self, clock: Any) -> None:
        self.clock, self.up_s, self.boot = clock, 1_000.0, "first boot"

    def passes(self, ms: int) -> None:
        self.clock.advance(ms)
        self.up_s += ms / 1000


@pytest.fixture
def machine(clock: Any, monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine(clock)
    monkeypatch.setattr(timing, "clock", lambda: found.up_s)
    monkeypatch.setattr(ownership, "kernel", lambda: found.boot)
    return found


def dated(settings: Any, clock: Any) -> Job:
    """A campaign for one person, who has a date in ten days."""
    day = datetime.fromtimestamp((clock() + 10 * DAY_MS) / 1000, UTC).strftime("%Y-%m-%d")
    order = create.Order("On {{ termin }}", recipients=[{"number": DATED, "termin": day}], dated=RULE)
    return job_moves.job(create.create(settings, order, "test", clock()).job_id)


@pytest.mark.parametrize("jump_ms", [YEAR_MS, -YEAR_MS])
async def test_while_a_jump_is_doubted_nothing_is_claimed(bench: Any, machine: Machine, jump_ms: int) -> None:
    """Nobody with a date is skipped, what is scheduled stays so, what is due waits, and people see why. Once it has
    been like that for ten minutes the new time is believed, and so it is at once where the clock returns."""
    clock, transport = machine.clock, ScriptedTransport()
    with_date = dated(bench.settings, clock)
    scheduled = bench.queue(1, schedule_at=clock() + 5 * DAY_MS, first=20)
    with structlog.testing.capture_logs() as lines:
        async with bench.sending(transport):
            first = bench.queue(1)
            await until(lambda: job_state(first) == JobState.COMPLETED, "it sends")
            clock.advance(jump_ms)
            await until(lambda: account().coded and account().coded["code"] == "clock_jumped", "it says why it waits")
            due = bench.queue(1, first=1)  # only now: a claim that began before the jump may still take it
            looks = transport.count("health")
            await until(lambda: transport.count("health") > looks + 20, "it looks at the account again and again")
            assert (["pending"], ["pending"], ["pending"]) == (states(with_date), states(scheduled), states(due))
            assert (JobState.SCHEDULED, 1) == (job_state(scheduled), len(transport.out))

            clock.advance(-jump_ms)
            await until(lambda: job_state(due) == JobState.COMPLETED, "it goes on at once")
            await until(lambda: account().coded is None, "there is nothing to say any more")
            assert (JobState.SCHEDULED, ["pending"]) == (job_state(scheduled), states(with_date))

            clock.advance(jump_ms)
            await until(lambda: account().coded, "it waits again")
            due = bench.queue(1, first=2)
            looks = transport.count("health")
            await until(lambda: transport.count("health") > looks + 20, "it looks at the account again and again")
            assert ["pending"] == states(due)
            machine.passes(DOUBTED_MS)
            await until(lambda: job_state(due) == JobState.COMPLETED, "it goes on in the end")
    assert 2 == sum(line["event"] == "clock.jumped" for line in lines)
    late = jump_ms > 0
    assert late == (job_state(scheduled) != JobState.SCHEDULED)


async def test_while_it_is_doubted_nobody_is_given_up(
    bench: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody's lease looks as if it were over."""
    rescued: list[int] = []
    monkeypatch.setattr(rescue, "rescue", lambda now: rescued.append(now))
    transport = ScriptedTransport()
    async with bench.sending(transport) as (engine, _):
        await until(lambda: rescued, "it looks for messages that nobody holds")
        machine.clock.advance(YEAR_MS)
        await until(lambda: account().coded, "it waits")
        rescued.clear()
        engine._rescued_at, looks = -1e9, transport.count("health")
        await until(lambda: transport.count("health") > looks + 20, "it looks at the account again and again")
        assert [] == rescued
        machine.clock.advance(-YEAR_MS)
        engine._rescued_at = float("-inf")
        await until(lambda: rescued, "it does so again")


async def test_a_sender_that_is_started_meanwhile_doubts_it_as_well(bench: Any, machine: Machine) -> None:
    """It knows when another process was last there, which a process that runs on does not write over."""
    Presence(bench.settings).beat(machine.clock())
    machine.clock.advance(YEAR_MS)
    machine.passes(BEAT_MS)
    Presence(bench.settings).beat(machine.clock())
    due = bench.queue(1)
    async with bench.sending(ScriptedTransport()):
        await until(lambda: account().coded, "it waits")
        assert ["pending"] == states(due)
        machine.passes(DOUBTED_MS)
        await until(lambda: job_state(due) == JobState.COMPLETED, "it goes on in the end")


def test_the_new_time_is_noted_when_it_is_believed(hand: Hand, machine: Machine) -> None:
    """Until then the old one stays, also where another machine has noted it; a jump of an hour is noted at once."""
    presence, other, clock = Presence(hand.settings), Presence(hand.settings), machine.clock
    presence.beat(clock())
    for ms, passes_ms, noted in ((HOUR_MS, BEAT_MS, True), (YEAR_MS, BEAT_MS, False), (0, DOUBTED_MS, True)):
        machine.boot = "another boot"
        other.beat(clock())
        clock.advance(ms)
        machine.passes(passes_ms)
        machine.boot = "a boot"
        presence.beat(clock())
        assert noted == (Installation.get().seen_at == clock())


@pytest.mark.parametrize("seen_by_others_ms", [0, BEAT_MS])
def test_who_was_there_all_the_time_has_not_stopped_for_long(
    hand: Hand, machine: Machine, seen_by_others_ms: int
) -> None:
    """Whatever the clock says that another host has noted, and however seldom they had anything to note themselves."""
    ours, others = Presence(hand.settings), Presence(hand.settings)
    job = hand.queue(1)
    ours.beat(machine.clock())
    machine.boot = "second boot"
    machine.passes(seen_by_others_ms)
    others.beat(machine.clock())
    machine.passes(BEAT_MS)
    for presence, boot in ((others, "second boot"), (ours, "first boot"), (others, "second boot")):
        machine.boot = boot
        machine.passes(BEAT_MS)
        machine.clock.advance(YEAR_MS)
        presence.beat(machine.clock())
        assert Job.get_by_id(job.id).unconfirmed is None


@pytest.mark.parametrize(
    ("restarted", "ahead_ms", "believed"),
    [
        (False, YEAR_MS, False),
        (False, -YEAR_MS, False),
        (False, JUMP_MS, True),
        (True, YEAR_MS, True),
        (True, -YEAR_MS, False),
    ],
)
def test_at_the_start_it_is_compared_with_when_somebody_was_there(
    hand: Hand, machine: Machine, restarted: bool, ahead_ms: int, believed: bool
) -> None:
    """After a restart of the machine that may be any time ago, but lies not ahead."""
    Presence(hand.settings).beat(machine.clock())
    if restarted:
        machine.boot, machine.up_s = "second boot", 10.0
    machine.clock.advance(ahead_ms)
    check = ClockCheck()
    check.begin(machine.clock())
    assert believed == check.believes(machine.clock())
    machine.passes(DOUBTED_MS)
    assert check.believes(machine.clock())


def test_a_wait_that_leads_past_the_date_is_cut_short(hand: Hand, clock: Any) -> None:
    """It was decided while the clock was ahead; others with a date keep their times, and one that the sender has tried
    in a year by that clock its own."""
    job, other = dated(hand.settings, clock), dated(hand.settings, clock)
    Message.update(not_before=clock() + YEAR_MS, not_after=clock() + YEAR_MS + HOUR_MS).where(
        Message.job == other
    ).execute()
    clock.now = Message.get(Message.job == job).not_before
    (message,) = hand.claim()
    moves.release(message, "not now", clock() + YEAR_MS, HOUR_MS)
    Message.update(not_before=clock() + YEAR_MS + DAY_MS, attempts=1).where(Message.job == other).execute()
    assert [] == hand.claim()
    claim.due_again_where_dated("default", clock())
    assert clock() == fresh(message).not_before
    assert clock() + YEAR_MS + DAY_MS == Message.get(Message.job == other).not_before
    assert [message.id] == [each.id for each in hand.claim()]
