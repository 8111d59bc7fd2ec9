"""What Meta has posted, kept as it came until it is worked through: storing it is all that its answer waits for.

Batches are worked through in the order in which they came, by one process at a time (`webhooks/cloud.py`). What is done
of one is stored in the transaction that did it, so that a kill loses nothing and does nothing twice. One that is no
batch of Meta's is set aside: it is kept for a while for a person to look at, and nobody tries it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

import peewee
import structlog

from daemon.accounts import pacing
from daemon.db.connection import after_commit, write
from daemon.db.prepared import Prepared, among, param, several
from daemon.db.proxy import in_order, tuples
from daemon.models import CloudBatch, CloudCount, CloudProgress, CloudSeen

log = structlog.get_logger()

REMEMBERED_MS = 9 * pacing.DAY_MS  # Meta repeats what was not answered for a week
ASIDE_MS = 30 * pacing.DAY_MS
TAKEN_BYTES, TAKEN = 1 << 20, 200  # of batches that are read at once, and how many
FEW = 2_000  # rows that are deleted in one transaction


class Aside(StrEnum):
    """Why a batch is set aside."""

    UNREADABLE = "unreadable"  #: it is no batch of Meta's
    FAILED = "failed"  #: something in it failed again and again, unforeseen


class Counted(StrEnum):
    """What is counted because nothing could be made of it."""

    UNKNOWN_NUMBER = "unknown_number"  #: of a number, or a business, that no account has
    UNMATCHED = "unmatched"  #: of a message that this installation has not sent
    UNREAD = "unread"  #: in another form than we know
    UNKNOWN_PERSON = "unknown_person"  #: somebody wrote of whom no number is known
    FAILED = "failed"  #: it could not be taken, for an unforeseen reason
    OTHER_APP = "other_app"  #: of an account whose app has not signed it


@dataclass(frozen=True)
class Posted:
    """What was posted. signers: the accounts whose app has signed it; None: that of the settings, which counts for
    all accounts."""

    body: bytes = field(repr=False)
    signers: frozenset[str] | None = None


@dataclass(frozen=True)
class Batch:
    """A batch. done: how many of the things it tells are taken; at: when it came, UTC ms; signers: see `Posted`."""

    id: int
    at: int
    body: bytes = field(repr=False)
    done: int
    signers: frozenset[str] | None = None


def store(posted: Sequence[Posted], now: int) -> None:
    """Keep what was posted, in one transaction. Raises DatabaseBusy, DiskFull."""
    keep = _store.bound(({"body": each.body, "signers": _written(each.signers)} for each in posted), at=now)
    with write():
        keep()


@Prepared
def _store() -> Any:
    return CloudBatch.insert({name: param(name) for name in ("at", "body", "signers")})


def _written(signers: frozenset[str] | None) -> str | None:
    return None if signers is None else " ".join(sorted(signers))


def _read(signers: str | None) -> frozenset[str] | None:
    return None if signers is None else frozenset(signers.split())


def waiting() -> list[Batch]:
    """The oldest batches that are not worked through, as many as are read at once."""
    size = peewee.fn.LENGTH(CloudBatch.body)
    columns = (CloudBatch.id, CloudBatch.at, peewee.fn.COALESCE(CloudProgress.done, 0), size)
    query = CloudBatch.select(*columns).join(CloudProgress, peewee.JOIN.LEFT_OUTER, on=_of(CloudBatch.id))
    rows = tuples(query.where(CloudProgress.aside.is_null()).order_by(CloudBatch.id).limit(TAKEN))
    found: list[tuple[int, int, int]] = []
    bytes_ = 0
    for batch_id, at, done, length in rows:
        bytes_ += length
        if found and bytes_ > TAKEN_BYTES:
            break
        found.append((batch_id, at, done))
    ids = [batch_id for batch_id, _, _ in found]
    whole = CloudBatch.select(CloudBatch.id, CloudBatch.body, CloudBatch.signers).where(CloudBatch.id.in_(ids))
    posted = {batch_id: Posted(bytes(body), _read(signers)) for batch_id, body, signers in tuples(whole)}
    return [Batch(each, at, posted[each].body, done, posted[each].signers) for each, at, done in found]


def _of(batch: Any) -> Any:
    return CloudProgress.batch == batch


def advance(done: dict[int, int], finished: Iterable[int], now: int) -> None:
    """Part of the caller's transaction: so much of these batches is taken, and all of those."""
    if ids := sorted(finished):
        _finish(among=several(ids))
        _no_progress(among=several(ids))
    for batch_id, count in done.items():
        _progress(batch=batch_id, at=now, done=count)


