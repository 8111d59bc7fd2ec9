"""Moves of many messages by receipts: worked out on rows that are locked, and written together.

Meta reports thousands of messages a second, each up to three times. Written one by one (`moves.apply`) every move costs
ten statements; here a few are made for all. What a move changes is the same, and the same tables tell of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import structlog

from daemon import errors
from daemon.accounts import handovers, portfolios
from daemon.db.connection import after_commit
from daemon.db.prepared import Prepared, listed, param, places
from daemon.db.proxy import locked
from daemon.delivery import counters, eligibility, history, parts, quarters, reasons, tallies
from daemon.delivery.refusals import Unsent
from daemon.i18n.coded import Told, filed, refusal
from daemon.models import Event, Handover, Job, Message, Purpose
from daemon.states import E164, IN_HAND, MOVES, NOT_OUT, TAKEN, PersonKey, State, Status

log = structlog.get_logger()


@dataclass
class Row:
    """A message as far as receipts read or change it. `coded` is as its column keeps it."""

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
    coded: Any = None


KEPT = tuple(each.name for each in fields(Row) if each.name != "coded")
_COLUMNS = [getattr(Message, name) for name in KEPT]


class Rows:
    """The messages of some receipts, and what becomes of them. Needs a transaction; `write` ends it."""

    def __init__(self, job_ids: Iterable[int], message_ids: Iterable[int]) -> None:
        # In one order, as others may lock them, too; a job before its messages, as everywhere.
        self._jobs = {job_id: (kind, length) for job_id, kind, length in _found(_jobs, job_ids)}
        self._rows = {row[0]: Row(*row) for row in _found(_messages, message_ids)}
        for row in self._rows.values():
            row.state = State(row.state)
        self._before = {row.id: row.state for row in self._rows.values()}
        self._changed: dict[int, dict[str, Any]] = defaultdict(dict)
        self._history: list[dict[str, Any]] = []
        self._moved: list[tuple[Row, str, Told | None]] = []
        self._counts: dict[int, Counter[State]] = defaultdict(Counter)
        self._tallies: Counter[tuple[int, str, int]] = Counter()
        self._quarters: Counter[tuple[int, str, int]] = Counter()
        self._reasons: Counter[tuple[int, str]] = Counter()
        self._known: list[Row] = []
        self._missed: dict[int, bool] = {}  # of the last hand-over of a message: what is known of it now
        self._left: dict[int, int] = {}
        self._failed: set[int] = set()

    def get(self, message_id: int) -> Row | None:
        """The message, as the receipts so far have made it."""
        return self._rows.get(message_id)

    def move(
        self, row: Row, name: str, why: Told | None, now: int, changes: dict[str, Any], whole: bool = True
    ) -> None:
        """Make the move, by a receipt; whole: of the message, or of its last part. Raises IllegalMove."""
        sources, target = MOVES[name]
        source = row.state
        if source not in sources:
            raise errors.IllegalMove(refusal(Unsent.MOVE_NOT_ALLOWED, message=row.id, move=name))
        words, code = None if why is None else str(why), filed(why)
        lease = row.lease
        changes = changes | {"error": words, "coded": Event.coded.db_value(code)}
        if target not in IN_HAND:
            changes |= {"lease": None, "lease_until": None}
        if target in NOT_OUT or source in NOT_OUT:
            changes["ended_at"] = now if target in NOT_OUT else None
        changes |= reasons.changes(source, target, why)
        self._counts[row.job_id].update({source: -1, target: 1})
        if target in TAKEN and source not in TAKEN:
            self._known.append(row)
        line = {"message": row.id, "at": now, "move": name, "source": source.value, "target": target.value}
        self._history.append(line | {"why": words, "coded": changes["coded"], "lease": lease})
        self._moved.append((row, name, why))
        if target is State.FAILED and whole:
            self._failed.add(row.id)
        self._change(row, target, changes)

    def learn(self, row: Row, changes: Mapping[str, Any]) -> None:
        """Change what is known of a message that stays in its state."""
        self._change(row, row.state, changes)

    def say(self, row: Row, why: Told) -> None:
        """Have a message that stays in its state say this."""
        self.learn(row, {"error": str(why), "coded": Event.coded.db_value(filed(why))})

    def note(self, row: Row, why: Told, now: int) -> None:
        """Record something of one of its parts; the message stays where it is."""
        line = {"message": row.id, "at": now, "move": history.PART, "lease": None, "why": str(why)}
        states = {"source": row.state.value, "target": row.state.value}
        self._history.append(line | states | {"coded": Event.coded.db_value(filed(why))})

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

    def _change(self, row: Row, target: State, changes: Mapping[str, Any]) -> None:
        self._tally(row, target, changes)
        before, after = row.failed_by, changes.get("failed_by", row.failed_by)
        if before != after:
            self._reasons.update({(row.job_id, code): by for code, by in ((before, -1), (after, 1)) if code})
        for name, value in changes.items():
            setattr(row, name, value)
        row.state = target
        self._changed[row.id].update(changes)

    def _tally(self, row: Row, target: State, changes: Mapping[str, Any]) -> None:
        for (kind, at), by in tallies.shifts(row, row.state, target, changes):
            self._tallies[row.job_id, kind, at] += by
        for (column, at), by in quarters.shifts(row, row.state, target, changes):
            self._quarters[row.job_id, column, at] += by

    def write(self, now: int) -> None:
        """Write all of it."""
        fewer = [job_id for job_id, by in sorted(self._counts.items()) if counters.shift(job_id, by)]
        self._write_messages()
        self._write_counts()
        parts.reopen_last(sorted(each for each in self._failed if self._rows[each].state is State.FAILED))
        for row in self._known:
            eligibility.now_known(row, row.transport_id)
        if self._history:
            history.record.bound(self._history, who=history.RECEIPT)()
        self._write_handovers()
        for job_id in fewer:
            counters.end_if_done(job_id, now)
        for row, name, why in self._moved:
            history.announce(row, name, why)

    def _write_messages(self) -> None:
        alike: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
        for message_id, changes in self._changed.items():
            row, source = self._rows[message_id], self._before[message_id]
            if changes or row.state is not source:
                states = {"id": message_id, "source": source.value, "target": row.state.value}
                alike[tuple(sorted(changes))].append(changes | states)
        for columns, rows in alike.items():
            _change.bound(rows, columns)()

    def _write_counts(self) -> None:
        """Each stretch once, however many messages fall into it; in one order, as others may lock them, too."""
        stretches: Counter[tuple[int, str, int]] = Counter()
        for (job_id, kind, at), by in self._tallies.items():
            length = self._jobs[job_id][1]
            stretches[job_id, kind, at // length * length] += by
        for (job_id, kind, at), by in sorted(stretches.items()):
            if by:
                tallies.add(kind, job_id, at, by)
        for (job_id, column, at), by in sorted(self._quarters.items()):
            if by:
                quarters.add(column, job_id, at, by)
        for (job_id, code), by in sorted(self._reasons.items()):
            if by:
                reasons.add(job_id, code, by)

    def _write_handovers(self) -> None:
        if not self._missed:
            return
        newest_last = sorted(_found(_handovers, self._missed))
        known = {message_id: bool(missed) for _, message_id, missed in newest_last}
        for message_id, missed in sorted(self._missed.items()):
            if known.get(message_id) is missed:
                continue
            row = self._rows[message_id]
            if missed:
                handovers.miss(message_id)
                portfolios.give_back(message_id)
            else:
                purpose, left_at = Purpose(self._jobs[row.job_id][0]), self._left[message_id]
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
    if not wanted:
        return []
    size, values = listed(wanted)
    return list(query(size, **values).fetchall())


@Prepared
def _jobs(size: int) -> Any:
    jobs = Job.select(Job.id, Job.kind, Job.tally_ms).where(Job.id.in_(places(size)))
    return locked(jobs.order_by(Job.id))


@Prepared
def _messages(size: int) -> Any:
    return locked(Message.select(*_COLUMNS).where(Message.id.in_(places(size))).order_by(Message.id))


@Prepared
def _handovers(size: int) -> Any:
    mine = Handover.message.in_(places(size))
    return Handover.select(Handover.id, Handover.message, Handover.missed).where(mine)


@Prepared
def _change(fields_: tuple[str, ...]) -> Any:
    changes = {name: param(name) for name in fields_} | {"state": param("target")}
    return Message.update(changes).where(Message.id == param("id"), Message.state == param("source"))
