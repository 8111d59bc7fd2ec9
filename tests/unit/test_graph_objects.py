"""Templates, media, numbers, history and subscriptions of the stand-in are as strict as its messages."""

from __future__ import annotations

import asyncio
import io
import json
import urllib.error
import urllib.request
from typing import Any

import aiohttp

from standin.graph.client import GraphStandIn
from standin.graph.world import BUSINESS_ID, NUMBER_ID, TOKEN, VERIFY_TOKEN, Token
from tests.support.graph import ANNA, BELA, Client, receiving, talking

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
SPRING = {
    "name": "spring", "language": "en_US", "category": "MARKETING",
    "components": [
        {"type": "HEADER", "format": "IMAGE"},
        {"type": "BODY", "text": "Dear {{1}}, come on {{2}}."},
        {"type": "BUTTONS", "buttons": [
            {"type": "URL", "text": "Shop", "url": "https://example.com/{{1}}"},
            {"type": "QUICK_REPLY", "text": "Stop"},
        ]},
    ],
}  # fmt: skip


def texts(*values: str, **named: str) -> list[dict[str, Any]]:
    """Parameters, by position or by name."""
    plain: list[dict[str, Any]] = [{"type": "text", "text": value} for value in values]
    return plain + [{"type": "text", "text": value, "parameter_name": name} for name, value in named.items()]


def image(id: str) -> dict[str, Any]:
    return {"type": "header", "parameters": [{"type": "image", "image": {"id": id}}]}


def body(*values: str, **named: str) -> dict[str, Any]:
    return {"type": "body", "parameters": texts(*values, **named)}


def shop(end: str) -> dict[str, Any]:
    return {"type": "button", "sub_type": "url", "index": "0", "parameters": texts(end)}


async def template(client: Client, *components: dict[str, Any], name: str = "spring", code: str = "en_US") -> Any:
    """Send one; the error, or None."""
    asked = {"name": name, "language": {"code": code}, "components": list(components)}
    sent = {"messaging_product": "whatsapp", "to": ANNA, "type": "template", "template": asked}
    return (await client.ask("POST", f"{NUMBER_ID}/messages", json=sent))[1].get("error")


async def upload(client: Client, content: bytes, mimetype: str, **fields: str) -> tuple[int, dict[str, Any]]:
    form = aiohttp.FormData({"messaging_product": "whatsapp", "type": mimetype} | fields)
    form.add_field("file", io.BytesIO(content), filename="file", content_type=mimetype)
    return await client.ask("POST", f"{NUMBER_ID}/media", data=form)


