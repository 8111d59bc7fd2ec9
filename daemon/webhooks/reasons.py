"""Why something did not arrive, as it is said to people."""

from __future__ import annotations

from daemon.i18n.coded import Coded, Refusal, refusal
from daemon.webhooks.outbox import Delivery
from daemon.webhooks.refusals import Problem


def why(delivery: Delivery) -> Coded | None:
    """None where it arrived at the last attempt, or was not tried yet."""
    if delivery.problem is None:
        return None
    code = Refusal.known(delivery.problem)
    if not isinstance(code, Problem):  # of another version
        return refusal(Problem.UNREACHED)
    return refusal(code, status=delivery.status) if delivery.status is not None else refusal(code)
