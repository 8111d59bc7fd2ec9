"""The processes a browser consists of: found by what they carry, weighed, ended to the last one.

Chrome, its helpers, its driver and the display all carry a path of ours on their command line or in their
environment (`MARKER`). That is how those of a previous life are told from other people's browsers.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import time
from collections.abc import Collection, Iterable
from pathlib import Path

import psutil

MARKER = "WASENDER_PROFILE"  #: environment variable that every process we start inherits; value: the profile folder
GONE_S = 2.0  #: for what was killed to be gone
ASK_S = 0.5  #: for a display to end when asked
_PR_SET_CHILD_SUBREAPER = 36
_OURS_BY_NAME = ("chrom", "xvfb", "cat")  # beginnings, as /proc has them: chrome, chromium, chromedriver, crashpad


def adopt_orphans() -> None:
    """Have grandchildren whose parent died become our children, so that none escapes `close`."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def marked(profile: Path, *paths: Path) -> list[psutil.Process]:
    """Living processes of this user that carry `profile` (or one of `paths`), and all their children."""
    needles = [str(path) for path in (profile, *paths)]
    wanted = f"{MARKER}={profile}".encode()
    everyone = list(psutil.process_iter())
    return _families({process.pid for process in everyone if _carries(process, needles, wanted)}, everyone)


def family(*roots: int) -> list[psutil.Process]:
    """The living ones of the processes `roots`, and all their children."""
    return _families(set(roots), list(psutil.process_iter()))


def _families(roots: set[int], everyone: list[psutil.Process]) -> list[psutil.Process]:
    """Those of `everyone` that are among `roots` or descend from one of them; never we ourselves."""
    children: dict[int, list[int]] = {}
    for process in everyone:
        try:
            children.setdefault(process.ppid(), []).append(process.pid)
        except psutil.Error:
            continue
    found: set[int] = set()
    rest = list(roots)
    while rest:
        pid = rest.pop()
        if pid not in found and pid != os.getpid():
            found.add(pid)
            rest += children.get(pid, ())
    return [process for process in everyone if process.pid in found]


def _carries(process: psutil.Process, needles: list[str], wanted: bytes) -> bool:
    folder = Path("/proc") / str(process.pid)
    try:
        if folder.stat().st_uid != os.getuid():
            return False
        arguments = _arguments((folder / "cmdline").read_bytes().decode(errors="replace"))
        for needle in needles:
            # An argument that *is* or *names* the path; a longer path (another account's) must not match.
            if any(_names(argument, needle) for argument in arguments):
                return True
        return wanted in (folder / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _arguments(line: str) -> list[str]:
    """A process's arguments, from what /proc says."""
    arguments = line.rstrip("\0").split("\0")
    if len(arguments) == 1:  # Chrome's helpers write theirs anew as one text, over their environment
        return re.split(r" (?=--)", arguments[0])
    return arguments


def _names(argument: str, path: str) -> bool:
    value = argument.partition("=")[2] if argument.startswith("-") and "=" in argument else argument
    return value == path or value.startswith(path + "/")


def memory(processes: Iterable[psutil.Process]) -> int:
    """What ending them would give back, in bytes; of what several have in common each counts its part."""
    return sum(map(_share, processes))


def _share(process: psutil.Process) -> int:
    try:
        lines = (Path("/proc") / str(process.pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return _own(process)
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("Pss:", "SwapPss:")))


def _own(process: psutil.Process) -> int:
    """For where a sandbox or an old kernel hides the shares: what is in no file. 0 when it has just ended."""
    try:
        resident = process.memory_info()
    except psutil.Error:
        return 0
    return int(resident.rss - resident.shared)


def end(processes: Collection[psutil.Process], timeout_s: float = GONE_S) -> None:
    """SIGKILL them, and wait up to `timeout_s` until they are gone.

    A display is asked first (SIGTERM): killed, it would leave its socket behind.
    """
    until = time.monotonic() + timeout_s
    displays = [process for process in processes if _name(process).startswith("xvfb")]
    rest = [process for process in processes if process not in displays]
    _signal(rest, signal.SIGKILL)
    _signal(displays, signal.SIGTERM)
    psutil.wait_procs(rest, timeout=max(0.0, until - time.monotonic()))
    _, displays = psutil.wait_procs(displays, timeout=max(0.0, min(ASK_S, until - time.monotonic())))
    _signal(displays, signal.SIGKILL)
    psutil.wait_procs(displays, timeout=max(0.0, until - time.monotonic()))


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.Error:
            continue


def _name(process: psutil.Process) -> str:
    try:
        return process.name().lower()
    except psutil.Error:
        return ""


def reap(timeout_s: float = 1.0) -> None:
    """Collect dead children of browser kind that nobody waits for (adopted ones: crashpad, zygotes).

    Waits up to `timeout_s` for those that are dying: on a busy machine that takes a while in which they carry
    nothing any more, so that `marked` does not find them; and their own children become ours only then.
    """
    until = time.monotonic() + timeout_s
    while ending := [child for child in psutil.Process().children() if _is_ending(child)]:
        for child in ending:
            try:
                os.waitpid(child.pid, os.WNOHANG)
            except OSError:
                continue
        if time.monotonic() > until:
            return
        time.sleep(0.005)


def _is_ending(child: psutil.Process) -> bool:
    """Whether it is of browser kind, and dead or past the moment at which it gave back its memory."""
    try:
        return child.name().lower().startswith(_OURS_BY_NAME) and not child.cmdline()
    except psutil.ZombieProcess:
        return True
    except psutil.Error:
        return False


def gone(pid: int) -> bool:
    """Whether process `pid` has ended (a zombie has)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True


def wait_gone(pid: int, timeout_s: float) -> None:
    """Wait until process `pid` has ended, `timeout_s` at most."""
    until = time.monotonic() + timeout_s
    while not gone(pid) and time.monotonic() < until:
        time.sleep(0.01)


def environment(profile: Path, **more: str) -> dict[str, str]:
    """Our own environment with the marker and `more`, without the API key and other settings of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WASENDER_")}
    return kept | {MARKER: str(profile)} | more
