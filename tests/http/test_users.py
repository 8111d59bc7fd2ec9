"""Users on their pages: made and changed by an administrator, and what is one's own."""

from __future__ import annotations

import re

import pytest

from daemon.auth import lockout, passwords, sessions, users
from daemon.campaigns import create
from daemon.campaigns.create import Order
from daemon.config import Settings
from daemon.db import clock
from daemon.models import Event, Message
from daemon.server import access
from daemon.server.visitors import SETTINGS
from daemon.states import Role
from tests.http.conftest import KEY, Caller
from tests.support.signing_in import GOOD, Client, anna, look, origin, someone, submit

# Users


async def test_an_administrator_adds_a_user_who_then_gets_in(client: Client) -> None:
    """The list has them, and says who is logged in."""
    someone(client)

    added = await submit(client, "/app/users", name="Ben", role="viewer", password=GOOD)
    text = await look(client, added.headers["Location"])

    assert 303 == added.status
    assert "The user is added and can log in." in text
    assert "<bdi>Ben</bdi>" in text
    ben = users.named("ben")
    assert ben is not None and "viewer" == ben.role
    sessions.by_password(lockout.Try("192.0.2.1"), "Ben", GOOD, clock.now_ms())
    assert "1 session, last used" in re.sub(r"\s+", " ", await look(client, "/app/users"))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": "", "role": "viewer", "password": GOOD}, "The name must be 1 to 64"),
        ({"name": "Ben", "role": "viewer", "password": "short"}, "at least 10"),
        ({"name": "Ben", "role": "owner", "password": GOOD}, "The role is one of"),
        ({"name": "Ben"}, "The role is one of"),
        ({"name": "page", "role": "viewer", "password": GOOD}, "is reserved"),
        ({"name": "WhatsApp", "role": "viewer", "password": GOOD}, "is reserved"),
        ({"name": "erased", "role": "viewer", "password": GOOD}, "is reserved"),
    ],
)
async def test_what_cannot_be_a_user_is_said_in_the_form(client: Client, fields: dict[str, str], says: str) -> None:
    """What was written stays, except the password."""
    someone(client)

    response = await submit(client, "/app/users", **fields)

    text = await response.text()
    assert 422 == response.status
    assert says in text
    assert f'name="name" dir="auto" value="{fields["name"]}"' in text
    assert GOOD not in text
    assert [] == users.every()


async def test_a_user_is_changed_on_their_own_page(client: Client) -> None:
    """Role, password, access, sessions: each ends where one can see what was done."""
    someone(client)
    user_id = anna()
    page = f"/app/users/{user_id}"
    sessions.open_session(users.find(user_id), clock.now_ms())

    for path, fields, done in (
        ("/sessions/end", {}, "ended"),
        ("/role", {"role": "admin"}, "role"),
        ("/password", {"password": "another good one"}, "password"),
        ("/disable", {}, "disabled"),
        ("/enable", {}, "enabled"),
    ):
        response = await submit(client, page + path, **fields)
        assert (303, f"{page}?done={done}") == (response.status, response.headers["Location"])
        assert 'role="status"' in await look(client, f"{page}?done={done}")

    assert "admin" == users.find(user_id).role
    assert [] == sessions.sessions(user_id, clock.now_ms())
    assert sessions.by_password(lockout.Try("192.0.2.1"), "Anna", "another good one", clock.now_ms())


async def test_nobody_takes_their_own_way_in_away(client: Client) -> None:
    """Another administrator has to do it; or the key."""
    user_id = anna(Role.ADMIN)
    someone(client, user_id)

    for path, fields in (("role", {"role": "viewer"}), ("disable", {}), ("password", {"password": "another one 1"})):
        assert 409 == (await submit(client, f"/app/users/{user_id}/{path}", **fields)).status

    assert ("admin", None) == (users.find(user_id).role, users.find(user_id).disabled_at)


async def test_a_user_that_is_not_there_is_not_found(client: Client) -> None:
    """404 as a page."""
    someone(client)

    await look(client, "/app/users/999", 404)
    assert 404 == (await submit(client, "/app/users/999/disable")).status


