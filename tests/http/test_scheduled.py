"""A scheduled campaign on its page and in the API: moved, started early, edited."""

from __future__ import annotations

import re

import pytest

from daemon.accounts import directory, limits
from daemon.campaigns import drafts, dry_run, lifecycle
from daemon.config import Settings
from daemon.db import clock
from daemon.models import Draft, Job
from daemon.states import JobState
from tests.http.conftest import KEY
from tests.support import drafting
from tests.support.drafting import with_message
from tests.support.job_page import Client, campaign, look, post

HOUR_MS = 3_600_000


def scheduled(settings: Settings) -> int:
    return campaign(settings, 3, schedule_at=clock.now_ms() + 100 * HOUR_MS)


async def test_the_page_moves_it_in_the_account_s_zone(member: Client, settings: Settings) -> None:
    """And says which that is; a time that has passed is refused with what to do."""
    directory.open_account("default", clock.now_ms())
    limits.set_limits("default", {"timezone": "Asia/Kolkata"}, "test")
    job_id = scheduled(settings)
    page = await look(member, f"/app/jobs/{job_id}")
    assert "Day and time in Asia/Kolkata" in page

    assert 303 == (await post(member, f"/app/jobs/{job_id}/reschedule", at="2031-05-04T09:00")).status
    assert 1_935_631_800_000 == Job.get_by_id(job_id).schedule_at
    for at in ("2001-05-04T09:00", ""):
        refused = await post(member, f"/app/jobs/{job_id}/reschedule", at=at)
        assert 422 == refused.status
        entered = rf'name="at"[^>]* value="{at}" required aria-invalid="true"[^>]*><span id="at-wrong"'
        body = await refused.text()
        assert re.search(entered, body) and "<details open data-keep><summary>Move" in body
    again = await member.get(f"/app/jobs/{job_id}/reschedule")  # as its script does to keep it up to date
    assert (200, f"/app/jobs/{job_id}") == (again.status, again.url.path)


SUMMER, WINTER = 1_919_291_400_000, 1_919_295_000_000  # 2030-10-27 02:30 in Berlin, before and after the clocks go back


@pytest.mark.parametrize("at", [SUMMER, WINTER, WINTER + 30_000])
async def test_saving_a_time_that_there_is_twice_does_not_move_it(member: Client, settings: Settings, at: int) -> None:
    """In autumn: what the form shows of it is the same for both hours. Another time than that is taken as it is."""
    directory.open_account("default", clock.now_ms())
    limits.set_limits("default", {"timezone": "Europe/Berlin"}, "test")
    job_id = campaign(settings, 3, schedule_at=at)
    path = f"/app/jobs/{job_id}/reschedule"
    assert 'value="2030-10-27T02:30"' in await look(member, f"/app/jobs/{job_id}")
    assert 303 == (await post(member, path, at="2030-10-27T02:30")).status
    assert at == Job.get_by_id(job_id).schedule_at

    base = await with_message(member)
    Draft.update(data=Draft.get().data | {"when": {"at": at, "zone": "Europe/Berlin"}}).execute()
    form = {"delay_min": "1", "delay_max": "3", "start": "at", "zone": "Europe/Berlin", "go": "next"}
    await drafting.post(member, f"{base}/when", at="2030-10-27T02:30", **form)
    assert at == Draft.get().data["when"]["at"]
    await drafting.post(member, f"{base}/when", at="2030-10-27T02:30", **form | {"zone": "Europe/Paris"})
    assert at == Draft.get().data["when"]["at"]
    await drafting.post(member, f"{base}/when", at="2030-10-27T02:30", **form | {"zone": "UTC"})
    assert SUMMER + 2 * HOUR_MS == Draft.get().data["when"]["at"]


