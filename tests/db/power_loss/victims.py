"""What a power cut leaves, as far as a process can tell: processes that work on a real SQLite file until they are
killed, see docs/power-loss.md."""

from __future__ import annotations

import ctypes
import errno
import json
import logging
import os
import platform
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import structlog

from daemon import config, errors
from daemon.accounts import pacing
from daemon.campaigns import create as creating
from daemon.campaigns import lifecycle
from daemon.contacts import suppression
from daemon.db import clock, connection, proxy
from daemon.delivery import claim, counters, moves
from daemon.models import Account, Event, Job, Message, Suppression
from daemon.states import Ack
from daemon.transports.protocol import Mark, Receipt
from tests.conftest import NOW, ROOT
from tests.support.hand import broken_histories

NUMBERS = {  # of the system calls at which a victim can be killed
    "x86_64": {"sync": (74, 75), "truncate": (77,), "unlink": (87, 263)},
    "aarch64": {"sync": (82, 83), "truncate": (46,), "unlink": (35,)},
}.get(platform.machine(), {})
PAGE, WAL_HEAD = 4096, 32
FRAME = 24 + PAGE
LEFT = 24
MOST = 170  # transactions: enough to fill the -wal (1000 pages), which then begins anew
Books = list[list[dict[str, Any]]]

# The work, and what can be seen of it


def work(settings: config.Settings) -> Iterator[None]:
    """Campaigns at work: each time it yields, exactly one more transaction has been committed."""
    numbers = (f"+491511{n:07}" for n in count())
    for _ in count():
        job = create(settings, [next(numbers) for _ in range(3)])
        yield
        other = create(settings, [next(numbers) for _ in range(2)])
        yield
        lifecycle.pause(other, "test", clock.now_ms())
        yield
        for end in ENDS:
            (message,) = claim.claim("default", 1, NOW, 60_000, pacing.Rules())
            yield
            moves.submit(message, Mark("before"), NOW, pacing.Gap(0, pacing.Why.PAUSE, 1))
            yield
            end(message)
            yield
        lifecycle.settle(message.id, True, "test", clock.now_ms())
        yield
        lifecycle.retry(job, "test", clock.now_ms())
        yield
        suppression.suppress(settings, next(numbers), "asked", "test", clock.now_ms())
        yield
        for each in (job, other):
            lifecycle.stop(each, "test", clock.now_ms())
            yield


def create(settings: config.Settings, numbers: list[str]) -> int:
    job_id: int = creating.create(settings, creating.Order("Hello", numbers=numbers), "test", clock.now_ms()).job_id
    return job_id


ENDS: list[Callable[[Message], None]] = [
    lambda message: moves.confirm(message, Receipt("id-1", Ack.READ), NOW),
    lambda message: moves.fail(message, "not on WhatsApp", NOW),
    lambda message: moves.lose(message, "the chat does not load", NOW),
]


def books() -> Books:
    """All rows; leases are drawn by lot, so only whether there is one."""
    found: Books = []
    for table in (Account, Job, Message, Event, Suppression):
        rows = list(table.select().order_by(table._meta.primary_key).dicts())
        found.append([row | ({"lease": bool(row["lease"])} if "lease" in row else {}) for row in rows])
    return found


def look(file: Path) -> Books:
    """What the next start finds in the file, which must be whole and consistent in itself."""
    connection.connect(f"sqlite:///{file}")
    try:
        assert [("ok",)] == proxy.database.execute_sql("PRAGMA integrity_check").fetchall()
        assert [] == counters.miscounted()
        assert [] == broken_histories()
        return books()
    finally:
        connection.close()


def wal_of(file: Path) -> Path:
    return Path(f"{file}-wal")


def copy(file: Path, folder: Path, *endings: str) -> Path:
    """The database in a folder of its own, with the files of these endings."""
    folder.mkdir()
    for ending in ("", *endings):
        shutil.copy(f"{file}{ending}", folder / f"{file.name}{ending}")
    return folder / file.name


# Victims: processes that work on a database until they are killed


@dataclass(frozen=True)
class Death:
    """How a victim ended. sizes: of its -wal at the beginning and after each transaction that it said it committed."""

    signal: int
    sizes: list[int]

    @property
    def committed(self) -> int:
        return len(self.sizes) - 1


