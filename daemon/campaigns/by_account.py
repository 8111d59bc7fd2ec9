"""An account's campaigns."""

from __future__ import annotations

from daemon.models import Account, Job
from daemon.states import OPEN

JOBS_SHOWN = 5


def jobs(account: Account) -> list[Job]:
    """Its campaigns that are not over, the newest first."""
    mine = Job.select().where(Job.account == account.name, Job.state.in_(sorted(OPEN)))
    return list(mine.order_by(Job.id.desc()).limit(JOBS_SHOWN))
