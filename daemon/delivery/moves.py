"""Every move of a message: one guarded UPDATE, scoped to the lease of its claim, with history and counters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from typing import Any

import structlog

from daemon import errors
from daemon.accounts import handovers, ownership, pace, pacing, portfolios
from daemon.accounts.pace import NO_RULES
from daemon.contacts import suppression
from daemon.db import notifications
from daemon.db.connection import after_commit, write
from daemon.db.prepared import Prepared, among, by_key, param, several
from daemon.db.proxy import locked
from daemon.delivery import (
    counters,
    eligibility,
    evidence,
    history,
    job_moves,
    parts,
    quarters,
    reasons,
    tallies,
    timing,
)
from daemon.delivery.refusals import Passed, Unsent
from daemon.i18n.coded import Coded, Told, code_of, filed, refusal
from daemon.models import Event, Job, Message, Purpose
from daemon.states import IN_HAND, JOB_MOVES, MAY_RUN, MOVES, NOT_OUT, TAKEN, Ack, JobState, State
from daemon.transports.protocol import Lookup, Mark, Receipt

log = structlog.get_logger()
MANY_EVENTS = 200  # of one message: more than a day of postponing it makes
LONGEST_WAIT_MS = pacing.DAY_MS  # before another attempt; anything longer was stored while the clock was ahead
LIVES_MS = 30 * pacing.DAY_MS
_UNTRIED = {"error": None, "coded": None, "accepted_at": None, "expires_at": None, "sent_at": None}
ANEW: dict[str, Any] = {"attempts": 0, "not_before": 0, **_UNTRIED}  # queued as if it had never been tried
NEVER_LEFT = frozenset({"requeue", "retry", "fail", "cancel"})  # moves out of `sending` that say so: proved, or certain


def submit(
    message: Message,
    mark: Mark,
    now: int,
    gap: pacing.Gap,
    rules: pacing.Rules = NO_RULES,
    piece: parts.Piece | None = None,
    own_pause_ms: int = 0,
    spare_s: float = math.inf,
) -> None:
    """Commit that the message may be out from now on, with the chat's last message as its mark, and pace the account.

    piece: the part of it that is handed over, where it has several. own_pause_ms: how long the job alone waits then.
    spare_s: for how long after its turn it may still go, where it has one.

    Raises LeaseLost when it, or the account, is no longer ours; IllegalMove when, since the claim, its job was paused
    or stopped, the person opted out or reached the per-person limit (rules.person_cap), or the business reached the
    limit of people (rules.portfolio): release() it then. TurnPassed.
    """
    with moving(message):
        state = job_state(message.job_id)  # which may wait for others
        if turn_passed(mark, spare_s):
            raise errors.TurnPassed(Passed.NOT_READY_IN_TIME)
        if state not in MAY_RUN:
            raise errors.IllegalMove(Unsent.JOB_NOT_RUNNING, job=message.job_id, state=state)
        limited = portfolios.lock(rules.portfolio)
        if rules.person_cap:
            eligibility.lock_people([message.person])
        why = eligibility.barred(message.job, [message], now, rules).get(message.id)
        if why or (limited and (why := eligibility.one_too_many(message, now, rules))):
            raise errors.IllegalMove(Unsent.PERSON_BARRED, message=message.id, why=why)
        again: dict[str, Any] = {} if message.transport_id is None else {"transport_id": None}
        changes = {"mark": mark.dumps(), "submitted_at": now, "submissions": message.submissions + 1}
        apply(message, "submit", None, "sender", now, **changes, **again)
        counted = piece is not None and parts.done(message) > 0  # when its first part went out
        if piece is not None:
            parts.begin(message, piece, mark, now)
        if not counted:
            handovers.keep(message.account, message.number, Purpose(message.job.kind), now, message.id, message.job_id)
        if message.job.dry_run:
            handovers.miss(message.id)
        if own_pause_ms:
            job_moves.rest(message.job_id, message.account, now + own_pause_ms, rules.zone)
        pace.set_pace(message.account, now, gap)


def turn_passed(mark: Mark, spare_s: float) -> bool:
    """Whether its turn was longer ago than that."""
    return mark.turn_at is not None and timing.monotonic() > mark.turn_at + spare_s


def submit_part(message: Message, mark: Mark, piece: parts.Piece, now: int) -> None:
    """Commit that the next part of a message in hand may be out from now on. The rest of a message goes out also when
    its job was paused since. Raises LeaseLost; IllegalMove when the person has opted out since: `fail` it then."""
    with moving(message):
        job_state(message.job_id)
        if why := eligibility.barred(message.job, [message], now, NO_RULES).get(message.id):
            raise errors.IllegalMove(Unsent.PERSON_BARRED, message=message.id, why=why)
        _hold_on(message, mark=mark.dumps())
        parts.begin(message, piece, mark, now)


def confirm_part(message: Message, receipt: Receipt, now: int, piece: parts.Piece) -> None:
    """WhatsApp's server has that part; others follow. Raises LeaseLost."""
    # What is reported later of a part that was only accepted must not move the message, which has others to come.
    told = {} if receipt.ack is Ack.ACCEPTED else {"transport_id": receipt.transport_id}
    with moving(message):
        job_state(message.job_id)
        _hold_on(message, mark=message.mark, **told)
        parts.tick(message, piece.at, receipt, "sender", now)