class Nursery:
    """A process with everything imported, which forks one victim after the other."""

    def __init__(self) -> None:
        script = "from tests.db.power_loss.victims import nurse; nurse()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )

    def close(self) -> None:
        self._process.communicate(timeout=60)

    def victim(self, file: Path, work: int, end: str = "pause", kill: tuple[int, float] | None = None) -> Death:
        """Do that much work and then `end`, one of ENDINGS.

        kill: after how many transactions to send SIGKILL, and how many seconds later; all of the work, if None.
        """
        assert self._process.stdin and self._process.stdout
        print(json.dumps({"file": str(file), "work": work, "end": end}), file=self._process.stdin, flush=True)
        pid, sizes = 0, []
        for line in self._process.stdout:
            told: dict[str, int] = json.loads(line)
            pid = told.get("pid", pid)
            if "signal" in told:
                return Death(told["signal"], sizes)
            if "size" in told:
                sizes.append(told["size"])
                after, later = kill or (work, 0.0)
                if len(sizes) == after + 1 and end == "pause":
                    time.sleep(later)
                    os.kill(pid, signal.SIGKILL)
        raise AssertionError("the nursery has ended")


def nurse() -> None:
    """In the nursery: a victim for each order on stdin; its words and its end go to stdout."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    time.time_ns = lambda: NOW * 1_000_000
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if not pid:
            live(Path(order["file"]), order["work"], order["end"])
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        say(signal=os.WTERMSIG(status))


def say(**words: int) -> None:
    os.write(1, f"{json.dumps(words)}\n".encode())


def live(file: Path, transactions: int, end: str) -> None:
    """In a victim. What it says of a transaction it says once COMMIT has returned."""
    say(pid=os.getpid())
    settings = config.load(_env_file=None, data_dir=file.parent, transport="dryrun")
    connection.connect(f"sqlite:///{file}")
    working = work(settings)
    say(size=wal_of(file).stat().st_size)
    for _ in range(transactions):
        next(working)
        say(size=wal_of(file).stat().st_size)
    ENDINGS[end](file, working)


def die_in_commit(bytes_more: int) -> Callable[[Path, Iterator[None]], None]:
    """The kernel stops the COMMIT's write to the -wal after so many bytes."""

    def end(file: Path, working: Iterator[None]) -> None:
        no_file_beyond(wal_of(file).stat().st_size + bytes_more)
        next(working)

    return end


def die_before_the_disk_has_it(_: Path, working: Iterator[None]) -> None:
    forbid("sync")
    next(working)


def die_once_it_is_told_that_the_disk_fails(_: Path, working: Iterator[None]) -> None:
    forbid("sync", errno.EIO)
    try:
        next(working)
    except errors.DatabaseBusy:
        signal.raise_signal(signal.SIGUSR1)


def die_in_checkpoint_writing(_file: Path, _working: Iterator[None]) -> None:
    no_file_beyond(10 * PAGE + 1000)  # of the pages that it copies, in order, one is torn
    connection.close()


def die_in_checkpoint(call: str) -> Callable[[Path, Iterator[None]], None]:
    def end(_file: Path, _working: Iterator[None]) -> None:
        forbid(call)
        connection.close()

    return end


ENDINGS: dict[str, Callable[[Path, Iterator[None]], object]] = {
    "pause": lambda file, working: signal.pause(),  # until it is killed
    "in the first frame's head": die_in_commit(10),
    "between head and page": die_in_commit(24),
    "in the first page": die_in_commit(1000),
    "between two frames": die_in_commit(FRAME),
    "in the second page": die_in_commit(FRAME + 2000),
    "before the disk has it": die_before_the_disk_has_it,
    "told that the disk fails": die_once_it_is_told_that_the_disk_fails,
    "writing pages": die_in_checkpoint_writing,
    "before the -wal is on the disk": die_in_checkpoint("sync"),
    "before the pages are on the disk": die_in_checkpoint("truncate"),
    "before the -wal is removed": die_in_checkpoint("unlink"),
}


def no_file_beyond(size: int) -> None:
    """A write past that size is cut there, and the next one kills: SIGXFSZ, from within the system call."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


class Program(ctypes.Structure):
    """A filter of system calls: `struct sock_fprog`."""

    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]


def forbid(call: str, answer: int | None = None) -> None:
    """From now on the kernel kills this process where it makes this system call (SIGSYS), or answers with this error.

    See seccomp(2).
    """
    numbers = NUMBERS[call]
    jumps = [struct.pack("HBBI", 0x15, len(numbers) - n, 0, number) for n, number in enumerate(numbers)]
    verdicts = (0x7FFF0000, 0x80000000 if answer is None else 0x00050000 | answer)
    allow, refuse = (struct.pack("HBBI", 0x06, 0, 0, verdict) for verdict in verdicts)
    code = b"".join([struct.pack("HBBI", 0x20, 0, 0, 0), *jumps, allow, refuse])
    kept = ctypes.create_string_buffer(code, len(code))
    libc = ctypes.CDLL(None)
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS, without which nobody may filter
    program = Program(len(code) // 8, ctypes.addressof(kept))
    assert 0 == libc.prctl(22, 2, ctypes.byref(program), 0, 0)  # PR_SET_SECCOMP
