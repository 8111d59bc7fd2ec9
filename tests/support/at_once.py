"""Several pieces of database work that begin together, each on a thread and connection of its own."""

from __future__ import annotations

import threading
from typing import Any

from daemon import errors
from daemon.db import connection


def at_once(*works: Any) -> list[Any]:
    """What each of them returns or raises, all begun together."""
    start, results = threading.Barrier(len(works)), [None] * len(works)

    def run(place: int, work: Any) -> None:
        try:
            start.wait(60)
            results[place] = work()
        except errors.DaemonError as error:
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results
