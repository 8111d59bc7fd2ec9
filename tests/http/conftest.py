"""A client of the API, with the key and without."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from aiohttp import ClientResponse, FormData
from aiohttp.test_utils import TestClient

from daemon.api import endpoint, openapi
from daemon.auth import passwords, sessions, users
from daemon.config import Settings
from daemon.db import clock
from daemon.http import make_app
from daemon.ops import audit_upkeep, heartbeat, mailing, measuring, repeating, retention
from daemon.pages import working
from daemon.server import access
from daemon.server.access import TOKEN_HEADER
from daemon.server.visitors import COOKIE, SAFE
from daemon.states import Role
from daemon.webhooks.dispatch import Dispatcher

KEY = "a-key-for-tests-0123456789"


def form(data: bytes, filename: str, name: str = "file") -> FormData:
    """A file as curl -F sends it: its name in UTF-8, as it is."""
    made = FormData(quote_fields=False)
    made.add_field(name, io.BytesIO(data), filename=filename, content_type="application/octet-stream")
    return made


class Caller:
    """Calls the API as a program would; every answer that is an error must have the shape of one."""

    def __init__(self, client: TestClient[Any, Any], key: str | None) -> None:
        self.client, self.headers = client, {"X-API-KEY": key} if key else {}

    async def ask(self, method: str, path: str, status: int = 200, **what: Any) -> Any:
        """The JSON answer, which has that status."""
        response = await self.send(method, path, **what)
        body: dict[str, Any] = await response.json(content_type=None)
        assert status == response.status, body
        if status >= 400 and path != "/ready":
            assert "application/problem+json" == response.content_type
            more = {"candidates", "upload_id", "errors", "queued", "in_flight", "jobs"}
            assert {"type", "title", "status", "detail", "code"} == set(body) - more
            assert body["code"] in openapi.codes()
            assert ("candidates" in body) == body["type"].endswith(":choose-phone-column")
            assert ("in_flight" in body) == body["type"].endswith(":account-has-work")
            assert body["type"].startswith("urn:wasender:problem:")
            assert status == body["status"]
            assert (body["title"] and body["detail"].endswith((".", "?"))) or ":" in body["detail"]
        return body

    async def send(self, method: str, path: str, headers: dict[str, Any] | None = None, **what: Any) -> ClientResponse:
        return await self.client.request(method, path, headers=self.headers | (headers or {}), **what)

    async def get(self, path: str, status: int = 200, **what: Any) -> Any:
        return await self.ask("GET", path, status, **what)

    async def post(self, path: str, body: Any = None, status: int = 200, **what: Any) -> Any:
        if body is not None:
            what["json"] = body
        return await self.ask("POST", path, status, **what)

    async def text(self, path: str) -> str:
        response = await self.send("GET", path)
        assert 200 == response.status
        return await response.text()


@pytest.fixture(autouse=True)
def _pages_send_their_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is logged in sends the session's token along, as our pages do; a test may give another one."""
    send = TestClient._request

    async def with_token(self: TestClient[Any, Any], method: str, path: Any, **what: Any) -> ClientResponse:
        cookie = {each.key: each.value for each in self.session.cookie_jar}.get(COOKIE)
        headers = dict(what.pop("headers", None) or {})
        if cookie and method not in SAFE and (found := sessions.session(cookie, KEY, clock.now_ms())):
            headers.setdefault(TOKEN_HEADER, found.csrf)
        return await send(self, method, path, headers=headers, **what)

    monkeypatch.setattr(TestClient, "_request", with_token)


@pytest.fixture(autouse=True)
def _endpoints_declare_their_errors(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An error that an endpoint does not declare fails the test that meets it; its answer stays as it is."""
    met: list[str] = []
    monkeypatch.setattr(
        endpoint, "undeclared", lambda each, error: met.append(f"{each.name} raises {type(error).__name__}: {error}")
    )
    yield
    assert [] == met


@pytest.fixture
async def client(settings: Settings, database: str, aiohttp_client: Callable[..., Awaitable[Any]]) -> Any:
    """The application on a port of its own."""
    return await aiohttp_client(make_app(settings, KEY))


@pytest.fixture
async def browser(settings: Settings, database: str, aiohttp_client: Callable[..., Awaitable[Any]]) -> Any:
    """A function that gives a browser in which somebody of that role has logged in."""

    async def make(role: Role) -> Any:
        client = await aiohttp_client(make_app(settings, KEY))
        user = users.create(f"the {users.word(role)}", role, "correct horse", "test", clock.now_ms())
        client.session.cookie_jar.update_cookies({COOKIE: sessions.open_session(user, clock.now_ms()).token})
        return client

    return make


@pytest.fixture
async def member(settings: Settings, database: str, aiohttp_client: Callable[..., Awaitable[Any]]) -> Any:
    """A browser that has logged in with the key."""
    browser = await aiohttp_client(make_app(settings, KEY))
    headers = {"Accept": "text/html", "Origin": f"http://{browser.host}:{browser.port}"}
    response = await browser.post("/app/login", data={"key": KEY}, headers=headers, allow_redirects=False)
    assert 303 == response.status
    return browser


@pytest.fixture
def beside() -> None:
    """For tests of what an application does beside the requests: at its start, and then every few seconds, or hours."""


@pytest.fixture(autouse=True)
def _nothing_is_done_beside(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """It took two fifths of the time of those that do not ask for it."""

    async def nothing(*_: Any) -> None:
        await asyncio.Event().wait()

    if "beside" not in request.fixturenames:
        for each in (audit_upkeep, heartbeat, mailing, repeating, retention, Dispatcher, measuring.Measuring):
            monkeypatch.setattr(each, "run", nothing)


@pytest.fixture(autouse=True)
def _cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords that cost no time."""
    monkeypatch.setattr(passwords, "COST", (4, 1, 1))


@pytest.fixture(autouse=True)
def _wrong_keys_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong keys are answered without delay."""
    monkeypatch.setattr(access, "WRONG_KEY_S", 0)


@pytest.fixture(autouse=True)
def _work_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, work on a draft is answered as if it were quick; a test of slow work says so."""
    monkeypatch.setattr(working, "PATIENCE_S", 120.0)


@pytest.fixture
def api(client: Any) -> Caller:
    """A caller that has the key."""
    return Caller(client, KEY)


@pytest.fixture
def stranger(client: Any) -> Caller:
    """A caller without the key."""
    return Caller(client, None)
