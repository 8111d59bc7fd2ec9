"""Receipts of a part that is not the last one of its message: they settle that part, never the whole message."""

from __future__ import annotations

from daemon.delivery import job_moves, moves, parts
from daemon.delivery.history import RECEIPT
from daemon.delivery.receipt_rows import Row, Rows
from daemon.delivery.refusals import Passed
from daemon.i18n.coded import Clause, Coded, refusal
from daemon.models import Job, MessagePart
from daemon.states import JOB_MOVES, Ack, JobState, State, Status
from daemon.transports.protocol import StatusUpdate

ARRIVED = frozenset({Status.DELIVERED, Status.READ})
ACKS = {Status.SENT: Ack.SENT, Status.DELIVERED: Ack.DELIVERED, Status.READ: Ack.READ}
ORDER = [None, Ack.ACCEPTED.value, Ack.SENT.value, parts.FAILED, Ack.DELIVERED.value, Ack.READ.value]


def take(rows: Rows, row: Row, update: StatusUpdate, why: Coded | None, now: int) -> bool:
    """Apply one; returns whether it told anything new. why: why it was not delivered, where it was not."""
    part = MessagePart.get_or_none(MessagePart.message == row.id, MessagePart.part == update.part)
    if part is None or update.transport_id is None:
        return False
    latest = update.submission is None or update.submission == row.submissions
    if part.sent_at is None:
        # Of an earlier hand-over of the part only counts that the person got it.
        if not (latest and part.submitted_at is not None) and update.status not in ARRIVED:
            return False
    elif part.transport_id not in (None, update.transport_id):
        return False
    ack = parts.FAILED if why else ACKS[update.status].value
    if part.sent_at is not None and ORDER.index(ack) <= ORDER.index(part.ack):
        return False
    doubtful = part.sent_at is None and part.submitted_at is not None
    news = part.sent_at is None or ack == parts.FAILED
    changes = {"sent_at": part.sent_at or min(update.at, now), "transport_id": update.transport_id, "ack": ack}
    mine = (MessagePart.message == row.id, MessagePart.part == part.part)
    MessagePart.update(changes).where(*mine).execute()
    if why:
        _failed(rows, row, part, why, now)
    elif news:
        rows.note(row, refusal(Passed.PART_SENT, part=part.part + 1, of=part.of, what=parts.title(part)), now)
    if doubtful and row.state is State.UNCERTAIN:
        _go_on(rows, row, now)
    return news


def _failed(rows: Rows, row: Row, part: MessagePart, why: Coded, now: int) -> None:
    """The message has failed, unless its last part is on its way still, or has come further."""
    told = refusal(Passed.PART_FAILED, part=part.part + 1, of=part.of, what=parts.title(part), why=Clause(why))
    rows.note(row, told, now)
    if row.state in (State.ACCEPTED, State.SENT):
        rows.report(row, "bounce", told, now, {"expires_at": None} if row.expires_at is not None else {}, whole=False)
    elif row.state in (State.DELIVERED, State.READ):
        rows.say(row, told)


def _go_on(rows: Rows, row: Row, now: int) -> None:
    """The part in doubt is settled: those after it follow, unless the job was stopped."""
    state = JobState(Job.get_by_id(row.job_id).state)
    follows = state in JOB_MOVES["retry"][0]
    why = refusal(Passed.REST_FOLLOWS if follows else Passed.REST_STAYS)
    if state is JobState.COMPLETED:
        job_moves.move(row.job_id, "retry", RECEIPT, now)
    rows.report(row, "resend", why, now, dict(moves.ANEW))
    if follows:
        rows.learn(row, {"error": None, "coded": None})
    else:
        rows.report(row, "cancel", why, now, {})
