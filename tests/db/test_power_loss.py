"""What a power cut leaves, as far as a process can tell: real kills on a real SQLite file, see docs/power-loss.md."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import logging
import os
import platform
import random
import resource
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import structlog

from daemon import config, errors
from daemon.accounts import directory, pacing
from daemon.campaigns import create as creating
from daemon.campaigns import lifecycle, recipients
from daemon.contacts import suppression
from daemon.db import connection, proxy, sqlite
from daemon.delivery import claim, counters, job_moves, moves
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
BEFORE_SUBMIT = 25  # so many transactions, and the next one moves a message to `sending`
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
        lifecycle.pause(other, "test")
        yield
        for end in ENDS:
            (message,) = claim.claim("default", 1, NOW, 60_000, pacing.Rules())
            yield
            moves.submit(message, Mark("before"), NOW, pacing.Gap(0, pacing.Why.PAUSE, 1))
            yield
            end(message)
            yield
        lifecycle.settle(message.id, True, "test")
        yield
        lifecycle.retry(job, "test")
        yield
        suppression.suppress(settings, next(numbers), "asked", "test")
        yield
        for each in (job, other):
            lifecycle.stop(each, "test")
            yield


def create(settings: config.Settings, numbers: list[str]) -> int:
    job_id: int = creating.create(settings, creating.Order("Hello", numbers=numbers), "test")["job_id"]
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
        script = "from tests.db.test_power_loss import nurse; nurse()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )

    def close(self) -> None:
        self._process.communicate(timeout=20)

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


needs_seccomp = pytest.mark.skipif(not NUMBERS, reason="the system calls' numbers are not known here")


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the schema and an account, closed in order."""
    file = tmp_path_factory.mktemp("blank") / "wasender.db"
    connection.connect(f"sqlite:///{file}")
    directory.open_account("default", NOW)
    connection.close()
    return file


@pytest.fixture
def file(blank: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return copy(blank, tmp_path / "data")


@pytest.fixture(scope="module")
def after(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Books]:
    """after[n]: the books once n transactions have been committed; the same in every run of `work`."""
    file = copy(blank, tmp_path_factory.mktemp("after") / "data")
    settings = config.load(_env_file=None, data_dir=file.parent, transport="dryrun")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: NOW * 1_000_000)
        patch.setitem(sqlite.PRAGMAS, "synchronous", "off")
        connection.connect(f"sqlite:///{file}")
        found = [books()]
        for _ in zip(range(MOST + 1), work(settings), strict=False):
            found.append(books())
        connection.close()
    return found


# A kill


def test_whatever_a_process_said_it_committed_is_there_after_its_kill(nursery, file, after, tmp_path):
    """SIGKILL at any moment: what was said is there, the transaction in hand is there or not, and nothing else."""
    dice = random.Random(1)
    for n in range(20):
        mine = copy(file, tmp_path / str(n))
        death = nursery.victim(mine, MOST, kill=(dice.randint(1, 30), dice.uniform(0, 0.004)))
        found = look(mine)
        assert signal.SIGKILL == death.signal
        assert found in after[death.committed : death.committed + 2]


@pytest.mark.parametrize("where", [name for name in ENDINGS if name.startswith(("in the ", "between "))])
def test_a_commit_that_was_cut_off_while_it_wrote_has_never_been(nursery, file, after, where):
    """The kernel ends the process inside the COMMIT's write, at a byte that we choose."""
    death = nursery.victim(file, BEFORE_SUBMIT, where)
    assert signal.SIGXFSZ == death.signal
    assert death.sizes[-1] < wal_of(file).stat().st_size, "it has not come to write"
    assert after[BEFORE_SUBMIT] == look(file)


@needs_seccomp
def test_a_commit_does_not_return_before_the_disk_has_it(nursery, file, after):
    """synchronous=FULL, seen from outside: the COMMIT waits for the disk, and the process dies where it waits.

    All was written by then, so to those who live on the machine it is committed, said or not.
    """
    death = nursery.victim(file, BEFORE_SUBMIT, "before the disk has it")
    assert (signal.SIGSYS, BEFORE_SUBMIT) == (death.signal, death.committed)
    assert after[BEFORE_SUBMIT + 1] == look(file)


@needs_seccomp
def test_a_disk_that_fails_is_said_before_anything_is_handed_over(nursery, file, after):
    """The move to `sending` raises, so nothing goes out. Whether it was written nobody knows until the next look."""
    death = nursery.victim(file, BEFORE_SUBMIT, "told that the disk fails")
    assert (signal.SIGUSR1, BEFORE_SUBMIT) == (death.signal, death.committed)
    assert look(file) in after[BEFORE_SUBMIT : BEFORE_SUBMIT + 2]


