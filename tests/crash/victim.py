"""A sender in which one fault is planted. Run as `python -m tests.crash.victim POINT NTH FAULT [SECONDS]`.

It is the ordinary sender with the ordinary dry-run transport; only the places where a fault can strike are
wrapped. POINT is one of POINTS and strikes the NTH time it is passed; FAULT is one of FAULTS. When it has
struck (and the process lives on) the file DATA_DIR/struck appears.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
import threading
import time
from pathlib import Path
from typing import Any

from daemon import config, db, outbox, sender
from daemon.transports import Mark, Outgoing, Receipt
from daemon.transports.dry_run import DryRunTransport

POINTS = (
    "before_claim",
    "after_claim",
    "before_click",
    "after_click",
    "after_tick",
    "before_commit",
    "after_commit",
)
FAULTS = ("kill", "stop", "locked", "readonly", "full", "restart", "clock_back", "clock_forth", "none")
BUSY_S = 0.2  # instead of 10: a database that is locked for longer than that is a matter of a second
CLOCK_MS = 3_600_000


class Fault:
    """Counts how often its point is passed, and strikes once."""

    def __init__(self, point: str, nth: int, kind: str, seconds: float) -> None:
        self._point, self._left, self._kind, self._seconds = point, nth, kind, seconds
        self.until = 0.0  # a fault that lasts is over at this time (monotonic)
        self.clock_ms = 0

    def pass_by(self, point: str) -> None:
        if point != self._point or self._left == 0:
            return
        self._left -= 1
        if self._left == 0:
            self._strike()

    def lasts(self, kind: str) -> bool:
        return self._kind == kind and time.monotonic() < self.until

    def _strike(self) -> None:
        if self._kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        folder = config.load().data_dir
        (folder / "struck").touch()
        if self._kind == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        if self._kind == "restart":  # of the database server, by whoever started us
            while not (folder / "restarted").exists():
                time.sleep(0.01)
        self.until = time.monotonic() + self._seconds
        if self._kind == "locked":
            threading.Thread(target=_hold_the_lock, args=(folder / "wasender.db", self._seconds)).start()
        elif self._kind == "full":
            ballast = folder / "ballast"
            _fill(ballast)
            threading.Timer(self._seconds, ballast.unlink).start()
        elif self._kind.startswith("clock"):
            self.clock_ms = CLOCK_MS if self._kind == "clock_forth" else -CLOCK_MS


def _hold_the_lock(path: Path, seconds: float) -> None:
    """As another process would: a write transaction that stays open."""
    with sqlite3.connect(path, timeout=30, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        other.execute("ROLLBACK")
    other.close()


def _fill(path: Path) -> None:
    """Take all the room that the file system has left."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


def plant(fault: Fault) -> None:
    """Wrap the places where it can strike."""
    claim, now_ms = outbox.claim, db.now_ms

    def claim_with_fault(*arguments: Any) -> Any:
        fault.pass_by("before_claim")
        claimed = claim(*arguments)
        if claimed:
            fault.pass_by("after_claim")
        return claimed

    outbox.claim = claim_with_fault
    db.now_ms = lambda: now_ms() + fault.clock_ms

    class Faulty(DryRunTransport):
        async def hand_over(self, message: Outgoing, mark: Mark) -> Receipt:
            fault.pass_by("before_click")
            receipt = await super().hand_over(message, mark)
            fault.pass_by("after_click")
            await asyncio.sleep(0)
            fault.pass_by("after_tick")
            return receipt

    sender.make_transport = Faulty
    _plant_in_commit(fault)


def _plant_in_commit(fault: Fault) -> None:
    """Strike just before or after the COMMIT of a transaction; make the database read-only while that lasts."""
    connect = db.connect

    def connect_with_fault(url: str) -> None:
        db.BUSY_TIMEOUT_S = BUSY_S  # type: ignore[assignment]
        connect(url)
        opened = db.database.obj
        commit, begin = opened.commit, opened.begin

        def commit_with_fault() -> Any:
            fault.pass_by("before_commit")
            done = commit()
            fault.pass_by("after_commit")
            return done

        def begin_with_fault(*arguments: Any, **options: Any) -> Any:
            if not db.on_postgres():
                opened.execute_sql(f"PRAGMA query_only={int(fault.lasts('readonly'))}")
            return begin(*arguments, **options)

        opened.commit, opened.begin = commit_with_fault, begin_with_fault

    db.connect = connect_with_fault


def quicken() -> None:
    """Waits of seconds are for people and networks; here a thousand lives have to fit into minutes."""
    sender.LOOK_S = sender.LOOK_AGAIN_S = sender.POLL_S = 0.02
    sender.STOP_GRACE_S = 1.0


def main(point: str, nth: str, kind: str, seconds: str = "0.6") -> int:
    quicken()
    if kind != "none":
        plant(Fault(point, int(nth), kind, float(seconds)))
    return sender.main()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
