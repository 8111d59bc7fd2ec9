"""Logging in: sessions, and limits on guessing passwords.

A session is a random token in the browser's cookie. The database only has its SHA-256; for a session opened with the
API key, the SHA-256 of token and key together, so that it ends when the key changes.

After TRIES failed attempts within FORGET_MS no more are accepted for a minute, then one more, then none for two
minutes, and so on up to an hour. Attempts that are refused during a wait are not counted, so trying again does not
make it longer. Attempts are counted

- by *address* (for IPv6 the /64, which is what one customer has): TRIES. This alone would allow somebody behind the
  same proxy or in the same network to lock everybody else out, so there is also a counter
- by *browser*: one that has logged in before has a mark, signed for that name, and only counts against that mark.
  Other people's guesses do not affect it, and its own are limited in the same way.
- by *name*, against guesses from many addresses: NAME_TRIES. A single address is slowed down long before it reaches
  that number, so it cannot lock a name out. Many addresses together can, except for browsers that have the mark.

The login with the API key is neither counted nor locked, so the owner can always use it."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from daemon import errors
from daemon.auth import audit, lockout, login_steps, passwords, second_factor, users
from daemon.auth.lockout import FORGET_MS, LONGEST_LOCK_MIN, MINUTE_MS, Try
from daemon.auth.login_steps import Step
from daemon.auth.refusals import Why
from daemon.auth.users import User
from daemon.db.clock import AHEAD_MS, lately
from daemon.db.connection import after_commit, write
from daemon.db.proxy import locked
from daemon.db.records import record
from daemon.models import LoginFailure
from daemon.models import Session as SessionRow
from daemon.models import User as UserRow
from daemon.states import Role

log = structlog.get_logger()

SESSION_MS = 14 * 24 * 60 * MINUTE_MS  # from the login on; using it does not prolong it
IDLE_MS = 3 * 24 * 60 * MINUTE_MS
SEEN_EVERY_MS = MINUTE_MS  # how often the time of last use is updated


@dataclass(frozen=True)
class Session:
    """A session with its user, None with the API key. id: as it is stored; csrf: the token of its forms."""

    id: str
    user: User | None
    role: str
    csrf: str


@dataclass(frozen=True)
class Login:
    """A session as lists show it; times in UTC ms."""

    id: str
    created_at: int
    seen_at: int


@dataclass(frozen=True)
class Opened:
    """A session that was just opened; the token goes into the cookie and nowhere else."""

    token: str
    user: User | None


def by_password(origin: Try, name: str, password: str, now: int, required: bool = False) -> Opened | Step:
    """Log in as a user: a session, or what is asked for beside the password. required: everybody has to have a second
    factor. Raises Unauthorized, TooManyTries."""
    taken = lockout.take_try(lockout.counters(origin, name), origin, now)
    user = users.named(name)
    if user is not None:  # what is no user's name may be a password
        audit.by(user.name, f"user:{user.id}")
    usable = user is not None and user.disabled_at is None and not _run_out(user, now)
    if not passwords.matches(password, user.password if user and usable else None) or user is None:
        log.warning("login.refused", address=origin.address, reason="wrong")
        taken.tell(Why.WRONG_PASSWORD.name.lower())
        raise errors.Unauthorized(Why.WRONG_PASSWORD)
    lockout.give_back(taken)
    return login_steps.begin(user, now) if login_steps.needed(user, required) else open_session(user, now)


def _run_out(user: User, now: int) -> bool:
    """Whether the temporary password can no longer be used."""
    return user.password_until is not None and not now < user.password_until <= now + users.TEMPORARY_MS + AHEAD_MS


def finish(token: str, required: bool, now: int, new_password: str = "") -> Opened:
    """All that was asked for beside the password is done: the session. new_password: in place of a temporary one.
    Raises Unauthorized, InvalidInput."""
    user = login_steps.standing(token, required, now).user
    concealed = users.own_password(user, new_password) if new_password else ""
    with write():
        return open_session(login_steps.end(token, required, concealed, now), now)


def by_key(origin: Try, right: bool, key: str, now: int) -> Opened:
    """Log in with the API key; right: whether the given key is correct. Raises Unauthorized.

    Tries are not counted: the key cannot be guessed, and the owner must never be locked out.
    """
    if not right:
        log.warning("login.refused", address=origin.address, reason="wrong")
        raise errors.Unauthorized(Why.WRONG_KEY)
    audit.by("page", "")
    return open_session(None, now, key)


def confirm(origin: Try, user_id: int, password: str, now: int) -> User:
    """Ask somebody who is logged in for their password again; returns the user as of the check.

    Raises Unauthorized, TooManyTries, NotFound.
    """
    user = users.find(user_id)
    taken = lockout.take_try(lockout.counters(origin, user.name), origin, now)
    if not passwords.matches(password, user.password):
        raise errors.Unauthorized(Why.WRONG_PASSWORD)
    lockout.give_back(taken)
    return user


def turn_on(user_id: int, session_id: str | None, code: str, key: bytes, now: int) -> list[str]:
    """Turn on the second factor that is being set up, by its first code; the recovery codes. The user's other sessions
    end. Raises Unauthorized where the code is wrong."""
    nonce = second_factor.begun(user_id)
    with write():
        codes = second_factor.turn_on(user_id, nonce, code, key, now) if nonce else None
        if codes is None:
            raise errors.Unauthorized(Why.WRONG_CODE)
        SessionRow.delete().where(SessionRow.user == user_id, SessionRow.id != session_id).execute()
    return codes


def open_session(user: User | None, now: int, key: str = "") -> Opened:
    """A new session for the user, or for the API key if None.

    user: as it was when the password was checked. Raises Unauthorized when the password was changed or the user
    disabled since then: that ended all their sessions, and this one would escape it.
    """
    token = secrets.token_urlsafe(32)
    with write():
        row = _unchanged(user) if user else None
        _sweep(now)
        SessionRow.create(
            id=_digest(token, "" if user else key),
            user=row,
            role=row.role if row else users.word(Role.ADMIN),
            csrf=secrets.token_hex(32),
            created_at=now,
            seen_at=now,
            expires_at=now + SESSION_MS,
        )
        after_commit(partial(log.info, "login.opened", user_id=row.id if row else None))
    return Opened(token, record(User, row) if row else None)


def _unchanged(user: User) -> UserRow:
    """The user's row, locked until the transaction ends. Raises Unauthorized."""
    row: UserRow | None = locked(UserRow.select().where(UserRow.id == user.id)).first()
    if row is None or row.password != user.password or row.disabled_at is not None:
        raise errors.Unauthorized(Why.WRONG_PASSWORD)
    return row


