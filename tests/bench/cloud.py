"""Messages a second through the Cloud API's transport, and by a bare HTTP client that posts the same bodies.

Run as `python -m tests.bench.cloud [--messages N]`. Both send to the stand-in for Meta's API in a process of its own,
which answers after LATENCY_MS. The sender is a real process on SQLite, and the disk is written to as in production; it
counts from the first message that was taken to the last.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import aiohttp

from daemon import config
from daemon.campaigns import create
from daemon.db import clock, connection
from daemon.models import Job, Message
from daemon.states import JobState, State
from standin.graph.world import NUMBER_ID, TOKEN
from tests.support.cloud import cloud_settings
from tests.support.hand import known
from tests.support.rig import ROOT, eventually

FIRST = 491_511_000_000
RATE = 1_000  # messages a second that the number may send
AT_ONCE = 200
LATENCY_MS = 100


def numbers(count: int) -> list[str]:
    return [f"+{FIRST + n}" for n in range(count)]


async def bare(url: str, count: int) -> float:
    """Seconds for the same bodies by AT_ONCE clients of one session."""
    waiting = iter(numbers(count))
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def post() -> None:
            for number in waiting:
                body = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": number}
                body |= {"biz_opaque_callback_data": f"m:{number}:a:1", "type": "text"}
                text = {"text": {"body": "Hello", "preview_url": False}}
                async with session.post(f"{url}/v26.0/{NUMBER_ID}/messages", json=body | text) as answer:
                    assert answer.status == 200
                    await answer.read()

        began = time.monotonic()
        await asyncio.gather(*(post() for _ in range(AT_ONCE)))
        return time.monotonic() - began


def ours(url: str, count: int, folder: Path) -> float:
    """Seconds that a sender needs for a job of so many, from the first that is taken to the last."""
    database = f"sqlite:///{folder / 'wasender.db'}"
    connection.connect(database)
    own = cloud_settings(url, cloud_throughput=RATE) | {"data_dir": folder, "database_url": database}
    known("default")
    order = create.Order("Hello", numbers=numbers(count))
    create.create(config.load(_env_file=None, **own), order, "bench", clock.now_ms())
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WASENDER_")}
    words = {f"WASENDER_{name.upper()}": str(value) for name, value in (own | {"log_level": "warning"}).items()}
    with (folder / "sender.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "daemon.sender"],
            env=environment | words | {"PYTHONPATH": str(ROOT)}, cwd=folder, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            left = Job.select().where(Job.state != JobState.COMPLETED)
            eventually(lambda: not left.exists(), 60 + count / 20, "the job is completed")
        finally:
            process.terminate()
            process.wait(60)
    assert count == Message.select().where(Message.state == State.ACCEPTED).count()
    times = [row.accepted_at for row in Message.select(Message.accepted_at)]
    connection.close()
    return (max(times) - min(times)) / 1000


def main() -> None:
    """Measure both, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=5_000)
    options = parser.parse_args()
    switches = ['window="open"', "throughput=100000", "webhooks=false", "keep=false"]
    words = [word for pair in switches for word in ("--set", pair)]
    standin = subprocess.Popen([sys.executable, "-m", "standin.graph", *words], stdout=subprocess.PIPE)
    try:
        assert standin.stdout
        url = json.loads(standin.stdout.readline())["url"]
        slow = json.dumps({"rules": [{"slow_ms": LATENCY_MS}]}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{url}/_switch", slow), timeout=10).close()
        alone = options.messages / asyncio.run(bare(url, options.messages))
        with tempfile.TemporaryDirectory() as folder:
            through = options.messages / ours(url, options.messages, Path(folder))
    finally:
        standin.terminate()
        standin.wait()
    print(f"a bare client: {alone:,.0f} messages/s; a sender: {through:,.0f}, which may send {RATE:,}")
    print(f"ratio {through / alone:.2f}")


if __name__ == "__main__":
    main()
