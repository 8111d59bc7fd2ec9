"""A new campaign's message and its time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from daemon.accounts import directory, limits
from daemon.campaigns import draft_files, templates
from daemon.contacts import uploads
from daemon.db import clock
from daemon.delivery import compose
from daemon.models import Job, Message
from daemon.server.visitors import LANGUAGE_COOKIE, ZONE_COOKIE
from daemon.states import JobState
from tests.support.drafting import (
    Client,
    _origin,
    check,
    draft_of,
    look,
    map_columns,
    post,
    refused,
    send,
    with_columns,
    with_message,
)

# Message


async def preview(client: Client, base: str, status: int = 200, **body: Any) -> dict[str, Any]:
    page = await look(client, f"{base}/message")
    token = re.search(r'name="csrf" value="(\w+)"', page)
    headers = _origin(client) | ({"X-CSRF-Token": token[1]} if token else {})
    response = await client.post(f"{base}/preview", json=body, headers=headers)
    assert status == response.status
    answer: dict[str, Any] = await response.json(content_type=None)
    return answer


async def test_the_preview_is_what_each_one_gets(member: Client) -> None:
    """By its place, or found by a name or a number; WhatsApp's marks are shown as it does."""
    base = await with_columns(member)
    await post(member, f"{base}/numbers", go="next")
    found = await preview(member, base, text="*Hi* _{{ name }}_ ~you~ ```x```", index=1)
    assert "<strong>Hi</strong> <em>Ben</em> <s>you</s> <code>x</code>" == found["html"]
    assert ("Ben, +442079460011", 1, 3) == (found["who"], found["index"], found["total"])
    assert 1 == (await preview(member, base, text="x", find="ben"))["index"]
    assert 1 == (await preview(member, base, text="x", find="7946"))["index"]
    assert (await preview(member, base, text="x", find="nobody"))["missed"]
    assert 2 == (await preview(member, base, text="👋"))["length"]
    assert "There is no field who" in (await preview(member, base, text="{{ who }}"))["error"]
    assert "is opened with {{" in (await preview(member, base, text="{{ name"))["error"]
    missing = await preview(member, base, text="In {{ city }}")
    assert (1, 3) == (missing["problems"], missing["first"][0]["row"])
    await preview(member, base, 422, text=1)


async def test_a_mistake_is_told_in_the_readers_language(member: Client) -> None:
    """While one writes, in the answer to a form, and to our script; the code is the same in all of them."""
    base = await with_columns(member)
    await post(member, f"{base}/numbers", go="next")
    member.session.cookie_jar.update_cookies({LANGUAGE_COOKIE: "es"})
    told = "Línea 1 del mensaje: los nombres de campos no llevan espacios: escribir {{ first_name }}."
    assert told == (await preview(member, base, text="Hi {{ First Name }}"))["error"]
    assert "No existe el campo who: " in (await preview(member, base, text="{{ who }}"))["error"]
    assert "No existe el campo who:" in await refused(member, f"{base}/message", 422, text="{{ who }}", go="next")
    response = await member.get("/status/77", headers={"Accept": "application/json"})
    problem = await response.json(content_type=None)
    assert "no_job" == problem["code"]
    assert "77" in problem["detail"] and "There is no job" not in problem["detail"]


async def test_a_mistake_in_the_text_is_said_before_the_next_step(member: Client) -> None:
    """What was written is still there, also when it is left for later."""
    base = await with_columns(member)
    await post(member, f"{base}/numbers", go="next")
    for text, wanted in (("Hi {{ nme }}", "There is no field nme"), ("", "Write a message"), ("{{ name", "opened")):
        assert wanted in await refused(member, f"{base}/message", 422, text=text, go="next")
    await post(member, f"{base}/message", text="{{ name", go="leave")
    assert "{{ name" == draft_of(base).data.text


