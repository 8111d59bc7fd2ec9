"""A sender or http over the Cloud API, in which one fault may be planted.

Run as `python -m tests.crash.cloud_victim sender|http POINT NTH FAULT`; FAULT none: nothing is planted. The waits
that are minutes in a real account are shortened, and nothing else is changed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from daemon import config, http, sender
from daemon.config import Settings
from daemon.delivery import cloud_inbox
from daemon.transports import registry
from daemon.transports.cloud import standing, transport
from daemon.transports.cloud.transport import CloudTransport
from daemon.webhooks import cloud
from tests.crash.plan import ANY_TIME, Plan
from tests.crash.victim import Fault, plant, quicken

RECEIPT_S = 2.0  # an answer, and then a receipt, is waited for; shorter than can be set


class Quick(CloudTransport):
    """Waits less."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.model_copy(update={"send_timeout_s": RECEIPT_S}))


def send(plan: Plan) -> int:
    """The sender."""
    quicken()
    standing.HELD_S = standing.OFFLINE_S = (0.3,)  # type: ignore[assignment]
    transport.TRIAL_S = 0.5
    registry.make_transport = Quick  # type: ignore[assignment]
    if plan.kind != "none":
        plant(Fault(plan, config.load().data_dir), Quick)
    return sender.main()


def serve(plan: Plan) -> int:
    """http, which dies at a point of what becomes of a webhook."""
    cloud.POLL_S = 0.1
    if plan.kind != "none":
        _plant_among_receipts(plan)
    return http.main()


def _plant_among_receipts(plan: Plan) -> None:
    left, lock = plan.nth, threading.Lock()

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def pass_by(point: str) -> None:
        nonlocal left
        with lock:
            if plan.point == ANY_TIME and left:
                threading.Timer(left / 1000, die).start()
                left = 0
            elif point == plan.point:
                left -= 1
                if left == 0:
                    die()

    store, advance, take = cloud_inbox.store, cloud_inbox.advance, cloud.Worker._take

    def store_with_points(*given: Any) -> None:
        pass_by("before_store")
        store(*given)
        pass_by("after_store")

    def advance_with_points(*given: Any) -> None:
        advance(*given)
        pass_by("before_take_commit")

    def take_with_points(*given: Any) -> None:
        pass_by("before_take")
        take(*given)
        pass_by("after_take_commit")

    cloud_inbox.store, cloud_inbox.advance = store_with_points, advance_with_points
    cloud.Worker._take = take_with_points  # type: ignore[method-assign]


def main(what: str, point: str, nth: str, kind: str) -> int:
    return {"sender": send, "http": serve}[what](Plan(point, int(nth), kind))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
