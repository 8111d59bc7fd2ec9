"""Meta's door: it has no key, so its token and its signature are all that is believed."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from daemon import errors
from daemon.accounts import directory, limits, pacing
from daemon.api import cloud
from daemon.db import clock
from daemon.db.refusals import Unsent
from daemon.delivery import claim, cloud_inbox, moves, windows
from daemon.delivery.cloud_inbox import Counted
from daemon.http import make_app
from daemon.models import CloudBatch, Message
from daemon.server import cloud_mail, heavy
from daemon.states import Ack, State
from daemon.transports.protocol import Mark, Receipt
from tests.http.conftest import KEY
from tests.support.drafting import look
from tests.support.meta import SECRET, SETTINGS, TOKEN, batch, change, signature, status
from tests.support.posting import named

PATH = "/webhooks/cloud"


@pytest.fixture
async def meta(make_settings: Callable[..., Any], database: str, aiohttp_client: Callable[..., Awaitable[Any]]) -> Any:
    """The application, with an account of the Cloud API."""
    return await aiohttp_client(make_app(make_settings(**SETTINGS), KEY))


async def post(client: Any, body: bytes, given: str | None = None) -> int:
    signed = {} if given == "" else {cloud.SIGNATURE: signature(body) if given is None else given}
    response = await client.post(PATH, data=io.BytesIO(body), headers={"Content-Type": "application/json"} | signed)
    return int(response.status)


def asked(**changes: str) -> dict[str, str]:
    return {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": TOKEN} | {
        f"hub.{name}": value for name, value in changes.items()
    }


async def test_the_handshake_answers_the_challenge_as_plain_text(meta: Any) -> None:
    """With the right token only, and only what is one."""
    response = await meta.get(PATH, params=asked())
    assert (200, "text/plain", "1158201444") == (response.status, response.content_type, await response.text())
    for wrong, status_ in (({"verify_token": "x"}, 401), ({"verify_token": ""}, 401), ({"mode": "x"}, 422)):
        assert status_ == (await meta.get(PATH, params=asked(**wrong))).status
    assert 422 == (await meta.get(PATH)).status
    assert 422 == (await meta.get(PATH, params=[*asked().items(), ("hub.mode", "subscribe")])).status


async def test_an_account_of_its_own_has_its_own_token_and_secret(meta: Any) -> None:
    """From when they are set."""
    directory.ensure("second")
    body = batch()
    assert 401 == await post(meta, body, signature(body, "second-secret"))
    limits.set_limits("second", {"cloud_app_secret": "second-secret", "cloud_verify_token": "second-token"}, "test")
    assert 200 == (await meta.get(PATH, params=asked(verify_token="second-token"))).status
    assert 200 == await post(meta, body, signature(body, "second-secret"))
    assert 200 == await post(meta, body)


async def test_whose_secret_has_signed_decides_of_whom_it_is_believed(meta: Any) -> None:
    """An account's own counts for that account; that of the settings for all, as one app may have the numbers of all
    accounts, of which the others have no secret."""
    directory.ensure("second")
    limits.set_limits("second", {"cloud_app_secret": "second-secret", "cloud_phone_number_id": "222"}, "test")
    forged = batch(change("statuses", [status("read"), status("read", wamid="wamid.2")]))
    own = batch(change("statuses", [status("read")], number_id="222"))
    for body, secret in ((forged, "second-secret"), (own, "second-secret"), (own, SECRET)):
        assert 200 == await post(meta, body, signature(body, secret))
    async with asyncio.timeout(20):
        while CloudBatch.select().count():
            await asyncio.sleep(0.02)
    assert {("default", Counted.OTHER_APP): 2, ("second", Counted.UNMATCHED): 2} == cloud_inbox.counts()


async def test_without_a_secret_nothing_is_believed(client: Any) -> None:
    """Not even what is signed with nothing."""
    body = batch()
    for given in ("", "sha256=", signature(body, ""), signature(body)):
        assert 401 == await post(client, body, given)
    assert 401 == (await client.get(PATH, params=asked(verify_token=""))).status
    assert 0 == CloudBatch.select().count()


async def test_an_account_whose_secret_is_not_set_believes_nothing(
    make_settings: Callable[..., Any], database: str, aiohttp_client: Callable[..., Awaitable[Any]]
) -> None:
    """What is not set matches nothing: neither an empty token nor what is signed with an empty secret."""
    unset = SETTINGS | {"cloud_app_secret": "", "cloud_verify_token": ""}
    client = await aiohttp_client(make_app(make_settings(**unset), KEY))
    body = batch()
    for given in ("", "sha256=", signature(body, ""), signature(body)):
        assert 401 == await post(client, body, given)
    assert 401 == (await client.get(PATH, params=asked(verify_token=""))).status
    assert 0 == CloudBatch.select().count()


async def test_what_is_not_signed_is_refused_unread(meta: Any, capsys: Any) -> None:
    """Whatever it holds; nothing of it is logged."""
    body = batch(change("statuses", [status("sent", words="a secret text")]))
    for given in ("", "x", "sha256=" + "0" * 64, signature(body, "other"), signature(body + b" ")):
        assert 401 == await post(meta, body, given)
    assert 401 == await post(meta, b"\xff not json", "sha256=" + "0" * 64)
    assert 0 == CloudBatch.select().count()
    shown = capsys.readouterr().out
    assert "a secret text" not in shown
    assert SECRET not in shown


async def test_three_megabytes_are_taken_and_five_are_not(meta: Any) -> None:
    """Of anybody without a key, elsewhere 4 KB are."""
    large = batch(change("statuses", [status("sent", padding="x" * (3 << 20))]))
    assert 200 == await post(meta, large)
    assert 413 == await post(meta, b"x" * (5 << 20))
    assert cloud_mail.MOST_BYTES == 4 << 20


@asynccontextmanager
async def begun(client: Any, given: str, *more: str) -> AsyncIterator[asyncio.StreamReader]:
    """A post of which the headers have come, and nothing else; its answer."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    lines = (f"POST {PATH} HTTP/1.1", "Host: localhost", f"{cloud.SIGNATURE}: {given}", *more, "", "")
    writer.write("\r\n".join(lines).encode())
    try:
        yield reader
    finally:
        writer.close()


