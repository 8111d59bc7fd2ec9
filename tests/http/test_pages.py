"""The web page: who gets in, what it shows, the preview and the event stream."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import time
from collections.abc import Awaitable, Callable
from http.cookies import Morsel
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from aiohttp.web import RouteDef

from daemon import pages
from daemon.accounts import directory, limits, pacing
from daemon.campaigns import create, lifecycle
from daemon.campaigns.create import Order
from daemon.config import Settings
from daemon.contacts import columns
from daemon.db import clock
from daemon.delivery import claim, job_moves, moves
from daemon.http import make_app
from daemon.models import Message
from daemon.pages import overview, words
from daemon.server.visitors import COOKIE
from daemon.states import AccountState
from daemon.transports.protocol import Health, Mark

KEY = "a-key-for-tests-0123456789"
HTML = {"Accept": "text/html"}
EVIL = "<script>alert(1)</script>"


Client = TestClient[Any, Any]


@pytest.fixture
async def visitor(settings: Settings, database: str, aiohttp_client: Callable[..., Awaitable[Client]]) -> Client:
    """A browser that has not logged in."""
    return await aiohttp_client(make_app(settings, KEY))


def origin(client: Client) -> dict[str, str]:
    return {"Origin": f"http://{client.host}:{client.port}"}


async def submit(client: Client, path: str, **fields: str) -> ClientResponse:
    """A form that our own page sends."""
    return await client.post(path, data=fields, headers=HTML | origin(client), allow_redirects=False)


async def look(client: Client, path: str, status: int = 200) -> str:
    response = await client.get(path, headers=HTML, allow_redirects=False)
    assert status == response.status
    return await response.text()


def campaign(settings: Settings, text: str = "Hi {{ name }}", **fields: Any) -> int:
    person = {"number": "+493023125001", "name": "Anna"} | fields
    return int(create.create(settings, Order(text, recipients=[person]), "test", clock.now_ms()).job_id)


def uncertain(settings: Settings) -> int:
    """A job whose only message is uncertain."""
    job_id, now = campaign(settings), clock.now_ms()
    directory.open_account("default", now)
    (message,) = claim.claim("default", 1, now, 60_000, limits.rules(settings))
    moves.submit(message, Mark(None), now, pacing.Gap(0, pacing.Why.PAUSE, 1))
    moves.lose(message, "the chat could not be read", now)
    return job_id


# Who gets in


async def test_the_root_leads_to_the_page(visitor: Client) -> None:
    """`/` is the web page's address too."""
    response = await visitor.get("/", allow_redirects=False)

    assert (302, "/app") == (response.status, response.headers["Location"])


@pytest.mark.parametrize("path", ["/app", "/app/new", "/app/jobs/1", "/app/messages/1", "/app/drafts/ab"])
async def test_whoever_is_not_logged_in_is_sent_to_the_login(visitor: Client, path: str) -> None:
    """No page shows anything to strangers, and the login knows where they wanted to go."""
    response = await visitor.get(path, headers=HTML, allow_redirects=False)

    assert 302 == response.status
    assert f"/app/login?next={path}" == response.headers["Location"].replace("%2F", "/")


