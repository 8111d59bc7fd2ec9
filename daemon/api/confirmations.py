"""Jobs that wait for a person after a restore or a long stop."""

from __future__ import annotations

from daemon.api import endpoint
from daemon.api.endpoint import Caller
from daemon.api.parameters import Cursor, JobId, Limit
from daemon.api.schemas.confirmations import Confirm, Confirmations, Unconfirmed
from daemon.api.schemas.jobs import JobChanged
from daemon.campaigns import confirming, progress, queries
from daemon.campaigns.confirming import Choice, Waiting
from daemon.campaigns.idempotency import Once
from daemon.db import clock
from daemon.errors import IllegalMove, NotFound
from daemon.server.scopes import Scope

DONE = {
    Choice.GO_ON: "The job goes on.",
    Choice.UNCERTAIN: "The job goes on; whom it may have reached is uncertain, and waits for a decision.",
    Choice.STOP: "The job is stopped; queued messages are cancelled.",
}


@endpoint.get("/confirmations", scope=Scope.READ, tag="jobs")
def confirmations(caller: Caller, *, cursor: Cursor | None = None, limit: Limit = confirming.SHOWN) -> Confirmations:
    """Jobs that wait for a decision, because the database was restored, or nothing ran for more than a day."""
    rows = confirming.waiting(caller.settings, cursor or 0, limit + 1)
    after = rows[limit - 1].id if len(rows) > limit else None
    return Confirmations(jobs=[_unconfirmed(row) for row in rows[:limit]], next_cursor=after)


def _unconfirmed(row: Waiting) -> Unconfirmed:
    return Unconfirmed.model_validate(
        {
            "job_id": row.id,
            "name": row.name,
            "account": row.account,
            "state": row.state,
            "cause": row.unconfirmed,
            "found_at": row.unconfirmed_at,
            "known_until": row.unconfirmed_since,
            "total": row.total,
            "out": row.out,
            "pending": row.pending,
            "perhaps_sent": row.perhaps_sent,
        }
    )


@endpoint.post("/jobs/{job_id}/confirm", scope=Scope.CONTROL, errors=(NotFound, IllegalMove), tag="jobs")
def confirm(caller: Caller, *, job_id: JobId, body: Confirm, once: Once) -> JobChanged:
    """Decide what becomes of a job that waits after a restore or a long stop.

    Many are set aside in chunks. If that breaks off, the job still waits: repeat the request. Those that are aside by
    then are among the `first`.
    """
    now, choice = clock.now_ms(), body.choice
    try:
        aside = confirming.set_aside(job_id, choice, caller.name, now, body.first)
    except IllegalMove:
        once.look()  # another host has answered the same request meanwhile
        raise

    def decided() -> JobChanged:
        confirming.decide(job_id, choice, caller.name, now, aside)
        return _changed(caller, job_id, choice)

    answer = once.run(decided, now)
    return (
        once.replace(_changed(caller, job_id, choice))
        if confirming.finish(job_id, choice, caller.name, now)
        else answer
    )


def _changed(caller: Caller, job_id: int, choice: Choice) -> JobChanged:
    found = progress.progress(caller.settings, queries.job(job_id), clock.now_ms())
    return JobChanged.model_validate(vars(found) | {"message": DONE[choice]})
