"""Users and their sessions, on both databases."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from daemon import errors
from daemon.auth import passwords, sessions, users
from daemon.auth.lockout import MINUTE_MS
from daemon.db import clock as db_clock
from daemon.db import connection
from daemon.models import LoginFailure, Session, User
from daemon.states import Role
from tests.support.logins import GOOD, HOME, KEY, anna, wrong

pytestmark = pytest.mark.usefixtures("still_logins")

# Users


def test_a_name_is_taken_once_by_two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two administrators add Anna and anna: one of them is told that the name is taken."""
    looking, named = threading.Barrier(2), users.named

    def slowly(name: str) -> users.User | None:
        found = named(name)
        with suppress(threading.BrokenBarrierError):
            looking.wait(1)  # both look before either writes, where they can
        return found

    monkeypatch.setattr(users, "named", slowly)

    def add(name: str) -> str:
        try:
            return users.create(name, Role.VIEWER, GOOD, "test", db_clock.now_ms()).name
        except errors.InvalidInput as error:
            return str(error)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        said = list(threads.map(add, ("Anna", "anna")))
    assert 1 == User.select().count()
    assert 1 == sum("already" in each for each in said)


def test_a_name_is_taken_once_in_whatever_case() -> None:
    """`anna` is Anna, who else; also with another space in it."""
    users.create("Anna  Schmidt", Role.VIEWER, GOOD, "test", db_clock.now_ms())

    for name in ("Anna Schmidt", "anna schmidt", " ANNA\tSCHMIDT "):
        with pytest.raises(errors.InvalidInput, match="already"):
            users.create(name, Role.VIEWER, GOOD, "test", db_clock.now_ms())
    assert ["Anna Schmidt"] == [row.name for row in users.every()]


@pytest.mark.parametrize(
    ("name", "looks_like"),
    [
        ("\u0410nn\u0430", "Anna"),  # Cyrillic
        ("\uff21\uff4e\uff4e\uff41", "Anna"),  # full width
        ("\U0001d400nna", "Anna"),  # mathematical bold
        ("An\ufe0fna", "Anna"),  # a variation selector
        ("\u0391\u039d\u039d\u0391", "ANNA"),  # Greek
        ("lan", "Ian"),
        ("Pau1", "Paul"),
        ("rnodern", "modern"),
        ("\u041eleg", "Oleg"),
        ("\u0406van", "ivan"),
        ("Jose\u0301", "Jos\u00e9"),
        ("\u0430pi", None),
        ("P\u0430g\u0435", None),
        ("\uff57asender", None),
    ],
)
def test_a_name_that_looks_like_another_is_refused(name: str, looks_like: str | None) -> None:
    """Of a user, or of those that have a meaning in the history."""
    if looks_like:
        users.create(looks_like, Role.VIEWER, GOOD, "test", db_clock.now_ms())

    with pytest.raises(errors.InvalidInput, match=r"looks too much like|already|reserved"):
        users.create(name, Role.VIEWER, GOOD, "test", db_clock.now_ms())


def test_names_that_can_be_told_apart_are_taken() -> None:
    """However close, in whatever scripts."""
    names = [
        "Anna",
        "Hanna",
        "Ann",
        "Ben",
        "B\u00e9n",
        "user 1",
        "user 2",
        "\u0410\u043d\u044f",
        "\u5c0f\u660e",
        "Mia",
        "Mila",
        "Jos\u00e9",
        "Jose",
    ]
    for name in names:
        users.create(name, Role.VIEWER, GOOD, "test", db_clock.now_ms())

    assert set(names) == {row.name for row in users.every()}


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "API", "page", "sender", "a\u200bb", "a\x00b"])
def test_a_name_that_would_mislead_is_refused(name: str) -> None:
    """Empty, too long, invisible, or one that the history uses for something else."""
    with pytest.raises(errors.InvalidInput):
        users.create(name, Role.VIEWER, GOOD, "test", db_clock.now_ms())
    assert not users.any_yet()


def test_the_password_is_nowhere_in_the_database() -> None:
    """Nor is the token of a session."""
    anna()
    opened = sessions.by_password(HOME, "Anna", GOOD, db_clock.now_ms())

    rows = [str(row.__data__) for table in (User, Session, LoginFailure) for row in table.select()]
    assert 2 <= len(rows)
    assert not [row for row in rows if GOOD in row or opened.token in row]


