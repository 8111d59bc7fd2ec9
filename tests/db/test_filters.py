"""What is asked for by a filter is found, and nothing else; pages follow each other without gap."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.accounts import directory
from daemon.campaigns import create, lifecycle, queries
from daemon.config import Settings
from daemon.contacts import suppression
from daemon.contacts.person import Person
from daemon.delivery import replies
from daemon.models import Job, Message, Reply
from daemon.states import E164, JobState, PersonKey, State
from tests.conftest import NOW

BRAZIL, NINE = "+551181234567", "+5511981234567"  # two notations of one person


@pytest.fixture
def jobs(settings: Settings, database: str) -> list[int]:
    """Of two accounts, a minute apart: the second is paused, the third is of the other account."""
    for name in ("default", "other"):
        directory.open_account(name, NOW)
    made = []
    for at, (name, account) in enumerate((("Spring A", "default"), ("Spring B", "default"), ("Autumn", "other"))):
        people = [{"number": BRAZIL}, {"number": f"+49151123456{at}0"}]
        order = create.Order("Hi", recipients=people, name=name, account=account)
        made.append(create.create(settings, order, "test", NOW + at * 60_000).job_id)
    lifecycle.pause(made[1], "test", NOW)
    return made


def test_jobs(jobs: list[int]) -> None:
    """By state, account, words of the name and time, and by several at once."""
    first, second, third = jobs

    def found(**wanted: Any) -> list[int]:
        return [row.id for row in queries.jobs(None, 10, queries.Wanted(**wanted))[0]]

    assert [third, second, first] == found()
    assert [second] == found(state=JobState.PAUSED)
    assert [third] == found(account="other") and [] == found(account="nobody's")
    assert [second, first] == found(search="spring") and [second] == found(search="B spring")
    assert [third, second] == found(since=NOW + 60_000) and [first] == found(until=NOW + 60_000)
    assert [first] == found(search="spring", state=JobState.PENDING, account="default", until=NOW + 200_000)
    rows, after = queries.jobs(None, 1, queries.Wanted(search="spring"))
    more, end = queries.jobs(after, 1, queries.Wanted(search="spring"))
    assert ([second], [first], None) == ([row.id for row in rows], [row.id for row in more], end)


def test_messages_to_a_person(jobs: list[int]) -> None:
    """In any notation of their number, of all jobs; a job that is still being filled has none."""
    person = Person(E164(NINE)).key

    def found(**wanted: Any) -> list[int]:
        return [row.job_id for row in queries.messages_to(person, **wanted)[0]]

    assert jobs == found()
    assert jobs[:2] == found(account="default") and [] == found(account="nobody's")
    Message.update(state=State.FAILED).where(Message.job == jobs[2], Message.person == person).execute()
    assert jobs[2:] == found(state=State.FAILED)
    first, after = queries.messages_to(person, limit=2)
    rest, end = queries.messages_to(person, cursor=after, limit=2)
    assert (jobs[:2], jobs[2:], None) == ([row.job_id for row in first], [row.job_id for row in rest], end)
    Job.update(state="filling").where(Job.id == jobs[2]).execute()
    assert jobs[:2] == found()


@pytest.mark.parametrize("few", [queries.FEW, 0], ids=["few", "many"])
def test_messages_of_an_account(jobs: list[int], monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """In one state, whichever way they are looked up."""
    monkeypatch.setattr(queries, "FEW", few)
    for account, expected in (("default", jobs[:2]), ("other", jobs[2:]), ("nobody's", [])):
        rows, _ = queries.messages_everywhere("pending", None, account=account)
        assert expected == sorted({row.job_id for row in rows})


@pytest.mark.parametrize("few", [replies.LOOKED_UP, 0], ids=["few", "many"])
def test_replies(jobs: list[int], monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """By account, person and time, whichever way they are looked up."""
    monkeypatch.setattr(replies, "LOOKED_UP", few)
    for at, (account, number) in enumerate((("default", BRAZIL), ("other", NINE), ("other", "+4915112345610"))):
        person = Person(E164(number)).key
        Reply.create(account=account, number=number, person=person, text="Yes", at=NOW + at, key=str(at))

    def found(**wanted: Any) -> list[str]:
        return [row.account + row.number for row in replies.page(None, NOW + 10, wanted=replies.Wanted(**wanted))[0]]

    person = Person(E164(NINE)).key
    assert 2 == len(found(account="other")) and [] == found(account="nobody's")
    assert [f"other{NINE}", f"default{BRAZIL}"] == found(person=person)
    assert [f"default{BRAZIL}"] == found(person=person, account="default")
    assert [f"other{NINE}"] == found(since=NOW + 1, until=NOW + 2)


def test_the_suppression_list(settings: Settings, database: str) -> None:
    """By person, source and time."""
    for at, (number, who) in enumerate(((BRAZIL, "ada"), ("+4915112345610", "bob"), ("+4915112345620", "ada"))):
        suppression.suppress(settings, number, "asked", who, NOW + at)

    def found(**wanted: Any) -> list[str]:
        return [row.number for row in suppression.page(wanted=suppression.Wanted(**wanted))[0]]

    assert [BRAZIL] == found(person=PersonKey(Person(E164(NINE)).key))
    assert ["+4915112345620", BRAZIL] == found(source="ada")
    assert ["+4915112345610"] == found(since=NOW + 1, until=NOW + 2)
    assert [] == found(source="ada", since=NOW + 3)
