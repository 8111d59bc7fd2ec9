"""Campaigns that wait for a person after a restore: shown on every page, and decided on the page and by the API."""

from __future__ import annotations

import re
from typing import Any

import pytest

from daemon import errors
from daemon.accounts import directory, limits
from daemon.campaigns import create
from daemon.config import Settings
from daemon.db import clock
from daemon.db.refusals import Unsent
from daemon.delivery import interruptions
from daemon.delivery.interruptions import FILE, Mark, Presence
from daemon.models import Job, KeptAnswer, Message
from daemon.states import Role
from tests.support.drafting import look, post, send

NUMBERS = [f"+49301234{n:03}" for n in range(5)]


@pytest.fixture
def job_id(database: str, settings: Settings) -> int:
    """A campaign of five in a database that is found to be an older one."""
    now = clock.now_ms()
    directory.open_account("default", now)
    Presence(settings).beat(now)
    made = create.create(settings, create.Order("Hello", numbers=NUMBERS, name="Spring"), "test", now)
    interruptions.raise_to(settings.data_dir / FILE, Mark(1_000))
    Presence(settings).beat(clock.now_ms())
    return made.job_id


def states() -> list[str]:
    return [row.state for row in Message.select().order_by(Message.id)]


async def test_every_page_says_that_campaigns_wait(job_id: int, browser: Any) -> None:
    """With the way to the decision; a viewer is told, and has no buttons."""
    for role, buttons in ((Role.VIEWER, 0), (Role.OPERATOR, 3)):
        reader = await browser(role)
        for path in ("/app", f"/app/jobs/{job_id}"):
            assert "1 campaign sends nothing until you decide" in await look(reader, path)
        page = await look(reader, "/app/confirmations")
        assert "sends nothing until" not in page and "Restored from a backup" in page
        assert buttons == page.count('name="choice"')
        shown = re.findall(r"<li><a [^>]+><bdi>([^<]+)</bdi>", page)
        assert (
            NUMBERS == shown
            if buttons
            else [(number[:3], number[-2:]) for number in NUMBERS] == [(each[:3], each[-2:]) for each in shown]
        )
        assert buttons or NUMBERS[0] not in page


async def test_it_is_decided_on_the_page(job_id: int, member: Any) -> None:
    """Two of the next are set aside; the page then has nothing left to decide."""
    address = f"/app/jobs/{job_id}/confirm"
    unsaid = await send(member, address, again=True, first="2")
    assert 422 == unsaid.status and "one of its buttons" in await unsaid.text()
    await post(member, address, again=True, choice="uncertain", first="2")
    assert ["uncertain"] * 2 + ["pending"] * 3 == states()
    assert "No campaign waits for you" in await look(member, "/app/confirmations")
    assert "/app/confirmations" not in await look(member, "/app")


async def test_as_many_are_set_aside_as_may_have_been_sent(job_id: int, member: Any) -> None:
    """All that is queued, where the account has not paused between two messages; less by hand only."""
    hour = interruptions.BEAT_MS * 720
    Job.update(unconfirmed_since=Job.unconfirmed_at - hour, own_delays=True, delay_min_ms=hour // 2).execute()
    paused = await look(member, "/app/confirmations")
    assert 'value="3"' in paused and "up to 3 of them may have been sent" in paused
    limits.set_limits("default", {"transport": "cloud"}, "test")
    Job.update(own_delays=False).execute()
    page = await look(member, "/app/confirmations")
    assert 'value="5"' in page and "up to 5 of them may have been sent" in page


async def test_the_api_lists_and_decides(job_id: int, api: Any) -> None:
    """As the page does; a repeat with the same key is the same decision."""
    told = await api.get("/confirmations")
    (found,) = told["jobs"]
    assert (None, job_id, "restored", 5, 5, 0) == (
        told["next_cursor"], found["job_id"], found["cause"], found["pending"], found["perhaps_sent"], found["out"],
    )  # fmt: skip
    assert "waiting_for_confirmation" == (await api.get(f"/status/{job_id}"))["status"]
    path, headers = f"/jobs/{job_id}/confirm", {"Idempotency-Key": "once"}
    await api.post(path, {"choice": "later"}, 422)
    await api.post(path, {"choice": "stop", "first": 1}, 422)
    for _ in range(2):
        answer = await api.post(path, {"choice": "uncertain", "first": 3}, headers=headers)
        assert 3 == answer["uncertain"]
    await api.post(path, {"choice": "go_on"}, 409)
    assert ["uncertain"] * 3 + ["pending"] * 2 == states()
    assert [] == (await api.get("/confirmations"))["jobs"]


async def test_a_page_of_the_list_leads_to_the_next(job_id: int, api: Any) -> None:
    for n in range(2):
        Job.create(**vars(Job.get_by_id(job_id))["__data__"] | {"id": None, "name": f"Copy {n}"})
    first = await api.get("/confirmations?limit=2")
    rest = await api.get(f"/confirmations?limit=2&cursor={first['next_cursor']}")
    assert (2, 1, None) == (len(first["jobs"]), len(rest["jobs"]), rest["next_cursor"])


async def test_a_decision_and_its_answer_are_kept_together(
    job_id: int, api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the answer cannot be kept nothing is decided, and the repeat gets it; it sets nobody else aside."""
    path, body, headers = f"/jobs/{job_id}/confirm", {"choice": "uncertain", "first": 2}, {"Idempotency-Key": "once"}

    def busy(**_: Any) -> Any:
        raise errors.DatabaseBusy(Unsent.DATABASE_LOCKED, reason="busy")

    with monkeypatch.context() as patch:
        patch.setattr(KeptAnswer, "update", busy)
        await api.post(path, body, 503, headers=headers)
    assert "waiting_for_confirmation" == (await api.get(f"/status/{job_id}"))["status"]
    for _ in range(2):
        assert 2 == (await api.post(path, body, headers=headers))["uncertain"]
    assert ["uncertain"] * 2 + ["pending"] * 3 == states()