def _hold_on(message: Message, **changes: Any) -> None:
    """A change to a message that stays `sending`, and in this hand. Raises LeaseLost."""
    mine = (Message.id == message.id, Message.lease == message.lease, Message.state == State.SENDING)
    if Message.update(changes).where(*mine).execute() != 1:
        raise errors.LeaseLost(str(refusal(Unsent.MOVE_NOT_ALLOWED, message=message.id, move="part")))
    for field, value in changes.items():
        setattr(message, field, value)


def job_state(job_id: int) -> JobState:
    """The job's state, locked until the transaction ends; must come first in it, see above."""
    return JobState(_job_state_of(id=job_id).fetchone()[0])


@Prepared
def _job_state_of() -> Any:
    return locked(Job.select(Job.state).where(Job.id == param("id")))


def confirm(
    message: Message, receipt: Receipt, now: int, gap: pacing.Gap | None = None, piece: parts.Piece | None = None
) -> None:
    """WhatsApp's server has it: `sent`, and on to `delivered` or `read` if the receipt says so. If it was only taken,
    it is `accepted`: nobody holds it any more, and receipts follow.

    piece: its last part, where it has several.

    gap: the pause that begins now; the one that `submit` set has run since then. A message that a receipt has moved on
    meanwhile stays as it is.
    """
    with moving(message):
        if piece is not None:
            job_state(message.job_id)
            parts.tick(message, piece.at, receipt, "sender", now)
            receipt = parts.together(message, receipt)
        name, why, changes = taken(receipt, now)
        apply(message, name, why, "sender", now, **changes)
        if piece is not None and receipt.ack is Ack.ACCEPTED and (of_part := parts.failed(message.id)):
            apply(message, "bounce", of_part, "sender", now, error=of_part, expires_at=None)
        if receipt.ack in (Ack.DELIVERED, Ack.READ):
            apply(message, "deliver", None, "sender", now, delivered_at=now)
        if receipt.ack is Ack.READ:
            apply(message, "read", None, "sender", now, read_at=now)
        if gap:
            pace.set_pace(message.account, now, gap)
    _learn(message, receipt, now)


def taken(receipt: Receipt, now: int) -> tuple[str, Told | None, dict[str, Any]]:
    """What WhatsApp's server having it means: which move, its reason, and what it changes."""
    known = {"transport_id": receipt.transport_id}
    if receipt.ack is not Ack.ACCEPTED:
        return "confirm", None, known | {"sent_at": now, "error": None}
    times = {"accepted_at": now, "expires_at": _expires_at(receipt, now)}
    return "accept", receipt.reason, known | times | {"error": receipt.reason}


def _expires_at(receipt: Receipt, now: int) -> int:
    """When its time to live ends, of what was only taken: Meta tries for 30 days where nothing else is said."""
    return now + LIVES_MS if receipt.expires_at is None else receipt.expires_at


