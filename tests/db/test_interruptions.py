"""After a restore or a long stop nothing goes out until a person has decided; a jump of the clock is neither."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from daemon import errors
from daemon.accounts import ownership, rights
from daemon.campaigns import confirming, lifecycle, progress, queries
from daemon.campaigns.confirming import Choice
from daemon.db import clock as db_clock
from daemon.db import connection
from daemon.db.connection import write
from daemon.delivery import interruptions, job_moves, timing
from daemon.delivery.interruptions import BEAT_MS, FILE, LONG_MS, Cause, Mark, Presence
from daemon.delivery.refusals import Passed
from daemon.models import Event, Installation, Job, JobStep, Message
from daemon.states import JobState, State
from tests.support.hand import Hand, fresh, job_state, states
from tests.support.scripted import ScriptedTransport, until

MINUTE_MS = 60_000


class Machine:
    """The clocks of a machine: that of the wall is the test's, the other one only goes on while it runs."""

    def __init__(self, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.boot, self.up_s = clock, "first boot", 1_000.0
        monkeypatch.setattr(ownership, "kernel", lambda: self.boot)
        monkeypatch.setattr(timing, "clock", lambda: self.up_s)

    def passes(self, ms: int) -> None:
        self.clock.advance(ms)
        self.up_s += ms / 1000

    def restarts(self) -> None:
        self.boot, self.up_s = f"after {self.boot}", 10.0


@pytest.fixture
def machine(clock: Any, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(clock, monkeypatch)


@pytest.fixture
def presence(hand: Hand, machine: Machine) -> Presence:
    """A process that has been there for a while."""
    found = Presence(hand.settings)
    found.beat(hand.clock())
    return found


def older(file: Path) -> None:
    """As if the database were the one of an hour ago."""
    known = interruptions.read(file)
    interruptions.raise_to(file, Mark(known.epoch + 60, known.database))


def unconfirmed() -> dict[int, str]:
    return {row.id: row.unconfirmed for row in Job.select().where(Job.unconfirmed.is_null(False))}


def test_a_first_start_and_every_later_one_go_on(hand: Hand, machine: Machine, presence: Presence) -> None:
    """Also after a restart of the machine within a day; the epoch grows in both places."""
    hand.queue(2)
    for step in range(3):
        machine.passes(BEAT_MS)
        if step == 1:
            machine.restarts()
        Presence(hand.settings).beat(hand.clock())
    assert {} == unconfirmed()
    assert 4 == interruptions.read(hand.settings.data_dir / FILE).epoch == Installation.get().epoch
    assert hand.claim()


def test_an_older_database_is_noticed_and_nothing_goes_out(hand: Hand, presence: Presence) -> None:
    """Whatever is not over waits, with its recipients where they were."""
    running, scheduled = hand.queue(3), hand.queue(1, first=50, schedule_at=hand.clock() + LONG_MS)
    over = hand.queue(1, first=60)
    Job.update(state=JobState.STOPPED).where(Job.id == over.id).execute()
    hand.confirm(hand.submit(hand.claim_one()))
    older(hand.settings.data_dir / FILE)
    hand.clock.advance(10 * MINUTE_MS)

    Presence(hand.settings).beat(hand.clock())

    assert {running.id: Cause.RESTORED, scheduled.id: Cause.RESTORED} == unconfirmed()
    assert [] == hand.claim(5)
    assert ["sent", "pending", "pending"] == states(running)
    shown = progress.progress(hand.settings, queries.job(running.id), hand.clock())
    assert ("waiting_for_confirmation", "restored", None) == (shown.status, shown.code, shown.eta)
    assert [("hold", "daemon")] == [(each.move, each.who) for each in JobStep.select().where(JobStep.job == running.id)]
    first, _ = confirming.waiting(hand.settings)
    assert (hand.clock() - 10 * MINUTE_MS, hand.clock()) == (first.unconfirmed_since, first.unconfirmed_at)
    Job.update(state=JobState.PENDING).where(Job.id == over.id).execute()


@pytest.mark.parametrize("backend", ["sqlite"])  # PostgreSQL's is no file of ours
def test_a_copy_of_the_database_is_noticed(hand: Hand, presence: Presence) -> None:
    """A few seconds may be missing in it, as of a replica, or a day, as where the whole folder was put back."""
    job, file = hand.queue(1), Path(hand.settings.db_url.removeprefix("sqlite:///"))
    connection.close()
    copy = shutil.copy(file, file.with_name("copy"))
    Path(copy).replace(file)
    connection.connect(hand.settings.db_url)
    Presence(hand.settings).beat(hand.clock())
    assert {job.id: Cause.RESTORED} == unconfirmed()
    confirming.confirm(job.id, Choice.GO_ON, "kim", hand.clock())
    Presence(hand.settings).beat(hand.clock.advance(BEAT_MS))
    assert {} == unconfirmed()


def test_it_is_noticed_once(hand: Hand, presence: Presence) -> None:
    """By the first process that looks; the others, and later campaigns, go on."""
    older(hand.settings.data_dir / FILE)
    Presence(hand.settings).beat(hand.clock())
    job = hand.queue(1)
    presence.beat(hand.clock())
    Presence(hand.settings).beat(hand.clock())
    assert {} == unconfirmed()
    assert job.id == hand.claim_one().job_id


def test_only_so_many_may_have_been_sent_as_the_pauses_allow(hand: Hand, presence: Presence) -> None:
    """A pause of 60 s or more makes eleven in ten minutes of a campaign of twenty."""
    hand.queue(20, delay_min=60, delay_max=90)
    older(hand.settings.data_dir / FILE)
    hand.clock.advance(10 * MINUTE_MS)
    Presence(hand.settings).beat(hand.clock())
    (found,) = confirming.waiting(hand.settings)
    assert (True, 20, 11) == (found.restored, found.pending, found.perhaps_sent)
    turns = confirming.next_in_turn(found.id, 2)
    assert [person.number for person in hand.people(2)] == [each.number for each in turns]


CLOUD = {"transport": "cloud", "cloud_phone_number_id": "123", "cloud_token": "t"}
AT_ONCE = {"delay_min": 0, "delay_max": 90}


@pytest.mark.parametrize(
    ("settings_of", "order", "perhaps"),
    [
        ({}, {}, 3),
        (CLOUD, {}, 20),
        (CLOUD, {"delay_min": 300, "delay_max": 300}, 3),
        (CLOUD, AT_ONCE, 20),
        ({}, AT_ONCE, 20),
        ({"cloud_phone_number_id": "123", "cloud_token": "t"}, {}, 20),
        ({}, {"schedule_at": MINUTE_MS}, 20),
    ],
    ids=["browser", "cloud", "its own", "its own of none", "none at all", "a number of Meta's", "scheduled"],
)
def test_where_nothing_makes_it_pause_all_may_have_been_sent(
    hand: Hand, presence: Presence, make_settings: Any, settings_of: Any, order: Any, perhaps: int
) -> None:
    """Delays of the settings are stored with every order, and bind none of the Cloud API; an account that has a number
    there may have been one in between, and a job that had not begun may have been edited."""
    hand.settings = make_settings(delay_min=300, delay_max=300, **{"transport": "browser"} | settings_of)
    if "schedule_at" in order:
        order = {"schedule_at": hand.clock() + order["schedule_at"]}
    hand.queue(20, **order)
    older(hand.settings.data_dir / FILE)
    hand.clock.advance(10 * MINUTE_MS)
    Presence(hand.settings).beat(hand.clock())
    (found,) = confirming.waiting(hand.settings)
    assert (20, perhaps) == (found.pending, found.perhaps_sent)


def test_what_was_in_hand_may_have_been_sent_as_well(hand: Hand, presence: Presence, make_settings: Any) -> None:
    """It is queued again when its lease has run out. So may have been all, where the clock was set back."""
    hand.settings = make_settings(**CLOUD)
    hand.queue(5)
    hand.claim(2)
    paced = hand.queue(5, first=10, delay_min=60, delay_max=60)
    older(hand.settings.data_dir / FILE)
    hand.clock.advance(-10 * MINUTE_MS)
    Presence(hand.settings).beat(hand.clock())
    assert [(3, 5), (5, 5)] == [(each.pending, each.perhaps_sent) for each in confirming.waiting(hand.settings)]
    assert paced.id


@pytest.mark.parametrize("restarted", [False, True])
def test_after_a_day_without_anybody_what_is_overdue_waits(
    hand: Hand, machine: Machine, presence: Presence, restarted: bool
) -> None:
    """What is not due yet, and what a person has paused, does not."""
    due, late = hand.queue(1), hand.queue(1, first=10, schedule_at=hand.clock() + MINUTE_MS)
    hand.queue(1, first=20, schedule_at=hand.clock() + 3 * LONG_MS)
    paused = hand.queue(1, first=30)
    job_moves.move(paused.id, "pause", "test", hand.clock())
    machine.passes(LONG_MS + MINUTE_MS)
    if restarted:
        machine.restarts()
    Presence(hand.settings).beat(hand.clock())
    assert dict.fromkeys([due.id, late.id], Cause.LONG_STOPPED) == unconfirmed()
    assert [] == hand.claim(5)
    assert [0, 0] == [each.perhaps_sent for each in confirming.waiting(hand.settings)]


@pytest.mark.parametrize("jump_ms", [30 * LONG_MS, -30 * LONG_MS])
def test_a_jump_of_the_clock_is_neither(hand: Hand, presence: Presence, jump_ms: int) -> None:
    """The machine knows how long it has run."""
    job = hand.queue(1)
    hand.clock.advance(jump_ms)
    for process in (presence, Presence(hand.settings)):
        process.beat(hand.clock())
    assert {} == unconfirmed()
    assert job.id == hand.claim_one().job_id


def test_a_machine_that_slept_for_days_has_stood_still(hand: Hand, machine: Machine, presence: Presence) -> None:
    """Its processes are still there, and notice before they send."""
    job = hand.queue(1)
    machine.passes(3 * LONG_MS)
    presence.beat(hand.clock())
    assert {job.id: Cause.LONG_STOPPED} == unconfirmed()


@pytest.fixture
def held(hand: Hand, presence: Presence) -> Job:
    """A campaign of five after a restore, one of whom has got it."""
    job = hand.queue(5)
    hand.confirm(hand.submit(hand.claim_one()))
    older(hand.settings.data_dir / FILE)
    presence.beat(hand.clock())
    return job


def test_a_person_lets_it_go_on(hand: Hand, held: Job) -> None:
    """Everybody in their place, each once."""
    assert 0 == confirming.confirm(held.id, Choice.GO_ON, "kim", hand.clock())
    assert [person.number for person in hand.people(5)][1:] == hand.send_all()
    assert (0, []) == (confirming.count(), confirming.waiting(hand.settings))
    assert ("confirm", "kim") == [(each.move, each.who) for each in JobStep.select().order_by(JobStep.id)][-1]


@pytest.mark.parametrize(("first", "aside"), [(2, 2), (None, 4), (100, 4)])
def test_a_person_sets_aside_who_may_have_got_it(
    hand: Hand, held: Job, first: int | None, aside: int, small_chunks: int
) -> None:
    """In order of their turn; the others are sent, and of each of these a person decides."""
    assert aside == confirming.confirm(held.id, Choice.UNCERTAIN, "kim", hand.clock(), first)
    assert ["sent"] + ["uncertain"] * aside + ["pending"] * (4 - aside) == states(held)
    assert [person.number for person in hand.people(5)][1 + aside :] == hand.send_all()
    doubted = Message.select().where(Message.state == State.UNCERTAIN).order_by(Message.id).first()
    assert "may have been sent before the database was restored" in doubted.error
    line = Event.select().where(Event.message == doubted).order_by(Event.id.desc()).first()
    assert ("kim", "doubt", "perhaps_sent_before") == (line.who, line.move, line.coded["code"])


def test_what_came_into_the_queue_later_is_not_set_aside(hand: Hand, held: Job) -> None:
    """It was not due when the database was restored."""
    last = Message.select().where(Message.job == held.id).order_by(Message.id.desc()).first()
    Message.update(not_before=hand.clock() + MINUTE_MS).where(Message.id == last.id).execute()
    assert 3 == confirming.confirm(held.id, Choice.UNCERTAIN, "kim", hand.clock())
    assert State.PENDING == fresh(last).state


def test_a_person_stops_it(hand: Hand, held: Job) -> None:
    confirming.confirm(held.id, Choice.STOP, "kim", hand.clock())
    assert ["sent"] + ["cancelled"] * 4 == states(held)
    assert {} == unconfirmed()


def test_a_decision_that_broke_off_is_repeated(
    hand: Hand, held: Job, small_chunks: int, between: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it is whole the campaign waits."""
    monkeypatch.setattr("daemon.delivery.chunks.CHUNK", 2)

    def dies() -> None:
        raise KeyboardInterrupt

    between(dies)
    with pytest.raises(KeyboardInterrupt):
        confirming.confirm(held.id, Choice.UNCERTAIN, "kim", hand.clock())
    assert {held.id: Cause.RESTORED} == unconfirmed()
    assert [] == hand.claim(5)
    between(lambda: None)
    confirming.confirm(held.id, Choice.UNCERTAIN, "kim", hand.clock())
    assert ["sent"] + ["uncertain"] * 4 == states(held)


def busy(*_: Any) -> None:
    raise errors.DatabaseBusy(Passed.NOT_READY_IN_TIME)


def test_a_repeat_sets_no_more_aside(hand: Hand, held: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database failed between those who were set aside and the decision; also when these were all that was left."""
    for first, outcome in (
        (2, ["uncertain"] * 2 + ["pending"] * 2),
        (3, ["uncertain"] * 3 + ["pending"]),
        (9, ["uncertain"] * 4),
    ):
        with monkeypatch.context() as patch, pytest.raises(errors.DatabaseBusy):
            patch.setattr(confirming, "decide", busy)
            confirming.confirm(held.id, Choice.UNCERTAIN, "kim", hand.clock(), first)
        assert ["sent", *outcome] == states(held)
    assert 4 == confirming.confirm(held.id, Choice.UNCERTAIN, "kim", hand.clock(), 4)
    assert ({}, ["sent"] + ["uncertain"] * 4) == (unconfirmed(), states(held))


def test_one_that_was_sent_again_meanwhile_counts_once(hand: Hand, held: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person has looked at it between the decision that broke off and its repeat."""
    with monkeypatch.context() as patch:
        patch.setattr(confirming, "decide", busy)
        for again in (True, False):
            with pytest.raises(errors.DatabaseBusy):
                confirming.confirm(held.id, Choice.UNCERTAIN, "kim", hand.clock(), 2)
            first = Message.select().where(Message.state == State.UNCERTAIN).order_by(Message.id).first()
            if again:
                lifecycle.settle(first.id, False, "lee", hand.clock())
    assert 3 == confirming.confirm(held.id, Choice.UNCERTAIN, "kim", hand.clock(), 3)
    assert ["sent"] + ["uncertain"] * 3 + ["pending"] == states(held)


def test_what_is_sent_again_of_a_campaign_that_is_over_waits_for_nobody(
    hand: Hand, held: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The decision broke off when all had been set aside: nothing was left that it was about."""
    with monkeypatch.context() as patch, pytest.raises(errors.DatabaseBusy):
        patch.setattr(confirming, "decide", busy)
        confirming.confirm(held.id, Choice.UNCERTAIN, "kim", hand.clock())
    assert JobState.COMPLETED == job_state(held)
    first = Message.select().where(Message.state == State.UNCERTAIN).order_by(Message.id).first()
    lifecycle.settle(first.id, False, "lee", hand.clock())
    assert {} == unconfirmed()
    assert [first.number] == hand.send_all()


@pytest.mark.parametrize(("first", "aside"), [(1, 1), (None, 3)])
def test_what_is_in_hand_is_set_aside_too(hand: Hand, presence: Presence, first: int | None, aside: int) -> None:
    """It would be queued again and sent. Whoever holds it has lost it."""
    job = hand.queue(3)
    message = hand.claim_one()
    older(hand.settings.data_dir / FILE)
    presence.beat(hand.clock())
    assert [message.number] == [each.number for each in confirming.next_in_turn(job.id, 1)]
    assert aside == confirming.confirm(job.id, Choice.UNCERTAIN, "kim", hand.clock(), first)
    assert ["uncertain"] * aside + ["pending"] * (3 - aside) == states(job)
    with pytest.raises(errors.LeaseLost if first else errors.IllegalMove):  # the campaign is over where all are aside
        hand.submit(message)
    assert [person.number for person in hand.people(3)][aside:] == hand.send_all()


def test_two_who_decide_at_once_set_aside_once(hand: Hand, presence: Presence, small_chunks: int, between: Any) -> None:
    """Of 35 the first 25: a second one comes in the middle, and is done first."""
    job = hand.queue(35)
    older(hand.settings.data_dir / FILE)
    presence.beat(hand.clock())
    others: list[int] = []

    def other() -> None:
        between(lambda: None)
        others.append(confirming.confirm(job.id, Choice.UNCERTAIN, "lee", hand.clock(), 25))

    between(other)
    with pytest.raises(errors.IllegalMove):
        confirming.confirm(job.id, Choice.UNCERTAIN, "kim", hand.clock(), 25)
    assert ([25], 25) == (others, states(job).count("uncertain"))


def test_a_second_one_counts_what_the_first_sets_aside(
    hand: Hand, presence: Presence, small_chunks: int, between: Any
) -> None:
    """One that broke off before its decision, for instance."""
    job = hand.queue(35)
    older(hand.settings.data_dir / FILE)
    presence.beat(hand.clock())

    def other() -> None:
        between(lambda: None)
        assert 15 == confirming.set_aside(job.id, Choice.UNCERTAIN, "lee", hand.clock(), 15)

    between(other)
    assert 25 == confirming.confirm(job.id, Choice.UNCERTAIN, "kim", hand.clock(), 25)
    assert 25 == states(job).count("uncertain")


def test_only_what_waits_can_be_decided(hand: Hand, held: Job) -> None:
    """And not twice."""
    confirming.confirm(held.id, Choice.GO_ON, "kim", hand.clock())
    with pytest.raises(errors.IllegalMove):
        confirming.confirm(held.id, Choice.GO_ON, "lee", hand.clock())
    with pytest.raises(errors.InvalidInput):
        confirming.confirm(held.id, Choice.STOP, "kim", hand.clock(), first=3)


def test_a_run_that_was_due_before_waits_too(hand: Hand, presence: Presence) -> None:
    """It is made only after the restore, but may have been made and sent before."""
    older(hand.settings.data_dir / FILE)
    presence.beat(hand.clock())
    before, later = hand.queue(1), hand.queue(1, first=10)
    with write():
        interruptions.cover(before.id, hand.clock() - MINUTE_MS, hand.clock())
        interruptions.cover(later.id, hand.clock() + MINUTE_MS, hand.clock())
    assert {before.id: Cause.RESTORED} == unconfirmed()


async def test_a_sender_that_starts_on_an_older_database_sends_nothing(bench: Any) -> None:
    """It notices before its first claim; after the decision it goes on by itself."""
    job = bench.queue(2)
    Presence(bench.settings).beat(db_clock.now_ms())
    older(bench.settings.data_dir / FILE)
    transport = ScriptedTransport()
    async with bench.sending(transport):
        await until(lambda: transport.count("health") > 20, "it looks at the account again and again")
        assert ([], {job.id: Cause.RESTORED}) == (transport.out, unconfirmed())
        confirming.confirm(job.id, Choice.GO_ON, "kim", db_clock.now_ms())
        await until(lambda: len(transport.out) == 2, "it sends")


async def test_a_database_that_is_exchanged_under_a_running_sender_is_noticed(bench: Any) -> None:
    """By its heartbeat."""
    transport = ScriptedTransport()
    async with bench.sending(transport):
        await until(lambda: interruptions.read(bench.settings.data_dir / FILE).epoch, "it is there")
        older(bench.settings.data_dir / FILE)
        await until(lambda: Installation.get().interruption, "it has noticed")
        assert Cause.RESTORED == Installation.get().interruption


def test_an_order_of_another_account_is_not_shown(hand: Hand, held: Job) -> None:
    """To somebody who may not use that account."""
    token = rights.allowed.set(frozenset({"other"}))
    try:
        assert (0, []) == (confirming.count(), confirming.waiting(hand.settings))
        with pytest.raises(errors.NotFound):
            confirming.confirm(held.id, Choice.GO_ON, "kim", hand.clock())
    finally:
        rights.allowed.reset(token)


def test_the_file_never_goes_back(tmp_path: Path) -> None:
    """Whichever of two processes is late; what is no number counts as none."""
    file = tmp_path / FILE
    assert Mark() == interruptions.read(file)
    interruptions.raise_to(file, Mark(7, 3))
    interruptions.raise_to(file, Mark(5, 4))
    assert Mark(7, 3) == interruptions.read(file)
    file.write_text("seven")
    assert Mark() == interruptions.read(file)


def test_orders_of_the_time_after_are_made_as_ever(hand: Hand, held: Job) -> None:
    """And sent, though another one waits."""
    job = hand.queue(1, first=70)
    assert job.id == hand.claim_one().job_id
