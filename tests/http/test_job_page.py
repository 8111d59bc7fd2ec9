"""The page of one campaign: what it says, whom it shows, where it leads, and the stream that keeps it true."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from daemon.accounts import directory, pacing
from daemon.api import events
from daemon.campaigns import create, drafts, dry_run, lifecycle
from daemon.campaigns.create import Order
from daemon.campaigns.draft_content import When
from daemon.config import Settings
from daemon.db import clock
from daemon.delivery import claim, job_moves, moves
from daemon.http import make_app
from daemon.models import Account, Draft, Job, Message
from daemon.pages import jobs, words
from daemon.pages.views import job_view
from daemon.server import feed
from daemon.states import AccountState, Ack, Finding, State
from daemon.transports.protocol import ChatRow, Health, Lookup, Mark, Receipt
from tests.http.conftest import KEY

HTML = {"Accept": "text/html"}
Client = TestClient[Any, Any]


@pytest.fixture
async def member(settings: Settings, database: str, aiohttp_client: Callable[..., Awaitable[Client]]) -> Client:
    """A browser that has logged in with the key."""
    client = await aiohttp_client(make_app(settings, KEY))
    response = await post(client, "/app/login", key=KEY)
    assert 303 == response.status
    return client


async def post(client: Client, path: str, **fields: str) -> ClientResponse:
    origin = {"Origin": f"http://{client.host}:{client.port}"}
    return await client.post(path, data=fields, headers=HTML | origin, allow_redirects=False)


async def look(client: Client, path: str, status: int = 200) -> str:
    response = await client.get(path, headers=HTML, allow_redirects=False)
    assert status == response.status
    return await response.text()


def campaign(settings: Settings, count: int = 3, **order: Any) -> int:
    people = [{"number": f"+491511{n:07}", "name": f"Person {n}", "city": "Bonn"} for n in range(count)]
    given = {"text": "Hi {{ name }}", "recipients": people, "name": "Greeting"} | order
    return int(create.create(settings, Order(**given), "test")["job_id"])


def take() -> Message:
    now = clock.now_ms()
    directory.open_account("default", now)
    directory.report("default", Health(AccountState.READY), now)
    (message,) = claim.claim("default", 1, now, 60_000, pacing.Rules())
    moves.submit(message, Mark(None), now, pacing.Gap(0, pacing.Why.PAUSE, 1))
    return message


def send_one() -> Message:
    moves.confirm(message := take(), Receipt("id-1", Ack.SENT), clock.now_ms())
    return message


def fail_one(why: str = "This number is not on WhatsApp.") -> Message:
    moves.fail(message := take(), why, clock.now_ms())
    return message


def plain(text: str) -> str:
    """What is read of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def rows(text: str) -> list[int]:
    """Which people the table shows, by the number in their name."""
    return [int(n) for n in re.findall(r"<b><bdi>Person (\d+)</bdi></b>", text)]


def link(text: str, words: str) -> str:
    """Where a link leads."""
    (found,) = re.findall(rf'href="([^"#]+)(?:#\w+)?"[^>]*>{re.escape(words)}<', text)
    return html.unescape(found)


# What it says


async def test_it_says_how_fast_it_is_and_what_it_waits_for(member: Client, settings: Settings) -> None:
    """The rate of the last minutes, the next message with its reason, and when all is done."""
    job_id = campaign(settings, 40)
    for _ in range(5):
        send_one()
    now = clock.now_ms()
    Job.update(started_at=now - 3_600_000).execute()
    Account.update(next_send_at=now + 600_000, next_reason="long_pause", paced_at=now).execute()

    text = plain(await look(member, f"/app/jobs/{job_id}"))

    assert "5 of 40 done" in text
    assert re.search(r"next message .* UTC : long pause|next message .*: long pause", text)
    assert "now 60 messages an hour" in text
    assert re.search(r"about 1\d min left, until ", text)


@pytest.mark.parametrize(
    ("per_hour", "said"),
    [
        (1, "1 message an hour"),
        (599.4, "599 messages an hour"),
        (600, "10 messages a minute"),
        (120_000, "2,000 messages a minute"),
    ],
)
def test_rates_in_words(per_hour: float, said: str) -> None:
    """By the hour where there are few, by the minute where there are many."""
    assert said == words.rate(per_hour)


