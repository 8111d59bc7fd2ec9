"""Which sender owns an account: only one at a time, by a lease in the account's row.

The row has the owner's token, the end of its lease, and where it runs. The owner renews the lease with every
heartbeat, and everything a sender writes is guarded by the token (`guard`): one that has lost the account can neither
claim, nor submit, nor report the account's state. Times are the database's. A lease is also known to have run out,
whatever the clocks say, when a waiting sender has seen the row unchanged for the length of a whole lease.

After a kill nobody has to wait for the lease if the owner is provably dead: the transport's lock in the same folder of
the same machine is free, or the process no longer exists.
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
from daemon.config import Settings
from daemon.db.clock import AHEAD_MS
from daemon.db.connection import write
from daemon.db.prepared import param
from daemon.db.proxy import locked
from daemon.models import Account

_living: set[str] = set()  # tokens of senders in this process


@dataclass(frozen=True)
class Place:
    """Where a sender runs. kernel: boot id, new with every start of the machine; folder: where its locks are."""

    kernel: str
    folder: str
    processes: str  # the PID namespace: in another one, `pid` means nothing
    pid: int
    started: str  # start time: a PID may be reused, but not with the same one

    def reaches(self, other: Place) -> bool:
        """Whether a file lock held here excludes a process at `other`."""
        return bool(self.kernel) and (self.kernel, self.folder) == (other.kernel, other.folder)

    def has_ended(self, other: Place, token: str) -> bool:
        """Whether the process at `other` is certainly gone. False if that cannot be seen from here."""
        if not self.kernel or (self.kernel, self.processes) != (other.kernel, other.processes):
            return False
        if (other.pid, other.started) == (self.pid, self.started):
            return token not in _living
        return _started(other.pid) != other.started


@dataclass(frozen=True)
class Tenure:
    """The caller owns the account. proved: the earlier sender certainly cannot send any more."""

    account: str
    token: str
    proved: bool


@dataclass(frozen=True)
class Taken:
    """Another sender owns the account. Token or end of lease change whenever it is renewed or taken over. near: that
    sender runs where the transport's lock shows whether it is alive. lock_tells: only the lock does, as its process
    cannot be seen from here."""

    token: str
    until: int
    near: bool
    lock_tells: bool = False


_tenure: ContextVar[Tenure | None] = ContextVar("tenure", default=None)


def here(folder: Path) -> Place:
    """The place of this process, whose locks are in `folder`."""
    found = folder.stat()
    try:
        processes = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        processes = ""
    pid = os.getpid()
    return Place(kernel(), f"{found.st_dev}:{found.st_ino}", processes, pid, _started(pid))


@cache
def kernel() -> str:
    """The boot id: new with every start of the machine; "" where there is none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When the process was started, in ticks since boot; "" if there is none or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def take(
    name: str, place: Place, now: int, lease_ms: int, sole: bool | None, watched: Taken | None = None
) -> Tenure | Taken:
    """Take the account if it has no owner, or its owner is gone; otherwise the row stays as it is.

    sole: whether the caller's transport holds a lock that only one process in this place can hold; None before the
    transport is up. watched: what was seen a whole lease ago; if nothing changed since, the owner has ended or sleeps.
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


def owner(name: str, place: Place, now: int, watched: Taken | None = None) -> Taken | None:
    """Who drives the account; None if it can be taken. Only reads. See `take`."""
    row = Account.select(Account.owner, Account.owner_until, Account.owner_place).where(_is(name)).first()
    return None if row is None or free(row, place, now, None, watched) is not None else _taken(row, place)


def driven(settings: Settings, name: str, now: int) -> bool:
    """Whether a sender has the account by a lease that still runs, and is not provably dead. Only reads. A lease longer
    than the settings allow was made while the clock was ahead: a living sender renews it in a moment."""
    row = Account.select(Account.owner, Account.owner_until, Account.owner_place).where(_is(name)).first()
    if row is None or row.owner is None or here(settings.data_dir).has_ended(Place(**row.owner_place), row.owner):
        return False
    return bool(now <= row.owner_until <= now + round(settings.lease_s * 1000) + AHEAD_MS)


def _is(name: str) -> Any:
    return Account.name == name


def _taken(row: Account, place: Place) -> Taken:
    owner = Place(**row.owner_place)
    near = place.reaches(owner)
    return Taken(str(row.owner), row.owner_until, near, near and place.processes != owner.processes)


def free(row: Account, place: Place, now: int, sole: bool | None, watched: Taken | None) -> bool | None:
    """None while another sender owns it; else whether that one provably cannot send any more."""
    if row.owner is None:
        return True
    owner = Place(**row.owner_place)
    near = place.reaches(owner)
    if near and (place.has_ended(owner, row.owner) or (sole and place.processes != owner.processes)):
        return True
    if near and sole is None:
        return None  # its lock is held, so it is alive, although its lease ran out: it may have been suspended
    if row.owner_until < now or _taken(row, place) == watched:
        return False
    return None


def renew(tenure: Tenure, now: int, lease_ms: int) -> None:
    """Extend the caller's ownership by another lease. Raises AccountLost."""
    with write():
        mine = _is(tenure.account) & (Account.owner == tenure.token)
        if not Account.update(owner_until=now + lease_ms).where(mine).execute():
            raise lost(tenure.account)


def release(tenure: Tenure) -> None:
    """The owner has ended properly: the account has no owner. Changes nothing if another sender owns it by now."""
    gone = {"owner": None, "owner_until": 0, "owner_place": None}
    with write():
        Account.update(gone).where(_is(tenure.account), Account.owner == tenure.token).execute()


def forget(tenure: Tenure) -> None:
    """No sender in this process drives the account any more."""
    _living.discard(tenure.token)


# What a sender writes


@contextmanager
def by(tenure: Tenure | None) -> Iterator[None]:
    """Everything written inside the block is written as the account's owner."""
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
    """SQL condition: the row is this account's, and the current sender still owns it."""
    mine = token(name)
    return _is(name) if mine is None else _is(name) & (Account.owner == mine)


def guarded(owned: bool) -> tuple[Any, ...]:
    """Like `guard`, for a `Prepared` query, which has to be given `account` and `owner`."""
    mine = (Account.name == param("account"),)
    return (*mine, Account.owner == param("owner")) if owned else mine


def require(name: str) -> None:
    """Until the transaction ends nobody takes the account over. Raises AccountLost where somebody has."""
    if token(name) is not None and not locked(Account.select(Account.name).where(guard(name))).first():
        raise lost(name)


def check(changed: int, name: str) -> None:
    """Raises AccountLost if a guarded write has found no row."""
    if not changed and token(name) is not None:
        raise lost(name)


def lost(name: str) -> errors.AccountLost:
    return errors.AccountLost(
        f"Another sender has taken over account {name}, as this one did not renew its lease in time: it stops sending. "
        "See that only one machine runs a sender for this account."
    )


def another(name: str) -> errors.AccountInUse:
    return errors.AccountInUse(
        f"Account {name} was removed and added again while this sender started: the next start is for the new one."
    )
