"""A process of ours that gets stuck: `python -m tests.support.stuck WHERE`."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from daemon import process
from daemon.config import Settings
from daemon.telemetry import watchdog

LONG_S = 600


def on_a_thread() -> None:
    with watchdog.watched("browser thread"):
        time.sleep(LONG_S)


async def work(settings: Settings) -> int:
    """As far as it says where."""
    where = sys.argv[1]
    if where == "nowhere":
        with watchdog.watched("browser thread"):
            await asyncio.sleep(1.5 * settings.watchdog_s - 1)
        await asyncio.sleep(2)  # in all longer than the limit, and nothing of it is
        return 0
    if where == "loop":
        time.sleep(LONG_S)
    if where == "lock":
        re.match(r"(a+)+$", "a" * 60 + "b")  # keeps Python's lock for years
    thread = ThreadPoolExecutor(1, thread_name_prefix="browser")
    future = thread.submit(on_a_thread if where == "thread" else time.sleep, *([] if where == "thread" else [LONG_S]))
    if where == "end":
        return 0  # Python waits for the thread
    assert threading.active_count() > 1
    await asyncio.wrap_future(future)
    return 0


if __name__ == "__main__":
    sys.exit(process.run("sender", work))
