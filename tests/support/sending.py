"""What a sender is told when it looks a message up, and what it did."""

from __future__ import annotations

from daemon.models import Event, Message
from daemon.states import Finding
from daemon.transports.protocol import Lookup
from tests.support.scripted import RECEIPT

FIRST, SECOND = "+4915110000000", "+4915110000001"
SENT = Lookup(Finding.SENT, "it is in the chat", RECEIPT)
ABSENT = Lookup(Finding.ABSENT, "it is not in the chat")
UNKNOWN = Lookup(Finding.UNKNOWN, "the chat does not load")


def moves(message: Message) -> list[str]:
    return [event.move for event in Event.select().where(Event.message == message).order_by(Event.id)]


def only() -> Message:
    return Message.get()