def test_every_reason_to_wait_has_words_and_an_unknown_one_is_shown(settings: Settings, database: str) -> None:
    """A newer sender may know of one that this page does not."""
    job = job_moves.job(campaign(settings))
    assert set(pacing.Why) == set(words.WAITS)
    shown = job_view(settings, job)

    assert "" == shown["waits_for"]
    assert "moon phase" == words.WAITS.get("moon_phase", words.words("moon_phase"))  # type: ignore[call-overload]


async def test_the_chart_has_a_table_beside_it(member: Client, settings: Settings) -> None:
    """The same numbers for those who do not see it; nothing is drawn before anything has happened."""
    job_id = campaign(settings, 5)
    before = await look(member, f"/app/jobs/{job_id}")
    send_one()
    send_one()
    fail_one()
    text = await look(member, f"/app/jobs/{job_id}")

    assert "Nothing has been sent yet." in before
    assert '<svg class="chart"' not in before
    (drawn,) = re.findall(r'<svg class="chart".*?</svg>', text)
    assert ["out", "failed"] == re.findall(r'<path class="(\w+)"', drawn)
    assert "style=" not in drawn
    (table,) = re.findall(r'<details id="course-table">.*?</details>', text, re.S)
    counts = [[int(n) for n in re.findall(r"<td>(\d+)</td>", row)] for row in re.findall(r"<tr>.*?</tr>", table)[1:]]
    assert [2, 1, 0] == [sum(column) for column in zip(*counts, strict=True)]


async def test_the_confirmations_say_how_many(member: Client, settings: Settings) -> None:
    """Of those that are cancelled, and of those that are sent again."""
    job_id = campaign(settings, 4)
    fail_one()

    text = html.unescape(await look(member, f"/app/jobs/{job_id}"))

    assert 'data-more="3 queued messages are cancelled. This cannot be undone' in text
    assert 'data-ask="Send to 1 recipient again who failed?"' in text


# Whom it shows


async def test_pages_lead_forward_and_back(member: Client, settings: Settings) -> None:
    """50 at a time in file order, and to the same ones again."""
    job_id = campaign(settings, 120)

    first = await look(member, f"/app/jobs/{job_id}")
    second = await look(member, link(first, "Next page"))
    third = await look(member, link(second, "Next page"))
    again = await look(member, link(third, "Previous page"))
    start = await look(member, link(third, "First page"))

    assert [list(range(50)), list(range(50, 100)), list(range(100, 120))] == [rows(t) for t in (first, second, third)]
    assert rows(second) == rows(again)
    assert rows(first) == rows(start)
    assert "Previous page" not in first
    assert "Next page" not in third
    assert "rows 50 to 99 of the file" in second


async def test_a_search_and_a_state_hold_together_on_every_page(member: Client, settings: Settings) -> None:
    """Links to pages, states, details and downloads carry both."""
    job_id = campaign(settings, 130)

    text = await look(member, f"/app/jobs/{job_id}?search=person+11&state=pending")

    assert [11, *range(110, 120)] == rows(text)
    assert "11 recipients found for “person 11”." in html.unescape(text)
    assert f"/jobs/{job_id}/report.xlsx?state=pending&search=person+11" == link(text, "Download these (Excel)")
    detail = re.findall(r'href="(/app/messages/\d+[^"]*)"', text)[0]
    assert html.unescape(detail).endswith("?state=pending&search=person+11")
    one = await look(member, html.unescape(detail))
    assert "Person 110" in await look(member, link(one, "Next recipient"))


async def test_a_search_finds_numbers_and_says_when_it_finds_nobody(member: Client, settings: Settings) -> None:
    """Any part will do; nobody is no dead end."""
    job_id = campaign(settings, 12)

    assert [11] == rows(await look(member, f"/app/jobs/{job_id}?search=0000011"))
    assert [11] == rows(await look(member, f"/app/jobs/{job_id}?search=01511+000+0011"))
    nobody = await look(member, f"/app/jobs/{job_id}?search=999999")
    assert "Nobody is found." in nobody
    assert f"/app/jobs/{job_id}" == link(nobody, "Clear")


