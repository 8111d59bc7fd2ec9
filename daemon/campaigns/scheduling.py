"""What a person does to a campaign that waits for its time: move it, start it early, replace it by a changed one.

Each is one transaction in which the job is locked, so that of two that come at the same time, the start at its time
among them, one is first and the other is refused.
"""

from __future__ import annotations

from daemon import errors
from daemon.campaigns.refusals import Stands, Why
from daemon.db.connection import write
from daemon.delivery import counters, job_moves, sweeps
from daemon.i18n.coded import refusal
from daemon.states import JobState

LONGEST_AHEAD_MS = 3_653 * 86_400_000  # ten years


def move(job_id: int, at: int, who: str, now: int) -> None:
    """Let it start at another time, UTC ms. Raises NotFound, IllegalMove (it has begun), InvalidInput."""
    if at <= now:
        raise errors.InvalidInput(Why.SCHEDULE_PASSED)
    if at > now + LONGEST_AHEAD_MS:
        raise errors.InvalidInput(Why.SCHEDULE_TOO_LATE)
    job_moves.move(job_id, "move", who, now, schedule_at=at)


def start(job_id: int, who: str, now: int) -> None:
    """Start it now. Raises NotFound, IllegalMove (it is not scheduled any more)."""
    with write():
        job_moves.move(job_id, "start", who, now, schedule_at=now)
        counters.end_if_done(job_id, now)


def replace(job_id: int, by: int, who: str, now: int) -> None:
    """Another job takes its place: part of the transaction that makes that one, so that there are never both and never
    none. Raises NotFound, IllegalMove (it has begun)."""
    sweeps.stop(job_id, who, now, "replace", refusal(Stands.REPLACED, job=by))


def check_replace(job_id: int) -> None:
    """Raises as `replace` would now."""
    job_moves.check(job_moves.job(job_id), "replace")


def finish_replacing(job_id: int | None, who: str, now: int) -> None:
    """Cancel what the transaction that replaced a large job has left of it; nothing where that did not come about. Not
    to be called in a transaction."""
    if job_id is not None and job_moves.job(job_id).state == JobState.STOPPED:
        sweeps.finish_stop(job_id, who, now)