async def test_the_values_of_a_template_have_to_fit() -> None:
    """Their number, their kinds, what they hold; the template has to be there, in that language, and allowed."""
    async with talking() as client:
        world = client.world
        spring = world.add_template(SPRING)
        text = [{"type": "BODY", "text": "Dear {{first}}!"}]
        world.add_template(SPRING | {"name": "named", "parameter_format": "NAMED", "components": text})
        _, made = await upload(client, PNG, "image/png")
        head, right = image(made["id"]), [image(made["id"]), body("Ann", "Monday"), shop("a")]

        async def code(*components: dict[str, Any], **about: Any) -> int:
            return int((await template(client, *components, **about))["code"])

        assert await template(client, *right) is None
        assert "marketing" == world.record.messages[-1].category
        error = await template(client, head, body("Ann"), shop("a"))
        details = "body: number of localizable_params (1) does not match the expected number of params (2)"
        assert details == error["error_data"]["details"]
        assert 132000 == error["code"]
        for unfit in ("two\nlines", "a\ttab", "five     spaces"):
            assert 132018 == await code(head, body("Ann", unfit), shop("a"))
        assert await template(client, head, body("Ann", "four    spaces"), shop("a")) is None
        assert 131008 == await code(head, body("Ann", ""), shop("a"))
        assert 131008 == await code(head, body("Ann", "Monday"))
        assert 132012 == await code(body("Ann", "Monday"), shop("a"))
        assert 132012 == await code({"type": "header", "parameters": texts("x")}, body("Ann", "Monday"), shop("a"))
        assert 100 == await code(image("12345"), body("Ann", "Monday"), shop("a"))
        assert 132001 == await code(*right, code="en")
        assert 132001 == await code(*right, name="autumn")
        assert await template(client, body(first="Ann"), name="named") is None
        assert 100 == await code(body("Ann"), name="named")
        assert 132000 == await code(body(last="Ann"), name="named")
        for event, expected in (("PAUSED", 132015), ("DISABLED", 132016), ("REJECTED", 132001)):
            client.graph.decide(world.businesses[BUSINESS_ID], spring, event)
            assert expected == await code(*right)
        await client.receiver.until(
            lambda: 3 <= len([c for c in client.receiver.changes() if c["field"] != "messages"])
        )

        change = next(each for each in client.receiver.changes() if each["field"] != "messages")
        assert "message_template_status_update" == change["field"]
        assert ("PAUSED", int(spring.id)) == (change["value"]["event"], change["value"]["message_template_id"])
        sent = {"messaging_product": "whatsapp", "to": ANNA, "type": "template"}
        marketing = await client.ask("POST", f"{NUMBER_ID}/marketing_messages", json=sent | {
            "template": {"name": "named", "language": {"code": "en_US"}, "components": [body(first="Ann")]},
            "product_policy": "STRICT",
        })  # fmt: skip
        assert 200 == marketing[0]
        assert "marketing_lite" == world.record.messages[-1].category


async def test_templates_are_listed_made_and_decided_about() -> None:
    """In pages, with the fields that were asked for; a new one is pending until Meta has looked at it."""
    async with talking(approve_ms=1) as client:
        for n in range(3):
            client.world.add_template(SPRING | {"name": f"spring_{n}"})
        path = f"{BUSINESS_ID}/message_templates"
        _, first = await client.ask("GET", path, params={"fields": "name,status", "limit": "2"})
        async with client.session.get(first["paging"]["next"], headers={"Authorization": f"Bearer {TOKEN}"}) as each:
            second = await each.json()
        new = {
            "name": "autumn", "language": "en_US", "category": "UTILITY",
            "components": [{"type": "BODY", "text": "Dear {{1}}, it is autumn.", "example": {"body_text": [["Ann"]]}}],
        }  # fmt: skip
        made = await client.ask("POST", path, json=new)
        again = await client.ask("POST", path, json=new)
        await client.receiver.until(lambda: bool(client.receiver.changes()))
        ends = new | {"name": "ends", "components": [{"type": "BODY", "text": "Dear {{1}}"}]}
        _, listed = await client.ask("GET", path, params={"name": "autumn"})
        gone = await client.ask("DELETE", path, params={"name": "autumn"})

        assert [{"id", "name", "status"}] * 2 == [set(each) for each in first["data"]]
        assert ["spring_2"] == [each["name"] for each in second["data"]]
        assert "next" not in second["paging"]
        assert (200, "PENDING", "UTILITY") == (made[0], made[1]["status"], made[1]["category"])
        assert (400, 2388024) == (again[0], again[1]["error"]["error_subcode"])
        assert 2388299 == (await client.ask("POST", path, json=ends))[1]["error"]["error_subcode"]
        assert "APPROVED" == client.receiver.changes()[0]["value"]["event"] == listed["data"][0]["status"]
        assert (200, 400) == (gone[0], (await client.ask("DELETE", path, params={"name": "autumn"}))[0])
        assert "nonexisting" in (await client.ask("GET", path, params={"fields": "colour"}))[1]["error"]["message"]