@pytest.mark.parametrize(
    "change",
    [
        lambda user: users.set_password(user.id, "another good one", "test"),
        lambda user: users.disable(user.id, "test", db_clock.now_ms()),
    ],
)
def test_what_was_right_when_it_was_given_opens_nothing_after_a_change(
    change: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password is changed, or the user disabled, between the look at the password and the session: all sessions
    end with the change, and this one does not begin."""
    user, opening = anna(), sessions.open_session

    def late(found: users.User | None, now: int, key: str = "") -> sessions.Opened:
        change(user)
        return opening(found, now, key)

    monkeypatch.setattr(sessions, "open_session", late)
    with pytest.raises(errors.Unauthorized):
        sessions.by_password(HOME, "Anna", GOOD, db_clock.now_ms())
    assert 0 == Session.select().count()


def test_a_session_ends_with_the_role_it_was_opened_for() -> None:
    """Also where the change did not end it itself: what somebody may do is looked up with each request."""
    user = anna(Role.ADMIN)
    opened = sessions.open_session(user, db_clock.now_ms())
    assert sessions.session(opened.token, KEY, db_clock.now_ms()) is not None
    with connection.write():
        User.update(role=users.word(Role.VIEWER)).where(User.id == user.id).execute()

    assert sessions.session(opened.token, KEY, db_clock.now_ms()) is None


def test_a_role_that_was_changed_meanwhile_is_the_sessions() -> None:
    """Not the one that they had when they gave their password."""
    user = anna(Role.ADMIN)
    users.change_role(user.id, Role.VIEWER, "test")
    assert (
        "viewer"
        == Session.get(Session.id == sessions._digest(sessions.open_session(user, db_clock.now_ms()).token)).role
    )


def test_who_knew_the_old_password_does_not_set_another_one_over_the_new() -> None:
    """An administrator has set one meanwhile, perhaps because the old one had become known."""
    user = anna()
    was = sessions.confirm(HOME, user.id, GOOD, db_clock.now_ms())
    users.set_password(user.id, "set by an administrator", "test")
    with pytest.raises(errors.EditConflict):
        users.set_password(user.id, "of the one who knew the old", "Anna", was.version)
    assert sessions.by_password(HOME, "Anna", "set by an administrator", db_clock.now_ms())


@pytest.mark.parametrize(
    "change",
    [
        lambda user: users.set_password(user.id, "another good one", "test"),
        lambda user: users.change_role(user.id, Role.VIEWER, "test"),
        lambda user: users.disable(user.id, "test", db_clock.now_ms()),
    ],
)
def test_all_sessions_of_a_user_end_with_what_they_were_opened_with(change: Any) -> None:
    """And nobody else's."""
    user, other = anna(), users.create("Ben", Role.ADMIN, GOOD, "test", db_clock.now_ms())
    mine = [sessions.open_session(user, db_clock.now_ms()).token for _ in range(2)]
    theirs = sessions.open_session(other, db_clock.now_ms()).token

    change(user)

    assert [None, None] == [sessions.session(token, KEY, db_clock.now_ms()) for token in mine]
    assert sessions.session(theirs, KEY, db_clock.now_ms())


def test_changing_nothing_ends_nothing() -> None:
    """The same role again, enabling somebody who is not disabled."""
    user = anna()
    token = sessions.open_session(user, db_clock.now_ms()).token

    users.change_role(user.id, Role.OPERATOR, "test")
    users.enable(user.id, "test")

    assert sessions.session(token, KEY, db_clock.now_ms())


def test_whoever_is_disabled_does_not_get_in_until_enabled() -> None:
    """With the right password it says no more than with a wrong one."""
    user = anna()
    users.disable(user.id, "test", db_clock.now_ms())
    with pytest.raises(errors.Unauthorized, match="wrong, or the user is disabled"):
        sessions.by_password(HOME, "Anna", GOOD, db_clock.now_ms())

    users.enable(user.id, "test")

    assert "Anna" == sessions.by_password(HOME, "Anna", GOOD, db_clock.now_ms()).user.name  # type: ignore[union-attr]


def test_an_old_password_is_worth_nothing() -> None:
    """Once there is a new one."""
    user = anna()
    users.set_password(user.id, "another good one", "test")

    wrong(name="Anna")
    with pytest.raises(errors.Unauthorized):
        sessions.by_password(HOME, "Anna", GOOD, db_clock.now_ms())
    assert sessions.by_password(HOME, "anna", "another good one", db_clock.now_ms())


def test_an_unknown_name_is_refused_like_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same words, and the same work."""
    anna()
    looked: list[str | None] = []
    real = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda given, stored: (looked.append(stored), real(given, stored))[1])

    said = []
    for name in ("Anna", "Nobody"):
        with pytest.raises(errors.Unauthorized) as refused:
            sessions.by_password(HOME, name, "wrong password", db_clock.now_ms())
        said.append(str(refused.value))

    assert said[0] == said[1]
    assert [True, False] == [stored is not None for stored in looked]


# Sessions


def test_a_session_says_who_it_is() -> None:
    """User and role, or the administrator that the API key makes."""
    user = sessions.session(sessions.open_session(anna(), db_clock.now_ms()).token, KEY, db_clock.now_ms())
    key = sessions.session(sessions.by_key(HOME, True, KEY, db_clock.now_ms()).token, KEY, db_clock.now_ms())

    assert user is not None and key is not None
    assert ("Anna", "operator") == (user.user.name, user.role)
    assert (None, "admin") == (key.user, key.role)
    assert 64 == len(user.csrf) and user.csrf != key.csrf


def test_a_session_ends_after_fourteen_days_of_use(clock: Any) -> None:
    """However much it is used."""
    token = sessions.open_session(anna(), clock()).token

    for _ in range(13):
        clock.advance(24 * 60 * MINUTE_MS)
        assert sessions.session(token, KEY, clock())
    clock.advance(24 * 60 * MINUTE_MS)

    assert sessions.session(token, KEY, clock()) is None


def test_a_session_that_is_not_used_ends_after_three_days(clock: Any) -> None:
    """Use counts from the last time it was seen."""
    used, left = (
        sessions.open_session(anna(), clock()).token,
        sessions.open_session(None, clock(), KEY).token,
    )

    clock.advance(2 * 24 * 60 * MINUTE_MS)
    assert sessions.session(used, KEY, clock())
    clock.advance(24 * 60 * MINUTE_MS)

    assert sessions.session(left, KEY, clock()) is None
    assert sessions.session(used, KEY, clock())


def test_a_look_at_a_session_does_not_write_every_time(clock: Any) -> None:
    """Once a minute is exact enough."""
    token = sessions.open_session(anna(), clock()).token
    start = clock()

    seen = []
    for _ in range(3):
        clock.advance(30_000)
        sessions.session(token, KEY, clock())
        seen.append(Session.get().seen_at - start)

    assert [0, 60_000, 60_000] == seen


def test_sessions_by_the_key_end_when_it_changes() -> None:
    """Users' sessions have nothing to do with it."""
    by_key, by_user = (
        sessions.open_session(None, db_clock.now_ms(), KEY).token,
        sessions.open_session(anna(), db_clock.now_ms()).token,
    )

    assert sessions.session(by_key, "another-key", db_clock.now_ms()) is None
    assert sessions.session(by_user, "another-key", db_clock.now_ms())
    assert sessions.session(by_key, KEY, db_clock.now_ms())


def test_logging_out_ends_one_session_or_all() -> None:
    """Those of the API key are a set of their own."""
    user = anna()
    tokens = [sessions.open_session(user, db_clock.now_ms()).token for _ in range(3)]
    by_key = sessions.open_session(None, db_clock.now_ms(), KEY).token
    first = sessions.session(tokens[0], KEY, db_clock.now_ms())
    assert first is not None

    sessions.close(first.id)
    assert [False, True, True] == [sessions.session(token, KEY, db_clock.now_ms()) is not None for token in tokens]
    assert not sessions.still_open(first.id, db_clock.now_ms())
    assert {user.id: 2, None: 1} == {who: len(rows) for who, rows in sessions.everybody(db_clock.now_ms()).items()}

    sessions.close_all(user.id)
    assert [] == sessions.sessions(user.id, db_clock.now_ms())
    assert sessions.session(by_key, KEY, db_clock.now_ms())

    sessions.close_all(None)
    assert {} == sessions.everybody(db_clock.now_ms())


def test_what_is_over_is_swept_away(clock: Any) -> None:
    """At the next login: the tables do not grow for ever."""
    wrong()
    sessions.open_session(anna(), clock())
    clock.advance(15 * 24 * 60 * MINUTE_MS)

    sessions.open_session(None, clock(), KEY)

    assert (1, 0) == (Session.select().count(), LoginFailure.select().count())
