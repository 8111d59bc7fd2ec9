"""A large order is stored in chunks, with the write lock released between them, and is nothing to anybody until it is
whole."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import pairwise
from typing import Any

import pytest

from daemon import errors
from daemon.campaigns import careful, create, drafts, progress, queries
from daemon.config import Settings
from daemon.contacts.importer import Contact
from daemon.db import clock, connection, proxy
from daemon.db.refusals import Unsent as OfDb
from daemon.delivery import chunks, enqueue, moves
from daemon.models import Event, Job, KeyScope, Message
from daemon.states import FILLING, JobState, State
from tests.support.hand import Hand, job_state, states
from tests.support.rehearsing import rehearse

CHUNK = 10
MANY = 35  # three chunks and a half


pytestmark = pytest.mark.usefixtures("small_chunks")


def _chunks_of(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHUNK", "LEAST", "MOST"):
        monkeypatch.setattr(chunks, name, size)


def stored() -> int:
    return Message.select().count()


def order(people: list[Contact], **given: Any) -> create.Order:
    return create.Order("Hello {{ name }}", recipients=[{"number": p.number, **p.fields} for p in people], **given)


def test_between_two_chunks_others_write_and_see_nothing_of_it(hand: Hand, between, settings: Settings):
    """No transaction stores more than a chunk, and no claim, page or count knows the job before it is whole."""
    other = hand.queue(3, first=900)
    seen: list[int] = []

    def look() -> None:
        seen.append(stored() - 3)
        if seen[-1] == MANY:
            return
        if not proxy.on_postgres():
            with closing(sqlite3.connect(proxy.database.database, timeout=0, isolation_level=None)) as another:
                another.execute("BEGIN IMMEDIATE")  # raises where anybody has the lock
                another.execute("ROLLBACK")
        assert [other.id] == [job.id for job in queries.jobs(None)[0]]
        newest = Message.select().order_by(Message.id.desc()).get()
        if newest.job_id != other.id:
            assert [] == queries.some_jobs([newest.job_id])
            with pytest.raises(errors.NotFound):
                queries.message(newest.id)
        claimed = hand.claim(50)
        assert {other.id} == {message.job_id for message in claimed}
        for message in claimed:
            moves.release(message, "a look", hand.clock())
        assert 3 == progress.totals()[State.PENDING]

    between(look)
    job = Job.get_by_id(hand.queue(MANY).id)
    assert [10, 20, 30, 35] == seen[:4]
    assert ["pending"] * MANY == states(job)
    assert (MANY, MANY, hand.clock()) == (job.total, job.pending, job.created_at)
    assert MANY == Event.select().join(Message).where(Message.job == job, Event.move == "enqueue").count()
    assert 3 + MANY == len(hand.send_all())


def test_a_chunk_is_a_handful_of_statements_however_many_people_it_has(hand: Hand, monkeypatch):
    """The statement is made once; what is in it is not built row by row while others wait for the lock."""

    def statements(size: int) -> int:
        _chunks_of(size, monkeypatch)
        made: list[str] = []
        real = proxy.database.obj.execute_sql
        with monkeypatch.context() as patched:
            patched.setattr(
                proxy.database.obj, "execute_sql", lambda sql, *rest: (made.append(sql), real(sql, *rest))[1]
            )
            hand.queue(2 * size, first=1000 * size)
        return len(made)

    assert statements(35) == statements(60)


def test_a_chunk_is_as_large_as_the_time_that_it_may_take(hand: Hand, between, monkeypatch):
    """Where the database is slow the next ones are smaller, so that no claim waits for long; then they grow again.

    Not on PostgreSQL, where nobody waits for another one's rows.
    """
    monkeypatch.setattr(chunks, "LEAST", 2)
    monkeypatch.setattr(chunks, "MOST", 16)
    monkeypatch.setattr(chunks, "HELD_S", 0.0)
    seen: list[int] = []

    def look() -> None:
        seen.append(stored())
        if stored() > CHUNK:
            monkeypatch.setattr(chunks, "HELD_S", 3_600.0)

    between(look)
    hand.queue(60)
    sizes = [after - before for before, after in pairwise([0, *seen]) if after > before]
    assert ([CHUNK, 16, 16, 16, 2] if proxy.on_postgres() else [CHUNK, 2, 4, 8, 16, 16, 4]) == sizes


@pytest.mark.parametrize(
    ("size", "held_s", "following"),
    [(500, 0.02, 500), (500, 0.04, 250), (500, 2.0, 50), (500, 0.0, 1_000), (200, 0.001, 400), (1_000, 0.01, 1_000)],
)
def test_the_next_chunk_by_the_time_of_the_last(size: int, held_s: float, following: int, monkeypatch):
    monkeypatch.undo()
    assert following == chunks.next_size(size, held_s)


@pytest.mark.parametrize(("size", "per", "new"), [(MANY, None, 33), (CHUNK, None, 8), (MANY, "row", 33)])
def test_whom_a_large_order_is_the_first_message_to_is_counted_by_its_messages(
    hand: Hand, monkeypatch, size: int, per: str | None, new: int
):
    """As those of a small one are by their people; of several rows with one number once."""
    monkeypatch.setattr(careful, "NEW_A_DAY", 5)
    hand.queue(2)
    hand.send_all()
    rows = hand.people(size) + hand.people(3 if per else 0)
    found = create.create(hand.settings, order(rows, per=per), "test", clock.now_ms())
    assert f"{len(rows)} people, {new} of whom it has never messaged" in found.note


@pytest.mark.parametrize("error", [errors.DatabaseBusy(OfDb.DATABASE_UNANSWERED, reason="locked"), KeyboardInterrupt()])
def test_one_that_breaks_off_leaves_nothing(hand: Hand, between, error):
    """Nobody was told that it is queued; whoever asks again gets one campaign."""

    def broken() -> None:
        if stored() == 2 * CHUNK:
            between(lambda: None)  # what is cleaned up is left alone
            raise error

    between(broken)
    with pytest.raises(type(error)):
        hand.queue(MANY)
    assert (0, 0, 0) == (Job.select().count(), stored(), Event.select().count())
    assert MANY == Job.get_by_id(hand.queue(MANY).id).pending


def killed(hand: Hand) -> Job:
    """A job whose process was killed after two chunks."""
    job = Job.create(
        account="default", name="n", text="t", state=FILLING, delay_min_ms=0, delay_max_ms=0,
        created_at=hand.clock(), total=0,
    )  # fmt: skip
    enqueue.fill(job, hand.people(2 * CHUNK), "test", hand.clock())
    return job


def test_what_a_killed_process_left_is_swept_when_nobody_goes_on_with_it(hand: Hand, clock):
    """After ten minutes without a new chunk; until then somebody may be at it, on another host, too."""
    killed(hand)
    clock.advance(enqueue.ABANDONED_MS - 1)
    assert (0, 2 * CHUNK) == (enqueue.sweep(clock()), stored())
    assert [] == hand.claim()
    clock.advance(60_000)
    assert 1 == enqueue.sweep(clock())
    assert (0, 0, 0) == (Job.select().count(), stored(), Event.select().count())


def test_one_of_a_clock_that_was_ahead_is_swept_too(hand: Hand, clock):
    """It is set back by a day: nobody waits that long."""
    killed(hand)
    clock.advance(-86_400_000)
    assert 1 == enqueue.sweep(clock())


def test_one_that_was_swept_under_somebody_is_refused_and_not_half_there(hand: Hand, between, clock):
    """The process slept for longer than that between two chunks."""

    def sleep() -> None:
        if stored() == 2 * CHUNK:
            between(lambda: None)
            clock.advance(enqueue.ABANDONED_MS + 60_000)
            enqueue.sweep(clock())

    between(sleep)
    with pytest.raises(errors.DatabaseBusy, match="start it again"):
        hand.queue(MANY)
    assert (0, 0) == (Job.select().count(), stored())


def test_one_that_is_being_swept_is_filled_and_opened_no_more(hand: Hand, between, clock):
    """It is deleted in chunks, too; whoever was filling it comes in between."""
    job = killed(hand)
    clock.advance(enqueue.ABANDONED_MS + 60_000)
    met: list[str] = []

    def meanwhile() -> None:
        if met:
            return
        met.append("it")
        with pytest.raises(errors.DatabaseBusy, match="start it again"):
            enqueue.fill(job, hand.people(CHUNK), "test", clock())
        with pytest.raises(errors.DatabaseBusy, match="start it again"), connection.write():
            enqueue.open_job(job.id, JobState.PENDING, clock())

    between(meanwhile)
    assert 1 == enqueue.sweep(clock())
    assert (["it"], 0, 0) == (met, Job.select().count(), stored())


def test_one_whose_sweeper_was_killed_is_swept_by_the_next(hand: Hand, between, clock):
    """Also if its time has come again: the clock was set back."""

    def die() -> None:
        raise KeyboardInterrupt

    killed(hand)
    between(die)
    clock.advance(enqueue.ABANDONED_MS + 60_000)
    with pytest.raises(KeyboardInterrupt):
        enqueue.sweep(clock())
    between(lambda: None)
    clock.advance(-enqueue.ABANDONED_MS)
    assert 1 == enqueue.sweep(clock())
    assert (0, 0) == (Job.select().count(), stored())


def test_one_that_was_swept_just_before_it_opens_is_refused(hand: Hand, clock, settings):
    checked = create.check(settings, order(hand.people(MANY)), clock())
    with (
        pytest.raises(errors.DatabaseBusy, match="start it again"),
        create.filled(settings, checked, "test", clock()) as job,
    ):
        clock.advance(enqueue.ABANDONED_MS + 60_000)
        enqueue.sweep(clock())
        create.store(settings, checked, "test", clock(), job)
    assert (0, 0) == (Job.select().count(), stored())


def test_the_same_request_twice_makes_one_large_job(hand: Hand, settings, clock):
    """The second is stored, and then finds that the first was answered."""
    asked = order(hand.people(MANY), key="k", scope=KeyScope.SEND)
    checked = create.check(settings, asked, clock())
    with create.filled(settings, checked, "test", clock()) as late:
        first = create.create(settings, asked, "test", clock())
        assert first == create.store(settings, checked, "test", clock(), late)
    assert ([first.job_id], MANY) == ([job.id for job in Job.select()], stored())


def test_a_large_job_may_wait_for_its_time(hand: Hand, clock):
    job = hand.queue(MANY, schedule_at=clock() + 3_600_000)
    assert (JobState.SCHEDULED, MANY) == (job_state(job), Job.get_by_id(job.id).pending)


def test_a_draft_for_many_becomes_one_job(prepared, settings, monkeypatch):
    """And one that was changed meanwhile becomes none, and leaves no messages behind."""
    monkeypatch.setattr(chunks, "CHUNK", 1)
    rehearse(settings, prepared)
    draft = drafts.find(prepared.id)
    with pytest.raises(errors.EditConflict):
        drafts.start(settings, draft.id, draft.version + 1, "test", clock.now_ms())
    assert (0, 0) == (Job.select().count(), stored())
    job_id = drafts.start(settings, draft.id, draft.version, "test", clock.now_ms())
    assert job_id == drafts.start(settings, draft.id, draft.version, "test", clock.now_ms())
    job = Job.get(Job.state == JobState.PENDING)
    assert (job_id, job.pending, job.total) == (job.id, stored(), stored())
    assert stored() > 1