async def test_media() -> None:
    """Types, sizes, whose they are and how long; a file that is not what it says fails after it was accepted."""
    now = [1_800_000_000.0]
    async with talking(delivered_ms=None) as client:
        client.world.clock = lambda: now[0]
        client.world.add_number("2", display="15550783882")
        id = (await upload(client, PNG, "image/png"))[1]["id"]
        _, told = await client.ask("GET", id, params={"phone_number_id": NUMBER_ID})
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with client.session.get(told["url"], headers=headers) as each:
            assert PNG == await each.read()
        now[0] += 301
        async with client.session.get(told["url"], headers=headers) as each:
            assert 404 == each.status
        assert (len(PNG), "image/png") == (told["file_size"], told["mime_type"])
        assert 100 == (await upload(client, b"x", "application/zip"))[1]["error"]["code"]
        assert 131053 == (await upload(client, PNG + bytes(5 * 2**20), "image/png"))[1]["error"]["code"]
        assert "note" in (await upload(client, PNG, "image/png", note="x"))[1]["error"]["message"]

        async def send(
            id: str, kind: str = "image", number: str = NUMBER_ID, **more: Any
        ) -> tuple[int, dict[str, Any]]:
            sent = {"messaging_product": "whatsapp", "to": ANNA, "type": kind, kind: {"id": id} | more}
            return await client.ask("POST", f"{number}/messages", json=sent)

        false = (await upload(client, b"GIF89a", "image/png"))[1]["id"]
        assert 200 == (await send(id, caption="Spring"))[0]
        assert 200 == (await send(id, "document", filename="spring.png"))[0]
        assert 200 == (await send(false))[0]
        await client.receiver.until(lambda: 3 == len(client.receiver.told()))
        assert [131053] == [e["errors"][0]["code"] for e in client.receiver.statuses() if e["status"] == "failed"]
        assert 33 == (await send(id, number="2"))[1]["error"]["error_subcode"]
        assert 100 == (await send(id, "audio", caption="none"))[1]["error"]["code"]
        assert {"success": True} == (await client.ask("DELETE", false))[1]
        now[0] += 30 * 86_400
        assert 33 == (await send(id))[1]["error"]["error_subcode"]
        client.world.rule(on="media", drop="before", next=1)
        try:
            await upload(client, PNG, "image/png")
        except (aiohttp.ClientError, OSError):
            pass
        assert 1 == len(client.world.media)


async def test_a_number_its_account_and_its_token() -> None:
    """What is asked for, no more; health is the worst of its parts; permissions are needed."""
    async with talking() as client:
        world = client.world
        world.tokens["EAAless"] = Token(scopes=("whatsapp_business_messaging",))
        world.change_number(NUMBER_ID, quality="YELLOW", level="HIGH", health="LIMITED")
        world.numbers[NUMBER_ID].business.portfolio.limit = "TIER_2K"
        fields = "quality_rating,throughput,health_status,whatsapp_business_manager_messaging_limit,status"
        _, number = await client.ask("GET", NUMBER_ID, params={"fields": fields})
        _, business = await client.ask("GET", BUSINESS_ID, params={"fields": "marketing_messages_onboarding_status"})
        _, numbers = await client.ask("GET", f"{BUSINESS_ID}/phone_numbers")
        _, token = await client.ask("GET", "debug_token", params={"input_token": "EAAless"})
        less = await client.ask("GET", NUMBER_ID, token="EAAless")
        world.set_switches({"management": 0})
        limited = await client.ask("GET", f"{BUSINESS_ID}/message_templates")

        assert {"level": "HIGH"} == number["throughput"]
        assert ("YELLOW", "TIER_2K", "CONNECTED") == (
            number["quality_rating"], number["whatsapp_business_manager_messaging_limit"], number["status"],
        )  # fmt: skip
        assert "LIMITED" == number["health_status"]["can_send_message"]
        assert ["PHONE_NUMBER", "WABA"] == [each["entity_type"] for each in number["health_status"]["entities"]]
        assert {"id": BUSINESS_ID, "marketing_messages_onboarding_status": "ONBOARDED"} == business
        assert [NUMBER_ID] == [each["id"] for each in numbers["data"]]
        assert ["whatsapp_business_messaging"] == token["data"]["scopes"]
        assert (403, 10) == (less[0], less[1]["error"]["code"])
        assert (429, 80007) == (limited[0], limited[1]["error"]["code"])


