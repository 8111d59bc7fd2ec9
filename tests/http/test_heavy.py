"""Large orders and files leave threads and memory to everything else."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from typing import Any

import pytest

from daemon.campaigns import create, idempotency
from daemon.http import DB_THREADS
from daemon.models import Job
from daemon.server import heavy, json_bodies
from tests.http.conftest import Caller, form
from tests.support.scripted import until

MANY = [f"+4915110{number:06d}" for number in range(20_000)]  # more than LARGE bytes


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Orders with many numbers take until `go` is set; `begun` are those that have begun."""
    real, go, begun = create.check, threading.Event(), []

    def slow(settings: Any, order: Any, now: int) -> Any:
        if order.numbers and len(order.numbers) > 100:
            begun.append(order)
            assert go.wait(20)
        return real(settings, order, now)

    monkeypatch.setattr(create, "check", slow)
    slow.go, slow.begun = go, begun  # type: ignore[attr-defined]
    yield slow
    go.set()


async def test_large_orders_leave_threads_to_others(api: Caller, member: Any, held: Any) -> None:
    """Two are worked on, whoever else waits; small orders, pages and health are answered meanwhile."""
    large = [asyncio.create_task(api.post("/send", {"numbers": MANY, "message": "Hi"})) for _ in range(DB_THREADS + 1)]
    await until(lambda: len(held.begun) == heavy.AT_ONCE)
    for _ in range(DB_THREADS):
        await api.get("/health")
        await api.get("/jobs")
        assert 1 == (await api.post("/send", {"numbers": MANY[:1], "message": "Hi"}))["total_numbers"]
        assert 200 == (await member.get("/app", headers={"Accept": "text/html"})).status
    assert heavy.AT_ONCE == len(held.begun)
    assert not any(each.done() for each in large)
    held.go.set()
    assert {len(MANY)} == {each["total_numbers"] for each in await asyncio.gather(*large)}
    assert len(large) == Job.select().where(Job.total == len(MANY)).count()


async def test_an_upload_that_is_large_waits_like_a_large_body(api: Caller, held: Any, monkeypatch: Any) -> None:
    """It is named by a small one."""
    monkeypatch.setattr(heavy, "LARGE", 10_000)
    found = await api.post("/upload", data=form("\n".join(MANY[:2_000]).encode(), "a.txt"))
    large = [asyncio.create_task(api.post("/send", {"numbers": MANY, "message": "Hi"})) for _ in range(heavy.AT_ONCE)]
    await until(lambda: len(held.begun) == heavy.AT_ONCE)
    named = asyncio.create_task(api.post("/send", {"upload_id": found["upload_id"], "message": "Hi"}))
    await api.get("/jobs")
    await asyncio.sleep(0.05)
    assert not named.done()
    held.go.set()
    assert 2_000 == (await named)["total_numbers"]
    await asyncio.gather(*large)


async def test_memory_for_large_bodies_is_bounded(api: Caller, held: Any, monkeypatch: Any) -> None:
    """One more is told to come again, before any of it is kept; a small one is taken. Later there is room again."""
    size = len(json.dumps({"numbers": MANY, "message": "Hi"}))
    monkeypatch.setattr(heavy, "ROOM", 2 * size + 1_000)
    large = [asyncio.create_task(api.post("/send", {"numbers": MANY, "message": "Hi"})) for _ in range(2)]
    await until(lambda: len(held.begun) == 2)
    refused = await api.post("/send", {"numbers": MANY, "message": "Hi"}, 503)
    assert refused["type"].endswith("reading-busy") and "try again" in refused["detail"]
    await api.post("/send", {"numbers": MANY[:1], "message": "Hi"})
    held.go.set()
    await asyncio.gather(*large)
    await api.post("/send", {"numbers": MANY, "message": "Hi"})


async def test_a_large_body_is_refused_as_a_small_one(api: Caller) -> None:
    """With the place where it is wrong; a repeat with its key is known, also where the fields come in another order."""
    text = json.dumps({"message": "Hi", "numbers": MANY})
    assert len(text) > json_bodies.SMALL
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    refused = await api.post("/send", None, 400, data=text[:-2], headers=headers)
    assert "is not valid JSON: " in refused["detail"] and "near byte" in refused["detail"]
    first = await api.post("/send", None, data=text, headers=headers)
    again = json.dumps({"numbers": MANY, "message": "Hi"}, indent=1)
    assert first == await api.post("/send", None, data=again, headers=headers)
    await api.post("/send", None, 409, data=text.replace("Hi", "Ho"), headers=headers)


@pytest.mark.parametrize(
    "asked",
    [{}, [], {"body": None}, {"b": {"z": [1, {"y": 1, "x": None}], "a": "é"}, "a": 1.5}, [[], {}, [{}]], {1: 2},
     {"numbers": list(range(2_500)), "recipients": [{"b": 1, "a": [2]}] * 1_001}, ["x"] * 1_000],
)  # fmt: skip
def test_a_request_is_known_by_the_digest_of_earlier_versions(asked: Any) -> None:
    """Written in parts, it is what was written at once: a repeat after an upgrade gets its answer."""
    whole = json.dumps((asked,), sort_keys=True, default=str).encode()
    assert hashlib.sha256(whole).hexdigest() == idempotency.digest(asked)
