"""A write that is requested twice with one Idempotency-Key happens once, and both requests get the same answer.

The answer is stored in the transaction of the work itself: after a crash there are either both or neither. Keys belong
to an operation and a caller, so two callers cannot collide. Only success is stored: a refused request may be tried
again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import peewee

from daemon import errors
from daemon.campaigns.refusals import Why
from daemon.db.connection import write
from daemon.models import KeptAnswer

T = TypeVar("T")

LONGEST_KEY = 255
KEEP_MS = 7 * 24 * 3_600_000  # at least
PART = 1_000  # entries of a list that are written at once
ANYBODY = ""  # the caller of answers stored before callers were told apart


class Replay(Exception):
    """The request was answered before. response: the first answer, as JSON."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        self.response = response


@dataclass(frozen=True)
class Once:
    """One request and its Idempotency-Key; without a key the work is simply done.

    operation: such as `POST /send`. digest: of the whole request, see `digest`.
    """

    operation: str
    caller: str
    key: str | None
    digest: str
    dump: Callable[[Any], Any] = lambda answer: answer  # an answer as JSON

    def look(self) -> None:
        """Raises Replay if this request was answered before, KeyReused if the key was used for another one."""
        row = self._row() if self.key else None
        if row is None:
            return
        if row.request not in (self.digest, ""):
            raise errors.KeyReused(Why.IDEMPOTENCY_KEY_REUSED)
        raise Replay(row.response)

    def run(self, work: Callable[[], T], now: int) -> T:
        """Do the work and store its answer, in one transaction; the work must not wait for anything.

        Raises what the work raises, Replay and KeyReused.
        """
        if not self.key:
            return work()
        try:
            with write():
                self.look()
                self._reserve(now)
                answer = work()
                KeptAnswer.update(response=self.dump(answer)).where(*self._mine()).execute()
        except peewee.IntegrityError:
            self.look()  # the same request arrived at the same time, and was first
            raise
        return answer

    def replace(self, answer: T) -> T:
        """Store this answer in place of the first: what went on after that transaction has changed it."""
        if self.key:
            with suppress(errors.DatabaseBusy), write():  # the first one was true as well
                KeptAnswer.update(response=self.dump(answer)).where(*self._mine()).execute()
        return answer

    def _row(self) -> Any:
        """However old: the clock may have jumped, and what is too old is deleted elsewhere, see ops/retention.py."""
        callers = KeptAnswer.caller.in_([self.caller, ANYBODY])
        mine = (KeptAnswer.operation == self.operation, callers, KeptAnswer.key == self.key)
        return KeptAnswer.get_or_none(*mine)

    def _mine(self) -> tuple[Any, ...]:
        return (
            KeptAnswer.operation == self.operation,
            KeptAnswer.caller == self.caller,
            KeptAnswer.key == self.key,
        )

    def _reserve(self, now: int) -> None:
        """On PostgreSQL, the same request arriving meanwhile waits here until this transaction ends."""
        KeptAnswer.create(
            operation=self.operation,
            caller=self.caller,
            key=self.key,
            request=self.digest,
            response=None,
            created_at=now,
        )


def prune(now: int) -> int:
    """Delete the answers that are given no longer; returns how many."""
    with write():
        return int(KeptAnswer.delete().where(KeptAnswer.created_at <= now - KEEP_MS).execute())


def valid_key(key: str) -> bool:
    """Whether a caller may use this key."""
    return 0 < len(key) <= LONGEST_KEY and key.isascii()


def digest(*asked: Any) -> str:
    """SHA-256 of the whole request as JSON, independent of the order of its fields."""
    found = hashlib.sha256()
    for part in _written(asked):
        found.update(part.encode())
    return found.hexdigest()


def _written(value: Any) -> Iterator[str]:
    """JSON in parts: writing a long list at once would hold other threads up."""
    if isinstance(value, dict) and value and all(isinstance(name, str) for name in value):
        first, *_ = names = sorted(value)
        for name in names:
            yield ("{" if name == first else ", ") + json.dumps(name) + ": "
            yield from _written(value[name])
        yield "}"
    elif isinstance(value, list | tuple) and len(value) > PART:
        for start in range(0, len(value), PART):
            yield ", " if start else "["
            yield json.dumps(value[start : start + PART], sort_keys=True, default=str)[1:-1]
        yield "]"
    elif isinstance(value, list | tuple) and any(isinstance(each, dict | list | tuple) for each in value):
        for at, each in enumerate(value):
            yield ", " if at else "["
            yield from _written(each)
        yield "]"
    else:
        yield json.dumps(value, sort_keys=True, default=str)
