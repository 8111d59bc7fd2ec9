"""Carries webhooks: gathered, signed, over connections that stay open, again when they are not taken.

Sources: webhooks/create-webhook-endpoint (2026-09-11): 200 or it is sent again, at once and then ever more rarely for 7
days; up to 1,000 updates. Headers, escaping and what is signed: captures of v25.0 (2026).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aiohttp

from standin.graph.updates import Update, body

if TYPE_CHECKING:
    from standin.graph.world import World

BYTES = 3 * 2**20
AVERAGE_BYTES = 900  # of one update, generously
ABOUT_NUMBERS = {"messages"}  # fields that a number's or an account's own address gets


@dataclass
class _Address:
    """What is still to be carried to one URL."""

    url: str
    waiting: deque[Update] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class Postman:
    """`put` an update; it goes out as soon as a connection is free."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._addresses: dict[str, _Address] = {}
        self._session: aiohttp.ClientSession | None = None
        self._again: set[asyncio.Task[None]] = set()
        self._out = 0
        self.statuses: list[int] = []  # what receivers answered, newest last
        self.took_ms: deque[float] = deque(maxlen=10_000)  # how long the last answers took
        self.posts = self.updates = self.failed = self.dropped = 0

    async def open(self) -> None:
        """Before the first `put`."""
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
        # nothing that surrounds the test, as a proxy, comes between us and a receiver on this machine
        self._session = aiohttp.ClientSession(
            connector=connector, trust_env=False, headers={"User-Agent": "facebookexternalua"}
        )

    async def close(self) -> None:
        """What has not been carried is lost."""
        tasks = [*self._again, *(task for each in self._addresses.values() for task in each.tasks)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session:
            await self._session.close()

    def put(self, update: Update) -> None:
        """Bring it to whoever has subscribed to that."""
        business = update.business
        url = self._world.webhook
        if update.field in ABOUT_NUMBERS:
            url = (update.number.override if update.number else None) or business.override or url
        if url is None or not business.subscribed or not self._world.switches["webhooks"]:
            return
        address = self._addresses.get(url)
        if address is None:
            address = self._addresses[url] = _Address(url)
        while len(address.tasks) < self._world.switches["connections"]:
            address.tasks.add(asyncio.create_task(self._carry(address)))
        address.waiting.append(update)
        address.wake.set()

    @property
    def waiting(self) -> int:
        """Updates that nobody has taken yet, and requests that are out or to be repeated."""
        return sum(len(each.waiting) for each in self._addresses.values()) + self._out + len(self._again)

    async def _carry(self, address: _Address) -> None:
        switches = self._world.switches
        while True:
            while not address.waiting:
                address.wake.clear()
                await address.wake.wait()
            most = min(len(address.waiting), switches["batch"], BYTES // AVERAGE_BYTES)
            updates = [address.waiting.popleft() for _ in range(most)]
            self._out += 1
            try:
                content = body(updates, switches["merge"])
                self.updates += most
                if not await self._post(address.url, content, updates):
                    self._later(address.url, content, updates)
            finally:
                self._out -= 1
            if switches["gather_ms"]:
                await asyncio.sleep(switches["gather_ms"] / 1000)

    async def _post(self, url: str, content: bytes, updates: list[Update]) -> bool:
        """Whether it was taken."""
        assert self._session is not None
        self.posts += 1
        timeout = aiohttp.ClientTimeout(total=self._world.switches["timeout_ms"] / 1000)
        begun = time.perf_counter()
        try:
            async with self._session.post(
                url, data=content, headers=self.headers(content), timeout=timeout, allow_redirects=False
            ) as answer:
                await answer.read()
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            status = 0
        self.took_ms.append((time.perf_counter() - begun) * 1000)
        self.statuses.append(status)
        del self.statuses[:-1000]
        self.failed += status != 200
        for update in updates:
            if (event := update.event) is not None:
                event.told = "DELIVERED" if status == 200 else "RETRYING"
                event.trouble = None if status == 200 else _trouble(status)
        return status == 200

    def headers(self, content: bytes) -> dict[str, str]:
        """The signature is over the bytes as they are sent."""
        signature = hmac.new(self._world.app_secret.encode(), content, hashlib.sha256).hexdigest()
        return {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signature}"}

    def _later(self, url: str, content: bytes, updates: list[Update]) -> None:
        task = asyncio.create_task(self._repeat(url, content, updates))
        self._again.add(task)
        task.add_done_callback(self._again.discard)

    async def _repeat(self, url: str, content: bytes, updates: list[Update]) -> None:
        """The same bytes again, until they are taken or their time is up."""
        switches = self._world.switches
        wait_ms, waited_ms = switches["retry_first_ms"], 0.0
        while waited_ms <= switches["retry_for_ms"]:
            await asyncio.sleep(wait_ms / 1000)
            if await self._post(url, content, updates):
                return
            waited_ms += wait_ms
            wait_ms = min(max(wait_ms * 2, switches["retry_ms"]), switches["retry_most_ms"])
        self.dropped += 1
        for update in updates:
            if update.event is not None:
                update.event.told = "FAILED"

    async def greet(self, url: str, verify_token: str) -> bool:
        """Whether who is there knows the token, and gives the challenge back."""
        assert self._session is not None
        challenge = self._world.next_id()
        asked = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
        try:
            async with self._session.get(url, params=asked, allow_redirects=False) as answer:
                return answer.status == 200 and (await answer.read()).decode(errors="replace") == challenge
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False


def _trouble(status: int) -> str:
    return f"Webhook endpoint returned HTTP {status}" if status else "Webhook endpoint did not answer"
