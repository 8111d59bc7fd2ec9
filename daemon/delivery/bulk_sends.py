"""The moves of messages that go out as they should, made for many of one job at once: submitted, and taken.

Whatever stands in the way of one of them leaves it out: then `moves` makes its move alone, and says what is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from daemon.accounts import handovers, pace, pacing, portfolios
from daemon.db.prepared import Prepared, among, rows_of, several, unanswered
from daemon.db.proxy import locked
from daemon.delivery import eligibility, history, moves
from daemon.delivery.bulk import Bulk
from daemon.models import Event, Message, Purpose
from daemon.states import MAY_RUN, Ack, State
from daemon.transports.protocol import Mark, Receipt

SENDER = "sender"


def submit(
    sent: Sequence[tuple[Message, Mark]],
    now: int,
    gap: pacing.Gap,
    rules: pacing.Rules = pace.NO_RULES,
    own_pause_ms: int = 0,
    spare_s: float = math.inf,
) -> set[int]:
    """See `moves.submit`. Part of the caller's transaction. Returns the ids of those that it moved. Raises
    AccountLost."""
    job = sent[0][0].job
    if own_pause_ms or moves.job_state(job.id) not in MAY_RUN:
        return set()
    limited = portfolios.lock(rules.portfolio)
    if rules.person_cap:
        eligibility.lock_people(message.person for message, _ in sent)
    mine = _held([message for message, _ in sent], State.CLAIMED)
    barred = eligibility.barred(job, [message for message, _ in sent], now, rules)
    going = [
        (message, mark)
        for message, mark in sent
        if message.id in mine
        and message.id not in barred
        and not moves.turn_passed(mark, spare_s)
        and not (limited and eligibility.one_too_many(message, now, rules))
    ]
    if not going:
        return set()
    bulk = Bulk(SENDER, {job.id: job.tally_ms})
    for message, mark in going:
        changes = {"mark": mark.dumps(), "submitted_at": now, "submissions": message.submissions + 1}
        again: dict[str, Any] = {} if message.transport_id is None else {"transport_id": None}
        bulk.move(message, "submit", None, now, changes | again)
    left = [(message.number, message.person, message.id) for message, _ in going]
    with unanswered():
        handovers.keep_all(job.account, left, Purpose(job.kind), now, job.id, missed=job.dry_run)
    pace.set_pace(job.account, now, gap)
    bulk.write(now)
    return {message.id for message, _ in going}


def confirm(taken: Sequence[tuple[Message, Receipt]], now: int, gap: pacing.Gap | None = None) -> set[int]:
    """See `moves.confirm`; of those only that are not known to be delivered yet. As `submit`."""
    job, usual = taken[0][0].job, {Ack.ACCEPTED, Ack.SENT}
    mine = _held([message for message, _ in taken], State.SENDING)
    settled = _settled([message for message, _ in taken if message.id not in mine])
    bulk = Bulk(SENDER, {job.id: job.tally_ms})
    made = set()
    for message, receipt in taken:
        if message.id in settled:
            message.__data__.update(settled[message.id].__data__)
            message.lease = message.lease_until = None
            if told := moves.only_told(message, receipt, now):
                bulk.learn(message, told)
        elif message.id in mine and receipt.ack in usual:
            name, why, changes = moves.taken(receipt, now)
            bulk.move(message, name, why, now, changes)
        else:
            continue
        made.add(message.id)
    if gap and made - set(settled):
        pace.set_pace(job.account, now, gap)
    bulk.write(now)
    return made


def _settled(messages: Sequence[Message]) -> dict[int, Message]:
    """As they are now, by id: those that receipts have settled while they were in this hand."""
    if not messages:
        return {}
    leases = {message.id: message.lease for message in messages if message.lease}
    ended = _ended_by_receipts(among=several(sorted(message.id for message in messages))).fetchall()
    if not (found := sorted({message_id for message_id, lease in ended if lease == leases.get(message_id)})):
        return {}
    return {row.id: row for row in rows_of(Message, _whole(among=several(found)))}


@Prepared
def _ended_by_receipts() -> Any:
    """Which leases receipts have ended."""
    theirs = (among(Event.message), Event.who == history.RECEIPT, Event.lease.is_null(False))
    return Event.select(Event.message, Event.lease).where(*theirs)


@Prepared
def _whole() -> Any:
    return Message.select().where(among(Message.id))


def _held(messages: Sequence[Message], state: State) -> set[int]:
    """Those that are ours, and in that state; all of them are locked."""
    ids = several(sorted(message.id for message in messages))
    there = {message_id: (lease, found) for message_id, lease, found in _standing(among=ids).fetchall()}
    return {
        message.id
        for message in messages
        if message.lease and there.get(message.id) == (message.lease, state.value) and message.state == state
    }


@Prepared
def _standing() -> Any:
    mine = Message.select(Message.id, Message.lease, Message.state).where(among(Message.id))
    return locked(mine.order_by(Message.id))
