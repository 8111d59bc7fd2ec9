"""Doubts that wait for a receipt: others go on beside them, however many there are."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from daemon import errors
from daemon.delivery import lanes, receipts
from daemon.models import Message
from daemon.states import AccountState, Finding, Hold, State, Status
from daemon.transports.protocol import Health, Lookup, Mark, Outgoing, StatusUpdate
from tests.support.hand import states
from tests.support.scripted import Hang, ScriptedTransport, until

LANES = 8
LOST = errors.SubmitUnknown("The answer was lost.")


class Reported(ScriptedTransport):
    """What became of a message is only told by receipts: looking waits for one, which never ends by itself."""

    concurrency = LANES
    paced = exclusive = False
    one_file = True

    async def look_up(self, message: Outgoing, mark: Mark) -> Lookup:
        self.calls.append(("look_up", message.number))
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


async def test_an_outage_with_all_lanes_in_flight_stops_nobody_after_it(bench: Any) -> None:
    """As many doubts as lanes, and all others go out beside them; receipts settle the doubts."""
    bench.set(send_timeout_s=60)
    job = bench.queue(LANES + 20)
    transport = Reported(hand_over=[LOST] * LANES)
    async with bench.sending(transport) as (running, _):
        await until(lambda: states(job).count("sent") == 20, "the others have gone out")
        assert LANES == states(job).count("sending") == len(running.context.lanes.doubtful)
        told = [
            StatusUpdate(Status.SENT, 1, f"w{each.id}", each.id, 1)
            for each in Message.select().where(Message.state == State.SENDING)
        ]
        receipts.take("default", told, 10**12)
        await until(lambda: running.context.lanes.empty, "the lanes are free")
    assert {"sent"} == set(states(job))


async def test_what_an_earlier_sender_left_behind_stops_nobody_either(bench: Any) -> None:
    """As many that may be out as there are lanes: they wait for receipts beside the others, from the start on. The
    account is owned: no lease of theirs has to run out first."""
    bench.set(send_timeout_s=60, lease_s=3_600)
    left = bench.queue(LANES)
    first = Reported(hand_over=[Hang() for _ in range(LANES)])
    async with bench.sending(first) as (running, _):
        await until(lambda: states(left) == ["sending"] * LANES, "all may be out")
    async with bench.sending(Reported()) as (running, _):
        await until(lambda: len(running.context.lanes.doubtful) == LANES, "they are in doubt here")
        job = bench.queue(20, first=50)
        await until(lambda: states(job) == ["sent"] * 20, "the others have gone out")
    assert ["sending"] * LANES == states(left)


async def test_doubts_without_end_hold_everything_up(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more are begun than can be kept an eye on."""
    monkeypatch.setattr(lanes, "MOST_BESIDE", 2)
    bench.set(send_timeout_s=60)
    job = bench.queue(LANES * 4)
    transport = Reported(hand_over=[LOST] * LANES * 4)
    async with bench.sending(transport) as (running, _):
        await until(lambda: len(running.context.lanes.doubtful) >= LANES * 2, "so many are in doubt")
        await until(lambda: running.context.lanes.free == 0, "none is begun")
    assert LANES * 3 >= states(job).count("sending")
    assert states(job).count("pending") >= LANES


async def test_an_account_that_is_of_no_use_leaves_nobody_in_doubt_for_ever(bench: Any) -> None:
    """Its token has expired, say: waiting for a receipt needs none, and when none comes a person can decide."""

    class Silent(Reported):
        """Nothing is reported within the time for that."""

        async def look_up(self, message: Outgoing, mark: Mark) -> Lookup:
            return Lookup(Finding.UNKNOWN, "nothing was reported")

        async def hand_over(self, *given: Any) -> Any:
            self.health_now = Health(AccountState.HELD, Hold.CREDENTIALS)
            raise LOST

    job = bench.queue(3)
    transport = Silent()
    async with bench.sending(transport) as (running, _):
        await until(lambda: states(job) == ["uncertain"] * 3, "a person may decide")
        assert not running.context.standing.usable
