"""Keys for programs: made, limited, replaced, taken back; and what each of their limits keeps from them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from daemon.accounts import directory
from daemon.api import events
from daemon.auth import keys, users
from daemon.config import Settings
from daemon.db import clock, proxy
from daemon.http import make_app
from daemon.models import ApiKey, Event, Job, KeptAnswer, KeySecret, Message
from daemon.server import access, key_use, rates
from daemon.states import Role, Scope
from tests.http.conftest import KEY, Caller
from tests.support.keyed import keyed

A, B = "+4915110000001", "+4915110000002"
HOUR_MS = 3_600_000


async def make(api: Caller, status: int = 200, **terms: Any) -> Any:
    return await api.post("/keys", {"name": "shop", "scopes": ["read"]} | terms, status=status)


# Made, and shown once


async def test_a_key_is_made_and_works_with_its_scope(api: Caller) -> None:
    made = await make(api, scopes=["send"])
    program = Caller(api.client, made["key"])
    sent = await program.post("/send", {"numbers": [A], "message": "Hello"})
    assert "key:shop" == Job.get_by_id(sent["job_id"]).made_by
    assert "key:shop" == Event.get().who
    refused = await program.post(f"/pause/{sent['job_id']}", status=403)
    assert ("scope_not_enough", "This key does not have the scope control: use one that has.") == (
        refused["code"],
        refused["detail"],
    )


@pytest.mark.parametrize("scope", Scope)
async def test_scopes_do_not_include_each_other(api: Caller, scope: Scope) -> None:
    program = keyed(api, "one", scope)
    probes = {
        Scope.READ: ("GET", "/jobs/1/messages"),
        Scope.SEND: ("GET", "/templates"),
        Scope.CONTROL: ("GET", "/suppressions"),
        Scope.ADMIN: ("GET", "/keys"),
    }
    allowed = {each: (await program.send(*probe)).status != 403 for each, probe in probes.items()}
    assert {each: each is scope for each in Scope} == allowed


async def test_a_secret_is_shown_once_and_kept_as_its_digest(api: Caller) -> None:
    made = await make(api)
    secret = made["key"]
    assert (52 - 5, made["prefix"]) == (len(secret), secret[:12])
    rows = json.dumps(
        [list(KeySecret.select().dicts()), list(ApiKey.select().dicts()), list(KeptAnswer.select().dicts())]
    )
    assert secret not in rows
    assert hashlib.sha256(secret.encode()).hexdigest() == KeySecret.get().digest
    shown = json.dumps([await api.get("/keys"), await api.get(f"/keys/{made['id']}")])
    assert secret not in shown
    assert secret[:12] in shown


async def test_a_repeat_gets_the_same_key_without_its_secret(api: Caller) -> None:
    """The answer is kept for a repeat; the secret is kept nowhere."""
    once = {"Idempotency-Key": "k1"}
    first, second = await asyncio.gather(
        *(api.post("/keys", {"name": "shop", "scopes": ["read"]}, headers=once) for _ in range(2))
    )
    assert 1 == ApiKey.select().count()
    assert 1 == [first["key"], second["key"]].count(None)
    assert first | {"key": 0} == second | {"key": 0}
    assert "wsk_" in str(first["key"] or second["key"])
    assert (first["key"] or second["key"]) not in json.dumps(list(KeptAnswer.select().dicts()))


async def test_keys_are_listed_in_one_shape_and_by_pages(api: Caller) -> None:
    for name in ("one", "two", "three"):
        await make(api, name=name)
    page = await api.get("/keys?limit=2")
    rest = await api.get(f"/keys?limit=2&cursor={page['next_cursor']}")
    every = page["keys"] + rest["keys"]
    assert ["three", "two", "one", "api"] == [each["name"] for each in every]
    assert 1 == len({frozenset(each) for each in every})
    assert None is rest["next_cursor"]
    assert {"keys": [], "next_cursor": None} == await api.get("/keys?cursor=0")
    assert every[0] == await api.get(f"/keys/{every[0]['id']}")
    assert every[-1] == await api.get("/keys/0")


REFUSED = [
    ({"name": ""}, "key_name_length", "name"),
    ({"name": "x" * 51}, "key_name_length", "name"),
    ({"name": "a\u0007b"}, "key_name_invisible", "name"),
    ({"name": " SHOP "}, "key_name_taken", "name"),
    ({"scopes": []}, "key_without_scope", "scopes"),
    ({"scopes": ["fly"]}, "body_unfit", "scopes"),
    ({"accounts": []}, "key_without_account", "accounts"),
    ({"accounts": ["nobody"]}, "accounts_unknown", "accounts"),
    ({"addresses": []}, "key_addresses", "addresses"),
    ({"addresses": ["here"]}, "address_unfit", "addresses"),
    ({"expires_at": 1}, "key_expires_before", "expires_at"),
    ({"rate_limit": 0}, "body_unfit", "rate_limit"),
    ({"mask_numbers": True, "scopes": ["read", "send"]}, "masked_key_reads", "scopes"),
]


@pytest.mark.parametrize(("terms", "code", "field"), REFUSED)
async def test_what_no_key_can_be_is_refused_at_its_field(api: Caller, terms: Any, code: str, field: str) -> None:
    await make(api)
    refused = await make(api, 422, **({"name": "other"} | terms))
    assert (code, field) == (refused["code"], refused["errors"][0]["field"].partition(".")[0])
    assert 1 == ApiKey.select().count()


async def test_two_at_once_do_not_get_one_name(api: Caller) -> None:
    body = {"name": "shop", "scopes": ["read"]}
    answers = await asyncio.gather(*(api.send("POST", "/keys", json=body) for _ in range(4)))
    assert [200, 422, 422, 422] == sorted(each.status for each in answers)


async def test_a_person_is_not_called_as_a_key_is(api: Caller) -> None:
    """Neither in the history, nor where answers are kept for a repeat."""
    program = keyed(api, "shop", Scope.SEND)
    await program.post("/send", {"numbers": [A], "message": "Hello"}, headers={"Idempotency-Key": "k"})
    for name in ("Key:shop", KeptAnswer.get().caller):
        with pytest.raises(Exception, match="is reserved"):
            users.create(name, Role.VIEWER, "correct horse", "test", clock.now_ms())


# Wrong, expired, revoked, replaced, from elsewhere


def test_bytes_that_are_no_text_are_nobodys_key(api: Caller) -> None:
    """As a header's bytes are read that are not UTF-8; any stranger can send them."""
    for odd in ("wsk_\udcff", "wsk_test_\udc80" + "a" * 43):
        assert keys.asks(odd, "192.0.2.7", clock.now_ms()) is None