@pytest.mark.parametrize("given", ["", "x", "sha256=", "sha256=" + "g" * 64, "sha1=" + "0" * 64, "sha256=" + "0" * 65])
async def test_what_is_no_signature_is_refused_before_a_byte_is_read(meta: Any, given: str) -> None:
    """Whoever has none has no room for a body."""
    async with begun(meta, given, "Content-Length: 3000000") as answer, asyncio.timeout(5):
        assert (await answer.readline()).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("length", ["Content-Length: 3000000", "Transfer-Encoding: chunked",
                                    "Content-Length: 300\r\nContent-Encoding: gzip"])  # fmt: skip
async def test_strangers_have_little_room_and_take_nobody_elses(
    meta: Any, monkeypatch: pytest.MonkeyPatch, length: str
) -> None:
    """One more is told to come again; what is small is taken, and what others with a key send. Then there is room."""
    monkeypatch.setattr(heavy, "STRANGERS_ROOM", cloud_mail.MOST_BYTES)
    gate, large = meta.server.app[heavy.GATE], batch(change("statuses", [status("sent", padding="x" * (3 << 20))]))
    async with begun(meta, signature(b"other"), length):
        async with asyncio.timeout(10):
            while not gate.taken[True]:
                await asyncio.sleep(0.01)
        assert 503 == await post(meta, large)
        assert 200 == await post(meta, batch())
        assert 0 == gate.taken[False]
    async with asyncio.timeout(10):
        while gate.taken[True]:
            await asyncio.sleep(0.01)
    assert 200 == await post(meta, large)


async def test_from_the_post_to_the_page_of_the_message(meta: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signed, stored, answered, and worked through beside."""
    asks = {"headers": {"X-API-KEY": KEY}}
    response = await meta.post("/send", json={"numbers": ["+4915112345678"], "message": "Hello"}, **asks)
    assert 200 == response.status, await response.text()
    directory.open_account("default", clock.now_ms())
    (message,) = claim.claim("default", 1, clock.now_ms(), 60_000, pacing.Rules())
    moves.submit(message, Mark(None), clock.now_ms(), pacing.Gap(0, pacing.Why.PAUSE, 1))
    moves.confirm(message, Receipt("wamid.1", Ack.ACCEPTED), clock.now_ms())
    told = [status(word, named(message)) for word in ("sent", "delivered", "read")]
    for each in told:
        assert 200 == await post(meta, batch(change("statuses", [each])))
    async with asyncio.timeout(20):
        while State.READ != Message.get().state:
            await asyncio.sleep(0.02)
        while CloudBatch.select().count():
            await asyncio.sleep(0.02)
    found = await (await meta.get(f"/messages/{message.id}", **asks)).json()
    assert ("read", None) == (found["state"], found["free_text_until"])
    headers = {"Accept": "text/html", "Origin": f"http://{meta.host}:{meta.port}"}
    await meta.post("/app/login", data={"key": KEY}, headers=headers, allow_redirects=False)
    assert "only a WhatsApp template" in await look(meta, f"/app/messages/{message.id}")
    wrote_at = clock.now_ms() - 1_000
    windows.wrote("default", windows.key_of(message.number), wrote_at, wrote_at)
    found = await (await meta.get(f"/messages/{message.id}", **asks)).json()
    assert wrote_at + pacing.DAY_MS == found["free_text_until"]
    assert "free text can be sent until" in await look(meta, f"/app/messages/{message.id}")


async def test_many_at_once_share_their_transactions(meta: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is answered once it is stored, and none is lost."""
    stored: list[int] = []
    real = cloud_inbox.store

    def counted(bodies: Any, now: int) -> None:
        real(bodies, now)
        stored.append(len(bodies))

    monkeypatch.setattr(cloud_inbox, "store", counted)
    bodies = [batch(change("statuses", [status("sent", f"m:{n}:a:1")])) for n in range(60)]
    assert [200] * 60 == await asyncio.gather(*(post(meta, body) for body in bodies))
    assert 60 == sum(stored)
    assert len(stored) < 60


async def test_a_database_that_is_busy_is_no_200(meta: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Meta comes again then."""

    def busy(bodies: Any, now: int) -> None:
        raise errors.DatabaseBusy(Unsent.DATABASE_UNANSWERED, reason="locked")

    monkeypatch.setattr(cloud_inbox, "store", busy)
    assert 503 == await post(meta, batch())
    monkeypatch.undo()
    assert 200 == await post(meta, batch())
