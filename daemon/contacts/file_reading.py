"""Reading files in a process of its own, with limits of time and memory, so that whatever somebody uploads can neither
stop the http process nor take its memory, and no database thread waits for it.

One process reads one file after the other, on a thread that waits for it; so many may wait for their turn as there are
PLACES. It is started by the first file, stays for the next one, and is replaced when it has grown, died or was killed.
What it answers is JSON (`file_reading_process` says how), never a pickle: the file may have taken it over.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import psutil
import structlog

import daemon
from daemon import errors
from daemon.contacts import importer
from daemon.contacts.importer import Contact, ContactList, Said
from daemon.formats.tabular import Row, Sheet

log = structlog.get_logger()

MAX_FILE = 32 << 20  # bytes
PLACES = 16
MEMORY = 2 << 30  # bytes of address space; a million rows of five columns need about half
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


@dataclass
class _Answer:
    """What has come of an answer so far."""

    contacts: list[Any] = field(default_factory=list)
    rejected: list[Any] = field(default_factory=list)
    sheets: list[Sheet] = field(default_factory=list)
    end: dict[str, Any] = field(default_factory=dict)

    def take(self, frame: dict[str, Any]) -> bool:
        """Add a frame; whether it was the last one."""
        self.contacts += [Contact(*each) for each in frame.get("contacts", ())]
        self.rejected += frame.get("rejected", ())
        if "sheet" in frame:
            self.sheets.append(Sheet(**frame["sheet"], rows=[]))
        if "rows" in frame:
            self.sheets[-1].rows.extend(Row(*each) for each in frame["rows"])
        self.end = frame.get("end", {})
        return bool(self.end)


class Reader:
    """The process, and the queue before it."""

    def __init__(self, memory: int = MEMORY, cpu_s: int = CPU_S, patience: int = PATIENCE) -> None:
        self._memory, self._cpu_s, self._patience = memory, cpu_s, patience
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reading")
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting = 0
        self._stopping = False

    async def ask(self, what: str, file: File, **options: Any) -> _Answer:
        """The process's answer. Raises what it refuses the file with, UnreadableFile, TooLarge, ReadingBusy."""
        if self._stopping:
            raise self._died(file.name, slow=False)
        if self._waiting >= PLACES:
            raise errors.ReadingBusy("Many files are being read at the moment: try again in a minute.")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._ask, what, file, options)
        finally:
            self._waiting -= 1

    def stop(self) -> None:
        """End the process, also in the middle of a file; nothing is read any more."""
        self._stopping = True
        if (process := self._process) is not None:
            process.kill()
        self._thread.shutdown(cancel_futures=True)
        self._end()

    def _ask(self, what: str, file: File, options: dict[str, Any]) -> _Answer:
        size = file.size
        refuse_large(size)
        cpu_s = self._cpu_s + CPU_S_PER_MB * size // (1 << 20)
        asked = {"what": what, "name": file.name, "size": size, "cpu_s": cpu_s, "options": options}
        process, late = self._started(), threading.Event()

        def give_up() -> None:
            late.set()
            process.kill()

        watch = threading.Timer(cpu_s * self._patience, give_up)
        watch.daemon = True
        watch.start()
        try:
            answer = _exchange(process, asked, file)
        except (BrokenPipeError, EOFError):
            answer = None
        finally:
            watch.cancel()
            watch.join()
        if answer is None or late.is_set() or self._stopping or _memory(process) > GROWN:
            code = self._end()
            if answer is None:
                raise self._died(file.name, late.is_set() or code == -signal.SIGXCPU)
        if "starved" in answer.end:
            raise self._died(file.name, False)
        _raise(answer.end)
        return answer

    def _died(self, name: str, slow: bool) -> errors.DaemonError:
        if self._stopping:
            return errors.ReadingBusy("The file was not read, because wasender is being stopped: upload it again then.")
        if slow:
            return errors.UnreadableFile(f"{name} takes too long to read: split it, or save it as .csv.")
        return errors.UnreadableFile(f"{name} takes too much memory to read: split it, or save it as .csv.")

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", MODULE, str(self._memory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=Path(daemon.__path__[0]).parent,
                env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
            )
        return self._process

    def _end(self) -> int:
        """No process is left of it; returns its exit code."""
        process, self._process = self._process, None
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


def _exchange(process: subprocess.Popen[bytes], asked: dict[str, Any], file: File) -> _Answer:
    """Send the file, and take the answer in. Raises BrokenPipeError, EOFError when the process dies over it."""
    sink, source = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)  # both are pipes
    sink.write(json.dumps(asked).encode() + b"\n")
    for part in file.parts():
        sink.write(part)
    sink.flush()
    answer = _Answer()
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
    error.args = tuple(end["arguments"])
    error.__dict__.update(end["attributes"])
    raise error


def refuse_large(size: int) -> None:
    """Raise TooLarge if a contacts file of so many bytes is not read."""
    if size > MAX_FILE:
        raise errors.TooLarge("The contacts file is larger than 32 MB: split it, or save it as CSV.")


READER = Reader()
"""The one of this process."""


async def contacts(
    file: File, default_country: str, trusted: bool = False, said: Said = importer.NOTHING_SAID
) -> ContactList:
    """What `importer.read` finds in a file. Raises InvalidInput and what is under it, TooLarge, ReadingBusy."""
    options = {"default_country": default_country, "trusted": trusted, "said": vars(said)}
    answer = await READER.ask("contacts", file, **options)
    return ContactList(answer.contacts, importer.restored(answer.rejected), **answer.end["found"])


async def sheets(file: File, default_country: str, most_rows: int, encoding: str | None = None) -> list[Sheet]:
    """What `importer.sheets` finds in a file. Raises InvalidInput and what is under it, TooLarge, ReadingBusy."""
    options = {"default_country": default_country, "most_rows": most_rows, "encoding": encoding}
    answer = await READER.ask("sheets", file, **options)
    return answer.sheets
