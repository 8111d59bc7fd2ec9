"""An upgrade tells tests from campaigns and answers apart by what the page has left, on every database."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon import errors
from daemon.campaigns import drafts
from daemon.db import clock, connection, inspection, proxy
from daemon.models import Answer, Job, KeptAnswer, Kind
from tests.support.postgres import Server

STEP = "0007_kinds_and_scopes"
DRAFT, OTHER = "d" * 32, "e" * 32


@pytest.fixture
def earlier(
    backend: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[str]:
    """A database as it was before that step; `db.connect` brings it on."""
    url, server = database_url, None
    if backend == "postgresql":
        server = request.getfixturevalue("postgresql")
        assert isinstance(server, Server)
        url = server.new_database(migrated=False)
    steps = tmp_path / "steps"
    steps.mkdir()
    for step in inspection.MIGRATIONS.glob("[0-9]*.py"):
        if step.stem < STEP:
            shutil.copy(step, steps)
    with monkeypatch.context() as patched:
        patched.setattr(inspection, "MIGRATIONS", steps)
        connection.connect(url)
    yield url
    connection.close()
    if server:
        server.drop(url)


def put(table: str, **values: Any) -> None:
    names, places = ", ".join(f'"{name}"' for name in values), ", ".join([proxy.database.param] * len(values))
    proxy.database.execute_sql(f'INSERT INTO "{table}" ({names}) VALUES ({places})', list(values.values()))


def job(job_id: int, name: str, text: str = "Hi", total: int = 1) -> None:
    counts = dict.fromkeys(
        ("pending", "claimed", "sending", "sent", "delivered", "read", "failed", "uncertain", "skipped", "cancelled"), 0
    )
    put(
        "job", id=job_id, account="default", name=name, text=text, attachments="[]", state="completed", delay_min_ms=0,
        delay_max_ms=0, created_at=1, claimed_at=0, total=total, columns="[]", rejected="[]", daily_cap=0, opens_at=0,
        **counts,
    )  # fmt: skip


def answer(key: str, **response: Any) -> None:
    put("answer", key=key, request="0" * 64, response=json.dumps(response), created_at=1)


def test_what_the_page_has_sent_as_a_test_is_one_afterwards(earlier: str) -> None:
    """A name alone makes no test, nor does a key of the same form for a campaign of many."""
    job(1, "Test: Spring")
    job(2, "Test: by a caller")
    job(3, "Test: of everybody", total=2)
    answer(f"test:{DRAFT}:{'a' * 16}", job_id=1)
    answer("test:mine", job_id=2)
    answer(f"test:{DRAFT}:{'b' * 16}", job_id=3)
    connection.close()
    connection.connect(earlier)

    assert {1: Kind.TEST, 2: Kind.CAMPAIGN, 3: Kind.CAMPAIGN} == {row.id: row.kind for row in Job.select()}
    assert {("test", f"{DRAFT}:{'a' * 16}"), ("send", "test:mine"), ("send", f"test:{DRAFT}:{'b' * 16}")} == {
        (row.scope, row.key) for row in Answer.select()
    }


def test_keys_of_callers_are_kept_and_those_of_the_page_are_theirs_no_more(earlier: str, settings: Any) -> None:
    """A repeat after the upgrade still gets the first answer; a draft whose start was cut off knows its job, unless
    the job was planted."""
    job(1, "Order")
    job(2, "Spring", text="Begun")
    job(3, "Planted", text="Not from a draft")
    for draft_id, text in ((DRAFT, "Begun"), (OTHER, "Mine")):
        put(
            "draft", id=draft_id, name="Spring", data=json.dumps({"text": text}), version=3, created_by="x",
            created_at=1, updated_at=1,
        )  # fmt: skip
    answer("order-17", job_id=1, success=True)
    answer("list:k", list_id=5, added=1, duplicates=0)
    answer(f"draft:{DRAFT}", job_id=2)
    answer(f"draft:{OTHER}", job_id=3)
    connection.close()
    connection.connect(earlier)

    kept = {("send", "order-17", 1), ("list", "k", None), ("draft", DRAFT, 2), ("send", f"draft:{OTHER}", 3)}
    assert kept == {(row.scope, row.key, row.response.get("job_id")) for row in Answer.select()}
    assert {"order-17", f"draft:{OTHER}"} == {row.key for row in KeptAnswer.select()}
    assert 2 == drafts.start(settings, DRAFT, 3, "test", clock.now_ms())
    with pytest.raises(errors.EditConflict):
        drafts.start(settings, OTHER, 3, "test", clock.now_ms())
