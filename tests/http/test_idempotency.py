"""A write that is asked for twice with one key happens once: on every endpoint that writes and answers in JSON."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from daemon import models
from daemon.api import endpoint
from daemon.campaigns import idempotency
from daemon.campaigns.idempotency import Once
from daemon.contacts import suppression, unfinished_lists
from daemon.models import Attachment, ContactList, Job, KeptAnswer, ListEntry, Message, Suppression, Template, Upload
from daemon.server.visitors import SETTINGS
from daemon.states import Role
from tests.http.conftest import KEY, Caller, form
from tests.support.signing_in import session_of

NUMBERS = ["+4915110000000", "+4915110000001"]
SEND = {"numbers": NUMBERS, "message": "Hi"}
KEYED = {"Idempotency-Key": "k-1"}
REUSED = "urn:wasender:problem:idempotency-key-reused"


async def twice(api: Caller, method: str, path: str, body: Any = None) -> Any:
    """The answer, which is the same both times."""
    what = {} if body is None else {"json": body}
    first = await api.ask(method, path, headers=KEYED, **what)
    assert first == await api.ask(method, path, headers=KEYED, **what)
    return first


async def test_every_write_that_answers_in_json_takes_a_key() -> None:
    """By the declaration, uploads and forms too. What Meta tells twice is known by the ids in it."""
    writes = {f"{each.method} {each.path}" for each in endpoint.REGISTRY if each.method != "GET"}
    writes -= {"POST /webhooks/cloud"}
    keyed = {f"{each.method} {each.path}" for each in endpoint.REGISTRY if each.idempotent}

    assert writes == keyed


async def test_each_kind_of_write_happens_once(api: Caller) -> None:
    """Where a second one would be refused, or do something else."""
    job_id = (await twice(api, "POST", "/send", SEND))["job_id"]
    assert "paused" == (await twice(api, "POST", f"/pause/{job_id}"))["status"]
    await twice(api, "POST", f"/resume/{job_id}")
    assert 2 == (await twice(api, "POST", f"/stop/{job_id}"))["cancelled"]
    template = await twice(api, "POST", "/templates", {"name": "Sale", "text": "Hi"})
    await twice(api, "PUT", f"/templates/{template['id']}", {"name": "Sale", "text": "Bye"})
    await twice(api, "DELETE", f"/templates/{template['id']}")
    people = await twice(api, "POST", "/lists", {"name": "Guests", "numbers": NUMBERS[:1]})
    assert 1 == (await twice(api, "POST", f"/lists/{people['id']}/entries", {"numbers": NUMBERS}))["added"]
    assert 2 == (await twice(api, "DELETE", f"/lists/{people['id']}/entries", {"numbers": NUMBERS}))["removed"]
    await twice(api, "POST", "/suppressions", {"number": NUMBERS[0]})
    await twice(api, "DELETE", "/suppressions", {"number": NUMBERS[0]})

    assert (1, 0, 1, 0) == tuple(table.select().count() for table in (Job, Template, ContactList, Suppression))


@pytest.mark.parametrize(
    ("path", "body", "other"),
    [
        ("/send", SEND, SEND | {"message": "Hello"}),
        ("/lists", {"name": "A"}, {"name": "B"}),
        ("/suppressions", {"number": NUMBERS[0]}, {"number": NUMBERS[1]}),
        ("/templates", {"name": "A", "text": "Hi"}, {"name": "A", "text": "Hi", "attachments": ["x"]}),
    ],
)
async def test_a_key_of_another_request_is_refused(api: Caller, path: str, body: Any, other: Any) -> None:
    """With a body that says something else; not with one that says the same in another order."""
    first = await api.post(path, body, headers=KEYED)
    assert REUSED == (await api.post(path, other, 409, headers=KEYED))["type"]
    assert first == await api.post(path, dict(reversed(body.items())), headers=KEYED)


async def test_a_key_is_for_one_job(api: Caller) -> None:
    """What the path names is a part of what was asked."""
    jobs = [(await api.post("/send", SEND))["job_id"] for _ in range(2)]
    await api.post(f"/pause/{jobs[0]}", headers=KEYED)

    assert REUSED == (await api.post(f"/pause/{jobs[1]}", status=409, headers=KEYED))["type"]
    assert "paused" != (await api.get(f"/status/{jobs[1]}"))["status"]


async def test_operations_and_callers_have_keys_of_their_own(api: Caller, client: Any) -> None:
    """The same key at another address, or of somebody else, is another key."""
    await api.post("/send", SEND, headers=KEYED)
    await api.post("/templates", {"name": "A", "text": "Hi"}, headers=KEYED)
    operator = session_of(Role.OPERATOR) | KEYED
    response = await client.post("/send", json=SEND | {"message": "From the operator"}, headers=operator)

    assert 200 == response.status
    assert 2 == Job.select().count()
    assert {"api", "the operator"} == {row.caller for row in KeptAnswer.select()}


@pytest.mark.parametrize("key", ["x" * 256, "schlüssel", ""])
@pytest.mark.parametrize("path", ["/send", "/lists", "/pause/1"])
async def test_a_key_that_is_none_is_refused_everywhere(api: Caller, path: str, key: str) -> None:
    """1 to 255 ASCII characters, and nothing happens."""
    body = {"name": "A"} if path == "/lists" else SEND
    detail = (await api.post(path, body, 422, headers={"Idempotency-Key": key}))["detail"]
    assert "1 to 255" in detail
    assert (0, 0) == (Job.select().count(), ContactList.select().count())


async def test_what_was_refused_may_be_mended_under_the_same_key(api: Caller) -> None:
    """Only success is kept."""
    await api.post("/templates", {"name": "A", "text": "{{"}, 422, headers=KEYED)
    assert 0 == KeptAnswer.select().count()
    await api.post("/templates", {"name": "A", "text": "Hi"}, headers=KEYED)


async def test_an_answer_is_kept_for_seven_days(api: Caller) -> None:
    """Then what was kept is deleted by the hourly work, and the key is a new one."""
    first = await api.post("/send", SEND, headers=KEYED)
    kept = KeptAnswer.get()
    KeptAnswer.update(created_at=kept.created_at - idempotency.KEEP_MS + 60_000).execute()
    assert first == await api.post("/send", SEND, headers=KEYED)
    KeptAnswer.update(created_at=kept.created_at - idempotency.KEEP_MS - 1).execute()
    await api.post("/send", SEND, headers={"Idempotency-Key": "k-2"})
    assert 1 == idempotency.prune(kept.created_at)

    assert ["k-2"] == [row.key for row in KeptAnswer.select()]
    again = await api.post("/send", SEND | {"message": "Another week"}, headers=KEYED)
    assert first["job_id"] != again["job_id"]


async def test_at_the_same_time_it_happens_once(api: Caller) -> None:
    """Whichever comes first; the others get its answer."""
    body = {"name": "Guests", "numbers": NUMBERS}
    answers = await asyncio.gather(*(api.post("/lists", body, headers=KEYED) for _ in range(5)))

    assert all(answer == answers[0] for answer in answers)
    assert 1 == ContactList.select().count()


async def test_a_list_of_many_is_there_with_its_answer(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stored in chunks, it is a list by the transaction that keeps the answer; so is it put on, and deleted."""

    def broken(**_: Any) -> Any:
        raise RuntimeError("the process dies here")

    monkeypatch.setattr(unfinished_lists, "CHUNK", 1)
    body = {"name": "Guests", "numbers": NUMBERS}
    with monkeypatch.context() as patch:
        patch.setattr(models.KeptAnswer, "update", broken)
        assert 500 == (await api.send("POST", "/lists", json=body, headers=KEYED)).status
    assert (0, 0) == (ContactList.select().count(), KeptAnswer.select().count())
    made = await twice(api, "POST", "/lists", body)
    path = f"/lists/{made['id']}"
    assert (2, 2) == (made["people"], (await api.get(path))["people"])
    more = {"numbers": [*NUMBERS, "+4915110000002", "+4915110000003"]}
    added = await twice(api, "POST", f"{path}/entries", more)
    assert (2, 2) == (added["added"], added["already_there"])
    await twice(api, "DELETE", path)
    assert (0, 0) == (ContactList.select().count(), ListEntry.select().count())


