"""The optimistic lock on both databases: whatever several people edit, the later of two tabs is told."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from daemon import errors
from daemon.accounts import directory, limits
from daemon.auth import users
from daemon.campaigns import drafts, templates
from daemon.contacts import importer, lists
from daemon.db import clock, versions
from daemon.states import Role
from tests.support.at_once import at_once

pytestmark = pytest.mark.usefixtures("database")

ROLES = {"first": Role.VIEWER, "second": Role.OPERATOR, "third": Role.ADMIN}
CAPS = {"first": 1, "second": 2, "third": 3}


@dataclass
class Edited:
    """Something that people edit. save(value, version); seen(): (value, version) as it is now."""

    what: str
    save: Callable[[str, int | None], object]
    seen: Callable[[], tuple[Any, int]]


def a_draft() -> Edited:
    made = drafts.begin(secrets.token_hex(16), "test", clock.now_ms())

    def save(value: str, version: int | None) -> object:
        return drafts.save(made.id, version or drafts.find(made.id).version, {"text": value}, clock.now_ms())

    return Edited("draft", save, lambda: ((now := drafts.find(made.id)).data.text, now.version))


def a_template() -> Edited:
    made = templates.keep("Sale", "Hi", clock.now_ms())

    def save(value: str, version: int | None) -> object:
        return templates.change(made.id, "Sale", value, clock.now_ms(), version=version)

    return Edited("template", save, lambda: ((now := templates.find(made.id)).text, now.version))


def a_list() -> Edited:
    made, _ = lists.create_list("Guests", importer.ContactList(), clock.now_ms())

    def save(value: str, version: int | None) -> object:
        return lists.rename_list(made.id, value, clock.now_ms(), version)

    return Edited("list", save, lambda: ((now := lists.listed(made.id)).name, now.version))


def limits_of_an_account() -> Edited:
    directory.open_account("default", clock.now_ms())

    def save(value: str, version: int | None) -> object:
        return limits.set_limits("default", {"daily_cap": CAPS[value]}, "test", version)

    def seen() -> tuple[Any, int]:
        now = directory.find("default")
        return next((name for name, cap in CAPS.items() if cap == now.daily_cap), None), now.limits_version

    return Edited("account", save, seen)


def a_user() -> Edited:
    made = users.create("Anna", Role.ADMIN, "correct horse", "test", clock.now_ms())

    def save(value: str, version: int | None) -> object:
        return users.change_role(made.id, ROLES[value], "test", version)

    def seen() -> tuple[Any, int]:
        now = users.find(made.id)
        return next(name for name, role in ROLES.items() if users.word(role) == now.role), now.version

    return Edited("user", save, seen)


@pytest.fixture(params=[a_draft, a_template, a_list, limits_of_an_account, a_user])
def edited(request: pytest.FixtureRequest) -> Edited:
    made: Edited = request.param()
    return made


def test_of_two_tabs_the_later_is_told(edited: Edited) -> None:
    """And what the first has saved stays; once it has seen that, it may save."""
    _, version = edited.seen()
    edited.save("first", version)

    with pytest.raises(errors.EditConflict, match=f"changed this {edited.what} since you opened it"):
        edited.save("second", version)
    assert ("first", version + 1) == edited.seen()

    edited.save("second", version + 1)
    assert ("second", version + 2) == edited.seen()


def test_of_two_tabs_at_once_one_is_told(edited: Edited) -> None:
    """Neither undoes the other in silence."""
    _, version = edited.seen()
    results = at_once(lambda: edited.save("first", version), lambda: edited.save("second", version))

    assert 1 == sum(isinstance(each, errors.EditConflict) for each in results)
    told = next(at for at, each in enumerate(results) if isinstance(each, errors.EditConflict))
    assert (["second", "first"][told], version + 1) == edited.seen()


def test_what_is_there_already_is_no_change(edited: Edited) -> None:
    """A form that was sent twice: the second is no conflict with the first, whatever version it names."""
    _, version = edited.seen()
    edited.save("first", version)
    _, saved = edited.seen()
    if edited.what == "draft":  # looked at more strictly: its dry run goes by the version
        saved_again = edited.save("first", saved)
    else:
        saved_again = edited.save("first", version)

    assert not isinstance(saved_again, errors.EditConflict)
    assert ("first", version + 1) == edited.seen()


def test_who_names_no_version_saves_over_whatever_is_there(edited: Edited) -> None:
    """A caller of the API who has read nothing."""
    edited.save("first", None)
    edited.save("second", None)

    assert "second" == edited.seen()[0]


def test_every_change_of_a_user_is_seen_by_the_next() -> None:
    """Role, password, disabled, enabled: an outdated page does none of them."""
    user = users.create("Anna", Role.VIEWER, "correct horse", "test", clock.now_ms())
    changes: list[Callable[[int], object]] = [
        lambda version: users.change_role(user.id, Role.OPERATOR, "test", version),
        lambda version: users.set_password(user.id, "battery staple", "test", version),
        lambda version: users.disable(user.id, "test", clock.now_ms(), version),
        lambda version: users.enable(user.id, "test", version),
    ]
    for at, change in enumerate(changes, user.version):
        with pytest.raises(errors.EditConflict):
            change(at - 1 or 99)
        change(at)
        assert at + 1 == users.find(user.id).version


def test_every_change_of_a_list_is_seen_by_the_next() -> None:
    """Also people put on it or taken off it."""
    made, _ = lists.create_list("Guests", importer.ContactList(), clock.now_ms())
    lists.add_people(made.id, importer.ContactList([importer.Contact(1, "+4915110000000", {})]), clock.now_ms())
    added = lists.listed(made.id).version
    lists.remove_people(made.id, clock.now_ms(), numbers=["+4915110000000"])

    assert [made.version + 1, made.version + 2] == [added, lists.listed(made.id).version]


def test_a_time_of_change_says_the_version_too() -> None:
    """To callers of the API who name `updated_at`: also within one millisecond it is another one."""
    first = templates.keep("Sale", "Hi", 1_000)
    second = templates.change(first.id, "Sale", "Hello", 1_000)

    assert first.updated_at < second.updated_at
    assert second.version == versions.seen(second, None, second.updated_at)
    assert versions.NONE == versions.seen(second, None, first.updated_at)
    assert [7, None] == [versions.seen(second, 7, first.updated_at), versions.seen(second, None, None)]
    with pytest.raises(errors.EditConflict):
        templates.change(first.id, "Sale", "Bye", 1_000, version=versions.NONE)
