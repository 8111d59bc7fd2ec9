"""Who gets in: sessions, and the lock-out of those who guess.

A session is a random token in the browser's cookie; the database has only its SHA-256, and for a session opened with
the API key that of token and key together, so it ends when the key changes.

Guessing is counted by where it comes from. After TRIES wrong tries in FORGET_MS no more are taken for a minute, then
one, then none for two minutes, and so on up to an hour; what is refused meanwhile is not counted, so nobody makes
their own wait longer by trying.

- by *address* (of IPv6 the /64, which is what one customer has): TRIES. Alone it would let a guesser behind a proxy
  or in a shared network shut everybody out, so
- by *browser*: one that has logged in before has a mark, signed for that name, and is counted by it alone. Somebody
  else's guesses do not touch it, and its own are limited just the same.
- by *name*, for guesses from many addresses: NAME_TRIES. One address is slowed down long before that number is
  reached, so it cannot shut a name out; many together can, except for the browsers that have the mark. The API key's
  form has no name: it is always there for the owner.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from daemon import errors, passwords, users
from daemon.db import AHEAD_MS, after_commit, lately, locked, now_ms, within, write
from daemon.models import LoginFailure, Role, Session, User

log = structlog.get_logger()

MINUTE_MS = 60_000
SESSION_MS = 14 * 24 * 60 * MINUTE_MS  # however much it is used
IDLE_MS = 3 * 24 * 60 * MINUTE_MS
SEEN_EVERY_MS = MINUTE_MS  # how exactly it is known when a session was last used
TRIES = 5
NAME_TRIES = 20
FORGET_MS = 15 * MINUTE_MS
LONGEST_LOCK_MIN = 60

WRONG_PASSWORD = "The name or the password is wrong, or the user is disabled."  # noqa: S105 (a sentence)
WRONG_KEY = "This is not the key: copy the whole line, without spaces around it."


@dataclass(frozen=True)
class Try:
    """Where somebody tries to log in from. known: the mark of a browser that this name has logged in with before."""

    address: str
    known: str | None = None


@dataclass(frozen=True)
class Opened:
    """A session that has just been opened; the token goes into the cookie and nowhere else."""

    token: str
    user: User | None


def by_password(origin: Try, name: str, password: str) -> Opened:
    """Log in as a user. Raises Unauthorized, TooManyTries."""
    taken = _take_try(_counters(origin, name), origin)
    user = users.named(name)
    usable = user is not None and user.disabled_at is None
    if not passwords.matches(password, user.password if user and usable else None) or user is None:
        log.warning("login.refused", address=origin.address, reason="wrong")
        raise errors.Unauthorized(WRONG_PASSWORD)
    _give_back(taken)
    return open_session(user)


def by_key(origin: Try, right: bool, key: str) -> Opened:
    """Log in with the API key; right: whether what was given is the key. Raises Unauthorized, TooManyTries."""
    taken = _take_try(_counters(origin, ""), origin)
    if not right:
        log.warning("login.refused", address=origin.address, reason="wrong")
        raise errors.Unauthorized(WRONG_KEY)
    _give_back(taken)
    return open_session(None, key)


def confirm(origin: Try, user_id: int, password: str) -> User:
    """Somebody who is logged in shows that they know the password; returns them as they were then.

    Raises Unauthorized, TooManyTries, NotFound.
    """
    user = users.find(user_id)
    taken = _take_try(_counters(origin, user.name), origin)
    if not passwords.matches(password, user.password):
        raise errors.Unauthorized(WRONG_PASSWORD)
    _give_back(taken)
    return user


def open_session(user: User | None, key: str = "") -> Opened:
    """A new session of that user, or, for None, of the API key.

    user: as it was when they showed that they know the password. Raises Unauthorized when it was changed since, or
    they were disabled: a session that was opened now would outlive the end of all the others.
    """
    token, now = secrets.token_urlsafe(32), now_ms()
    with write():
        row = _unchanged(user) if user else None
        _sweep(now)
        Session.create(
            id=_digest(token, "" if user else key),
            user=row,
            role=row.role if row else users.word(Role.ADMIN),
            csrf=secrets.token_hex(32),
            created_at=now,
            seen_at=now,
            expires_at=now + SESSION_MS,
        )
        after_commit(partial(log.info, "login.opened", user_id=row.id if row else None))
    return Opened(token, row)


def _unchanged(user: User) -> User:
    """The user's row, which nobody changes until the transaction ends. Raises Unauthorized."""
    row: User | None = locked(User.select().where(User.id == user.id)).first()
    if row is None or row.password != user.password or row.disabled_at is not None:
        raise errors.Unauthorized(WRONG_PASSWORD)
    return row


def _digest(token: str, key: str = "") -> str:
    return hashlib.sha256(f"{token}\n{key}".encode()).hexdigest()


def _sweep(now: int) -> None:
    """What is over, or began while the clock was ahead: sessions, and failures that count no more."""
    alive = Session.select(Session.id).where(*_alive(now))
    Session.delete().where(Session.id.not_in(alive)).execute()
    longest = FORGET_MS + LONGEST_LOCK_MIN * MINUTE_MS
    LoginFailure.delete().where((LoginFailure.at < now - longest) | (LoginFailure.at > now + AHEAD_MS)).execute()


