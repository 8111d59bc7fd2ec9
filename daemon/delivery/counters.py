"""A job's counters: they change by deltas together with the messages, and are checked, never recounted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

import peewee
import structlog

from daemon.db.connection import after_commit
from daemon.db.prepared import Prepared, param
from daemon.db.proxy import tuples
from daemon.delivery import job_moves, quarters, reasons, tallies
from daemon.models import Job, Message
from daemon.states import FILLING, JOB_MOVES, UNFINISHED, State

log = structlog.get_logger()


def shift(job_id: int, deltas: Mapping[State, int]) -> bool:
    """Change the job's counters. Whether fewer messages are left to send: once their history is written,
    `end_if_done`."""
    changes = {state.value: delta for state, delta in deltas.items() if delta}
    if changes:
        _add(tuple(changes), id=job_id, **changes)
    return sum(delta for state, delta in deltas.items() if state in UNFINISHED) < 0


def end_if_done(job_id: int, at: int) -> None:
    """Complete the job if no message is left to send."""
    if _complete(id=job_id, at=at).rowcount:
        job_moves.tell(job_id, "complete", job_moves.DAEMON, at)
        after_commit(partial(log.info, "job.completed", job_id=job_id))


@Prepared
def _add(states: tuple[str, ...]) -> Any:
    return Job.update({state: getattr(Job, state) + param(state) for state in states}).where(Job.id == param("id"))


@Prepared
def _complete() -> Any:
    sources, target = JOB_MOVES["complete"]
    nobody_left = Job.pending + Job.claimed + Job.sending == 0
    return Job.update(state=target.value, completed_at=param("at")).where(
        Job.id == param("id"), Job.state.in_(sorted(sources)), nobody_left
    )


def miscounted() -> list[int]:
    """Ids of the jobs whose counters or tallies, of any kind, differ from their messages; empty unless something is
    wrong. Those whose messages were removed for their age have only counters."""
    found = []
    for job in Job.select().where(Job.state != FILLING, Job.recipients_gone_at.is_null()):
        query = Message.select(Message.state, peewee.fn.COUNT(Message.id)).where(Message.job == job)
        rows: Counter[str] = Counter(dict(tuples(query.group_by(Message.state))))
        differs = any(rows[state.value] != getattr(job, state.value) for state in State)
        differs = differs or sum(rows.values()) != job.total or tallies.mistaken(job)
        if differs or quarters.mistaken(job) or reasons.mistaken(job.id):
            found.append(job.id)
    return found
