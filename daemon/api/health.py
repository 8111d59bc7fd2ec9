"""Whether the process is alive, whether it can send, and metrics."""

from __future__ import annotations

from daemon.accounts import directory
from daemon.api import endpoint
from daemon.api.answers import Metrics
from daemon.api.endpoint import Caller, Open
from daemon.api.schemas.health import Health, Ready, Waiting
from daemon.campaigns import progress
from daemon.db import clock
from daemon.files import release
from daemon.server.metrics import exposition
from daemon.server.scopes import Scope


@endpoint.get("/health", scope=Open.ALWAYS, tag="health")
def health(caller: Caller) -> Health:
    """Alive: the process answers."""
    return Health(version=release.version())


@endpoint.get("/ready", scope=Open.ALWAYS, tag="health", statuses={503: "No account can send now"})
def ready(caller: Caller) -> Ready:
    """Whether an account can send. Callers with a key also see what it waits for."""
    rows, now = directory.every(), clock.now_ms()
    if any(directory.can_send(row, now) for row in rows):
        return Ready(ready=True, reason=None, accounts=None)
    if not caller.known:
        return Ready(ready=False, reason=None, accounts=None)
    waiting = [
        Waiting(
            name=row.name,
            state=row.state,
            hold=row.hold,
            until=row.until,
            reason=progress.explain(row, now),
            code=progress.code(row, now),
        )
        for row in rows
    ]
    reason = "; ".join(each.reason for each in waiting) or "No sender has started yet."
    return Ready(ready=False, reason=reason, accounts=waiting)


@endpoint.get("/metrics", scope=Scope.READ, tag="health")
def metrics(caller: Caller) -> Metrics:
    """What has happened and what waits, for Prometheus: docs/monitoring.md says what each metric means."""
    return Metrics(exposition(caller.settings, clock.now_ms()))
