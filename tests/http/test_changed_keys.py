"""Keys that are changed: with the same secret from the next request on, by those who may, and on record."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from daemon.accounts import directory
from daemon.api import events
from daemon.auth import users
from daemon.db import clock
from daemon.models import ApiKey
from daemon.states import Role, Scope
from tests.http.conftest import Caller
from tests.support.keyed import keyed
from tests.support.signing_in import GOOD, look, session_of, someone, submit

HOUR_MS = 3_600_000
LIMITS: dict[str, Any] = {"accounts": ["north"], "addresses": ["127.0.0.1/32"], "rate_limit": 9}


async def make(api: Caller, **terms: Any) -> Any:
    return await api.post("/keys", {"name": "shop", "scopes": ["read"]} | terms)


async def change(api: Caller, key: Any, status: int = 200, **changes: Any) -> Any:
    return await api.ask("PATCH", f"/keys/{key['id']}", status, json=changes)


async def test_what_it_may_do_applies_from_the_next_request_on(api: Caller) -> None:
    """What is not named stays; null takes a limit away; it is on record who changed it."""
    directory.ensure("north")
    made = await make(api, rate_limit=1_000, expires_at=clock.now_ms() + HOUR_MS)
    program = Caller(api.client, made["key"])
    await program.get("/templates", status=403)
    with capture_logs() as told:
        changed = await change(api, made, name="store", scopes=["read", "send"], **LIMITS)
    await program.get("/templates")

    assert LIMITS | {"name": "store", "expires_at": made["expires_at"], "version": 2} == {
        each: changed[each] for each in (*LIMITS, "name", "expires_at", "version")
    }
    assert "api" == changed["changed_by"] and changed["changed_at"] >= made["created_at"]
    # That it was used is noted beside the requests.
    assert changed == await api.get(f"/keys/{made['id']}") | {"last_used_at": changed["last_used_at"]}
    (line,) = [each for each in told if each["event"] == "key.changed"]
    assert ("store", "name scopes accounts addresses rate_limit", "api") == (line["name"], line["what"], line["who"])
    assert made["key"] not in str(told) + str(changed)
    await change(api, made, accounts=None, addresses=None, rate_limit=None, expires_at=None, name=None)
    row = ApiKey.get()
    assert (None, None, None, None, "store") == (
        row.accounts, row.addresses, row.rate_limit, row.expires_at, row.name,
    )  # fmt: skip


async def test_a_change_over_another_one_is_refused(api: Caller) -> None:
    """By the version; one that changes nothing makes none."""
    made = await make(api)
    assert 1 == (await change(api, made, name="shop", version=1))["version"]
    await change(api, made, name="store", version=1)
    assert "changed_meanwhile" == (await change(api, made, 409, name="other", version=1))["code"]
    assert "store" == ApiKey.get().name


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": ""}, "key_name_length"),
        ({"name": "Taken"}, "key_name_taken"),
        ({"scopes": []}, "key_without_scope"),
        ({"scopes": ["send"], "mask_numbers": True}, "masked_key_reads"),
        ({"accounts": []}, "key_without_account"),
        ({"accounts": ["west"]}, "accounts_unknown"),
        ({"addresses": ["home"]}, "address_unfit"),
        ({"expires_at": 1}, "key_expires_before"),
        ({"test": True}, "unknown_field"),
    ],
)
async def test_what_no_key_can_be_is_refused(api: Caller, changes: Any, code: str) -> None:
    made = await make(api)
    await make(api, name="taken")
    assert code == (await change(api, made, 422, **changes))["code"]
    assert 1 == ApiKey.get_by_id(made["id"]).version


async def test_what_is_over_and_the_first_key_stay_as_they_are(api: Caller) -> None:
    made = await make(api)
    assert "key_of_installation" == (await change(api, {"id": 0}, 409, name="x"))["code"]
    await change(api, {"id": 999}, 404, name="x")
    ApiKey.update(expires_at=1).execute()
    assert "key_is_expired" == (await change(api, made, 409, expires_at=None))["code"]
    await api.ask("DELETE", f"/keys/{made['id']}")
    assert "key_is_revoked" == (await change(api, made, 409, name="x"))["code"]


async def test_only_an_administrator_of_all_accounts_changes_keys(api: Caller, client: Any) -> None:
    made = await make(api)
    directory.ensure("north")
    for scopes in ([Scope.READ, Scope.SEND, Scope.CONTROL], [Scope.ADMIN]):
        limited = keyed(api, str(len(scopes)), *scopes, accounts=("north",))
        await change(limited, made, 403, name="x")
    operator = session_of(Role.OPERATOR)
    assert 403 == (await client.patch(f"/keys/{made['id']}", json={"name": "x"}, headers=operator)).status
    assert "shop" == ApiKey.get().name


@pytest.mark.parametrize(
    "more",
    [
        {"scopes": ["admin", "send"]},
        {"addresses": None},
        {"addresses": ["0.0.0.0/0"]},
        {"rate_limit": None},
        {"rate_limit": 1_001},
        {"expires_at": None},
    ],
)
async def test_a_key_gives_no_more_than_it_has(api: Caller, more: Any) -> None:
    """Neither to another one nor to itself; nor does it touch one that may do more."""
    mine = {"rate_limit": 1_000, "expires_at": clock.now_ms() + HOUR_MS}
    own = await make(api, name="own", scopes=["admin"], addresses=["127.0.0.0/8"], **mine)
    less = await make(api, name="less", scopes=["admin"], addresses=["127.0.0.1"], **mine)
    wide = await make(api, name="wide", scopes=["send"])
    program = Caller(api.client, own["key"])
    for key in (own, less):
        assert "key_beyond_own" == (await change(program, key, 403, **more))["code"]
    await change(program, wide, 403, **({"scopes": ["admin"], "addresses": ["127.0.0.1"]} | mine))
    await change(program, less, rate_limit=10)


async def test_an_event_stream_ends_when_its_key_is_changed(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes back is told what the key may see now."""
    monkeypatch.setattr(events, "LOOK_S", 0.01)
    directory.ensure("north")
    made = await make(api)
    stream = await Caller(api.client, made["key"]).send("GET", "/events")
    await stream.content.readany()
    await change(api, made, accounts=["north"])
    async with asyncio.timeout(20):
        while await stream.content.readany():
            pass


