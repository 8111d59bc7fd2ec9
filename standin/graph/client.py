"""A small client for tests in another process: starts the stand-in, makes things go wrong, reads the record."""

from __future__ import annotations

import json
import urllib.request
from typing import Any
from urllib.parse import urlencode

from standin.graph.world import APP_SECRET, BUSINESS_ID, NUMBER_ID, TOKEN, VERIFY_TOKEN
from standin.spawned import Spawned

WAIT_S = 60.0


class GraphStandIn(Spawned):
    """One running stand-in for Meta's API; what it knew is gone when it is stopped."""

    MODULE = "standin.graph"

    @classmethod
    def start(
        cls, webhook: str | None = None, *, host: str = "127.0.0.1", port: int = 0, **switches: Any
    ) -> GraphStandIn:
        """See `spawn`."""
        words = ["--host", host, "--port", str(port), *(["--webhook", webhook] if webhook else [])]
        return cls.spawn(words, switches)

    @property
    def settings(self) -> dict[str, str]:
        """The settings with which wasender sends over it."""
        return {
            "WASENDER_TRANSPORT": "cloud", "WASENDER_CLOUD_URL": self.url, "WASENDER_CLOUD_TOKEN": TOKEN,
            "WASENDER_CLOUD_PHONE_NUMBER_ID": NUMBER_ID, "WASENDER_CLOUD_BUSINESS_ACCOUNT_ID": BUSINESS_ID,
            "WASENDER_CLOUD_APP_SECRET": APP_SECRET, "WASENDER_CLOUD_VERIFY_TOKEN": VERIFY_TOKEN,
        }  # fmt: skip

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
