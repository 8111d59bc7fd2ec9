"""A small client for tests: starts the stand-in, changes its switches, waits for its events."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from standin.spawned import Spawned


class StandIn(Spawned):
    """One running stand-in. `wait` and `events` count from where the last `wait` ended, so nothing is seen twice."""

    MODULE = "standin"
    _after = 0

    @classmethod
    def start(cls, data_dir: Path | str, *, port: int = 0, **switches: Any) -> StandIn:
        """See `spawn`; events count from then on."""
        standin = cls.spawn(["--data", str(data_dir), "--port", str(port)], switches)
        standin.forget()
        return standin

    # -- what a test does --------------------------------------------------------------------------------------

    def set(self, **switches: Any) -> None:
        """Change switches; open pages follow at once."""
        self._call("POST", "/_standin/switches", switches)

    def switches(self) -> dict[str, Any]:
        """All switches with their present values."""
        return dict(self._call("GET", "/_standin/switches"))

    def scan(self, timeout: float = 10.0) -> None:
        """Let the phone scan the QR code as soon as a page shows one; raises TimeoutError otherwise."""
        deadline = time.monotonic() + timeout
        after = 0
        while True:
            try:
                self._call("POST", "/_standin/scan", {})
            except urllib.error.HTTPError as error:
                if error.code != 409:
                    raise
                if time.monotonic() > deadline:
                    raise TimeoutError("no page showed a QR code") from error
                # Any new event is a reason to try again.
                events = self.events(after=after, timeout=1.0)
                after = events[-1]["n"] if events else after
            else:
                return

    def enter(self, code: str) -> bool:
        """Enter a code on the phone; False when no page shows it now."""
        try:
            self._call("POST", "/_standin/enter", {"code": code})
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise
            return False
        return True

    def logout(self) -> None:
        """Remove all linked devices on the phone."""
        self._call("POST", "/_standin/logout", {})

    def incoming(self, number: str, text: str, **more: Any) -> dict[str, Any]:
        """Let `number` write to us; `more`: name, quoted."""
        return dict(self._call("POST", "/_standin/incoming", {"number": number, "text": text} | more))

    def own(self, number: str, text: str, **more: Any) -> dict[str, Any]:
        """Write to `number` on the phone; `more`: at_ms, when that was."""
        return dict(self._call("POST", "/_standin/own", {"number": number, "text": text} | more))

    def tick(self, number: str, ack: int, **more: Any) -> None:
        """Let our messages to `number` come as far as `ack` (1 sent, 2 delivered, 3 read); `more`: id, of only one."""
        self._call("POST", "/_standin/tick", {"number": number, "ack": ack} | more)

    def reload(self) -> None:
        """Make open pages reload."""
        self._call("POST", "/_standin/reload", {})

    # -- what a test sees --------------------------------------------------------------------------------------

    def record(self) -> dict[str, Any]:
        """`{"messages": [...], "violations": [...]}`: what was really delivered, and what the driver did wrong."""
        return dict(self._call("GET", "/_standin/record"))

    def messages(self) -> list[dict[str, Any]]:
        """What was really delivered."""
        return list(self.record()["messages"])

    def events(self, after: int | None = None, timeout: float = 0.0) -> list[dict[str, Any]]:
        """Events after `after` (the last `wait` when None), waiting up to `timeout` seconds for the first."""
        path = f"/_standin/events?after={self._after if after is None else after}&timeout={timeout}"
        return list(self._call("GET", path, timeout=timeout + 10)["events"])

    def forget(self) -> None:
        """Start counting events from now."""
        events = self.events(after=0)
        self._after = events[-1]["n"] if events else 0

    def wait(self, event: str, timeout: float = 60.0, **match: Any) -> dict[str, Any]:
        """Return the next `event` whose details equal `match`; raises TimeoutError naming what came instead."""
        deadline = time.monotonic() + timeout
        seen: list[str] = []
        while (left := deadline - time.monotonic()) > 0:
            for found in self.events(timeout=left):
                self._after = found["n"]
                if found["event"] == event and all(found.get(key) == value for key, value in match.items()):
                    return found
                seen.append(found["event"])
        raise TimeoutError(f"no {event} {match or ''} within {timeout} s; came: {seen}")

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None, timeout: float = 10.0) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return json.load(answer)
