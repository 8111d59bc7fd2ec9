"""What a page that watches jobs is told as it happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import aiohttp_sse
import pytest
import structlog.testing
from aiohttp import ClientResponse, web_protocol

from daemon import http
from daemon.accounts import directory
from daemon.api import events
from daemon.api.schemas.jobs import Job as JobAnswer
from daemon.campaigns import lifecycle
from daemon.campaigns.progress import Progress
from daemon.config import Settings
from daemon.db import clock
from daemon.delivery import unmatched
from daemon.models import Job
from daemon.pages import jobs
from daemon.server import feed
from daemon.states import AccountState, State
from daemon.transports.protocol import Health, Unread
from tests.support.job_page import Client, campaign

# The stream


async def heard(response: ClientResponse, count: int) -> list[tuple[str, dict[str, Any]]]:
    """The next events of a stream that tell a state."""
    found: list[tuple[str, dict[str, Any]]] = []
    kind = ""
    while len(found) < count:
        line = (await asyncio.wait_for(response.content.readline(), 60)).decode().strip()
        if line.startswith("event:"):
            kind = line.removeprefix("event:").strip()
        elif line.startswith("data:") and kind in ("job", "account", "chats"):
            found.append((kind, json.loads(line.removeprefix("data:"))))
    return found


async def test_a_job_can_be_watched_alone_however_old_it_is(
    member: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its changes come, others' do not; nor those of accounts that it does not use."""
    monkeypatch.setattr(feed, "WATCHED_JOBS", 1)
    old, new = campaign(settings), campaign(settings)
    for name in ("default", "other"):
        directory.open_account(name, clock.now_ms())
    async with member.get(f"/events?job={old}") as response:
        first = await heard(response, 2)
        directory.report("other", Health(AccountState.READY), clock.now_ms())
        lifecycle.pause(new, "test", clock.now_ms())
        async with member.get("/events") as every:  # when it has heard of both, the first has had its chance
            while ("paused", new) not in [(s.get("status"), s.get("job_id")) for _, s in await heard(every, 1)]:
                pass
        lifecycle.pause(old, "test", clock.now_ms())
        ((kind, state),) = await heard(response, 1)

    assert [("job", old), ("account", "default")] == [(k, s.get("job_id", s.get("name"))) for k, s in first]
    assert ("job", old, "paused") == (kind, state["job_id"], state["status"])
    assert set(JobAnswer.model_fields) == set(state) == set(first[0][1])


async def test_who_watches_everything_hears_of_the_newest_jobs(member: Client, settings: Settings) -> None:
    """As before, also while others watch one."""
    job_ids = [campaign(settings) for _ in range(2)]
    async with member.get(f"/events?job={job_ids[0]}") as one, member.get("/events") as every:
        assert job_ids[0] == (await heard(one, 1))[0][1]["job_id"]
        found: set[int] = set()
        while found != {*job_ids}:
            found |= {state["job_id"] for kind, state in await heard(every, 1) if kind == "job"}


async def test_who_watches_everything_hears_of_chats_that_wait(member: Client, settings: Settings) -> None:
    """How many there are, and how many ask to stop; who watches a job does not."""
    job = campaign(settings)
    async with member.get(f"/events?job={job}") as one, member.get("/events") as every:
        while (first := (await heard(every, 1))[0])[0] != "chats":
            pass
        assert {"chats": 0, "stops": 0} == first[1]
        unmatched.note_unreadable("default", Unread("Kim", None, 1), True, clock.now_ms())
        assert [("chats", {"chats": 1, "stops": 1})] == await heard(every, 1)
        lifecycle.pause(job, "test", clock.now_ms())
        assert ["job", "account", "job"] == [kind for kind, _ in await heard(one, 3)]


async def test_a_job_that_is_not_there_cannot_be_watched(member: Client) -> None:
    """404, so that the page does not wait for ever."""
    assert 404 == (await member.get("/events?job=999")).status


async def test_a_page_that_is_left_is_no_malformed_request(
    member: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leaving a page ends its stream in the middle: that is how everybody browses, and nothing for the log."""
    met: list[BaseException | None] = []
    refuse = http._refuse_malformed

    def noted(handler: Any, request: Any, status: int = 500, error: BaseException | None = None, *more: Any) -> Any:
        met.append(error)
        return refuse(handler, request, status, error, *more)

    monkeypatch.setattr(web_protocol.RequestHandler, "handle_error", noted)
    member.server.runner.server.handler_cancellation = False  # as in the http process, and not in aiohttp's tests
    # It goes between the look and the write:
    monkeypatch.setattr(aiohttp_sse.EventSourceResponse, "is_connected", lambda _: True)
    job_id = campaign(settings)
    with structlog.testing.capture_logs() as lines:
        response = await member.get(f"/events?job={job_id}")
        await heard(response, 1)
        response.close()
        lifecycle.pause(job_id, "test", clock.now_ms())
        async with asyncio.timeout(60):
            while not met:
                await asyncio.sleep(0.02)

    assert [True] == [isinstance(each, ConnectionError) for each in met]
    assert [] == [line for line in lines if line["event"] in ("request.malformed", "request.failed")]


async def test_the_clock_alone_is_no_change(settings: Settings, database: str) -> None:
    """An idle page is not fetched again and again because its end moves on with the time."""
    job_id = campaign(settings)
    directory.open_account("default", clock.now_ms())
    directory.report("default", Health(AccountState.READY), clock.now_ms())
    Job.update(state="running", started_at=clock.now_ms()).execute()
    looks = 0
    given: list[dict[str, Any]] = []

    async def timed(work: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        changes = work(*arguments, now=clock.now_ms())
        given.extend(each for each in changes if feed.kind_of(each) == "job")
        await asyncio.sleep(0.002)
        return changes

    told = feed.Feed(partial(feed.look, settings))
    feed_task = asyncio.create_task(told.run(timed))
    try:
        async with told.listen(job_id) as queue:
            kinds = [feed.kind_of(await asyncio.wait_for(queue.get(), 60)) for _ in range(2)]
            while looks < 3:
                await asyncio.sleep(0.01)
            assert queue.empty()
    finally:
        feed_task.cancel()

    assert ["job", "account"] == kinds
    assert len({state.eta for state in given}) == len(given)


async def test_who_does_not_read_is_told_the_newest_state_only(settings: Settings, database: str) -> None:
    """However long they have not read, there is one of each job and account."""
    campaign(settings)
    queue = feed.Queue()
    for total in range(1, 4):
        (job,) = feed.look(settings, [None], [], clock.now_ms())[:1]
        assert isinstance(job, Progress)
        queue.put(replace(job, total=total))
        queue.put(feed.GROWN)

    told = [await queue.get() for _ in range(2)]
    assert (3, feed.GROWN) == (getattr(told[0], "total", None), told[1])
    assert queue.empty()


async def test_a_quiet_stream_says_that_it_stands(
    member: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By which a page knows a dead connection."""
    monkeypatch.setattr(events, "LOOK_S", 0.1)
    job_id = campaign(settings)
    async with member.get(f"/events?job={job_id}") as response:
        await heard(response, 1)
        while True:
            line = (await asyncio.wait_for(response.content.readline(), 60)).decode().strip()
            if line == "event: ping":
                break


def test_all_groups_of_a_clone_have_words() -> None:
    """Those of the core."""
    from daemon.campaigns import cloning

    assert set(cloning.PEOPLE) == set(jobs.PEOPLE)
    assert State.UNCERTAIN not in cloning.PEOPLE["unreached"]
