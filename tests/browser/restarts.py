"""Start and end a browser many times in a row, each time another way, and count what that leaves behind.

Run as `python -m tests.browser.restarts 200`. Prints one line of figures, and a line for all that is left; exits
with 1 then.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import structlog.testing

from daemon import config, errors
from daemon.config import Settings
from daemon.transports.browser import display, processes
from daemon.transports.browser.driver import BrowserTransport
from tests.support.driving import Driving
from tests.support.rig import ROOT

#: How a life ends: in order; by SIGKILL of Chrome, of its driver; of whoever drives it, and the next one cleans up.
WAYS = ("close", "chrome", "driver", "owner")


def start_owner(settings: Settings, account: str, group: bool = False) -> subprocess.Popen[str]:
    """Another process that drives `account` until it is killed; returns when its browser is up.

    group: it leads a process group of its own, browser and all.
    """
    command = [sys.executable, "-m", "tests.browser.restarts", "--own"]
    names = [str(settings.data_dir), account, settings.whatsapp_url]
    owner = subprocess.Popen([*command, *names], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=group)
    assert owner.stdout
    with owner.stdout:
        assert "up\n" in owner.stdout, "the other process does not come up"
    return owner


async def own(data_dir: str, account: str, url: str) -> None:
    """What `start_owner` starts."""
    transport = BrowserTransport(config.load(data_dir=Path(data_dir), account=account, whatsapp_url=url))
    await transport.start()
    await transport.health()
    print("up", flush=True)
    await asyncio.Event().wait()


def descendants() -> set[int]:
    """Process ids of all that descends from us, zombies too."""
    return {process.pid for process in psutil.Process().children(recursive=True)}


def names_in(folder: str) -> set[str]:
    """What is in a folder."""
    return {path.name for path in Path(folder).iterdir()}


def describe(pid: int) -> str:
    """A process in words."""
    try:
        process = psutil.Process(pid)
        return f"{process.name()}, {process.status()}, a child of {process.ppid()}: {process.cmdline()[:2]}"
    except psutil.ZombieProcess:
        return f"{pid}, a zombie"
    except psutil.Error:
        return f"{pid}, gone by now"


@dataclass
class Ground:
    """What there is beside a browser: temporary files, and what this process holds."""

    files: set[str] = field(default_factory=lambda: names_in(tempfile.gettempdir()))
    open_files: int = field(default_factory=lambda: psutil.Process().num_fds())
    threads: set[str] = field(default_factory=lambda: {thread.name for thread in threading.enumerate()})


class Restarts:
    """A number of lives of one account's browser, and what was seen of them."""

    def __init__(self, count: int, folder: Path) -> None:
        self.count = count
        self.driving = Driving(folder)
        self.chrome = self.driving.transport._chrome
        self.children = descendants()  # the stand-in
        self.before = self.after = Ground()
        self.events: Counter[str] = Counter()  # what the log counted
        self.displays: set[str] = set()
        self.lingering: list[str] = []  # what was there right after a close
        self.memory: list[int] = []  # this process's after each life, bytes
        self.data: list[int] = []  # the data folder's size after each life, bytes
        self.seconds = 0.0

    def run(self) -> None:
        """All lives. The last one ends in order, after which nothing may be left."""
        began = time.monotonic()
        with structlog.testing.capture_logs() as logs:
            for each in range(self.count):
                self._live(WAYS[each % len(WAYS)] if each + 1 < self.count else "close")
                for entry in logs:
                    self.events[entry["event"]] += entry.get("count", 0)
                logs.clear()
                self._weigh()
        self.driving.close()
        self.seconds = time.monotonic() - began
        self.after = Ground()

    def _live(self, way: str) -> None:
        """Start a browser, see that the account can send, end it."""
        if way == "owner":
            owner = start_owner(self.driving.settings, "default")
            self._note_display()
            owner.kill()
            owner.wait()
            return
        self.driving.start()
        self._note_display()
        if way != "close":
            victim = self.chrome._process if way == "chrome" else self.chrome._service_process()
            assert victim
            victim.kill()
            with contextlib.suppress(errors.BrowserLost):
                self.driving.health()
        self.driving.run(self.driving.transport.close())
        self.lingering += self.running() + ([str(self.chrome.temp)] if self.chrome.temp.exists() else [])

    def _note_display(self) -> None:
        with contextlib.suppress(FileNotFoundError):  # headless has none
            self.displays.add((self.chrome.temp / "display").read_text())

    def _weigh(self) -> None:
        self.memory.append(psutil.Process().memory_info().rss)
        files = [path.lstat() for path in self.driving.settings.data_dir.rglob("*")]
        self.data.append(sum(file.st_blocks * 512 for file in files))

    def running(self) -> list[str]:
        """Processes that came with a browser and are there now, zombies too."""
        carriers = processes.marked(self.chrome.profile, self.chrome._drivers, self.chrome.temp)
        return [describe(pid) for pid in ({each.pid for each in carriers} | descendants()) - self.children]

    def lying(self) -> list[str]:
        """Temporary files that came with a browser and were there at the end; sockets of displays, too."""
        gone = [number for number in self.displays if not display.answers(f":{number}")]
        paths = [path for number in gone for path in (display.SOCKETS / f"X{number}", Path(f"/tmp/.X{number}-lock"))]
        return [*(self.after.files - self.before.files), *(str(path) for path in paths if path.exists())]

    def left(self) -> list[str]:
        """All that is left of the browsers, in words."""
        opened = self.after.open_files - self.before.open_files
        return [
            *(f"right after a close: {each}" for each in self.lingering),
            *(f"process: {each}" for each in self.running()),
            *(f"temporary file: {each}" for each in self.lying()),
            *(f"thread: {each}" for each in self.after.threads - self.before.threads),
            *([f"{opened} open files"] if opened > 0 else []),
        ]

    def __str__(self) -> str:
        warm = min(len(WAYS), self.count) - 1  # what grows once, in the first life of each kind, is no leak
        return (
            f"{self.count} restarts in {self.seconds:.0f} s: {len(self.running())} processes left "
            f"({len(self.lingering)} right after a close), {len(self.lying())} temporary files left, "
            f"{self.events['browser.orphans_killed']} orphans ended, {self.events['browser.locks_removed']} stale "
            f"locks and folders removed; this process: {self.after.open_files - self.before.open_files:+d} open files, "
            f"{len(self.after.threads) - len(self.before.threads):+d} threads, "
            f"{(self.memory[-1] - self.memory[warm]) / 2**20:+.1f} MiB of memory; "
            f"data folder {(self.data[-1] - self.data[0]) / 2**20:+.1f} MiB"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description="Restart a browser again and again, and count what is left.")
    parser.add_argument("count", type=int, nargs="?", default=200)
    parser.add_argument("--own", nargs=3, metavar=("DATA_DIR", "ACCOUNT", "URL"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.own:
        asyncio.run(own(*given.own))
    # All temporary files of this run are in a folder of its own: others may use the machine.
    with tempfile.TemporaryDirectory(prefix="restarts-") as temp, tempfile.TemporaryDirectory() as folder:
        os.environ["TMPDIR"] = tempfile.tempdir = temp
        restarts = Restarts(given.count, Path(folder))
        restarts.run()
        print(restarts, *restarts.left(), sep="\n")
        return 1 if restarts.left() else 0


if __name__ == "__main__":
    sys.exit(main())
