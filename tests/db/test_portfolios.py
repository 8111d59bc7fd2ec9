"""Meta's limit of people that a business may begin to write to in 24 hours: whoever would exceed it waits, with an end
that is told, and nobody is lost or used up."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from daemon import errors
from daemon.accounts import directory, pacing, portfolios
from daemon.campaigns import create, progress, queries
from daemon.campaigns.draft_content import ChosenTemplate
from daemon.db.clock import now_ms
from daemon.delivery import batches, claim, erasing, moves, windows
from daemon.delivery.engine import Engine
from daemon.models import Account, Job, Message, Portfolio, PortfolioPerson
from daemon.ops import people
from daemon.states import E164, AccountState, Ack, JobState, State, Status
from daemon.transports.cloud.transport import CloudTransport
from daemon.transports.protocol import Health
from standin.graph.server import serving
from standin.graph.world import World
from tests.conftest import NOW
from tests.support.cloud import cloud_settings
from tests.support.cloud_templates import body, listed, there
from tests.support.graph import QUICK
from tests.support.hand import MARK, Hand, fresh, job_state, known
from tests.support.scripted import until

DAY_MS, MINUTE_MS = pacing.DAY_MS, 60_000
BUSINESS = "102290129340398"


@pytest.fixture
def limited(hand: Hand, make_settings: Any) -> Hand:
    """A hand of an account whose business may write to three people."""
    hand.settings = make_settings(
        transport="cloud", cloud_business_account_id=BUSINESS, cloud_phone_number_id="1", cloud_token="t"
    )
    hand.rules = pacing.Rules(portfolio=BUSINESS)
    portfolios.told(BUSINESS, 3, NOW)
    directory.report("default", Health(AccountState.READY), NOW)
    return hand


def counted() -> int:
    """The counter, which has to agree with the rows."""
    people = int(Portfolio.get_by_id(BUSINESS).people)
    assert PortfolioPerson.select().where(PortfolioPerson.business == BUSINESS).count() == people
    return people


def test_a_campaign_over_the_limit_goes_on_as_places_become_free(limited, clock):
    """Three today; two more when the first of these are a day old. Nobody has used an attempt."""
    job = limited.queue(5)
    assert ["+4915110000000", "+4915110000001", "+4915110000002"] == limited.send_all()
    assert [(State.PENDING, 0)] * 2 == [
        (each.state, each.attempts) for each in Message.select().where(Message.state == State.PENDING)
    ]
    clock.now = NOW + DAY_MS - 1
    assert [] == limited.claim(10)
    clock.now = NOW + DAY_MS + MINUTE_MS
    assert ["+4915110000003", "+4915110000004"] == limited.send_all()
    assert JobState.COMPLETED == job_state(job)


def test_what_it_waits_for_is_told_and_when_it_goes_on(limited, clock):
    """With the time of the next one, and of the last."""
    job = limited.queue(8)
    limited.send_all()
    clock.now = NOW + MINUTE_MS
    assert [] == limited.claim(10)
    directory.report("default", Health(AccountState.READY), clock())
    shown = progress.progress(limited.settings, queries.job(job.id), clock())
    first = NOW + DAY_MS
    assert (JobState.RUNNING, "portfolio_limit", first) == (shown.status, shown.next_reason, shown.next_send_at)
    assert ["portfolio_limit"] == [each.code for each in shown.said]
    assert "3 people in 24 hours" in (shown.reason or "")
    assert (
        first + DAY_MS <= shown.eta <= first + DAY_MS + MINUTE_MS
    )  # the last two of five, a day after the first three


def test_whoever_has_written_lately_or_counts_already_goes_on(limited, clock):
    """However far down in the queue they are."""
    limited.queue(3)
    limited.send_all()
    limited.queue(4, first=1)  # two of them got one today
    last = list(limited.people(5))[4]
    windows.wrote("default", windows.key_of(last.number), clock(), clock())
    assert ["+4915110000001", "+4915110000002", "+4915110000004"] == sorted(limited.send_all())
    assert 3 == counted()
    assert [("+4915110000003", State.PENDING)] == [
        (each.number, each.state) for each in Message.select().where(Message.state == State.PENDING)
    ]


def test_whoever_writes_while_it_waits_gets_theirs_within_half_a_minute(limited, clock):
    """The campaign is looked at again in time."""
    limited.queue(5)
    limited.send_all()
    assert [] == limited.claim(10)
    windows.wrote("default", windows.key_of(list(limited.people(5))[4].number), clock(), clock())
    clock.advance(claim.LOOK_FOR_WRITERS_MS)
    assert ["+4915110000004"] == limited.send_all()


def test_of_many_who_count_already_some_are_looked_for_each_time(limited, clock, monkeypatch):
    """Everybody has their turn."""
    monkeypatch.setattr(claim, "LOOKED_FOR", 1)
    limited.queue(3)
    limited.send_all()
    limited.queue(4, first=2)  # the last of these three is in it, and nobody else of them
    sent = []
    for _ in range(3):
        clock.advance(claim.LOOK_FOR_WRITERS_MS)
        sent += limited.send_all()
    assert ["+4915110000002"] == sent


def test_accounts_of_one_business_share_it(limited, clock):
    """What one has claimed is not seen by the other: it is decided at the hand-over, and costs nobody anything."""
    known("second")
    limited.queue(2)
    limited.queue(2, first=50, account="second")
    ours, theirs = limited.claim(10), limited.claim(10, "second")
    for message in (*ours, theirs[0]):
        limited.confirm(limited.submit(message))
    with pytest.raises(errors.IllegalMove, match="limit of people"):
        limited.submit(theirs[1])
    moves.release(theirs[1], "back", clock())
    assert (State.PENDING, 0, 3) == (theirs[1].state, theirs[1].attempts, counted())
    assert [] == limited.claim(10, "second")


async def test_a_batch_of_one_account_stays_within_what_another_has_left_of_it(limited, clock):
    """Three of them were claimed while nobody had been written to; there is room for one."""
    known("second")
    limited.queue(2)
    limited.queue(3, first=50, account="second")
    ours, theirs = limited.claim(10), limited.claim(10, "second")
    for message in ours:
        limited.submit(message)
    terms = {"gap": pacing.Gap(0, pacing.Why.READY, 0), "rules": limited.rules}
    waiting = [batches.Entry(moves.submit, message, (MARK,), terms) for message in theirs]
    batches.together(waiting, clock())
    assert [type(None), errors.IllegalMove, errors.IllegalMove] == [type(each.refused) for each in waiting]
    assert (["sending", "claimed", "claimed"], 3) == ([fresh(each).state for each in theirs], counted())


def test_what_is_in_hand_is_not_claimed_twice_over(limited):
    """Claimed and not handed over yet: it has its place."""
    limited.queue(10)
    assert 2 == len(claim.claim("default", 10, NOW, 60_000, limited.rules, in_hand=1))


@pytest.mark.parametrize("how", ["refused", "reported"])
def test_what_did_not_reach_anybody_gives_its_place_back(limited, clock, how):
    """Refused by Meta, or reported as failed. To whom something else has gone today they still count."""
    limited.queue(3)
    limited.send_all()
    limited.queue(1)
    again = limited.submit(limited.claim_one())
    limited.queue(1, first=9)
    assert [] == limited.claim(10)
    if how == "refused":
        moves.fail(again, "no", clock())
    else:
        limited.confirm(again, Ack.ACCEPTED)
        limited.receipt(again, Status.FAILED)
    assert 3 == counted()
    first = Message.get(Message.number == "+4915110000001")
    limited.receipt(first, Status.FAILED)
    assert 2 == counted()
    clock.advance(claim.LOOK_FOR_WRITERS_MS)
    assert ["+4915110000009"] == limited.send_all()


def test_whoever_is_erased_counts_for_a_day_still(limited, clock):
    """Without who it was; and then not any more. The last message to one of them reached nobody."""
    limited.queue(3)
    limited.send_all()
    limited.queue(1)
    moves.fail(limited.submit(limited.claim_one()), "no", clock())
    for person in ("+4915110000000", "+4915110000001"):
        who = people.sought(limited.settings, E164(person))
        erasing.messages(limited.settings, who, "kim", clock())
        erasing.replies(who)
    assert 3 == counted()
    assert ["+4915110000002"] == [row.person for row in PortfolioPerson.select() if "491511" in row.person]
    clock.advance(portfolios.KEPT_MS)
    portfolios.prune(clock())
    assert 0 == counted()


def test_the_limit_is_what_meta_told_last(limited, clock):
    """Raised, lowered, lifted."""
    limited.queue(8)
    limited.send_all()
    portfolios.told(BUSINESS, 5, clock())
    clock.advance(claim.LOOK_FOR_WRITERS_MS)
    assert 2 == len(limited.send_all())
    portfolios.told(BUSINESS, 2, clock())
    clock.advance(claim.LOOK_FOR_WRITERS_MS)
    assert [] == limited.send_all()
    assert NOW + 3 + claim.LOOK_FOR_WRITERS_MS + DAY_MS == portfolios.opens_at(BUSINESS, clock())
    portfolios.told(BUSINESS, None, clock())
    clock.advance(claim.LOOK_FOR_WRITERS_MS)
    assert 3 == len(limited.send_all())


def test_without_a_known_limit_nothing_is_counted(hand):
    """Nor for a transport that has none."""
    hand.rules = pacing.Rules(portfolio=BUSINESS)
    hand.queue(2)
    assert 2 == len(hand.send_all())
    assert [] == list(PortfolioPerson.select())


def test_a_clock_that_was_ahead_takes_no_place(limited, clock):
    """What was written then counts as never."""
    clock.now = NOW + 30 * DAY_MS
    limited.queue(3)
    limited.send_all()
    clock.now = NOW
    limited.queue(1, first=9)
    assert ["+4915110000009"] == limited.send_all()
    assert 1 == counted()


def test_times_of_free_places(database):
    """Each place is free a day after it was taken; taken again, two days."""
    portfolios.told(BUSINESS, 4, NOW)
    for n in range(3):
        assert portfolios.take(BUSINESS, f"p{n}", n, NOW + n)
    now = NOW + MINUTE_MS
    ends = [portfolios.opens_at(BUSINESS, now, waiting) for waiting in range(1, 8)]
    day = [NOW + DAY_MS, NOW + 1 + DAY_MS, NOW + 2 + DAY_MS, now + DAY_MS]
    assert [None, *day, day[0] + DAY_MS, day[1] + DAY_MS] == ends


async def test_over_the_stand_in_nobody_beyond_the_limit_is_handed_over(bench, people):
    """The sender learns the limit from Meta, and sends so many: none of them fails by it."""
    world = World(QUICK | {"window": "strict"})
    world.businesses[BUSINESS].portfolio.limit = "TIER_50"
    text = "Your order is ready."
    world.add_template({
        "name": "ready", "language": "en", "category": "UTILITY", "components": [{"type": "BODY", "text": text}],
    })  # fmt: skip
    async with serving(world, webhook=None) as graph:
        bench.set(**cloud_settings(graph.url))
        there(now_ms(), listed("ready", body(text), language="en"))
        known("default")
        to = [person.number for person in people(60)]
        order = create.Order("", numbers=to, template=ChosenTemplate(name="ready", language="en"))
        job_id = create.create(bench.settings, order, "test", now_ms()).job_id
        running = Engine(bench.settings, CloudTransport(bench.settings), Random(1))
        task = asyncio.create_task(running.run())
        try:
            await until(lambda: Job.get_by_id(job_id).accepted == 50, "fifty are taken")
            await until(lambda: Job.get_by_id(job_id).opens_at > 0, "the campaign is put aside")
        finally:
            running.stop()
            assert 0 == await asyncio.wait_for(task, 30)
    job = Job.get_by_id(job_id)
    assert (50, 10, 0, 0) == (job.accepted, job.pending, job.failed, job.skipped)
    assert {0} == {each.attempts for each in Message.select().where(Message.state == State.PENDING)}
    assert 50 == len(world.record.messages)
    assert not [each for message in world.record.messages for each in message.events if each.status == "failed"]


def test_forgetting_is_done_by_retention_too(limited, clock):
    """Where nobody sends any more; not at once, as the clock may have jumped by less than it takes to notice."""
    limited.queue(3)
    limited.send_all()
    clock.now = NOW + 2 * DAY_MS
    portfolios.prune(clock())
    assert (3, 0) == (counted(), portfolios.reach(BUSINESS, clock()).people)
    clock.now = NOW + portfolios.KEPT_MS + 1
    portfolios.prune(clock())
    assert 1 == counted()
    assert fresh(Message.get()).state == State.SENT
    assert Job.select().count() == 1 and Account.select().count() == 1
