"""POST /send and what belongs to it: recipients, texts, idempotency, refusals."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest

from daemon.accounts import directory
from daemon.contacts import suppression
from daemon.db import clock, proxy
from daemon.delivery import compose
from daemon.http import make_app
from daemon.models import Job, Message, Suppression
from tests.http.conftest import KEY, Caller, form

NUMBERS = ["+4915110000000", "+4915110000001", "+4915110000002"]


async def test_the_predecessors_quick_start_works_as_it_stands(api):
    """Its curl line: these numbers belong to no numbering plan, but a program gave them with a plus."""
    answer = await api.post(
        "/send",
        data='{"numbers": ["+1234567890", "+9876543210"], "message": "Hello from WhatsApp Sender!"}',
        headers={"Content-Type": "application/json"},
    )
    assert (True, 2, 0, []) == tuple(answer[k] for k in ("success", "total_numbers", "duplicates_removed", "rejected"))
    shown = await api.get(f"/status/{answer['job_id']}")
    assert ("pending", 2, 2) == (shown["status"], shown["total"], shown["pending"])
    for path in ("pause", "resume", "stop"):
        assert (await api.post(f"/{path}/{answer['job_id']}"))["success"]


async def test_an_answer_says_what_became_of_every_number(api):
    """Good ones are queued, doubles counted, bad ones named with place and reason."""
    numbers = [NUMBERS[0], "+49 1511 0000000", "not a number", "12345", NUMBERS[1]]
    answer = await api.post("/send", {"numbers": numbers, "message": "Hi"})
    assert {
        "success",
        "message",
        "job_id",
        "total_numbers",
        "duplicates_removed",
        "rejected",
        "note",
        "warnings",
    } == set(answer)
    assert (2, 1) == (answer["total_numbers"], answer["duplicates_removed"])
    assert [(2, "not a number"), (3, "12345")] == [(each["index"], each["value"]) for each in answer["rejected"]]
    assert all(each["reason"] for each in answer["rejected"])
    assert [NUMBERS[0], NUMBERS[1]] == [row.number for row in Message.select().order_by(Message.id)]


async def test_nobody_good_is_refused(api):
    """422, with the first reasons, and no job is left behind."""
    detail = (await api.post("/send", {"numbers": ["nonsense"], "message": "Hi"}, 422))["detail"]
    assert "There are no recipients" in detail and "index 0" in detail
    await api.post("/send", {"numbers": [], "message": "Hi"}, 422)
    assert 0 == Job.select().count()


async def test_recipients_have_fields_for_the_text(api):
    """They are kept with the message, and the columns with the job."""
    recipients = [{"number": NUMBERS[0], "First Name": "Ada", "age": 36}, {"number": NUMBERS[1], "First Name": "Bo"}]
    answer = await api.post("/send", {"recipients": recipients, "message": "Dear {{ first_name }}", "name": "Party"})
    shown = await api.get(f"/jobs/{answer['job_id']}/messages")
    fields = [each["fields"] for each in shown["messages"]]
    assert [{"first_name": "Ada", "age": "36"}, {"first_name": "Bo"}] == fields
    assert "Party" == (await api.get(f"/status/{answer['job_id']}"))["name"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Dear {{ name }}", "name is empty"),
        ("Dear {{ name", "not closed"),
        ("{{ ''.__class__ }}", "cannot be used"),
        ("   ", "empty"),
        ("x" * 65_537, "characters"),
    ],
)
async def test_a_text_that_does_not_fit_is_refused_before_anything_is_queued(api, text, words):
    """With the places, and no row of a job is left behind."""
    recipients = [{"number": NUMBERS[0], "name": "Ada"}, {"number": NUMBERS[1], "name": ""}]
    detail = (await api.post("/send", {"recipients": recipients, "message": text}, 422))["detail"]
    assert words in detail
    assert (0, 0) == (Job.select().count(), Message.select().count())


async def test_a_missing_field_names_the_rows(api):
    """As positions in the file or list, with the number of them."""
    recipients = [{"number": number, "name": name} for number, name in zip(NUMBERS, ("Ada", "", ""), strict=True)]
    detail = (await api.post("/send", {"recipients": recipients, "message": "Dear {{ name }}"}, 422))["detail"]
    assert "2 recipients" in detail
    assert "by position: 1 (" in detail
    assert "2 (The field name" in detail
    assert not any(number in detail for number in NUMBERS)


async def test_a_repeat_with_the_same_key_gets_the_first_answer(api):
    """One job, also when the state has changed meanwhile."""
    body, headers = {"numbers": NUMBERS, "message": "Hi"}, {"Idempotency-Key": "order-17"}
    first = await api.post("/send", body, headers=headers)
    await api.post(f"/stop/{first['job_id']}")
    assert first == await api.post("/send", body, headers=headers)
    assert 1 == Job.select().count()
    other = await api.post("/send", body, headers={"Idempotency-Key": "order-18"})
    assert first["job_id"] != other["job_id"]


async def test_a_key_for_another_request_is_refused(api):
    """409, and nothing is queued."""
    headers = {"Idempotency-Key": "order-17"}
    await api.post("/send", {"numbers": NUMBERS, "message": "Hi"}, headers=headers)
    problem = await api.post("/send", {"numbers": NUMBERS, "message": "Other"}, 409, headers=headers)
    assert "urn:wasender:problem:idempotency-key-reused" == problem["type"]
    assert 1 == Job.select().count()


async def test_requests_at_the_same_time_with_one_key_make_one_job(api):
    """A client that retried because it was impatient."""
    calls = [api.post("/send", {"numbers": NUMBERS, "message": "Hi"}, headers={"Idempotency-Key": "k"}) for _ in "1234"]
    answers = await asyncio.gather(*calls)
    assert all(answer == answers[0] for answer in answers)
    assert 1 == Job.select().count()


@pytest.mark.parametrize("key", ["x" * 256, "schlüssel"])
async def test_a_key_that_is_none_is_refused(api, key):
    """In words; not with a crash in the database."""
    await api.post("/send", {"numbers": NUMBERS, "message": "Hi"}, 422, headers={"Idempotency-Key": key})


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("{", 400, "not valid JSON"),
        (b"\xff\xfe{}", 400, "UTF-8"),
        ('{"message": "\\ud800", "numbers": ["+4915110000000"]}', 400, "not valid JSON"),
        ("", 422, "body"),
        ("[]", 422, "body"),
        ('{"numbers": "+4915110000000", "message": "Hi"}', 422, "numbers"),
        ('{"numbers": [null], "message": "Hi"}', 422, "index 0"),
        ('{"numbers": [["+4915110000000"]], "message": "Hi"}', 422, "index 0"),
        ('{"numbers": ["+4915110000000"], "message": 5}', 422, "message"),
        ('{"numbers": ["+4915110000000"], "message": "Hi", "delay_min": "soon"}', 422, "delay_min"),
        ('{"numbers": ["+4915110000000"], "message": "Hi", "delay_min": -1}', 422, "delay_min"),
        ('{"numbers": ["+4915110000000"], "message": "Hi", "delay_min": 9, "delay_max": 1}', 422, "delay_min"),
        ('{"numbers": ["+4915110000000"], "message": "Hi", "delay_max": 1e300}', 422, "delay"),
        ('{"numbers": ["+4915110000000"], "message": "Hi", "delay_max": Infinity}', 400, "not valid JSON"),
        ('{"numbers": ["+4915110000000"], "message": "Hi", "delay_max": NaN}', 400, "not valid JSON"),
        ('{"numbers": ["+4915110000000"], "message": "Hi", "schedule_at": "tomorrow"}', 422, "schedule_at"),
        ('{"numbers": ["+4915110000000"], "message": "Hi", "schedule_at": "2030-01-01T10:00:00"}', 422, "schedule_at"),
        ('{"numbers": ["+4915110000000"], "message": "Hi", "schedule_at": 1e30}', 422, "schedule_at"),
        ('{"numbers": ["+4915110000000"], "message": "Hi", "schedule_at": 1893492000}', 422, "milliseconds"),
        ('{"numbers": ["+4915110000000"], "message": "Hi", "account": "../x"}', 422, "account"),
        ('{"numbers": ["+4915110000000"], "mesage": "Hi"}', 422, "mesage is unknown"),
        ('{"numbers": ["+4915110000000"], "recipients": [], "message": "Hi"}', 422, "exactly one way"),
        ('{"message": "Hi"}', 422, "exactly one way"),
        ('{"numbers": ["+4915110000000"], "message": "Hi", "attachments": "x"}', 422, "attachments"),
        ('{"numbers": ["+4915110000000"], "message": "Hi", "attachments": ["../../etc/passwd"]}', 404, "attachment"),
        ('{"upload_id": "../../etc/passwd", "message": "Hi"}', 404, "upload"),
    ],
)
async def test_a_body_that_cannot_be_used_is_refused_with_the_reason(api, body, status, words):
    """400 for what cannot be read, 422 for what cannot be meant; nothing is queued."""
    problem = await api.post("/send", None, status, data=body, headers={"Content-Type": "application/json"})
    assert words.lower() in problem["detail"].lower()
    assert 0 == Job.select().count()


async def test_a_body_that_is_too_large_is_refused(make_settings, database, aiohttp_client):
    """413, with the limit."""
    api = Caller(await aiohttp_client(make_app(make_settings(max_upload_mb=1), KEY)), KEY)
    problem = await api.post("/send", None, 413, data=io.BytesIO(b" " * (3 * 1024 * 1024)))
    assert "urn:wasender:problem:too-large" == problem["type"]
    assert "1 MB" in problem["detail"]


@pytest.mark.parametrize("at", ["2030-01-01T10:00:00+01:00", 1_893_488_400_000])
async def test_a_job_is_scheduled_for_its_time(api, at):
    """As a date with its zone, or in milliseconds."""
    answer = await api.post("/send", {"numbers": NUMBERS, "message": "Hi", "schedule_at": at})
    shown = await api.get(f"/status/{answer['job_id']}")
    assert ("scheduled", 1_893_488_400_000) == (shown["status"], shown["schedule_at"])
    assert "Sending starts at the scheduled time, as soon as account default can send." == answer["note"]


async def test_delays_are_kept_with_the_job(api):
    """One of them alone pulls the other along."""
    for given, expected in (
        ({"delay_min": 2, "delay_max": 3.5}, (2000, 3500)),
        ({"delay_min": 30}, (30_000, 30_000)),
        ({}, (0, 0)),
    ):
        job_id = (await api.post("/send", {"numbers": NUMBERS, "message": "Hi", **given}))["job_id"]
        row = Job.get_by_id(job_id)
        assert expected == (row.delay_min_ms, row.delay_max_ms)


async def test_whoever_opted_out_may_be_in_the_list(api, settings):
    """They are skipped when their turn comes; the rest get it."""
    suppression.suppress(settings, NUMBERS[0], "asked", "test", clock.now_ms())
    answer = await api.post("/send", {"numbers": NUMBERS, "message": "Hi"})
    assert 3 == answer["total_numbers"]
    assert 1 == Suppression.select().count()


async def test_ten_thousand_rows_of_a_file_become_ten_thousand_recipients(api):
    """Every one, in file order."""
    lines = ["name;phone"] + [f"Person {n};+491511{n:07}" for n in range(10_000)]
    found = await api.post("/upload", data=form("\n".join(lines).encode(), "guests.csv"))
    assert (10_000, 10_000, 0, []) == tuple(found[k] for k in ("total", "unique", "duplicates", "rejected"))
    answer = await api.post("/send", {"upload_id": found["upload_id"], "message": "Dear {{ name }}"})
    assert 10_000 == answer["total_numbers"]
    numbers = [number for (number,) in proxy.tuples(Message.select(Message.number).order_by(Message.id))]
    assert [f"+491511{n:07}" for n in range(10_000)] == numbers


async def test_a_file_that_was_uploaded_names_its_rejected_rows(api):
    """In the upload, in the answer, and in the job's rejected.csv."""
    data = "phone,name\n+4915110000000,Ada\n=cmd(),Eve\n+4915110000000,Ada\n"
    found = await api.post("/upload", data=form(data.encode(), "guests.csv"))
    assert ([3], 1, 1) == ([each["row"] for each in found["rejected"]], found["unique"], found["duplicates"])
    answer = await api.post("/send", {"upload_id": found["upload_id"], "message": "Hi"})
    assert found["rejected"] == answer["rejected"]
    text = await api.text(f"/jobs/{answer['job_id']}/rejected.csv")
    head, row = text.splitlines()
    assert "row,value,reason" == head
    assert row.startswith("3,'=cmd()")


