"""Look up jobs and messages, a page at a time."""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import dataclass
from operator import and_
from typing import Any

import peewee

from daemon import errors
from daemon.accounts import rights
from daemon.campaigns.recipients import contains
from daemon.campaigns.refusals import Why
from daemon.campaigns.rows import JobRow, MessageRow, messages
from daemon.db.proxy import in_order, tuples
from daemon.db.records import record
from daemon.delivery import job_moves, old_history
from daemon.i18n.coded import Filed
from daemon.models import UNDECIDED, Account, Job, Message
from daemon.states import FILLING, MAY_RUN, OPEN, JobState, PersonKey, State

PAGE = 100
MANY = 10_000  # up to so many are counted
FEW = 5_000  # messages in one state: sooner looked up all than found among all others


@dataclass(frozen=True)
class Step:
    """A move in a message's history. source: None where it was queued; coded: `why` by its code; at: UTC ms."""

    at: int
    move: str
    source: str | None
    target: str
    why: str | None
    coded: Filed | None
    who: str


def job(job_id: int) -> JobRow:
    """The job by that id. Raises NotFound."""
    return record(JobRow, job_moves.job(job_id))


@dataclass(frozen=True)
class Wanted:
    """Which jobs are asked for; None and "" for any. search: words of the name. since, until: made from the one on,
    and before the other, UTC ms. external_id: what other software calls them."""

    state: JobState | None = None
    account: str | None = None
    search: str = ""
    since: int | None = None
    until: int | None = None
    external_id: str | None = None

    @property
    def conditions(self) -> list[Any]:
        given = [
            (self.state, Job.state == self.state),
            (self.account, Job.account == self.account),
            (self.since, Job.created_at >= self.since),
            (self.until, Job.created_at < self.until),
            (self.external_id, Job.external_id == self.external_id),
        ]
        named = [contains(Job.name, word) for word in self.search.split()]
        return [Job.state != FILLING, *named, *(condition for value, condition in given if value is not None)]


