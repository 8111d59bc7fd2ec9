"""The process in which files are read (`file_reading` starts it): `python -m daemon.contacts.file_reading_process`.

On standard input comes, for each file, a line of JSON (what, name, size in bytes, cpu_s, options) and then the file. On
standard output goes the answer: frames of JSON, each after its length in four bytes, a batch of contacts, rejected rows
or rows of a sheet in each, and one with `end`: what was found beside those, or the error that it is refused with.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import IO, Any, TypeVar

from daemon import errors
from daemon.contacts import importer
from daemon.formats import xlsx  # noqa: F401 (loaded before the first file comes)
from daemon.i18n import coded
from daemon.telemetry import unforeseen

NICE = 5  # sending and answering come first
BATCH = 2_000
Frame = dict[str, Any]
T = TypeVar("T")


def main(memory: int) -> None:
    """Read files until there are no more. memory: the most bytes of address space."""
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anything else prints is no answer
    _limit(memory)
    while line := source.readline():
        asked = json.loads(line)
        data = source.read(asked["size"])
        if len(data) < asked["size"]:
            return
        _allow_cpu(asked["cpu_s"])
        _answer(sink, asked["what"], data, asked["name"], asked["options"])


def _limit(memory: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who reads from this one
    os.nice(NICE)
    for what, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def _allow_cpu(seconds: int) -> None:
    """Seconds of work from now on, then SIGXCPU ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds, hard))


def _answer(sink: IO[bytes], what: str, data: bytes, name: str, options: dict[str, Any]) -> None:
    try:
        found, frames = WORK[what](data, name, options)
        for frame in frames:
            _send(sink, frame)
        end: Frame = {"found": found}
    except errors.DaemonError as error:
        others = {name: value for name, value in vars(error).items() if name != "told"}
        end = {"refused": type(error).__name__, "told": coded.packed(error.told), "attributes": others}
    except MemoryError:
        end = {"starved": True}
    except Exception as error:
        end = {"crashed": unforeseen.kind(error)}
    _send(sink, {"end": end})


def _send(sink: IO[bytes], frame: Frame) -> None:
    data = json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode()
    sink.write(len(data).to_bytes(4) + data)
    sink.flush()


def _contacts(data: bytes, name: str, options: Frame) -> tuple[Frame, Iterator[Frame]]:
    said = importer.Said(**options.pop("said"))
    found = importer.read(data, name, said=said, **options)
    kept = ("contacts", "repeated", "rejected")
    rest = {each: value for each, value in vars(found).items() if each not in kept}
    people = (
        {name: [[c.position, c.number, c.fields] for c in part]}
        for name, every in (("contacts", found.contacts), ("repeated", found.repeated))
        for part in _parts(every)
    )
    rejected = ({"rejected": [each.stored(whole=True) for each in part]} for part in _parts(found.rejected))
    return rest, chain(people, rejected)


def _sheets(data: bytes, name: str, options: Frame) -> tuple[Frame, Iterator[Frame]]:
    found = importer.sheets(data, name, **options)

    def frames() -> Iterator[Frame]:
        for sheet in found:
            yield {"sheet": {name: value for name, value in vars(sheet).items() if name != "rows"}}
            for part in _parts(sheet.rows):
                yield {"rows": [[row.position, row.cells] for row in part]}

    return {}, frames()


def _parts(every: Sequence[T]) -> Iterator[Sequence[T]]:
    return (every[start : start + BATCH] for start in range(0, len(every), BATCH))


WORK: dict[str, Callable[[bytes, str, Frame], tuple[Frame, Iterator[Frame]]]] = {
    "contacts": _contacts,
    "sheets": _sheets,
}

if __name__ == "__main__":
    main(int(sys.argv[1]))
