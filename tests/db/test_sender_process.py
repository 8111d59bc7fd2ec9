"""The sender as it is started: `python -m daemon.sender`, on a dry run, ended in every way."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from daemon.campaigns import create
from daemon.db import clock, proxy
from daemon.delivery import counters, job_moves
from daemon.models import Account, Event, Job, Message
from daemon.states import JobState
from tests.conftest import BACKENDS
from tests.support.hand import broken_histories, known, states
from tests.support.processes import Start, starting
from tests.support.rig import PATIENCE_S


@pytest.fixture
def backend() -> str:
    """These start many processes: on SQLite, and on the others only what is about the database."""
    return "sqlite"


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts the process with these settings."""
    with starting("daemon.sender", environment, tmp_path) as start:
        yield start


@pytest.fixture
def queue(database: str, settings: Any, people: Any) -> Iterator[Callable[..., Job]]:
    """Makes jobs; at the end counters and histories must agree with the rows."""

    def queue(count: int, **order: Any) -> Job:
        numbers = [person.number for person in people(count)]
        known(order.get("account"))
        answer = create.create(settings, create.Order("Hello", numbers=numbers, **order), "test", clock.now_ms())
        return job_moves.job(answer.job_id)

    yield queue
    assert [] == counters.miscounted()
    assert [] == broken_histories()


def event(process: subprocess.Popen[str], name: str, nth: int = 1) -> dict[str, Any]:
    """The nth event of that name from here on in its log; the process is killed where it does not come."""
    late = threading.Timer(PATIENCE_S, process.kill)
    late.start()
    try:
        for line in process.stdout or ():
            found: dict[str, Any] = json.loads(line)
            nth -= found["event"] == name
            if not nth:
                return found
    finally:
        late.cancel()
    raise AssertionError(f"it ended without {name}")


def delivered(settings: Any) -> Counter[str]:
    """How often each person got it, by the dry run's journal."""
    lines = (settings.data_dir / "dryrun.jsonl").read_text().splitlines()
    return Counter(json.loads(line)["to"] for line in lines)


def hashes(people: list[Any]) -> set[str]:
    return {hashlib.sha256(person.number.encode()).hexdigest() for person in people}


def test_it_sends_a_job_and_ends_when_it_is_told(start, queue, settings, people):
    """SIGTERM: exit code 0, soon, with nothing in hand; the log names nobody."""
    job = queue(5)
    process = start()
    event(process, "job.completed")
    process.send_signal(signal.SIGTERM)
    rest = (process.stdout or iter(())).read()
    assert 0 == process.wait(30)  # in less than the 45 s that a message in hand would be given
    assert "process.stopped" in rest and "4915110" not in rest and "Hello" not in rest
    assert ["sent"] * 5 == states(job)
    assert hashes(people(5)) == set(delivered(settings))


def test_sigterm_in_the_middle_leaves_nothing_in_hand(start, queue, settings, people):
    """The rest is sent by the next life, everybody once."""
    job = queue(60)
    process = start()
    event(process, "message.confirmed", 3)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert 0 == process.returncode
    assert {"sent", "pending"} == set(states(job))
    event(start(), "job.completed")
    assert {1} == set(delivered(settings).values())
    assert hashes(people(60)) == set(delivered(settings))


@pytest.mark.parametrize("backend", BACKENDS)
def test_kills_at_any_point_lose_nobody_and_repeat_nobody(start, queue, settings, people):
    """SIGKILL after another event each time, until the job is done: everybody is in the journal exactly once."""
    job = queue(24)
    points = ["message.claimed", "message.submitted", "message.confirmed"] * 2
    for number, point in enumerate(points):
        process = start()
        event(process, point, 1 + number % 3)
        process.kill()
        process.communicate()
        assert -signal.SIGKILL == process.returncode
    event(start(), "job.completed")

    assert JobState.COMPLETED == job_moves.job(job.id).state
    assert ["sent"] * 24 == states(job)
    assert {1} == set(delivered(settings).values())
    assert hashes(people(24)) == set(delivered(settings))
    assert {1} == {row.attempts for row in Message.select()}