async def test_attachments_of_all_kinds_go_together(api):
    """A document and a picture are sent as the parts of one message; so is a text that is no caption."""
    photo, video, document = [
        await api.post("/upload_attachment", data=form(b"x", name)) for name in ("a.png", "b.mp4", "c.pdf")
    ]
    ids = [each["attachment_id"] for each in (photo, video, document)]
    body: dict[str, Any] = {"numbers": NUMBERS, "message": "Hi"}
    await api.post("/send", body | {"attachments": ids[:2]})
    await api.post("/send", body | {"message": "", "attachments": ids[2:]})
    await api.post("/send", body | {"attachments": ids})
    for text, files, several in (("x" * 1025, ids[:1], "2"), ("x" * 1024, ids[:2], ""), ("x", ids, "2")):
        note = (await api.post("/send", body | {"message": text, "attachments": files}))["note"]
        assert ("up to" in note, f"up to {several} messages" in note) == (bool(several), bool(several))
    assert "up to" in (await api.post("/send", body | {"attachments": ids[:1] * 31}, 422))["detail"]


async def test_a_job_keeps_its_own_text(api):
    """What is sent is what was posted, to the last sign."""
    text = "Line one\n\n*bold* 🎉 {# not a comment #} <b>"
    answer = await api.post("/send", {"numbers": NUMBERS[:1], "message": text})
    assert text == Job.get_by_id(answer["job_id"]).text


