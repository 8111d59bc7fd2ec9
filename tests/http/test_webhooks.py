"""Webhooks by the API: made, told, tested, replayed, and what is refused."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from daemon.accounts import installed
from daemon.campaigns import lifecycle
from daemon.config import Settings
from daemon.db import clock
from daemon.models import Delivery
from daemon.models import Webhook as WebhookRow
from daemon.webhooks import dispatch, outbox
from daemon.webhooks.sending import Sender
from tests.support.job_page import campaign, send_one
from tests.support.receiver import Receiver

LOCAL = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(webhook_networks="127.0.0.1")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "POLL_S", 0.02)
    monkeypatch.setattr(dispatch, "IDLE_S", 0.02)
    monkeypatch.setattr(outbox, "RETRIES_S", (0.05, 0.05))
    monkeypatch.setattr(outbox, "REST_S", 0.05)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


async def settle(api: Any, webhook_id: int) -> list[dict[str, Any]]:
    """Its deliveries, oldest first, once none waits any more."""
    async with asyncio.timeout(60):
        while True:
            found = (await api.get(f"/webhooks/{webhook_id}/deliveries"))["deliveries"]
            if found and all(each["state"] != "waiting" for each in found):
                return found[::-1]
            await asyncio.sleep(0.02)


@pytest.mark.usefixtures("beside")
async def test_a_sent_message_is_told_signed(api: Any, settings: Settings, receiver: Receiver) -> None:
    """From the hook to the receiver's library, in order, with the number that is needed to match the person."""
    made = await api.post("/webhooks", {"url": receiver.url, "events": ["message.sent", "job"]})
    job_id = await asyncio.to_thread(campaign, settings, 1)
    await asyncio.to_thread(send_one)
    got = await receiver.until(lambda got: len(got) >= 4)

    assert ["job.pending", "job.running", "job.completed"] == [each.type for each in got if each.type != "message.sent"]
    for each in got:
        each.verify(made["secret"])
    (sent,) = [each for each in got if each.type == "message.sent"]
    assert (sent.id, "+4915110000000", job_id) == (
        sent.body["id"], sent.body["data"]["number"], sent.body["data"]["job_id"],
    )  # fmt: skip
    assert "application/json" == sent.headers["content-type"]
    told = await settle(api, made["webhook_id"])
    assert {each.id for each in got} == {each["event_id"] for each in told}
    assert [("delivered", 1, 204, None)] * 4 == [
        (each["state"], each["attempts"], each["status"], each["reason"]) for each in told
    ]
    shown = await api.get(f"/webhooks/{made['webhook_id']}")
    assert (True, 0, 0) == (shown["enabled"], shown["waiting"], shown["dead"])
    assert shown["delivered_at"]
    assert "secret" not in shown


async def test_both_secrets_sign_while_one_is_replaced(api: Any, receiver: Receiver) -> None:
    """And afterwards only the new one does."""
    made = await api.post("/webhooks", {"url": receiver.url})
    path = f"/webhooks/{made['webhook_id']}"
    fresh = await api.post(f"{path}/rotate", {"hours": 1})
    assert "delivered" == (await api.post(f"{path}/test"))["state"]
    for secret in (made["secret"], fresh["secret"]):
        receiver.got[0].verify(secret)
    assert fresh["old_secret_until"] > clock.now_ms()

    newest = await api.post(f"{path}/rotate", {"hours": 0})
    await api.post(f"{path}/test")
    receiver.got[1].verify(newest["secret"])
    with pytest.raises(WebhookVerificationError):
        receiver.got[1].verify(fresh["secret"])
    assert 3 == len({made["secret"], fresh["secret"], newest["secret"]})
    assert all(len(Webhook(each)._whsecret) == 32 for each in (made["secret"], newest["secret"]))


