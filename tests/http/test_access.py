"""Who may see and do what: the key, the open status, and errors that give nothing away."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import peewee
import pytest
from aiohttp import web as aiohttp_web

from daemon.accounts import directory
from daemon.api import endpoint
from daemon.http import make_app
from daemon.server import access, visitors
from tests.http.conftest import KEY, Caller

CLOSED = [
    ("POST", "/send"),
    ("POST", "/pause/1"),
    ("POST", "/resume/1"),
    ("POST", "/stop/1"),
    ("POST", "/retry/1"),
    ("POST", "/jobs/1/duplicate"),
    ("POST", "/jobs/1/confirm"),
    ("GET", "/confirmations"),
    ("GET", "/people/export"),
    ("GET", "/users"),
    ("POST", "/users/1/password/reset"),
    ("POST", "/users/1/second_factor/remove"),
    ("GET", "/retention"),
    ("GET", "/audit"),
    ("GET", "/audit/check"),
    ("GET", "/audit/export.csv"),
    ("GET", "/audit/export.jsonl"),
    ("POST", "/people/erase"),
    ("POST", "/notices/test"),
    ("GET", "/people/consent"),
    ("PUT", "/people/consent"),
    ("POST", "/people/consent/withdraw"),
    ("POST", "/lists/1/consent"),
    ("POST", "/jobs/1/reschedule"),
    ("POST", "/jobs/1/start"),
    ("POST", "/jobs/1/archive"),
    ("POST", "/jobs/1/unarchive"),
    ("GET", "/jobs/1/messages"),
    ("GET", "/jobs/1/reasons"),
    ("GET", "/jobs/1/report.csv"),
    ("GET", "/jobs/1/report.xlsx"),
    ("GET", "/jobs/1/rejected.csv"),
    ("GET", "/messages"),
    ("GET", "/messages/1"),
    ("GET", "/messages/1/screenshot.png"),
    ("POST", "/messages/1/decide"),
    ("POST", "/upload"),
    ("POST", "/upload_attachment"),
    ("GET", "/accounts"),
    ("GET", "/accounts/default"),
    ("GET", "/accounts/default/cloud"),
    ("GET", "/cloud/templates"),
    ("POST", "/cloud/templates"),
    ("GET", "/cloud/templates/1"),
    ("POST", "/cloud/templates/sync"),
    ("GET", "/accounts/default/qr.svg"),
    ("GET", "/accounts/default/qr.txt"),
    ("GET", "/accounts/default/link_code"),
    ("GET", "/accounts/default/screenshot.png"),
    ("GET", "/accounts/default/page_check.json"),
    ("POST", "/accounts/default/page_check"),
    ("PATCH", "/accounts/default"),
    ("POST", "/accounts"),
    ("DELETE", "/accounts/default"),
    ("POST", "/accounts/default/link"),
    ("POST", "/accounts/default/logout"),
    ("POST", "/accounts/default/reload"),
    ("POST", "/accounts/default/screenshot"),
    ("GET", "/suppressions"),
    ("POST", "/suppressions"),
    ("DELETE", "/suppressions"),
    ("POST", "/suppressions/import"),
    ("GET", "/suppressions/export.csv"),
    ("GET", "/keys"),
    ("POST", "/keys"),
    ("GET", "/keys/1"),
    ("PATCH", "/keys/1"),
    ("DELETE", "/keys/1"),
    ("POST", "/keys/1/rotate"),
    ("GET", "/replies"),
    ("GET", "/replies/chats"),
    ("POST", "/replies/chats/1/assign"),
    ("POST", "/replies/chats/1/ignore"),
    ("POST", "/replies/chats/1/reopen"),
    ("GET", "/metrics"),
    ("GET", "/templates"),
    ("POST", "/templates"),
    ("GET", "/templates/1"),
    ("PUT", "/templates/1"),
    ("DELETE", "/templates/1"),
    ("GET", "/lists"),
    ("POST", "/lists"),
    ("GET", "/lists/1"),
    ("PUT", "/lists/1"),
    ("DELETE", "/lists/1"),
    ("GET", "/lists/1/entries"),
    ("POST", "/lists/1/entries"),
    ("DELETE", "/lists/1/entries"),
    ("GET", "/lists/1/export.csv"),
    ("GET", "/series"),
    ("GET", "/series/1"),
    ("POST", "/series/1/pause"),
    ("POST", "/series/1/resume"),
    ("POST", "/series/1/end"),
    ("GET", "/webhooks"),
    ("POST", "/webhooks"),
    ("GET", "/webhooks/1"),
    ("PATCH", "/webhooks/1"),
    ("DELETE", "/webhooks/1"),
    ("POST", "/webhooks/1/rotate"),
    ("POST", "/webhooks/1/test"),
    ("GET", "/webhooks/1/deliveries"),
    ("POST", "/webhooks/1/replay"),
    ("POST", "/webhooks/deliveries/1/replay"),
    ("GET", "/events"),
]
OPEN = {
    ("GET", "/status/{id}"),
    ("GET", "/jobs/{id}"),
    ("GET", "/jobs"),
    ("GET", "/health"),
    ("GET", "/ready"),
    ("GET", "/docs"),
    ("GET", "/webhooks/cloud"),  # Meta's, by its token and its signature: test_cloud.py
    ("POST", "/webhooks/cloud"),
}
OPEN |= {("GET", "/openapi.json")}


def shape(path: str) -> str:
    """The address as it is written here: `{id}` for whichever id stands there."""
    return re.sub(r"{(?:\w+_)?(id|name)(?::[^{}]*({[^{}]*})?[^{}]*)?}", r"{\1}", path.replace("[^{}/]+", ""))


async def test_without_the_key_everything_else_is_closed(stranger):
    """401 before anything is read, found or changed, with where the key is."""
    for method, path in CLOSED:
        problem = await stranger.ask(method, path, 401)
        assert (method, path, "urn:wasender:problem:unauthorized") == (method, path, problem["type"])
        assert "X-API-KEY" in problem["detail"]


async def test_every_address_of_the_api_is_in_one_of_the_lists(client):
    """A new one cannot be open by oversight."""

    routes = endpoint.routes()
    shapes = {(route.method, shape(route.path)) for route in routes}
    closed = {(m, p.replace("/1", "/{id}").replace("/default", "/{name}")) for m, p in CLOSED}
    assert closed | OPEN == shapes


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-KEY": "wrong"},
        {"X-API-KEY": KEY + "x"},
        {"X-API-KEY": KEY[:-1]},
        {"X-API-KEY": "ÿü"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic " + KEY},
        {"Cookie": f"{visitors.COOKIE}=9999999999.forged"},
        {"Cookie": f"{visitors.COOKIE}=" + "9" * 5000 + ".x"},
    ],
)
async def test_a_wrong_key_is_refused(stranger, headers):
    """However it is presented, and whatever is in it."""
    refused = await stranger.get("/accounts", 401, headers=headers)
    assert "missing or wrong" in refused["detail"]


async def test_the_right_key_is_taken_from_either_header(stranger):
    """X-API-KEY as the predecessor had it, or as a Bearer token."""
    for headers in ({"X-API-KEY": KEY}, {"Authorization": f"Bearer {KEY}"}):
        await stranger.get("/accounts", headers=headers)


async def test_keys_are_compared_in_constant_time(api, monkeypatch):
    """All of it goes through `web.same`, which hashes both and uses hmac.compare_digest."""
    compared: list[Any] = []
    real = visitors.hmac.compare_digest
    monkeypatch.setattr(visitors.hmac, "compare_digest", lambda *both: (compared.append(both), real(*both))[1])
    await api.get("/accounts")
    assert 1 == len(compared)
    assert {32} == {len(each) for each in compared[0]}


async def test_states_and_counts_are_open_without_names_and_numbers(api, stranger):
    """The predecessor's status page had no key; people's data stay closed."""
    body = {"numbers": ["+4915110000000"], "message": "Secret text", "name": "Secret name"}
    job_id = (await api.post("/send", body))["job_id"]
    for shown in (await stranger.get(f"/status/{job_id}"), (await stranger.get("/jobs"))["jobs"][0]):
        assert (job_id, 1, None, None) == (shown["job_id"], shown["pending"], shown["name"], shown["reason"])
        assert "Secret" not in str(shown) and "4915110" not in str(shown)
    assert "Secret name" == (await api.get(f"/status/{job_id}"))["name"]


async def test_the_open_status_can_be_closed(make_settings, database, aiohttp_client):
    """Then it does not even say whether a job exists."""
    client = await aiohttp_client(make_app(make_settings(open_status=False), KEY))
    stranger, api = Caller(client, None), Caller(client, KEY)
    for path in ("/status/1", "/status/999", "/jobs"):
        await stranger.get(path, 401)
    await api.get("/jobs")


async def test_an_unexpected_error_tells_the_client_nothing(settings, database, aiohttp_client):
    """Its text may hold a path or a password; the log has it."""

    async def broken(_request: Any) -> Any:
        raise RuntimeError("postgresql://user:password@host/db")

    app = make_app(settings, KEY)
    app.router.add_get("/broken", broken)
    problem = await Caller(await aiohttp_client(app), KEY).get("/broken", 500)
    assert "urn:wasender:problem:internal-error" == problem["type"]
    assert "password" not in str(problem)


async def test_a_redirect_is_no_error(settings, database, aiohttp_client):
    """The middleware lets it through."""

    async def elsewhere(_request: Any) -> Any:
        raise aiohttp_web.HTTPSeeOther("/health")

    app = make_app(settings, KEY)
    app.router.add_get("/elsewhere", elsewhere)
    response = await Caller(await aiohttp_client(app), KEY).send("GET", "/elsewhere", allow_redirects=False)
    assert (303, "/health") == (response.status, response.headers["Location"])


async def test_a_busy_database_is_503_and_may_be_asked_again(api, monkeypatch):
    """Also where the database is only read."""

    def away() -> None:
        raise peewee.OperationalError("database is locked")

    monkeypatch.setattr(directory, "every", away)
    problem = await api.get("/accounts", 503)
    assert "urn:wasender:problem:database-busy" == problem["type"]
    assert "try again" in problem["detail"]


async def test_answers_are_neither_cached_nor_framed(api, stranger):
    """Headers that keep a browser from doing harm with them."""
    for response in (await api.send("GET", "/jobs"), await stranger.send("GET", "/accounts")):
        assert "no-store" == response.headers["Cache-Control"]
        assert "nosniff" == response.headers["X-Content-Type-Options"]
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/jobs", "/status/1", "/jobs/1"])
async def test_a_wrong_key_is_refused_where_none_is_needed(api, stranger, path):
    """Who gives a key means to be known by it."""
    await api.post("/send", {"numbers": ["+4915110000000"], "message": "Hi"})
    await stranger.get(path)
    await stranger.get(path, 401, headers={"X-API-KEY": "wrong"})


async def test_what_is_not_http_is_neither_repeated_nor_logged(api, capsys):
    """The bytes may be a key: the answer is a problem of ours, the log has a line without them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.client.port)
    writer.write(b"GET /accounts HTTP/1.1\r\nHost: x\r\nX-API-KEY: my-real-key\x01\r\n\r\n")
    answer = (await asyncio.wait_for(reader.read(), 60)).decode()
    writer.close()
    await writer.wait_closed()
    assert " 400 Bad Request" in answer.splitlines()[0]
    assert "application/problem+json" in answer
    seen = capsys.readouterr()
    assert "my-real-key" not in answer + seen.out + seen.err


async def test_a_wrong_key_is_answered_later_than_none(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Always 401, and nobody else waits for it, nor does the right key afterwards."""
    late_s = 2.0
    monkeypatch.setattr(access, "WRONG_KEY_S", late_s)

    async def took(path: str, status: int, **headers: str) -> float:
        began = time.monotonic()
        answer = await client.get(path, headers=headers, allow_redirects=False)
        assert status == answer.status
        return time.monotonic() - began

    wrong = [took("/jobs", 401, **{"X-API-KEY": f"wrong-{number}"}) for number in range(30)]
    wrong += [
        took("/messages", 401, Authorization="Bearer wrong"),
        took("/app", 302, Accept="text/html", Authorization="x"),
    ]
    others = [
        took("/health", 200, **{"X-API-KEY": "wrong"}),
        took("/messages", 401),
        took("/jobs", 200, **{"X-API-KEY": KEY}),
    ]
    late, quick = await asyncio.gather(asyncio.gather(*wrong), asyncio.gather(*others))
    assert min(late) >= late_s
    assert max(quick) < late_s
    assert late_s > await took("/jobs", 200, **{"X-API-KEY": KEY})
