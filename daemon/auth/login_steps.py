"""A login whose password was right, and that is not done: a code is asked for, or a second factor has to be set up, or
a temporary password to be changed.

There is no session until all of it is done: what the browser has meanwhile is a token that opens nothing else, for
STEP_MS. Wrong codes count as failed logins do, by a counter of the user's that a right password does not reset.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum

import structlog

from daemon import errors
from daemon.auth import audit, lockout, second_factor, users
from daemon.auth.lockout import MINUTE_MS, TRIES, Try
from daemon.auth.refusals import Why
from daemon.auth.users import User
from daemon.db.clock import lately
from daemon.db.connection import write
from daemon.db.proxy import locked
from daemon.db.records import record
from daemon.models import LoginStep
from daemon.models import User as UserRow

log = structlog.get_logger()

STEP_MS = 10 * MINUTE_MS


class Asked(StrEnum):
    """What is asked for before there is a session."""

    CODE = "code"
    SET_UP = "set_up"
    PASSWORD = "password"  # noqa: S105 (that one is asked for)


@dataclass(frozen=True)
class Step:
    """token: for the cookie and nowhere else."""

    token: str
    user: User


@dataclass(frozen=True)
class Standing:
    """A login that is not done: what is asked for next, None for nothing; nonce: of a second factor
    that is being set up."""

    user: User
    asked: Asked | None
    nonce: str


def needed(user: User, required: bool) -> bool:
    """Whether more than the password is asked for. required: everybody has to have a second factor."""
    return user.password_until is not None or required or second_factor.is_on(user.id)


def begin(user: User, now: int) -> Step:
    """The password was right; user: as of that check."""
    token = secrets.token_urlsafe(32)
    with audit.aside(), write():
        LoginStep.delete().where(~lately(LoginStep.expires_at, now, now + STEP_MS)).execute()
        values = {"user": user.id, "version": user.version, "expires_at": now + STEP_MS}
        LoginStep.create(id=_digest(token), nonce=second_factor.new_nonce(), **values)
    return Step(token, user)


def standing(token: str, required: bool, now: int) -> Standing:
    """How far it is. Raises Unauthorized where it is over: it took too long, or the user was changed meanwhile."""
    row = _row(token, now)
    return Standing(record(User, row.user), _asked(row, required), row.nonce or "")


def pass_code(origin: Try, token: str, code: str, key: bytes, now: int) -> None:
    """Take the code. Raises Unauthorized, TooManyTries."""
    user = standing(token, False, now).user
    taken = lockout.take_try(code_counters(origin, user), origin, now)
    with audit.aside(), write():
        row = _row(token, now, lock=True)
        if not second_factor.take(row.user_id, code, key, now):
            log.warning("login.refused", address=origin.address, reason="code")
            taken.tell(Why.WRONG_CODE.name.lower())
            raise errors.Unauthorized(Why.WRONG_CODE)
        LoginStep.update(coded=True).where(LoginStep.id == row.id).execute()
    lockout.give_back(taken)


def set_up(token: str, code: str, key: bytes, now: int) -> list[str]:
    """Turn the second factor on that was shown; the recovery codes. Raises Unauthorized where the code is wrong."""
    with write():
        row = _row(token, now, lock=True)
        if second_factor.is_on(row.user_id):
            raise errors.Unauthorized(Why.LOGIN_STEP_OVER)
        codes = second_factor.turn_on(row.user_id, row.nonce or "", code, key, now)
        if codes is None:
            raise errors.Unauthorized(Why.WRONG_CODE)
        LoginStep.update(coded=True).where(LoginStep.id == row.id).execute()
    return codes


def end(token: str, required: bool, concealed: str, now: int) -> User:
    """Part of the caller's transaction: all that was asked for is done; the user, who gets a session. concealed: the
    hash of a password in place of a temporary one. Raises Unauthorized."""
    row = _row(token, now, lock=True)
    asked = _asked(row, required)
    if asked is Asked.PASSWORD and concealed:
        users.replace_temporary(row.user_id, concealed)
    elif asked is not None:
        raise errors.Unauthorized(Why.LOGIN_STEP_OVER)
    LoginStep.delete().where(LoginStep.user == row.user_id).execute()
    return users.find(row.user_id)


def code_counters(origin: Try, user: User) -> list[tuple[str, int]]:
    """The counters that a wrong code adds to: those of a wrong password, and one of the user's codes."""
    return [*lockout.counters(origin, user.name), (f"code:{user.id}", TRIES)]


def _asked(row: LoginStep, required: bool) -> Asked | None:
    on = second_factor.is_on(row.user_id)
    if on and not row.coded:
        return Asked.CODE
    if required and not on:
        return Asked.SET_UP
    return Asked.PASSWORD if row.user.password_until is not None else None


def _row(token: str, now: int, lock: bool = False) -> LoginStep:
    """lock: the user and it, in this order, until the transaction ends."""
    alive = lately(LoginStep.expires_at, now, now + STEP_MS)
    steps = LoginStep.select().where(LoginStep.id == _digest(token), alive)
    row: LoginStep | None = steps.first()
    if row is not None:
        mine = UserRow.select().where(UserRow.id == row.user_id)
        user = (locked(mine) if lock else mine).first()
        row = locked(steps.clone()).first() if lock else row
        if row is not None and user is not None and user.version == row.version and user.disabled_at is None:
            row.user = user
            return row
    raise errors.Unauthorized(Why.LOGIN_STEP_OVER)


def _digest(token: str) -> str:
    return hashlib.sha256(f"login step\n{token}".encode(errors="surrogatepass")).hexdigest()
