"""Moves of many messages by receipts: Meta reports thousands of messages a second, each up to three times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import structlog

from daemon.accounts import handovers, portfolios
from daemon.db.connection import after_commit
from daemon.db.prepared import Prepared, among, several
from daemon.db.proxy import locked
from daemon.delivery import history, moves, parts
from daemon.delivery.bulk import Bulk
from daemon.i18n.coded import Filed, Told
from daemon.models import Handover, Job, Message, Purpose
from daemon.states import E164, PersonKey, State, Status

log = structlog.get_logger()


@dataclass
class Row:
    """A message as far as receipts read or change it."""

    id: int
    job_id: int
    account: str
    number: E164
    person: PersonKey
    state: State
    submissions: int
    attempts: int
    lease: str | None
    lease_until: int | None
    error: str | None
    failed_by: str | None
    transport_id: str | None
    submitted_at: int | None
    accepted_at: int | None
    expires_at: int | None
    sent_at: int | None
    delivered_at: int | None
    read_at: int | None
    ended_at: int | None
    coded: Filed | None = None  # not read; what a move makes of it


_COLUMNS = [getattr(Message, each.name) for each in fields(Row) if each.name != "coded"]


class Rows(Bulk):
    """The messages of some receipts, and what becomes of them. Needs a transaction; `write` ends it."""

    def __init__(self, job_ids: Iterable[int], message_ids: Iterable[int]) -> None:
        # In one order, as others may lock them, too; a job before its messages, as everywhere.
        jobs = _found(_jobs, job_ids)
        super().__init__(history.RECEIPT, {job_id: length for job_id, _, length, _ in jobs})
        self._kinds = {job_id: kind for job_id, kind, _, _ in jobs}
        self._made_at = {job_id: made_at for job_id, _, _, made_at in jobs}
        self._theirs = {row[0]: Row(*row) for row in _found(_messages, message_ids)}
        for row in self._theirs.values():
            row.state = State(row.state)
        self._missed: dict[int, bool] = {}  # of the last hand-over of a message: what is known of it now
        self._left: dict[int, int] = {}
        self._failed: set[int] = set()
        self._unknown: dict[int, int] = {}  # when messages were handed over without this database

    def get(self, message_id: int) -> Row | None:
        """The message, as the receipts so far have made it."""
        return self._theirs.get(message_id)

    def meant(self, row: Row, job_at: int | None) -> bool:
        """Whether a hand-over of a job that was made then is one of this message: after a restore another one may have
        its id. None: that was not sent along."""
        return job_at is None or job_at == self._made_at[row.job_id]

    def report(
        self, row: Row, name: str, why: Told | None, now: int, changes: Mapping[str, Any], whole: bool = True
    ) -> None:
        """Make the move, by a receipt; whole: of the message, or of its last part. Raises IllegalMove."""
        self.move(row, name, why, now, {**changes, "error": why})
        if row.state is State.FAILED and whole:
            self._failed.add(row.id)

    def learn_handover(self, row: Row, submission: int, transport_id: str | None, at: int) -> None:
        """It was handed over that often, the last time by then, of which this database does not know."""
        known = {"submissions": submission, "transport_id": transport_id, "submitted_at": at}
        self.learn(row, known | {"expires_at": at + moves.LIVES_MS})
        self._unknown[row.id], self._missed[row.id] = at, False

    def missed(self, row: Row) -> None:
        """See `handovers.miss`."""
        self._missed[row.id] = True

    def arrived(self, row: Row, left_at: int) -> None:
        """See `handovers.arrive`."""
        self._missed[row.id], self._left[row.id] = False, left_at

    def known_missed(self, row: Row) -> bool:
        """See `handovers.missed`."""
        if row.id in self._missed:
            return self._missed[row.id]
        return handovers.missed(row.id)

    def write(self, now: int) -> None:
        """Write all of it."""
        for message_id, at in sorted(self._unknown.items()):
            row = self._theirs[message_id]
            handovers.keep(row.account, row.number, Purpose(self._kinds[row.job_id]), at, message_id, row.job_id)
        parts.reopen_last(sorted(each for each in self._failed if self._theirs[each].state is State.FAILED))
        self._write_handovers()
        super().write(now)

    def _write_handovers(self) -> None:
        if not self._missed:
            return
        newest_last = sorted(_found(_handovers, self._missed))
        known = {message_id: bool(missed) for _, message_id, missed in newest_last}
        for message_id, missed in sorted(self._missed.items()):
            if known.get(message_id) is missed:
                continue
            row = self._theirs[message_id]
            if missed:
                handovers.miss(message_id)
                portfolios.give_back(message_id)
            else:
                purpose, left_at = Purpose(self._kinds[row.job_id]), self._left[message_id]
                handovers.arrive(row.account, row.number, purpose, left_at, message_id, row.job_id)


def tell_unmatched(status: Status) -> None:
    """Log a receipt of no message here, once the transaction has committed."""
    after_commit(partial(log.warning, "receipt.unmatched", status=status.value))


def tell_doubled(row: Row) -> None:
    """Log that WhatsApp has two ids for one hand-over, once the transaction has committed."""
    after_commit(partial(log.error, "message.doubled", job_id=row.job_id, message_id=row.id))


def _found(query: Prepared, ids: Iterable[int]) -> list[Any]:
    """The rows with these ids."""
    wanted = sorted(set(ids))
    return list(query(among=several(wanted)).fetchall()) if wanted else []


@Prepared
def _jobs() -> Any:
    jobs = Job.select(Job.id, Job.kind, Job.tally_ms, Job.created_at).where(among(Job.id))
    return locked(jobs.order_by(Job.id))


@Prepared
def _messages() -> Any:
    return locked(Message.select(*_COLUMNS).where(among(Message.id)).order_by(Message.id))


@Prepared
def _handovers() -> Any:
    mine = among(Handover.message)
    return Handover.select(Handover.id, Handover.message, Handover.missed).where(mine)
