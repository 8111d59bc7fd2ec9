"""A second account, set up as the page says: a sender of its own beside the first, under the same supervisord."""

from __future__ import annotations

import html
import re
from configparser import ConfigParser
from pathlib import Path
from typing import Any

from tests.support.rig import ROOT, Rig, eventually

CONFIGURATION = ROOT / "etc" / "supervisord.conf"
OWN = {"environment": 'WASENDER_ACCOUNT="second"'}


def shown() -> str:
    """The lines that the page tells to add."""
    page = (ROOT / "daemon" / "pages" / "templates" / "accounts.html").read_text()
    found = re.search(r"<pre[^>]*>(.*?)</pre>", page, re.S)
    assert found
    return html.unescape(found[1])


def options(text: str, program: str) -> dict[str, str]:
    parser = ConfigParser(interpolation=None, inline_comment_prefixes=(";",))
    parser.read_string(text)
    return dict(parser[f"program:{program}"])


def test_the_page_tells_what_the_first_sender_has() -> None:
    """Each line of it, and the account's name."""
    first = options(CONFIGURATION.read_text(), "sender")
    assert first | OWN == options(shown(), "sender-second")


def test_both_accounts_run_and_each_sends_its_own(tmp_path: Path) -> None:
    """A campaign goes out from the account it names; a limit of the one does not touch the other."""
    rig = Rig(tmp_path, transport="dryrun", delay_min=0, delay_max=0)
    configuration = rig.root / "etc" / "supervisord.conf"
    configuration.write_text(configuration.read_text() + "\n" + shown() + "\n")
    with rig:

        def ready() -> list[dict[str, Any]] | None:
            found = rig.call("GET", "/accounts").get("accounts", [])
            return found if [True, True] == [each["can_send"] for each in found] else None

        found = eventually(ready, what="both accounts can send")
        assert ["default", "second"] == [each["name"] for each in found]
        rig.call("PATCH", "/accounts/default", {"hourly_cap": 1})
        numbers = [f"+49151100000{n:02}" for n in range(4)]
        first = rig.call("POST", "/send", {"numbers": numbers, "message": "Hi"})["job_id"]
        other = rig.call("POST", "/send", {"numbers": numbers, "message": "Hi", "account": "second"})["job_id"]

        assert 4 == rig.finish(other)["sent"]
        status = eventually(lambda: (s := rig.call("GET", f"/status/{first}"))["next_reason"] and s, what="it waits")
        assert (1, 3, "hourly_cap") == (status["sent"], status["pending"], status["next_reason"])
        used = {each["name"]: each["used"]["hour"] for each in rig.call("GET", "/accounts")["accounts"]}
        assert {"default": 1, "second": 4} == used
