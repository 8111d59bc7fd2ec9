"""Each line of a campaign arrives at a receiver by the sample for rsyslog, over rotation and a restart of rsyslog."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.support.rig import Rig, eventually

UNPACKED = ROOT / "run" / "debian"  # by scripts/prepare
MANY, HALF = 60, 20
PLANTED = {  # each in some place of what the two processes are given
    "text": "Liebe Quittenfreundin", "name": "Zwetschge", "number": "4915199988877", "note": "Stachelbeere",
    "key": "wrong-key-Holunder-0123456789", "password": "Mirabelle-4711-xyz", "secret": "UmVpbmVjbGF1ZGUtMTIzNDU2Nzg5",
}  # fmt: skip


def rsyslogd() -> tuple[list[str], dict[str, str]]:
    """How it is started. Missing: the test is skipped, and fails where CI is set."""
    found = shutil.which("rsyslogd", path=f"{os.environ['PATH']}:/usr/sbin")
    if found:
        return [found], {}
    if not (UNPACKED / "usr/sbin/rsyslogd").exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("rsyslog is missing: scripts/test fetches it")
    libraries = next((UNPACKED / "usr/lib").glob("*/libestr.so*")).parent
    command = [str(UNPACKED / "usr/sbin/rsyslogd"), "-M", str(libraries / "rsyslog")]
    return command, {"LD_LIBRARY_PATH": str(libraries)}


class Receiver:
    """Takes lines by TCP, from one connection after another."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, connection.makefile() as lines:
                self.lines.extend(line.rstrip("\n") for line in lines)

    def close(self) -> None:
        self._socket.close()


def sample(name: str, folder: Path, path: Path, **changes: str) -> Path:
    """A sample of etc/logging, put there as it is, but for its folders and what is changed."""
    text = (ROOT / "etc" / "logging" / name).read_text().replace("/var/log/wasender", str(folder / "log"))
    for old, new in changes.items():
        text, count = re.subn(rf"(?m){old}", new, text)
        assert count
    path.write_text(text)
    return path


@contextmanager
def running(*words: Any, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended when it is no longer needed."""
    with subprocess.Popen([str(word) for word in words], **options) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def written(rig: Rig) -> list[str]:
    """All lines of all files, also of those that were rotated."""
    return [line for file in sorted((rig.root / "log").iterdir()) for line in file.read_text().splitlines()]


def plant(rig: Rig) -> None:
    """Hand the http process something of each kind that must be in no log: where it is taken, and where it is not."""
    name, number, note = PLANTED["name"], f"+{PLANTED['number']}", PLANTED["note"]
    rig.call("POST", "/suppressions", {"number": f"{number}1", "reason": note})
    rig.call("POST", "/templates", {"name": note, "text": f"{PLANTED['text']} {{{{ {name} }}}}"})
    rig.call("POST", "/lists", {"name": note, "recipients": [{"number": number, "name": name}]})
    rig.call("POST", "/webhooks", {"name": note, "url": f"https://{name}.example/{note}?key={PLANTED['key']}"})
    rig.call("POST", "/send", {"numbers": [f"{name} {number}x"], "message": PLANTED["text"]})
    rig.call("POST", "/send", {"numbers": [number], "message": f"{PLANTED['text']} {{{{ {name} }}"})
    rig.call("GET", f"/messages?number=%2B{PLANTED['number']}&search={name}")
    rig.call("POST", f"/pause/{number}", {name: PLANTED["text"]})
    form = f"name={name}&password={PLANTED['password']}"
    for path, body, headers in (
        ("/login", form, {"Content-Type": "application/x-www-form-urlencoded"}),
        ("/send", PLANTED["text"], {"X-API-KEY": PLANTED["key"]}),
        ("/send", PLANTED["text"], {"X-API-KEY": rig.key, "Content-Type": "application/json"}),
        ("/webhooks/cloud", PLANTED["text"], {"X-Hub-Signature-256": f"sha256={PLANTED['secret']}"}),
    ):
        request = urllib.request.Request(f"http://127.0.0.1:{rig.port}{path}", body.encode(), headers, method="POST")
        with suppress(urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=20).close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """Both processes under supervisord, by our own configuration and the sample for logs in files; of all that is said
    there, down to the finest level."""
    rig = Rig(tmp_path, transport="dryrun", delay_min=0, delay_max=0, log_level="debug", retry_after_s=0)
    (rig.root / "log").mkdir()
    (rig.root / "work").mkdir()
    (rig.root / "etc" / "supervisor.d").mkdir(exist_ok=True)
    sizes = {"maxbytes=.*": "maxbytes=20KB", "backups=.*": "backups=99"}
    sample("supervisor.conf", rig.root, rig.root / "etc" / "supervisor.d" / "logs.conf", **sizes)
    with rig:
        yield rig


def test_each_line_of_a_campaign_arrives(rig: Rig) -> None:
    """By the samples for supervisord and rsyslog, as they are. The files are rotated many times meanwhile, and rsyslog
    is stopped in the middle, and goes on where it was. None of the lines has a text, a number, a name or a secret."""
    command, libraries = rsyslogd()
    receiver = Receiver()
    rules = sample("rsyslog.conf", rig.root, rig.root / "rsyslog.conf", **{'port="5140"': f'port="{receiver.port}"'})
    rules.write_text(f'global(workDirectory="{rig.root / "work"}")\n' + rules.read_text())
    words = [*command, "-n", "-f", rules, "-i", rig.root / "rsyslog.pid", "-C"]
    options: dict[str, Any] = {
        "env": os.environ | libraries,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
    people = [{"number": f"+{int(PLANTED['number']) + n}", "name": PLANTED["name"]} for n in range(MANY)]
    with running(*words, **options):
        plant(rig)
        job_id = rig.call("POST", "/send", {"recipients": people, "message": f"{PLANTED['text']} {{{{ name }}}}"})[
            "job_id"
        ]
        eventually(lambda: rig.call("GET", f"/status/{job_id}")["pending"] <= MANY - HALF)
    rig.finish(job_id)
    with running(*words, **options):
        there = set(written(rig))
        eventually(lambda: set(receiver.lines) >= there, what="all lines arrive")
    receiver.close()
    arrived = set(receiver.lines)
    events = Counter(json.loads(line)["event"] for line in arrived)
    assert MANY == events["message.confirmed"] == events["message.submitted"]
    assert {"http", "sender"} == {json.loads(line)["process"] for line in arrived}
    assert len(list((rig.root / "log").iterdir())) > 3  # they were rotated
    everything = "\n".join(arrived) + rig.log.read_text() + rig.errors.read_text()
    everything += "".join(file.read_text() for file in (rig.root / "run").glob("*.log"))
    assert {} == {kind: text for kind, text in PLANTED.items() if text in everything}
    assert rig.key not in everything