async def test_where_webhooks_go() -> None:
    """To the app's address; a number's or an account's own one has to greet back first, and gets messages only."""
    async with talking(delivered_ms=None) as client, receiving() as other:
        path = f"{BUSINESS_ID}/subscribed_apps"
        wrong = {"override_callback_uri": other.url, "verify_token": "wrong"}
        refused = await client.ask("POST", path, json=wrong)
        right = await client.ask("POST", path, json=wrong | {"verify_token": VERIFY_TOKEN})
        _, apps = await client.ask("GET", path)
        await client.send()
        await other.until(lambda: ["sent"] == other.told())
        business = client.world.businesses[BUSINESS_ID]
        client.graph.tell(business, "account_update", {"event": "DISABLED_UPDATE"})
        await client.receiver.until(lambda: 1 == len(client.receiver.bodies))
        await client.ask("DELETE", path)
        await client.send(BELA)

        assert (400, 2200) == (refused[0], refused[1]["error"]["code"])
        assert {"success": True} == right[1]
        assert [other.url] == [each["override_callback_uri"] for each in apps["data"]]
        assert "time" in json.loads(client.receiver.bodies[0])["entry"][0]
        await client.quiet()
        assert (["sent"], 1) == (other.told(), len(client.receiver.bodies))
        assert {"data": []} == (await client.ask("GET", path))[1]


async def test_history_tells_what_webhooks_did_not() -> None:
    """Status and times, by wamid or in pages from the newest; nothing about whom, and no code."""
    async with talking() as client:
        client.world.rule(fate={"silent": True}, next=1)
        client.world.rule(fate={"fail": 131049}, next=1)
        first, second, third = [(await client.send(to))[1]["messages"][0]["id"] for to in (ANNA, BELA, ANNA)]
        await client.graph.world.record.until(lambda: 2 == client.world.record.arrived, 10)
        path, fields = (
            f"{NUMBER_ID}/message_history",
            "id,message_id,events{delivery_status,timestamp,webhook_update_state}",
        )
        _, one = await client.ask("GET", path, params={"message_id": first, "fields": fields})
        _, page = await client.ask("GET", path, params={"limit": "2", "fields": fields})
        _, rest = await client.ask("GET", path, params={"limit": "2", "after": page["paging"]["cursors"]["after"]})
        missing = await client.ask("GET", path, params={"message_id": "wamid.other"})
        _, events = await client.ask("GET", f"{one['data'][0]['id']}/events")

        assert ["SENT", "DELIVERED"] == [each["delivery_status"] for each in one["data"][0]["events"]["data"]]
        assert {int} == {type(each["timestamp"]) for each in one["data"][0]["events"]["data"]}
        assert [third, second] == [each["message_id"] for each in page["data"]]
        assert ["FAILED"] == [each["delivery_status"] for each in page["data"][1]["events"]["data"]]
        assert [{"id", "message_id"}] == [set(each) for each in rest["data"]]
        assert ([first], False) == ([each["message_id"] for each in rest["data"]], "next" in rest["paging"])
        assert (422, 100) == (missing[0], missing[1]["error"]["code"])
        assert ["SENT", "DELIVERED"] == [each["node"]["delivery_status"] for each in events["data"]]


