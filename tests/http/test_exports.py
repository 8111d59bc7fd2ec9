"""Reports to download: CSV and spreadsheet, of everybody or of those selected, and no cell a formula."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator
from typing import Any

import aiohttp
import openpyxl
import pytest
from structlog.testing import capture_logs

from daemon import errors
from daemon.accounts import directory, pacing
from daemon.api import jobs
from daemon.auth import audit_reading
from daemon.db import clock
from daemon.delivery import claim, moves, replies
from daemon.models import Job, Message
from daemon.states import Ack
from daemon.transports.protocol import Heard, Mark, Receipt, Said

NAMES = ["Ada", '=HYPERLINK("http://x")', "@SUM(A1)", "Grüße; 🎉", "-3"]
NUMBERS = [f"+49151100000{n:02}" for n in range(len(NAMES))]
AT = 1_769_882_405_000  # 2026-01-31 18:00:05 UTC
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.fixture
async def job_id(api) -> int:
    """Five people, some with names that a spreadsheet would take for formulas; one sent to, one failed."""
    recipients = [{"number": number, "name": name} for number, name in zip(NUMBERS, NAMES, strict=True)]
    answer = await api.post("/send", {"recipients": recipients, "message": "Dear {{ name }}", "name": "Party"})
    now = clock.now_ms()
    directory.open_account("default", now)
    for end in (
        lambda each: moves.confirm(each, Receipt("id-1", Ack.DELIVERED), now),
        lambda each: moves.fail(each, "=cmd() is not a reason.", now),
    ):
        (message,) = claim.claim("default", 1, now, 60_000, pacing.Rules())
        moves.submit(message, Mark(None), now, pacing.Gap(0, pacing.Why.PAUSE, 1))
        end(message)
    found: int = answer["job_id"]
    return found


async def spreadsheet(api: Any, path: str) -> Any:
    response = await api.send("GET", path)
    assert (200, XLSX) == (response.status, response.content_type)
    body = await response.read()
    assert len(body) == int(response.headers["Content-Length"])
    return openpyxl.load_workbook(io.BytesIO(body)).active


async def test_a_spreadsheet_says_what_became_of_everybody(api, job_id):
    """Names, numbers and reasons as they are; a number is no number to be calculated with."""
    sheet = await spreadsheet(api, f"/jobs/{job_id}/report.xlsx")

    rows = list(sheet.iter_rows(values_only=True))
    head = ("row", "number", "name", "state", "attempts", "reason", "sent_at", "delivered_at", "read_at")
    head += ("replied_at", "reply", "dry_run")
    assert head == rows[0]
    assert NAMES == [row[2] for row in rows[1:]]
    assert NUMBERS == [row[1] for row in rows[1:]]
    assert ["delivered", "failed", "pending", "pending", "pending"] == [row[3] for row in rows[1:]]
    assert [1, 1, 0, 0, 0] == [row[4] for row in rows[1:]]
    assert {"s", "n"} == {cell.data_type for row in sheet.iter_rows() for cell in row}
    assert sheet["C3"].quotePrefix


async def test_a_report_has_replies_and_the_times_of_a_zone(api, job_id):
    """As a clock there shows them, with the zone named; without one they are in UTC, as a program reads them."""
    replies.take("default", Heard(NUMBERS[0], [Said("id-1", True, ""), Said("r", False, "=1+1")]), frozenset(), AT)
    Message.update(sent_at=AT).where(Message.number == NUMBERS[0]).execute()
    rows = list(csv.DictReader(io.StringIO(await api.text(f"/jobs/{job_id}/report.csv?zone=Asia/Kolkata"))))
    assert ("2026-01-31 23:30:05", "2026-01-31 23:30:05") == (rows[0]["sent_at"], rows[0]["replied_at"])
    assert ("'=1+1", "") == (rows[0]["reply"], rows[1]["reply"])
    assert {"Asia/Kolkata"} == {row["time_zone"] for row in rows}
    sheet = await spreadsheet(api, f"/jobs/{job_id}/report.xlsx?zone=Europe/Berlin")
    assert "2026-01-31 19:00:05" == dict(zip(*list(sheet.iter_rows(values_only=True))[:2], strict=True))["sent_at"]
    (row, *_) = csv.DictReader(io.StringIO(await api.text(f"/jobs/{job_id}/report.csv")))
    assert "2026-01-31T18:00:05.000+00:00" == row["sent_at"]
    assert "time_zone" not in row
    assert "such as Europe/Berlin" in (await api.get(f"/jobs/{job_id}/report.csv?zone=Mars/Base", 422))["detail"]


async def test_each_line_of_a_dry_runs_report_says_that_it_was_one(api, job_id):
    """What counts as sent there went to nobody."""
    Job.update(dry_run=True).where(Job.id == job_id).execute()
    rows = list(csv.DictReader(io.StringIO(await api.text(f"/jobs/{job_id}/report.csv"))))
    assert ["yes"] * len(NAMES) == [row["dry_run"] for row in rows]
    Job.update(dry_run=False).where(Job.id == job_id).execute()
    assert {""} == {row["dry_run"] for row in csv.DictReader(io.StringIO(await api.text(f"/jobs/{job_id}/report.csv")))}


async def test_those_that_failed_for_one_reason_are_had_and_retried_alone(api, job_id):
    """By the code that the list of reasons gives."""
    reasons = await api.get(f"/jobs/{job_id}/reasons")
    assert [{"code": "other", "count": 1, "reason": "=cmd() is not a reason."}] == reasons["reasons"]
    for query, wanted in (("code=other", [NUMBERS[1]]), ("code=moon", []), ("code=other&state=sent", [])):
        text = await api.text(f"/jobs/{job_id}/report.csv?{query}")
        assert wanted == [row["number"] for row in csv.DictReader(io.StringIO(text))]
        listed = await api.get(f"/jobs/{job_id}/messages?{query}")
        assert wanted == [row["number"] for row in listed["messages"]]
    assert [NUMBERS[1]] == [row[1].value for row in await sheet_rows(api, f"/jobs/{job_id}/report.xlsx?code=other")]
    await api.post(f"/retry/{job_id}?code=moon", None, 409)
    assert 4 == (await api.post(f"/retry/{job_id}?code=other", None))["pending"]
    assert [] == (await api.get(f"/jobs/{job_id}/reasons"))["reasons"]


async def sheet_rows(api: Any, path: str) -> list[Any]:
    return list((await spreadsheet(api, path)).iter_rows())[1:]


async def test_a_job_is_archived_when_it_is_over(api, job_id):
    """Not before; its list still has it, and says since when."""
    refused = await api.post(f"/jobs/{job_id}/archive", None, 409)
    assert "is not over yet" in refused["detail"]
    await api.post(f"/stop/{job_id}", None)
    assert (await api.post(f"/jobs/{job_id}/archive", None))["archived_at"]
    (job,) = (await api.get("/jobs"))["jobs"]
    assert (True, "api") == (job["archived_at"] is not None, job["made_by"])
    assert (await api.post(f"/jobs/{job_id}/unarchive", None))["archived_at"] is None
    await api.post("/jobs/999/archive", None, 404)


async def test_a_csv_has_no_cell_that_is_a_formula(api, job_id):
    """A sign before it makes it text; the number stays as a program reads it."""
    rows = list(csv.DictReader(io.StringIO(await api.text(f"/jobs/{job_id}/report.csv"))))

    assert ["Ada", '\'=HYPERLINK("http://x")', "'@SUM(A1)", "Grüße; 🎉", "'-3"] == [row["name"] for row in rows]
    assert NUMBERS == [row["number"] for row in rows]
    assert "'=cmd() is not a reason." == rows[1]["reason"]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("state=failed", [1]),
        ("state=pending", [2, 3, 4]),
        ("search=ada", [0]),
        ("search=%2B49151100000&state=delivered", [0]),
        ("search=reason", [1]),
        ("state=skipped", []),
        ("search=nobody", []),
    ],
)
async def test_those_selected_can_be_had_alone(api, job_id, query, wanted):
    """By state, by text or by both, as on the page; in each form, and in the API's own list."""
    text = await api.text(f"/jobs/{job_id}/report.csv?{query}")
    sheet = await spreadsheet(api, f"/jobs/{job_id}/report.xlsx?{query}")
    listed = await api.get(f"/jobs/{job_id}/messages?{query}")

    numbers = [NUMBERS[n] for n in wanted]
    assert numbers == [row["number"] for row in csv.DictReader(io.StringIO(text))]
    assert numbers == [row[1] for row in list(sheet.iter_rows(values_only=True))[1:]]
    assert numbers == [row["number"] for row in listed["messages"]]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
