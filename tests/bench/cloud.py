"""Messages a second through the Cloud API, every move of theirs durable, and three receipts of each taken beside it.

Run as `scripts/bench cloud [--database sqlite|postgresql|URL] [--seconds 60]`. A sender, an http process and the
stand-in for Meta's API are processes of their own, as in production; the stand-in answers after LATENCY_MS and reports
of each message that it was sent, delivered and read. In the end everybody must have got it once, and be known to have
read it. A bare HTTP client posts the same bodies to such a stand-in first, without receipts: the ratio to it says more
than the figures do about another machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from daemon import config
from daemon.campaigns import create
from daemon.db import clock, connection
from daemon.delivery import counters
from daemon.models import CloudBatch, Job, Message
from daemon.states import State
from standin.graph.world import APP_SECRET, NUMBER_ID, TOKEN, VERIFY_TOKEN
from tests.support import postgres
from tests.support.cloud import cloud_settings
from tests.support.hand import broken_histories, known
from tests.support.rig import ROOT, eventually, free_port

FIRST = 491_511_000_000
RATE = 1_000  # messages a second that the number may send: Meta allows no more
AT_ONCE = 200  # of the bare client
LATENCY_MS = 100
STEPS = {State.ACCEPTED: 0, State.SENT: 1, State.DELIVERED: 2, State.READ: 3}  # receipts that have led there
SWITCHES = {"window": "open", "throughput": 100_000, "keep": False, "answer_ms": LATENCY_MS}
RECEIPTS = {"sent_ms": 300, "delivered_ms": 500, "read_ms": 1_000, "gather_ms": 100}
MOST_BARE_S = 10.0
QUARTERS = 4


def numbers(count: int) -> list[str]:
    return [f"+{FIRST + n}" for n in range(count)]


def asked(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=90) as answer:
        return json.load(answer)


@contextmanager
def running(words: list[str], out: Any, **settings: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process; it has ended when this does. settings: given without their prefix."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WASENDER_")}
    environment |= {f"WASENDER_{name.upper()}": str(value) for name, value in settings.items()}
    command, environment = [sys.executable, "-m", *words], environment | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stdout=out)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def meta(webhook: str | None, **switches: object) -> Iterator[tuple[str, psutil.Process]]:
    """The stand-in: its address, and its process."""
    words = [word for name, value in (SWITCHES | switches).items() for word in ("--set", f"{name}={json.dumps(value)}")]
    address = ["--webhook", webhook] if webhook else []
    with running(["standin.graph", *address, *words], subprocess.PIPE) as process:
        assert process.stdout
        yield json.loads(process.stdout.readline())["url"], psutil.Process(process.pid)


async def bare(url: str, seconds: float) -> float:
    """Messages a second by AT_ONCE clients of one session."""
    sent = 0
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def post() -> None:
            nonlocal sent
            while time.monotonic() < until:
                sent += 1
                body = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": f"+{FIRST + sent}"}
                body |= {"biz_opaque_callback_data": f"m:{sent}:a:1", "type": "text"}
                text = {"text": {"body": "Hello", "preview_url": False}}
                async with session.post(f"{url}/v26.0/{NUMBER_ID}/messages", json=body | text) as answer:
                    assert answer.status == 200
                    await answer.read()

        began = time.monotonic()
        until = began + seconds
        await asyncio.gather(*(post() for _ in range(AT_ONCE)))
        return sent / (time.monotonic() - began)


@dataclass
class Sample:
    """How far it is, and what the processes have used: at is monotonic, cpu in seconds, memory in bytes (PSS)."""

    at: float
    confirmed: int
    receipts: int
    cpu: dict[str, float]
    memory: dict[str, int]


def sample(processes: dict[str, psutil.Process]) -> Sample:
    job = Job.get()
    counts = {state: getattr(job, state.value) for state in STEPS}
    cpu, memory = dict.fromkeys(processes, 0.0), dict.fromkeys(processes, 0)
    for name, process in processes.items():
        for each in [process, *process.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):  # one that PostgreSQL has for a moment
                times = each.cpu_times()
                cpu[name] += times.user + times.system + times.children_user + times.children_system
                memory[name] += each.memory_full_info().pss
    receipts = sum(STEPS[state] * count for state, count in counts.items())
    return Sample(time.monotonic(), sum(counts.values()), receipts, cpu, memory)


def settled(url: str) -> dict[str, Any]:
    """What the stand-in has recorded, once all it has taken is known here to be read; nothing may be missing."""
    out = Message.select().where(Message.state != State.PENDING)
    count = out.count()
    told: dict[str, Any] = asked(f"{url}/_record?summary=1&accepted={count}&settled={count}")

    def over() -> bool:
        return not CloudBatch.select().exists() and not out.where(Message.state != State.READ).exists()

    eventually(over, 60 + count / 100, "all that was told is worked through")
    told = asked(f"{url}/_record?summary=1")
    assert (count, 0) == (told["accepted"], told["twice"]), told
    assert [] == counters.miscounted() and [] == broken_histories()
    return told


@dataclass
class Measured:
    """samples: from the first message that was taken to the end of the time; taken: by the stand-in until then;
    webhooks: how it got rid of its receipts."""

    samples: list[Sample]
    taken: int
    webhooks: dict[str, Any]

    @property
    def took_s(self) -> float:
        return self.samples[-1].at - self.samples[0].at

    @property
    def confirmed(self) -> int:
        return self.samples[-1].confirmed - self.samples[0].confirmed


def measure(database: str, seconds: float, folder: Path, others: dict[str, psutil.Process]) -> Measured:
    """Send for so long. others: processes that work for it, too."""
    port, count = free_port(), round(RATE * seconds * 1.1)
    with ExitStack() as stack:
        url, standin = stack.enter_context(meta(f"http://127.0.0.1:{port}/webhooks/cloud", **RECEIPTS))
        own = cloud_settings(url, cloud_throughput=RATE, cloud_app_secret=APP_SECRET, cloud_verify_token=VERIFY_TOKEN)
        own |= {"data_dir": folder, "database_url": database, "port": port}
        connection.connect(database)
        stack.callback(connection.close)
        known("default")
        order = create.Order("Hello", numbers=numbers(count))
        create.create(config.load(_env_file=None, **own), order, "bench", clock.now_ms())
        log = stack.enter_context((folder / "http.log").open("wb"))
        http = stack.enter_context(running(["daemon.http"], log, **own))
        eventually(lambda: answers(port), what="the http process answers")
        with (folder / "sender.log").open("wb") as log, running(["daemon.sender"], log, **own) as sender:
            ours = {"sender": psutil.Process(sender.pid), "http": psutil.Process(http.pid)}
            processes = ours | {"stand-in": standin} | others
            samples = [eventually(lambda: begun(processes), what="the first message is taken")]
            for quarter in range(1, QUARTERS + 1):
                time.sleep(max(samples[0].at + seconds * quarter / QUARTERS - time.monotonic(), 0))
                samples.append(sample(processes))
            taken = asked(f"{url}/_record?summary=1")["accepted"]
        return Measured(samples, taken, settled(url)["webhooks"])


def answers(port: int) -> bool:
    with suppress(OSError):
        return asked(f"http://127.0.0.1:{port}/health") is not None
    return False


def begun(processes: dict[str, psutil.Process]) -> Sample | None:
    found = sample(processes)
    return found if found.confirmed else None


def shown(found: Measured) -> list[str]:
    first, last = found.samples[0], found.samples[-1]
    took_s, each_ms, webhooks = found.took_s, found.webhooks["took_ms"], found.webhooks
    used = {name: (last.cpu[name] - first.cpu[name]) / max(found.confirmed, 1) * 1e6 for name in last.cpu}
    memory = {name: ", ".join(f"{each.memory[name] / 2**20:.0f}" for each in found.samples) for name in last.memory}
    return [
        f"{(found.taken - first.confirmed) / took_s:,.0f} messages/s, {found.confirmed / took_s:,.0f} confirmed/s, "
        f"{(last.receipts - first.receipts) / took_s:,.0f} receipts/s, for {took_s:.0f} s",
        f"webhooks: {webhooks['posts']:,} posts of {webhooks['updates'] / webhooks['posts']:.0f} receipts, answered in "
        f"{statistics.median(each_ms):.1f} ms (median), {statistics.quantiles(each_ms, n=100)[98]:.1f} ms (99 %)",
        f"processor time for a message: {sum(used.values()):,.0f} µs: "
        + ", ".join(f"{name} {value:,.0f}" for name, value in used.items()),
        *(f"memory of {name} by quarter: {sizes} MB" for name, sizes in memory.items()),
    ]


def main() -> None:
    """Measure both, one after the other."""
    parser = argparse.ArgumentParser(prog="scripts/bench cloud", description=__doc__)
    parser.add_argument("--database", default="sqlite", help="sqlite, postgresql (a server of its own), or a URL")
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wasender-bench-")))
        others: dict[str, psutil.Process] = {}
        database = options.database
        if database == "sqlite":
            database = f"sqlite:///{folder / 'wasender.db'}"
        elif database == "postgresql":
            server = stack.enter_context(postgres.Server(durable=True))
            database, others = server.new_database(), {"postgresql": psutil.Process(server.pid)}
        with meta(None, webhooks=False) as (url, _):
            alone = asyncio.run(bare(url, min(options.seconds / 4, MOST_BARE_S)))
        try:
            found = measure(database, options.seconds, folder, others)
        except AssertionError:
            for log in folder.glob("*.log"):
                print(log.name, *log.read_text().splitlines()[-20:], sep="\n", file=sys.stderr)
            raise
    print(options.database.partition(":")[0], *shown(found), sep="\n")
    print(f"a bare client: {alone:,.0f} messages/s; ratio {found.confirmed / found.took_s / alone:.2f}")


if __name__ == "__main__":
    main()