def _learn(message: Message, receipt: Receipt, now: int) -> None:
    told = only_told(message, receipt, now)
    if not told:
        return
    same = (Message.id == message.id, Message.submissions == message.submissions, Message.state == message.state)
    with write():
        Message.update(told).where(*same).execute()
    message.__data__.update(told)


def only_told(message: Message, receipt: Receipt, now: int) -> dict[str, Any]:
    """Where a receipt was faster: what only the answer tells, the id by which later receipts are matched."""
    told: dict[str, Any] = {}
    if message.transport_id is None:
        told["transport_id"] = receipt.transport_id
    if message.expires_at is None and message.state == State.SENT and receipt.ack is Ack.ACCEPTED:
        told["expires_at"] = _expires_at(receipt, now)
    return told


def release(message: Message, why: Told, now: int, wait_ms: int = 0) -> None:
    """Put a claimed message back untried, due again in `wait_ms`. If the person has opted out meanwhile, they are
    skipped at the next claim."""
    changes: dict[str, Any] = {"not_before": now + wait_ms} if wait_ms else {}
    back_to_queue(message, "release", why, now, attempts=message.attempts - 1, **changes)


def put_aside(message: Message, *codes: StrEnum) -> tuple[int, int]:
    """How often in a row the message went back to the queue for a reason with one of these codes, and since when (UTC
    epoch ms; 0: never)."""
    count = begun = 0
    for event in Event.select().where(Event.message == message).order_by(Event.id.desc()).limit(MANY_EVENTS):
        if event.move in ("release", "retry", "requeue") and code_of(event.coded) in codes:
            count, begun = count + 1, event.at
        elif event.move != "claim":
            break
    return count, begun


def others_arrived(message: Message) -> bool:
    """Whether WhatsApp's server has taken another one of the account that was handed over after this one."""
    later = (Message.account == message.account, Message.submitted_at > message.submitted_at)
    return bool(Message.select().where(*later, Message.sent_at.is_null(False)).exists())


def withdraw(message: Message, why: Told, now: int) -> None:
    """Like release(), when submit() got no answer and nothing was handed over: whether it was committed or not, the
    message is queued again."""
    with moving(message):
        job_state(message.job_id)
        held = (Message.id == message.id) & (Message.lease == message.lease)
        message.state = Message.select(Message.state).where(held).scalar() or message.state
        (requeue if message.state == State.SENDING else release)(message, why, now)


def requeue(message: Message, why: Told, now: int, wait_ms: int = 0) -> None:
    """A crash in `sending`, and the chat proves that it was never sent: queue it again, due in `wait_ms`, and give the
    attempt back. Of one with several parts those without a tick were not."""
    changes: dict[str, Any] = {"not_before": now + wait_ms} if wait_ms else {}
    back_to_queue(message, "requeue", why, now, attempts=message.attempts - 1, **changes)


def go_on(message: Message, receipt: Receipt, now: int, piece: parts.Piece) -> None:
    """A part whose hand-over was in doubt is out: queue the message again for those after it."""
    with moving(message):
        confirm_part(message, receipt, now, piece)
        requeue(message, refusal(Passed.REST_FOLLOWS), now)


def retry(message: Message, why: Told, now: int, max_attempts: int, wait_ms: int, counted: bool = True) -> None:
    """The attempt failed: due again after a wait that doubles each time, or failed when no attempt is left.

    counted: whether the recipient may be to blame; otherwise the attempt is given back.
    """
    if counted and message.attempts >= max_attempts:
        fail(message, why, now)
    else:
        attempts = message.attempts if counted else message.attempts - 1
        not_before = now + min(wait_ms * 2 ** (message.attempts - 1), LONGEST_WAIT_MS)
        back_to_queue(message, "retry", why, now, error=why, attempts=attempts, not_before=not_before)


