"""Whether Chrome's own sandbox can work on this machine, for an ordinary user: it is made of namespaces, which a kernel
or a container may forbid."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

NEEDED = 0x1000_0000 | 0x2000_0000 | 0x4000_0000  # CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET of Linux
ASKED = "import ctypes, sys; sys.exit(bool(ctypes.CDLL(None).unshare(int(sys.argv[1]))))"
SWITCHES = (  # of the kernel: the file, what forbids them, and what allows them
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
    ("/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces=15000"),
    ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"),
)
START_S = 30.0


def namespaces() -> bool:
    """Whether this user may make what the sandbox is made of. Tried in a process of its own."""
    command = [sys.executable, "-I", "-S", "-c", ASKED, str(NEEDED)]
    return not subprocess.run(command, capture_output=True, check=False).returncode


def forbidding() -> list[str]:
    """Settings of the kernel that would allow them, where it is the kernel that forbids them."""
    return [allows for file, forbids, allows in SWITCHES if _says(Path(file)) == forbids]


def _says(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def starts(chrome: Path) -> bool:
    """Whether Chrome comes up with its sandbox, as some systems allow them to it alone, and it may have a helper. Takes
    a second."""
    with tempfile.TemporaryDirectory(prefix="wasender-", ignore_cleanup_errors=True) as profile:
        command = [
            str(chrome),
            "--headless",
            "--disable-gpu",
            f"--user-data-dir={profile}",
            "--dump-dom",
            "about:blank",
        ]
        try:
            return not subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=START_S, check=False
            ).returncode
        except (OSError, subprocess.TimeoutExpired):
            return False
