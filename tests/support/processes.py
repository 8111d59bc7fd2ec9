"""A process of ours, started by a test with its settings."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

Start = Callable[..., subprocess.Popen[str]]


@contextmanager
def starting(module: str, environment: dict[str, str], folder: Path) -> Iterator[Start]:
    """A function that starts the module as a process with these settings; whatever still runs at the end is killed."""
    with ExitStack() as stack:

        def start(**settings: str) -> subprocess.Popen[str]:
            changes = {f"WASENDER_{name}": value for name, value in settings.items()}
            process = subprocess.Popen(
                [sys.executable, "-m", module],
                stdout=subprocess.PIPE,
                text=True,
                env=environment | changes,
                cwd=folder,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start