@Prepared
def _finish() -> Any:
    return CloudBatch.delete().where(among(CloudBatch.id))


@Prepared
def _no_progress() -> Any:
    return CloudProgress.delete().where(among(CloudProgress.batch))


@Prepared
def _progress() -> Any:
    new = CloudProgress.insert({name: param(name) for name in ("batch", "at", "done")})
    return new.on_conflict(conflict_target=[CloudProgress.batch], update={CloudProgress.done: peewee.EXCLUDED.done})


def set_aside(batch_id: int, why: Aside, now: int) -> None:
    """Nobody tries it again."""
    with write():
        new = CloudProgress.insert(batch=batch_id, at=now, aside=why.value)
        new.on_conflict(conflict_target=[CloudProgress.batch], update={CloudProgress.aside: why.value}).execute()
        after_commit(partial(log.error, "cloud.batch_set_aside", batch_id=batch_id, why=why.value))


def set_aside_count() -> int:
    """How many batches are set aside."""
    return int(CloudProgress.select().where(CloudProgress.aside.is_null(False)).count())


def first_time(key: str, now: int) -> bool:
    """Part of the caller's transaction: whether this has not been told before; from now on it has."""
    fresh = CloudSeen.insert(key=key, at=now).on_conflict_ignore()
    return bool(fresh.as_rowcount().execute())


def newer(key: str, at: int) -> bool:
    """Part of the caller's transaction: whether nothing later has been told of this; from now on this is the latest."""
    later = CloudSeen.insert(key=key, at=at)
    only = later.on_conflict(conflict_target=[CloudSeen.key], update={CloudSeen.at: at}, where=CloudSeen.at < at)
    return bool(only.as_rowcount().execute())


def count(account: str, kind: Counted, by: int, now: int) -> None:
    """Part of the caller's transaction: nothing could be made of so many."""
    _add(account, kind, by, now)
    after_commit(partial(log.warning, "cloud.left_out", account=account, kind=kind.value, count=by))


def not_theirs(account: str, signers: frozenset[str], by: int, now: int) -> None:
    """Part of the caller's transaction: the apps of these have signed so many things about this account of another
    app, which are left out."""
    _add(account, Counted.OTHER_APP, by, now)
    after_commit(partial(log.warning, "cloud.not_theirs", account=account, signers=sorted(signers), count=by))


def _add(account: str, kind: Counted, by: int, now: int) -> None:
    new = CloudCount.insert(account=account, kind=kind.value, count=by, at=now)
    more = {CloudCount.count: CloudCount.count + by, CloudCount.at: now}
    new.on_conflict(conflict_target=[CloudCount.account, CloudCount.kind], update=more).execute()


def counts() -> dict[tuple[str, str], int]:
    """How many things were left out: by account ("" for those of none) and kind."""
    return {(account, kind): number for account, kind, number in tuples(_counts())}


def _counts() -> Any:
    return CloudCount.select(CloudCount.account, CloudCount.kind, CloudCount.count)


def prune(now: int) -> None:
    """Forget what can no longer be told again, and batches that were set aside long ago."""
    old = CloudSeen.select(CloudSeen.key).where(CloudSeen.at < now - REMEMBERED_MS).limit(FEW)
    more = FEW
    while more == FEW:
        with write(), in_order():
            more = CloudSeen.delete().where(CloudSeen.key.in_(old)).execute()
    aside = (CloudProgress.aside.is_null(False), CloudProgress.at < now - ASIDE_MS)
    with write():
        advance({}, [batch_id for (batch_id,) in tuples(CloudProgress.select(CloudProgress.batch).where(*aside))], now)
