"""One shape for one thing, wherever it is shown; and codes beside the sentences that people read."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.accounts import directory, pacing
from daemon.campaigns import create
from daemon.db import clock
from daemon.delivery import claim, moves
from daemon.models import Message
from daemon.states import AccountState, Hold
from daemon.transports.protocol import Health, Mark
from tests.http.conftest import Caller, form

SEND = {"numbers": ["+4915110000000"], "message": "Hi"}
ROWS = "phone;name\n+4915110000000;Ada\n12;Tom\n"


@pytest.mark.parametrize(
    ("health", "code"),
    [
        (None, "no_sender"),
        (Health(AccountState.NEEDS_LINK, qr="2@payload"), "needs_link"),
        (Health(AccountState.OFFLINE), "offline"),
        (Health(AccountState.BANNED), "banned"),
        (Health(AccountState.HELD, Hold.RESTRICTED), "held.restricted"),
        (Health(AccountState.READY), None),
    ],
)
async def test_what_a_job_waits_for_has_a_code(api: Caller, health: Health | None, code: str | None) -> None:
    """Beside the sentence, in the job and in the account that cannot send."""
    job_id = (await api.post("/send", SEND))["job_id"]
    if health is not None:
        directory.open_account("default", clock.now_ms())
        directory.report("default", health, clock.now_ms())

    shown = await api.get(f"/status/{job_id}")
    assert (code, code is not None) == (shown["code"], shown["reason"] is not None)
    if code not in (None, "no_sender"):
        (waiting,) = (await api.get("/ready", 503))["accounts"]
        assert (code, shown["reason"]) == (waiting["code"], waiting["reason"])
    assert None is (await api.post(f"/pause/{job_id}"))["code"]


async def test_a_sender_that_fell_silent_has_a_code_too(api: Caller) -> None:
    """Whatever it said last."""
    job_id = (await api.post("/send", SEND))["job_id"]
    directory.open_account("default", clock.now_ms())
    directory.report("default", Health(AccountState.READY), clock.now_ms() - 60_000)

    assert "sender_stopped" == (await api.get(f"/status/{job_id}"))["code"]


async def test_strangers_get_no_code(api: Caller, stranger: Caller) -> None:
    """It says as much as the reason."""
    job_id = (await api.post("/send", SEND))["job_id"]
    assert None is (await stranger.get(f"/status/{job_id}"))["code"]


async def test_a_row_that_was_left_out_looks_the_same_everywhere(api: Caller) -> None:
    """Uploaded, sent to, put on a list, suppressed: position, value, reason; and what the position is."""
    upload = await api.post("/upload", data=form(ROWS.encode(), "people.csv"))
    found: list[tuple[str, Any]] = [("row", upload["rejected"])]
    body = {"upload_id": upload["upload_id"], "message": "Hi"}
    found.append(("row", (await api.post("/send", body))["rejected"]))
    found.append(("index", (await api.post("/send", SEND | {"numbers": ["+4915110000000", "12"]}))["rejected"]))
    imported = await api.post("/suppressions/import", data=form(ROWS.encode(), "people.csv"))
    found.append(("row", imported["rejected"]))
    for place, rejected in found:
        (row,) = rejected
        assert {place, "position", "value", "reason", "code"} == set(row)
        assert ("12", row[place]) == (row["value"], row["position"])
    listed = await api.post("/lists", {"name": "Guests", "numbers": ["+4915110000000", "12"]})
    assert {"position", "value", "reason", "code"} == set(listed["rejected"][0])
    assert imported["already_there"] == imported["present"]
    assert imported["duplicates_removed"] == imported["duplicates"]


async def test_a_damaged_number_is_suggested_and_never_used(api: Caller) -> None:
    """Wherever rows are refused: beside the reason. What nobody can bring back has no suggestion."""
    rows = "phone;name\n+4915112345670;Ada\n4.915112345671E+12;Ben\n4.9151E+12;Tom\n"
    upload = await api.post("/upload", data=form(rows.encode(), "people.csv"))
    imported = await api.post("/suppressions/import", data=form(rows.encode(), "people.csv"))
    listed = await api.post("/lists", {"name": "Guests", "upload_id": upload["upload_id"]})
    numbers = ["+4915112345670", "4.915112345671E+12", "4.9151E+12"]
    sent = await api.post("/send", {"numbers": numbers, "message": "Hi"})
    added = await api.post("/lists/1/entries", {"numbers": numbers})

    for answer in (upload, imported, listed, sent, added):
        found = {each["value"]: each.get("suggestion") for each in answer["rejected"]}
        assert {"4.915112345671E+12": "+4915112345671", "4.9151E+12": None} == found
    assert ["+4915112345670"] == [each["number"] for each in (await api.get("/lists/1/entries"))["entries"]]
    assert ["+4915112345670"] == [each["number"] for each in (await api.get("/suppressions"))["suppressions"]]
    assert 1 == sent["total_numbers"]


async def test_a_message_looks_the_same_everywhere(api: Caller, settings: Any) -> None:
    """In its job, among all, alone, and decided on."""
    order = create.Order("Hi {{ name }}", recipients=[{"number": "+4915110000000", "name": "Ada"}])
    job_id = create.create(settings, order, "test", clock.now_ms()).job_id
    (message,) = claim.claim("default", 1, clock.now_ms(), 60_000, pacing.Rules())
    moves.submit(message, Mark(None), clock.now_ms(), pacing.Gap(0, pacing.Why.PAUSE, 0))
    moves.lose(message, "Nobody can tell.", clock.now_ms())

    (in_job,) = (await api.get(f"/jobs/{job_id}/messages"))["messages"]
    (among_all,) = (await api.get("/messages"))["messages"]
    alone = await api.get(f"/messages/{message.id}")
    decided = await api.post(f"/messages/{message.id}/decide", {"sent": True})

    assert in_job == among_all == {name: alone[name] for name in in_job}
    assert in_job["job_id"] == job_id == Message.get_by_id(message.id).job_id
    assert set(in_job) | {"success"} == set(decided)
    assert {"timeline", "evidence", "parts", "free_text_until"} == set(alone) - set(in_job)
