"""The history: one row for every move of a message, and its log line."""

from __future__ import annotations

from functools import partial
from typing import Any

import structlog

from daemon.db.connection import after_commit
from daemon.db.prepared import Prepared, param
from daemon.models import Event, Message
from daemon.states import IN_HAND, State

log = structlog.get_logger()

REQUEUED = frozenset({State.PENDING, State.CANCELLED})
LOGGED = {  # move -> its event, see logs.EVENTS
    "claim": "message.claimed",
    "release": "message.released",
    "submit": "message.submitted",
    "confirm": "message.confirmed",
    "retry": "message.retried",
    "requeue": "message.requeued",
    "fail": "message.failed",
    "lose": "message.lost",
    "skip": "message.skipped",
    "cancel": "message.cancelled",
    "deliver": "message.delivered",
    "read": "message.read",
    "reinstate": "message.reinstated",
    "settle": "message.settled",
    "resend": "message.resent",
}


@Prepared
def record() -> Any:
    names = ("message", "at", "who", "move", "source", "target", "why", "lease")
    return Event.insert({name: param(name) for name in names})


def ended_by(message_id: int, lease: str, target: State) -> bool:
    """Whether the holder of this lease has brought the message there itself, and so out of its hand.

    A stop in between makes `cancelled` of what was `pending`; to the sender both are the same.
    """
    if target in IN_HAND:
        return False
    there = REQUEUED if target in REQUEUED else {target}
    made = Event.select().where(Event.message == message_id, Event.lease == lease, Event.target.in_(there))
    return bool(made.exists())


def announce(message: Message, name: str, why: str | None) -> None:
    say = log.warning if name in ("fail", "lose", "retry") else log.info
    details = {"why": why} if why else {}
    after_commit(
        partial(say, LOGGED[name], job_id=message.job_id, message_id=message.id, attempt=message.attempts, **details)
    )
