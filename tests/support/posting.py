"""Meta's batches posted to one installation, and worked through at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from daemon.config import Settings
from daemon.delivery import cloud_inbox, moves
from daemon.delivery.cloud_inbox import Posted
from daemon.models import Message
from daemon.states import Ack
from daemon.transports.protocol import Receipt, callback_of
from daemon.webhooks import cloud
from tests.support.hand import Hand, fresh
from tests.support.meta import batch, status


class Post:
    """Posts batches to one installation, and works through them."""

    def __init__(self, settings: Settings, clock: Any) -> None:
        self.settings, self.clock = settings, clock
        self.worker = cloud.Worker(settings)

    async def timed(self, work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        return work(*arguments, now=self.clock(), **options)

    def store(self, *bodies: bytes, signers: Iterable[str] | None = None) -> None:
        by = None if signers is None else frozenset(signers)
        cloud_inbox.store([Posted(body, by) for body in bodies], self.clock())

    async def work(self, worker: cloud.Worker | None = None) -> None:
        """Work through all there is."""
        for _ in range(50):
            if not await (worker or self.worker)._round(self.timed):
                return
        raise AssertionError("it never ends")

    async def take(self, *changes: dict[str, Any], **more: Any) -> None:
        self.store(batch(*changes, **more))
        await self.work()


def sent(hand: Hand, count: int = 1, **order: Any) -> list[Message]:
    """So many that were accepted, with ids such as wamid.7."""
    hand.queue(count, **order)
    found = []
    for _ in range(count):
        message = hand.submit(hand.claim_one())
        hand.clock.advance(1)
        moves.confirm(message, Receipt(f"wamid.{message.id}", Ack.ACCEPTED), hand.clock())
        found.append(fresh(message))
    return found


def named(message: Message, submission: int = 1) -> str:
    """What receipts name that hand-over of it by."""
    return callback_of(message.id, submission, message.job.created_at)


def told(message: Message, word: str, **more: Any) -> dict[str, Any]:
    return status(word, named(message, message.submissions), f"wamid.{message.id}", **more)
