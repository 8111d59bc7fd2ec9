"""One account, one sender: whoever comes second leaves the row alone, and whoever lost it writes nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon import errors
from daemon.accounts import commands, directory, limits, ownership, pace, pacing
from daemon.db import clock
from daemon.delivery import claim, moves
from daemon.delivery.engine import Engine
from daemon.models import Account, Event, Message
from daemon.states import AccountState, Finding, Hold, State
from daemon.transports.protocol import Health, Lookup, Mark, Outgoing, Receipt, always
from tests.conftest import NOW
from tests.support.hand import LEASE_MS, Hand, account, fresh, states
from tests.support.scripted import MARK, RECEIPT, Hang, ScriptedTransport, until

ABSENT = Lookup(Finding.ABSENT, "the chat does not have it")
GAP = pacing.Gap(1000, pacing.Why.PAUSE, 1)
YEAR_MS = 365 * 24 * 3_600_000


@pytest.fixture
def place(tmp_path: Path) -> ownership.Place:
    return ownership.here(tmp_path)


def elsewhere(place: ownership.Place) -> ownership.Place:
    """Another machine."""
    return replace(place, kernel="another", folder="1:1", pid=place.pid + 1)


def own(place: ownership.Place, now: int = NOW) -> ownership.Tenure:
    found = ownership.take("default", place, now, LEASE_MS, sole=None)
    assert isinstance(found, ownership.Tenure)
    return found


def row() -> dict[str, Any]:
    return dict(Account.select().where(Account.name == "default").dicts().get())


async def refused(bench: Any, transport: ScriptedTransport, data_dir: Path) -> None:
    """A second sender of the account, started and turned away."""
    settings = bench.settings.model_copy(update={"data_dir": data_dir})
    with pytest.raises(errors.AccountInUse, match=r"account .*default"):
        await asyncio.wait_for(Engine(settings, transport).run(), 60)
    assert [] == transport.out


@pytest.mark.parametrize("far", [True, False])
async def test_a_second_sender_sends_nothing_and_the_first_goes_on(bench: Any, tmp_path: Path, far: bool):
    """With a message of the first on its way, which the chat does not show yet: it reaches its person once."""
    bench.queue(2)
    hang = Hang(RECEIPT)
    first, second = ScriptedTransport(hand_over=[hang]), ScriptedTransport(look_up=[ABSENT])
    other = tmp_path / "another"
    other.mkdir()
    async with bench.sending(first):
        await asyncio.wait_for(hang.entered.wait(), 60)
        await refused(bench, second, other if far else bench.settings.data_dir)
        assert {State.SENDING, State.PENDING} == {message.state for message in Message.select()}
        hang.let_go()
        await until(lambda: 2 == len(first.out))
    assert 2 == len(set(first.out))
    assert 0 == second.count("look_up")


def test_who_lost_the_account_gives_no_attempts_back(hand: Hand, place: ownership.Place):
    """The new owner judges for itself whether the account was the problem, and may have failed them for good."""
    hand.queue(2)
    failed, waiting = hand.claim_one(), hand.claim_one()
    moves.fail(failed, "not on WhatsApp", hand.clock())
    moves.retry(waiting, "the box is not there", hand.clock(), 3, 0)
    given = {failed.id: 1, waiting.id: 1}
    mine = own(place)
    Account.update(owner="another").execute()
    for message in (failed, waiting):
        with ownership.by(mine), pytest.raises(errors.AccountLost):
            moves.forgive({message.id: 1}, "the account was the problem", hand.clock())
    assert [(State.FAILED, 1), (State.PENDING, 1)] == [(m.state, m.attempts) for m in map(fresh, (failed, waiting))]
    Account.update(owner=mine.token).execute()
    with ownership.by(mine):
        assert 2 == moves.forgive(given, "the account was the problem", hand.clock())


async def test_a_refused_sender_does_not_touch_the_row(bench: Any, tmp_path: Path):
    """Neither where the lease tells it nor where the transport's lock does: the page goes on showing the living one."""
    first = ScriptedTransport()
    first.health_now = Health(AccountState.NEEDS_LINK, qr="2@secret")
    other = tmp_path / "another"
    other.mkdir()
    async with bench.sending(first):
        await until(lambda: account().qr)
        mine = account().owner
        await refused(bench, ScriptedTransport(), other)
        locked_out = ScriptedTransport(start=[errors.AccountInUse("Another sender drives account default.")])
        await refused(bench, locked_out, bench.settings.data_dir)
        now = account()
        assert (AccountState.NEEDS_LINK, "2@secret", mine) == (now.state, now.qr, now.owner)
        assert directory.alive(now, clock.now_ms())
    assert (None, 0) == (account().owner, account().seen_at)


