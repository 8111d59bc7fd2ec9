"""A campaign through the fast transport, with faults of one kind in it.

Senders with a planted fault (victim.py) run one after the other, then one without finishes the campaign. What was
really handed over (the journal of the dry-run transport) is held against what the database says.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

from daemon import config, errors
from daemon.campaigns import create, lifecycle
from daemon.contacts import suppression, uploads
from daemon.db import clock, connection, inspection, proxy
from daemon.delivery import counters, job_moves
from daemon.models import Event, Message
from daemon.states import State
from tests.crash.disks import FailingDisk, SmallDisk
from tests.crash.plan import FAST, Plan
from tests.crash.tally import Tally, handed_over, in_parts, weigh
from tests.crash.victim import ANSWERS, LANES, MARKS, STEPS
from tests.support import forks
from tests.support.forks import Forked
from tests.support.rig import ROOT, eventually

T = TypeVar("T")
LEASE_S = 5  # the least there is
LAST = 4  # messages that are left for the sender without a fault
PATIENCE_S = 60
FINISH_S = 180  # for a whole campaign, on a machine that is busy
TAKE_OVER_S = 120  # PostgreSQL ends a transaction that sleeps after a minute; only then can another sender go on
HEARD_S = 10  # for every STOP to be heeded, once the campaign is done
PATIENT = Plan("none", 1, "none")
HALF_SENT = Plan("after_click", 1, "kill")  # before an upgrade: somebody has it, one may have it, others wait
STEP = """
def up(migrator, db):
    for table in ("job", "message", "event"):
        db.execute_sql(f'ALTER TABLE "{{table}}" ADD COLUMN "added_{number}" INTEGER NOT NULL DEFAULT 0')
        db.execute_sql(f'UPDATE "{{table}}" SET "added_{number}" = id')
