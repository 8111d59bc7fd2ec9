"""Real sender processes over the stand-in for Meta's API: everybody gets it once, whatever is killed or lost."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from daemon.accounts import directory
from daemon.campaigns import create
from daemon.db import clock
from daemon.delivery import counters, job_moves, receipts
from daemon.models import Event, Job, Message
from daemon.states import AccountState, Hold, JobState, State, Status
from daemon.transports.protocol import StatusUpdate
from standin.graph.world import TOKEN
from tests.support import forks
from tests.support.cloud import cloud_settings
from tests.support.forks import Forked
from tests.support.hand import account, broken_histories, job_state
from tests.support.rig import eventually

CALLBACK = re.compile(r"m:(\d+):a:(\d+):j:\d{13}")


class Meta:
    """The stand-in, in a process of its own."""

    def __init__(self, url: str) -> None:
        self.url = url

    def has_tokens(self, **expire_at: float | None) -> None:
        """From now on, with when they expire: UTC seconds, None for never."""
        self.ask("/_world", {"tokens": [{"token": token, "expires_at": at} for token, at in expire_at.items()]})

    def ask(self, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data), timeout=90) as answer:
            return json.load(answer)

    def goes_wrong(self, *rules: dict[str, Any]) -> None:
        """From now on, instead of what went wrong before."""
        self.ask("/_switch", {"clear": True, "rules": list(rules)})

    def accepted(self) -> list[dict[str, Any]]:
        """Every message that it took."""
        found = self.ask("/_record")
        assert 0 == found["twice"]
        return list(found["messages"])

    def receipts(self) -> list[StatusUpdate]:
        """What it would report of them."""
        now, found = clock.now_ms(), []
        for each in self.accepted():
            of = CALLBACK.fullmatch(each["callback"])
            assert of
            found.append(StatusUpdate(Status.DELIVERED, now, each["id"], int(of[1]), int(of[2])))
        return found


@pytest.fixture
def meta(tmp_path: Path) -> Iterator[Meta]:
    """A stand-in whose number may send faster than this machine can."""
    switches = ("window=open", "throughput=100000", "webhooks=false")
    words = [word for pair in switches for word in ("--set", pair.replace("=open", '="open"'))]
    process = forks.start(["-m", "standin.graph", *words], os.environ, tmp_path, subprocess.PIPE)
    try:
        assert process.stdout
        yield Meta(json.loads(process.stdout.readline())["url"])
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path, meta: Meta) -> Iterator[Callable[..., Forked]]:
    """Start a sender, with further settings; whatever still runs at the end is killed."""
    usual = {"cloud_throughput": 200, "send_timeout_s": 5, "lease_s": 30, "retry_after_s": 0}
    with ExitStack() as stack:
        log = stack.enter_context((tmp_path / "sender.log").open("ab"))

        def start(**changes: Any) -> Forked:
            own = cloud_settings(meta.url, **usual | changes)
            words = environment | {f"WASENDER_{name.upper()}": str(value) for name, value in own.items()}
            process = forks.start(["-m", "daemon.sender"], words, tmp_path, log)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield start


@pytest.fixture
def queue(database: str, make_settings: Any, people: Any) -> Iterator[Callable[[int], Job]]:
    """Makes jobs; at the end counters and histories must agree with the rows."""
    settings = make_settings(transport="cloud")
    directory.open_account("default", clock.now_ms())

    def queue(count: int) -> Job:
        order = create.Order("Hello", numbers=[person.number for person in people(count)])
        return job_moves.job(create.create(settings, order, "test", clock.now_ms()).job_id)

    yield queue
    assert [] == counters.miscounted()
    assert [] == broken_histories()


def count(*states: State) -> int:
    return Message.select().where(Message.state.in_(states)).count()


def completed(job: Job) -> None:
    eventually(lambda: job_state(job) == JobState.COMPLETED, 90, "the job is completed")


def ended(process: Forked) -> None:
    process.send_signal(signal.SIGTERM)
    assert 0 == process.wait(60)


def test_everybody_is_taken_once_and_refusals_are_theirs_alone(start, queue, meta, people):
    """Also where Meta says it is too much, or one of them cannot be written to."""
    job = queue(300)
    alone = people(300)[7].number
    meta.goes_wrong({"to": alone, "code": 131026}, {"every": 40, "code": 130429})
    process = start()
    completed(job)
    ended(process)

    assert (299, 1) == (count(State.ACCEPTED), count(State.FAILED))
    sent = meta.accepted()
    assert sorted(person.number for person in people(300) if person.number != alone) == sorted(e["to"] for e in sent)
    assert {each["id"] for each in sent} == {m.transport_id for m in Message.select() if m.state == State.ACCEPTED}
    failed = Message.get(Message.state == State.FAILED)
    assert (alone, "cloud_undeliverable", 1) == (failed.number, failed.coded["code"], failed.attempts)


def test_a_kill_in_flight_is_settled_by_receipts_and_nothing_goes_out_twice(start, queue, meta):
    """What Meta took before the kill is told by it; of what it never got nobody can tell, and a person decides."""
    job = queue(260)
    meta.goes_wrong({"next": 60, "slow_ms": 60_000}, {"drop": "before", "next": 40})
    process = start(lease_s=5)
    eventually(lambda: len(meta.accepted()) >= 60 and count(State.SENDING) >= 60, 60, "sixty are in flight")
    process.kill()
    process.wait()
    in_flight = count(State.SENDING)
    meta.goes_wrong()
    process = start()
    eventually(lambda: count(State.ACCEPTED) > 0, 60, "the others go out")
    receipts.take("default", meta.receipts(), clock.now_ms())
    completed(job)
    receipts.take("default", meta.receipts(), clock.now_ms())
    ended(process)

    sent = meta.accepted()
    assert 60 <= in_flight <= 200
    assert len(sent) == count(State.DELIVERED)
    assert 260 == count(State.DELIVERED, State.UNCERTAIN)
    assert 0 == Event.select().where(Event.move == "requeue").count()


def test_a_token_that_expires_holds_the_account_and_a_new_one_goes_on(start, queue, meta):
    """In mid-campaign: nobody fails for it or loses an attempt, and everybody gets it once."""
    job = queue(120)
    process = start(cloud_throughput=40)
    eventually(lambda: len(meta.accepted()) >= 20, 60, "it is sending")
    meta.has_tokens(**{TOKEN: 1.0})
    eventually(lambda: account().hold == Hold.CREDENTIALS, 60, "the account is held")
    eventually(lambda: count(State.CLAIMED, State.SENDING) == 0, 60, "nothing is in hand")
    left = list(Message.select().where(Message.state != State.ACCEPTED))
    assert (AccountState.HELD, "cloud_token_invalid") == (account().state, account().coded["code"])
    assert {(State.PENDING, 0)} == {(each.state, each.attempts) for each in left}
    ended(process)

    meta.has_tokens(another=None)
    process = start(cloud_token="another")
    completed(job)
    ended(process)
    assert (120, 120) == (count(State.ACCEPTED), len(meta.accepted()))
    assert {1} == {each.attempts for each in Message.select()}
