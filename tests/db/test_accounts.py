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
    given: limits.Limits = {"delay_min": 20.0, "country": "de", "daily_cap": 7, "title": " The  Shop "}
    shop = installed.add(base, "shop", given, "test", NOW)
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
        changes: list[Callable[[], Any]] = [
            partial(installed.add, base, "shop", own, "test", NOW),
            partial(limits.set_limits, "office", own, "test"),
        ]
        for change in changes:
            with pytest.raises(errors.InvalidInput) as refused:
                change()
            assert (code, next(iter(own))) == (refused.value.told.code, refused.value.field)
    assert ["default", "office"] == names() and 1 == directory.find("office").limits_version


def test_two_accounts_are_never_mistaken_for_each_other(base: Settings) -> None:
    installed.add(base, "shop", {"title": "Corner"}, "test", NOW)
    for name, kind in (("Shop", errors.IllegalMove), ("CORNER", errors.IllegalMove), ("a b", errors.InvalidInput)):
        with pytest.raises(kind):
            installed.add(base, name, {}, "test", NOW)


def test_a_new_name_changes_nothing_that_goes_by_the_old_one(base: Settings) -> None:
    job = order(base, "default")
    limits.set_limits("default", {"title": "Shop"}, "test")
    assert ("default", "Shop") == (directory.find("default").name, directory.find("default").called)
    assert "default" == job_moves.job(job).account


def test_a_job_to_an_account_there_is_not_names_those_there_are(base: Settings) -> None:
    installed.add(base, "shop", {}, "test", NOW)
    with pytest.raises(errors.InvalidInput, match="default, shop"):
        order(base, "office")


def test_an_account_with_work_is_removed_only_when_that_is_to_be_stopped(base: Settings) -> None:
    """Then its queue is cancelled, what it sent can be read, and nothing can be queued for it any more."""
    installed.add(base, "shop", {}, "test", NOW)
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
    installed.add(base, "shop", {}, "test", NOW)
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
    installed.add(hand.settings, "shop", {}, "test", hand.clock())
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
    installed.add(base, "shop", {}, "test", NOW)
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
    installed.add(base, "shop", {"daily_cap": 5, "title": "Shop"}, "test", NOW)
    directory.report("shop", Health(AccountState.NEEDS_LINK, qr="2@secret"), NOW)
    removing.remove(base, "shop", False, "test", NOW)
    again = installed.add(base, "shop", {"hourly_cap": 2}, "test", NOW)
    assert (None, 2, None, None) == (again.daily_cap, again.hourly_cap, again.title, again.qr)
    assert (AccountState.STARTING, None) == (again.state, again.removed_at)


def test_each_sender_takes_an_account_that_has_none(base: Settings, senders: Callable[..., Seat | None]) -> None:
    """The one of the settings first; when all are taken, the next one waits; what ends in order is free at once."""
    installed.add(base, "office", {}, "test", NOW)
    installed.add(base, "able", {}, "test", NOW)
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
    installed.add(base, "shop", {"transport": "browser"}, "test", NOW)
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
    installed.add(base, "new", {}, "test", NOW)
    assert ["new", None] == [each and each.account for each in (senders(far), senders(far))]
    assert ["default", "shop", None] == [each and each.account for each in (senders(), senders(), senders())]


