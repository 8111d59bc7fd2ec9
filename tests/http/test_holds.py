"""What keeps an account from sending can be read: in /ready, in the API, on the page."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.accounts import directory, pacing
from daemon.campaigns import create, progress
from daemon.config import Settings
from daemon.db import clock
from daemon.models import Account
from daemon.states import AccountState
from daemon.transports.protocol import Health
from tests.http.conftest import Caller
from tests.support.troubles import TROUBLES


def report(health: Health) -> None:
    """As a living sender does."""
    directory.open_account("default", clock.now_ms())
    directory.report("default", health, clock.now_ms())


@pytest.mark.parametrize("name", TROUBLES)
async def test_every_trouble_says_why_and_until_when(api: Caller, settings: Settings, name: str) -> None:
    """The same words for a monitor, a program and a person."""
    health = TROUBLES[name]
    report(health)
    job_id = create.create(settings, create.Order("Hi", numbers=["+4930231250"]), "test", clock.now_ms()).job_id
    said = health.detail or "scan the QR code"

    ready = await api.get("/ready", 503)
    account = await api.get("/accounts/default")
    job = await api.get(f"/status/{job_id}")
    page = await api.text("/app")
    assert not ready["ready"]
    assert said in ready["reason"]
    assert [(health.state, health.hold, health.until_ms)] == [
        (each["state"], each["hold"], each["until"]) for each in ready["accounts"]
    ]
    assert (health.state, health.hold, health.until_ms) == (account["state"], account["hold"], account["until"])
    assert not account["can_send"]
    assert (progress.WAITING, True) == (job["status"], said in job["reason"])
    assert said.replace("'", "&#39;") in page
    assert (health.until_ms is not None) == ("It ends" in page)


@pytest.mark.parametrize("name", ["restricted", "monthly cap"])
async def test_where_known_chats_go_on_it_says_so(api: Caller, name: str) -> None:
    """Such an account is held, but not for everybody."""
    report(TROUBLES[name])

    assert (await api.get("/accounts/default"))["known_chats"]
    assert "People it has messaged before still get their messages." in await api.text("/app")


async def test_the_reduced_pace_after_a_restriction_is_shown_and_reckoned_with(api: Caller, settings: Settings) -> None:
    """On the page, in the API, and in when a campaign will end."""
    order = create.Order("Hi", numbers=["+4930231250", "+4930231251"], delay_min=600, delay_max=600)
    job_id = create.create(settings, order, "test", clock.now_ms()).job_id
    report(Health(AccountState.READY))
    before = await api.get(f"/status/{job_id}")
    report(TROUBLES["restricted"])
    report(Health(AccountState.READY))

    after, account = await api.get(f"/status/{job_id}"), await api.get("/accounts/default")
    assert "a third of its usual speed" in await api.text("/app")
    assert account["slow_until"] == Account.get().slow_until
    longer = (pacing.SLOWER - 1) * 600_000
    assert longer - 60_000 < after["eta"] - before["eta"] < longer + 60_000


async def test_a_ready_account_needs_no_words(api: Caller, stranger: Caller) -> None:
    """200, and nothing else."""
    report(Health(AccountState.READY))

    assert {"ready": True} == await api.get("/ready")
    assert {"ready": True} == await stranger.get("/ready")


async def test_a_stranger_is_not_told_why(stranger: Caller) -> None:
    """Only that it cannot send."""
    report(TROUBLES["temporary ban"])

    assert {"ready": False} == await stranger.get("/ready", 503)


def test_all_troubles_there_are_have_been_tried() -> None:
    """A new reason to hold belongs into the list."""
    from daemon.states import Hold

    held: set[Any] = {health.hold for health in TROUBLES.values()}
    assert set(Hold) <= held