async def test_a_wrong_key_is_401_and_locks_nobody_out(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "WRONG_KEY_S", 0.01)
    wrong = ["x", "wsk_", "wsk_test_", "wsk_" + "a" * 43, KEY + "x", "wsk_\u00e9\u00e9"]
    made = await make(api, rate_limit=100)
    for key in [*wrong, made["key"][:-1], made["key"] + "x", made["key"].swapcase()] * 4:
        answer = await api.client.get("/keys", headers={"X-API-KEY": key})
        assert (401, "ApiKey") == (answer.status, answer.headers["WWW-Authenticate"])
        assert "no_key" == (await answer.json())["code"]
        assert "RateLimit" not in answer.headers
    await Caller(api.client, made["key"]).get("/accounts")


async def test_a_revoked_key_is_none_from_then_on(api: Caller) -> None:
    made = await make(api)
    program = Caller(api.client, made["key"])
    await program.get("/accounts")
    await api.client.app[key_use.KEY_USE].finish(api.client.app)  # else it may be written between the two answers
    gone = await api.ask("DELETE", f"/keys/{made['id']}")
    assert ("revoked", "api", True) == (gone["status"], gone["revoked_by"], gone["revoked_at"] > 0)
    assert "revoked_key" == (await program.get("/accounts", status=401))["code"]
    assert gone == await api.ask("DELETE", f"/keys/{made['id']}")
    assert "key_is_revoked" == (await api.post(f"/keys/{made['id']}/rotate", status=409))["code"]
    await make(api)  # its name is free again
    assert "no_key_of_that_id" == (await api.ask("DELETE", "/keys/77", status=404))["code"]


async def test_a_key_ends_when_it_expires(api: Caller) -> None:
    made = await make(api, expires_at=clock.now_ms() + HOUR_MS)
    program = Caller(api.client, made["key"])
    await program.get("/accounts")
    ApiKey.update(expires_at=clock.now_ms() - 1).execute()
    assert "expired_key" == (await program.get("/accounts", status=401))["code"]
    assert "expired" == (await api.get(f"/keys/{made['id']}"))["status"]
    assert "key_is_expired" == (await api.post(f"/keys/{made['id']}/rotate", status=409))["code"]


async def test_a_rotated_key_ends_when_said(api: Caller) -> None:
    made = await make(api)
    old, ends_at = Caller(api.client, made["key"]), clock.now_ms() + HOUR_MS
    turned = await api.post(f"/keys/{made['id']}/rotate", {"ends_at": ends_at})
    assert turned["key"] != made["key"]
    assert [(made["prefix"], ends_at)] == [(each["prefix"], each["ends_at"]) for each in turned["old"]]
    await old.get("/accounts")
    await Caller(api.client, turned["key"]).get("/accounts")
    KeySecret.update(ends_at=clock.now_ms()).where(KeySecret.prefix == made["prefix"]).execute()
    assert "replaced_key" == (await old.get("/accounts", status=401))["code"]
    assert [] == (await api.get(f"/keys/{made['id']}"))["old"]
    again = await api.post(f"/keys/{made['id']}/rotate")  # nothing said: at once
    assert "replaced_key" == (await Caller(api.client, turned["key"]).get("/accounts", status=401))["code"]
    await Caller(api.client, again["key"]).get("/accounts")


