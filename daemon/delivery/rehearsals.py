"""When a dry run is over and the account's sender sends again: nothing goes out for real unasked, and what the dry run
handed over no longer counts."""

from __future__ import annotations

from daemon.accounts import directory, handovers
from daemon.db.connection import write
from daemon.delivery import job_moves
from daemon.delivery.refusals import Asks
from daemon.i18n.coded import refusal
from daemon.models import Job
from daemon.states import JOB_MOVES


def end(account: str, now: int) -> None:
    """A sender that sends begins: campaigns that were made for a dry run and not begun are paused until a person
    resumes them, also where no sender ran in the dry run, and only the http process did. Where this sender takes the
    account over from one that sent nothing, what that handed over no longer uses up the account's caps."""
    open_ = Job.state.in_(sorted(JOB_MOVES["pause"][0]))
    made = Job.select(Job.id).where(Job.account == account, Job.for_dry_run, ~Job.dry_run, open_)
    for job in made.order_by(Job.id):
        job_moves.suspend(job.id, refusal(Asks.MADE_FOR_DRY_RUN), now)
    before = directory.known(account)
    if before is not None and before.dry_run:
        with write():
            handovers.forget_rehearsed(account, now)
