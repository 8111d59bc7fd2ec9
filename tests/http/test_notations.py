"""One person in two notations, by the API: sent to once, suppressed and found by either."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from daemon.campaigns import create
from daemon.db import clock
from daemon.models import Message
from tests.support.drafting import look, map_columns, with_people

SAO_PAULO = ("+551187654321", "+5511987654321")
REQUESTS: list[tuple[list[Any], int, int]] = [  # numbers, people, duplicates
    (["+5511987654321", "+551187654321"], 1, 1),
    (["+5215550000101", "+525550000101", "+541166773399", "+5491166773399"], 2, 2),
    (["+22997123456", "+2290197123456", "+22507123456", "+2250707123456", "+551132345678"], 3, 2),
]


@pytest.mark.parametrize(("numbers", "people", "duplicates"), REQUESTS)
@pytest.mark.parametrize("shape", ["numbers", "recipients"])
async def test_a_request_is_for_people(api: Any, shape: str, numbers: list[Any], people: int, duplicates: int) -> None:
    """As many as there are; the first notation of each is written to and answered."""
    given = numbers if shape == "numbers" else [{"number": number} for number in numbers]
    answer = await api.post("/send", {shape: given, "message": "hi"})
    rows = (await api.get(f"/jobs/{answer['job_id']}/messages"))["messages"]

    assert (people, duplicates, []) == (answer["total_numbers"], answer["duplicates_removed"], answer["rejected"])
    assert [row["number"] for row in rows] == [number for number in numbers if number in {r["number"] for r in rows}]
    assert "person" not in rows[0]


@pytest.mark.parametrize(("one", "other"), [SAO_PAULO, SAO_PAULO[::-1]])
async def test_a_person_is_suppressed_found_and_removed_by_either_notation(api: Any, one: str, other: str) -> None:
    """The names of the answer stay, and so does the number as it was given."""
    first = await api.post("/suppressions", {"number": one, "reason": "asked"})
    again = await api.post("/suppressions", {"number": other, "reason": "asked again"})
    assert {"success", "number", "reason", "source", "created_at", "confirmed_at"} == set(first)
    assert (one, first) == (first["number"], again)

    found = await api.get("/suppressions", params={"search": other})
    assert [one] == [row["number"] for row in found["suppressions"]]
    job = await api.post("/send", {"numbers": [other], "message": "hi"})
    assert [other] == [row.number for row in Message.select().where(Message.job == job["job_id"])]
    await api.ask("DELETE", "/suppressions", json={"number": other, "reason": "wants news again"})
    assert [] == (await api.get("/suppressions"))["suppressions"]


async def test_a_list_takes_a_person_once_and_gives_them_up_by_either_notation(api: Any) -> None:
    """Added, found, removed."""
    former, today = SAO_PAULO
    made = await api.post("/lists", {"name": "Guests", "numbers": [today, former, "+4915110000000"]})
    place = f"/lists/{made['id']}/entries"

    assert (2, 1) == (made["added"], made["duplicates_removed"])
    assert [today] == [row["number"] for row in (await api.get(f"{place}?search=1187654321"))["entries"]]
    assert 1 == (await api.ask("DELETE", place, json={"numbers": [former]}))["removed"]


async def test_the_page_counts_and_finds_people(member: Any, settings: Any) -> None:
    """A sheet's duplicates before the dry run; a campaign's recipients by the notation somebody has before them."""
    sheet = "name;phone\nAnna;+54 11 6677-3399\nAnna;+54 9 11 6677-3399\nBen;+4915110000001\n"
    base = await with_people(member, sheet)
    await map_columns(member, base)
    assert "1 is a duplicate" in await look(member, f"{base}/numbers")

    order = create.Order("Hello", recipients=[{"number": SAO_PAULO[0], "name": "Ana"}, {"number": "+5511912345678"}])
    job_id = create.create(settings, order, "test", clock.now_ms()).job_id
    for search in ("+55 11 98765-4321", "11 8765-4321"):
        page = await look(member, f"/app/jobs/{job_id}?search={quote(search)}")
        assert SAO_PAULO[0] in page and "+5511912345678" not in page
