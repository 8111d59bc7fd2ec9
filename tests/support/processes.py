"""A process of ours, started by a test with its settings."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support import forks
from tests.support.forks import Forked

Start = Callable[..., Forked]


@contextmanager
def starting(module: str, environment: dict[str, str], folder: Path) -> Iterator[Start]:
    """A function that starts the module as a process with these settings; whatever still runs at the end is killed."""
    with ExitStack() as stack:

        def start(**settings: str) -> Forked:
            changes = {f"WASENDER_{name}": value for name, value in settings.items()}
            process = forks.start(["-m", module], environment | changes, folder, subprocess.PIPE)
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start
