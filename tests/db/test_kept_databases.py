"""Databases as earlier versions have left them, made by these versions themselves: tests/support/keep_database.py.

`schema-NNNN` are of the time before the first release, when that was the newest step; the others are releases.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from playhouse.schema_diff import diff_models

from daemon import models
from daemon.db import connection, proxy, sqlite
from daemon.files import release
from daemon.http import make_app
from tests.db import steps
from tests.support.keep_database import KEPT, KEY

VERSIONS = sorted(path.name.removesuffix(".sqlite.sql") for path in KEPT.glob("*.sqlite.sql"))
OF_ITS_TIME = {"note", "reason", "eta", "next_send_at", "next_reason", "waits_until", "code", "progress"}  # not stored


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """Which database."""
    name: str = request.param
    return name


@pytest.fixture
def said(version: str, backend: str) -> dict[str, Any]:
    """What that version's API said of it, by path."""
    answers: dict[str, Any] = json.loads((KEPT / f"{version}.{backend}.json").read_text())
    return answers


@pytest.fixture
def kept(version: str, backend: str, nothing: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of the database as that version left it."""
    monkeypatch.setitem(sqlite.PRAGMAS, "synchronous", "off")  # nobody pulls the plug here
    sql = (KEPT / f"{version}.{backend}.sql").read_text()
    if backend == "sqlite":
        with closing(sqlite3.connect(nothing.removeprefix(sqlite.SQLITE))) as database:
            database.executescript(sql)
    else:
        with psycopg.connect(nothing, autocommit=True) as server:
            server.execute(sql)  # type: ignore[arg-type, unused-ignore]
    yield nothing
    connection.close()


async def test_it_is_upgraded_and_says_what_it_said(
    kept: str, said: dict[str, Any], make_settings: Callable[..., Any], aiohttp_client: Callable[..., Awaitable[Any]]
) -> None:
    """Every row is there with what it had, the tables are the models', and the API says of campaigns, messages and
    suppressions what that version said."""
    steps.open_as_it_is(kept)
    before = steps.rows()
    for handover in before.get("handover", ()):
        handover["missed"] = True  # step 0031: what a dry run has handed over counts towards nothing
    connection.connect(kept)
    assert before == steps.rows(before)
    assert not diff_models(proxy.database.obj, models.TABLES)
    if not proxy.on_postgres():
        assert [] == proxy.database.execute_sql("PRAGMA foreign_key_check").fetchall()

    client = await aiohttp_client(make_app(make_settings(database_url=kept, timezone="Europe/Berlin"), KEY))
    for path, answer in said.items():
        response = await client.get(path, headers={"X-API-KEY": KEY})
        assert answer == _as_known(await response.json(), answer), path


def test_each_release_is_kept() -> None:
    """That of this version too, before it is released."""
    assert release.version() in VERSIONS, "run python -m tests.support.keep_database with this version"


def _as_known(now: Any, then: Any) -> Any:
    """What is said now, as far as it was said then. What was not stored, but found out at that moment, is as it was."""
    if isinstance(then, dict) and isinstance(now, dict):
        return {name: before if name in OF_ITS_TIME else _as_known(now[name], before) for name, before in then.items()}
    if isinstance(then, list) and isinstance(now, list) and len(now) == len(then):
        return [_as_known(each, before) for each, before in zip(now, then, strict=True)]
    return now
