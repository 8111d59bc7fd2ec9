"""Jobs to look at, and what a browser reads of their pages."""

from __future__ import annotations

from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from daemon.accounts import directory, pacing
from daemon.campaigns import create
from daemon.campaigns.create import Order
from daemon.config import Settings
from daemon.db import clock
from daemon.delivery import claim, moves
from daemon.models import Message
from daemon.states import AccountState, Ack
from daemon.transports.protocol import Health, Mark, Receipt

HTML = {"Accept": "text/html"}
Client = TestClient[Any, Any]


async def look(client: Client, path: str, status: int = 200, language: str = "en") -> str:
    response = await client.get(path, headers=HTML | {"Accept-Language": language}, allow_redirects=False)
    assert status == response.status
    return await response.text()


async def post(client: Client, path: str, **fields: str) -> ClientResponse:
    origin = {"Origin": f"http://{client.host}:{client.port}"}
    return await client.post(path, data=fields, headers=HTML | origin, allow_redirects=False)


def campaign(settings: Settings, count: int = 3, **order: Any) -> int:
    people = [{"number": f"+491511{n:07}", "name": f"Person {n}", "city": "Bonn"} for n in range(count)]
    given = {"text": "Hi {{ name }}", "recipients": people, "name": "Greeting"} | order
    return int(create.create(settings, Order(**given), "test", clock.now_ms()).job_id)


def take() -> Message:
    now = clock.now_ms()
    directory.open_account("default", now)
    directory.report("default", Health(AccountState.READY), now)
    (message,) = claim.claim("default", 1, now, 60_000, pacing.Rules())
    moves.submit(message, Mark(None), now, pacing.Gap(0, pacing.Why.PAUSE, 1))
    return message


def send_one(ack: Ack = Ack.SENT) -> Message:
    moves.confirm(message := take(), Receipt("id-1", ack), clock.now_ms())
    return message


def fail_one(why: str = "This number is not on WhatsApp.") -> Message:
    moves.fail(message := take(), why, clock.now_ms())
    return message
