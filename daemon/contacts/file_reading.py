"""Reading files in a process of its own, with limits of time and memory, so that whatever somebody uploads can neither
stop the http process nor take its memory, and no database thread waits for it.

READERS processes each read one file after the other, on a thread that waits for it, and no caller has more than EACH of
them: somebody else's slow file keeps nobody waiting. So many may wait for their turn as there are PLACES, of one caller
PLACES_EACH. A process is started when none is free; one stays for the next file, unless it has grown or was killed.
What it answers is JSON (`file_reading_process` says how), never a pickle: the file may have taken it over.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

import phonenumbers
import psutil
import structlog

import daemon
from daemon import errors
from daemon.contacts import importer
from daemon.contacts.importer import Contact, ContactList, Said
from daemon.contacts.refusals import Why
from daemon.formats.tabular import Row, Sheet
from daemon.i18n import coded
from daemon.telemetry import progress
from daemon.telemetry.progress import Stage

log = structlog.get_logger()

MAX_FILE = 32 << 20  # bytes
READERS = 3  # at a time
EACH = 2  # of them for one caller
PLACES = 24  # for files that are being read or wait for it
PLACES_EACH = 16  # of them for one caller
MEMORY = 2 << 30  # bytes of address space; a million rows of five columns need about half
LOOK_S = 0.3  # between two looks whether it is still wanted
GROWN = 192 << 20  # bytes of memory, from which on the process does not stay
CHUNK = 256 << 10
CPU_S, CPU_S_PER_MB = 20, 4  # a million rows, which 30 MB may hold, take about a minute
PATIENCE = 3  # times that, on a machine that is busy with other things
MODULE = "daemon.contacts.file_reading_process"
ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH")  # no settings, no key


@dataclass(frozen=True)
class File:
    """What is to be read: a file that is open, from its beginning, or its bytes. name: for sentences about it."""

    name: str
    content: IO[bytes] | bytes

    @property
    def size(self) -> int:
        """Its bytes."""
        if isinstance(self.content, bytes):
            return len(self.content)
        return self.content.seek(0, os.SEEK_END)

    def parts(self) -> Iterator[bytes]:
        """Its bytes, a chunk at a time."""
        if isinstance(self.content, bytes):
            yield self.content
            return
        self.content.seek(0)
        while chunk := self.content.read(CHUNK):
            yield chunk


Sink = Callable[[list[Any], bool], None]
"""Takes a batch of contacts, [row, number, fields] each, on the thread that reads; True for those who are repeated."""


@dataclass
class _Answer:
    """What has come of an answer so far. sink: takes the contacts instead, as they come."""

    sink: Sink | None = None
    contacts: list[Any] = field(default_factory=list)
    rejected: list[Any] = field(default_factory=list)
    sheets: list[Sheet] = field(default_factory=list)
    end: dict[str, Any] = field(default_factory=dict)

    def take(self, frame: dict[str, Any]) -> bool:
        """Add a frame; whether it was the last one."""
        for name in ("contacts", "repeated"):
            if self.sink and name in frame:
                self.sink(frame[name], name == "repeated")
        if not self.sink:
            self.contacts += [Contact(*each) for each in frame.get("contacts", ())]
            progress.told(Stage.READING, len(self.contacts))
        self.rejected += frame.get("rejected", ())
        if "sheet" in frame:
            self.sheets.append(Sheet(**frame["sheet"], rows=[]))
        if "rows" in frame:
            self.sheets[-1].rows.extend(Row(*each) for each in frame["rows"])
            progress.told(Stage.READING, sum(len(each.rows) for each in self.sheets))
        self.end = frame.get("end", {})
        return bool(self.end)


class _Reading:
    """A process that reads, and the thread that waits for it."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="reading")
        self.process: subprocess.Popen[bytes] | None = None
        self.stopping = False

    def stop(self) -> None:
        """End it, also in the middle of a file."""
        self.stopping = True
        if (process := self.process) is not None:
            process.kill()
        self.thread.shutdown(cancel_futures=True)
        self._end()

    def ask(
        self, what: str, file: File, options: dict[str, Any], cpu_s: int, patience: int, sink: Sink | None = None
    ) -> _Answer:
        """Its answer. Raises as `Reader.ask`. cpu_s: for a small file."""
        size = file.size
        refuse_large(size)
        cpu_s += CPU_S_PER_MB * size // (1 << 20)
        asked = {"what": what, "name": file.name, "size": size, "cpu_s": cpu_s, "options": options}
        process, late, ended = self._started(), threading.Event(), threading.Event()
        unwanted: list[Exception] = []

        def look_after() -> None:
            """End it when it takes too long, or when who waits for it has given up."""
            until = time.monotonic() + cpu_s * patience
            while not ended.wait(min(LOOK_S, max(0.0, until - time.monotonic()))):
                if time.monotonic() >= until:
                    late.set()
                    process.kill()
                    return
                try:
                    progress.wanted()
                except Exception as error:
                    unwanted.append(error)
                    process.kill()
                    return

        watch = threading.Thread(target=contextvars.copy_context().run, args=(look_after,), daemon=True)
        watch.start()
        try:
            answer: _Answer | None = _exchange(process, asked, file, sink)
        except (BrokenPipeError, EOFError):
            answer = None
        except BaseException:  # the next file must not be taken for the rest of this one
            self._end()
            raise
        finally:
            ended.set()
            watch.join()
        if unwanted:
            self._end()
            raise unwanted[0]
        if answer is None or late.is_set() or self.stopping or _memory(process) > GROWN:
            code = self._end()
            if answer is None:
                raise _died(file.name, self.stopping, late.is_set() or code == -signal.SIGXCPU)
        if "starved" in answer.end:
            raise _died(file.name, self.stopping, False)
        _raise(answer.end)
        return answer

    def _started(self) -> subprocess.Popen[bytes]:
        if self.process is not None and self.process.poll() is not None:
            self._end()
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, "-m", MODULE, str(self._memory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=Path(daemon.__path__[0]).parent,
                env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
            )
        return self.process

    def _end(self) -> int:
        """No process is left of it; returns its exit code."""
        process, self.process = self.process, None
        if process is None:
            return 0
        process.kill()
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except BrokenPipeError:  # what it was to be sent still
                pass
        return code


