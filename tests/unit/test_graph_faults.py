"""What can go wrong with Meta's API goes wrong in the stand-in when it is told to, and only then."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from standin.graph.switches import Fate
from standin.graph.world import NUMBER_ID, World
from tests.support.graph import ANNA, BELA, QUICK, Client, talking


@pytest.mark.parametrize(("drop", "accepted"), [("before", 0), ("after", 1), ("middle", 1)])
async def test_a_connection_that_is_dropped(drop: str, accepted: int) -> None:
    """Before it was read nothing is accepted; afterwards it is, it arrives, and its receipt has our callback data."""
    async with talking() as client:
        client.world.rule(drop=drop, next=1)
        with pytest.raises((aiohttp.ClientError, OSError)):
            await client.send(biz_opaque_callback_data="m:1:a:1")

        assert accepted == len(client.world.record.messages)
        if accepted:
            await client.receiver.until(lambda: "delivered" in client.receiver.told())
            assert {"m:1:a:1"} == {each["biz_opaque_callback_data"] for each in client.receiver.statuses()}
        assert 200 == (await client.send(BELA))[0]


async def test_answers_that_say_nothing_certain() -> None:
    """5xx with and without Meta's words, accepted or not; 200 that cannot be read."""
    async with talking() as client:
        world = client.world
        world.rule(status=502, next=1)
        world.rule(status=503, accept=True, next=1)
        world.rule(code=131000, accept=True, next=1, transient=True)
        url, headers = f"{client.graph.url}/v26.0/{NUMBER_ID}/messages", {"Authorization": "Bearer EAAstandin"}
        body = {"messaging_product": "whatsapp", "to": ANNA, "type": "text", "text": {"body": "x"}}
        seen = []
        for _ in range(2):
            async with client.session.post(url, json=body, headers=headers) as each:
                seen.append((each.status, each.content_type, len(world.record.messages)))
        status, answer = await client.send()
        world.rule(garbage=True, next=1)
        async with client.session.post(url, json=body, headers=headers) as each:
            unreadable = await each.read()

        assert [(502, "text/html", 0), (503, "text/html", 1)] == seen
        assert (500, 131000, True) == (status, answer["error"]["code"], answer["error"]["is_transient"])
        assert (200, 3) == (each.status, len(world.record.messages))
        with pytest.raises(ValueError):
            unreadable.decode()


async def test_refusals_and_their_headers() -> None:
    """The first armed rule wins: the next n, every nth, always; for one number, one person, or all."""
    async with talking() as client:
        world = client.world
        world.rule(code=130429, next=2, retry_after_s=7, regain_minutes=15, subcode=2494055)
        world.rule(code=131056, to=BELA)
        world.rule(code=2, every=2, number=NUMBER_ID)
        world.rule(code=1, number="other")
        url, headers = f"{client.graph.url}/v26.0/{NUMBER_ID}/messages", {"Authorization": "Bearer EAAstandin"}
        body = {"messaging_product": "whatsapp", "to": ANNA, "type": "text", "text": {"body": "x"}}
        async with client.session.post(url, json=body, headers=headers) as limited:
            error = (await limited.json())["error"]
        await client.refused(130429, BELA)
        for_bela = [(await client.send(BELA))[0] for _ in range(2)]
        for_anna = [(await client.send())[0] for _ in range(4)]

        assert (429, "7", 2494055) == (limited.status, limited.headers["Retry-After"], error["error_subcode"])
        assert '"estimated_time_to_regain_access":15' in limited.headers["X-Business-Use-Case-Usage"]
        assert [400, 400] == for_bela
        assert [200, 503, 200, 503] == for_anna
        world.rules.clear()
        assert 200 == (await client.send(BELA))[0]


async def told(client: Client, *expected: str, ordered: bool = True, **fate: Any) -> list[dict[str, Any]]:
    """What is told of a message with that fate, once all of it has come; nothing else comes."""
    client.receiver.bodies.clear()
    client.world.rule(fate=Fate(**fate), next=1)
    assert 200 == (await client.send())[0]
    await client.receiver.until(lambda: len(expected) <= len(client.receiver.told()))
    await client.quiet()
    came = client.receiver.told()
    assert list(expected) == (came if ordered else sorted(came))
    return client.receiver.statuses()


async def test_what_becomes_of_webhooks() -> None:
    """Skipped, doubled, backwards, late, failed and then delivered, none at all; the message arrives all the same."""
    async with talking(connections=1, delivered_ms=3) as client:
        await told(client, "delivered", skip=("sent",))
        await told(client, "delivered", "sent", backwards=True)
        twice = await told(client, "delivered", "delivered", "sent", "sent", twice=True, ordered=False)
        failed, _ = await told(client, "failed", "delivered", fail=131049, then_delivered=True)
        (as_text,) = await told(client, "failed", fail=132015, fail_as_text=True)
        await told(client, "sent", "delivered", late_ms=2)
        await told(client, silent=True)
        arrived = client.world.record.arrived
        await told(client, stuck=True)

        assert 1 == len({each["id"] for each in twice})
        assert (131049, False) == (failed["errors"][0]["code"], "recipient_user_id" in failed)
        assert {"code", "title", "message", "error_data", "href"} == failed["errors"][0].keys()
        assert "132015" == as_text["errors"][0]["code"]
        assert 6 == arrived == client.world.record.arrived


