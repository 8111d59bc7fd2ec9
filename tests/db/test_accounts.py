"""Several accounts in one installation: each has settings of its own, is added, renamed, removed, taken by a sender."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from daemon import errors
from daemon.accounts import directory, home, installed, limits, ownership, pace, pacing, status
from daemon.campaigns import create, lifecycle, queries, removing
from daemon.config import Settings
from daemon.db import clock as db_clock
from daemon.db.refusals import Unsent
from daemon.delivery import chunks, job_moves, moves, seat, sweeps
from daemon.delivery.engine import Engine
from daemon.delivery.seat import Seat, Seats
from daemon.models import Account, Message
from daemon.states import AccountState, JobState, State
from daemon.transports import registry
from daemon.transports.protocol import Health
from tests.conftest import NOW
from tests.support.hand import Hand, job_state, states
from tests.support.scripted import ScriptedTransport, until


@pytest.fixture
def base(make_settings: Callable[..., Settings], database: str) -> Settings:
    """Settings of an installation, with its data folder."""
    found = make_settings(delay_min=4, delay_max=8, long_pause_every=10, daily_cap=100)
    found.data_dir.mkdir(parents=True, exist_ok=True)
    directory.ensure(found.account)
    return found


@pytest.fixture
def senders(base: Settings) -> Iterator[Callable[..., Seat | None]]:
    """What each further sender of this installation finds to drive."""
    taken: list[Seat] = []

    def find(settings: Settings = base, now: int = NOW, passed: tuple[str, ...] = ()) -> Seat | None:
        found = Seats(settings).find(now, passed)
        if found:
            taken.append(found)
        return found

    yield find
    for each in taken:
        if each.tenure:
            ownership.forget(each.tenure)


def order(settings: Settings, account: str | None, **terms: Any) -> int:
    numbers = ["+4915112345678", "+4915112345679"]
    given = create.Order("Hello", numbers=numbers, account=account, **terms)
    return create.create(settings, given, "test", db_clock.now_ms()).job_id


def names() -> list[str]:
    return [row.name for row in directory.every()]


def test_what_is_its_own_comes_first_and_the_installation_decides_the_rest(base: Settings) -> None:
    """A pause of which only one end is its own gives way at the other; another account keeps what it had."""
    shop = installed.add("shop", {"delay_min": 20.0, "country": "de", "daily_cap": 7, "title": " The  Shop "}, "test")
    assert ("The Shop", "DE") == (shop.called, shop.country)
    own = limits.settings_of(base, "shop")
    assert (20.0, 20.0, "DE", 7) == (own.delay_min, own.delay_max, own.default_country, own.daily_cap)
    assert ("shop", base.lease_s) == (own.account, own.lease_s)
    assert (4, 8, "") == (base.delay_min, base.delay_max, limits.settings_of(base, "default").default_country)
    job = job_moves.job(order(base, "shop"))
    assert (20_000, 20_000) == (job.delay_min_ms, job.delay_max_ms)
    at_home = create.Order("Hi", numbers=["0151 12345678"], account="shop")
    job = job_moves.job(create.create(base, at_home, "test", NOW).job_id)
    assert "+4915112345678" == Message.get(Message.job == job).number


def test_its_long_pauses_apply_from_the_next_message_on(base: Settings) -> None:
    """They are read with each one, as caps and hours are."""
    rules = limits.rules(base)
    assert (10, (20_000, 40_000)) == (rules.long_pause_every, rules.long_pause_ms)
    limits.set_limits("default", {"long_pause_every": 3, "long_pause_max": 5.0}, "test")
    now = pace.opening_and_rules("default", NOW, rules)[1]
    assert (3, (5_000, 5_000)) == (now.long_pause_every, now.long_pause_ms)
    assert now == limits.rules_of(base, "default")
    assert (3, None, 5.0) == directory.whole_pace("default", NOW).pauses
    limits.set_limits("default", {"long_pause_every": None, "long_pause_max": None}, "test")
    assert rules == limits.rules_of(base, "default")


UNFIT: list[tuple[Any, str]] = [
    ({"delay_min": 9.0, "delay_max": 8.0}, "pauses_reversed"),
    ({"delay_min": -1.0}, "account_pause_unfit"),
    ({"delay_max": float("nan")}, "account_pause_unfit"),
    ({"long_pause_every": -1}, "pause_every_unfit"),
    ({"transport": "pigeon"}, "transport_unfit"),
    ({"title": "x" * 65}, "account_title_unfit"),
    ({"title": "DEFAULT"}, "account_title_taken"),
    ({"country": "XX"}, "account_country_unfit"),
    ({"canary": "0151 123"}, "own_number_unfit"),
]


def test_what_cannot_be_is_refused_at_its_field(base: Settings) -> None:
    """Of a new account as of one that is there; nothing is stored."""
    directory.ensure("office")
    for own, code in UNFIT:
        for change in (partial(installed.add, "shop"), partial(limits.set_limits, "office")):
            with pytest.raises(errors.InvalidInput) as refused:
                change(own, "test")
            assert (code, next(iter(own))) == (refused.value.told.code, refused.value.field)
    assert ["default", "office"] == names() and 1 == directory.find("office").limits_version


def test_two_accounts_are_never_mistaken_for_each_other(base: Settings) -> None:
    installed.add("shop", {"title": "Corner"}, "test")
    for name, kind in (("Shop", errors.IllegalMove), ("CORNER", errors.IllegalMove), ("a b", errors.InvalidInput)):
        with pytest.raises(kind):
            installed.add(name, {}, "test")


def test_a_new_name_changes_nothing_that_goes_by_the_old_one(base: Settings) -> None:
    job = order(base, "default")
    limits.set_limits("default", {"title": "Shop"}, "test")
    assert ("default", "Shop") == (directory.find("default").name, directory.find("default").called)
    assert "default" == job_moves.job(job).account


def test_a_job_to_an_account_there_is_not_names_those_there_are(base: Settings) -> None:
    installed.add("shop", {}, "test")
    with pytest.raises(errors.InvalidInput, match="default, shop"):
        order(base, "office")


def test_an_account_with_work_is_removed_only_when_that_is_to_be_stopped(base: Settings) -> None:
    """Then its queue is cancelled, what it sent can be read, and nothing can be queued for it any more."""
    installed.add("shop", {}, "test")
    done, paused = order(base, "shop"), order(base, "shop")
    lifecycle.pause(paused, "test", NOW)
    with pytest.raises(errors.AccountHasWork) as refused:
        removing.remove(base, "shop", False, "test", NOW)
    assert {"queued": 4, "in_flight": 0, "jobs": [done, paused]} == refused.value.members
    assert "shop" in names()

    removing.remove(base, "shop", True, "test", NOW)
    removing.finish("shop", NOW)
    assert ["default"] == names()
    assert {"cancelled"} == {row.state for row in Message.select()}
    assert [paused, done] == [row.id for row in queries.jobs(None, wanted=queries.Wanted(account="shop"))[0]]
    with pytest.raises(errors.InvalidInput, match="default"):
        order(base, "shop")
    with pytest.raises(errors.NotFound):
        directory.find("shop")


def test_a_removal_is_done_though_its_queue_cannot_be_emptied_at_once(
    base: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the database does not take is left to the hourly sweep: the account is gone, and the answer says so."""
    installed.add("shop", {}, "test")
    monkeypatch.setattr(chunks, "CHUNK", 1)
    order(base, "shop")
    removing.remove(base, "shop", True, "test", NOW)

    def busy(*_: Any) -> bool:
        raise errors.DatabaseBusy(Unsent.DATABASE_LOCKED, reason="locked")

    with monkeypatch.context() as patch:
        patch.setattr(sweeps, "_cancel_some", busy)
        removing.finish("shop", NOW)
    assert {State.PENDING, State.CANCELLED} == {row.state for row in Message.select()}
    assert 1 == sweeps.finish_stops(NOW)
    assert {State.CANCELLED} == {row.state for row in Message.select()}


