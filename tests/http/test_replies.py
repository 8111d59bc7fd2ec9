"""Replies by API and page: of the last 30 days, with the campaign they answer, as each role may see them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from daemon.accounts import directory, pacing
from daemon.auth import sessions, users
from daemon.campaigns import create
from daemon.contacts import suppression
from daemon.db import clock
from daemon.delivery import claim, moves, replies, unmatched, windows
from daemon.models import Message, Reply, UnmatchedChat
from daemon.server.visitors import COOKIE
from daemon.states import E164, Ack, Role
from daemon.transports.protocol import Heard, Mark, Receipt, Said, Unread
from tests.support.signing_in import submit

HTML = {"Accept": "text/html"}
ONE, TWO = "+4915110000001", "+4915110000002"
NONE: frozenset[str] = frozenset()


@pytest.fixture
def job_id(settings: Any, database: str) -> int:
    """A campaign that two people have got."""
    people = [{"number": ONE, "name": "Anna <b>"}, {"number": TWO, "name": "Ben"}]
    order = create.Order("Hi {{ name }}", recipients=people, name="Spring & more")
    made = int(create.create(settings, order, "test", clock.now_ms()).job_id)
    directory.open_account("default", clock.now_ms())
    for n in range(2):
        (message,) = claim.claim("default", 1, clock.now_ms(), 60_000, pacing.Rules())
        moves.submit(message, Mark(None), clock.now_ms(), pacing.Gap(0, pacing.Why.PAUSE, 1))
        moves.confirm(message, Receipt(f"OWN{n}", Ack.SENT), clock.now_ms())
    return made


def answer(number: str, key: str, text: str, now: int | None = None) -> None:
    replies.take("default", Heard(number, (Said(key, False, text),)), NONE, now or clock.now_ms())


async def look(client: Any, path: str, role: Role = Role.OPERATOR, **headers: str) -> str:
    user = users.named("reader") or users.create("reader", role, "correct horse", "test", clock.now_ms())
    token = sessions.open_session(user, clock.now_ms()).token
    response = await client.get(path, headers=HTML | {"Cookie": f"{COOKIE}={token}"} | headers)
    assert 200 == response.status
    return str(await response.text())


async def test_replies_come_newest_first_with_what_they_answer(api: Any, job_id: int) -> None:
    """Filtered by STOP or by campaign, a page at a time."""
    answer(ONE, "A1", "Thanks!")
    answer(TWO, "B1", "STOP")
    answer(ONE, "A2", "When?")
    now = clock.now_ms()
    windows.wrote("default", windows.key_of(E164(TWO)), now, now)
    first = await api.get("/replies?limit=2")
    rest = await api.get(f"/replies?limit=2&cursor={first['next_cursor']}")

    assert ["When?", "STOP", "Thanks!"] == [each["text"] for each in first["replies"] + rest["replies"]]
    assert rest["next_cursor"] is None
    message = Message.get(Message.number == TWO)
    stop = {"account": "default", "number": TWO, "text": "STOP", "stop": True, "message_id": message.id}
    assert [None, now + windows.WINDOW_MS] == [each["free_text_until"] for each in first["replies"]]
    assert stop | {"job_id": job_id, "free_text_until": now + windows.WINDOW_MS} == {
        k: v for k, v in first["replies"][1].items() if k not in ("id", "at")
    }
    assert ["STOP"] == [each["text"] for each in (await api.get("/replies?stop=true"))["replies"]]
    assert 3 == len((await api.get(f"/replies?job_id={job_id}"))["replies"])
    assert [] == (await api.get(f"/replies?job_id={job_id + 1}"))["replies"]
    await api.get("/replies?cursor=x", 422)


async def test_older_ones_are_shown_no_more(api: Any, job_id: int) -> None:
    """Of the last 30 days; they are kept somewhat longer."""
    answer(ONE, "A1", "Long ago", clock.now_ms())
    Reply.update(at=clock.now_ms() - replies.ANSWERS_MS - 1).execute()

    assert [] == (await api.get("/replies"))["replies"]
    assert (0, 1) == (replies.count(job_id, clock.now_ms()), Reply.select().count())


async def test_the_page_shows_who_what_and_to_which_campaign(client: Any, job_id: int) -> None:
    """What people write is text, whatever it looks like; who is on the list already cannot be put there again."""
    answer(ONE, "A1", "<script>alert(1)</script>\nsecond line")
    answer(TWO, "B1", "STOP")
    text = await look(client, "/app/replies")

    assert "&lt;script&gt;alert(1)" in text and "<script>alert" not in text
    assert "Anna &lt;b&gt;" in text and "Spring &amp; more" in text and f"/app/jobs/{job_id}" in text
    assert 1 == text.count("Suppress this person")
    assert "on the suppression list" in text
    stops = await look(client, "/app/replies?show=stop")
    assert "Ben" in stops and "Anna" not in stops
    assert "2 replies" in await look(client, f"/app/jobs/{job_id}")


async def test_a_page_that_fetches_itself_again_has_read_nothing(client: Any, job_id: int) -> None:
    """Nobody may sit before it: a reply counts as read when somebody opens the page."""
    answer(ONE, "A1", "Thanks!")
    for page in ("/app/replies", f"/app/jobs/{job_id}?tab=replies"):
        Reply.update(fresh=True).execute()
        assert "Thanks!" in await look(client, page, **{"X-Live": "1"})
        assert Reply.get().fresh
        await look(client, page, Role.OPERATOR)
        assert not Reply.get().fresh


async def test_the_button_carries_what_the_api_takes(client: Any, api: Any, job_id: int) -> None:
    """The attribute is the JSON body of POST /suppressions."""
    import html
    import json
    import re

    answer(ONE, "A1", "Not for me")
    found = re.search(r'data-body="([^"]*)"', await look(client, "/app/replies"))
    assert found
    await api.post("/suppressions", json.loads(html.unescape(found[1])))

    assert {ONE} == suppression.among([ONE, TWO])
    assert "Suppress this person" not in await look(client, "/app/replies")


async def test_without_replies_the_page_says_when_there_will_be_any(client: Any) -> None:
    """Also with the filter."""
    assert "No replies yet" in await look(client, "/app/replies")
    assert "Nobody has asked to stop" in await look(client, "/app/replies?show=stop")


async def test_who_may_only_look_sees_no_numbers_and_no_button(client: Any, job_id: int) -> None:
    """Nor those that somebody writes about."""
    answer(ONE, "A1", "Call me at +49 1511 2345678")
    text = await look(client, "/app/replies", Role.VIEWER)

    assert ONE not in text and "2345678" not in text and "Anna" in text
    assert "Suppress this person" not in text


async def test_a_chat_that_could_not_be_matched_is_assigned_ignored_and_taken_back(
    client: Any, member: Any, job_id: int
) -> None:
    """By forms of the page alone; STOP stands first, and puts them on the list once it is known who they are. A viewer
    sees it, and can say nothing."""
    unmatched.note("default", [Unread("Sunshine 99", None, 2), Unread("Mum", None, 1)], clock.now_ms())
    heard = Heard(None, (Said("s1", False, "STOP"),), "Kim <3")
    replies.take("default", heard, NONE, clock.now_ms())
    text = await look(client, "/app/replies", Role.VIEWER)
    assert ["Kim &lt;3", "Mum", "Sunshine 99"] == re.findall(r"<h3><bdi>(.*?)</bdi>", text)[:3]
    assert "/assign" not in text
    asked = {row.title: row.id for row in UnmatchedChat.select()}

    async def say(chat: str, what: str, **fields: str) -> Any:
        return await submit(member, f"/app/replies/chats/{asked[chat]}/{what}", **fields)

    wrong = await say("Kim <3", "assign", other="+4915119999999")
    text = await wrong.text()
    assert (422, 1) == (wrong.status, text.count('aria-invalid="true"'))
    assert "has not messaged this number" in text and 'value="+4915119999999"' in text
    unchosen = await say("Sunshine 99", "assign")  # nobody is proposed for it: the number is what lacks
    text = await unchosen.text()
    assert (422, 1) == (unchosen.status, text.count('aria-invalid="true"'))
    assert "Choose whose chat it is" in text and "recipient-wrong" not in text

    done = await say("Kim <3", "assign", recipient=ONE)
    assert (303, "/app/replies?done=suppressed") == (done.status, done.headers["Location"])
    assert {ONE} == suppression.among([ONE])
    assert "/app/replies?done=assigned" == (await say("Sunshine 99", "assign", other=ONE)).headers["Location"]
    assert "/app/replies?done=ignored" == (await say("Mum", "ignore")).headers["Location"]
    text = await (await member.get("/app/replies?done=ignored", headers=HTML)).text()
    assert "The chat is ignored." in text and "Chats that could not be matched" not in text
    assert 3 == text.count("/reopen")
    assert "/app/replies?done=reopened" == (await say("Mum", "reopen")).headers["Location"]
    assert ["Mum"] == [chat.title for chat in unmatched.listed(clock.now_ms())]
    assert "Chats that could not be matched" not in await look(client, "/app/replies?show=stop")
    asked["gone"] = 99
    assert 404 == (await say("gone", "ignore")).status


async def test_a_chat_is_not_ignored_over_a_stop_that_came_since(api: Any, member: Any, job_id: int) -> None:
    """By page and API: it is shown with the STOP, and can be ignored then."""
    unmatched.note("default", [Unread("Mum", None, 1)], clock.now_ms())

    async def seen() -> tuple[str, int]:
        (chat,) = (await api.get("/replies/chats"))["chats"]
        text = await (await member.get("/app/replies", headers=HTML)).text()
        assert f'name="version" value="{chat["version"]}"' in text
        return f"/replies/chats/{chat['id']}/ignore", chat["version"]

    path, version = await seen()
    unmatched.note_stop("default", Heard(None, (Said("s1", False, "STOP"),), "Mum"), NONE, clock.now_ms())
    refused = await api.post(path, {"version": version}, 409)
    assert "stop_meanwhile" == refused["code"]
    late = await submit(member, f"/app{path}", version=str(version), other="")
    text = await late.text()
    assert 409 == late.status and "asked to stop in this chat since" in text
    assert ('<span class="chip bad">STOP</span>' in text) and 'aria-invalid="true"' not in text
    path, version = await seen()
    done = await submit(member, f"/app{path}", version=str(version), other="")
    assert "/app/replies?done=ignored" == done.headers["Location"]
    assert "ignored" == (await api.post(path, {"version": version}))["state"]


async def test_the_api_lists_unmatched_chats_a_page_at_a_time(api: Any, job_id: int) -> None:
    """Newest first, with the recipients who may be meant; only those that ask to stop, if wanted."""
    unmatched.note("default", [Unread("Sunshine 99", None, 2), Unread("Mum", None, 1)], clock.now_ms())
    replies.take("default", Heard(None, (Said("s1", False, "STOP"),), "Ben"), NONE, clock.now_ms())
    first = await api.get("/replies/chats?limit=2")
    rest = await api.get(f"/replies/chats?limit=2&cursor={first['next_cursor']}")

    assert ["Ben", "Mum", "Sunshine 99"] == [each["title"] for each in first["chats"] + rest["chats"]]
    assert rest["next_cursor"] is None
    ben, mum = first["chats"]
    assert ("default", "waiting", True, True, None) == tuple(
        ben[name] for name in ("account", "state", "opened", "stop", "number")
    )
    assert [{"number": TWO, "fields": {"name": "Ben"}}] == ben["candidates"]
    assert (1, False, False, []) == tuple(mum[name] for name in ("unread", "opened", "stop", "candidates"))
    assert ["Ben"] == [each["title"] for each in (await api.get("/replies/chats?stop=true"))["chats"]]
    await api.get("/replies/chats?state=lost", 422)
    await api.get("/replies/chats?cursor=x", 422)


async def test_the_api_assigns_ignores_and_takes_back(api: Any, job_id: int) -> None:
    """As the page does; an assigned STOP counts at once, and a repeated request with its key is done once."""
    unmatched.note("default", [Unread("Mum", None, 1)], clock.now_ms())
    replies.take("default", Heard(None, (Said("s1", False, "STOP"),), "Kim <3"), NONE, clock.now_ms())
    kim, mum = (f"/replies/chats/{each['id']}" for each in (await api.get("/replies/chats"))["chats"])

    for number in ("", "nobody", "+4915119999999"):
        await api.post(f"{kim}/assign", {"number": number}, 422)
    assert set() == suppression.among([ONE])
    key = {"Idempotency-Key": "kim-1"}
    done = await api.post(f"{kim}/assign", {"number": "0049 1511 0000001"}, headers=key)
    assert (ONE, "assigned", True) == (done["number"], done["state"], done["suppressed"])
    assert {ONE} == suppression.among([ONE])
    ignored = await api.post(f"{mum}/ignore")
    assert ("ignored", None) == (ignored["state"], ignored["number"])
    listed = {state: (await api.get(f"/replies/chats?state={state}"))["chats"] for state in ("assigned", "ignored")}
    assert ([ONE], ["Mum"]) == (
        [each["number"] for each in listed["assigned"]],
        [each["title"] for each in listed["ignored"]],
    )
    assert [] == (await api.get("/replies/chats"))["chats"]
    reopened = await api.post(f"{kim}/reopen")
    assert ("waiting", None, None) == (reopened["state"], reopened["number"], reopened["who"])
    assert done == await api.post(f"{kim}/assign", {"number": "0049 1511 0000001"}, headers=key)
    assert ["Kim <3"] == [each["title"] for each in (await api.get("/replies/chats"))["chats"]]
    for what in ("ignore", "reopen"):
        await api.post(f"/replies/chats/999/{what}", status=404)
    await api.post("/replies/chats/999/assign", {"number": ONE}, 404)


async def test_a_viewer_reads_chats_without_numbers(browser: Any, job_id: int) -> None:
    """Not in titles either."""
    unmatched.note("default", [Unread("+49 1511 0000009", None, 1)], clock.now_ms())
    viewer = await browser(Role.VIEWER)
    response = await viewer.get("/replies/chats")
    (chat,) = (await response.json())["chats"]

    assert 200 == response.status and "0000009" not in chat["title"]
