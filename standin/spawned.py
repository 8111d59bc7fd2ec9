"""A stand-in in a process of its own, as its clients start and end it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

ROOT = Path(__file__).resolve().parents[1]


class Spawned:
    """One that runs at `url`; without a process it is somebody else's."""

    MODULE: ClassVar[str]  #: what is run

    def __init__(self, url: str, process: subprocess.Popen[str] | None = None) -> None:
        self.url = url
        self.process = process

    @classmethod
    def spawn(cls, words: Iterable[str], switches: dict[str, Any]) -> Self:
        """Start the process and wait until it listens. Raises RuntimeError when it ends instead."""
        command = [sys.executable, "-m", cls.MODULE, *words]
        for name, value in switches.items():
            command += ["--set", f"{name}={json.dumps(value)}"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the stand-in did not start, exit code {process.wait(60)}")
        return cls(json.loads(line)["url"], process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self, *, kill: bool = False) -> None:
        """End the process, by SIGTERM, or by SIGKILL as if the machine had crashed."""
        if self.process is None:
            return
        if self.process.poll() is None:
            (self.process.kill if kill else self.process.terminate)()
        self.process.wait(60)
        if self.process.stdout:
            self.process.stdout.close()