def _digest(token: str, key: str = "") -> str:
    return hashlib.sha256(f"{token}\n{key}".encode(errors="surrogatepass")).hexdigest()


def _sweep(now: int) -> None:
    """Delete sessions that have ended and failed logins that no longer count, including those with a time from while
    the clock was ahead."""
    alive = SessionRow.select(SessionRow.id).where(*_alive(now))
    SessionRow.delete().where(SessionRow.id.not_in(alive)).execute()
    longest = FORGET_MS + LONGEST_LOCK_MIN * MINUTE_MS
    LoginFailure.delete().where((LoginFailure.at < now - longest) | (LoginFailure.at > now + AHEAD_MS)).execute()


def session(token: str, key: str, now: int) -> Session | None:
    """The session of a cookie, with its user, and marked as used; None when it has ended."""
    row = (
        SessionRow.select(SessionRow, UserRow)
        .left_outer_join(UserRow)
        .where(SessionRow.id.in_([_digest(token), _digest(token, key)]), *_alive(now))
        .first()
    )
    if row is None:
        return None
    if row.user is not None and (row.user.disabled_at is not None or row.user.role != row.role):
        return None
    if now - row.seen_at >= SEEN_EVERY_MS:
        try:
            with write():
                SessionRow.update(seen_at=now).where(SessionRow.id == row.id).execute()
        except errors.DatabaseBusy:  # the next request will update it
            pass
    return record(Session, row, user=record(User, row.user) if row.user else None)


def _alive(now: int) -> tuple[Any, Any]:
    """SQL: the session has not ended. One opened or used while the clock was ahead counts as ended; otherwise it would
    last too long."""
    return lately(SessionRow.expires_at, now, now + SESSION_MS), lately(SessionRow.seen_at, now - IDLE_MS, now)


def still_open(session_id: str, now: int) -> bool:
    """Whether the session is still open."""
    return bool(SessionRow.select().where(SessionRow.id == session_id, *_alive(now)).exists())


def sessions(user_id: int | None, now: int) -> list[Login]:
    """The open sessions of a user, or of the API key if None; most recently used first."""
    of = SessionRow.user.is_null() if user_id is None else SessionRow.user == user_id
    rows = SessionRow.select().where(of, *_alive(now)).order_by(SessionRow.seen_at.desc(), SessionRow.id)
    return [record(Login, row) for row in rows]


def everybody(now: int) -> dict[int | None, list[Login]]:
    """All open sessions by user id; those of the API key under None."""
    found: dict[int | None, list[Login]] = {}
    for row in SessionRow.select().where(*_alive(now)).order_by(SessionRow.seen_at.desc(), SessionRow.id):
        found.setdefault(row.user_id, []).append(record(Login, row))
    return found


def close(session_id: str) -> None:
    """Log out."""
    with write():
        SessionRow.delete().where(SessionRow.id == session_id).execute()
        after_commit(partial(log.info, "login.ended"))


def close_all(user_id: int | None) -> None:
    """End every session of a user, or of the API key if None."""
    with write():
        SessionRow.delete().where(
            SessionRow.user.is_null() if user_id is None else SessionRow.user == user_id
        ).execute()
        after_commit(partial(log.info, "login.ended", user_id=user_id))