async def test_a_key_is_taken_from_its_addresses_only(api: Caller) -> None:
    near = keyed(api, "near", addresses=("127.0.0.0/8",))
    far = keyed(api, "far", addresses=("192.0.2.0/24", "2001:db8::/32"))
    await near.get("/accounts")
    assert "key_from_elsewhere" == (await far.get("/accounts", status=401))["code"]
    # Nobody has said that 127.0.0.1 is a proxy: what it writes there is only a claim.
    said = {"X-Forwarded-For": "192.0.2.7"}
    assert "key_from_elsewhere" == (await far.get("/accounts", status=401, headers=said))["code"]


async def test_behind_a_trusted_proxy_the_address_is_that_of_the_caller(
    settings: Settings, database: str, aiohttp_client: Callable[..., Awaitable[Any]]
) -> None:
    proxied = settings.model_copy(update={"trusted_proxies": "127.0.0.1"})
    api = Caller(await aiohttp_client(make_app(proxied, KEY)), KEY)
    far = keyed(api, "far", addresses=("192.0.2.0/24",))
    await far.get("/accounts", headers={"X-Forwarded-For": "203.0.113.9, 192.0.2.7"})
    await far.get("/accounts", status=401, headers={"X-Forwarded-For": "192.0.2.7, 203.0.113.9"})


# The installation's own key


async def test_the_first_key_is_listed_and_cannot_be_revoked_here(api: Caller) -> None:
    first = (await api.get("/keys"))["keys"][0]
    assert (0, "api", "file", None, [*Scope]) == (
        first["id"],
        first["name"],
        first["source"],
        first["prefix"],
        first["scopes"],
    )
    for method, path in (("DELETE", "/keys/0"), ("POST", "/keys/0/rotate")):
        assert "key_of_installation" == (await api.ask(method, path, status=409))["code"]
    await api.get("/keys")


# Limits