async def test_a_sender_leaves_an_account_that_changes_or_goes(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another transport is another sender's; of a removed one what is in hand is finished first."""
    installed.add(bench.settings, "shop", {}, "test", db_clock.now_ms())
    for change in (
        lambda: limits.set_limits("shop", {"transport": "dryrun"}, "test"),
        lambda: removing.remove(bench.settings, "shop", False, "test", db_clock.now_ms()),
    ):
        settings = limits.for_sender(bench.settings, "shop")
        transport = ScriptedTransport()
        engine = Engine(settings, transport, seat=Seat(bench.settings, settings, "here", None))
        assert [("belong_to", "")] == transport.calls
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
    installed.add(hand.settings, "shop", {}, "test", hand.clock())
    hand.queue(1, account="shop")
    (message,) = hand.claim(1, "shop")
    hand.submit(message)
    removing.remove(hand.settings, "shop", True, "test", hand.clock())
    profile = hand.settings.data_dir / "profiles" / "shop"
    profile.mkdir(parents=True)
    assert State.SENDING == Message.get_by_id(message.id).state
    now = hand.clock()
    assert {} == seat.abandoned(hand.settings, now)
    with pytest.raises(errors.IllegalMove, match="is not let go yet"):
        installed.add(hand.settings, "shop", {}, "test", now)
    assert ["default", "shop", None] == [
        each and each.account for each in (senders(now=now), senders(now=now), senders(now=now))
    ]
    hand.confirm(message)
    assert {} == seat.abandoned(hand.settings, now)
    with pytest.raises(errors.IllegalMove, match="is not let go yet"):
        installed.add(hand.settings, "shop", {}, "test", now)
    later = now + round(hand.settings.lease_s * 1000) + 1
    assert {"shop": ""} == seat.abandoned(hand.settings, later)
    registry.discard(hand.settings, "shop")
    assert not profile.exists() and {} == seat.abandoned(hand.settings, later)


def test_a_name_that_is_added_again_has_no_sender_of_before(
    make_settings: Callable[..., Settings], base: Settings, senders: Callable[..., Seat | None], tmp_path: Any
) -> None:
    """One that died without a word, on a host that is lost, is not waited for once its lease is over; should it wake
    up, it has lost the account. Another host then takes the name, as it has no home yet."""
    far = make_settings(data_dir=tmp_path / "far")
    far.data_dir.mkdir()
    installed.add(base, "shop", {}, "test", NOW)
    (found,) = (each for each in (senders(), senders()) if each and each.account == "shop")
    assert found.tenure
    with ownership.by(found.tenure):
        directory.open_account("shop", NOW, home=found.home)
    removing.remove(base, "shop", False, "test", NOW)
    later = NOW + round(base.lease_s * 1000) + 1
    again = installed.add(base, "shop", {}, "test", later)
    assert not directory.alive(again, NOW)
    with pytest.raises(errors.AccountLost):
        ownership.renew(found.tenure, later, 60_000)
    assert "shop" == getattr(senders(far, later, ("default",)), "account", None)


def test_a_lease_from_while_the_clock_was_ahead_keeps_no_name(base: Settings) -> None:
    installed.add(base, "shop", {}, "test", NOW)
    place = {"kernel": "k", "folder": "f", "processes": "p", "pid": 1, "started": "1"}
    removing.remove(base, "shop", False, "test", NOW)
    for ahead_ms, driven in ((30_000, True), (3_600_000, False), (-1, False)):
        changes = {"owner": "t", "owner_until": NOW + ahead_ms, "owner_place": place}
        Account.update(changes).where(Account.name == "shop").execute()
        assert driven is ownership.driven(base, "shop", NOW)


def test_no_profile_of_before_is_taken_for_that_of_a_name_that_is_added_again(
    make_settings: Callable[..., Settings], base: Settings, senders: Callable[..., Seat | None], tmp_path: Any
) -> None:
    """Whichever host has kept it, and whoever had the name meanwhile: it is deleted, as it is another phone's."""
    far = make_settings(data_dir=tmp_path / "far")
    lives = []
    for settings in (base, far):
        (settings.data_dir / "profiles" / "shop").mkdir(parents=True)
    installed.add(base, "shop", {}, "test", NOW)
    assert {} == seat.abandoned(far, NOW)
    for _ in range(2):
        removing.remove(base, "shop", False, "test", NOW)
        installed.add(base, "shop", {}, "test", NOW)
        lives.append(home.life(directory.find("shop").home))
    assert "" not in lives and 2 == len(set(lives))
    found = senders(make_settings(account="shop"))
    assert found and lives[1] == home.life(found.home) and found.home.startswith(home.of(base.data_dir))
    transport = ScriptedTransport()
    Engine(found.settings, transport, seat=found)
    assert [("belong_to", lives[1])] == transport.calls
    directory.open_account("shop", NOW, home=found.home)
    assert found.home == directory.find("shop").home
    for settings in (base, far):
        assert {"shop": lives[1]} == seat.abandoned(settings, NOW)
    registry.discard(far, "shop", lives[1])
    (base.data_dir / "profiles" / "shop.life").write_text(lives[1] + "\n")
    registry.discard(base, "shop", lives[1])
    assert [True, False] == [(each.data_dir / "profiles" / "shop").exists() for each in (base, far)]
    removing.remove(base, "shop", False, "test", NOW)
    installed.add(base, "shop", {}, "test", NOW)  # before its sender has taken it
    with pytest.raises(errors.AccountInUse, match="added again"):
        directory.open_account("shop", NOW, home=found.home)
    assert not home.anywhere(directory.find("shop").home)


def test_the_home_of_a_name_that_is_added_again_fits_its_column() -> None:
    long = "x" * home.LONGEST
    assert home.LONGEST == len(home.moved(home.anew(), long)) == len(home.moved(None, long))
    assert "" == home.life(long) == home.life(None) and home.anywhere(long)
    there = home.moved(home.anew(), "here")
    assert there == home.moved(there, "here") != home.moved(there, "far")


def test_more_accounts_than_senders_are_told(base: Settings) -> None:
    assert status.lacking(base, directory.every(), NOW) is None
    installed.add(base, "shop", {"title": "Corner shop"}, "test", NOW)
    directory.report("default", Health(AccountState.READY), NOW)
    told = status.lacking(base, directory.every(), NOW)
    assert told and "WASENDER_SENDERS to 2 (now 1)" in str(told) and "Corner shop" in str(told)
    assert status.lacking(base.model_copy(update={"senders": 2}), directory.every(), NOW) is None


def test_a_range_of_which_one_end_is_given() -> None:
    assert (4_000, 8_000) == pacing.range_ms(4, 8, (None, None))
    assert (9_000, 9_000) == pacing.range_ms(4, 8, (9, None))
    assert (2_000, 2_000) == pacing.range_ms(4, 8, (None, 2))