CHECKPOINT = [name for name in ENDINGS if name.startswith(("writing", "before the -wal", "before the pages"))]


@needs_seccomp
@pytest.mark.parametrize("where", CHECKPOINT)
def test_a_checkpoint_that_was_cut_off_is_made_again(nursery, file, after, where):
    """Pages are half copied into the database, but all of them are in the -wal still."""
    death = nursery.victim(file, BEFORE_SUBMIT, where)
    assert death.signal in (signal.SIGXFSZ, signal.SIGSYS)
    assert after[BEFORE_SUBMIT] == look(file)


def test_a_first_start_that_was_cut_off_begins_anew(tmp_path, blank):
    """Wherever the -wal with the new schema ends, the schema is whole afterwards."""
    file = tmp_path / "made" / "wasender.db"
    file.parent.mkdir()
    connection.connect(f"sqlite:///{file}")
    first = wal_of(file).read_bytes()
    empty = file.read_bytes()
    connection.close()
    for end in range(0, len(first), 5 * FRAME + 11):
        started = tmp_path / str(end) / file.name
        started.parent.mkdir()
        started.write_bytes(empty)
        wal_of(started).write_bytes(first[:end])
        assert [[], [], [], [], []] == look(started)


# The -wal that it leaves


@pytest.fixture
def left(nursery: Nursery, file: Path) -> tuple[Path, Death]:
    """What a killed process has left: a database, its -wal with LEFT transactions, and its -shm."""
    return file, nursery.victim(file, LEFT)


def test_a_wal_that_ends_anywhere_shows_what_was_committed_up_to_there(left, after, tmp_path):
    """Between frames and within them: exactly the transactions that are whole, in their order."""
    file, death = left
    wal = wal_of(file).read_bytes()
    dice = random.Random(2)
    between = range(WAL_HEAD, len(wal) + 1, FRAME)
    ends = {0, WAL_HEAD - 1, *between, *(start - dice.randrange(1, FRAME) for start in between[1::3])}
    cut = copy(file, tmp_path / "cut")
    before = cut.read_bytes()
    shown = []
    for end in sorted(ends):
        cut.write_bytes(before)
        wal_of(cut).write_bytes(wal[:end])
        whole = sum(size <= end for size in death.sizes[1:])
        assert after[whole] == look(cut), end
        shown.append(whole)
    assert set(range(LEFT + 1)) == set(shown)


@pytest.mark.parametrize(("frame", "lost"), [("the last", 1), ("a middle", 10)])
def test_a_frame_with_rubbish_ends_the_wal(left, after, tmp_path, frame, lost):
    """Its checksum tells. What comes behind it is not looked at either, and SQLite does not say so."""
    file, death = left
    broken = copy(file, tmp_path / "broken", "-wal")
    with wal_of(broken).open("r+b") as wal:
        wal.seek(death.sizes[LEFT + 1 - lost] - 100)
        wal.write(random.Random(3).randbytes(100))
    assert after[LEFT - lost] == look(broken)


@pytest.mark.parametrize("shm", ["as it was", "missing", "of an earlier time", "rubbish"])
def test_a_wal_that_was_left_is_taken_in_by_the_next_start(nursery, left, after, tmp_path, blank, shm):
    """The -shm only says what is in the -wal: it is made anew."""
    file, _ = left
    moved = copy(file, tmp_path / "moved", "-wal")
    index = Path(f"{moved}-shm")
    if shm == "as it was":
        shutil.copy(f"{file}-shm", index)
    elif shm == "of an earlier time":
        earlier = copy(blank, tmp_path / "earlier")
        nursery.victim(earlier, 7)
        shutil.copy(f"{earlier}-shm", index)
    elif shm == "rubbish":
        index.write_bytes(random.Random(4).randbytes(32_768))
    assert after[LEFT] == look(moved)
    assert [moved.name] == [path.name for path in moved.parent.iterdir()], "closed in order, all is in one file"
    assert after[LEFT] == look(moved)


def test_what_an_earlier_round_has_left_in_the_wal_is_not_read_again(nursery, file, after):
    """A full -wal is written over from its beginning; the old frames behind have another salt."""
    death = nursery.victim(file, MOST)
    assert len(set(death.sizes[-5:])) == 1, "it has not begun anew"
    assert after[MOST] == look(file)


# Copies


def test_a_copy_without_its_wal_is_an_older_state(left, after, tmp_path):
    """Consistent in itself, but without what was sent since: that would be sent again."""
    file, _ = left
    assert after[0] == look(copy(file, tmp_path / "alone"))


def test_a_copy_made_by_sqlite_is_complete_while_others_write(left, after, tmp_path):
    """As `sqlite3 wasender.db ".backup …"` and VACUUM INTO make it."""
    file, _ = left
    connection.connect(f"sqlite:///{file}")
    proxy.database.execute_sql("VACUUM INTO ?", (str(tmp_path / "copy.db"),))
    connection.close()
    assert after[LEFT] == look(tmp_path / "copy.db")


