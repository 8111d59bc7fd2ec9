"""Logging in with more than a password, as a browser does it; and what the audit log has of it."""

from __future__ import annotations

import re
import time
from typing import Any

import pyotp
import pytest

from daemon import config
from daemon.auth import audit_reading, second_factor, sessions, users
from daemon.auth.audit_reading import Entry, Wanted
from daemon.db import clock
from daemon.models import SecondFactor
from daemon.server import access
from daemon.server.visitors import COOKIE, SETTINGS
from daemon.states import Role
from tests.http.conftest import KEY, Caller
from tests.support.signing_in import GOOD, HTML, Client, anna, look, origin, submit

MINE = "another good one"
STEP = "/app/login/step"


def key(client: Client) -> bytes:
    return config.secret_key(client.app[SETTINGS])  # type: ignore[index]


def code(client: Client, user_id: int, ahead: int = 0, nonce: str = "") -> str:
    nonce = nonce or SecondFactor.get(SecondFactor.user == user_id).nonce
    return pyotp.TOTP(second_factor.secret(key(client), user_id, nonce)).at(int(time.time()) + 30 * ahead)


def cookies(client: Client) -> set[str]:
    return {each.key for each in client.session.cookie_jar if each.value}


def told(count: int) -> list[tuple[str, str, str, str]]:
    """The newest entries, oldest first."""
    rows: list[Entry] = audit_reading.page(Wanted(), None, count)[0]
    return [(each.action, each.who, each.result, each.code) for each in reversed(rows)]


async def logs_in(client: Client, password: str = GOOD, **more: str) -> Any:
    return await submit(client, "/app/login", name="anna", password=password, **more)


async def test_a_user_turns_a_second_factor_on_and_needs_it(client: Client) -> None:
    """On their own page, with the password; from then on nothing opens before the code."""
    user_id = anna(Role.VIEWER)
    await logs_in(client)
    assert "off" in await look(client, "/app/me")
    await submit(client, "/app/me/second_factor/begin")
    page = await look(client, "/app/me/second_factor")
    nonce = second_factor.begun(user_id) or ""
    secret = second_factor.secret(key(client), user_id, nonce)
    assert secret in page.replace(" ", "") and "<svg" in page and "•" not in page
    shown = code(client, user_id, -1, nonce)
    for fields in ({"code": shown, "password": "wrong password"}, {"code": "000000", "password": GOOD}):
        assert 422 == (await submit(client, "/app/me/second_factor/on", **fields)).status
        assert not second_factor.is_on(user_id)
    done = await submit(client, "/app/me/second_factor/on", code=shown, password=GOOD)
    codes = re.findall(r"<code dir=\"ltr\">([a-z2-9-]{17})</code>", await done.text())
    assert (200, 10, "no-store") == (done.status, len(codes), done.headers["Cache-Control"])
    assert ("me.second_factor_on", "Anna", "done", "") == told(1)[0]
    assert codes[0] not in await look(client, "/app/me/second_factor")
    await submit(client, "/app/logout")

    first = await logs_in(client, next="/app/me")
    assert (303, f"{STEP}?next=/app/me") == (first.status, first.headers["Location"])
    assert COOKIE not in cookies(client) and access.STEP_COOKIE in first.cookies
    assert (first.cookies[access.STEP_COOKIE]["path"], first.cookies[access.STEP_COOKIE]["httponly"]) == (
        "/app/login",
        True,
    )
    assert "/app/login" in (await client.get("/app/me", headers=HTML, allow_redirects=False)).headers["Location"]
    assert 401 == (await client.get("/messages")).status
    assert 401 == (await submit(client, STEP, code="000000", next="/app/me")).status
    last = await submit(client, STEP, code=code(client, user_id), next="/app/me")
    assert (303, "/app/me") == (last.status, last.headers["Location"])
    assert COOKIE in last.cookies and first.cookies[access.STEP_COOKIE].value != last.cookies[COOKIE].value
    assert [
        ("logout", "Anna", "done", ""),
        ("login.password", "Anna", "done", ""),
        ("login.code", "Anna", "refused", "wrong_code"),
        ("login", "Anna", "done", ""),
    ] == told(4)
    assert "/app/login" in (await submit(client, STEP, code=code(client, user_id, 1))).headers["Location"]

    await submit(client, "/app/logout")
    await logs_in(client)
    assert 303 == (await submit(client, STEP, code=codes[3])).status
    assert "9 recovery codes are left" in await look(client, "/app/me/second_factor")
    await logs_in(client)  # over the session that is open, which ends
    assert ("login.password", "Anna", "done", "") == told(1)[0]
    await submit(client, STEP, code=codes[4])
    off = await submit(client, "/app/me/second_factor/off", password=GOOD)
    assert (200, False) == (off.status, second_factor.is_on(user_id))