async def test_what_is_not_a_number_is_rejected_alone(api):
    """Whatever JSON stands in the list: the good ones go."""
    answer = await api.post("/send", {"numbers": [NUMBERS[0], None, 1.5, {"x": 1}, True], "message": "Hi"})
    assert 1 == answer["total_numbers"]
    assert [1, 2, 3, 4] == [row["index"] for row in answer["rejected"]]


async def test_whoever_can_be_written_to_can_be_suppressed(api):
    """Also a number that no numbering plan knows."""
    await api.post("/suppressions", {"number": "+1234567890", "reason": "asked"})
    again = await api.post("/suppressions", {"number": "+1234567890", "reason": "other"})
    assert "asked" == again["reason"]
    await api.ask("DELETE", "/suppressions", json={"number": "+1234567890"})


async def test_other_tools_placeholders_are_warned_of(api):
    """They are sent as they stand, which is hardly meant; a constant is no placeholder at all."""
    people = [{"number": NUMBERS[0], "name": "Ann"}]
    sent = await api.post("/send", {"recipients": people, "message": "Hi %name%"})
    said = '"%name%" is sent as it is written: write {{ name }} for that column.'
    assert sent["note"].endswith(said)
    told = {"code": "placeholder_of_column", "placeholder": "%name%", "field": "name", "sentence": said}
    assert [told] == sent["warnings"]
    refused = await api.post("/send", {"recipients": people, "message": "Hi {{1}}"}, 422)
    assert "a placeholder has no field in it" in refused["detail"]


