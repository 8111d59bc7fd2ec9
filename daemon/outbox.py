"""The queue: ALL SQL that moves a message. Enqueue, claim, move, extend, rescue.

The contract (design §2) rests on three things here: `submit` commits *before* the hand-over, every move is
one guarded UPDATE scoped to the lease of the claim (a sender that lost its lease changes nothing), and
state, history and the job's counters change in one transaction.

On PostgreSQL the row of a job is the lock of its messages: every transaction that moves one takes it first
and takes one job's only, so what is read of a job holds, and nobody waits in a circle.
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

from daemon import errors, evidence, handovers, ownership, pacing
from daemon.db import AHEAD_MS, Prepared, after_commit, database, lately, locked, on_postgres, param, tuples, write
from daemon.models import (
    IN_HAND,
    JOB_MOVES,
    MAY_RUN,
    MOVES,
    NOT_OUT,
    OUT,
    UNCAPPED,
    UNFINISHED,
    Account,
    Event,
    Job,
    JobState,
    Message,
    Purpose,
    State,
    Suppression,
)
from daemon.render import Recipient
from daemon.transports import Ack, Lookup, Mark, Receipt

log = structlog.get_logger()

BATCH = 500
NO_RULES = pacing.Rules()
PERSON = 0x7065_7273  # any number that is ours: the advisory locks of those who are about to write to one person
SKIPS_PER_CLAIM = 200
MANY_EVENTS = 200  # of one message: more than a day of coming back to it makes
FARTHEST_MS = 3 * pacing.DAY_MS  # a cap frees within a day, and the window after it opens within another
LONGEST_WAIT_MS = pacing.DAY_MS  # before another try; what waits for longer was put off while the clock was ahead
LOOK_AGAIN_MS = 1_000
SURELY_THERE = 3  # that many are asked for where nobody seems to be there
LONGEST_LEASE_MS = pacing.DAY_MS  # that the settings allow
SILENCE_MS = pacing.DAY_MS  # of a sender that was sending; then a person decides
NEVER_LEFT = frozenset({"requeue", "retry", "fail", "cancel"})  # moves out of `sending` that say so: proved, or certain
REQUEUED = frozenset({State.PENDING, State.CANCELLED})
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
    "reinstate": "message.reinstated",
    "settle": "message.settled",
    "resend": "message.resent",
}


def enqueue(job: Job, recipients: Iterable[Recipient], who: str, at: int) -> None:
    """Store one pending message for each recipient; the caller's transaction makes it whole with the job."""
    rows = [
        {
            "job": job,
            "account": job.account,
            "row": r.position,
            "number": r.number,
            "fields": dict(r.fields),
            "attachments": getattr(r, "attachments", None),
        }
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
    """The earliest time that the account may hand over a message, and what it waits for.

    rules: of the settings; the account's own limits are in its row, which is read here.
    """
    return _opening(account, now, rules)[0]


def _opening(account: str, now: int, rules: pacing.Rules) -> tuple[pacing.Opening, pacing.Rules]:
    """As `opening`, and the rules with the account's own limits."""

    def nth_newest(n: int, since: int) -> int | None:
        return handovers.nth_newest(account, n, since, now)

    at, why, paced_at, *own = _paced(account=account).fetchone() or (0, pacing.Why.READY, 0, None, None, None, None)
    rules = pacing.own(rules, *own)
    if paced_at > now:  # the clock was set back since: what counts is the length of the pause
        at = now + at - paced_at
    return pacing.opening(now, pacing.Opening(at, pacing.Why(why)), rules, nth_newest), rules


@Prepared
def _paced() -> Any:
    columns = (Account.next_send_at, Account.next_reason, Account.paced_at)
    own = (Account.hourly_cap, Account.daily_cap, Account.quiet_hours, Account.timezone)
    return Account.select(*columns, *own).where(Account.name == param("account"))


def _follow_clock(account: str, now: int) -> None:
    """Count the pause from now where the clock was set back behind its beginning: it would last until then."""
    row = _paced(account=account).fetchone()
    if row and row[2] > now:
        with write():  # of its own: with a job in hand the account is locked after the job, see above
            owner = ownership.token(account)
            _count_from_now(owner is not None, account=account, owner=owner, now=now)


@Prepared
def _count_from_now(owned: bool) -> Any:
    length = Account.next_send_at - Account.paced_at
    return Account.update(next_send_at=length + param("now"), paced_at=param("now")).where(
        *ownership.guarded(owned), Account.paced_at > param("now")
    )


def claim(
    account: str, limit: int, now: int, lease_ms: int, rules: pacing.Rules, known_only: bool = False
) -> list[Message]:
    """Lease up to `limit` due messages of one job to the caller, oldest due first.

    now: UTC epoch ms. Returns 0..limit rows, all `claimed`, sharing one `lease` token valid for lease_ms:
    extend() it or lose it. Running jobs of an account take turns; people on the suppression list are
    skipped here, and so are those who got as many messages as one person may (rules.person_cap); nothing
    is claimed before the account's pace, caps and quiet hours allow it.
    known_only: those whom this account has written to before, with success.
    """
    if not _anything_due(account, now, rules.zone, known_only):
        return []
    _follow_clock(account, now)
    token = secrets.token_hex(8)
    for _ in range(SKIPS_PER_CLAIM):
        with write():
            _owns(account)
            opens, own = _opening(account, now, rules)
            if opens.at > now:
                return []
            # First a job that nobody is changing just now; only where there is no other one, wait for it.
            due: dict[str, Any] = {"account": account, "now": now, "zone": rules.zone}
            job = _next_job(known_only, skip=True, **due) or _next_job(known_only, skip=False, **due)
            if job is None:
                return []
            room = _room(job, limit, now, own.zone)
            claimed = _claim_from(job, room, now, now + lease_ms, token, known_only, own) if room else []
        if claimed:
            return claimed
    return []


def _anything_due(account: str, now: int, zone: str, known_only: bool) -> bool:
    """Open the jobs whose time has come; then a read that spares an idle sender the write lock."""
    _due_again(account, now)
    for (job_id,) in _scheduled(account=account, now=now).fetchall():
        _open(job_id, now)
    due = {"account": account, "now": now, "zone": zone, "farthest": now + FARTHEST_MS}
    return _waiting(known_only, **due).fetchone() is not None


def _due_again(account: str, now: int) -> None:
    """Messages that were put off while the clock was ahead are due now: no wait is as long as theirs."""
    for job_id, message_id in _put_off(account=account, farthest=now + LONGEST_WAIT_MS + AHEAD_MS).fetchall():
        with write():
            _job_state(job_id)
            mine = (Message.id == message_id) & (Message.state == State.PENDING)
            Message.update(not_before=now).where(mine, Message.not_before > now + LONGEST_WAIT_MS).execute()


@Prepared
def _put_off() -> Any:
    late = (Message.state == State.PENDING.value, Message.not_before > param("farthest"))
    mine = (Job.account == param("account"), Job.state.in_(sorted(MAY_RUN)))
    return Message.select(Message.job, Message.id).join(Job).where(*mine, *late).limit(BATCH)


@Prepared
def _scheduled() -> Any:
    return Job.select(Job.id).where(
        Job.account == param("account"), Job.state == JobState.SCHEDULED.value, Job.schedule_at <= param("now")
    )


def _open(job_id: int, now: int) -> None:
    sources, target = JOB_MOVES["open"]
    with write():
        if Job.update(state=target).where(Job.id == job_id, Job.state.in_(sources)).execute():
            after_commit(partial(log.info, "job.opened", job_id=job_id))
            _end_if_done(job_id, now)  # where all of it was decided before its time


def _known(message: Any) -> Any:
    """Whether the account has written to the message's recipient before, and WhatsApp's server ticked it."""
    earlier = Message.alias()
    return peewee.fn.EXISTS(
        earlier.select(peewee.Value(1)).where(
            earlier.account == message.account, earlier.number == message.number, earlier.state.in_(sorted(OUT))
        )
    )


def _job_with_work(known_only: bool, *columns: Any) -> Any:
    """The runnable job of the account that has somebody due and has waited longest for its turn."""
    somebody = Message.select(peewee.Value(1)).where(
        Message.job == Job.id, Message.state == State.PENDING.value, Message.not_before <= param("now")
    )
    if known_only:
        somebody = somebody.where(_known(Message))
    return (
        Job.select(*columns)
        .where(Job.account == param("account"), Job.state.in_(sorted(MAY_RUN)), _open_now(), peewee.fn.EXISTS(somebody))
        .order_by(_had_its_turn(), Job.id)
        .limit(1)
    )


def _had_its_turn() -> Any:
    """When the job last had its turn; a time ahead of now is none, else all others would go first until then."""
    return peewee.Case(None, [(Job.claimed_at > param("now"), 0)], Job.claimed_at)


def _open_now() -> Any:
    """Whether neither window nor cap hold the job back, as far as was seen. No wait is as long as FARTHEST_MS: past
    it the clock was set back since, and it is looked at anew. So is what was reckoned in another time zone than the
    account has now, by its own limits or the settings."""
    own = Account.select(Account.timezone).where(Account.name == param("account"))
    moved = Job.opens_zone.is_null() | (Job.opens_zone != peewee.fn.COALESCE(own, param("zone")))
    return (Job.opens_at <= param("now")) | (Job.opens_at > param("farthest")) | moved


@Prepared
def _waiting(known_only: bool) -> Any:
    return _job_with_work(known_only, Job.id)


@Prepared
def _turn(known_only: bool, skip: bool) -> Any:
    return locked(_job_with_work(known_only), skip)


@Prepared
def _next_due(known_only: bool) -> Any:
    due = (
        Message.select()
        .where(Message.job == param("job"), Message.state == State.PENDING.value, Message.not_before <= param("now"))
        .order_by(Message.not_before, Message.id)
        .limit(param("limit"))
    )
    return locked(due.where(_known(Message)) if known_only else due, skip=True)


def job_opening(job: Job, now: int, zone: str) -> pacing.Opening:
    """The earliest time that the job's own window and daily cap allow, and which of them it waits for."""

    def nth_newest(n: int, since: int) -> int | None:
        return handovers.nth_newest_of_job(job.account, job.id, n, since, now)

    return pacing.job_opening(now, terms(job), zone, nth_newest)


def terms(job: Job) -> pacing.Terms:
    """What limits the job beside its account."""
    return pacing.Terms(pacing.window(job.window), job.daily_cap)


def _room(job: Job, limit: int, now: int, zone: str) -> int:
    """How many of the job's messages may be claimed now. At 0 it is put aside until its window or cap opens, so
    that another job gets the turn."""
    if not job.window and not job.daily_cap:
        return limit
    opens = job_opening(job, now, zone)
    room = limit
    if opens.at <= now and job.daily_cap:
        left = handovers.count_of_job(job.account, job.id, now - pacing.DAY_MS, now)
        room = min(limit, job.daily_cap - left - job.claimed)
    if opens.at > now or room <= 0:  # with the cap's last ones in hand it is soon seen what becomes of them
        _put_aside(id=job.id, at=max(opens.at, now + LOOK_AGAIN_MS), zone=zone)
        return 0
    return room


@Prepared
def _put_aside() -> Any:
    return Job.update(opens_at=param("at"), opens_zone=param("zone")).where(Job.id == param("id"))


def _next_job(known_only: bool, skip: bool, account: str, now: int, zone: str) -> Job | None:
    values = {"account": account, "now": now, "zone": zone, "farthest": now + FARTHEST_MS}
    return next(iter(_rows(Job, _turn(known_only, skip, **values))), None)


def _claim_from(
    job: Job, limit: int, now: int, lease_until: int, token: str, known_only: bool, rules: pacing.Rules
) -> list[Message]:
    rows = _rows(Message, _next_due(known_only, job=job.id, now=now, limit=limit))
    refused = {row.number: why for row in rows if (why := _barred(job, row, now, rules))}
    kept: list[Message] = []
    for row in rows:
        row.job = job
        if why := refused.get(row.number):
            _apply(row, "skip", why, "sender", now, error=why)
        else:
            kept.append(row)
    for row in kept:
        attempts = row.attempts + 1
        _apply(row, "claim", None, "sender", now, attempts=attempts, lease=token, lease_until=lease_until)
    sources, target = JOB_MOVES["begin"]
    if kept and job.state in sources:
        job.state = target
        after_commit(partial(log.info, "job.began", job_id=job.id))
    _take_turn(bool(kept), id=job.id, now=now)
    return kept


@Prepared
def _take_turn(begins: bool) -> Any:
    changes = {"claimed_at": param("now"), "started_at": peewee.fn.COALESCE(Job.started_at, param("now"))}
    if begins:
        changes["state"] = peewee.Value(JOB_MOVES["begin"][1].value)
    return Job.update(changes).where(Job.id == param("id"))


def _barred(job: Job, message: Message, now: int, rules: pacing.Rules) -> str | None:
    """Why this person may not be written to now; None when they may."""
    if _opted_out(number=message.number).fetchone():
        return OPTED_OUT
    if not rules.person_cap or job.kind in UNCAPPED:
        return None
    got = handovers.got(message.number, now - rules.person_window_ms, now, message.id)
    if got < rules.person_cap:
        return None
    days = rules.person_window_ms // pacing.DAY_MS
    return f"got {got} message{'s' * (got != 1)} within {days} day{'s' * (days != 1)}"


def _alone_with(number: str) -> None:
    """Wait for who else is about to write to this person: each of two accounts would not see the other's message."""
    if on_postgres():  # on SQLite the transaction has locked the whole database already
        database.execute_sql("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (PERSON, number))


def submit(message: Message, mark: Mark, now: int, gap: pacing.Gap, rules: pacing.Rules = NO_RULES) -> None:
    """Commit that the message may be out from now on, with what the chat looks like, and pace the account.

    Raises LeaseLost when it, or the account, is no longer ours; IllegalMove when its job was paused or stopped, or the
    person opted out or got as many messages as one may (rules.person_cap), since the claim: release() it then.
    """
    with _moving(message):
        state = _job_state(message.job_id)
        if state not in MAY_RUN:
            raise errors.IllegalMove(f"job {message.job_id} is {state}")
        if rules.person_cap:
            _alone_with(message.number)
        if why := _barred(message.job, message, now, rules):
            raise errors.IllegalMove(f"message {message.id}: the recipient {why}")
        _apply(message, "submit", None, "sender", now, mark=mark.dumps(), submitted_at=now)
        handovers.keep(message.account, message.number, Purpose(message.job.kind), now, message.id)
        set_pace(message.account, now, gap)


def set_pace(account: str, now: int, gap: pacing.Gap) -> None:
    """The account's next message goes out no earlier than `gap` from now. Raises AccountLost."""
    owner = ownership.token(account)
    values = {"at": now + gap.ms, "why": gap.why.value, "streak": gap.streak, "now": now}
    ownership.check(_pace(owner is not None, account=account, owner=owner, **values).rowcount, account)


@Prepared
def _pace(owned: bool) -> Any:
    changes = {"next_send_at": param("at"), "next_reason": param("why"), "streak": param("streak")}
    return Account.update(changes, paced_at=param("now")).where(*ownership.guarded(owned))


def _owns(account: str) -> None:
    """Raises AccountLost where another sender owns the account by now; what is claimed before that shows is taken over
    by it, and `submit`, which writes to the account's row, is refused."""
    owner = ownership.token(account)
    if owner is not None and not _owned(account=account, owner=owner).fetchone():
        raise ownership.lost(account)


@Prepared
def _owned() -> Any:
    return Account.select(peewee.Value(1)).where(*ownership.guarded(True))


def _job_state(job_id: int) -> JobState:
    """The job's state, which holds until the transaction ends; the first thing it does, see above."""
    return JobState(_job_state_of(id=job_id).fetchone()[0])


@Prepared
def _job_state_of() -> Any:
    return locked(Job.select(Job.state).where(Job.id == param("id")))


@Prepared
def _opted_out() -> Any:
    return Suppression.select(peewee.Value(1)).where(Suppression.number == param("number"))


def confirm(message: Message, receipt: Receipt, now: int, gap: pacing.Gap | None = None) -> None:
    """WhatsApp's server has it: `sent`, and on to `delivered` or `read` where the receipt says so.

    gap: the pause from now on, for a sender; the one that `submit` set has run since.
    """
    with _moving(message):
        _apply(message, "confirm", None, "sender", now, sent_at=now, error=None, transport_id=receipt.transport_id)
        if receipt.ack in (Ack.DELIVERED, Ack.READ):
            _apply(message, "deliver", None, "sender", now, delivered_at=now)
        if receipt.ack is Ack.READ:
            _apply(message, "read", None, "sender", now, read_at=now)
        if gap:
            set_pace(message.account, now, gap)


def release(message: Message, why: str, now: int, wait_ms: int = 0) -> None:
    """Give a claimed message back untried, not due again before `wait_ms` from now.

    Whoever opted out meanwhile is skipped at the next claim.
    """
    changes: dict[str, Any] = {"not_before": now + wait_ms} if wait_ms else {}
    _requeue(message, "release", why, now, attempts=message.attempts - 1, **changes)


def put_aside(message: Message, *whys: str) -> tuple[int, int]:
    """How often in a row the message went back to the queue for one of these reasons, and since when (UTC epoch ms;
    0: it did not)."""
    count = begun = 0
    for event in Event.select().where(Event.message == message).order_by(Event.id.desc()).limit(MANY_EVENTS):
        if event.move in ("release", "retry") and event.why in whys:
            count, begun = count + 1, event.at
        elif event.move != "claim":
            break
    return count, begun


def withdraw(message: Message, why: str, now: int) -> None:
    """As release(), when the answer to submit() never came and nothing was handed over: whether it was committed
    or not, the message is queued again."""
    with _moving(message):
        _job_state(message.job_id)
        held = (Message.id == message.id) & (Message.lease == message.lease)
        message.state = Message.select(Message.state).where(held).scalar() or message.state
        (requeue if message.state == State.SENDING else release)(message, why, now)


def requeue(message: Message, why: str, now: int) -> None:
    """A crash in `sending`, and the chat proves that it never went out: queue it again, attempt given back."""
    _requeue(message, "requeue", why, now, attempts=message.attempts - 1)


def retry(message: Message, why: str, now: int, max_attempts: int, wait_ms: int, counted: bool = True) -> None:
    """Tried in vain: due again after a wait that doubles with each attempt, or failed when none is left.

    counted: whether the recipient may be to blame; else the attempt is given back.
    """
    if counted and message.attempts >= max_attempts:
        fail(message, why, now)
    else:
        attempts = message.attempts if counted else message.attempts - 1
        not_before = now + min(wait_ms * 2 ** (message.attempts - 1), LONGEST_WAIT_MS)
        _requeue(message, "retry", why, now, error=why, attempts=attempts, not_before=not_before)


def forgive(attempts: Mapping[int, int], why: str, now: int) -> int:
    """Give each of these messages so many attempts back: it was the account's trouble. Who waits keeps their place, who
    has failed gets it back, also in a job that is completed meanwhile; in one that was stopped nobody does.

    Returns how many it was.
    """
    count = 0
    for message_id, given in sorted(attempts.items()):
        with write():
            message = Message.get_or_none(Message.id == message_id)
            state = _job_state(message.job_id) if message else JobState.STOPPED
            message = Message.get_or_none(Message.id == message_id)  # as it is now that the job is locked
            if message is None or state is JobState.STOPPED or message.state not in (State.PENDING, State.FAILED):
                continue
            left = max(0, message.attempts - given)
            if message.state == State.PENDING:
                Message.update(attempts=left).where(Message.id == message_id).execute()
            else:
                if state is JobState.COMPLETED:
                    _reopen(message.job_id)
                _apply(message, "reinstate", why, "sender", now, attempts=left, not_before=0, error=None)
            count += 1
    return count


def _reopen(job_id: int) -> None:
    sources, target = JOB_MOVES["retry"]
    Job.update(state=target, completed_at=None).where(Job.id == job_id, Job.state.in_(sorted(sources))).execute()
    after_commit(partial(log.info, "job.reopened", job_id=job_id))


def surely_there(account: str) -> list[Message]:
    """The account's last messages that WhatsApp's server ticked, to different people, the newest first: these are on
    WhatsApp."""
    mine = (Message.account == account, Message.state.in_(sorted(OUT)), Message.submitted_at.is_null(False))
    newest = Message.select(Message, Job).join(Job).where(*mine, Message.mark.is_null(False))
    found: dict[str, Message] = {}
    for message in newest.order_by(Message.submitted_at.desc()).limit(SURELY_THERE):
        found.setdefault(message.number, message)
    return list(found.values())


def fail(message: Message, why: str, now: int) -> None:
    """This recipient will not get this message, for the reason given."""
    with _moving(message):
        _apply(message, "fail", why, "sender", now, error=why)


def lose(message: Message, why: str, now: int, found: Lookup | None = None) -> None:
    """Nobody can tell whether it went out: a person decides, by what the chat looked like (`found`)."""
    with _moving(message):
        _apply(message, "lose", why, "sender", now, error=why)
        if found:
            evidence.keep(message.id, found, now)


def _requeue(message: Message, name: str, why: str, now: int, who: str = "sender", **changes: Any) -> None:
    """Back to the queue, or cancelled when the job was stopped meanwhile."""
    with _moving(message):
        if _job_state(message.job_id) is JobState.STOPPED:
            name, changes = "cancel", {"attempts": changes.get("attempts", message.attempts)}
        _apply(message, name, why, who, now, **changes)


def extend(messages: Iterable[Message], until: int) -> list[Message]:
    """Renew the leases; returns the messages that are still ours."""
    kept = []
    with write():
        for message in sorted(messages, key=lambda each: each.id):  # in one order, as others lock them
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
        dead &= _ran_out(now)
    token = secrets.token_hex(8)
    doubtful: list[Message] = []
    released = 0
    for job_id in _jobs_of(dead):
        with write():
            _job_state(job_id)
            for message in _dead(dead & (Message.job == job_id)):
                if message.state == State.CLAIMED:
                    _give_back(message, "its sender died before anything left", now)
                    released += 1
                else:
                    Message.update(lease=token, lease_until=now + lease_ms).where(Message.id == message.id).execute()
                    message.lease = token
                    doubtful.append(message)
    if released or doubtful:
        log.warning("account.rescued", account=account, released=released, looked_up=len(doubtful))
    return doubtful


def rescue(now: int) -> int:
    """Queue again every claimed message whose lease has run out, of any account; returns how many were moved.

    A `sending` one is left to a sender of its own account, as only the chat knows what became of it: for a day. Where
    no sender of that account has been heard of since, none may ever come, and a person decides.
    """
    living = Account.select(Account.name).where(lately(Account.seen_at, now - SILENCE_MS, now))
    abandoned = (Message.state == State.SENDING) & _ran_out(now, SILENCE_MS) & Message.account.not_in(living)
    dead = ((Message.state == State.CLAIMED) & _ran_out(now)) | abandoned
    moved = 0
    for job_id in _jobs_of(dead):
        with write():
            _job_state(job_id)
            for message in _dead(dead & (Message.job == job_id)):
                if message.state == State.CLAIMED:
                    _give_back(message, "its lease ran out before anything left", now)
                else:
                    _abandon(message, now)
                moved += 1
    return moved


def _ran_out(now: int, since_ms: int = 0) -> Any:
    """Whether the lease ran out so long ago; one that no setting allows was made while the clock was ahead."""
    too_long = Message.lease_until > now + LONGEST_LEASE_MS + AHEAD_MS
    return (Message.lease_until < now - since_ms) | too_long


def _abandon(message: Message, now: int) -> None:
    why = "no sender of its account was there for a day to look into the chat"
    with _moving(message):
        _apply(message, "lose", why, "rescue", now, error=why)


def _jobs_of(dead: Any) -> list[int]:
    return [job_id for (job_id,) in tuples(Message.select(Message.job).where(dead).distinct().order_by(Message.job))]


def _dead(dead: Any) -> list[Message]:
    """Those of one job, locked: nobody else may rescue them, nor may their sender move or extend them now."""
    return list(locked(Message.select(Message, Job).join(Job).where(dead).order_by(Message.id)))


def _give_back(message: Message, why: str, now: int) -> None:
    """Release another one's message; so the history must not say that its sender did it."""
    _requeue(message, "release", why, now, "rescue", attempts=message.attempts - 1)


def decide(message: Message, name: str, who: str, now: int) -> None:
    """A person's decision: `settle` (it was sent) or `resend` (send it again)."""
    changes: dict[str, Any] = {"sent_at": now} if name == "settle" else {"attempts": 0, "not_before": 0, "error": None}
    with _moving(message):
        _apply(message, name, None, who, now, **changes)


def cancel_pending(job: Job, who: str, now: int) -> int:
    """Cancel all that is still queued of a stopped job; returns how many."""
    return _sweep(job, "cancel", State.PENDING, "the job was stopped", who, now)


def resend_failed(job: Job, who: str, now: int, only: Any = None) -> int:
    """Queue a job's failed messages again, those that meet the condition `only`, their attempts anew; returns how
    many."""
    return _sweep(job, "resend", State.FAILED, None, who, now, only, attempts=0, not_before=0, error=None)


def _sweep(
    job: Job, name: str, source: State, why: str | None, who: str, now: int, only: Any = None, **changes: Any
) -> int:
    """Move all of a job's messages in one state; part of the caller's transaction."""
    _, target = MOVES[name]
    rows = (Message.job == job) & (Message.state == source)
    if only is not None:
        rows &= only
    history = Message.select(Message.id, *map(peewee.Value, (now, who, name, source.value, target.value, why))).where(
        rows
    )
    Event.insert_from(
        history, [Event.message, Event.at, Event.who, Event.move, Event.source, Event.target, Event.why]
    ).execute()
    changes["ended_at"] = now if target in NOT_OUT else None
    count: int = Message.update(state=target, **changes).where(rows).execute()
    _count(job.id, {source: -count, target: count}, now)
    return count


class _MadeBefore(Exception):
    """The history has this move, made under this very lease: it was committed and the answer was lost."""


@contextmanager
def _moving(message: Message) -> Iterator[None]:
    """One transaction that moves the message; rolled back, the message in memory is what it was, too."""
    before = dict(message.__data__)
    try:
        with write():
            yield
    except _MadeBefore as made:
        message.__data__.update(Message.get_by_id(message.id).__data__)
        message.lease = message.lease_until = None  # another one's, if it has any
        _log(message, *made.args)
    except BaseException:
        message.__data__.update(before)
        raise


def _apply(message: Message, name: str, why: str | None, who: str, at: int, **changes: Any) -> None:
    """One move of one message: guarded by state and lease, with history and counters. Needs a transaction."""
    sources, target = MOVES[name]
    source = State(message.state)
    held = message.lease
    if target not in IN_HAND:
        changes |= {"lease": None, "lease_until": None}
    if target in NOT_OUT or source in NOT_OUT:
        changes["ended_at"] = at if target in NOT_OUT else None
    changed = 0
    if source in sources:
        _count(message.job_id, {source: -1, target: 1}, at)  # first, as it locks the job
        states = {"source": source.value, "target": target.value}
        changed = _change(held is not None, tuple(changes), id=message.id, held=held, **states, **changes).rowcount
    if changed != 1:
        if held and who == "sender" and _ended(message.id, held, target):
            raise _MadeBefore(name, why)
        refused = errors.LeaseLost if held else errors.IllegalMove
        raise refused(f"message {message.id}: {name} is not allowed from where it is now")
    if source is State.SENDING and name in NEVER_LEFT:
        handovers.undo(message.id)
        _look_again(id=message.job_id)
    by = held if who == "sender" else None
    _record(message=message.id, at=at, who=who, move=name, source=source.value, target=target.value, why=why, lease=by)
    for field, value in {"state": target, **changes}.items():
        setattr(message, field, value)
    _log(message, name, why)


@Prepared
def _look_again() -> Any:
    """The job's own cap has room for another one."""
    return Job.update(opens_at=0).where(Job.id == param("id"), Job.daily_cap > 0)


@Prepared
def _change(held: bool, fields: tuple[str, ...]) -> Any:
    lease = (Message.lease == param("held")) if held else Message.lease.is_null()
    changes = {name: param(name) for name in fields} | {"state": param("target")}
    return Message.update(changes).where(Message.id == param("id"), Message.state == param("source"), lease)


@Prepared
def _record() -> Any:
    names = ("message", "at", "who", "move", "source", "target", "why", "lease")
    return Event.insert({name: param(name) for name in names})


def _ended(message_id: int, lease: str, target: State) -> bool:
    """Whether the holder of this lease has brought the message there itself, and so out of its hand.

    A stop in between makes `cancelled` of what was `pending`; to the sender both are the same.
    """
    if target in IN_HAND:
        return False
    there = REQUEUED if target in REQUEUED else {target}
    made = Event.select().where(Event.message == message_id, Event.lease == lease, Event.target.in_(there))
    return bool(made.exists())


def _count(job_id: int, deltas: Mapping[State, int], at: int) -> None:
    """Move the job's counters, and complete it when nobody is left to send."""
    changes = {state.value: delta for state, delta in deltas.items() if delta}
    if not changes:
        return
    _add(tuple(changes), id=job_id, **changes)
    fewer = sum(delta for state, delta in deltas.items() if state in UNFINISHED) < 0
    if fewer:
        _end_if_done(job_id, at)


def _end_if_done(job_id: int, at: int) -> None:
    if _complete(id=job_id, at=at).rowcount:
        after_commit(partial(log.info, "job.completed", job_id=job_id))


@Prepared
def _add(states: tuple[str, ...]) -> Any:
    return Job.update({state: getattr(Job, state) + param(state) for state in states}).where(Job.id == param("id"))


@Prepared
def _complete() -> Any:
    sources, target = JOB_MOVES["complete"]
    nobody_left = Job.pending + Job.claimed + Job.sending == 0
    return Job.update(state=target.value, completed_at=param("at")).where(
        Job.id == param("id"), Job.state.in_(sorted(sources)), nobody_left
    )


def _rows(table: Any, cursor: Any) -> list[Any]:
    """The cursor's rows, which have all columns of the table, as its models."""
    found = []
    for values in cursor.fetchall():
        row = table()
        row.__data__ = {f.name: f.python_value(v) for f, v in zip(table._meta.sorted_fields, values, strict=True)}
        found.append(row)
    return found


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