def jobs(cursor: int | None, limit: int = PAGE, wanted: Wanted = Wanted()) -> tuple[list[JobRow], int | None]:
    """Jobs older than the cursor, newest first; and the cursor of the next page."""
    query = Job.select().where(*wanted.conditions).order_by(Job.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(Job.id < cursor)
    rows = [record(JobRow, row) for row in rights.within(query, Job.account)]
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


@dataclass(frozen=True)
class Listed:
    """Which jobs the overview lists. over: those that are over, those that are not, or None for both; account: "" for
    all."""

    archived: bool = False
    over: bool | None = None
    search: str = ""
    account: str = ""


def overview(listed: Listed, cursor: int | None = None, limit: int = PAGE) -> tuple[list[JobRow], int | None]:
    """The jobs that the overview lists, older than the cursor, newest first; and the cursor of the next page."""
    query = Job.select().where(Job.state != FILLING, Job.archived_at.is_null(not listed.archived))
    query = rights.within(query, Job.account)
    if listed.over is not None:
        open_ = Job.state.in_(sorted(OPEN))
        query = query.where(~open_ if listed.over else open_)
    if listed.account:
        query = query.where(Job.account == listed.account)
    for word in listed.search.split():
        query = query.where(contains(Job.name, word))
    if cursor is not None:
        query = query.where(Job.id < cursor)
    rows = [record(JobRow, row) for row in query.order_by(Job.id.desc()).limit(limit + 1)]
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def has_waiting(account: str) -> bool:
    """Whether anything of that account's jobs that may run is still to be sent."""
    return bool(
        Job.select(Job.id).where(Job.account == account, Job.state.in_(sorted(MAY_RUN)), Job.pending > 0).exists()
    )


def archived() -> int:
    """How many jobs are archived, MANY at most."""
    query = rights.within(Job.select(Job.id).where(Job.archived_at.is_null(False)), Job.account)
    return int(query.limit(MANY).count())


def some_jobs(ids: Collection[int]) -> list[JobRow]:
    """The jobs with these ids, as far as they exist."""
    query = rights.within(Job.select().where(Job.id.in_(sorted(ids)), Job.state != FILLING), Job.account)
    return [record(JobRow, row) for row in query] if ids else []


def messages_everywhere(
    state: str, cursor: int | None, limit: int = PAGE, job_id: int | None = None, account: str | None = None
) -> tuple[list[MessageRow], int | None]:
    """Messages in one state, of all jobs, of one or of an account's, oldest first, after the cursor; and the cursor of
    the next page."""
    if state not in set(State):
        raise errors.InvalidInput(Why.STATE_UNFIT, states=", ".join(State))
    query = Message.select().where(Message.state == state)
    if cursor is not None:
        query = query.where(Message.id > cursor)
    if job_id is not None:
        query = query.where(Message.id.in_(_by_job(Job.id == job_id, Message.id, state, cursor, limit + 1)))
        return _page(query, limit)
    some = UNDECIDED if state == State.UNCERTAIN else getattr(Job, state) > 0
    which = [some, *([Job.account == account] if account is not None else [])]
    if (Job.select(peewee.fn.SUM(getattr(Job, state))).where(*which).scalar() or 0) > FEW:
        query = query.where(Message.job.in_(rights.within(Job.select(Job.id).where(*which), Job.account)))
    else:
        # + 0: no index has that order, so that it is not followed through all messages, to find a few of them.
        found = _by_job(functools.reduce(and_, which), Message.id + 0, state, cursor, limit + 1)
        query = query.where(Message.id.in_(found))
    return _page(query, limit)


def _page(query: Any, limit: int) -> tuple[list[MessageRow], int | None]:
    with in_order():
        rows = messages(query.order_by(Message.id).limit(limit + 1))
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def messages_called(
    external_id: str, state: str | None, account: str | None, cursor: int | None, limit: int = PAGE
) -> tuple[list[MessageRow], int | None]:
    """Messages of all jobs whose recipient other software calls so, in any state or in one, of all accounts or one,
    oldest first, after the cursor; and the cursor of the next page."""
    query = Message.select().join(Job).where(Message.external_id == external_id, Job.state != FILLING)
    query = rights.within(query, Job.account)
    if account is not None:
        query = query.where(Job.account == account)
    if state is not None:
        query = query.where(Message.state == state)
    if cursor is not None:
        query = query.where(Message.id > cursor)
    return _page(query, limit)


def messages_to(
    person: PersonKey,
    state: State | None = None,
    account: str | None = None,
    cursor: int | None = None,
    limit: int = PAGE,
) -> tuple[list[MessageRow], int | None]:
    """A person's messages, of all jobs and accounts or of one account, oldest first, after the cursor; and the cursor
    of the next page."""
    accounts = [account] if account is not None else Account.select(Account.name)
    theirs = Message.select(Message.id).where(Message.account.in_(accounts), Message.person == person)
    theirs = rights.within(theirs, Message.account)
    # + 0: in the order of no index, so that it is not followed through all messages, to find a few of them.
    query = Message.select().join(Job).where(Message.id.in_(theirs), Job.state != FILLING).order_by(Message.id + 0)
    if state is not None:
        query = query.where(Message.state == state)
    if cursor is not None:
        query = query.where(Message.id > cursor)
    rows = messages(query.limit(limit + 1))
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def _by_job(which: Any, order: Any, state: str, cursor: int | None, limit: int) -> list[int]:
    """The ids of the first messages in that state of the jobs that meet the condition `which`, looked up job by job."""
    theirs = (which, Message.job == Job.id, Message.state == state, Message.id > (cursor or 0))
    query = Job.select(Message.id).join(Message, peewee.JOIN.CROSS).where(*theirs)  # CROSS: SQLite keeps to the order
    query = rights.within(query, Job.account)
    with in_order():
        return [message_id for (message_id,) in tuples(query.order_by(order).limit(limit))]


def message(message_id: int) -> tuple[MessageRow, list[Step]]:
    """One message and its history, oldest first. Raises NotFound."""
    found = messages(Message.select().join(Job).where(Message.id == message_id, Job.state != FILLING))
    if not found or not rights.may(found[0].account):
        raise errors.NotFound(Why.NO_MESSAGE, message=message_id)
    return found[0], [record(Step, each) for each in old_history.of(message_id)]
