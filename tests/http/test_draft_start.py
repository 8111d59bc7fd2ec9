"""A new campaign's dry run, and its start."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest

from daemon.accounts import directory, handovers, limits
from daemon.campaigns import create, drafts, dry_run
from daemon.config import Settings
from daemon.contacts import lists, suppression
from daemon.contacts.importer import ContactList
from daemon.db import clock
from daemon.delivery import claim
from daemon.models import Account, Draft, Job, Message, Purpose
from daemon.states import AccountState
from daemon.transports.protocol import Health
from tests.support.drafting import (
    HTML,
    Client,
    _origin,
    begin,
    check,
    draft_of,
    look,
    map_columns,
    post,
    refused,
    send,
    with_message,
)

DAY_MS = 24 * 3_600_000

# Dry run


async def test_the_dry_run_says_who_will_not_get_it_and_why(member: Client, settings: Settings) -> None:
    """Each reason with its people; the table of those left out can be downloaded."""
    people = (
        "name,phone,city\nAnna,+493023125001,Berlin\nBen,+442079460011,\nCem,+33612345678,Paris\n"
        "Dan,12345,Rome\nAnna,+493023125001,Berlin\nEva,+34612345678,Madrid\n"
    )
    suppression.suppress(settings, "+33612345678", "asked", "test", clock.now_ms())
    earlier = create.Order("x", numbers=["+34612345678"])
    create.create(settings, earlier, "test", clock.now_ms())
    base = await with_message(member, "In {{ city }}", people)
    report = await check(member, base)

    assert "1 person will get it" in report
    counts = dict(re.findall(r"</span>([^<>]+) <b>(\d+)</b></a>", report))
    assert {
        "Will get it": "1", "Unusable number": "1", "Duplicate": "1",
        "Opted out": "1", "Got a campaign recently": "1", "A field used in the message is empty": "1",
    } == counts  # fmt: skip
    assert "The field city is empty." in await look(member, f"{base}/check?reason=missing_field")
    table = list(csv.reader(io.StringIO(await look(member, f"{base}/left-out.csv"))))
    assert ["Ben", "Cem", "Dan", "Anna", "Eva"] == [row[0] for row in table[1:]]

    shown = await look(member, f"{base}/check?reason=recent")
    assert "1 person got a campaign in the last 7 days, or is queued for one, and is left out." in shown
    (row,) = re.findall(r'<td data-label="Row">.*?</tr>', shown, re.S)
    for words in ("<bdi>Eva</bdi>", '<a href="/app/jobs/1"><bdi>Campaign</bdi></a>', "queued"):
        assert words in row
    queued = create.Order("x", numbers=["+442079460011"], name="Last week")
    create.create(settings, queued, "test", clock.now_ms())
    message = Message.get(Message.number == "+442079460011")
    two_days_ago = clock.now_ms() - 2 * DAY_MS
    handovers.keep("default", message.number, Purpose.CAMPAIGN, two_days_ago, message.id, message.job_id)
    assert "2 people got a campaign" in await check(member, base)
    got = await look(member, f"{base}/check?reason=recent")
    assert '<bdi>Last week</bdi></a> <span class="hint"><time' in got

    for button, found in (("keep", "2 people will get it"), ("leave", "1 person will get it")):  # one click each
        form = re.search(r'<form class="note" id="recent".*?</form>', await look(member, f"{base}/check"), re.S)
        assert form and f'name="recent" value="{button}"' in form[0]
        assert found in await check(member, base, recent=button)


async def test_a_test_to_oneself_is_no_campaign(member: Client) -> None:
    """It does not make oneself somebody who got one lately; pressed twice it is one message."""
    base = await with_message(member)
    page = await check(member, base)
    nonce = re.search(r'name="nonce" value="(\w+)"', page)
    assert nonce
    version = draft_of(base).version
    for _ in range(2):
        await post(member, f"{base}/test", number="+49 30 23125 001", row="3", nonce=nonce[1])

    job = Job.get()
    message = Message.get()
    assert ("Test: Spring", "Hi Ben", 1) == (job.name, job.text, job.total)
    assert "+493023125001" == message.number
    assert version == draft_of(base).version
    page = await look(member, f"{base}/check")
    assert 'value="+493023125001"' in page and "Test: Spring" in page
    assert "2 people will get it" in await check(member, base)
    assert "Row" not in await refused(member, f"{base}/test", 422, number="12", row="3", nonce="b" * 16)


@pytest.mark.parametrize("step", ["numbers", "message", "when", "columns"])
async def test_a_change_after_the_dry_run_makes_it_void(member: Client, step: str) -> None:
    """It says so, and a start is refused until it was done again."""
    base = await with_message(member)
    await check(member, base)
    stale = await look(member, f"{base}/start")
    version = re.search(r'name="version" value="(\d+)"', stale)
    assert version
    changes: dict[str, dict[str, str]] = {
        "numbers": {"go": "leave-out:2"},
        "message": {"text": "Another text"},
        "when": {"name": "Other", "delay_min": "1", "delay_max": "3", "start": "now"},
    }
    if step == "columns":
        await map_columns(member, base, role__2="ignore")
    else:
        await post(member, f"{base}/{step}", **changes[step])

    assert "Something was changed after the dry run" in await look(member, f"{base}/check")
    await look(member, f"{base}/start", 303)
    response = await send(member, f"{base}/start".replace("/start", "/check"), days="x")
    assert 422 == response.status
    response = await member.post(
        f"{base}/start", data={"version": version[1], "csrf": _token(stale)}, headers=HTML | _origin(member)
    )
    assert 409 == response.status
    assert 0 == Job.select().count()


def _token(page: str) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', page)
    return found[1] if found else ""


async def test_the_dry_run_reckons_with_the_queue_the_pace_and_the_window(
    member: Client, settings: Settings, people: Any
) -> None:
    """Another campaign of the account takes every other turn; outside the window nothing goes out."""
    directory.open_account("default", clock.now_ms())
    base = await with_message(member, delay_min="60", delay_max="60")
    await check(member, base)
    alone = drafts.report(draft_of(base))
    assert alone is not None
    numbers = [person.number for person in people(30)]
    create.create(settings, create.Order("x", numbers=numbers), "test", clock.now_ms())
    await check(member, base)
    shared = drafts.report(draft_of(base))
    assert shared is not None
    assert (0, 0, 1, 30) == (alone.jobs, alone.messages, shared.jobs, shared.messages)
    assert 60_000 == alone.ends - alone.starts
    assert 180_000 == shared.ends - shared.starts

    await post(member, f"{base}/when", name="x", delay_min="60", delay_max="60", start="now", daily_cap="1")
    await check(member, base)
    capped = drafts.report(draft_of(base))
    assert capped is not None
    assert DAY_MS == capped.ends - capped.starts


async def test_where_nobody_is_left_there_is_nothing_to_start(member: Client, settings: Settings) -> None:
    """The report says so; the last step stays closed."""
    suppression.suppress(settings, "+493023125001", "asked", "test", clock.now_ms())
    base = await with_message(member, people="name,phone\nAnna,+493023125001\n")
    report = await check(member, base)
    assert "0 people will get it" in report and "There is nobody to message" in report
    await look(member, f"{base}/start", 303)


# Start


async def test_starting_twice_makes_one_job(member: Client) -> None:
    """A double click, the back button, another tab: all lead to the same campaign."""
    base = await with_message(member)
    await check(member, base)
    page = await look(member, f"{base}/start")
    assert "Send to 2 people?" in page
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version
    goals = set()
    for _ in range(3):
        response = await member.post(
            f"{base}/start",
            data={"version": version[1], "csrf": _token(page)},
            headers=HTML | _origin(member),
            allow_redirects=False,
        )
        assert 303 == response.status
        goals.add(response.headers["Location"])
    assert {f"/app/jobs/{Job.get().id}"} == goals
    for asked in (
        "application/json, text/html",
        "application/json",
    ):  # our script follows it
        response = await member.post(
            f"{base}/start",
            data={"version": version[1], "csrf": _token(page)},
            headers={"Accept": asked} | _origin(member),
        )
        assert (200, goals) == (response.status, {response.url.path})
    for step in ("people", "message", "check"):
        assert goals == {(await member.get(f"{base}/{step}", allow_redirects=False)).headers["Location"]}
    assert "No drafts" in await look(member, "/app/new")
    row = Draft.get()
    assert (None, None) == (row.sheets, row.audience_set)


async def test_a_start_whose_answer_was_lost_is_not_made_twice(member: Client, settings: Settings) -> None:
    """The job was made and the process died before the draft knew: the next start finds it."""
    base = await with_message(member)
    await check(member, base)
    draft = draft_of(base)
    first = drafts.start(settings, draft.id, draft.version, "test", clock.now_ms())
    Draft.update(job=None).where(Draft.id == draft.id).execute()
    assert first == drafts.start(settings, draft.id, draft.version, "test", clock.now_ms())
    assert 1 == Job.select().count()


async def test_whoever_opts_out_after_the_dry_run_gets_nothing(member: Client, settings: Settings) -> None:
    """The people are frozen; the suppression list is not."""
    directory.open_account("default", clock.now_ms())
    base = await with_message(member)
    await check(member, base)
    suppression.suppress(settings, "+493023125001", "asked", "test", clock.now_ms())
    await post(member, f"{base}/start", go="start")
    claimed = claim.claim("default", 5, clock.now_ms(), 60_000, limits.rules(settings))
    assert ["+442079460011"] == [message.number for message in claimed]


async def test_a_list_changed_after_the_dry_run_changes_nobody(member: Client, people: Any) -> None:
    """What was looked at is what is sent."""
    kept, _ = lists.create_list("Friends", ContactList(people(2), columns=["name"]), clock.now_ms())
    base = await begin(member)
    await post(member, f"{base}/people", list=str(kept.id), go="next")
    await map_columns(member, base)
    await post(member, f"{base}/numbers", go="next")
    await post(member, f"{base}/message", text="Hi", go="next")
    await post(member, f"{base}/when", name="x", delay_min="1", delay_max="3", start="now")
    await check(member, base)
    lists.add_people(kept.id, ContactList(people(3, 50), columns=["name"]), clock.now_ms())
    await post(member, f"{base}/start", go="start")
    assert 2 == Job.get().total


async def test_an_account_that_is_ready_is_said_to_be(member: Client) -> None:
    """The forecast holds for a job that begins now, whatever the account does: the job's own page tells that."""
    directory.open_account("default", clock.now_ms())
    directory.report("default", Health(AccountState.READY), clock.now_ms())
    base = await with_message(member)
    assert "If started now" in await check(member, base)
    assert AccountState.READY == Account.get().state
    assert dry_run.TEST not in await look(member, f"{base}/check")


async def test_a_start_that_is_much_for_an_account_is_asked_about_once_more(member: Client, people: Any) -> None:
    """With the figures, and refused without the answer; one that sends few a day is not."""
    sheet = "name,phone\n" + "".join(f"{each.fields['name']},{each.number}\n" for each in people(31))
    base = await with_message(member, people=sheet)
    await check(member, base)
    page = await look(member, f"{base}/start")
    assert "31 people get it, 31 of whom this account has never messaged." in page
    assert "has never messaged. Accounts that" in page, "it takes less than a day"
    assert re.search(r'name="sure" value="yes" required', page)
    assert "once more" in await refused(member, f"{base}/start", 422)
    assert 0 == Job.select().count()
    await post(member, f"{base}/when", name="x", delay_min="1", delay_max="3", start="now", daily_cap="30")
    await check(member, base)
    assert 'name="sure"' not in await look(member, f"{base}/start")
    await post(member, f"{base}/when", name="x", delay_min="1", delay_max="3", start="now")
    await check(member, base)
    assert "/app/jobs/" in await post(member, f"{base}/start", sure="yes")
