"""Two tabs with one form: the later is told, keeps what was entered, and may then replace the other's change."""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from daemon.accounts import directory, limits
from daemon.auth import users
from daemon.campaigns import drafts, templates
from daemon.contacts import importer, lists
from daemon.db import clock
from daemon.states import Role
from tests.http.conftest import Caller
from tests.support.signing_in import Client, look, someone, submit


@dataclass
class Page:
    """A form: where it is shown, where it is sent, what is entered; other: what somebody else does meanwhile."""

    shown: str
    path: str
    fields: dict[str, str]
    other: Callable[[], object]
    saved: Callable[[], Any]
    wanted: Any
    entered: str


def a_draft() -> Page:
    made = drafts.begin(secrets.token_hex(16), "test", clock.now_ms())
    base = f"/app/drafts/{made.id}/people"
    return Page(
        base,
        base,
        {"pasted": "+49 30 23125001", "go": "next"},
        lambda: drafts.save(made.id, drafts.find(made.id).version, {"text": "Theirs"}, clock.now_ms()),
        lambda: drafts.find(made.id).data.source is not None,
        True,
        "+49 30 23125001</textarea>",
    )


def a_template() -> Page:
    made = templates.keep("Sale", "Hi", clock.now_ms())
    path = f"/app/templates/{made.id}"
    return Page(
        path,
        path,
        {"name": "Sale", "text": "Mine"},
        lambda: templates.change(made.id, "Sale", "Theirs", clock.now_ms()),
        lambda: templates.find(made.id).text,
        "Mine",
        "Mine</textarea>",
    )


def a_list() -> Page:
    made, _ = lists.create_list("Guests", importer.ContactList(), clock.now_ms())
    return Page(
        f"/app/lists/{made.id}",
        f"/app/lists/{made.id}/rename",
        {"name": "Mine"},
        lambda: lists.rename_list(made.id, "Theirs", clock.now_ms()),
        lambda: lists.listed(made.id).name,
        "Mine",
        'value="Mine"',
    )


def limits_of_an_account() -> Page:
    directory.open_account("default", clock.now_ms())
    return Page(
        "/app/accounts",
        "/app/accounts/default/limits",
        {"hourly_cap": "7"},
        lambda: limits.set_limits("default", {"daily_cap": 5}, "test"),
        lambda: (directory.find("default").hourly_cap, directory.find("default").daily_cap),
        (7, None),
        'value="7"',
    )


def a_user() -> Page:
    made = users.create("Ben", Role.VIEWER, "correct horse", "test", clock.now_ms())
    return Page(
        f"/app/users/{made.id}",
        f"/app/users/{made.id}/role",
        {"role": "admin"},
        lambda: users.disable(made.id, "test", clock.now_ms()),
        lambda: users.find(made.id).role,
        "admin",
        "since you opened it",
    )


def version_of(text: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', text)
    assert found, text
    return found[1]


@pytest.mark.parametrize("form", [a_draft, a_template, a_list, limits_of_an_account, a_user])
async def test_the_later_of_two_tabs_is_told_and_may_save_then(client: Client, form: Callable[[], Page]) -> None:
    """409 with its input; what the other has saved stays until the form is sent again."""
    someone(client)
    page = form()
    first = version_of(await look(client, page.shown))
    page.other()
    before = page.saved()

    response = await submit(client, page.path, version=first, **page.fields)
    text = html.unescape(await response.text())

    assert (409, before) == (response.status, page.saved())
    assert "Somebody else has changed this" in text and "since you opened it" in text
    assert page.entered in text
    assert 303 == (await submit(client, page.path, version=version_of(text), **page.fields)).status
    assert page.wanted == page.saved()


async def test_over_the_api_a_version_is_optional(api: Caller) -> None:
    """With it the later of two is refused; each answer says the version, which grows with each change."""
    made = await api.post("/templates", {"name": "Sale", "text": "Hi"})
    kept = await api.post("/lists", {"name": "Guests"})
    directory.open_account("default", clock.now_ms())
    account = await api.get("/accounts/default")
    asked = [
        (
            "PUT",
            f"/templates/{made['id']}",
            made["version"],
            {"name": "Sale", "text": "A"},
            {"name": "Sale", "text": "B"},
        ),
        ("PUT", f"/lists/{kept['id']}", kept["version"], {"name": "A"}, {"name": "B"}),
        ("PATCH", "/accounts/default", account["version"], {"daily_cap": 1}, {"daily_cap": 2}),
    ]
    for method, path, version, one, other in asked:
        changed = await api.ask(method, path, json=one | {"version": version})
        assert version + 1 == changed["version"]
        problem = await api.ask(method, path, 409, json=other | {"version": version})
        assert "since you opened it" in problem["detail"]
        assert version + 2 == (await api.ask(method, path, json=other))["version"]
