"""What was accepted and what reached people: the judge of "nothing lost, nothing twice"."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from standin.graph.switches import Fate

if TYPE_CHECKING:
    from standin.graph.world import Number, Person


@dataclass(eq=False, slots=True)
class Event:
    """`sent`, `delivered`, `read` or `failed`, in Unix seconds.

    told: how far its webhook got, in Meta's words: PENDING, DELIVERED, RETRYING, FAILED. trouble: what the receiver
    did.
    """

    status: str
    at: float
    told: str = "PENDING"
    trouble: str | None = None


@dataclass(eq=False, slots=True)
class Message:
    """One accepted message.

    given: the recipient as the request had it. callback: its `biz_opaque_callback_data`. events: what has become of it
    whether or not a webhook told it. arrived: it is on the person's phone.
    """

    id: str
    number: Number
    person: Person
    given: str
    callback: str | None
    kind: str
    category: str
    fate: Fate
    at: float
    said: Any = None
    held: bool = False
    arrived: bool = False
    priced: int = 0  # statuses that told a price
    template: str | None = None  # id
    history_id: str = ""
    events: list[Event] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """For `/_record`."""
        return {
            "id": self.id, "number": self.number.id, "to": self.person.number, "callback": self.callback,
            "type": self.kind, "category": self.category, "at": self.at, "held": self.held, "arrived": self.arrived,
            "events": [{"status": each.status, "at": each.at, "told": each.told} for each in self.events],
            "said": self.said,
        }  # fmt: skip


class Record:
    """All messages in the order in which they were accepted."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.by_id: dict[str, Message] = {}
        self.by_history: dict[str, Message] = {}
        self.arrived = self.settled = 0  # settled: it arrived, or failed
        self.requests: Counter[str] = Counter()  # by what was asked, and refusals by code
        self._changed = asyncio.Event()

    def add(self, message: Message) -> None:
        """Keep one."""
        self.messages.append(message)
        self.by_id[message.id] = message
        message.number.messages.append(message)
        self._changed.set()

    def event(self, message: Message, status: str, at: float) -> Event:
        """Something became of it."""
        event = Event(status, at)
        if status != "sent" and all(each.status == "sent" for each in message.events):
            self.settled += 1
        message.events.append(event)
        if status in ("delivered", "read") and not message.arrived:
            message.arrived = True
            self.arrived += 1
        self._changed.set()
        return event

    def changed(self) -> None:
        """Let those who wait look again."""
        self._changed.set()

    def accepted_by(self) -> Counter[tuple[str, str | None]]:
        """How often each (recipient, callback data) was accepted: more than once is a message sent twice."""
        return Counter((each.person.number, each.callback) for each in self.messages)

    def arrived_by(self) -> Counter[tuple[str, str | None]]:
        """How often each (recipient, callback data) arrived on a phone."""
        return Counter((each.person.number, each.callback) for each in self.messages if each.arrived)

    def twice(self) -> list[tuple[str, str | None]]:
        """What was accepted more than once."""
        return [pair for pair, times in self.accepted_by().items() if times > 1]

    def summary(self) -> dict[str, Any]:
        """Counts only."""
        failed = [each for each in self.messages if any(event.status == "failed" for event in each.events)]
        return {
            "accepted": len(self.messages),
            "arrived": self.arrived,
            "settled": self.settled,
            "people": len({each.person.number for each in self.messages}),
            "failed": len(failed),
            "held": sum(each.held for each in self.messages),
            "twice": len(self.twice()),
            "requests": dict(self.requests),
        }

    async def until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until `done()` holds; False when it does not within that time."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while not done():
            left = deadline - asyncio.get_running_loop().time()
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                return done()
        return True
