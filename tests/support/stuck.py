"""A process of ours that gets stuck: `python -m tests.support.stuck WHERE`."""

from __future__ import annotations

import asyncio
import math
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from daemon import process
from daemon.config import Settings
from daemon.telemetry import watchdog
from tests.support.scripted import until

LONG_S = 600


def on_a_thread() -> None:
    with watchdog.watched("browser thread"):
        time.sleep(LONG_S)


async def work(_settings: Settings) -> int:
    """As far as it says where."""
    where = sys.argv[1]
    if where == "nowhere":
        seen = watchdog.Work("all of it", threading.get_ident(), most=math.inf)
        watchdog._under_way.add(seen)
        with watchdog.watched("browser thread"):
            await until(lambda: seen.turns >= watchdog.TURNS - 1, "its work has nearly taken too long")
        await until(lambda: seen.turns > 2 * watchdog.TURNS, "in all it has taken longer, and nothing of it has")
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
