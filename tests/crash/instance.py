"""A whole instance under supervisord with brakes in it: its processes to be killed, its clients, its people."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from typing import Any

import psutil

from tests.support.rig import Rig, chrome_processes, eventually, is_dead, words_of

PATIENCE_S = 90


class Client(threading.Thread):
    """Orders one job as a client should: with an Idempotency-Key, again and again until it is answered."""

    def __init__(self, rig: Rig, key: str, numbers: list[str], text: str = "Hello") -> None:
        super().__init__(daemon=True)
        self._rig, self.key, self.numbers = rig, key, numbers
        self._body = json.dumps({"numbers": numbers, "message": text, "name": key}).encode()
        self._api_key = (rig.data / "api_key").read_text().strip()
        self._answer: dict[str, Any] = {}

    def run(self) -> None:
        until = time.monotonic() + PATIENCE_S
        while not self._answer and time.monotonic() < until:
            try:
                self._answer = self._ask()
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.05)

    def _ask(self) -> dict[str, Any]:
        """The answer to one request."""
        headers = {"X-API-KEY": self._api_key, "Idempotency-Key": self.key, "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self._rig.port}/send", self._body, headers)
        with urllib.request.urlopen(request, timeout=30) as response:
            return dict(json.load(response))

    def settle(self) -> list[str]:
        """Wait for the answer and ask once more; what is wrong with it, which is nothing where there is one job."""
        self.join()
        assert self._answer, "the order was never answered"
        eventually(self._rig.answers, what="http is back")  # it may have answered before it was killed
        jobs = [job for job in self._rig.call("GET", "/jobs?limit=100")["jobs"] if job["name"] == self.key]
        wrong = [] if len(jobs) == 1 else [f"{len(jobs)} jobs of one order"]
        if self._ask() != self._answer:
            wrong.append("one key was answered in two ways")
        return wrong


def program(rig: Rig, name: str) -> psutil.Process:
    """The running http or sender process. Faster than asking supervisord, which takes as long as a message does."""

    def running() -> psutil.Process | None:
        return next((child for child in orphans_of(rig) if words_of(child)[-1:] == [name]), None)

    return eventually(running, what=f"{name} runs")


def killer(rig: Rig, victim: str) -> Callable[[], None]:
    """Find `sender`, `http`, `supervisord`, `chrome` or `chromedriver` now; the returned call kills it at once."""
    if victim == "supervisord":
        assert rig.daemon
        process = psutil.Process(rig.daemon.pid)
    elif victim == "chrome":
        process = chrome(rig)
    elif victim == "chromedriver":
        process = _driver(rig)
    else:
        process = program(rig, victim)

    def kill() -> None:
        process.kill()
        eventually(lambda: is_dead(process), what="it is dead")

    return kill


def chrome(rig: Rig) -> psutil.Process:
    """Chrome's main process."""
    return eventually(lambda: _unless_gone(rig.chrome), what="Chrome runs")


def _driver(rig: Rig) -> psutil.Process:
    def running() -> psutil.Process | None:
        return next((process for process in chrome_processes(rig.data) if "chromedriver" in process.name()), None)

    return eventually(lambda: _unless_gone(running), what="chromedriver runs")


def _unless_gone(find: Callable[[], psutil.Process | None]) -> psutil.Process | None:
    try:
        return find()
    except psutil.NoSuchProcess:
        return None  # one of those that were looked at has just ended


def start_again(rig: Rig, orphans: list[psutil.Process]) -> list[str]:
    """As a service manager does when supervisord has died: end all of its group, start it anew. What was wrong."""
    assert rig.daemon
    rig.daemon.wait(60)
    for orphan in orphans:
        orphan.terminate()
    _, stubborn = psutil.wait_procs(orphans, timeout=20)
    for orphan in stubborn:
        orphan.kill()
    (rig.root / "run/supervisor.sock").unlink(missing_ok=True)
    rig.start()
    return [f"without supervisord, {len(stubborn)} programs did not obey SIGTERM"] if stubborn else []


def orphans_of(rig: Rig) -> list[psutil.Process]:
    """The programs that supervisord would leave behind."""
    assert rig.daemon
    return psutil.Process(rig.daemon.pid).children()


def jobs(rig: Rig) -> list[int]:
    return [job["job_id"] for job in rig.call("GET", "/jobs?limit=100")["jobs"]]


def finish(rig: Rig, delivered: Callable[[], Counter[str]]) -> int:
    """Finish all jobs, playing the person who looks at the phone and decides; returns how many decisions it took."""
    decisions = 0
    while True:
        for job_id in jobs(rig):
            rig.finish(job_id, PATIENCE_S)
        doubtful = [row for row in rows(rig) if row["state"] == "uncertain"]
        if not doubtful:
            return decisions
        got = delivered()
        for row in doubtful:
            rig.call("POST", f"/messages/{row['id']}/decide", {"sent": got[row["number"]] > 0})
        decisions += len(doubtful)


def rows(rig: Rig) -> list[dict[str, Any]]:
    """Every message of every job."""
    return [row for job_id in jobs(rig) for row in rig.call("GET", f"/jobs/{job_id}/messages?limit=1000")["messages"]]


def states(rig: Rig) -> dict[str, str]:
    return {row["number"]: row["state"] for row in rows(rig)}
