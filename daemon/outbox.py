"""The queue: ALL SQL that moves a message. Enqueue, claim, move, extend, rescue.

The contract (design §2) rests on three things here: `submit` commits *before* the hand-over, every move is
one guarded UPDATE scoped to the lease of the claim (a sender that lost its lease changes nothing), and
state, history and the job's counters change in one transaction.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import peewee
import structlog

from daemon import errors, pacing
from daemon.db import after_commit, on_postgres, tuples, write
from daemon.models import (
    IN_HAND,
    JOB_MOVES,
    MAY_RUN,
    MOVES,
    UNFINISHED,
    Account,
    Event,
    Job,
    JobState,
    Message,
    State,
    Suppression,
)
from daemon.render import Recipient
from daemon.transports import Ack, Mark, Receipt

log = structlog.get_logger()

BATCH = 500
SKIPS_PER_CLAIM = 200
OPTED_OUT = "is on the suppression list"
LOGGED = {  # move -> its event, see logs.EVENTS
    "claim": "message.claimed",
    "release": "message.released",
    "submit": "message.submitted",
    "confirm": "message.confirmed",
    "retry": "message.retried",
    "requeue": "message.requeued",
    "fail": "message.failed",
    "lose": "message.lost",
    "skip": "message.skipped",
    "cancel": "message.cancelled",
    "deliver": "message.delivered",
    "read": "message.read",
    "settle": "message.settled",
    "resend": "message.resent",
}


def enqueue(job: Job, recipients: Iterable[Recipient], who: str, at: int) -> None:
    """Store one pending message for each recipient; the caller's transaction makes it whole with the job."""
    rows = [
        {"job": job, "account": job.account, "row": r.position, "number": r.number, "fields": dict(r.fields)}
        for r in recipients
    ]
    for batch in peewee.chunked(rows, BATCH):
        Message.insert_many(batch).execute()
    created = Message.select(
        Message.id, peewee.Value(at), peewee.Value(who), peewee.Value("enqueue"), peewee.Value(State.PENDING.value)
    ).where(Message.job == job)
    Event.insert_from(created, [Event.message, Event.at, Event.who, Event.move, Event.target]).execute()
    Job.update(pending=len(rows), total=len(rows)).where(Job.id == job.id).execute()


def opening(account: str, now: int, rules: pacing.Rules) -> pacing.Opening:
    """The earliest time that the account may hand over a message, and what it waits for."""

    def nth_newest(n: int, since: int) -> int | None:
        query = (
            Message.select(Message.submitted_at)
            .where(Message.account == account, Message.submitted_at > since)
            .order_by(Message.submitted_at.desc())
            .offset(n - 1)
            .limit(1)
        )
        return next((row[0] for row in tuples(query)), None)

    row = Account.get_or_none(Account.name == account)
    paced = (
        pacing.Opening(row.next_send_at, pacing.Why(row.next_reason)) if row else pacing.Opening(0, pacing.Why.READY)
    )
    return pacing.opening(now, paced, rules, nth_newest)


def claim(account: str, limit: int, now: int, lease_ms: int, rules: pacing.Rules) -> list[Message]:
    """Lease up to `limit` due messages of one job to the caller, oldest due first.

    now: UTC epoch ms. Returns 0..limit rows, all `claimed`, sharing one `lease` token valid for lease_ms:
    extend() it or lose it. Running jobs of an account take turns; people on the suppression list are
    skipped here; nothing is claimed before the account's pace, caps and quiet hours allow it.
    """
    if not _anything_due(account, now):
        return []
    claimed: list[Message] = []
    token = secrets.token_hex(8)
    with write():
        _open_scheduled(account, now)
        if opening(account, now, rules).at > now:
            return []
        for _ in range(SKIPS_PER_CLAIM):
            job = _next_job(account, now)
            if job is None:
                break
            claimed = _claim_from(job, limit, now, now + lease_ms, token)
            if claimed:
                break
    return claimed


