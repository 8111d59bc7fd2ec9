"""A small client for tests in another process: starts the stand-in, makes things go wrong, reads the record."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

from standin.graph.world import APP_SECRET, BUSINESS_ID, NUMBER_ID, TOKEN, VERIFY_TOKEN

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 60.0


class GraphStandIn:
    """One running stand-in for Meta's API."""

    def __init__(self, url: str, process: subprocess.Popen[str] | None = None) -> None:
        self.url = url
        self.process = process

    @classmethod
    def start(cls, webhook: str | None = None, *, port: int = 0, **switches: Any) -> GraphStandIn:
        """Spawn the process and wait until it listens. Raises RuntimeError when it ends instead."""
        command = [sys.executable, "-m", "standin.graph", "--port", str(port)]
        command += ["--webhook", webhook] if webhook else []
        for name, value in switches.items():
            command += ["--set", f"{name}={json.dumps(value)}"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the stand-in did not start, exit code {process.wait(60)}")
        return cls(json.loads(line)["url"], process)

    @property
    def settings(self) -> dict[str, str]:
        """The settings with which wasender sends over it."""
        return {
            "WASENDER_TRANSPORT": "cloud", "WASENDER_CLOUD_URL": self.url, "WASENDER_CLOUD_TOKEN": TOKEN,
            "WASENDER_CLOUD_PHONE_NUMBER_ID": NUMBER_ID, "WASENDER_CLOUD_BUSINESS_ACCOUNT_ID": BUSINESS_ID,
            "WASENDER_CLOUD_APP_SECRET": APP_SECRET, "WASENDER_CLOUD_VERIFY_TOKEN": VERIFY_TOKEN,
        }  # fmt: skip

    def __enter__(self) -> GraphStandIn:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process; what it knew is gone."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(60)
        if self.process.stdout:
            self.process.stdout.close()

    def set(self, **switches: Any) -> None:
        """Change switches."""
        self.control("_switch", set=switches)

    def rule(self, **what: Any) -> None:
        """Put a rule behind those there are: `rule(drop="after", every=10)`."""
        self.control("_switch", rules=[what])

    def clear(self) -> None:
        """Let everything go as it should again."""
        self.control("_switch", clear=True)

    def say(self, sender: str, text: str, **more: Any) -> str:
        """Somebody writes to us; the message's id."""
        return str(self.control("_say", **{"from": sender, "text": text}, **more)["id"])

    def record(self, **until: int) -> dict[str, Any]:
        """What was accepted and what became of it; `accepted=`, `arrived=` or `settled=` waits for so many.

        Raises TimeoutError when they are not there in time.
        """
        query = urlencode({**until, "timeout": WAIT_S})
        with urllib.request.urlopen(f"{self.url}/_record?{query}", timeout=WAIT_S + 10) as answer:
            record: dict[str, Any] = json.loads(answer.read())
        if any(record[name] < count for name, count in until.items()):
            raise TimeoutError(f"not within {WAIT_S:.0f} s: {until}")
        return record

    def control(self, path: str, **body: Any) -> Any:
        """Any of the requests that `standin/graph/control.py` names."""
        request = urllib.request.Request(f"{self.url}/{path}", json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            return json.loads(answer.read())