async def test_a_status_comes_before_the_answer() -> None:
    """By then the wamid is known from nowhere else."""
    async with talking() as client:
        client.world.rule(early=True, next=1)
        _, answer = await client.send()

        assert ["sent", "delivered"] == sorted(client.receiver.told(), reverse=True)
        assert answer["messages"][0]["id"] == client.receiver.statuses()[0]["id"]


async def test_webhooks_are_repeated_until_they_are_taken() -> None:
    """The same bytes; 204 and redirects are failures, too. What is not taken in its time is dropped."""
    async with talking(delivered_ms=None, retry_ms=1) as client:
        client.receiver.answers = [500, 204, 302]
        await client.send()
        await client.receiver.until(lambda: 4 == len(client.receiver.bodies))
        (message,) = client.world.record.messages
        await client.quiet()

        assert "DELIVERED" == message.events[0].told
        assert 1 == len(set(client.receiver.bodies))
        client.world.set_switches({"retry_for_ms": 2})
        client.receiver.answers = [500] * 20
        await client.send(BELA)
        await client.quiet()
        assert 1 == client.graph.courier.postman.dropped
        assert "FAILED" == client.world.record.messages[1].events[0].told
        assert "HTTP 500" in str(client.world.record.messages[1].events[0].trouble)


async def test_webhooks_are_gathered() -> None:
    """While a receiver is busy, what comes meanwhile waits and goes out together, up to the limit of a request."""
    async with talking(connections=1, delivered_ms=None, gather_ms=40, batch=3, merge=True) as client:
        await asyncio.gather(*(client.send(f"+49151234{n:05}") for n in range(7)))
        await client.receiver.until(lambda: 7 == len(client.receiver.told()))

        counts = [len(each["value"]["statuses"]) for each in client.receiver.changes()]
        assert 3 == max(counts)
        assert 7 == len({each["id"] for each in client.receiver.statuses()})


async def test_what_is_held_for_quality() -> None:
    """It is answered as such, and goes on its way when it is released, or fails with the verdict."""
    async with talking(delivered_ms=None) as client:
        client.world.rule(held=True)
        statuses = {(await client.send(to))[1]["messages"][0]["message_status"] for to in (ANNA, BELA)}
        first, second = client.world.record.messages
        assert {"held_for_quality_assessment"} == statuses
        assert [] == [*first.events, *second.events]
        client.graph.courier.release(first)
        client.graph.courier.judge(second)
        await client.receiver.until(lambda: 2 == len(client.receiver.told()))

        by_id = {each["id"]: each for each in client.receiver.statuses()}
        assert "sent" == by_id[first.id]["status"]
        assert ("failed", 132015) == (by_id[second.id]["status"], by_id[second.id]["errors"][0]["code"])


async def test_the_limits() -> None:
    """Throughput, the rate to one person, the portfolio's people, the window, the list of a test number."""
    now = [1_800_000_000.0]
    world = World(QUICK | {"window": "strict", "delivered_ms": None}, clock=lambda: now[0])
    template = {
        "name": "hello",
        "language": "en",
        "category": "UTILITY",
        "components": [{"type": "BODY", "text": "Hi"}],
    }
    world.add_template(template)
    asked: dict[str, Any] = {
        "type": "template",
        "template": {"name": "hello", "language": {"code": "en"}},
        "text": None,
    }
    async with talking(world) as client:
        del asked["text"]

        async def send(to: str) -> tuple[int, dict[str, Any]]:
            body = {"messaging_product": "whatsapp", "to": to} | asked
            return await client.ask("POST", f"{NUMBER_ID}/messages", json=body)

        # 80 in the same second, then one more
        many = [(await send(f"+49151234{n:05}"))[0] for n in range(81)]
        assert [200] * 80 + [429] == many
        now[0] += 1
        assert 200 == (await send("+4915123499999"))[0]
        # 45 at once to one person; then one in six seconds
        now[0] += 60
        burst = [(await send(ANNA))[0] for _ in range(46)]
        assert [200] * 45 + [400] == burst
        now[0] += 6
        assert [200, 400] == [(await send(ANNA))[0] for _ in range(2)]
        # free text after 24 hours fails although it was accepted; within them it does not
        client.receiver.bodies.clear()
        assert 200 == (await client.send(BELA))[0]
        await client.receiver.until(lambda: 1 == len(client.receiver.told()))
        assert 131047 == client.receiver.statuses()[0]["errors"][0]["code"]
        client.graph.say(BELA, "Hello?")
        await client.send(BELA)
        await client.receiver.until(lambda: 2 == len(client.receiver.told()))
        assert "sent" == client.receiver.told()[-1]
        # people that a portfolio may reach in 24 hours
        world.businesses[world.numbers[NUMBER_ID].business.id].portfolio.limit = "TIER_50"
        now[0] += 100_000
        client.receiver.bodies.clear()
        for n in range(51):
            await send(f"+49151235{n:05}")
        await client.receiver.until(lambda: 51 == len(client.receiver.told()))
        failed = [each for each in client.receiver.statuses() if each["status"] == "failed"]
        assert [("4915123500050", 131048)] == [(e["recipient_id"], e["errors"][0]["code"]) for e in failed]
        # a test number writes to those on its list only
        world.change_number(NUMBER_ID, only_to=[ANNA])
        assert 131030 == (await send(BELA))[1]["error"]["code"]
