"""Chrome's memory: what it is measured by, what is said of it, and when the sender acts on that."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import structlog.testing

from daemon.accounts import directory
from daemon.campaigns import create
from daemon.config import Settings
from daemon.db import clock
from daemon.delivery import job_moves, timing
from daemon.delivery.engine import Engine
from daemon.models import Job
from daemon.states import JobState
from daemon.transports.browser import processes
from daemon.transports.browser.driver import BrowserTransport
from daemon.transports.protocol import Mark, Outgoing
from standin.client import StandIn
from tests.support.driving import QUICK, Driving, a_number
from tests.support.hand import job_state

LEAK_MB = 300
LEAK = "window.leak = Array.from({length: arguments[0]}, () => new Uint8Array(1 << 20).fill(1))"
#: What happens while a message is in hand, and between two.
DURING = ("message.claimed", "message.submitted", "message.confirmed")
BETWEEN = ("transport.renewed", "browser.closed", "browser.started")


@pytest.fixture(scope="module")
def driving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driving]:
    """A browser whose account can send."""
    driving = Driving(tmp_path_factory.mktemp("driving"))
    try:
        driving.start()
        yield driving
    finally:
        driving.close()


def worn_out(driving: Driving, ceiling_mb: int) -> str | None:
    """What the transport says under this ceiling."""
    driving.transport._settings = driving.settings.model_copy(update={"browser_memory_mb": ceiling_mb})
    return driving.run(driving.transport.worn_out())


def test_below_the_ceiling_chrome_is_kept_and_above_it_the_figures_are_named(driving: Driving) -> None:
    """No ceiling: it is kept, too."""
    used = driving.transport._chrome.memory_mib()

    assert worn_out(driving, 10 * used) is None
    assert worn_out(driving, 0) is None
    reason = worn_out(driving, 50)
    assert reason
    assert reason.startswith("Chrome uses ")
    assert reason.endswith(" MiB, above the ceiling of 50 (WASENDER_BROWSER_MEMORY_MB).")


def test_what_chrome_processes_share_counts_once(driving: Driving) -> None:
    """The family is Chrome with its helpers, its driver and its display; the sum of its RSS says far too much."""
    life = driving.transport._chrome
    family = processes.family(*(process.pid for process in life._started()))
    resident = sum(process.memory_info().rss for process in family)

    assert len(family) > 4
    assert "chromedriver" in {process.name() for process in family}
    assert psutil.Process().pid not in {process.pid for process in family}
    assert 50 < life.memory_mib() < 0.75 * resident / 2**20


def test_a_page_that_leaks_wears_chrome_out_and_a_new_chrome_sends(driving: Driving) -> None:
    """The ceiling lies between what a sound page needs and what this one takes; closed and started it is below."""
    ceiling = driving.transport._chrome.memory_mib() + LEAK_MB // 2
    assert worn_out(driving, ceiling) is None
    page = driving.transport._page
    assert page

    page._surface._driver.execute_script(LEAK, LEAK_MB)
    leaking = worn_out(driving, ceiling)
    driving.run(driving.transport.close())
    closed = worn_out(driving, ceiling)
    driving.start()

    assert leaking and f"above the ceiling of {ceiling} " in leaking
    assert closed is None
    assert worn_out(driving, ceiling) is None
    number = a_number()
    driving.send(number, "from the new one")
    assert ["from the new one"] == [each["text"] for each in driving.got(number)]


def test_where_shares_are_hidden_the_private_part_is_counted() -> None:
    """A sandboxed process may hide its shares; what it has for itself is seen all the same."""
    program = "import sys; ballast = b'x' * (64 << 20); print('up', flush=True); sys.stdin.read()"
    child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin and child.stdout
    try:
        child.stdout.readline()
        process = psutil.Process(child.pid)
        shares, private = processes.memory([process]), processes._own(process)
    finally:
        child.communicate()

    assert 64 << 20 < private <= shares < 128 << 20
    assert 0 == processes.memory([process])


class Noting(BrowserTransport):
    """The real thing; notes which Chrome each message went through."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.pids: list[int | None] = []

    async def prepare(self, message: Outgoing) -> Mark:
        self.pids.append(self._chrome.pid)
        return await super().prepare(message)


async def run_out(running: Engine, job: Job) -> int:
    """Send until the job is completed; returns the sender's exit code."""
    task = asyncio.create_task(running.run())
    try:
        async with asyncio.timeout(90):
            while job_state(job) != JobState.COMPLETED and not task.done():
                await asyncio.sleep(0.02)
    finally:
        running.stop()
        code = await task
    return code


async def test_the_sender_starts_chrome_anew_between_messages_and_never_during_one(
    database: str, make_settings: Any, people: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ceiling that is always passed, asked about at each step: each message has a Chrome of its own, to its end."""
    monkeypatch.setattr(timing, "WEAR_S", 0.0)
    monkeypatch.setattr(timing, "LOOK_S", 0.05)
    with StandIn.start(tmp_path / "standin", **QUICK) as standin, structlog.testing.capture_logs() as logs:
        settings = make_settings(transport="browser", whatsapp_url=standin.url, browser_memory_mb=1)
        directory.open_account(settings.account, clock.now_ms())
        numbers = [person.number for person in people(3)]
        job = job_moves.job(create.create(settings, create.Order("Hi", numbers=numbers), "test", clock.now_ms()).job_id)
        transport = Noting(settings)
        code = await run_out(Engine(settings, transport), job)
        record = standin.record()

    events = [entry["event"] for entry in logs]
    expected = ["browser.started", *DURING, *BETWEEN, *DURING, *BETWEEN, *DURING]
    assert expected == [event for event in events if event in {*DURING, *BETWEEN}][: len(expected)]
    assert 3 == len(set(transport.pids)) == len(transport.pids)
    assert numbers == [message["number"] for message in record["messages"]]
    assert [] == record["violations"]
    assert "transport.failed" not in events
    assert 0 == code