async def test_a_list_of_many_that_another_host_has_made_is_the_answer(
    api: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is done between the two looks of this one: at what was answered, and whether the name is free."""
    monkeypatch.setattr(unfinished_lists, "CHUNK", 1)
    body = {"name": "Guests", "numbers": NUMBERS}
    first = await api.post("/lists", body, headers=KEYED)
    look, looks = Once.look, [0]

    def late(once: Once) -> None:
        looks[0] += 1
        if looks[0] > 1:
            look(once)

    monkeypatch.setattr(Once, "look", late)
    assert first == await api.post("/lists", body, headers=KEYED)


async def test_a_repeat_tells_no_secret_of_a_webhook(api: Caller) -> None:
    """As of keys: it was shown once, and is not in the answer that is kept."""
    made = await api.post("/webhooks", {"url": "https://example.org/"}, headers=KEYED)
    again = await api.post("/webhooks", {"url": "https://example.org/"}, headers=KEYED)
    assert made["secret"].startswith("whsec_") and made | {"secret": None} == again
    path = f"/webhooks/{made['webhook_id']}/rotate"
    fresh, repeated = [await api.post(path, headers=KEYED) for _ in range(2)]
    assert fresh["secret"].startswith("whsec_") and fresh | {"secret": None} == repeated
    assert "whsec_" not in str([row.__data__ for row in KeptAnswer.select()])


async def test_a_crash_keeps_both_or_neither(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is kept in the transaction of the work."""

    def broken(*_: Any) -> Any:
        raise RuntimeError("the process dies here")

    with monkeypatch.context() as patch:
        patch.setattr(models.KeptAnswer, "update", broken)
        assert 500 == (await api.send("POST", "/send", json=SEND, headers=KEYED)).status
    assert (0, 0, 0) == (Job.select().count(), Message.select().count(), KeptAnswer.select().count())
    await api.post("/send", SEND, headers=KEYED)
    assert 1 == Job.select().count()


async def test_a_stranger_gets_no_answer_by_a_key(api: Caller, stranger: Caller) -> None:
    """Who may not ask is not answered, whatever they guess."""
    await api.post("/suppressions", {"number": NUMBERS[0]}, headers=KEYED)
    await stranger.post("/suppressions", {"number": NUMBERS[0]}, 401, headers=KEYED)
    assert {NUMBERS[0]} == suppression.among(NUMBERS)
    assert KEY not in str([row.__data__ for row in KeptAnswer.select()])


# Files: the key goes with a digest of what they hold

CSV = b"phone\n+4915110000000\n+4915110000001\n"
FILES = [("/upload", CSV), ("/upload_attachment", b"%PDF-1.4 a picture"), ("/suppressions/import", CSV)]


@pytest.mark.parametrize(("path", "data"), FILES)
async def test_a_file_sent_again_with_its_key_is_stored_once(api: Caller, path: str, data: bytes) -> None:
    """One after the other and at the same time; what is stored of it, and the files in the folder, are there once."""
    first = await api.post(path, data=form(data, "a.csv"), headers=KEYED)
    rest = await asyncio.gather(*(api.post(path, data=form(data, "a.csv"), headers=KEYED) for _ in range(4)))
    fresh = {"Idempotency-Key": "k-2"}
    others = await asyncio.gather(*(api.post(path, data=form(data, "a.csv"), headers=fresh) for _ in range(4)))

    assert [first] * 4 == rest
    assert 1 == len({str(each) for each in others})
    stored = {"/upload": Upload, "/upload_attachment": Attachment}.get(path)
    assert stored is None or 2 == stored.select().count()
    folder = api.client.app[SETTINGS].data_dir / "attachments"
    assert path != "/upload_attachment" or 2 == len(list(folder.iterdir()))
    assert path != "/suppressions/import" or 2 == Suppression.select().count()
    assert 2 == KeptAnswer.select().count()


@pytest.mark.parametrize(("path", "data"), FILES)
async def test_another_file_with_that_key_is_refused(api: Caller, path: str, data: bytes) -> None:
    """By its content, its name, and what is said of it."""
    await api.post(path, data=form(data, "a.csv"), headers=KEYED)
    others = [(form(data + b"\n", "a.csv"), ""), (form(data, "b.csv"), "")]
    if path != "/upload_attachment":
        others.append((form(data, "a.csv"), "?encoding=utf-8"))
    for other, query in others:
        assert REUSED == (await api.post(path + query, data=other, headers=KEYED, status=409))["type"]


async def test_a_file_that_was_refused_may_be_mended_under_its_key(api: Caller) -> None:
    await api.post("/upload_attachment", data=form(b"", "a.pdf"), headers=KEYED, status=422)
    await api.post("/upload", data=form(b"name\nAnna\n", "a.csv"), headers=KEYED, status=422)
    assert not KeptAnswer.select().exists()
    await api.post("/upload", data=form(CSV, "a.csv"), headers=KEYED)
