"""An account's campaigns."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.db.records import record
from daemon.models import Job
from daemon.states import OPEN

JOBS_SHOWN = 5


@dataclass(frozen=True)
class Campaign:
    """A campaign of an account. pending: how many messages wait."""

    id: int
    name: str
    pending: int


def jobs(account: str) -> list[Campaign]:
    """The account's campaigns that are not over, the newest first."""
    mine = Job.select().where(Job.account == account, Job.state.in_(sorted(OPEN)))
    return [record(Campaign, row) for row in mine.order_by(Job.id.desc()).limit(JOBS_SHOWN)]
