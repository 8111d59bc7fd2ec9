"""Since when messages wait although they are due: what metrics and notices tell of a queue that stands still."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from daemon.accounts import limits, pace
from daemon.accounts.directory import AccountRow
from daemon.config import Settings
from daemon.db.connection import available
from daemon.db.prepared import Prepared, param
from daemon.db.proxy import in_order
from daemon.delivery import claim
from daemon.models import Job, Message
from daemon.states import MAY_RUN

MOST_JOBS = 200  # of an account that run at once and are looked at


@dataclass(frozen=True)
class Waits:
    """Since when the oldest due message of an account has been due, and since when it could have been handed over by
    pace, caps and hours; UTC ms, None: there is none, or not now."""

    due: int | None
    late: int | None


def waits(settings: Settings, account: AccountRow, now: int) -> Waits:
    """How long the account's messages wait."""
    rules = limits.rules(settings)
    takes = claim.Takes(account.dry_run, settings.dryrun_takes_all)
    values = {"account": account.name, "now": now, "zone": rules.zone, "farthest": now + claim.FARTHEST_MS}
    with available(), in_order():
        rows = _first(**values, **takes.values()).fetchall()
    found = [max(first, made, scheduled or 0, opened) for first, made, scheduled, opened in rows if first is not None]
    due = min((since for since in found if since <= now), default=None)
    if due is None or pace.opening(account.name, now, rules).at > now:
        return Waits(due, None)
    return Waits(due, max(due, min(account.next_send_at, now)))


@Prepared
def _first() -> Any:
    """Of each job that the sender may take: when its first message in the queue is due, and since when it is there."""
    first = claim.queued().order_by(Message.not_before, Message.id).limit(1)
    mine = (Job.account == param("account"), Job.state.in_(sorted(MAY_RUN)), Job.pending > 0, *claim.allowed())
    columns = (first, Job.created_at, Job.schedule_at, Job.opens_at)
    return Job.select(*columns).where(*mine).order_by(Job.id).limit(MOST_JOBS)
