"""The queue against a model of it, driven at random: whatever the order of events, the rules hold.

What the model promises of pace is by the database's clock: no hand-over before the pause that was drawn at the last one
has passed on it. A clock that jumps forward by an hour ends a pause that much earlier; one that is set back makes the
pause begin anew, never last longer. A cap counts hand-overs by the times that were written down, but none that lies
more than a minute ahead of a clock that was set back. All of it is stored, so a crash or a restart changes nothing.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, time
from pathlib import Path
from random import Random

import peewee
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from daemon import config, errors
from daemon.accounts import directory, pace, pacing
from daemon.campaigns import lifecycle
from daemon.contacts import suppression
from daemon.db import clock, connection, proxy, sqlite
from daemon.delivery import chunks, claim, counters, job_moves, moves, rescue
from daemon.models import Account, Job, Message, Suppression
from daemon.states import JOB_MOVES, OUT, UNFINISHED, JobState, State
from daemon.transports.protocol import Mark
from tests.conftest import NOW
from tests.support import postgres
from tests.support.blank import blank_file
from tests.support.hand import broken_histories, everything
from tests.support.queue_desk import PEOPLE, QUICK, Desk
from tests.support.queue_rules import (
    HALF_STOPPED,
    HOUR_MS,
    LEASE_MS,
    NEVER,
    Book,
    Died,
    Sender,
    commit_ends_with,
    end,
    lost,
    somebody,
    suppressed,
    tries,
)

WHO = st.integers(0, 2)
STEPS = st.sampled_from(["claim", "submit", "click"])
RULES = [
    pacing.Rules(),
    pacing.Rules(long_pause_every=3, long_pause_ms=(20_000, 20_000)),
    pacing.Rules(hourly_cap=2),
    pacing.Rules(daily_cap=6, hourly_cap=3, quiet=(time(11), time(12, 30))),
]


class Queue(Desk):
    """Two accounts: one whose sender is alone on it, and one with two; and a person with all the buttons."""

    server: postgres.Server | None = None

    @initialize(rules=st.sampled_from(RULES))
    def begin(self, rules: pacing.Rules) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="wasender-model-"))
        url = self.server.lend() if self.server else ""
        self.settings = config.load(_env_file=None, data_dir=self.folder, transport="dryrun", database_url=url)
        self.patch = pytest.MonkeyPatch()
        self.patch.setitem(sqlite.PRAGMAS, "synchronous", "off")
        self.now = NOW
        self.passed = self.jumped = 0  # ms that have really passed; ms by which the clock has jumped ahead
        self.patch.setattr(clock, "now_ms", lambda: self.now)
        for name, value in {"CHUNK": 1, "LEAST": 1, "MOST": 1, "GAP_S": 0.0}.items():  # the fewest are in several
            self.patch.setattr(chunks, name, value)
        self.half_stopped = set()
        if not self.server:
            shutil.copy(blank_file(), self.folder / "wasender.db")
        connection.connect(self.settings.db_url)
        for account in ("default", "other"):
            directory.open_account(account, self.now)
        self.rules = rules
        self.senders = [Sender("default", True), Sender("other", False), Sender("other", False)]
        self.books = {"default": Book(), "other": Book()}
        self.ghosts: list[Message] = []  # what a dead sender believed to hold
        self.asked: set[tuple[int, str]] = set()  # (job, number) of all who are to get something
        self.out: Counter[int] = Counter()  # message: how often it has really left
        self.again: Counter[int] = Counter()  # message: how often a person had it sent again though it was out
        self.shown: set[int] = set()  # messages that the chat shows since they were last handed over
        self.settled: set[int] = set()
        self.order("default", PEOPLE[:4], 0)
        self.order("other", PEOPLE[2:5], 0)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            try:
                self.run_to_the_end()
                self.everybody_has_one_end()
            finally:
                connection.close()
                self.patch.undo()
                shutil.rmtree(self.folder)
                if self.server:
                    self.server.take_back(self.settings.db_url)

    # Senders

    def one(self, who: int, state: State | None = None) -> Sender:
        """One of those that live, or that hold a message in that state."""
        fit = [sender for sender in self.senders if sender.alive and (state is None or sender.holds(state))]
        return fit[who % len(fit)]

    @somebody()
    @rule(who=WHO, limit=st.integers(1, 2))
    def claim(self, who: int, limit: int) -> None:
        self.claim_with(self.one(who), limit)

    def claim_with(self, sender: Sender, limit: int) -> None:
        if sender.sole and sender.hand:
            return  # as the sender of a browser does: one message at a time
        due = self.due(sender.account)
        unwanted = {row.number for row in Suppression.select()}
        could = {message.id for message in due if message.number not in unwanted}
        opens = self.opens(sender.account, bool(due))
        claimed = claim.claim(sender.account, 1 if sender.sole else limit, self.now, LEASE_MS, self.rules)
        assert {message.id for message in claimed} <= could
        if opens:
            assert bool(could) == bool(claimed), "somebody waits who need not"
        else:
            assert not claimed, "it is too early"
        sender.hand += claimed

    def due(self, account: str) -> list[Message]:
        """Who waits, in jobs that run or whose time has come."""
        runs = (Job.state.in_(["pending", "running"])) | ((Job.state == "scheduled") & (Job.schedule_at <= self.now))
        waits = (Message.state == State.PENDING) & (Message.not_before <= self.now)
        return list(Message.select(Message.id, Message.number).join(Job).where(Job.account == account, runs, waits))

    def opens(self, account: str, asks: bool) -> bool:
        """Whether pace, caps and quiet hours let the account hand over now. asks: it looks at the clock, too."""
        book = self.books[account]
        if asks and book.paced_at > self.now:
            book.paced_at = self.now
        local = datetime.fromtimestamp(self.now / 1000, UTC).time()
        quiet = self.rules.quiet and self.rules.quiet[0] <= local < self.rules.quiet[1]
        full = any(
            sum(
                self.now - window < at <= self.now + clock.AHEAD_MS for times in book.submitted.values() for at in times
            )
            >= cap
            for cap, window, _ in self.rules.windows()
        )
        return self.now >= book.paced_at + book.gap_ms and not full and not quiet

    @somebody()
    @rule(who=WHO, count=st.integers(0, 3), last=STEPS)
    def send_some(self, who: int, count: int, last: str) -> None:
        """The everyday path, so that a random walk gets far enough; the last one is left in the middle of it."""
        sender = self.one(who)
        for _ in range(count):
            self.send_on(sender)
            self.wait(1_000)
        self.begin_one(sender, last)

    def begin_one(self, sender: Sender, last: str) -> None:
        """Come as far with a message as that step."""
        self.claim_with(sender, 1)
        if last != "claim" and sender.holds(State.CLAIMED):
            self.submit_with(sender, 500)
            if last == "click":
                self.click_with(sender)

    @somebody()
    @rule(who=WHO, what=st.sampled_from(["pause", "stop", "opt out"]), pause=st.sampled_from([0, 6_000]))
    def a_person_is_quicker(self, who: int, what: str, pause: int) -> None:
        """Between claim and submit: it is refused then. What is submitted already is the one in hand."""
        sender = self.one(who)
        self.claim_with(sender, 1)
        for message in sender.holds(State.CLAIMED)[:1]:
            if what == "opt out":
                suppression.suppress(self.settings, message.number, "asked", "person", clock.now_ms())
            elif job_moves.job(message.job_id).state in JOB_MOVES[what][0]:
                getattr(lifecycle, what)(message.job_id, "person", clock.now_ms())
            self.submit_with(sender, pause)

    @somebody(State.CLAIMED)
    @rule(who=WHO, pause=st.sampled_from([0, 500, 6_000]))
    def submit(self, who: int, pause: int) -> None:
        self.submit_with(self.one(who, State.CLAIMED), pause)

    def gap(self, account: str, pause: int) -> pacing.Gap:
        streak, _ = directory.pace(account, self.now)
        assert self.books[account].streak == streak, "it is lost how many went out since the last long pause"
        return pacing.gap((pause, pause), streak, self.rules, Random(1))

    def submit_with(self, sender: Sender, pause: int) -> None:
        message = sender.holds(State.CLAIMED)[0]
        job = job_moves.job(message.job_id)
        refused = job.state not in ("pending", "running") or suppressed(message.number)
        gap = self.gap(sender.account, pause)
        try:
            moves.submit(message, Mark(None), self.now, gap)
        except errors.IllegalMove:
            assert refused
            self.ended(sender, message, lambda: end("release", message, self.now, None))
        except errors.LeaseLost:
            assert lost(message)
            sender.hand.remove(message)
        else:
            assert not refused, "it was paused or stopped, or they had opted out"
            self.handed_over(sender, message, gap)

    def handed_over(self, sender: Sender, message: Message, gap: pacing.Gap) -> None:
        book = self.books[sender.account]
        passed = self.passed - book.passed_at + self.jumped - book.jumped_at
        assert not sender.sole or passed >= book.gap_ms, "too soon after the last one"
        book.submitted.setdefault(message.id, []).append(self.now)
        sender.to_click.add(message.id)
        self.shown.discard(message.id)
        self.pace(sender.account, gap)

    def pace(self, account: str, gap: pacing.Gap) -> None:
        """The pause begins now, by the model."""
        book = self.books[account]
        book.gap_ms, book.streak, book.paced_at = gap.ms, gap.streak, self.now
        book.passed_at, book.jumped_at = self.passed, self.jumped

    @somebody(State.SENDING)
    @rule(who=WHO)
    def click(self, who: int) -> None:
        self.click_with(self.one(who, State.SENDING))

    def click_with(self, sender: Sender) -> None:
        """What this very process has prepared and submitted leaves, whether it still holds the lease or not."""
        for message in sender.holds(State.SENDING):
            if message.id in sender.to_click:
                sender.to_click.remove(message.id)
                self.out[message.id] += 1
                self.shown.add(message.id)
                return

    @somebody(State.SENDING)
    @rule(data=st.data(), who=WHO, pause=st.sampled_from([0, 4_000]))
    def finish(self, data: st.DataObject, who: int, pause: int) -> None:
        """The chat is asked, and it never lies; who is not alone on the account cannot ask for another one."""
        sender = self.one(who, State.SENDING)
        message = sender.holds(State.SENDING)[0]
        found = ["confirm", "deliver", "read"] if message.id in self.shown else ["retry", "requeue", "excuse", "fail"]
        if message.id in sender.doubtful and not sender.sole:
            found = []
        how = data.draw(st.sampled_from([*found, "lose"]))
        gap = self.gap(sender.account, pause) if how == "confirm" and message.id not in sender.doubtful else None
        if self.ended(sender, message, lambda: end(how, message, self.now, gap)) and gap:
            self.pace(sender.account, gap)

    @somebody(State.CLAIMED)
    @rule(who=WHO, how=st.sampled_from(["release", "bar", "retry", "excuse", "fail"]))
    def give_up(self, who: int, how: str) -> None:
        sender = self.one(who, State.CLAIMED)
        message = sender.holds(State.CLAIMED)[0]
        gap = self.gap(sender.account, 0)
        if self.ended(sender, message, lambda: end(how, message, self.now, None)) and how in ("retry", "fail"):
            pace.set_pace(sender.account, self.now, gap)
            self.pace(sender.account, gap)
        self.claim_with(sender, 9)  # whoever is to wait is not among them

    def ended(self, sender: Sender, message: Message, move: Callable[[], None]) -> bool:
        """Whether the move that ends its time in hand was made: it is refused to those who have lost the lease."""
        sender.hand.remove(message)
        sender.doubtful.discard(message.id)
        sender.to_click.discard(message.id)
        was = message.state
        try:
            move()
        except errors.LeaseLost:
            assert lost(message)
            return False
        self.never_left(sender.account, message.id, was, message.state)
        return True

    def never_left(self, account: str, message_id: int, was: str, now_is: str) -> None:
        """The move said so: its last hand-over does not count any more."""
        if was == State.SENDING and now_is in (State.PENDING, State.CANCELLED, State.FAILED):
            self.books[account].submitted[message_id].pop()

    @somebody(State.CLAIMED)
    @rule(who=WHO, made=st.booleans())
    def submit_without_an_answer(self, who: int, made: bool) -> None:
        """Nothing is handed over, and the message is queued again. The pause may have been set."""
        sender = self.one(who, State.CLAIMED)
        message = sender.holds(State.CLAIMED)[0]
        gap = self.gap(sender.account, 1_000)
        try:
            with commit_ends_with(peewee.OperationalError("the connection is closed"), made):
                moves.submit(message, Mark(None), self.now, gap)
        except errors.DatabaseBusy:
            if made:
                self.handed_over(sender, message, gap)
                message.state = State.SENDING  # so it stands in the database, for what takes it back
            self.ended(sender, message, lambda: moves.withdraw(message, "no answer", self.now))
        except errors.IllegalMove:
            self.ended(sender, message, lambda: end("release", message, self.now, None))
        except errors.LeaseLost:
            assert lost(message)
            sender.hand.remove(message)

    @somebody()
    @rule(who=WHO, what=st.sampled_from(["extend", "rescue", "take over"]))
    def look_after_leases(self, who: int, what: str) -> None:
        """As every sender does now and then; whose own lease has run out finds itself among the dead."""
        sender = self.one(who)
        if what == "extend":
            sender.hand = moves.extend(sender.hand, self.now + LEASE_MS)
        elif what == "rescue":
            rescue.rescue(self.now)
        else:
            self.take(sender, rescue.take_over(sender.account, self.now, LEASE_MS, sole=False))

    def take(self, sender: Sender, messages: list[Message]) -> None:
        assert all(message.state == State.SENDING for message in messages)
        sender.hand = [m for m in sender.hand if m.id not in {message.id for message in messages}] + messages
        sender.doubtful |= {message.id for message in messages}

    # Crashes

    @somebody()
    @rule(who=WHO, last=STEPS, at_once=st.booleans())
    def die(self, who: int, last: str, at_once: bool) -> None:
        """Behind that step. at_once: supervisord has another one running before anything else happens."""
        sender = self.one(who)
        self.begin_one(sender, last)
        self.bury(sender)
        if at_once:
            self.revive(sender)

    def bury(self, sender: Sender) -> None:
        self.ghosts += [message for message in sender.hand if message.state in (State.CLAIMED, State.SENDING)]
        sender.alive, sender.hand, sender.doubtful, sender.to_click = False, [], set(), set()

    @somebody()
    @rule(who=WHO, made=st.booleans())
    def die_in_a_commit(self, who: int, made: bool) -> None:
        """The process ends as its next transaction does: just before that, or before it hears of it."""
        sender = self.one(who)
        gap = self.gap(sender.account, 1_000)
        claimed, sending = sender.holds(State.CLAIMED), sender.holds(State.SENDING)
        try:
            with commit_ends_with(Died(), made):
                if claimed:
                    moves.submit(claimed[0], Mark(None), self.now, gap)
                elif sending:
                    end("confirm" if sending[0].id in self.shown else "requeue", sending[0], self.now, None)
                else:
                    claim.claim(sender.account, 1, self.now, LEASE_MS, self.rules)
        except (Died, errors.DatabaseBusy):  # the latter from SQLite, which has nothing left to roll back
            if made and claimed:
                self.handed_over(sender, claimed[0], gap)
            elif made and sending:
                now_is = Message.get_by_id(sending[0].id).state
                self.never_left(sender.account, sending[0].id, State.SENDING, now_is)
        except (errors.IllegalMove, errors.LeaseLost):
            pass  # there was nothing to commit
        if Account.get(Account.name == sender.account).paced_at == self.now:  # to follow the clock was the transaction
            self.books[sender.account].paced_at = self.now
        self.bury(sender)

    @precondition(lambda self: not all(sender.alive for sender in self.senders))
    @rule(who=WHO)
    def come_back(self, who: int) -> None:
        dead = [sender for sender in self.senders if not sender.alive]
        self.revive(dead[who % len(dead)])

    def revive(self, sender: Sender) -> None:
        sender.alive = True
        directory.open_account(sender.account, self.now)
        self.take(sender, rescue.take_over(sender.account, self.now, LEASE_MS, sender.sole))
        mine = (Message.account == sender.account) & (Message.state == State.CLAIMED)
        assert not sender.sole or not Message.select().where(mine).exists()

    def ghosts_write(self) -> None:
        """Each dead process that was only asleep wakes and writes what it was about to write: nothing comes of it."""
        for ghost in filter(lost, self.ghosts):
            before = everything()
            with suppress(errors.LeaseLost):  # or it is told that it has made this very move itself
                end("confirm" if ghost.state == State.SENDING else "release", ghost, self.now, None)
            assert before == everything()

    # What holds

    @invariant()
    def the_books_are_in_order(self) -> None:
        if hasattr(self, "asked"):
            for rule_broken, query in NEVER.items():
                assert [] == proxy.database.execute_sql(query).fetchall(), rule_broken
            waiting = {row[0] for row in proxy.database.execute_sql(HALF_STOPPED).fetchall()}
            assert waiting <= self.half_stopped, "a stopped job has people waiting"

    @invariant()
    def nobody_gets_it_twice(self) -> None:
        for message_id, times in self.__dict__.get("out", {}).items():
            assert times <= 1 + self.again[message_id]

    def run_to_the_end(self) -> None:
        """All live and are well, and nobody presses anything any more."""
        self.sweep()
        for job in Job.select().where(Job.state == JobState.PAUSED):
            lifecycle.resume(job.id, "person", clock.now_ms())
        for sender in self.senders:
            if not sender.alive:
                self.revive(sender)
        for _ in range(500):
            busy = sum(self.send_on(sender) for sender in self.senders)
            if not busy and not Message.select().where(Message.state.in_(UNFINISHED)).exists():
                return
            self.wait(1_000 if busy else HOUR_MS // 2)
        raise AssertionError("somebody waits for ever")

    def send_on(self, sender: Sender) -> bool:
        """Finish what is in hand, and send one more; whether there was anything to do."""
        rescue.rescue(self.now)
        self.take(sender, rescue.take_over(sender.account, self.now, LEASE_MS, sole=False))
        self.claim_with(sender, 1)
        held = list(sender.hand)
        for message in held:
            if message.state == State.CLAIMED:
                self.ghosts_write()
                self.submit_with(sender, 500)
                self.click_with(sender)
            if message.state == State.SENDING:
                self.ghosts_write()
                how = "confirm" if message.id in self.shown else "requeue"
                how = how if sender.sole or message.id not in sender.doubtful else "lose"
                self.ended(sender, message, lambda how=how, message=message: end(how, message, self.now, None))
        return bool(held)

    def everybody_has_one_end(self) -> None:
        self.nobody_gets_it_twice()
        assert [] == counters.miscounted()
        assert [] == broken_histories()
        messages = list(Message.select())
        assert sorted(self.asked) == sorted((message.job_id, message.number) for message in messages)
        assert {JobState.COMPLETED, JobState.STOPPED} >= {job.state for job in Job.select()}
        for message in messages:
            assert message.attempts in tries(message), "it was tried more often, or less often, than is counted"
            told = message.state in OUT
            assert told <= (message.id in self.shown | self.settled), "it is called sent and never was"
            if message.id in self.shown:
                assert told or message.state == State.UNCERTAIN, "it was sent and is called something else"


class PostgresQueue(Queue):
    """The same on PostgreSQL."""


class TestQueue(Queue.TestCase):
    settings = QUICK


class TestPostgresQueue(PostgresQueue.TestCase):
    settings = settings(QUICK, max_examples=QUICK.max_examples // 3)

    @pytest.fixture(autouse=True)
    def _server(self, postgresql: postgres.Server) -> None:
        PostgresQueue.server = postgresql
