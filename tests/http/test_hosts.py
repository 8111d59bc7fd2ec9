"""Names that are answered to, and who asks when a web server stands in front."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from daemon.auth import lockout
from daemon.config import Settings
from daemon.http import make_app
from daemon.models import LoginFailure
from daemon.server.hosts import served
from daemon.server.visitors import COOKIE
from tests.http.conftest import KEY

NAMES = frozenset({"send.example.org", ".lan.example"})
Serve = Callable[..., Awaitable[Any]]


@pytest.fixture
def serve(
    make_settings: Callable[..., Settings], database: str, aiohttp_client: Callable[..., Awaitable[Any]]
) -> Serve:
    """The application with the settings given."""

    async def serve(**changes: Any) -> Any:
        return await aiohttp_client(make_app(make_settings(**changes), KEY))

    return serve


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "localhost:8080", "LOCALHOST.", "127.0.0.1", "127.0.0.1:8080", "192.0.2.7:1", "[::1]",
        "[::1]:8080", "[fe80::1%25eth0]:80", "send.example.org", "Send.Example.Org:443", "send.example.org.",
        "a.lan.example", "b.a.lan.example:80",
    ],
)  # fmt: skip
def test_addresses_localhost_and_set_names_are_served(host: str) -> None:
    """In any case, with a port and with the dot of the root."""
    assert served(host, NAMES)


@pytest.mark.parametrize(
    "host",
    [
        "", "evil.example", "localhost.evil.example", "evil.localhost", "127.0.0.1.nip.io", "lan.example",
        "127.0.0.1.evil.example:8080", "evil-send.example.org", "x.send.example.org", "xlan.example",
        "send.example.org.evil.example", "localhost:8080@evil.example", "user@localhost", "[::1", "::1]:80",
        "localhost:80:80", "localhost/", "a b", "\u2028localhost",
    ],
)  # fmt: skip
def test_other_names_are_not(host: str) -> None:
    """Nor what merely begins or ends as one that is."""
    assert not served(host, NAMES)


def test_the_name_it_listens_on_is_served(make_settings: Callable[..., Settings]) -> None:
    """It is the address that `scripts/start` prints."""
    assert served("server.lan:8080", make_settings(host="Server.lan").hosts)


async def test_a_name_that_is_not_ours_is_refused(serve: Serve) -> None:
    """By every address but /health, with a key, too; in a sentence that names the setting. Pages as pages."""
    client = await serve(allowed_hosts="send.example.org")
    strange = {"Host": "rebound.example:8080", "X-API-KEY": KEY}
    for method, path in (
        ("GET", "/jobs"),
        ("GET", "/openapi.json"),
        ("POST", "/send"),
        ("GET", "/nothing"),
        ("GET", "/"),
    ):
        answer = await client.request(method, path, headers=strange)
        body = await answer.json(content_type=None)
        assert (421, "urn:wasender:problem:unknown-host") == (answer.status, body["type"])
        assert "rebound.example:8080" in body["detail"] and "WASENDER_ALLOWED_HOSTS" in body["detail"]
    for path in ("/app", "/app/login", "/app/static/app.js"):
        answer = await client.get(path, headers={"Host": "rebound.example", "Accept": "text/html"})
        assert (421, "text/html") == (answer.status, answer.content_type)
        assert "WASENDER_ALLOWED_HOSTS" in await answer.text()

    assert 200 == (await client.get("/health", headers=strange)).status
    for host in ("send.example.org", "localhost", "10.1.2.3:9"):
        assert 200 == (await client.get("/jobs", headers={"Host": host, "X-API-KEY": KEY})).status


async def wrong_try(client: Any, headers: dict[str, str]) -> str:
    """Fails to log in; the address that the log names."""
    origin = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
    with capture_logs() as logs:
        answer = await client.post("/app/login", data={"name": "Eve", "password": "wrong"}, headers=origin | headers)
    assert 401 == answer.status
    (line,) = [each for each in logs if each["event"] == "login.refused"]
    return str(line["address"])


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        ("", "203.0.113.9", "127.0.0.1"),
        ("10.0.0.1", "203.0.113.9", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.0/8", " 203.0.113.9 ", "203.0.113.9"),
        ("127.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1 10.0.0.0/8", "1.1.1.1, 203.0.113.9, 10.9.9.9", "203.0.113.9"),
        ("127.0.0.1,10.0.0.0/8", "10.1.1.1, 10.9.9.9", "10.1.1.1"),
        ("127.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("127.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        ("127.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("127.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9, unknown", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", ",,", "127.0.0.1"),
        ("127.0.0.1", "\u00fc\u00fc", "127.0.0.1"),
    ],
)  # fmt: skip
async def test_the_address_is_read_from_the_right_through_trusted_proxies_only(
    serve: Serve, trusted: str, forwarded: str, address: str
) -> None:
    """What stands further left may have been sent by anybody."""
    client = await serve(trusted_proxies=trusted)

    assert address == await wrong_try(client, {"X-Forwarded-For": forwarded})
    assert [lockout.counters(lockout.Try(address), "Eve")[0][0]] == [
        row.key for row in LoginFailure.select().where(LoginFailure.key.startswith("address:"))
    ]


async def test_several_lines_of_the_header_are_one_list(serve: Serve) -> None:
    """As HTTP has it; the later line stands to the right."""
    client = await serve(trusted_proxies="127.0.0.1")

    with capture_logs() as logs:
        await client.post(
            "/app/login",
            data={"name": "Eve", "password": "wrong"},
            headers=[
                ("Sec-Fetch-Site", "same-origin"),
                ("X-Forwarded-For", "1.1.1.1"),
                ("X-Forwarded-For", "203.0.113.9"),
            ],
        )
    assert ["203.0.113.9"] == [each["address"] for each in logs if each["event"] == "login.refused"]


@pytest.mark.parametrize(
    ("trusted", "proto", "secure"),
    [("", "https", ""), ("10.0.0.1", "https", ""), ("127.0.0.1", "https", True), ("127.0.0.1", "HTTPS, http", True),
     ("127.0.0.1", "http", ""), ("127.0.0.1", "httpsx", "")],
)  # fmt: skip
async def test_a_trusted_proxy_says_whether_the_browser_uses_tls(
    serve: Serve, trusted: str, proto: str, secure: object
) -> None:
    """Cookies are then for TLS only."""
    client = await serve(trusted_proxies=trusted)
    headers = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html", "X-Forwarded-Proto": proto}

    answer = await client.post("/app/login", data={"key": KEY}, headers=headers, allow_redirects=False)

    assert 303 == answer.status
    assert secure == answer.cookies[COOKIE]["secure"]
