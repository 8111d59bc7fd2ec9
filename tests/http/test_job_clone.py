"""A clone of a campaign."""

from __future__ import annotations

import re

from daemon.auth import keys
from daemon.campaigns import drafts, dry_run, lifecycle
from daemon.campaigns.draft_content import When
from daemon.config import Settings
from daemon.contacts import importer, lists
from daemon.db import clock
from daemon.delivery import moves
from daemon.models import Draft, Job, Message, Reply
from daemon.states import Ack, Scope
from tests.http.conftest import KEY
from tests.support.job_page import Client, campaign, fail_one, look, post, send_one, take
from tests.support.keyed import terms

# A clone


async def clone(member: Client, job_id: int, people: str, draft_id: str = "a" * 32) -> Draft:
    response = await post(member, f"/app/jobs/{job_id}/clone", id=draft_id, people=people)
    assert (303, f"/app/drafts/{draft_id}/message") == (response.status, response.headers["Location"])
    return drafts.find(draft_id)


async def test_a_clone_is_a_draft_with_all_of_it(member: Client, settings: Settings) -> None:
    """Text, pace, window, cap and people; started, it remembers what it comes from."""
    job_id = campaign(settings, 3, delay_min=2, delay_max=5, window="08:00-20:00", daily_cap=50)

    draft = await clone(member, job_id, "all")

    assert "Hi {{ name }}" in await look(member, f"/app/drafts/{draft.id}/message")
    when = When(account="default", delay_min=2, delay_max=5, window="08:00-20:00", daily_cap=50)
    assert when == draft.data.when
    found = drafts.people(draft)
    originals = list(Message.select().where(Message.job == job_id).order_by(Message.id))
    assert [(row.number, row.fields) for row in originals] == [(each.number, each.fields) for each in found]
    draft = dry_run.run(settings, draft.id, draft.version, 7, False, clock.now_ms())
    made = drafts.start(settings, draft.id, draft.version, "test", clock.now_ms())
    assert (job_id, 3, "Greeting") == (Job.get_by_id(made).cloned_from, Job.get_by_id(made).total, draft.name)
    assert f'href="/app/jobs/{job_id}"' in await look(member, f"/app/jobs/{made}?tab=settings")


async def test_a_clone_for_those_who_did_not_get_it(member: Client, settings: Settings) -> None:
    """Failed ones, or also cancelled ones; never somebody who got it, or may have."""
    job_id = campaign(settings, 6)
    send_one()
    fail_one()
    moves.lose(take(), "unknown", clock.now_ms())
    lifecycle.stop(job_id, "test", clock.now_ms())

    failed = drafts.people(await clone(member, job_id, "failed", "b" * 32))
    unreached = drafts.people(await clone(member, job_id, "unreached", "c" * 32))

    assert ["Person 1"] == [each.fields["name"] for each in failed]
    assert ["Person 1", "Person 3", "Person 4", "Person 5"] == [each.fields["name"] for each in unreached]


async def test_groups_by_what_came_back(member: Client, settings: Settings) -> None:
    """Read, answered: each choice says how many it has now, and makes a draft of these."""
    job_id = campaign(settings, 5)
    send_one(Ack.READ)
    for _ in range(2):
        send_one()
    first, *_ = Message.select().where(Message.job == job_id).order_by(Message.id)
    said = {"account": "default", "number": first.number, "person": first.person, "text": "Yes", "key": "r1"}
    Reply.create(**said, at=clock.now_ms(), message=first)
    page = await look(member, f"/app/jobs/{job_id}")
    shown = dict(re.findall(r'<option [^>]*value="(\w+)"[^>]*>[^<(]+\((\d+)\)', page))
    assert {"all": "5", "unread": "2", "unanswered": "2", "replied": "1"} == shown
    names = {
        people: [each.fields["name"] for each in drafts.people(await clone(member, job_id, people, f"{at}" * 32))]
        for at, people in enumerate(shown)
    }
    others = ["Person 1", "Person 2"]
    assert {"unread": others, "unanswered": others, "replied": ["Person 0"]} == {
        people: names[people] for people in ("unread", "unanswered", "replied")
    }