async def test_people_write_back_stop_and_move() -> None:
    """Replies name the message they answer; a person without a number in webhooks has a user id; marks as read."""
    async with talking(delivered_ms=None) as client:
        person = client.world.person(ANNA, hidden=True, username="anna", name="Anna")
        sent = {"messaging_product": "whatsapp", "recipient": person.user_id, "type": "text", "text": {"body": "Hello"}}
        status, answer = await client.ask("POST", f"{NUMBER_ID}/messages", json=sent)
        wamid = answer["messages"][0]["id"]
        stranger = await client.ask("POST", f"{NUMBER_ID}/messages", json=sent | {"recipient": "US.1"})
        code = [{"type": "BODY", "text": "Your code"}]
        client.world.add_template({"name": "code", "language": "en", "category": "AUTHENTICATION", "components": code})
        asked = {"type": "template", "template": {"name": "code", "language": {"code": "en"}}}
        secret = {"messaging_product": "whatsapp", "recipient": person.user_id} | asked
        assert 131062 == (await client.ask("POST", f"{NUMBER_ID}/messages", json=secret))[1]["error"]["code"]
        id = client.graph.say(ANNA, type="button", button={"payload": "STOP", "text": "Stop"}, context=wamid)
        client.graph.prefer(ANNA, "stop")
        client.graph.move(ANNA, BELA)
        await client.receiver.until(lambda: 4 == len(client.receiver.changes()))
        read = {"messaging_product": "whatsapp", "status": "read", "message_id": id}

        assert (200, [{"input": person.user_id, "user_id": person.user_id}]) == (status, answer["contacts"])
        assert (400, 33) == (stranger[0], stranger[1]["error"]["error_subcode"])
        values = {each["field"] + str(sorted(each["value"])): each["value"] for each in client.receiver.changes()}
        every = [message for value in values.values() for message in value.get("messages", [])]
        reply, system = sorted(every, key=lambda each: str(each["type"]))
        assert {"from_user_id", "id", "timestamp", "type", "button", "context"} == set(reply)
        assert wamid == reply["context"]["id"]
        assert ("user_changed_number", person.user_id) == (
            system["system"]["type"],
            system["system"]["previous_user_id"],
        )
        (stop,) = next(value["user_preferences"] for value in values.values() if "user_preferences" in value)
        assert ("stop", int, False) == (stop["value"], type(stop["timestamp"]), "wa_id" in stop)
        assert {"success": True} == (await client.ask("POST", f"{NUMBER_ID}/messages", json=read))[1]
        assert (
            131009
            == (await client.ask("POST", f"{NUMBER_ID}/messages", json=read | {"message_id": "x"}))[1]["error"]["code"]
        )


async def test_the_process_and_its_control() -> None:
    """`python -m standin.graph` serves, is told what to do by HTTP, and ends on SIGTERM."""
    async with receiving() as receiver:
        with await asyncio.to_thread(GraphStandIn.start, receiver.url, window="open", delivered_ms=0) as standin:
            await asyncio.to_thread(_control, standin)
            await receiver.until(lambda: 4 == len(receiver.changes()))
        assert {"sent", "delivered", "failed"} == set(receiver.told())
        assert standin.process is not None
        assert 0 == standin.process.returncode


def _control(standin: GraphStandIn) -> None:
    def status(path: str, headers: dict[str, str] | None = None, **body: Any) -> int:
        content = json.dumps(body).encode()
        request = urllib.request.Request(f"{standin.url}/{path}", content, headers or {}, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def send(to: str) -> int:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        body = {"messaging_product": "whatsapp", "to": to, "text": {"body": "Hello"}}
        return status(f"v26.0/{NUMBER_ID}/messages", headers, **body, biz_opaque_callback_data="1")

    wrong = [
        status("_switch", set={"colour": 1}), status("_switch", rules=[{"colour": 1}]),
        status("_world", numbers=[{"id": NUMBER_ID, "colour": 1}]), status("_colour"),
    ]  # fmt: skip
    standin.control("_world", people=[{"number": BELA, "on_whatsapp": False}])
    standin.rule(code=130429, next=1)
    sent = [send(to) for to in (ANNA, ANNA, BELA)]
    standin.say(ANNA, "STOP")
    record = standin.record(settled=2)
    assert [400, 400, 400, 404] == wrong
    assert [429, 200, 200] == sent
    assert (2, 1, 1, 0) == tuple(record[name] for name in ("accepted", "arrived", "failed", "twice"))
    kept = [(each["to"], each["callback"], each["arrived"]) for each in record["messages"]]
    assert [(ANNA, "1", True), (BELA, "1", False)] == kept