@pytest.mark.usefixtures("beside")
async def test_what_fails_comes_later_and_what_is_about_the_same_waits(
    api: Any, settings: Settings, receiver: Receiver
) -> None:
    """Others go on meanwhile; what was given up can be sent again."""
    first, second = [await asyncio.to_thread(campaign, settings, 1) for _ in range(2)]
    made = await api.post("/webhooks", {"url": receiver.url, "events": ["job"]})
    receiver.decide = lambda got: 500 if got.body["data"]["job_id"] == first and got.type == "job.paused" else 200
    for job_id in (first, second):
        await asyncio.to_thread(lifecycle.pause, job_id, "test", clock.now_ms())
        await asyncio.to_thread(lifecycle.resume, job_id, "test", clock.now_ms())
    told = await settle(api, made["webhook_id"])

    of_first = [each.type for each in receiver.got if each.body["data"]["job_id"] == first]
    of_second = [each.type for each in receiver.got if each.body["data"]["job_id"] == second]
    assert ["job.paused"] * 3 + ["job.running"] == of_first
    assert ["job.paused", "job.running"] == of_second
    dead = [each for each in told if each["state"] == "dead"]
    assert [("job.paused", 3, 500, "webhook_status", "It answered 500.")] == [
        (each["type"], each["attempts"], each["status"], each["code"], each["reason"]) for each in dead
    ]
    assert 1 == (await api.get(f"/webhooks/{made['webhook_id']}"))["dead"]

    receiver.decide = None
    count = len(receiver.got)
    again = await api.post(f"/webhooks/deliveries/{dead[0]['delivery_id']}/replay")
    # It may be delivered before the answer is written.
    assert (again["state"], again["attempts"]) in (("waiting", 0), ("delivered", 1))
    got = await receiver.until(lambda got: len(got) > count)
    assert dead[0]["event_id"] == got[-1].id
    await settle(api, made["webhook_id"])
    assert 0 == (await api.post(f"/webhooks/{made['webhook_id']}/replay"))["replayed"]


async def test_a_test_says_what_came_of_it(api: Any, receiver: Receiver) -> None:
    """It is not tried again, and not replayed; redirects are not followed."""
    receiver.answers = [302, 500, 204]
    made = await api.post("/webhooks", {"url": receiver.url})
    found = [await api.post(f"/webhooks/{made['webhook_id']}/test") for _ in range(3)]

    assert [("dead", 302), ("dead", 500), ("delivered", 204)] == [(each["state"], each["status"]) for each in found]
    assert ["webhook_redirect", "webhook_status", None] == [each["code"] for each in found]
    assert ["webhook.test"] * 3 == [each.type for each in receiver.got]
    refused = await api.post(f"/webhooks/deliveries/{found[0]['delivery_id']}/replay", status=409)
    assert "delivery_of_test" == refused["code"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://10.0.0.1/x", "webhook_address_barred"),
        ("http://example.org:0/", "webhook_url_unfit"),
        ("https://[::1]/x", "webhook_address_barred"),
        ("https://[::ffff:10.0.0.1]/", "webhook_address_barred"),
        ("http://93.184.216.34/", "webhook_address_barred"),
        ("https://169.254.169.254/latest/meta-data", "webhook_address_barred"),
        ("https://user:pass@example.org/", "webhook_url_unfit"),
        ("ftp://example.org/", "webhook_url_unfit"),
        ("example.org", "webhook_url_unfit"),
        ("", "webhook_url_unfit"),
    ],
)
async def test_where_nobody_may_be_sent_is_refused(api: Any, url: str, code: str) -> None:
    """When it is made, and when it is changed."""
    assert code == (await api.post("/webhooks", {"url": url}, 422))["code"]
    made = await api.post("/webhooks", {"url": "https://203.0.113.9.example.org/"})
    refused = await api.ask("PATCH", f"/webhooks/{made['webhook_id']}", 422, json={"url": url})
    assert code == refused["code"]


async def test_a_name_that_is_private_only_later_is_not_connected_to(
    api: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the address that is connected to that counts."""
    assert receiver.server is not None
    made = await api.post("/webhooks", {"url": f"https://hooks.example.org:{receiver.server.port}/"})
    real = socket.getaddrinfo

    def rebound(host: str, *how: Any, **more: Any) -> Any:
        return real("10.1.2.3" if host == "hooks.example.org" else host, *how, **more)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    found = await api.post(f"/webhooks/{made['webhook_id']}/test")

    assert ("dead", "webhook_barred", None) == (found["state"], found["code"], found["status"])
    assert [] == receiver.got


async def test_who_does_not_answer_holds_up_nobody(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a receiver nor a name server: no other webhook, and no other work in threads."""
    held, over = asyncio.Queue[None](), threading.Event()
    real = socket.getaddrinfo

    def unknown(host: str, *how: Any, **more: Any) -> Any:
        over.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, host)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.put_nowait(None)
        await reader.read()
        writer.close()

    look = lambda host, *how, **more: (unknown if host == "silent.example" else real)(host, *how, **more)  # noqa: E731
    monkeypatch.setattr(socket, "getaddrinfo", look)
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as slow, Sender(LOCAL) as sender:
        urls = [f"http://127.0.0.1:{slow.sockets[0].getsockname()[1]}/"] * 80 + ["http://silent.example/"] * 20
        calls = [asyncio.create_task(sender.post(url, "{}", {})) for url in urls]
        try:
            for _ in range(80):
                await held.get()
            assert (await sender.post(receiver.url, "{}", {"webhook-id": "1"})).arrived
            async with asyncio.timeout(5):
                assert 1 == await asyncio.to_thread(int, 1)
        finally:
            over.set()
            for each in calls:
                each.cancel()
            await asyncio.gather(*calls, return_exceptions=True)


