"""Processes of ours that begin as `python -m MODULE` does, without the second that Python takes to load it all.

One process for each test run has loaded the code and does nothing else; each that is started is a fork of it, in a
folder and an environment of its own, and runs its module from the top. It is as real as any: a process to be killed,
stopped and waited for. `Forked` is what subprocess.Popen would be.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]
LOADED = ("daemon.http", "daemon.sender", "tests.crash.victim", "tests.crash.rival", "tests.crash.cloud_victim")
POLL_S = 0.02


class Forked:
    """A process that was started. poll, wait, terminate, kill, send_signal: as of subprocess.Popen."""

    def __init__(self, pid: int, source: Source) -> None:
        self.pid = pid
        self._source = source

    def poll(self) -> int | None:
        return self._source.code(self.pid)

    def wait(self, timeout: float | None = None) -> int:
        until = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            time.sleep(POLL_S)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Source:
    """The process that is forked, as seen from here."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.support.forks"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._codes: dict[int, int] = {}
        self._rest = b""
        atexit.register(self.end)

    def start(self, module: str, words: list[str], folder: Path, environment: Mapping[str, str], log: Path) -> Forked:
        """`python -m MODULE WORDS` in the folder, with what it prints added to the log."""
        given = {"module": module, "words": words, "folder": str(folder), "log": str(log), "of": dict(environment)}
        assert self._process.stdin
        self._process.stdin.write(json.dumps(given).encode() + b"\n")
        self._process.stdin.flush()
        while True:
            if (told := self._told(None)) and "started" in told:
                return Forked(told["started"], self)

    def code(self, pid: int) -> int | None:
        """The exit code; None while it runs."""
        while pid not in self._codes and self._told(0) is not None:
            pass
        return self._codes.get(pid)

    def end(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._process.wait()

    def _told(self, timeout: float | None) -> dict[str, int] | None:
        """What it says next; None if that is nothing within the timeout, in seconds."""
        assert self._process.stdout
        while b"\n" not in self._rest:
            if not select.select([self._process.stdout], [], [], timeout)[0]:
                return None
            more = os.read(self._process.stdout.fileno(), 65536)
            assert more, "the process that is forked has ended"
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        told: dict[str, int] = json.loads(line)
        if "ended" in told:
            self._codes[told["ended"]] = told["code"]
        return told


_source: Source | None = None


def start(module: str, words: list[str], folder: Path, environment: Mapping[str, str], log: Path) -> Forked:
    """See `Source.start`; the source is begun when first there is a use for it."""
    global _source
    _source = _source or Source()
    return _source.start(module, words, folder, environment, log)


def main() -> None:
    """Fork what is asked for on standard input, and say what has ended, until there is nobody who asks."""
    for module in LOADED:
        __import__(module)
    wake, woken = os.pipe()
    for end in (wake, woken):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who has asked
    rest = b""
    while True:
        ready, _, _ = select.select([0, wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
            _say_what_ended()
        if 0 in ready:
            more = os.read(0, 1 << 20)
            if not more:
                return
            *lines, rest = (rest + more).split(b"\n")
            for line in lines:
                if (pid := os.fork()) == 0:
                    _become(json.loads(line), [wake, woken])
                _say({"started": pid})


def _say(what: dict[str, int]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _say_what_ended() -> None:
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            _say({"ended": found[0], "code": os.waitstatus_to_exitcode(found[1])})


def _become(given: dict[str, Any], pipes: list[int]) -> NoReturn:
    """Run what was asked for, and end as it ends."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for pipe in pipes:
        os.close(pipe)
    os.chdir(given["folder"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(given["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for number, place in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(number, place)
    os.close(nothing)
    os.close(log)
    os.environ.clear()
    os.environ.update(given["of"])
    time.tzset()
    sys.argv = [given["module"], *given["words"]]
    sys.modules.pop(given["module"], None)
    runpy.run_module(given["module"], run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    main()
