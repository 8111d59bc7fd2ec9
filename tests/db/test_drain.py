"""Eight processes empty one queue: every message exactly once. `python -m tests.bench.drain` does it with 20,000."""

from __future__ import annotations

import subprocess
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import peewee

from daemon.db import proxy
from daemon.models import Event, Job
from daemon.states import JobState
from tests.bench import drain
from tests.support import forks
from tests.support.hand import Hand, job_state

SENDERS = 8
WORKER = """
import structlog, sys, time
from daemon.accounts import pacing
from daemon.db import clock, connection
from daemon.delivery import claim, moves
from daemon.models import Job
from daemon.states import Ack
from daemon.transports.protocol import Mark, Receipt
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))  # nobody reads the pipe meanwhile
connection.connect(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
give_up = time.monotonic() + 90
while Job.select().where(Job.state != "completed").exists():
    assert time.monotonic() < give_up, "another process has ended with messages in hand"
    for message in claim.claim("default", 3, clock.now_ms(), 60_000, pacing.Rules()):
        moves.submit(message, Mark(None), clock.now_ms(), pacing.Gap(0, pacing.Why.PAUSE, 1))
        with open(sys.argv[2], "a") as out:
            print(message.id, file=out)
        moves.confirm(message, Receipt("x", Ack.SENT), clock.now_ms())
connection.close()
"""


def test_eight_senders_drain_their_accounts(database: str, tmp_path: Path):
    """Real sender processes with an account each: by the rows, the history, the counters and what went out."""
    drain.drain(database, tmp_path / "data", 400, SENDERS, timeout=120)


def test_eight_processes_share_one_account(hand: Hand, database: str, environment: dict[str, str], tmp_path: Path):
    """As a transport does that takes many at once: three jobs, claims of three, and nobody gets it twice."""
    jobs = [hand.queue(120, first=1000 * n) for n in range(3)]
    out = tmp_path / "out"
    with ExitStack() as stack:
        workers = []
        for _ in range(SENDERS):
            words = ["-c", WORKER, database, str(out)]
            worker = forks.start(words, environment, tmp_path, subprocess.PIPE, subprocess.PIPE)
            stack.callback(worker.kill)
            workers.append(stack.enter_context(worker))
        for worker in workers:
            assert worker.stdout.readline().startswith("ready")
        for worker in workers:
            worker.stdin.write("\n")
            worker.stdin.flush()
        said = [worker.communicate(timeout=120)[0] for worker in workers]

    assert [""] * SENDERS == said
    times = Counter(out.read_text().split())
    assert (360, {1}) == (len(times), set(times.values()))
    assert [JobState.COMPLETED] * 3 == [job_state(job) for job in jobs]
    assert [(120, 120)] * 3 == proxy.tuples(Job.select(Job.sent, Job.total))
    moves = dict(proxy.tuples(Event.select(Event.move, peewee.fn.COUNT(1)).group_by(Event.move)))
    assert dict.fromkeys(("enqueue", "claim", "submit", "confirm"), 360) == moves
