"""What came of a job's messages and when, as its page draws it: kept by deltas with the moves, so that nobody counts a
million messages to draw 48 bars.

A tally is of a stretch of `Job.tally_ms`: a second at first, and longer when the job has gone on for so long that its
page draws nothing so fine; so there are some ten thousand of a job at most, however many people it is for.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import peewee

from daemon.db.connection import write
from daemon.db.prepared import Prepared, param
from daemon.db.proxy import tuples
from daemon.models import Job, Message, Tally
from daemon.states import NOT_OUT, OUT, State

SECOND_MS, MINUTE_MS, HOUR_MS = 1_000, 60_000, 3_600_000
LENGTHS = (  # (how long a job has gone on, ms; how long a stretch is from then on)
    (12 * 86_400_000, HOUR_MS),
    (8 * HOUR_MS, MINUTE_MS),
)
KINDS = ("out", "accepted", "failed", "other")
_TIMES = {"out": "sent_at", "accepted": "accepted_at", "failed": "ended_at", "other": "ended_at"}


def kind_of(state: State) -> str | None:
    """As what a message in that state is counted; None: nothing has come of it yet."""
    if state in OUT:
        return "out"
    if state is State.ACCEPTED:
        return "accepted"
    if state in NOT_OUT:
        return "failed" if state is State.FAILED else "other"
    return None


def moved(message: Message, target: State, changes: Mapping[str, Any]) -> None:
    """Move it from where it was counted to where it belongs; part of the transaction that moves it. The message is
    still as it was."""
    for (kind, at), by in shifts(message, State(message.state), target, changes):
        _add(kind, job=message.job_id, at=at, by=by)


def shifts(message: Any, source: State, target: State, changes: Mapping[str, Any]) -> list[tuple[tuple[str, int], int]]:
    """What that changes: ((kind, time), by how many). The message is still as it was."""
    was, kind = kind_of(source), kind_of(target)
    before = getattr(message, _TIMES[was]) if was else None
    after = changes.get(_TIMES[kind], getattr(message, _TIMES[kind])) if kind else None
    if (was, before) == (kind, after):
        return []
    found = [((was, before), -1)] if was and before else []
    return [*found, ((kind, after), 1)] if kind and after else found


def add(kind: str, job_id: int, at: int, by: int) -> None:
    """Count so many more at that time; part of the transaction that moves them."""
    _add(kind, job=job_id, at=at, by=by)


def swept(job_id: int, rows: Any, source: State, target: State, now: int) -> None:
    """The same for all messages that meet the condition `rows`, which are about to be moved at once, now."""
    was, kind = kind_of(source), kind_of(target)
    if was:
        time = getattr(Message, _TIMES[was])
        at = time / Job.tally_ms * Job.tally_ms
        counted = Message.select(at, peewee.fn.COUNT(Message.id)).join(Job).where(rows, time > 0)
        for stretch, count in tuples(counted.group_by(peewee.SQL("1"))):
            _add(was, job=job_id, at=stretch, by=-count)
    if kind and (count := Message.select().where(rows).count()):
        _add(kind, job=job_id, at=now, by=count)


@Prepared
def _add(kind: str) -> Any:
    stretch = peewee.Expression(param("at"), "/", Job.tally_ms) * Job.tally_ms
    line = Job.select(Job.id, stretch, param("by")).where(Job.id == param("job"))
    column = getattr(Tally, kind)
    new = Tally.insert_from(line, [Tally.job, Tally.at, column])
    return new.on_conflict(conflict_target=[Tally.job, Tally.at], update={column: column + peewee.EXCLUDED[kind]})


def of(job_id: int, width: int) -> list[tuple[int, dict[str, int]]]:
    """What came of a job's messages, by stretches of `width` ms, at least as long as its `tally_ms`: (beginning, how
    many of each)."""
    stretch = Tally.at / width
    sums = (peewee.fn.SUM(getattr(Tally, kind)) for kind in KINDS)
    query = Tally.select(stretch, *sums).where(Tally.job == job_id).group_by(peewee.SQL("1"))
    found = [(int(n) * width, dict(zip(KINDS, map(int, counts), strict=True))) for n, *counts in tuples(query)]
    return sorted((at, counts) for at, counts in found if any(counts.values()))


def newest(job_id: int) -> int | None:
    """The beginning of the last stretch in which anything came of a message."""
    some = Tally.out + Tally.accepted + Tally.failed + Tally.other > 0
    found: int | None = Tally.select(peewee.fn.MAX(Tally.at)).where(Tally.job == job_id, some).scalar()
    return found


def lengthen() -> int:
    """Put together the stretches of jobs that have gone on for long; returns of how many jobs."""
    count = 0
    for since_ms, length in LENGTHS:
        begun = peewee.fn.COALESCE(Job.started_at, Job.created_at)
        last = Tally.select(peewee.fn.MAX(Tally.at)).where(Tally.job == Job.id)
        due = Job.select(Job.id).where(Job.tally_ms < length, peewee.Expression(last, "-", begun) >= since_ms)
        for (job_id,) in tuples(due.order_by(Job.id)):
            with write():
                if Job.update(tally_ms=length).where(Job.id == job_id, Job.tally_ms < length).execute():
                    _put_together(job_id, length)
                    count += 1
    return count


def _put_together(job_id: int, length: int) -> None:
    sums: dict[int, Counter[str]] = defaultdict(Counter)
    for tally in Tally.select().where(Tally.job == job_id):
        sums[tally.at // length * length].update({kind: getattr(tally, kind) for kind in KINDS})
    Tally.delete().where(Tally.job == job_id).execute()
    _store.bound(({"at": at, **counts} for at, counts in sums.items()), job=job_id)()


@Prepared
def _store() -> Any:
    return Tally.insert({name: param(name) for name in ("job", "at", *KINDS)})


def mistaken(job: Job) -> bool:
    """Whether the job's tallies differ from its messages; False unless something is wrong."""
    counted: dict[int, Counter[str]] = defaultdict(Counter)
    for state in State:
        if kind := kind_of(state):
            for n, count in _recounted(state, kind, job=job.id, length=job.tally_ms):
                counted[int(n) * job.tally_ms][kind] += count
    kept = {at: {kind: count for kind, count in counts.items() if count} for at, counts in of(job.id, job.tally_ms)}
    return kept != {at: dict(counts) for at, counts in counted.items()}


@Prepared
def _recounted(state: State, kind: str) -> Any:
    time = getattr(Message, _TIMES[kind])
    query = Message.select(time / param("length"), peewee.fn.COUNT(Message.id))
    return query.where(Message.job == param("job"), Message.state == state, time > 0).group_by(peewee.SQL("1"))
