"""The processes a browser consists of: found by what they carry, ended to the last one.

Chrome, its helpers, its driver and the display all carry a path of ours on their command line or in their
environment (`MARKER`). That is how those of a previous life are told from other people's browsers.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

MARKER = "WASENDER_PROFILE"  #: environment variable that every process we start inherits; value: the profile folder
_PR_SET_CHILD_SUBREAPER = 36
_OURS_BY_NAME = ("chrom", "xvfb", "cat")  # beginnings, as /proc has them: chrome, chromium, chromedriver, crashpad


def adopt_orphans() -> None:
    """Have grandchildren whose parent died become our children, so that none escapes `close`."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def marked(profile: Path, *paths: Path) -> list[psutil.Process]:
    """Living processes of this user that carry `profile` (or one of `paths`), and all their children."""
    needles = [str(path) for path in (profile, *paths)]
    wanted = f"{MARKER}={profile}".encode()
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        if process.pid == os.getpid() or not _carries(process, needles, wanted):
            continue
        found[process.pid] = process
        try:
            found |= {child.pid: child for child in process.children(recursive=True)}
        except psutil.Error:
            continue
    found.pop(os.getpid(), None)
    return list(found.values())


def _carries(process: psutil.Process, needles: list[str], wanted: bytes) -> bool:
    folder = Path("/proc") / str(process.pid)
    try:
        if folder.stat().st_uid != os.getuid():
            return False
        arguments = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        for needle in needles:
            # An argument that *is* or *names* the path; a longer path (another account's) must not match.
            if any(_names(argument, needle) for argument in arguments):
                return True
        return wanted in (folder / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _names(argument: str, path: str) -> bool:
    value = argument.partition("=")[2] if argument.startswith("-") and "=" in argument else argument
    return value == path or value.startswith(path + "/")


def end(processes: Iterable[psutil.Process], grace_s: float = 0.0) -> int:
    """Terminate, wait up to `grace_s`, then kill; wait until they are gone. Returns how many there were."""
    rest = list(processes)
    count = len(rest)
    if grace_s and rest:
        _signal(rest, signal.SIGTERM)
        _, rest = psutil.wait_procs(rest, timeout=grace_s)
    _signal(rest, signal.SIGKILL)
    psutil.wait_procs(rest, timeout=2)
    return count


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.Error:
            continue


def reap() -> None:
    """Collect dead children of browser kind that nobody waits for (adopted ones: crashpad, zygotes)."""
    for child in psutil.Process().children():
        try:
            if child.status() == psutil.STATUS_ZOMBIE and child.name().lower().startswith(_OURS_BY_NAME):
                os.waitpid(child.pid, os.WNOHANG)
        except (psutil.Error, OSError):
            continue


def wait_gone(pid: int, timeout_s: float) -> bool:
    """Wait until process `pid` has ended (a zombie has); True when it did in time."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.Error:
            return True
        time.sleep(0.01)
    return False


def environment(profile: Path, **more: str) -> dict[str, str]:
    """Our own environment with the marker and `more`, without the API key and other settings of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WASENDER_")}
    return kept | {MARKER: str(profile)} | more
