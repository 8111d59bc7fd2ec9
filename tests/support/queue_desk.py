"""What a person with all the buttons does to the queue at random, and what happens to its clock."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from daemon import config, errors
from daemon.campaigns import create, lifecycle
from daemon.contacts import suppression
from daemon.db import clock
from daemon.delivery import chunks, job_moves, sweeps
from daemon.models import Job, Message
from daemon.states import OPEN, JobState, State
from tests.support.hand import known
from tests.support.queue_rules import (
    HOUR_MS,
    Died,
    suppressed,
)

PEOPLE = [f"+491511{n:07}" for n in range(12)]
WALKS = 60 if os.environ.get("LONG_WALKS") else 20  #: how often the queue is walked through
QUICK = settings(
    max_examples=WALKS,
    stateful_step_count=50,
    deadline=None,
    phases=[Phase.generate],  # no shrinking: it would take minutes, and the steps are few
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class Desk(RuleBasedStateMachine):
    """A part of the machine that the queue is driven by."""

    settings: config.Settings
    now: int
    passed: int
    jumped: int
    asked: set[tuple[int, str]]
    settled: set[int]
    shown: set[int]
    again: Counter[int]
    half_stopped: set[int]  # jobs whose stop broke off, and that nobody has swept since

    @precondition(lambda self: Job.select().count() < 5)
    @rule(
        account=st.sampled_from(["default", "other"]),
        numbers=st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True),
        later=st.sampled_from([0, 5_000, HOUR_MS]),
    )
    def order(self, account: str, numbers: list[str], later: int) -> None:
        known(account)
        order = create.Order("Hi", numbers=numbers, account=account, schedule_at=self.now + later if later else None)
        job_id = create.create(self.settings, order, "person", clock.now_ms()).job_id
        self.asked |= {(job_id, number) for number in numbers}

    @rule(ms=st.sampled_from([1, 1_000, 6_000, 11_000, 30_000, HOUR_MS]))
    def wait(self, ms: int) -> None:
        self.now += ms
        self.passed += ms

    @rule(ms=st.sampled_from([-2 * HOUR_MS, -7_000, -1_000, 3_000, HOUR_MS]))
    def set_the_clock(self, ms: int) -> None:
        self.now += ms
        self.jumped += max(0, ms)

    @rule(which=st.integers(0, 9), name=st.sampled_from(["pause", "resume", "resume", "stop", "retry"]))
    def press(self, which: int, name: str) -> None:
        jobs = list(Job.select().order_by(Job.id))
        job = jobs[which % len(jobs)]
        try:
            getattr(lifecycle, name)(job.id, "person", clock.now_ms())
        except errors.IllegalMove:
            assert job.state == job_moves.job(job.id).state
        else:
            assert job.state in OPEN or (name, job.state) == ("retry", JobState.COMPLETED)

    @precondition(lambda self: Job.select().where(Job.pending + Job.failed > 1).exists())
    @rule(name=st.sampled_from(["stop", "retry"]), after=st.integers(1, 2))
    def press_and_die(self, name: str, after: int) -> None:
        """http is killed in the midst of it."""
        job = Job.select().where(Job.pending + Job.failed > 1).order_by(Job.id.desc()).get()
        real, left = chunks.write, [after]

        @contextmanager
        def write() -> Iterator[None]:
            with real():
                yield
            left[0] -= 1
            if not left[0]:
                raise Died
            assert name == "retry" or job_moves.job(job.id).state == JobState.STOPPED

        with pytest.MonkeyPatch.context() as patch, suppress(Died, errors.IllegalMove):
            patch.setattr(chunks, "write", write)
            getattr(lifecycle, name)(job.id, "person", clock.now_ms())
        row = job_moves.job(job.id)
        if row.state == JobState.STOPPED and row.pending:
            self.half_stopped.add(job.id)

    @rule()
    def sweep(self) -> None:
        """As http does when it starts."""
        assert len(self.half_stopped) == sweeps.finish_stops(self.now)
        self.half_stopped.clear()

    @rule(number=st.sampled_from(PEOPLE), wanted=st.booleans())
    def opt(self, number: str, wanted: bool) -> None:
        if not wanted:
            suppression.suppress(self.settings, number, "asked", "person", clock.now_ms())
        elif suppressed(number):
            suppression.remove(self.settings, number, "asked", "person", clock.now_ms())

    @precondition(lambda self: Message.select().where(Message.state == State.UNCERTAIN).exists())
    @rule(sent=st.booleans())
    def decide(self, sent: bool) -> None:
        message = Message.get(Message.state == State.UNCERTAIN)
        try:
            lifecycle.settle(message.id, sent, "person", clock.now_ms())
        except errors.IllegalMove:
            assert not sent and JobState.STOPPED == job_moves.job(message.job_id).state
            return
        if sent:
            self.settled.add(message.id)
        else:  # where two drive the account, the one that fell silent may yet wake and send
            self.again[message.id] += message.id in self.shown or message.account == "other"
            self.shown.discard(message.id)
