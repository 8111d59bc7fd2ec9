"""The API, as a process on a port, held against its own description by schemathesis: few examples, all checks."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from daemon.accounts import directory, pacing
from daemon.campaigns import create, templates
from daemon.config import Settings
from daemon.contacts import lists, suppression
from daemon.contacts.importer import Contact, ContactList
from daemon.db import clock
from daemon.delivery import claim, moves
from daemon.states import AccountState
from daemon.transports.protocol import Health, Mark
from tests.conftest import ROOT
from tests.http.conftest import KEY

EXAMPLES = 1  # for each operation; the others come from the document itself and do not depend on chance


def fill(settings: Settings) -> None:
    """Something to be found in each place, by the names and ids that are tried first."""
    now = clock.now_ms()
    directory.open_account("default", now)
    for name in "ABC":
        order = create.Order("Hi {{ name }}", recipients=[{"number": "+4915110000000", "name": name}], name=name)
        create.create(settings, order, "test", clock.now_ms())
    (message,) = claim.claim("default", 1, now, 60_000, pacing.Rules())
    moves.submit(message, Mark(None), now, pacing.Gap(0, pacing.Why.PAUSE, 1))
    moves.lose(message, "Nobody can tell.", now)
    directory.report("default", Health(AccountState.NEEDS_LINK, qr="2@payload", link_code="ABCD1234"), now)
    templates.keep("Sale", "Hi {{ name }}", clock.now_ms())
    lists.create_list(
        "Guests", ContactList([Contact(1, "+4915110000001", {"name": "Ada"})], columns=["name"]), clock.now_ms()
    )
    suppression.suppress(settings, "+4915110000009", "asked", "test", clock.now_ms())


@pytest.fixture
def url(environment: dict[str, str], settings: Settings, database: str, tmp_path: Path) -> Any:
    """Where the http process of an installation with something in it listens."""
    fill(settings)
    command = [sys.executable, "-m", "daemon.http"]
    changes = {"WASENDER_PORT": "0", "WASENDER_API_KEY": KEY}
    with (
        (tmp_path / "errors.log").open("wb") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment | changes, cwd=tmp_path
        ) as process,
    ):
        lines = (json.loads(line) for line in process.stdout or ())
        yield next(line["url"] for line in lines if line["event"] == "http.listening")
        process.terminate()
        assert [] == [line for line in lines if line["level"] in ("error", "critical")]


def test_it_does_what_it_says(url: str, tmp_path: Path) -> None:
    """No answer that is not described, none to strangers, no crash; `schemathesis.toml` is found by itself."""
    shutil.copy(ROOT / "schemathesis.toml", tmp_path)
    words = ["--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES), "--seed", "1", "--no-color"]
    command = [Path(sys.executable).with_name("schemathesis"), "run", f"{url}/openapi.json", "-H", f"X-API-KEY: {KEY}"]

    done = subprocess.run([*command, *words], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)

    assert 0 == done.returncode, done.stdout[-20_000:] + done.stderr[-2_000:]
    assert f"Configuration:    {tmp_path / 'schemathesis.toml'}" in done.stdout