def _anything_due(account: str, now: int) -> bool:
    """A read that spares an idle sender the write lock."""
    opens = Job.select(Job.id).where(Job.account == account, Job.state == JobState.SCHEDULED, Job.schedule_at <= now)
    return opens.exists() or _next_job(account, now) is not None


def _open_scheduled(account: str, now: int) -> None:
    sources, target = JOB_MOVES["open"]
    due = (Job.account == account) & Job.state.in_(sources) & (Job.schedule_at <= now)
    for (job_id,) in tuples(Job.select(Job.id).where(due)):
        Job.update(state=target).where(Job.id == job_id).execute()
        after_commit(partial(log.info, "job.opened", job_id=job_id))


def _due(now: int) -> Any:
    return (Message.state == State.PENDING) & (Message.not_before <= now)


def _next_job(account: str, now: int) -> Job | None:
    waiting = Message.select(peewee.Value(1)).where(Message.job == Job.id, _due(now))
    query = (
        Job.select()
        .where(Job.account == account, Job.state.in_(MAY_RUN), peewee.fn.EXISTS(waiting))
        .order_by(Job.claimed_at, Job.id)
    )
    found: Job | None = query.first()
    return found


def _claim_from(job: Job, limit: int, now: int, lease_until: int, token: str) -> list[Message]:
    due = Message.select().where(Message.job == job, _due(now)).order_by(Message.not_before, Message.id).limit(limit)
    if on_postgres():
        due = due.for_update(skip_locked=True)
    rows = list(due)
    numbers = [row.number for row in rows]
    refused = {row.number for row in Suppression.select().where(Suppression.number.in_(numbers))}
    kept: list[Message] = []
    for row in rows:
        row.job = job
        if row.number in refused:
            _apply(row, "skip", OPTED_OUT, "sender", now, error=OPTED_OUT)
        else:
            kept.append(row)
    for row in kept:
        attempts = row.attempts + 1
        _apply(row, "claim", None, "sender", now, attempts=attempts, lease=token, lease_until=lease_until)
    sources, target = JOB_MOVES["begin"]
    if kept and Job.update(state=target).where(Job.id == job.id, Job.state.in_(sources)).execute():
        job.state = target
        after_commit(partial(log.info, "job.began", job_id=job.id))
    Job.update(claimed_at=now, started_at=peewee.fn.COALESCE(Job.started_at, now)).where(Job.id == job.id).execute()
    return kept


def submit(message: Message, mark: Mark, now: int, gap: pacing.Gap) -> None:
    """Commit that the message may be out from now on, with what the chat looks like, and pace the account.

    Raises LeaseLost when it is no longer ours; IllegalMove when its job was paused or stopped, or the
    person opted out, since the claim: release() it then.
    """
    with _moving(message):
        state = Job.select(Job.state).where(Job.id == message.job_id).scalar()
        if state not in MAY_RUN:
            raise errors.IllegalMove(f"job {message.job_id} is {state}")
        if Suppression.select().where(Suppression.number == message.number).exists():
            raise errors.IllegalMove(f"message {message.id}: the recipient {OPTED_OUT}")
        _apply(message, "submit", None, "sender", now, mark=mark.dumps(), submitted_at=now)
        set_pace(message.account, now, gap)


def set_pace(account: str, now: int, gap: pacing.Gap) -> None:
    """The account's next message goes out no earlier than `gap` from now."""
    Account.update(next_send_at=now + gap.ms, next_reason=gap.why, streak=gap.streak).where(
        Account.name == account
    ).execute()


def confirm(message: Message, receipt: Receipt, now: int) -> None:
    """WhatsApp's server has it: `sent`, and on to `delivered` or `read` where the receipt says so."""
    with _moving(message):
        _apply(message, "confirm", None, "sender", now, sent_at=now, error=None, transport_id=receipt.transport_id)
        if receipt.ack in (Ack.DELIVERED, Ack.READ):
            _apply(message, "deliver", None, "sender", now, delivered_at=now)
        if receipt.ack is Ack.READ:
            _apply(message, "read", None, "sender", now, read_at=now)


