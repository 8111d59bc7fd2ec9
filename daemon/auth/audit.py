"""The audit log: who has done what, to what, from where, when, and with which result. It is only added to.

An entry is written in the transaction of what it is about, as the last thing before the commit, so there are either
both or neither: `doing` is set by whoever lets somebody act, and the first transaction that commits takes it in. Work
of several transactions has its entry with the first of them; if it fails later, a second entry says so. What was
refused, or done without the database, is added afterwards.

Each entry holds an HMAC over the one before and itself, with a key that is not in the database: an entry that somebody
changes, inserts or removes there breaks the chain. Entries have ids without gaps, and whoever adds one locks the only
row of `AuditHead` until the commit, which comes at once. No numbers, texts or secrets are in it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import structlog

from daemon.db import connection
from daemon.db.connection import after_commit, write
from daemon.db.proxy import locked
from daemon.models import AuditEntry, AuditHead
from daemon.states import AuditResult

log = structlog.get_logger()

ONE = 1  # the id of the only row of AuditHead
START = "0" * 64  # in place of a digest before the first entry
FIELDS = ("id", "at", "who", "identity", "action", "kind", "target", "address", "result", "code")
DAEMON = "wasender"  # who deletes old entries: no user can be called so
MOST = 5_000  # entries that are deleted at once
DAY_MS = 24 * 3_600_000


@dataclass
class Deed:
    """What somebody is about to do. now: asks the clock; key: what entries are sealed with; identity: of the user or
    key, however it is called later; kind, target: what it is done to; code: what else is to be said; kept: whether its
    entry has been committed; goes_on: whether it is done beside the request, and ends after it; silent:
    whether it leaves no entry where nothing is committed: strangers could fill the log."""

    who: str
    action: str
    key: bytes
    now: Callable[[], int]
    address: str = ""
    identity: str = ""
    kind: str = ""
    target: str = ""
    code: str = ""
    kept: bool = False
    goes_on: bool = False
    silent: bool = False

    def settle(self) -> None:
        """Within a transaction that is about to commit: it is done."""
        if not self.kept:
            self._add(AuditResult.DONE, self.code)

    def over(self, result: AuditResult, code: str = "") -> None:
        """It has ended without a transaction that had its entry, or it failed. code: why."""
        with aside(), write():
            self._add(result, code or self.code)

    def _add(self, result: AuditResult, code: str) -> None:
        add(self, result, code, self.now())
        after_commit(self._committed)

    def _committed(self) -> None:
        self.kept = True


doing: ContextVar[Deed | None] = ContextVar("doing", default=None)


@contextmanager
def done_by(deed: Deed) -> Iterator[None]:
    """What is committed in here is what somebody does."""
    token, settle = doing.set(deed), connection.settling.set(deed.settle)
    try:
        yield
    finally:
        connection.settling.reset(settle)
        doing.reset(token)


@contextmanager
def aside() -> Iterator[None]:
    """Transactions in here are not what somebody does, but belong to it: they leave no entry."""
    token = connection.settling.set(None)
    try:
        yield
    finally:
        connection.settling.reset(token)


def about(kind: str, target: object) -> None:
    """Say what it is done to, where its address does not: such as the id of what was made; a number only masked."""
    deed = doing.get()
    if deed is not None and not deed.kept:
        deed.kind, deed.target = kind, str(target)


def by(who: str, identity: str) -> None:
    """Say who it is, where that was not known before."""
    if (deed := doing.get()) is not None:
        deed.who, deed.identity = who, identity


def called(action: str) -> None:
    """Say what it is, where its address does not."""
    if (deed := doing.get()) is not None:
        deed.action = action


def heard(code: str = "") -> None:
    """It leaves an entry, whatever becomes of it. code: what is to be said then."""
    if (deed := doing.get()) is not None:
        deed.silent, deed.code = False, code


def repeated() -> None:
    """It was done before, and only the answer is given again."""
    if (deed := doing.get()) is not None:
        deed.code = "repeated"


def add(deed: Deed, result: AuditResult, code: str, now: int) -> None:
    """Part of the caller's transaction: add an entry. It should be the last thing before the commit."""
    head = _head()
    values: dict[str, Any] = {
        "id": head.last + 1,
        "at": now,
        "who": _plain(deed.who, 100),
        "identity": deed.identity,
        "action": _plain(deed.action, 64),
        "kind": _plain(deed.kind, 32),
        "target": _plain(deed.target, 128),
        "address": _plain(deed.address, 64),
        "result": result.value,
        "code": _plain(code, 64),
    }
    digest = seal(deed.key, head.digest, [values[name] for name in FIELDS])
    AuditEntry.insert(**values, digest=digest).execute()
    AuditHead.update(last=values["id"], digest=digest).where(AuditHead.id == ONE).execute()


def _plain(text: str, most: int) -> str:
    """So many of its characters, without those that cannot be seen: strangers choose what stands in an address, and an
    entry stays. PostgreSQL, to which it may be moved, stores no NUL."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text[:most])


def _head() -> AuditHead:
    """The only row, locked until the transaction ends."""
    query = AuditHead.select().where(AuditHead.id == ONE)
    row: AuditHead | None = locked(query).first()
    if row is None:
        fresh = {"last": 0, "digest": START, "pruned": 0, "pruned_digest": START, "seal": ""}
        AuditHead.insert(id=ONE, **fresh).on_conflict_ignore().execute()
        row = locked(query).get()
    return row


def seal(key: bytes, *parts: object) -> str:
    """HMAC-SHA-256 over the parts; which is which is beyond doubt."""
    text = repr(parts).encode(errors="surrogatepass")
    return hmac.new(b"audit log\0" + key, text, hashlib.sha256).hexdigest()


def prune(key: bytes, days: int, now: int) -> int:
    """Delete the entries that are older than so many days, at most MOST at once; how many. That is an entry, too."""
    with aside(), write():
        old = AuditEntry.select(AuditEntry.id, AuditEntry.digest)
        old = old.where(AuditEntry.at < now - days * DAY_MS).order_by(AuditEntry.at, AuditEntry.id).limit(MOST)
        rows = sorted((row.id, row.digest) for row in old)
        if not rows:
            return 0
        head = _head()
        expected = range(head.pruned + 1, head.pruned + len(rows) + 1)
        rows = [row for row, id in zip(rows, expected, strict=True) if row[0] == id]  # those without gaps
        if not rows:
            return 0
        last, digest = rows[-1]
        values = {"pruned": last, "pruned_digest": digest, "seal": seal(key, "pruned", last, digest)}
        AuditHead.update(**values).where(AuditHead.id == ONE).execute()
        AuditEntry.delete().where(AuditEntry.id <= last).execute()
        add(Deed(DAEMON, "audit.prune", key, lambda: now, target=str(last), kind="entry"), AuditResult.DONE, "", now)
    return len(rows)