async def test_an_unknown_account_is_refused_with_the_names_there_are(api):
    """Nobody would ever send it."""
    directory.open_account("office", clock.now_ms())
    send = {"numbers": ["+4915110000000"], "message": "Hi"}

    problem = await api.post("/send", send | {"account": "office2"}, 422)

    assert "There is no account office2. Known accounts: default, office." == problem["detail"]
    for name in ("office", "default"):
        made = await api.post("/send", send | {"account": name})
        assert name == (await api.get(f"/status/{made['job_id']}"))["account"]
    assert 2 == Job.select().count()


async def test_people_who_share_a_number_each_get_a_message_where_that_is_asked(api):
    """`per: row`; without it the others are duplicates, as ever."""
    people = [{"number": NUMBERS[0], "name": name} for name in ("Ana", "Bia")]
    first = await api.post("/send", {"recipients": people, "message": "Hi {{ name }}", "per": "row"})
    assert (2, 0) == (first["total_numbers"], first["duplicates_removed"])
    shown = await api.get(f"/jobs/{first['job_id']}/messages")
    assert [(NUMBERS[0], "Ana"), (NUMBERS[0], "Bia")] == [(m["number"], m["fields"]["name"]) for m in shown["messages"]]
    again = await api.post(f"/jobs/{first['job_id']}/duplicate", {"people": "all"})
    assert 2 == again["total_numbers"]
    other = await api.post("/send", {"recipients": people, "message": "Hi", "per": "number"})
    assert (1, 1) == (other["total_numbers"], other["duplicates_removed"])
    data = f"Phone,Name\n{NUMBERS[0]},Ana\n{NUMBERS[0]},Bia\n{NUMBERS[1]},Cem\n"
    upload = await api.post("/upload", data=form(data.encode(), "guests.csv"))
    assert (2, 1) == (upload["unique"], upload["duplicates"])
    body = {"upload_id": upload["upload_id"], "message": "Hi {{ name }}"}
    for per, found in (("row", (3, 0)), ("number", (2, 1))):
        sent = await api.post("/send", body | {"per": per})
        assert found == (sent["total_numbers"], sent["duplicates_removed"])
    await api.post("/send", {"recipients": people, "message": "Hi", "per": "family"}, 422)


