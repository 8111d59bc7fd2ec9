"""Whose an account is: one sender's at a time, by a lease in the account's row.

The row has the owner's token, until when the account is that sender's, and where it runs. The owner renews the lease
with every heartbeat, and everything that a sender writes is scoped to the token (`guard`): one that has lost the
account can neither claim, nor submit, nor say how the account stands. The time is the database's; that a lease has run
out is also known without a clock, by a row that nobody has renewed for a whole lease while one looked on.

A sender that was killed need not be waited for where its death is proved: by the transport's lock, in the same folder
of the same machine, or because there is no such process any more.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from daemon import errors
from daemon.db.connection import write
from daemon.db.prepared import param
from daemon.db.proxy import locked
from daemon.models import Account

_living: set[str] = set()  # tokens of the senders in this very process


@dataclass(frozen=True)
class Place:
    """Where a sender runs. kernel: changes with every start of the machine; folder: what its locks lie in."""

    kernel: str
    folder: str
    processes: str  # the namespace that `pid` is of: in another one it says nothing
    pid: int
    started: str  # a number is used again, but not with this time

    def reaches(self, other: Place) -> bool:
        """Whether a lock that is held here excludes a process there."""
        return bool(self.kernel) and (self.kernel, self.folder) == (other.kernel, other.folder)

    def has_ended(self, other: Place, token: str) -> bool:
        """Whether the process there is certainly no more, as far as can be seen from here."""
        if not self.kernel or (self.kernel, self.processes) != (other.kernel, other.processes):
            return False
        if (other.pid, other.started) == (self.pid, self.started):
            return token not in _living
        return _started(other.pid) != other.started


@dataclass(frozen=True)
class Tenure:
    """An account that is the caller's. proved: nothing of an earlier sender can still send."""

    account: str
    token: str
    proved: bool


@dataclass(frozen=True)
class Taken:
    """It is another one's: the token and the end of its lease change whenever that one renews or takes it. near: that
    sender runs where the transport's lock tells whether it lives."""

    token: str
    until: int
    near: bool


_tenure: ContextVar[Tenure | None] = ContextVar("tenure", default=None)


def here(folder: Path) -> Place:
    """Where this process runs, with its locks in that folder."""
    found = folder.stat()
    try:
        processes = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        processes = ""
    pid = os.getpid()
    return Place(_kernel(), f"{found.st_dev}:{found.st_ino}", processes, pid, _started(pid))


@cache
def _kernel() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When that process was started, in ticks since the machine was; "" where there is none, or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def take(
    name: str, place: Place, now: int, lease_ms: int, sole: bool | None, watched: Taken | None = None
) -> Tenure | Taken:
    """Make the account the caller's if it is nobody's, or its owner is gone; the row is left alone if it is not.

    sole: whether the caller's transport holds a lock that nobody else can hold in this place; None while it is not up
    yet. watched: how it stood a whole lease ago: unchanged since, its owner has ended or sleeps.
    """
    with write():
        Account.insert(name=name).on_conflict_ignore().execute()
        row = locked(Account.select(Account.owner, Account.owner_until, Account.owner_place).where(_is(name))).get()
        proved = free(row, place, now, sole, watched)
        if proved is None:
            return _taken(row, place)
        token = secrets.token_hex(8)
        changes = {"owner": token, "owner_until": now + lease_ms, "owner_place": asdict(place)}
        Account.update(changes).where(_is(name)).execute()
    _living.add(token)
    return Tenure(name, token, proved)


def _is(name: str) -> Any:
    return Account.name == name


def _taken(row: Account, place: Place) -> Taken:
    return Taken(str(row.owner), row.owner_until, place.reaches(Place(**row.owner_place)))


def free(row: Account, place: Place, now: int, sole: bool | None, watched: Taken | None) -> bool | None:
    """None while it is another one's; else whether it is proved that nothing of that one can still send."""
    if row.owner is None:
        return True
    owner = Place(**row.owner_place)
    near = place.reaches(owner)
    if near and (place.has_ended(owner, row.owner) or (sole and place.processes != owner.processes)):
        return True
    if near and sole is None:
        return None  # the lock tells more than a lease that ran out: its owner may only sleep
    if row.owner_until < now or _taken(row, place) == watched:
        return False
    return None


def renew(tenure: Tenure, now: int, lease_ms: int) -> None:
    """It stays the caller's for another lease. Raises AccountLost."""
    with write():
        mine = _is(tenure.account) & (Account.owner == tenure.token)
        if not Account.update(owner_until=now + lease_ms).where(mine).execute():
            raise lost(tenure.account)


def release(tenure: Tenure) -> None:
    """Its owner has ended in order: the account is nobody's. Changes nothing where another one owns it by now."""
    gone = {"owner": None, "owner_until": 0, "owner_place": None}
    with write():
        Account.update(gone).where(_is(tenure.account), Account.owner == tenure.token).execute()


def forget(tenure: Tenure) -> None:
    """In this process nobody drives the account any more."""
    _living.discard(tenure.token)


# What a sender writes


@contextmanager
def by(tenure: Tenure | None) -> Iterator[None]:
    """What is written inside is written by the owner of an account."""
    before = _tenure.set(tenure)
    try:
        yield
    finally:
        _tenure.reset(before)


def token(name: str) -> str | None:
    """The token under which this sender owns the account; None outside of a sender."""
    tenure = _tenure.get()
    return tenure.token if tenure and tenure.account == name else None


def guard(name: str) -> Any:
    """The condition that the row is the account's, and yet its sender's."""
    mine = token(name)
    return _is(name) if mine is None else _is(name) & (Account.owner == mine)


def guarded(owned: bool) -> tuple[Any, ...]:
    """As `guard`, for a `Prepared` query: give it `account` and `owner`."""
    mine = (Account.name == param("account"),)
    return (*mine, Account.owner == param("owner")) if owned else mine


def check(changed: int, name: str) -> None:
    """Raises AccountLost where a write that was guarded has found no row."""
    if not changed and token(name) is not None:
        raise lost(name)


def lost(name: str) -> errors.AccountLost:
    return errors.AccountLost(
        f"Another sender has taken over account {name}, as this one did not renew its lease in time: it stops sending. "
        "See that only one machine runs a sender for this account."
    )
