"""The accounts over HTTP: what is shown, what may be asked for, limits, and credentials that only come when asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from daemon.accounts import commands, directory, limits
from daemon.accounts.directory import AccountRow
from daemon.auth import passwords, sessions, users
from daemon.campaigns import create
from daemon.config import Settings
from daemon.db import clock
from daemon.http import make_app
from daemon.models import Account
from daemon.server.visitors import COOKIE, ZONE_COOKIE
from daemon.states import AccountState, Hold, Role
from daemon.transports.protocol import Health
from tests.http.conftest import KEY, Caller

HTML = {"Accept": "text/html"}
CODE, OURS = "AB12CD34", "+4915112345678"
READY = Health(AccountState.READY)
UNLINKED = Health(AccountState.NEEDS_LINK, qr="2@payload")
WITH_CODE = Health(AccountState.NEEDS_LINK, link_code=CODE)
PICTURE = b"\x89PNG\r\n\x1a\n of chats"
Client = TestClient[Any, Any]


def report(health: Health, name: str = "default") -> None:
    directory.open_account(name, clock.now_ms())
    directory.report(name, health, clock.now_ms())


def row(name: str = "default") -> AccountRow:
    return directory.find(name)


def grant(found: bytes | str | None = None) -> str:
    """Do as a sender would; returns what was asked for."""
    wish = commands.take("default", True, clock.now_ms())
    assert wish
    commands.fulfil("default", wish, clock.now_ms(), found)
    return wish.what.value


@pytest.fixture
def browse(client: Client, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Log the browser in as a user with that role; returns the client."""
    monkeypatch.setattr(passwords, "COST", (4, 1, 1))

    def enter(role: Role = Role.ADMIN) -> Client:
        user = users.create("Anna", role, "correct horse", "test", clock.now_ms())
        opened = sessions.open_session(user, clock.now_ms(), KEY)
        client.session.cookie_jar.update_cookies({COOKIE: opened.token}, client.make_url("/"))
        return client

    return enter


async def look(client: Client, path: str = "/app/accounts", status: int = 200) -> str:
    response = await client.get(path, headers=HTML, allow_redirects=False)
    assert status == response.status
    return await response.text()


async def submit(client: Client, path: str, **fields: str) -> ClientResponse:
    headers = HTML | {"Origin": f"http://{client.host}:{client.port}"}
    return await client.post(path, data=fields, headers=headers, allow_redirects=False)


def attribute(text: str, field: str, name: str) -> str | None:
    found = re.search(rf'<input id="{field}"[^>]*? {name}="([^"]*)"', text)
    return found and found[1]


# The API


async def test_an_account_tells_its_limits_use_and_next_message(api: Caller) -> None:
    """Its own limits, what holds, and how much of it is used."""
    report(READY)
    shown = await api.get("/accounts/default")
    assert {"hourly_cap": 0, "daily_cap": 0, "quiet_hours": "", "timezone": "UTC"} == shown["limits"]
    assert ({"hour": 0, "day": 0}, None, None) == (shown["used"], shown["wish"], shown["opens_at"])

    changed = await api.ask("PATCH", "/accounts/default", json={"daily_cap": 3, "quiet_hours": "21:00-08:00"})

    assert (None, 3, "21:00-08:00", None) == tuple(
        changed[name] for name in ("hourly_cap", "daily_cap", "quiet_hours", "timezone")
    )
    assert (3, "21:00-08:00") == (changed["limits"]["daily_cap"], changed["limits"]["quiet_hours"])
    assert changed["limits"] == (await api.get("/accounts/default"))["limits"]
    back = await api.ask("PATCH", "/accounts/default", json={"daily_cap": None})
    assert (0, "21:00-08:00") == (back["limits"]["daily_cap"], back["limits"]["quiet_hours"])


