"""Receipts against a model of them, driven at random: before the answer, late, doubled, of an earlier hand-over.

WhatsApp here takes what is handed over, and later tells its fate in pieces and in any order. Whatever that order, the
rules of the queue hold (`test_model.NEVER`), of all that was told of a hand-over the one furthest down counts, and what
somebody is known to have got never leaves again.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from daemon import config, errors
from daemon.accounts import directory, pacing
from daemon.campaigns import create, lifecycle
from daemon.db import clock, connection, proxy, sqlite
from daemon.delivery import claim, counters, moves, receipts, rescue
from daemon.delivery.receipts import ARRIVED, MISSED, Outcome
from daemon.models import Handover, Job, Message
from daemon.states import PUT_BACK, REACHED, TAKEN, UNFINISHED, Ack, JobState, State, Status
from daemon.transports.protocol import Mark, Receipt, StatusUpdate
from tests.conftest import NOW
from tests.support import postgres
from tests.support.blank import blank_file
from tests.support.hand import broken_histories, everything
from tests.support.queue_desk import PEOPLE, QUICK
from tests.support.queue_rules import HALF_STOPPED, LEASE_MS, NEVER

RANK = {Status.SENT: 1, Status.EXPIRED: 2, Status.FAILED: 3, Status.DELIVERED: 4, Status.READ: 5}
TOLD_STATE = {0: None} | {rank: State(status.value) for status, rank in RANK.items()}
ANSWERS = st.sampled_from(["accept", "accept", "accept", "confirm", "fail", "retry", "lose"])
STATUS = st.sampled_from(list(Status))
WHICH = st.integers(0, 99)


class Reports(RuleBasedStateMachine):
    """One account, with as many messages in flight as one likes."""

    server: postgres.Server | None = None

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="wasender-receipts-"))
        url = self.server.lend() if self.server else ""
        self.settings = config.load(_env_file=None, data_dir=self.folder, transport="dryrun", database_url=url)
        self.patch = pytest.MonkeyPatch()
        self.patch.setitem(sqlite.PRAGMAS, "synchronous", "off")
        self.now = NOW
        self.patch.setattr(clock, "now_ms", lambda: self.now)
        if not self.server:
            shutil.copy(blank_file(), self.folder / "wasender.db")
        connection.connect(self.settings.db_url)
        directory.open_account("default", self.now)
        self.in_hand: list[Message] = []
        self.late: list[Message] = []  # somebody believes to hold them, and does not any more
        self.told: dict[tuple[int, int], int] = {}  # (message, hand-over): the furthest that was reported
        self.arrived: set[int] = set()
        self.order()

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        try:
            self.run_to_the_end()
        finally:
            connection.close()
            self.patch.undo()
            shutil.rmtree(self.folder)
            if self.server:
                self.server.take_back(self.settings.db_url)

    @rule()
    def order(self) -> None:
        if Job.select().count() < 4:
            create.create(
                self.settings, create.Order("Hi", numbers=PEOPLE[:3], account="default"), "person", clock.now_ms()
            )

    @rule(count=st.integers(1, 3))
    def hand_over(self, count: int) -> None:
        """Each is claimed and submitted; the answers are yet to come."""
        for _ in range(count):
            for message in claim.claim("default", 1, self.now, LEASE_MS, pacing.Rules()):
                assert message.id not in self.arrived, "they have it already"
                self.submit(message)

    def submit(self, message: Message) -> None:
        moves.submit(message, Mark(None), self.now, pacing.Gap(0, pacing.Why.PAUSE, 1))
        self.told[message.id, message.submissions] = 0
        self.in_hand.append(message)

    @rule(status=STATUS)
    def overtaken_between_claim_and_submit(self, status: Status) -> None:
        """An earlier hand-over is reported on while the next one is being prepared."""
        for message in claim.claim("default", 1, self.now, LEASE_MS, pacing.Rules()):
            self.report(message, message.submissions, status)
            if Message.get_by_id(message.id).state == State.CLAIMED:
                self.submit(message)
                continue
            before = everything()
            with pytest.raises((errors.LeaseLost, errors.IllegalMove)):
                moves.submit(message, Mark(None), self.now, pacing.Gap(0, pacing.Why.PAUSE, 1))
            moves.release(message, "it is settled", self.now)
            assert before == everything()

    @rule(which=WHICH, how=ANSWERS)
    def answer(self, which: int, how: str) -> None:
        """Where a receipt was faster it changes nothing but WhatsApp's id, and when its time to live ends."""
        if not self.in_hand:
            return
        message = self.in_hand.pop(which % len(self.in_hand))
        settled = Message.get_by_id(message.id).state != State.SENDING
        before = everything()
        self.answered(message, how)
        if settled:
            for row in (*before[1], *(after := everything())[1]):
                row |= {"transport_id": None, "expires_at": None}
            assert before == after

    def answered(self, message: Message, how: str) -> None:
        receipt = f"wamid.{message.id}.{message.submissions}"
        if how in ("accept", "confirm"):
            ack = Ack.ACCEPTED if how == "accept" else Ack.SENT
            moves.confirm(message, Receipt(receipt, ack), self.now)
        elif how == "retry":
            moves.retry(message, "refused", self.now, 3, 0)
        else:
            getattr(moves, how)(message, "why", self.now)

    @rule(which=WHICH, told=st.lists(st.tuples(STATUS, WHICH, st.booleans()), min_size=2, max_size=6), ago=WHICH)
    def receive(self, which: int, told: list[tuple[Status, int, bool]], ago: int) -> None:
        """Of any hand-over that one of them has had, each report twice."""
        if not self.told:
            return
        message_ids = sorted({message_id for message_id, _ in self.told})
        message_id = message_ids[which % len(message_ids)]
        for status, of, by_id in told:
            message = Message.get_by_id(message_id)
            if not message.submissions:
                return
            submission = message.submissions if of % 3 else 1 + of % message.submissions
            self.report(message, submission, status, by_id, ago)
            before = everything()
            self.report(message, submission, status, by_id, ago)
            assert before == everything()
            self.what_was_told_counts()

    @rule(which=WHICH, early=STATUS, how=ANSWERS, again=st.booleans(), late=STATUS)
    def a_life(self, which: int, early: Status, how: str, again: bool, late: Status) -> None:
        """The everyday path, so that a random walk gets far enough: handed over, answered, reported on, sent again by a
        person, and reported on once more."""
        self.hand_over(1)
        if not self.in_hand:
            return
        message = self.in_hand[-1]
        if which % 3 == 0:
            self.report(message, message.submissions, early)
        self.answer(len(self.in_hand) - 1, how)
        row = Message.get_by_id(message.id)
        self.report(row, row.submissions, early)
        if again:
            with suppress(errors.IllegalMove):
                lifecycle.retry(row.job_id, "person", clock.now_ms())
            with suppress(errors.IllegalMove):
                lifecycle.settle(row.id, False, "person", clock.now_ms())
        if which % 2:
            self.hand_over(1)
        self.report(Message.get_by_id(row.id), 1, late)

    def report(self, message: Message, submission: int, status: Status, by_id: bool = False, ago: int = 0) -> None:
        known = (message.id, submission)
        wamid = f"wamid.{message.id}.{submission}"
        told = {"transport_id": wamid} if by_id else {"message_id": message.id, "submission": submission}
        (outcome,) = receipts.take("default", [StatusUpdate(status, self.now - ago, **told)], self.now)
        kept = self.kept(message) if outcome is Outcome.KNOWN and status in MISSED else True
        if outcome is not Outcome.UNMATCHED and known in self.told and kept:
            self.told[known] = max(self.told[known], RANK[status])
            if status in ARRIVED:
                self.arrived.add(message.id)
        if by_id:
            assert (outcome is Outcome.UNMATCHED) == (wamid != message.transport_id)

    def kept(self, message: Message) -> bool:
        """Whether it is remembered that a hand-over failed: not where it is said never to have left at all."""
        row = Message.get_by_id(message.id)
        return row.state not in PUT_BACK or Handover.select().where(Handover.message == message.id).exists()

    @rule(ms=st.sampled_from([1, 1_000, LEASE_MS + 1]))
    def wait(self, ms: int) -> None:
        self.now += ms

    @rule()
    def die(self) -> None:
        """And another sender takes over: what it cannot tell is uncertain. The dead one wakes later."""
        self.late += self.in_hand
        self.in_hand = rescue.take_over("default", self.now, LEASE_MS, sole=True)

    @rule(how=ANSWERS)
    def wake(self, how: str) -> None:
        for message in self.late:
            before = everything()
            with suppress(errors.LeaseLost):
                self.answered(message, how)
            assert [each["state"] for each in before[1]] == [each["state"] for each in everything()[1]]
        self.late = []

    @rule(which=WHICH, name=st.sampled_from(["retry", "retry", "pause", "resume", "stop"]))
    def press(self, which: int, name: str) -> None:
        jobs = list(Job.select().order_by(Job.id))
        with suppress(errors.IllegalMove):
            getattr(lifecycle, name)(jobs[which % len(jobs)].id, "person", clock.now_ms())

    @rule(which=WHICH, sent=st.booleans())
    def decide(self, which: int, sent: bool) -> None:
        undecided = list(Message.select().where(Message.state == State.UNCERTAIN).order_by(Message.id))
        if undecided:
            with suppress(errors.IllegalMove):
                lifecycle.settle(undecided[which % len(undecided)].id, sent, "person", clock.now_ms())

    # What holds

    @invariant()
    def the_books_are_in_order(self) -> None:
        if hasattr(self, "told"):
            for rule_broken, query in NEVER.items():
                assert [] == proxy.database.execute_sql(query).fetchall(), rule_broken
            assert [] == proxy.database.execute_sql(HALF_STOPPED).fetchall(), "a stopped job has people waiting"

    @invariant()
    def what_was_told_counts(self) -> None:
        """As far down as it was told of the last hand-over; and who has it has it, whatever else was told."""
        for message in Message.select() if hasattr(self, "told") else ():
            if message.id in self.arrived:
                assert message.state in (State.DELIVERED, State.READ)
            told = TOLD_STATE[self.told.get((message.id, message.submissions), 0)]
            if told is None or message.state in PUT_BACK:
                continue
            known = RANK.get(Status(message.state), 0) if message.state in set(Status) else 0
            assert known >= RANK[Status(told)], "it is told to be further than its state"
            assert (message.error is None) or message.state not in REACHED - {State.UNCERTAIN, State.SENDING}

    def run_to_the_end(self) -> None:
        """Every answer comes, and nobody presses anything any more."""
        for job in Job.select().where(Job.state == JobState.PAUSED):
            lifecycle.resume(job.id, "person", clock.now_ms())
        for _ in range(50):
            while self.in_hand:
                self.answered(self.in_hand.pop(), "accept")
            self.now += LEASE_MS
            self.in_hand = rescue.take_over("default", self.now, LEASE_MS, sole=True)
            self.hand_over(9)
            if not self.in_hand and not Message.select().where(Message.state.in_(UNFINISHED)).exists():
                break
        else:
            raise AssertionError("somebody waits for ever")
        for message in Message.select().where(Message.state.in_([State.ACCEPTED, State.SENT])):
            self.report(message, message.submissions, Status.EXPIRED)
        assert not Message.select().where(Message.state.in_([State.ACCEPTED, *UNFINISHED])).exists()
        assert [] == counters.miscounted()
        assert [] == broken_histories()
        assert {JobState.COMPLETED, JobState.STOPPED} >= {job.state for job in Job.select()}
        for message in Message.select():
            assert (message.state in TAKEN) == (message.ended_at is None)
            self.the_books_are_in_order()


class PostgresReports(Reports):
    """The same on PostgreSQL."""


class TestReports(Reports.TestCase):
    settings = settings(QUICK, max_examples=12, stateful_step_count=25)


class TestPostgresReports(PostgresReports.TestCase):
    settings = settings(QUICK, max_examples=4, stateful_step_count=25)

    @pytest.fixture(autouse=True)
    def _server(self, postgresql: postgres.Server) -> None:
        PostgresReports.server = postgresql
