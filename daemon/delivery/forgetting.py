"""Removes from jobs that ended long ago what is kept no longer, and puts their history into less room: in transactions
so short that senders hardly wait for one.

A job is due when all its messages are final, so long after its end. What becomes of it is marked in the first
transaction that touches it (`Job.texts_gone_at`, …): from then on whoever reads it says that it was removed, and
nothing of it is sent again. `Unfinished` knows up to which message a job is done, so that whoever comes after a crash
goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import reduce
from operator import add
from typing import Any

import peewee
from peewee import chunked

from daemon.db.proxy import in_order, locked, tuples
from daemon.delivery import chunks, old_history
from daemon.delivery.chunks import HELD_S, Chunks, next_size
from daemon.files.ages import Ages
from daemon.models import (
    GONE,
    Event,
    Evidence,
    Handover,
    Happening,
    Job,
    Message,
    MessagePart,
    MetricPosition,
    OldHistory,
    Reply,
    Unfinished,
    Webhook,
)
from daemon.models import Delivery as DeliveryRow
from daemon.states import OPEN, State

DAY_MS = 86_400_000
RETURNS_MS = 90 * DAY_MS  # a webhook that was disabled goes on where it was when it is enabled again by then
HAPPENINGS_MS = 90 * DAY_MS
HANDOVERS_MS = 366 * DAY_MS  # that caps per person, and exclusions of recent campaigns, look back
OPEN_STATES = (State.PENDING, State.CLAIMED, State.SENDING, State.ACCEPTED, State.UNCERTAIN)
_FINAL = reduce(add, (getattr(Job, state.value) for state in OPEN_STATES)) == 0


class Kind(StrEnum):
    """What is removed from a job, or done with it."""

    TEXTS = "texts"
    FIELDS = "fields"
    REJECTED = "rejected"
    HISTORY = "history"
    RECIPIENTS = "recipients"
    ARCHIVE = "archive"  #: nothing is lost


MARKS = {
    Kind.TEXTS: Job.texts_gone_at,
    Kind.FIELDS: Job.fields_gone_at,
    Kind.REJECTED: Job.rejected_gone_at,
    Kind.HISTORY: Job.history_gone_at,
    Kind.RECIPIENTS: Job.recipients_gone_at,
    Kind.ARCHIVE: Job.compacted_at,
}
OF_HISTORY = frozenset({Kind.HISTORY, Kind.RECIPIENTS, Kind.ARCHIVE})


def days(ages: Ages, kind: Kind) -> int:
    """How long it is kept after the end of a job; 0: for ever."""
    return ages.archive_days if kind is Kind.ARCHIVE else int(getattr(ages, f"keep_{kind.value}_days"))


@dataclass(frozen=True)
class Told:
    """Up to which line of the history nobody outside needs it any more, and before when jobs have ended that are older;
    None: at any time."""

    line: int
    ended_before: int | None


def told(now: int) -> Told:
    """What metrics have counted and webhooks were told, and will not be asked to be told again. The newest line always
    stays: SQLite would give its id out again."""
    newest = Event.select(peewee.fn.MAX(Event.id)).scalar() or 0
    counted = MetricPosition.select(MetricPosition.position).where(MetricPosition.history == Event._meta.table_name)
    lines = [position for (position,) in tuples(counted)]
    lines += _webhooks_at(Webhook.event, now)
    oldest = _to_deliver(now)
    line = min([newest, *lines])
    if line < newest:
        with in_order():
            at = Event.select(Event.at).where(Event.id > line).order_by(Event.id).limit(1).scalar()
        oldest.append(at)
    return Told(min(line, newest - 1), min(oldest, default=None))


def _webhooks_at(position: Any, now: int) -> list[int]:
    """Where the webhooks are that go on."""
    return [line for (line,) in tuples(Webhook.select(position).where(_goes_on(now)))]


def _goes_on(now: int) -> Any:
    return Webhook.disabled_at.is_null() | (Webhook.disabled_at > now - RETURNS_MS)


def _to_deliver(now: int) -> list[int]:
    """When the oldest happened that each webhook that goes on is still to be told, or may be asked to be told again."""
    oldest = []
    for (webhook_id,) in tuples(Webhook.select(Webhook.id).where(_goes_on(now))):
        for state in ("waiting", "dead"):
            theirs = (DeliveryRow.webhook == webhook_id, DeliveryRow.state == state)
            with in_order():
                first = DeliveryRow.select(DeliveryRow.at).where(*theirs).order_by(DeliveryRow.id).limit(1).scalar()
            oldest += [first] if first is not None else []
    return oldest


def due(kind: Kind, before: int, after: tuple[int, int] = (0, 0)) -> Any:
    """The jobs that ended before that time and of which all messages are final, oldest first, behind (end, id)."""
    mark = MARKS[kind]
    behind = (Job.completed_at >= after[0], (Job.completed_at > after[0]) | (Job.id > after[1]))
    old = (GONE[mark], Job.completed_at < before, *behind)
    return Job.select(Job.id, Job.completed_at).where(*old, _FINAL).order_by(Job.completed_at, Job.id)


def there(kind: Kind, most: int) -> int:
    """How many jobs have ended and still have it; so many at most."""
    return int(Job.select(Job.id).where(GONE[MARKS[kind]]).limit(most).count())


@dataclass
class Sweep:
    """One time that a kind is looked for. removed: so far: messages, or jobs where there is one of it for each."""

    kind: Kind
    before: int
    told: Told
    removed: int = 0
    _after: tuple[int, int] = (0, 0)
    _held: set[int] = field(default_factory=set)  # jobs that cannot be gone on with now
    _chunks: Chunks = field(default_factory=Chunks)
    _size: int = field(default_factory=lambda: chunks.LEAST)  # messages of the next step

    def step(self, now: int, count: Callable[[int], None]) -> bool:
        """Remove some, in one transaction; whether there may be more. Not to be called in a transaction. count: is told
        how much was removed, as part of it."""
        left, removed, more = self._size, 0, True
        with self._chunks.transaction():
            begun = time.monotonic()
            # Of small jobs each costs more than its messages.
            while left > 0 and more and time.monotonic() < begun + HELD_S:
                found = self._next(now)
                more = found is not None
                if found is not None:
                    looked, gone = self._some(*found, left, now)
                    removed += gone
                    left -= max(looked, 1)
            if removed:
                count(removed)
        self.removed += removed
        self._size = next_size(self._size, time.monotonic() - begun)  # on PostgreSQL, too: the disk is everybody's
        return more

    def due(self, most: int) -> tuple[int, int]:
        """From how many jobs, with how many messages, something would be removed now; so many jobs at most."""
        begun = Unfinished.select(Unfinished.job).where(Unfinished.kind == self.kind.value).limit(most)
        with in_order():
            ids = [row[0] for row in tuples(begun)]
            ids += [row[0] for row in tuples(due(self.kind, self.before).limit(most - len(ids)))]
            sums = (Job.select(peewee.fn.SUM(Job.total)).where(Job.id.in_(few)).scalar() for few in chunked(ids, 500))
            return len(ids), sum(int(each or 0) for each in sums)

    def _next(self, now: int) -> tuple[int, int] | None:
        """The job to go on with, locked, and behind which of its messages."""
        mine = Unfinished.kind == self.kind.value
        begun = Unfinished.select(Unfinished.job).where(mine).order_by(Unfinished.job)
        for (job_id,) in tuples(begun):
            if job_id in self._held:
                continue
            job = _locked(job_id)
            if job is None:
                continue
            if not _over(job):  # it was reopened meanwhile
                self._held.add(job_id)
                continue
            row = Unfinished.get_or_none(mine, Unfinished.job == job_id)
            if row is None:  # another process has finished it meanwhile
                continue
            if getattr(job, MARKS[self.kind].name) >= job.completed_at:
                return job_id, row.position
            # It has ended anew since, and will be looked at from the beginning when that is long enough ago.
            row.delete_instance()
        while True:
            with in_order():
                first = tuples(due(self.kind, self.before, self._after).limit(1))
            if not first:
                return None
            job_id, ended_at = first[0]
            self._after = (ended_at, job_id)
            job = _locked(job_id)
            if job is not None and self._is_due(job):
                Job.update({MARKS[self.kind]: now}).where(Job.id == job_id).execute()
                return job_id, 0

    def _is_due(self, job: Any) -> bool:
        """Whether it still is, now that it is locked."""
        mark = getattr(job, MARKS[self.kind].name)
        return _over(job) and job.completed_at < self.before and (mark is None or mark < job.completed_at)

    def _some(self, job_id: int, position: int, most: int, now: int) -> tuple[int, int]:
        """How many messages were looked at, and how many of them changed."""
        if self.kind in OF_JOBS:
            return 1, OF_JOBS[self.kind](job_id)
        query = Message.select(Message.id).where(Message.job == job_id, Message.id > position)
        with in_order():
            ids = [message_id for (message_id,) in tuples(query.order_by(Message.id).limit(most))]
        gone, all_of_it = OF_MESSAGES[self.kind](ids, self.told.line, now) if ids else (0, True)
        mine = (Unfinished.kind == self.kind.value, Unfinished.job == job_id)
        if not all_of_it:
            self._held.add(job_id)
            _keep_position(self.kind, job_id, position)
        elif len(ids) < most:
            Unfinished.delete().where(*mine).execute()
        else:
            _keep_position(self.kind, job_id, ids[-1])
        return len(ids), gone


def _locked(job_id: int) -> Any:
    """None where somebody else has it: several are locked in one transaction, so none is waited for."""
    return locked(Job.select().where(Job.id == job_id), skip=True).first()


def _over(job: Any) -> bool:
    """Whether all its messages are final, and stay so unless somebody reopens it."""
    final = not any(getattr(job, state.value) for state in OPEN_STATES)
    return final and job.state not in OPEN and job.completed_at is not None


def _keep_position(kind: Kind, job_id: int, position: int) -> None:
    row = Unfinished.insert(kind=kind.value, job=job_id, position=position)
    same = [Unfinished.kind, Unfinished.job]
    row.on_conflict(conflict_target=same, update={Unfinished.position: position}).execute()


def _texts(job_id: int) -> int:
    there = (Job.text != "") | Job.template.is_null(False)
    return int(Job.update(text="", template=None).where(Job.id == job_id, there).execute())


def _rejected(job_id: int) -> int:
    nothing = Job.rejected.db_value([])
    there = Job.rejected != peewee.Value(nothing, converter=False)
    return int(Job.update(rejected=[]).where(Job.id == job_id, there).execute())


# Of some messages; returns how many changed, and whether nothing of them is left for later.


def _fields(ids: list[int], line: int, now: int) -> tuple[int, bool]:
    there = Message.fields != peewee.Value(Message.fields.db_value({}), converter=False)
    return int(Message.update(fields={}).where(Message.id.in_(ids), there).execute()), True


def _history(ids: list[int], line: int, now: int) -> tuple[int, bool]:
    theirs = Event.select(Event.message).where(*_lines(ids, line)).distinct()
    found = {message_id for (message_id,) in tuples(theirs)}
    found |= {row[0] for row in tuples(OldHistory.select(OldHistory.message).where(OldHistory.message.in_(ids)))}
    Event.delete().where(*_lines(ids, line)).execute()
    OldHistory.delete().where(OldHistory.message.in_(ids)).execute()
    return len(found), not _still_told(ids)


def _archive(ids: list[int], line: int, now: int) -> tuple[int, bool]:
    theirs = _lines(ids, line)
    lines = old_history.not_moved(*theirs)
    old_history.put(lines)
    Event.delete().where(*theirs).execute()
    return len(lines), True


def _recipients(ids: list[int], line: int, now: int) -> tuple[int, bool]:
    """The newest message stays until there is a newer one: SQLite would give its id out again."""
    newest = Message.select(peewee.fn.MAX(Message.id)).scalar()
    all_of_it = newest not in ids
    ids = [each for each in ids if each != newest]
    Event.delete().where(*_lines(ids, line)).execute()
    if not ids or _still_told(ids):
        return 0, False
    Handover.delete().where(Handover.message.in_(ids), Handover.at < now - HANDOVERS_MS).execute()
    Handover.update(message=None).where(Handover.message.in_(ids)).execute()
    Reply.update(message=None).where(Reply.message.in_(ids)).execute()
    for table in (OldHistory, MessagePart, Evidence):
        table.delete().where(table.message.in_(ids)).execute()
    return int(Message.delete().where(Message.id.in_(ids)).execute()), all_of_it


def handovers(now: int) -> int:
    """Delete those without a message that nothing looks back to; returns how many. Not to be called in a
    transaction."""
    return chunks.delete(Handover, Handover.message.is_null() & (Handover.at < now - HANDOVERS_MS), Handover.at)


def happenings(now: int) -> int:
    """Delete what happened to jobs and accounts long ago and webhooks have been told; returns how many. The newest
    always stays: SQLite would give its id out again. Not to be called in a transaction."""
    newest = Happening.select(peewee.fn.MAX(Happening.id)).scalar() or 0
    until = min([newest - 1, *_webhooks_at(Webhook.happening, now)])
    before = min([now - HAPPENINGS_MS, *_to_deliver(now)])
    return chunks.delete(Happening, (Happening.at < before) & (Happening.id <= until), Happening.at)


def _lines(ids: list[int], line: int) -> tuple[Any, ...]:
    """Those of the history of these messages up to that one. + 0: they are found by their messages, of which each has
    few, and not by going through all that came before."""
    return Event.message.in_(ids), Event.id + 0 <= line


def _still_told(ids: list[int]) -> bool:
    return bool(Event.select(Event.id).where(Event.message.in_(ids)).exists())


OF_JOBS: dict[Kind, Callable[[int], int]] = {Kind.TEXTS: _texts, Kind.REJECTED: _rejected}
OF_MESSAGES: dict[Kind, Callable[[list[int], int, int], tuple[int, bool]]] = {
    Kind.FIELDS: _fields,
    Kind.HISTORY: _history,
    Kind.RECIPIENTS: _recipients,
    Kind.ARCHIVE: _archive,
}


def sweep(ages: Ages, kind: Kind, now: int) -> Sweep | None:
    """A look for that kind; None where it is kept for ever."""
    kept = days(ages, kind)
    if not kept:
        return None
    up_to, before = told(now), now - kept * DAY_MS
    if kind in OF_HISTORY:
        before = before if up_to.ended_before is None else min(before, up_to.ended_before)
    return Sweep(kind, before, up_to)