async def test_the_page_adds_renames_and_removes(browse: Any, api: Caller) -> None:
    """What is wrong stands in the form; the other settings of an account are shown when they are asked for."""
    client = browse()
    wrong = await (await submit(client, "/app/accounts", name="a b", title="Corner", transport="")).text()
    assert "Choose a name of letters" in wrong and 'value="Corner"' in wrong
    added = await submit(client, "/app/accounts", name="shop", title="Corner", transport="dryrun")
    assert (303, "/app/accounts#account-shop") == (added.status, added.headers["Location"])
    text = await look(client, "/app/accounts?edit=shop")
    assert "<bdi>Corner</bdi>" in text and 'name="whole"' in text and "More accounts than senders" in text
    given = {"title": "Market", "transport": "dryrun", "delay_min": "2,5", "long_pause_every": "7", "whole": "1"}
    saved = await submit(client, "/app/accounts/shop/limits", version="2", **given)
    assert 303 == saved.status, await saved.text()
    assert ("Market", 2.5, 7) == ((r := row("shop")).called, r.delay_min, r.long_pause_every)
    await submit(client, "/app/accounts/shop/limits", daily_cap="5")  # a form without the rest leaves that as it is
    assert ("Market", 5) == (row("shop").called, row("shop").daily_cap)

    await api.post("/send", {"numbers": [OURS], "message": "Hi", "account": "shop"})
    overview = await look(client, "/app?account=shop")
    assert '<option value="shop" selected>Market</option>' in overview
    refused = await submit(client, "/app/accounts/shop/remove")
    assert 409 == refused.status and "1 queued" in await refused.text()
    assert 303 == (await submit(client, "/app/accounts/shop/remove", cancel="1")).status
    assert ["default"] == [each.name for each in directory.every()]
    assert 404 == (await submit(client, "/app/accounts/shop/remove")).status


@pytest.mark.parametrize(
    "body",
    [
        {"hourly_cap": -1},
        {"hourly_cap": "5"},
        {"hourly_cap": 1.5},
        {"daily_cap": True},
        {"quiet_hours": "night"},
        {"timezone": "Mars/Olympus"},
        {"state": "ready"},
    ],
)
async def test_limits_that_make_no_sense_change_nothing(api: Caller, body: dict[str, Any]) -> None:
    """And say what would."""
    report(READY)
    await api.ask("PATCH", "/accounts/default", 422, json=body)
    assert (None, None, None, None) == (row().hourly_cap, row().daily_cap, row().quiet_hours, row().timezone)


async def test_own_limits_decide_what_a_job_is_told(api: Caller) -> None:
    """Its end and its next message follow the account's caps at once."""
    report(READY)
    numbers = [f"+49151100000{n:02}" for n in range(10)]
    job_id = (await api.post("/send", {"numbers": numbers, "message": "Hi"}))["job_id"]
    soon = (await api.get(f"/status/{job_id}"))["eta"]
    await api.ask("PATCH", "/accounts/default", json={"hourly_cap": 2})
    later = (await api.get(f"/status/{job_id}"))["eta"]

    assert later - soon > 3 * 3_600_000


@pytest.mark.parametrize(
    ("path", "body", "what"),
    [
        ("screenshot", None, "screenshot"),
        ("reload", None, "reload"),
        ("logout", None, "logout"),
        ("page_check", None, "check_page"),
    ],
)
async def test_what_is_asked_of_a_sender_and_what_came_of_it(api: Caller, path: str, body: Any, what: str) -> None:
    """Asked, taken by the sender, done: each time in words."""
    report(READY)
    asked = await api.post(f"/accounts/default/{path}", body)
    assert (True, what, "asked", "api") == (asked["success"], *(asked["wish"][n] for n in ("what", "stage", "who")))
    assert what == grant()
    done = (await api.get("/accounts/default"))["wish"]
    code = commands.DONE[commands.What(what)]
    assert ("done", commands.SENTENCES[code], code) == (done["stage"], done["outcome"], done["code"])


async def test_a_picture_is_there_once_it_was_taken(api: Caller) -> None:
    """Uncached: it may show chats."""
    report(READY)
    await api.get("/accounts/default/screenshot.png", 404)
    await api.post("/accounts/default/screenshot")
    grant(PICTURE)
    response = await api.send("GET", "/accounts/default/screenshot.png")
    assert (200, "image/png", "no-store") == (
        response.status,
        response.content_type,
        response.headers["Cache-Control"],
    )
    assert PICTURE == await response.read()
    assert (await api.get("/accounts/default"))["screenshot_at"]


async def test_a_check_of_the_page_is_there_once_it_was_made(api: Caller) -> None:
    """To be downloaded, for a day."""
    report(READY)
    await api.get("/accounts/default/page_check.json", 404)
    await api.get("/accounts/nobody/page_check.json", 404)
    for language in ("en", "pt"):
        await api.post("/accounts/default/page_check")
        grant(json.dumps({"language": language}))
    shown = await api.get("/accounts/default/page_check.json")
    assert ("pt", shown["at"]) == (shown["language"], (await api.get("/accounts/default"))["page_check_at"])
    commands.prune(shown["at"] + commands.KEEP_MS + 1)
    await api.get("/accounts/default/page_check.json", 404)


