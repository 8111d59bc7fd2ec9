"""Keep a small database as a version of wasender leaves it: `python -m tests.support.keep_database 1.0.0`.

The http process and a sender of a checkout (this one, or `--checkout DIR`) work through a few campaigns as a dry run,
on SQLite and on PostgreSQL. What they leave is kept as SQL in tests/db/kept/, beside what that version's API said.
tests/db/test_kept_databases.py then upgrades it for ever. To be run once for each release, before it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.postgres import Server, find_binaries
from tests.support.rig import ROOT, eventually, free_port

KEPT = ROOT / "tests" / "db" / "kept"
KEY = "kept-key-for-tests-0123456789"
NUMBERS = [f"+49151234500{n:02}" for n in range(8)]
CONTACTS = "Phone,Name\n+4915123450020,Ada\n+4915123450021,Grace\nnobody,Nobody\n"


class Api:
    """The API of a process on this machine, with only what every version has had."""

    def __init__(self, port: int) -> None:
        self.at = f"http://127.0.0.1:{port}"

    def __call__(self, path: str, body: Any = None, file: str = "") -> Any:
        headers, data = {"X-API-KEY": KEY}, None
        if file:
            headers["Content-Type"] = "multipart/form-data; boundary=-b"
            part = 'Content-Disposition: form-data; name="file"; filename="people.csv"'
            data = f"---b\r\n{part}\r\n\r\n{file}\r\n---b--\r\n".encode()
        elif body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        request = urllib.request.Request(self.at + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()}") from error

    def answers(self) -> bool:
        try:
            return bool(self("/health"))
        except OSError:
            return False


@contextmanager
def running(checkout: Path, folder: Path, url: str) -> Iterator[Api]:
    """http and a sender of that checkout, on that database."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WASENDER_")}
    environment |= {
        "PYTHONPATH": os.pathsep.join([str(checkout), os.environ.get("PYTHONPATH", "")]),
        "WASENDER_DATA_DIR": str(folder), "WASENDER_DATABASE_URL": url,
        "WASENDER_TRANSPORT": "dryrun", "WASENDER_DELAY_MIN": "0", "WASENDER_DELAY_MAX": "0",
        "WASENDER_LONG_PAUSE_EVERY": "0", "WASENDER_PORT": str(port), "WASENDER_API_KEY": KEY,
        "WASENDER_TIMEZONE": "Europe/Berlin",
    }  # fmt: skip
    with ExitStack() as stack, (folder / "log").open("wb") as log:
        for module in ("daemon.http", "daemon.sender"):
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", module], cwd=folder, env=environment, stdout=log, stderr=log
            )
            stack.callback(process.wait, 60)
            stack.callback(process.terminate)
        api = Api(port)
        eventually(api.answers, what="http answers")
        yield api


def campaigns(api: Api) -> dict[str, Any]:
    """One that has ended, one for later, one that is paused in the middle, one that was stopped; what the API says."""
    api("/suppressions", {"number": NUMBERS[2], "reason": "asked"})

    def send(name: str, **order: Any) -> int:
        job: int = api("/send", {"name": name, "message": "Hello", **order})["job_id"]
        return job

    in_a_year = (datetime.now(UTC) + timedelta(days=365)).isoformat(timespec="seconds")
    done = send("Done", numbers=[*NUMBERS[:3], NUMBERS[0], "nobody"])
    eventually(lambda: api(f"/status/{done}")["status"] == "completed", what="it is sent")
    paused = send("Paused", numbers=NUMBERS[3:6], delay_min=600, delay_max=600)
    eventually(lambda: api(f"/status/{paused}")["pending"] == 2, what="one is sent")
    eventually(lambda: api(f"/status/{paused}")["sending"] == 0, what="nothing is on its way")
    api(f"/pause/{paused}", {})
    send("Later", numbers=NUMBERS[6:7], schedule_at=in_a_year)
    stopped = send("Stopped", recipients=[{"number": NUMBERS[7], "name": "Zoë"}], schedule_at=in_a_year)
    api(f"/stop/{stopped}", {})
    api("/upload", file=CONTACTS)

    jobs = [each["job_id"] for each in api("/jobs")["jobs"]]
    paths = ["/jobs", "/suppressions", *(f"/status/{job}" for job in jobs), *(f"/jobs/{job}/messages" for job in jobs)]
    return {path: api(path) for path in paths}


def dumped(url: str) -> str:
    """The database as SQL. Nobody may have it open."""
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            return "\n".join(database.iterdump()) + "\n"
    binaries = find_binaries()
    assert binaries
    command = [str(binaries / "pg_dump"), "--inserts", "--no-owner", "--no-acl", "--dbname", url]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    wanted = [
        line for line in said.splitlines() if line and not re.match(r"--|SET |SELECT pg_catalog.set_config|\\", line)
    ]
    return "\n".join(wanted) + "\n"


def main() -> None:
    """Keep it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("name")
    arguments.add_argument("--checkout", type=Path, default=ROOT)
    given = arguments.parse_args()
    KEPT.mkdir(exist_ok=True)
    with Server() as server, tempfile.TemporaryDirectory() as folder:
        for kind in ("sqlite", "postgresql"):
            data = Path(folder) / kind
            data.mkdir()
            url = f"sqlite:///{data / 'wasender.db'}" if kind == "sqlite" else server.new_database(migrated=False)
            with running(given.checkout.absolute(), data, url) as api:
                said = campaigns(api)
            (KEPT / f"{given.name}.{kind}.sql").write_text(dumped(url))
            (KEPT / f"{given.name}.{kind}.json").write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n")
            print(f"kept {given.name} on {kind}")


if __name__ == "__main__":
    main()
