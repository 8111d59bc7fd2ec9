"""The Cloud API's transport over the stand-in for Meta's API, without a database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from daemon.config import Settings
from daemon.states import E164
from daemon.transports.cloud.transport import CloudTransport
from daemon.transports.protocol import Outgoing, Receipt, Turns
from standin.graph.server import serving
from standin.graph.world import BUSINESS_ID, NUMBER_ID, TOKEN, World
from tests.support.graph import QUICK

RECEIPTS_S = 0.6  # receipts are waited for; shorter than can be set


class InMemory:
    """See `Kept`."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.pauses: list[int] = []
        self.limits: list[tuple[str, int | None]] = []

    async def turns(self, number: str, most: int, rate: int) -> Turns:
        return Turns(most, 0, 0)

    async def slower(self, number: str, pause_ms: int) -> None:
        self.pauses.append(pause_ms)

    async def media(self, number: str, file: str) -> str | None:
        return self.files.get(file)

    async def keep_media(self, number: str, file: str, media_id: str, lasts_ms: int) -> None:
        self.files[file] = media_id

    async def forget_media(self, number: str, file: str) -> None:
        self.files.pop(file, None)

    async def limited(self, business: str, most: int | None) -> None:
        self.limits.append((business, most))


class Sending:
    """A transport that is up, what it keeps, and the world at its other end."""

    def __init__(self, world: World, settings: Settings) -> None:
        self.world, self.kept = world, InMemory()
        self.transport = CloudTransport(settings)
        self.transport.keep_in(self.kept)

    async def send(self, message: Outgoing) -> Receipt:
        """Prepare it and hand it over."""
        return await self.transport.hand_over(message, await self.transport.prepare(message))

    async def text(self, number: str, text: str = "Hello", callback: str = "m:1:a:1") -> Receipt:
        return await self.send(Outgoing(E164(number), text, callback=callback))


def cloud_settings(url: str, **changes: Any) -> dict[str, Any]:
    """What an account at the stand-in has."""
    own = {"cloud_url": url, "cloud_token": TOKEN, "cloud_phone_number_id": NUMBER_ID}
    return {"transport": "cloud", "cloud_business_account_id": BUSINESS_ID, "send_timeout_s": 60} | own | changes


@asynccontextmanager
async def sending(world: World | None = None, **changes: Any) -> AsyncIterator[Sending]:
    """Up and ready; `changes` are settings."""
    world = world or World(QUICK)
    async with serving(world, webhook=None) as graph:
        settings = Settings(_env_file=None, **cloud_settings(graph.url, **changes))
        found = Sending(world, settings)
        found.transport._settings = settings.model_copy(update={"send_timeout_s": RECEIPTS_S})
        await found.transport.start()
        await found.transport.health()
        try:
            yield found
        finally:
            await found.transport.close()