async def test_people_on_a_list_are_left_out(member: Client, settings: Settings) -> None:
    """Whichever way their number is written; other lists are other drafts."""
    job_id = campaign(settings, 3)
    second = list(Message.select().where(Message.job == job_id).order_by(Message.id))[1]
    kept, _ = lists.create_list("Paid", importer.parse_numbers([second.number], ""), clock.now_ms())
    assert f'value="{kept.id}">Paid (1)</option>' in await look(member, f"/app/jobs/{job_id}")

    where = (await post(member, f"/app/jobs/{job_id}/clone", id="e" * 32, people="all", but=str(kept.id))).headers
    found = drafts.people(drafts.find(where["Location"].split("/")[3]))
    assert ["Person 0", "Person 2"] == [each.fields["name"] for each in found]
    assert 404 == (await post(member, f"/app/jobs/{job_id}/clone", id="f" * 32, people="all", but="99")).status


async def test_a_duplicate_is_tried_first(member: Client, settings: Settings) -> None:
    """Nothing is stored, and the answer is that of a dry run of /send; a test key can do no more than that."""
    job_id = campaign(settings, 2)
    jobs = Job.select().count()
    secret = keys.create(terms("trial", Scope.SEND, test=True), "test", clock.now_ms()).secret
    for key, body in ((KEY, {"people": "all", "dry_run": True}), (secret, {"people": "all"})):
        response = await member.post(f"/jobs/{job_id}/duplicate", json=body, headers={"X-API-KEY": key})
        tried = await response.json()
        assert (200, True, None, 2) == (response.status, tried["dry_run"], tried["job_id"], tried["total_numbers"])
    assert jobs == Job.select().count()


async def test_the_api_duplicates_a_job_once(member: Client, settings: Settings) -> None:
    """As a job of its own, with another text; a repeat with the same key makes no second one."""
    job_id = campaign(settings, 3)
    fail_one()
    headers = {"X-API-KEY": KEY, "Idempotency-Key": "again"}
    body = {"people": "failed", "message": "Once more, {{ name }}"}
    first, again = [
        await (await member.post(f"/jobs/{job_id}/duplicate", json=body, headers=headers)).json() for _ in range(2)
    ]
    assert first == again
    made = Job.get_by_id(first["job_id"])
    assert (job_id, 1, "Once more, {{ name }}") == (made.cloned_from, made.total, made.text)
    assert ["Person 0"] == [row.fields["name"] for row in Message.select().where(Message.job == made)]
    refused = await member.post(f"/jobs/{job_id}/duplicate", json={"people": "replied"}, headers={"X-API-KEY": KEY})
    assert (422, "group_empty") == (refused.status, (await refused.json())["code"])


async def test_a_double_click_makes_one_clone(member: Client, settings: Settings) -> None:
    """The page gives the draft its id."""
    job_id = campaign(settings)
    (draft_id,) = re.findall(r'name="id" value="([0-9a-f]{32})"', await look(member, f"/app/jobs/{job_id}"))

    for _ in range(2):
        await clone(member, job_id, "all", draft_id)

    assert 1 == Draft.select().count()


async def test_other_people_chosen_after_back_are_another_draft(member: Client, settings: Settings) -> None:
    """The form still has the id of the first one, which has everybody in it."""
    job_id = campaign(settings, 3)
    fail_one()
    lifecycle.stop(job_id, "test", clock.now_ms())
    await clone(member, job_id, "all")
    wheres = {
        (await post(member, f"/app/jobs/{job_id}/clone", id="a" * 32, people="failed")).headers["Location"]
        for _ in range(2)
    }
    (where,) = wheres
    made = drafts.find(where.split("/")[3])
    assert 1 == len(drafts.people(made))
    assert (3, 2) == (len(drafts.people(drafts.find("a" * 32))), Draft.select().count())


async def test_a_clone_for_nobody_is_refused(member: Client, settings: Settings) -> None:
    """With what to do."""
    job_id = campaign(settings)

    for people in ("failed", "replied", "unanswered", "everyone"):
        assert 422 == (await post(member, f"/app/jobs/{job_id}/clone", id="d" * 32, people=people)).status
    assert 404 == (await post(member, "/app/jobs/999/clone", people="all")).status
    assert 0 == Draft.select().count()
