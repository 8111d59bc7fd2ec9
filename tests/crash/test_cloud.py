"""Campaigns over the Cloud API while http is killed among what Meta tells, and a short run of `scripts/crash`."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp

from daemon import config
from standin.graph.server import serving
from standin.graph.world import APP_SECRET, VERIFY_TOKEN, World
from tests.crash import cloud
from tests.crash.fast import Place
from tests.crash.plan import Plan
from tests.support import forks
from tests.support.cloud import cloud_settings
from tests.support.graph import QUICK
from tests.support.rig import free_port

KEY = "a-key-for-tests-0123456789"
MANY = 150
FAST = {"read_ms": 2, "throughput": 1_000, "retry_ms": 20, "retry_most_ms": 100, "batch": 20}


async def test_nothing_is_lost_when_http_is_killed_in_between(tmp_path: Path) -> None:
    """Each person gets the message once, and of each it is known in the end that it was read."""
    port, world = free_port(), World(QUICK | FAST)
    async with serving(world, webhook=f"http://127.0.0.1:{port}/webhooks/cloud") as graph:
        own = cloud_settings(graph.url, cloud_app_secret=APP_SECRET, cloud_verify_token=VERIFY_TOKEN)
        own |= {"port": port, "data_dir": tmp_path / "data", "api_key": KEY, "cloud_throughput": 1_000}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(config.PREFIX)}
        environment = kept | {f"{config.PREFIX}{name.upper()}": str(value) for name, value in own.items()}
        running: dict[str, forks.Forked] = {}

        def start(name: str) -> None:
            with (tmp_path / f"{name}.log").open("ab") as log:
                running[name] = forks.start(["-m", f"daemon.{name}"], environment, tmp_path, log)

        start("http")
        try:
            async with aiohttp.ClientSession(headers={"X-API-KEY": KEY}) as session:
                url = f"http://127.0.0.1:{port}"
                numbers = [f"+{491_511_000_000 + n}" for n in range(MANY)]
                job = (await ask(session, "POST", f"{url}/send", json={"numbers": numbers, "message": "Hello"}))[
                    "job_id"
                ]
                start("sender")
                await until(session, f"{url}/status/{job}", lambda found: found["delivered"] + found["read"] > 0)
                running["http"].kill()
                start("http")
                await until(session, f"{url}/status/{job}", lambda found: found["read"] == MANY)
        finally:
            for each in running.values():
                each.kill()
        got = Counter(each.given for each in world.record.messages)
        assert dict.fromkeys(numbers, 1) == dict(got)


def test_faults_neither_lose_nor_double(tmp_path: Path) -> None:
    """Meta accepts everybody once, and a person decides only where an answer was lost and nothing was reported."""
    faults = [
        Plan("after_click", 2, "sender_kill"),
        Plan("after", 2, "cut"),
        Plan("after_untold", 1, "cut"),
        Plan("before_take_commit", 1, "http_kill"),
    ]

    tally = cloud.play(faults, tmp_path, Place())

    assert [] == tally.wrong
    assert (len(faults), tally.messages, 0, 0) == (
        tally.crashes, tally.delivered_once, tally.duplicates, tally.lost,
    )  # fmt: skip
    # Whose answer was cut off unreported; and who else was just being handed over when the sender was killed.
    assert 1 <= tally.uncertain <= 1 + cloud.AT_ONCE


async def ask(session: aiohttp.ClientSession, method: str, url: str, **what: Any) -> dict[str, Any]:
    """The answer, once there is somebody who gives it."""
    while True:
        try:
            async with session.request(method, url, **what) as answer:
                found: dict[str, Any] = await answer.json()
                assert 200 == answer.status, found
                return found
        except aiohttp.ClientError:
            await asyncio.sleep(0.02)


async def until(session: aiohttp.ClientSession, url: str, done: Any) -> None:
    async with asyncio.timeout(90):
        while not done(await ask(session, "GET", url)):
            await asyncio.sleep(0.02)
