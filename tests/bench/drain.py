"""Drain a queue and count what became of every message; the disk is written to as in production.

Run as `python -m tests.bench.drain [--database sqlite|postgresql] [--messages N] [--senders N]`. Without `--senders`
one sender has one lane first, then 200, on a transport that takes LATENCY_S for each message, on both databases, and
the ratio is printed. With it so many senders have an account and a job of their own each, and the dry-run transport.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import peewee
import structlog

from daemon import config
from daemon.campaigns import create
from daemon.db import clock, connection, proxy
from daemon.delivery import counters
from daemon.models import Event, Job, Message
from daemon.states import JobState, State
from tests.support import forks
from tests.support.forks import Forked
from tests.support.hand import known
from tests.support.postgres import Server
from tests.support.rig import ROOT, eventually

FIRST = 491_511_000_000
LANES = (1, 200)
LATENCY_S = 0.02  # of the transport with lanes
ONE_LANE = 200  # messages at most, where they go one after the other


def fill(url: str, folder: Path, messages: int, senders: int) -> None:
    """One job for each sender's account; the messages are shared out among them."""
    settings = config.load(
        _env_file=None, data_dir=folder, database_url=url, transport="dryrun", delay_min=0, delay_max=0
    )
    for n in range(senders):
        people = [{"number": f"+{FIRST + i}", "name": f"Person {i}"} for i in range(n, messages, senders)]
        known(f"account-{n}")
        order = create.Order("Hello {{ name }}", recipients=people, account=f"account-{n}")
        create.create(settings, order, "test", clock.now_ms())


@contextmanager
def running(url: str, folder: Path, senders: int, lanes: int | None) -> Iterator[list[Forked]]:
    """So many real sender processes, which end with exit code 0 when they are told to. lanes: see `drain`."""
    settings = {"DATA_DIR": folder, "DATABASE_URL": url, "TRANSPORT": "dryrun", "DELAY_MIN": 0, "DELAY_MAX": 0}
    settings |= {"LONG_PAUSE_EVERY": 0, "LOG_LEVEL": "warning"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WASENDER_")}
    environment |= {f"WASENDER_{name}": str(value) for name, value in settings.items()} | {"PYTHONPATH": str(ROOT)}
    environment |= {"MANY_LANES": str(lanes), "MANY_LATENCY_S": str(LATENCY_S)}
    with ExitStack() as stack:
        processes = []
        for n in range(senders):
            log = stack.enter_context((folder / f"sender-{n}.log").open("wb"))
            words = ["-m", "tests.support.many" if lanes else "daemon.sender"]
            processes.append(forks.start(words, environment | {"WASENDER_ACCOUNT": f"account-{n}"}, folder, log))
            stack.callback(processes[-1].kill)
        yield processes
        for process in processes:
            process.terminate()
        logs = "\n".join((folder / f"sender-{n}.log").read_text()[-2000:] for n in range(senders))
        assert {0} == {process.wait(60) for process in processes}, logs


def drained(timeout: float) -> None:
    """Returns when every job is completed."""
    left = Job.select().where(Job.state != JobState.COMPLETED)
    eventually(lambda: not left.exists(), timeout, "all jobs are completed")


def check(folder: Path, messages: int) -> None:
    """Everybody got it exactly once: by the rows, by the history, by the counters, and by what went out."""
    assert {State.SENT: messages} == dict(
        proxy.tuples(Message.select(Message.state, peewee.fn.COUNT(1)).group_by(Message.state))
    )
    moves = dict(proxy.tuples(Event.select(Event.move, peewee.fn.COUNT(1)).group_by(Event.move)))
    assert {"enqueue": messages, "claim": messages, "submit": messages, "confirm": messages} == moves
    assert [] == counters.miscounted()
    out = Counter(json.loads(line)["to"] for line in (folder / "dryrun.jsonl").read_text().splitlines())
    assert (messages, messages) == (len(out), sum(out.values()))


def drain(url: str, folder: Path, messages: int, senders: int, timeout: float, lanes: int | None = None) -> float:
    """Seconds from the start of the processes to the last message's tick; the database is connected to.

    lanes: of each sender, on a transport that takes as many at once; None: the dry run.
    """
    fill(url, folder, messages, senders)
    began = time.monotonic()
    with running(url, folder, senders, lanes):
        drained(timeout)
        took = time.monotonic() - began
    check(folder, messages)
    return took


def measured(database: str, messages: int, senders: int, lanes: int | None = None) -> float:
    """Messages a second, on a fresh database."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = f"sqlite:///{folder / 'wasender.db'}"
        if database == "postgresql":
            url = stack.enter_context(Server(durable=True)).new_database()
        connection.connect(url)
        stack.callback(connection.close)
        took = drain(url, folder, messages, senders, 1200, lanes)
    rate = messages / took
    with_lanes = f", lanes each: {lanes}" if lanes else ""
    print(
        f"{database}: {messages} messages, senders: {senders}{with_lanes}: {took:.1f} s, {rate:.0f} a second",
        flush=True,
    )
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.drain", description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--senders", type=int)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    for database in options.database or ("sqlite", "postgresql"):
        if options.senders:
            measured(database, options.messages, options.senders)
            continue
        one, many = (measured(database, min(options.messages, ONE_LANE * n), 1, n) for n in LANES)
        print(f"{database}: {LANES[1]} lanes are {many / one:.1f} times as fast as one", flush=True)


if __name__ == "__main__":
    main()
