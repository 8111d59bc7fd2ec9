"""Filters and pages, as a client asks for them."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.accounts import directory
from daemon.api import paging
from daemon.api.refusals import Why
from daemon.config import Settings
from daemon.db import clock
from daemon.errors import InvalidInput
from daemon.states import Role
from tests.http.conftest import Caller


async def pages(api: Caller, path: str, name: str, limit: int) -> list[Any]:
    """All rows of a list, page by page."""
    found: list[Any] = []
    cursor = ""
    while True:
        page = await api.get(f"{path}limit={limit}&cursor={cursor}")
        found += page[name]
        assert len(page[name]) <= limit
        cursor = page["next_cursor"]
        if cursor is None:
            return found


@pytest.mark.parametrize("path", ["/lists", "/templates", "/accounts", "/series"])
async def test_every_list_comes_in_pages(api: Caller, settings: Settings, path: str) -> None:
    """Whole, in order, without gap, whatever is added or deleted in between; found by words of the name."""
    names = ["alpha", "Beta", "beta", "gamma ray", "Émile"]
    name = path[1:]
    for each in names:
        if path == "/accounts":
            directory.open_account(each.replace(" ", "_"), clock.now_ms())
        elif path != "/series":
            await api.post(path, {"name": each, "text": "Hi"} if path == "/templates" else {"name": each})
    whole = (await api.get(path))[name]
    assert [] == whole if path == "/series" else 5 <= len(whole)
    for limit in (1, 2, 1000):
        assert whole == await pages(api, f"{path}?", name, limit)
    found = (await api.get(f"{path}?search=RAY"))[name]
    assert [each for each in whole if "ray" in each["name"]] == found
    if path in ("/lists", "/templates"):
        first = await api.get(f"{path}?limit=2")
        await api.ask("DELETE", f"{path}/{whole[1]['id']}")
        await api.post(path, {"name": "aaa", "text": "Hi"} if path == "/templates" else {"name": "aaa"})
        rest = await api.get(f"{path}?limit=10&cursor={first['next_cursor']}")
        assert whole[2:] == rest[name]


async def test_jobs_messages_and_people_are_found(api: Caller) -> None:
    """Times with their zone or as milliseconds; numbers in any notation."""
    order = {"numbers": ["+4915110000000"], "message": "Hi", "name": "Spring sale"}
    job = (await api.post("/send", order))["job_id"]
    await api.post("/suppressions", {"number": "+4915110000009", "reason": "asked"})

    async def count(path: str, **params: str) -> int:
        (rows,) = [value for value in (await api.get(path, params=params)).values() if isinstance(value, list)]
        return len(rows)

    now = clock.now_ms()
    for path in ("/jobs", "/suppressions"):
        assert (1, 0) == (await count(path, since=str(now - 60_000)), await count(path, until=str(now - 60_000)))
        assert (1, 0) == (await count(path, since="2020-01-01T00:00:00Z"), await count(path, until="2020-01-01T00:00Z"))
    assert (1, 0) == (await count("/jobs", state="pending"), await count("/jobs", state="paused"))
    assert (1, 0) == (await count("/jobs", search="sale"), await count("/jobs", search="x", account="default"))
    assert (1, 0) == (
        await count("/messages", number="+49 151 10000000"),
        await count("/messages", number="+4915110000001"),
    )
    assert (0, 1) == (await count("/messages"), await count("/messages", state="pending", account="default"))
    assert (1, 0) == (
        await count("/suppressions", number="+49 (0)151 10000009"),
        await count("/suppressions", source="x"),
    )
    assert (1, 0) == (
        await count("/suppressions", source="api"),
        await count("/replies", account="default", number="+4915110000000"),
    )
    assert 1 == await count("/jobs", since="2020-01-01T00:00:00 01:00"), "a plus that a form has made a space"
    assert job == (await api.get("/jobs", params={"search": "spring"}))["jobs"][0]["job_id"]
    await api.get("/messages", 422, params={"number": "nobody"})


async def test_a_stranger_finds_nothing_out_by_filters(api: Caller, stranger: Caller) -> None:
    """They are told no names: so they may not ask for some."""
    await api.post("/send", {"numbers": ["+4915110000000"], "message": "Hi", "name": "Secret"})
    for params in ({"search": "Secret"}, {"account": "default"}):
        assert "no_key" == (await stranger.get("/jobs", 401, params=params))["code"]
    assert 1 == len((await stranger.get("/jobs", params={"state": "pending"}))["jobs"])


async def test_who_sees_numbers_masked_cannot_search_for_them(browser: Any) -> None:
    """Each answer would tell whether a number is there."""
    viewer = await browser(Role.VIEWER)
    for path in ("/messages", "/replies"):
        response = await viewer.get(path, params={"number": "+4915110000000"})
        assert (422, "search_of_hidden_numbers") == (response.status, (await response.json())["code"])


@pytest.mark.parametrize("cursor", ["W10", "eyJhIjoxfQ", "WzFd", "W251bGxd", "_", "bm8", "WyJhIiwieCJd"])
def test_a_cursor_of_another_list_is_refused(cursor: str) -> None:
    """Or passes over nothing, where it could be one of this list's."""
    rows = [("a", 1), ("b", 2)]
    try:
        found, _ = paging.page(rows, lambda row: row, cursor, 10)
    except InvalidInput as error:
        assert Why.VALUE_UNFIT == error.told.code
    else:
        assert rows == found