async def test_a_code_for_a_number_comes_only_when_it_is_asked_for(api: Caller) -> None:
    """In one answer, uncached, in no other and in no log line; gone with the link or the sender."""
    report(UNLINKED)
    with structlog.testing.capture_logs() as lines:
        await api.post("/accounts/default/link", {"number": "+49 151 12345678"})
        assert (OURS, "asked") == (row().wish["number"], row().wish["stage"])
        assert "link_by_code" == grant()
        report(WITH_CODE)
        response = await api.send("GET", "/accounts/default/link_code")
        shown = await response.json()
        everywhere = str([await api.get("/accounts"), await api.get("/accounts/default")])
    assert "no-store" == response.headers["Cache-Control"]
    assert (CODE, OURS) == (shown["code"], shown["number"])
    assert shown["at"]
    assert not [secret for secret in (CODE, OURS[1:]) if secret in everywhere + str(lines)]
    Account.update(seen_at=1).execute()
    await api.get("/accounts/default/link_code", 404)
    report(READY)
    await api.get("/accounts/default/link_code", 404)


async def test_the_number_to_link_is_one_of_the_accounts_country(api: Caller) -> None:
    """As every number that is written without one and belongs to the account."""
    report(UNLINKED)
    await api.ask("PATCH", "/accounts/default", json={"country": "AT"})
    asked = await api.post("/accounts/default/link", {"number": "0664 1234567"})
    assert "+436641234567" == row().wish["number"] and asked["success"]


@pytest.mark.parametrize("body", [None, {}, {"number": None}])
async def test_without_a_number_the_qr_code_comes_back(api: Caller, body: Any) -> None:
    """With a body or without."""
    report(WITH_CODE)
    assert "link_by_qr" == (await api.post("/accounts/default/link", body))["wish"]["what"]


async def test_what_cannot_be_asked_is_refused_at_once(api: Caller) -> None:
    """Each with its reason."""
    for path in ("screenshot", "logout", "link", "reload", "page_check"):
        await api.post(f"/accounts/nobody/{path}", None, 404)
    report(READY)
    assert "already linked" in (await api.post("/accounts/default/link", {"number": OURS}, 409))["detail"]
    report(UNLINKED)
    assert "not linked" in (await api.post("/accounts/default/logout", None, 409))["detail"]
    await api.post("/accounts/default/link", {"number": "12"}, 422)
    await api.post("/accounts/default/link", {"number": 12}, 422)
    await api.post("/accounts/default/reload")
    commands.take("default", True, clock.now_ms())
    assert "is busy" in (await api.post("/accounts/default/screenshot", None, 409))["detail"]


async def test_roles(browse: Any) -> None:
    """Who looks sees no credential, an operator links and helps, an administrator limits and logs out."""
    report(UNLINKED)
    client = browse(Role.VIEWER)
    caller = Caller(client, None)
    caller.headers = {"Origin": f"http://{client.host}:{client.port}"}
    assert "needs_link" == (await caller.get("/accounts/default"))["state"]
    for path in ("qr.svg", "link_code", "screenshot.png"):
        await caller.get(f"/accounts/default/{path}", 403)
    for path in ("screenshot", "reload", "link", "logout"):
        await caller.post(f"/accounts/default/{path}", None, 403)
    anna = users.every()[0]
    users.change_role(anna.id, Role.OPERATOR, "test")
    opened = sessions.open_session(users.find(anna.id), clock.now_ms(), KEY)
    client.session.cookie_jar.update_cookies({COOKIE: opened.token}, client.make_url("/"))
    await caller.post("/accounts/default/reload")
    await caller.post("/accounts/default/logout", None, 403)
    await caller.ask("PATCH", "/accounts/default", 403, json={})


# The page


async def test_before_its_first_sender_the_account_is_there(browse: Any) -> None:
    """And what is wrong with it: nothing drives it."""
    text = await look(browse())
    assert "No sender is set up for account default" in text
    assert 'href="/app/accounts" aria-current="page"' in text


async def test_accounts_stand_side_by_side(browse: Any) -> None:
    """Each with its state, its use and its campaigns; the one whose sender is silent says so."""
    report(READY)
    report(UNLINKED, "shop")
    directory.open_account("asleep", 1)
    limits.set_limits("default", {"daily_cap": 5}, "test")
    text = await look(browse())
    assert ["asleep", "default", "shop"] == re.findall(r'<section class="card desk-account" id="account-(\w+)"', text)
    assert "Linked and ready to send." in text
    assert "0 of 5" in text and "<progress" in text
    assert "The sender of account asleep is not running." in text
    assert re.search(r"/accounts/shop/qr\.svg\?v=\w+", text)
    assert "payload" not in text


