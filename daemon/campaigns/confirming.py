"""What a person decides about campaigns that wait for it after a restore or a long stop, see
`delivery/interruptions`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import structlog

from daemon import errors
from daemon.accounts import installed, limits, pacing, rights
from daemon.campaigns.refusals import Why
from daemon.config import Settings
from daemon.db.connection import after_commit, write
from daemon.db.proxy import in_order, tuples
from daemon.db.records import record
from daemon.delivery import job_moves, sweeps
from daemon.delivery.interruptions import Cause
from daemon.models import Job, JobStep, Message
from daemon.states import OPEN, JobState, State

log = structlog.get_logger()

SHOWN = 100  # campaigns, or people of one


class Choice(StrEnum):
    """What becomes of a campaign that waits. The words are API."""

    GO_ON = "go_on"  #: send what is queued
    UNCERTAIN = "uncertain"  #: first set aside who may have got it: a person decides about each of them
    STOP = "stop"  #: cancel what is queued


@dataclass(frozen=True)
class Waiting:
    """A campaign that waits for a person. unconfirmed: why, a Cause; unconfirmed_at: since when; unconfirmed_since: the
    last time before that of which everything is known, None where there is none. Times are UTC ms. pause_ms: how far
    apart two of its messages are at least, also in the time of which nothing is known; 0 where they may have been sent
    at once."""

    id: int
    name: str
    account: str
    state: str
    total: int
    pending: int
    claimed: int
    sent: int
    delivered: int
    read: int
    accepted: int
    pause_ms: int
    unconfirmed: str
    unconfirmed_at: int
    unconfirmed_since: int | None

    @property
    def restored(self) -> bool:
        """Whether messages may have been sent that the database knows nothing of."""
        return self.unconfirmed == Cause.RESTORED

    @property
    def out(self) -> int:
        """How many were sent, as the database knows."""
        return self.sent + self.delivered + self.read + self.accepted

    @property
    def perhaps_sent(self) -> int:
        """How many of those that are queued, or will be again because they were in hand, may have been sent in the time
        of which nothing is known: all, or no more than its pauses allow. Never too few: whoever is not set aside gets
        it again."""
        if not self.restored:
            return 0
        queued = self.pending + self.claimed
        if self.unconfirmed_since is None or self.unconfirmed_since >= self.unconfirmed_at or not self.pause_ms:
            return queued
        return min(queued, (self.unconfirmed_at - self.unconfirmed_since) // self.pause_ms + 1)


@dataclass(frozen=True)
class NextInTurn:
    """Somebody who may have got the message: their turn was next. number: in E.164."""

    id: int
    row: int
    number: str


def count() -> int:
    """How many campaigns wait for a person."""
    return int(_waiting(Job.id).count())


def waiting(settings: Settings, after: int = 0, limit: int = SHOWN) -> list[Waiting]:
    """Those that wait, in order of their ids, behind that one."""
    rows = _waiting().where(Job.id > after).order_by(Job.id).limit(limit)
    return [record(Waiting, row, pause_ms=_pause_ms(settings, row)) for row in rows]


def _pause_ms(settings: Settings, row: Job) -> int:
    if row.state == JobState.SCHEDULED:  # another one may have been sent in its place, with other delays
        return 0
    own = limits.settings_of(settings, row.account)
    always = limits.paced(own) and not own.cloud_phone_number_id  # else it may have been one of the Cloud API meanwhile
    return int(row.delay_min_ms) if pacing.pauses(always, row.delay_max_ms, row.own_delays) else 0


def _waiting(*columns: Any) -> Any:
    query = Job.select(*columns).where(Job.unconfirmed.is_null(False), Job.state.in_(sorted(OPEN)))
    return rights.within(query, Job.account)


def next_in_turn(job_id: int, limit: int = SHOWN) -> Sequence[NextInTurn]:
    """Whose turn was next when the campaign was stopped, the first one first."""
    columns = (Message.not_before, Message.id, Message.row, Message.number)
    turns = Message.select(*columns).where(Message.job == job_id).order_by(Message.not_before, Message.id).limit(limit)
    with in_order():  # one state at a time, as the index has them
        found = [row for state in (State.CLAIMED, State.PENDING) for row in tuples(turns.where(Message.state == state))]
    return [NextInTurn(*row) for _, *row in sorted(found)[:limit]]


def confirm(job_id: int, choice: Choice, who: str, now: int, first: int | None = None) -> int:
    """Carry the decision out; returns how many messages were set aside for it, also by one that broke off: then the
    campaign still waits, and it is repeated. first: with UNCERTAIN, only so many, in order of their turn. Not to be
    called in a transaction.

    Raises NotFound, IllegalMove (it does not wait), InvalidInput (`first` with another choice).
    """
    aside = set_aside(job_id, choice, who, now, first)
    decide(job_id, choice, who, now, aside)
    finish(job_id, choice, who, now)
    return aside


def set_aside(job_id: int, choice: Choice, who: str, now: int, first: int | None = None) -> int:
    """What of `confirm` comes before its transaction: `decide` must follow."""
    if first is not None and choice is not Choice.UNCERTAIN:
        raise errors.InvalidInput(Why.FIRST_NEEDS_UNCERTAIN).at("first")
    found = job_moves.job(job_id)
    all_aside = choice is Choice.UNCERTAIN and found.state == JobState.COMPLETED  # by a decision that broke off then
    if found.unconfirmed is None or not (found.state in OPEN or all_aside):
        raise errors.IllegalMove(Why.NOT_UNCONFIRMED, job=job_id)
    if choice is not Choice.STOP:
        installed.require(found.account)
    return sweeps.doubt(job_id, found.unconfirmed_at or now, first, who, now) if choice is Choice.UNCERTAIN else 0


def decide(job_id: int, choice: Choice, who: str, now: int, aside: int) -> None:
    """The campaign waits no longer. One transaction, or part of the caller's; `finish` follows. Raises IllegalMove."""
    with write():
        found = job_moves.job_to_move(job_id)
        if found.unconfirmed is None:  # two people have decided at once: the first one has
            raise errors.IllegalMove(Why.NOT_UNCONFIRMED, job=job_id)
        if choice is Choice.STOP and found.state in OPEN:
            sweeps.stop(job_id, who, now)
        Job.update(job_moves.DECIDED).where(Job.id == job_id).execute()
        if choice is not Choice.STOP:
            move = "confirm_aside" if choice is Choice.UNCERTAIN else "confirm"
            JobStep.create(job=job_id, at=now, move=move, who=who)
            job_moves.tell(job_id, "confirm", who, now)
        after_commit(partial(log.info, "job.confirmed", job_id=job_id, choice=choice.value, count=aside, who=who))


def finish(job_id: int, choice: Choice, who: str, now: int) -> bool:
    """Whether something was left to do after that transaction, which is done by now. Not to be called in one."""
    return choice is Choice.STOP and sweeps.finish_stop(job_id, who, now)
