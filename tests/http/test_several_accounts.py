"""Several accounts over the API: added, renamed, ordered from, removed."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.delivery import enqueue
from daemon.models import Account
from tests.http.conftest import Caller

OURS = "+4915112345678"


async def test_accounts_are_added_renamed_and_removed(api: Caller) -> None:
    """An order to it holds it back until it is to be stopped; then its history is all that is left."""
    added = await api.post("/accounts", {"name": "shop", "title": "Corner shop", "transport": "dryrun", "delay_min": 2})
    shown = [added[name] for name in ("name", "title", "transport", "delay_min")]
    assert ["shop", "Corner shop", "dryrun", 2.0] == shown
    assert "account_name_taken" == (await api.post("/accounts", {"name": "Shop"}, 409))["code"]
    listed = await api.get("/accounts")
    assert ["default", "shop"] == [each["name"] for each in listed["accounts"]] == listed["without_sender"]
    assert "WASENDER_SENDERS to 2" in listed["note"] and 1 == listed["senders"]
    renamed = await api.ask("PATCH", "/accounts/shop", json={"title": "Market", "version": added["version"]})
    assert ("shop", "Market", 2.0) == (renamed["name"], renamed["title"], renamed["delay_min"])
    await api.ask("PATCH", "/accounts/shop", 409, json={"title": "Other", "version": added["version"]})

    job = await api.post("/send", {"numbers": [OURS], "message": "Hi", "account": "shop"})
    unknown = await api.post("/send", {"numbers": [OURS], "message": "Hi", "account": "office"}, 422)
    assert "no_such_account" == unknown["code"] and "default, shop" in unknown["detail"]
    refused = await api.ask("DELETE", "/accounts/shop", 409)
    assert ("account_has_messages", 1, 0, [job["job_id"]]) == tuple(
        refused[name] for name in ("code", "queued", "in_flight", "jobs")
    )
    headers = {"Idempotency-Key": "once"}
    gone = [await api.ask("DELETE", "/accounts/shop?cancel=true", headers=headers) for _ in range(2)]
    assert gone[0] == gone[1] and gone[0]["success"]
    await api.get("/accounts/shop", 404)
    assert "cancelled" == (await api.get(f"/jobs/{job['job_id']}/messages"))["messages"][0]["state"]
    assert [job["job_id"]] == [each["job_id"] for each in (await api.get("/jobs?account=shop"))["jobs"]]
    assert [] == (await api.get("/jobs?account=default"))["jobs"]
    assert "account_named_by_settings" == (await api.ask("DELETE", "/accounts/default", 409))["code"]


async def test_a_duplicate_and_a_removal_at_once(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Removed after the order was checked: it is refused as any order is then."""
    await api.post("/accounts", {"name": "shop"})
    job = await api.post("/send", {"numbers": [OURS], "message": "Hi", "account": "shop"})
    stored = enqueue.enqueue

    def removed_meanwhile(*given: Any) -> Any:
        Account.update(removed_at=1).where(Account.name == "shop").execute()
        return stored(*given)

    monkeypatch.setattr(enqueue, "enqueue", removed_meanwhile)
    refused = await api.post(f"/jobs/{job['job_id']}/duplicate", {"people": "all"}, status=409)
    assert "account_was_removed" == refused["code"]