async def test_a_sender_that_lost_its_account_stops(bench: Any, tmp_path: Path):
    """It says so, and changes nothing any more: neither the row nor the queue is its."""
    bench.queue(3)
    hang = Hang(MARK)
    first = ScriptedTransport(prepare=[hang])
    with pytest.raises(errors.AccountLost, match="stops sending"):
        async with bench.sending(first) as (_, task):
            await asyncio.wait_for(hang.entered.wait(), 60)
            now = clock.now_ms()
            far = elsewhere(ownership.here(tmp_path))
            Account.update(owner_until=now - 1).execute()  # it slept for longer than a lease
            found = ownership.take("default", far, now, LEASE_MS, sole=None)
            if not isinstance(found, ownership.Tenure):  # it has renewed in between
                Account.update(owner="another", owner_until=now + LEASE_MS).execute()
            before = row()
            hang.let_go()
            await asyncio.wait_for(asyncio.shield(task), 60)
    assert [] == first.out
    assert before == row()
    assert {State.PENDING, State.CLAIMED} >= {message.state for message in Message.select()}


async def test_what_the_silent_owner_was_sending_is_for_a_person(bench: Any, tmp_path: Path):
    """It ran elsewhere, and its lease ran out: it may only sleep. What it had claimed is queued again."""
    bench.queue(3)
    now = clock.now_ms()
    with ownership.by(own(elsewhere(ownership.here(tmp_path)), now - 2 * LEASE_MS)):
        sending, claimed = claim.claim("default", 2, now, LEASE_MS, pacing.Rules())
        moves.submit(sending, MARK, now, pacing.Gap(0, pacing.Why.PAUSE, 1))
    transport = ScriptedTransport(look_up=[ABSENT])
    async with bench.sending(transport):
        await until(lambda: 2 == len(transport.out))
    assert (State.UNCERTAIN, State.SENT) == (fresh(sending).state, fresh(claimed).state)
    assert sending.number not in transport.out


async def test_what_a_killed_sender_of_this_machine_was_sending_is_looked_up(bench: Any):
    """Its process is no more and the lock is ours: at once, however long its lease would last."""
    bench.queue(1)
    now = clock.now_ms()
    dead = replace(ownership.here(bench.settings.data_dir), pid=2**22 + 1, started="1")
    with ownership.by(own(dead, now)):
        (sending,) = claim.claim("default", 1, now, LEASE_MS, pacing.Rules())
        moves.submit(sending, MARK, now, pacing.Gap(0, pacing.Why.PAUSE, 1))
    transport = ScriptedTransport(look_up=[ABSENT])
    async with bench.sending(transport):
        await until(lambda: State.SENT == fresh(sending).state)
    assert [sending.number] == transport.out
    assert "requeue" in [event.move for event in Event.select()]


async def test_waiting_for_another_owner_ends_when_it_signs_off(bench: Any, tmp_path: Path):
    job = bench.queue(1)
    theirs = own(elsewhere(ownership.here(tmp_path)), clock.now_ms())
    transport = ScriptedTransport()
    async with bench.sending(transport):
        await asyncio.sleep(0)
        assert 0 == transport.count("start")
        ownership.release(theirs)
        await until(lambda: job.id and transport.out)


# What is taken, and when


def test_only_one_of_two_owns_it(hand: Hand, place):
    mine = own(place)
    before = row()
    for other in (elsewhere(place), replace(place, folder="1:1"), replace(place, pid=1, started=ownership._started(1))):
        for sole in (None, False, True):
            assert isinstance(ownership.take("default", other, NOW, LEASE_MS, sole), ownership.Taken)
    assert before == row()
    ownership.release(mine)
    assert own(elsewhere(place)).proved


