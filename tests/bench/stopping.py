"""How long a sender waits for the database while a large job is stopped or retried; the disk is written to as in
production.

Run as `python -m tests.bench.stopping [--database sqlite|postgresql] [--people N] [--move stop|retry] [--whole]`. A
sender's hand sends one message after the other, first alone, then while another process makes the move. Printed are the
longest claims and messages, and how long a transaction of the move took, in which SQLite is locked. --whole: in one
transaction.
"""

from __future__ import annotations

import argparse
import statistics
import time
from functools import partial
from typing import Any

import peewee
import structlog

from daemon.campaigns import create, lifecycle
from daemon.config import Settings
from daemon.db import clock, connection
from daemon.delivery import chunks
from daemon.models import Event, Job, Message
from daemon.states import JobState, State
from tests.bench.drain import FIRST
from tests.bench.enqueue import a_queue, compared, timed
from tests.support.hand import known


def make(url: str, job_id: int, move: str, whole: int, begun: Any, took: Any) -> None:
    """In a process of its own. took: seconds in all, the transactions, and the median and longest of them."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))
    connection.connect(url)
    if whole:
        chunks.CHUNK = whole
    held: list[float] = []
    chunks.write = partial(timed, held)
    begun.set()
    began = time.monotonic()
    getattr(lifecycle, move)(job_id, "bench", clock.now_ms())
    took[:] = [time.monotonic() - began, len(held), statistics.median(held), max(held)]


def stored(settings: Settings, people: int, move: str) -> int:
    """The job that the move is made with: all of its messages wait, or all have failed."""
    known("another")
    numbers = [f"+{FIRST + 1_000_000 + n}" for n in range(people)]
    made = create.create(
        settings, create.Order("Hello", numbers=numbers, account="another"), "bench", clock.now_ms()
    ).job_id
    if move == "retry":
        now, theirs = clock.now_ms(), Message.job == made
        with connection.write():
            Message.update(state=State.FAILED, attempts=3, error="no", ended_at=now).where(theirs).execute()
            line = (Message.id, *map(peewee.Value, (now, "sender", "fail", "claimed", "failed")))
            columns = [Event.message, Event.at, Event.who, Event.move, Event.source, Event.target]
            Event.insert_from(Message.select(*line).where(theirs), columns).execute()
            Job.update(state=JobState.COMPLETED, pending=0, failed=people).where(Job.id == made).execute()
    return made


def measured(database: str, people: int, move: str, whole: bool) -> None:
    with a_queue(database) as (url, settings):
        job_id = stored(settings, people, move)
        alone, beside, took = compared(make, url, job_id, move, whole * people)
        job = Job.get_by_id(job_id)
        assert people == (job.cancelled if move == "stop" else job.pending)
    how = "in one transaction" if whole else "in chunks"
    seconds, count, middle, most = took
    waits = [1000 * max(rounds) for each in (beside, alone) for rounds in zip(*each, strict=True)]
    print(
        f"{database}: {move} of {people} people {how} in {seconds:.1f} s, by {count:.0f} transactions of "
        f"{1000 * middle:.0f} ms (the longest {1000 * most:.0f}); meanwhile {len(beside)} messages went out; the "
        f"longest claim {waits[0]:.0f} ms (alone {waits[2]:.0f}), the longest message {waits[1]:.0f} ms "
        f"(alone {waits[3]:.0f})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stopping", description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    parser.add_argument("--people", type=int, default=200_000)
    parser.add_argument("--move", choices=("stop", "retry"), action="append")
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))
    for database in options.database or ("sqlite", "postgresql"):
        for move in options.move or ("stop", "retry"):
            measured(database, options.people, move, options.whole)


if __name__ == "__main__":
    main()
