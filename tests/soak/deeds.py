"""What people and programs do in a soak, one thing after the other by chance, and what goes wrong beside it."""

from __future__ import annotations

import json
import random
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import psutil

from tests.soak.readers import Readers
from tests.soak.receiver import Mood
from tests.soak.world import BROWSER, Ordered, World
from tests.support.workbooks import book, saved

TEXT = "Dear {{ name }},\nyour appointment is tomorrow. 😀"
PICTURE = b"\x89PNG\r\n\x1a\n" + b"\0" * 20_000
MOST_FILES = 60  # that are uploaded and stay, so that what an installation stores has an end
MOST_PAUSED = 3
MOST_WAITING = 30  # messages of the browser's account, which sends at a human pace
OVER = {"completed", "stopped"}
CALM_S = 300.0  # for what was put off, at the end


class Deeds:
    """Does one thing each time it is asked. refused: what the API said no to, by what was asked."""

    def __init__(self, world: World, readers: Readers, dice: random.Random, keep: Callable[[str, float], None]) -> None:
        self._world, self._rig, self._readers, self._dice, self._keep = world, world.rig, readers, dice, keep
        self._paused: list[int] = []
        self._files = 0
        self._attachment = ""
        self._out = False  # the phone has logged the browser out
        self._unclaimed: list[int] = []  # jobs whose time to the claim is still to be told
        self._later: list[tuple[float, Callable[[], object]]] = []
        self.done: dict[str, int] = {}
        self.refused: list[str] = []
        both: dict[Callable[[], object], float] = {
            self._order: 22, self._order_file: 8, self._pause: 8, self._resume: 9, self._stop: 3, self._retry: 5,
            self._stream: 9, self._mood: 5, self._throw_away: 6, self._upload_only: 2, self._export: 3, self._erase: 1,
            self._hear: 4, self._restart: 0.8, self._cut: 2,
        }  # fmt: skip
        browser: dict[Callable[[], object], float] = {
            self._order_browser: 12, self._log_out: 0.7, self._kill_chrome: 0.7, self._reload: 1, self._screenshot: 2,
        }  # fmt: skip
        self._weights = both | (browser if world.page else {})

    def one(self) -> None:
        """Do one thing, and what was put off until now."""
        due = [each for at, each in self._later if at <= time.monotonic()]
        self._later = [(at, each) for at, each in self._later if at > time.monotonic()]
        (deed,) = self._dice.choices(list(self._weights), list(self._weights.values()))
        for each in (*due, deed):
            with suppress(OSError, psutil.Error):  # a time-out is told by those who read
                each()
            name = getattr(each, "__name__", "").strip("_")
            self.done[name] = self.done.get(name, 0) + 1
        self._time_claims()

    def calm(self) -> None:
        """All is well again, and goes on."""
        self._world.receiver.mood = Mood.WELL
        self._world.meta.clear()
        give_up = time.monotonic() + CALM_S
        while self._later and time.monotonic() < give_up:  # what does not work yet is put off once more
            later, self._later = self._later, []
            for _, each in later:
                each()
        for job_id in self._paused:
            self._ask("POST", f"/resume/{job_id}")
        self._paused = []

    def _ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer: dict[str, Any] = self._rig.call(method, path, body)
        # 404, 409: it has ended meanwhile, or somebody is just sent something.
        if isinstance(status := answer.get("status"), int) and status not in (404, 409):
            self.refused.append(f"{method} {path.partition('?')[0]}: {status} {answer.get('detail')}")
        return answer

    # -- campaigns ---------------------------------------------------------------------------------------------

    def _put(self, account: str, numbers: list[str], order: dict[str, Any], steady: bool = False) -> None:
        answer = self._ask("POST", "/send", {"message": TEXT, "account": account} | order)
        if job_id := answer.get("job_id"):
            self._world.ordered.append(Ordered(job_id, account, numbers, steady))
            if steady:
                self._unclaimed.append(job_id)

    def _order(self) -> None:
        numbers = self._world.numbers(self._world.cloud, self._dice.randint(1, 40))
        recipients = [{"number": each, "name": f"N{each[-3:]}"} for each in numbers]
        more = {"attachments": [self._picture()]} if self._dice.random() < 0.15 else {}
        self._put(self._world.cloud, numbers, {"recipients": recipients} | more, steady=self._dice.random() < 0.5)

    def _order_browser(self) -> None:
        if self._waiting(BROWSER) > MOST_WAITING:
            return
        numbers = self._world.numbers(BROWSER, self._dice.randint(1, 5))
        recipients = [{"number": each, "name": f"N{each[-3:]}"} for each in numbers]
        self._put(BROWSER, numbers, {"recipients": recipients})

    def _waiting(self, account: str) -> int:
        jobs = self._ask("GET", f"/jobs?account={account}&limit=50").get("jobs", [])
        return sum(job["pending"] for job in jobs)

    def _order_file(self) -> None:
        numbers = self._world.numbers(self._world.cloud, self._dice.randint(5, 60))
        name, content = self._contacts(numbers)
        uploaded = self._rig.upload("/upload", name, content)
        if "upload_id" not in uploaded:
            self.refused.append(f"POST /upload of {name}: {uploaded}")
            return
        text = {"message": "Your appointment is tomorrow."}
        self._put(self._world.cloud, numbers, {"upload_id": uploaded["upload_id"]} | text)

    def _contacts(self, numbers: list[str]) -> tuple[str, bytes]:
        """A file of them, of any kind."""
        kind = self._dice.choice(("csv", "xlsx", "txt", "vcf"))
        if kind == "xlsx":
            return "people.xlsx", saved(book([["Name", "Phone"], *[[f"N{each[-3:]}", each] for each in numbers]]))
        lines = {
            "csv": ["Name;Phone", *(f"N{each[-3:]};{each}" for each in numbers)],
            "txt": numbers,
            "vcf": [f"BEGIN:VCARD\nVERSION:3.0\nFN:N{each[-3:]}\nTEL:{each}\nEND:VCARD" for each in numbers],
        }[kind]
        return f"people.{kind}", "\n".join(lines).encode()

    def _job(self, among: Callable[[Ordered], bool] = lambda each: True) -> Ordered | None:
        """One of the last."""
        return self._dice.choice([each for each in self._world.ordered[-40:] if among(each)] or [None])

    def _pause(self) -> None:
        found = self._job(lambda each: not each.steady and each.job_id not in self._paused)
        if not found or len(self._paused) >= MOST_PAUSED:
            return
        if self._ask("POST", f"/pause/{found.job_id}").get("success"):
            self._paused.append(found.job_id)

    def _resume(self) -> None:
        if self._paused:
            self._ask("POST", f"/resume/{self._paused.pop(0)}")

    def _stop(self) -> None:
        if found := self._job(lambda each: not each.steady):
            self._ask("POST", f"/stop/{found.job_id}")
            self._paused = [each for each in self._paused if each != found.job_id]

    def _retry(self) -> None:
        if found := self._job():
            self._ask("POST", f"/retry/{found.job_id}")

    # -- what else is asked for --------------------------------------------------------------------------------

    def _stream(self) -> None:
        self._readers.stream(self._dice.uniform(2, 90))

    def _picture(self) -> str:
        """An attachment: a new one now and then."""
        if not self._attachment or (self._files < MOST_FILES and self._dice.random() < 0.3):
            self._files += 1
            self._attachment = self._rig.attach("picture.png", PICTURE)
        return self._attachment

    def _upload_only(self) -> None:
        """A file that nobody sends to."""
        if self._files < MOST_FILES:
            self._files += 1
            self._rig.upload("/upload", *self._contacts(self._world.numbers(self._world.cloud, 200)))

    def _throw_away(self) -> None:
        """Break off in the middle of a file."""
        path = self._dice.choice(("/upload", "/upload_attachment"))
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-KEY: {self._rig.key}\r\nContent-Length: 4000000\r\n"
            'Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\nContent-Disposition: form-data; name="file"; '
            'filename="people.csv"\r\n\r\nphone\n'
        )
        with socket.create_connection(("127.0.0.1", self._rig.port), 10) as connection:
            connection.sendall(head.encode() + b"+4915112345678\n" * 60_000)

    def _person(self) -> str:
        found = self._job(lambda each: each.job_id not in self._paused)
        return self._dice.choice(found.numbers) if found else ""

    def _export(self) -> None:
        if number := self._person():
            self._ask("GET", f"/people/export?number={quote(number)}")

    def _erase(self) -> None:
        """Whoever it is, once their job is over: what is sent afterwards would be to somebody who wants none of it."""
        found = self._job()
        if found and self._ask("GET", f"/status/{found.job_id}").get("status") == "completed":
            number = self._dice.choice(found.numbers)
            self._world.erased.add(number)
            self._ask("POST", "/people/erase", {"number": number})

    def _hear(self) -> None:
        """Somebody answers, or wants no more."""
        account = self._dice.choice((self._world.cloud, BROWSER))
        found = self._job(lambda each: each.account == account)
        text = self._dice.choice(("Thank you!", "Who is this?", "STOP"))
        if not found or (number := self._dice.choice(found.numbers)) in self._world.erased:
            return
        if account == self._world.cloud:
            self._world.meta.say(number, text)
        elif self._world.page:
            self._world.page.incoming(number, text)

    # -- trouble -----------------------------------------------------------------------------------------------

    def _mood(self) -> None:
        self._world.receiver.mood = self._dice.choices(list(Mood), (4, 2, 1, 1))[0]
        self._put_off(20, 60, self._well)

    def _well(self) -> None:
        self._world.receiver.mood = Mood.WELL

    def _cut(self) -> None:
        """One answer of Meta's gets lost."""
        self._world.meta.rule(next=1, drop=self._dice.choice(("before", "after", "middle")))

    def _restart(self) -> None:
        """One of the senders."""
        self._world.control("restart", self._dice.choice(("sender", "senders:*")) if self._world.page else "sender")

    def _kill_chrome(self) -> None:
        if process := self._rig.chrome():
            process.send_signal(signal.SIGKILL)

    def _log_out(self) -> None:
        assert self._world.page
        self._world.page.set(linked=False)
        self._world.page.logout()
        self._out = True
        self._put_off(15, 45, self._log_in)

    def _log_in(self) -> None:
        assert self._world.page
        if not self._out:  # it was logged out twice, and is in again
            return
        with suppress(TimeoutError):
            self._world.page.scan(10)
            self._out = False
            return
        self._put_off(1, 5, self._log_in)

    def _reload(self) -> None:
        self._ask("POST", f"/accounts/{BROWSER}/reload")

    def _screenshot(self) -> None:
        self._ask("POST", f"/accounts/{BROWSER}/screenshot")

    def _put_off(self, least_s: float, most_s: float, deed: Callable[[], object]) -> None:
        self._later.append((time.monotonic() + self._dice.uniform(least_s, most_s), deed))

    # -- what is measured by it --------------------------------------------------------------------------------

    def _time_claims(self) -> None:
        """How long the first message of the oldest job that is still to be told waited for its claim."""
        for job_id in self._unclaimed[:1]:
            rows = self._ask("GET", f"/jobs/{job_id}/messages?limit=1").get("messages", [])
            if not rows or rows[0]["state"] == "pending":
                if len(self._unclaimed) > 20:
                    self._unclaimed.pop(0)
                return
            self._unclaimed.pop(0)
            timeline = self._ask("GET", f"/messages/{rows[0]['id']}").get("timeline", [])
            at = {move["to"]: move["at"] for move in reversed(timeline)}
            if "pending" in at and "claimed" in at:
                self._keep("from an order to its claim", at["claimed"] - at["pending"])


def shown(done: dict[str, int]) -> str:
    """What was done, and how often."""
    return json.dumps(dict(sorted(done.items())))