async def test_a_hold_says_why_and_counts_down(browse: Any) -> None:
    """To its end, where there is one."""
    until = clock.now_ms() + 3 * 3_600_000
    report(Health(AccountState.HELD, Hold.RESTRICTED, until, "WhatsApp has restricted this account.", known_chats=True))
    text = await look(browse())
    assert "The account is on hold: restricted. WhatsApp has restricted this account." in text
    assert "People it has messaged before still get their messages." in text
    assert f'data-until="{until}"' in text
    assert "a third of its usual speed until" in text


async def test_the_code_is_shown_to_who_may_link(browse: Any) -> None:
    """In two groups of four, with its number and its age; then without the form for another."""
    report(WITH_CODE)
    Account.update(link_number=OURS).execute()
    text = await look(browse())
    assert re.search(r"<b[^>]*>AB12</b>.*<b[^>]*>CD34</b>", text)
    assert OURS in text and "shown since" in text
    assert "Use the QR code instead" in text
    assert 'name="number"' not in text


async def test_who_only_looks_sees_no_way_to_link(browse: Any) -> None:
    """Neither code nor form nor button."""
    report(WITH_CODE)
    text = await look(browse(Role.VIEWER))
    assert "An operator can link the phone here." in text
    main = text.partition("<main")[2]
    assert not [word for word in ("AB12", "CD34", "/link", "/limits", "/logout", "screenshot") if word in main]


async def test_the_form_asks_for_a_code_and_for_the_qr_code(browse: Any) -> None:
    """And leads back to the card."""
    report(UNLINKED)
    client = browse(Role.OPERATOR)
    sent = await submit(client, "/app/accounts/default/link", number="+49 151 12345678")
    assert (303, "/app/accounts#account-default") == (sent.status, sent.headers["Location"])
    assert ("link_by_code", OURS, "Anna") == tuple(row().wish[name] for name in ("what", "number", "who"))
    grant()
    report(WITH_CODE)
    await submit(client, "/app/accounts/default/link", qr="1")
    assert "link_by_qr" == row().wish["what"]


async def test_a_wrong_number_is_said_at_its_field(browse: Any) -> None:
    """Which keeps what was typed; and the address leads back when it is loaded anew."""
    report(UNLINKED)
    client = browse(Role.OPERATOR)
    refused = await submit(client, "/app/accounts/default/link", number="12")
    text = await refused.text()
    assert 422 == refused.status
    assert "12" == attribute(text, "number-default", "value")
    assert "link-error-default" == attribute(text, "number-default", "aria-describedby")
    assert re.search(r'id="link-error-default"[^>]*>The number is too short', text)
    again = await client.get("/app/accounts/default/link", headers=HTML, allow_redirects=False)
    assert (302, "/app/accounts") == (again.status, again.headers["Location"])


async def test_the_limits_form(browse: Any) -> None:
    """Empty is as the settings say, `off` is none; it shows what it has kept."""
    report(READY)
    client = browse()
    fields = {"hourly_cap": "10", "daily_cap": "", "quiet_hours": "off", "timezone": "Europe/Berlin"}
    sent = await submit(client, "/app/accounts/default/limits", **fields)
    assert (303, "/app/accounts?saved=default#account-default") == (sent.status, sent.headers["Location"])
    assert (10, None, "", "Europe/Berlin") == (
        row().hourly_cap,
        row().daily_cap,
        row().quiet_hours,
        row().timezone,
    )
    text = await look(client, "/app/accounts?saved=default")
    assert "Saved. Changes apply from the next message." in text
    shown = {name: attribute(text, f"{name}-default", "value") for name in ("hourly", "daily", "quiet", "zone")}
    assert {"hourly": "10", "daily": "", "quiet": "off", "zone": "Europe/Berlin"} == shown


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"hourly_cap": "many"}, "a whole number of messages"),
        ({"daily_cap": "-3"}, "a whole number of messages"),
        ({"quiet_hours": "9 to 5"}, "quiet hours as 21:00-08:00"),
        ({"timezone": "Berlin"}, "such as Europe/Berlin"),
    ],
)
async def test_a_mistake_in_the_limits_is_said_in_the_open_form(browse: Any, fields: Any, said: str) -> None:
    """With what was typed, and nothing changed."""
    report(READY)
    refused = await submit(browse(), "/app/accounts/default/limits", **fields)
    text = await refused.text()
    assert 422 == refused.status
    assert said in text and "<details open" in text
    assert next(iter(fields.values())) in text
    assert (None, None, None, None) == (row().hourly_cap, row().daily_cap, row().quiet_hours, row().timezone)


