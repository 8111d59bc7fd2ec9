"""Users, their sessions, and the lock-out, on both databases."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from daemon import errors
from daemon.auth import lockout, passwords, sessions, users
from daemon.auth.lockout import MINUTE_MS, Try
from daemon.db import clock as db_clock
from daemon.db import connection
from daemon.models import LoginFailure, Session, User
from daemon.states import Role

KEY = "the-key-of-this-test"
GOOD = "correct horse"
HOME, ELSEWHERE = Try("192.0.2.1"), Try("198.51.100.7")


@pytest.fixture(autouse=True)
def _stopped(database: str, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cheap passwords, and time that stands still."""
    monkeypatch.setattr(passwords, "COST", (4, 1, 1))
    monkeypatch.setattr(db_clock, "now_ms", clock)


def anna(role: Role = Role.OPERATOR) -> User:
    return users.create("Anna", role, GOOD, "test")


def wrong(origin: Try = HOME, name: str = "Anna") -> None:
    with pytest.raises(errors.Unauthorized):
        sessions.by_password(origin, name, "wrong password")


def locked_ms(origin: Try = HOME, name: str = "Anna", password: str = GOOD) -> int:
    """For how long a try, even with the right password, is refused."""
    with pytest.raises(errors.TooManyTries) as refused:
        sessions.by_password(origin, name, password)
    return refused.value.left_ms


# Users


def test_a_name_is_taken_once_by_two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two administrators add Anna and anna: one of them is told that the name is taken."""
    looking, named = threading.Barrier(2), users.named

    def slowly(name: str) -> User | None:
        found = named(name)
        with suppress(threading.BrokenBarrierError):
            looking.wait(1)  # both look before either writes, where they can
        return found

    monkeypatch.setattr(users, "named", slowly)

    def add(name: str) -> str:
        try:
            return users.create(name, Role.VIEWER, GOOD, "test").name
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
    users.create("Anna  Schmidt", Role.VIEWER, GOOD, "test")

    for name in ("Anna Schmidt", "anna schmidt", " ANNA\tSCHMIDT "):
        with pytest.raises(errors.InvalidInput, match="already"):
            users.create(name, Role.VIEWER, GOOD, "test")
    assert ["Anna Schmidt"] == [row.name for row in users.every()]


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "API", "page", "sender", "a\u200bb", "a\x00b"])
def test_a_name_that_would_mislead_is_refused(name: str) -> None:
    """Empty, too long, invisible, or one that the history uses for something else."""
    with pytest.raises(errors.InvalidInput):
        users.create(name, Role.VIEWER, GOOD, "test")
    assert not users.any_yet()


def test_the_password_is_nowhere_in_the_database() -> None:
    """Nor is the token of a session."""
    anna()
    opened = sessions.by_password(HOME, "Anna", GOOD)

    rows = [str(row.__data__) for table in (User, Session, LoginFailure) for row in table.select()]
    assert 2 <= len(rows)
    assert not [row for row in rows if GOOD in row or opened.token in row]


@pytest.mark.parametrize(
    "change",
    [
        lambda user: users.set_password(user.id, "another good one", "test"),
        lambda user: users.disable(user.id, "test"),
    ],
)
def test_what_was_right_when_it_was_given_opens_nothing_after_a_change(
    change: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password is changed, or the user disabled, between the look at the password and the session: all sessions
    end with the change, and this one does not begin."""
    user, opening = anna(), sessions.open_session

    def late(found: User | None, key: str = "") -> sessions.Opened:
        change(user)
        return opening(found, key)

    monkeypatch.setattr(sessions, "open_session", late)
    with pytest.raises(errors.Unauthorized):
        sessions.by_password(HOME, "Anna", GOOD)
    assert 0 == Session.select().count()


def test_a_session_ends_with_the_role_it_was_opened_for() -> None:
    """Also where the change did not end it itself: what somebody may do is looked up with each request."""
    user = anna(Role.ADMIN)
    opened = sessions.open_session(user)
    assert sessions.session(opened.token, KEY) is not None
    with connection.write():
        User.update(role=users.word(Role.VIEWER)).where(User.id == user.id).execute()

    assert sessions.session(opened.token, KEY) is None