async def test_a_search_that_cannot_be_is_told_beside_its_field(member: Client, settings: Settings) -> None:
    """What was written stays, and the page works."""
    job_id = campaign(settings)

    text = await look(member, f"/app/jobs/{job_id}?search={'x' * 201}")

    assert re.search(r'<input id="search"[^>]*aria-invalid="true"', text)
    assert "A search text is at most 200 characters long." in text
    assert [0, 1, 2] == rows(text)


async def test_what_was_searched_for_stays_text(member: Client, settings: Settings) -> None:
    """In the field, in the sentences and in the links."""
    job_id = campaign(settings)
    fail_one()

    text = await look(member, f'/app/jobs/{job_id}?search=<script>alert(1)</script>"%25s')

    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


async def test_those_found_can_be_retried(member: Client, settings: Settings) -> None:
    """The button says how many it is about, and does that."""
    job_id = campaign(settings, 12)
    for _ in range(12):
        fail_one()

    text = html.unescape(await look(member, f"/app/jobs/{job_id}?search=person+1"))
    (path,) = re.findall(r'data-post="(/retry/\d+\?[^"]+)"', text)
    answer = await member.post(path, headers={"Origin": f"http://{member.host}:{member.port}"})

    assert "Retry 3 failed ones" in text
    assert 200 == answer.status
    assert (3, 9) == (Job.get_by_id(job_id).pending, Job.get_by_id(job_id).failed)


@pytest.mark.parametrize("query", ["", "?search=person", "?state=pending", "?search=person&state=pending"])
async def test_the_page_is_light(member: Client, settings: Settings, query: str) -> None:
    """Below 100 KB with 50 rows, whatever they hold."""
    job_id = campaign(settings, 60)
    Message.update(error="The person has not been found in time: " + "x" * 60).execute()

    assert len((await look(member, f"/app/jobs/{job_id}{query}")).encode()) < 100_000


# One recipient


async def test_the_history_says_in_words_what_happened(member: Client, settings: Settings) -> None:
    """Each move, by whom and why, oldest first; no name of a move as the code has it."""
    campaign(settings)
    message = fail_one()

    text = plain(await look(member, f"/app/messages/{message.id}"))

    said = ["put in the queue", "taken in hand", "handed over to WhatsApp", "given up by the sender"]
    places = [text.index(each) for each in said]
    assert sorted(places) == places
    assert "1 try so far." in text
    assert "This number is not on WhatsApp." in text[places[-1] :]


def test_every_move_has_words() -> None:
    """One that is added has to be named."""
    from daemon.states import MOVES

    assert {"enqueue", *MOVES} == set(words.MOVES)


async def test_a_failed_one_shows_its_evidence_too(member: Client, settings: Settings) -> None:
    """What the chat looked like, where it was kept before somebody decided."""
    campaign(settings)
    moves.lose(
        message := take(),
        "the chat could not be read",
        clock.now_ms(),
        Lookup(Finding.UNKNOWN, "It is not among the newest.", None, (ChatRow(True, "Hello there", None),), b"PNG"),
    )
    Message.update(state="failed").where(Message.id == message.id).execute()

    text = await look(member, f"/app/messages/{message.id}")

    assert "It is not among the newest." in text
    assert "Hello there" in text
    assert f'src="/messages/{message.id}/screenshot.png"' in text


async def test_recipients_lead_to_each_other(member: Client, settings: Settings) -> None:
    """Before and after in the file, within the campaign."""
    campaign(settings)
    campaign(settings)
    first, second, third = Message.select().where(Message.job == 1).order_by(Message.id)

    texts = [await look(member, f"/app/messages/{each.id}") for each in (first, second, third)]

    assert f"/app/messages/{second.id}" == link(texts[0], "Next recipient")
    assert f"/app/messages/{first.id}" == link(texts[1], "Previous recipient")
    assert "Previous recipient" not in texts[0]
    assert "Next recipient" not in texts[2]


