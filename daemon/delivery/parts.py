"""The parts of a message that WhatsApp takes as messages of their own: what is out of them, may be, and is left.

Each part has its own mark and its own hand-over, committed before anything of it leaves. The message is `sending` from
its first part on, and `sent` when every part has its tick; whatever happens in between, a part that has its tick is
never handed over again. A message of one part has no rows here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import peewee
import structlog

from daemon import errors
from daemon.db.connection import after_commit
from daemon.delivery import history, old_history
from daemon.delivery.refusals import Passed, Unsent
from daemon.i18n.coded import Clause, Coded, Phrase, Told, code_of, filed, refusal, told
from daemon.models import Event, Message, MessagePart
from daemon.states import OUT, Ack, State
from daemon.transports.protocol import Mark, Receipt

log = structlog.get_logger()

_ORDER = list(Ack)
FAILED = "failed"  #: as the `ack` of a part that WhatsApp took and did not deliver


@dataclass(frozen=True)
class Piece:
    """One part. at: from 0; whats: of all parts, the name of its file, "" for text."""

    at: int
    whats: tuple[str, ...]

    @property
    def last(self) -> bool:
        return self.at == len(self.whats) - 1


@dataclass(frozen=True)
class Part:
    """A part as it is shown. part: from 1; what: the name of its file, "" for text. state: pending, sending, sent,
    uncertain, failed, or cancelled. submitted_at: of its last hand-over, sent_at: of its tick, UTC ms."""

    part: int
    of: int
    what: str
    state: str
    submitted_at: int | None
    sent_at: int | None


def done(message: Message) -> int:
    """How many parts WhatsApp's server has: they are never handed over again."""
    return int(_rows(message.id).where(MessagePart.sent_at.is_null(False)).count())


def known(message: Message) -> bool:
    """Whether it has been sent in parts: versions before did not."""
    return bool(_rows(message.id).exists())


def doubtful(message: Message) -> MessagePart | None:
    """The part that was handed over, and of which nobody knows yet what became of it."""
    there = (MessagePart.submitted_at.is_null(False), MessagePart.sent_at.is_null())
    found: MessagePart | None = _rows(message.id).where(*there).first()
    return found


def follow(message: Message) -> bool:
    """Whether there are parts after the one in doubt; or, where none is, any that are not out."""
    row = doubtful(message)
    if row is None:
        return bool(_rows(message.id).where(MessagePart.sent_at.is_null()).exists())
    return not piece_of(row).last


def piece_of(row: MessagePart) -> Piece:
    return Piece(row.part, tuple(each.what for each in _rows(row.message_id)))


def begin(message: Message, piece: Piece, mark: Mark, now: int) -> None:
    """It may be out from now on. Part of the caller's transaction."""
    every = [{"message": message.id, "part": at, "of": len(piece.whats), "what": w} for at, w in enumerate(piece.whats)]
    MessagePart.insert_many(every).on_conflict_ignore().execute()
    mine = (MessagePart.message == message.id, MessagePart.part == piece.at, MessagePart.sent_at.is_null())
    if MessagePart.update(mark=mark.dumps(), submitted_at=now).where(*mine).execute() != 1:
        raise errors.IllegalMove(Unsent.MOVE_NOT_ALLOWED, message=message.id, move=history.PART)


def tick(message: Message, at: int, receipt: Receipt | None, who: str, now: int) -> None:
    """WhatsApp's server has that part: it is done for good. receipt: None where a person says so. Made before, it
    changes nothing. Part of the caller's transaction."""
    row = _rows(message.id).where(MessagePart.part == at).first()
    transport_id = receipt.transport_id if receipt else None
    if row is not None and row.sent_at is not None and row.transport_id == transport_id:
        return
    if row is None or row.sent_at is not None:
        raise errors.IllegalMove(Unsent.MOVE_NOT_ALLOWED, message=message.id, move=history.PART)
    ack = receipt.ack.value if receipt else None
    mine = (MessagePart.message == message.id, MessagePart.part == at)
    MessagePart.update(sent_at=now, transport_id=transport_id, ack=ack).where(*mine).execute()
    why = refusal(Passed.PART_SENT, part=at + 1, of=row.of, what=title(row))
    line = {"source": message.state, "target": message.state, "why": str(why)}
    lease, coded = message.lease if who == "sender" else None, Event.coded.db_value(filed(why))
    history.record(message=message.id, at=now, who=who, move=history.PART, lease=lease, coded=coded, **line)
    ids = {"job_id": message.job_id, "message_id": message.id, "attempt": message.attempts}
    after_commit(partial(log.info, "message.part_sent", part=at + 1, of=row.of, **ids))


