"""Lease due messages of the jobs that may run now to a sender."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import partial
from typing import Any

import peewee
import structlog

from daemon.accounts import handovers, pace, pacing, portfolios
from daemon.db.clock import AHEAD_MS
from daemon.db.connection import after_commit, available, write
from daemon.db.prepared import Given, Prepared, param, rows_of
from daemon.db.proxy import in_order, locked, on_postgres, tuples
from daemon.delivery import counters, eligibility, job_moves, moves
from daemon.delivery.bulk import Bulk
from daemon.delivery.moves import LONGEST_WAIT_MS
from daemon.delivery.refusals import Passed
from daemon.i18n.coded import Refusal, refusal
from daemon.models import Account, Job, LastWrote, Message
from daemon.states import JOB_MOVES, MAY_RUN, OPEN, JobState, State

log = structlog.get_logger()

SKIPS_PER_CLAIM = 200
FARTHEST_MS = 3 * pacing.DAY_MS  # a cap frees within a day, and the window after it opens within another
LOOK_AGAIN_MS = 1_000
LOOKED_FOR = 10_000  # so many of those who count already are looked for at once
LOOK_FOR_WRITERS_MS = 30_000  # so often people are looked for who may be written to in spite of the business's limit


@dataclass(frozen=True)
class Takes:
    """Which jobs a sender takes. One that rehearses (sends nothing) takes those made for a dry run, unless it was told
    to take all; one that sends leaves alone what a dry run has begun."""

    rehearses: bool = False
    all: bool = False

    def values(self) -> dict[str, bool]:
        """For `_taken`."""
        return {"made_for": self.rehearses, "or_rather": not self.all or not self.rehearses, "begun": self.rehearses}


SENDS = Takes()


def claim(
    account: str,
    limit: int,
    now: int,
    lease_ms: int,
    rules: pacing.Rules,
    known_only: bool = False,
    in_hand: int = 0,
    takes: Takes = SENDS,
) -> list[Message]:
    """Lease up to `limit` due messages of one job to the caller, oldest due first.

    now: UTC epoch ms. Returns 0..limit rows, all `claimed`, sharing one `lease` token valid for lease_ms:
    extend() it or lose it. Running jobs of an account take turns; people on the suppression list are
    skipped here, and so are those who got as many messages as one person may (rules.person_cap); nothing
    is claimed before the account's pace, caps and quiet hours allow it.
    known_only: those whom this account has written to before, with success. in_hand: how many messages the caller
    has claimed before and not handed over yet: an account's cap has no room for these any more.
    """
    if not _anything_due(account, now, rules.zone, known_only, takes):
        return []
    pace.follow_clock(account, now)
    token = secrets.token_hex(8)
    for _ in range(SKIPS_PER_CLAIM):
        with write(), in_order():
            pace.require_owner(account)
            opens, own = pace.opening_and_rules(account, now, rules)
            room = _room_of_account(account, limit, in_hand, now, own)
            if opens.at > now or not room:
                return []
            # First a job that nobody is changing just now; only where there is no other one, wait for it.
            due: dict[str, Any] = {"account": account, "now": now, "zone": rules.zone, "takes": takes}
            job = _next_job(known_only, skip=True, **due) or _next_job(known_only, skip=False, **due)
            if job is None:
                return []
            room = _room(job, room, now, own)
            due_now = _due_of(job, room, now, known_only, own, in_hand) if room else []
            claimed = _claim_from(job, due_now, now, now + lease_ms, token, own) if due_now else []
            if claimed and takes.rehearses and not job.dry_run:
                Job.update(dry_run=True).where(Job.id == job.id).execute()
                job.dry_run = True  # of all that were claimed with it
        if claimed:
            return claimed
    return []


def _anything_due(account: str, now: int, zone: str, known_only: bool, takes: Takes) -> bool:
    """Open the jobs whose time has come; then a read that spares an idle sender the write lock."""
    _due_again(account, now)
    for (job_id,) in _scheduled(account=account, now=now).fetchall():
        _open(job_id, now)
    due = {"account": account, "now": now, "zone": zone, "farthest": now + FARTHEST_MS, **takes.values()}
    with available(), in_order():
        return _waiting(known_only, **due).fetchone() is not None


def _due_again(account: str, now: int) -> None:
    """Messages that were postponed while the clock was ahead are due now: no real wait is that long, but where each
    person has a date."""
    with available(), in_order():
        jobs = _put_off(account=account, farthest=now + LONGEST_WAIT_MS + AHEAD_MS).fetchall()
    _set_due([job_id for (job_id,) in jobs], now, Message.not_before > now + LONGEST_WAIT_MS)


def due_again_where_dated(account: str, now: int) -> None:
    """The same where each person has a date: those whom such a wait has led past theirs, which is over or near. It goes
    through all that is queued of these campaigns, so it is not for every claim."""
    past = (Message.not_before > now + LONGEST_WAIT_MS + AHEAD_MS) & (Message.not_before > Message.not_after)
    past &= Message.not_after <= now + pacing.DAY_MS  # else it was tried while the clock had reached that far date
    mine, found = (Job.account == account, Job.state.in_(sorted(OPEN)), Job.dated.is_null(False)), list[int]()
    with available(), in_order():
        for (job_id,) in tuples(Job.select(Job.id).where(*mine)):
            waits = (Message.job == job_id, Message.state == State.PENDING, past)
            if tuples(Message.select(Message.id).where(*waits).order_by(Message.not_before.desc()).limit(1)):
                found.append(job_id)
    _set_due(found, now, past)


def _set_due(jobs: list[int], now: int, which: Any) -> None:
    for job_id in jobs:
        with write():
            moves.job_state(job_id)
            waiting = (Message.job == job_id, Message.state == State.PENDING)
            Message.update(not_before=now).where(*waiting, which).execute()


@Prepared
def _put_off() -> Any:
    mine = (Job.account == param("account"), Job.state.in_(sorted(MAY_RUN)), Job.dated.is_null())
    latest = queued().order_by(Message.not_before.desc(), Message.id.desc()).limit(1)
    return Job.select(Job.id).where(*mine, peewee.Expression(latest, peewee.OP.GT, param("farthest")))


def queued() -> Any:
    """When the messages of a job that wait are due.

    To be asked for the first one in order, and compared: of what only has to exist PostgreSQL makes a join, which may
    begin with all messages.
    """
    return Message.select(Message.not_before).where(Message.job == Job.id, Message.state == State.PENDING.value)


@Prepared
def _scheduled() -> Any:
    return Job.select(Job.id).where(
        Job.account == param("account"), Job.state == JobState.SCHEDULED.value, Job.schedule_at <= param("now")
    )


def _open(job_id: int, now: int) -> None:
    sources, target = JOB_MOVES["open"]
    with write():
        due = (Job.state.in_(sources), Job.schedule_at <= now)  # it may have been moved since
        if Job.update(state=target).where(Job.id == job_id, *due).execute():
            job_moves.tell(job_id, "open", "sender", now)
            after_commit(partial(log.info, "job.opened", job_id=job_id))
            counters.end_if_done(job_id, now)  # if everything was decided before its start time


def _job_with_work(known_only: bool, *columns: Any) -> Any:
    """The runnable job of the account that has a message due and has waited longest for its turn."""
    waiting = queued().where(Message.known, eligibility.known(Message)) if known_only else queued()
    first = waiting.order_by(Message.not_before, Message.id).limit(1)
    due = peewee.Expression(first, peewee.OP.LTE, param("now"))
    return (
        Job.select(*columns)
        .where(Job.account == param("account"), Job.state.in_(sorted(MAY_RUN)), *allowed(), due)
        .order_by(_had_its_turn(), Job.id)
        .limit(1)
    )


def allowed() -> tuple[Any, ...]:
    """Whether the sender takes the job now: it waits for nobody, see `interruptions`, and nothing holds it back."""
    return Job.unconfirmed.is_null(), _taken(), _open_now()


def _taken() -> Any:
    """Whether the sender takes the job at all, see Takes."""
    made = Job.for_dry_run.in_((param("made_for"), param("or_rather")))
    return made & Job.dry_run.in_((False, param("begun")))


def _had_its_turn() -> Any:
    """When the job last had its turn. A time in the future counts as never; otherwise all others would go first until
    then."""
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
    return locked(due.where(Message.known, eligibility.known(Message)) if known_only else due, skip=True)


def _uncounted(job: Job, limit: int, now: int, rules: pacing.Rules) -> list[Message]:
    """The job's messages that are due to people who do not count towards the limit of their business: from these
    people to their messages, however many wait."""
    span = {"since": now - pacing.DAY_MS, "ahead": now + AHEAD_MS}
    wrote = {row[0] for row in _wrote(account=job.account, **span).fetchall()}
    turn = now // LOOK_FOR_WRITERS_MS  # of many who count already some at each look, others at the next
    waiting = sorted(wrote | portfolios.some_counted(rules.portfolio, LOOKED_FOR, turn, now))
    found: list[Message] = []
    while waiting and len(found) < limit:
        people = [{"account": job.account, "person": person} for person in waiting[: eligibility.LOOKED_UP]]
        del waiting[: eligibility.LOOKED_UP]
        found += rows_of(Message, _due_to.for_all(people, job=job.id, now=now, limit=limit - len(found)))
    return sorted(found, key=lambda message: message.id)


@Prepared
def _wrote() -> Any:
    span = (LastWrote.at > param("since"), LastWrote.at <= param("ahead"))
    return LastWrote.select(LastWrote.person).where(LastWrote.account == param("account"), *span)


@Prepared
def _due_to() -> Any:
    # Job and state are no plain columns, and the account is one of the values, so that no index but that of people can
    # be begun with: the others lead through all that waits.
    waits = (Message.job + 0 == param("job"), peewee.fn.COALESCE(Message.state, "") == State.PENDING.value)
    given = Given(account=Message.account, person=Message.person)
    theirs = (Message.account == given["account"], Message.person == given["person"])
    due = Message.select().from_(Message, given.rows).where(*theirs, *waits, Message.not_before <= param("now"))
    due = due.limit(param("limit"))
    return due.for_update(of=Message, skip_locked=True) if on_postgres() else due


def _room_of_account(account: str, limit: int, in_hand: int, now: int, rules: pacing.Rules) -> int:
    """How many of `limit` messages the account's caps allow; that they allow one is known."""
    if limit + in_hand <= 1:
        return limit
    left = [cap - handovers.count(account, now - window_ms, now) for cap, window_ms, _ in rules.windows()]
    return max(min([limit, *(room - in_hand for room in left)]), 0)


