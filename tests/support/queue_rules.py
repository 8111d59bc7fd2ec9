"""What must hold of the queue after any step, and what a model of it remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis.stateful import precondition

from daemon.accounts import pacing
from daemon.db import proxy
from daemon.delivery import moves
from daemon.models import Event, Message, Suppression
from daemon.states import MOVES, Ack, State
from daemon.transports.protocol import Receipt

LEASE_MS = 10_000
MAX_ATTEMPTS = 3
HOUR_MS = 3_600_000
_MOVES = ", ".join(f"('{name}', '{source}', '{to}')" for name, (sources, to) in MOVES.items() for source in sources)
NEVER = {  # after any step, each of these finds nothing; plain SQL, as they are asked very often
    "a counter differs from the rows": "SELECT job.id FROM job LEFT JOIN message ON message.job_id = job.id"
    " GROUP BY job.id HAVING job.total != count(message.id) OR "
    + " OR ".join(f"job.{state} != count(*) FILTER (WHERE message.state = '{state}')" for state in State),
    "a move is not in the table": "SELECT move, source, target FROM event WHERE move != 'enqueue'"
    f" AND (move, source, target) NOT IN (VALUES {_MOVES})",
    "a person's decision was taken by the daemon": "SELECT id FROM event"
    " WHERE move IN ('settle', 'resend') AND who != 'person'",
    "a lease without a hand, or a hand without a lease": "SELECT id FROM message"
    " WHERE (lease IS NOT NULL) != (state IN ('claimed', 'sending')) OR (lease IS NULL) != (lease_until IS NULL)",
    "attempts are out of range": f"SELECT id FROM message WHERE attempts NOT BETWEEN 0 AND {MAX_ATTEMPTS}",
    "a job is completed with people left, or not without": "SELECT id FROM job WHERE state != 'stopped'"
    " AND (pending + claimed + sending = 0) != (state = 'completed')",
    "something may be out, and the caps do not know": "SELECT id FROM message"
    " WHERE state IN ('sending', 'accepted', 'sent', 'delivered', 'read', 'uncertain')"
    " AND NOT EXISTS (SELECT 1 FROM handover WHERE handover.message_id = message.id)",
    "a message without who it is for": "SELECT id FROM message WHERE person IS NULL OR person = ''",
    "somebody opted out, and nobody knows who": "SELECT number FROM suppression WHERE person IS NULL OR person = ''",
    "an end without its time": "SELECT id FROM job"
    " WHERE (state IN ('completed', 'stopped')) != (completed_at IS NOT NULL)",
}

HALF_STOPPED = "SELECT id FROM job WHERE state = 'stopped' AND pending > 0"  # only after a stop that broke off


class Died(Exception):
    """The process is no more."""


@contextmanager
def commit_ends_with(error: Exception, made: bool) -> Iterator[None]:
    """The next COMMIT raises the error, after it was made or instead."""
    opened = proxy.database.obj
    real = opened.commit

    def commit() -> None:
        opened.commit = real
        if made:
            real()
        raise error

    opened.commit = commit
    try:
        yield
    finally:
        opened.commit = real


class Sender:
    """What a process that sends believes to hold. sole: nobody else drives its account while it lives."""

    def __init__(self, account: str, sole: bool) -> None:
        self.account, self.sole = account, sole
        self.alive = True
        self.hand: list[Message] = []
        self.doubtful: set[int] = set()  # another life has left it in doubt whether they went out
        self.to_click: set[int] = set()  # submitted, and the button is not pressed yet

    def holds(self, state: State) -> list[Message]:
        return [message for message in self.hand if message.state == state]


class Book:
    """What an account has handed over, and how it is paced, by the model."""

    def __init__(self) -> None:
        self.gap_ms, self.streak = 0, 0
        self.paced_at = 0  # by the clock
        self.passed_at = 0  # by the time that has really passed
        self.jumped_at = 0  # how far the clock had jumped ahead by then
        self.submitted: dict[int, list[int]] = {}  # message: when it was handed over and may have left


def somebody(state: State | None = None) -> Callable[[Any], Any]:
    """The rule is for when a sender lives, or holds a message in that state."""
    return precondition(lambda self: any(s.alive and (state is None or s.holds(state)) for s in self.senders))


def tries(message: Message) -> range:
    """How many attempts its history allows: whether one of them was excused it does not tell."""
    most = excused = 0
    for event in Event.select().where(Event.message == message).order_by(Event.id):
        most += {"claim": 1, "release": -1, "requeue": -1, "resend": -most}.get(event.move, 0)
        excused += event.move == "retry" or (event.move == "cancel" and event.source != State.PENDING)
        excused = 0 if event.move == "resend" else excused
    return range(most - excused, most + 1)


def suppressed(number: str) -> bool:
    return Suppression.get_or_none(Suppression.number == number) is not None


def lost(message: Message) -> bool:
    """Whether somebody else has it now, or nobody."""
    return bool(Message.get_by_id(message.id).lease != message.lease)


def end(how: str, message: Message, now: int, gap: pacing.Gap | None) -> None:
    """One of the moves that end a message's time in hand."""
    acks = {"confirm": Ack.SENT, "deliver": Ack.DELIVERED, "read": Ack.READ}
    if how in acks:
        moves.confirm(message, Receipt("x", acks[how]), now, gap)
    elif how in ("retry", "excuse"):
        moves.retry(message, "no", now, MAX_ATTEMPTS, 30_000, counted=how == "retry")
    elif how == "bar":
        moves.release(message, "not now", now, wait_ms=HOUR_MS)
    else:
        getattr(moves, how)(message, "why", now)
