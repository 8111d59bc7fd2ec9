"""Live state: open pages, callers that wait for an event, and ticks still to come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from standin.world import World


class Hub:
    """Connects the world to open pages (server-sent events) and to tests (long polls)."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.closing = asyncio.Event()
        self._pages: dict[str, asyncio.Queue[str]] = {}
        self._showing_qr: set[str] = set()
        self._codes: dict[str, str] = {}  # page: the code it shows for a phone number
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    # -- pages -------------------------------------------------------------------------------------------------

    def open_page(self, page: str) -> asyncio.Queue[str]:
        """Register a page; returns the queue of events for it."""
        self._pages[page] = asyncio.Queue()
        return self._pages[page]

    def close_page(self, page: str, queue: asyncio.Queue[str]) -> None:
        """Forget a page, unless it has already come back on a new connection."""
        if self._pages.get(page) is queue:
            del self._pages[page]
            self._showing_qr.discard(page)
            self._codes.pop(page, None)

    def push(self, kind: str, detail: Any, *, besides: str | None = None) -> None:
        """Tell every open page, except the one that already knows."""
        line = json.dumps({"kind": kind, "detail": detail})
        for page, queue in self._pages.items():
            if page != besides:
                queue.put_nowait(line)

    def push_to(self, page: str, kind: str, detail: Any) -> None:
        """Tell one page."""
        if page in self._pages:
            self._pages[page].put_nowait(json.dumps({"kind": kind, "detail": detail}))

    # -- linking -----------------------------------------------------------------------------------------------

    def saw(self, page: str, event: str, detail: dict[str, Any]) -> None:
        """Follow which pages show a QR code that a phone could scan, or a code that could be entered there."""
        if event == "code.shown":
            self._codes[page] = detail["code"]
        elif event in {"code.expired", "qr.shown", "page.loaded", "page.main"}:
            self._codes.pop(page, None)
        if event == "qr.shown":
            self._showing_qr.add(page)
            wait_ms = self.world.switches["auto_scan_ms"]
            if wait_ms is not None:
                self.later(wait_ms, self.scan)
        elif event in {"qr.idle", "page.loaded", "page.main"}:
            self._showing_qr.discard(page)

    def scan(self) -> bool:
        """The phone scans: every page with a live QR code is linked. False when there is none."""
        pages = [page for page in self._showing_qr if page in self._pages]
        self._showing_qr.clear()
        return self._link(pages)

    def enter(self, code: str) -> bool:
        """A code is entered on the phone: the page that shows it now is linked. False when none does."""
        return self._link([page for page, shown in self._codes.items() if shown == code and page in self._pages])

    def _link(self, pages: list[str]) -> bool:
        for page in pages:
            self._codes.pop(page, None)
            self.push_to(page, "linked", {"token": self.world.link()})
            self.note("link.made", {})
        return bool(pages)

    # -- events and time ---------------------------------------------------------------------------------------

    def note(self, event: str, detail: dict[str, Any]) -> None:
        """Append an event and wake those who wait for one."""
        self.world.note(event, detail)
        self.spawn(self._wake())

    async def events(self, after: int, timeout_s: float) -> list[dict[str, Any]]:
        """Events after number `after`, waiting up to `timeout_s` for the first."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while not (found := self.world.events(after)) and not self.closing.is_set():
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                break
            async with self._changed:
                try:
                    await asyncio.wait_for(self._changed.wait(), left)
                except TimeoutError:
                    break
        return found

    async def hung(self, timeout_s: float) -> bool:
        """Hold the caller while the `hang` switch is on, up to `timeout_s`."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while self.world.switches["hang"] and not self.closing.is_set():
            if asyncio.get_running_loop().time() >= deadline:
                return True
            await asyncio.sleep(0.05)
        return False

    def progress(self, message_id: str) -> None:
        """Let the ticks of a message that the server has arrive one after the other."""
        waits = [self.world.switches[name] for name in ("ack_ms", "delivered_ms", "read_ms")]
        total = 0
        for ack, wait_ms in enumerate(waits, start=1):
            if wait_ms is None:
                break
            total += wait_ms
            self.later(total, self.tick, message_id, ack)

    def tick(self, message_id: str, ack: int) -> None:
        """A message has come further: every page shows it."""
        message = self.world.tick(message_id, ack)
        if message:
            self.push("ack", {"id": message_id, "number": message["number"], "ack": ack})

    def later(self, wait_ms: float, call: Callable[..., object], *args: object) -> None:
        """Run a call after a while, if the server still runs then."""

        async def run() -> None:
            await asyncio.sleep(wait_ms / 1000)
            call(*args)

        self.spawn(run())

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the background; stop() cancels it."""
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Release waiting requests and drop everything that was still to come."""
        self.closing.set()
        for queue in self._pages.values():
            queue.put_nowait("")
        for task in list(self._tasks):
            task.cancel()
        async with self._changed:
            self._changed.notify_all()

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()
