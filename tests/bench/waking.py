"""How long an idle sender takes to hand over a message that has just been queued, over the Cloud API.

Run as `python -m tests.bench.waking [--campaigns N]`. The sender is a real process, Meta's API the stand-in; each
campaign is of one message, and the next one is queued at some moment within the second after it. The disk is written to
as in production. On SQLite a sender looks for work four times a second, on PostgreSQL it is told.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import structlog

from daemon import config
from daemon.campaigns import create
from daemon.config import Settings
from daemon.db import clock, connection
from daemon.models import Account
from daemon.states import AccountState
from standin.graph.client import GraphStandIn
from tests.support.cloud import cloud_settings
from tests.support.hand import known
from tests.support.postgres import Server
from tests.support.rig import ROOT, eventually


def measured(database: str, campaigns: int, folder: Path) -> list[float]:
    """Milliseconds for each campaign, from before it was queued until Meta had it."""
    connection.connect(database)
    try:
        known("default")
        with GraphStandIn.start(window="open", webhooks=False) as meta:
            own = cloud_settings(meta.url) | {"data_dir": folder, "database_url": database}
            environment = {name: value for name, value in os.environ.items() if not name.startswith(config.PREFIX)}
            words = {f"{config.PREFIX}{name.upper()}": str(value) for name, value in own.items()}
            with (folder / "sender.log").open("wb") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "daemon.sender"],
                    env=environment | words | {"PYTHONPATH": str(ROOT)}, cwd=folder, stdout=log, stderr=log,
                )  # fmt: skip
                try:
                    ready = Account.select().where(Account.state == AccountState.READY)
                    eventually(ready.exists, what="the sender is ready")
                    settings = config.load(_env_file=None, **own)
                    return [_one(settings, meta, nth) for nth in range(campaigns)]
                finally:
                    process.terminate()
                    process.wait(60)
    finally:
        connection.close()


def _one(settings: Settings, meta: GraphStandIn, nth: int) -> float:
    time.sleep(0.5 + random.random() / 2)  # until it is idle, and then at any moment between two looks
    began = time.time()
    create.create(settings, create.Order("Hello", numbers=[f"+49151{nth:08d}"]), "bench", clock.now_ms())
    taken = meta.record(accepted=nth + 1)["messages"][nth]["at"]
    return 1000.0 * (float(taken) - began)


def main() -> None:
    """Measure both databases, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--campaigns", type=int, default=40)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    with Server(durable=True) as server, tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        for name, url in (("SQLite", f"sqlite:///{one}/wasender.db"), ("PostgreSQL", server.new_database())):
            took = sorted(measured(url, options.campaigns, Path(one if name == "SQLite" else other)))
            print(
                f"{name}: median {statistics.median(took):.0f} ms, the fastest {took[0]:.0f} ms, "
                f"of 20 all but one within {took[-1 - len(took) // 20]:.0f} ms"
            )


if __name__ == "__main__":
    main()