async def test_a_limit_is_told_in_the_standard_headers(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    program = keyed(api, "slow", rate_limit=2)
    heads = []
    for status in (200, 200, 429):
        answer = await program.send("GET", "/accounts")
        assert status == answer.status
        assert '"key";q=2;w=60' == answer.headers["RateLimit-Policy"]
        heads.append(answer.headers["RateLimit"])
    assert ['"key";r=1;t=60', '"key";r=0;t=60', '"key";r=0;t=60'] == heads
    assert "60" == answer.headers["Retry-After"]
    problem = await answer.json()
    assert ("urn:wasender:problem:rate-limited", "rate_limited") == (problem["type"], problem["code"])
    assert "RateLimit" not in (await api.send("GET", "/accounts")).headers
    monkeypatch.setattr(rates, "WINDOW_S", 0)  # the minute is over
    assert 200 == (await program.send("GET", "/accounts")).status


async def test_another_key_is_not_slowed_by_it(api: Caller) -> None:
    slow, other = keyed(api, "slow", rate_limit=1), keyed(api, "other", rate_limit=1)
    await slow.get("/accounts")
    await slow.get("/accounts", status=429)
    await other.get("/accounts")


async def test_masked_numbers(api: Caller) -> None:
    await api.post("/send", {"numbers": [A], "message": "Hello"})
    assert A in await keyed(api, "whole", Scope.READ).text("/jobs/1/messages")
    assert A not in await keyed(api, "masked", Scope.READ, masked=True).text("/jobs/1/messages")


async def test_the_last_use_is_written_once_a_minute(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    made = await make(api)
    program, uses = Caller(api.client, made["key"]), api.client.app[key_use.KEY_USE]
    await program.get("/accounts")
    await uses.finish(api.client.app)
    first = (await api.get(f"/keys/{made['id']}"))["last_used_at"]
    assert abs(clock.now_ms() - first) < 60_000
    KeySecret.update(used_at=1).execute()
    await program.get("/accounts")
    await uses.finish(api.client.app)
    assert 1 == (await api.get(f"/keys/{made['id']}"))["last_used_at"]
    monkeypatch.setattr(key_use, "EVERY_S", 0.0)
    await program.get("/accounts")
    await uses.finish(api.client.app)
    assert first <= (await api.get(f"/keys/{made['id']}"))["last_used_at"]


# Test keys, and keys that make keys


async def test_a_test_key_changes_nothing(api: Caller) -> None:
    """Every write but those that are told to try is refused, whatever its scopes."""
    await api.post("/send", {"numbers": [A], "message": "Hello"})
    program = keyed(api, "trial", test=True)
    await program.get("/jobs/1/messages")
    for path in ("/pause/1", "/stop/1", "/retry/1", "/jobs/1/archive", "/keys"):
        assert "test_key" == (await program.post(path, status=403))["code"]
    assert "test_key" == (await program.ask("PUT", "/templates/1", json={}, status=403))["code"]
    assert (1, 1) == (Job.select().count(), Message.select().count())


MORE = [
    {"scopes": ["read", "admin"]},
    {"expires_at": None},
    {"test": False},
    {"addresses": None},
    {"addresses": ["0.0.0.0/0"]},
    {"rate_limit": None},
    {"rate_limit": 6},
]


@pytest.mark.parametrize("more", MORE)
async def test_a_key_makes_none_that_may_do_more(api: Caller, more: Any) -> None:
    end = clock.now_ms() + HOUR_MS
    own = {"scopes": frozenset({Scope.ADMIN}), "addresses": ("127.0.0.0/8",), "rate_limit": 5, "expires_at": end}
    by = keys.create(keys.Terms("maker", **own), "test", clock.now_ms()).key
    less = keys.Terms("less", frozenset({Scope.ADMIN}), None, ("127.0.0.1",), rate_limit=4, expires_at=end - 1)
    keys.create(less, "test", clock.now_ms(), by)
    if "test" in more:
        by = keys.create(keys.Terms("tester", by.scopes, test=True), "test", clock.now_ms()).key
    wanted = vars(less) | {"name": "more"} | more
    wanted["scopes"] = frozenset(map(Scope, wanted["scopes"]))
    whole = keys.create(keys.Terms(**wanted), "test", clock.now_ms())  # an administrator may
    for attempt in (
        lambda: keys.create(keys.Terms(**wanted | {"name": "third"}), "test", clock.now_ms(), by),
        lambda: keys.rotate(whole.key.id, None, "test", clock.now_ms(), by),
    ):
        with pytest.raises(Exception, match="may do more than itself"):
            attempt()


async def test_who_is_limited_to_accounts_manages_no_keys(api: Caller) -> None:
    directory.ensure("one")
    program = keyed(api, "narrow", accounts=("one",))
    for method, path in (("GET", "/keys"), ("GET", "/keys/0"), ("DELETE", "/keys/1"), ("POST", "/keys/1/rotate")):
        assert "limited_to_accounts" == (await program.ask(method, path, status=403))["code"]
    body = {"name": "wide", "scopes": ["read"]}
    assert "limited_to_accounts" == (await program.post("/keys", body, status=403))["code"]


async def test_a_key_is_for_the_api_and_not_for_pages(api: Caller) -> None:
    program = keyed(api)
    for path in ("/app", "/app/keys", "/app/users"):
        answer = await program.send("GET", path, headers={"Accept": "text/html"}, allow_redirects=False)
        assert 403 == answer.status
    assert "key_not_for_pages" == (await program.post("/app/logout", status=403))["code"]


async def test_idempotency_keys_belong_to_a_key_and_outlive_its_rotation(api: Caller) -> None:
    one, other = await make(api, name="one", scopes=["send"]), await make(api, name="other", scopes=["send"])
    body, once = {"numbers": [A], "message": "Hello"}, {"Idempotency-Key": "same"}
    first = await Caller(api.client, one["key"]).post("/send", body, headers=once)
    turned = await api.post(f"/keys/{one['id']}/rotate")
    assert first == await Caller(api.client, turned["key"]).post("/send", body, headers=once)
    assert first != await Caller(api.client, other["key"]).post("/send", body, headers=once)
    assert 2 == Job.select().count()


async def test_an_event_stream_ends_with_its_key(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK_S", 0.01)
    made = await make(api)
    stream = await Caller(api.client, made["key"]).send("GET", "/events")
    await stream.content.readany()
    await api.ask("DELETE", f"/keys/{made['id']}")
    async with asyncio.timeout(20):
        while await stream.content.readany():
            pass


async def test_finding_a_key_costs_no_scan(database: str) -> None:
    keys.create(keys.Terms("one", frozenset(Scope)), "test", clock.now_ms())
    sql, values = KeySecret.select(KeySecret, ApiKey).join(ApiKey).where(KeySecret.prefix == "wsk_x").sql()
    explain = "EXPLAIN " if proxy.on_postgres() else "EXPLAIN QUERY PLAN "
    plan = " ".join(str(row) for row in proxy.database.execute_sql(explain + sql, values))
    assert proxy.on_postgres() or "SCAN" not in plan