async def test_what_cannot_be_selected_is_refused_before_anything_comes(api, job_id, ending):
    """As a problem, not as a broken file."""
    await api.get(f"/jobs/{job_id}/report.{ending}?state=lost", 422)
    await api.get(f"/jobs/{job_id}/report.{ending}?search={'x' * 201}", 422)
    await api.get(f"/jobs/999/report.{ending}", 404)


async def test_the_name_of_the_file_says_what_is_in_it(api, job_id):
    """The job, and the state if it is only one."""
    names = []
    for path in ("report.csv", "report.xlsx", "report.xlsx?state=failed", "report.csv?state=failed"):
        response = await api.send("GET", f"/jobs/{job_id}/{path}")
        names.append(response.headers["Content-Disposition"].partition("filename=")[2].strip('"'))

    assert ["report.csv", "report.xlsx", "failed.xlsx", "failed.csv"] == [
        name.removeprefix(f"job-{job_id}-") for name in names
    ]


async def test_a_long_report_comes_in_parts(api, job_id, monkeypatch):
    """However many pages of recipients it takes, each is there once, in order."""
    monkeypatch.setattr(jobs, "MAX_LIMIT", 2)

    sheet = await spreadsheet(api, f"/jobs/{job_id}/report.xlsx")
    text = await api.text(f"/jobs/{job_id}/report.csv")

    assert NUMBERS == [row[1] for row in list(sheet.iter_rows(values_only=True))[1:]]
    assert NUMBERS == [row["number"] for row in csv.DictReader(io.StringIO(text))]


async def test_a_download_that_fails_half_way_is_cut(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client learns that something is missing, instead of waiting for it."""

    def failing(_wanted: object) -> Iterator[list[object]]:
        yield []
        raise errors.DiskFull

    monkeypatch.setattr(audit_reading, "every", failing)
    response = await api.send("GET", "/audit/export.csv")
    async with asyncio.timeout(10):
        with capture_logs() as logged, pytest.raises(aiohttp.ClientError):
            await response.read()
    assert "download.cut" in {line["event"] for line in logged}
    assert 200 == (await api.send("GET", "/health")).status