async def test_attachments_are_added_and_removed(member: Client) -> None:
    """Several, of whatever kind."""
    base = await with_columns(member)
    await post(member, f"{base}/numbers", go="next")
    files = [("file", b"\xff\xd8\xff1", "one.jpg"), ("file", b"\x00\x00", "two.mp4")]
    await post(member, f"{base}/message", files, text="Look", go="attach")
    assert ["one.jpg", "two.mp4"] == [file.filename for file in draft_files.attached(draft_of(base).data)]
    await post(member, f"{base}/message", [("file", b"%PDF", "x.pdf")], text="Look", go="attach")
    first = draft_of(base).data.attachments[0]
    await post(member, f"{base}/message", text="Look", go=f"remove:{first}")
    assert ["two.mp4", "x.pdf"] == [file.filename for file in draft_files.attached(draft_of(base).data)]
    many = await preview(member, base, text="x" * 1_025)
    assert (65_536, "") == (many["limit"], many["error"])
    assert many["warning"].startswith("Up to 3 messages to each person: ")
    assert (await preview(member, base, text="x"))["warning"].startswith("Up to 2 messages")


async def test_each_one_gets_a_file_of_their_own(member: Client) -> None:
    """The column names it; whoever's is missing is left out, unless it is said that they get none."""
    people = "name,phone,invoice\nAnna,+493023125001,anna.pdf\nBen,+442079460011,Ben.PDF\nCem,+33612345678,\n"
    base = await with_columns(member, people)
    assert 2 == draft_of(base).data.columns.files
    await post(member, f"{base}/numbers", go="next")
    page = await look(member, f"{base}/message")
    assert "<b>0</b> of 2 files" in page and "1 row names none" in page
    await post(member, f"{base}/message", [("own", b"%PDF-1", "ANNA.pdf")], text="Hi {{ name }}", go="attach")
    await post(member, f"{base}/message", text="Hi {{ name }}", go="next")
    await post(member, f"{base}/when", name="x", delay_min="1", delay_max="3", start="now")
    report = await check(member, base)
    assert "1 person will get it" in report and "Attachment missing or too large <b>2</b>" in report
    assert "Ben.PDF was not uploaded" in await look(member, f"{base}/check?reason=attachment")

    await post(
        member, f"{base}/message", [("own", b"%PDF-2", "ben.pdf")], text="Hi {{ name }}", optional="yes", go="attach"
    )
    assert "3 people will get it" in await check(member, base)
    await post(member, f"{base}/start", go="start")
    names = []
    for message in Message.select().order_by(Message.id):
        names.append([file.filename for file in uploads.attachments(message.attachments or [])])
    assert [["ANNA.pdf"], ["ben.pdf"], []] == names


async def test_templates_are_used_and_kept(member: Client) -> None:
    """From the message step, and from the templates' page into a new draft."""
    kept = templates.keep("Spring", "Hello {{ name }}", clock.now_ms())
    base = await with_columns(member)
    await post(member, f"{base}/numbers", go="next")
    await post(member, f"{base}/message", text="", template=str(kept.id), go="template")
    assert "Hello {{ name }}" == draft_of(base).data.text
    await post(member, f"{base}/message", text="Bye {{ name }}", template_name="Autumn", go="keep")
    assert {"Spring", "Autumn"} == {row.name for row in templates.every()}
    said = await refused(member, f"{base}/message", 422, text="x", template_name="Spring", go="keep")
    assert "Spring" in said
    other = await post(member, "/app/drafts", template=str(kept.id))
    assert "Hello {{ name }}" == draft_of(other).data.text


# Time


