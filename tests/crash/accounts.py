"""Several accounts at once, whose senders are killed: nobody may get what another account has to send.

Fast: real senders on the dry run, one more than there are accounts, that take whichever account is free. In the
browser: two accounts in one instance, each with a Chrome and a WhatsApp (stand-in) of its own. The same people are
written to from each account, with a text that names it.

Run as `python -m tests.crash.accounts` this is a sender that knows where the stand-in of its account is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil

from daemon import config, sender
from daemon.accounts import installed
from daemon.campaigns import create, lifecycle
from daemon.config import Settings
from daemon.db import clock, connection
from daemon.delivery import counters, job_moves
from daemon.models import Account, Message
from daemon.states import State
from daemon.transports import registry
from standin.client import StandIn
from tests.crash import instance
from tests.crash.fast import LEASE_S, PATIENCE_S, Place
from tests.crash.plan import ANY_TIME, Plan
from tests.crash.tally import Tally, weigh
from tests.support import forks
from tests.support.forks import Forked
from tests.support.rig import ROOT, Rig, eventually, is_dead, words_of

FAST_ACCOUNTS = ("default", "shop", "office")
ACCOUNTS = ("default", "shop")
EACH = 12  # people, for each kill of a fast round
URL = "STANDIN_OF_"  # and the account's name: the address of its WhatsApp
EVENTS = {"after_claim": "chat.opened", "after_click": "send.clicked", "received": "message.received"}
DELAY_MS = 400  # between click and receipt, and between receipt and tick: time to be hit in


def text_of(account: str) -> str:
    return f"This is from {account}."


def judged(delivered: Counter[tuple[str, str, str]], states: Mapping[tuple[str, str], str], uncertain: int) -> Tally:
    """What came of everybody. delivered: by the account through which it left, number and text; states: by account and
    number."""
    own = Counter({(by, number): n for (by, number, text), n in delivered.items() if text == text_of(by)})
    named = {f"{by}/{number}": state for (by, number), state in states.items()}
    tally = weigh(Counter({f"{by}/{number}": n for (by, number), n in own.items()}), named, named, uncertain)
    foreign = [key for key in delivered if key[2] != text_of(key[0]) or key[:2] not in states]
    if foreign:
        tally.wrong.append(f"{len(foreign)} messages left through another account than theirs")
    return tally


# -- many senders on the dry run


def play_fast(plans: list[Plan], folder: Path, place: Place) -> Tally:
    """One round: as many kills of senders as there are plans."""
    (folder / "data").mkdir()
    with ExitStack() as stack:
        return _Crowd(folder, place, stack).play(plans)


class _Crowd:
    """Senders without WASENDER_ACCOUNT on one data folder and database."""

    def __init__(self, folder: Path, place: Place, stack: ExitStack) -> None:
        self._folder, self._data = folder, folder / "data"
        theirs = {name: value for name, value in os.environ.items() if not name.startswith(config.PREFIX)}
        self._environment = theirs | {
            "PYTHONPATH": str(ROOT), "WASENDER_DATA_DIR": str(self._data), "WASENDER_TRANSPORT": "dryrun",
            "WASENDER_DELAY_MIN": "0", "WASENDER_DELAY_MAX": "0", "WASENDER_LONG_PAUSE_EVERY": "0",
            "WASENDER_LEASE_S": str(LEASE_S), "WASENDER_DATABASE_URL": place.url or "",
        }  # fmt: skip
        url = place.url or ""
        self._settings = config.load(_env_file=None, data_dir=self._data, database_url=url, transport="dryrun")
        connection.connect(self._settings.db_url)
        stack.callback(connection.close)
        self._senders: list[Forked] = []
        self._numbers: dict[str, str] = {}  # by their hash in the journal
        stack.callback(self._end)

    def play(self, plans: list[Plan]) -> Tally:
        numbers = [f"+4930231{n:05d}" for n in range(EACH * (len(plans) + 1))]
        self._numbers = {_hash(number): number for number in numbers}
        for name in FAST_ACCOUNTS[1:]:
            installed.add(self._settings, name, {}, "crash", clock.now_ms())
        jobs = {
            name: create.create(
                self._settings,
                create.Order(text_of(name), numbers=numbers, account=name, delay_min=0.02, delay_max=0.02),
                "crash",
                clock.now_ms(),
            ).job_id
            for name in FAST_ACCOUNTS
        }
        tally = Tally()
        for _ in range(len(FAST_ACCOUNTS) + 1):
            self._start()
        for plan in plans:
            self._goes_on(jobs)
            time.sleep(plan.nth / 1000)  # nothing is waited for: it is the moment that chance has chosen
            self._kill(FAST_ACCOUNTS[plan.nth % len(FAST_ACCOUNTS)])
            tally.crashes += 1
            self._start()
        eventually(lambda: self._done(jobs), 2 * PATIENCE_S, "all campaigns are done")
        uncertain = self._decide()
        eventually(lambda: self._done(jobs), 2 * PATIENCE_S, "all campaigns are done")
        states = {
            (row.account, row.number): row.state
            for row in Message.select(Message.account, Message.number, Message.state)
        }
        tally.add(judged(self._handed_over(), states, uncertain))
        if counters.miscounted():
            tally.wrong.append("a job's counters differ from its messages")
        return tally

    def _goes_on(self, jobs: Mapping[str, int]) -> None:
        before = self._handed_over().total()
        eventually(lambda: self._handed_over().total() > before or self._done(jobs), PATIENCE_S, "it goes on")

    def _start(self) -> None:
        with (self._folder / "senders.log").open("ab") as log:
            self._senders.append(forks.start(["-m", "daemon.sender"], self._environment, self._folder, log))

    def _kill(self, account: str) -> None:
        """SIGKILL to the sender that drives the account, or to any where none does just now."""
        place = Account.select(Account.owner_place).where(Account.name == account).scalar()
        living = [each for each in self._senders if each.poll() is None]
        victim = next((each for each in living if place and each.pid == place["pid"]), living[0])
        victim.kill()
        victim.wait(60)

    def _handed_over(self) -> Counter[tuple[str, str, str]]:
        texts = {_hash(text_of(name)): text_of(name) for name in FAST_ACCOUNTS}
        found: Counter[tuple[str, str, str]] = Counter()
        journal = self._data / "dryrun.jsonl"
        for line in journal.read_text().splitlines() if journal.exists() else []:
            with contextlib.suppress(ValueError):  # half a line, which is being written
                signs = json.loads(line)
                found[(signs["account"], self._numbers[signs["to"]], texts[signs["text"]])] += 1
        return found

    def _done(self, jobs: Mapping[str, int]) -> bool:
        return all(job_moves.job(job_id).state == "completed" for job_id in jobs.values())

    def _decide(self) -> int:
        handed = self._handed_over()
        doubtful = list(Message.select().where(Message.state == State.UNCERTAIN))
        for message in doubtful:
            key = (message.account, message.number, text_of(message.account))
            lifecycle.settle(message.id, handed[key] > 0, "a person", clock.now_ms())
        return len(doubtful)

    def _end(self) -> None:
        for each in self._senders:
            each.kill()
        for each in self._senders:
            each.wait(60)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# -- two Chromes


def play(plans: list[Plan], folder: Path) -> Tally:
    """One round in the browser: a sender is killed for each plan, the one of the first account, then of the second."""
    (folder / "rig").mkdir()
    quick = {"boot_ms": 20, "loading_ms": 20, "qr_canvas_ms": 20, "send_ms": DELAY_MS, "ack_ms": DELAY_MS}
    with ExitStack() as stack:
        standins = {
            name: stack.enter_context(StandIn.start(folder / f"standin-{name}", linked=True, **quick))
            for name in ACCOUNTS
        }
        rig = Rig(folder / "rig", whatsapp_url="http://127.0.0.1:9", delay_min=0, delay_max=0, send_timeout_s=10)
        know_their_own(rig, standins)
        stack.enter_context(rig)
        return Pair(rig, standins).play(plans)


def know_their_own(rig: Rig, standins: Mapping[str, StandIn]) -> None:
    """Two senders, which open the stand-in of their account; before the instance is started."""
    path = rig.root / "etc/supervisord.conf"
    path.write_text(path.read_text().replace("-m daemon.sender", "-m tests.crash.accounts"))
    rig.environment |= {f"{URL}{name}": standin.url for name, standin in standins.items()}
    (rig.root / "run/senders.conf").write_text(f"[program:senders]\nnumprocs={len(standins) - 1}\n")


class Pair:
    """Two accounts of a running instance, each with a Chrome."""

    def __init__(self, rig: Rig, standins: Mapping[str, StandIn]) -> None:
        self._rig, self._standins = rig, standins

    def begin(self, people: int) -> None:
        """Add the second account, wait until both can send, and order a campaign from each, to the same people."""
        for name in ACCOUNTS[1:]:
            self._rig.call("POST", "/accounts", {"name": name})
        eventually(self._all_can_send, 120, "both accounts can send")
        numbers = [f"+4930231{n:05d}" for n in range(people)]
        for name in ACCOUNTS:
            order = {"numbers": numbers, "message": text_of(name), "account": name}
            assert self._rig.call("POST", "/send", order).get("job_id")

    def play(self, plans: list[Plan]) -> Tally:
        tally = Tally()
        self.begin(3 * len(plans) + 3)
        for turn, plan in enumerate(plans):
            self.strike(ACCOUNTS[turn % len(ACCOUNTS)], plan)
            tally.crashes += 1
        return self.end(tally)

    def strike(self, account: str, plan: Plan) -> None:
        """Kill the account's sender when a message has come to the point."""
        standin = self._standins[account]
        standin.forget()
        if plan.point == ANY_TIME:
            time.sleep(plan.nth / 1000)  # it is the moment that chance has chosen
        else:
            standin.wait(EVENTS[plan.point], timeout=120)
        process = self._driver(account)
        process.send_signal(signal.SIGKILL)
        eventually(lambda: is_dead(process), what="it is dead")
        standin.wait("page.main", timeout=120)  # its next life

    def end(self, tally: Tally) -> Tally:
        """Finish both campaigns, and judge."""
        for standin in self._standins.values():
            standin.set(send_ms=0, ack_ms=0)
        uncertain = self._finish()
        rows = {(each["account"], each["number"]): each["state"] for each in self._rows()}
        tally.add(judged(self._delivered(), rows, uncertain))
        for name, standin in self._standins.items():
            tally.wrong += [f"page of {name}: {each['what']}" for each in standin.record()["violations"]]
        return tally

    def _all_can_send(self) -> bool:
        found = self._rig.call("GET", "/accounts").get("accounts", [])
        return [True] * len(ACCOUNTS) == [each["can_send"] for each in found]

    def _driver(self, account: str) -> psutil.Process:
        """The sender of the account: the one whose Chrome has its profile."""

        def find() -> psutil.Process | None:
            for child in instance.orphans_of(self._rig):
                if "tests.crash.accounts" in words_of(child) and self._has_profile(child, account):
                    return child
            return None

        return eventually(find, 120, f"a sender has account {account}")

    def _has_profile(self, process: psutil.Process, account: str) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            mine = f"--user-data-dir={self._rig.data / 'profiles' / account}"
            return any(mine in words_of(each) for each in process.children(recursive=True))
        return False

    def _delivered(self) -> Counter[tuple[str, str, str]]:
        return Counter(
            (name, message["number"], message["text"])
            for name, standin in self._standins.items()
            for message in standin.messages()
        )

    def _rows(self) -> list[dict[str, Any]]:
        return [
            row | {"account": job["account"]}
            for job in self._rig.call("GET", "/jobs?limit=100")["jobs"]
            for row in self._rig.call("GET", f"/jobs/{job['job_id']}/messages?limit=1000")["messages"]
        ]

    def _finish(self) -> int:
        """Finish both campaigns, playing the person who looks at the phone; returns how many decisions it took."""
        decisions = 0
        while True:
            for job_id in instance.jobs(self._rig):
                self._rig.finish(job_id, instance.PATIENCE_S)
            doubtful = [row for row in self._rows() if row["state"] == "uncertain"]
            if not doubtful:
                return decisions
            got = self._delivered()
            for row in doubtful:
                sent = got[(row["account"], row["number"], text_of(row["account"]))] > 0
                self._rig.call("POST", f"/messages/{row['id']}/decide", {"sent": sent})
            decisions += len(doubtful)


def _with_its_own(settings: Settings) -> Any:
    return _make(settings.of_account(settings.account, whatsapp_url=os.environ[URL + settings.account]))


_make = registry.make_transport


if __name__ == "__main__":
    registry.make_transport = _with_its_own
    sys.exit(sender.main())
