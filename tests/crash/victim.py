"""A sender in which one fault is planted. Run as `python -m tests.crash.victim POINT NTH FAULT`; see plan.py.

It is the ordinary sender with the ordinary dry-run transport; only the places where a fault can strike are
wrapped. It leaves marks beside its data folder: `struck`; `tried`, when it has come to a second transaction
since; `awake`, when it has come to its next claim since; `lived`, when the fault is over and it has no more to do.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from daemon import config, sender
from daemon.db import clock, connection, inspection, postgres, proxy, sqlite
from daemon.delivery import breaker, bulk, inbox, moves, parts, replies, timing
from daemon.delivery import claim as claiming
from daemon.delivery import enqueue as enqueueing
from daemon.transports import registry
from daemon.transports.dry_run import DryRunTransport
from daemon.transports.protocol import Mark, Outgoing, Receipt
from tests.crash import disks
from tests.crash.answers import Answering
from tests.crash.plan import Plan
from tests.db.steps import watch_statements
from tests.support.many import Many

BUSY_S = 0.2  # instead of 10: a database that is locked for longer than that is a matter of a second
LASTS_S = 0.6
CLOCK_MS = 3_600_000
STEPS = "steps"  # a folder beside the data folder: the schema's steps, instead of the program's own
ANSWERS = "CRASH_ANSWERS"  # in the environment: everybody answers STOP
LANES = "MANY_LANES"  # in the environment: how many messages are in flight at once
MARKS = ("struck", "tried", "awake", "lived", "restarted")


class Fault:
    """Counts how often its point is passed, and strikes once. allowance: how many messages may still be claimed."""

    def __init__(self, plan: Plan, data: Path) -> None:
        self._plan, self._left, self._data = plan, plan.nth, data
        self._struck, self._until, self._begun = False, 0.0, 0
        self.allowance = plan.allowance_with(int(os.environ.get(LANES, "1")))
        self.at_once = max(self.allowance // plan.allowance, 1)  # so that the claim is made often enough to be struck
        self.strikes_statements = plan.point == "statement"
        self.clock_ms = 0

    @property
    def struck(self) -> bool:
        return self._struck

    @property
    def kind(self) -> str:
        return self._plan.kind

    def mark(self, name: str) -> None:
        (self._data.parent / name).touch()

    def pass_by(self, point: str) -> None:
        if point != self._plan.point or self._left == 0:
            return
        self._left -= 1
        if self._left == 0:
            self._strike()

    def come_round(self) -> None:
        """The sender is between two messages."""
        if self._struck:
            self.mark("awake")
        if self._plan.point == "any_time" and self._left:
            wait_s, self._left = self._left / 1000, 0
            threading.Timer(wait_s, self._strike).start()
        if self.allowance == 0 and self._struck and time.monotonic() >= self._until:
            self.mark("lived")

    def begin(self) -> None:
        """A transaction begins."""
        self._begun += self._struck
        if self._begun > 1:
            self.mark("tried")

    def lasts(self, kind: str) -> bool:
        return self._plan.kind == kind and self._struck and time.monotonic() < self._until

    def _strike(self) -> None:
        kind, data = self._plan.kind, self._data
        if kind == "upgrade" or kind.endswith("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        self.mark("struck")
        if kind == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif kind == "restart":  # of the database server, by whoever started us
            while not (data.parent / "restarted").exists():
                time.sleep(0.01)
        elif kind == "folder":
            disks.fail(data)
        elif kind.startswith("clock"):
            self.clock_ms = CLOCK_MS if kind == "clock_forth" else -CLOCK_MS
        else:
            self._until = time.monotonic() + LASTS_S
        if kind == "replies_term":
            os.kill(os.getpid(), signal.SIGTERM)
        elif kind == "replies_busy" and proxy.on_postgres():
            threading.Thread(target=_hold_the_tables, args=(config.load().db_url,)).start()
        elif kind in ("locked", "replies_busy"):
            threading.Thread(target=_hold_the_lock, args=(data / "wasender.db",)).start()
        elif kind == "full":
            _fill(data / "ballast")
            threading.Timer(LASTS_S, (data / "ballast").unlink).start()
        self._struck = True


def _hold_the_lock(path: Path) -> None:
    """As another process would: a write transaction that stays open."""
    with sqlite3.connect(path, timeout=30, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(LASTS_S)
        other.execute("ROLLBACK")
    other.close()


def _hold_the_tables(url: str) -> None:
    """The same on PostgreSQL, for what replies are written to."""
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE suppression, reply IN ACCESS EXCLUSIVE MODE")
        time.sleep(LASTS_S)
        other.rollback()


def _fill(path: Path) -> None:
    """Take all the room that the file system has left."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