"""


@dataclass(frozen=True)
class Place:
    """A fresh database. url: None is SQLite in the round's own folder; restart: of the server, where there is one;
    lanes: of the senders on it."""

    url: str | None = None
    restart: Callable[[], None] | None = None
    lanes: int = 1


def play(plans: list[Plan], folder: Path, place: Place) -> Tally:
    """One round: a campaign with these faults in it."""
    with ExitStack() as stack:
        return Campaign(plans, folder, place, stack).play()


class Campaign:
    """One campaign in `folder`, on the database at `place`, and the senders that it goes through."""

    def __init__(self, plans: list[Plan], folder: Path, place: Place, stack: ExitStack) -> None:
        self._plans, self._folder, self._place = plans, folder, place
        self._data = folder / "data"
        self._data.mkdir()
        self._disk: FailingDisk | None = None
        self._wrong: list[str] = []
        self._answers = FAST[plans[0].kind].answers if plans[0].kind in FAST else False
        if plans[0].kind == "full":
            messages = self._allowance(plans) + LAST if place.lanes > 1 else 0
            stack.enter_context(SmallDisk(self._data, messages))
        elif plans[0].kind == "folder":
            self._disk = stack.enter_context(FailingDisk(self._data))
        theirs = {name: value for name, value in os.environ.items() if not name.startswith(config.PREFIX)}
        self._environment = theirs | {
            "PYTHONPATH": str(ROOT), "WASENDER_DATA_DIR": str(self._data), "WASENDER_TRANSPORT": "dryrun",
            "WASENDER_DELAY_MIN": "0", "WASENDER_DELAY_MAX": "0", "WASENDER_LONG_PAUSE_EVERY": "0",
            "WASENDER_LEASE_S": str(LEASE_S), "WASENDER_RETRY_AFTER_S": "0", "WASENDER_MAX_ATTEMPTS": "3",
            "WASENDER_ACCOUNT": "default", "WASENDER_DATABASE_URL": place.url or "",
            LANES: str(place.lanes), "MANY_LATENCY_S": "0.01",
        }  # fmt: skip
        if self._answers:
            self._environment[ANSWERS] = "1"
        settings = config.load(_env_file=None, data_dir=self._data, database_url=place.url or "", transport="dryrun")
        connection.connect(settings.db_url)
        stack.callback(connection.close)
        self._numbers = [f"+4930231{n:05d}" for n in range(self._allowance(plans) + LAST)]
        self._parts = _files(settings, self._folder) if plans[0].kind == "parts_kill" else []
        order = create.Order("Hello", numbers=self._numbers, attachments=self._parts, delay_min=0, delay_max=0)
        self._job_id: int = create.create(settings, order, "crash", clock.now_ms()).job_id

    def _allowance(self, plans: list[Plan]) -> int:
        return sum(plan.allowance_with(1 if self._answers else self._place.lanes) for plan in plans)

    def play(self) -> Tally:
        crashes = uncertain = 0
        try:
            for plan in self._plans:
                self._life(plan)
                crashes += 1
            self._finish()
            uncertain = self._decide()
            self._finish()
        except (AssertionError, subprocess.TimeoutExpired) as error:
            self._wrong.append(f"it is stuck: {error}")
        tally = weigh(self._handed_over(), self._states(), self._numbers, uncertain)
        tally.crashes = crashes
        tally.wrong += self._wrong + self._revenants()
        if self._answers and (unheard := self._unheard()):
            tally.lost += len(unheard)
            tally.wrong.append(f"{len(unheard)} of those who wrote STOP are not on the list: {', '.join(unheard[:3])}")
        if counters.miscounted():
            tally.wrong.append("the job's counters differ from its messages")
        return tally

    # -- a sender's life ---------------------------------------------------------------------------------------

    def _life(self, plan: Plan) -> None:
        """Run a sender until its fault has struck and is over."""
        if plan.kind == "upgrade":
            self._life(HALF_SENT)
            self._new_version()
        for mark in MARKS:
            (self._folder / mark).unlink(missing_ok=True)
        process = self._start(plan)
        try:
            eventually(lambda: ended(process) or self._marked("struck"), PATIENCE_S, f"{plan} strikes")
            if plan.kind == "upgrade" or plan.kind.endswith("kill"):
                assert -signal.SIGKILL == process.wait(60), f"{plan} did not strike"
            else:
                assert self._marked("struck"), f"{plan} did not strike"
                aftermath = {"stop": self._stopped, "folder": self._read_only, "restart": self._restarted}
                aftermath.get(plan.kind, self._lived_through)(process)
        finally:
            if not ended(process):
                process.kill()
                process.wait(60)

    def _new_version(self) -> None:
        """The senders from now on are of a version with one more step of the schema, which touches every message."""
        steps = self._folder / STEPS
        if not steps.is_dir():
            shutil.copytree(inspection.MIGRATIONS, steps)
        number = 9000 + len(list(steps.glob("9*.py")))
        (steps / f"{number}_next.py").write_text(STEP.format(number=number))

    def _start(self, plan: Plan, module: str = "victim") -> Forked:
        words = [plan.point, str(plan.nth), plan.kind]
        with (self._folder / "senders.log").open("ab") as log:
            return forks.start(["-m", f"tests.crash.{module}", *words], self._environment, self._folder, log)

    def _marked(self, name: str) -> bool:
        return (self._folder / name).exists()

    def _lived_through(self, process: Forked) -> None:
        """The sender gets over it, and sends on; or ends by itself, as supervisord would start it again."""
        eventually(lambda: ended(process) or self._marked("lived"), PATIENCE_S, "the sender goes on")
        end(process)

    def _restarted(self, process: Forked) -> None:
        assert self._place.restart
        self._place.restart()
        (self._folder / "restarted").touch()
        self._lived_through(process)

    def _read_only(self, process: Forked) -> None:
        """While nothing can be written the sender goes no further, and another one does not even begin."""
        assert self._disk
        eventually(lambda: ended(process) or self._marked("tried"), PATIENCE_S, "the sender notices")
        end(process)
        another = self._start(PATIENT)
        if another.wait(PATIENCE_S) == 0:
            self._wrong.append("a sender has started on a read-only folder")
        connection.close()
        self._disk.repair()

    def _stopped(self, process: Forked) -> None:
        """Let the lease of a sender that does not move run out, let another take over, then wake it."""
        stopped = psutil.Process(process.pid)
        eventually(lambda: stopped.status() == psutil.STATUS_STOPPED, what="it is stopped")
        other = self._start(PATIENT, "rival")
        try:
            eventually(lambda: self._done() or ended(other), TAKE_OVER_S, "another sender takes over")
        finally:
            end(other)
        before = self._written()
        process.send_signal(signal.SIGCONT)
        eventually(lambda: ended(process) or self._marked("awake"), PATIENCE_S, "it wakes and comes round")
        end(process)
        # Stopped within a transaction it held SQLite's lock: nobody could take over, and it may go on.
        if self._done() and before != self._written() and before[0]:
            self._wrong.append(f"the one that woke wrote or sent: {before} became {self._written()}")

    def _finish(self) -> None:
        """One more sender, until all messages have been handled; and until every STOP is heeded, where it may be."""
        if not self._done() or (self._answers and self._unheard()):
            process = self._start(PATIENT)
            try:
                eventually(lambda: self._done() or ended(process), FINISH_S, "the campaign is done")
                if self._answers:
                    with contextlib.suppress(AssertionError):  # they are counted at the end
                        eventually(lambda: not self._unheard() or ended(process), HEARD_S, "every STOP is heeded")
            finally:
                end(process)

    def _unheard(self) -> list[str]:
        """Those who have answered STOP, as everybody does who gets something, and are not on the list."""
        wrote = self._handed_over().keys()
        return sorted(wrote - ask(lambda: suppression.among(wrote)))

    # -- what came of it ---------------------------------------------------------------------------------------

    def _done(self) -> bool:
        return bool(ask(lambda: job_moves.job(self._job_id)).state == "completed")

    def _written(self) -> tuple[bool, int, int]:
        """Whether the job is done; how many lines its history and the journal have."""
        return self._done(), ask(lambda: Event.select().count()), self._handed_over().total()

    def _handed_over(self) -> Counter[str]:
        journal = self._data / "dryrun.jsonl"
        return (
            in_parts(journal, self._numbers, len(self._parts)) if self._parts else handed_over(journal, self._numbers)
        )

    def _states(self) -> dict[str, str]:
        query = Message.select(Message.number, Message.state).where(Message.job == self._job_id)
        return dict(ask(lambda: proxy.tuples(query)))

    def _decide(self) -> int:
        """Play the person who looks at the phone and decides; returns how many there were to be decided."""
        handed = self._handed_over()
        doubtful = ask(lambda: list(Message.select().where(Message.state == State.UNCERTAIN)))
        for message in doubtful:
            lifecycle.settle(message.id, handed[message.number] > 0, "a person", clock.now_ms())
        return len(doubtful)

    def _revenants(self) -> list[str]:
        """Moves under a lease that had passed on to somebody else, or had been ended, before."""
        found = []
        holders: dict[int, list[str | None]] = defaultdict(list)
        rows = Event.select(Event.message, Event.lease, Event.move).order_by(Event.id)
        for message_id, lease, move in ask(lambda: proxy.tuples(rows)):
            before = holders[message_id]
            if lease in before and lease != before[-1] and lease is not None:
                found.append(f"message {message_id}: {move} under a lease that had passed on")
            before.append(lease)
        return found


def _files(settings: config.Settings, folder: Path) -> list[str]:
    """A document and a picture, uploaded: their ids."""
    ids = []
    for name, content in (("plan.pdf", b"%PDF-1.4"), ("map.png", b"\x89PNG\r\n\x1a\n")):
        place = folder / name
        place.write_bytes(content)
        ids.append(uploads.add_attachment(settings, place, name, clock.now_ms()).id)
    return ids


def ended(process: Forked) -> bool:
    return process.poll() is not None


def end(process: Forked) -> None:
    """SIGTERM, which a sender must obey."""
    if not ended(process):
        process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(60)
        raise


def ask(question: Callable[[], T]) -> T:
    """The answer of a database that may be locked or away just now."""
    give_up = time.monotonic() + PATIENCE_S
    while True:
        try:
            with connection.available():
                return question()
        except errors.DatabaseBusy:
            if time.monotonic() > give_up:
                raise