def test_a_lease_that_ran_out_is_taken_but_proves_nothing(hand: Hand, place):
    """Its owner may sleep. In the same place only the transport's lock decides."""
    own(place)
    late = NOW + LEASE_MS + 1
    assert isinstance(ownership.take("default", elsewhere(place), late - 1, LEASE_MS, True), ownership.Taken)
    assert isinstance(ownership.take("default", place, late, LEASE_MS, None), ownership.Taken)
    found = ownership.take("default", elsewhere(place), late, LEASE_MS, True)
    assert isinstance(found, ownership.Tenure) and not found.proved


def test_a_lock_in_this_place_proves_the_death_of_an_owner_in_another_container(hand: Hand, place):
    own(replace(place, processes="pid:[1]", pid=7))
    assert isinstance(ownership.take("default", place, NOW, LEASE_MS, None), ownership.Taken)
    assert isinstance(ownership.take("default", place, NOW, LEASE_MS, False), ownership.Taken)
    found = ownership.take("default", place, NOW, LEASE_MS, True)
    assert isinstance(found, ownership.Tenure) and found.proved


def test_an_owner_whose_clock_was_ahead_is_watched_instead(hand: Hand, place):
    """A row that nobody has renewed for a whole lease is free, whatever times it has; a renewed one is not."""
    theirs = own(elsewhere(place), NOW + YEAR_MS)
    seen = ownership.take("default", place, NOW, LEASE_MS, None)
    assert isinstance(seen, ownership.Taken)
    ownership.renew(theirs, NOW + 1, LEASE_MS)
    again = ownership.take("default", place, NOW, LEASE_MS, None, watched=seen)
    assert isinstance(again, ownership.Taken) and again != seen
    found = ownership.take("default", place, NOW, LEASE_MS, None, watched=again)
    assert isinstance(found, ownership.Tenure) and not found.proved
    with pytest.raises(errors.AccountLost):
        ownership.renew(theirs, NOW, LEASE_MS)


# What is written is scoped to the owner

READY = Health(AccountState.READY)
WRITES: dict[str, Callable[[Hand], object]] = {
    "open": lambda hand: directory.open_account("default", NOW),
    "report": lambda hand: directory.report("default", READY, NOW),
    "seen": lambda hand: directory.seen("default", NOW + 1),
    "canary": lambda hand: directory.canary_confirmed("default", NOW),
    "pace": lambda hand: pace.set_pace("default", NOW, GAP),
    "claim": lambda hand: hand.claim(),
    "take a command": lambda hand: commands.take("default", True, NOW),
    "grant a command": lambda hand: commands.fulfil(
        "default", commands.Command("1", commands.What.LINK_BY_QR, None), NOW
    ),
    "fail a command": lambda hand: commands.fail(
        "default",
        commands.Command(row()["wish"]["id"], commands.What.RELOAD, None),
        commands.Outcome(commands.Code.BROKEN),
        NOW,
    ),
}


@pytest.mark.parametrize("write", WRITES)
def test_whoever_lost_the_account_writes_nothing(hand: Hand, clock, place, write):
    """Each by its name; the owner itself may."""
    job = hand.queue(2)
    lost = own(place)
    ownership.release(lost)
    theirs = own(elsewhere(place))
    commands.ask("default", commands.What.RELOAD, "test", NOW)
    before = row()
    with ownership.by(lost), pytest.raises(errors.AccountLost):
        WRITES[write](hand)
    assert before == row() and not any(Message.select().where(Message.state != State.PENDING, Message.job == job))
    with ownership.by(theirs):
        WRITES[write](hand)


def test_what_was_claimed_before_the_account_was_lost_is_not_submitted(hand: Hand, clock, place):
    hand.queue(1)
    lost = own(place)
    with ownership.by(lost):
        message = hand.claim_one()
    own(elsewhere(place), NOW + LEASE_MS + 1)
    before = row()
    with ownership.by(lost), pytest.raises(errors.AccountLost):
        hand.submit(message)
    assert (State.CLAIMED, before) == (fresh(message).state, row())


