"""How far a job's messages have come, from queued to replied, and which have got no further than the first tick."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.accounts import pacing
from daemon.campaigns.rows import JobRow, MessageRow
from daemon.i18n.languages import N_
from daemon.models import Message
from daemon.states import OUT, State

LATE_MS = pacing.DAY_MS  # so long after the first tick most telephones have been online
MANY = 10_000  # up to so many are counted
NOT_DELIVERED = N_("Sent, but WhatsApp has not shown it as delivered after 24 hours.")


@dataclass(frozen=True)
class Funnel:
    """How many people: each number is a part of the one before. late: of the sent ones, how many have only one tick
    after LATE_MS, MANY at most."""

    total: int
    sent: int
    delivered: int
    read: int
    replied: int
    late: int


def funnel(job: JobRow, now: int) -> Funnel:
    """Of a job, by its counters."""
    return Funnel(
        total=job.total,
        sent=sum(getattr(job, state.value) for state in OUT),
        delivered=job.delivered + job.read,
        read=job.read,
        replied=job.replied,
        late=_late(job, now),
    )


def _late(job: JobRow, now: int) -> int:
    begun = job.started_at or job.created_at
    if not job.sent or begun > now - LATE_MS:
        return 0
    rows = Message.select(Message.id).where(Message.job == job.id, Message.state == State.SENT.value)
    return int(rows.where(Message.sent_at < late_before(now)).limit(MANY).count())


def late_before(now: int) -> int:
    """What was sent before this time and does not show as delivered is late, see `recipients.Selection`."""
    return now - LATE_MS


def is_late(row: MessageRow, now: int) -> bool:
    """Whether a message has only one tick after LATE_MS."""
    return row.state == State.SENT and row.sent_at is not None and row.sent_at < late_before(now)
