"""A campaign that waits for its time: moved, started early, replaced, also in the moment in which its time comes."""

from __future__ import annotations

import secrets
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from daemon import errors
from daemon.campaigns import cloning, drafts, lifecycle, scheduling
from daemon.campaigns.drafts import Draft
from daemon.db import connection
from daemon.delivery import claim, job_moves
from daemon.models import Job, Message
from daemon.states import JobState, State
from tests.support import forks
from tests.support.hand import Hand
from tests.support.rehearsing import rehearse

HOUR_MS = 3_600_000


def due(hand: Hand) -> int:
    return hand.clock() + HOUR_MS


def edited(settings: Any, job: Job, text: str = "Changed") -> Draft:
    """A draft of the job, up to its dry run."""
    draft = cloning.edit(job.id, secrets.token_hex(16), "UTC", "test", job.created_at)
    draft = drafts.save(draft.id, draft.version, {"text": text}, job.created_at)
    rehearse(settings, draft)
    return drafts.find(draft.id)


def test_a_moved_campaign_starts_at_its_new_time(hand: Hand, clock):
    """Later or earlier; a paused one is scheduled again."""
    job = hand.queue(1, schedule_at=due(hand))
    scheduling.move(job.id, due(hand) + HOUR_MS, "test", clock())
    clock.advance(HOUR_MS + 1)
    assert [] == hand.claim(1)
    lifecycle.pause(job.id, "test", clock())
    scheduling.move(job.id, clock() + 10, "test", clock())
    moved = job_moves.job(job.id)
    assert (JobState.SCHEDULED, clock() + 10) == (moved.state, moved.schedule_at)
    clock.advance(10)
    assert 1 == len(hand.claim(1))


def test_one_that_has_begun_is_not_moved_started_or_replaced(hand: Hand, clock, settings):
    """Nor one without a time, one that is over, or to a time that has passed."""
    job = hand.queue(2, schedule_at=due(hand))
    with pytest.raises(errors.InvalidInput, match="has passed"):
        scheduling.move(job.id, clock(), "test", clock())
    draft = edited(settings, job)
    scheduling.start(job.id, "test", clock())
    hand.claim_one()
    lifecycle.pause(job.id, "test", clock())
    over = hand.queue(1, schedule_at=due(hand))
    lifecycle.stop(over.id, "test", clock())
    for each in (job, over, hand.queue(1)):
        for change in (
            lambda: scheduling.move(each.id, due(hand), "test", clock()),  # noqa: B023
            lambda: scheduling.start(each.id, "test", clock()),  # noqa: B023
            lambda: cloning.edit(each.id, "a" * 32, "UTC", "test", clock()),  # noqa: B023
        ):
            with pytest.raises(errors.IllegalMove):
                change()
    with pytest.raises(errors.IllegalMove, match="has begun"):
        drafts.start(settings, draft.id, draft.version, "test", clock())
    assert drafts.find(draft.id).job_id is None


def test_a_move_in_the_moment_of_the_start_is_first_or_refused(hand: Hand, clock, monkeypatch):
    """The sender has seen that its time has come, and it is moved before it opens it."""
    job = hand.queue(1, schedule_at=due(hand))
    clock.advance(HOUR_MS)
    opening = claim._open

    def late(job_id: int, now: int) -> None:
        scheduling.move(job_id, clock() + HOUR_MS, "test", clock())
        opening(job_id, now)

    monkeypatch.setattr(claim, "_open", late)
    assert [] == hand.claim(1)
    assert JobState.SCHEDULED == job_moves.job(job.id).state


@pytest.mark.parametrize("work", ["move", "replace"])
def test_of_a_start_and_a_change_at_once_exactly_one_happens(hand: Hand, clock, settings, work):
    """Real threads: it is sent as it was and the change is refused, or the other way round."""
    job = hand.queue(1, schedule_at=due(hand))
    draft = edited(settings, job) if work == "replace" else None
    clock.advance(HOUR_MS)
    together = Barrier(2)

    def change() -> bool:
        together.wait()
        try:
            if draft:
                drafts.start(settings, draft.id, draft.version, "test", clock())
            else:
                scheduling.move(job.id, clock() + HOUR_MS, "test", clock())
        except errors.IllegalMove:
            return False
        finally:
            connection.close()
        return True

    def begin() -> int:
        together.wait()
        try:
            return len([each for each in hand.claim(1) if each.job_id == job.id])
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        changed, begun = threads.submit(change), threads.submit(begin)
        assert {changed.result(), bool(begun.result())} == {True, False}


def test_a_changed_campaign_takes_the_place_of_the_scheduled_one(hand: Hand, clock, settings):
    """One transaction: its people are no longer in two; asked twice it is one."""
    job = hand.queue(3, schedule_at=due(hand))
    draft = edited(settings, job)
    assert JobState.SCHEDULED == job_moves.job(job.id).state
    made = {drafts.start(settings, draft.id, draft.version, "test", clock()) for _ in range(2)}
    (new,) = made
    old, new_job = job_moves.job(job.id), job_moves.job(new)
    assert (JobState.STOPPED, 3, 0) == (old.state, old.cancelled, old.pending)
    assert (JobState.SCHEDULED, 3, "Changed", job.schedule_at) == (
        new_job.state, new_job.pending, new_job.text, new_job.schedule_at,
    )  # fmt: skip
    assert f"campaign {new}" in (old.reason or "")


REPLACER = """
import sys
from daemon.campaigns import drafts
from daemon.config import Settings
from daemon.db import connection
from daemon.delivery import sweeps
connection.connect(sys.argv[1])
stop = sweeps.stop
def braked(*given):
    print("storing", flush=True)
    sys.stdin.readline()
    stop(*given)
    print("stopped", flush=True)
    sys.stdin.readline()
sweeps.stop = braked
settings = Settings(data_dir=sys.argv[5])
drafts.start(settings, sys.argv[2], int(sys.argv[3]), "test", int(sys.argv[4]))
print("done", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("until", ["storing", "stopped", "done"])
def test_a_replacement_that_is_killed_leaves_one_campaign(
    hand: Hand, clock, settings, database, environment, tmp_path: Path, until
):
    """A real process, SIGKILL: either the scheduled one is as it was, or the changed one has its place."""
    job = hand.queue(3, schedule_at=due(hand))
    draft = edited(settings, job)
    given = [database, draft.id, str(draft.version), str(clock()), str(settings.data_dir)]
    words = ["-c", REPLACER, *given]
    with forks.start(words, environment, tmp_path, subprocess.PIPE, subprocess.PIPE) as process:
        for line in process.stdout or ():
            if line.strip() == until:
                break
            if line.strip() in ("storing", "stopped") and process.stdin:
                process.stdin.write("\n")
                process.stdin.flush()
        process.kill()
    queued = Message.select().where(Message.state == State.PENDING).count()
    states = [row.state for row in Job.select().order_by(Job.id)]
    assert 3 == queued
    assert ([JobState.STOPPED, JobState.SCHEDULED] if until == "done" else [JobState.SCHEDULED]) == states
