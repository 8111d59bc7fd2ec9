"""How long a sender waits for the database while a large job is stored; the disk is written to as in production.

Run as `python -m tests.bench.enqueue [--database sqlite|postgresql] [--people N] [--whole]`. A sender's hand claims,
submits and confirms one message after the other, first alone, then while another process stores a job for so many
people. Printed are the longest of these rounds, the ratio of the medians, and how long a transaction of the job took,
in which SQLite is locked. --whole: in one transaction.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from daemon import config
from daemon.accounts import directory, pacing
from daemon.campaigns import create
from daemon.config import Settings
from daemon.db import clock, connection
from daemon.delivery import chunks, claim, moves
from daemon.states import Ack
from daemon.transports.protocol import Receipt
from tests.bench.drain import FIRST
from tests.support.hand import MARK, known
from tests.support.postgres import Server

ALONE = 500  # rounds
LEASE_MS = 60_000
PAUSE_S = 0.01  # between two rounds: the least that a transport takes


@contextmanager
def timed(held: list[float]) -> Iterator[None]:
    """A transaction of the job that is being stored, whose time is kept, from the lock to the end of its COMMIT."""
    with connection.write():
        began = time.monotonic()
        yield
    held.append(time.monotonic() - began)


def store(settings: Settings, people: int, whole: bool, begun: Any, took: Any) -> None:
    """In a process of its own: check the order, then say so, and store it. took: seconds in all, the transactions, and
    the median and longest of them."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))
    connection.connect(settings.db_url)
    if whole:
        chunks.CHUNK = people
    recipients = [{"number": f"+{FIRST + 1_000_000 + n}", "name": f"Person {n}"} for n in range(people)]
    known("another")
    order = create.Order("Hello {{ name }}", recipients=recipients, account="another")
    checked = create.check(settings, order, clock.now_ms())
    begun.set()
    held: list[float] = []
    chunks.write = partial(timed, held)
    began = time.monotonic()
    with create.filled(settings, checked, "bench", clock.now_ms()) as job:
        create.store(settings, checked, "bench", clock.now_ms(), job)
    took[:] = [time.monotonic() - began, len(held), statistics.median(held), max(held)]


Round = tuple[float, float]  # seconds of the claim, and of all


def a_round() -> Round:
    """Seconds of a claim, and of all three."""
    began = time.monotonic()
    (message,) = claim.claim("account-0", 1, clock.now_ms(), LEASE_MS, pacing.Rules())
    claimed = time.monotonic()
    moves.submit(message, MARK, clock.now_ms(), pacing.Gap(0, pacing.Why.PAUSE, 1))
    moves.confirm(message, Receipt(f"id-{message.id}", Ack.SENT), clock.now_ms())
    return claimed - began, time.monotonic() - began


@contextmanager
def a_queue(database: str) -> Iterator[tuple[str, Settings]]:
    """A database of its own, whose account-0 has 20,000 to write to: where it is, and settings for it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = f"sqlite:///{folder / 'wasender.db'}"
        if database == "postgresql":
            url = stack.enter_context(Server(durable=True)).new_database()
        connection.connect(url)
        stack.callback(connection.close)
        settings = config.load(_env_file=None, data_dir=folder, database_url=url, transport="dryrun", delay_min=0)
        directory.open_account("account-0", clock.now_ms())
        numbers = [f"+{FIRST + n}" for n in range(20_000)]
        create.create(settings, create.Order("Hello", numbers=numbers, account="account-0"), "bench", clock.now_ms())
        yield url, settings


def compared(work: Callable[..., None], *given: Any) -> tuple[list[Round], list[Round], list[float]]:
    """Rounds of a sender alone, rounds beside a process that does `work(*given, begun, took)`, and what it took."""
    alone, beside = [], []
    for _ in range(ALONE):
        alone.append(a_round())
        time.sleep(PAUSE_S)
    begun, took = multiprocessing.Event(), multiprocessing.Array("d", 4)
    other = multiprocessing.Process(target=work, args=(*given, begun, took))
    other.start()
    begun.wait()
    while other.is_alive():
        beside.append(a_round())
        time.sleep(PAUSE_S)
    other.join()
    return alone, beside, list(took)


def measured(database: str, people: int, whole: bool) -> None:
    with a_queue(database) as (_, settings):
        alone, beside, took = compared(store, settings, people, whole)
    how = "in one transaction" if whole else "in chunks"
    ratio = statistics.median(each for _, each in beside) / statistics.median(each for _, each in alone)
    longest = (
        [max(rounds) for rounds in zip(*alone, strict=True)],
        [max(rounds) for rounds in zip(*beside, strict=True)],
    )
    seconds, count, middle, most = took
    print(
        f"{database}: {people} people stored {how} in {seconds:.1f} s ({people / seconds:.0f} a second), by "
        f"{count:.0f} transactions of {1000 * middle:.0f} ms (the longest {1000 * most:.0f}); "
        f"meanwhile {len(beside)} messages went out, each {ratio:.1f} times as long as alone; the longest claim "
        f"{1000 * longest[1][0]:.0f} ms (alone {1000 * longest[0][0]:.0f}), the longest message "
        f"{1000 * longest[1][1]:.0f} ms (alone {1000 * longest[0][1]:.0f})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.enqueue", description=__doc__.splitlines()[0])
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    parser.add_argument("--people", type=int, default=200_000)
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))
    for database in options.database or ("sqlite", "postgresql"):
        measured(database, options.people, options.whole)


if __name__ == "__main__":
    main()