def _room(job: Job, limit: int, now: int, rules: pacing.Rules) -> int:
    """How many of the job's messages may be claimed now. At 0 it is put aside until its window or cap opens, or until
    the message before its own pause has left, so that another job gets the turn."""
    one_by_one = not rules.paced and pacing.pauses(False, job.delay_max_ms, job.own_delays)
    if not job.window and not job.daily_cap and not one_by_one:
        return limit
    terms = eligibility.terms(job.window, job.daily_cap)
    opens = eligibility.job_opening(job.id, job.account, terms, now, rules.zone)
    room = min(limit, 1 - job.claimed) if one_by_one else limit
    if opens.at <= now and job.daily_cap:
        left = handovers.count(job.account, now - pacing.DAY_MS, now, job.id)
        room = min(room, job.daily_cap - left - job.claimed)
    if opens.at > now or room <= 0:  # the last messages under the cap are in hand: their outcome is known soon
        _put_aside(id=job.id, at=max(opens.at, now + LOOK_AGAIN_MS), zone=rules.zone)
        return 0
    return room


@Prepared
def _put_aside() -> Any:
    return Job.update(opens_at=param("at"), opens_zone=param("zone")).where(Job.id == param("id"))


def _next_job(known_only: bool, skip: bool, account: str, now: int, zone: str, takes: Takes) -> Job | None:
    values = {"account": account, "now": now, "zone": zone, "farthest": now + FARTHEST_MS, **takes.values()}
    return next(iter(rows_of(Job, _turn(known_only, skip, **values))), None)


