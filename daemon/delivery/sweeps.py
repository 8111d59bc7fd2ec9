"""Moves of all of a job's messages in one state, chunk by chunk (`chunks`): a stop, and a retry.

A stop has taken effect with its first transaction: the job is stopped, so nothing more of it is claimed, and what comes
back to its queue is cancelled. What is still queued then is cancelled by the transactions that follow; what a process
left that was killed between them, by `finish_stops`. A retry moves each message that had failed when it was asked for
once; after one that broke off, a second one moves the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import peewee
import structlog

from daemon import errors
from daemon.accounts import installed, pacing
from daemon.db import notifications
from daemon.db.proxy import in_order, locked, tuples
from daemon.delivery import counters, job_moves, moves, reasons, tallies
from daemon.delivery.chunks import MOST, Chunks
from daemon.delivery.refusals import Passed
from daemon.i18n.coded import Told, filed, refusal
from daemon.models import Event, Job, Message
from daemon.states import JOB_MOVES, MOVES, NOT_OUT, JobState, State
from daemon.transports.cloud.refusals import Meta

log = structlog.get_logger()

HELD_BACK = Meta.HELD_BACK.value
Between = Callable[[int | None, int | None], Any]


def stop(job_id: int, who: str, now: int, move: str = "stop", why: Told | None = None) -> None:
    """Stop the job, and cancel a chunk of what is queued of it; the rest is for `finish_stop`. One transaction, or part
    of the caller's. Raises NotFound, IllegalMove. move: the one that it is."""
    chunks = Chunks()
    with chunks.transaction(), in_order():
        job_moves.move(job_id, move, who, now, why)
        _cancel_some(job_id, who, now, chunks.size)


def finish_stop(job_id: int, who: str, now: int) -> bool:
    """Cancel what that has left; whether there was any. Not to be called in a transaction. What the database does not
    take is left to `finish_stops`."""
    chunks, more = Chunks(begun=True), job_moves.job(job_id).pending > 0
    if not more:
        return False
    try:
        while more:
            with chunks.transaction(), in_order():
                more = _cancel_some(job_id, who, now, chunks.size)
    except errors.DatabaseBusy as error:
        log.warning("job.stop_interrupted", job_id=job_id, reason=str(error))
    return True


def finish_stops(now: int, account: str | None = None, within_s: float = float("inf")) -> int:
    """Cancel what is still queued of stopped jobs, of all accounts or of that one, until so much time has passed;
    returns of how many jobs nothing is left."""
    give_up = time.monotonic() + within_s
    begun = (Job.state == JobState.STOPPED) & (Job.pending > 0)
    if account is not None:
        begun &= Job.account == account
    count = 0
    for (job_id,) in tuples(Job.select(Job.id).where(begun).order_by(Job.id)):
        who, chunks, more = _stopped_by(job_id), Chunks(begun=True), True
        while more and time.monotonic() < give_up:
            with chunks.transaction(), in_order():
                more = _cancel_some(job_id, who, now, chunks.size)
        if not more:
            log.info("job.stop_finished", job_id=job_id)
            count += 1
    return count


def _cancel_some(job_id: int, who: str, now: int, most: int) -> bool:
    """Whether there may be more than these."""
    moves.job_state(job_id)
    queued = (Message.job == job_id) & (Message.state == State.PENDING)
    found = tuples(Message.select(Message.id).where(queued).order_by(Message.id).limit(most))
    if found:
        these = queued & (Message.id <= found[-1][0])
        _move(job_id, "cancel", State.PENDING, these, who, now, refusal(Passed.JOB_WAS_STOPPED))
    return len(found) == most


def _stopped_by(job_id: int) -> str:
    """Who stopped it, by the history of those that are cancelled already."""
    newest = Message.select(Message.id).where(Message.job == job_id, Message.state == State.CANCELLED)
    swept = (Event.move == "cancel", Event.source == State.PENDING.value)
    query = Event.select(Event.who).where(Event.message.in_(newest.order_by(Message.id.desc()).limit(MOST)), *swept)
    return str(query.order_by(Event.id.desc()).limit(1).scalar() or "rescue")


def doubt(job_id: int, held_at: int, most: int | None, who: str, now: int) -> int:
    """Make those messages of the job uncertain that were due when it began to wait for a person and are queued or
    claimed, in order of their turn, the first so many or all, as long as it does; returns how many. Not to be called in
    a transaction.

    One that broke off is repeated, and two may be asked for at once: what was set aside before, since held_at, counts.
    """
    chunks, count, before, left = Chunks(), 0, 0, None
    why = refusal(Passed.PERHAPS_SENT_BEFORE)
    told = {"error": str(why), "coded": filed(why)}
    while True:
        with chunks.transaction(), in_order():
            job = job_moves.job_to_move(job_id)
            if job.unconfirmed is None:  # somebody else has decided
                return count + before
            if job.claimed:
                _take_back(job_id, who, now)
            if most is not None and job.uncertain != left:
                before = _doubted(job_id, held_at) - count
            size = chunks.size if most is None else max(min(chunks.size, most - count - before), 0)
            queued = (Message.job == job_id) & (Message.state == State.PENDING) & (Message.not_before <= held_at)
            turns = Message.select(Message.id).where(queued).order_by(Message.not_before, Message.id).limit(size)
            found = [row[0] for row in tuples(turns)] if size else []
            if found:
                _move(job_id, "doubt", State.PENDING, Message.id.in_(found), who, now, why, **told)
            left = job.uncertain + len(found)
        count += len(found)
        if not found or len(found) < size:
            return count + before