def release(message: Message, why: str, now: int) -> None:
    """Give a claimed message back untried; whoever opted out meanwhile is skipped at the next claim."""
    _requeue(message, "release", why, now, attempts=message.attempts - 1)


def requeue(message: Message, why: str, now: int) -> None:
    """A crash in `sending`, and the chat proves that it never went out: queue it again, attempt given back."""
    _requeue(message, "requeue", why, now, attempts=message.attempts - 1)


def retry(message: Message, why: str, now: int, max_attempts: int, wait_ms: int) -> None:
    """Tried in vain: due again after a wait that doubles with each attempt, or failed when none is left."""
    if message.attempts >= max_attempts:
        fail(message, why, now)
    else:
        _requeue(message, "retry", why, now, error=why, not_before=now + wait_ms * 2 ** (message.attempts - 1))


def fail(message: Message, why: str, now: int) -> None:
    """This recipient will not get this message, for the reason given."""
    with _moving(message):
        _apply(message, "fail", why, "sender", now, error=why)


def lose(message: Message, why: str, now: int) -> None:
    """Nobody can tell whether it went out: a person decides."""
    with _moving(message):
        _apply(message, "lose", why, "sender", now, error=why)


def _requeue(message: Message, name: str, why: str, now: int, **changes: Any) -> None:
    """Back to the queue, or cancelled when the job was stopped meanwhile."""
    with _moving(message):
        job_state = Job.select(Job.state).where(Job.id == message.job_id).scalar()
        if job_state == JobState.STOPPED:
            name, changes = "cancel", {"attempts": changes.get("attempts", message.attempts)}
        _apply(message, name, why, "sender", now, **changes)


def extend(messages: Iterable[Message], until: int) -> list[Message]:
    """Renew the leases; returns the messages that are still ours."""
    kept = []
    with write():
        for message in messages:
            ours = (Message.id == message.id) & (Message.lease == message.lease) & Message.state.in_(IN_HAND)
            if Message.update(lease_until=until).where(ours).execute():
                kept.append(message)
    return kept


def take_over(account: str, now: int, lease_ms: int, sole: bool) -> list[Message]:
    """Rescue what a dead sender of the account held: claimed messages are queued again at once, the
    `sending` ones come back, leased to the caller, to be looked up in the chat.

    sole: the caller alone may drive the account (it holds its lock), so leases that still run are dead too.
    """
    dead = (Message.account == account) & Message.state.in_(IN_HAND)
    if not sole:
        dead &= Message.lease_until < now
    token = secrets.token_hex(8)
    doubtful: list[Message] = []
    released = 0
    with write():
        for message in list(Message.select(Message, Job).join(Job).where(dead)):
            if message.state == State.CLAIMED:
                release(message, "its sender died before anything left", now)
                released += 1
            elif (
                Message.update(lease=token, lease_until=now + lease_ms)
                .where(Message.id == message.id, Message.lease == message.lease, Message.state == State.SENDING)
                .execute()
            ):
                message.lease = token
                doubtful.append(message)
    if released or doubtful:
        log.warning("account.rescued", account=account, released=released, looked_up=len(doubtful))
    return doubtful


def rescue(now: int) -> int:
    """Queue again every claimed message whose lease has run out, of any account; returns how many.

    A `sending` one is left to a sender of its own account: only the chat knows what became of it.
    """
    released = 0
    with write():
        for message in list(Message.select().where(Message.state == State.CLAIMED, Message.lease_until < now)):
            release(message, "its lease ran out before anything left", now)
            released += 1
    return released


def decide(message: Message, name: str, who: str, now: int) -> None:
    """A person's decision: `settle` (it was sent) or `resend` (send it again)."""
    changes: dict[str, Any] = {"sent_at": now} if name == "settle" else {"attempts": 0, "not_before": 0, "error": None}
    with _moving(message):
        _apply(message, name, None, who, now, **changes)


