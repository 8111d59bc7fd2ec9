"""Campaigns with faults in them: does everybody get the message exactly once? Run as `scripts/crash`.

A round is a campaign on a fresh database. Senders with a planted fault (victim.py) run one after the other
until the campaign is done; then what was really handed over (the journal of the dry-run transport) is held
against what the database says. `--browser` rounds go through real Chromium and the stand-in (browser.py).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import psutil
import structlog

from daemon import campaigns, config, db, errors, outbox
from daemon.models import Message, State
from tests.crash.victim import FAULTS, POINTS
from tests.rig import ROOT, eventually

T = TypeVar("T")
MESSAGES = 6
LEASE_S = 5  # the least there is
PATIENCE_S = 60
SQLITE_ONLY = frozenset({"locked", "readonly", "full"})
POSTGRESQL_ONLY = frozenset({"restart"})


@dataclass(frozen=True)
class Place:
    """A fresh database. url: None is SQLite in the round's own folder; restart: of the server, where there is one."""

    url: str | None = None
    restart: Callable[[], None] | None = None


@dataclass
class Tally:
    """What came of the rounds of one kind of fault."""

    crashes: int = 0
    messages: int = 0
    delivered_once: int = 0
    duplicates: int = 0
    lost: int = 0
    uncertain: int = 0
    rounds: list[str] = field(default_factory=list)  # those that went wrong, to repeat them

    def add(self, other: Tally) -> None:
        for name in ("crashes", "messages", "delivered_once", "duplicates", "lost", "uncertain"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.rounds += other.rounds

    def line(self) -> str:
        return (
            f"crashes={self.crashes} messages={self.messages} delivered_once={self.delivered_once} "
            f"duplicates={self.duplicates} lost={self.lost} uncertain={self.uncertain}"
        )


@dataclass(frozen=True)
class Plan:
    """One fault: where, the how manieth time that place is passed, and what happens there."""

    point: str
    nth: int
    kind: str

    def __str__(self) -> str:
        return f"{self.kind}@{self.point}#{self.nth}"


def plans(dice: random.Random, kinds: list[str], count: int) -> list[list[Plan]]:
    """Rounds of one kind of fault each: every kind at every point once, the rest by chance, kills most often.

    A stopped sender costs a lease's time and a full disk a file system, so they strike once in a round.
    """
    systematic = [Plan(point, dice.randint(1, 3), kind) for kind in kinds for point in POINTS]
    dice.shuffle(systematic)
    kills = ["kill"] * 4 * len(kinds)
    while len(systematic) < count:
        systematic.append(Plan(dice.choice(POINTS), dice.randint(1, 3), dice.choice(kinds + kills)))
    rounds: list[list[Plan]] = []
    for kind in kinds:
        waiting = [plan for plan in systematic[:count] if plan.kind == kind]
        while waiting:
            size = 1 if kind in ("stop", "full") else dice.randint(3, 6)
            rounds.append(waiting[:size])
            waiting = waiting[size:]
    dice.shuffle(rounds)
    return rounds


def struck_in(environment: dict[str, str], plan: Plan) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "tests.crash.victim", plan.point, str(plan.nth), plan.kind]
    log = Path(environment["WASENDER_DATA_DIR"]).parent / "senders.log"
    with log.open("ab") as output:
        return subprocess.Popen(words, cwd=ROOT, env=environment, stdout=output, stderr=output)


def done(job_id: int) -> bool:
    return bool(_ask(lambda: campaigns.job(job_id)).state == "completed")


def round_of(plans_of_round: list[Plan], folder: Path, place: Place) -> Tally:
    """One campaign with these faults in it, one after the other."""
    data, url = folder / "data", place.url
    data.mkdir()
    with ExitStack() as stack:
        if any(plan.kind == "full" for plan in plans_of_round):
            stack.enter_context(_small_disk(data))
        environment = os.environ | {
            "WASENDER_DATA_DIR": str(data), "WASENDER_TRANSPORT": "dryrun", "WASENDER_DELAY_MIN": "0",
            "WASENDER_DELAY_MAX": "0", "WASENDER_LONG_PAUSE_EVERY": "0", "WASENDER_LEASE_S": str(LEASE_S),
            "WASENDER_RETRY_AFTER_S": "0", "WASENDER_MAX_ATTEMPTS": "3", "WASENDER_DATABASE_URL": url or "",
        }  # fmt: skip
        settings = config.load(data_dir=data, database_url=url or "", transport="dryrun")
        db.connect(settings.db_url)
        try:
            numbers = [f"+4930231{n:05d}" for n in range(len(plans_of_round) * 2 + MESSAGES)]
            order = campaigns.Order(text="Hello", numbers=numbers, delay_min=0, delay_max=0)
            job_id = campaigns.create(settings, order, "crash")["job_id"]
            crashes = sum(_one_life(plan, environment, data, job_id, place) for plan in plans_of_round)
            last = struck_in(environment, Plan("none", 1, "none"))
            eventually(lambda: done(job_id) or _ended(last), PATIENCE_S, "the campaign is done")
            _end(last)
            found = judge(job_id, numbers, data / "dryrun.jsonl")
        finally:
            db.close()
    found.crashes = crashes
    if found.duplicates or found.lost:
        found.rounds.append(" ".join(map(str, plans_of_round)))
    return found


