"""The page of a job: what it says, whom it shows, and each recipient's history."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest

from daemon.accounts import directory, limits, pace, pacing
from daemon.campaigns import lifecycle, progress
from daemon.config import Settings
from daemon.db import clock
from daemon.delivery import job_moves, moves, receipts, replies
from daemon.formats.refusals import Unsent
from daemon.http import make_app
from daemon.i18n import languages
from daemon.i18n.coded import refusal
from daemon.models import Account, Event, Job, Message
from daemon.pages import views, words
from daemon.states import AccountState, Finding, Hold, Status
from daemon.transports.protocol import ChatRow, Health, Heard, Lookup, Said, StatusUpdate
from tests.http.conftest import KEY
from tests.support.job_page import Client, campaign, fail_one, look, send_one, take


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


async def test_it_says_how_far_the_messages_have_come(member: Client, settings: Settings) -> None:
    """Each number a part of the one before; two replies of one person count once. What shows one tick after a day is
    told, on the page and in the report."""
    job_id = campaign(settings, 6)
    assert 'id="funnel"' not in await look(member, f"/app/jobs/{job_id}")
    sent = [send_one() for _ in range(5)]
    now = clock.now_ms()
    status = {0: Status.READ, 1: Status.READ, 2: Status.DELIVERED}
    receipts.take("default", [StatusUpdate(told, now, message_id=sent[n].id) for n, told in status.items()], now)
    for text in ("Yes", "Thank you"):
        heard = Heard(sent[0].number, [Said("id-1", True, ""), Said(text, False, text)])
        replies.take("default", heard, frozenset(), now)
    text = plain(await look(member, f"/app/jobs/{job_id}"))
    assert "6 queued 5 sent 3 delivered 2 read 1 replied" in text
    assert "24 hours" not in text

    day_ago = now - 86_400_000 - 1
    Message.update(sent_at=day_ago).where(Message.id.in_([sent[1].id, sent[3].id])).execute()
    Job.update(started_at=day_ago).execute()
    page = await look(member, f"/app/jobs/{job_id}")
    assert "1 message was sent more than 24 hours ago and does not show as delivered" in plain(page)
    assert 1 == page.count("Sent, but WhatsApp has not shown it as delivered after 24 hours.")
    report = (await look(member, f"/jobs/{job_id}/report.csv")).splitlines()
    late = [line for line in report if "after 24 hours" in line]
    assert [sent[3].number] == [line.split(",")[1] for line in late]

    only = await look(member, f"/app/jobs/{job_id}?state=sent&late=1")
    assert f'href="/app/jobs/{job_id}?state=sent&amp;late=1#recipients"' in page
    assert [f"message-{sent[3].id}"] == re.findall(r'<tr id="(message-\d+)"', only)
    assert f"/app/messages/{sent[3].id}?state=sent&amp;late=1" in only
    assert f"/jobs/{job_id}/report.csv?state=sent&amp;late=1&amp;excel=1" in only
    assert [f"message-{sent[n].id}" for n in (3, 4)] == re.findall(
        r'<tr id="(message-\d+)"', await look(member, f"/app/jobs/{job_id}?state=sent")
    )
    for kept in (f"/jobs/{job_id}/report.csv?state=sent&late=1", f"/jobs/{job_id}/messages?late=1"):
        told = await look(member, kept)
        assert (True, False) == (sent[3].number in told, sent[4].number in told)
    Message.update(sent_at=sent[1].sent_at).where(Message.id.in_([sent[1].id, sent[3].id])).execute()


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

    assert "" == views.job_view(settings, job).waits_for
    assert ["moon phase", words.WAITS[pacing.Why.PAUSE]] == [views._waits_for(why) for why in ("moon_phase", "pause")]


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

    assert 'name="more" value="3 queued messages will be cancelled. This cannot be undone' in text
    assert 'name="ask" value="Retry 1 failed message?"' in text


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
    assert "11 recipients found for “ person 11 ”." in plain(text)
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
    assert "No match." in nobody
    assert f"/app/jobs/{job_id}" == link(nobody, "Clear")


async def test_a_search_that_cannot_be_is_told_beside_its_field(member: Client, settings: Settings) -> None:
    """What was written stays, and the page works."""
    job_id = campaign(settings)

    text = await look(member, f"/app/jobs/{job_id}?search={'x' * 201}")

    assert re.search(r'<input id="search"[^>]*aria-invalid="true"', text)
    assert "A search text can be at most 200 characters long." in text
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
    (path,) = re.findall(r'data-post="(/retry/\d+\?search[^"]+)"', text)
    answer = await member.post(path, headers={"Origin": f"http://{member.host}:{member.port}"})

    assert "Retry 3 failed messages" in text
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

    said = ["queued", "picked up", "handed over to WhatsApp", "failed permanently by the sender"]
    places = [text.index(each) for each in said]
    assert sorted(places) == places
    assert "1 attempt so far." in text and "by the sender by" not in text
    assert "This number is not on WhatsApp." in text[places[-1] :]


def test_every_move_has_words() -> None:
    """One that is added has to be named."""
    from daemon.states import MOVES

    assert {"enqueue", "part", *MOVES} == set(words.MOVES)


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


async def test_a_reason_is_translated_by_its_code(
    member: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its words are not looked at; of what an earlier version has stored there are only these."""
    campaign(settings)
    moves.fail(coded := take(), refusal(Unsent.MESSAGE_TOO_LONG, length=9, limit=4), clock.now_ms())
    said = "El mensaje tiene 9 caracteres; se permiten 4."
    Message.update(error="Too long.").where(Message.id == coded.id).execute()
    Event.update(why="Too long.").where(Event.message == coded.id, Event.move == "fail").execute()
    old = fail_one("The message has 9 characters; 4 are allowed.")

    with monkeypatch.context() as patched:
        patched.setattr(languages, "patterns", lambda name: [])
        languages._found.cache_clear()
        texts = [await look(member, f"/app/{page}", language="es") for page in (f"messages/{coded.id}", "jobs/1")]
    languages._found.cache_clear()
    assert [2, 2] == [plain(text).count(said) for text in texts]  # on the second also as a reason
    assert 2 == plain(await look(member, f"/app/messages/{old.id}", language="es")).count(said)


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


