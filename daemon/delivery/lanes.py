"""The messages that a sender has in hand: each in a lane of its own, with its lease, its deadline and its doubt.

There are as many messages in flight as the transport takes at once (`Transport.concurrency`): the browser has one lane.
Where time runs out for messages before they are handed over, as the database or the machine is too slow for so many,
half of the lanes are used, until it does not any more; every few messages that are sent add a lane again.
A message that is stuck or doubtful blocks only its own lane. What an earlier sender left behind may need more lanes
than there are; then no new message is claimed until enough of it is settled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

import structlog

from daemon import errors
from daemon.config import Settings
from daemon.delivery import timing
from daemon.models import Message

log = structlog.get_logger()

FOR_ONE_MORE = 8  # messages handed over in time
MOST_BESIDE = 10  # so many doubts for each lane wait beside the others; more of them hold everything up


@dataclass
class Doubt:
    """The message may be out.

    crashed: by a crash, of the transport or of a sender. looks: into the chat, so far. The rest in monotonic seconds:
    next_look: not before. clock_since: since when it is seen waiting for its tick (where an earlier life began that,
    since it was handed over); reloaded_at: when the page was loaded anew for that; gone_since: since when it is not to
    be seen any more. aside: that did not help, and others go on beside it. waits: there is nothing to look at, only a
    receipt to wait for, so that others go on beside it, too. handed_at: when what is looked for was handed over, UTC
    ms; None while that is not known.
    """

    crashed: bool
    looks: int = 0
    next_look: float = 0.0
    clock_since: float | None = None
    reloaded_at: float | None = None
    gone_since: float | None = None
    aside: bool = False
    waits: bool = False
    handed_at: int | None = None


@dataclass(eq=False)
class Lane:
    """One message in hand.

    deadline (monotonic): its lease is renewed until then; past it somebody else may rescue it. trusted_until (by
    `timing.clock`): so long it is surely ours. out: whether it may have left. life: which life of the transport it is
    in. task: what is being done with it. taken: set once it is known not to be ours any more. narrowings: how often
    the lanes had become fewer before it.
    """

    message: Message
    deadline: float
    narrowings: int = 0
    trusted_until: float = 0.0
    doubt: Doubt | None = None
    out: bool = False
    life: int = 0
    task: asyncio.Task[None] | None = None
    taken: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def aside(self) -> bool:
        """Whether others go on beside it now."""
        return self.doubt is not None and (self.doubt.waits or (self.doubt.aside and self.task is None))

    @property
    def left_s(self) -> float:
        return max(self.deadline - timing.monotonic(), 0.0)


class Lanes:
    """A sender's lanes. concurrency: how many messages the transport takes at once."""

    def __init__(self, settings: Settings, concurrency: int) -> None:
        self.concurrency = concurrency
        self._width = concurrency  # how many lanes are used
        self._narrowings = self._in_time = 0
        self._lease_s, self._send_timeout_s = settings.lease_s, settings.send_timeout_s
        self._lanes: dict[int, Lane] = {}  # by message id
        self._beside: set[Lane] = set()  # those whose doubts wait for a receipt
        self._working: dict[asyncio.Task[None], Lane] = {}
        self._ended: list[asyncio.Task[None]] = []
        self._wanted = 1
        self._enough: asyncio.Future[None] | None = None  # set once so many have ended

    def open(self, message: Message) -> Lane:
        """Take the message in hand. If it already is, its lane continues under the new lease."""
        lane = self._lanes.get(message.id)
        if lane is None:
            lane = self._lanes[message.id] = Lane(message, 0.0, self._narrowings)
        elif lane.task is None:
            lane.message = message
        else:
            lane.message.lease = message.lease
        lane.taken.clear()
        self.extend_deadline(lane)
        return lane

    def extend_deadline(self, lane: Lane, size: int = 0) -> None:
        """Keep the lease alive for one more send, but not for ever. size: bytes to upload."""
        send_s = 2 * self._send_timeout_s + timing.SPARE_S + size / timing.UPLOAD_BYTES_S
        lane.deadline = timing.monotonic() + send_s

    def close(self, lane: Lane) -> None:
        """Let go of the message."""
        if self._lanes.get(lane.message.id) is lane:
            del self._lanes[lane.message.id]
            self._beside.discard(lane)

    def wait_beside(self, lane: Lane, doubt: Doubt) -> None:
        """Nothing but a receipt settles that doubt: others go on beside it from now on."""
        doubt.waits = True
        self._beside.add(lane)

    # How many are used

    def ran_out_of_time(self, lane: Lane) -> None:
        """Too many were in hand at once: use half of the lanes, once for all that were then."""
        if lane.narrowings < self._narrowings or self._width == 1:
            return
        self._narrowings += 1
        self._width = max(self._width // 2, 1)
        log.warning("lanes.narrowed", lanes=self._width)

    def in_time(self) -> None:
        """One was handed over: after some of them a lane more is used, if there is one. One for each would double them
        at once, and time would run out again."""
        self._in_time += 1
        if self._in_time >= FOR_ONE_MORE:
            self._in_time = 0
            self._width = min(self._width + 1, self.concurrency)

    @property
    def some(self) -> int:
        """How many lanes are refilled at a time: a claim costs about as much for one as for many."""
        return max(self._width // 8, 1)

    # What there is

    @property
    def free(self) -> int:
        """How many more messages may be claimed."""
        beside = sum(lane.aside for lane in self._lanes.values())
        if beside >= MOST_BESIDE * self.concurrency:
            return 0
        return max(self._width - (len(self._lanes) - beside), 0)

    @property
    def empty(self) -> bool:
        return not self._lanes

    @property
    def clear(self) -> bool:
        """Whether nothing is in hand except what others may pass, and what was in hand has been dealt with."""
        return all(lane.aside for lane in (*self._lanes.values(), *self._working.values()))

    @property
    def at_work(self) -> int:
        """In how many something is done that others wait for."""
        return len(self._working) - sum(lane.task is not None for lane in self._beside)

    @property
    def claimed(self) -> int:
        """How many messages are in hand and have not left yet: no cap counts them so far."""
        return sum(not lane.out for lane in self._lanes.values())

    @property
    def sending(self) -> int:
        """How many messages are on their way, and not doubtful."""
        return sum(lane.doubt is None for lane in self._lanes.values())

    @property
    def doubtful(self) -> list[Lane]:
        return [lane for lane in self._lanes.values() if lane.doubt]

    # What is done in them

    def start(self, lane: Lane, work: Coroutine[Any, Any, None]) -> None:
        """Run this work in the lane; what it raises is raised by `reap`."""
        task = lane.task = asyncio.create_task(work)
        self._working[task] = lane

        def ended(task: asyncio.Task[None]) -> None:
            lane.task = None
            self._working.pop(task, None)
            self._ended.append(task)
            enough = len(self._ended) >= self._wanted or not self._working
            if enough and self._enough is not None and not self._enough.done():
                self._enough.set_result(None)

        task.add_done_callback(ended)

    async def some_end(self, count: int = 1) -> None:
        """Wait until the work of so many lanes ends, or of one, and not of so many within ROOM_S; LOOK_S at most if
        others may pass it."""
        await self._until_end(1, timing.LOOK_S if self.concurrency > 1 else None)
        await self._until_end(count, timing.ROOM_S)
        await asyncio.sleep(0)  # those that ended with it, too
        self.reap()

    async def _until_end(self, count: int, limit_s: float | None) -> None:
        """Until so many have ended since the last `reap`."""
        if not self._working or len(self._ended) >= count:
            return
        self._wanted, self._enough = count, asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(limit_s):
                await self._enough
        except TimeoutError:
            pass
        finally:
            self._enough = None

    def reap(self) -> None:
        """Raise what ended a lane's work, the worst first: a busy database may be asked again."""
        found = [task.exception() for task in self._ended if not task.cancelled()]
        self._ended.clear()
        found.sort(key=lambda error: isinstance(error, errors.DatabaseBusy))
        for error in found:
            if error is not None:
                raise error

    async def end(self, within_s: float) -> None:
        """The sender is ending: wait for the lanes' work, and cancel what does not end in time."""
        if self._working:
            await asyncio.wait(self._working, timeout=within_s)
        await self.cancel()
        self.reap()

    async def cancel(self) -> None:
        """Cancel all work at once."""
        working = list(self._working)
        for task in working:
            task.cancel()
        if working:
            await asyncio.wait(working, timeout=timing.STOP_GRACE_S)

    # Leases

    def to_renew(self) -> list[Message]:
        """The messages whose leases are to be kept alive now."""
        now = timing.monotonic()
        return [lane.message for lane in self._lanes.values() if now < lane.deadline]

    def trust(self, messages: Iterable[Message], asked_at: float, of: Iterable[Message] = ()) -> None:
        """The database has renewed these leases. asked_at: by `timing.clock`, before it was asked; of: for which it
        was: those of them that it has not renewed are not ours any more."""
        kept = set()
        for message in messages:
            kept.add(message.id)
            if lane := self._lanes.get(message.id):
                lane.trusted_until = asked_at + self._lease_s
        for message in of:
            lane = self._lanes.get(message.id)
            if lane and message.id not in kept and lane.message is message:
                lane.taken.set()
