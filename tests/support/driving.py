"""A transport, the stand-in it drives and the event loop it lives in, for tests that share one browser."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from daemon import config
from daemon.states import AccountState
from daemon.transports.browser import reading, ticks, whatsapp_web
from daemon.transports.browser.driver import BrowserTransport
from daemon.transports.protocol import Attachment, Health, Mark, Outgoing, Receipt
from standin.client import StandIn
from standin.switches import DEFAULTS

T = TypeVar("T")
#: The stand-in in a hurry: nothing takes longer than it must.
QUICK: dict[str, Any] = {
    "linked": True, "boot_ms": 50, "loading_ms": 20, "qr_canvas_ms": 50, "existence_ms": 0, "modal_delay_ms": 25,
    "modal_min_ms": 0, "rows_ms": 0, "send_ms": 0, "ack_ms": 10,
}  # fmt: skip
#: For tests of what does not depend on how the page is built: they run on the newer generation, as most do.
ONCE = pytest.mark.parametrize("shared", ["C"], indirect=True)
_numbers = itertools.count(4915112300000)


def a_number() -> str:
    """A number that no test has used before."""
    return f"+{next(_numbers)}"


class Driving:
    """One browser on one stand-in. `run` waits for what the transport's coroutines return."""

    def __init__(self, folder: Path, **switches: Any) -> None:
        headless = switches.pop("headless", "auto")
        self.quick = QUICK | switches
        self.standin = StandIn.start(folder / "standin", **self.quick)
        self.settings = config.load(
            data_dir=folder / "data", whatsapp_url=self.standin.url, send_timeout_s=5, headless=headless
        )
        # The stand-in's rows come at once, unless a test has them come late.
        reading.STABLE_S, reading.EMPTY_S = 0.7, 1.5
        ticks.SHARED_ROW_S, whatsapp_web.BLANK_MAX_MS = 0.7, 1_500
        self.runner = asyncio.Runner()
        self.transport = BrowserTransport(self.settings)

    def run(self, work: Awaitable[T]) -> T:
        """What `work` returns; BrowserLost and others pass through."""

        async def wait() -> T:
            return await work

        return self.runner.run(wait())

    def start(self) -> None:
        """Start Chrome and wait until the account can send."""
        self.run(self.transport.start())
        self.until(AccountState.READY)

    def health(self) -> Health:
        """One look."""
        return self.run(self.transport.health())

    def until(
        self, state: AccountState, check: Callable[[Health], bool] = lambda _: True, timeout_s: float = 60
    ) -> Health:
        """Look until the account is in `state` and `check` holds; AssertionError names what it was instead."""
        deadline = time.monotonic() + timeout_s
        while True:
            health = self.health()
            if health.state is state and check(health):
                return health
            assert time.monotonic() < deadline, f"{state} expected, is {health}"
            self.run(asyncio.sleep(0.05))

    def prepare(self, message: Outgoing) -> Mark:
        return self.run(self.transport.prepare(message))

    def send(self, number: str, text: str, *files: Attachment) -> Receipt:
        """Prepare and hand over."""
        message = Outgoing(number, text, files)
        return self.run(self.transport.hand_over(message, self.prepare(message)))

    def got(self, number: str) -> list[dict[str, Any]]:
        """What the stand-in delivered to `number`."""
        return [message for message in self.standin.messages() if message["number"] == number]

    def set(self, **switches: Any) -> None:
        """Throw switches, and be sure that the page has heard of them (two exchanges later it has)."""
        self.standin.set(**switches)
        page = self.transport._page
        assert page is not None
        page._surface._driver.execute_async_script(
            "const done = arguments[0], ask = () => fetch('/_standin/switches').then((answer) => answer.text());"
            "ask().then(ask).then(() => done(), () => done());"
        )

    def reload(self) -> None:
        """Reload WhatsApp Web, as WhatsApp does for an update."""
        self.standin.forget()
        self.standin.reload()
        self.standin.wait("page.main")
        self.until(AccountState.READY)

    def reset(self) -> None:
        """All switches as at the start, and the account ready; asserts that nothing forbidden was done."""
        assert [] == self.standin.record()["violations"]
        self.set(**(DEFAULTS | self.quick))
        self.until(AccountState.READY)

    def ensure(self) -> None:
        """A new browser where a test has lost it: the tests behind it are not to fail for that."""
        if self.transport._page is None or not self.transport._chrome.alive():
            self.run(self.transport.close())
            self.standin.set(**(DEFAULTS | self.quick))
            self.run(self.transport.start())

    def close(self) -> None:
        self.run(self.transport.close())
        self.runner.close()
        self.standin.stop()
