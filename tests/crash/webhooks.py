"""kill -9 of http, sender and receiver while a campaign is told to a webhook: is anything lost, or out of order?

Run as `python -m tests.crash.webhooks [--kills 120] [--messages 300] [--database sqlite|postgresql] [--seed 1]`. The
three are ordinary processes (`receiving.py` writes down what it got before it answers). They are
killed one after the other, at a moment by chance, the receiver also between writing and answering, and http as soon as
a request of it has arrived, so before its outcome is stored. At the end everything in the history must have arrived, at
least once, and what is about one message in its order.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

from daemon import config
from daemon.campaigns import create, news
from daemon.campaigns.create import Order
from daemon.db import clock, connection
from daemon.models import Delivery, Job
from daemon.models import Webhook as WebhookRow
from daemon.webhooks import outbox, subscriptions
from daemon.webhooks.subscriptions import Wish
from tests.crash.receiving import DIE
from tests.support import forks, postgres
from tests.support.forks import Forked
from tests.support.rig import ROOT, eventually, free_port

VICTIMS = ("http", "sender", "receiver")
PATIENCE_S = 300
KINDS = ("message", "job", "account")


@dataclass
class Outcome:
    """What came of it. kills: by victim; events: in the history; requests: that arrived; lost, disordered: ids."""

    kills: Counter[str] = field(default_factory=Counter)
    events: int = 0
    requests: int = 0
    lost: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        by = " ".join(f"{name}={self.kills[name]}" for name in VICTIMS)
        again = self.requests - self.events
        return (
            f"kills={self.kills.total()} ({by}) events={self.events} requests={self.requests} again={again} "
            f"lost={len(self.lost)} out_of_order={len(self.disordered)}"
        )


class Scene:
    """The three processes, on one database."""

    def __init__(self, folder: Path, url: str | None, stack: ExitStack) -> None:
        self.folder, self.log = folder, folder / "received.jsonl"
        self.log.touch()
        self.port, self._running = free_port(), dict[str, Forked]()
        given: dict[str, object] = {
            "data_dir": folder / "data", "transport": "dryrun", "dryrun_takes_all": "true", "port": free_port(),
            "delay_min": 0, "delay_max": 0, "long_pause_every": 0, "retry_after_s": 0, "lease_s": 5,
            "webhook_networks": "127.0.0.1",
        }  # fmt: skip
        if url:
            given["database_url"] = url
        kept = {name: value for name, value in os.environ.items() if not name.startswith(config.PREFIX)}
        self.environment = kept | {f"{config.PREFIX}{name.upper()}": str(value) for name, value in given.items()}
        (folder / "data").mkdir(mode=0o700)
        self.settings = config.Settings(_env_file=None, **given)  # type: ignore[arg-type,call-arg]
        connection.connect(self.settings.db_url)
        stack.callback(connection.close)
        stack.callback(self.stop)
        for victim in VICTIMS:
            self.start(victim)

    def start(self, name: str) -> None:
        words = {
            "http": ["daemon.http"],
            "sender": ["daemon.sender"],
            "receiver": ["tests.crash.receiving", str(self.port), str(self.log)],
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = forks.start(["-m", *words[name]], self.environment, ROOT, log)

    def kill(self, name: str) -> None:
        """SIGKILL, and start it again."""
        process = self._running[name]
        process.kill()
        process.wait()
        self.start(name)

    def ready(self) -> None:
        """Wait until http and the receiver take requests. One that has ended by itself, as where another program has
        taken its port while it was dead, is started again."""
        for name, port in (("receiver", self.port), ("http", self.settings.port)):
            eventually(lambda name=name, port=port: self._up(name, port), PATIENCE_S, f"{name} listens on {port}")  # type: ignore[misc]

    def _up(self, name: str, port: int) -> bool:
        if self.died(name):
            time.sleep(0.5)  # as a supervisor would
            self.start(name)
        return _listens(port)

    def stop(self) -> None:
        for process in self._running.values():
            process.kill()
            process.wait()

    def died(self, name: str) -> bool:
        return self._running[name].poll() is not None

    def received(self) -> list[Any]:
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.endswith("}")]


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def play(folder: Path, url: str | None, kills: int, messages: int, seed: int) -> Outcome:
    """One campaign with so many kills in it."""
    chance, outcome = random.Random(seed), Outcome()
    with ExitStack() as stack:
        scene = Scene(folder, url, stack)
        wish = Wish(f"http://127.0.0.1:{scene.port}/", kinds=KINDS)
        made = subscriptions.make(wish, scene.settings.hook_networks, "crash", clock.now_ms())
        begin = news.begun()
        jobs = 0
        while outcome.kills.total() < kills:
            if not Job.select().where(Job.state.in_(["pending", "running"])).count():
                jobs += 1
                numbers = [f"+4915{jobs % 100:02}{n:07}" for n in range(messages)]
                create.create(scene.settings, Order("Hello", numbers=numbers), "crash", clock.now_ms())
            scene.ready()
            _hurry(made.webhook.id)
            _strike(scene, chance, outcome)
        scene.ready()
        eventually(lambda: not Job.select().where(Job.state != "completed").count(), PATIENCE_S, "the campaign is done")
        eventually(lambda: _hurry(made.webhook.id) and _all_told(begin, made.webhook.id), PATIENCE_S, "all is told")
        _judge(scene, made.secret, begin, outcome)
    return outcome


def _strike(scene: Scene, chance: random.Random, outcome: Outcome) -> None:
    """Kill one of them: by chance, or at a moment that chance seldom finds."""
    victim, way = chance.choice(VICTIMS), chance.random()
    before = len(scene.received())
    if victim == "receiver" and way < 0.5:
        (scene.folder / DIE).touch()
        give_up = time.monotonic() + 5
        while not scene.died("receiver") and time.monotonic() < give_up:
            time.sleep(0.005)
        (scene.folder / DIE).unlink(missing_ok=True)
    elif victim == "http" and way < 0.5:
        give_up = time.monotonic() + 5
        while len(scene.received()) == before and time.monotonic() < give_up:
            time.sleep(0.001)
    else:
        time.sleep(chance.random())
    scene.kill(victim)
    outcome.kills[victim] += 1


def _hurry(webhook_id: int) -> bool:
    """What failed is due now, with all that waits behind it, also what was given up: nobody waits five minutes here."""
    Delivery.update(due_at=0).where(Delivery.state == "waiting", Delivery.due_at > clock.now_ms()).execute()
    WebhookRow.update(rest_until=0).execute()
    outbox.replay_dead(webhook_id, "crash", clock.now_ms())
    return True


def _history(begin: news.Position) -> list[news.News]:
    horizon = news.horizon()
    until = eventually(lambda: news.settled(horizon), what="all transactions of before have ended")
    found: list[news.News] = []
    more = True
    while more:
        page = news.page(begin, until, news.Wanted(frozenset(KINDS)))
        found += page.news
        begin, more = page.end, page.more
    return found


def _all_told(begin: news.Position, webhook_id: int) -> bool:
    told = Delivery.select().where(Delivery.webhook == webhook_id, Delivery.state == "delivered").count()
    return bool(told >= len(_history(begin)))


def _judge(scene: Scene, secret: str, begin: news.Position, outcome: Outcome) -> None:
    first: dict[str, int] = {}
    for at, got in enumerate(scene.received()):
        event_id = got["headers"]["webhook-id"]
        if time.time() - int(got["headers"]["webhook-timestamp"]) < 240:  # after five minutes none is taken
            Webhook(secret).verify(got["body"], got["headers"])
        first.setdefault(event_id, at)
        outcome.requests += 1
    topics: dict[str, list[str]] = defaultdict(list)
    for each in _history(begin):
        outcome.events += 1
        topics[each.order].append(each.id)
    for ids in topics.values():
        outcome.lost += [each for each in ids if each not in first]
        places = [first[each] for each in ids if each in first]
        if places != sorted(places):
            outcome.disordered += ids


def main(arguments: list[str]) -> int:
    """Play, and print one line of figures; the exit code is 1 when anything was lost or out of order."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.webhooks", description=__doc__)
    parser.add_argument("--kills", type=int, default=120)
    parser.add_argument("--messages", type=int, default=300, help="of each campaign")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    given = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wasender-hooks-")))
        url = None
        if given.database == "postgresql":
            url = stack.enter_context(postgres.Server()).new_database()
        outcome = play(folder, url, given.kills, given.messages, given.seed)
    print(outcome)
    return 1 if outcome.lost or outcome.disordered else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
