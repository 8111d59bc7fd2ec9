"""What a draft holds as JSON: kept and loaded whole, also what earlier versions have kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daemon import errors
from daemon.campaigns import draft_content
from daemon.campaigns.draft_content import (
    ChosenColumns,
    ChosenNumbers,
    Content,
    Exclusion,
    Reason,
    Recent,
    Report,
    SelfTest,
    SheetSize,
    Source,
    SourceKind,
    When,
)
from daemon.campaigns.exclusions import Detail, details

FULL = Content(
    source=Source(
        kind=SourceKind.LIST, name="Friends", list_id=3, sheet=1, sheets=(SheetSize("", 2), SheetSize("b", 5))
    ),
    columns=ChosenColumns(phone=0, header=0, names=("", "city"), files=None, sure=True),
    numbers=ChosenNumbers(country="DE", seen=True, accepted=("no_zero",), left=("landline",), fixes={"3": ""}),
    text="Hi {{ city }}",
    attachments=("a1",),
    files={"anna.pdf": "a2"},
    files_optional=True,
    when=When(account="default", delay_min=1.5, delay_max=2, window="09:00-18:00", daily_cap=5, at=7, zone="UTC"),
    recent=Recent(days=7, leave_out=False),
    test=SelfTest(number="+4915111111111", job=4),
    cloned_from=2,
    stamp="x",
    origin="list 3",
    started=True,
)
EARLIER = {
    "source": {"kind": "list", "name": "Friends", "list": 3, "sheet": 1, "sheets": [["", 2], ["b", 5]]},
    "columns": {"phone": 0, "header": 0, "names": ["", "city"], "files": None, "sure": True},
    "numbers": {"country": "DE", "seen": True, "accepted": ["no_zero"], "left": ["landline"], "fixes": {"3": ""}},
    "text": "Hi {{ city }}",
    "attachments": ["a1"],
    "files": {"anna.pdf": "a2"},
    "files_optional": True,
    "when": {
        "account": "default", "delay_min": 1.5, "delay_max": 2.0, "window": "09:00-18:00", "daily_cap": 5,
        "zone": "UTC", "at": 7,
    },
    "recent": {"days": 7, "leave_out": False},
    "test": {"number": "+4915111111111", "job": 4},
    "cloned_from": 2,
    "stamp": "x",
    "origin": "list 3",
    "started": True,
}  # fmt: skip


def test_every_field_comes_back() -> None:
    assert FULL == draft_content.load(json.loads(json.dumps(draft_content.dump(FULL))))


def test_what_earlier_versions_have_kept() -> None:
    assert FULL == draft_content.load(EARLIER)


@pytest.mark.parametrize(
    "kept",
    [{}, {"text": "Hi"}, {"when": None, "source": None}, {"when": {"account": None, "at": None}}, {"unknown": [1]}],
)
def test_what_is_missing_has_its_default(kept: dict[str, object]) -> None:
    found = draft_content.load(kept)
    assert (kept.get("text"), None, ()) == (found.text, found.source, found.attachments)


def test_a_later_version_is_refused() -> None:
    with pytest.raises(errors.InvalidInput, match="newer version"):
        draft_content.load({"format": draft_content.FORMAT + 1})


def test_a_report_of_an_earlier_version() -> None:
    kept: dict[str, Any] = {
        "at": 1, "total": 2, "people": 1, "counts": {"recent": 1}, "left_out": [[2, "+49151", "recent", "Lately."]],
        "warnings": {"recent": 1, "landline": 0}, "starts": None, "why": "ready", "ends": None, "jobs": 0,
        "messages": 0, "version": 5,
    }  # fmt: skip
    found = Report.model_validate(kept)
    told = details(Detail.UNTOLD, sentence="Lately.")
    assert ((Exclusion(2, "+49151", Reason.RECENT, told),), {Reason.RECENT: 1}) == (found.left_out, found.counts)
    assert "Lately." == str(told)
    kept["warnings"] |= {"fresh": 0, "messages": 1, "unrecorded": 0}
    kept |= {"first_due": None, "last_due": None}
    assert kept == found.model_dump(mode="json")
