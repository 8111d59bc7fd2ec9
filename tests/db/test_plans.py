"""What a claim reads does not grow with the queue, whatever the database's statistics say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from daemon.accounts import directory, pacing
from daemon.db import proxy
from daemon.delivery import claim
from daemon.models import Job, Message
from daemon.states import JobState, State
from tests.conftest import NOW
from tests.support.plans import reading

QUEUED = 20_000
A_FEW = 500  # rows that a claim may look at, those of a hundred jobs among them
DUE = NOW - 1_000

pytestmark = pytest.mark.usefixtures("fresh_database")


@pytest.fixture
def fill(database: str) -> Callable[..., Job]:
    """Makes a job with so many messages in one state, by one statement; PostgreSQL counts nothing by itself."""
    directory.open_account("default", NOW)
    if proxy.on_postgres():
        for table in ("job", "message"):
            proxy.database.execute_sql(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")

    def fill(count: int, state: State = State.PENDING, first: int = 0) -> Job:
        job = Job.create(
            account="default", name="n", text="t", state=JobState.PENDING if state is State.PENDING else "completed",
            delay_min_ms=0, delay_max_ms=0, created_at=NOW, total=count,
        )  # fmt: skip
        numbers = f"WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {first + count - 1})"
        if proxy.on_postgres():
            numbers = f"WITH n AS (SELECT generate_series({first}, {first + count - 1}) AS i)"
        number = "'+491511' || substr(CAST(10000000 + i AS TEXT), 2)"
        values = {"job_id": job.id, "account": "'default'", "row": "i", "number": number, "fields": "'{}'"}
        values |= {"person": number, "state": f"'{state.value}'", "attempts": 0, "submissions": 0, "not_before": DUE}
        columns = ", ".join(f'"{name}"' for name in values)
        proxy.database.execute_sql(
            f'INSERT INTO "message" ({columns}) {numbers} SELECT {", ".join(map(str, values.values()))} FROM n'
        )
        Job.update({state.value: count}).where(Job.id == job.id).execute()
        return job

    return fill


def analyze() -> None:
    proxy.database.execute_sql("ANALYZE")


def never(fill: Any) -> None:
    """As right after an import."""
    fill(QUEUED)


def before(fill: Any) -> None:
    """The last time that it looked nothing was queued: a campaign of yesterday was all there was."""
    fill(QUEUED, State.SENT)
    analyze()
    fill(QUEUED, first=QUEUED)


def fresh(fill: Any) -> None:
    """Right after ANALYZE."""
    fill(QUEUED)
    analyze()


def half_sent(fill: Any) -> None:
    """Half of it is sent since: the first half of the table, where nothing is due any more."""
    job = fill(QUEUED)
    analyze()
    first = Message.select(Message.id).where(Message.job == job).order_by(Message.id).limit(QUEUED // 2)
    Message.update(state=State.SENT).where(Message.id.in_(list(first))).execute()


def half_sent_and_fresh(fill: Any) -> None:
    half_sent(fill)
    analyze()


def many_jobs(fill: Any) -> None:
    """A hundred small ones beside it."""
    fill(QUEUED)
    for n in range(100):
        fill(10, State.SENT, first=n * 10)
    analyze()


@pytest.mark.parametrize("counted", [never, before, fresh, half_sent, half_sent_and_fresh, many_jobs])
def test_a_claim_reads_what_it_takes_and_no_more(fill, monkeypatch, counted):
    """Not the queue, and not what is sent already: by what the database counts."""
    counted(fill)
    with reading(monkeypatch) as reads:
        claimed = claim.claim("default", 5, NOW, 60_000, pacing.Rules())
    assert 5 == len(claimed)
    assert not reads.compiled
    assert 0 < reads.rows < A_FEW, reads
