"""How fast what Meta reports is taken: `python -m tests.bench.receipts [--updates 20000] [--postgresql]`.

A process of wasender gets signed batches at a steady rate; the same batches go to a bare aiohttp handler in a process
of its own. Prints updates a second that are worked through, and how long answers take, median and 99th percentile, as a
ratio to the bare handler's.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import peewee
from aiohttp import web

from daemon import config
from daemon.accounts import directory
from daemon.campaigns import create
from daemon.db import clock, connection
from daemon.models import CloudBatch, Handover, Job, Message
from daemon.states import State
from daemon.transports.protocol import callback_of
from tests.support import postgres
from tests.support.meta import SETTINGS, batch, change, signature, status
from tests.support.rig import free_port

FIRST = 491_511_000_000
STEPS = ("sent", "delivered", "read")
EACH_S = 0.1


def bodies(messages: int, size: int, made_at: int) -> list[bytes]:
    """Batches of `size` updates: of all messages that they are sent, then delivered, then read. made_at: when their job
    was."""
    told = [_told(word, message, made_at) for word in STEPS for message in range(1, messages + 1)]
    return [batch(change("statuses", told[at : at + size])) for at in range(0, len(told), size)]


def _told(word: str, message: int, made_at: int) -> dict[str, Any]:
    pricing = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "marketing"}
    who = {"recipient_id": str(FIRST + message), "recipient_user_id": f"DE.{message:020d}"}
    return status(word, callback_of(message, 1, made_at), f"wamid.HBgN{message:048d}", **who, pricing=pricing)


def fill(settings: config.Settings, messages: int, made_at: int) -> None:
    """So many that Meta has accepted, of a job that was made then."""
    connection.connect(settings.db_url)
    directory.open_account("default", clock.now_ms())
    numbers = [f"+{FIRST + number}" for number in range(1, messages + 1)]
    create.create(settings, create.Order("Hello", numbers=numbers), "bench", clock.now_ms())
    at = clock.now_ms()
    with connection.write():
        taken = {"state": State.ACCEPTED.value, "submissions": 1, "submitted_at": at, "accepted_at": at}
        Message.update(taken).execute()
        Job.update(created_at=made_at).execute()
        columns = [Handover.account, Handover.number, Handover.person, Handover.at, Handover.kind, Handover.message]
        mine = (Message.account, Message.number, Message.person, Message.submitted_at)
        each = (*mine, peewee.Value("campaign"), Message.id)
        Handover.insert_from(Message.select(*each, peewee.Value(False)), [*columns, Handover.missed]).execute()
        Job.update(pending=0, accepted=messages, state="completed").execute()
    connection.close()


async def post(url: str, batches: list[bytes], rate: float) -> list[float]:
    """Post them at so many batches a second, whether the ones before are answered or not; how long each took."""
    took: list[float] = []

    async def one(session: aiohttp.ClientSession, body: bytes, given: str) -> None:
        begun = time.perf_counter()
        headers = {"X-Hub-Signature-256": given, "Content-Type": "application/json"}
        async with session.post(url, data=body, headers=headers) as answer:
            assert 200 == answer.status, await answer.text()
        took.append(time.perf_counter() - begun)

    signed = [(body, signature(body)) for body in batches]
    async with aiohttp.ClientSession() as session:
        begun, tasks = time.perf_counter(), []
        for at, (body, given) in enumerate(signed):
            await asyncio.sleep(max(0.0, begun + at / rate - time.perf_counter()))
            tasks.append(asyncio.create_task(one(session, body, given)))
        await asyncio.gather(*tasks)
    return took


def bare(port: int) -> None:
    """A handler that reads the body and answers."""

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    app = web.Application(client_max_size=8 << 20)
    app.router.add_post("/webhooks/cloud", handle)
    web.run_app(app, host="127.0.0.1", port=port, print=None)


@contextmanager
def serving_bare() -> Iterator[str]:
    port = free_port()
    process = multiprocessing.get_context("spawn").Process(target=bare, args=(port,), daemon=True)
    process.start()
    yield f"http://127.0.0.1:{port}/webhooks/cloud"
    process.terminate()
    process.join()


@contextmanager
def serving(folder: Path, url: str) -> Iterator[str]:
    port = free_port()
    own = {f"WASENDER_{name.upper()}": value for name, value in SETTINGS.items()}
    own |= {"WASENDER_DATA_DIR": str(folder), "WASENDER_PORT": str(port), "WASENDER_LOG_LEVEL": "error"}
    environment = os.environ | own | ({"WASENDER_DATABASE_URL": url} if url else {})
    process = subprocess.Popen([sys.executable, "-m", "daemon.http"], env=environment)
    yield f"http://127.0.0.1:{port}/webhooks/cloud"
    process.send_signal(signal.SIGTERM)
    process.wait(20)


async def up(url: str) -> None:
    """Wait until it answers."""
    async with aiohttp.ClientSession() as session:
        for _ in range(600):
            try:
                async with session.get(url):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)
    raise SystemExit(f"{url} does not answer")


def shown(took: list[float]) -> tuple[float, float]:
    """Median and 99th percentile, ms."""
    return 1_000 * statistics.median(took), 1_000 * statistics.quantiles(took, n=100)[98]


def measure(updates: int, size: int, rate: float, server: postgres.Server | None) -> None:
    messages = updates // len(STEPS)
    made_at = clock.now_ms()
    batches = bodies(messages, size, made_at)
    with serving_bare() as url:
        asyncio.run(up(url))
        plain = shown(asyncio.run(post(url, batches, rate / size)))
    with tempfile.TemporaryDirectory() as name:
        database = server.new_database() if server else ""
        settings = config.load(_env_file=None, data_dir=Path(name), database_url=database, **SETTINGS)
        fill(settings, messages, made_at)
        with serving(Path(name), database) as url:
            asyncio.run(up(url))
            begun = time.perf_counter()
            ours = shown(asyncio.run(post(url, batches, rate / size)))
            connection.connect(settings.db_url)
            while CloudBatch.select().count():
                time.sleep(EACH_S)
            took = time.perf_counter() - begun
            read = Message.select().where(Message.state == State.READ.value).count()
            connection.close()
    assert read == messages, (read, messages)
    kind = "PostgreSQL" if server else "SQLite"
    total = len(STEPS) * messages
    print(
        f"{kind}: {total} updates, {size} in a batch, {rate:g} a second: {total / took:,.0f} worked through a second; "
        f"answered in {ours[0]:.1f} ms (median), {ours[1]:.1f} ms (99 %); bare handler {plain[0]:.1f} and "
        f"{plain[1]:.1f} ms: {ours[0] / plain[0]:.1f} and {ours[1] / plain[1]:.1f} times as long"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=30_000)
    parser.add_argument("--size", type=int, default=1_000, help="updates in a batch")
    parser.add_argument("--rate", type=float, default=3_000, help="updates a second")
    parser.add_argument("--postgresql", action="store_true")
    given = parser.parse_args()
    with ExitStack() as stack:
        server = stack.enter_context(postgres.Server(durable=True)) if given.postgresql else None
        measure(given.updates, given.size, given.rate, server)


if __name__ == "__main__":
    main()
