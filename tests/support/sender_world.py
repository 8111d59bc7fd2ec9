"""A world of people, phones, clocks and faults, and the rules that are to hold in it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import peewee
import pytest

from daemon import config, errors
from daemon.accounts import limits, pace
from daemon.campaigns import create, lifecycle
from daemon.contacts import suppression
from daemon.db import clock, connection, proxy, sqlite
from daemon.delivery import claim as claiming
from daemon.delivery import counters, job_moves, moves, timing
from daemon.delivery.duties import doubts
from daemon.delivery.engine import Engine
from daemon.models import Job, Message, Suppression
from daemon.states import OUT, UNFINISHED, JobState, State
from daemon.transports.protocol import Mark, Outgoing
from tests.conftest import NOW
from tests.support import postgres
from tests.support.blank import blank_file
from tests.support.hand import broken_histories
from tests.support.queue_rules import HALF_STOPPED, NEVER
from tests.support.sender_phone import HEALTH, LIFE, Account, AtOnce, Killed, Life, Loop, Phone, Row, die

ACCOUNTS = ("default", "other")
PEOPLE = [f"+491511{n:07}" for n in range(8)]
HOUR_S = 3_600
DELAY_S, LONG_S, EVERY = 30, 120, 3  # the shortest pause, what is added to a long one, and after how many it comes
LEASE_S = 600.0
STRIDE_S = 30.0  # so often the rules are looked at
PATIENCE_S = 72 * HOUR_S  # so long after the last trouble everybody must have got theirs
QUICK = {"POLL_S": 30.0, "LOOK_S": 30.0, "REPORT_S": 120.0}  # nobody hurries, and polls cost real time
BUTTONS = ["pause", "resume", "stop", "retry", "suppress", "unsuppress"]


class World:
    """Two accounts, each with a sender that is started again whenever it ends, and a person with all the buttons."""

    def __init__(self, profile: dict[str, Any], trouble: dict[str, list[str]], server: postgres.Server | None) -> None:
        self.server = server
        self.folder = Path(tempfile.mkdtemp(prefix="wasender-world-"))
        url = server.lend() if server else ""
        if not server:
            shutil.copy(blank_file(), self.folder / "wasender.db")
        rules = {"delay_min": DELAY_S, "delay_max": 2 * DELAY_S, "long_pause_every": 0, "lease_s": LEASE_S, **profile}
        given = {"_env_file": None, "data_dir": self.folder, "transport": "dryrun", "database_url": url}
        self.settings = {name: config.load(**given | rules | {"account": name}) for name in ACCOUNTS}
        self.rules = limits.rules(self.settings["default"])
        self.trouble = trouble
        self.accounts = {name: Account() for name in ACCOUNTS}
        self.chats: dict[str, list[Row]] = {number: [] for number in PEOPLE}
        self.asked: set[tuple[int, str]] = set()  # (job, number) of all who are to get something
        self.shown: Counter[tuple[str, str]] = Counter()  # (number, text): rows, since a person had it sent again
        self.settled: set[int] = set()
        self.hopeless: set[str] = set()  # numbers for which it goes wrong each time
        self.skew_ms = self.jumped_s = 0
        self.fault: tuple[str, int] = ("", 0)  # of the next so many transactions of a sender
        self.over = False
        self.broken: list[str] = []
        self.loop = Loop()

    # Time

    def passed_s(self) -> float:
        return self.loop.passed_s

    def now_ms(self) -> int:
        return NOW + round(self.loop.passed_s * 1000) + self.skew_ms

    def hold(self, kept: bool, rule: str) -> None:
        """A rule that must be kept; the world ends where it is not."""
        if not kept:
            self.broken.append(f"{rule} (after {self.passed_s():.1f} s)")

    async def sleep(self, seconds: float) -> None:
        """For as long as all is well."""
        while seconds > 0 and not self.broken:
            await asyncio.sleep(min(seconds, STRIDE_S))
            seconds -= STRIDE_S
        assert [] == self.broken

    # What really happens

    def click(self, account: str, message: Outgoing, refused: bool, late: bool) -> Row:
        key = (message.number, message.text)
        chat = self.chats[message.number]
        row = Row(f"{message.number}-{len(chat)}", message.text, self.passed_s() + (60 if late else 0.5), refused)
        chat.append(row)
        if not refused:
            self.hold(not self.shown[key], "somebody gets it twice")
            self.shown[key] += 1
            self.accounts[account].clicks.append((self.passed_s(), self.jumped_s))
        return row

    def says_that_it_sends(self, message: Outgoing) -> bool:
        """Whether the database knows that it may be out from now on."""
        mine = (Job.text == message.text) & (Message.number == message.number) & (Message.state == State.SENDING)
        return bool(Message.select().join(Job).where(mine).exists())

    def in_doubt(self, account: str) -> set[tuple[str, str]]:
        """(number, text) of what may be out."""
        sending = (Message.account == account, Message.state == State.SENDING)
        return set(proxy.tuples(Message.select(Message.number, Job.text).join(Job).where(*sending)))

    def newest(self, message: Outgoing, mark: Mark) -> Row | None:
        """The row of this message behind the mark."""
        chat = self.chats[message.number]
        behind = [row.id for row in chat].index(mark.last_own) + 1 if mark.last_own else 0
        return next((row for row in reversed(chat[behind:]) if row.text == message.text), None)

    # What the senders ask of the queue is watched

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        claim, submit, set_pace = claiming.claim, moves.submit, pace.set_pace

        def watched_claim(account: str, limit: int, now: int, **terms: Any) -> list[Message]:
            unwanted = {row.number for row in Suppression.select()}
            claimed = claim(account, limit, now, **terms)
            if claimed:
                self.may_claim(account, now)
            for message in claimed:
                self.hold(message.number not in unwanted, "somebody who opted out is claimed")
                self.hold(job_moves.job(message.job_id).state == JobState.RUNNING, "a job that does not run goes on")
            return claimed

        def watched_submit(message: Message, mark: Mark, now: int, gap: Any, **terms: Any) -> None:
            submit(message, mark, now, gap, **terms)
            state = job_moves.job(message.job_id).state
            self.hold(state == JobState.RUNNING, f"a job that is {state} sends")
            self.hold(not suppressed(message.number), "somebody who opted out is written to")
            self.accounts[message.account].submitted[message.id] = now

        def watched_set_pace(account: str, now: int, gap: Any) -> None:
            set_pace(account, now, gap)
            paced = (self.passed_s(), self.jumped_s, gap.ms / 1000)
            connection.after_commit(lambda: setattr(self.accounts[account], "paced", paced))

        patch.setattr(claiming, "claim", watched_claim)
        patch.setattr(moves, "submit", watched_submit)
        patch.setattr(pace, "set_pace", watched_set_pace)

    def may_claim(self, account: str, now: int) -> None:
        """Pace, caps and quiet hours."""
        me = self.accounts[account]
        paced_at, jumped, gap_s = me.paced
        waited_s = self.passed_s() - paced_at + self.jumped_s - jumped
        self.hold(waited_s >= gap_s - 0.002, "the pause is not over")
        for cap, window_ms, _ in self.rules.windows():
            recent = sum(now - window_ms < at <= now + clock.AHEAD_MS for at in me.submitted.values())
            self.hold(recent < cap, "more than the cap allows")
        if self.rules.quiet:
            start, end = self.rules.quiet
            local = datetime.fromtimestamp(now / 1000, UTC).time()
            self.hold(not start <= local < end, "it writes in the quiet hours")

    # Faults of the database, which only senders have

    def make_faulty(self, patch: pytest.MonkeyPatch) -> None:
        opened = proxy.database.obj
        begin, commit = opened.begin, opened.commit

        def faulty_begin(*arguments: Any, **options: Any) -> None:
            if self.strikes("lock"):
                raise peewee.OperationalError("database is locked")
            begin(*arguments, **options)

        def faulty_commit() -> None:
            if self.strikes("no answer"):
                raise peewee.OperationalError("server closed the connection unexpectedly")
            if self.strikes("kill in a commit"):
                die()
            commit()
            if self.strikes("no answer, though made"):
                raise peewee.OperationalError("server closed the connection unexpectedly")
            if self.strikes("kill after a commit"):
                die()

        patch.setattr(opened, "begin", faulty_begin)
        patch.setattr(opened, "commit", faulty_commit)

    def strikes(self, kind: str) -> bool:
        """Whether this fault is due now. It is the last of the transactions named that suffers a kill."""
        planned, left = self.fault
        if kind != planned or LIFE.get() is None or not left:
            return False
        self.fault = (planned, left - 1)
        return not planned.startswith("kill") or left == 1

    # Processes

    async def supervise(self, account: str) -> None:
        """As supervisord does: whenever the sender ends, a new one is started."""
        while not self.over:
            life = self.accounts[account].life = self.start(account)
            try:
                await life.task  # type: ignore[misc]
            except (Killed, asyncio.CancelledError):
                self.hold(life.dead, "a sender ended by itself")
            except errors.DatabaseBusy:
                pass  # at its start; it says so and ends
            await asyncio.sleep(self.accounts[account].rests_s)
            self.accounts[account].rests_s = 1.0

    def start(self, account: str) -> Life:
        phone = Phone(self, account)
        life = Life(account, phone, Engine(self.settings[account], phone, Random(1)))
        life.sender.context.db.threads = AtOnce()

        async def live() -> int:
            LIFE.set(life)
            return await life.sender.run()

        life.task = asyncio.get_running_loop().create_task(live())
        return life

    # A person

    def act(self, what: str, which: int) -> None:
        account = ACCOUNTS[which % 2]
        if what in ("kill", "kill for long", "terminate"):
            self.end_process(account, what)
        elif what.startswith(("kill ", "lock", "no answer")):
            self.fault = (what, which + 1)
        elif what in BUTTONS:
            jobs = [job.id for job in Job.select().order_by(Job.id)]
            self.press(what, jobs[which % len(jobs)], PEOPLE[which])
        elif what in ("it was sent", "send it again"):
            self.decide(what == "it was sent")
        elif what == "order":
            self.order(account, PEOPLE[which : which + 2])
        elif what.startswith("clock"):
            self.set_clock((which + 1) * 400 * (1 if what == "clock forth" else -1))
        else:
            self.accounts[account].health = HEALTH[what]

    def end_process(self, account: str, how: str) -> None:
        me = self.accounts[account]
        if me.life and how == "terminate":
            me.life.sender.stop()
        elif me.life:
            me.rests_s = 2 * LEASE_S if how == "kill for long" else me.rests_s
            me.life.kill()

    def set_clock(self, seconds: int) -> None:
        self.skew_ms += seconds * 1000
        self.jumped_s += max(0, seconds)

    def press(self, button: str, job_id: int, number: str) -> None:
        try:
            if button == "suppress":
                suppression.suppress(self.settings["default"], number, "asked", "person", clock.now_ms())
            elif button == "unsuppress":
                suppression.remove(self.settings["default"], number, "asked", "person", clock.now_ms())
            else:
                getattr(lifecycle, button)(job_id, "person", clock.now_ms())
        except (errors.IllegalMove, errors.NotFound):
            pass  # it is not there now

    def order(self, account: str, numbers: list[str]) -> None:
        text = f"Message {Job.select().count()}"
        job_id = create.create(
            self.settings[account], create.Order(text, numbers=numbers, account=account), "person", clock.now_ms()
        ).job_id
        Job.update(for_dry_run=False).where(Job.id == job_id).execute()  # these senders send
        self.asked |= {(job_id, number) for number in numbers}

    def decide(self, sent: bool) -> None:
        message = Message.get_or_none(Message.state == State.UNCERTAIN)
        if message is None or (not sent and message.job.state == JobState.STOPPED):
            return
        lifecycle.settle(message.id, sent, "person", clock.now_ms())
        if sent:
            self.settled.add(message.id)
        else:
            self.shown[(message.number, message.job.text)] = 0

    # A life of the world

    def run(self, script: list[tuple[float, str, int]]) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sqlite.PRAGMAS, "synchronous", "off")
            patch.setattr(clock, "now_ms", self.now_ms)
            patch.setattr(timing, "monotonic", self.passed_s)
            patch.setattr(timing, "clock", self.passed_s)
            patch.setattr(doubts, "LOOKS", 2)
            for name, seconds in QUICK.items():
                patch.setattr(timing, name, seconds)
            connection.connect(self.settings["default"].db_url)
            try:
                self.make_faulty(patch)
                self.watch(patch)
                self.until_over(self.story(script))
            finally:
                self.put_away()
        assert [] == self.broken, self.broken

    def until_over(self, story: Coroutine[Any, Any, None]) -> None:
        self.loop.set_exception_handler(lambda _loop, _context: None)  # dead processes' tasks have nobody to ask
        try:
            self.loop.run_until_complete(story)
            self.everybody_has_one_end()
        finally:
            self.over = True
            self.loop.run_until_complete(end_others())
            self.loop.close()

    def put_away(self) -> None:
        connection.close()
        shutil.rmtree(self.folder)
        if self.server:
            self.server.take_back(self.settings["default"].db_url)

    async def story(self, script: list[tuple[float, str, int]]) -> None:
        self.order("default", PEOPLE[:4])
        self.order("other", PEOPLE[2:5])
        supervisors = [asyncio.create_task(self.supervise(account)) for account in ACCOUNTS]
        for seconds, what, which in script:
            await self.sleep(seconds)
            self.act(what, which)
            self.the_books_are_in_order()
        await self.to_the_end()
        self.over = True
        for account in self.accounts.values():
            if account.life:
                account.life.sender.stop()
        await asyncio.gather(*supervisors)

    async def to_the_end(self) -> None:
        """All is well, and nobody presses anything any more."""
        self.fault = ("", 0)
        for waiting in self.trouble.values():
            waiting.clear()
        for account in self.accounts.values():
            account.health = HEALTH["online"]
        for job in Job.select().where(Job.state == JobState.PAUSED):
            lifecycle.resume(job.id, "person", clock.now_ms())
        give_up = self.passed_s() + PATIENCE_S
        while Message.select().where(Message.state.in_(UNFINISHED)).exists():
            self.the_books_are_in_order()
            if self.passed_s() > give_up:
                raise AssertionError("somebody waits for ever")
            await self.sleep(60)

    # What holds

    def the_books_are_in_order(self) -> None:
        for rule, query in NEVER.items():
            self.hold([] == proxy.database.execute_sql(query).fetchall(), rule)
        self.hold([] == proxy.database.execute_sql(HALF_STOPPED).fetchall(), "a stopped job has people waiting")

    def everybody_has_one_end(self) -> None:
        assert [] == counters.miscounted()
        assert [] == broken_histories()
        messages = list(Message.select())
        assert sorted(self.asked) == sorted((message.job_id, message.number) for message in messages)
        assert {JobState.COMPLETED, JobState.STOPPED} >= {job.state for job in Job.select()}
        for message in messages:
            shown, told = self.shown[(message.number, message.job.text)] > 0, message.state in OUT
            self.hold(told <= (shown or message.id in self.settled), "it is called sent and never was")
            self.hold(not shown or told or message.state == State.UNCERTAIN, f"it was sent and is {message.state}")
        for account in self.accounts.values():
            self.the_pace_was_kept(account)

    def the_pace_was_kept(self, account: Account) -> None:
        """By what has really left, whatever was started anew in between."""
        gaps = [after - at + ahead - jumped for (at, jumped), (after, ahead) in pairwise(account.clicks)]
        self.hold(all(gap >= DELAY_S for gap in gaps), "two messages without a pause")
        if self.rules.long_pause_every:
            runs = [gaps[n : n + EVERY] for n in range(len(gaps) - EVERY + 1)]
            self.hold(all(max(run) >= DELAY_S + LONG_S for run in runs), "a long pause is missing")


async def end_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def suppressed(number: str) -> bool:
    return Suppression.get_or_none(Suppression.number == number) is not None
