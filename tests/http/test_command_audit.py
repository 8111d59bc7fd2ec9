"""`wasender audit` and `wasender users`: what was done, and a way in again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from typer.testing import Result

from daemon.auth import second_factor, users
from daemon.cli.exits import Exit
from daemon.db import connection, proxy
from daemon.http import make_app
from daemon.models import SecondFactor
from tests.http.conftest import KEY
from tests.support.commanding import invoke
from tests.support.signing_in import anna

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
async def run(make_settings: Any, database: str, aiohttp_client: Any, tmp_path: Path) -> AsyncIterator[Run]:
    """Runs a command against an application."""
    (tmp_path / "key").write_text(KEY)
    client = await aiohttp_client(make_app(make_settings(), KEY))

    async def ask(*words: object) -> Result:
        where = ("--url", f"http://127.0.0.1:{client.port}", "--key-file", tmp_path / "key")
        with capture_logs():  # of the server, which writes where the command does
            return await asyncio.to_thread(invoke, *words, *where)

    yield ask


async def test_what_was_done_is_listed_saved_and_verified(run: Run, tmp_path: Path) -> None:
    """By who and what; and a log that somebody has changed is told by the exit code."""
    await run("suppress", "add", "+4915110000012")
    await run("keys", "make", "shop")
    listed = json.loads((await run("audit", "list", "--action", "suppressions.add", "--json")).stdout)["entries"]
    assert [("api", "number", "+49•••••••••12", "done")] == [
        (each["who"], each["kind"], each["target"], each["result"]) for each in listed
    ]
    assert "There is no such entry." not in (await run("audit")).stdout
    assert [] == json.loads((await run("audit", "list", "--until", "2020-01-01", "--json")).stdout)["entries"]
    lines, table = tmp_path / "audit.jsonl", tmp_path / "audit.csv"
    assert 0 == (await run("audit", "export", "--who", "api", "-o", lines)).exit_code
    assert ["keys.create", "suppressions.add"] == [
        json.loads(each)["action"] for each in lines.read_text().splitlines()
    ]
    await run("audit", "export", "--csv", "-o", table)
    rows = table.read_text().splitlines()
    assert rows[0].startswith("id,at,who") and "audit.export" in rows[1] and 5 == len(rows)

    found = json.loads((await run("audit", "verify", "--json")).stdout)
    newest = f"{found['last']}:{found['digest']}"
    assert (True, None) == (found["sound"], found["broken"])
    assert 0 == (await run("audit", "verify", "--known", newest)).exit_code
    other = await run("audit", "verify", "--known", newest[:-1] + ("0" if newest[-1] != "0" else "1"))
    assert (Exit.NOT_DONE, True) == (other.exit_code, "not as it was written" in other.stderr)
    proxy.database.execute_sql("DROP TRIGGER audit_entry_kept")
    proxy.database.execute_sql("UPDATE audit_entry SET who = 'ben' WHERE id = 1")
    assert Exit.NOT_DONE == (await run("audit", "verify")).exit_code


async def test_a_user_gets_a_way_in(run: Run) -> None:
    """By name or id; who is not there is told where they are listed."""
    user_id = anna()
    assert "Anna\toperator" in (await run("users")).stdout
    done = await run("users", "reset-password", "Anna")
    found = users.find(user_id)
    assert (0, True) == (done.exit_code, found.password_until is not None)
    assert 23 == len(done.stdout.strip())
    with connection.write():
        SecondFactor.insert(user=user_id, nonce="0" * 32, confirmed_at=1).execute()
    assert 0 == (await run("users", "remove-second-factor", user_id)).exit_code
    assert not second_factor.is_on(user_id)
    assert Exit.REFUSED == (await run("users", "remove-second-factor", "Anna")).exit_code
    assert Exit.NOT_FOUND == (await run("users", "reset-password", "Ben")).exit_code