async def test_a_time_is_taken_in_the_zone_that_is_said(member: Client) -> None:
    """And stored as UTC, with window, cap and pauses."""
    base = await with_message(
        member,
        start="at",
        at="2035-05-04T09:30",
        zone="Asia/Kolkata",
        daily_cap="50",
        **{"from": "09:00", "to": "18:00"},
    )
    when = draft_of(base).data.when
    assert "2035-05-04T04:00:00+00:00" == datetime.fromtimestamp(when.at / 1000, UTC).isoformat()
    assert ("09:00-18:00", 50, 1.0, 3.0) == (when.window, when.daily_cap, when.delay_min, when.delay_max)
    assert 'value="2035-05-04T09:30"' in await look(member, f"{base}/when")
    await check(member, base)
    await post(member, f"{base}/start", go="start")
    job = Job.get()
    assert (when.at, "09:00-18:00", 50, JobState.SCHEDULED) == (
        job.schedule_at,
        job.window,
        job.daily_cap,
        job.state,
    )


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"start": "at", "at": "2001-01-01T00:00", "zone": "UTC"}, "has passed"),
        ({"start": "at", "at": "", "zone": "UTC"}, "Enter the day and time"),
        ({"start": "at", "at": "2035-01-01T00:00", "zone": "Mars"}, "one of the time zones"),
        ({"start": "now", "at": "2035-01-01T00:00", "zone": "UTC"}, "“Right away” is chosen: choose “At this time”"),
        ({"from": "09:00"}, "Enter two different times"),
        ({"from": "09:00", "to": "09:00"}, "two different times"),
        ({"daily_cap": "0"}, "is a whole number"),
        ({"delay_min": "9"}, "the shorter one first"),
        ({"delay_min": "x"}, "is a number of seconds"),
        ({"account": "nobody"}, "one of the accounts"),
    ],
)
async def test_times_that_make_no_sense_are_refused(member: Client, changes: dict[str, str], wanted: str) -> None:
    """With what was entered still there."""
    base = await with_message(member)
    fields = {"name": "Still here", "delay_min": "1", "delay_max": "3", "start": "now"} | changes
    response = await send(member, f"{base}/when", **fields)
    text = await response.text()
    assert 422 == response.status
    assert wanted in text and 'value="Still here"' in text


async def test_other_tools_placeholders_are_warned_of(member: Client) -> None:
    """While the text is written, in the step, and in the dry run; the column that is meant stands beside it."""
    base = await with_message(member, "Hi {name}, {{ name }}")
    shown = await preview(member, base, text="Dear [city] {Hi|Hello}")
    assert '"[city]" is sent as it is written: write {{ city }} for that column.' in shown["warning"]
    assert "does not choose between words" in shown["warning"]
    assert "" == (await preview(member, base, text="Dear {{ city }}"))["warning"]
    wanted = "is sent as it is written: write {{ name }} for that column."
    assert wanted in await look(member, f"{base}/message")
    assert wanted in await check(member, base)


async def test_what_is_typed_is_kept_and_the_page_learns_its_version(member: Client) -> None:
    """As our script asks while somebody is writing: without going anywhere, and what is unfit changes nothing."""
    base = await with_columns(member)
    await post(member, f"{base}/numbers", go="next")
    version = str(draft_of(base).version)
    json_only = {"Accept": "application/json", "Sec-Fetch-Site": "same-origin"}
    typed = {"go": "typed", "text": "Hi {{ na", "version": version}

    answer = await member.post(f"{base}/message", data=typed, headers=json_only)

    assert {"version": draft_of(base).version} == await answer.json()
    assert "Hi {{ na" == draft_of(base).data.text
    late = await member.post(f"{base}/message", data=typed | {"text": "of another tab"}, headers=json_only)
    assert 409 == late.status
    assert "Hi {{ na" == draft_of(base).data.text