def test_leaving_an_account_that_was_lost_changes_nothing(hand: Hand, place):
    lost = own(place)
    own(elsewhere(place), NOW + LEASE_MS + 1)
    before = row()
    with ownership.by(lost):
        directory.leave("default")
    ownership.release(lost)
    assert before == row()


def test_a_person_may_write_whoever_owns_it(hand: Hand, place):
    """Limits and commands are a person's columns."""
    own(place)
    limits.set_limits("default", {"daily_cap": 5}, "test")
    commands.ask("default", commands.What.RELOAD, "test", NOW)
    assert 5 == account().daily_cap and commands.waiting("default")


# A hold of the sender's own


@pytest.mark.parametrize("hold", [Hold.FAILURES, Hold.CANARY])
def test_a_hold_outlives_any_number_of_restarts(hand: Hand, hold):
    """Until its end, or until the account is seen to send."""
    held = Health(AccountState.HELD, hold, NOW + 3_600_000, "Message after message could not be sent.")
    directory.report("default", held, NOW)
    for n in range(1, 4):
        assert held == directory.open_account("default", NOW + n)
        directory.report("default", Health(AccountState.NEEDS_LINK, qr="2@code"), NOW + n)
    assert directory.open_account("default", NOW + 3_600_000) is None
    assert directory.open_account("default", NOW - YEAR_MS) is None
    directory.report("default", READY, NOW + 5)
    assert directory.open_account("default", NOW + 6) is None


async def test_a_hold_outlives_a_sender_whose_browser_does_not_come_up(bench: Any, monkeypatch: pytest.MonkeyPatch):
    """It ends while it is coming up; the next one holds all the same."""
    now = clock.now_ms()
    directory.report("default", Health(AccountState.HELD, Hold.FAILURES, now + 3_600_000, "x"), now)
    monkeypatch.setattr("daemon.delivery.upkeep.MAX_RESTARTS", 2)
    for _ in range(2):
        assert 1 == await Engine(bench.settings, ScriptedTransport(start=[errors.BrowserLost("no Chrome")] * 2)).run()
    bench.queue(1)
    transport = ScriptedTransport()
    async with bench.sending(transport):
        await until(lambda: account().hold == Hold.FAILURES)
    assert [] == transport.out


async def test_a_hold_is_not_longer_because_the_clock_is_set_back(bench: Any, monkeypatch: pytest.MonkeyPatch):
    """It ends when its time has passed, or when the clock has reached its end, whatever comes first."""
    standing = Engine(bench.settings, ScriptedTransport()).context.standing
    standing.hold = Health(AccountState.HELD, Hold.FAILURES, NOW + 1000, "x")
    passed = [0.0]
    monkeypatch.setattr("daemon.delivery.timing.monotonic", lambda: passed[0])
    assert not standing.is_over(NOW + 1000, NOW)
    assert standing.is_over(NOW + 1000, NOW + 1000)
    passed[0] = 0.9
    assert not standing.is_over(NOW + 1000, NOW - YEAR_MS)
    passed[0] = 1.0
    assert standing.is_over(NOW + 1000, NOW - YEAR_MS)


class Asking(ScriptedTransport):
    """Asks at the last moment whether the account is the sender's, as the browser does."""

    async def hand_over(self, message: Outgoing, mark: Mark, held: Callable[[], bool] = always) -> Receipt:
        if not held():
            self.calls.append(("refused", message.number))
            raise errors.LeaseLost("The lease ran out before anything left.")
        return await super().hand_over(message, mark)


async def test_nothing_leaves_while_the_account_is_not_surely_ours(bench: Any, monkeypatch: pytest.MonkeyPatch):
    """Not even the canary, which is no message of a campaign; it flies when the lease has been renewed."""
    bench.set(canary="+4915199999999")
    ours = [False]
    monkeypatch.setattr("daemon.delivery.owner.Owning.holds", lambda _: ours[0])
    job = bench.queue(1)
    transport = Asking(look_up=[Lookup(Finding.SENT, "there", RECEIPT)])
    async with bench.sending(transport):
        await until(lambda: transport.count("refused"))
        assert [] == transport.out
        ours[0] = True
        await until(lambda: 2 == len(transport.out))
    assert "+4915199999999" == transport.out[0]
    assert ["sent"] == states(job)
