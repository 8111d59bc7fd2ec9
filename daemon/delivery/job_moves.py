"""Every move of a job, and the lock that keeps others from moving its messages meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import peewee
import structlog

from daemon import errors
from daemon.accounts import happenings, rights
from daemon.db import notifications
from daemon.db.connection import after_commit, write
from daemon.db.prepared import Prepared, by_key, param
from daemon.db.records import record
from daemon.delivery.refusals import Why
from daemon.i18n.coded import Phrase, Told, code_of, filed
from daemon.models import Account, Job, JobStep
from daemon.states import FILLING, JOB_MOVES, MAY_RUN, JobState, State

log = structlog.get_logger()
DAEMON = "daemon"  #: who moved it, where that was neither a person nor a sender
MANY = 1_000  # steps of one job that are shown


def job(job_id: int) -> Job:
    """The job by that id, if it is one of the caller's accounts. Raises NotFound."""
    return _job(job_id, by_key(Job, job_id))


def job_to_move(job_id: int) -> Job:
    """The job, locked with its messages until the transaction ends. Raises NotFound."""
    return _job(job_id, by_key(Job, job_id, lock=True))


def _job(job_id: int, found: Job | None) -> Job:
    if found is None or found.state == FILLING or not rights.may(found.account):
        raise errors.NotFound(Why.NO_JOB, job=job_id)
    return found


def suspend(job_id: int, why: Told, now: int, who: str = "sender") -> None:
    """Pause it because something of its own is missing; `why`, a sentence, says what a person has to do.

    Nothing happens where it is paused, stopped or completed already.
    """
    with write():
        found = job_to_move(job_id)
        if found.state in JOB_MOVES["pause"][0]:
            move(job_id, "pause", who, now, why)


def rest(job_id: int, account: str, until: int, zone: str) -> None:
    """Part of the caller's transaction: it has its next turn then. zone: of the settings; the claim looks earlier where
    what is stored was reckoned in another one than the account's."""
    _rest(id=job_id, account=account, until=until, zone=zone)


@Prepared
def _rest() -> Any:
    own = Account.select(Account.timezone).where(Account.name == param("account"))
    changes = {"opens_at": param("until"), "opens_zone": peewee.fn.COALESCE(own, param("zone"))}
    return Job.update(changes).where(Job.id == param("id"))


DECIDED: dict[str, Any] = {"unconfirmed": None, "unconfirmed_at": None, "unconfirmed_since": None}
BEFORE_BEGIN = frozenset({"move", "start", "replace"})


def waits_to_begin(started_at: int | None, schedule_at: int | None, state: str) -> bool:
    """Whether a job has a time to start at, and nothing of it was ever claimed."""
    return started_at is None and schedule_at is not None and state in JOB_MOVES["move"][0]


def check(found: Job, name: str) -> None:
    """Raises IllegalMove, which says what to do, where the job cannot make that move as it is."""
    begun = not waits_to_begin(found.started_at, found.schedule_at, found.state)
    if found.state not in JOB_MOVES[name][0] or (name in BEFORE_BEGIN and begun):
        raise refusal(found.id, found.state, name)


def sendable(found: Job) -> bool:
    """Whether it still has its messages and what they are made of. See delivery/forgetting.py."""
    there = found.texts_gone_at is None and found.recipients_gone_at is None
    return there and (found.fields_gone_at is None or not found.columns)


def require_content(found: Job) -> None:
    """Raises IllegalMove where it has not."""
    if not sendable(found):
        raise errors.IllegalMove(Why.CONTENT_REMOVED, job=found.id)


def move(job_id: int, name: str, who: str, now: int, why: Told | None = None, schedule_at: int | None = None) -> Job:
    """Make the move; its messages stay where they are. Raises NotFound, and IllegalMove, which says what to do.

    schedule_at: when it starts from now on, UTC ms; None to leave that as it is.
    """
    target = JOB_MOVES[name][1]
    with write():
        found = job_to_move(job_id)
        check(found, name)
        ended_at = now if target is JobState.STOPPED else None
        changes: dict[str, Any] = {"state": target, "completed_at": ended_at, "reason": str(why) if why else None}
        changes["coded"] = filed(why)
        if found.state == JobState.COMPLETED:  # a decision may have broken off when everybody had been set aside
            changes |= DECIDED
        if schedule_at is not None:
            changes["schedule_at"] = schedule_at
        Job.update(**changes).where(Job.id == job_id).execute()
        JobStep.create(job=job_id, at=now, move=name, who=who)
        tell(job_id, name, who, now, why)
        told = {"why": str(why)} if why else {}
        after_commit(partial(log.info, MOVED[name], account=found.account, job_id=job_id, who=who, **told))
    return job(job_id)


def tell(job_id: int, name: str, who: str, now: int, why: Told | None = None) -> None:
    """Note for streams and webhooks that the job has made this move, and wake the sender that has to know; part of the
    transaction in which it did."""
    found = Job.get_by_id(job_id)
    if found.state in MAY_RUN and who != "sender":
        notifications.notify(found.account)
    counts = {state.value: getattr(found, state.value) for state in State}
    happenings.note(
        f"job.{found.state}",
        found.account,
        job_id,
        {
            "name": found.name,
            "move": name,
            "who": who,
            "reason": str(why) if why else None,
            "code": code_of(filed(why)),
            "counts": {"total": found.total} | {state: count for state, count in counts.items() if count},
        },
        now,
    )


@dataclass(frozen=True)
class Done:
    """A move of a job, when (UTC ms) and by whom."""

    at: int
    move: str
    who: str


def steps(job_id: int) -> list[Done]:
    """What was done to the job, oldest first."""
    rows = JobStep.select().where(JobStep.job == job_id).order_by(JobStep.id).limit(MANY)
    return [record(Done, row) for row in rows]


MOVED = {
    "pause": "job.paused",
    "resume": "job.resumed",
    "reschedule": "job.resumed",
    "move": "job.moved",
    "start": "job.started_early",
    "replace": "job.replaced",
    "stop": "job.stopped",
    "retry": "job.reopened",
}


VERBS = {
    "pause": Phrase("pause"),
    "resume": Phrase("resume"),
    "reschedule": Phrase("resume"),
    "move": Phrase("move"),
    "start": Phrase("start"),
    "replace": Phrase("change"),
    "stop": Phrase("stop"),
    "retry": Phrase("retry"),
    "send again": Phrase("send again"),
}


def refusal(job_id: int, state: str, name: str) -> errors.IllegalMove:
    if name in BEFORE_BEGIN and state not in (JobState.STOPPED, JobState.COMPLETED):
        return errors.IllegalMove(Why.JOB_BEGUN, job=job_id, verb=VERBS[name])
    why = {
        JobState.STOPPED: Why.JOB_STOPPED,
        JobState.COMPLETED: Why.JOB_COMPLETED,
        JobState.PAUSED: Why.JOB_PAUSED,
        JobState.SCHEDULED: Why.JOB_SCHEDULED,
    }.get(JobState(state), Why.JOB_GOES_ON)
    return errors.IllegalMove(why, job=job_id, state=Phrase(state), verb=VERBS[name])
