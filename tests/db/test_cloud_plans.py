"""What Meta tells is looked up by indexes: nothing grows with what has been sent, whatever the database's statistics
say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from daemon.accounts import directory, pacing, portfolios
from daemon.contacts.person import Person
from daemon.db import proxy
from daemon.db.connection import write
from daemon.db.proxy import in_order
from daemon.delivery import claim, cloud_inbox, receipts, unreported, windows
from daemon.delivery.unreported import Place
from daemon.models import Job, Message, Portfolio
from daemon.states import E164, JobState, Status
from daemon.transports.protocol import StatusUpdate
from tests.conftest import NOW
from tests.support.plans import reading

MANY, FEW = 6_000, 1_000
HOUR_MS = 3_600_000

pytestmark = pytest.mark.usefixtures("fresh_database")


@pytest.fixture(params=[False, True], ids=["never counted", "counted"])
def many(database: str, request: pytest.FixtureRequest) -> Job:
    """A job with so many messages, sent one after the other in the last hours, the last ten of which are accepted."""
    directory.open_account("default", NOW)
    if proxy.on_postgres():
        for table in ("job", "message", "last_wrote", "known_user", "cloud_seen", "portfolio_person"):
            proxy.database.execute_sql(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    made = {"account": "default", "name": "n", "text": "t", "delay_min_ms": 0, "delay_max_ms": 0, "created_at": NOW}
    job = Job.create(state=JobState.COMPLETED, total=MANY, sent=MANY - 10, accepted=10, **made)
    at = f"({NOW} - 7200000 + i * 100)"
    values: dict[str, Any] = {"job_id": job.id, "account": "'default'", "row": "i", "fields": "'{}'", "attempts": 1}
    values |= {"number": "'+49151' || (10000000 + i)", "person": "'+49151' || (10000000 + i)", "submissions": 1}
    values |= {"state": f"CASE WHEN i > {MANY - 10} THEN 'accepted' ELSE 'sent' END", "not_before": 0}
    values |= {"transport_id": "'wamid.' || i", "submitted_at": at, "accepted_at": at, "sent_at": at}
    _rows("message", values)
    wrote_at = f"{NOW} + i / {MANY - 2} * {pacing.DAY_MS}"  # the last three of them a day after the others
    _rows("last_wrote", {"account": "'default'", "person": "'+49151' || (10000000 + i)", "at": wrote_at})
    _rows("known_user", {"bsuid": "'DE.' || i", "number": "'+49151' || (10000000 + i)", "at": NOW})
    _rows("cloud_seen", {"key": "'k' || i", "at": NOW})
    everybody = {"business": "'1'", "person": "'+49151' || (10000000 + i)", "before_at": "NULL"}
    _rows("portfolio_person", everybody | {"at": f"({NOW} - i)", "message": "i"})
    Portfolio.create(business="1", most=MANY, people=MANY, told_at=NOW)
    if request.param:
        proxy.database.execute_sql("ANALYZE")
    return job


def _rows(table: str, values: dict[str, Any]) -> None:
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})"
    if proxy.on_postgres():
        numbers = f"WITH n AS (SELECT generate_series(1, {MANY}) AS i)"
    columns = ", ".join(f'"{name}"' for name in values)
    chosen = ", ".join(map(str, values.values()))
    proxy.database.execute_sql(f'INSERT INTO "{table}" ({columns}) {numbers} SELECT {chosen} FROM n')


def _receipts() -> None:
    first = Message.select(Message.id).order_by(Message.id).limit(1).scalar()
    by_id = [StatusUpdate(Status.DELIVERED, NOW, message_id=first + n, submission=1) for n in range(10)]
    by_name = [StatusUpdate(Status.DELIVERED, NOW, transport_id=f"wamid.{n}") for n in range(100, 110)]
    receipts.take("default", [*by_id, *by_name], NOW)


def as_claims_do(work: Callable[[], Any]) -> None:
    """In a transaction of theirs."""
    with write(), in_order():
        work()


NOBODY = pacing.Rules(portfolio="2")
PERSON = Person(E164("+4915110000017")).key
WORK: dict[str, Callable[[], Any]] = {
    "receipts": _receipts,
    "overdue": lambda: unreported._overdue("default", Place(), NOW + HOUR_MS),
    "followed": lambda: unreported._followed("default", Place(NOW - HOUR_MS), NOW),
    "polls": lambda: unreported.polls("default", NOW),
    "window": lambda: windows.window("default", PERSON, NOW),
    "windows": lambda: windows.windows({("default", PERSON)}, NOW),
    "learn": lambda: windows.learn({"DE.5": E164("+4915110000005"), "DE.x": E164("+4915110000006")}, NOW),
    "number": lambda: windows.number_of(None, "DE.9"),
    "reach": lambda: portfolios.reach("1", NOW),
    "room": lambda: portfolios.room("1", NOW),
    "opens": lambda: portfolios.opens_at("1", NOW),
    "take": lambda: portfolios.take("1", PERSON, 1, NOW),
    "give back": lambda: portfolios.give_back(7),
    "counted": lambda: as_claims_do(lambda: portfolios.counted("1", {PERSON}, NOW)),
    "uncounted": lambda: as_claims_do(lambda: claim._uncounted(Job.get(), 9, NOW + pacing.DAY_MS + 1, NOBODY)),
    "first time": lambda: cloud_inbox.first_time("k17", NOW),
    "newer": lambda: cloud_inbox.newer("k18", NOW + 1),
    "waiting": cloud_inbox.waiting,
    "prune": lambda: cloud_inbox.prune(NOW),
}


@pytest.mark.parametrize("work", WORK)
def test_little_is_read(many: Job, monkeypatch: pytest.MonkeyPatch, work: str) -> None:
    """As the database counts it."""
    with reading(monkeypatch) as reads:
        WORK[work]()
    assert reads.rows <= FEW, reads.by_table
