"""What a person does to a job: pause, resume, stop, retry, and settle an uncertain message."""

from __future__ import annotations

from functools import partial

import structlog

from daemon import errors
from daemon.accounts import installed
from daemon.campaigns import cloud_templates, queries, recipients
from daemon.campaigns.refusals import Why
from daemon.campaigns.rows import JobRow, MessageRow
from daemon.db.connection import write
from daemon.delivery import chunks, job_moves, moves, parts, sweeps
from daemon.delivery.refusals import Asks
from daemon.i18n.coded import Phrase, code_of
from daemon.models import Job, Message
from daemon.states import OPEN, JobState, State

log = structlog.get_logger()


def pause(job_id: int, who: str, now: int) -> None:
    """Stop claiming; the message in hand is finished. Raises NotFound, IllegalMove."""
    job_moves.move(job_id, "pause", who, now)


def resume(job_id: int, who: str, now: int) -> None:
    """Continue where it was paused, or wait for its start time again if it has not begun. Raises NotFound,
    IllegalMove, also while Meta sends nothing with its template."""
    found = job_moves.job(job_id)
    if (
        found.state == JobState.PAUSED
        and found.template
        and (why := cloud_templates.barred(found.account, found.template))
    ):
        raise errors.IllegalMove(why)
    early = found.started_at is None and found.schedule_at is not None and found.schedule_at > now
    with write():
        job_moves.move(job_id, "reschedule" if early else "resume", who, now)
        installed.require(found.account)
        if code_of(found.coded) == Asks.MADE_FOR_DRY_RUN:  # from here on it is one to be sent
            Job.update(for_dry_run=False).where(Job.id == job_id).execute()


def stop(job_id: int, who: str, now: int) -> JobRow:
    """End it for good: queued messages are cancelled; if the database is too busy, some of them a little later (they
    are still `pending` in what is returned). Raises NotFound, IllegalMove."""
    begin_stop(job_id, who, now)
    finish_stop(job_id, who, now)
    return queries.job(job_id)


begin_stop = sweeps.stop
finish_stop = sweeps.finish_stop


def is_small(job_id: int) -> bool:
    """Whether a retry of the job is one transaction, which may be part of the caller's. Raises NotFound."""
    return job_moves.job(job_id).failed <= chunks.CHUNK


def archive(job_id: int, who: str, now: int) -> None:
    """Put a job that is over away from the overview; nothing of it is lost. Raises NotFound, IllegalMove."""
    with write():
        found = job_moves.job_to_move(job_id)
        if found.state in OPEN:
            raise errors.IllegalMove(Why.NOT_OVER, job=job_id)
        Job.update(archived_at=now).where(Job.id == job_id, Job.archived_at.is_null()).execute()
    log.info("job.archived", job_id=job_id, who=who)


def unarchive(job_id: int, who: str) -> None:
    """Back to the overview. Raises NotFound."""
    with write():
        job_moves.job_to_move(job_id)
        Job.update(archived_at=None).where(Job.id == job_id).execute()
    log.info("job.unarchived", job_id=job_id, who=who)


def retry(job_id: int, who: str, now: int, search: str = "", code: str | None = None) -> int:
    """Queue its failed messages again, or only those that the search finds (`recipients.Selection`), or that failed for
    the reason with that code; returns how many.

    Raises NotFound, IllegalMove (none failed, or what it needs was removed for its age), InvalidInput (a search
    that is not possible), DatabaseBusy (then some may be queued already; to retry once more queues the rest).
    """
    found = queries.job(job_id)
    if not found.failed:
        raise errors.IllegalMove(Why.NOTHING_TO_RETRY, job=job_id)
    job_moves.require_content(job_moves.job(job_id))
    chosen = partial(recipients.where, found, recipients.Selection(State.FAILED, search, code))
    count = sweeps.resend_failed(job_id, chosen, who, now)
    if not count:
        raise errors.IllegalMove(Why.NOTHING_FOUND_TO_RETRY, job=job_id)
    log.info("job.retried", account=found.account, job_id=job_id, count=count)
    return count


def settle(message_id: int, sent: bool, who: str, now: int) -> MessageRow:
    """A person's decision on an uncertain message: it was sent, or it is sent again. Raises IllegalMove.

    Of one with several parts it is about the part in doubt; those after it still follow.
    """
    with write():
        found = job_moves.job_to_move(queries.message(message_id)[0].job_id)
        row = Message.get_by_id(message_id)
        if row.state != State.UNCERTAIN:
            raise errors.IllegalMove(Why.MESSAGE_NOT_UNCERTAIN, message=message_id, state=Phrase(row.state))
        if not sent or (parts.follow(row) and found.state != JobState.STOPPED):  # then something is sent
            installed.require(found.account)
            job_moves.require_content(found)
            if found.state == JobState.COMPLETED:
                job_moves.move(found.id, "retry", who, now)
            elif found.state == JobState.STOPPED:
                raise job_moves.refusal(found.id, found.state, "send again")
        moves.decide(row, "settle" if sent else "resend", who, now)
    return queries.message(message_id)[0]
