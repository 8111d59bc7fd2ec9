"""WhatsApp as a sender of the model meets it: its phone, its life as a process, and a time that passes at once."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from daemon import errors
from daemon.db import connection
from daemon.delivery.duties import doubts
from daemon.delivery.engine import Engine
from daemon.models import Job
from daemon.states import AccountState, Ack, Finding, Hold
from daemon.transports.protocol import Health, Heard, Lookup, Mark, Outgoing, Receipt, Unread

if TYPE_CHECKING:
    from tests.support.sender_world import World

TICKS = [Ack.SENT, Ack.DELIVERED, Ack.READ]
MEANWHILE = ["pause", "stop", "suppress"]  # what a person may do during a call


class Killed(BaseException):
    """SIGKILL: nothing more is done."""


class Loop(asyncio.SelectorEventLoop):
    """Its time passes only while nobody has anything to do, and then at once."""

    def __init__(self) -> None:
        super().__init__()
        self.passed_s = 0.0
        self._really_select = self._selector.select
        self._selector.select = self._leap  # type: ignore[method-assign]

    def time(self) -> float:
        return self.passed_s

    def _leap(self, timeout: float | None) -> Any:
        if timeout is None:
            raise AssertionError("everybody waits for ever")
        self.passed_s += max(timeout, 0.0)
        return self._really_select(0)


class AtOnce(Executor):
    """The sender's database thread: here there is only one thread, so that what happens is the same each time."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*arguments, **options))
        except Killed as death:
            connection.close()  # as the system does with a dead process's files: what was not committed is gone
            done.set_exception(death)
        except Exception as error:
            done.set_exception(error)
        return done


@dataclass
class Row:
    """A message of ours in a chat. at, ticked_at: seconds of the world's time."""

    id: str
    text: str
    ticked_at: float
    refused: bool = False


@dataclass
class Life:
    """One process of a sender."""

    account: str
    phone: Phone
    sender: Engine
    task: asyncio.Task[int] | None = None
    dead: bool = False

    def kill(self) -> None:
        self.dead = self.phone.dead = True
        self.sender._sign_off = lambda: None  # type: ignore[method-assign]
        if self.task:
            self.task.cancel()


LIFE: contextvars.ContextVar[Life | None] = contextvars.ContextVar("LIFE", default=None)


@dataclass
class Account:
    """What an account has really done. Times are (seconds that have really passed, forward jumps of its clock)."""

    health: Health = field(default_factory=lambda: HEALTH["online"])
    life: Life | None = None
    driven_by: Phone | None = None
    clicks: list[tuple[float, float]] = field(default_factory=list)
    submitted: dict[int, int] = field(default_factory=dict)  # message: when by the database's clock, ms
    rests_s: float = 1.0  # before its sender is started again
    paced: tuple[float, float, float] = (0.0, 0.0, 0.0)  # when, and the pause, all in seconds


