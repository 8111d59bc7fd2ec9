"""Kill any process of the tree, again and again: is all of it back within 15 seconds, and is nothing left over?

    python -m tests.crash.tree --kills 50

supervisord and all below it run as an ordinary user, with real Chromium and the stand-in, under what a service manager
does (`Manager`, with what etc/wasender.service says). A message is under way when a process is killed and another is
ordered at once, also while nobody answers: all is back when that one is sent, the account can send, and each process
has exactly one successor. Every process that anything has ever started is seen, since this one adopts their orphans.
"""

from __future__ import annotations

import argparse
import configparser
import ctypes
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil

from daemon.transports.browser.chrome import SCRIPT_S
from standin.client import StandIn
from tests.crash.instance import Client
from tests.crash.tally import SENT
from tests.support.rig import ROOT, Rig, as_ordinary_user, eventually, is_dead, words_of

LIMIT_S = 15.0
PATIENCE_S = 60.0  #: after which it is not late, but gone
_PR_SET_CHILD_SUBREAPER = 36
#: What may be killed. page: the process in which Chrome runs WhatsApp's page; helper: any other of Chrome's.
ROLES = ("supervisord", "http", "sender", "chrome", "chromedriver", "Xvfb", "helper", "page")
BROWSER = {"chrome", "chromedriver", "Xvfb", "helper", "page"}
#: Whose processes all have to be new when one of this role was killed.
RENEWED = {
    "supervisord": {*ROLES},
    "sender": {"sender", *BROWSER},
    "http": {"http"},
    "helper": set[str](),
    "page": {"page"},
}
SEVERAL = {"helper", "page"}
PAGE_S = SCRIPT_S  #: a page that is dead is told from one that is slow by waiting for it; some helpers take it along
QUICK = {"boot_ms": 20, "loading_ms": 20, "qr_canvas_ms": 20}


class Manager:
    """The tree, and what systemd does with it: when supervisord has died, all others are killed, and it is started
    again after a while (KillMode=mixed, Restart=always)."""

    def __init__(self, rig: Rig, others: set[int]) -> None:
        """others: processes of ours that are none of the tree."""
        unit = configparser.RawConfigParser(strict=False)
        unit.read(ROOT / "etc/wasender.service")
        assert ("mixed", "always") == (unit["Service"]["KillMode"], unit["Service"]["Restart"])
        self._pause_s = unit.getfloat("Service", "RestartSec")
        self._rig, self._others = rig, others
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def tree(self) -> list[psutil.Process]:
        """Every running process that came of the instance, whoever its parent is now."""
        found = []
        for child in psutil.Process().children():
            if child.pid in self._others:
                continue
            with suppress(psutil.NoSuchProcess):
                found += [child, *child.children(recursive=True)]
            if child.pid != self._supervisord and is_dead(child):
                with suppress(ChildProcessError):
                    os.waitpid(child.pid, os.WNOHANG)
        return [process for process in found if not is_dead(process)]

    @property
    def _supervisord(self) -> int:
        return self._rig.daemon.pid if self._rig.daemon else 0

    def role(self, process: psutil.Process) -> str:
        """One of ROLES, or the name of what is no such process: the one that reads files, for instance."""
        words = words_of(process)
        with suppress(psutil.NoSuchProcess):
            name = process.name()
            if process.pid == self._supervisord:
                return "supervisord"
            if words[-2:-1] == ["-m"] and words[-1] in ("daemon.http", "daemon.sender"):
                return words[-1].removeprefix("daemon.")
            if name in ("chromedriver", "Xvfb"):
                return name
            if name.startswith("chrom"):
                if any("--type=renderer" in word for word in words):
                    return "page"
                main = any(word.startswith("--user-data-dir=") for word in words)
                return "chrome" if main and not any("--type=" in word for word in words) else "helper"
            return name
        return ""

    def by_role(self) -> dict[str, list[psutil.Process]]:
        found: dict[str, list[psutil.Process]] = {}
        for process in self.tree():
            found.setdefault(self.role(process), []).append(process)
        return found

    def restart(self) -> None:
        """What is done when supervisord has died."""
        assert self._rig.daemon
        self._rig.daemon.wait(60)
        while left := self.tree():
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(left, 10)
        time.sleep(self._pause_s)  # as long as systemd does, which is part of what is measured
        self._rig.start()

    def strays(self) -> list[str]:
        """What runs and does not descend from supervisord."""
        below = {self._supervisord}
        with suppress(psutil.NoSuchProcess):
            below |= {each.pid for each in psutil.Process(self._supervisord).children(recursive=True)}
        return [f"{self.role(each)} {each.pid}" for each in self.tree() if each.pid not in below]


