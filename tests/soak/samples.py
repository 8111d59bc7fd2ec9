"""What is sampled of a running instance: its processes, its database, its files, and what waits."""

from __future__ import annotations

import os
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.crash.tree import Manager
from tests.soak.readers import ROUND
from tests.soak.verdict import Measure, Samples, Shown
from tests.support.rig import Rig

MB = 2**20
KINDS = ("http", "sender of the browser", "sender of the Cloud API", "supervisord")
BROWSER = {"chrome": "Chrome", "helper": "Chrome", "page": "Chrome", "chromedriver": "chromedriver", "Xvfb": "Xvfb"}
GAUGES = {
    "wasender_webhook_deliveries_waiting": "webhooks waiting",
    "wasender_webhook_overdue_seconds": "webhooks overdue",
    "wasender_cloud_batches_waiting": "Meta's posts waiting",
}
FOLDERS = {
    "attachments": "attachments",
    "profiles": "Chrome's profile",
}  # in the data folder; all else is in the database
STEADY_MB, CHROME_MB = 10.0, 150.0  # that a process of ours, and all of Chrome, may have gained
DATABASE_KB = 16.0  # that a message may take for good, with its history, receipts and what webhooks were told
MEASURES = (
    *(Measure(f"{kind}: memory (PSS)", "MB", STEADY_MB, lives=True) for kind in KINDS),
    *(Measure(f"{kind}: memory (RSS)", "MB", STEADY_MB, lives=True) for kind in KINDS),
    Measure("Chrome: memory (PSS)", "MB", CHROME_MB, lives=True),
    Measure("Chrome: memory (RSS)", "MB", 2 * CHROME_MB, lives=True),
    Measure("chromedriver: memory (PSS)", "MB", STEADY_MB, lives=True),
    Measure("Xvfb: memory (PSS)", "MB", STEADY_MB, lives=True),
    *(Measure(f"{kind}: open files", "", 6, lives=True) for kind in KINDS),
    *(Measure(f"{kind}: threads", "", 4, lives=True) for kind in KINDS),
    Measure("processes", "", 3),
    Measure("processes outside the tree", "", 0.5, shown=Shown.MOST),
    Measure("database", "MB", 4, shown=Shown.MOST, per="messages", each=DATABASE_KB / 1024),
    Measure("write-ahead log", "MB", 16, shown=Shown.MOST),
    Measure("attachments", "MB", 4, shown=Shown.MOST),
    Measure("Chrome's profile", "MB", 64, shown=Shown.MOST),
    Measure("all else in the data folder", "MB", 2, shown=Shown.MOST),
    Measure("supervisord's log", "MB", 3, shown=Shown.MOST),
    # Others who use the machine make single answers slow, but not the quickest tenth of them.
    Measure(ROUND["API"], "ms", 15, share=0.5, shown=Shown.P10),
    Measure(ROUND["page"], "ms", 30, share=0.5, shown=Shown.P10),
    Measure("from an order to its claim", "ms", 1_000, share=1.0),
    Measure("webhooks overdue", "s", 60, shown=Shown.MOST),
    Measure("Meta's posts waiting", "", 50, shown=Shown.MOST),
)
TOLD = (  # what the machine and the work were, which is not judged
    Measure("messages", "", float("inf"), shown=Shown.MOST),
    # What failed while the receiver was away is tried again after minutes, then after half an hour: no sign of a leak.
    Measure("webhooks waiting", "", float("inf"), shown=Shown.MOST),
    Measure("lines of the log", "MB", float("inf"), shown=Shown.MOST),
    *(
        Measure(f"one answer: {name}", "ms", float("inf"), shown=how)
        for name in ROUND
        for how in (Shown.MEDIAN, Shown.P99)
    ),
    Measure("processor, all of ours", "%", float("inf")),
    Measure("load of the machine", "", float("inf")),
)


@dataclass
class Place:
    """What is looked at. database: how large it and its log are, in bytes."""

    rig: Rig
    manager: Manager
    database: Callable[[], tuple[int, int]]
    messages: Callable[[], int]


