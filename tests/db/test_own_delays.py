"""Pauses that a campaign names, where the account makes none: they are the campaign's alone."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

from daemon.accounts import directory, pacing
from daemon.campaigns import cloning, progress, queries
from daemon.delivery import moves
from daemon.models import Job, Message
from daemon.states import AccountState, JobState
from daemon.transports.protocol import Health
from tests.conftest import NOW
from tests.support.hand import MARK, Hand, job_state
from tests.support.scripted import ScriptedTransport

UNPACED = pacing.Rules(paced=False)
NO_GAP = pacing.Gap(0, pacing.Why.READY, 0)


class Unpaced(ScriptedTransport):
    """Several at once, without the pauses of a person."""

    concurrency = 8
    paced = False


def hand_over(hand: Hand, message: Message, own_pause_ms: int = 0) -> None:
    moves.submit(message, MARK, hand.clock(), NO_GAP, hand.rules, own_pause_ms=own_pause_ms)
    hand.confirm(message)


def test_such_a_campaign_goes_one_by_one_and_others_beside_it(hand, clock):
    """Its next one neither while one is in hand, nor before its pause is over; who has none is not slowed down."""
    hand.rules = UNPACED
    slow = hand.queue(3, delay_min=2, delay_max=2)
    (first,) = hand.claim(10)
    assert [] == hand.claim(10)
    hand_over(hand, first, own_pause_ms=2_000)
    quick = hand.queue(4, first=50)
    assert {quick.id} == {each.job_id for each in hand.claim(10)}
    clock.advance(1_999)
    assert [] == hand.claim(10)
    clock.advance(1)
    assert [slow.id] == [each.job_id for each in hand.claim(10)]


def test_an_account_that_pauses_itself_keeps_its_pace(hand):
    """A person's keyboard: the campaign's pauses are those of the account."""
    hand.queue(3, delay_min=2, delay_max=2)
    assert 3 == len(hand.claim(10))


def test_without_delays_of_its_own_nothing_waits(hand):
    """Nor with some that are nothing."""
    hand.rules = UNPACED
    hand.queue(3)
    assert 3 == len(hand.claim(10))
    hand.queue(3, first=50, delay_min=0, delay_max=0)
    assert 3 == len(hand.claim(10))


def test_the_sender_keeps_them(bench):
    """The pause runs from one hand-over to the next; every third one is a long one."""
    bench.set(long_pause_every=3, long_pause_min=0.2, long_pause_max=0.2)
    slow = bench.queue(4, delay_min=0.05, delay_max=0.05)
    quick = bench.queue(6, first=50)
    asyncio.run(bench.run_out(Unpaced(), slow, quick))
    times = [each.submitted_at for each in Message.select().where(Message.job == slow).order_by(Message.submitted_at)]
    gaps = [after - before for before, after in pairwise(times)]
    assert all(gap >= least for gap, least in zip(gaps, (50, 50, 250), strict=True)), gaps
    assert JobState.COMPLETED == job_state(quick)


def test_when_it_ends_is_reckoned_by_them(hand, make_settings, clock):
    """Without any it is the speed of the number that counts, not the pauses of the settings."""
    hand.settings = make_settings(transport="cloud", cloud_throughput=10)
    directory.report("default", Health(AccountState.READY), NOW)
    ends = {}
    for name, own in (("own", {"delay_min": 5, "delay_max": 5}), ("none", {})):
        job = hand.queue(101, name=name, **own)
        ends[name] = progress.progress(hand.settings, queries.job(job.id), clock()).eta - NOW
    assert 10_000 == ends["none"]
    assert 500_000 <= ends["own"] <= 1_000_000  # long pauses included


def test_a_duplicate_has_them_and_does_not_make_them_up(hand: Hand, make_settings: Any) -> None:
    """Where the first had none of its own, nor has its duplicate."""
    own, none = hand.queue(1, delay_min=2, delay_max=3), hand.queue(1, first=50)
    for job, wanted in ((own, (2, 3)), (none, (None, None))):
        order = cloning.order(job.id, "all", 0, cloning.Changed())
        assert wanted == (order.delay_min, order.delay_max)
    assert [True, False] == [each.own_delays for each in Job.select().order_by(Job.id)]