def failed(message_id: int) -> Told | None:
    """Which part WhatsApp took and did not deliver, and why; the last of them."""
    if not _rows(message_id).where(MessagePart.ack == FAILED).exists():
        return None
    lines = (each for each in reversed(old_history.of(message_id)) if each.move == history.PART)
    return next((told(each.why, each.coded) for each in lines if code_of(each.coded) == Passed.PART_FAILED), None)


def reopen_last(message_ids: Sequence[int]) -> None:
    """What was reported of these messages is that their last part was not delivered, if they have parts: to retry them
    sends it again. Part of the caller's transaction."""
    if message_ids:
        last = (MessagePart.message.in_(list(message_ids)), MessagePart.part == MessagePart.of - 1)
        MessagePart.update(sent_at=None, submitted_at=None).where(*last).execute()


def title(row: MessagePart) -> str:
    """What a sentence calls it."""
    return row.what or Phrase("the text")


def take_back(message_id: int) -> bool:
    """Nothing but the parts that have their ticks is out. Returns whether there are any. Part of the caller's
    transaction."""
    open_ones = (MessagePart.message == message_id, MessagePart.sent_at.is_null())
    MessagePart.update(submitted_at=None).where(*open_ones).execute()
    return bool(_rows(message_id).where(MessagePart.sent_at.is_null(False)).exists())


def in_part(job_id: int) -> int:
    """How many of the job's messages are no sent ones, though WhatsApp's server has a part of each: to retry them sends
    the others only, where it can be done."""
    ended = [State.FAILED.value, State.CANCELLED.value, State.EXPIRED.value]
    mine = (Message.job == job_id, Message.state.in_(ended), MessagePart.sent_at.is_null(False))
    first, last = (
        Message.select(end(Message.id)).where(Message.job == job_id).scalar() for end in (peewee.fn.MIN, peewee.fn.MAX)
    )
    if first is None:
        return 0
    theirs = MessagePart.select(peewee.fn.COUNT(MessagePart.message.distinct())).join(Message)
    return int(theirs.where(MessagePart.message.between(first, last), *mine).scalar())


def together(message: Message, receipt: Receipt) -> Receipt:
    """The receipt of the last part, which tells no more than what all parts have come to."""
    acks = [receipt.ack, *(Ack(each.ack) for each in _rows(message.id) if each.ack and each.ack != FAILED)]
    return replace(receipt, ack=min(acks, key=_ORDER.index))


def in_doubt(message: Message, why: Told) -> Told:
    """Which part it is that nobody knows of, and why; `why` alone where the message is of one."""
    row = doubtful(message)
    if row is None:
        return why
    clause = Clause(why) if isinstance(why, Coded) else why
    return refusal(Passed.PART_IN_DOUBT, part=row.part + 1, of=row.of, what=title(row), why=clause)


def shown(message_id: int, state: str) -> list[Part]:
    """All parts of the message in that state, in order; none where it is of one."""
    begun = State.SENDING if state == State.SENDING else State.UNCERTAIN
    rest = State.CANCELLED if state == State.CANCELLED else State.PENDING
    found = []
    for row in _rows(message_id):
        out = row.sent_at or (state in OUT and row.part == row.of - 1)
        its = State.FAILED if row.ack == FAILED else State.SENT if out else begun if row.submitted_at else rest
        found.append(Part(row.part + 1, row.of, row.what, its.value, row.submitted_at, row.sent_at))
    return found


def _rows(message_id: int) -> Any:
    return MessagePart.select().where(MessagePart.message == message_id).order_by(MessagePart.part)