def test_a_crash_loop_does_not_send_faster(start, queue, settings):
    """Killed right after each message, and restarted at once: the pause is kept all the same."""
    queue(3, delay_min=2.0, delay_max=2.0)
    for _ in range(2):
        process = start()
        event(process, "message.confirmed")
        process.kill()
        process.communicate()
    process = start()
    event(process, "job.completed")
    times = [at for (at,) in proxy.tuples(Event.select(Event.at).where(Event.move == "submit").order_by(Event.id))]
    assert all(later - earlier >= 2000 for earlier, later in pairwise(times)), times


def test_a_second_sender_of_the_account_is_refused(start, queue, settings):
    """Exit code 1 and one clear line; the first one goes on."""
    first = start(ACCOUNT="default")
    event(first, "transport.started")
    second = start(ACCOUNT="default")
    reason = event(second, "process.refused")["reason"]
    assert 1 == second.wait(15)
    assert "Another sender" in reason and "default" in reason
    job = queue(2)
    event(first, "job.completed")
    assert ["sent", "sent"] == states(job)


def test_a_killed_sender_is_followed_at_once(start, queue, settings):
    """Its lease would last for a minute; that its process is no more, and the lock, prove that it is dead."""
    job = queue(6)
    first = start()
    event(first, "message.submitted", 2)
    first.kill()
    first.communicate()
    second = start()
    assert event(second, "account.taken")["proved"]
    event(second, "job.completed")
    assert ["sent"] * 6 == states(job)


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_installations_with_one_account_name_send_once(start, queue, settings, people, tmp_path):
    """The second has a profile and a lock of its own, and is refused all the same, until the first is no more. What the
    first was sending then is nobody's to send again."""
    jobs = [queue(2)]
    other = tmp_path / "other"
    other.mkdir()
    first = start(LEASE_S="5", ACCOUNT="default")
    event(first, "job.completed")
    second = start(LEASE_S="5", ACCOUNT="default", DATA_DIR=str(other))
    reason = event(second, "process.refused")["reason"]
    assert 1 == second.wait(15)
    assert "Another sender drives account default" in reason and "WASENDER_ACCOUNT" in reason
    jobs.append(queue(10, delay_min=0.2, delay_max=0.2))
    event(first, "message.confirmed")
    first.kill()
    first.communicate()
    third = start(LEASE_S="5", ACCOUNT="default", DATA_DIR=str(other))
    assert not event(third, "account.taken")["proved"]
    event(third, "job.completed")
    ends = [state for job in jobs for state in states(job)]
    uncertain = ends.count("uncertain")
    assert uncertain <= 1 and {"sent", "uncertain"} >= set(ends)
    both = delivered(settings) + delivered(settings.model_copy(update={"data_dir": other}))
    assert 12 - uncertain <= both.total() <= 12
    asked = Counter(hashes(people(2))) + Counter(hashes(people(10)))
    assert not both - asked


def test_senders_of_two_accounts_share_the_database(start, queue, settings):
    """Each sends its own jobs, both at once."""
    jobs = [queue(10), queue(10, account="other")]
    processes = [start(), start(ACCOUNT="other")]
    for process in processes:
        event(process, "job.completed")
    assert [["sent"] * 10] * 2 == [states(job) for job in jobs]
    assert {"default", "other"} == {row.name for row in Account.select()}


@pytest.mark.parametrize(
    ("settings_", "words"),
    [
        ({"DELAY_MIN": "9", "TRANSPORT": "pigeon"}, ["WASENDER_DELAY_MAX", "WASENDER_TRANSPORT", "'dryrun'"]),
        ({"TRANSPORT": "cloud", "CLOUD_THROUGHPUT": "0"}, ["WASENDER_CLOUD_THROUGHPUT"]),
        ({"DATA_DIR": "/proc/nowhere"}, ["/proc/nowhere", "WASENDER_DATA_DIR"]),
        ({"DATABASE_URL": "sqlite:////proc/nowhere.db"}, ["database"]),
    ],
)
def test_what_cannot_work_is_told_in_one_line(start, settings_, words):
    """Exit code 1, and every problem in it."""
    process = start(**settings_)
    reason = event(process, "process.refused")["reason"]
    assert 1 == process.wait(15)
    assert all(word in reason for word in words)