def test_a_wal_of_another_database_cannot_be_told_from_its_own(nursery, left, after, blank, tmp_path):
    """A fact about SQLite that docs/power-loss.md warns of: what was there is lost, and nothing looks wrong.

    So before a backup is put in place, the -wal of what it replaces has to go.
    """
    backup = copy(blank, tmp_path / "backup")
    nursery.victim(backup, 60)
    assert after[60] == look(backup)
    shutil.copy(wal_of(left[0]), wal_of(backup))
    connection.connect(f"sqlite:///{backup}")
    found = books()
    connection.close()
    assert after[60] != found


# What is refused


def rubbish(file: Path) -> None:
    file.write_bytes(b"This is a shopping list, not a database.\n" * 300)


def headless(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.write(b"\xff" * 100)


def cut_short(file: Path) -> None:
    os.truncate(file, 5000)


def a_page_lost(file: Path) -> None:
    """The one where the table of the messages begins; those that the start reads are as they were."""
    with closing(sqlite3.connect(file)) as asked:
        (root,) = asked.execute("SELECT rootpage FROM sqlite_master WHERE name = 'message'").fetchone()
    with file.open("r+b") as opened:
        opened.seek((root - 1) * PAGE)
        opened.write(random.Random(5).randbytes(PAGE))


def newer(file: Path) -> None:
    """It has a step that this program does not know, in its -wal."""
    with closing(sqlite3.connect(file)) as written, written:
        written.execute("INSERT INTO schema_migration (name, applied) VALUES ('9999_later', '2030-01-01')")
        written.commit()
        kept = {path: path.read_bytes() for path in (file, wal_of(file))}
    for path, content in kept.items():
        path.write_bytes(content)


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def gone(file: Path) -> None:
    file.unlink()


def content(file: Path) -> dict[str, str]:
    """The file's and its -wal's; the -shm is nothing but an index, and an empty -wal says nothing."""
    there = [path for path in (file, wal_of(file)) if path.exists() and path.stat().st_size]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in there}


@pytest.mark.parametrize("damage", [rubbish, headless, cut_short, a_page_lost])
def test_a_damaged_file_is_refused_and_left_as_it_is(left, damage):
    """It may still be repaired or restored: one line says so, and not a byte changes."""
    file, _ = left
    look(file)
    damage(file)
    refused_unchanged(file)


@pytest.mark.parametrize("damage", [rubbish, headless, newer, emptied, gone])
def test_what_is_refused_keeps_its_wal(left, damage):
    """It may hold the only copy of what was sent last."""
    file, _ = left
    damage(file)
    refused_unchanged(file)


def refused_unchanged(file: Path) -> None:
    before = content(file)
    with pytest.raises(errors.DatabaseUnusable) as refused:
        connection.connect(f"sqlite:///{file}")
    assert "\n" not in str(refused.value)
    assert proxy.database.is_closed()
    assert before == content(file)


def test_a_damaged_page_that_is_met_later_is_no_riddle(left):
    """The disk has failed while wasender ran: whoever comes upon the page is told what to do."""
    file, _ = left
    look(file)
    connection.connect(f"sqlite:///{file}")
    try:
        a_page_lost(file)
        with pytest.raises(errors.DatabaseUnusable, match="restore it from a backup"), connection.available():
            recipients.page(job_moves.job(1), recipients.Selection())
    finally:
        connection.close()


def test_an_empty_file_is_a_new_database(tmp_path):
    """As a person makes one with `touch`, or a first start that came to nothing."""
    (tmp_path / "wasender.db").touch()
    assert [[], [], [], [], []] == look(tmp_path / "wasender.db")


@pytest.mark.parametrize("program", ["http", "sender"])
@pytest.mark.parametrize("damage", [rubbish, newer])
def test_a_process_says_in_one_line_why_it_does_not_start(left, tmp_path, program, damage):
    """supervisord tries again and again; each time nothing but this line comes of it."""
    file, _ = left
    look(file)
    damage(file)
    settings = {"WASENDER_DATA_DIR": str(file.parent), "WASENDER_TRANSPORT": "dryrun", "WASENDER_PORT": "0"}
    ended = subprocess.run(
        [sys.executable, "-m", f"daemon.{program}"],
        env=os.environ | settings | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    assert (1, "") == (ended.returncode, ended.stderr)
    assert ["process.refused", "process.stopped"] == [event["event"] for event in told]
    words = "newer wasender" if damage is newer else "was left as it is"
    assert words in told[0]["reason"] and "\n" not in told[0]["reason"]
