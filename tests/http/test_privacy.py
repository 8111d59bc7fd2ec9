"""What is known of one person: handed out and erased, on the page and by the API, by administrators only."""

from __future__ import annotations

from typing import Any

from daemon.accounts import directory
from daemon.campaigns import create
from daemon.config import Settings
from daemon.contacts import suppression
from daemon.db import clock
from daemon.models import KeptAnswer, Message
from daemon.states import E164, Role
from tests.support.drafting import look, send

NUMBER = "+4930123456"
OTHER = "+4930123457"


def queue(settings: Settings) -> None:
    now = clock.now_ms()
    directory.open_account("default", now)
    people = [{"number": NUMBER, "name": "Zeferina"}, {"number": OTHER, "name": "Bob"}]
    create.create(settings, create.Order("Hi {{ name }}", recipients=people), "test", now)


def numbers() -> list[str]:
    return [row.number for row in Message.select().order_by(Message.id)]


async def test_it_is_done_on_the_page(member: Any, settings: Settings) -> None:
    """Erasing asks first; a number that is none is explained beside its field."""
    queue(settings)
    await look(member, "/app/privacy")
    refused = await send(member, "/app/privacy/export", again=True, number="12")
    assert 422 == refused.status and 'id="number-error"' in await refused.text()
    known = await send(member, "/app/privacy/export", again=True, number="+49 30 123456")
    assert "attachment" in known.headers["Content-Disposition"]
    assert ["Hi Zeferina"] == [each["text"] for each in (await known.json())["messages"]]

    asked = await (await send(member, "/app/privacy/erase", again=True, number=NUMBER)).text()
    assert "Erase permanently" in asked and [NUMBER, OTHER] == numbers()
    done = await (await send(member, "/app/privacy/erase", again=True, number=NUMBER, sure="yes")).text()
    assert "never messaged again" in done and "erased 1" == numbers()[0]
    assert {NUMBER} == suppression.among([E164(NUMBER), E164(OTHER)])


async def test_it_is_done_by_the_api(api: Any, settings: Settings) -> None:
    """What is handed out is not kept for a repeat of the request; what was erased is erased once."""
    queue(settings)
    known = await api.get("/people/export", params={"number": "+49 30 123456"})
    assert [NUMBER] == known["notations"] and "Zeferina" == known["messages"][0]["fields"]["name"]
    headers = {"Idempotency-Key": "once"}
    first = await api.post("/people/erase", {"number": NUMBER}, headers=headers)
    assert first == await api.post("/people/erase", {"number": NUMBER}, headers=headers)
    assert 1 == first["messages"] and ["erased 1", OTHER] == numbers()
    assert all("Zeferina" not in str(row.response) for row in KeptAnswer.select())
    await api.post("/people/erase", {"number": "12"}, 422)


async def test_only_administrators_do_it(browser: Any, settings: Settings) -> None:
    """An operator is not shown the way either."""
    operator = await browser(Role.OPERATOR)
    assert "/app/privacy" not in await look(operator, "/app")
    await look(operator, "/app/privacy", 403)
    for path in ("/app/privacy/export", "/app/privacy/erase"):
        assert 403 == (await send(operator, path, again=True, number=NUMBER)).status
    assert 403 == (await operator.get("/people/export", params={"number": NUMBER})).status


async def test_what_is_kept_how_long_is_told(member: Any, api: Any, settings: Settings) -> None:
    """On the page, and to programs."""
    queue(settings)
    kinds = {each["kind"]: each for each in (await api.get("/retention"))["kinds"]}
    assert (0, "WASENDER_KEEP_TEXTS_DAYS") == (kinds["texts"]["days"], kinds["texts"]["setting"])
    assert (90, 0) == (kinds["archive"]["days"], kinds["archive"]["due"])
    page = await look(member, "/app/privacy")
    assert 'id="kept"' in page and "texts of campaigns" in page and "90 days" in page
