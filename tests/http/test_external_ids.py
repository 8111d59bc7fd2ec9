"""What other software calls a job and its recipients: kept, answered, and found by."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.contacts import uploads
from daemon.db import clock
from daemon.models import Job, Message
from tests.http.conftest import Caller, form
from tests.support.keyed import keyed

A, B = "+4915110000001", "+4915110000002"


async def send(api: Caller, **body: Any) -> Any:
    return await api.post("/send", {"message": "Hi"} | body)


async def test_a_job_and_its_recipients_are_found_by_them(api: Caller, stranger: Caller) -> None:
    people = [{"number": A, "external_id": "crm-7"}, {"number": B, "external_id": 8}]
    first = await send(api, recipients=people, external_id="order 1/ä")
    second = await send(api, recipients=people[:1], external_id="order 1/ä")
    await send(api, numbers=[B])
    found = await api.get("/jobs", params={"external_id": "order 1/ä"})
    assert [second["job_id"], first["job_id"]] == [each["job_id"] for each in found["jobs"]]
    assert {"order 1/ä"} == {each["external_id"] for each in found["jobs"]}
    assert "order 1/ä" == (await api.get(f"/status/{first['job_id']}"))["external_id"]
    assert [] == (await api.get("/jobs?external_id=order"))["jobs"]
    page = await api.get("/messages?external_id=crm-7&limit=1")
    assert (first["job_id"], "crm-7") == (page["messages"][0]["job_id"], page["messages"][0]["external_id"])
    rest = await api.get(f"/messages?external_id=crm-7&cursor={page['next_cursor']}")
    assert [second["job_id"]] == [each["job_id"] for each in rest["messages"]]
    assert [] == (await api.get("/messages?external_id=crm-7&state=sent"))["messages"]
    assert ["8"] == [each["external_id"] for each in (await api.get("/messages?external_id=8"))["messages"]]
    assert None is (await stranger.get(f"/status/{first['job_id']}"))["external_id"]
    await stranger.get("/jobs", params={"external_id": "order 1/ä"}, status=401)


async def test_a_file_may_have_them_in_a_column(api: Caller) -> None:
    upload = await api.post("/upload", data=form(f"phone,external_id\n{A},x-1\n{B},\n".encode(), "a.csv"))
    sent = await send(api, upload_id=upload["upload_id"])
    listed = (await api.get(f"/jobs/{sent['job_id']}/messages"))["messages"]
    assert ["x-1", None] == [each["external_id"] for each in listed]
    again = await api.post(f"/jobs/{sent['job_id']}/duplicate", {"people": "all"})
    assert ["x-1", None] == [
        each["external_id"] for each in (await api.get(f"/jobs/{again['job_id']}/messages"))["messages"]
    ]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"numbers": [A], "external_id": "x" * 256}, "body_unfit"),
        ({"recipients": [{"number": A, "external_id": "x" * 256}]}, "external_id_too_long_at"),
    ],
)
async def test_what_is_too_long_is_refused(api: Caller, more: Any, code: str) -> None:
    refused = await api.post("/send", {"message": "Hi"} | more, status=422)
    assert code == refused["code"]
    assert not Job.select().exists()


async def test_the_same_order_with_another_id_is_another_request(api: Caller) -> None:
    once = {"Idempotency-Key": "k"}
    body = {"numbers": [A], "message": "Hi", "external_id": "one"}
    await api.post("/send", body, headers=once)
    await api.post("/send", body | {"external_id": "two"}, status=409, headers=once)


# What would happen


async def test_a_dry_run_says_who_gets_it_who_not_and_why(api: Caller) -> None:
    """The same that happens in earnest, and nothing of it is stored."""
    await api.post("/suppressions", {"number": B, "reason": "called us"})
    people = [
        {"number": A, "external_id": "a", "name": "Anna"},
        {"number": B, "external_id": "b", "name": "Bert"},
        {"number": A, "name": "Anna"},
        {"number": "12", "name": "Nobody"},
    ]
    body = {"recipients": people, "message": "Hi {{ name }}", "delay_min": 10, "delay_max": 10}
    found = await api.post("/send", body | {"dry_run": True})
    assert (True, None, 1, 1) == (
        found["dry_run"],
        found["job_id"],
        found["total_numbers"],
        found["duplicates_removed"],
    )
    assert [{"position": 0, "number": A, "external_id": "a"}] == found["recipients"]
    (left,) = found["left_out"]
    assert (1, 1, B, "suppressed") == (left["index"], left["position"], left["value"], left["code"])
    assert "The number is on the suppression list." == left["reason"]
    assert (1, 3) == (found["left_out_total"], found["rejected"][0]["index"])
    assert found["starts_at"] <= found["eta"]
    assert ("no_sender", True) == (found["waits_code"], "No sender is set up" in found["waits_for"])
    assert (0, 0) == (Job.select().count(), Message.select().count())
    sent = await api.post("/send", body)
    assert "dry_run" not in sent and "recipients" not in sent
    assert 2 == sent["total_numbers"]  # the one who has opted out is skipped when their turn comes


async def test_a_dry_run_says_when_it_ends(api: Caller) -> None:
    """With the pace that is asked for, and from the time that is asked for."""
    now, at = clock.now_ms(), clock.now_ms() + 3_600_000
    body = {"numbers": [f"+49151100{n:05}" for n in range(100)], "message": "Hi", "delay_min": 60, "delay_max": 60}
    soon = await api.post("/send", body | {"dry_run": True})
    later = await api.post("/send", body | {"dry_run": True, "schedule_at": at})
    assert 99 * 60_000 <= soon["eta"] - now
    assert at <= later["starts_at"] and 99 * 60_000 <= later["eta"] - at


async def test_a_dry_run_refuses_what_is_refused_in_earnest(api: Caller) -> None:
    for body in ({"numbers": ["12"], "message": "Hi"}, {"numbers": [A], "message": "{{ x }}"}, {"message": "Hi"}):
        earnest = await api.post("/send", body, status=422)
        assert earnest == await api.post("/send", body | {"dry_run": True}, status=422)
    begun = (await api.post("/send", {"numbers": [A], "message": "Hi"}))["job_id"]
    for replaced, status in ((begun, 409), (begun + 1, 404)):
        body = {"numbers": [B], "message": "Hi", "replaces": replaced}
        earnest = await api.post("/send", body, status=status)
        assert earnest == await api.post("/send", body | {"dry_run": True}, status=status)


async def test_a_dry_run_decides_nothing_about_a_file(api: Caller) -> None:
    """Which column has the numbers is chosen by the order that is sent, and not by one that was tried."""
    both = "Buyer;Seller\n" + "".join(f"+49171392{n:04};+49171393{n:04}\n" for n in range(10, 16))
    doubt = await api.post("/upload", data=form(both.encode(), "a.csv"), status=422)
    body = {"upload_id": doubt["upload_id"], "message": "Hi"}
    tried = await api.post("/send", body | {"phone_column": "Seller", "dry_run": True})
    assert "+491713930010" == tried["recipients"][0]["number"]
    assert uploads.find(doubt["upload_id"]).phone_column is None
    await api.post("/send", body | {"phone_column": "Buyer"})
    assert "+491713920010" == Message.get().number


async def test_a_test_key_always_tries(api: Caller) -> None:
    """Also with an Idempotency-Key, and when it says dry_run: false."""
    program = keyed(api, "trial", test=True)
    body, once = {"numbers": [A], "message": "Hi"}, {"Idempotency-Key": "k"}
    for more in ({}, {"dry_run": False}, {"dry_run": True}):
        found = await program.post("/send", body | more, headers=once)
        assert (True, None) == (found["dry_run"], found["job_id"])
    upload = await program.post("/upload", data=form(f"phone\n{A}\n".encode(), "a.csv"))
    assert 1 == (await program.post("/send", {"upload_id": upload["upload_id"], "message": "Hi"}))["total_numbers"]
    assert not Job.select().exists()