def test_a_role_that_was_changed_meanwhile_is_the_sessions() -> None:
    """Not the one that they had when they gave their password."""
    user = anna(Role.ADMIN)
    users.change_role(user.id, Role.VIEWER, "test")
    assert "viewer" == Session.get(Session.id == sessions._digest(sessions.open_session(user).token)).role


def test_who_knew_the_old_password_does_not_set_another_one_over_the_new() -> None:
    """An administrator has set one meanwhile, perhaps because the old one had become known."""
    user = anna()
    was = sessions.confirm(HOME, user.id, GOOD)
    users.set_password(user.id, "set by an administrator", "test")
    with pytest.raises(errors.Unauthorized):
        users.set_password(user.id, "of the one who knew the old", "Anna", was)
    assert sessions.by_password(HOME, "Anna", "set by an administrator")


@pytest.mark.parametrize(
    "change",
    [
        lambda user: users.set_password(user.id, "another good one", "test"),
        lambda user: users.change_role(user.id, Role.VIEWER, "test"),
        lambda user: users.disable(user.id, "test"),
    ],
)
def test_all_sessions_of_a_user_end_with_what_they_were_opened_with(change: Any) -> None:
    """And nobody else's."""
    user, other = anna(), users.create("Ben", Role.ADMIN, GOOD, "test")
    mine = [sessions.open_session(user).token for _ in range(2)]
    theirs = sessions.open_session(other).token

    change(user)

    assert [None, None] == [sessions.session(token, KEY) for token in mine]
    assert sessions.session(theirs, KEY)


def test_changing_nothing_ends_nothing() -> None:
    """The same role again, enabling somebody who is not disabled."""
    user = anna()
    token = sessions.open_session(user).token

    users.change_role(user.id, Role.OPERATOR, "test")
    users.enable(user.id, "test")

    assert sessions.session(token, KEY)


def test_whoever_is_disabled_does_not_get_in_until_enabled() -> None:
    """With the right password it says no more than with a wrong one."""
    user = anna()
    users.disable(user.id, "test")
    with pytest.raises(errors.Unauthorized, match="wrong, or the user is disabled"):
        sessions.by_password(HOME, "Anna", GOOD)

    users.enable(user.id, "test")

    assert "Anna" == sessions.by_password(HOME, "Anna", GOOD).user.name  # type: ignore[union-attr]


def test_an_old_password_is_worth_nothing() -> None:
    """Once there is a new one."""
    user = anna()
    users.set_password(user.id, "another good one", "test")

    wrong(name="Anna")
    with pytest.raises(errors.Unauthorized):
        sessions.by_password(HOME, "Anna", GOOD)
    assert sessions.by_password(HOME, "anna", "another good one")


def test_an_unknown_name_is_refused_like_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same words, and the same work."""
    anna()
    looked: list[str | None] = []
    real = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda given, stored: (looked.append(stored), real(given, stored))[1])

    said = []
    for name in ("Anna", "Nobody"):
        with pytest.raises(errors.Unauthorized) as refused:
            sessions.by_password(HOME, name, "wrong password")
        said.append(str(refused.value))

    assert said[0] == said[1]
    assert [True, False] == [stored is not None for stored in looked]


# Sessions


def test_a_session_says_who_it_is() -> None:
    """User and role, or the administrator that the API key makes."""
    user = sessions.session(sessions.open_session(anna()).token, KEY)
    key = sessions.session(sessions.by_key(HOME, True, KEY).token, KEY)

    assert user is not None and key is not None
    assert ("Anna", "operator") == (user.user.name, user.role)
    assert (None, "admin") == (key.user, key.role)
    assert 64 == len(user.csrf) and user.csrf != key.csrf


def test_a_session_ends_after_fourteen_days_of_use(clock: Any) -> None:
    """However much it is used."""
    token = sessions.open_session(anna()).token

    for _ in range(13):
        clock.advance(24 * 60 * MINUTE_MS)
        assert sessions.session(token, KEY)
    clock.advance(24 * 60 * MINUTE_MS)

    assert sessions.session(token, KEY) is None


def test_a_session_that_is_not_used_ends_after_three_days(clock: Any) -> None:
    """Use counts from the last time it was seen."""
    used, left = sessions.open_session(anna()).token, sessions.open_session(None, KEY).token

    clock.advance(2 * 24 * 60 * MINUTE_MS)
    assert sessions.session(used, KEY)
    clock.advance(24 * 60 * MINUTE_MS)

    assert sessions.session(left, KEY) is None
    assert sessions.session(used, KEY)


def test_a_look_at_a_session_does_not_write_every_time(clock: Any) -> None:
    """Once a minute is exact enough."""
    token = sessions.open_session(anna()).token
    start = clock()

    seen = []
    for _ in range(3):
        clock.advance(30_000)
        sessions.session(token, KEY)
        seen.append(Session.get().seen_at - start)

    assert [0, 60_000, 60_000] == seen


def test_sessions_by_the_key_end_when_it_changes() -> None:
    """Users' sessions have nothing to do with it."""
    by_key, by_user = sessions.open_session(None, KEY).token, sessions.open_session(anna()).token

    assert sessions.session(by_key, "another-key") is None
    assert sessions.session(by_user, "another-key")
    assert sessions.session(by_key, KEY)