def _due_of(job: Job, limit: int, now: int, known_only: bool, rules: pacing.Rules, in_hand: int) -> list[Message]:
    """The job's messages that are due, at most `limit`. Where its business may not begin to write to more people, those
    to people who do not count towards that; where nobody of them is left, the job is put aside."""
    room = portfolios.room(rules.portfolio, now)
    left = limit if room is None else min(max(room - in_hand, 0), limit)
    rows = rows_of(Message, _next_due(known_only, job=job.id, now=now, limit=limit)) if left else []
    if left < limit and rows:
        rows = eligibility.fitting(rows, left, now, rules)
    if left or rows or room is None:
        return rows
    rows = _uncounted(job, limit, now, rules)
    if not rows:
        opens = portfolios.opens_at(rules.portfolio, now) or now
        at = min(max(opens, now + LOOK_AGAIN_MS), now + LOOK_FOR_WRITERS_MS)
        _put_aside(id=job.id, at=at, zone=rules.zone)
    return rows


def _claim_from(
    job: Job, rows: list[Message], now: int, lease_until: int, token: str, rules: pacing.Rules
) -> list[Message]:
    barred = eligibility.barred(job, rows, now, rules)
    refused = {row.id: _too_late(row, now) or eligibility.repeated(row) or barred.get(row.id) for row in rows}
    kept: list[Message] = []
    bulk = Bulk("sender", {job.id: job.tally_ms})
    for row in rows:
        row.job = job
        if why := refused[row.id]:
            bulk.move(row, "skip", why, now, {"error": why})
        else:
            lease = {"lease": token, "lease_until": lease_until}
            bulk.move(row, "claim", None, now, {"attempts": row.attempts + 1, **lease})
            kept.append(row)
    bulk.write(now)
    sources, target = JOB_MOVES["begin"]
    begins = bool(kept) and job.state in sources
    _take_turn(bool(kept), id=job.id, now=now)
    if begins:
        job.state = target
        job_moves.tell(job.id, "begin", "sender", now)
        after_commit(partial(log.info, "job.began", job_id=job.id))
    return kept


def _too_late(message: Message, now: int) -> Refusal | None:
    """Why it is of no use any more."""
    return refusal(Passed.TOO_LATE) if message.not_after is not None and message.not_after < now else None


@Prepared
def _take_turn(begins: bool) -> Any:
    changes = {"claimed_at": param("now"), "started_at": peewee.fn.COALESCE(Job.started_at, param("now"))}
    if begins:
        changes["state"] = peewee.Value(JOB_MOVES["begin"][1].value)
    return Job.update(changes).where(Job.id == param("id"))
