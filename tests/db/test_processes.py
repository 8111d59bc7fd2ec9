"""Several at once, and one that is killed: real threads and real processes on one database."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Barrier

import pytest

from daemon import errors
from daemon.accounts import directory, pacing
from daemon.campaigns import lifecycle
from daemon.db import connection
from daemon.delivery import claim as claiming
from daemon.delivery import moves, rescue
from daemon.models import Account, Message
from daemon.states import State
from daemon.transports.protocol import Mark
from tests.conftest import NOW
from tests.support import forks
from tests.support.forks import Forked
from tests.support.hand import LEASE_MS, Hand, fresh, states

CLAIMER = """
import sys
from daemon.accounts import pacing
from daemon.db import connection
from daemon.delivery import claim
url, count = sys.argv[1], int(sys.argv[2])
connection.connect(url)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(count):
    for message in claim.claim("default", 1, {now}, 60_000, pacing.Rules()):
        print("took", message.id, flush=True)
connection.close()
""".replace("{now}", str(NOW))

VICTIM = """
import signal, sys
from daemon.accounts import pacing
from daemon.db import connection
from daemon.delivery import claim, moves
from daemon.transports.protocol import Mark
connection.connect(sys.argv[1])
sending, claimed = claim.claim("default", 2, {now}, 60_000, pacing.Rules())
moves.submit(sending, Mark("before"), {now}, pacing.Gap(8_000, pacing.Why.PAUSE, 1))
print("handed over", flush=True)
signal.pause()  # until it is killed
""".replace("{now}", str(NOW))


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Forked]]:
    """Start Python on a script; whatever still runs at the end is killed."""
    with ExitStack() as stack:

        def start(script: str, *arguments: str) -> Forked:
            words = ["-c", script, *arguments]
            process = forks.start(words, environment, tmp_path, subprocess.PIPE, subprocess.PIPE)
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


def told(process: Forked, what: str) -> str:
    """What follows `what` in the next line of its output that begins so; our processes log to stdout, too."""
    for line in process.stdout or ():
        if line.startswith(what):
            return line.removeprefix(what).strip()
    raise AssertionError(f"it ended without {what!r}")


def test_threads_never_claim_the_same_message(hand: Hand, clock, database):
    """Four threads that start together share the messages out among them."""
    hand.queue(60)
    together = Barrier(4)

    def claim() -> list[int]:
        try:
            together.wait()
            return [m.id for _ in range(20) for m in claiming.claim("default", 1, clock(), LEASE_MS, pacing.Rules())]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        taken = [number for each in [threads.submit(claim) for _ in range(4)] for number in each.result()]
    assert 60 == len(taken) == len(set(taken))


def test_processes_never_claim_the_same_message(hand: Hand, database, start):
    """Three processes behind a barrier, as two senders after a mistake would be."""
    job = hand.queue(45)
    claimers = [start(CLAIMER, database, "20") for _ in range(3)]
    for claimer in claimers:
        told(claimer, "ready")
    for claimer in claimers:
        claimer.stdin.write("\n")
        claimer.stdin.flush()
    lines = [line for claimer in claimers for line in claimer.communicate(timeout=60)[0].splitlines()]
    taken = [line for line in lines if line.startswith("took")]

    assert [0, 0, 0] == [claimer.returncode for claimer in claimers]
    assert 45 == len(taken) == len(set(taken))
    assert {"claimed"} == set(states(job))


def test_a_killed_sender_leaves_what_the_contract_says(hand: Hand, clock, database, start):
    """SIGKILL: the claimed one is queued again, the one that may be out comes back with its mark, the pace holds."""
    hand.queue(3)
    victim = start(VICTIM, database)
    told(victim, "handed over")
    victim.kill()
    assert -signal.SIGKILL == victim.wait(60)
    first, second, third = Message.select().order_by(Message.id)
    assert [State.SENDING, State.CLAIMED, State.PENDING] == [first.state, second.state, third.state]

    directory.open_account("default", clock())
    (doubtful,) = rescue.take_over("default", clock(), LEASE_MS, sole=True)

    assert (first.id, Mark("before")) == (doubtful.id, Mark.loads(doubtful.mark))
    assert (State.PENDING, 0) == (fresh(second).state, fresh(second).attempts)
    assert [] == hand.claim()
    assert NOW + 8_000 == Account.get_by_id("default").next_send_at
    moves.requeue(doubtful, "the chat does not have it", clock())
    clock.advance(8_000)
    assert 3 == len(hand.send_all())


def test_jobs_may_be_made_while_a_sender_claims(hand: Hand, clock, database):
    """Writers of both processes wait for each other; nobody is refused and nothing is lost."""
    hand.queue(30)
    together = Barrier(2)

    def send() -> int:
        try:
            together.wait()
            return len(hand.send_all())
        finally:
            connection.close()

    def order() -> int:
        try:
            together.wait()
            for n in range(10):
                job = hand.queue(2, first=1000 + 10 * n)
                with suppress(errors.IllegalMove):  # the sender may have been faster
                    lifecycle.pause(job.id, "test", hand.clock())
                    lifecycle.resume(job.id, "test", hand.clock())
            return 20
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        sent, ordered = (threads.submit(work) for work in (send, order))
        assert 20 == ordered.result()
        assert 50 == sent.result() + len(hand.send_all())
