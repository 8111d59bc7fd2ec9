"""Many messages in flight at once, in a real sender process: each has its own lease, deadline and doubt."""

from __future__ import annotations

import hashlib
import json
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import peewee
import pytest

from daemon.accounts import directory
from daemon.campaigns import create, lifecycle
from daemon.contacts import suppression
from daemon.db import clock, proxy
from daemon.delivery import counters, job_moves
from daemon.models import Event, Job, Message
from daemon.states import JobState, State
from tests.support import forks
from tests.support.forks import Forked
from tests.support.hand import account, broken_histories, job_state
from tests.support.many import FLIGHTS
from tests.support.rig import eventually

LANES = 200


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Forked]]:
    """Start a sender with LANES lanes; whatever still runs at the end is killed."""
    with ExitStack() as stack:
        log = stack.enter_context((tmp_path / "sender.log").open("ab"))

        def start(script: dict[str, str] | None = None, **many: Any) -> Forked:
            changes = {"MANY_LANES": LANES, "MANY_SCRIPT": json.dumps(script or {})} | many
            # The lease is longer than a busy machine keeps a process from renewing it.
            quick = {"WASENDER_LEASE_S": "30", "WASENDER_RETRY_AFTER_S": "0", "WASENDER_MAX_ATTEMPTS": "2"}
            words = environment | quick | {name: str(value) for name, value in changes.items()}
            process = forks.start(["-m", "tests.support.many"], words, tmp_path, log)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield start


@pytest.fixture
def queue(database: str, settings: Any, people: Any) -> Iterator[Callable[..., Job]]:
    """Makes jobs; at the end counters and histories must agree with the rows."""
    directory.open_account("default", clock.now_ms())

    def queue(count: int, **order: Any) -> Job:
        numbers = [person.number for person in people(count)]
        return job_moves.job(
            create.create(settings, create.Order("Hello", numbers=numbers, **order), "test", clock.now_ms()).job_id
        )

    yield queue
    assert [] == counters.miscounted()
    assert [] == broken_histories()


def delivered(settings: Any) -> Counter[str]:
    """How often each got it; by the hash of the number."""
    journal = settings.data_dir / "dryrun.jsonl"
    lines = journal.read_text().splitlines() if journal.exists() else []
    return Counter(json.loads(line)["to"] for line in lines)


def in_flight(settings: Any) -> int:
    """How many hand-overs there were at once, at most."""
    most = now = 0
    for line in (settings.data_dir / FLIGHTS).read_text().splitlines():
        now += 1 if json.loads(line)["what"] == "begin" else -1
        most = max(most, now)
    return most


def named(number: str) -> str:
    return hashlib.sha256(number.encode()).hexdigest()


def count(*states: State) -> int:
    return Message.select().where(Message.state.in_(states)).count()


def state_of(number: str) -> str:
    return Message.get(Message.number == number).state


def completed(job: Job, timeout_s: float = 60) -> None:
    eventually(lambda: job_state(job) == JobState.COMPLETED, timeout_s, "the job is completed")


def ended(process: Forked) -> None:
    process.send_signal(signal.SIGTERM)
    assert 0 == process.wait(60)


def test_two_hundred_are_in_flight_at_once_and_everybody_gets_it_once(start, queue, settings, people):
    """They are claimed and moved in batches: moves by the thousand share a few transactions."""
    job = queue(600)
    process = start(MANY_LATENCY_S=3)
    completed(job)
    ended(process)
    assert LANES == in_flight(settings)
    assert {named(person.number): 1 for person in people(600)} == delivered(settings)
    moves = Event.select(Event.move, peewee.fn.COUNT(1), peewee.fn.COUNT(Event.at.distinct())).group_by(Event.move)
    for name, made, times in proxy.tuples(moves.where(Event.move.in_(["claim", "submit", "confirm"]))):
        assert (600, True) == (made, times < 200), f"{name}: {times} transactions at least"