async def test_the_right_key_opens_a_session(visitor: Client) -> None:
    """The cookie cannot be read by scripts, nor be sent along by other sites."""
    response = await submit(visitor, "/app/login", key=f" {KEY} ", next="/app/new")

    cookie: Morsel[str] = response.cookies[COOKIE]
    assert (303, "/app/new") == (response.status, response.headers["Location"])
    assert (True, "Strict", "/", "") == (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"])
    assert 0 < int(cookie["max-age"])
    assert "New campaign" in await look(visitor, "/app/new")


async def test_a_wrong_key_gets_the_same_page_with_a_sentence(visitor: Client) -> None:
    """401, the reason, and no session."""
    response = await submit(visitor, "/app/login", key="wrong", next="/app/new")

    text = await response.text()
    assert 401 == response.status
    assert "Wrong API key" in text
    assert 'value="/app/new"' in text
    assert COOKIE not in response.cookies


@pytest.mark.parametrize(
    "goal", ["//evil.example", "https://evil.example", "/app//evil.example", "/apple", "/app/\\evil", "/jobs", ""]
)
async def test_the_login_leads_to_our_own_pages_only(visitor: Client, goal: str) -> None:
    """`next` is no way to another site."""
    assert "/app" == (await submit(visitor, "/app/login", key=KEY, next=goal)).headers["Location"]


@pytest.mark.parametrize("goal", ["/app/jobs/7?search=anna+b%C3%A4r", "/app/jobs/7?search=*~.-_&x=1,2:3@4", "/app/me"])
async def test_the_login_leads_back_with_all_that_was_searched_for(visitor: Client, goal: str) -> None:
    """As a browser writes it into the address."""
    assert goal == (await submit(visitor, "/app/login", key=KEY, next=goal)).headers["Location"]


async def test_logging_out_takes_the_cookie_away(member: Client) -> None:
    """The cookie is taken back."""
    response = await submit(member, "/app/logout")

    assert (303, "/app/login") == (response.status, response.headers["Location"])
    await look(member, "/app", 302)


async def test_a_foreign_origin_changes_nothing(member: Client, settings: Settings) -> None:
    """A form on another site cannot use the session, neither for pages nor for the API."""
    job_id = campaign(settings)
    foreign = {"Origin": "https://evil.example"}

    for path in ("/app/logout", f"/stop/{job_id}", "/app/drafts"):
        assert 401 == (await member.post(path, headers=foreign)).status
        assert 401 == (await member.post(path, headers={"Origin": "null"})).status

    assert "pending" == job_moves.job(job_id).state


async def test_the_page_lets_forms_be_sent_with_their_origin(member: Client) -> None:
    """With `no-referrer` a browser would send `Origin: null`, and logging out would be refused."""
    response = await member.get("/app", headers=HTML)

    assert "same-origin" == response.headers["Referrer-Policy"]


# What it shows


async def test_pages_run_and_keep_nothing_that_is_not_ours(member: Client) -> None:
    """A strict policy, nothing inline but the one style that the policy names, and no copy in any cache."""
    for path in ("/app", "/app/new", "/app/login"):
        response = await member.get(path, headers=HTML)
        text = await response.text()

        assert "default-src 'none'; script-src 'self'; style-src 'self'" in response.headers["Content-Security-Policy"]
        assert "no-store" == response.headers["Cache-Control"]
        styles = re.findall(r"<style>(.*?)</style>", text, re.S)
        digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in styles]
        assert [True] == [f"'sha256-{each}'" in response.headers["Content-Security-Policy"] for each in digests]
        assert [] == re.findall(r"\sstyle=|\son\w+=|<script(?! type=\"module\" src=)|https?://", text)
        assert '<html lang="en" dir="ltr">' in text


async def test_static_files_are_revalidated(visitor: Client) -> None:
    """No login for them; the second time they are not sent again."""
    for name, kind in (("app.css", "text/css"), ("app.js", "text/javascript"), ("icon.svg", "image/svg+xml")):
        first = await visitor.get(f"/app/static/{name}")
        again = await visitor.get(f"/app/static/{name}", headers={"If-None-Match": first.headers["ETag"]})

        assert (200, kind) == (first.status, first.content_type)
        assert 304 == again.status


@pytest.mark.parametrize("path", ["/app/static/base.html", "/app/static/nothing.js", "/app/static/..%2fpages.py"])
async def test_nothing_but_static_files_is_served_as_such(visitor: Client, path: str) -> None:
    """Templates and code stay here."""
    assert 404 == (await visitor.get(path)).status


async def test_an_unknown_page_says_so_as_a_page(member: Client) -> None:
    """404 as HTML for a browser, also for a campaign that does not exist."""
    assert "This page does not exist" in await look(member, "/app/nowhere", 404)
    assert "There is no campaign 999" in await look(member, "/app/jobs/999", 404)


async def test_the_first_visit_says_what_to_do(member: Client) -> None:
    """An empty list is no dead end."""
    text = await look(member, "/app")

    assert "No campaign yet" in text
    assert "No sender is set up for account default" in text
    assert 'href="/app/new"' in text


async def test_the_qr_code_is_shown_only_while_it_is_needed(member: Client) -> None:
    """Its address changes with the payload, which itself is nowhere in the page."""
    directory.open_account("default", clock.now_ms())
    directory.report("default", Health(AccountState.NEEDS_LINK, qr="first-payload"), clock.now_ms())
    first = await look(member, "/app")
    directory.report("default", Health(AccountState.NEEDS_LINK, qr="second-payload"), clock.now_ms())
    second = await look(member, "/app")
    directory.report("default", Health(AccountState.READY), clock.now_ms())
    ready = await look(member, "/app")

    codes = [re.findall(r"/accounts/default/qr\.svg\?v=\w+", text) for text in (first, second, ready)]
    assert [1, 1, 0] == [len(each) for each in codes]
    assert codes[0] != codes[1]
    assert "payload" not in first + second
    assert "Linked and ready to send" in ready


