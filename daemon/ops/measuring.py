"""Counts what the history tells, for metrics: which moves messages have made, how long they took, what became of
accounts and jobs.

It is read by a position that moves on in the transaction that stores the counts, so everything counts once, whatever
is killed; and those who send do nothing for it. Runs in the http process: of several, whoever comes first.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import peewee
import structlog

from daemon.accounts import counting
from daemon.accounts.counting import SUM_MS, Name
from daemon.db.connection import write
from daemon.db.proxy import in_order, tuples
from daemon.db.settled import Horizon
from daemon.models import Event, Happening, Message, MetricPosition
from daemon.states import OUT, State
from daemon.telemetry.families import BUCKETS_S

log = structlog.get_logger()

EVERY_S = 5.0
MOST = 5_000  # rows that are counted in one transaction
_TAKEN = sorted(state.value for state in OUT | {State.ACCEPTED})

Found = Counter[tuple[Any, str, str]]


class Measuring:
    """Goes through the history; one in a process."""

    def __init__(self) -> None:
        self._horizon = Horizon(Happening, Event)

    def advance(self, now: int) -> bool:
        """Count what has happened since, at most MOST of each kind; whether there is more."""
        ends = self._horizon.look()
        if ends is None:
            return False
        rounds = [_advance(Happening, ends[0], _happenings), _advance(Event, ends[1], _moves)]
        return any(rounds)

    async def run(self, timed: Callable[..., Any]) -> None:
        """Count every few seconds until cancelled. timed: runs work on a database thread, with the time."""
        while True:
            try:
                while await timed(self.advance):
                    pass
            except Exception:
                log.exception("metrics.failed")
            await asyncio.sleep(EVERY_S)


def _advance(table: type[Event] | type[Happening], end: int, read: Callable[[int, int], Found]) -> bool:
    """Count the rows of a table up to that id; whether there are more."""
    mine = MetricPosition.history == table._meta.table_name
    row = MetricPosition.get_or_none(mine)
    if row is None:  # the first time: what is older is not counted, it would look as if it had all happened now
        with write():
            MetricPosition.insert(history=table._meta.table_name, position=end).on_conflict_ignore().execute()
        return False
    begin = row.position
    if begin == end:
        return False
    # The newest rows may be deleted, and SQLite gives their ids out again: then it goes on from there.
    until = min(end, begin + MOST)
    found = read(begin, until) if begin < until else Counter()
    with write():
        moved = MetricPosition.update(position=until).where(mine, MetricPosition.position == begin)
        if moved.execute():
            counting.add(found)
    return until < end


def _moves(begin: int, end: int) -> Found:
    """What messages did: of each account which moves, and how long those took that WhatsApp has taken, from the claim
    on. One whose sender died is left out of the times: nobody knows when it went."""
    found: Found = Counter()
    there = (Event.id > begin, Event.id <= end)
    moves = Event.select(Message.account, Event.move, peewee.fn.COUNT(Event.id)).join(Message).where(*there)
    with in_order():
        for account, move, count in tuples(moves.group_by(Message.account, Event.move)):
            found[Name.MOVES, account, move] += count
        for account, took_ms in tuples(_times(there)):
            if took_ms is not None and took_ms >= 0:
                found[Name.DURATIONS, account, _bucket(took_ms)] += 1
                found[Name.DURATIONS, account, SUM_MS] += took_ms
    return found


def _bucket(took_ms: int) -> str:
    return next((str(bound) for bound in BUCKETS_S if took_ms <= round(bound * 1000)), "+Inf")


def _times(there: Any) -> Any:
    """(account, ms) of each that was taken under the lease that handed it over. Sorted into buckets here: PostgreSQL
    would look for the claim once for each bucket."""
    claim, submit = Event.alias(), Event.alias()
    same = (submit.message == Event.message, submit.lease == Event.lease, submit.move == "submit")
    # Not the one with the highest id: for that PostgreSQL goes back through the events of everybody.
    claims = claim.select(peewee.fn.MAX(claim.at))
    claims = claims.where(claim.message == Event.message, claim.move == "claim", claim.id < Event.id)
    taken = (
        Event.source == State.SENDING.value,
        Event.target.in_(_TAKEN),
        peewee.fn.EXISTS(submit.select().where(*same)),
    )
    took = peewee.Expression(Event.at, "-", claims)
    return Event.select(Message.account, took).join(Message).where(*there, *taken)


def _happenings(begin: int, end: int) -> Found:
    found: Found = Counter()
    rows = Happening.select().where(Happening.id > begin, Happening.id <= end)
    for row in rows:
        family, _, what = row.kind.partition(".")
        if family == "account":
            found[Name.STATES, row.account, what] += 1
            if hold := row.about.get("hold"):
                found[Name.HOLDS, row.account, hold] += 1
        elif family == "job":
            found[Name.JOBS, row.account, what] += 1
        else:
            found[Name.REPLIES, row.account, ""] += 1
    return found