class Sampler:
    """Samples one instance; `look` takes a tenth of a second, most of it for Chrome's memory."""

    def __init__(self, place: Place, samples: Samples) -> None:
        self._place, self._samples = place, samples
        self._began = time.monotonic()
        self._browsing: set[int] = set()  # senders that have been seen with a browser
        self._used = 0.0
        self._cpu: dict[int, float] = {}
        self._looked = self._began

    def now(self) -> float:
        return time.monotonic() - self._began

    def add(self, name: str, value: float, life: str = "") -> None:
        self._samples.add(name, self.now(), value, life)

    def look(self) -> None:
        self._processes()
        self._files()
        self._waiting()
        self.add("messages", self._place.messages())
        self.add("load of the machine", psutil.getloadavg()[0])

    # -- processes ---------------------------------------------------------------------------------------------

    def _processes(self) -> None:
        found = self._place.manager.by_role()
        self.add("processes", sum(map(len, found.values())))
        self.add("processes outside the tree", len(self._place.manager.strays()))
        chrome: dict[str, list[psutil.Process]] = defaultdict(list)
        for role, processes in found.items():
            for process in processes:
                if role in BROWSER:
                    chrome[BROWSER[role]].append(process)
                elif role in ("http", "sender", "supervisord"):
                    with suppress(psutil.Error):
                        self._ours(self._kind(role, process), process)
        for kind, processes in chrome.items():
            self._browser(kind, processes)
        self._processor([process for each in found.values() for process in each])

    def _kind(self, role: str, process: psutil.Process) -> str:
        if role != "sender":
            return role
        if any(child.name() == "chromedriver" for child in process.children()):
            self._browsing.add(process.pid)
        return KINDS[1] if process.pid in self._browsing else KINDS[2]

    def _ours(self, kind: str, process: psutil.Process) -> None:
        with process.oneshot():
            memory = process.memory_full_info()
            life = f"{process.pid} {process.create_time()}"
            self.add(f"{kind}: memory (PSS)", memory.pss / MB, life)
            self.add(f"{kind}: memory (RSS)", memory.rss / MB, life)
            self.add(f"{kind}: open files", process.num_fds(), life)
            self.add(f"{kind}: threads", process.num_threads(), life)

    def _browser(self, kind: str, processes: list[psutil.Process]) -> None:
        """All processes of a browser together; its life is that of the oldest."""
        pss = rss = 0.0
        for process in processes:
            with suppress(psutil.Error):
                memory = process.memory_full_info()
                pss, rss = pss + memory.pss / MB, rss + memory.rss / MB
        life = min((each.create_time(), each.pid) for each in processes)
        self.add(f"{kind}: memory (PSS)", pss, str(life))
        self.add(f"{kind}: memory (RSS)", rss, str(life))

    def _processor(self, processes: list[psutil.Process]) -> None:
        """How much of one processor all of these have used since the last look."""
        now, used, before = time.monotonic(), 0.0, self._cpu
        self._cpu = {}
        for process in processes:
            with suppress(psutil.Error):
                times = process.cpu_times()
                self._cpu[process.pid] = times.user + times.system
                used += max(self._cpu[process.pid] - before.get(process.pid, 0.0), 0.0)
        if before:
            self.add("processor, all of ours", 100 * used / (now - self._looked))
        self._looked = now

    # -- what is stored, and what waits ------------------------------------------------------------------------

    def _files(self) -> None:
        rig = self._place.rig
        database, wal = self._place.database()
        self.add("database", database / MB)
        self.add("write-ahead log", wal / MB)
        sizes: dict[str, int] = defaultdict(int, dict.fromkeys(FOLDERS.values(), 0))
        for folder, _, names in os.walk(rig.data):  # unlike rglob it goes on where a folder has just gone
            for path in (Path(folder, name) for name in names):
                if not path.name.startswith("wasender.db"):
                    first = path.relative_to(rig.data).parts[0]
                    sizes[FOLDERS.get(first, "all else in the data folder")] += _size(path)
        for name, size in sizes.items():
            self.add(name, size / MB)
        self.add("supervisord's log", sum(map(_size, (rig.root / "run").glob("supervisord.log*"))) / MB)
        self.add("lines of the log", _size(rig.log) / MB)

    def _waiting(self) -> None:
        rig = self._place.rig
        request = urllib.request.Request(f"http://127.0.0.1:{rig.port}/metrics", headers={"X-API-KEY": rig.key})
        sums = dict.fromkeys(GAUGES, 0.0)
        with suppress(OSError), urllib.request.urlopen(request, timeout=20) as answer:
            for line in answer.read().decode().splitlines():
                name = line.partition(" ")[0].partition("{")[0]
                if name in sums:
                    sums[name] += float(line.rpartition(" ")[2])
            for name, value in sums.items():
                self.add(GAUGES[name], value)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0
