"""Queue the recipients of a job: a few in the transaction that makes the job, many in chunks before it begins.

A large job is filled in many transactions (`chunks`); until the last one it is in no state that there is for anybody
else (`states.FILLING`): it is not shown, and nothing of it is claimed. `open_job` makes a job of it in one more
transaction, together with the answer to whoever asked for it. What is not opened is deleted: at once, or, when its
process died, by `sweep`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import peewee
import structlog

from daemon import errors
from daemon.contacts.person import Person
from daemon.db.connection import write
from daemon.db.prepared import Prepared, param
from daemon.db.proxy import in_order, tuples
from daemon.delivery import eligibility
from daemon.delivery.chunks import Chunks
from daemon.delivery.refusals import Why
from daemon.formats.template import Recipient
from daemon.models import Event, Job, Message
from daemon.states import E164, FILLING, JobState, State
from daemon.telemetry import progress
from daemon.telemetry.progress import Stage

log = structlog.get_logger()

GIVEN_UP = -1  # `pending` of one that is being deleted: a process that still fills it finds that it may not
ABANDONED_MS = 600_000  # after so long without a new chunk nobody is filling it any more

EXTERNAL_ID = "external_id"  # the field of a recipient with what other software calls them

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

Row = dict[str, Any]
Due = Callable[[Mapping[str, str]], tuple[int, int]]
"""By the fields of a recipient: when their message is due, and until when it is of use."""


def enqueue(job: Job, recipients: Collection[Recipient], who: str, at: int, due: Due | None = None) -> None:
    """Store one pending message for each recipient, in the transaction that creates the job. Raises DatabaseBusy, as
    `fill`."""
    rows = list(_rows(recipients, due))
    _must_be_all(len(rows), recipients)
    _add(job, _insert.bound(rows, job=job.id, account=job.account), who, at)
    Job.update(pending=len(rows), total=len(rows)).where(Job.id == job.id).execute()


def fill(job: Job, recipients: Collection[Recipient], who: str, now: int, due: Due | None = None) -> None:
    """Store the messages of a job that is FILLING, chunk by chunk. Raises DatabaseBusy (also when rows of theirs were
    deleted while they were read), and what a listener of the progress raises: `discard` it then."""
    rows, chunks, begun, stored = _rows(recipients, due), Chunks(), time.monotonic(), 0
    while chunk := list(islice(rows, chunks.size)):
        at = now + round(1_000 * (time.monotonic() - begun))
        store = _insert.bound(chunk, job=job.id, account=job.account)
        with chunks.transaction():
            mine = Job.update(created_at=at, total=Job.total + len(chunk)).where(_is_filling(job.id))
            if not mine.execute():
                raise _interrupted()
            _add(job, store, who, at)
        stored += len(chunk)
        progress.told(Stage.QUEUEING, stored, len(recipients))
    _must_be_all(stored, recipients)


def _must_be_all(stored: int, recipients: Collection[Recipient]) -> None:
    if stored != len(recipients):
        raise _interrupted()


def open_job(job_id: int, state: JobState, at: int) -> Job:
    """All are in it: from here on it is a job like any other. Part of the caller's transaction. Raises DatabaseBusy."""
    whole = {"state": state, "created_at": at, "pending": Job.total}
    if not Job.update(whole).where(_is_filling(job_id)).execute():
        raise _interrupted()
    opened: Job = Job.get_by_id(job_id)
    return opened


def discard(job_id: int) -> None:
    """Delete a job that was not opened, in chunks as well."""
    _delete(job_id, Job.state == FILLING)


def _delete(job_id: int, which: Any) -> bool:
    """Delete the job if it is such a one; whether it was."""
    with write():  # from this commit on it can neither be filled nor opened, however long the rest takes
        if not Job.update(pending=GIVEN_UP).where(Job.id == job_id, which).execute():
            return False
    chunks = Chunks()
    while True:
        with chunks.transaction():
            some = Message.select(Message.id).where(Message.job == job_id).order_by(Message.id).limit(chunks.size)
            if not Message.delete().where(Message.id.in_(some)).execute():
                Job.delete().where(Job.id == job_id, Job.pending == GIVEN_UP).execute()
                return True


def sweep(now: int) -> int:
    """Delete the jobs that died while they were being filled: nobody was told that they are queued. Returns how many.

    One of a time that is ahead of now is of a clock that was.
    """
    silent = (Job.created_at < now - ABANDONED_MS) | (Job.created_at > now + ABANDONED_MS)
    dead = (Job.state == FILLING) & (silent | (Job.pending == GIVEN_UP))
    count = 0
    for (job_id,) in tuples(Job.select(Job.id).where(dead)):
        if _delete(job_id, dead):
            log.warning("job.discarded", job_id=job_id)
            count += 1
    return count


def _interrupted() -> errors.DatabaseBusy:
    return errors.DatabaseBusy(Why.STORING_INTERRUPTED)


def _is_filling(job_id: int) -> Any:
    return (Job.id == job_id) & (Job.state == FILLING) & (Job.pending == 0)


def _rows(recipients: Iterable[Recipient], due: Due | None) -> Iterator[Row]:
    for each in recipients:
        begins, ends = due(each.fields) if due else (0, None)
        own = getattr(each, "attachments", None)
        yield {
            "row": each.position,
            "number": each.number,
            "nth": getattr(each, "nth", 0),
            "person": Person(E164(each.number)).key,
            "external_id": each.fields.get(EXTERNAL_ID) or None,
            "fields": _ENCODER.encode(dict(each.fields)),
            "attachments": None if own is None else _ENCODER.encode(own),
            "not_before": begins,
            "not_after": ends,
        }


def _add(job: Job, insert: Callable[[], None], who: str, at: int) -> None:
    with in_order():  # else PostgreSQL may go through all messages there are, for each chunk
        newest = Message.select(peewee.fn.MAX(Message.id)).where(Message.job == job.id).scalar() or 0
        insert()
        _flag(job=job.id, after=newest)
        _record(job=job.id, after=newest, at=at, who=who)


@Prepared
def _insert() -> Any:
    who = ("row", "number", "nth", "person", "external_id", "fields", "attachments")
    names = ("job", "account", *who, "not_before", "not_after")
    return Message.insert({name: param(name) for name in names})


@Prepared
def _flag() -> Any:
    """Those whom the account has written to. Somebody who becomes one meanwhile is found when their turn comes."""
    theirs = (Message.job == param("job"), Message.id > param("after"))
    return Message.update(known=True).where(*theirs, eligibility.known(Message))


@Prepared
def _record() -> Any:
    theirs = (Message.job == param("job"), Message.id > param("after"))
    line: Mapping[Any, Any] = {
        Event.message: Message.id,
        Event.at: param("at"),
        Event.who: param("who"),
        Event.move: peewee.Value("enqueue"),
        Event.target: peewee.Value(State.PENDING.value),
    }
    return Event.insert_from(Message.select(*line.values()).where(*theirs), list(line))