def test_each_webhook_has_its_share() -> None:
    """Many have fewer requests at once each, and always one."""
    assert [16, 16, 12, 1, 1] == [dispatch.share(count) for count in (1, 4, 5, 50, 100)]


@pytest.mark.usefixtures("beside")
async def test_a_webhook_is_changed_disabled_and_deleted(api: Any, settings: Settings, receiver: Receiver) -> None:
    """Disabled it is told nothing; enabled again it goes on where it was."""
    made = await api.post("/webhooks", {"url": receiver.url, "events": ["job.paused"], "name": "CRM"})
    path = f"/webhooks/{made['webhook_id']}"
    off = await api.ask("PATCH", path, json={"enabled": False, "version": 1})
    assert (False, "person", 2) == (off["enabled"], off["disabled_why"], off["version"])
    job_id = await asyncio.to_thread(campaign, settings, 1)
    await asyncio.to_thread(lifecycle.pause, job_id, "test", clock.now_ms())
    assert 409 == (await api.send("PATCH", path, json={"name": "x", "version": 1})).status
    assert [] == receiver.got

    on = await api.ask("PATCH", path, json={"enabled": True, "name": "", "accounts": ["default"]})
    assert (True, ["default"], None) == (on["enabled"], on["accounts"], on["disabled_at"])
    assert ["job.paused"] == [each.type for each in await receiver.until(len)]
    assert [made["webhook_id"]] == [each["webhook_id"] for each in (await api.get("/webhooks"))["webhooks"]]
    assert {"success": True} == await api.ask("DELETE", path)
    assert "no_webhook" == (await api.get(path, 404))["code"]
    assert (0, 0) == (WebhookRow.select().count(), Delivery.select().count())


async def test_an_account_that_nobody_has_is_no_webhooks(api: Any, settings: Settings) -> None:
    """It would be told nothing; one that was removed since stays, so that the rest can be changed."""
    installed.add(settings, "shop", {}, "test", clock.now_ms())
    body = {"url": "https://example.org/", "accounts": ["shop"]}
    refused = await api.post("/webhooks", body | {"accounts": ["shop", "shpo"]}, 422)
    assert ("accounts_unknown", "accounts") == (refused["code"], refused["errors"][0]["field"])
    path = f"/webhooks/{(await api.post('/webhooks', body))['webhook_id']}"
    await api.ask("DELETE", "/accounts/shop")
    for names in (["shop", "default"], ["shop"], []):
        assert (names or None) == (await api.ask("PATCH", path, json={"accounts": names}))["accounts"]
    for names in (["shop"], ["default", "shpo"]):
        assert "accounts_unknown" == (await api.ask("PATCH", path, 422, json={"accounts": names}))["code"]
    await api.ask("PATCH", "/webhooks/7", 404, json={"accounts": ["shpo"]})


async def test_what_cannot_be_is_refused(api: Any) -> None:
    """By code, and at its field."""
    url = "https://example.org/"
    for events, code in (([], "webhook_events_empty"), (["message.flown"], "webhook_events_unfit")):
        refused = await api.post("/webhooks", {"url": url, "events": events}, 422)
        assert (code, "events") == (refused["code"], refused["errors"][0]["field"])
    assert "no_delivery" == (await api.post("/webhooks/deliveries/7/replay", status=404))["code"]
    for method, path in (("GET", ""), ("POST", "/test"), ("POST", "/rotate"), ("GET", "/deliveries"), ("DELETE", "")):
        assert "no_webhook" == (await api.ask(method, f"/webhooks/7{path}", 404))["code"]
