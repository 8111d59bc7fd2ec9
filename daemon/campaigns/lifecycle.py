"""What a person does to a job: pause, resume, stop, retry, and settle an uncertain message."""

from __future__ import annotations

from functools import partial

import structlog

from daemon import errors
from daemon.campaigns import queries, recipients
from daemon.campaigns.refusals import Why
from daemon.db.connection import after_commit, write
from daemon.delivery import job_moves, moves
from daemon.i18n.coded import Phrase
from daemon.models import Job, Message
from daemon.states import JOB_MOVES, JobState, State

log = structlog.get_logger()


def pause(job_id: int, who: str, now: int) -> Job:
    """Stop claiming; the message in hand is finished. Raises NotFound, IllegalMove."""
    return job_moves.move(job_id, "pause", who, now)


def resume(job_id: int, who: str, now: int) -> Job:
    """Continue where it was paused, or wait for its start time again if it has not begun. Raises NotFound,
    IllegalMove."""
    found = job_moves.job(job_id)
    early = found.started_at is None and found.schedule_at is not None and found.schedule_at > now
    return job_moves.move(job_id, "reschedule" if early else "resume", who, now)


def stop(job_id: int, who: str, now: int) -> Job:
    """End it for good: queued messages are cancelled. Raises NotFound, IllegalMove."""
    return job_moves.move(job_id, "stop", who, now)


def retry(job_id: int, who: str, now: int, search: str = "") -> tuple[Job, int]:
    """Queue its failed messages again, or only those that the search finds (`recipients.Selection`); returns how many.

    Raises NotFound, IllegalMove (none failed), InvalidInput (a search that is not possible).
    """
    with write():
        found = job_moves.job_to_move(job_id)
        if not found.failed:
            raise errors.IllegalMove(Why.NOTHING_TO_RETRY, job=job_id)
        chosen = recipients.where(found, recipients.Selection(State.FAILED, search)) if search.strip() else None
        count = found.failed if chosen is None else Message.select().where(chosen).count()
        if not count:
            raise errors.IllegalMove(Why.NOTHING_FOUND_TO_RETRY, job=job_id)
        if found.state == JobState.COMPLETED:
            found = job_moves.move(job_id, "retry", who, now)
        elif found.state not in JOB_MOVES["retry"][0]:
            raise job_moves.refusal(found, "retry")
        moves.resend_failed(found, who, now, chosen)
        after_commit(partial(log.info, "job.retried", account=found.account, job_id=job_id, count=count))
    return job_moves.job(job_id), count


def settle(message_id: int, sent: bool, who: str, now: int) -> Message:
    """A person's decision on an uncertain message: it was sent, or it is sent again. Raises IllegalMove."""
    with write():
        found = job_moves.job_to_move(queries.message(message_id)[0].job_id)
        row, _ = queries.message(message_id)
        if row.state != State.UNCERTAIN:
            raise errors.IllegalMove(Why.MESSAGE_NOT_UNCERTAIN, message=message_id, state=Phrase(row.state))
        if not sent:
            if found.state == JobState.COMPLETED:
                job_moves.move(found.id, "retry", who, now)
            elif found.state == JobState.STOPPED:
                raise job_moves.refusal(found, "send again")
        moves.decide(row, "settle" if sent else "resend", who, now)
    return row