def forgive(attempts: Mapping[int, int], why: Told, now: int) -> int:
    """Give these messages their attempts back: it was the account. Waiting ones keep their place; failed ones are
    queued again, even if their job has completed since, but not if it was stopped. Returns how many were changed.

    Raises AccountLost if another sender owns the account by now: it makes its own judgement.
    """
    count = 0
    for message_id, given in sorted(attempts.items()):
        with write():
            message = by_key(Message, message_id)
            state = job_state(message.job_id) if message else JobState.STOPPED
            message = by_key(Message, message_id)  # as it is now that the job is locked
            if message is None or state is JobState.STOPPED or message.state not in (State.PENDING, State.FAILED):
                continue
            ownership.require(message.account)
            left = max(0, message.attempts - given)
            if message.state == State.PENDING:
                Message.update(attempts=left).where(Message.id == message_id).execute()
            else:
                if state is JobState.COMPLETED:
                    _reopen(message.job_id, now)
                apply(message, "reinstate", why, "sender", now, **ANEW | {"attempts": left})
            count += 1
    return count


def _reopen(job_id: int, now: int) -> None:
    sources, target = JOB_MOVES["retry"]
    changes = job_moves.DECIDED | {"state": target, "completed_at": None}
    Job.update(changes).where(Job.id == job_id, Job.state.in_(sorted(sources))).execute()
    job_moves.tell(job_id, "retry", "sender", now)
    after_commit(partial(log.info, "job.reopened", job_id=job_id))


def fail(message: Message, why: Told, now: int, opted_out: bool = False) -> None:
    """This recipient will not get the message, for the reason given; opted_out: nor any other."""
    with moving(message):
        apply(message, "fail", why, "sender", now, error=why)
        if opted_out:
            suppression.put(message.number, suppression.NO_MARKETING, suppression.WHATSAPP, now)


def lose(message: Message, why: Told, now: int, found: Lookup | None = None) -> None:
    """It is unclear whether it was sent: a person decides, with what the chat looked like (`found`)."""
    with moving(message):
        if parts.known(message) and parts.doubtful(message) is None:  # a receipt has just settled the part in doubt
            requeue(message, refusal(Passed.REST_FOLLOWS), now)
            return
        told = parts.in_doubt(message, why)
        apply(message, "lose", told, "sender", now, error=told)
        if found:
            evidence.keep(message.id, found, now)


def back_to_queue(message: Message, name: str, why: Told, now: int, who: str = "sender", **changes: Any) -> None:
    """Back to the queue, or cancelled if the job was stopped meanwhile."""
    with moving(message):
        if job_state(message.job_id) is JobState.STOPPED:
            name, changes = "cancel", {"attempts": changes.get("attempts", message.attempts)}
            if isinstance(why, Coded) and why.code is Passed.REST_FOLLOWS:
                why = changes["error"] = refusal(Passed.REST_STAYS)
        apply(message, name, why, who, now, **changes)


def extend(messages: Iterable[Message], until: int) -> list[Message]:
    """Renew the leases; returns the messages that are still ours."""
    given = sorted(messages, key=lambda each: each.id)  # in one order, as others lock them
    if not given:
        return []
    with write():
        there = dict(_leases(among=several([message.id for message in given])).fetchall())
        kept = [message for message in given if message.lease and there.get(message.id) == message.lease]
        if kept:
            _extend(among=several([message.id for message in kept]), until=until)
    return kept


@Prepared
def _leases() -> Any:
    theirs = (among(Message.id), Message.state.in_(sorted(IN_HAND)))
    return locked(Message.select(Message.id, Message.lease).where(*theirs).order_by(Message.id))


@Prepared
def _extend() -> Any:
    return Message.update(lease_until=param("until")).where(among(Message.id))


def decide(message: Message, name: str, who: str, now: int) -> None:
    """A person's decision: `settle` (it was sent) or `resend` (send it again). Of a message with several parts it is
    about the one in doubt: the parts after it still follow. If the job was stopped they do not, and it is cancelled."""
    with moving(message):
        notifications.notify(message.account)
        row, rest = parts.doubtful(message), parts.follow(message)
        if name == "settle":
            if row is not None:
                parts.tick(message, row.part, None, who, now)
            if rest:
                follows = job_state(message.job_id) is not JobState.STOPPED
                why = refusal(Passed.REST_FOLLOWS if follows else Passed.REST_STAYS)
                apply(message, "resend", why, who, now, **ANEW)
                if not follows:
                    apply(message, "cancel", why, who, now, error=why)
                return
        elif row is not None:
            parts.take_back(message.id)
        apply(message, name, None, who, now, **{"sent_at": now} if name == "settle" else ANEW)


