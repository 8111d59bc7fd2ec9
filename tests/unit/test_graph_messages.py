"""The stand-in for Meta's API takes what Meta takes, refuses what Meta refuses, and tells what becomes of it."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from standin.graph import requests
from standin.graph.world import NUMBER_ID, TOKEN, Token
from tests.support.graph import ANNA, BELA, talking


async def test_a_text_is_accepted_delivered_and_told() -> None:
    """200 means accepted; what becomes of it comes in signed webhooks, with the callback data and one price each."""
    async with talking(read_ms=1, connections=1) as client:
        status, answer = await client.send(biz_opaque_callback_data="m:1:a:1", text={"body": "Grüße 🙂"})
        await client.receiver.until(lambda: "read" in client.receiver.told())
        record = client.world.record
        person = client.world.person(ANNA)

        assert 200 == status
        wamid = answer["messages"][0]["id"]
        assert {
            "messaging_product": "whatsapp",
            "contacts": [{"input": ANNA, "wa_id": ANNA[1:]}],
            "messages": [{"id": wamid, "message_status": "accepted"}],
        } == answer
        change = client.receiver.changes()[0]
        assert "messages" == change["field"]
        assert {"display_phone_number": "15550783881", "phone_number_id": NUMBER_ID} == change["value"]["metadata"]
        assert [{"wa_id": ANNA[1:], "user_id": person.user_id}] == change["value"]["contacts"]
        price = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "service"}
        first = client.receiver.statuses()[0]
        assert {
            "id": wamid, "status": "sent", "timestamp": str(int(record.messages[0].events[0].at)),
            "recipient_id": ANNA[1:], "recipient_user_id": person.user_id, "biz_opaque_callback_data": "m:1:a:1",
            "pricing": price,
        } == first  # fmt: skip
        assert ["sent", "delivered", "read"] == client.receiver.told()
        assert [True, True, False] == ["pricing" in each for each in client.receiver.statuses()]
        assert {(ANNA, "m:1:a:1"): 1} == record.accepted_by() == record.arrived_by()
        assert {"body": "Grüße 🙂", "preview_url": False} == record.messages[0].said
        assert all(body.isascii() for body in client.receiver.bodies)
        assert person.user_id.startswith("DE.")


@pytest.mark.parametrize(
    ("token", "subcode"),
    [(None, None), ("EAAother", None), ("EAAold", 463)],
)
async def test_a_token_is_asked_for(token: str | None, subcode: int | None) -> None:
    """None, one that is not known, or one that has expired: 401, without details."""
    async with talking() as client:
        client.world.tokens["EAAold"] = Token(expires_at=1.0)
        status, answer = await client.ask("POST", f"{NUMBER_ID}/messages", token=token, json={})

        assert (401, 190, subcode) == (status, answer["error"]["code"], answer["error"].get("error_subcode"))
        assert "error_data" not in answer["error"]


async def test_any_version_is_taken_and_unknown_objects_are_400() -> None:
    """Also none; an object that is not there is error 100 with subcode 33."""
    async with talking() as client:
        for version in ("v19.0", "v26.0", "v30.1"):
            assert 200 == (await client.ask("GET", NUMBER_ID, version=version))[0]
        async with client.session.get(
            f"{client.graph.url}/{NUMBER_ID}", headers={"Authorization": f"Bearer {TOKEN}"}
        ) as each:
            assert 200 == each.status
        status, answer = await client.send(number="1")

        assert (400, 100, 33) == (status, answer["error"]["code"], answer["error"]["error_subcode"])


async def test_what_meta_does_not_know_is_refused() -> None:
    """Fields beyond those of the pages, missing ones, wrong ones: nothing is accepted."""
    async with talking() as client:
        assert "(#100) The parameter note is unsupported." in await client.refused(100, note=1, error_data=1)
        assert "text" in await client.refused(100, text={"body": "x", "bold": True})
        assert "messaging_product" in await client.refused(100, messaging_product="sms")
        assert "is no message type" in await client.refused(100, type="fax")
        assert "unsupported with type text" in await client.refused(100, image={"id": "1"})
        assert "text['body']" in await client.refused(131008, text={})
        assert "text['body']" in await client.refused(100, text={"body": "x" * 4097})
        assert "512" in await client.refused(100, biz_opaque_callback_data="x" * 513)
        assert "+ and digits" in await client.refused(131009, "4915123450011")
        assert "+ and digits" in await client.refused(131009, "+49 151 23450011")
        status, answer = await client.ask(
            "POST", f"{NUMBER_ID}/messages", data=b"{", headers={"Content-Type": "application/json"}
        )
        assert (400, 100) == (status, answer["error"]["code"])
        client.world.change_number(NUMBER_ID, status="PENDING")
        await client.refused(133010)

        assert [] == client.world.record.messages


async def test_a_request_may_come_in_any_pieces() -> None:
    """Several at once, in halves, some of them refused: each is answered, in order."""
    async with talking() as client:
        _, port = client.graph.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port))

        def request(to: str, *headers: str, token: str = TOKEN) -> bytes:
            body = json.dumps({"messaging_product": "whatsapp", "to": to, "text": {"body": "Grüße"}}).encode()
            head = [
                f"POST /v26.0/{NUMBER_ID}/messages HTTP/1.1", "Host: x", f"authorization: Bearer {token}",
                "CONTENT-TYPE: application/json; charset=utf-8", f"Content-Length: {len(body)}", *headers,
            ]  # fmt: skip
            return "\r\n".join([*head, "", ""]).encode() + body

        async def answers(count: int) -> list[tuple[int, str]]:
            found = []
            for _ in range(count):
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(
                    int(line.split(":")[1]) for line in head.lower().split("\r\n") if "content-length" in line
                )
                answer = json.loads(await reader.readexactly(length))
                found.append((int(head.split()[1]), answer.get("contacts", [{"input": ""}])[0]["input"]))
            return found

        writer.write(request(ANNA) + request(BELA) + request(ANNA)[:-5])
        first = await answers(2)
        writer.write(request(ANNA)[-5:])
        second = await answers(1)
        writer.write(request(BELA, "Connection: keep-alive", token="EAAother") + request(ANNA))
        third = await answers(2)
        writer.close()

        assert [(200, ANNA), (200, BELA), (200, ANNA), (401, ""), (200, ANNA)] == first + second + third
        assert 4 == len(client.world.record.messages)


@pytest.mark.parametrize("model", requests.Strict.__subclasses__(), ids=lambda model: str(model.__name__))
def test_what_requests_may_hold_has_a_source_and_a_date(model: type[requests.Strict]) -> None:
    """Each model names the page, or what else is known about it, and when that was read."""
    assert re.search(r"\b20\d\d-\d\d\b", model.__doc__ or "")
    assert re.search(r"OpenAPI|\w-\w|webhooks/|pages|templates", model.__doc__ or "")
