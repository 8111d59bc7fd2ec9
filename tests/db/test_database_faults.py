"""What the databases refuse is told by its code: PostgreSQL's sentences are in the server's language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peewee
import psycopg.errors
import pytest

from daemon import errors
from daemon.db import connection, faults, proxy
from daemon.models import Template

ANSWERS: dict[str, tuple[type[errors.DaemonError], str]] = {
    "53100": (errors.DiskFull, "free some space"),
    "53200": (errors.DatabaseBusy, "too little memory"),
    "53300": (errors.DatabaseBusy, "no more connections"),
    "53400": (errors.DatabaseBusy, "too little memory"),
    "25006": (errors.DatabaseBusy, "read-only"),
    "54001": (errors.InvalidInput, "fewer words or ids"),
    "XX001": (errors.DatabaseUnusable, "restore it from a backup"),
    "XX002": (errors.DatabaseUnusable, "restore it from a backup"),
}


@pytest.fixture
def backend() -> str:
    return "postgresql"


@pytest.mark.parametrize("code", ANSWERS)
@pytest.mark.parametrize("within", [connection.write, connection.available])
def test_postgresql_in_another_language(database: str, code: str, within: Any) -> None:
    """The server raises it, in words that nobody here knows; also outside of our own transactions."""
    kind, advice = ANSWERS[code]
    sql = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}', MESSAGE = 'Keine Ahnung'; END $$"
    with pytest.raises(kind, match=advice) as told, within():
        proxy.database.execute_sql(sql)
    assert kind is type(told.value)
    assert "Ahnung" not in str(told.value)


def test_a_standby_server_takes_no_writes(database: str) -> None:
    proxy.database.execute_sql("SET default_transaction_read_only = on")
    with pytest.raises(errors.DatabaseBusy, match="read-only"), connection.write():
        Template.create(name="a", text="b", created_at=1, updated_at=1)
    proxy.database.execute_sql("SET default_transaction_read_only = off")


@pytest.mark.parametrize(
    ("pragma", "kind"), [("max_page_count = 1", errors.DiskFull), ("query_only = 1", errors.DatabaseBusy)]
)
def test_sqlites_codes(tmp_path: Path, pragma: str, kind: type[errors.DaemonError]) -> None:
    connection.connect(f"sqlite:///{tmp_path / 'a.sqlite3'}")
    proxy.database.execute_sql(f"PRAGMA {pragma}")
    with pytest.raises(kind) as told, connection.write():
        Template.create(name="a", text="b" * 100_000, created_at=1, updated_at=1)
    assert kind is type(told.value)


def test_whom_the_server_does_not_let_in(database_url: str, postgresql: Any) -> None:
    """It gives no code then; at a start and later."""
    postgresql.execute("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0")
    url = database_url.replace("://wasender", "://crowded")
    assert url != database_url
    with pytest.raises(errors.DatabaseBusy, match="no more connections"):
        connection.connect(url)


@pytest.mark.parametrize("code", [code for code in ANSWERS if code[0] == "5"])
def test_the_code_is_found_where_peewee_keeps_it(code: str) -> None:
    with pytest.raises(peewee.OperationalError) as raised, peewee.__exception_wrapper__:
        raise psycopg.errors.lookup(code)("Keine Ahnung")
    assert code == faults.code(raised.value)
