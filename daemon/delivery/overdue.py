"""Since when messages wait although they are due: what metrics and notices tell of a queue that stands still."""

from __future__ import annotations

from typing import Any

from daemon.accounts import pace, pacing
from daemon.accounts.directory import AccountRow
from daemon.db.connection import available
from daemon.db.prepared import Prepared, param
from daemon.db.proxy import in_order
from daemon.models import Job, Message
from daemon.states import MAY_RUN, State

MOST_JOBS = 200  # of an account that run at once and are looked at


def due_since(account: str, now: int) -> int | None:
    """Since when the account's oldest due message has been due, UTC ms; None: nothing is due."""
    with available(), in_order():
        rows = _first(account=account, now=now).fetchall()
    found = [max(first, made, scheduled or 0, opened) for first, made, scheduled, opened in rows if first is not None]
    return min((since for since in found if since <= now), default=None)


def late_since(account: AccountRow, now: int, rules: pacing.Rules) -> int | None:
    """Since when one of them could have been handed over by the account's pace and hours; None: none can now. rules:
    those of the settings."""
    since = due_since(account.name, now)
    if since is None or pace.opening(account.name, now, rules).at > now:
        return None
    return max(since, min(account.next_send_at, now))


@Prepared
def _first() -> Any:
    """Of each job that runs: when its first message in the queue is due, and since when the job is there."""
    queued = Message.select(Message.not_before).where(Message.job == Job.id, Message.state == State.PENDING.value)
    first = queued.order_by(Message.not_before, Message.id).limit(1)
    mine = (Job.account == param("account"), Job.state.in_(sorted(MAY_RUN)), Job.pending > 0)
    query = Job.select(first, Job.created_at, Job.schedule_at, Job.opens_at)
    return query.where(*mine, Job.opens_at <= param("now")).order_by(Job.id).limit(MOST_JOBS)