def test_the_stuck_and_the_doubtful_leave_the_others_alone(start, queue, settings, people):
    """Each is settled by today's rules: one whose answer never came is found in the chat; one that never left is tried
    again until its attempts are used up; of one nobody can tell, and a person decides; one cannot be reached."""
    hung, stalled, lost, refused = (person.number for person in people(4))
    script = {hung: "hang", stalled: "stall", lost: "ambiguous", refused: "refuse"}
    job = queue(300)
    process = start(script, MANY_SPARE_S=-7, WASENDER_SEND_TIMEOUT_S=5)  # a message has 3 s in its lane
    eventually(lambda: count(State.SENT) >= 296, what="the others are sent")
    completed(job)
    ended(process)
    assert ["sent", "failed", "uncertain", "failed"] == [state_of(each) for each in (hung, stalled, lost, refused)]
    got = delivered(settings)
    assert {named(hung): 1, named(lost): 1} == {each: got[each] for each in map(named, (hung, lost))}
    assert 0 == got[named(stalled)] + got[named(refused)]
    assert 297 + 1 == len(got) and {1} == set(got.values())


def test_a_kill_with_all_lanes_in_flight_loses_nobody(start, queue, settings, people):
    """No more are looked up than were in flight; everybody gets it once."""
    job = queue(400)
    process = start(MANY_LATENCY_S=60, WASENDER_LEASE_S=5)
    eventually(lambda: count(State.SENDING) == LANES, what="all lanes are in flight")
    process.kill()
    process.wait()
    assert LANES >= count(State.SENDING)
    process = start()
    completed(job)
    ended(process)
    assert {named(person.number): 1 for person in people(400)} == delivered(settings)
    looked_up = Event.select().where(Event.move.in_(["requeue", "lose"])).count()
    assert looked_up <= LANES and 400 == count(State.SENT)


def test_a_term_with_lanes_in_flight_leaves_none_in_doubt(start, queue, settings, people):
    """They have their moment to end; who was claimed only is queued again."""
    job = queue(500)
    process = start(MANY_LATENCY_S=3)
    eventually(lambda: count(State.SENDING) >= LANES, what="all lanes are in flight")
    ended(process)
    assert 0 == count(State.SENDING, State.CLAIMED)
    process = start()
    completed(job)
    ended(process)
    assert {named(person.number): 1 for person in people(500)} == delivered(settings)


@pytest.mark.parametrize("button", ["pause", "stop"])
def test_a_job_that_is_paused_or_stopped_while_lanes_are_in_flight(start, queue, settings, button):
    """What is in flight is confirmed, and nothing more leaves."""
    job = queue(400)
    process = start(MANY_LATENCY_S=3)
    eventually(lambda: count(State.SENDING) >= LANES, what="all lanes are in flight")
    getattr(lifecycle, button)(job.id, "test", clock.now_ms())
    eventually(lambda: not count(State.SENDING, State.CLAIMED), what="the lanes are empty")
    ended(process)
    assert delivered(settings).total() == count(State.SENT) < 400


def test_who_opts_out_after_the_claim_is_not_written_to_and_others_of_the_batch_are(start, queue, settings, people):
    """The refusal of one at submit leaves the others of its transaction."""
    job = queue(LANES)
    numbers = [person.number for person in people(LANES)]
    process = start(MANY_PREPARE_S=3)
    eventually(lambda: count(State.CLAIMED) == LANES, what="all are claimed")
    for number in numbers[:3]:
        suppression.suppress(settings, number, "asked", "test", clock.now_ms())
    completed(job)
    ended(process)
    assert ["skipped"] * 3 == [state_of(number) for number in numbers[:3]]
    assert LANES - 3 == delivered(settings).total() == count(State.SENT)


def test_a_batch_does_not_pass_the_cap(start, queue, settings):
    """The cap has room for 50: of two hundred lanes fifty are used."""
    job = queue(120)
    process = start(WASENDER_HOURLY_CAP=50)
    eventually(lambda: count(State.SENT) == 50, what="as many as may are sent")
    eventually(lambda: account().next_send_at is not None and not count(State.CLAIMED, State.SENDING), what="it rests")
    ended(process)
    assert 50 == delivered(settings).total()
    assert JobState.RUNNING == job_state(job)


def test_a_ban_stops_all_lanes_and_nobody_is_to_blame(start, queue, people):
    """Everybody keeps their place and their attempts."""
    queue(600)
    process = start({people(300)[-1].number: "ban"})
    eventually(lambda: account().state == "banned", what="the account says so")
    eventually(lambda: not count(State.CLAIMED, State.SENDING), what="the lanes are empty")
    ended(process)
    assert 0 == count(State.FAILED, State.UNCERTAIN)
    assert 0 == Message.select().where(Message.state == State.PENDING, Message.attempts > 0).count()