def test_nothing_of_a_removed_account_is_sent_again(hand: Hand) -> None:
    """Neither what failed, nor what a person was to decide about."""
    installed.add("shop", {}, "test")
    job = hand.queue(2, account="shop")
    one, two = hand.claim(2, "shop")
    moves.fail(hand.submit(one), "no", hand.clock())
    moves.lose(hand.submit(two), "who knows", hand.clock())
    assert JobState.COMPLETED == job_state(job)
    removing.remove(hand.settings, "shop", False, "test", hand.clock())
    for again in (
        lambda: lifecycle.retry(job.id, "test", hand.clock()),
        lambda: lifecycle.settle(two.id, False, "test", hand.clock()),
    ):
        with pytest.raises(errors.IllegalMove, match="was removed"):
            again()
    lifecycle.settle(two.id, True, "test", hand.clock())
    assert ["failed", "sent"] == states(job)


def test_an_order_and_a_removal_at_once_do_not_miss_each_other(base: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removed after the order was checked, and before it is stored: nothing is stored."""
    installed.add("shop", {}, "test")
    stored = create.enqueue.enqueue

    def removed_meanwhile(*given: Any) -> Any:
        Account.update(removed_at=NOW).where(Account.name == "shop").execute()
        return stored(*given)

    monkeypatch.setattr(create.enqueue, "enqueue", removed_meanwhile)
    with pytest.raises(errors.IllegalMove, match="was removed"):
        order(base, "shop")
    assert [] == queries.jobs(None)[0]


def test_the_account_of_the_settings_stays(base: Settings) -> None:
    with pytest.raises(errors.IllegalMove, match="WASENDER_ACCOUNT"):
        removing.remove(base, "default", True, "test", NOW)


def test_a_name_that_is_added_again_finds_its_history_and_nothing_else(base: Settings) -> None:
    """No login, no state, no settings of before."""
    installed.add("shop", {"daily_cap": 5, "title": "Shop"}, "test")
    directory.report("shop", Health(AccountState.NEEDS_LINK, qr="2@secret"), NOW)
    removing.remove(base, "shop", False, "test", NOW)
    again = installed.add("shop", {"hourly_cap": 2}, "test")
    assert (None, 2, None, None) == (again.daily_cap, again.hourly_cap, again.title, again.qr)
    assert (AccountState.STARTING, None) == (again.state, again.removed_at)


def test_each_sender_takes_an_account_that_has_none(base: Settings, senders: Callable[..., Seat | None]) -> None:
    """The one of the settings first; when all are taken, the next one waits; what ends in order is free at once."""
    installed.add("office", {}, "test")
    installed.add("able", {}, "test")
    found = [senders() for _ in range(4)]
    assert ["default", "able", "office", None] == [each and each.account for each in found]
    middle = found[1]
    assert middle and middle.tenure
    ownership.release(middle.tenure)
    assert "able" == getattr(senders(), "account", None)


def test_a_sender_with_an_account_of_its_own_takes_no_other(
    make_settings: Callable[..., Settings], base: Settings, senders: Callable[..., Seat | None]
) -> None:
    """Also when it is driven: then the engine refuses, as ever. Once it was removed, it waits."""
    installed.add("shop", {"transport": "browser"}, "test")
    pinned = make_settings(account="shop")
    assert pinned.pinned and not base.pinned
    found = senders(pinned)
    assert found and ("shop", None, "browser") == (found.account, found.tenure, found.settings.transport)
    removing.remove(base, "shop", False, "test", NOW)
    assert senders(pinned) is None


def test_an_account_stays_with_the_data_folder_that_has_its_profile(
    make_settings: Callable[..., Settings], base: Settings, senders: Callable[..., Seat | None], tmp_path: Any
) -> None:
    """A sender on another host takes only what has no home yet."""
    far = make_settings(data_dir=tmp_path / "far")
    far.data_dir.mkdir()
    assert home.of(base.data_dir) != home.of(far.data_dir) == home.of(far.data_dir)
    for name in ("default", "shop"):
        directory.ensure(name)
        Account.update(home=home.of(base.data_dir)).where(Account.name == name).execute()
    installed.add("new", {}, "test")
    assert ["new", None] == [each and each.account for each in (senders(far), senders(far))]
    assert ["default", "shop", None] == [each and each.account for each in (senders(), senders(), senders())]


async def test_a_sender_leaves_an_account_that_changes_or_goes(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another transport is another sender's; of a removed one what is in hand is finished first."""
    installed.add("shop", {}, "test")
    for change in (
        lambda: limits.set_limits("shop", {"transport": "dryrun"}, "test"),
        lambda: removing.remove(bench.settings, "shop", False, "test", db_clock.now_ms()),
    ):
        settings = limits.for_sender(bench.settings, "shop")
        engine = Engine(settings, ScriptedTransport(), seat=Seat(bench.settings, settings, "here", None))
        running = asyncio.create_task(engine.run())
        await until(lambda: directory.find("shop").state == AccountState.READY, "it is ready")
        assert "here" == directory.find("shop").home
        change()
        assert 0 == await asyncio.wait_for(running, 30)
    assert None is Account.get_by_id("shop").owner


def test_a_removed_account_with_something_in_hand_still_gets_a_sender(
    hand: Hand, senders: Callable[..., Seat | None]
) -> None:
    """Who was killed over a message leaves a doubt, which only the chat can settle; the profile stays until then."""
    installed.add("shop", {}, "test")
    hand.queue(1, account="shop")
    (message,) = hand.claim(1, "shop")
    hand.submit(message)
    removing.remove(hand.settings, "shop", True, "test", hand.clock())
    profile = hand.settings.data_dir / "profiles" / "shop"
    profile.mkdir(parents=True)
    assert State.SENDING == Message.get_by_id(message.id).state
    assert [] == seat.abandoned(hand.settings)
    assert ["default", "shop", None] == [each and each.account for each in (senders(), senders(), senders())]
    hand.confirm(message)
    Account.update(owner=None).where(Account.name == "shop").execute()
    assert ["shop"] == seat.abandoned(hand.settings)
    registry.discard(hand.settings, "shop")
    assert not profile.exists() and [] == seat.abandoned(hand.settings)


def test_more_accounts_than_senders_are_told(base: Settings) -> None:
    assert status.lacking(base, directory.every(), NOW) is None
    installed.add("shop", {"title": "Corner shop"}, "test")
    directory.report("default", Health(AccountState.READY), NOW)
    told = status.lacking(base, directory.every(), NOW)
    assert told and "WASENDER_SENDERS to 2 (now 1)" in str(told) and "Corner shop" in str(told)
    assert status.lacking(base.model_copy(update={"senders": 2}), directory.every(), NOW) is None


def test_a_range_of_which_one_end_is_given() -> None:
    assert (4_000, 8_000) == pacing.range_ms(4, 8, (None, None))
    assert (9_000, 9_000) == pacing.range_ms(4, 8, (9, None))
    assert (2_000, 2_000) == pacing.range_ms(4, 8, (None, 2))
