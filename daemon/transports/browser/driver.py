"""The transport that sends through WhatsApp Web in a Chrome of our own.

Everything that touches the driver runs on one thread, each operation with a deadline. If the page or the driver hangs,
Chrome is killed, which frees the thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import psutil
import structlog
import urllib3.exceptions
from selenium.common.exceptions import WebDriverException

from daemon import errors
from daemon.config import Settings
from daemon.files import trouble
from daemon.states import E164, AccountState
from daemon.telemetry import watchdog
from daemon.transports.browser import chrome
from daemon.transports.browser.bridge import Abandoned, Operation
from daemon.transports.browser.following import OwnTicks
from daemon.transports.browser.incoming import drained
from daemon.transports.browser.refusals import Lost
from daemon.transports.browser.whatsapp_web import Page
from daemon.transports.protocol import Health, Heard, Listed, Lookup, Mark, Outgoing, Receipt, Tick, Unread, always

log = structlog.get_logger()
T = TypeVar("T")

START_S = 60.0  #: deadlines of the operations on the driver's thread
HEALTH_S = 60.0
PREPARE_S = 150.0
LOOK_UP_S = 150.0
PICTURE_S = 20.0
LINK_S = 90.0
LISTEN_S = 90.0
LOSE_S = 3.5  #: how long the thread may take to notice that Chrome was killed
UPLOAD_BYTES_S = 64 * 1024  #: slowest upload that is still waited for, bytes per second


@contextlib.contextmanager
def _mapped() -> Iterator[None]:
    """Turn whatever Selenium raises when Chrome or the driver is gone or hangs into BrowserLost."""
    try:
        yield
    except Abandoned:
        raise errors.BrowserLost(Lost.CLOSED) from None
    except (WebDriverException, urllib3.exceptions.HTTPError, OSError, psutil.Error) as error:
        if isinstance(error, OSError) and error.filename:
            raise errors.BrowserLost(Lost.FAILED, reason=trouble.unusable(error)) from error
        text = getattr(error, "msg", None) or type(error).__name__
        raise errors.BrowserLost(Lost.FAILED, reason=str(text).splitlines()[0][:160]) from error


class BrowserTransport:
    """WhatsApp Web in a Chrome of our own; implements `Transport` and every capability of `transports.protocol`."""

    concurrency = 1
    exclusive = True  # by the lock on the profile
    paced = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._chrome = chrome.Chrome(settings)
        self._life = ""
        self._page: Page | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._last: Future[Any] | None = None  # the operation that the thread runs, or ran last
        self._operation = Operation()
        self._heard: deque[Heard] = deque()  # noted, and not yet asked for; survives a restart of Chrome
        self._ticks = OwnTicks()  # likewise
        self._texts: OrderedDict[str, str] = OrderedDict()  # likewise, see Leftovers

    def belong_to(self, life: str) -> None:
        """See Profiled.belong_to."""
        self._life = life

    async def start(self) -> None:
        """See Transport.start. May be called again after BrowserLost."""
        if self._page is not None:
            await self._lose()
        try:
            self._page = await self._run("start", self._start, START_S)
        except errors.BrowserLost:
            raise
        except BaseException:
            await self._lose()
            if self._chrome.lock.is_locked:
                self._chrome.release()
            raise

    def _start(self, operation: Operation) -> Page:
        driver = self._chrome.start(operation.check, self._life)
        operation.check()
        folder = self._settings.data_dir
        page = Page(driver, self._settings.whatsapp_url, self._chrome.temp, chrome.SCRIPT_S, folder)
        page.incoming.notes, page.incoming.ticks = self._heard, self._ticks
        page.leftovers.texts = self._texts
        page.open()
        return page

    async def health(self) -> Health:
        """See Transport.health."""
        if self._page is None and self._chrome.driver is None:
            return Health(AccountState.STARTING)
        page = self._alive()
        return await self._run("health", page.health, HEALTH_S)

    async def prepare(self, message: Outgoing) -> Mark:
        """See Transport.prepare."""
        page = self._alive()
        return await self._run("prepare", lambda operation: page.prepare(message, operation), PREPARE_S)

    async def hand_over(self, message: Outgoing, mark: Mark, held: Callable[[], bool] = always) -> Receipt:
        """See Transport.hand_over."""
        page = self._alive()
        wait_s = self._settings.send_timeout_s + sum(file.size for file in message.attachments) / UPLOAD_BYTES_S
        return await self._run(
            "hand_over", lambda operation: page.hand_over(message, mark, wait_s, operation, held), wait_s + PREPARE_S
        )

    async def look_up(self, message: Outgoing, mark: Mark) -> Lookup:
        """See Transport.look_up."""
        page = self._alive()
        return await self._run("look_up", lambda operation: page.look_up(message, mark, operation), LOOK_UP_S)

    async def unread(self) -> list[Unread]:
        """See Inbox.unread."""
        page = self._alive()
        return await self._run("unread", page.incoming.unread, LISTEN_S)

    async def read(self, chat: Unread) -> Heard | None:
        """See Inbox.read."""
        page = self._alive()
        return await self._run("read", lambda operation: page.read(chat, operation), LISTEN_S)

    async def overheard(self) -> list[Heard]:
        """See Inbox.overheard."""
        return drained(self._heard)

    async def listed(self, since: int, further: bool) -> Listed:
        """See Follows.listed."""
        page = self._alive()
        return await self._run("listed", lambda operation: page.listed(since, further, operation), LISTEN_S)

    async def ticked(self) -> list[Tick]:
        """See Follows.ticked."""
        return self._ticks.drained()

    async def screenshot(self) -> bytes:
        """See Inspectable.screenshot."""
        page = self._alive()
        return await self._run("screenshot", lambda _: page.picture(), PICTURE_S)

    async def link(self, number: E164 | None) -> None:
        """See Linkable.link."""
        page = self._alive()
        if number is None:
            await self._run("link", lambda _: page.linking.by_qr(), LINK_S)
        else:
            await self._run("link", lambda operation: page.linking.by_code(number, operation), LINK_S)

    async def log_out(self) -> None:
        """See Linkable.log_out."""
        page = self._alive()
        await self._run("log_out", page.linking.log_out, LINK_S)

    async def reload(self) -> None:
        """See Inspectable.reload."""
        page = self._alive()
        await self._run("reload", lambda _: page.open(), LINK_S)

    async def structure(self) -> str:
        """See Inspectable.structure."""
        page = self._alive()
        return await self._run("structure", lambda _: page.structure(), PICTURE_S)

    async def worn_out(self) -> str | None:
        """See Wears.worn_out. Also None while Chrome is not running: `health` reports that."""
        ceiling = self._settings.browser_memory_mb
        if not ceiling or not self._chrome.alive():
            return None
        used = await asyncio.to_thread(self._chrome.memory_mib)
        if used <= ceiling:
            return None
        return f"Chrome uses {used} MiB, above the ceiling of {ceiling} (WASENDER_BROWSER_MEMORY_MB)."

    async def close(self) -> None:
        """See Transport.close."""
        self._operation.abandon()
        page, self._page = self._page, None
        life = self._chrome

        def stop(_: Operation) -> None:
            if page is not None:
                with contextlib.suppress(WebDriverException, urllib3.exceptions.HTTPError, errors.TransportError):
                    page.discard()
            life.stop()

        if life.driver is not None and life.alive():
            with contextlib.suppress(TimeoutError, errors.TransportError):
                await asyncio.wait_for(asyncio.wrap_future(self._submit(stop, 2 * chrome.QUIT_S)), 2 * chrome.QUIT_S)
        await self._lose()
        if life.lock.is_locked:
            await asyncio.to_thread(life.release)
            log.info("browser.closed")
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None

    def _alive(self) -> Page:
        if self._page is None:
            raise errors.BrowserLost(Lost.GONE)
        return self._page

    async def _run(self, name: str, work: Callable[[Operation], T], deadline_s: float) -> T:
        """Do `work` on the driver's thread; kill Chrome when it takes longer than `deadline_s`."""
        await self._wait_for_previous(name)
        future = asyncio.wrap_future(self._submit(work, deadline_s))
        operation = self._operation
        try:
            return await asyncio.wait_for(future, deadline_s)
        except TimeoutError:
            log.error("browser.hung", operation=name, elapsed_ms=int(deadline_s * 1000))
            await self._lose()
            raise errors.BrowserLost(Lost.SILENT, seconds=f"{deadline_s:.0f}") from None
        except asyncio.CancelledError:
            operation.abandon()  # the thread stops at its next step, and the next operation waits for that
            raise
        except errors.BrowserLost as error:
            log.error("browser.lost", operation=name, reason=str(error))
            await self._lose()
            raise

    async def _wait_for_previous(self, name: str) -> None:
        last = self._last
        if last is None or last.done():
            return
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(last)), chrome.SCRIPT_S + chrome.COMMAND_S)
        except TimeoutError:
            log.error("browser.hung", operation=name, elapsed_ms=int((chrome.SCRIPT_S + chrome.COMMAND_S) * 1000))
            await self._lose()
            raise errors.BrowserLost(Lost.BUSY) from None
        except asyncio.CancelledError:
            if not last.cancelled():
                raise
        except Exception:  # noqa: S110 (the previous caller has got it)
            pass

    def _submit(self, work: Callable[[Operation], T], deadline_s: float) -> Future[T]:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="browser")
        operation = self._operation = Operation()

        def run() -> T:
            with watchdog.watched("browser thread", more_s=deadline_s + LOSE_S), _mapped():
                return work(operation)

        future = self._thread.submit(run)
        self._last = future
        return future

    async def _lose(self) -> None:
        """Kill Chrome and wait until the thread has noticed.

        While Chrome is starting, the thread may be about to start one more process, so this is repeated as necessary.
        """
        self._page = None
        self._operation.abandon()
        last = self._last
        if last is not None and not last.done():
            ended = asyncio.wrap_future(last)
            ended.add_done_callback(lambda one: one.cancelled() or one.exception())  # its caller has got the exception
            until = time.monotonic() + LOSE_S
            while not ended.done() and time.monotonic() < until:
                await asyncio.to_thread(self._chrome.kill)
                await asyncio.wait({ended}, timeout=0.1)
            if not ended.done() and self._thread is not None:  # should not happen: use a new thread rather than none
                self._thread.shutdown(wait=False, cancel_futures=True)
                self._thread = None
        self._last = None
        await asyncio.to_thread(self._chrome.kill)
