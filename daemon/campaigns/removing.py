"""Removing an account, with what it still has to send. What it has sent stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import peewee
import structlog

from daemon import errors
from daemon.accounts import installed
from daemon.accounts.refusals import Why
from daemon.campaigns import cloud_templates, series
from daemon.config import Settings
from daemon.db.connection import write
from daemon.db.proxy import in_order, tuples
from daemon.delivery import sweeps
from daemon.i18n.coded import refusal
from daemon.models import Job
from daemon.states import IN_HAND, OPEN

log = structlog.get_logger()

NAMED = 100  # so many campaigns are named at most


@dataclass(frozen=True)
class Work:
    """What an account still has to do. jobs, series: ids of campaigns that are not over."""

    queued: int
    in_flight: int
    jobs: tuple[int, ...]
    series: tuple[int, ...]

    def __bool__(self) -> bool:
        return bool(self.queued or self.in_flight or self.jobs or self.series)


def work(name: str) -> Work:
    """What the account still has to do."""
    in_hand = sum((getattr(Job, state.value) for state in IN_HAND), peewee.Value(0))
    total = (peewee.fn.SUM(Job.pending), peewee.fn.SUM(in_hand))
    queued, in_flight = tuples(Job.select(*total).where(Job.account == name))[0]
    with in_order():
        jobs = tuples(Job.select(Job.id).where(_open(name)).order_by(Job.id))
    return Work(int(queued or 0), int(in_flight or 0), tuple(row[0] for row in jobs), tuple(series.going_on(name)))


def _open(name: str) -> Any:
    return (Job.account == name) & Job.state.in_(sorted(OPEN))


def remove(settings: Settings, name: str, cancel: bool, who: str, now: int) -> None:
    """Remove the account: nothing is sent from it any more, and what it has sent can still be read. cancel: stop its
    campaigns first; a message that is being sent is finished.

    One transaction; `finish` cancels what it has left of large campaigns. Raises NotFound, IllegalMove, AccountHasWork.
    """
    with write():
        installed.removable(settings, name)
        found = work(name)
        if found and not cancel:
            raise _refused(name, found)
        for series_id in found.series:
            series.end(series_id, who, now)
        for job_id in found.jobs:
            sweeps.stop(job_id, who, now)
        installed.lock(name)  # after the jobs, as a move of a message locks both
        anew = work(name)
        if anew.jobs or anew.series:  # made while these were being stopped
            raise _refused(name, anew)
        cloud_templates.forget(name)
        installed.strike(name, who, now)


def finish(name: str, now: int) -> None:
    """Cancel what is still queued of the campaigns that were stopped. Not to be called in a transaction. What the
    database does not take is left to `sweeps.finish_stops`: the account is removed in any case."""
    try:
        sweeps.finish_stops(now, account=name)
    except errors.DatabaseBusy as error:
        log.warning("account.removal_interrupted", account=name, reason=str(error))


def _refused(name: str, found: Work) -> errors.AccountHasWork:
    campaigns, queued, in_flight = len(found.jobs) + len(found.series), found.queued, found.in_flight
    told = refusal(Why.HAS_MESSAGES, name=name, queued=queued, in_flight=in_flight, campaigns=campaigns)
    return errors.AccountHasWork(told, _shown(found))


def _shown(found: Work) -> dict[str, object]:
    return {"queued": found.queued, "in_flight": found.in_flight, "jobs": list(found.jobs[:NAMED])}
