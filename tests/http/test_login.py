"""Logging in and out, the lock-out, and the token that every change needs."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import pytest
from aiohttp import ClientResponse, FormData
from yarl import URL

from daemon import errors
from daemon.api import events
from daemon.auth import lockout, sessions, users
from daemon.campaigns import create
from daemon.campaigns.create import Order
from daemon.config import Settings
from daemon.db import clock
from daemon.db.refusals import Unsent as OfDb
from daemon.delivery import job_moves
from daemon.models import Session
from daemon.server import access
from daemon.server.visitors import COOKIE, LANGUAGE_COOKIE
from daemon.states import Role
from tests.http.conftest import KEY, Caller
from tests.support.signing_in import GOOD, HTML, Client, anna, look, origin, someone, submit


async def bare(client: Client, path: str, data: object, headers: dict[str, str]) -> ClientResponse:
    """A POST to which nothing adds the token."""
    return await client.session.post(client.make_url(path), data=data, headers=headers, allow_redirects=False)


async def log_in(client: Client, name: str = "Anna", password: str = GOOD, **fields: str) -> ClientResponse:
    return await submit(client, "/app/login", name=name, password=password, **fields)


# In


async def test_name_and_password_open_a_session(client: Client) -> None:
    """In whatever case the name is written; the cookie is for the browser alone."""
    anna()

    response = await log_in(client, " anna ", next="/app/new")

    cookie = response.cookies[COOKIE]
    assert (303, "/app/new") == (response.status, response.headers["Location"])
    assert (True, "Strict", "/", "") == (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"])
    assert str(14 * 24 * 3600) == cookie["max-age"]
    assert Session.get_or_none(Session.id == cookie.value) is None
    assert "<bdi>Anna</bdi>" in await look(client, "/app")


async def test_a_wrong_password_gets_the_form_again_with_the_name(client: Client) -> None:
    """401, a sentence at the field, nothing of the password, and no session."""
    anna()

    response = await log_in(client, password="wrong password", next="/app/new")

    text = await response.text()
    assert 401 == response.status
    assert "The name or the password is wrong, or the user is disabled." in text
    assert 'value="Anna"' in text and 'value="/app/new"' in text
    assert "wrong password" not in text
    assert COOKIE not in response.cookies


async def test_without_users_only_the_key_is_asked_for(client: Client) -> None:
    """Whoever has just installed it is not asked for a name that nobody has."""
    before = await look(client, "/app/login")
    anna()
    after = await look(client, "/app/login")

    assert (False, True) == ('name="password"' in before, 'name="key"' in before)
    assert (True, True) == ('name="password"' in after, 'name="key"' in after)


async def test_the_key_makes_an_administrator_called_api_key(client: Client) -> None:
    """Without being one of the users."""
    assert 303 == (await submit(client, "/app/login", key=KEY)).status

    text = await look(client, "/app/users")
    assert "<bdi>API key</bdi>" in text
    assert "No users yet" in text


async def test_a_login_form_of_another_site_is_refused(client: Client) -> None:
    """Nobody is logged in under a name that is not theirs."""
    anna()
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": ""}):
        response = await submit(client, "/app/login", headers, name="Anna", password=GOOD)
        assert 403 == response.status
        assert COOKIE not in response.cookies


@pytest.mark.parametrize(("scheme", "secure"), [("http", ""), ("https", True)])
async def test_behind_tls_the_cookie_is_secure(client: Client, scheme: str, secure: object) -> None:
    """Also where a proxy speaks TLS that is not trusted: the browser says so itself, in the form's Origin."""
    response = await submit(client, "/app/login", origin(client, scheme), key=KEY)

    assert [secure, secure] == [response.cookies[name]["secure"] for name in (COOKIE, access.BROWSER_COOKIE)]


async def test_a_new_login_ends_the_one_before(client: Client) -> None:
    """In the same browser: two people at one desk do not leave sessions behind."""
    anna()
    await log_in(client)
    await submit(client, "/app/login", key=KEY)

    assert {None: 1} == {who: len(rows) for who, rows in sessions.everybody(clock.now_ms()).items()}


async def test_a_long_form_is_not_read(client: Client) -> None:
    """The login is open to everybody."""
    response = await submit(client, "/app/login", key="x" * 5000)

    assert 413 == response.status


async def test_the_language_of_a_user_comes_with_the_login(client: Client) -> None:
    """Chosen once, on whatever machine."""
    user_id = anna()
    someone(client, user_id)
    await submit(client, "/app/language", language="es", next="/app")
    assert "es" == users.find(user_id).language

    client.session.cookie_jar.clear()
    response = await log_in(client)

    assert "es" == response.cookies[LANGUAGE_COOKIE].value


# The lock-out


