"""Receipts: what WhatsApp reports about messages after their hand-over, or even before the answer to it.

Receipts come late, more than once and in any order, so the order does not matter: of all receipts for one hand-over the
one furthest along counts (sent, expired, failed, delivered, read). For an earlier hand-over than the last, only the
fact that the person got it counts: then it need not be sent again. One that a restored database does not know counts as
the last: its message waits to be sent again, and whoever has got it must not get it twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from enum import Enum, auto
from typing import Any

from daemon.db.connection import write
from daemon.db.prepared import Prepared, among, several
from daemon.db.proxy import in_order, tuples
from daemon.delivery import part_receipts, parts
from daemon.delivery.receipt_rows import Row, Rows, tell_doubled, tell_unmatched
from daemon.delivery.refusals import Passed
from daemon.i18n.coded import Coded, refusal
from daemon.models import Message, MessagePart
from daemon.states import MOVES, PUT_BACK, State, Status
from daemon.transports.protocol import StatusUpdate

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
    with write(), in_order():
        found = _matches(account, updates)
        known = [match for match in found if match]
        rows = Rows((job_id for job_id, _ in known), (message_id for _, message_id in known))
        outcomes = [
            _take(rows, update, match[1] if match else None, now) for update, match in zip(updates, found, strict=True)
        ]
        rows.write(now)
    return outcomes


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
        theirs: dict[str, list[StatusUpdate]] = defaultdict(list)
        for account, message_id in due:
            theirs[account].append(StatusUpdate(Status.EXPIRED, now, message_id=message_id))
        for account, updates in sorted(theirs.items()):
            moved += take(account, updates, now).count(Outcome.MOVED)
        if len(due) < MANY:
            return moved


def _matches(account: str, updates: Sequence[StatusUpdate]) -> list[tuple[int, int] | None]:
    """The (job, message) of each receipt: by our own id, otherwise by WhatsApp's."""
    ours = {update.message_id for update in updates if update.message_id is not None}
    theirs = {update.transport_id for update in updates if update.message_id is None and update.transport_id}
    by_id: dict[int, tuple[int, int]] = {}
    by_name: dict[str, tuple[int, int]] = {}
    if ours:
        rows = _of_ids(among=several(sorted(ours))).fetchall()
        by_id = {message_id: (job_id, message_id) for job_id, message_id, of in rows if of == account}
    if theirs:
        rows = sorted(
            _of_names(among=several(sorted(theirs))).fetchall(), key=lambda row: int(row[1])
        )  # the newest counts
        by_name = {name: (job_id, message_id) for job_id, message_id, of, name in rows if of == account}
    return [
        by_id.get(update.message_id) if update.message_id is not None else by_name.get(update.transport_id or "")
        for update in updates
    ]


@Prepared
def _of_ids() -> Any:
    return Message.select(Message.job, Message.id, Message.account).where(among(Message.id))


@Prepared
def _of_names() -> Any:
    columns = (Message.job, Message.id, Message.account, Message.transport_id)
    return Message.select(*columns).where(among(Message.transport_id))


def _take(rows: Rows, update: StatusUpdate, message_id: int | None, now: int) -> Outcome:
    row = None if message_id is None else rows.get(message_id)
    if row is None or not rows.meant(row, update.job_at):
        tell_unmatched(update.status)
        return Outcome.UNMATCHED
    if update.part is not None:
        why = _why(update) if update.status in MISSED else None
        moved = part_receipts.take(rows, row, update, why, now)
        return Outcome.MOVED if moved else Outcome.KNOWN
    at = min(update.at, now)
    if _restored_before(row, update) and not _in_hand(row, update.status):
        rows.learn_handover(row, update.submission or 0, update.transport_id, at)
    latest = update.submission is None or update.submission == row.submissions
    adopted = _adopt(row, update) if latest else {}
    if _counts(rows, row, update, latest):
        _move(rows, row, update, at, now, adopted)
        return Outcome.MOVED
    if latest and update.status in MISSED and row.state in PUT_BACK:
        rows.missed(row)
    told = adopted if row.state in PUT_BACK else adopted | _earlier_times(row, update.status, at)
    if latest and told:
        rows.learn(row, told)
    return Outcome.KNOWN


def _restored_before(row: Row, update: StatusUpdate) -> bool:
    """Whether the database does not know that hand-over of this very message: it was restored to before it."""
    return update.job_at is not None and (update.submission or 0) > row.submissions


def _in_hand(row: Row, status: Status) -> bool:
    """Whether the sender goes on with it whatever that receipt says: one that shows that it is out takes a message away
    that is claimed and not submitted yet."""
    return row.state is State.SENDING or (row.state is State.CLAIMED and status in MISSED)


def _counts(rows: Rows, row: Row, update: StatusUpdate, latest: bool) -> bool:
    """Whether it moves the message on."""
    if row.state not in MOVES[MOVE[update.status]][0]:
        return False
    if not latest and (update.status not in ARRIVED or (update.submission or 0) > row.submissions):
        return False
    if row.state in PUT_BACK:
        sent = update.status in ARRIVED or not rows.known_missed(row)  # what came to nothing since is no news
        return row.submissions > 0 and sent
    return True


def _why(update: StatusUpdate) -> Coded:
    """Why it was not delivered; with a code of its own also where WhatsApp says it in words."""
    if isinstance(update.reason, Coded):
        return update.reason
    if update.reason:
        return refusal(Passed.WHATSAPP_SAYS, sentence=update.reason)
    return refusal(WHY[update.status])


def _move(rows: Rows, row: Row, update: StatusUpdate, at: int, now: int, adopted: dict[str, Any]) -> None:
    changes: dict[str, Any] = adopted | _earlier_times(row, update.status, at)
    missed = update.status in MISSED
    if update.status is not Status.SENT and row.expires_at is not None:
        changes["expires_at"] = None
    # What it says of a part that failed it says however far the last one comes.
    of_part = None if missed or row.error is None else parts.failed(row.id)
    rows.report(row, MOVE[update.status], _why(update) if missed else None, now, changes)
    if of_part:
        rows.say(row, of_part)
    if missed:
        rows.missed(row)
    else:
        rows.arrived(row, row.submitted_at or at)


def _earlier_times(row: Row, status: Status, at: int) -> dict[str, int]:
    """When it was sent, delivered and read at the latest, where that is not known to have been before."""
    times = {name: getattr(row, name) for name in FIELDS.get(status, ())}
    return {name: at for name, known in times.items() if known is None or at < known}


def _adopt(row: Row, update: StatusUpdate) -> dict[str, Any]:
    """WhatsApp's id, if the answer that would have told it has not come."""
    if update.transport_id is None or update.transport_id == row.transport_id:
        return {}
    if row.transport_id is None:
        return {"transport_id": update.transport_id}
    if update.submission is not None and row.submitted_at is not None:
        tell_doubled(row)
    return {}