def test_logging_out_ends_one_session_or_all() -> None:
    """Those of the API key are a set of their own."""
    user = anna()
    tokens = [sessions.open_session(user).token for _ in range(3)]
    by_key = sessions.open_session(None, KEY).token
    first = sessions.session(tokens[0], KEY)
    assert first is not None

    sessions.close(first.id)
    assert [False, True, True] == [sessions.session(token, KEY) is not None for token in tokens]
    assert not sessions.still_open(first.id)
    assert {user.id: 2, None: 1} == {who: len(rows) for who, rows in sessions.everybody().items()}

    sessions.close_all(user.id)
    assert [] == sessions.sessions(user.id)
    assert sessions.session(by_key, KEY)

    sessions.close_all(None)
    assert {} == sessions.everybody()


def test_what_is_over_is_swept_away(clock: Any) -> None:
    """At the next login: the tables do not grow for ever."""
    wrong()
    sessions.open_session(anna())
    clock.advance(15 * 24 * 60 * MINUTE_MS)

    sessions.open_session(None, KEY)

    assert (1, 0) == (Session.select().count(), LoginFailure.select().count())


# The lock-out


def test_five_wrong_tries_lock_even_the_right_password_out(clock: Any) -> None:
    """For a minute, from this address; then it gets in."""
    anna()
    for _ in range(5):
        wrong()

    assert MINUTE_MS == locked_ms()
    clock.advance(MINUTE_MS - 1)
    assert 1 == locked_ms()
    clock.advance(1)
    assert sessions.by_password(HOME, "Anna", GOOD)


