"""What a transport keeps in the database, through the sender's own thread of it."""

from __future__ import annotations

from daemon.accounts import media_ids, portfolios, throughput
from daemon.delivery.db_thread import DatabaseThread
from daemon.transports.protocol import Turns


class KeptInDatabase:
    """See `Kept`."""

    def __init__(self, db: DatabaseThread) -> None:
        self._db = db

    async def turns(self, number: str, most: int, rate: int) -> Turns:
        return await self._db.timed(throughput.take, number, most, rate)

    async def slower(self, number: str, pause_ms: int) -> None:
        await self._db.timed(throughput.lower, number, pause_ms)

    async def media(self, number: str, file: str) -> str | None:
        return await self._db.timed(media_ids.find, number, file)

    async def keep_media(self, number: str, file: str, media_id: str, lasts_ms: int) -> None:
        await self._db.timed(media_ids.keep, number, file, media_id, lasts_ms)

    async def forget_media(self, number: str, file: str) -> None:
        await self._db.call(media_ids.forget, number, file)

    async def limited(self, business: str, most: int | None) -> None:
        await self._db.timed(portfolios.told, business, most)
