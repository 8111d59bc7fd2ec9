"""The unit and the container: what they promise, without starting either."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support import seccomp

UNIT = ROOT / "etc/wasender.service"
MOST_EXPOSED = 30  # tenths
MISSING = not shutil.which("systemd-analyze") and not os.environ.get("CI")  # there nothing is left out
needs_systemd = pytest.mark.skipif(MISSING, reason="systemd-analyze is not installed")


def analyze(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *map(str, words)], capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip


@needs_systemd
def test_systemd_finds_nothing_to_say_about_the_unit() -> None:
    done = analyze("verify", UNIT)

    assert (0, "") == (done.returncode, done.stdout + done.stderr)


@needs_systemd
def test_the_unit_gives_little_away(tmp_path: Path) -> None:
    """Below 3.0 of 10, and it would be noticed if a protection went."""
    bare = tmp_path / UNIT.name
    bare.write_text(re.sub("(?m)^(Protect|Private|Restrict).*\n", "", UNIT.read_text()))

    assert 0 == analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", UNIT).returncode
    assert 0 != analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", bare).returncode


def test_each_directive_of_the_service_has_its_reason() -> None:
    """A comment stands over it, or over the lines that it belongs to."""
    service = UNIT.read_text().partition("[Service]")[2].partition("[Install]")[0]
    blocks = re.findall(r"(?m)((?:^#.*\n)*)((?:^\w+=.*\n)+)", service)

    assert len(re.findall(r"(?m)^\w+=", service)) == sum(lines.count("\n") for _, lines in blocks) > 30
    assert [] == [lines for comment, lines in blocks if not comment]


def test_it_keeps_what_chromes_sandbox_is_made_of() -> None:
    """Namespaces of users, processes and network, chroot and seccomp; and memory that is written and run."""
    unit = seccomp.unit()
    allowed = [line for line in UNIT.read_text().splitlines() if line.startswith("SystemCallFilter=@")]

    assert {"user", "pid", "net"} == set(unit["RestrictNamespaces"].split())
    assert ["SystemCallFilter=@system-service chroot seccomp"] == allowed
    assert "MemoryDenyWriteExecute" not in unit


@needs_systemd
def test_a_container_may_call_what_the_service_may() -> None:
    """etc/seccomp.json is as `python -m tests.support.seccomp` writes it, with the systemd of Debian 12 (252): other
    versions have other calls in their groups."""
    assert analyze("--version").stdout.startswith("systemd 252 ")
    assert seccomp.profile() == json.loads(seccomp.PROFILE.read_text())


def test_the_image_has_all_that_it_copies_and_nothing_else() -> None:
    """.dockerignore lets in what the Containerfile copies; both name only what there is."""
    text = (ROOT / "Containerfile").read_text()
    copied = {source for line in re.findall(r"(?m)^COPY (.*) \S+$", text) for source in line.split()}
    allowed = set(re.findall(r"(?m)^!(.+)$", (ROOT / ".dockerignore").read_text()))

    assert allowed == {source.partition("/")[0] for source in copied}
    assert [] == [source for source in copied if not (ROOT / source).exists()]


def test_the_image_and_compose_agree() -> None:
    """On the user, the port, the data folder and the writable one; neither runs as root, nor is open to the network."""
    image, compose = ((ROOT / name).read_text() for name in ("Containerfile", "compose.yaml"))
    user = re.search(r"(?m)^USER (\d+):(\d+)$", image)

    assert user and "0" not in user.groups()
    assert "/opt/wasender/run:mode=1777" in compose
    assert f"--uid {user[1]} " in image
    assert "VOLUME /data" in image and "- data:/data" in compose
    assert "- 127.0.0.1:8080:8080" in compose and "EXPOSE 8080" in image
    assert "HEALTHCHECK" in image and "/health" in image
    assert all(words in compose for words in ("shm_size: 1gb", "read_only: true", "no-new-privileges:true", "- ALL"))
