"""Reads that a client repeats: answered 304 where nothing is new, and later where it says how long it can wait."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from daemon.accounts import directory
from daemon.api import tags
from daemon.api.schemas.common import Done
from daemon.campaigns import lifecycle
from daemon.db import clock
from daemon.server import feed
from daemon.states import AccountState
from daemon.transports.protocol import Health
from tests.http.conftest import Caller

SOON_S = 30  # what is answered at once, on a busy machine


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "POLL_S", 0.02)


async def sent(api: Caller) -> int:
    return int((await api.post("/send", {"numbers": ["+4915110000000"], "message": "Hi"}))["job_id"])


async def tag_of(api: Caller, path: str) -> str:
    response = await api.send("GET", path)
    assert 200 == response.status, await response.text()
    return str(response.headers["ETag"])


async def test_what_a_client_has_is_not_sent_again(api: Caller) -> None:
    """One thing and lists; another answer has another tag."""
    job = await sent(api)
    await api.post("/lists", {"name": "Guests", "numbers": ["+4915110000000"]})
    await api.post("/templates", {"name": "Sale", "text": "Hi"})
    paths = [f"/status/{job}", f"/jobs/{job}", "/jobs", f"/jobs/{job}/messages", "/lists", "/lists/1", "/templates"]
    paths += ["/templates/1", "/suppressions", "/replies", "/accounts", "/messages/1", "/series"]
    for path in paths:
        tag = await tag_of(api, path)
        again = await api.send("GET", path, headers={"If-None-Match": f'"other", {tag}'})
        plain = await api.send("GET", path, headers={"If-None-Match": tag.removeprefix("W/")})
        other = await api.send("GET", path, headers={"If-None-Match": '"other"'})

        assert (304, b"", tag) == (again.status, await again.read(), again.headers["ETag"]), path
        assert (304, 200) == (plain.status, other.status), path
    before = [await tag_of(api, path) for path in paths[:4]]
    await api.post(f"/stop/{job}")
    after = [await tag_of(api, path) for path in paths[:4]]
    assert not {*before} & {*after}


async def test_the_clock_alone_changes_no_tag(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """An estimated end moves on by itself."""
    job = await sent(api)
    at = clock.now_ms()
    directory.open_account("default", at)
    directory.report("default", Health(AccountState.READY), at)
    found = []
    for now in (at, at + 2_000):
        monkeypatch.setattr(clock, "now_ms", lambda now=now: now)
        response = await api.send("GET", f"/jobs/{job}")
        found.append((await response.json(), response.headers["ETag"]))
    assert found[0][0]["eta"] != found[1][0]["eta"]
    assert found[0][1] == found[1][1]


async def test_a_stranger_has_another_answer_and_another_tag(api: Caller, stranger: Caller) -> None:
    """Theirs has no names, so the tag of one is not that of the other; and they do not wait."""
    job = await sent(api)
    ours, theirs = await tag_of(api, f"/jobs/{job}"), await tag_of(stranger, f"/jobs/{job}")
    assert ours != theirs
    async with asyncio.timeout(SOON_S):
        response = await stranger.send("GET", f"/jobs/{job}?wait=60", headers={"If-None-Match": theirs})
    assert 304 == response.status


async def test_one_job_is_answered_as_its_status(api: Caller) -> None:
    job = await sent(api)
    assert await api.get(f"/status/{job}") == await api.get(f"/jobs/{job}")
    await api.get("/jobs/77", 404)


@pytest.mark.parametrize("path", ["/status/{}", "/jobs/{}"])
@pytest.mark.parametrize("tagged", [True, False], ids=["what it has", "what is there"])
async def test_who_waits_is_answered_when_it_changes(api: Caller, path: str, tagged: bool) -> None:
    """Not before, and long before the time is over."""
    job = await sent(api)
    path = path.format(job)
    headers = {"If-None-Match": await tag_of(api, path)} if tagged else {}
    waiting = asyncio.create_task(api.send("GET", f"{path}?wait=60", headers=headers))
    listeners = api.client.app[feed.FEED]._listeners
    async with asyncio.timeout(SOON_S):
        while not listeners:
            await asyncio.sleep(0)
        assert not waiting.done()
        lifecycle.pause(job, "test", clock.now_ms())
        answer = await (await waiting).json()
    assert "paused" == answer["status"]
    assert not listeners


async def test_who_has_something_else_does_not_wait(api: Caller) -> None:
    """What they have is old: there is nothing to wait for."""
    job = await sent(api)
    tag = await tag_of(api, f"/jobs/{job}")
    await api.post(f"/pause/{job}")
    async with asyncio.timeout(SOON_S):
        response = await api.send("GET", f"/jobs/{job}?wait=60", headers={"If-None-Match": tag})
    assert (200, "paused") == (response.status, (await response.json())["status"])


async def test_nothing_new_in_time(api: Caller) -> None:
    """304 for who has it, and the whole for who does not say."""
    job = await sent(api)
    tag = await tag_of(api, f"/jobs/{job}")
    tagged, plain = await asyncio.gather(
        api.send("GET", f"/jobs/{job}?wait=1", headers={"If-None-Match": tag}), api.send("GET", f"/jobs/{job}?wait=1")
    )
    assert (304, 200) == (tagged.status, plain.status)
    for wrong in ("61", "-1", "1.5", "soon"):
        await api.get(f"/jobs/{job}?wait={wrong}", 422)


async def test_many_who_wait_hold_up_nobody(api: Caller, client: Any) -> None:
    """They take no database thread: with more of them than there are threads, others are answered."""
    job = await sent(api)
    waiting = [asyncio.create_task(api.send("GET", f"/jobs/{job}?wait=60")) for _ in range(20)]
    async with asyncio.timeout(SOON_S):
        while len(client.app[feed.FEED]._listeners) < len(waiting):
            await asyncio.sleep(0)
        await api.get("/jobs")
        await api.post(f"/stop/{job}")
        answers = await asyncio.gather(*waiting)
    assert {200} == {each.status for each in answers}


async def test_who_waits_is_answered_when_the_process_ends(api: Caller, client: Any) -> None:
    """With what there is."""
    job = await sent(api)
    waiting = asyncio.create_task(api.send("GET", f"/jobs/{job}?wait=60"))
    async with asyncio.timeout(SOON_S):
        while not client.app[feed.FEED]._listeners:
            await asyncio.sleep(0)
        await feed._end_streams(client.app)
        assert 200 == (await waiting).status


def test_what_a_tag_is_made_of_cannot_be_found_out_by_trying(monkeypatch: pytest.MonkeyPatch) -> None:
    """It depends on a secret of the process."""
    before = tags.tag(Done())
    assert before == tags.tag(Done())
    monkeypatch.setattr(tags, "_SECRET", b"another")
    assert before != tags.tag(Done())