async def test_it_is_changed_on_its_page(client: Any) -> None:
    """What is shown is what there was; the end stays unless another one is chosen; an older page is refused."""
    someone(client)
    await submit(client, "/app/keys", name="shop", scopes="read", expires_at="30", rate_limit="9", masked="yes")
    end = ApiKey.get().expires_at
    page = await look(client, "/app/keys/1")
    assert all(said in page for said in ('value="shop"', 'value="read" checked', 'value="stays" selected', 'value="9"'))
    fields = {"name": "store", "scopes": "send", "expires_at": "stays", "addresses": "127.0.0.1", "version": "1"}
    assert 303 == (await submit(client, "/app/keys/1", **fields)).status
    row = ApiKey.get()
    assert ("store", ["send"], end, ["127.0.0.1/32"], None, False) == (
        row.name, row.scopes, row.expires_at, row.addresses, row.rate_limit, row.masked,
    )  # fmt: skip
    assert "Last changed" in await look(client, "/app/keys/1")
    late = await submit(client, "/app/keys/1", **fields)
    wrong = await submit(client, "/app/keys/1", **(fields | {"version": "2", "addresses": "home"}))
    assert (409, 422) == (late.status, wrong.status)
    assert 'name="addresses" dir="ltr" value="home"' in await wrong.text()
    await submit(client, "/app/keys/1", **(fields | {"version": "2", "expires_at": ""}))
    assert None is ApiKey.get().expires_at
    assert 404 == (await submit(client, "/app/keys/7", **fields)).status
    operator = users.create("Otto", Role.OPERATOR, GOOD, "test", clock.now_ms())
    someone(client, operator.id)
    assert 403 == (await submit(client, "/app/keys/1", **fields)).status