async def test_a_silent_sender_shows_no_code(member: Client) -> None:
    """A code of a sender that is gone links nothing."""
    long_ago = clock.now_ms() - directory.SILENT_AFTER_MS - 1
    directory.open_account("default", long_ago)
    directory.report("default", Health(AccountState.NEEDS_LINK, qr="old"), long_ago)

    text = await look(member, "/app")

    assert "is not running" in text
    assert "qr.svg" not in text


async def test_what_people_wrote_stays_text(member: Client, settings: Settings) -> None:
    """A name, a job's name, a text or a file name is never markup."""
    job_id = campaign(settings, text=f"Hi {EVIL}", name=EVIL)
    order = Order("x", numbers=["+493023125001"], name=EVIL)
    create.create(settings, order, "test", clock.now_ms())
    message = Message.get(Message.job == job_id)

    for path in (
        "/app",
        "/app/jobs/1",
        f"/app/messages/{message.id}",
    ):
        text = await look(member, path)
        assert "alert(1)" in text
        assert "<script>" not in text


async def test_a_job_page_says_where_it_stands(member: Client, settings: Settings) -> None:
    """Status in words with its reason, the text, and only the actions that are possible."""
    job_id = campaign(settings)
    directory.open_account("default", clock.now_ms())
    directory.report("default", Health(AccountState.NEEDS_LINK, qr="code"), clock.now_ms())

    text = await look(member, "/app/jobs/1")

    assert "waiting for login" in text
    assert "WhatsApp is not linked: scan the QR code with the phone." in text
    assert 'href="/app/accounts#account-default"' in text
    assert "Hi {{ name }}" in await look(member, f"/app/jobs/{job_id}?tab=message")
    assert ["pause", "stop"] == re.findall(r'data-post="/(\w+)/\d+"', text)


async def test_recipients_are_shown_a_page_at_a_time(member: Client, settings: Settings) -> None:
    """50 at most, the rest behind a link, by state; each page below 100 KB."""
    people = [{"number": f"+491511{n:07}", "name": f"Person {n}"} for n in range(60)]
    job_id = create.create(settings, Order("Hi", recipients=people), "test", clock.now_ms()).job_id

    first = await look(member, f"/app/jobs/{job_id}?state=pending")
    following = re.findall(rf'href="(/app/jobs/{job_id}\?cursor=\d+&amp;state=pending)#', first)
    second = await look(member, following[0].replace("&amp;", "&"))

    assert (50, 10) == (first.count("<tr id="), second.count("<tr id="))
    assert "Person 50" in second
    assert "No failed messages." in await look(member, f"/app/jobs/{job_id}?state=failed")
    assert len(first) < 100_000


async def test_jobs_are_shown_a_page_at_a_time(member: Client, settings: Settings) -> None:
    """The newest first, older ones behind a link."""
    ids = [campaign(settings) for _ in range(overview.JOBS_SHOWN + 1)]

    first = await look(member, "/app")
    (older,) = re.findall(r'href="(/app\?cursor=\d+)"', first)
    second = await look(member, older)

    assert f'id="job-{ids[-1]}"' in first
    assert f'id="job-{ids[0]}"' not in first
    assert f'id="job-{ids[0]}"' in second


async def test_an_uncertain_message_asks_for_a_decision(member: Client, settings: Settings) -> None:
    """On the job's page and on its own, with the history and both answers."""
    job_id = uncertain(settings)
    message = Message.get(Message.job == job_id)

    page = await look(member, "/app/jobs/1")
    own = await look(member, f"/app/messages/{message.id}")

    assert "1 message needs your decision" in page
    for text in (page, own):
        assert 2 == text.count(f'data-post="/messages/{message.id}/decide"')
        assert "the chat could not be read" in text
    assert ["pending", "claimed", "sending", "uncertain"] == re.findall(r"<li>.*?<span class=\"chip \w+\">(\w+)", own)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*bold* _it_ ~no~", "<strong>bold</strong> <em>it</em> <s>no</s>"),
        ("*bold _both_*", "<strong>bold <em>both</em></strong>"),
        ("```*code* <b>```", "<code>*code* &lt;b&gt;</code>"),
        ("2*3*4 snake_case_name * a *", "2*3*4 snake_case_name * a *"),
        ("*a _b* c_", "<strong>a _b</strong> c_"),
        ("<b>&", "&lt;b&gt;&amp;"),
    ],
)
def test_marks_are_shown_as_in_whatsapp(text: str, html: str) -> None:
    """Only where WhatsApp would, properly nested, and everything else escaped."""
    assert html == str(words.formatted(text))