async def test_dates_in_a_text_are_written_in_the_language_asked_for(api):
    """ISO or the usual notation; what could be two days is refused by its place, never guessed."""
    body: dict[str, Any] = {"message": '{{ on | date("EEEE d. MMMM") }}', "language": "de"}
    people = [{"number": number, "on": on} for number, on in zip(NUMBERS, ("2026-11-29", "29.11.2026"), strict=False)]
    await api.post("/send", body | {"recipients": people})
    rows = Message.select(Message, Job).join(Job).order_by(Message.id)
    assert ["Sonntag 29. November"] * 2 == [
        compose.text_of(row.job.text, row.job.formats, row.fields, row.number) for row in rows
    ]

    problem = await api.post("/send", body | {"recipients": [{"number": NUMBERS[0], "on": "03/04/2026"}]}, 422)
    assert "could be read in two ways" in problem["detail"]
    assert "message" == problem["errors"][0]["field"]
    problem = await api.post("/send", body | {"numbers": NUMBERS, "language": "klingon"}, 422)
    assert [("language", "language_unknown")] == [(each["field"], each["code"]) for each in problem["errors"]]


async def test_a_program_is_told_when_it_is_much_for_one_account(api, people):
    """The campaign starts all the same; one with few people, or few a day, has no such word."""
    numbers = [each.number for each in people(31)]
    answer = await api.post("/send", {"numbers": numbers, "message": "Hi"})
    assert "31 people, 31 of whom it has never messaged; days it takes: 1." in answer["note"]
    for fewer in ({"numbers": numbers[:30]}, {"numbers": numbers, "daily_cap": 30}):
        assert "much" not in (await api.post("/send", {"message": "Hi", **fewer}))["note"]
