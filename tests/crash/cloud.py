"""Campaigns through the Cloud API, with faults of one kind in them: `scripts/crash --transport cloud`.

http, a sender and the stand-in for Meta's API run as processes of their own, and Meta's receipts come as webhooks. Each
fault strikes in a campaign of its own, one after the other on one database. What counts in the end is the stand-in's
record: who was accepted how often. A message may be `uncertain` only where Meta's answer was lost and nothing was
reported of it; a person decides about it then, and is played by the harness.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil

from daemon import config
from daemon.accounts import directory
from daemon.campaigns import create, lifecycle
from daemon.db import clock, connection, proxy
from daemon.delivery import cloud_inbox, counters
from daemon.models import CloudBatch, Job, Message
from daemon.states import JobState, State
from standin.graph.client import GraphStandIn
from standin.graph.world import TOKEN
from tests.crash.fast import LEASE_S, PATIENCE_S, TAKE_OVER_S, Place, ask, end, ended
from tests.crash.plan import Plan
from tests.crash.tally import Tally, weigh
from tests.crash.victim import LANES, MARKS
from tests.support import forks
from tests.support.forks import Forked
from tests.support.rig import ROOT, eventually, free_port

PEOPLE = 24  # of a campaign in which no sender is struck
LOCKED_S = 30  # after which whoever holds SQLite's lock is woken
AT_ONCE = 8  # messages that a struck sender has in flight, about
MODULE = "tests.crash.cloud_victim"
NOBODY = Plan("none", 1, "none")
IN_DOUBT = {"sender_kill", "sender_stop", "cut", "broken"}  # kinds by which an answer is lost
META: dict[tuple[str, str], dict[str, Any]] = {  # what the stand-in does, by kind and point; `next` is added
    ("cut", "before"): {"drop": "before"},
    ("cut", "after"): {"drop": "after"},
    ("cut", "middle"): {"drop": "middle"},
    ("cut", "after_untold"): {"drop": "after", "fate": {"silent": True}},
    ("broken", "refused"): {"status": 502},
    ("broken", "accepted"): {"status": 500, "accept": True},
    ("broken", "code"): {"code": 131000},
    ("broken", "code_accepted"): {"code": 2, "accept": True},
    ("broken", "garbage"): {"garbage": True},
    ("receipts", "twice"): {"fate": {"twice": True}},
    ("receipts", "backwards"): {"fate": {"backwards": True}},
    ("receipts", "late"): {"fate": {"late_ms": 1500}},
    ("receipts", "early"): {"early": True},
    ("receipts", "mixed"): {"early": True, "fate": {"twice": True, "backwards": True, "late_ms": 300}},
    ("receipts", "untold"): {"fate": {"silent": True}},
}
META_KINDS = {"cut", "broken"}  # of which each plan loses `nth` answers
EXPIRED = "error 190"


def play(plans: list[Plan], folder: Path, place: Place) -> Tally:
    """One round: a campaign for each of these faults."""
    with ExitStack() as stack:
        return Round(plans, folder, place, stack).play()


class Round:
    """What runs in `folder`, on the database at `place`."""

    def __init__(self, plans: list[Plan], folder: Path, place: Place, stack: ExitStack) -> None:
        self._plans, self._folder, self._kind = plans, folder, plans[0].kind
        self._numbers: list[str] = []
        self._wrong: list[str] = []
        self._running: dict[str, Forked] = {}
        port = free_port()
        self._meta = stack.enter_context(
            GraphStandIn.start(
                f"http://127.0.0.1:{port}/webhooks/cloud",
                window="open", throughput=100_000, retry_ms=50, retry_most_ms=200, batch=8,
            )
        )  # fmt: skip
        data = folder / "data"
        data.mkdir()
        theirs = {name: value for name, value in os.environ.items() if not name.startswith(config.PREFIX)}
        self._environment = theirs | self._meta.settings | {
            "PYTHONPATH": str(ROOT), "WASENDER_DATA_DIR": str(data), "WASENDER_DATABASE_URL": place.url or "",
            "WASENDER_LEASE_S": str(LEASE_S), "WASENDER_RETRY_AFTER_S": "0", "WASENDER_SEND_TIMEOUT_S": "5",
            "WASENDER_PORT": str(port), "WASENDER_CLOUD_THROUGHPUT": "80", "WASENDER_ACCOUNT": "default",
            "WASENDER_API_KEY": "a-key-for-tests-0123456789", LANES: str(AT_ONCE),
        }  # fmt: skip
        given = {name.removeprefix(config.PREFIX).lower(): value for name, value in self._meta.settings.items()}
        self._settings = config.load(_env_file=None, data_dir=data, database_url=place.url or "", **given)
        connection.connect(self._settings.db_url)
        stack.callback(connection.close)
        stack.callback(self._kill_all)
        directory.open_account("default", clock.now_ms())

    def play(self) -> Tally:
        struck = uncertain = 0
        try:
            self._start("http")
            for plan in self._plans:
                self._strike(plan)
                struck += 1
            self._meta.clear()
            if ended(self._running["http"]):
                self._start("http")
            self._finish()
            uncertain = self._decide()
            self._finish()
            for name in ("sender", "http"):
                end(self._running[name])
        except (AssertionError, subprocess.TimeoutExpired, TimeoutError) as error:
            self._wrong.append(f"it is stuck: {error}")
        record = self._meta.record()["messages"]
        tally = weigh(Counter(each["to"] for each in record), self._known(record), self._numbers, uncertain)
        tally.crashes = struck
        tally.wrong += self._wrong + self._amiss(record)
        return tally

    # -- faults ------------------------------------------------------------------------------------------------

    def _strike(self, plan: Plan) -> None:
        """One fault, in a campaign of its own."""
        strikes = {
            "sender_kill": self._kill_sender, "sender_stop": self._stop_sender, "http_kill": self._kill_http,
            "token": self._expire,
        }  # fmt: skip
        strikes.get(plan.kind, self._trouble_meta)(plan)

    def _kill_sender(self, plan: Plan) -> None:
        if plan.point == "in_flight":
            before = self._meta.record(accepted=0)["accepted"]
            self._meta.rule(slow_ms=60_000, next=PEOPLE)
            self._queue(PEOPLE)
            self._start("sender")
            self._meta.record(accepted=before + plan.nth)
            self._running["sender"].kill()
            self._running["sender"].wait(60)
            self._meta.clear()
            return
        self._queue(plan.allowance_with(AT_ONCE))
        self._dies("sender", plan)

    def _stop_sender(self, plan: Plan) -> None:
        """Let its lease run out, let another take over and finish, then wake it. Stopped within a transaction it holds
        SQLite's lock: nobody can take over, and it goes on."""
        self._queue(plan.allowance_with(AT_ONCE))
        process = self._start("sender", plan)
        eventually(lambda: ended(process) or self._marked("struck"), PATIENCE_S, f"{plan} strikes")
        stopped = psutil.Process(process.pid)
        eventually(lambda: stopped.status() == psutil.STATUS_STOPPED, what="it is stopped")
        other = self._start("sender")
        try:
            try:
                patience_s = TAKE_OVER_S if proxy.on_postgres() else LOCKED_S
                eventually(lambda: self._done() or ended(other), patience_s, "another sender takes over")
            except AssertionError:
                if proxy.on_postgres() or not _locked(self._settings):
                    raise
            end(other)
            process.send_signal(signal.SIGCONT)
            eventually(lambda: ended(process) or self._marked("awake"), PATIENCE_S, "it wakes and comes round")
            end(process)
        finally:
            process.kill()

    def _kill_http(self, plan: Plan) -> None:
        """What the last one left comes to this one, too."""
        self._running["http"].kill()
        self._running["http"].wait(60)
        process = self._start("http", plan)
        self._queue(PEOPLE)
        self._sends()
        assert -signal.SIGKILL == process.wait(PATIENCE_S), f"{plan} did not strike"

    def _trouble_meta(self, plan: Plan) -> None:
        """Something goes wrong between Meta and us, or Meta tells it strangely."""
        self._meta.rule(next=PEOPLE if plan.kind == "receipts" else plan.nth, **META[plan.kind, plan.point])
        self._queue(PEOPLE)
        self._sends()
        eventually(self._done, PATIENCE_S, f"the campaign is done after {plan}")

    def _expire(self, plan: Plan) -> None:
        """Meta refuses the token until it has been seen, and then takes it again."""
        before = self._meta.record(accepted=0)
        refused = before["requests"].get(EXPIRED, 0)
        if plan.point == "in_between":
            self._queue(PEOPLE)
            self._sends()
            self._meta.record(accepted=before["accepted"] + plan.nth)
        self._token(1)
        self._queue(PEOPLE)
        self._sends()
        eventually(lambda: self._refused() > refused, PATIENCE_S, "the token is refused")
        self._token(None)
        eventually(self._done, PATIENCE_S, f"the campaign is done after {plan}")

    def _token(self, expires_at: int | None) -> None:
        self._meta.control("_world", tokens=[{"token": TOKEN, "expires_at": expires_at}])

    def _refused(self) -> int:
        return int(self._meta.record(accepted=0)["requests"].get(EXPIRED, 0))

    # -- processes ---------------------------------------------------------------------------------------------

    def _start(self, name: str, plan: Plan = NOBODY) -> Forked:
        kind = plan.kind.removeprefix("sender_").removeprefix("http_")
        for mark in MARKS:
            (self._folder / mark).unlink(missing_ok=True)
        words = [name, plan.point, str(plan.nth), kind]
        log = self._folder / f"{name}.log"
        with log.open("ab") as out:
            process = forks.start(["-m", MODULE, *words], self._environment, self._folder, out)
        self._running[name] = process
        return process

    def _sends(self) -> None:
        """A sender without a fault runs."""
        if "sender" not in self._running or ended(self._running["sender"]):
            self._start("sender")

    def _dies(self, name: str, plan: Plan) -> None:
        process = self._start(name, plan)
        assert -signal.SIGKILL == process.wait(PATIENCE_S), f"{plan} did not strike"

    def _marked(self, name: str) -> bool:
        return (self._folder / name).exists()

    def _kill_all(self) -> None:
        for process in self._running.values():
            process.kill()
            process.wait(60)

    # -- campaigns, and what came of them ----------------------------------------------------------------------

    def _queue(self, count: int) -> None:
        numbers = [f"+49151{len(self._numbers) + n:08d}" for n in range(count)]
        order = create.Order("Hello", numbers=numbers)
        ask(lambda: create.create(self._settings, order, "crash", clock.now_ms()))
        self._numbers += numbers

    def _done(self) -> bool:
        """All campaigns are."""
        return not ask(lambda: Job.select().where(Job.state != JobState.COMPLETED).exists())

    def _finish(self) -> None:
        """All is sent, and all that Meta tells is taken."""
        self._sends()
        eventually(self._done, PATIENCE_S, "the campaigns are done")
        eventually(
            lambda: self._meta.record(accepted=0)["webhooks"]["waiting"] == 0, PATIENCE_S, "all webhooks are taken"
        )
        eventually(
            lambda: ask(lambda: CloudBatch.select().count() == cloud_inbox.set_aside_count()),
            PATIENCE_S, "all receipts are worked through",
        )  # fmt: skip

    def _decide(self) -> int:
        """Play the person who decides; returns how many there were to be decided."""
        record = {each["to"]: each for each in self._meta.record()["messages"]}
        doubtful = ask(lambda: list(Message.select().where(Message.state == State.UNCERTAIN)))
        for message in doubtful:
            if self._kind not in IN_DOUBT:
                self._wrong.append(f"{message.number} is uncertain, and no answer was lost")
            elif message.number in record and _was_told(record[message.number]):
                self._wrong.append(f"{message.number} is uncertain although it was reported")
            lifecycle.settle(message.id, message.number in record, "a person", clock.now_ms())
        if self._kind in META_KINDS and len(doubtful) > (most := sum(plan.nth for plan in self._plans)):
            self._wrong.append(f"{len(doubtful)} are uncertain, and {most} answers were lost")
        return len(doubtful)

    def _known(self, record: list[dict[str, Any]]) -> dict[str, str]:
        """By number: the state. `accepted` is all that can be known where nothing was told."""
        query = Message.select(Message.number, Message.state)
        silent = {each["to"] for each in record if not _was_told(each)}
        return {
            number: State.SENT if state == State.ACCEPTED and number in silent else state
            for number, state in ask(lambda: list(proxy.tuples(query)))
        }

    def _amiss(self, record: list[dict[str, Any]]) -> list[str]:
        """What else must not be."""
        wrong = []
        if ask(counters.miscounted):
            wrong.append("the jobs' counters differ from their messages")
        if aside := ask(cloud_inbox.set_aside_count):
            wrong.append(f"{aside} webhooks were set aside")
        return wrong


def _locked(settings: config.Settings) -> bool:
    """Whether somebody holds SQLite's lock."""
    other = sqlite3.connect(settings.data_dir / "wasender.db", timeout=0.1, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return True
    finally:
        other.close()
    return False


def _was_told(message: dict[str, Any]) -> bool:
    """Whether a report of it was taken by http, as Meta sees it."""
    return any(event["told"] == "DELIVERED" for event in message["events"])
