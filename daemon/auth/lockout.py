"""Protection against guessing passwords: failed logins are counted by address, by name and by known browser."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass

import structlog

from daemon import errors
from daemon.auth import audit, users
from daemon.db.clock import within
from daemon.db.connection import write
from daemon.db.proxy import locked
from daemon.models import LoginFailure

log = structlog.get_logger()

MINUTE_MS = 60_000
TRIES = 5
NAME_TRIES = 20
FORGET_MS = 15 * MINUTE_MS
LONGEST_LOCK_MIN = 60


@dataclass(frozen=True)
class Try:
    """Where a login attempt comes from. known: the mark of a browser that this name has logged in with before."""

    address: str
    known: str | None = None


def counters(origin: Try, name: str) -> list[tuple[str, int]]:
    """The counters that a failed attempt adds to: (key, attempts until it is locked)."""
    if origin.known:
        return [("browser:" + _short(origin.known), TRIES)]
    return [
        ("address:" + _network(origin.address), TRIES),
        ("name:" + _short(users.same_name(name)), NAME_TRIES),
    ]


def _short(text: str) -> str:
    """A digest instead of the name itself: people sometimes type their password into the name field."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return "127.0.0.1" if found.is_loopback else str(ipaddress.ip_network((found, 64), strict=False))
        found = found.ipv4_mapped
    return "127.0.0.1" if found.is_loopback else str(found)  # a program here may call from any of 127.0.0.0/8


@dataclass(frozen=True)
class _Taken:
    """An attempt that was counted at `at`; before: the time of the previous one, by counter; locks: whether no more are
    accepted for a while, if it was wrong."""

    at: int
    before: dict[str, int]
    locks: bool

    def tell(self, code: str) -> None:
        """It was wrong: that is noted, with this code or that it begins a lock."""
        audit.heard("locked_out" if self.locks else code)


def look(counters: list[tuple[str, int]], origin: Try, now: int) -> None:
    """Whether an attempt would be accepted now, without counting it. Raises TooManyTries."""
    rows = {row.key: row for row in LoginFailure.select().where(LoginFailure.key.in_([key for key, _ in counters]))}
    left = max(_locked_ms(rows[key], limit, now) if key in rows else 0 for key, limit in counters)
    if left > 0:
        log.warning("login.refused", address=origin.address, reason="locked")
        raise errors.TooManyTries(left)


def take_try(counters: list[tuple[str, int]], origin: Try, now: int) -> _Taken:
    """Count an attempt as failed before the password is checked, so that many parallel attempts do not get round the
    limit. Raises TooManyTries."""
    locks = False
    with audit.aside(), write():
        rows = _rows(counters, now)
        left = max(_locked_ms(rows[key], limit, now) for key, limit in counters)
        if left <= 0:
            for key, limit in counters:
                count = _counted(rows[key], limit, now) + 1
                locks = locks or count >= limit
                LoginFailure.update(count=count, at=now).where(LoginFailure.key == key).execute()
    if left > 0:
        log.warning("login.refused", address=origin.address, reason="locked")
        raise errors.TooManyTries(left)
    return _Taken(now, {key: row.at for key, row in rows.items()}, locks)


def _rows(counters: list[tuple[str, int]], now: int) -> dict[str, LoginFailure]:
    """The counters' rows, locked until the transaction ends. On PostgreSQL a right password that is given at the same
    time may delete one after it was found to be there."""
    names = [key for key, _ in counters]
    rows: dict[str, LoginFailure] = {}
    while rows.keys() != set(names):
        for key in names:
            LoginFailure.insert(key=key, count=0, at=now).on_conflict_ignore().execute()
        query = LoginFailure.select().where(LoginFailure.key.in_(names)).order_by(LoginFailure.key)
        rows = {row.key: row for row in locked(query)}
    return rows


def _locked_ms(row: LoginFailure, limit: int, now: int) -> int:
    """How long no more attempts are accepted; a lock set while the clock was ahead does not count."""
    lock_ms = _lock(row.count, limit)
    return int(row.at) + lock_ms - now if within(row.at, now, lock_ms) else 0


def _lock(count: int, limit: int) -> int:
    """How long the lock lasts (ms) after `count` failed attempts."""
    return min(LONGEST_LOCK_MIN, 2 ** min(count - limit, 10)) * MINUTE_MS if count >= limit else 0


def _counted(row: LoginFailure, limit: int, now: int) -> int:
    """The failed attempts that still count: none if nobody has tried for a while after the last lock."""
    return int(row.count) if within(row.at, now, FORGET_MS + _lock(row.count, limit)) else 0


def give_back(taken: _Taken) -> None:
    """The attempt was right: reset the counters of the name and the browser, and put that of the address, which many
    people may share, back to what it was."""
    with audit.aside(), write():
        for key, at in taken.before.items():
            mine = LoginFailure.key == key
            if not key.startswith("address:"):
                LoginFailure.delete().where(mine).execute()
                continue
            LoginFailure.update(count=LoginFailure.count - 1).where(mine, LoginFailure.count > 0).execute()
            LoginFailure.update(at=at).where(mine, LoginFailure.at == taken.at).execute()
