"""Who has done what, in the audit log: by API and page, with every write there is, and nothing of whom it concerns."""

from __future__ import annotations

from typing import Any

from daemon.auth import audit_reading
from daemon.auth.audit_reading import Entry, Wanted
from tests.http.conftest import KEY, Caller


def newest() -> Entry:
    """The newest entry there is."""
    return audit_reading.page(Wanted(), None, 1)[0][0]


def told(entry: Entry) -> tuple[str, str, str, str]:
    return entry.action, entry.kind, entry.target, entry.result


async def test_what_is_done_by_api_leaves_an_entry(client: Any) -> None:
    """With who, what, to what, from where, and whether it was done."""
    api = Caller(client, KEY)
    sent = await api.post("/send", {"numbers": ["+4915110000000"], "message": "Hi"})
    entry = newest()
    assert ("api", "jobs.send", "job", str(sent["job_id"])) == (entry.who, entry.action, entry.kind, entry.target)
    assert ("127.0.0.1", "done", "") == (entry.address, entry.result, entry.code)
    await api.post(f"/pause/{sent['job_id']}")
    assert ("jobs.pause", "job", str(sent["job_id"]), "done") == told(newest())
    await api.post("/pause/999", status=404)
    assert ("jobs.pause", "job", "999", "refused") == told(newest())
    assert "no_job" == newest().code
