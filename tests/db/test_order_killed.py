"""http is killed in the midst of a large order, or of its stop: a real process, SIGKILL, and what comes after."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from daemon.db import proxy
from daemon.delivery import enqueue
from daemon.models import Event, Job, Message
from daemon.states import FILLING, JobState
from tests.support import forks
from tests.support.forks import Forked
from tests.support.hand import Hand
from tests.support.rig import eventually

MANY = 4_000
KEY = "a-key-for-tests-0123456789"


@contextmanager
def http(environment: dict[str, str], folder: Path) -> Iterator[tuple[Forked, str]]:
    """The process and its address; it is killed at the end."""
    changes = {"WASENDER_PORT": "0", "WASENDER_API_KEY": KEY}
    with forks.start(["-m", "daemon.http"], environment | changes, folder, subprocess.PIPE) as process:
        try:
            told = map(json.loads, process.stdout or ())
            yield process, next(event["url"] for event in told if event["event"] == "http.listening")
        finally:
            process.kill()


def order(url: str) -> dict[str, Any]:
    """Its answer. Raises OSError where there is none."""
    return post(f"{url}/send", {"numbers": [f"+491511{n:07}" for n in range(MANY)], "message": "Hello"})


def post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"X-API-KEY": KEY, "Idempotency-Key": "an order", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return dict(json.load(response))


def half_stored() -> bool:
    return bool(0 < Message.select().count() < MANY)


@pytest.mark.usefixtures("database")
def test_an_order_whose_http_was_killed_is_no_job_until_it_is_repeated(environment, tmp_path, hand: Hand, clock):
    """What was stored of it goes to nobody and is deleted; the same request makes one whole job, and only once."""
    with http(environment, tmp_path) as (process, url), ThreadPoolExecutor(1) as client:
        answer = client.submit(order, url)
        while not half_stored():  # storing takes half a second or more
            assert not answer.done()
        process.kill()
        process.wait(60)
        with pytest.raises(OSError):
            answer.result(60)
    part = Message.select().count()
    assert 0 < part < MANY
    assert [(FILLING, part)] == [(job.state, job.total) for job in Job.select()]
    assert [] == hand.claim(50)

    with http(environment, tmp_path) as (_, url):
        made = order(url)
        assert made == order(url)
    (job,) = Job.select().where(Job.state != FILLING)
    assert (made["job_id"], JobState.PENDING, MANY, MANY) == (job.id, job.state, job.total, job.pending)
    clock.now = max(job.created_at for job in Job.select()) + enqueue.ABANDONED_MS + 1
    assert 1 == enqueue.sweep(clock())
    assert [job.id] == [each.id for each in Job.select()]
    rows = Message.select(Message.job, Message.number, Message.state).order_by(Message.id)
    assert [(job.id, f"+491511{n:07}", "pending") for n in range(MANY)] == proxy.tuples(rows)
    assert MANY == Event.select().count()


@pytest.mark.usefixtures("database")
def test_a_stop_whose_http_was_killed_is_finished_by_the_next_one(environment, tmp_path, hand: Hand):
    """It holds from its first transaction on: what was still queued then goes to nobody."""
    job, other = hand.queue(MANY), hand.queue(1, first=2 * MANY)

    def cancelled() -> int:
        return int(Job.get_by_id(job.id).cancelled)

    with http(environment, tmp_path) as (process, url), ThreadPoolExecutor(1) as client:
        answer = client.submit(post, f"{url}/stop/{job.id}", {})
        while not cancelled():  # the whole takes a third of a second or more
            assert not answer.done()
        process.kill()
        process.wait(60)
        with pytest.raises(OSError):
            answer.result(60)
    assert 0 < cancelled() < MANY
    assert (JobState.STOPPED, MANY - cancelled()) == (Job.get_by_id(job.id).state, Job.get_by_id(job.id).pending)
    assert [other.id] == [message.job_id for message in hand.claim(50)]
    assert [] == hand.claim(50)

    with http(environment, tmp_path) as (_, url):
        eventually(lambda: cancelled() == MANY, 60, "the rest is cancelled")
        assert "stopped" == post(f"{url}/stop/{job.id}", {})["status"]
    made = Event.select(Event.message).join(Message).where(Message.job == job, Event.move == "cancel")
    assert MANY == made.count() == made.distinct().count()
    assert ["cancelled"] == [row[0] for row in proxy.tuples(job.messages.select(Message.state).distinct())]