async def test_decisions_of_one_campaign_alone(member: Client, settings: Settings) -> None:
    """Where its page leads; from there to all of them."""
    first, second = campaign(settings, 1, name="One"), campaign(settings, 1, name="Two")
    for _ in range(2):
        moves.lose(take(), "unknown", clock.now_ms())

    page = await look(member, f"/app/jobs/{first}")
    own = await look(member, link(page, "Decide"))
    every = await look(member, link(own, "Show all"))

    assert 1 == own.count('<article class="card case"')
    assert f"/app/jobs/{second}" not in own
    assert 2 == every.count('<article class="card case"')
    await look(member, "/app/decisions?job=999", 404)


# A clone


async def clone(member: Client, job_id: int, people: str, draft_id: str = "a" * 32) -> Draft:
    response = await post(member, f"/app/jobs/{job_id}/clone", id=draft_id, people=people)
    assert (303, f"/app/drafts/{draft_id}/message") == (response.status, response.headers["Location"])
    return drafts.find(draft_id)


async def test_a_clone_is_a_draft_with_all_of_it(member: Client, settings: Settings) -> None:
    """Text, pace, window, cap and people; started, it remembers what it comes from."""
    job_id = campaign(settings, 3, delay_min=2, delay_max=5, window="08:00-20:00", daily_cap=50)

    draft = await clone(member, job_id, "all")

    assert "Hi {{ name }}" in await look(member, f"/app/drafts/{draft.id}/message")
    when = When(account="default", delay_min=2, delay_max=5, window="08:00-20:00", daily_cap=50)
    assert when == draft.data.when
    found = drafts.people(draft)
    originals = list(Message.select().where(Message.job == job_id).order_by(Message.id))
    assert [(row.number, row.fields) for row in originals] == [(each.number, each.fields) for each in found]
    draft = dry_run.run(settings, draft.id, draft.version, 7, False)
    made = drafts.start(settings, draft.id, draft.version, "test")
    assert (job_id, 3, "Greeting") == (Job.get_by_id(made).cloned_from, Job.get_by_id(made).total, draft.name)
    assert f'href="/app/jobs/{job_id}"' in await look(member, f"/app/jobs/{made}")


async def test_a_clone_for_those_who_did_not_get_it(member: Client, settings: Settings) -> None:
    """Failed ones, or also cancelled ones; never somebody who got it, or may have."""
    job_id = campaign(settings, 6)
    send_one()
    fail_one()
    moves.lose(take(), "unknown", clock.now_ms())
    lifecycle.stop(job_id, "test")

    failed = drafts.people(await clone(member, job_id, "failed", "b" * 32))
    unreached = drafts.people(await clone(member, job_id, "unreached", "c" * 32))

    assert ["Person 1"] == [each.fields["name"] for each in failed]
    assert ["Person 1", "Person 3", "Person 4", "Person 5"] == [each.fields["name"] for each in unreached]


async def test_a_double_click_makes_one_clone(member: Client, settings: Settings) -> None:
    """The page gives the draft its id."""
    job_id = campaign(settings)
    (draft_id,) = re.findall(r'name="id" value="([0-9a-f]{32})"', await look(member, f"/app/jobs/{job_id}"))

    for _ in range(2):
        await clone(member, job_id, "all", draft_id)

    assert 1 == Draft.select().count()


async def test_other_people_chosen_after_back_are_another_draft(member: Client, settings: Settings) -> None:
    """The form still has the id of the first one, which has everybody in it."""
    job_id = campaign(settings, 3)
    fail_one()
    lifecycle.stop(job_id, "test")
    await clone(member, job_id, "all")
    wheres = {
        (await post(member, f"/app/jobs/{job_id}/clone", id="a" * 32, people="failed")).headers["Location"]
        for _ in range(2)
    }
    (where,) = wheres
    made = drafts.find(where.split("/")[3])
    assert 1 == len(drafts.people(made))
    assert (3, 2) == (len(drafts.people(drafts.find("a" * 32))), Draft.select().count())


async def test_a_clone_for_nobody_is_refused(member: Client, settings: Settings) -> None:
    """With what to do."""
    job_id = campaign(settings)

    for people in ("failed", "everyone"):
        assert 422 == (await post(member, f"/app/jobs/{job_id}/clone", id="d" * 32, people=people)).status
    assert 404 == (await post(member, "/app/jobs/999/clone", people="all")).status
    assert 0 == Draft.select().count()