async def test_everybody_who_came_with_the_key_is_logged_out_at_once(client: Client) -> None:
    """The one who presses it as well."""
    someone(client)
    sessions.open_session(None, clock.now_ms(), KEY)

    response = await submit(client, "/app/users/key/sessions/end")

    assert 303 == response.status
    assert {} == sessions.everybody(clock.now_ms())


# One's own


async def test_a_user_changes_the_own_password_and_stays_in(client: Client) -> None:
    """In this browser only."""
    user_id = anna(Role.VIEWER)
    someone(client, user_id)
    sessions.open_session(users.find(user_id), clock.now_ms())

    response = await submit(client, "/app/me/password", password=GOOD, new="another good one", again="another good one")

    assert (303, "/app/me?done=own") == (response.status, response.headers["Location"])
    assert "Your password is changed" in await look(client, "/app/me?done=own")
    assert 1 == len(sessions.sessions(user_id, clock.now_ms()))


@pytest.mark.parametrize(
    ("fields", "place", "says"),
    [
        (
            {"password": "wrong one", "new": "another good one", "again": "another good one"},
            "password",
            "not your current",
        ),
        ({"password": GOOD, "new": "another good one", "again": "another good two"}, "again", "two passwords differ"),
        ({"password": GOOD, "new": "short", "again": "short"}, "new", "at least 10"),
    ],
)
async def test_a_mistake_with_the_own_password_is_said_at_its_field(
    client: Client, fields: dict[str, str], place: str, says: str
) -> None:
    """And changes nothing."""
    user_id = anna(Role.VIEWER)
    someone(client, user_id)

    response = await submit(client, "/app/me/password", **fields)

    found = re.search(rf'id="{place}-error"[^>]*>([^<]*)<', await response.text())
    assert 422 == response.status
    assert found and says in found[1]
    assert passwords.matches(GOOD, users.find(user_id).password)


async def test_the_key_has_no_password_to_change(client: Client) -> None:
    """It is changed where the daemon is set up."""
    someone(client)

    assert "Current password" not in await look(client, "/app/me")
    assert 409 == (await submit(client, "/app/me/password", password=KEY, new=GOOD, again=GOOD)).status


async def test_logging_out_everywhere(client: Client) -> None:
    """All of one's own sessions, and nobody else's."""
    user_id = anna(Role.VIEWER)
    someone(client, user_id)
    sessions.open_session(users.find(user_id), clock.now_ms())
    sessions.open_session(None, clock.now_ms(), KEY)

    response = await submit(client, "/app/me/logout")

    assert (303, "/app/login") == (response.status, response.headers["Location"])
    assert {None: 1} == {who: len(rows) for who, rows in sessions.everybody(clock.now_ms()).items()}


async def test_the_history_says_who_did_it(client: Client, api: Caller, settings: Settings) -> None:
    """A user's name; `page` for whoever came with the key, `api` for a program."""
    by_page = sessions.session(sessions.open_session(None, clock.now_ms(), KEY).token, KEY, clock.now_ms())
    assert by_page is not None
    made = []
    for who in (anna(), None, "api"):
        job_id = int(create.create(settings, Order("Hi", numbers=["+4915110000012"]), "test", clock.now_ms()).job_id)
        if who == "api":
            await api.post(f"/stop/{job_id}")
        else:
            someone(client, who)  # type: ignore[arg-type]
            await client.post(f"/stop/{job_id}", headers=origin(client))
        last = Event.select().join(Message).where(Message.job == job_id).order_by(Event.id.desc()).get()
        made.append(last.who)

    assert ["Anna", "page", "api"] == made


def test_tls_of_our_own_is_noticed(settings: Settings) -> None:
    """Whatever the Origin says."""
    said = {"headers": {}, "remote": "127.0.0.1", "app": {SETTINGS: settings}}
    own, without = (type("Request", (), {"secure": secure, **said})() for secure in (True, False))

    assert access.behind_tls(own)
    assert not access.behind_tls(without)