async def test_a_time_that_the_clocks_skip_is_refused(member: Client, settings: Settings) -> None:
    """In spring; nobody can say when that would be."""
    directory.open_account("default", clock.now_ms())
    limits.set_limits("default", {"timezone": "Europe/Berlin"}, "test")
    job_id = scheduled(settings)
    answer = await post(member, f"/app/jobs/{job_id}/reschedule", at="2030-03-31T02:30")
    assert (422, True) == (answer.status, "the clocks go forward over this time" in await answer.text())
    assert 303 == (await post(member, f"/app/jobs/{job_id}/reschedule", at="2030-03-31T03:00")).status


async def test_the_page_starts_it_now(member: Client, settings: Settings) -> None:
    """After its question; then there is nothing to move any more."""
    job_id = scheduled(settings)
    assert "3 people get it, beginning now" in await look(member, f"/app/jobs/{job_id}")
    assert 303 == (await post(member, f"/app/jobs/{job_id}/start")).status
    assert JobState.PENDING == Job.get_by_id(job_id).state
    assert 'id="scheduled"' not in await look(member, f"/app/jobs/{job_id}")
    assert 409 == (await post(member, f"/app/jobs/{job_id}/start")).status


async def test_it_is_edited_as_a_draft_that_takes_its_place(member: Client, settings: Settings) -> None:
    """It has its people and its time, says what it changes, and is not hindered by the one that it replaces."""
    job_id = scheduled(settings)
    page = await look(member, f"/app/jobs/{job_id}")
    (draft_id,) = re.findall(r'/edit">.*?name="id" value="(\w+)"', page, re.S)
    for _ in range(2):  # a double click
        where = (await post(member, f"/app/jobs/{job_id}/edit", id=draft_id)).headers["Location"]
        assert f"/app/drafts/{draft_id}/message" == where
    assert f'<a href="/app/jobs/{job_id}">campaign {job_id}</a>' in await look(member, where)
    draft = drafts.find(draft_id)
    draft = dry_run.run(settings, draft.id, draft.version, 7, True, clock.now_ms())
    assert (3, JobState.SCHEDULED) == (getattr(drafts.report(draft), "people", 0), Job.get_by_id(job_id).state)

    started = await post(member, f"/app/drafts/{draft_id}/start", version=str(draft.version))
    new = Job.get_by_id(int(started.headers["Location"].rpartition("/")[2]))
    old = Job.get_by_id(job_id)
    assert (JobState.STOPPED, JobState.SCHEDULED) == (old.state, new.state)
    assert old.schedule_at // 60_000 == new.schedule_at // 60_000
    assert f"campaign {new.id} is sent instead" in await look(member, f"/app/jobs/{job_id}")


async def test_the_api_moves_starts_and_replaces_it_once(member: Client, settings: Settings) -> None:
    """A repeat with the same key gets the same answer; what has begun is 409."""
    job_id = scheduled(settings)
    headers = {"X-API-KEY": KEY}
    at = clock.now_ms() + 200 * HOUR_MS
    path = f"/jobs/{job_id}/reschedule"
    answers = [
        await (await member.post(path, json={"schedule_at": at}, headers=headers | {"Idempotency-Key": "m"})).json()
        for _ in range(2)
    ]
    assert answers[0] == answers[1] and at == answers[0]["schedule_at"]
    past = await member.post(path, json={"schedule_at": 1_600_000_000_000}, headers=headers)
    assert (422, "schedule_passed") == (past.status, (await past.json())["code"])

    body = {"numbers": ["+4915110000009"], "message": "x", "schedule_at": at, "replaces": job_id}
    made = await (await member.post("/send", json=body, headers=headers)).json()
    assert JobState.STOPPED == Job.get_by_id(job_id).state
    assert 409 == (await member.post("/send", json=body, headers=headers)).status

    path = f"/jobs/{made['job_id']}/start"
    statuses = [(await member.post(path, headers=headers | {"Idempotency-Key": "s"})).status for _ in range(2)]
    again = await member.post(path, headers=headers)
    assert ([200, 200], 409, "job_begun") == (statuses, again.status, (await again.json())["code"])
    lifecycle.stop(made["job_id"], "test", clock.now_ms())