class Phone:
    """A transport with a chat for everybody; see `Transport`. What goes wrong is taken from the world's `trouble`."""

    concurrency = 1
    exclusive = True
    paced = True

    def __init__(self, world: World, account: str) -> None:
        self.world, self.account, self.dead = world, account, False
        self.prepared: Outgoing | None = None
        self.on_the_clock: dict[tuple[str, str], float] = {}  # (number, text): since when it was seen there

    async def takes(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self.dead:
            raise asyncio.CancelledError

    def next(self, method: str) -> str:
        """What goes wrong this time. Killed: the process ends in this very call."""
        waiting = self.world.trouble[method]
        fault = waiting.pop(0) if waiting else ""
        if fault in ("killed", "killed before"):
            die()
        return fault

    def meanwhile(self, fault: str, message: Outgoing) -> None:
        if fault in MEANWHILE:
            self.world.press(fault, Job.get(Job.text == message.text).id, message.number)

    async def start(self) -> None:
        await self.takes(2)
        me = self.world.accounts[self.account]
        self.world.hold(me.driven_by is None, "two drive one account")
        me.driven_by = self
        if self.next("start") == "lost":
            raise errors.BrowserLost("Chrome does not come up")

    async def health(self) -> Health:
        if self.next("health") == "lost":
            raise errors.BrowserLost("Chrome has died")
        return self.world.accounts[self.account].health

    async def worn_out(self) -> str | None:
        return self.next("worn_out") or None

    async def prepare(self, message: Outgoing) -> Mark:
        await self.takes(1)
        health = self.world.accounts[self.account].health
        chat = self.world.chats[message.number]
        doubtful = self.world.in_doubt(self.account) - self.set_aside()
        self.world.hold(not doubtful, "it goes on before it knows what became of the last one")
        fault = "not submitted" if message.number in self.world.hopeless else self.next("prepare")
        self.meanwhile(fault, message)
        match fault:
            case "lost":
                raise errors.BrowserLost("Chrome has died")
            case "unready":
                raise errors.AccountUnready("it is logged out")
            case "no such person":
                raise errors.Undeliverable("This number is not on WhatsApp.")
            case "not submitted" | "hopeless":
                self.world.hopeless |= {message.number} if fault == "hopeless" else set()
                raise errors.NotSubmitted("the box is not there")
            case "slow":
                await self.takes(150)
        if health.known_chats and not chat:
            raise errors.ChatBarred("no new chats")
        if not health.usable:
            raise errors.AccountUnready("it is offline")
        self.prepared = message
        return Mark(chat[-1].id if chat else None)

    async def hand_over(self, message: Outgoing, mark: Mark, *_: Any) -> Receipt:
        self.world.hold(message == self.prepared, "it hands over what it has not prepared")
        self.world.hold(self.world.says_that_it_sends(message), "it leaves before that is written down")
        fault = self.next("hand_over")
        self.meanwhile(fault, message)
        await self.takes(80 if fault == "slow" else 0.5)
        if fault == "not submitted":
            raise errors.NotSubmitted("the button is grey")
        if fault == "lost before":
            raise errors.BrowserLost("Chrome has died")
        if fault == "silent before":
            await self.takes(90)
            raise errors.SubmitUnknown("no row appears")
        row = self.world.click(self.account, message, refused=fault == "refused", late=fault.endswith("after"))
        if fault == "killed after":
            die()
        if fault == "lost after":
            raise errors.BrowserLost("Chrome has died")
        if fault in ("silent after", "refused"):
            await self.takes(90)
            raise errors.SubmitUnknown("no tick comes")
        await self.takes(1)
        return Receipt(row.id, TICKS[len(self.world.chats[message.number]) % 3])

    def set_aside(self) -> set[tuple[str, str]]:
        """Those that were seen on the clock for so long that others may go on beside them."""
        since = self.world.passed_s() - doubts.RELOAD_AFTER_S - doubts.SETTLE_S
        return {key for key, seen_at in self.on_the_clock.items() if seen_at <= since}

    async def unread(self) -> list[Unread]:
        return []

    async def overheard(self) -> list[Heard]:
        return []

    async def look_up(self, message: Outgoing, mark: Mark) -> Lookup:
        await self.takes(1)
        fault = self.next("look_up")
        if fault == "lost":
            raise errors.BrowserLost("Chrome has died")
        if fault == "unready" or not self.world.accounts[self.account].health.usable:
            raise errors.AccountUnready("it is offline")
        if fault == "unknown":
            return Lookup(Finding.UNKNOWN, "the chat does not load")
        row = self.world.newest(message, mark)
        if row is None:
            return Lookup(Finding.ABSENT, "it is not in the chat")
        if row.refused:
            return Lookup(Finding.FAILED, "an error is beside it")
        if row.ticked_at > self.world.passed_s():
            self.on_the_clock.setdefault((message.number, message.text), self.world.passed_s())
            return Lookup(Finding.WAITING, "it is on the clock")
        return Lookup(Finding.SENT, "it is in the chat", Receipt(row.id, Ack.SENT))

    async def close(self) -> None:
        me = self.world.accounts[self.account]
        if me.driven_by is self:
            me.driven_by = None


HEALTH = {
    "online": Health(AccountState.READY),
    "offline": Health(AccountState.OFFLINE),
    "unlinked": Health(AccountState.NEEDS_LINK, qr="2@secret"),
    "restricted": Health(AccountState.HELD, Hold.RESTRICTED, known_chats=True),
}


def die() -> None:
    life = LIFE.get()
    assert life
    life.kill()
    raise Killed
