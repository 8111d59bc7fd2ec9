"""Uncertain messages: where they are listed, what is shown of their chats, and what may be decided."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from daemon.accounts import pacing
from daemon.campaigns import create
from daemon.config import Settings
from daemon.db import clock
from daemon.delivery import claim, moves
from daemon.http import make_app
from daemon.models import Evidence, Message
from daemon.states import Finding, Role
from daemon.transports.protocol import ChatRow, Lookup, Mark
from tests.http.conftest import Caller
from tests.support.signing_in import session_of

PICTURE = b"\x89PNG\r\n\x1a\n\0picture"
SEEN = Lookup(
    Finding.UNKNOWN,
    "The message that was last in the chat is no longer there.",
    rows=(ChatRow(True, "See you at <b>nine</b>", "read"), ChatRow(False, "Thanks", None), ChatRow(None, "?", None)),
    screenshot=PICTURE,
)
PEOPLE = [{"number": "+4930231250", "name": "Ada"}, {"number": "+4930231251", "name": "Bo"}]


@pytest.fixture
def lost(settings: Settings) -> list[Message]:
    """Two uncertain messages of two jobs; of the first one's chat there is a picture."""
    found = []
    for person, seen in zip(PEOPLE, (SEEN, None), strict=True):
        create.create(
            settings, create.Order("Hi {{ name }}", recipients=[person], name="Visit"), "test", clock.now_ms()
        )
        (message,) = claim.claim("default", 1, clock.now_ms(), 60_000, pacing.Rules())
        moves.submit(message, Mark(None), clock.now_ms(), pacing.Gap(0, pacing.Why.PAUSE, 0))
        moves.lose(message, seen.evidence if seen else "Its sender fell silent.", clock.now_ms(), seen)
        found.append(message)
    return found


async def test_they_are_listed_over_all_jobs(api: Caller, lost: list[Message]) -> None:
    """Oldest first, a page at a time; other states can be asked for, too."""
    first = await api.get("/messages?state=uncertain&limit=1")
    second = await api.get(f"/messages?state=uncertain&limit=1&cursor={first['next_cursor']}")

    shown = [(each["id"], each["job_id"]) for page in (first, second) for each in page["messages"]]
    assert [(each.id, each.job_id) for each in lost] == shown
    assert None is second["next_cursor"]
    assert [] == (await api.get("/messages?state=sent"))["messages"]
    await api.get("/messages?state=lost", 422)


async def test_the_evidence_is_there_to_judge_by(api: Caller, lost: list[Message]) -> None:
    """What the chat looked like: a sentence, its rows, a picture."""
    evidence = (await api.get(f"/messages/{lost[0].id}"))["evidence"]
    picture = await api.send("GET", evidence["screenshot"])

    assert SEEN.evidence == evidence["finding"]
    assert [{"own": row.own, "text": row.text, "ack": row.ack} for row in SEEN.rows] == evidence["rows"]
    assert (PICTURE, "image/png", "no-store") == (
        await picture.read(),
        picture.content_type,
        picture.headers["Cache-Control"],
    )


async def test_where_nobody_could_look_there_is_none(api: Caller, lost: list[Message]) -> None:
    """Said so, instead of an empty picture."""
    assert None is (await api.get(f"/messages/{lost[1].id}"))["evidence"]
    await api.get(f"/messages/{lost[1].id}/screenshot.png", 404)
    await api.get("/messages/99/screenshot.png", 404)


async def test_the_page_shows_each_case_with_its_evidence(api: Caller, lost: list[Message]) -> None:
    """Who, what, what the chat looked like, and the two answers; nothing of the chat is taken for HTML."""
    text = await api.text("/app/decisions")

    assert "Ada" in text and "Bo" in text
    assert "Hi Ada" in text
    assert "See you at &lt;b&gt;nine&lt;/b&gt;" in text
    assert f'src="/messages/{lost[0].id}/screenshot.png"' in text
    assert "There is no screenshot" in text
    assert 2 == text.count("It was sent</button>") == text.count("Send again</button>")
    assert "2 messages need your decision" in await api.text("/app")
    assert "See you at" in await api.text(f"/app/messages/{lost[0].id}")


async def test_a_decided_case_leaves_the_list(api: Caller, lost: list[Message]) -> None:
    """Both answers; the last one leaves a page that says so."""
    await api.post(f"/messages/{lost[0].id}/decide", {"sent": True})
    assert "Ada" not in await api.text("/app/decisions")
    await api.post(f"/messages/{lost[1].id}/decide", {"sent": False})

    assert "Nothing to decide" in await api.text("/app/decisions")
    assert "need your decision" not in await api.text("/app")
    assert ["sent", "pending"] == [message.state for message in Message.select().order_by(Message.id)]


async def test_of_a_stopped_campaign_nothing_is_sent_again(
    api: Caller, settings: Settings, lost: list[Message]
) -> None:
    """But it can still be said that it was sent."""
    create.create(settings, create.Order("Hi", numbers=["+4930231252", "+4930231253"]), "test", clock.now_ms())
    (message, _) = claim.claim("default", 2, clock.now_ms(), 60_000, pacing.Rules())
    moves.submit(message, Mark(None), clock.now_ms(), pacing.Gap(0, pacing.Why.PAUSE, 0))
    moves.lose(message, "Who knows.", clock.now_ms())
    await api.post(f"/stop/{message.job_id}")

    await api.post(f"/messages/{message.id}/decide", {"sent": False}, 409)
    text = await api.text("/app/decisions")
    assert (3, 2) == (text.count("It was sent</button>"), text.count("Send again</button>"))
    assert "sent" == (await api.post(f"/messages/{message.id}/decide", {"sent": True}))["state"]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
async def test_what_a_chat_looked_like_is_for_those_who_may_decide(
    client: Any, lost: list[Message], role: Role
) -> None:
    """A viewer reads that nobody can tell, and nothing that a person has written; the picture neither."""
    headers = session_of(role)
    shown = await (await client.get(f"/messages/{lost[0].id}", headers=headers)).json()
    pages = [
        await (await client.get(path, headers=headers | {"Accept": "text/html"})).text()
        for path in ("/app/decisions", f"/app/messages/{lost[0].id}")
    ]
    picture = await client.get(f"/messages/{lost[0].id}/screenshot.png", headers=headers)

    assert SEEN.evidence == shown["evidence"]["finding"]
    assert all(SEEN.evidence in page for page in pages)
    may = role >= Role.OPERATOR
    assert (may, may) == (bool(shown["evidence"]["rows"]), bool(shown["evidence"]["screenshot"]))
    assert [may, may] == ["See you at" in page for page in pages]
    assert [may, may] == ["screenshot.png" in page for page in pages]
    assert (200 if may else 403) == picture.status


@pytest.mark.usefixtures("beside")
async def test_what_is_too_old_is_deleted_beside_the_requests(
    settings: Settings, database: str, lost: list[Message], aiohttp_client: Any
) -> None:
    """By the http process, from its start on."""
    Evidence.update(at=0).execute()
    await aiohttp_client(make_app(settings, "a-key"))
    async with asyncio.timeout(60):
        while Evidence.select().count():
            await asyncio.sleep(0)
