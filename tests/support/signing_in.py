"""Logging in to the page as a browser does."""

from __future__ import annotations

from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from daemon.auth import sessions, users
from daemon.db import clock
from daemon.server import access
from daemon.server.visitors import COOKIE
from daemon.states import Role
from tests.http.conftest import KEY

HTML = {"Accept": "text/html"}
GOOD = "correct horse"
Client = TestClient[Any, Any]


def origin(client: Client, scheme: str = "http") -> dict[str, str]:
    return {"Origin": f"{scheme}://{client.host}:{client.port}"}


async def submit(client: Client, path: str, headers: dict[str, str] | None = None, **fields: str) -> ClientResponse:
    """A form that our own page sends."""
    given = HTML | origin(client) | (headers or {})
    return await client.post(path, data=fields, headers=given, allow_redirects=False)


async def look(client: Client, path: str, status: int = 200) -> str:
    response = await client.get(path, headers=HTML, allow_redirects=False)
    assert status == response.status
    return await response.text()


def anna(role: Role = Role.OPERATOR) -> int:
    return int(users.create("Anna", role, GOOD, "test", clock.now_ms()).id)


def someone(client: Client, user_id: int | None = None) -> str:
    """Put a session into the browser; its cookie."""
    opened = sessions.open_session(users.find(user_id) if user_id else None, clock.now_ms(), KEY)
    client.session.cookie_jar.update_cookies({COOKIE: opened.token}, client.make_url("/"))
    return opened.token


def session_of(role: Role | None) -> dict[str, str]:
    """The headers of a browser that somebody with that role has just logged in with; None: a stranger's."""
    if role is None:
        return {}
    word = users.word(role)
    user = users.named(f"the {word}") or users.create(f"the {word}", role, "correct horse", "test", clock.now_ms())
    opened = sessions.open_session(user, clock.now_ms())
    row = sessions.session(opened.token, KEY, clock.now_ms())
    assert row is not None
    return {"Cookie": f"{COOKIE}={opened.token}", access.TOKEN_HEADER: row.csrf, "Sec-Fetch-Site": "same-origin"}
