"""Whether the process is alive, whether it can send, and its numbers."""

from __future__ import annotations

from daemon import accounts, campaigns
from daemon.api import endpoint
from daemon.api.answers import Metrics
from daemon.api.endpoint import Caller, Open
from daemon.api.schemas.health import Health, Ready, Waiting
from daemon.db import now_ms
from daemon.metrics import exposition
from daemon.server.scopes import Scope


@endpoint.get("/health", scope=Open.ALWAYS, tag="health")
def health(caller: Caller) -> Health:
    """Alive: the process answers."""
    return Health()


@endpoint.get("/ready", scope=Open.ALWAYS, tag="health", statuses={503: "No account can send now"})
def ready(caller: Caller) -> Ready:
    """Whether an account can send. Callers with a key are told what it waits for."""
    rows, now = accounts.every(), now_ms()
    if any(accounts.can_send(row, now) for row in rows):
        return Ready(ready=True, reason=None, accounts=None)
    if not caller.known:
        return Ready(ready=False, reason=None, accounts=None)
    waiting = [
        Waiting(
            name=row.name,
            state=row.state,
            hold=row.hold,
            until=row.until,
            reason=campaigns.explain(row, now),
            code=campaigns.code(row, now),
        )
        for row in rows
    ]
    reason = "; ".join(each.reason for each in waiting) or "No sender has started yet."
    return Ready(ready=False, reason=reason, accounts=waiting)


@endpoint.get("/metrics", scope=Scope.READ, tag="health")
def metrics(caller: Caller) -> Metrics:
    """Numbers of messages, jobs and accounts by their states, for Prometheus."""
    return Metrics(exposition())