@dataclass(eq=False)
class _Asker:
    """Somebody whose file is being read, or waits for it. turn: the process that reads it."""

    caller: str
    turn: asyncio.Future[_Reading]
    reading: bool = False


class Reader:
    """The processes, and the queue before them."""

    def __init__(self, memory: int = MEMORY, cpu_s: int = CPU_S, patience: int = PATIENCE) -> None:
        self._memory, self._cpu_s, self._patience = memory, cpu_s, patience
        self._readings: list[_Reading] = []
        self._idle: list[_Reading] = []
        self._asking: list[_Asker] = []
        self._stopping = False

    @property
    def asking(self) -> int:
        """How many files are being read or wait for it."""
        return len(self._asking)

    @property
    def processes(self) -> list[subprocess.Popen[bytes]]:
        return [each.process for each in self._readings if each.process is not None]

    async def ask(self, what: str, file: File, sink: Sink | None = None, **options: Any) -> _Answer:
        """The process's answer. sink: see `_Answer`. Raises what it refuses the file with, UnreadableFile, TooLarge,
        ReadingBusy."""
        if self._stopping:
            raise _died(file.name, stopping=True, slow=False)
        mine = _Asker(asker.get(), asyncio.get_running_loop().create_future())
        if self.asking >= PLACES or sum(each.caller == mine.caller for each in self._asking) >= PLACES_EACH:
            raise errors.ReadingBusy(Why.READING_BUSY)
        self._asking.append(mine)
        try:
            self._hand_out()
            reading = await mine.turn
            arguments = (what, file, options, self._cpu_s, self._patience, sink)
            ask = partial(contextvars.copy_context().run, reading.ask, *arguments)
            return await asyncio.get_running_loop().run_in_executor(reading.thread, ask)
        finally:
            self._asking.remove(mine)
            if mine.reading:
                self._take_back(mine.turn.result())

    def stop(self) -> None:
        """End all, also in the middle of a file; nothing is read any more."""
        self._stopping = True
        for each in self._readings:
            each.stop()

    def _hand_out(self) -> None:
        """Give every process that is free to the first in the queue whose caller has fewer than EACH."""
        for each in self._asking:
            theirs = sum(other.reading for other in self._asking if other.caller == each.caller)
            if each.reading or theirs >= EACH or each.turn.done():
                continue
            if not self._idle and len(self._readings) < READERS:
                self._idle.append(_Reading(self._memory))
                self._readings += self._idle
            if not self._idle:
                return
            each.reading = True
            each.turn.set_result(self._idle.pop())

    def _take_back(self, reading: _Reading) -> None:
        self._idle.append(reading)
        self._hand_out()
        for spare in self._idle[1:]:
            self._readings.remove(spare)
            threading.Thread(target=spare.stop).start()  # it waits for what its thread still does
        del self._idle[1:]


