"""A whole wasender for tests that are about processes: supervisord, http, sender, Chromium, the stand-in.

It runs from a copy of the checkout's outside (`etc/`, `scripts/`, `run/`) in a temporary folder, so that it
never meets an instance that a developer runs from the checkout itself.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import psutil

ROOT = Path(__file__).resolve().parents[2]
LINKED = ("daemon", "standin", "tests", ".venv", "requirements.lock", "requirements-test.lock", "README.md")
POLL_S = 0.05
PATIENCE_S = 60.0  # how long what should happen may take on a busy machine; only a failure lasts that long
T = TypeVar("T")


def eventually(ask: Callable[[], T | None], timeout: float = PATIENCE_S, what: str = "it") -> T:
    """The first true answer of `ask`. Raises AssertionError past the timeout."""
    deadline = time.monotonic() + timeout
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"not within {timeout:.0f} s: {what}"
        time.sleep(POLL_S)
    return answer


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def as_ordinary_user() -> list[str]:
    """What comes before a command, so that it does not run as root: it has an ordinary user's id, and no capabilities.
    Files are still ours, and so is a Python that only root may run."""
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.getuid() == 0 else []


def copy_outside(folder: Path) -> Path:
    """The checkout as a clone would look, with the code linked instead of copied."""
    for name in LINKED:
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    for name in ("etc", "scripts"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "run").mkdir()
    return folder


def chrome_processes(data_dir: Path) -> list[psutil.Process]:
    """Every process that belongs to a browser of this data folder: Chrome, its driver, Xvfb."""
    found = []
    for process in psutil.process_iter():
        try:
            # The name first: this is asked again and again, and reading the words of every process takes a while.
            if process.name() not in {"python", "python3", "supervisord", "bash"} and any(
                str(data_dir) in part for part in words_of(process)
            ):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def words_of(process: psutil.Process) -> list[str]:
    """Its command line; none when it has ended, also since it was found."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:  # a zombie, too
        return []


def is_dead(process: psutil.Process) -> bool:
    """Gone, or only waiting for its parent to notice."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Rig:
    """A running instance; `with Rig(tmp_path, whatsapp_url=…) as rig`. Settings are given without their prefix."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.root = copy_outside(folder)
        self.data = folder / "data"
        self.data.mkdir(mode=0o700)
        self.log = folder / "wasender.log"
        self.errors = folder / "errors.log"
        self.port = free_port()
        given = {"data_dir": self.data, "port": self.port, "long_pause_every": 0, "retry_after_s": 0} | settings
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("WASENDER_")}
        self.environment |= {f"WASENDER_{name.upper()}": str(value) for name, value in given.items()}
        self.prefix: list[str] = []  # a command that runs supervisord in its place
        self.daemon: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Rig:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if error:
            print(self.log.read_text()[-20_000:], self.errors.read_text()[-5_000:], sep="\n--\n")

    def start(self) -> None:
        with self.log.open("ab") as log, self.errors.open("ab") as errors:
            self.daemon = subprocess.Popen(
                [*self.prefix, self.root / ".venv/bin/supervisord", "-c", "etc/supervisord.conf"],
                cwd=self.root, env=self.environment, stdout=log, stderr=errors, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        eventually(self.answers, what="the http process answers")

    def stop(self) -> None:
        """SIGTERM to supervisord; SIGKILL to all that is left, which a test would have noticed before."""
        if self.daemon and self.daemon.poll() is None:
            self.daemon.terminate()
            try:
                self.daemon.wait(60)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
        for process in chrome_processes(self.data):
            process.kill()

    def control(self, *words: str) -> str:
        """What supervisorctl prints for these words."""
        done = subprocess.run(
            [self.root / ".venv/bin/supervisorctl", "-c", "etc/supervisord.conf", *words],
            cwd=self.root, env=self.environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    def pid(self, program: str) -> int:
        """The program's process id, 0 while it does not run. Much quicker than asking supervisorctl."""
        if not self.daemon or self.daemon.poll() is not None:
            return 0
        for child in psutil.Process(self.daemon.pid).children():
            if f"daemon.{program}" in words_of(child) and not is_dead(child):
                return child.pid
        return 0

    def chrome(self) -> psutil.Process | None:
        """Chrome's main process."""
        for process in chrome_processes(self.data):
            words = words_of(process)
            # Only the main process has a profile and no type.
            mine = any(word.startswith("--user-data-dir=") for word in words)
            if mine and "chrom" in process.name() and not any("--type=" in word for word in words):
                return process
        return None

    def kill(self, victim: str) -> None:
        """SIGKILL to `sender`, `http` or `chrome`; returns when that process is gone."""
        if victim == "chrome":
            process = eventually(self.chrome, what="Chrome runs")
        else:
            process = psutil.Process(eventually(lambda: self.pid(victim), what=f"{victim} runs"))
        process.send_signal(signal.SIGKILL)
        eventually(lambda: is_dead(process), what="it is dead")

    @property
    def key(self) -> str:
        """Its API key."""
        return (self.data / "api_key").read_text().strip()

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Call the API with its key; the answer's JSON, also of an error."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, method=method)
        request.add_header("X-API-KEY", self.key)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            return json.load(error)

    def upload(self, path: str, name: str, content: bytes) -> dict[str, Any]:
        """Upload a file; the answer's JSON, also of an error."""
        head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", head + content + b"\r\n--x--\r\n")
        request.add_header("Content-Type", "multipart/form-data; boundary=x")
        request.add_header("X-API-KEY", self.key)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return dict(json.load(response))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))

    def attach(self, name: str, content: bytes) -> str:
        """Upload a file for messages; its id."""
        return str(self.upload("/upload_attachment", name, content)["attachment_id"])

    def ready(self) -> None:
        """Wait until the account can send."""

        def answer() -> bool:
            try:
                return bool(self.call("GET", "/ready").get("ready"))
            except OSError:
                return False  # http is on its way

        eventually(answer, 60, "the account can send")

    def finish(self, job_id: int, timeout: float = 120) -> dict[str, Any]:
        """The job's status once it is completed."""

        def status() -> dict[str, Any] | None:
            try:
                found: dict[str, Any] = self.call("GET", f"/status/{job_id}")
            except OSError:
                return None  # the http process may be the one that was killed
            return found if found.get("status") == "completed" else None

        done = eventually(status, timeout, f"job {job_id} is completed")
        return done or {}

    def events(self) -> list[dict[str, Any]]:
        """The log so far; fails on a line that is not JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def answers(self) -> bool:
        if self.daemon and self.daemon.poll() is not None:
            raise RuntimeError(f"supervisord ended: {self.errors.read_text()}")
        try:
            return bool(self.call("GET", "/health")["status"] == "ok")
        except OSError:
            return False
