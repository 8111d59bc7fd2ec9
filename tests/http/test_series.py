"""A campaign that repeats: chosen at Time, seen in the dry run and at the start, and its own page."""

from __future__ import annotations

import re

from daemon.accounts import directory
from daemon.campaigns import series
from daemon.config import Settings
from daemon.db import clock
from daemon.models import Job, Series
from daemon.states import SeriesState
from tests.http.conftest import KEY
from tests.support.drafting import Client, check, look, post, refused, send, with_message


async def begun(member: Client, **rule: str) -> str:
    """The address of the page of a series."""
    base = await with_message(member)
    fields = {"start": "weekly", "zone": "UTC", "day": "2", "time": "08:30", "delay_min": "1", "delay_max": "2"}
    await post(member, f"{base}/when", go="next", **fields | rule)
    await check(member, base)
    assert "then every week" in await look(member, f"{base}/start")
    return await post(member, f"{base}/start")


async def test_a_series_from_the_first_form_to_its_end(member: Client, settings: Settings) -> None:
    """Its times are shown, its runs lead to their campaigns, and it is paused, resumed and ended."""
    directory.open_account("default", clock.now_ms())
    address = await begun(member, most="3")
    page = await look(member, address)
    assert "Tuesday, 08:30 (UTC)" in page and "0 of 3 times" in page and "the same 2 people" in page
    assert 3 == len(re.findall(r"<li><time", page))
    (row,) = Series.select()
    series.make_due(settings, row.next_at)
    (job,) = Job.select()
    assert f'<a href="/app/jobs/{job.id}">Campaign {job.id}</a>' in await look(member, address)
    for what, state in (("pause", "paused"), ("resume", "active"), ("end", "ended")):
        await post(member, f"{address}/{what}", again=True)
        assert f"{state}</span></h1>" in await look(member, address)
    assert f'href="{address}"' in await look(member, "/app/series")


async def test_what_is_missing_in_the_form_is_said(member: Client) -> None:
    """At the step, with what was entered still there."""
    base = await with_message(member)
    given = {"start": "weekly", "zone": "UTC", "time": "08:30", "delay_min": "1", "delay_max": "2"}
    assert "Tick at least one weekday." == await refused(member, f"{base}/when", 422, **given)
    given["day"] = "3"
    assert "time of day" in await refused(member, f"{base}/when", 422, **given | {"time": "soon"})
    assert "last day" in await refused(member, f"{base}/when", 422, **given, until="never")
    assert "No run is left" in await refused(member, f"{base}/when", 422, **given, until="2001-01-01")


async def test_the_api_shows_and_ends_it(member: Client) -> None:
    """As the page does."""
    directory.open_account("default", clock.now_ms())
    address = await begun(member)
    path, headers = address.removeprefix("/app"), {"X-API-KEY": KEY}
    shown = await (await member.get(path, headers=headers)).json()
    assert ([1], "08:30", "active", 2, 5) == (
        shown["days"], shown["time"], shown["state"], shown["people"], len(shown["next"]),
    )  # fmt: skip
    assert [shown] == (await (await member.get("/series", headers=headers)).json())["series"]
    for what in ("pause", "resume", "end"):
        answer = await member.post(f"{path}/{what}", headers=headers)
        assert 200 == answer.status
    assert SeriesState.ENDED == (await answer.json())["state"]
    assert 409 == (await member.post(f"{path}/resume", headers=headers)).status
    assert 404 == (await member.get("/series/99", headers=headers)).status


async def test_a_run_that_was_left_out_is_sent_when_somebody_asks(member: Client, settings: Settings) -> None:
    """Once, however often it is pressed; then the page leads to its campaign."""
    directory.open_account("default", clock.now_ms())
    address = await begun(member)
    (row,) = Series.select()
    series.make_due(settings, row.next_at + 2 * series.LATE_MS)
    assert 0 == Job.select().count()
    page = await look(member, address)
    assert "was left out" in page and "Send this run now" in page
    goals = {await post(member, f"{address}/run", again=True, at=str(row.next_at)) for _ in range(2)}
    (job,) = Job.select()
    assert {f"/app/jobs/{job.id}"} == goals and 2 == job.total
    page = await look(member, address)
    assert f"Campaign {job.id}" in page and "Send this run now" not in page
    response = await send(member, f"{address}/run", again=True, at="5")
    assert 404 == response.status
    assert 'href="/app/series"' in await look(member, "/app")
