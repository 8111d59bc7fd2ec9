"""Machines of one network, on one: each is a process with namespaces of its own (network, processes, name, boot id).

What runs on a machine sees neither the processes nor the locks of the others, and reaches them only over a bridge, as
it would over a switch. A machine can be cut off and let back, and it can lose its power: then nobody is told that its
connections have ended. Root's work.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import psutil
import pytest

from tests.support import forks
from tests.support.forks import Forked, Source
from tests.support.rig import eventually

UNSHARE = ("unshare", "--net", "--pid", "--mount-proc", "--uts", "--fork", "--kill-child", "--")
NETWORK = "198.18"  # set aside for measuring networks (RFC 2544): nobody else has addresses there
FIRST = 11  # the last number of the first machine's address


def only_for_root() -> None:
    """Skips a test that makes networks where nobody may; in CI, where everybody has to be able to, it fails."""
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("only root can make a network")


class Network:
    """A bridge with an address of ours, `with Network() as network`."""

    def __init__(self) -> None:
        self._nth = os.getpid() % 250
        self.bridge = f"wasender{self._nth}"
        self.address = self.address_of(1)
        self._machines = 0

    def address_of(self, nth: int) -> str:
        return f"{NETWORK}.{self._nth}.{nth}"

    def __enter__(self) -> Network:
        do("ip", "link", "add", self.bridge, "type", "bridge")
        do("ip", "address", "add", f"{self.address}/24", "dev", self.bridge)
        do("ip", "link", "set", self.bridge, "up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        do("ip", "link", "delete", self.bridge)

    def machine(self, folder: Path) -> Machine:
        """One more; its files are in `folder`."""
        nth = FIRST + self._machines
        self._machines += 1
        return Machine(self.bridge, f"{self.bridge}-{nth}", self.address_of(nth), folder)


class Machine:
    """One machine, at `address`, `with network.machine(folder) as machine`. cut: whether it is cut off."""

    def __init__(self, bridge: str, port: str, address: str, folder: Path) -> None:
        self._bridge, self._port, self.address, self.folder = bridge, port, address, folder
        self.cut = self.dead = False
        folder.mkdir()
        self._source = Source(UNSHARE)
        self._outside = psutil.Process(self._source.pid)  # with which the machine ends

        def init() -> psutil.Process | None:
            return next((each for each in self._outside.children() if each.cmdline()[:1] == [sys.executable]), None)

        self._init = eventually(init, what="the machine has started")
        pid = str(self._init.pid)
        inside = ("nsenter", "--target", pid, "--net", "--mount", "--uts", "--")
        (boot := folder / "boot_id").write_text(f"{uuid.uuid4()}\n")
        # Another kernel's, as far as anybody can see: senders tell by it that they are on different machines.
        do(*inside, "mount", "--bind", str(boot), "/proc/sys/kernel/random/boot_id")
        do(*inside, "hostname", port)
        do("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", pid)
        do("ip", "link", "set", port, "master", bridge, "up")
        do(*inside, "ip", "address", "add", f"{address}/24", "dev", "eth0")
        do(*inside, "ip", "link", "set", "eth0", "up")
        do(*inside, "ip", "link", "set", "lo", "up")

    def __enter__(self) -> Machine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.die()

    def start(self, module: str, name: str, environment: Mapping[str, str]) -> Forked:
        """`python -m MODULE` on it, with its log in `NAME.log`. It can be asked how it is, not be sent a signal."""
        with (self.folder / f"{name}.log").open("a") as log:
            return forks.start(["-m", module], environment, self.folder, log, source=self._source)

    def cut_off(self, silently: bool) -> None:
        """Its cable is pulled, or, silently, something farther away is broken: it sees no difference by itself."""
        self.cut = True
        do("ip", "link", "set", self._port, *(("nomaster",) if silently else ("down",)))

    def let_back(self) -> None:
        self.cut = False
        do("ip", "link", "set", self._port, "master", self._bridge, "up")

    def die(self) -> None:
        """It loses its power: nothing that runs on it says another word."""
        if self.dead:
            return
        self.dead = True
        if not self.cut:
            self.cut_off(silently=True)
        self._outside.kill()
        self._source.end()
        psutil.wait_procs([self._init], timeout=30)
        # What the kernel still does for its connections keeps the network of a dead machine for a while.
        do("ip", "link", "delete", self._port)


def do(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
