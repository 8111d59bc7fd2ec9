"""What a program is told that follows what has happened."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from daemon.accounts import directory
from daemon.campaigns import lifecycle, news
from daemon.config import Settings
from daemon.db import clock
from daemon.models import Message
from daemon.server import feed
from daemon.states import Ack, Role
from tests.support.job_page import campaign, send_one


class Stream:
    """An open stream: what it has told, and the last id."""

    def __init__(self, response: Any) -> None:
        self._response, self.last_id = response, ""

    async def next(self) -> tuple[str, Any]:
        """The next event that is no ping."""
        kind, data = "", ""
        while True:
            line = (await asyncio.wait_for(self._response.content.readline(), 60)).decode().rstrip("\r\n")
            name, _, value = line.partition(": ")
            if name == "id":
                self.last_id = value
            elif name == "event":
                kind = value
            elif name == "data":
                data = value
            elif not line and data:
                return kind, json.loads(data)

    async def begun(self) -> str:
        """The id that a stream without any event begins with."""
        while not self.last_id:
            line = (await asyncio.wait_for(self._response.content.readline(), 60)).decode().strip()
            if line.startswith("id: "):
                self.last_id = line.removeprefix("id: ")
        return self.last_id

    async def kinds(self, count: int) -> list[str]:
        return [(await self.next())[0] for _ in range(count)]


@asynccontextmanager
async def following(api: Any, last_id: str = "", **query: str) -> AsyncIterator[Stream]:
    query.setdefault("types", "message,job,account,reply")
    response = await api.send("GET", "/events", {"Last-Event-ID": last_id} if last_id else {}, params=query)
    assert 200 == response.status
    try:
        yield Stream(response)
    finally:
        response.close()


SENT = ["message.claimed", "job.running", "message.sending", "message.sent"]


async def test_whoever_was_away_misses_nothing(api: Any, settings: Settings) -> None:
    """They come back with the last id they have had; what is told is the same as to somebody who stayed."""
    async with following(api) as stayed:
        begun = await stayed.begun()
        job_id = campaign(settings, 1)
        first = await stayed.next()
        away_since = stayed.last_id
        await asyncio.to_thread(send_one)
        told = [first, *[await stayed.next() for _ in range(6)]]
    async with following(api, away_since) as back:
        assert told[1:] == [await back.next() for _ in range(6)]
    async with following(api, after=begun) as back:
        assert told == [await back.next() for _ in range(7)]

    kinds = [kind for kind, _ in told]
    assert ["job.pending", "account.ready", *SENT, "job.completed"] == kinds
    assert {"id", "type", "timestamp", "data"} == set(told[0][1])
    assert ("job.pending", job_id) == (told[0][1]["type"], told[0][1]["data"]["job_id"])
    assert "+4915110000000" == told[-2][1]["data"]["number"]


async def test_only_what_is_asked_for_comes(api: Any, settings: Settings) -> None:
    """By name, by job and by account, also of what is past."""
    first, second = (campaign(settings, 1, name=name) for name in ("One", "Two"))
    for job_id in (first, second):
        lifecycle.pause(job_id, "test", clock.now_ms())
    async with following(api, after="0.0", types="job.paused") as paused:
        assert [first, second] == [(await paused.next())[1]["data"]["job_id"] for _ in range(2)]
    async with following(api, after="0.0", job=str(second)) as of_job:
        assert ["job.pending", "job.paused"] == await of_job.kinds(2)
    async with following(api, after="0.0", account="other", types="job") as of_other:
        directory.open_account("other", clock.now_ms())
        campaign(settings, 1, account="other")
        assert "job.pending" == (await of_other.next())[0]


async def test_a_quiet_stream_tells_where_it_is(api: Any, settings: Settings, monkeypatch: Any) -> None:
    """So that whoever is cut off then misses nothing either."""
    monkeypatch.setattr("daemon.api.events.LOOK_S", 0.1)
    async with following(api) as stream:
        begun = await stream.begun()
        stream.last_id = ""
        assert begun == await stream.begun()


@pytest.mark.parametrize("last_id", ["x", "1", "1.2.3", "-1.0", "1.2\u00b2", "9" * 20 + ".1"])
async def test_an_id_that_is_none_is_refused(api: Any, last_id: str) -> None:
    for how in ({"headers": {"Last-Event-ID": last_id}}, {"params": {"after": last_id}}):
        assert 422 == (await api.send("GET", "/events", **how)).status
    assert 422 == (await api.send("GET", "/events", params={"types": "message.flown"})).status


async def test_a_position_that_has_not_come_yet_begins_again(api: Any, settings: Settings) -> None:
    """As of a database that was restored: its ids went on elsewhere."""
    async with following(api, "999999.999999") as stream:
        assert "999999.999999" != await stream.begun()
        campaign(settings, 1)
        assert "job.pending" == (await stream.next())[0]


async def test_there_are_only_so_many_streams(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "MOST_OF_ONE", 1)
    async with following(api) as one:
        await one.begun()
        assert "too-many-streams" in (await api.get("/events", 503))["type"]
    async with asyncio.timeout(60):
        while (response := await api.send("GET", "/events")).status == 503:
            await asyncio.sleep(0.02)
    response.close()


async def test_who_may_only_look_sees_no_number(browser: Callable[..., Any], settings: Settings) -> None:
    """Nor one that stands in a text."""
    campaign(settings, 1)
    send_one(Ack.READ)
    viewer = await browser(Role.VIEWER)
    number = Message.get().number
    async with viewer.get("/events?after=0.0&types=message.read") as response:
        kind, told = await Stream(response).next()

    assert ("message.read", news.KINDS.count(kind)) == (kind, 1)
    assert number != told["data"]["number"]
    assert number[-2:] == told["data"]["number"][-2:]