def cancel_pending(job: Job, who: str, now: int) -> int:
    """Cancel all that is still queued of a stopped job; returns how many."""
    return _sweep(job, "cancel", State.PENDING, "the job was stopped", who, now)


def resend_failed(job: Job, who: str, now: int) -> int:
    """Queue a job's failed messages again, their attempts anew; returns how many."""
    return _sweep(job, "resend", State.FAILED, None, who, now, attempts=0, not_before=0, error=None)


def _sweep(job: Job, name: str, source: State, why: str | None, who: str, now: int, **changes: Any) -> int:
    """Move all of a job's messages in one state; part of the caller's transaction."""
    _, target = MOVES[name]
    rows = (Message.job == job) & (Message.state == source)
    history = Message.select(Message.id, *map(peewee.Value, (now, who, name, source.value, target.value, why))).where(
        rows
    )
    Event.insert_from(
        history, [Event.message, Event.at, Event.who, Event.move, Event.source, Event.target, Event.why]
    ).execute()
    count: int = Message.update(state=target, **changes).where(rows).execute()
    _count(job.id, {source: -count, target: count}, now)
    return count


@contextmanager
def _moving(message: Message) -> Iterator[None]:
    """One transaction that moves the message; rolled back, the message in memory is what it was, too."""
    before = dict(message.__data__)
    try:
        with write():
            yield
    except BaseException:
        message.__data__.update(before)
        raise


def _apply(message: Message, name: str, why: str | None, who: str, at: int, **changes: Any) -> None:
    """One move of one message: guarded by state and lease, with history and counters. Needs a transaction."""
    sources, target = MOVES[name]
    source = State(message.state)
    if target not in IN_HAND:
        changes |= {"lease": None, "lease_until": None}
    changed = 0
    if source in sources:
        changed = (
            Message.update(state=target, **changes)
            .where(Message.id == message.id, Message.lease == message.lease, Message.state == source)
            .execute()
        )
    if changed != 1:
        refused = errors.LeaseLost if message.lease else errors.IllegalMove
        raise refused(f"message {message.id}: {name} is not allowed from where it is now")
    Event.insert(message=message.id, at=at, who=who, move=name, source=source, target=target, why=why).execute()
    _count(message.job_id, {source: -1, target: 1}, at)
    for field, value in {"state": target, **changes}.items():
        setattr(message, field, value)
    _log(message, name, why)


def _count(job_id: int, deltas: Mapping[State, int], at: int) -> None:
    """Move the job's counters, and complete it when nobody is left to send."""
    changes = {state.value: getattr(Job, state.value) + delta for state, delta in deltas.items() if delta}
    if not changes:
        return
    Job.update(changes).where(Job.id == job_id).execute()
    sources, target = JOB_MOVES["complete"]
    left = Job.pending + Job.claimed + Job.sending
    done = Job.update(state=target, completed_at=at).where(Job.id == job_id, Job.state.in_(sources), left == 0)
    if not UNFINISHED.isdisjoint(deltas) and done.execute():
        after_commit(partial(log.info, "job.completed", job_id=job_id))


def _log(message: Message, name: str, why: str | None) -> None:
    say = log.warning if name in ("fail", "lose", "retry") else log.info
    details = {"why": why} if why else {}
    after_commit(
        partial(say, LOGGED[name], job_id=message.job_id, message_id=message.id, attempt=message.attempts, **details)
    )


def miscounted() -> list[int]:
    """Ids of the jobs whose counters differ from their messages; empty unless something is wrong."""
    found = []
    for job in Job.select():
        query = Message.select(Message.state, peewee.fn.COUNT(Message.id)).where(Message.job == job)
        rows: Counter[str] = Counter(dict(tuples(query.group_by(Message.state))))
        if any(rows[state.value] != getattr(job, state.value) for state in State) or sum(rows.values()) != job.total:
            found.append(job.id)
    return found