# The stream


async def heard(response: ClientResponse, count: int) -> list[tuple[str, dict[str, Any]]]:
    """The next events of a stream that say something."""
    found: list[tuple[str, dict[str, Any]]] = []
    kind = ""
    while len(found) < count:
        line = (await asyncio.wait_for(response.content.readline(), 5)).decode().strip()
        if line.startswith("event:"):
            kind = line.removeprefix("event:").strip()
        elif line.startswith("data:") and kind != "ping":
            found.append((kind, json.loads(line.removeprefix("data:"))))
    return found


async def test_a_job_can_be_watched_alone_however_old_it_is(
    member: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its changes come, others' do not; nor those of accounts that it does not use."""
    monkeypatch.setattr(feed, "WATCHED_JOBS", 1)
    old, new = campaign(settings), campaign(settings)
    for name in ("default", "other"):
        directory.open_account(name, clock.now_ms())
    async with member.get(f"/events?job={old}") as response:
        first = await heard(response, 2)
        lifecycle.pause(new, "test")
        directory.report("other", Health(AccountState.READY), clock.now_ms())
        await asyncio.sleep(2.5 * feed.POLL_S)
        lifecycle.pause(old, "test")
        ((kind, state),) = await heard(response, 1)

    assert [("job", old), ("account", "default")] == [(k, s.get("job_id", s.get("name"))) for k, s in first]
    assert ("job", old, "paused") == (kind, state["job_id"], state["status"])


async def test_who_watches_everything_hears_of_the_newest_jobs(member: Client, settings: Settings) -> None:
    """As before, also while others watch one."""
    job_ids = [campaign(settings) for _ in range(2)]
    async with member.get(f"/events?job={job_ids[0]}") as one, member.get("/events") as every:
        assert job_ids[0] == (await heard(one, 1))[0][1]["job_id"]
        assert {*job_ids} == {state["job_id"] for _, state in await heard(every, 2)}


async def test_a_job_that_is_not_there_cannot_be_watched(member: Client) -> None:
    """404, so that the page does not wait for ever."""
    assert 404 == (await member.get("/events?job=999")).status


async def test_the_clock_alone_is_no_change(settings: Settings, database: str) -> None:
    """An idle page is not fetched again and again because its end moves on with the time."""
    job_id = campaign(settings)
    directory.open_account("default", clock.now_ms())
    directory.report("default", Health(AccountState.READY), clock.now_ms())
    Job.update(state="running", started_at=clock.now_ms()).execute()
    looks = 0
    given: list[dict[str, Any]] = []

    async def in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        changes = work(*arguments)
        given.extend(state for kind, state in changes if kind == "job")
        await asyncio.sleep(0.002)
        return changes

    told = feed.Feed(lambda everything, watched: feed.look(settings, everything, watched))
    feed_task = asyncio.create_task(told.run(in_thread))
    try:
        async with told.listen(job_id) as queue:
            kinds = [(await asyncio.wait_for(queue.get(), 5))[0] for _ in range(2)]
            while looks < 3:
                await asyncio.sleep(0.01)
            assert queue.empty()
    finally:
        feed_task.cancel()

    assert ["job", "account"] == kinds
    assert len({state["eta"] for state in given}) == len(given)


async def test_a_quiet_stream_says_that_it_stands(
    member: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By which a page knows a dead connection."""
    monkeypatch.setattr(events, "LOOK_S", 0.1)
    job_id = campaign(settings)
    async with member.get(f"/events?job={job_id}") as response:
        await heard(response, 1)
        while True:
            line = (await asyncio.wait_for(response.content.readline(), 5)).decode().strip()
            if line == "event: ping":
                break


def test_all_groups_of_a_clone_have_words() -> None:
    """Those of the core."""
    from daemon.campaigns import cloning

    assert set(cloning.PEOPLE) == set(jobs.PEOPLE)
    assert State.UNCERTAIN not in cloning.PEOPLE["unreached"]
