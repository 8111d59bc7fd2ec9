"""The queue against a model of it, driven at random: whatever the order of events, the rules hold."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from daemon import accounts, campaigns, config, db, errors, outbox, pacing
from daemon.models import MOVES, OPEN, Job, JobState, Message, State, Suppression
from daemon.transports import Ack, Mark, Receipt
from tests import postgres
from tests.conftest import NOW
from tests.outbox.hand import broken_histories

LEASE_MS = 10_000
MAX_ATTEMPTS = 3
_MOVES = ", ".join(f"('{name}', '{source}', '{to}')" for name, (sources, to) in MOVES.items() for source in sources)
NEVER = {  # after any step, each of these finds nothing; plain SQL, as they are asked very often
    "a counter differs from the rows": "SELECT job.id FROM job LEFT JOIN message ON message.job_id = job.id"
    " GROUP BY job.id HAVING job.total != count(message.id) OR "
    + " OR ".join(f"job.{state} != count(*) FILTER (WHERE message.state = '{state}')" for state in State),
    "a move is not in the table": "SELECT move, source, target FROM event WHERE move != 'enqueue'"
    f" AND (move, source, target) NOT IN (VALUES {_MOVES})",
    "a lease without a hand, or a hand without a lease": "SELECT id FROM message"
    " WHERE (lease IS NOT NULL) != (state IN ('claimed', 'sending')) OR (lease IS NULL) != (lease_until IS NULL)",
    "attempts are out of range": f"SELECT id FROM message WHERE attempts NOT BETWEEN 0 AND {MAX_ATTEMPTS}",
    "a job is completed with people left, or not without": "SELECT id FROM job WHERE state != 'stopped'"
    " AND (pending + claimed + sending = 0) != (state = 'completed')",
    "a stopped job has people waiting": "SELECT id FROM job WHERE state = 'stopped' AND pending > 0",
    "an end without its time": "SELECT id FROM job"
    " WHERE (state IN ('completed', 'stopped')) != (completed_at IS NOT NULL)",
}


class Queue(RuleBasedStateMachine):
    """One account, a sender that may die at any time, and a person with all the buttons."""

    server: postgres.Server | None = None

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="wasender-model-"))
        url = self.server.new_database() if self.server else ""
        self.settings = config.load(_env_file=None, data_dir=self.folder, transport="dryrun", database_url=url)
        self.patch = pytest.MonkeyPatch()
        self.patch.setitem(db.PRAGMAS, "synchronous", "off")
        self.now = NOW
        self.patch.setattr(campaigns, "now_ms", lambda: self.now)
        db.connect(self.settings.db_url)
        accounts.open_account("default", self.now)
        self.hand: list[Message] = []  # what the sender believes to hold
        self.ghosts: list[Message] = []  # what a dead sender believed to hold
        self.jobs: list[int] = []
        self.people = 0
        self.handed_over: dict[int, int] = {}  # message: how often it went to the transport
        self.allowed: dict[int, int] = {}  # message: how often it may have, by what was found out since
        self.next_send_at = 0

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            assert [] == outbox.miscounted()
            assert [] == broken_histories()
            db.close()
            self.patch.undo()
            shutil.rmtree(self.folder)
            if self.server:
                self.server.drop(self.settings.db_url)

    @rule(count=st.integers(1, 4), later=st.sampled_from([0, 0, 5_000]))
    def order(self, count: int, later: int) -> None:
        numbers = [f"+491511{self.people + n:07}" for n in range(count)]
        self.people += count
        order = campaigns.Order("Hi", numbers=numbers, schedule_at=self.now + later if later else None)
        self.jobs.append(campaigns.create(self.settings, order, "person")["job_id"])

    @rule(ms=st.sampled_from([1, 1_000, 6_000, 11_000]))
    def wait(self, ms: int) -> None:
        self.now += ms

    @rule(limit=st.integers(1, 2))
    def claim(self, limit: int) -> None:
        runnable = {job.id for job in Job.select() if job.state in ("pending", "running")}
        opening = {j.id for j in Job.select() if j.state == JobState.SCHEDULED and j.schedule_at <= self.now}
        suppressed = {row.number for row in Suppression.select()}
        due = Message.select().where(Message.state == State.PENDING, Message.not_before <= self.now)
        could = [m.id for m in due if m.job_id in runnable | opening and m.number not in suppressed]
        claimed = outbox.claim("default", limit, self.now, LEASE_MS, pacing.Rules())
        assert {message.id for message in claimed} <= set(could)
        if self.now >= self.next_send_at:
            assert bool(could) == bool(claimed), "somebody waits who need not"
        else:
            assert not claimed, "it is too early"
        self.hand += claimed

    def ours(self, state: State) -> list[Message]:
        return [message for message in self.hand if message.state == state]

    @rule()
    def send_one(self) -> None:
        """The everyday path, so that a random walk gets far enough."""
        self.claim(1)
        if self.ours(State.CLAIMED):
            self.submit(0)

    @precondition(lambda self: self.ours(State.CLAIMED))
    @rule(pause=st.sampled_from([0, 500, 6_000]))
    def submit(self, pause: int) -> None:
        message = self.ours(State.CLAIMED)[0]
        job = campaigns.job(message.job_id)
        suppressed = Suppression.get_or_none(Suppression.number == message.number) is not None
        try:
            outbox.submit(message, Mark(None), self.now, pacing.Gap(pause, pacing.Why.PAUSE, 1))
        except errors.IllegalMove:
            assert job.state not in ("pending", "running") or suppressed
            outbox.release(message, "refused", self.now)
            self.hand.remove(message)
        except errors.LeaseLost:
            assert Message.get_by_id(message.id).lease != message.lease
            self.hand.remove(message)
        else:
            assert job.state in ("pending", "running") and not suppressed
            self.next_send_at = self.now + pause
            self.handed_over[message.id] = self.handed_over.get(message.id, 0) + 1
            assert self.handed_over[message.id] <= self.allowed.setdefault(message.id, 1), "sent twice"

    @precondition(lambda self: self.ours(State.SENDING))
    @rule(how=st.sampled_from(["confirm", "deliver", "retry", "requeue", "fail", "lose"]))
    def finish(self, how: str) -> None:
        message = self.ours(State.SENDING)[0]
        self.hand.remove(message)
        try:
            if how in ("confirm", "deliver"):
                outbox.confirm(message, Receipt("x", Ack.SENT if how == "confirm" else Ack.DELIVERED), self.now)
            elif how == "retry":
                outbox.retry(message, "no", self.now, MAX_ATTEMPTS, 2_000)
            else:
                getattr(outbox, how)(*((message, "why", self.now)))
        except errors.LeaseLost:
            assert Message.get_by_id(message.id).lease != message.lease
            return
        if how in ("retry", "requeue"):
            self.allowed[message.id] += 1  # the transport proved that nothing had left

    @precondition(lambda self: self.ours(State.CLAIMED))
    @rule(how=st.sampled_from(["release", "retry", "fail"]))
    def give_up(self, how: str) -> None:
        message = self.ours(State.CLAIMED)[0]
        self.hand.remove(message)
        try:
            if how == "retry":
                outbox.retry(message, "no", self.now, MAX_ATTEMPTS, 2_000)
            else:
                getattr(outbox, how)(message, "why", self.now)
        except errors.LeaseLost:
            assert Message.get_by_id(message.id).lease != message.lease

    @precondition(lambda self: self.hand)
    @rule()
    def extend(self) -> None:
        self.hand = outbox.extend(self.hand, self.now + LEASE_MS)

    @rule()
    def die_and_come_back(self) -> None:
        self.ghosts += self.hand
        self.hand = outbox.take_over("default", self.now, LEASE_MS, sole=True)
        assert all(message.state == State.SENDING for message in self.hand)
        assert not Message.select().where(Message.state == State.CLAIMED).exists()

    @rule()
    def rescue(self) -> None:
        outbox.rescue(self.now)

    @precondition(lambda self: self.ghosts)
    @rule(data=st.data())
    def a_ghost_writes(self, data: st.DataObject) -> None:
        ghost = self.ghosts.pop()
        if ghost.state not in (State.CLAIMED, State.SENDING):
            return
        before = list(Message.select().dicts())
        with pytest.raises(errors.LeaseLost):
            if ghost.state == State.SENDING:
                outbox.confirm(ghost, Receipt("x", Ack.SENT), self.now)
            else:
                outbox.release(ghost, "why", self.now)
        assert before == list(Message.select().dicts())

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), name=st.sampled_from(["pause", "resume", "stop", "retry"]))
    def press(self, data: st.DataObject, name: str) -> None:
        job = campaigns.job(data.draw(st.sampled_from(self.jobs)))
        failed = [m.id for m in Message.select().where(Message.job == job, Message.state == State.FAILED)]
        try:
            getattr(campaigns, name)(job.id, "person")
        except errors.IllegalMove:
            assert job.state == campaigns.job(job.id).state
        else:
            assert job.state in OPEN or (name, job.state) == ("retry", JobState.COMPLETED)
            if name == "retry":
                for message_id in failed:
                    self.allowed[message_id] = self.allowed.get(message_id, 1) + 1

    @precondition(lambda self: self.people)
    @rule(data=st.data())
    def opt_out(self, data: st.DataObject) -> None:
        number = f"+491511{data.draw(st.integers(0, self.people - 1)):07}"
        campaigns.suppress(self.settings, number, "asked", "person")

    @rule(sent=st.booleans())
    def decide(self, sent: bool) -> None:
        message = Message.get_or_none(Message.state == State.UNCERTAIN)
        if message is None:
            return
        try:
            campaigns.settle(message.id, sent, "person")
        except errors.IllegalMove:
            assert not sent and JobState.STOPPED == campaigns.job(message.job_id).state
        else:
            self.allowed[message.id] += not sent

    @invariant()
    def the_books_are_in_order(self) -> None:
        if self.__dict__.get("jobs"):
            for rule_broken, query in NEVER.items():
                assert [] == db.database.execute_sql(query).fetchall(), rule_broken


class PostgresQueue(Queue):
    """The same on PostgreSQL."""


QUICK = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    phases=[Phase.generate],  # no shrinking: it would take minutes, and the steps are few
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class TestQueue(Queue.TestCase):
    settings = QUICK


class TestPostgresQueue(PostgresQueue.TestCase):
    settings = settings(QUICK, max_examples=25)

    @pytest.fixture(autouse=True)
    def _server(self, postgresql: postgres.Server) -> None:
        PostgresQueue.server = postgresql
