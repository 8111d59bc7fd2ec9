"""Times that come in are at most ten years away, and one that got in another way hides nothing from anybody."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.db import clock
from daemon.models import Account, Job, Message
from tests.http.conftest import KEY, Caller

DAY_MS = 86_400_000


@pytest.mark.parametrize(
    "at",
    [
        "9999-12-31T23:59:59-12:00",  # of the year 10000 in UTC
        "9999-12-31T23:59:59Z",
        253_402_300_799_999,
        2**62,
        "0001-01-01T00:00:00+14:00",
        "2037-06-01T00:00:00+00:00",
        -1,
    ],
)
async def test_a_time_that_nobody_can_mean_is_refused(api: Caller, at: object) -> None:
    """Above ten years after it was made UTC, or below what such a number can be."""
    body = {"numbers": ["+4915110000000"], "message": "Hi", "schedule_at": at}

    answer = await api.post("/send", body, status=422)

    assert "schedule_at" in answer["detail"]
    assert 0 == Job.select().count()


async def test_nine_years_are_taken(api: Caller, clock: Any) -> None:
    """Whatever the zone."""
    at = clock() + 9 * 365 * DAY_MS
    body = {"numbers": ["+4915110000000"], "message": "Hi", "schedule_at": at}

    assert (await api.post("/send", body))["success"]


@pytest.mark.parametrize("far", [253_402_300_800_000, 2**62, -(2**62), 10**15])
async def test_a_far_time_in_the_database_hides_no_page(api: Caller, client: Any, far: int) -> None:
    """However it got in (an earlier version, a clock that was wrong): every list, page and report is still there."""
    scheduled = {"numbers": ["+4915110000000"], "message": "Hi", "schedule_at": clock.now_ms() + DAY_MS}
    job_id = (await api.post("/send", scheduled))["job_id"]
    await api.post("/suppressions", {"number": "+4915110000009"})
    message = Message.get()
    Job.update(schedule_at=far, created_at=far, started_at=far, completed_at=far).execute()
    Message.update(sent_at=far, not_before=far, delivered_at=far, read_at=far, submitted_at=far).execute()
    Account.update(until=far, next_send_at=far, paced_at=far, slow_until=far, seen_at=far).execute()
    for path in (f"/jobs/{job_id}", f"/jobs/{job_id}/report.csv", "/jobs", f"/status/{job_id}", "/accounts",
                 f"/jobs/{job_id}/messages", f"/messages/{message.id}", "/suppressions", "/metrics"):  # fmt: skip
        assert (await api.send("GET", path)).status in (200, 404), path
    await client.post("/app/login", data={"key": KEY}, headers={"Sec-Fetch-Site": "same-origin"})
    for path in ("/app", f"/app/jobs/{job_id}", f"/app/messages/{message.id}", "/app/accounts", "/app/decisions",
                 "/app/suppressions", f"/app/jobs/{job_id}?state=pending"):  # fmt: skip
        response = await client.get(path, headers={"Accept": "text/html"})
        assert 200 == response.status, path
        assert path.split("?")[0] == response.url.path
