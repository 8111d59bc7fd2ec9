"""JSON that comes in: how much of it is taken, and what is said of what cannot be read."""

from __future__ import annotations

import io
import resource

import pytest

from daemon.contacts import suppression
from daemon.http import make_app
from daemon.models import Job
from tests.http.conftest import KEY, Caller

MILLION = 1_000_001


@pytest.fixture
async def api(make_settings, database, aiohttp_client):
    """A caller whose bodies may be as large as by default."""
    return Caller(await aiohttp_client(make_app(make_settings(max_upload_mb=64), KEY)), KEY)


JSON = {"Content-Type": "application/json"}
LARGE = {
    "numbers": (b'{"message": "Hi", "numbers": [' + b"1," * 3_000_000 + b"1]}", 422, "numbers takes up to 1,000,000"),
    "bad numbers": (b'{"message": "Hi", "numbers": [' + b"1," * 150_000 + b"1]}", 422, "More than 100,000 rows"),
    "lists": (
        b'{"message": "Hi", "recipients": [' + b"[]," * MILLION + b"1]}",
        422,
        "recipients takes up to 1,000,000",
    ),
    "more values than are parsed": (b'{"numbers": [' + b"1," * 4_000_001 + b"1]}", 413, "more than 4,000,000 values"),
    "deep": (b'{"numbers": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "not valid JSON"),
    "attachments": (
        b'{"message": "Hi", "attachments": [' + b"1," * MILLION + b"1]}",
        422,
        "attachments.0: input should",
    ),
    "more attachments than WhatsApp takes": (
        b'{"attachments": [' + b'"a",' * 31 + b'"a"]}',
        422,
        "up to 30 entries",
    ),
    "unknown fields": (b"{" + b",".join(b'"f%d": 1' % n for n in range(100_000)) + b"}", 422, "field f0 is unknown"),
    "fields of a person": (
        b'{"message": "Hi", "recipients": [{' + b",".join(b'"f%d": 1' % n for n in range(300)) + b"}]}",
        422,
        "more than 200 fields",
    ),
}


@pytest.mark.parametrize("name", LARGE)
async def test_a_large_body_takes_no_more_than_it_may(api, name):
    """One sentence, at the first excess; nothing is queued, and memory does not grow by what is in the body."""
    data, status, words = LARGE[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    problem = await api.post("/send", None, status, data=io.BytesIO(data), headers=JSON)
    assert words in problem["detail"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 256 << 10  # KiB
    assert 0 == Job.select().count()


async def test_a_body_without_people_is_small(api):
    """However many values it may hold elsewhere."""
    await api.post("/suppressions", None, 413, data=b'{"name": [' + b"1," * 20_001 + b"1]}", headers=JSON)


async def test_the_ids_of_a_list_are_refused_at_the_first_that_is_none(api):
    """Not with an error kept for each."""
    made = await api.post("/lists", {"name": "Guests"})
    data = b'{"ids": [' + b'"x",' * 500_000 + b"1]}"
    problem = await api.ask("DELETE", f"/lists/{made['id']}/entries", 422, data=io.BytesIO(data), headers=JSON)
    assert problem["detail"].startswith("ids.0: ")


async def test_a_pasted_list_is_bounded(api):
    """It is counted before it is taken apart."""
    numbers = "1," * (suppression.MOST_PASTED + 1)
    problem = await api.post("/suppressions/import", None, 422, data={"numbers": numbers})
    assert "upload it as a file" in problem["detail"]


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""], ids=["with a mark", "without"])
async def test_a_byte_order_mark_is_no_part_of_the_json(api, mark):
    """Some editors and systems put one before everything they write."""
    data = mark + b'{"numbers": ["+12025550101"], "message": "hi"}'
    assert 1 == (await api.post("/send", data=data, headers=JSON))["total_numbers"]


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "application/xml"])
async def test_a_body_that_is_no_json_is_told_what_came_and_what_is_wanted(api, kind):
    """Both content types are named."""
    data = b"numbers=%2B12025550101&message=hi"
    problem = await api.post("/send", None, 400, data=data, headers={"Content-Type": kind})
    assert kind in problem["detail"] and "application/json" in problem["detail"]


async def test_json_is_read_whatever_it_is_called(api):
    """curl calls every body a form unless it is told otherwise."""
    data = b'{"numbers": ["+12025550101"], "message": "hi"}'
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert 1 == (await api.post("/send", data=data, headers=headers))["total_numbers"]


@pytest.mark.parametrize("at", ["2030-01-31T09:00:00", "2030-01-31 09:00", "2030-01-31T09:00:00.000", "2030-01-31"])
async def test_a_time_without_its_zone_is_told_that(api, at):
    """And how one is given."""
    problem = await api.post("/send", {"numbers": ["+12025550101"], "message": "hi", "schedule_at": at}, 422)
    assert "schedule_at: the time zone is missing" in problem["detail"] and "Z for UTC" in problem["detail"]