async def test_one_time_zone_is_named_everywhere_and_another_browser_is_told(member: Client) -> None:
    """The account's: in the step, in the preview and on the campaign's page."""
    directory.open_account("default", clock.now_ms())
    limits.set_limits("default", {"timezone": "Asia/Kolkata"}, "test")
    base = await with_message(member, **{"from": "09:00", "to": "18:00"})
    step = await look(member, f"{base}/when")
    assert "<option selected>Asia/Kolkata</option>" in step
    assert "Your browser is in" not in step
    member.session.cookie_jar.update_cookies({ZONE_COOKIE: "Europe/Berlin"})
    assert "Your browser is in Europe/Berlin, the account in Asia/Kolkata" in await look(member, f"{base}/when")
    await check(member, base)
    told = "those of your browser (Europe/Berlin); the account is in Asia/Kolkata"
    assert told in await look(member, f"{base}/check")
    start = await look(member, f"{base}/start")
    assert told in start
    assert "09:00-18:00 (Asia/Kolkata)" in start
    member.session.cookie_jar.update_cookies({ZONE_COOKIE: "Asia/Kolkata"})
    assert "those of your browser" not in await look(member, f"{base}/start")
    await post(member, f"{base}/start", go="start")
    settings = await look(member, f"/app/jobs/{Job.get().id}?tab=settings")
    assert "<dt>Sending hours</dt><dd>09:00-18:00 (Asia/Kolkata)</dd>" in settings


DATED = """name;phone;termin;tag;betrag
Anna;+49 30 23125 001;29.11.2026 14:30;03/04/2026;1.234,50 €
Ben;+44 20 7946 0011;1.12.2026 9:05;25/04/2026;12 €
Cem;+49 30 23125 002;morgen;25/04/2026;12 €
"""


async def test_dates_and_amounts_are_written_as_chosen(member: Client) -> None:
    """By the style of a column, or by a pattern in the text; what is no date is left out by the dry run."""
    base = await with_columns(member, DATED)
    page = await look(member, f"{base}/columns")
    assert "Day or month first?" in page
    await map_columns(member, base, style__4="money", order__3="dmy", style__3="weekday")
    await post(member, f"{base}/numbers", go="next")
    text = '{{ termin | date("EEEE d. MMMM") }}, {{ termin | time }}: {{ betrag }} am {{ tag }}'
    found = await preview(member, base, text=text, language="de_DE", index=0)
    assert "Sonntag 29. November, 14:30: 1.234,50 € am Freitag, 3. April" == found["html"]
    assert "Sunday 29. November, 2:30 PM" in (await preview(member, base, text=text, language="en_US"))["html"]
    assert (1, 4) == (found["problems"], found["first"][0]["row"])
    assert "1.234,50 €" == (await preview(member, base, text="{{ betrag }}", language="de_DE"))["html"]

    await post(member, f"{base}/message", text=text, language="de_DE", go="next")
    assert "{{ termin | time }}" in await look(member, f"{base}/message")
    await post(member, f"{base}/when", name="Spring", delay_min="1", delay_max="3", start="now")
    report = await check(member, base)
    assert "Date, time or amount not readable" in report
    assert "The field termin is not a date" in await look(member, f"{base}/check?reason=unreadable")
    await post(member, f"{base}/start")
    last = Message.select(Message, Job).join(Job).order_by(Message.id.desc()).get()
    shown = compose.text_of(last.job.text, last.job.formats, last.fields, last.number)
    assert "Dienstag 1. Dezember, 09:05: 12,00 € am Samstag, 25. April" == shown


async def test_beside_a_field_stands_what_the_message_will_have(member: Client) -> None:
    """As it was chosen at Columns, in the language of the message; as in the file where it cannot be written so."""
    base = await with_columns(member, DATED)
    await map_columns(member, base, style__4="money", order__3="dmy", style__3="weekday")
    await post(member, f"{base}/numbers", go="next")
    await post(member, f"{base}/message", text="Hi", language="de_DE", go="next")
    page = await look(member, f"{base}/message")
    shown = re.search(r'<div[^>]*id="fields".*?</div>\s*</div>', page, re.S)
    assert shown and "Freitag, 3. April" in shown[0] and "03/04/2026" not in shown[0]
