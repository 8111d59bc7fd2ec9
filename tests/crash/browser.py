"""A campaign through real Chromium to the stand-in, with faults of one kind in it.

A whole instance runs under supervisord, its sender with a brake (braked.py). Between two faults nothing is claimed;
for a fault one message is let through to the point where it strikes, and after it the campaign has to go on by
itself. A hung page is one whose renderer is stopped: unlike the stand-in's own `hang` that is a page which does not
even answer the driver, and it hits the page that is open, not the one that comes after it.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psutil

from standin.client import StandIn
from tests.crash import instance
from tests.crash.braked import Brake, build_in
from tests.crash.instance import Client
from tests.crash.plan import ANY_TIME, Plan
from tests.crash.tally import SENT, Tally, weigh
from tests.support.rig import Rig, eventually, is_dead, words_of

# What the stand-in sees at these points; to the others the sender comes by itself, and is halted there.
EVENTS = {"after_claim": "chat.opened", "after_click": "send.clicked", "received": "message.received"}
DELAY_MS = 400  # between click and receipt, and between receipt and tick: time to be hit in
QUICK = {"boot_ms": 20, "loading_ms": 20, "qr_canvas_ms": 20}
PATIENCE_S = 150  # a hung page alone is waited for 30 s, and may be met twice
TEXT = "Dear {{ name }},\nyour appointment is tomorrow. 😀"
ORDERING = {"http": "after_commit", "supervisord": "before_commit"}  # where a request is when this is killed


def play(plans: list[Plan], folder: Path) -> Tally:
    """One round: a campaign with these faults in it, one after the other."""
    (folder / "rig").mkdir()
    with ExitStack() as stack:
        standin = StandIn.start(folder / "standin", linked=True, send_ms=DELAY_MS, ack_ms=DELAY_MS, **QUICK)
        stack.enter_context(standin)
        rig = Rig(folder / "rig", whatsapp_url=standin.url, delay_min=0, delay_max=0, send_timeout_s=10)
        brakes = build_in(rig)
        stack.enter_context(rig)
        return Campaign(rig, standin, *brakes).play(plans)


class Campaign:
    """One campaign of a running instance."""

    def __init__(self, rig: Rig, standin: StandIn, http: Brake, sender: Brake) -> None:
        self._rig, self._standin, self._http, self._sender = rig, standin, http, sender
        self._numbers: list[str] = []
        self._job_id = 0

    def play(self, plans: list[Plan]) -> Tally:
        tally = Tally()
        self._sender.hold(True)
        self._rig.ready()
        self._numbers = [f"+4930231{n:05d}" for n in range(3 * len(plans) + 3)]
        recipients = [{"number": number, "name": f"N{number[-2:]}"} for number in self._numbers]
        self._job_id = self._rig.call("POST", "/send", {"recipients": recipients, "message": TEXT})["job_id"]
        for plan in plans:
            tally.wrong += self._fault(plan)
            tally.crashes += 1
        self._sender.hold(False)
        self._standin.set(send_ms=0, ack_ms=0)
        uncertain = instance.finish(self._rig, self._delivered)
        tally.add(weigh(self._delivered(), instance.states(self._rig), self._numbers, uncertain))
        tally.wrong += [f"the page saw what a careful driver never does: {each}" for each in self._violations()]
        return tally

    def _fault(self, plan: Plan) -> list[str]:
        """Let a message come to the point, strike, and wait until the campaign goes on; what was wrong."""
        before = self._moved_on()
        begin, end = self._striking(plan.kind)
        self._reach(plan)
        client = self._ordering(plan)
        begin()
        self._http.release()
        self._sender.release()
        wrong = end() or []
        eventually(lambda: self._goes_on(before), PATIENCE_S, f"it goes on after {plan}")
        self._sender.hold(True)
        return wrong + (client.settle() if client else [])

    def _reach(self, plan: Plan) -> None:
        """Let the sender claim; returns when it has come to the point."""
        self._standin.forget()
        if plan.point not in EVENTS and plan.point != ANY_TIME:
            self._sender.halt(plan.point)
        self._sender.hold(False)
        if plan.point == ANY_TIME:
            time.sleep(plan.nth / 1000)  # nothing is waited for: it is the moment that chance has chosen
        elif plan.point in EVENTS:
            self._standin.wait(EVENTS[plan.point], timeout=PATIENCE_S)
        else:
            self._sender.wait(PATIENCE_S)

    def _ordering(self, plan: Plan) -> Client | None:
        """For those who take orders: a client whose order for one more person is under way, halfway through."""
        if plan.kind not in ORDERING:
            return None
        # Halted within its transaction the sender holds the database, so nothing gets as far as a COMMIT.
        point = "request_begun" if plan.point == "confirming" else ORDERING[plan.kind]
        number = f"+4930232{len(self._numbers):05d}"
        self._numbers.append(number)
        client = Client(self._rig, f"order for {number}", [number])
        self._http.halt(point)
        client.start()
        self._http.wait(60)
        return client

    def _striking(self, kind: str) -> tuple[Callable[[], None], Callable[[], list[str] | None]]:
        """How it begins, and how it ends: what a person or a network would do in time, and what was wrong then."""
        if kind == "logout":
            return self._log_out, partial(self._standin.scan, PATIENCE_S)
        if kind == "offline":
            return partial(self._standin.set, offline=True), self._back_online
        if kind == "reload":
            return self._standin.reload, _nothing
        if kind == "hang":
            renderers = self._renderers()
            return partial(_stop, renderers), partial(_until_given_up, renderers)
        kill, orphans = instance.killer(self._rig, kind), instance.orphans_of(self._rig)
        return kill, partial(instance.start_again, self._rig, orphans) if kind == "supervisord" else _nothing

    def _log_out(self) -> None:
        self._standin.set(linked=False)
        self._standin.logout()

    def _renderers(self) -> list[psutil.Process]:
        """The processes that Chrome's pages run in."""
        return [
            each for each in instance.chrome(self._rig).children(recursive=True) if "--type=renderer" in words_of(each)
        ]

    def _back_online(self) -> None:
        eventually(self._feels_it, PATIENCE_S, "it is offline with a message in hand, or notices")
        self._standin.set(offline=False)

    def _feels_it(self) -> bool:
        """The account is held, or a message waits for its tick: the state is looked at between messages only."""
        job = self._rig.call("GET", f"/status/{self._job_id}")
        return bool(job["sending"]) or self._rig.call("GET", "/accounts/default").get("state") != "ready"

    def _moved_on(self) -> int:
        """How many of the campaign have got further than anything that could be in hand."""
        job = self._rig.call("GET", f"/status/{self._job_id}")
        return sum(job[state] for state in ("uncertain", "failed", *SENT))

    def _goes_on(self, before: int) -> bool:
        try:
            return self._moved_on() > before
        except OSError:
            return False  # http is on its way

    def _delivered(self) -> Counter[str]:
        return Counter(message["number"] for message in self._standin.messages())

    def _violations(self) -> list[str]:
        return [each["what"] for each in self._standin.record()["violations"]]


def _stop(processes: list[psutil.Process]) -> None:
    for process in processes:
        process.send_signal(signal.SIGSTOP)


def _until_given_up(processes: list[psutil.Process]) -> None:
    eventually(lambda: all(map(is_dead, processes)), PATIENCE_S, "the page is given up")


def _nothing() -> None:
    return
