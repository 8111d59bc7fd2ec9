"""A transport that does what a test says, and lets the test wait for what the sender does with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from daemon.states import AccountState, Ack, Finding
from daemon.transports.protocol import Health, Heard, Listed, Lookup, Mark, Outgoing, Receipt, Tick, Unread, always

READY = Health(AccountState.READY)
RECEIPT = Receipt("id-1", Ack.SENT)
MARK = Mark("before")
PATIENCE_S = 60.0


class Hang:
    """An outcome: the call does not return until it is cancelled, or until `let_go`."""

    def __init__(self, then: Any = None) -> None:
        self.entered, self.gate, self.then = asyncio.Event(), asyncio.Event(), then

    def let_go(self) -> None:
        self.gate.set()


class ScriptedTransport:
    """See `Transport`; it has every capability. Outcomes are taken in order from `script[method]`; when it is used up,
    all goes well.

    An outcome is what to return, an exception to raise, a `Hang`, or a function of no arguments that gives one.
    `calls` holds every call as (method, number).
    """

    concurrency = 1
    exclusive = True
    paced = True

    def __init__(self, **script: list[Any]) -> None:
        self.script = script
        self.health_now: Health | Exception = READY
        self.calls: list[tuple[str, str]] = []
        self.out: list[str] = []  # whom a message has left for
        self._changed = asyncio.Event()

    def belong_to(self, life: str) -> None:
        self.calls.append(("belong_to", life))

    async def start(self) -> None:
        await self._next("start", "", None)

    async def health(self) -> Health:
        return await self._next("health", "", self.health_now)

    async def prepare(self, message: Outgoing) -> Mark:
        return await self._next("prepare", message.number, MARK)

    async def hand_over(self, message: Outgoing, mark: Mark, held: Callable[[], bool] = always) -> Receipt:
        assert mark == MARK
        receipt = await self._next("hand_over", message.number, RECEIPT)
        self.out.append(message.number)
        return receipt

    async def look_up(self, message: Outgoing, mark: Mark) -> Lookup:
        assert mark == MARK
        return await self._next("look_up", message.number, Lookup(Finding.UNKNOWN, "the chat does not load"))

    async def unread(self) -> list[Unread]:
        return await self._next("unread", "", [])

    async def read(self, chat: Unread) -> Heard | None:
        return await self._next("read", chat.number or chat.title, None)

    async def overheard(self) -> list[Heard]:
        return await self._next("overheard", "", [])

    async def listed(self, since: int, further: bool) -> Listed:
        return await self._next("listed", "further" if further else "", Listed())

    async def ticked(self) -> list[Tick]:
        return await self._next("ticked", "", [])

    async def screenshot(self) -> bytes:
        return await self._next("screenshot", "", b"\x89PNG of the browser")

    async def link(self, number: str | None) -> None:
        await self._next("link", number or "", None)

    async def log_out(self) -> None:
        await self._next("log_out", "", None)

    async def reload(self) -> None:
        await self._next("reload", "", None)

    async def structure(self) -> str:
        return await self._next("structure", "", '{"language": "en"}')

    async def worn_out(self) -> str | None:
        return await self._next("worn_out", "", None)

    async def close(self) -> None:
        self.calls.append(("close", ""))

    async def _next(self, method: str, number: str, default: Any) -> Any:
        self.calls.append((method, number))
        waiting = self.script.get(method, [])
        outcome = waiting.pop(0) if waiting else default
        self._changed.set()
        if callable(outcome) and not isinstance(outcome, type):
            outcome = outcome()
        if isinstance(outcome, Hang):
            outcome.entered.set()
            await outcome.gate.wait()
            outcome = outcome.then if outcome.then is not None else default
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def count(self, method: str) -> int:
        return sum(name == method for name, _ in self.calls)

    def order(self, *methods: str) -> list[tuple[str, str]]:
        """The calls of these methods, in order."""
        return [call for call in self.calls if call[0] in methods]


async def until(ask: Callable[[], Any], what: str = "it") -> Any:
    """Wait for the first true answer, asked again after every turn of the loop. Raises AssertionError in the end."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while not (answer := ask()):
        assert asyncio.get_running_loop().time() < deadline, f"it did not happen: {what}"
        await asyncio.sleep(0.005)
    return answer