def test_a_hostile_text_is_formatted_in_no_time() -> None:
    """Neither many marks nor deep nesting cost more than their length."""
    started = time.process_time()

    words.formatted(" *a" * 20_000)
    words.formatted("_*" * 20_000 + "a" + "*_" * 20_000)

    assert time.process_time() - started < 20  # it would be hours


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(0.9, "less than a minute"), (12, "about 12 min"), (120, "about 2 hours"), (72 * 60, "about 3 days")],
)
def test_durations_in_words(minutes: float, said: str) -> None:
    """As exactly as anybody wants to know."""
    assert said == words.lasts(round(minutes * 60_000))


def test_the_name_is_found_among_the_columns() -> None:
    """In several languages; without one the first column has to do."""
    assert ["vorname", "nachname"] == columns.name_columns(["plz", "vorname", "nachname"])
    assert ["first_name"] == columns.name_columns(["city", "first_name"])
    assert ["plz"] == columns.name_columns(["plz", "ort"])


async def test_the_address_of_every_form_leads_to_a_page(member: Client, settings: Settings) -> None:
    """A refused form is shown there: it is reloaded, spoken in another language, come back to after a login."""
    assert 1 == campaign(settings)
    asked = [each.path for each in pages.routes if isinstance(each, RouteDef) and each.method == "POST"]
    filled = [re.sub(r"{(?:[^{}]|{[^}]*})*}", "1", re.sub(r"{\w+:([a-z]+)\|[^}]*}", r"\1", path)) for path in asked]
    assert len(filled) > 70
    for path in filled:
        response = await member.get(path, headers=HTML)
        assert (path, True) == (path, response.status in (200, 404) or "/me/second_factor/" in path)  # the key has none

    for path, page in (
        ("/app/jobs/1/reschedule", "/app/jobs/1"),
        ("/app/replies/chats/5/assign", "/app/replies"),
        ("/app/accounts/default/limits", "/app/accounts"),
        ("/app/lists/1/rename", "/app/lists/1"),
    ):
        response = await member.get(path, headers=HTML, allow_redirects=False)
        assert (302, page) == (response.status, response.headers["Location"])
    assert 405 == (await member.put("/app/logout", headers=HTML | origin(member))).status
    assert 405 == (await member.get("/retry/1", headers={"X-API-KEY": KEY})).status


# Events


async def read_event(response: ClientResponse) -> tuple[str, dict[str, Any]]:
    """The next event of a stream; pings are passed over."""
    kind = ""
    while True:
        line = (await asyncio.wait_for(response.content.readline(), 60)).decode().strip()
        if line.startswith("event:"):
            kind = line.removeprefix("event:").strip()
        elif line.startswith("data:") and kind in ("job", "account"):
            return kind, json.loads(line.removeprefix("data:"))


async def test_events_need_a_key_or_a_session(visitor: Client) -> None:
    """They tell names and reasons."""
    assert 401 == (await visitor.get("/events")).status


async def test_events_tell_everything_then_what_changes(member: Client, settings: Settings) -> None:
    """A new listener knows all at once; then each change comes by itself."""
    job_id = campaign(settings)
    directory.open_account("default", clock.now_ms())
    async with member.get("/events") as response:
        known = dict([await read_event(response), await read_event(response)])
        lifecycle.pause(job_id, "test", clock.now_ms())
        kind, state = await read_event(response)

    assert "text/event-stream" == response.content_type
    assert (job_id, "default") == (known["job"]["job_id"], known["account"]["name"])
    assert ("job", "paused") == (kind, state["status"])


async def test_events_work_with_the_key_too(visitor: Client, settings: Settings) -> None:
    """For programs, without a session."""
    campaign(settings)
    async with visitor.get("/events", headers={"X-API-KEY": KEY}) as response:
        assert "job" == (await read_event(response))[0]


async def test_open_streams_do_not_delay_the_end(member: Client, settings: Settings) -> None:
    """The process is gone in far less than the time that requests are given."""
    campaign(settings)
    async with member.get("/events") as response:
        await read_event(response)
        async with asyncio.timeout(30):  # the server of a test gives requests 60 s
            await member.server.close()