def _one_life(plan: Plan, environment: dict[str, str], data: Path, job_id: int, place: Place) -> bool:
    """Run a sender until its fault has struck and is over, or there is nothing left to send. True: it struck."""
    mark = data / "struck"
    mark.unlink(missing_ok=True)
    (data / "restarted").unlink(missing_ok=True)
    process = struck_in(environment, plan)

    def over() -> bool:
        return _ended(process) or mark.exists() or done(job_id)

    eventually(over, PATIENCE_S, f"{plan} strikes")
    if plan.kind == "restart" and mark.exists() and place.restart:
        place.restart()
        (data / "restarted").touch()
    if plan.kind == "stop" and mark.exists():
        return _while_stopped(process, environment, job_id)
    if mark.exists():  # the fault lasts a while; the sender has to live through it or to end by itself
        before = _progress(job_id)
        eventually(lambda: _ended(process) or _progress(job_id) != before or done(job_id), PATIENCE_S, "it goes on")
        _end(process)
        return True
    killed = _ended(process) and process.returncode == -signal.SIGKILL
    _end(process)
    return killed


def _while_stopped(process: subprocess.Popen[bytes], environment: dict[str, str], job_id: int) -> bool:
    """Let the lease of a sender that does not move run out, let another take over, then wake it."""
    stopped = psutil.Process(process.pid)
    eventually(lambda: stopped.status() == psutil.STATUS_STOPPED, 5, "it is stopped")
    other = subprocess.Popen(
        [sys.executable, "-m", "tests.crash.rival"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    eventually(lambda: done(job_id) or _ended(other), PATIENCE_S, "another sender takes over")
    _end(other)
    process.send_signal(signal.SIGCONT)
    eventually(lambda: stopped.status() != psutil.STATUS_STOPPED or _ended(process), 5, "it is awake")
    _end(process)
    return True


def _ended(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


def _end(process: subprocess.Popen[bytes]) -> None:
    if not _ended(process):
        process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def _progress(job_id: int) -> tuple[int, int]:
    """Changes when anything moves."""
    found = _ask(lambda: campaigns.job(job_id))
    return found.pending, found.sent


def _ask(question: Callable[[], T]) -> T:
    """The answer of a database that may be locked or away just now."""
    give_up = time.monotonic() + PATIENCE_S
    while True:
        try:
            with db.available():
                return question()
        except errors.DatabaseBusy:
            if time.monotonic() > give_up:
                raise


def judge(job_id: int, numbers: list[str], journal: Path) -> Tally:
    """Hold what was handed over against what the database says of each recipient."""
    handed: Counter[str] = Counter()
    if journal.exists():
        handed = Counter(json.loads(line)["to"] for line in journal.read_text().splitlines())
    tally = Tally(messages=len(numbers))
    states = dict(db.tuples(Message.select(Message.number, Message.state).where(Message.job == job_id)))
    for number in numbers:
        times, state = handed[hashlib.sha256(number.encode()).hexdigest()], State(states[number])
        tally.delivered_once += times == 1
        tally.duplicates += max(0, times - 1)
        tally.uncertain += state is State.UNCERTAIN
        # An uncertain one is known to be in doubt; anything else must say what really happened.
        tally.lost += state is not State.UNCERTAIN and (times == 0 or state is not State.SENT)
    assert [] == outbox.miscounted()
    return tally


@contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    """A file system of 2 MB at `folder`, so that it can really be full. Needs root."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def run(seed: int, crashes: int, kinds: list[str], places: Iterator[Place]) -> dict[str, Tally]:
    """About `crashes` faults; a point that a short campaign does not pass often enough is passed over.

    Returns tallies by kind of fault.
    """
    tallies: dict[str, Tally] = defaultdict(Tally)
    for chosen in plans(random.Random(seed), kinds, crashes):
        with tempfile.TemporaryDirectory(prefix="wasender-crash-") as folder:
            tallies[f"{chosen[0].kind} (sender)"].add(round_of(chosen, Path(folder), next(places)))
    return tallies


def report(tallies: dict[str, Tally], took_s: float) -> int:
    """Print the table and the line of figures; returns the exit code."""
    whole = Tally()
    print(f"{'fault':<22} {'crashes':>8} {'messages':>9} {'once':>7} {'dupl.':>6} {'lost':>5} {'uncertain':>10}")
    for kind, tally in sorted(tallies.items()):
        whole.add(tally)
        print(
            f"{kind:<22} {tally.crashes:>8} {tally.messages:>9} {tally.delivered_once:>7} "
            f"{tally.duplicates:>6} {tally.lost:>5} {tally.uncertain:>10}"
        )
    for bad in whole.rounds:
        print(f"WRONG: {bad}")
    print(whole.line())
    print(f"({took_s:.0f} s)", file=sys.stderr)
    return 1 if whole.duplicates or whole.lost else 0


def fresh_places(database: str, stack: ExitStack) -> Iterator[Place]:
    """A fresh database for each round."""
    if database == "sqlite":
        while True:
            yield Place()
    from tests.postgres import Server

    server = stack.enter_context(Server())
    while True:
        yield Place(server.new_database(), server.restart)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/crash", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40, help="faults through the fast transport (default 40)")
    parser.add_argument("--browser", type=int, default=0, help="faults through real Chromium (default 0)")
    parser.add_argument("--seed", type=int, default=1, help="repeats the same faults (default 1)")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    other = POSTGRESQL_ONLY if options.database == "sqlite" else SQLITE_ONLY
    kinds = [kind for kind in FAULTS if kind != "none" and kind not in other]
    if os.geteuid() != 0 and "full" in kinds:
        kinds.remove("full")
        print("not root: no disk is filled", file=sys.stderr)
    began = time.monotonic()
    tallies: dict[str, Tally] = {}
    with ExitStack() as stack:
        if options.rounds:
            tallies |= run(options.seed, options.rounds, kinds, fresh_places(options.database, stack))
        if options.browser:
            from tests.crash import browser

            tallies |= browser.run(options.seed, options.browser)
    return report(tallies, time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main())
