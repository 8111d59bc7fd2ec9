"""Requests as people write them, from tests/unit/cases: what is meant is done, or said in one plain sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CASES = Path(__file__).parents[1] / "unit" / "cases"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
TAKEN = [  # file, how many people, how many were named twice
    ("bom.json", 1, 0),
    ("send-brazil.json", 1, 1),
    ("send-mexico-argentina.json", 2, 2),
]
REFUSED = [  # file, its media type, status, what the sentence names
    ("form.txt", FORM, 400, ("application/json", FORM)),
    ("schedule-naive.json", JSON, 422, ("schedule_at", "zone")),
]


@pytest.mark.parametrize(("name", "people", "twice"), TAKEN)
async def test_what_is_meant_is_done(api: Any, name: str, people: int, twice: int) -> None:
    """One recipient for each person, in whichever notation; a mark before the text does no harm."""
    answer = await api.post("/send", data=(CASES / name).read_bytes(), headers={"Content-Type": JSON})

    assert (people, twice, []) == (answer["total_numbers"], answer["duplicates_removed"], answer["rejected"])


@pytest.mark.parametrize(("name", "kind", "status", "words"), REFUSED)
async def test_what_is_refused_says_what_to_do(api: Any, name: str, kind: str, status: int, words: tuple[str]) -> None:
    """Whatever is missing or came instead."""
    data = (CASES / name).read_bytes()
    detail = (await api.ask("POST", "/send", status, data=data, headers={"Content-Type": kind}))["detail"]

    for word in words:
        assert word in detail