def plant(fault: Fault, over: type[Any] | None = None) -> None:
    """Wrap the places where it can strike. over: the transport, where it is not `transport()`."""
    postgres.SESSION = postgres.SESSION.replace(
        f"'{sqlite.BUSY_TIMEOUT_S}s'", f"'{BUSY_S * 1000:.0f}ms'"
    )  # its lock_timeout
    sqlite.BUSY_TIMEOUT_S = BUSY_S  # type: ignore[assignment]
    claim, now_ms = claiming.claim, clock.now_ms

    def claim_with_fault(account: str, limit: int, **terms: Any) -> Any:
        fault.come_round()
        fault.pass_by("before_claim")
        if fault.allowance == 0:
            return []
        claimed = claim(account, min(limit, fault.at_once, fault.allowance), **terms)
        if claimed:
            fault.allowance -= len(claimed)
            fault.pass_by("after_claim")
        return claimed

    claiming.claim = claim_with_fault
    clock.now_ms = lambda: now_ms() + fault.clock_ms

    plan_of_reads(fault)

    class Faulty(over or transport()):  # type: ignore[misc]
        async def hand_over(self, message: Outgoing, mark: Mark, *rest: Any) -> Receipt:
            fault.pass_by("before_click")
            receipt = await super().hand_over(message, mark, *rest)
            fault.pass_by("after_click")
            await asyncio.sleep(0)
            fault.pass_by("after_tick")
            return receipt

    if fault.strikes_statements:
        watch_statements(lambda *_: fault.pass_by("statement"))
    registry.make_transport = Faulty
    on_commits(fault.pass_by, lambda: _begin(fault))


def transport() -> type[DryRunTransport]:
    """The dry-run transport; where the round is about replies, with people who answer, and else with many lanes where
    they are asked for."""
    if os.environ.get(ANSWERS):
        return Answering
    return Many if int(os.environ.get(LANES, "1")) > 1 else DryRunTransport


def plan_of_reads(fault: Fault) -> None:
    """Wrap what happens to a reply."""
    take = replies.take

    def pass_by(point: str) -> bool:
        struck = fault.struck
        fault.pass_by(point)
        return fault.struck and not struck and fault.kind == "replies_term"

    def take_with_fault(*given: Any, **terms: Any) -> replies.Taken:
        fault.pass_by("before_take")
        taken = take(*given, **terms)
        fault.pass_by("after_take")
        return taken

    Answering.pass_by = staticmethod(pass_by)
    replies.take = take_with_fault


def _begin(fault: Fault) -> None:
    fault.begin()
    if not proxy.on_postgres():
        proxy.database.obj.execute_sql(f"PRAGMA query_only={int(fault.lasts('readonly'))}")


def on_commits(pass_by: Callable[[str], None], begins: Callable[[], None]) -> None:
    """Call `pass_by` just before and after the COMMIT of a transaction that moves or queues a message; `begins`
    where any transaction begins."""
    connect, apply, enqueue = connection.connect, moves.apply, enqueueing.enqueue
    moving = threading.local()  # http has several threads that write

    def noting(work: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any, **options: Any) -> Any:
            moving.now = True
            return work(*arguments, **options)

        return noted

    def connect_with_points(*arguments: Any) -> None:
        connect(*arguments)
        opened = proxy.database.obj
        commit, begin = opened.commit, opened.begin

        def commit_with_points() -> Any:
            moved = getattr(moving, "now", False)
            if moved:
                pass_by("before_commit")
            done = commit()
            if moved:
                pass_by("after_commit")
            return done

        def begin_with_points(*arguments: Any, **options: Any) -> Any:
            moving.now = False
            begins()
            return begin(*arguments, **options)

        opened.commit, opened.begin = commit_with_points, begin_with_points

    connection.connect, moves.apply, enqueueing.enqueue = connect_with_points, noting(apply), noting(enqueue)
    parts.begin, parts.tick = noting(parts.begin), noting(parts.tick)
    bulk.Bulk.write = noting(bulk.Bulk.write)  # type: ignore[method-assign]


def quicken() -> None:
    """Waits of seconds are for people and networks; here a thousand lives have to fit into minutes."""
    timing.LOOK_S = timing.LOOK_AGAIN_S = timing.POLL_S = 0.02
    timing.STOP_GRACE_S = 1.0
    inbox.EVERY_S, inbox.STORE_AGAIN_S = 0.05, 0.02
    breaker.FIRST_HOLD_MS = breaker.LONGEST_HOLD_MS = 500  # what fails for a full disk with many lanes is a run


def main(point: str, nth: str, kind: str) -> int:
    quicken()
    steps = config.load().data_dir.parent / STEPS
    if steps.is_dir():
        inspection.MIGRATIONS = steps
    registry.make_transport = transport()
    if kind != "none":
        plant(Fault(Plan(point, int(nth), kind), config.load().data_dir))
    return sender.main()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
