"""Where no sender runs any more, the page's process sees to what the last one was sending."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.accounts import directory, pacing
from daemon.campaigns import create
from daemon.db import clock
from daemon.delivery import claim, moves
from daemon.http import make_app
from daemon.models import Message
from daemon.states import State
from daemon.transports.protocol import Mark
from tests.http.conftest import KEY
from tests.support.scripted import until


@pytest.mark.usefixtures("beside")
async def test_a_message_without_a_sender_becomes_uncertain_when_http_starts(database, settings, aiohttp_client: Any):
    directory.open_account("default", 1)
    create.create(settings, create.Order("Hello", numbers=["+4915110000000"]), "test", clock.now_ms())
    long_ago = clock.now_ms() - 2 * pacing.DAY_MS
    Message.update(not_before=0).execute()
    (message,) = claim.claim("default", 1, long_ago, 1, pacing.Rules())
    moves.submit(message, Mark(None), long_ago, pacing.Gap(0, pacing.Why.PAUSE, 1))
    await aiohttp_client(make_app(settings, KEY))
    await until(lambda: State.UNCERTAIN == Message.get().state)
