"""The lock-out: who guesses passwords waits, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from daemon import errors
from daemon.auth import lockout, sessions, users
from daemon.auth.lockout import MINUTE_MS, Try
from daemon.db import clock as db_clock
from daemon.db import connection
from daemon.models import LoginFailure
from daemon.states import Role
from tests.support.logins import ELSEWHERE, GOOD, HOME, KEY, anna, wrong

pytestmark = pytest.mark.usefixtures("still_logins")


def locked_ms(origin: Try = HOME, name: str = "Anna", password: str = GOOD) -> int:
    """For how long a try, even with the right password, is refused."""
    with pytest.raises(errors.TooManyTries) as refused:
        sessions.by_password(origin, name, password, db_clock.now_ms())
    return refused.value.left_ms


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
    assert sessions.by_password(HOME, "Anna", GOOD, clock())


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

    assert sessions.by_password(HOME, "Anna", GOOD, clock())


def test_a_quarter_of_an_hour_without_a_try_is_forgiven(clock: Any) -> None:
    """Four wrong ones in the morning and one at noon lock nobody out."""
    anna()
    for _ in range(4):
        wrong()
    clock.advance(lockout.FORGET_MS)
    for _ in range(4):
        wrong()

    assert sessions.by_password(HOME, "Anna", GOOD, clock())


def test_one_address_does_not_lock_another_out() -> None:
    """Not for the same name; and the API key opens everywhere."""
    anna()
    for _ in range(5):
        wrong()

    locked_ms()
    assert sessions.by_key(HOME, True, KEY, db_clock.now_ms())
    assert sessions.by_password(ELSEWHERE, "Anna", GOOD, db_clock.now_ms())


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
    assert sessions.by_password(ELSEWHERE, "Anna", GOOD, clock())


def test_many_addresses_lock_a_name_out_but_not_the_key() -> None:
    """A botnet gets twenty tries; the owner still comes in with the key, and others with their names."""
    anna()
    users.create("Ben", Role.VIEWER, GOOD, "test", db_clock.now_ms())
    for n in range(20):
        wrong(Try(f"203.0.113.{n}"))

    assert MINUTE_MS == locked_ms(ELSEWHERE)
    assert sessions.by_key(ELSEWHERE, True, KEY, db_clock.now_ms())
    assert sessions.by_password(ELSEWHERE, "Ben", GOOD, db_clock.now_ms())


def test_a_browser_that_was_here_before_is_counted_by_itself() -> None:
    """Behind a proxy all have one address: somebody else's guesses do not shut out those who are known."""
    anna()
    known = Try(HOME.address, "mark-of-a-browser")
    for n in range(20):
        wrong(Try(f"203.0.113.{n}"))
    for _ in range(5):
        wrong(HOME, "Ben")

    assert sessions.by_password(known, "Anna", GOOD, db_clock.now_ms())
    for _ in range(5):
        wrong(known)
    assert MINUTE_MS == locked_ms(known)


def test_a_right_login_forgives_the_name_but_not_the_address() -> None:
    """With an account of one's own one does not guess others' passwords without end."""
    anna()
    users.create("Ben", Role.VIEWER, GOOD, "test", db_clock.now_ms())
    for _ in range(4):
        wrong(HOME, "Ben")
    assert sessions.by_password(HOME, "Anna", GOOD, db_clock.now_ms())
    wrong(HOME, "Ben")

    locked_ms(HOME, "Anna")


def test_a_right_login_does_not_begin_a_lock_anew(clock: Any) -> None:
    """After the wait the first right password lets the next one in at once."""
    anna()
    for _ in range(5):
        wrong()
    clock.advance(MINUTE_MS)

    assert sessions.by_password(HOME, "Anna", GOOD, clock())
    assert sessions.by_password(HOME, "Anna", GOOD, clock())


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
        assert sessions.by_password(Try(second), "Anna", GOOD, db_clock.now_ms())


def test_many_tries_at_once_get_no_more_than_one_by_one() -> None:
    """Each counts before it is known to be wrong."""
    anna()

    def guess(_: int) -> str:
        try:
            sessions.by_password(HOME, "Anna", "wrong password", db_clock.now_ms())
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
            sessions.confirm(HOME, user.id, "wrong password", db_clock.now_ms())

    with pytest.raises(errors.TooManyTries, match="wait 60 seconds"):
        sessions.confirm(HOME, user.id, GOOD, db_clock.now_ms())
    sessions.confirm(ELSEWHERE, user.id, GOOD, db_clock.now_ms())