class Killing:
    """An instance whose processes are killed, one after the other."""

    def __init__(self, rig: Rig, manager: Manager, dice: random.Random, limit_s: float) -> None:
        self._rig, self._manager, self._dice, self._limit_s = rig, manager, dice, limit_s
        self.numbers: list[str] = []
        self.wrong: list[str] = []
        self.took: dict[str, list[float]] = {}

    def order(self) -> Client:
        """A message to somebody new, ordered until it is answered."""
        self.numbers.append(f"+4930232{len(self.numbers):05d}")
        client = Client(self._rig, f"order {len(self.numbers)}", self.numbers[-1:])
        client.start()
        return client

    def kill(self, victim: str) -> None:
        """Kill one process, and wait until all is as it was."""
        before = eventually(self._whole, PATIENCE_S, "the tree is complete")
        process = self._dice.choice(before[victim])
        renewed = RENEWED.get(victim, BROWSER)
        old = [each for role, several in before.items() if role in renewed for each in several] + [process]
        first = self.order()
        time.sleep(self._dice.uniform(0, 0.4))  # nothing is waited for: it is the moment that chance has chosen
        began = time.monotonic()
        with suppress(psutil.NoSuchProcess):  # Chrome may have ended a helper of its own accord
            process.kill()
        second = self.order()
        if victim == "supervisord":
            self._manager.restart()
        self.wrong += first.settle() + second.settle()
        number = self.numbers[-1]
        eventually(lambda: self._state(number) in SENT, PATIENCE_S, f"the message after the kill of {victim} is sent")
        eventually(self._whole, PATIENCE_S, f"after {victim} was killed the tree is complete again")
        took = time.monotonic() - began
        self.took.setdefault(victim, []).append(took)
        left = [f"{self._manager.role(each)} {each.pid}" for each in old if not is_dead(each)]
        if left:
            self.wrong.append(f"after {victim} was killed, there still was {', '.join(left)}")
        if took > self._limit_s + (PAGE_S if victim in SEVERAL else 0):
            self.wrong.append(f"after {victim} was killed, it took {took:.1f} s")

    def _state(self, number: str) -> str:
        with suppress(OSError, KeyError):  # http may be the one that was killed
            found = self._rig.call("GET", f"/messages?number=%2B{number[1:]}")["messages"]
            return ", ".join(str(message["state"]) for message in found)
        return ""

    def _over(self, number: str) -> str:
        """The state in which its message stays, as far as the sender is concerned; "" while it may still change."""
        state = self._state(number)
        return state if state in SENT | {"uncertain", "failed"} else ""

    def outcome(self, standin: StandIn) -> list[str]:
        """What is wrong with who got what: everybody once, and the database says so, or leaves a doubt to a person."""
        said = {each: eventually(partial(self._over, each), what=f"{each} is over") for each in self.numbers}
        got = Counter(message["number"] for message in standin.record()["messages"])
        wrong = [f"{each} got it {got[each]} times" for each in self.numbers if got[each] != 1]
        return wrong + [f"{each} is {state}" for each, state in said.items() if state == "failed"]

    def _whole(self) -> dict[str, list[psutil.Process]] | None:
        """The processes by role, when the account can send, there is one of each, and nothing is beside the tree."""
        found = self._manager.by_role()
        if any(len(found.get(role, [])) != 1 for role in ROLES if role not in SEVERAL):
            return None
        if not all(found.get(role) for role in SEVERAL):
            return None
        with suppress(OSError):
            if self._rig.call("GET", "/ready").get("ready") and not self._manager.strays():
                return found
        return None


def victims(roles: list[str], kills: int, dice: random.Random) -> Iterator[str]:
    """Each role in turn, in an order of chance."""
    left: list[str] = []
    for _ in range(kills):
        left = left or dice.sample(roles, len(roles))
        yield left.pop()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.tree", description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50, help="how many processes are killed (50)")
    parser.add_argument("--only", nargs="+", choices=ROLES, default=ROLES, help="processes of these kinds")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds after which all has to be back (15)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="repeats the same kills")
    given = parser.parse_args()
    dice = random.Random(given.seed)
    print(f"seed {given.seed}", file=sys.stderr)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # not without ending what was started
    folder = Path(tempfile.mkdtemp(prefix="wasender-tree-"))
    with StandIn.start(folder / "standin", linked=True, send_ms=50, ack_ms=100, **QUICK) as standin:
        assert standin.process
        (folder / "rig").mkdir()
        rig = Rig(folder / "rig", whatsapp_url=standin.url, delay_min=0, delay_max=0, send_timeout_s=10)
        rig.prefix = as_ordinary_user()  # so that Chrome has its sandbox, too
        manager = Manager(rig, {standin.process.pid})
        try:
            with rig:
                rig.ready()
                killing = Killing(rig, manager, dice, given.limit)
                for number, victim in enumerate(victims(list(given.only), given.kills, dice), 1):
                    killing.kill(victim)
                    print(f"{number:>3} {victim:<12} {killing.took[victim][-1]:5.1f} s", file=sys.stderr, flush=True)
                wrong = killing.wrong + killing.outcome(standin)
            wrong += [f"after the end there still was {manager.role(each)}" for each in manager.tree()]
        finally:
            for process in manager.tree():
                process.kill()
    for victim, took in sorted(killing.took.items()):
        print(f"{victim:<12} kills={len(took):<3} median={statistics.median(took):.1f} s longest={max(took):.1f} s")
    for what in wrong:
        print(f"WRONG: {what}")
    every = [each for took in killing.took.values() for each in took]
    print(f"kills={len(every)} messages={len(killing.numbers)} longest={max(every):.1f} s wrong={len(wrong)}")
    if not wrong:
        shutil.rmtree(folder)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
