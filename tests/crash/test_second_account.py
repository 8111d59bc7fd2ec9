"""A second account, added while everything runs: a sender of its own beside the first, under the same supervisord."""

from __future__ import annotations

import json
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import Any

from tests.support.rig import ROOT, Rig, eventually

CONFIGURATION = ROOT / "etc" / "supervisord.conf"
ITS_OWN = {"numprocs", "process_name"}


def test_further_senders_are_what_the_first_one_is() -> None:
    """Line by line; there are none as long as nothing else is said."""
    parser = ConfigParser(interpolation=None, inline_comment_prefixes=(";",))
    parser.read_string(CONFIGURATION.read_text())
    first, more = (dict(parser[f"program:{name}"]) for name in ("sender", "senders"))
    assert "0" == more["numprocs"]
    assert first == {name: value for name, value in more.items() if name not in ITS_OWN}


def test_both_accounts_run_and_each_sends_its_own(tmp_path: Path) -> None:
    """Asked for in wasender.env. A sender that was idle takes the new account, and is idle again when it is gone; a
    limit of the one does not touch the other, and `sender` is one process all the time. The blank in the folder's name
    is in nobody's way."""
    folder = tmp_path / "a clone"
    folder.mkdir()
    rig = Rig(folder, transport="dryrun", delay_min=0, delay_max=0)
    (rig.root / "wasender.env").write_text("WASENDER_SENDERS=2\n")
    command = [sys.executable, "-m", "daemon.ops.preflight", "--senders"]
    subprocess.run(command, cwd=rig.root, env=rig.environment, check=True, timeout=60)
    with rig:

        def ready(*names: str) -> list[dict[str, Any]] | None:
            found = rig.call("GET", "/accounts").get("accounts", [])
            return found if [(name, True) for name in names] == [(a["name"], a["can_send"]) for a in found] else None

        eventually(lambda: ready("default"), what="the first account can send")
        assert "second" == rig.call("POST", "/accounts", {"name": "second", "title": "Shop"})["name"]
        eventually(lambda: ready("default", "second"), what="both accounts can send")
        third = rig.call("POST", "/accounts", {"name": "third"})
        told = rig.call("GET", "/accounts")
        assert (2, ["third"]) == (told["senders"], told["without_sender"]) and "third" in told["note"]
        assert not third["alive"] and rig.call("DELETE", "/accounts/third")["success"]

        rig.call("PATCH", "/accounts/default", {"hourly_cap": 1})
        numbers = [f"+49151100000{n:02}" for n in range(4)]
        first = rig.call("POST", "/send", {"numbers": numbers, "message": "Hi"})["job_id"]
        other = rig.call("POST", "/send", {"numbers": numbers, "message": "Hi", "account": "second"})["job_id"]
        assert 4 == rig.finish(other)["sent"]

        def waits() -> dict[str, Any] | None:
            """It counts for the cap as soon as it is handed over, before it is known to be sent."""
            found: dict[str, Any] = rig.call("GET", f"/status/{first}")
            return found if found["next_reason"] and found["sent"] else None

        status = eventually(waits, what="the first has sent one, and waits")
        assert (1, 3, "hourly_cap") == (status["sent"], status["pending"], status["next_reason"])
        used = {each["name"]: each["used"]["hour"] for each in rig.call("GET", "/accounts")["accounts"]}
        assert {"default": 1, "second": 4} == used
        lines = [json.loads(line) for line in (rig.data / "dryrun.jsonl").read_text().splitlines()]
        assert ["default"] + ["second"] * 4 == sorted(line["account"] for line in lines)

        pid = rig.pid("sender")
        assert rig.call("DELETE", "/accounts/second")["success"]
        eventually(lambda: any(e["event"] == "account.let_go" for e in rig.events()), what="its sender lets go")
        assert 4 == rig.call("GET", f"/status/{other}")["sent"]
        assert pid and "senders:senders-0" in rig.control("status")