async def test_the_sixth_try_is_refused_with_the_time_left(client: Client) -> None:
    """429 with Retry-After; the right password does not get in either."""
    anna()
    for _ in range(5):
        assert 401 == (await log_in(client, password="wrong password")).status

    response = await log_in(client)

    text = await response.text()
    assert 429 == response.status
    assert 50 < int(response.headers["Retry-After"]) <= 60
    assert re.search(r"Too many failed attempts\.\s+Try again in \d\d seconds\.", text)
    assert COOKIE not in response.cookies
    assert 401 == (await submit(client, "/app/login", key="a wrong one")).status
    assert 303 == (await submit(client, "/app/login", key=KEY)).status


async def test_wrong_keys_lock_nobody_out(client: Client, api: Caller, stranger: Caller) -> None:
    """Neither in a header, as of a monitor with an old key, nor in the form: always 401, and soon."""
    anna()
    headers = ({"X-API-KEY": "an old key"}, {"Authorization": "Bearer old"}, {"X-API-KEY": "\u00fc" * 500})
    for n in range(lockout.NAME_TRIES + 1):
        started = time.monotonic()
        await stranger.get("/accounts", 401, headers=headers[n % 3])
        assert 401 == (await submit(client, "/app/login", key=f"guess {n}")).status
        assert time.monotonic() - started < 2

    await api.get("/accounts")
    assert 303 == (await submit(client, "/app/login", key=KEY)).status
    client.session.cookie_jar.clear()
    assert 303 == (await log_in(client)).status


async def test_a_known_browser_is_not_shut_out_by_others(client: Client) -> None:
    """All come from one address, as behind a proxy; X-Forwarded-For makes no difference, it can be anything."""
    anna()
    await log_in(client)
    await submit(client, "/app/logout")
    mark = client.session.cookie_jar.filter_cookies(client.make_url("/app/login"))[access.BROWSER_COOKIE].value
    client.session.cookie_jar.clear()
    for n in range(5):
        forwarded = {"X-Forwarded-For": f"203.0.113.{n}"}
        wrong = await submit(client, "/app/login", forwarded, name="Anna", password="wrong password")
        assert 401 == wrong.status
    assert 429 == (await log_in(client)).status

    known = {"Cookie": f"{access.BROWSER_COOKIE}={mark}"}
    assert 429 == (await submit(client, "/app/login", known, name="Ben", password=GOOD)).status
    assert 303 == (await submit(client, "/app/login", known, name="Anna", password=GOOD)).status


@pytest.mark.parametrize("mark", ["", ".", "nonce.forged", "x" * 5000, "\u00fc.\u00fc"])
async def test_a_forged_mark_is_worth_nothing(client: Client, mark: str) -> None:
    """It is signed with the API key, for one name."""
    anna()
    for _ in range(5):
        await log_in(client, password="wrong password")

    known = {"Cookie": f"{access.BROWSER_COOKIE}={mark}"}
    assert 429 == (await submit(client, "/app/login", known, name="Anna", password=GOOD)).status


# The token


async def test_a_cookie_without_the_token_changes_nothing(client: Client, settings: Settings) -> None:
    """Whether it is missing, wrong, or of another session; the answer says what to do."""
    job_id = int(create.create(settings, Order("Hi", numbers=["+4915110000012"]), "test", clock.now_ms()).job_id)
    someone(client, anna())
    other = sessions.session(sessions.open_session(None, clock.now_ms(), KEY).token, KEY, clock.now_ms())
    assert other is not None

    for token in ("", "0" * 64, other.csrf):
        response = await client.post(f"/stop/{job_id}", headers=origin(client) | {access.TOKEN_HEADER: token})
        answer = await response.json(content_type=None)
        assert (403, "urn:wasender:problem:stale-page") == (response.status, answer["type"])
        assert "reload it" in answer["detail"]
    assert "pending" == job_moves.job(job_id).state

    assert 200 == (await client.post(f"/stop/{job_id}", headers=origin(client))).status


@pytest.mark.parametrize("kind", ["urlencoded", "multipart"])
async def test_the_token_may_come_in_a_field_of_the_form(client: Client, kind: str) -> None:
    """So pages work without a script, also those that send a file."""
    token = someone(client, anna())
    session = sessions.session(token, KEY, clock.now_ms())
    assert session is not None
    form = FormData({"csrf": session.csrf})
    if kind == "multipart":
        form.add_field("file", b"x", filename="x.txt")

    response = await bare(client, "/app/logout", form, HTML | origin(client))

    assert (303, "/app/login") == (response.status, response.headers["Location"])
    assert sessions.session(token, KEY, clock.now_ms()) is None