def _take_back(job_id: int, who: str, now: int) -> None:
    """Queue again what is in hand of the job and has not been handed over: whoever holds it has lost it then, and
    nothing of a job that waits for a person is claimed anew."""
    in_hand = (Message.job == job_id, Message.state == State.CLAIMED)
    for message in list(locked(Message.select().where(*in_hand).order_by(Message.id))):
        why = refusal(Passed.PERHAPS_SENT_BEFORE)
        moves.back_to_queue(message, "release", why, now, who, attempts=message.attempts - 1)


def _doubted(job_id: int, since: int) -> int:
    """How many of the job's messages were set aside since then, and still are."""
    aside = Event.select(Event.message).join(Message).distinct()  # one that was sent again may be set aside again
    mine = (Message.job == job_id, Message.state == State.UNCERTAIN, Event.move == "doubt", Event.at >= since)
    return int(aside.where(*mine).count())


def resend_failed(job_id: int, chosen: Between, who: str, now: int) -> int:
    """Queue those failed messages of the job again that are chosen, with fresh attempts; returns how many. A completed
    job is reopened. Not to be called in a transaction if there may be more than a chunk. Raises NotFound, IllegalMove
    (also when the job is stopped meanwhile).

    chosen: the condition they meet, for those between these two ids (None: no end).
    """
    asked, chunks, last, count = _newest(), Chunks(), None, 0
    # Read before the lock is taken: a search may be slow.
    while found := _ids(chosen(last, None) & _untouched(asked, _newest()), chunks.size):
        last = found[-1]
        with chunks.transaction(), in_order():
            job = job_moves.job_to_move(job_id)
            if job.state not in JOB_MOVES["retry"][0]:
                raise job_moves.refusal(job_id, job.state, "retry")
            job_moves.require_content(job)
            installed.require(job.account)
            these = chosen(found[0] - 1, last + 1) & _untouched(asked, _newest())
            moved = _move(job_id, "resend", State.FAILED, these, who, now, None, **moves.ANEW | _rests())
            if moved and job.state == JobState.COMPLETED:
                job_moves.move(job_id, "retry", who, now)
            elif moved:
                notifications.notify(job.account)
        count += moved
    return count


def _rests() -> dict[str, Any]:
    """Whom Meta has held a message back from gets it no sooner than a day after that: sooner it may bar them from all
    of the business's messages for as long."""
    held_back = Message.failed_by == HELD_BACK
    return {"not_before": peewee.Case(None, [(held_back, Message.ended_at + pacing.DAY_MS)], 0)}


def _newest() -> int:
    """The id of the last line of history."""
    return Event.select(peewee.fn.MAX(Event.id)).scalar() or 0


def _untouched(after: int, until: int) -> Any:
    """Those of whom nothing was written between these two lines of history: who fails again while a retry goes on is
    not queued a second time."""
    line = Event.id + 0  # not the column: PostgreSQL would go through all that lies between them, for each message
    later = (Event.message == Message.id, line > after, line <= until)
    return ~peewee.fn.EXISTS(Event.select(peewee.Value(1)).where(*later))


def _ids(chosen: Any, most: int) -> list[int]:
    with in_order():
        return [row[0] for row in tuples(Message.select(Message.id).where(chosen).order_by(Message.id).limit(most))]


def _move(
    job_id: int, name: str, source: State, rows: Any, who: str, now: int, why: Told | None, **changes: Any
) -> int:
    """Make the move with the job's messages that meet the condition `rows`, all of which are in the state `source`;
    returns how many. Part of a transaction that has locked the job."""
    _, target = MOVES[name]
    line: dict[Any, Any] = {Event.at: now, Event.who: who, Event.move: name}
    line |= {Event.source: source.value, Event.target: target.value, Event.why: None if why is None else str(why)}
    line[Event.coded] = Event.coded.db_value(filed(why))
    history = Message.select(Message.id, *map(peewee.Value, line.values())).where(rows)
    Event.insert_from(history, [Event.message, *line]).execute()
    changes["ended_at"] = now if target in NOT_OUT else None
    changes |= reasons.changes(source, target, why)
    tallies.swept(job_id, rows, source, target, now)
    reasons.swept(job_id, rows, source)
    count: int = Message.update(state=target, **changes).where(rows).execute()
    if counters.shift(job_id, {source: -count, target: count}):
        counters.end_if_done(job_id, now)
    return count