async def test_an_administrator_resets_a_password(client: Client) -> None:
    """It is shown once, on the page or by the API, and changed at the login."""
    user_id, api = anna(), Caller(client, KEY)
    await submit(client, "/app/login", key=KEY)
    shown = await submit(client, f"/app/users/{user_id}/password/reset")
    (made,) = re.findall(r"<code dir=\"ltr\">([a-z2-9]{5}(?:-[a-z2-9]{5}){3})</code>", await shown.text())
    page = await look(client, f"/app/users/{user_id}")
    assert "This user has a temporary password" in page and made not in page
    again = await api.post(f"/users/{user_id}/password/reset")
    assert ("users.password_reset", "api", "done", "") == told(1)[0]
    client.session.cookie_jar.clear()

    refused = await logs_in(client, made)
    assert 401 == refused.status
    await logs_in(client, again["password"])
    assert "Choose a password" in await look(client, STEP)
    for new, twice, status in (("short", "short", 422), (MINE, GOOD, 422), (again["password"],) * 2 + (422,)):
        assert status == (await submit(client, STEP, new=new, again=twice)).status
        assert COOKIE not in cookies(client)
    assert 303 == (await submit(client, STEP, new=MINE, again=MINE)).status
    assert 200 == (await client.get("/app/me", headers=HTML)).status
    assert ("login", "Anna", "done", "") == told(1)[0]


@pytest.mark.parametrize("what", ["password/reset", "second_factor/remove"])
async def test_a_program_cannot_let_itself_in(client: Client, what: str) -> None:
    """Its key may do all, and yet not become a person."""
    user_id, owner = anna(), Caller(client, KEY)
    made = await owner.post("/keys", {"name": "crm", "scopes": ["admin"]})
    answer = await Caller(client, made["key"]).post(f"/users/{user_id}/{what}", status=403)
    assert "key_not_for_passwords" == answer["code"]


async def test_everybody_is_asked_to_set_one_up(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the login, and they cannot turn it off again."""
    user_id = anna()
    settings = client.app[SETTINGS].model_copy(update={"require_totp": True})  # type: ignore[index]
    monkeypatch.setitem(client.app._state, SETTINGS, settings)  # type: ignore[union-attr, arg-type]
    await logs_in(client)
    page = await look(client, STEP)
    secret = re.findall(r"<code dir=\"ltr\">([A-Z2-7 ]{39})</code>", page)[0].replace(" ", "")
    assert 401 == (await submit(client, STEP, code="000000")).status
    shown = await submit(client, STEP, code=pyotp.TOTP(secret).now())
    assert "Recovery codes" in await shown.text() and COOKIE not in cookies(client)
    assert 303 == (await submit(client, STEP)).status
    assert COOKIE in cookies(client) and second_factor.is_on(user_id)
    assert 409 == (await submit(client, "/app/me/second_factor/off", password=GOOD)).status


async def test_failed_logins_are_in_the_log_without_what_was_typed(client: Client) -> None:
    """Who has no user of that name may have typed a password there. What is refused by a lock is not noted again."""
    anna()
    before = len(audit_reading.page(Wanted(), None)[0])
    for name in ("Anna", "hunter2 is my password", "ANNA", "anna", "anna", "anna"):
        await submit(client, "/app/login", name=name, password="wrong password")
    await submit(client, "/app/login", key="no key at all, but as long")
    found = told(20)[before:]
    wrong, unknown = ("login", "Anna", "refused", "wrong_password"), ("login", "", "refused", "wrong_password")
    assert [
        wrong,
        unknown,
        wrong,
        wrong,
        ("login", "Anna", "refused", "locked_out"),
        (*unknown[:3], "wrong_key"),
    ] == found
    text = repr(audit_reading.page(Wanted(), None)[0])
    assert "hunter2" not in text and "wrong password" not in text and "no key at all" not in text


async def test_keys_that_are_not_taken_are_noted_now_and_then(client: Client) -> None:
    """Whose it is, where that is known; and a stranger cannot fill the log."""
    owner = Caller(client, KEY)
    made = await owner.post("/keys", {"name": "crm", "scopes": ["read"]})
    await owner.ask("DELETE", f"/keys/{made['id']}")
    await Caller(client, made["key"]).get("/jobs", 401)
    assert ("keys.use", "key:crm", "refused", "revoked_key") == told(1)[0]
    for _ in range(30):
        await Caller(client, "wrong" * 9).get("/messages", 401)
    found = [each for each in told(100) if each == ("keys.use", "", "refused", "wrong_key")]
    assert 10 < len(found) < 30


async def test_a_session_that_was_there_does_not_outlive_a_login(client: Client) -> None:
    """Nor is it taken over by who logs in: each login has a token of its own."""
    user_id = anna()
    before = sessions.open_session(users.find(user_id), clock.now_ms()).token
    client.session.cookie_jar.update_cookies({COOKIE: before}, client.make_url("/"))
    response = await submit(client, "/app/login", headers=origin(client), name="Anna", password=GOOD)
    assert response.cookies[COOKIE].value != before
    assert sessions.session(before, KEY, clock.now_ms()) is None
