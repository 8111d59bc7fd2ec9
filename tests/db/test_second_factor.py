"""Codes that are asked for after the password: each once, a few wrong ones, and no session before."""

from __future__ import annotations

from typing import Any

import pyotp
import pytest

from daemon import errors
from daemon.auth import lockout, login_steps, second_factor, sessions, users
from daemon.auth.login_steps import Asked, Step
from daemon.auth.sessions import Opened
from daemon.db import connection
from daemon.models import LoginFailure, RecoveryCode, SecondFactor, Session
from daemon.states import Role
from tests.support.at_once import at_once
from tests.support.logins import GOOD, HOME, anna

SECRET = b"what second factors are made of"
NOW = 1_800_000_000_000
MINE = "another good one"

pytestmark = pytest.mark.usefixtures("still_logins")


@pytest.fixture
def codes() -> list[str]:
    """Anna has a second factor; her recovery codes."""
    return factor(anna().id)


def factor(user_id: int) -> list[str]:
    second_factor.begin(user_id)
    nonce = second_factor.begun(user_id)
    assert nonce is not None
    with connection.write():
        found = second_factor.turn_on(user_id, nonce, code(user_id, NOW - 600_000, nonce), SECRET, NOW - 600_000)
    assert found is not None
    return found


def code(user_id: int, at: int, nonce: str = "") -> str:
    """What the user's phone shows."""
    nonce = nonce or SecondFactor.get(SecondFactor.user == user_id).nonce
    return pyotp.TOTP(second_factor.secret(SECRET, user_id, nonce)).at(at // 1000)


def step(now: int = NOW, password: str = GOOD) -> Step:
    found = sessions.by_password(HOME, "Anna", password, now)
    assert isinstance(found, Step)
    return found


def passes(given: str, at: int = NOW, token: str = "") -> bool:
    try:
        login_steps.pass_code(HOME, token or step(at).token, given, SECRET, at)
    except errors.Unauthorized:
        return False
    return True


def test_a_code_is_taken_once_and_near_its_time(codes: list[str]) -> None:
    """In its 30 seconds, and those before and after; never again, nor an earlier one."""
    user_id = anna_id()
    for at in (NOW, NOW + 30_000, NOW - 30_000):
        SecondFactor.update(last_step=0).execute()
        assert passes(code(user_id, at))
        assert not passes(code(user_id, at))
    SecondFactor.update(last_step=0).execute()
    lockout_over()
    for at in (NOW + 60_000, NOW - 60_000):
        assert not passes(code(user_id, at))
    assert passes(code(user_id, NOW + 30_000))
    assert not passes(code(user_id, NOW))


def anna_id() -> int:
    found = users.named("Anna")
    assert found is not None
    return found.id


def lockout_over() -> None:
    LoginFailure.delete().execute()


def test_there_is_no_session_before_the_code(codes: list[str]) -> None:
    """Nor does the step's token open one, or one that is over."""
    found = step()
    assert 0 == Session.select().count()
    assert sessions.session(found.token, "", NOW) is None
    assert Asked.CODE == login_steps.standing(found.token, False, NOW).asked
    with pytest.raises(errors.Unauthorized):
        sessions.finish(found.token, False, NOW)
    with pytest.raises(errors.Unauthorized):
        login_steps.standing(found.token, False, NOW + login_steps.STEP_MS + 1)
    assert passes(code(anna_id(), NOW), token=found.token)
    assert isinstance(sessions.finish(found.token, False, NOW), Opened)
    with pytest.raises(errors.Unauthorized):
        sessions.finish(found.token, False, NOW)
    assert 1 == Session.select().count()


@pytest.mark.parametrize("what", ["password", "disabled", "factor"])
def test_a_step_ends_with_what_it_was_for(codes: list[str], what: str) -> None:
    """Whoever was half in is out when the user is changed."""
    found, user_id = step(), anna_id()
    if what == "password":
        users.set_password(user_id, MINE, "kim")
    elif what == "disabled":
        users.disable(user_id, "kim", NOW)
    else:
        users.remove_second_factor(user_id, "kim")
    with pytest.raises(errors.Unauthorized):
        login_steps.standing(found.token, False, NOW)


def test_one_recovery_code_lets_one_in(codes: list[str]) -> None:
    """Of two who come at once with the same."""
    user_id = anna_id()

    def take() -> bool:
        with connection.write():
            return second_factor.take(user_id, codes[0].upper().replace("-", " "), SECRET, NOW)

    assert [False, True] == sorted(at_once(take, take))
    assert 9 == second_factor.left(user_id)
    assert passes(codes[1])
    assert not passes(codes[1])
    assert not {each.digest for each in RecoveryCode.select()} & {*codes, *(each.replace("-", "") for each in codes)}


def test_two_who_come_at_once_with_one_code(codes: list[str]) -> None:
    tokens, shown = [step().token, step().token], code(anna_id(), NOW)

    def take(token: str) -> Any:
        return lambda: passes(shown, token=token)

    assert [False, True] == sorted(at_once(*map(take, tokens)))


def test_wrong_codes_lock_although_the_password_is_right(codes: list[str]) -> None:
    """A right password does not set the count back: else it would take one login for every five guesses."""
    for n in range(lockout.TRIES):
        origin = lockout.Try(f"192.0.2.{n}")
        found = sessions.by_password(origin, "Anna", GOOD, NOW)
        assert isinstance(found, Step)
        with pytest.raises(errors.Unauthorized):
            login_steps.pass_code(origin, found.token, "000000", SECRET, NOW)
    found = sessions.by_password(lockout.Try("192.0.2.99"), "Anna", GOOD, NOW)
    assert isinstance(found, Step)
    with pytest.raises(errors.TooManyTries):
        login_steps.pass_code(lockout.Try("192.0.2.99"), found.token, code(anna_id(), NOW), SECRET, NOW)


def test_the_database_alone_makes_no_code(codes: list[str]) -> None:
    """Another key makes another secret of what is stored."""
    user_id = anna_id()
    stored = SecondFactor.get(SecondFactor.user == user_id).nonce
    assert second_factor.secret(SECRET, user_id, stored) != second_factor.secret(b"another", user_id, stored)
    assert second_factor.secret(SECRET, user_id, stored) != second_factor.secret(SECRET, user_id + 1, stored)


def test_everybody_sets_one_up_where_it_is_required() -> None:
    """At the next login, in it, and not again."""
    user = anna()
    found = sessions.by_password(HOME, "Anna", GOOD, NOW, required=True)
    assert isinstance(found, Step)
    standing = login_steps.standing(found.token, True, NOW)
    assert Asked.SET_UP == standing.asked
    with pytest.raises(errors.Unauthorized):
        sessions.finish(found.token, True, NOW)
    with pytest.raises(errors.Unauthorized):
        login_steps.set_up(found.token, "000000", SECRET, NOW)
    shown = code(user.id, NOW, standing.nonce)
    assert second_factor.CODES == len(login_steps.set_up(found.token, shown, SECRET, NOW))
    assert isinstance(sessions.finish(found.token, True, NOW), Opened)
    assert Asked.CODE == login_steps.standing(step().token, True, NOW).asked
    assert not passes(shown)


# Temporary passwords


def test_a_temporary_password_is_changed_at_the_login() -> None:
    """All sessions end with it; it opens none, and it ends after a day."""
    user = anna()
    sessions.by_password(HOME, "Anna", GOOD, NOW)
    made = users.reset_password(user.id, "kim", NOW)
    assert 0 == Session.select().count()
    with pytest.raises(errors.Unauthorized):
        sessions.by_password(HOME, "Anna", GOOD, NOW)
    found = step(password=made)
    assert Asked.PASSWORD == login_steps.standing(found.token, False, NOW).asked
    for wrong in ("", made, "short"):
        with pytest.raises((errors.Unauthorized, errors.InvalidInput)):
            sessions.finish(found.token, False, NOW, wrong)
    assert isinstance(sessions.finish(found.token, False, NOW, MINE), Opened)
    assert isinstance(sessions.by_password(HOME, "Anna", MINE, NOW), Opened)
    with pytest.raises(errors.Unauthorized):
        sessions.by_password(HOME, "Anna", made, NOW)


def test_a_temporary_password_ends_after_a_day() -> None:
    made = users.reset_password(anna().id, "kim", NOW)
    later = NOW + users.TEMPORARY_MS
    assert isinstance(sessions.by_password(HOME, "Anna", made, later - 1), Step)
    with pytest.raises(errors.Unauthorized):
        sessions.by_password(HOME, "Anna", made, later)


def test_a_temporary_password_does_not_replace_the_code(codes: list[str]) -> None:
    """Who may reset passwords does not get in without the phone."""
    made = users.reset_password(anna_id(), "kim", NOW)
    found = step(password=made)
    with pytest.raises(errors.Unauthorized):
        sessions.finish(found.token, False, NOW, MINE)
    assert passes(code(anna_id(), NOW), token=found.token)
    assert isinstance(sessions.finish(found.token, False, NOW, MINE), Opened)


def test_names_of_users_cannot_look_like_a_command() -> None:
    with pytest.raises(errors.InvalidInput):
        users.create("Command line (root)", Role.ADMIN, GOOD, "test", NOW)
