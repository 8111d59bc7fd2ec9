"""Receipts: what WhatsApp reports about messages after their hand-over, or even before the answer to it.

Receipts come late, more than once and in any order, so the order does not matter: of all receipts for one hand-over the
one furthest along counts (sent, expired, failed, delivered, read). For an earlier hand-over than the last, only the
fact that the person got it counts: then it need not be sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from functools import partial
from typing import Any

import structlog

from daemon.accounts import handovers
from daemon.db.connection import after_commit, write
from daemon.db.proxy import locked, tuples
from daemon.delivery import history, moves, quarters, tallies
from daemon.delivery.refusals import Passed
from daemon.i18n.coded import Coded, refusal
from daemon.models import Job, Message, MessagePart, Purpose
from daemon.states import MOVES, PUT_BACK, State, Status
from daemon.transports.protocol import StatusUpdate

log = structlog.get_logger()

MOVE = {
    Status.SENT: "tick",
    Status.DELIVERED: "deliver",
    Status.READ: "read",
    Status.FAILED: "bounce",
    Status.EXPIRED: "expire",
}
ARRIVED = frozenset({Status.DELIVERED, Status.READ})
MISSED = frozenset({Status.FAILED, Status.EXPIRED})
FIELDS = {Status.SENT: ("sent_at",), Status.DELIVERED: ("sent_at", "delivered_at")}
FIELDS[Status.READ] = (*FIELDS[Status.DELIVERED], "read_at")
WHY = {Status.FAILED: Passed.NOT_DELIVERED, Status.EXPIRED: Passed.NOT_DELIVERED_IN_TIME}
EXPIRY_GRACE_MS = 3_600_000  # so long after its time to live a receipt may still be on its way
MANY = 500


class Outcome(Enum):
    """The effect of a receipt."""

    MOVED = auto()  #: the message is in another state now
    KNOWN = auto()  #: it told nothing new, or nothing that counts any more
    UNMATCHED = auto()  #: it is of no message of the account


def take(account: str, updates: Sequence[StatusUpdate], now: int) -> list[Outcome]:
    """Apply the receipts of an account, all in one transaction; repeating it changes nothing.

    Raises DatabaseBusy: then none was applied.
    """
    with write():
        found = [_find(account, update) for update in updates]
        for job_id in sorted({job_id for job_id, _ in filter(None, found)}):  # in one order, as others may lock them
            moves.job_state(job_id)
        ids = [message_id for _, message_id in filter(None, found)]
        list(locked(Message.select(Message.id).where(Message.id.in_(ids)).order_by(Message.id)))
        return [_take(update, match[1] if match else None, now) for update, match in zip(updates, found, strict=True)]


def of_another(message: Message, transport_id: str) -> bool:
    """Whether WhatsApp's id is that of another message to the same person: one with the same text may have gone out
    beside it."""
    theirs = (Message.account == message.account, Message.person == message.person)
    whole = Message.select().where(*theirs, Message.id != message.id, Message.transport_id == transport_id)
    part = MessagePart.select().join(Message).where(*theirs, MessagePart.transport_id == transport_id)
    return bool(whole.exists() or part.exists())


def expire_due(now: int) -> int:
    """Expire messages that were accepted or sent but not delivered within their time to live; returns how many.
    WhatsApp may never send a receipt for that. One that comes later still counts."""
    late = (Message.expires_at < now - EXPIRY_GRACE_MS, Message.state.in_([State.ACCEPTED.value, State.SENT.value]))
    moved = 0
    while True:
        oldest = Message.select(Message.account, Message.id).where(*late).order_by(Message.expires_at, Message.id)
        due = tuples(oldest.limit(MANY))
        for account, message_id in due:
            moved += take(account, [StatusUpdate(Status.EXPIRED, now, message_id=message_id)], now) == [Outcome.MOVED]
        if len(due) < MANY:
            return moved


def _find(account: str, update: StatusUpdate) -> tuple[int, int] | None:
    """The (job, message) of a receipt: by our own id, otherwise by WhatsApp's."""
    if update.message_id is not None:
        this = Message.id == update.message_id
    elif update.transport_id is not None:
        this = Message.transport_id == update.transport_id
    else:
        return None
    query = Message.select(Message.job, Message.id).where(this, Message.account == account)
    rows = tuples(query.order_by(Message.id.desc()).limit(1))
    return rows[0] if rows else None


def _take(update: StatusUpdate, message_id: int | None, now: int) -> Outcome:
    message = None if message_id is None else Message.get_or_none(Message.id == message_id)
    if message is None:
        after_commit(partial(log.warning, "receipt.unmatched", status=update.status.value))
        return Outcome.UNMATCHED
    latest = update.submission is None or update.submission == message.submissions
    adopted = _adopt(message, update) if latest else {}
    at = min(update.at, now)
    if _counts(message, update, latest):
        _move(message, update, at, now, adopted)
        return Outcome.MOVED
    if latest and update.status in MISSED and message.state in PUT_BACK:
        handovers.miss(message.id)
    told = adopted if message.state in PUT_BACK else adopted | _earlier_times(message, update.status, at)
    if latest and told:
        for counted in (tallies, quarters):
            counted.moved(message, State(message.state), told)
        Message.update(told).where(Message.id == message.id).execute()
    return Outcome.KNOWN


def _counts(message: Message, update: StatusUpdate, latest: bool) -> bool:
    """Whether it moves the message on."""
    state = State(message.state)
    if state not in MOVES[MOVE[update.status]][0]:
        return False
    if not latest and (update.status not in ARRIVED or (update.submission or 0) > message.submissions):
        return False
    if state in PUT_BACK:
        sent = update.status in ARRIVED or not handovers.missed(message.id)  # what came to nothing since is no news
        return message.submissions > 0 and sent
    return True


def _why(update: StatusUpdate) -> Coded:
    """Why it was not delivered; with a code of its own also where WhatsApp says it in words."""
    if update.reason:
        return refusal(Passed.WHATSAPP_SAYS, sentence=update.reason)
    return refusal(WHY[update.status])


def _move(message: Message, update: StatusUpdate, at: int, now: int, adopted: dict[str, Any]) -> None:
    changes: dict[str, Any] = adopted | _earlier_times(message, update.status, at)
    missed = update.status in MISSED
    why = _why(update) if missed else None
    if update.status is not Status.SENT and message.expires_at is not None:
        changes["expires_at"] = None
    moves.apply(message, MOVE[update.status], why, history.RECEIPT, now, error=why, **changes)
    if missed:
        handovers.miss(message.id)
    else:
        kind = Job.select(Job.kind).where(Job.id == message.job_id).scalar()
        left_at = message.submitted_at or at
        handovers.arrive(message.account, message.number, Purpose(kind), left_at, message.id, message.job_id)


def _earlier_times(message: Message, status: Status, at: int) -> dict[str, int]:
    """When it was sent, delivered and read at the latest, where that is not known to have been before."""
    times = {name: getattr(message, name) for name in FIELDS.get(status, ())}
    return {name: at for name, known in times.items() if known is None or at < known}


def _adopt(message: Message, update: StatusUpdate) -> dict[str, Any]:
    """WhatsApp's id, if the answer that would have told it has not come."""
    if update.transport_id is None or update.transport_id == message.transport_id:
        return {}
    if message.transport_id is None:
        return {"transport_id": update.transport_id}
    if update.submission is not None and message.submitted_at is not None:
        after_commit(partial(log.error, "message.doubled", job_id=message.job_id, message_id=message.id))
    return {}
