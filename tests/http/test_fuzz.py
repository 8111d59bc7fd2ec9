"""Some hundred hostile requests to all routes; `python -m tests.support.fuzzing` sends as many as one likes."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from daemon.auth import passwords
from daemon.config import Settings
from daemon.http import make_app
from tests.http.conftest import KEY
from tests.support.filling import fill
from tests.support.fuzzing import Fuzzer, names, routes

REQUESTS = 400


# aiohttp leaves the file of a form that is cut off to the garbage collector
@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")
async def test_no_request_breaks_anything(
    settings: Settings, database: str, aiohttp_server: Callable[..., Awaitable[Any]]
) -> None:
    """Every one is answered, none with 500, none with an error in the log; afterwards all is as it was."""
    assert passwords.COST < (15, 8, 3)
    fill(settings)
    server = await aiohttp_server(make_app(settings, KEY))

    with capture_logs() as logs:
        found = await Fuzzer(server.port, 1, KEY).run(REQUESTS)
    gc.collect()

    assert [] == found.wrong
    assert [] == [line for line in logs if line["log_level"] in ("error", "critical")]
    assert REQUESTS == found.statuses.total()
    assert {200, 302, 303, 400, 401, 404, 405, 422} <= set(found.statuses)


def test_every_route_is_among_those_tried() -> None:
    """The API's and the pages'; and the names of their fields."""
    assert {("POST", "/send"), ("GET", "/app/jobs/{id}"), ("DELETE", "/lists/{list_id}"), ("GET", "/")} <= set(routes())
    assert {"search", "cursor"} <= set(names()[0])
    assert {"numbers", "schedule_at", "csrf", "quiet_hours"} <= set(names()[1])
