"""What becomes of accepted messages, and when it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from standin.graph import updates
from standin.graph.postman import Postman

if TYPE_CHECKING:
    from standin.graph.record import Event, Message
    from standin.graph.world import World

PAUSED = 132015


class Courier:
    """Lets messages get to people, each step after its time, and tells it by webhooks."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.postman = Postman(world)
        self.pending = 0  # steps and webhooks still to come
        self._closed = False

    async def open(self) -> None:
        """Before the first message."""
        await self.postman.open()

    async def close(self) -> None:
        """What is still to come does not come."""
        self._closed = True
        await self.postman.close()

    def carry(self, message: Message) -> None:
        """Start a message on its way. One that is held waits for `release` or `judge`."""
        if message.fate.stuck:
            return
        if message.held:
            if self._world.switches["held_ms"] is not None:
                self._later(self._world.switches["held_ms"], self.release, message)
            return
        plan = self._plan(message)
        backwards = message.fate.backwards
        for wait_ms, status in plan:
            self._later(wait_ms, self._step, message, status, not backwards)
        if backwards:
            for n, (_, status) in enumerate(reversed(plan)):
                self._later(plan[-1][0] + 1 + n, self._tell_of, message, status)

    def at_once(self, message: Message) -> None:
        """All its steps now, before anything is answered."""
        for _, status in self._plan(message):
            self._step(message, status)

    def release(self, message: Message) -> None:
        """What was held goes on its way."""
        if message.held:
            message.held = False
            self.carry(message)

    def judge(self, message: Message, code: int = PAUSED) -> None:
        """What was held is not sent at all."""
        if message.held:
            message.held = False
            message.fate = message.fate.model_copy(update={"fail": code, "then_delivered": False})
            self._step(message, "failed")

    def _plan(self, message: Message) -> list[tuple[float, str]]:
        """What becomes of it: after how many milliseconds each."""
        switches, fate = self._world.switches, message.fate
        after_ms, waits = 0.0, [("sent", "sent_ms"), ("delivered", "delivered_ms"), ("read", "read_ms")]
        plan: list[tuple[float, str]] = []
        for status, switch in waits:
            if switches[switch] is None:
                break
            after_ms += switches[switch]
            if status == "sent" and fate.fail is not None:
                plan.append((after_ms, "failed"))
                if not fate.then_delivered:
                    break
            else:
                plan.append((after_ms, status))
        return plan

    def _step(self, message: Message, status: str, tell: bool = True) -> None:
        event = self._world.record.event(message, status, self._world.clock())
        if tell:
            self._tell(message, event)

    def _tell_of(self, message: Message, status: str) -> None:
        """Tell it later than it was."""
        for event in message.events:
            if event.status == status:
                self._tell(message, event)

    def _tell(self, message: Message, event: Event) -> None:
        fate = message.fate
        if fate.silent or event.status in fate.skip:
            return
        update = updates.status(message, event, self._world.clock(), self._world.switches["conversation"])
        if fate.late_ms:
            self._later(fate.late_ms, self.postman.put, update)
        else:
            self.postman.put(update)
        if fate.twice:
            self._later(fate.late_ms + 1, self.postman.put, update)

    def _later(self, wait_ms: float, call: Callable[..., None], *args: object) -> None:
        self.pending += 1
        asyncio.get_running_loop().call_later(wait_ms / 1000, self._now, call, args)

    def _now(self, call: Callable[..., None], args: tuple[object, ...]) -> None:
        self.pending -= 1
        if not self._closed:
            call(*args)
            self._world.record.changed()