async def test_a_job_that_nobody_drives_says_so_and_promises_no_end(member: Client, settings: Settings) -> None:
    """Never "less than a minute left": neither before a sender has started nor once it has died."""
    directory.open_account("office2", clock.now_ms() - 3_600_000)
    job_id = campaign(settings, account="office2")
    Account.delete().execute()
    page = await look(member, f"/app/jobs/{job_id}")
    assert "No sender is set up for account office2: start one for it." in page
    assert "Greeting no sender" in plain(page)
    assert 'id="eta"' not in page
    assert None is progress.progress(settings, job_moves.job(job_id), clock.now_ms()).eta

    directory.open_account("office2", clock.now_ms() - 3_600_000)
    page = await look(member, f"/app/jobs/{job_id}")
    assert "Greeting sender not running" in plain(page)
    assert 'id="eta"' not in page


async def test_what_a_job_is_held_by_is_called_by_its_name(member: Client, settings: Settings) -> None:
    """With its end; on the list of campaigns and on its own page."""
    job_id = campaign(settings)
    now = clock.now_ms()
    until = now + 7_200_000
    directory.open_account("default", now)
    directory.report("default", Health(AccountState.HELD, Hold.RESTRICTED, until), now)

    for path in ("/app", f"/app/jobs/{job_id}"):
        assert f"Greeting restricted until {plain(languages.moment(until))}" in plain(await look(member, path))
    directory.report("default", Health(AccountState.HELD, Hold.APP_TOO_OLD), now)
    assert "Greeting on hold" in plain(await look(member, "/app"))
    directory.report("default", Health(AccountState.OFFLINE), now)
    assert "Greeting offline" in plain(await look(member, "/app"))


async def test_what_came_of_everybody_is_said_when_it_is_over(member: Client, settings: Settings) -> None:
    """Cancelled ones are not "done"."""
    job_id = campaign(settings, 5)
    lifecycle.stop(job_id, "test", clock.now_ms())
    sent = campaign(settings, 2)
    send_one()
    fail_one()

    assert "0 sent, 5 cancelled" in plain(await look(member, f"/app/jobs/{job_id}"))
    for path in ("/app", f"/app/jobs/{sent}"):
        text = plain(await look(member, path))
        assert "1 sent, 1 failed" in text
        assert " done" not in text


def test_the_end_counts_the_sends_themselves(settings: Settings, database: str) -> None:
    """As long as they took lately; before the first one, as long as in a browser."""
    job_id = campaign(settings, 11, delay_min=10, delay_max=10)
    now = clock.now_ms()
    directory.open_account("default", now)
    directory.report("default", Health(AccountState.READY), now)

    def lasts(settings: Settings) -> int:
        found = progress.progress(settings, job_moves.job(job_id), now)
        assert found.eta
        return found.eta - now

    browser = settings.model_copy(update={"transport": "browser", "long_pause_every": 0})
    assert (10 * 10 + 11 * limits.SEND_MS // 1000) * 1000 == lasts(browser)
    pace.set_pace("default", now, pacing.Gap(0, pacing.Why.PAUSE, 0, took_ms=8_000))
    assert (10 * 10 + 11 * 8) * 1000 == lasts(browser)
    pace.set_pace("default", now, pacing.Gap(0, pacing.Why.PAUSE, 0, took_ms=16_000))
    pace.set_pace("default", now, pacing.Gap(0, pacing.Why.PAUSE, 0))
    assert (10 * 10 + 11 * 9) * 1000 == lasts(browser)


async def test_a_dry_run_is_told_on_every_page_and_stays_marked(
    make_settings: Callable[..., Settings], aiohttp_client: Any, database: str
) -> None:
    """By the settings or by what the sender says of itself; the campaign's mark outlives both."""
    settings = make_settings(transport="browser")
    reader = await aiohttp_client(make_app(settings, KEY))
    await reader.post("/app/login", data={"key": KEY}, headers={"Sec-Fetch-Site": "same-origin"})
    job_id = campaign(settings)
    banner, mark = "Dry run (default): nothing is really sent", "This was a dry run"
    pages = ("/app", f"/app/jobs/{job_id}", "/app/new", "/app/accounts", "/app/me")
    assert not any([banner in await look(reader, path) for path in pages])

    directory.open_account("default", clock.now_ms(), dry_run=True)
    Job.update(dry_run=True).execute()
    assert all([banner in await look(reader, path) for path in pages])

    directory.open_account("default", clock.now_ms(), dry_run=False)
    shown = await look(reader, f"/app/jobs/{job_id}")
    assert (banner in shown, mark in shown) == (False, True)
    assert "started as a dry run" in plain(shown)
    assert mark in await look(reader, f"/app/messages/{Message.get().id}")
    assert "started as a dry run dry run" in plain(await look(reader, "/app"))
