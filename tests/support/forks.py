"""Processes of ours that begin as `python -m MODULE` does, without the seconds that Python takes to load it all.

One process for each test run has loaded the code and does nothing else; each that is started is a fork of it, in a
folder and an environment of its own, and runs its module from the top. It is as real as any: a process to be killed,
stopped and waited for. `Forked` is what subprocess.Popen would be.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NoReturn

ROOT = Path(__file__).resolve().parents[2]
LOADED = (
    *("daemon.http", "daemon.sender", "standin.graph.server", "tests.support.many", "tests.support.stuck"),
    *("tests.crash.victim", "tests.crash.rival", "tests.crash.cloud_victim"),
)
POLL_S = 0.02
LIFE_S = 360  # after which a process that somebody reads is killed: whoever waits for a word that never comes is told
LONGEST = 1 << 20  # of what is asked of the process that is forked, in bytes


class Forked:
    """A process that was started. What it has in common with subprocess.Popen[str] means the same."""

    def __init__(self, pid: int, source: Source, stdin: IO[str] | None, stdout: IO[str] | None) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self._source = source
        self._late = threading.Timer(LIFE_S, self.kill)
        self._late.daemon = True
        if stdout:
            self._late.start()

    def __enter__(self) -> Forked:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pipe in (self.stdin, self.stdout):
            if pipe:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self.wait()
        self._late.cancel()

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def poll(self) -> int | None:
        return self._source.code(self.pid)

    def wait(self, timeout: float | None = None) -> int:
        until = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            time.sleep(POLL_S)
        return code

    def communicate(self, timeout: float = 60) -> tuple[str, None]:
        """What it prints until it ends; it is killed at the timeout, in seconds, and that is raised."""
        assert self.stdout
        if self.stdin:
            self.stdin.close()
        late = threading.Timer(timeout, self.kill)
        late.start()
        said = self.stdout.read()
        if late.finished.is_set():
            raise subprocess.TimeoutExpired(str(self.pid), timeout, said)
        late.cancel()
        self.wait(timeout)
        return said, None

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

    def __init__(self, under: Sequence[str] = ()) -> None:
        """under: a command that runs it, such as `unshare --pid --fork`; then the pids are those that it sees."""
        self._asked, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [*under, sys.executable, "-m", "tests.support.forks", str(other.fileno())]
        with other:
            self._process = subprocess.Popen(
                command, cwd=ROOT, pass_fds=[other.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        self.pid = self._process.pid
        self._codes: dict[int, int] = {}
        self._lock = threading.Lock()
        atexit.register(self.end)

    def fork(self, given: dict[str, Any], files: list[int]) -> int:
        """The process id; files: its standard input, output and error."""
        with self._lock:
            socket.send_fds(self._asked, [json.dumps(given).encode()], files)
            while "started" not in (told := self._told()):
                pass
            return int(told["started"])

    def code(self, pid: int) -> int | None:
        """The exit code; None while it runs."""
        with self._lock:
            while pid not in self._codes and select.select([self._asked], [], [], 0)[0]:
                self._told()
            return self._codes.get(pid)

    def end(self) -> None:
        self._asked.close()
        self._process.wait()

    def _told(self) -> dict[str, int]:
        """What it says next."""
        said = self._asked.recv(LONGEST)
        assert said, "the process that is forked has ended"
        told: dict[str, int] = json.loads(said)
        if "ended" in told:
            self._codes[told["ended"]] = told["code"]
        return told


_source: Source | None = None


def start(
    words: list[str],
    environment: Mapping[str, str],
    folder: Path,
    stdout: IO[Any] | int | None = None,
    stdin: int | None = None,
    source: Source | None = None,
) -> Forked:
    """`python WORDS`, which are ["-m", module, ...] or ["-c", code, ...].

    stdout: a file, which takes its errors, too, or subprocess.PIPE. stdin: subprocess.PIPE, or there is none.
    source: another one than the test run's.
    """
    global _source
    if source is None:
        source = _source = _source or Source()
    given = {"words": words, "folder": str(folder), "of": dict(environment)}
    with contextlib.ExitStack() as stack:
        nothing = os.open(os.devnull, os.O_RDWR)
        stack.callback(os.close, nothing)
        theirs_in, theirs_out, errors = nothing, nothing, 2
        ours_in: IO[str] | None = None
        ours_out: IO[str] | None = None
        if stdin == subprocess.PIPE:
            theirs_in, end = os.pipe()
            stack.callback(os.close, theirs_in)
            ours_in = os.fdopen(end, "w")
        if stdout == subprocess.PIPE:
            end, theirs_out = os.pipe()
            stack.callback(os.close, theirs_out)
            ours_out = os.fdopen(end)
        elif stdout is not None and not isinstance(stdout, int):
            theirs_out = errors = stdout.fileno()
        return Forked(source.fork(given, [theirs_in, theirs_out, errors]), source, ours_in, ours_out)


def main() -> None:
    """Fork what is asked for on the socket, and say what has ended, until there is nobody who asks."""
    asked = socket.socket(fileno=int(sys.argv[1]))
    for module in LOADED:
        __import__(module)
    gc.collect()
    gc.freeze()  # what forks share stays shared
    wake, woken = os.pipe()
    for end in (wake, woken):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who has asked
    while True:
        ready, _, _ = select.select([asked, wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
            _say_what_ended(asked)
        if asked in ready:
            wanted, files, _, _ = socket.recv_fds(asked, LONGEST, 3)
            if not wanted:
                return
            if (pid := os.fork()) == 0:
                asked.close()
                _become(json.loads(wanted), files, [wake, woken])
            for each in files:
                os.close(each)
            asked.send(json.dumps({"started": pid}).encode())


def _say_what_ended(asked: socket.socket) -> None:
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            asked.send(json.dumps({"ended": found[0], "code": os.waitstatus_to_exitcode(found[1])}).encode())


def _become(given: dict[str, Any], files: list[int], pipes: list[int]) -> NoReturn:
    """Run what was asked for, and end as it ends."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, place in zip(files, (0, 1, 2), strict=True):
        os.dup2(number, place)
    for each in {*files, *pipes} - {0, 1, 2}:
        os.close(each)
    os.chdir(given["folder"])
    os.environ.clear()
    os.environ.update(given["of"])
    time.tzset()
    how, what, *words = given["words"]
    if how == "-c":
        sys.argv = [how, *words]
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = [what, *words]
        if not hasattr(sys.modules.get(what), "__path__"):
            sys.modules.pop(what, None)
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    main()
