"""The processes of a browser: finding them, measuring their memory, ending every one.

Processes left over from a previous run are told from other processes by two things together: the name of a program
that we start, and a mark of ours. For Chrome and the display that is `MARKER` in their environment. The driver is our
own copy, and Chrome's helpers, which overwrite their environment, have a folder of ours in their arguments. A name or a
path alone proves nothing: a backup program also has the profile's path, and other people's browsers the same names.
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
GONE_S = 2.0  #: how long killed processes may take to disappear
ASK_S = 0.5  #: how long a display may take to end when asked
_PR_SET_CHILD_SUBREAPER = 36
_OURS_BY_NAME = ("chrom", "xvfb", "cat")  # beginnings, as /proc has them: chrome, chromium, chromedriver, crashpad


def adopt_orphans() -> None:
    """Make grandchildren whose parent has died our own children, so that none escapes `close`."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def marked(profile: Path, *paths: Path) -> list[psutil.Process]:
    """Running processes of this user that are ours (see above) by `profile` or one of `paths`, and their children."""
    everyone = list(psutil.process_iter())
    return _families({process.pid for process in everyone if _carries(process, [profile, *paths])}, everyone)


def family(*roots: int) -> list[psutil.Process]:
    """Those of the processes `roots` that are still running, and all their children."""
    return _families(set(roots), list(psutil.process_iter()))


def _families(roots: set[int], everyone: list[psutil.Process]) -> list[psutil.Process]:
    """Those of `everyone` that are among `roots` or descend from one of them; never this process."""
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


def strangers(profile: Path) -> list[int]:
    """Ids of this user's browsers that run on `profile` and are not ours, because a person has opened it."""
    return [process.pid for process in psutil.process_iter() if _is_strange(process, profile)]


def _carries(process: psutil.Process, paths: list[Path]) -> bool:
    """Whether the process is one of ours; the first of the paths is the profile."""
    try:
        if not _name(process).startswith(_OURS_BY_NAME) or not _is_mine(process):
            return False
        if _has_mark(process, paths[0]):
            return True
        if any((_proc(process) / "exe").readlink().is_relative_to(path) for path in paths):
            return True
        arguments = _arguments(process)
        if not _is_helper(arguments) or _is_a_strangers(process, paths[0]):
            return False
        return any(_names(argument, str(path)) for argument in arguments for path in paths)
    except OSError:
        return False


def _is_strange(process: psutil.Process, profile: Path) -> bool:
    try:
        if not _name(process).startswith("chrom") or not _is_mine(process):
            return False
        arguments = _arguments(process)
        return (
            f"--user-data-dir={profile}" in arguments and not _is_helper(arguments) and not _has_mark(process, profile)
        )
    except OSError:
        return False


def _proc(process: psutil.Process) -> Path:
    return Path("/proc") / str(process.pid)


def _is_mine(process: psutil.Process) -> bool:
    return _proc(process).stat().st_uid == os.getuid()


def _has_mark(process: psutil.Process, profile: Path) -> bool:
    return f"{MARKER}={profile}".encode() in (_proc(process) / "environ").read_bytes().split(b"\0")


def _is_helper(arguments: list[str]) -> bool:
    return any(argument.startswith("--type=") for argument in arguments)


def _is_a_strangers(helper: psutil.Process, profile: Path) -> bool:
    """Whether a helper belongs to a browser on the profile that is not ours."""
    try:
        return any(_is_strange(parent, profile) for parent in helper.parents())
    except psutil.Error:
        return False


def _arguments(process: psutil.Process) -> list[str]:
    """A process's arguments, from /proc."""
    arguments = (_proc(process) / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    if len(arguments) == 1:  # Chrome's helpers rewrite theirs as one text, over their environment
        return re.split(r" (?=--)", arguments[0])
    return arguments


def _names(argument: str, path: str) -> bool:
    """Whether an option's value is the path or lies in it; a longer name (another account's) must not match."""
    value = argument.partition("=")[2] if argument.startswith("-") else ""
    return value == path or value.startswith(path + "/")


def memory(processes: Iterable[psutil.Process]) -> int:
    """The memory that ending the processes would free, in bytes; shared memory is counted proportionally."""
    return sum(map(_share, processes))


def _share(process: psutil.Process) -> int:
    try:
        lines = (Path("/proc") / str(process.pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return _own(process)
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("Pss:", "SwapPss:")))


def _own(process: psutil.Process) -> int:
    """Anonymous memory, for where a sandbox or an old kernel hides the proportional size. 0 if it has just ended."""
    try:
        resident = process.memory_info()
    except psutil.Error:
        return 0
    return int(resident.rss - resident.shared)


def end(processes: Collection[psutil.Process], timeout_s: float = GONE_S) -> None:
    """SIGKILL the processes, and wait up to `timeout_s` until they are gone.

    A display gets SIGTERM first: if it were killed, it would leave its socket behind.
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
    """Collect dead children that belonged to a browser and that nobody waits for (adopted: crashpad, zygotes).

    Waits up to `timeout_s` for those that are dying. On a busy machine that takes a while; during it they no longer
    have an environment, so `marked` does not find them, and only afterwards do their own children become ours.
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
    """Whether it belonged to a browser, and is dead or has already freed its memory."""
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
    """Our own environment with the marker and `more`, but without the API key and our other settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WASENDER_")}
    return kept | {MARKER: str(profile)} | more
