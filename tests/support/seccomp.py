"""The calls that a container may make are those that the unit allows: etc/seccomp.json says so in a container's words.

python -m tests.support.seccomp        writes it again, after a change of etc/wasender.service
"""

from __future__ import annotations

import configparser
import json
import subprocess
from typing import Any

from tests.support.rig import ROOT

PROFILE = ROOT / "etc/seccomp.json"
EPERM, ENOSYS = 1, 38
#: Kinds of namespaces, as bits of a call's flags.
NAMESPACES = {
    "mnt": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000, "pid": 0x20000000,
    "net": 0x40000000,
}  # fmt: skip


def unit() -> configparser.SectionProxy:
    """What the unit says of the service; of a name that is there several times, the last."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(ROOT / "etc/wasender.service")
    return parser["Service"]


def _calls(names: list[str]) -> set[str]:
    """All calls of these; @name is a group, whose members systemd knows."""
    found = {name for name in names if not name.startswith("@")}
    groups = [name for name in names if name.startswith("@")]
    if groups:
        said = subprocess.run(
            ["systemd-analyze", "syscall-filter", *groups], capture_output=True, text=True, check=True, timeout=60
        ).stdout
        members = [line.strip() for line in said.splitlines() if line.startswith(" ") and "#" not in line]
        found |= _calls([name for name in members if name not in groups])
    return found


def profile() -> dict[str, Any]:
    """The profile, made from the unit."""
    text = (ROOT / "etc/wasender.service").read_text()
    lines = [line.partition("=")[2].split() for line in text.splitlines() if line.startswith("SystemCallFilter=")]
    allowed = _calls([name for line in lines if not line[0].startswith("~") for name in line])
    allowed -= _calls([name.removeprefix("~") for line in lines if line[0].startswith("~") for name in line])
    others = sum(bit for name, bit in NAMESPACES.items() if name not in unit()["RestrictNamespaces"].split())
    no_others = [{"index": 0, "value": others, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": EPERM,
        "archMap": [
            {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
            {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]},
        ],
        "syscalls": [
            {"names": sorted(allowed - {"clone", "clone3", "unshare", "setns"}), "action": "SCMP_ACT_ALLOW"},
            {"names": ["clone", "unshare"], "action": "SCMP_ACT_ALLOW", "args": no_others},
            # Its flags cannot be looked at; whoever is told that there is no such call uses clone.
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS},
        ],
    }


if __name__ == "__main__":
    PROFILE.write_text(json.dumps(profile(), indent=1) + "\n")
