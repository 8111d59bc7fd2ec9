"""People who look: the API, asked again and again, a page with a session, and event streams that come and go."""

from __future__ import annotations

import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException

from tests.support.rig import Rig

PATHS = ("/jobs?limit=20", "/accounts", "/messages?number={number}", "/status/{job}", "/jobs/{job}/messages?limit=50")
PAGES = ("/app", "/app/jobs/{job}", "/app/accounts", "/app/replies", "/app/suppressions", "/app/lists", "/app/webhooks")
ROUND = {"API": f"API: {len(PATHS)} questions", "page": f"{len(PAGES)} pages"}
Keep = Callable[[str, float], None]


class Readers:
    """Threads that read until they are told to stop. latest: a job and a number to be asked about."""

    def __init__(self, rig: Rig, keep: Keep, latest: Callable[[], tuple[int, str]]) -> None:
        self._rig, self._keep, self._latest = rig, keep, latest
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.failed: list[str] = []  # what should have been answered, and was not
        self._cookie = ""

    def start(self, every_s: float) -> None:
        self._cookie = self._log_in()
        for name, paths in (("API", PATHS), ("page", PAGES)):
            wait_s = every_s * len(paths) * (1 if name == "API" else 5)
            thread = threading.Thread(target=self._read, args=(name, paths, wait_s), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def stream(self, seconds: float) -> None:
        """Follow the events for so long, with or without an end of one's own."""
        thread = threading.Thread(target=self._follow, args=(seconds,), daemon=True)
        thread.start()
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]

    def _log_in(self) -> str:
        connection = HTTPConnection("127.0.0.1", self._rig.port, timeout=20)
        origin = f"http://127.0.0.1:{self._rig.port}"
        headers = {"Origin": origin, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/app/login", urllib.parse.urlencode({"key": self._rig.key}), headers)
        answer = connection.getresponse()
        cookie = (answer.getheader("Set-Cookie") or "").partition(";")[0]
        connection.close()
        assert answer.status == 303 and cookie, f"the login was answered with {answer.status}"
        return cookie

    def _read(self, name: str, paths: tuple[str, ...], wait_s: float) -> None:
        headers = {"X-API-KEY": self._rig.key} if name == "API" else {"Cookie": self._cookie, "Accept": "text/html"}
        while not self._stop.wait(wait_s):
            job, number = self._latest()
            if not job:
                continue
            each = [self._ask(path.format(job=job, number=urllib.parse.quote(number)), headers) for path in paths]
            for took_ms in filter(None, each):
                self._keep(f"one answer: {name}", took_ms)
            if all(each):
                self._keep(ROUND[name], sum(filter(None, each)))

    def _ask(self, path: str, headers: dict[str, str]) -> float | None:
        """How many milliseconds the answer took; None where there was none."""
        request = urllib.request.Request(f"http://127.0.0.1:{self._rig.port}{path}", headers=headers)
        began = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                answer.read()
        except (OSError, HTTPException) as error:
            self.failed.append(f"{path.partition('?')[0]}: {error}")
            return None
        return 1_000 * (time.monotonic() - began)

    def _follow(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        with suppress(OSError, HTTPException):
            connection = HTTPConnection("127.0.0.1", self._rig.port, timeout=20)
            connection.request("GET", "/events", headers={"X-API-KEY": self._rig.key})
            answer = connection.getresponse()
            while time.monotonic() < until and not self._stop.is_set():
                answer.readline()  # a ping comes within 15 s
            connection.close()
