"""Jobs, messages, reports, accounts, suppressions, health: what the API shows and does."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from daemon.accounts import directory, pacing
from daemon.db import clock
from daemon.delivery import claim as claiming
from daemon.delivery import moves
from daemon.delivery.refusals import Passed
from daemon.files import release
from daemon.i18n.coded import refusal
from daemon.states import AccountState, Ack, Hold, State
from daemon.transports.protocol import Health, Mark, Receipt

NUMBERS = ["+4915110000000", "+4915110000001", "+4915110000002", "+4915110000003"]
STATES = {state.value for state in State}


@pytest.fixture
async def job_id(api) -> int:
    """A job of four people with names that a spreadsheet would take for formulas."""
    names = ["Ada", '=HYPERLINK("http://x")', "@SUM(A1)", "Grüße; 🎉"]
    recipients = [{"number": number, "name": name} for number, name in zip(NUMBERS, names, strict=True)]
    answer = await api.post("/send", {"recipients": recipients, "message": "Dear {{ name }}", "name": "Party"})
    found: int = answer["job_id"]
    return found


def claim() -> Any:
    directory.open_account("default", clock.now_ms())
    return claiming.claim("default", 1, clock.now_ms(), 60_000, pacing.Rules())[0]


def submit(message: Any) -> Any:
    moves.submit(message, Mark(None), clock.now_ms(), pacing.Gap(0, pacing.Why.PAUSE, 1))
    return message


def send_one() -> None:
    moves.confirm(submit(claim()), Receipt("id-1", Ack.DELIVERED), clock.now_ms())


def fail_one(why: str = "This number is not on WhatsApp.") -> None:
    moves.fail(submit(claim()), why, clock.now_ms())


async def test_a_status_counts_each_message_once_in_the_state_it_is_in(api, job_id):
    """All fields of the contract are there."""
    send_one()
    fail_one()
    shown = await api.get(f"/status/{job_id}")
    contract = {"job_id", "name", "status", "reason", "total", "next_send_at", "eta"}
    contract |= {"created_at", "started_at", "completed_at"} | STATES
    assert contract <= set(shown)
    assert (4, 1, 1, 2) == (shown["total"], shown["delivered"], shown["failed"], shown["pending"])
    assert shown["total"] == sum(shown[state] for state in STATES)
    assert "waiting_for_login" == shown["status"]


async def test_jobs_are_listed_newest_first_a_page_at_a_time(api):
    """The cursor leads through all of them, once each."""
    made = [(await api.post("/send", {"numbers": NUMBERS[:1], "message": "Hi"}))["job_id"] for _ in range(5)]
    seen: list[int] = []
    cursor = ""
    while cursor is not None:
        page = await api.get(f"/jobs?limit=2&cursor={cursor}")
        seen += [job["job_id"] for job in page["jobs"]]
        cursor = page["next_cursor"]
    assert made[::-1] == seen
    alone, listed = await api.get(f"/status/{made[-1]}"), (await api.get("/jobs?limit=1"))["jobs"][0]
    assert alone | {"eta": 0} == listed | {"eta": 0}


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=-1", "cursor=" + "9" * 30])
async def test_a_page_that_cannot_be_is_refused(api, query):
    """In words."""
    await api.get(f"/jobs?{query}", 422)


async def test_pause_resume_and_stop(api, job_id):
    """Each answers with the job as it is then; what makes no sense is refused with the state and the reason."""
    paused = await api.post(f"/pause/{job_id}")
    assert (True, "paused", 4) == (paused["success"], paused["status"], paused["pending"])
    problem = await api.post(f"/pause/{job_id}", status=409)
    assert "urn:wasender:problem:illegal-move" == problem["type"]
    assert f"Job {job_id} is paused, so you cannot pause it" in problem["detail"]
    assert "paused" != (await api.post(f"/resume/{job_id}"))["status"]
    await api.post(f"/resume/{job_id}", status=409)
    stopped = await api.post(f"/stop/{job_id}")
    assert ("stopped", 4, 0) == (stopped["status"], stopped["cancelled"], stopped["pending"])
    for path in ("pause", "resume", "stop", "retry"):
        await api.post(f"/{path}/{job_id}", status=409)


async def test_retry_queues_the_failed_ones_again(api, job_id):
    """And is refused when none has failed."""
    await api.post(f"/retry/{job_id}", status=409)
    fail_one()
    retried = await api.post(f"/retry/{job_id}")
    assert (0, 4) == (retried["failed"], retried["pending"])


@pytest.mark.parametrize("path", ["pause", "resume", "stop", "retry"])
async def test_an_unknown_job_is_not_found(api, path):
    """404 for each of them, and for what is no number."""
    assert "GET /jobs" in (await api.post(f"/{path}/999", status=404))["detail"]
    await api.post(f"/{path}/abc", status=404)
    await api.post(f"/{path}/{'9' * 30}", status=404)


@pytest.mark.parametrize("path", ["/status/999", "/jobs/999/messages", "/jobs/999/report.csv", "/messages/999", "/no"])
async def test_what_is_not_there_is_not_found(api, path):
    """404, with a sentence."""
    await api.get(path, 404)


async def test_the_largest_id_is_not_found_either(api):
    """Not a crash in the database."""
    await api.get(f"/status/{'9' * 18}", 404)
    await api.get(f"/messages/{'9' * 18}", 404)


async def test_a_wrong_method_is_told_with_the_right_ones(api):
    """405 with Allow, as HTTP asks."""
    response = await api.send("GET", "/send")
    assert (405, "POST") == (response.status, response.headers["Allow"])
    assert "application/problem+json" == response.content_type


async def test_messages_are_shown_in_file_order(api, job_id):
    """All of them, or those in a state; a page at a time."""
    send_one()
    fail_one()
    page = await api.get(f"/jobs/{job_id}/messages?limit=3")
    assert NUMBERS[:3] == [each["number"] for each in page["messages"]]
    rest = await api.get(f"/jobs/{job_id}/messages?limit=3&cursor={page['next_cursor']}")
    assert (NUMBERS[3:], None) == ([each["number"] for each in rest["messages"]], rest["next_cursor"])
    keys = {"id", "number", "fields", "state", "attempts", "error", "not_before", "sent_at", "delivered_at", "read_at"}
    assert keys <= set(page["messages"][0])
    failed = (await api.get(f"/jobs/{job_id}/messages?state=failed"))["messages"]
    assert [(NUMBERS[1], "This number is not on WhatsApp.")] == [(each["number"], each["error"]) for each in failed]
    await api.get(f"/jobs/{job_id}/messages?state=lost", 422)


async def test_a_message_has_a_timeline(api, job_id):
    """What happened to this person: who, when, from, to, why."""
    fail_one()
    first = (await api.get(f"/jobs/{job_id}/messages?limit=1"))["messages"][0]
    shown = await api.get(f"/messages/{first['id']}")
    assert job_id == shown["job_id"]
    steps = [(each["who"], each["move"], each["from"], each["to"], each["why"]) for each in shown["timeline"]]
    assert [
        ("api", "enqueue", None, "pending", None),
        ("sender", "claim", "pending", "claimed", None),
        ("sender", "submit", "claimed", "sending", None),
        ("sender", "fail", "sending", "failed", "This number is not on WhatsApp."),
    ] == steps
    assert all(each["at"] for each in shown["timeline"])


async def test_a_reason_has_a_code_for_programs(api, job_id):
    """With the message as in its history; what has only words has none."""
    moves.fail(coded := submit(claim()), refusal(Passed.GOT_ONE_IN_DAYS, days=3), clock.now_ms())
    moves.fail(worded := submit(claim()), "Who knows.", clock.now_ms())
    for message, words, code in (
        (coded, "got 1 message within 3 days", "person_got_one_in_days"),
        (worded, "Who knows.", None),
    ):
        shown = await api.get(f"/messages/{message.id}")
        assert (words, code) == (shown["error"], shown["code"])
        assert [(None, None)] * 3 + [(words, code)] == [(each["why"], each["code"]) for each in shown["timeline"]]


async def test_a_person_decides_on_an_uncertain_message(api, job_id):
    """Only on such a one, and only once."""
    message = submit(claim())
    await api.post(f"/messages/{message.id}/decide", {"sent": True}, 409)
    moves.lose(message, "cannot tell", clock.now_ms())
    await api.post(f"/messages/{message.id}/decide", {"sent": "yes"}, 422)
    assert "sent" == (await api.post(f"/messages/{message.id}/decide", {"sent": True}))["state"]
    await api.post(f"/messages/{message.id}/decide", {"sent": False}, 409)


async def test_a_report_has_a_row_for_everybody(api, job_id):
    """In file order, readable by machines and harmless in a spreadsheet."""
    send_one()
    fail_one("=cmd|' /C calc'!A0")
    rows = list(csv.DictReader(io.StringIO(await api.text(f"/jobs/{job_id}/report.csv"))))
    assert NUMBERS == [row["number"] for row in rows]
    assert ["0", "1", "2", "3"] == [row["row"] for row in rows]
    assert ["delivered", "failed", "pending", "pending"] == [row["state"] for row in rows]
    assert ["Ada", '\'=HYPERLINK("http://x")', "'@SUM(A1)", "Grüße; 🎉"] == [row["name"] for row in rows]
    assert "'=cmd|' /C calc'!A0" == rows[1]["reason"]
    assert rows[0]["sent_at"].endswith("+00:00") and rows[0]["delivered_at"] and not rows[2]["sent_at"]


async def test_a_report_for_excel_is_marked_as_utf8(api, job_id):
    """Else it would show Ã¼ for ü."""
    response = await api.send("GET", f"/jobs/{job_id}/report.csv?excel=1")
    assert (await response.read()).startswith(b"\xef\xbb\xbfrow,number,name,")
    assert "attachment" in response.headers["Content-Disposition"]
    assert "text/csv; charset=utf-8" == response.headers["Content-Type"]


async def test_a_report_of_many_is_complete(api):
    """Over more than one page of the database."""
    numbers = [f"+491511{n:07}" for n in range(2_500)]
    job_id = (await api.post("/send", {"numbers": numbers, "message": "Hi"}))["job_id"]
    rows = list(csv.DictReader(io.StringIO(await api.text(f"/jobs/{job_id}/report.csv"))))
    assert numbers == [row["number"] for row in rows]


async def test_accounts_are_shown_without_their_qr_payload(api):
    """It is a login; only the picture shows it."""
    directory.open_account("default", clock.now_ms())
    directory.report("default", Health(AccountState.NEEDS_LINK, qr="2@payload"), clock.now_ms())
    shown = await api.get("/accounts")
    assert "payload" not in str(shown)
    (row,) = shown["accounts"]
    assert ("default", "needs_link", True, False) == (row["name"], row["state"], row["alive"], row["can_send"])
    assert row == await api.get("/accounts/default")
    await api.get("/accounts/other", 404)


async def test_a_qr_code_is_drawn_while_it_is_needed(api):
    """Fresh, uncached, and gone with the login or with the sender."""
    directory.open_account("default", clock.now_ms())
    await api.get("/accounts/default/qr.svg", 404)
    directory.report("default", Health(AccountState.NEEDS_LINK, qr="2@payload"), clock.now_ms())
    response = await api.send("GET", "/accounts/default/qr.svg")
    assert (200, "image/svg+xml", "no-store") == (
        response.status,
        response.content_type,
        response.headers["Cache-Control"],
    )
    assert (await response.text()).startswith("<svg")
    directory.report("default", Health(AccountState.NEEDS_LINK, qr="2@payload"), clock.now_ms() - 120_000)
    await api.get("/accounts/default/qr.svg", 404)
    directory.report("default", Health(AccountState.READY), clock.now_ms())
    await api.get("/accounts/default/qr.svg", 404)


async def test_suppressions(api):
    """Added in any notation, listed, taken off; twice is as once."""
    added = await api.post("/suppressions", {"number": "+49 1511 0000000", "reason": "wrote STOP"})
    assert NUMBERS[0] == added["number"]
    await api.post("/suppressions", {"number": NUMBERS[0]})
    (row,) = (await api.get("/suppressions"))["suppressions"]
    assert (NUMBERS[0], "wrote STOP", "api") == (row["number"], row["reason"], row["source"])
    await api.ask("DELETE", "/suppressions", json={"number": NUMBERS[0]})
    await api.ask("DELETE", "/suppressions", 404, json={"number": NUMBERS[0]})
    await api.post("/suppressions", {"number": "nonsense"}, 422)
    assert [] == (await api.get("/suppressions"))["suppressions"]


async def test_ready_says_what_it_waits_for(api, stranger):
    """503 until an account can send, and to those who have the key, why; health is about the process alone."""
    assert "No sender is set up" in (await api.get("/ready", 503))["reason"]
    directory.open_account("default", clock.now_ms())
    directory.report("default", Health(AccountState.HELD, Hold.CONFLICT), clock.now_ms())
    assert "conflict" in (await api.get("/ready", 503))["reason"]
    assert {"ready": False} == await stranger.get("/ready", 503)
    directory.report("default", Health(AccountState.READY), clock.now_ms())
    assert (await stranger.get("/ready"))["ready"]
    directory.report("default", Health(AccountState.READY), clock.now_ms() - 60_000)
    assert "is not running" in (await api.get("/ready", 503))["reason"]
    assert {"status": "ok", "version": release.version()} == await stranger.get("/health")


async def test_metrics_are_prometheus_text(api, job_id):
    """By state, without numbers or texts."""
    send_one()
    directory.report("default", Health(AccountState.READY), clock.now_ms())
    lines = (await api.text("/metrics")).splitlines()
    assert 'wasender_messages{state="delivered"} 1.0' in lines
    assert 'wasender_messages{state="pending"} 3.0' in lines
    assert 'wasender_jobs{state="running"} 1.0' in lines
    assert 'wasender_account_can_send{account="default"} 1.0' in lines
    assert not [line for line in lines if "4915110" in line or "Dear" in line]


async def test_a_job_that_runs_says_when_the_next_message_goes_out(api, job_id, settings):
    """And when it will be done."""
    message = claim()
    directory.report("default", Health(AccountState.READY), clock.now_ms())
    moves.submit(message, Mark(None), clock.now_ms(), pacing.Gap(50_000, pacing.Why.LONG_PAUSE, 0))
    shown = await api.get(f"/status/{job_id}")
    assert ("running", "long_pause") == (shown["status"], shown["next_reason"])
    assert 40_000 < shown["next_send_at"] - clock.now_ms() <= 50_000
    assert shown["eta"] >= shown["next_send_at"]


async def test_a_field_named_like_a_column_of_the_report_does_not_hide_it(api):
    """`_field` tells them apart, whatever else the file has."""
    fields = {"state": "Ohio", "state_field": "x", "reason": "wedding", "row": "7"}
    answer = await api.post("/send", {"recipients": [{"number": NUMBERS[0], **fields}], "message": "Hi"})
    text = await api.text(f"/jobs/{answer['job_id']}/report.csv")
    head = next(csv.reader(io.StringIO(text)))
    assert len(head) == len(set(head))
    row = next(csv.DictReader(io.StringIO(text)))
    assert ("0", "pending", "") == (row["row"], row["state"], row["reason"])
    assert ("7", "Ohio", "x", "wedding") == tuple(
        row[name] for name in ("row_field", "state_field_field", "state_field", "reason_field")
    )
