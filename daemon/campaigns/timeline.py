"""A job over time: its outcomes in equal intervals, and how fast it sends."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import peewee

from daemon.db.proxy import tuples
from daemon.models import Job, Message
from daemon.states import MAY_RUN, NOT_OUT, State

SECOND_MS = 1_000
HOUR_MS = 3_600 * SECOND_MS
WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
STRETCHES = 48  # the most intervals shown
FINER = 12  # the average uses intervals this many times shorter, to leave out breaks
NOW_MS = 5 * 60 * SECOND_MS  # the period of the rate "now"
BREAK_MS = 10 * 60 * SECOND_MS  # anything longer is not a pause between two messages


@dataclass(frozen=True)
class Stretch:
    """How many messages had which outcome in the `width_ms` from `at` on."""

    at: int
    out: int = 0
    failed: int = 0
    other: int = 0  # uncertain, expired, skipped, cancelled
    accepted: int = 0  # taken by WhatsApp, without a tick yet

    @property
    def total(self) -> int:
        return self.out + self.accepted + self.failed + self.other


@dataclass(frozen=True)
class Course:
    """A job's intervals, without a gap from its first outcome to its last or to now; per hour: messages sent."""

    width_ms: int
    stretches: list[Stretch]
    per_hour_now: float | None  # None: it does not send now
    per_hour: float | None  # on average, without breaks; None: too few to say


def course(job: Job, now: int) -> Course:
    """The outcomes of a job's messages from its start to its end, or to now while it runs.

    Two grouped queries over (job, sent_at) and (job, state): a few hundredths of a second for 100,000 messages.
    """
    begun, ended = _ends(job, now)
    width = _width(ended - begun)
    fine = max(SECOND_MS, width // FINER)
    sent = dict(_counted(job, Message.sent_at, fine, Message.sent_at > 0))
    others: dict[str, list[tuple[int, int]]] = {}
    for state in sorted(NOT_OUT):
        if getattr(job, state):
            others[state] = _counted(job, Message.ended_at, fine, (Message.state == state) & (Message.ended_at > 0))
    counted = [(_kind(state), rows) for state, rows in others.items()]
    if job.accepted:
        taken = (Message.state == State.ACCEPTED) & (Message.accepted_at > 0)
        counted.append(("accepted", _counted(job, Message.accepted_at, fine, taken)))
    found: dict[int, dict[str, int]] = defaultdict(lambda: {"out": 0, "accepted": 0, "failed": 0, "other": 0})
    for name, counts in [("out", _still_out(job, sent, fine)), *counted]:
        for at, count in counts:
            # What a person settles long after the end counts at the end.
            found[min(max(at, begun), ended) // width * width][name] += count
    stretches = []
    if found:
        last = max(max(found), ended // width * width if job.state in MAY_RUN else 0)
        stretches = [Stretch(at, **found.get(at, {})) for at in range(min(found), last + 1, width)]
    return Course(width, stretches, _now(job, now), _average(sent, fine))


def _ends(job: Job, now: int) -> tuple[int, int]:
    begun = job.started_at or job.created_at
    if job.state in MAY_RUN:
        return begun, max(begun, now)
    newest = Message.select(peewee.fn.MAX(Message.sent_at)).where(Message.job == job.id).scalar()
    return begun, max(begun, job.completed_at or max(newest or begun, _newest_other(job) or begun))


def _newest_other(job: Job) -> int | None:
    if not any(getattr(job, state) for state in NOT_OUT):
        return None
    found: int | None = (
        Message.select(peewee.fn.MAX(Message.ended_at))
        .where(Message.job == job.id, Message.state.in_(sorted(NOT_OUT)))
        .scalar()
    )
    return found


def _width(ms: int) -> int:
    """The shortest of the usual widths (ms) that needs at most STRETCHES intervals."""
    fitting = (width * SECOND_MS for width in WIDTHS_S if ms < (STRETCHES - 1) * width * SECOND_MS)
    day = WIDTHS_S[-1] * SECOND_MS
    return next(fitting, day * (1 + ms // (day * (STRETCHES - 1))))


def _kind(state: str) -> str:
    return "failed" if state == State.FAILED else "other"


def _still_out(job: Job, sent: Mapping[int, int], width: int) -> list[tuple[int, int]]:
    """Sent messages, without those that a later receipt reported as not delivered."""
    left = Counter(sent)
    if job.failed or job.expired:
        late = Message.state.in_([State.FAILED.value, State.EXPIRED.value]) & (Message.sent_at > 0)
        left.subtract(dict(_counted(job, Message.sent_at, width, late)))
    return sorted((+left).items())


def _counted(job: Job, column: Any, width: int, which: Any) -> list[tuple[int, int]]:
    """How many of the job's messages have that time in each interval: (start, count), in order."""
    stretch = column / width
    query = Message.select(stretch, peewee.fn.COUNT(peewee.SQL("*"))).where(Message.job == job.id, which)
    return sorted((int(n) * width, count) for n, count in tuples(query.group_by(peewee.SQL("1"))))


def _now(job: Job, now: int) -> float | None:
    if job.state not in MAY_RUN or job.started_at is None:
        return None
    over = min(NOW_MS, max(SECOND_MS, now - job.started_at))
    lately = Message.select().where(Message.job == job.id, Message.sent_at > now - over).count()
    return float(lately * HOUR_MS / over)


def _average(sent: dict[int, int], fine: int) -> float | None:
    """Messages per hour between the first and the last, ignoring breaks."""
    at = sorted(sent)
    gaps = [later - earlier for earlier, later in pairwise(at)]
    breaks = [gap - fine for gap in gaps if gap > max(BREAK_MS, 2 * fine)]
    count = sum(sent.values())
    if count < 2:
        return None
    active = max(fine, sum(gaps) - sum(breaks))
    return (count - 1) * HOUR_MS / active