async def test_only_an_administrator_limits(browse: Any) -> None:
    """An operator is refused."""
    report(READY)
    refused = await submit(browse(Role.OPERATOR), "/app/accounts/default/limits", hourly_cap="1")
    assert 403 == refused.status
    assert row().hourly_cap is None


async def test_what_came_of_a_command_is_told(browse: Any) -> None:
    """Under way, done with its picture, or void with the reason."""
    report(READY)
    client = browse()
    commands.ask("default", commands.What.SCREENSHOT, "Anna", clock.now_ms())
    assert "Waiting until the current message is finished." in await look(client)
    grant(PICTURE)
    text = await look(client)
    assert "The screenshot is ready." in text
    assert re.search(r'src="/accounts/default/screenshot\.png\?v=\d+"', text)
    commands.ask("default", commands.What.LOG_OUT, "Anna", clock.now_ms() - commands.WAIT_MS - 1)
    assert commands.SENTENCES[commands.Code.BUSY] in await look(client)


async def test_the_account_is_named_by_its_job(browse: Any, settings: Any) -> None:
    """With how many are left."""
    report(READY)
    order = create.Order("Hi", numbers=["+4915110000000", "+4915110000001"], name="Spring")
    job_id = create.create(settings, order, "test", clock.now_ms()).job_id
    text = await look(browse())
    assert f'<a href="/app/jobs/{job_id}"><bdi>Spring</bdi></a>' in text
    assert "2 left" in text


async def test_the_page_is_small(browse: Any) -> None:
    """Also with many accounts."""
    for n in range(8):
        report(UNLINKED, f"account-{n}")
    response = await browse().get("/app/accounts", headers=HTML | {"Accept-Encoding": "identity"})
    assert len(await response.read()) < 100_000


@pytest.mark.parametrize("started", [True, False])
async def test_the_page_asks_for_an_accounts_zone_until_somebody_confirms_it(
    started: bool,
    make_settings: Callable[..., Settings],
    aiohttp_client: Any,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is the machine's until then, never UTC in silence; both that and the browser's are offered. Also before its
    sender has ever started."""
    if started:
        directory.open_account("default", clock.now_ms())
    monkeypatch.setenv("TZ", "Europe/Rome")
    settings = make_settings(timezone="")
    browser = await aiohttp_client(make_app(settings, KEY), cookies={ZONE_COOKIE: "Europe/Berlin"})
    here = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
    await browser.post("/app/login", data={"key": KEY}, headers=here)
    assert "Europe/Rome" == limits.rules_of(settings, "default").zone

    asked = await (await browser.get("/app", headers=here)).text()
    assert "Until you choose, it is this machine's: Europe/Rome." in asked
    assert "Your browser is in Europe/Berlin." in asked
    assert ["Europe/Berlin", "Europe/Rome"] == re.findall(r'name="timezone" value="([^"]+)"', asked)

    refused = await browser.post("/app/accounts/default/zone", data={"timezone": "Mars"}, headers=here)
    assert 422 == refused.status
    half = {"timezone": "Europe/Berlin", "country": "XX"}
    assert 422 == (await browser.post("/app/accounts/default/zone", data=half, headers=here)).status
    assert "Europe/Rome" == limits.rules_of(settings, "default").zone
    await browser.post("/app/accounts/default/zone", data={"timezone": "Europe/Berlin"}, headers=here)
    assert "Europe/Berlin" == limits.rules_of(settings, "default").zone
    assert "Which time zone should" not in await (await browser.get("/app", headers=here)).text()


async def test_utc_is_one_zone_whatever_it_is_called(
    make_settings: Callable[..., Settings], aiohttp_client: Any, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine says Etc/UTC, a browser UTC."""
    monkeypatch.setenv("TZ", "Etc/UTC")
    settings = make_settings(timezone="")
    browser = await aiohttp_client(make_app(settings, KEY), cookies={ZONE_COOKIE: "UTC"})
    here = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
    await browser.post("/app/login", data={"key": KEY}, headers=here)

    asked = await (await browser.get("/app", headers=here)).text()

    assert ["UTC"] == re.findall(r'name="timezone" value="([^"]+)"', asked)
    assert "Your browser is in" not in asked
    await browser.post("/app/accounts/default/zone", data={"timezone": "Etc/UTC"}, headers=here)
    assert "UTC" == directory.find("default").timezone