def test_the_wait_doubles_up_to_an_hour(clock: Any) -> None:
    """With each wrong try after a wait."""
    anna()
    for _ in range(4):
        wrong()
    waits = []
    for _ in range(9):
        wrong()
        waits.append(locked_ms() // MINUTE_MS)
        clock.advance(waits[-1] * MINUTE_MS)

    assert [1, 2, 4, 8, 16, 32, 60, 60, 60] == waits


def test_trying_while_it_is_locked_makes_nothing_worse(clock: Any) -> None:
    """Impatience is no attack, and an attacker cannot keep somebody out by knocking on."""
    anna()
    for _ in range(5):
        wrong()
    for _ in range(20):
        locked_ms()
    clock.advance(MINUTE_MS)

    assert sessions.by_password(HOME, "Anna", GOOD)


def test_a_quarter_of_an_hour_without_a_try_is_forgiven(clock: Any) -> None:
    """Four wrong ones in the morning and one at noon lock nobody out."""
    anna()
    for _ in range(4):
        wrong()
    clock.advance(lockout.FORGET_MS)
    for _ in range(4):
        wrong()

    assert sessions.by_password(HOME, "Anna", GOOD)


def test_one_address_does_not_lock_another_out() -> None:
    """Neither for the same name, nor with the API key."""
    anna()
    for _ in range(5):
        wrong()

    locked_ms()
    with pytest.raises(errors.TooManyTries):
        sessions.by_key(HOME, True, KEY)
    assert sessions.by_password(ELSEWHERE, "Anna", GOOD)
    assert sessions.by_key(ELSEWHERE, True, KEY)


def test_one_address_cannot_lock_a_name_out_however_long_it_tries(clock: Any) -> None:
    """A day of guessing at one name, always as soon as it may: the name's own count never comes near its limit."""
    anna()
    end, tries, highest = clock() + 24 * 60 * MINUTE_MS, 0, 0
    while clock() < end:
        try:
            wrong()
            tries += 1
            row = LoginFailure.select().where(LoginFailure.key.startswith("name:")).get()
            highest = max(highest, row.count)
        except errors.TooManyTries as refused:
            clock.advance(refused.left_ms)

    assert 25 < tries < 40
    assert highest <= lockout.NAME_TRIES // 2
    assert sessions.by_password(ELSEWHERE, "Anna", GOOD)


def test_many_addresses_lock_a_name_out_but_not_the_key() -> None:
    """A botnet gets twenty tries; the owner still comes in with the key, and others with their names."""
    anna()
    users.create("Ben", Role.VIEWER, GOOD, "test")
    for n in range(20):
        wrong(Try(f"203.0.113.{n}"))

    assert MINUTE_MS == locked_ms(ELSEWHERE)
    assert sessions.by_key(ELSEWHERE, True, KEY)
    assert sessions.by_password(ELSEWHERE, "Ben", GOOD)


def test_a_browser_that_was_here_before_is_counted_by_itself() -> None:
    """Behind a proxy all have one address: somebody else's guesses do not shut out those who are known."""
    anna()
    known = Try(HOME.address, "mark-of-a-browser")
    for n in range(20):
        wrong(Try(f"203.0.113.{n}"))
    for _ in range(5):
        wrong(HOME, "Ben")

    assert sessions.by_password(known, "Anna", GOOD)
    for _ in range(5):
        wrong(known)
    assert MINUTE_MS == locked_ms(known)


def test_a_right_login_forgives_the_name_but_not_the_address() -> None:
    """With an account of one's own one does not guess others' passwords without end."""
    anna()
    users.create("Ben", Role.VIEWER, GOOD, "test")
    for _ in range(4):
        wrong(HOME, "Ben")
    assert sessions.by_password(HOME, "Anna", GOOD)
    wrong(HOME, "Ben")

    locked_ms(HOME, "Anna")


def test_a_right_login_does_not_begin_a_lock_anew(clock: Any) -> None:
    """After the wait the first right password lets the next one in at once."""
    anna()
    for _ in range(5):
        wrong()
    clock.advance(MINUTE_MS)

    assert sessions.by_password(HOME, "Anna", GOOD)
    assert sessions.by_password(HOME, "Anna", GOOD)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "/run/wasender.sock", True),
    ],
)
def test_what_counts_as_one_address(first: str, second: str, same: bool) -> None:
    """Of IPv6 the network that one customer has; what is no address is one, too."""
    anna()
    for _ in range(5):
        wrong(Try(first), "Nobody")

    if same:
        locked_ms(Try(second))
    else:
        assert sessions.by_password(Try(second), "Anna", GOOD)


def test_many_tries_at_once_get_no_more_than_one_by_one() -> None:
    """Each counts before it is known to be wrong."""
    anna()

    def guess(_: int) -> str:
        try:
            sessions.by_password(HOME, "Anna", "wrong password")
        except errors.DaemonError as error:
            return type(error).__name__
        finally:
            connection.close()
        return "in"

    with ThreadPoolExecutor(8) as threads:
        said = list(threads.map(guess, range(24)))

    assert (5, 19) == (said.count("Unauthorized"), said.count("TooManyTries"))


def test_a_wrong_name_is_not_kept_in_readable_form() -> None:
    """People type their password where the name belongs."""
    wrong(HOME, "my secret password")

    assert not [row for row in LoginFailure.select() if "secret" in row.key]
    assert all(len(row.key) <= 80 for row in LoginFailure.select())


def test_confirming_the_own_password_is_limited_too() -> None:
    """A session that was left open is no place to guess at."""
    user = anna()
    for _ in range(5):
        with pytest.raises(errors.Unauthorized):
            sessions.confirm(HOME, user.id, "wrong password")

    with pytest.raises(errors.TooManyTries, match="wait 60 seconds"):
        sessions.confirm(HOME, user.id, GOOD)
    sessions.confirm(ELSEWHERE, user.id, GOOD)
