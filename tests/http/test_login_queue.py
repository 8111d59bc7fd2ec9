"""The queue in front of the passwords: the locked-out do not enter it, and it has an end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from daemon import errors
from daemon.auth import lockout, passwords, users
from daemon.pages import login
from daemon.server import access
from daemon.states import Role
from tests.http.conftest import KEY
from tests.support.signing_in import GOOD, anna, someone, submit

WRONG = {"name": "anna", "password": "wrong"}
SAME = {"Sec-Fetch-Site": "same-origin"}


async def test_whoever_is_locked_out_does_not_wait(client: Any) -> None:
    """While somebody's password is being looked at for long."""
    for _ in range(lockout.TRIES):
        assert 401 == (await client.post("/app/login", data=WRONG, headers=SAME)).status
    async with client.app[login.ONE_BY_ONE].strangers:
        for name in ("anna", "ben"):
            data = {"name": name, "password": "x" * 12}
            answer = await asyncio.wait_for(client.post("/app/login", data=data, headers=SAME), 60)
            assert 429 == answer.status
            assert int(answer.headers["Retry-After"]) > 0
        for key, status in (("wrong", 401), (KEY, 303)):  # the key is not looked up in that queue
            posted = client.post("/app/login", data={"key": key}, headers=SAME, allow_redirects=False)
            assert status == (await asyncio.wait_for(posted, 60)).status


@pytest.mark.parametrize("most", [1, 3, 7])
async def test_only_so_many_wait(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """One more is told to come back; once they had their turn there is a place again."""
    monkeypatch.setattr(login, "MOST_WAITING", most)
    queue, entered = login.Queue(), 0

    async def enter() -> None:
        nonlocal entered
        async with queue:
            entered += 1

    async with queue:
        waiting = [asyncio.create_task(enter()) for _ in range(most)]
        await asyncio.sleep(0)
        with pytest.raises(errors.TooManyTries):
            await enter()
        waiting.pop().cancel()
        await asyncio.sleep(0)
        waiting.append(asyncio.create_task(enter()))
    await asyncio.gather(*waiting)
    await enter()
    assert most + 1 == entered


@pytest.mark.parametrize("data", [{}, {"name": "anna"}, {"password": "x" * 12}, {"name": " ", "password": "x" * 12}])
async def test_a_form_that_is_not_filled_in_costs_no_turn(client: Any, data: dict[str, str]) -> None:
    """It is wrong without a look at any password."""
    async with client.app[login.ONE_BY_ONE].strangers:
        answer = await asyncio.wait_for(client.post("/app/login", data=data, headers=SAME), 60)

    assert 401 == answer.status


@pytest.mark.parametrize("path", ["password", "second_factor/codes"])
async def test_ones_own_password_waits_for_its_turn(client: Any, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """Else many at once would keep the database's threads busy, and all other requests waiting."""
    user_id = anna(Role.VIEWER)
    someone(client, user_id)
    monkeypatch.setattr(login, "MOST_WAITING", 0)
    answer = await submit(client, f"/app/me/{path}", password=GOOD, new="another good one", again="another good one")
    assert 429 == answer.status and passwords.matches(GOOD, users.find(user_id).password)


async def test_strangers_keep_no_known_browser_waiting(client: Any) -> None:
    """However many of them want to log in at once."""
    anna()
    right = {"name": "anna", "password": GOOD}
    answer = await client.post("/app/login", data=right, headers=SAME, allow_redirects=False)
    mark = answer.cookies[access.BROWSER_COOKIE].value
    client.session.cookie_jar.clear()
    known = SAME | {"Cookie": f"{access.BROWSER_COOKIE}={mark}"}
    async with client.app[login.ONE_BY_ONE].strangers:
        posted = client.post("/app/login", data=right, headers=known, allow_redirects=False)
        assert 303 == (await asyncio.wait_for(posted, 60)).status
