"""How many of a job's messages were sent, delivered, read and answered when: kept by deltas with the moves, by quarters
of an hour, so that the days of any time zone can be put together of them.

`tallies` has a job's outcomes to the second, for its own chart; these are for the overview, which adds up all jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import peewee

from daemon.accounts import rights
from daemon.db.prepared import Prepared, param
from daemon.db.proxy import in_order, tuples
from daemon.models import Job, Message, Quarter
from daemon.states import OUT, State

LENGTH_MS = 900_000
COUNTED = {  # column: (when it is counted, in which states)
    "sent": ("sent_at", OUT),
    "delivered": ("delivered_at", OUT - {State.SENT}),
    "read": ("read_at", frozenset({State.READ})),
}


@dataclass(frozen=True)
class Happened:
    """What happened in the quarter of an hour from `at` on, in all jobs whose messages went to people."""

    at: int
    sent: int
    delivered: int
    read: int
    replied: int


def moved(message: Message, target: State, changes: Mapping[str, Any]) -> None:
    """Count the message where it belongs from now on; part of the transaction that moves it. The message is still as it
    was."""
    for (column, at), by in shifts(message, State(message.state), target, changes):
        _add(column, job=message.job_id, at=at, by=by)


def shifts(message: Any, source: State, target: State, changes: Mapping[str, Any]) -> list[tuple[tuple[str, int], int]]:
    """What that changes: ((column, beginning of the quarter), by how many). The message is still as it was."""
    found: list[tuple[tuple[str, int], int]] = []
    for column, (time, states) in COUNTED.items():
        was = getattr(message, time)
        before = _beginning(was) if source in states else None
        after = _beginning(changes.get(time, was)) if target in states else None
        if before == after:
            continue
        if before is not None:
            found.append(((column, before), -1))
        if after is not None:
            found.append(((column, after), 1))
    return found


def add(column: str, job_id: int, at: int, by: int) -> None:
    """Count so many more in that quarter; part of the transaction that moves them."""
    _add(column, job=job_id, at=at, by=by)


def replied(job_id: int, at: int) -> None:
    """Somebody has answered the job for the first time; part of the caller's transaction."""
    Job.update(replied=Job.replied + 1).where(Job.id == job_id).execute()
    _add("replied", job=job_id, at=_beginning(at), by=1)


def _beginning(at: int | None) -> int | None:
    return at // LENGTH_MS * LENGTH_MS if at else None


@Prepared
def _add(name: str) -> Any:
    column = getattr(Quarter, name)
    new = Quarter.insert({Quarter.job: param("job"), Quarter.at: param("at"), column: param("by")})
    return new.on_conflict(conflict_target=[Quarter.job, Quarter.at], update={column: column + peewee.EXCLUDED[name]})


def since(begins: int) -> list[Happened]:
    """What happened from then on, oldest first; without jobs of which nothing went to anybody."""
    sums = [peewee.fn.SUM(getattr(Quarter, name)) for name in ("sent", "delivered", "read", "replied")]
    query = Quarter.select(Quarter.at, *sums).join(Job).where(Quarter.at >= begins, ~Job.dry_run)
    query = rights.within(query, Job.account)
    with in_order():
        rows = tuples(query.group_by(Quarter.at).order_by(Quarter.at))
    return [Happened(at, *map(int, counts)) for at, *counts in rows]


def mistaken(job: Job) -> bool:
    """Whether they differ from the job's messages; False unless something is wrong."""
    for column in COUNTED:
        counted = dict(_recounted(column, job=job.id).fetchall())
        if counted != {at: count for at, count in _kept(column, job=job.id) if count}:
            return True
    return False


@Prepared
def _recounted(column: str) -> Any:
    time, states = COUNTED[column]
    at = getattr(Message, time) / LENGTH_MS * LENGTH_MS
    which = (Message.job == param("job"), Message.state.in_(sorted(states)), getattr(Message, time) > 0)
    return Message.select(at, peewee.fn.COUNT(Message.id)).where(*which).group_by(peewee.SQL("1"))


@Prepared
def _kept(column: str) -> Any:
    return Quarter.select(Quarter.at, getattr(Quarter, column)).where(Quarter.job == param("job"))