async def test_what_is_no_form_has_no_token(client: Client) -> None:
    """A body that cannot be read is a page without a token, not an error of ours."""
    token = someone(client, anna())
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x", "application/json", "text/plain"):
        headers = origin(client) | {"Content-Type": kind}
        assert 403 == (await bare(client, "/app/logout", b'{"csrf": "x"}', headers)).status
    assert sessions.session(token, KEY, clock.now_ms())


async def test_the_key_in_the_header_needs_no_token(client: Client, api: Caller) -> None:
    """No other site can send it; also when the browser has a cookie."""
    someone(client, anna())

    response = await api.send("POST", "/upload_attachment", headers={access.TOKEN_HEADER: ""})

    assert 400 == response.status


async def test_a_cookie_beside_a_wrong_key_does_not_count(client: Client) -> None:
    """Who gives a key means to be known by it."""
    someone(client)

    assert 401 == (await client.get("/accounts", headers={"X-API-KEY": "wrong"})).status
    assert 200 == (await client.get("/accounts", headers={"Authorization": "Basic of-a-proxy"})).status


async def test_the_token_is_in_every_page(client: Client) -> None:
    """For scripts in the head, for forms in a field; strangers get none."""
    token = someone(client, anna(Role.ADMIN))
    session = sessions.session(token, KEY, clock.now_ms())
    assert session is not None

    text = await look(client, "/app/users")

    assert f'<meta name="csrf" content="{session.csrf}">' in text
    assert text.count("<form") == text.count(f'<input type="hidden" name="csrf" value="{session.csrf}">')
    client.session.cookie_jar.clear()
    assert "csrf" not in re.sub(r"<style>.*?</style>", "", await look(client, "/app/login"), flags=re.S)


# Out


async def test_logging_out_ends_the_session_itself(client: Client) -> None:
    """A copy of the cookie is worth nothing afterwards."""
    token = someone(client, anna())

    response = await submit(client, "/app/logout")

    assert (303, "/app/login", "") == (response.status, response.headers["Location"], response.cookies[COOKIE].value)
    client.session.cookie_jar.update_cookies({COOKIE: token}, client.make_url("/"))
    await look(client, "/app", 302)


async def test_a_session_that_has_ended_leads_to_the_login_and_back(client: Client) -> None:
    """A page to itself; a form to the page it stood on; a script gets 401."""
    token = someone(client, anna())
    session = sessions.session(token, KEY, clock.now_ms())
    assert session is not None
    Session.update(expires_at=1).execute()
    page = f"http://{client.host}:{client.port}/app/me?x=1"

    looked = await client.get("/app/decisions?cursor=5", headers=HTML, allow_redirects=False)
    sent = await submit(client, "/app/me/password", {"Referer": page}, password=GOOD)
    asked = await client.post("/pause/1", headers=origin(client))

    ways = [URL(response.headers["Location"]) for response in (looked, sent)]
    assert ["/app/login", "/app/login"] == [way.path for way in ways]
    assert ["/app/decisions?cursor=5", "/app/me?x=1"] == [way.query["next"] for way in ways]
    assert (302, 303) == (looked.status, sent.status)
    assert 401 == asked.status
    assert "/app/me?x=1" == (await log_in(client, next="/app/me?x=1")).headers["Location"]


async def test_an_open_event_stream_ends_with_its_session(client: Client, monkeypatch: Any) -> None:
    """Whoever is logged out hears no more."""
    monkeypatch.setattr(events, "LOOK_S", 0.05)
    user_id = anna()
    someone(client, user_id)

    async with client.get("/events") as response:
        users.disable(user_id, "test", clock.now_ms())
        await asyncio.wait_for(response.content.read(), 60)

    assert 401 == (await client.get("/events")).status


async def test_a_stream_outlives_a_busy_database(client: Client, monkeypatch: Any) -> None:
    """Nothing is known of the session then: it goes on."""
    monkeypatch.setattr(events, "LOOK_S", 0.02)
    someone(client, anna())
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def busy(_: str, now: int) -> bool:
        loop.call_soon_threadsafe(asked.set)
        raise errors.DatabaseBusy(OfDb.DATABASE_UNANSWERED, reason="locked")

    async with client.get("/events") as response:
        monkeypatch.setattr(sessions, "still_open", busy)
        for _ in range(2):
            asked.clear()
            await asyncio.wait_for(asked.wait(), 60)
        assert not response.content.at_eof()


async def test_a_busy_database_lets_nobody_in_and_says_so(client: Client, monkeypatch: Any) -> None:
    """503, as everywhere."""
    someone(client, anna())

    def busy(*_: Any, **__: Any) -> None:
        raise errors.DatabaseBusy(OfDb.DATABASE_UNANSWERED, reason="locked")

    monkeypatch.setattr(sessions, "session", busy)
    assert 503 == (await client.get("/app", headers=HTML)).status