class _MadeBefore(Exception):
    """The history already has this move under this very lease: it was committed, and the answer was lost."""


class _SettledMeanwhile(Exception):
    """A receipt has settled the message while it was in this hand: its outcome is known, and the late answer changes
    nothing."""


@contextmanager
def moving(message: Message) -> Iterator[None]:
    """One transaction that moves the message; if it is rolled back, the message in memory is restored as well."""
    before = dict(message.__data__)
    try:
        with write():
            yield
    except _MadeBefore as made:
        message.__data__.update(Message.get_by_id(message.id).__data__)
        message.lease = message.lease_until = None  # another one's, if it has any
        history.announce(message, *made.args)
    except _SettledMeanwhile:
        message.__data__.update(Message.get_by_id(message.id).__data__)
        message.lease = message.lease_until = None  # as above
    except BaseException:
        message.__data__.update(before)
        raise


def apply(message: Message, name: str, why: Told | None, who: str, at: int, **changes: Any) -> None:
    """One move of one message: guarded by state and lease, with history, counters and tallies. Needs a transaction."""
    sources, target = MOVES[name]
    source = State(message.state)
    held = message.lease
    error = changes.get("error")
    if "error" in changes:
        changes |= {"error": history.words(error), "coded": filed(error)}
    if target not in IN_HAND:
        changes |= {"lease": None, "lease_until": None}
    if target in NOT_OUT or source in NOT_OUT:
        changes["ended_at"] = at if target in NOT_OUT else None
    changes |= reasons.changes(source, target, error)
    changed, fewer = 0, False
    if source in sources:
        fewer = counters.shift(message.job_id, {source: -1, target: 1})  # first, as it locks the job
        states = {"source": source.value, "target": target.value}
        columns = changes | ({"coded": history.code(error)} if "error" in changes else {})
        changed = _change(held is not None, tuple(columns), id=message.id, held=held, **states, **columns).rowcount
    if changed != 1:
        if held and who == "sender" and target not in IN_HAND:
            if history.ended_by(message.id, held, target):
                raise _MadeBefore(name, why)
            if history.settled(message.id, held):
                raise _SettledMeanwhile
        refused = refusal(Unsent.MOVE_NOT_ALLOWED, message=message.id, move=name)
        raise errors.LeaseLost(str(refused)) if held else errors.IllegalMove(refused)
    if source is State.SENDING and name in NEVER_LEFT and not parts.take_back(message.id):
        handovers.undo(message.id, message.job_id)
        portfolios.give_back(message.id)
        _look_again(id=message.job_id)
    for counted in (tallies, quarters):
        counted.moved(message, target, changes)
    reasons.moved(message, changes)
    if target in TAKEN and source not in TAKEN:
        eligibility.now_known(message, changes.get("transport_id", message.transport_id))
    by = held if who in ("sender", history.RECEIPT) else None
    line = {"source": source.value, "target": target.value, "why": history.words(why), "coded": history.code(why)}
    history.record(message=message.id, at=at, who=who, move=name, lease=by, **line)
    if fewer:
        counters.end_if_done(message.job_id, at)
    for field, value in {"state": target, **changes}.items():
        setattr(message, field, value)
    history.announce(message, name, why)


@Prepared
def _look_again() -> Any:
    """The job's own cap has room for another one."""
    return Job.update(opens_at=0).where(Job.id == param("id"), Job.daily_cap > 0)


@Prepared
def _change(held: bool, fields: tuple[str, ...]) -> Any:
    lease = (Message.lease == param("held")) if held else Message.lease.is_null()
    changes = {name: param(name) for name in fields} | {"state": param("target")}
    return Message.update(changes).where(Message.id == param("id"), Message.state == param("source"), lease)