def session(token: str, key: str) -> Session | None:
    """The session that a cookie stands for, with its user; it counts as used. None when it has ended."""
    now = now_ms()
    found = (
        Session.select(Session, User)
        .left_outer_join(User)
        .where(Session.id.in_([_digest(token), _digest(token, key)]), *_alive(now))
        .first()
    )
    if found is None:
        return None
    row: Session = found
    if row.user is not None and (row.user.disabled_at is not None or row.user.role != row.role):
        return None
    if now - row.seen_at >= SEEN_EVERY_MS:
        try:
            with write():
                Session.update(seen_at=now).where(Session.id == row.id).execute()
        except errors.DatabaseBusy:  # the next request says it again
            pass
    return row


def _alive(now: int) -> tuple[Any, Any]:
    """A session that was opened or used while the clock was ahead has ended: it would last until then."""
    return lately(Session.expires_at, now, now + SESSION_MS), lately(Session.seen_at, now - IDLE_MS, now)


def still_open(session_id: str) -> bool:
    """Whether the session has not ended meanwhile."""
    return bool(Session.select().where(Session.id == session_id, *_alive(now_ms())).exists())


def sessions(user_id: int | None) -> list[Session]:
    """The open sessions of a user, or, for None, of the API key; the last used first."""
    of = Session.user.is_null() if user_id is None else Session.user == user_id
    return list(Session.select().where(of, *_alive(now_ms())).order_by(Session.seen_at.desc(), Session.id))


def everybody() -> dict[int | None, list[Session]]:
    """All open sessions by their user's id; those of the API key under None."""
    found: dict[int | None, list[Session]] = {}
    for row in Session.select().where(*_alive(now_ms())).order_by(Session.seen_at.desc(), Session.id):
        found.setdefault(row.user_id, []).append(row)
    return found


def close(session_id: str) -> None:
    """Log out."""
    with write():
        Session.delete().where(Session.id == session_id).execute()
        after_commit(partial(log.info, "login.ended"))


def close_all(user_id: int | None) -> None:
    """End every session of a user, or, for None, of the API key."""
    with write():
        Session.delete().where(Session.user.is_null() if user_id is None else Session.user == user_id).execute()
        after_commit(partial(log.info, "login.ended", user_id=user_id))


# The lock-out


def _counters(origin: Try, name: str) -> list[tuple[str, int]]:
    """What a wrong try counts against: (key, tries until it is locked)."""
    if origin.known:
        return [("browser:" + _short(origin.known), TRIES)]
    counters = [("address:" + _network(origin.address), TRIES)]
    return [*counters, ("name:" + _short(users.same_name(name)), NAME_TRIES)] if name else counters


def _short(text: str) -> str:
    """Nothing of it can be read: people type their password where the name belongs."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
    return str(found)


@dataclass(frozen=True)
class _Taken:
    """A try that was counted at `at`; before: when the last one was, by counter."""

    at: int
    before: dict[str, int]


def _take_try(counters: list[tuple[str, int]], origin: Try) -> _Taken:
    """Count a wrong try before it is known to be one: many at once get no more of them. Raises TooManyTries."""
    now = now_ms()
    with write():
        for key, _ in counters:
            LoginFailure.insert(key=key, count=0, at=now).on_conflict_ignore().execute()
        mine = LoginFailure.key.in_([key for key, _ in counters])
        rows = {row.key: row for row in locked(LoginFailure.select().where(mine).order_by(LoginFailure.key))}
        left = max(_locked_ms(rows[key], limit, now) for key, limit in counters)
        if left <= 0:
            for key, limit in counters:
                count = _counted(rows[key], limit, now) + 1
                LoginFailure.update(count=count, at=now).where(LoginFailure.key == key).execute()
    if left > 0:
        log.warning("login.refused", address=origin.address, reason="locked")
        raise errors.TooManyTries(left)
    return _Taken(now, {key: row.at for key, row in rows.items()})


def _locked_ms(row: LoginFailure, limit: int, now: int) -> int:
    """For how long no more tries are taken; a lock from while the clock was ahead does not count."""
    lock_ms = _lock(row.count, limit)
    return int(row.at) + lock_ms - now if within(row.at, now, lock_ms) else 0


def _lock(count: int, limit: int) -> int:
    """How long the lock lasts (ms) after so many wrong tries."""
    return min(LONGEST_LOCK_MIN, 2 ** min(count - limit, 10)) * MINUTE_MS if count >= limit else 0


def _counted(row: LoginFailure, limit: int, now: int) -> int:
    """The wrong tries that still count: nobody has tried for a while after the last lock, and it begins anew."""
    return int(row.count) if within(row.at, now, FORGET_MS + _lock(row.count, limit)) else 0


def _give_back(taken: _Taken) -> None:
    """The try was right: the name and the browser begin anew; an address, which many may share, is as it was."""
    with write():
        for key, at in taken.before.items():
            mine = LoginFailure.key == key
            if not key.startswith("address:"):
                LoginFailure.delete().where(mine).execute()
                continue
            LoginFailure.update(count=LoginFailure.count - 1).where(mine, LoginFailure.count > 0).execute()
            LoginFailure.update(at=at).where(mine, LoginFailure.at == taken.at).execute()
