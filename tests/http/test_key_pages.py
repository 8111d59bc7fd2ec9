"""The pages of keys: made, replaced and revoked by an administrator."""

from __future__ import annotations

import re
from typing import Any

import pytest

from daemon.accounts import directory
from daemon.auth import users
from daemon.db import clock
from daemon.models import ApiKey
from daemon.states import Role
from tests.http.conftest import Caller
from tests.support.signing_in import GOOD, look, someone, submit

SECRET = re.compile(r'value="(wsk_[^"]+)"')


async def made(client: Any, **fields: Any) -> str:
    answer = await submit(client, "/app/keys", **{"name": "shop", "scopes": "read"} | fields)
    assert 200 == answer.status, await answer.text()
    return await answer.text()


async def test_a_key_is_made_shown_once_and_works(client: Any) -> None:
    someone(client)
    page = await made(client, expires_at="30", addresses="127.0.0.1, ::1", rate_limit="9", masked="yes")
    secret = SECRET.search(page)
    assert secret
    assert secret[1] not in await look(client, "/app/keys") + await look(client, "/app/keys/1")
    answer = await Caller(client, secret[1]).send("GET", "/accounts")
    assert (200, '"key";q=9;w=60') == (answer.status, answer.headers["RateLimit-Policy"])
    row = ApiKey.get()
    assert (["read"], None, ["127.0.0.1/32", "::1/128"], True) == (row.scopes, row.accounts, row.addresses, row.masked)
    assert row.expires_at > clock.now_ms() + 29 * 24 * 3_600_000
    listed = await look(client, "/app/keys")
    assert all(said in listed for said in (secret[1][:12], "9 requests a minute", "from 127.0.0.1/32"))


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"name": ""}, "name", "1 to 50"),
        ({"scopes": "none"}, "scopes", "choose one or more"),
        ({"addresses": "home"}, "addresses", "no IP address"),
        ({"rate_limit": "many"}, "rate_limit", "whole number"),
        ({"rate_limit": "0"}, "rate_limit", "from 1 to"),
        ({"masked": "yes", "scopes": "send"}, "scopes", "scope read"),
    ],
)
async def test_what_is_wrong_stands_at_its_field(client: Any, fields: Any, field: str, said: str) -> None:
    someone(client)
    answer = await submit(client, "/app/keys", **{"name": "shop", "scopes": "read"} | fields)
    page = await answer.text()
    assert 422 == answer.status
    assert re.search(rf'name="{field}"[^>]*aria-describedby="{field}-wrong', page)
    assert said in page
    assert not ApiKey.select().exists()


async def test_accounts_are_chosen_where_there_are_several(client: Any) -> None:
    someone(client)
    assert 'name="accounts"' not in await look(client, "/app/keys")
    for name in ("north", "south"):
        directory.ensure(name)
    await made(client, accounts="north")
    assert ["north"] == ApiKey.get().accounts
    assert "accounts: north" in await look(client, "/app/keys/1")
    answer = await submit(client, "/app/keys", name="other", scopes="read", accounts="west")
    assert 422 == answer.status


async def test_a_key_is_replaced_and_revoked(client: Any) -> None:
    someone(client)
    old = SECRET.search(await made(client))
    answer = await submit(client, "/app/keys/1/rotate", ends="day")
    new = SECRET.search(await answer.text())
    assert old and new and old[1] != new[1]
    assert f"The old key {old[1][:12]}… is taken until" in await look(client, "/app/keys/1")
    for each in (old, new):
        await Caller(client, each[1]).get("/accounts")
    assert 303 == (await submit(client, "/app/keys/1/revoke")).status
    for each in (old, new):
        await Caller(client, each[1]).get("/accounts", status=401)
    assert "Revoked keys" in await look(client, "/app/keys")
    assert 409 == (await submit(client, "/app/keys/1/rotate", ends="now")).status
    assert 404 == (await submit(client, "/app/keys/7/revoke")).status


async def test_the_page_says_where_the_first_key_is(client: Any) -> None:
    someone(client)
    assert "api_key on this server" in await look(client, "/app/keys")


async def test_somebody_with_some_accounts_only_manages_neither_keys_nor_users(client: Any) -> None:
    user = users.create("Anna", Role.ADMIN, GOOD, "test", clock.now_ms())
    users.limit_to(user.id, ["north"], "test")
    someone(client, user.id)
    for path in ("/app/keys", "/app/users", f"/app/users/{user.id}"):
        assert "ask an administrator of all accounts" in await look(client, path, 403)
    front = await look(client, "/app")
    assert "/app/keys" not in front and "/app/users" not in front
    assert 403 == (await submit(client, "/app/keys", name="wide", scopes="read")).status