def _died(name: str, stopping: bool, slow: bool) -> errors.DaemonError:
    if stopping:
        return errors.ReadingBusy(Why.READING_STOPPED)
    if slow:
        return errors.UnreadableFile(Why.FILE_TAKES_TIME, file=name)
    return errors.UnreadableFile(Why.FILE_TAKES_MEMORY, file=name)


def _exchange(process: subprocess.Popen[bytes], asked: dict[str, Any], file: File, given: Sink | None) -> _Answer:
    """Send the file, and take the answer in. Raises BrokenPipeError, EOFError when the process dies over it."""
    sink, source = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)  # both are pipes
    sink.write(json.dumps(asked).encode() + b"\n")
    for part in file.parts():
        sink.write(part)
    sink.flush()
    answer = _Answer(given)
    while not answer.take(json.loads(_frame(source))):
        pass
    return answer


def _memory(process: subprocess.Popen[bytes]) -> int:
    """Bytes that it holds now."""
    try:
        return int(psutil.Process(process.pid).memory_info().rss)
    except psutil.Error:  # it has ended
        return 0


def _frame(source: IO[bytes]) -> bytes:
    length = int.from_bytes(_exactly(source, 4))
    return _exactly(source, length)


def _exactly(source: IO[bytes], length: int) -> bytes:
    data = source.read(length)
    if len(data) < length:
        raise EOFError
    return data


def _raise(end: dict[str, Any]) -> None:
    """Raise the error of errors.py that the answer ends with, if it does."""
    if "crashed" in end:
        log.error("work.crashed", work="reading a file", kind=end["crashed"])
        raise RuntimeError("the process that reads files crashed over one")
    if "refused" not in end:
        return
    kind: type[errors.DaemonError] = getattr(errors, end["refused"])
    error = kind.__new__(kind)
    error.told = coded.unpacked(end["told"])
    error.args = (str(error.told),)
    error.__dict__.update(end["attributes"])
    raise error


def refuse_large(size: int) -> None:
    """Raise TooLarge if a contacts file of so many bytes is not read."""
    if size > MAX_FILE:
        raise errors.TooLarge(Why.CONTACTS_FILE_TOO_LARGE)


READER = Reader()
"""The one of this process."""
asker: ContextVar[str] = ContextVar("asker", default="")
"""Who asks for a file to be read."""


async def contacts(
    file: File,
    default_country: str,
    trusted: bool = False,
    said: Said = importer.NOTHING_SAID,
    sink: Sink | None = None,
) -> ContactList:
    """What `importer.read` finds in a file. sink: takes the contacts as they come, who are in no list then. Raises
    InvalidInput and what is under it, TooLarge, ReadingBusy, and what the sink raises."""
    country = (said.country or default_country).upper()
    if country and country not in phonenumbers.SUPPORTED_REGIONS:
        raise errors.InvalidInput(Why.COUNTRY_UNKNOWN, country=country[:40]).at("country")
    options: dict[str, Any] = {"default_country": country, "trusted": trusted, "said": vars(said)}
    answer = await READER.ask("contacts", file, sink, **options)
    return ContactList(answer.contacts, importer.restored(answer.rejected), **answer.end["found"])


async def sheets(file: File, default_country: str, most_rows: int, encoding: str | None = None) -> list[Sheet]:
    """What `importer.sheets` finds in a file. Raises InvalidInput and what is under it, TooLarge, ReadingBusy."""
    options: dict[str, Any] = {"default_country": default_country, "most_rows": most_rows, "encoding": encoding}
    answer = await READER.ask("sheets", file, **options)
    return answer.sheets
