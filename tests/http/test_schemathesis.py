"""The API, as a process on a port, held against its own description by schemathesis: all checks, for requests that come
from the document itself and do not depend on chance; `test_fuzz.py` has those that do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from daemon.config import Settings
from tests.conftest import ROOT
from tests.http.conftest import KEY
from tests.support import forks
from tests.support.filling import fill

AT_ONCE = """
import sys
from daemon import http
from daemon.server import access
access.WRONG_KEY_S = 0  # each operation is tried with one
sys.exit(http.main())
"""


@pytest.fixture
def url(environment: dict[str, str], settings: Settings, database: str, tmp_path: Path) -> Any:
    """Where the http process of an installation with something in it listens."""
    fill(settings)
    own = environment | {"WASENDER_PORT": "0", "WASENDER_API_KEY": KEY}
    with forks.start(["-c", AT_ONCE], own, tmp_path, subprocess.PIPE) as process:
        lines = (json.loads(line) for line in process.stdout or ())
        yield next(line["url"] for line in lines if line["event"] == "http.listening")
        process.terminate()
        assert [] == [line for line in lines if line["level"] in ("error", "critical")]


def test_it_does_what_it_says(url: str, tmp_path: Path) -> None:
    """No answer that is not described, none to strangers, no crash; `schemathesis.toml` is found by itself."""
    settings = (ROOT / "schemathesis.toml").read_text()
    (tmp_path / "schemathesis.toml").write_text(settings.replace("request-timeout = 3", "request-timeout = 1"))
    words = ["--phases", "examples,coverage", "--max-examples", "1", "--seed", "1", "--no-color"]
    command = [Path(sys.executable).with_name("schemathesis"), "run", f"{url}/openapi.json", "-H", f"X-API-KEY: {KEY}"]

    done = subprocess.run([*command, *words], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)

    assert 0 == done.returncode, done.stdout[-20_000:] + done.stderr[-2_000:]
    assert f"Configuration:    {tmp_path / 'schemathesis.toml'}" in done.stdout
