"""Where no sender runs any more, the page's process sees to what the last one was sending."""

from __future__ import annotations

from typing import Any

from daemon import accounts, campaigns, db, outbox, pacing
from daemon.http import make_app
from daemon.models import Message, State
from daemon.transports import Mark
from tests.http.conftest import KEY
from tests.outbox.scripted import until


async def test_a_message_without_a_sender_becomes_uncertain_when_http_starts(database, settings, aiohttp_client: Any):
    accounts.open_account("default", 1)
    campaigns.create(settings, campaigns.Order("Hello", numbers=["+4915110000000"]), "test")
    long_ago = db.now_ms() - 2 * pacing.DAY_MS
    Message.update(not_before=0).execute()
    (message,) = outbox.claim("default", 1, long_ago, 1, pacing.Rules())
    outbox.submit(message, Mark(None), long_ago, pacing.Gap(0, pacing.Why.PAUSE, 1))
    await aiohttp_client(make_app(settings, KEY))
    await until(lambda: State.UNCERTAIN == Message.get().state)
