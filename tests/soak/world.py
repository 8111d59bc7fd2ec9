"""What runs in a soak: a whole instance, stand-ins for WhatsApp, a receiver of webhooks, and what was ordered."""

from __future__ import annotations

import itertools
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from standin.client import StandIn
from standin.graph.client import GraphStandIn
from standin.graph.world import APP_SECRET, BUSINESS_ID, NUMBER_ID, TOKEN, VERIFY_TOKEN
from tests.crash.tree import Manager
from tests.soak.receiver import Receiver
from tests.support import postgres
from tests.support.rig import Rig, eventually

BROWSER, CLOUD = "default", "meta"
PREFIXES = {BROWSER: "+49302312", CLOUD: "+491511"}
CLOUD_SECRETS = {"cloud_token": TOKEN, "cloud_app_secret": APP_SECRET, "cloud_verify_token": VERIFY_TOKEN}
CLOUD_IDS = {"cloud_phone_number_id": NUMBER_ID, "cloud_business_account_id": BUSINESS_ID}
# What Meta does now and then: it refuses a person for good, tells things twice, backwards, or late.
RULES: tuple[dict[str, Any], ...] = (
    {"every": 37, "code": 131026},
    {"every": 23, "fate": {"twice": True}},
    {"every": 19, "fate": {"backwards": True}},
    {"every": 17, "fate": {"late_ms": 4_000}},
)
SWITCHES: dict[str, Any] = {
    "window": "open",
    "throughput": 100_000,
    "pair": False,
    "sent_ms": 200,
    "delivered_ms": 600,
    "read_ms": 2_000,
}


@dataclass
class Ordered:
    """A job of ours, and for whom it is. steady: it is left alone, so that its time to the claim can be told."""

    job_id: int
    account: str
    numbers: list[str]
    steady: bool = False


@dataclass
class World:
    """Everything that runs. supervising: held while supervisorctl runs, which is no process of the instance."""

    rig: Rig
    manager: Manager
    meta: GraphStandIn
    page: StandIn | None
    receiver: Receiver
    url: str  # of the database; "": SQLite
    ordered: list[Ordered] = field(default_factory=list)
    erased: set[str] = field(default_factory=set)
    supervising: threading.Lock = field(default_factory=threading.Lock)
    _next: dict[str, Any] = field(default_factory=lambda: {name: itertools.count() for name in PREFIXES})

    @property
    def cloud(self) -> str:
        """The name of the account of the Cloud API; without a browser it is the only one."""
        return CLOUD if self.page else BROWSER

    def numbers(self, account: str, count: int) -> list[str]:
        """So many people who have got nothing so far."""
        prefix = PREFIXES[account if self.page else CLOUD]
        width = 12 - len(prefix) + (2 if prefix == PREFIXES[CLOUD] else 1)
        return [f"{prefix}{next(self._next[account]):0{width}d}" for _ in range(count)]

    def people(self) -> int:
        return sum(len(each.numbers) for each in self.ordered)

    def latest(self) -> tuple[int, str]:
        """The last job and somebody in it; 0 without one."""
        last = self.ordered[-1] if self.ordered else None
        return (last.job_id, last.numbers[0]) if last else (0, "")

    def control(self, *words: str) -> str:
        with self.supervising:
            return self.rig.control(*words)

    def delivered(self) -> Counter[str]:
        """What everybody really got, as the stand-ins have it."""
        got = Counter(str(each["to"]) for each in self.meta.record()["messages"])
        if self.page:
            got += Counter(str(each["number"]) for each in self.page.messages())
        return got

    def violations(self) -> list[str]:
        """What the stand-in's page saw that a careful driver never does."""
        return [str(each["what"]) for each in self.page.record()["violations"]] if self.page else []

    def database(self) -> tuple[int, int]:
        """Bytes of the database, and of its write-ahead log."""
        if not self.url:
            file = self.rig.data / "wasender.db"
            return _size(file), _size(file.with_name(file.name + "-wal"))
        with psycopg.connect(self.url) as own:
            found = own.execute("SELECT pg_database_size(current_database()), sum(size) FROM pg_ls_waldir()").fetchone()
        assert found
        return int(found[0]), int(found[1])

    def sound(self) -> list[str]:
        """What SQLite finds wrong with its file."""
        if self.url:
            return []
        with sqlite3.connect(self.rig.data / "wasender.db") as own:
            found = [str(row[0]) for row in own.execute("PRAGMA integrity_check")]
        return [] if found == ["ok"] else found


def begin(folder: Path, database: str, browser: bool, stack: ExitStack) -> World:
    """Start it all; it ends with the stack."""
    (folder / "rig").mkdir()
    url = ""
    others = {each.pid for each in psutil.Process().children()}  # of whoever has this done
    if database == "postgresql":
        server = stack.enter_context(postgres.Server(durable=True))
        url = server.new_database()
        others.add(server.pid)
    receiver = stack.enter_context(Receiver())
    page = None
    if browser:
        page = stack.enter_context(StandIn.start(folder / "standin", linked=True, delivered_ms=2_000, read_ms=5_000))
        assert page.process
        others.add(page.process.pid)
    settings: dict[str, Any] = {
        "webhook_networks": "127.0.0.1", "database_url": url, "send_timeout_s": 30, "retry_after_s": 5,
        "browser_memory_mb": 1_500, **CLOUD_SECRETS,
    }  # fmt: skip
    rig = Rig(folder / "rig", **settings)
    meta = stack.enter_context(GraphStandIn.start(f"http://127.0.0.1:{rig.port}/webhooks/cloud", **SWITCHES))
    assert meta.process
    others.add(meta.process.pid)
    rig.environment["WASENDER_CLOUD_URL"] = meta.url
    if page:
        rig.environment |= {"WASENDER_WHATSAPP_URL": page.url}
        (rig.root / "wasender.env").write_text("WASENDER_SENDERS=2\n")
        command = [sys.executable, "-m", "daemon.ops.preflight", "--senders"]
        subprocess.run(command, cwd=rig.root, env=rig.environment, check=True, timeout=60)
    else:
        rig.environment |= meta.settings
    world = World(rig, Manager(rig, others), meta, page, receiver, url)
    stack.enter_context(rig)
    rig.ready()
    if page:
        made = rig.call("POST", "/accounts", {"name": CLOUD, "transport": "cloud", **CLOUD_IDS, **CLOUD_SECRETS})
        assert made.get("name") == CLOUD, made
        eventually(lambda: rig.call("GET", f"/accounts/{CLOUD}").get("can_send"), what="the Cloud API account can send")
    for rule in RULES:
        meta.rule(**rule)
    made = rig.call("POST", "/webhooks", {"url": receiver.url, "name": "Soak"})
    assert "secret" in made, made
    return world


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
