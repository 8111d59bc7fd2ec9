"""What a job may do: create, pause, resume, stop, retry; and what is known of it: progress, ETA, report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import peewee
import structlog

from daemon import accounts, contacts, errors, outbox, pacing, render, uploads
from daemon.config import ACCOUNT_NAME, Settings
from daemon.db import after_commit, locked, now_ms, tuples, write
from daemon.models import (
    JOB_MOVES,
    MAY_RUN,
    OPEN,
    Account,
    Answer,
    Event,
    Job,
    JobState,
    Message,
    State,
    Suppression,
)
from daemon.transports import AccountState

log = structlog.get_logger()

WAITING = "waiting_for_login"
MAX_DELAY_S = 24 * 3600
LEAST_TIME_MS = 100_000_000_000  # of 1973: below it somebody has given seconds, and would send at once
MAX_ATTACHMENTS = 30  # WhatsApp's limit for one pick, whatsapp-web.md §7
PAGE = 100
MEDIA = frozenset({"photo", "video"})


@dataclass(frozen=True)
class Order:
    """What a caller asks for: who gets which message, when and how fast. Exactly one source of recipients.

    delay_*: seconds, None for the settings' pace. schedule_at: UTC epoch ms. key: the Idempotency-Key.
    """

    text: str
    numbers: Sequence[object] | None = None
    recipients: Sequence[Mapping[str, object]] | None = None
    upload_id: str | None = None
    attachments: Sequence[str] = ()
    delay_min: float | None = None
    delay_max: float | None = None
    name: str | None = None
    account: str | None = None
    schedule_at: int | None = None
    key: str | None = None


@dataclass
class Audience:
    """The people an order is for. place: what a rejected row's position is called."""

    people: list[contacts.Contact]
    rejected: list[list[Any]]
    duplicates: int
    place: str
    source: str = ""
    note: str = ""
    columns: list[str] = field(default_factory=list)


def rules(settings: Settings) -> pacing.Rules:
    """The settings' limits as pacing takes them."""
    return pacing.Rules(
        long_pause_every=settings.long_pause_every,
        long_pause_ms=(round(settings.long_pause_min * 1000), round(settings.long_pause_max * 1000)),
        hourly_cap=settings.hourly_cap,
        daily_cap=settings.daily_cap,
        quiet=settings.quiet,
        zone=settings.timezone,
    )


def create(settings: Settings, order: Order, who: str) -> dict[str, Any]:
    """Check everything, then queue one message for each recipient, all or nothing.

    Returns the API's answer; a repeat with the same Idempotency-Key gets the first one.
    Raises InvalidInput (nobody left to write to, a mistake in the text…), NotFound, KeyReused.
    """
    digest = hashlib.sha256(json.dumps(order.__dict__, sort_keys=True, default=str).encode()).hexdigest()
    if order.key and (answer := _answered(order.key, digest)) is not None:
        return answer
    if order.account is not None and not ACCOUNT_NAME.fullmatch(order.account):
        raise errors.InvalidInput("account is the name of an account: letters, digits, - and _ (32 at most).")
    if order.schedule_at is not None and order.schedule_at < LEAST_TIME_MS:
        raise errors.InvalidInput("schedule_at is in milliseconds since 1970, or a date such as 2030-01-31T09:00:00Z.")
    audience = _audience(settings, order)
    delays = _delays(settings, order)
    _check_text(order, audience)
    try:
        return _store(settings, order, audience, delays, digest, who)
    except peewee.IntegrityError:  # on PostgreSQL the same request may get as far as this twice at once
        if order.key and (answer := _answered(order.key, digest)) is not None:
            return answer
        raise


def _store(
    settings: Settings, order: Order, audience: Audience, delays: tuple[int, int], digest: str, who: str
) -> dict[str, Any]:
    now = now_ms()
    scheduled = order.schedule_at is not None and order.schedule_at > now
    with write():
        if order.key and (answer := _answered(order.key, digest)) is not None:
            return answer
        job = Job.create(
            account=order.account or settings.account,
            name=((order.name or "").strip() or audience.source or "Campaign")[:120],
            text=order.text,
            attachments=list(order.attachments),
            state=JobState.SCHEDULED if scheduled else JobState.PENDING,
            delay_min_ms=delays[0],
            delay_max_ms=delays[1],
            schedule_at=order.schedule_at,
            created_at=now,
            total=0,
            columns=audience.columns,
            rejected=audience.rejected,
        )
        outbox.enqueue(job, audience.people, who, now)
        answer = {
            "success": True,
            "message": "The job is scheduled." if scheduled else "The job is queued.",
            "job_id": job.id,
            "total_numbers": len(audience.people),
            "duplicates_removed": audience.duplicates,
            "rejected": uploads.rejected_rows(audience.rejected, audience.place),
            "note": audience.note or _note(job.account, now),
        }
        if order.key:
            Answer.create(key=order.key, request=digest, response=answer, created_at=now)
        counts = {"total": len(audience.people), "duplicates": audience.duplicates}
        after_commit(
            partial(
                log.info, "job.created", account=job.account, job_id=job.id, rejected=len(audience.rejected), **counts
            )
        )
    return answer


def _answered(key: str, digest: str) -> dict[str, Any] | None:
    row = Answer.get_or_none(Answer.key == key)
    if row is None:
        return None
    if row.request != digest:
        raise errors.KeyReused("This Idempotency-Key was used for a different request: use a new key for a new job.")
    answer: dict[str, Any] = row.response
    return answer


def _audience(settings: Settings, order: Order) -> Audience:
    given = [source for source in (order.numbers, order.recipients, order.upload_id) if source is not None]
    if len(given) != 1:
        raise errors.InvalidInput("Give the recipients once: as numbers, as recipients, or as upload_id.")
    if order.upload_id is not None:
        upload = uploads.find(order.upload_id)
        people = [contacts.Contact(row, number, fields) for row, number, fields in upload.contacts]
        rejected, duplicates, place = upload.rejected, upload.duplicates, "row"
        source, columns, note = upload.filename, upload.columns, ""
    else:
        values: Sequence[object] = order.numbers if order.numbers is not None else order.recipients or ()
        found = contacts.parse_numbers(values, settings.default_country)
        people = found.contacts
        rejected = [[r.position, r.value, r.reason] for r in found.rejected]
        duplicates, place, source, columns, note = found.duplicates, "index", "", found.columns, ""
    if not people:
        reasons = "; ".join(f"{place} {position}: {reason}" for position, _, reason in rejected[:3])
        raise errors.InvalidInput("There is nobody to write to. " + (reasons or "Add at least one telephone number."))
    return Audience(people, rejected, duplicates, place, source, note, columns)


def _delays(settings: Settings, order: Order) -> tuple[int, int]:
    low = settings.delay_min if order.delay_min is None else order.delay_min
    high = max(low, settings.delay_max) if order.delay_max is None else order.delay_max
    if order.delay_min is None:
        low = min(low, high)
    if not 0 <= low <= high <= MAX_DELAY_S:
        raise errors.InvalidInput(f"delay_min and delay_max are seconds, 0 to {MAX_DELAY_S}, the smaller one first.")
    return round(low * 1000), round(high * 1000)


def _check_text(order: Order, audience: Audience) -> None:
    """Everything about the message that could go wrong later goes wrong here, before anybody got it."""
    if len(order.attachments) > MAX_ATTACHMENTS:
        raise errors.InvalidInput(f"A message takes up to {MAX_ATTACHMENTS} attachments.")
    kinds = {row.kind for row in uploads.attachments(order.attachments)}
    if len(kinds) > 1 and not kinds <= MEDIA:
        raise errors.InvalidInput(
            "Photos and videos can go together; other kinds of attachments cannot be mixed in one message."
        )
    if not order.text.strip() and not order.attachments:
        raise errors.InvalidInput("The message is empty: write a text or add an attachment.")
    if order.text.strip():
        limit = render.MAX_CAPTION if order.attachments else render.MAX_TEXT
        render.check(order.text, audience.people, limit)


def _note(account: str, now: int) -> str:
    row = Account.get_or_none(Account.name == account)
    if accounts.can_send(row, now):
        return f"Account {account} is linked: sending begins at once, at its pace."
    return f"Sending begins by itself once account {account} can send: GET /accounts/{account} says what it waits for."


def job(job_id: int) -> Job:
    """The job by that id. Raises NotFound."""
    return _job(Job.select().where(Job.id == job_id), job_id)


def _job_to_move(job_id: int) -> Job:
    """The job, and nobody else moves it or its messages until the transaction ends. Raises NotFound."""
    return _job(locked(Job.select().where(Job.id == job_id)), job_id)


def _job(query: Any, job_id: int) -> Job:
    row = query.first()
    if row is None:
        raise errors.NotFound(f"There is no job {job_id}: GET /jobs lists them.")
    found: Job = row
    return found


def pause(job_id: int, who: str) -> Job:
    """Stop claiming; the message in hand is finished. Raises NotFound, IllegalMove."""
    return _move(job_id, "pause", who)


def resume(job_id: int, who: str) -> Job:
    """Go on where it was paused, or wait for its time again. Raises NotFound, IllegalMove."""
    schedule_at = job(job_id).schedule_at
    early = schedule_at is not None and schedule_at > now_ms()
    return _move(job_id, "reschedule" if early else "resume", who)


def stop(job_id: int, who: str) -> Job:
    """End it for good: what is still queued is cancelled. Raises NotFound, IllegalMove."""
    return _move(job_id, "stop", who)


def retry(job_id: int, who: str) -> tuple[Job, int]:
    """Queue its failed messages again; returns how many. Raises NotFound, IllegalMove (none failed)."""
    with write():
        found = _job_to_move(job_id)
        if not found.failed:
            raise errors.IllegalMove(f"Job {job_id} has no failed messages to retry.")
        count = found.failed
        if found.state == JobState.COMPLETED:
            found = _move(job_id, "retry", who)
        elif found.state not in JOB_MOVES["retry"][0]:
            raise _refusal(found, "retry")
        outbox.resend_failed(found, who, now_ms())
        after_commit(partial(log.info, "job.retried", account=found.account, job_id=job_id, count=count))
    return job(job_id), count


def _move(job_id: int, name: str, who: str) -> Job:
    sources, target = JOB_MOVES[name]
    now = now_ms()
    with write():
        found = _job_to_move(job_id)
        if found.state not in sources:
            raise _refusal(found, name)
        changes: dict[str, Any] = {"state": target, "completed_at": now if target is JobState.STOPPED else None}
        Job.update(**changes).where(Job.id == job_id).execute()
        if target is JobState.STOPPED:
            outbox.cancel_pending(found, who, now)
        after_commit(partial(log.info, MOVED[name], account=found.account, job_id=job_id, who=who))
    return job(job_id)


MOVED = {
    "pause": "job.paused",
    "resume": "job.resumed",
    "reschedule": "job.resumed",
    "stop": "job.stopped",
    "retry": "job.reopened",
}


def _refusal(found: Job, name: str) -> errors.IllegalMove:
    hint = {
        JobState.STOPPED: "a stopped job stays stopped; create a new one for those who are left",
        JobState.COMPLETED: "nobody is left to send to",
        JobState.PAUSED: "resume it instead",
        JobState.SCHEDULED: "it begins by itself at its time",
    }.get(JobState(found.state), "it goes on by itself, also after a login")
    verb = "resume" if name == "reschedule" else name
    return errors.IllegalMove(f"Job {found.id} is {found.state}, so it cannot {verb}: {hint}.")


def progress(settings: Settings, found: Job) -> dict[str, Any]:
    """The job as `GET /status/{id}` shows it; each message is counted once, in the state it is in."""
    now = now_ms()
    account = Account.get_or_none(Account.name == found.account)
    status, reason = _derive(found, account, now)
    limits = rules(settings)
    active = found.state in MAY_RUN and found.pending > 0
    opens = outbox.opening(found.account, now, limits) if active else None
    eta = None
    if opens is not None:
        streak, slow = accounts.pace(found.account, now)
        done = _handed_over(found.account, now) if limits.windows() else []
        delays = pacing.slowed((found.delay_min_ms, found.delay_max_ms), slow)
        eta = pacing.eta(found.pending, opens, delays, streak, limits, done)
    return {
        "job_id": found.id,
        "name": found.name,
        "status": status,
        "reason": reason,
        "account": found.account,
        "total": found.total,
        **{state.value: getattr(found, state.value) for state in State},
        "next_send_at": opens.at if opens and status == JobState.RUNNING else None,
        "next_reason": opens.why if opens and status == JobState.RUNNING else None,
        "eta": eta if status != WAITING else None,
        "schedule_at": found.schedule_at,
        "created_at": found.created_at,
        "started_at": found.started_at,
        "completed_at": found.completed_at,
    }


def _handed_over(account: str, now: int) -> list[int]:
    query = Message.select(Message.submitted_at).where(
        Message.account == account, Message.submitted_at > now - pacing.DAY_MS
    )
    return [row[0] for row in tuples(query.order_by(Message.submitted_at))]


def _derive(found: Job, account: Account | None, now: int) -> tuple[str, str | None]:
    """`waiting_for_login` is never stored: it is what a job that may run is while its account cannot send."""
    if found.state not in MAY_RUN:
        return found.state, found.reason
    if account is None:
        state = WAITING if found.state == JobState.RUNNING else found.state
        return state, f"No sender has started for account {found.account}."
    if accounts.can_send(account, now):
        return found.state, found.reason
    return WAITING, explain(account, now)


def explain(account: Account, now: int) -> str:
    """Why the account cannot send, as a sentence for a person."""
    if not accounts.alive(account, now):
        return f"The sender of account {account.name} does not run."
    words = {
        AccountState.STARTING: "The sender is starting its browser.",
        AccountState.LOADING: "WhatsApp Web is loading.",
        AccountState.NEEDS_LINK: "WhatsApp is not linked: scan the QR code with the phone.",
        AccountState.OFFLINE: "WhatsApp's servers cannot be reached; sending goes on when they can.",
        AccountState.BANNED: "WhatsApp has banned this account for now.",
    }
    text = words.get(
        AccountState(account.state), f"The account is held: {(account.hold or 'unknown').replace('_', ' ')}."
    )
    goes_on = "People it has written to before still get their messages." if account.known_chats else ""
    return " ".join(filter(None, (text, account.detail, goes_on)))


def jobs(cursor: int | None, limit: int = PAGE) -> tuple[list[Job], int | None]:
    """Jobs, newest first, from below the cursor; and the cursor of the next page."""
    query = Job.select().order_by(Job.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(Job.id < cursor)
    rows = list(query)
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def messages(job_id: int, state: str | None, cursor: int | None, limit: int = PAGE) -> tuple[list[Message], int | None]:
    """A job's messages in file order, from behind the cursor; and the cursor of the next page."""
    job(job_id)
    query = Message.select().where(Message.job == job_id).order_by(Message.id).limit(limit + 1)
    if state is not None:
        if state not in set(State):
            raise errors.InvalidInput(f"state is one of {', '.join(State)}.")
        query = query.where(Message.state == state)
    if cursor is not None:
        query = query.where(Message.id > cursor)
    rows = list(query)
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def messages_everywhere(state: str, cursor: int | None, limit: int = PAGE) -> tuple[list[Message], int | None]:
    """Messages of all jobs in one state, oldest first, from behind the cursor; and the cursor of the next page."""
    if state not in set(State):
        raise errors.InvalidInput(f"state is one of {', '.join(State)}.")
    jobs_with_any = Job.select(Job.id).where(getattr(Job, state) > 0)
    query = Message.select(Message, Job).join(Job).where(Message.job.in_(jobs_with_any), Message.state == state)
    if cursor is not None:
        query = query.where(Message.id > cursor)
    rows = list(query.order_by(Message.id).limit(limit + 1))
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def message(message_id: int) -> tuple[Message, list[Event]]:
    """One message and its history, oldest first. Raises NotFound."""
    row = Message.get_or_none(Message.id == message_id)
    if row is None:
        raise errors.NotFound(f"There is no message {message_id}.")
    return row, list(Event.select().where(Event.message == message_id).order_by(Event.id))


def settle(message_id: int, sent: bool, who: str) -> Message:
    """A person's decision on an uncertain message: it was sent, or it is sent again. Raises IllegalMove."""
    with write():
        found = _job_to_move(message(message_id)[0].job_id)
        row, _ = message(message_id)
        if row.state != State.UNCERTAIN:
            raise errors.IllegalMove(f"Message {message_id} is {row.state}; only an uncertain one needs a decision.")
        if not sent:
            if found.state == JobState.COMPLETED:
                _move(found.id, "retry", who)
            elif found.state == JobState.STOPPED:
                raise _refusal(found, "send again")
        outbox.decide(row, "settle" if sent else "resend", who, now_ms())
    return row


def suppressions() -> list[dict[str, Any]]:
    """Everyone who must not be written to, newest first."""
    rows = Suppression.select().order_by(Suppression.created_at.desc(), Suppression.number)
    return [_describe(row) for row in rows]


def _describe(row: Suppression) -> dict[str, Any]:
    return {"number": row.number, "reason": row.reason, "source": row.source, "created_at": row.created_at}


def _one_number(settings: Settings, number: str) -> str:
    """The number as `create` reads one: whoever can be written to can be suppressed. Raises InvalidNumber."""
    found = contacts.parse_numbers([number], settings.default_country)
    if found.rejected:
        raise errors.InvalidNumber(found.rejected[0].reason)
    return found.contacts[0].number


def suppress(settings: Settings, number: str, reason: str, who: str) -> dict[str, Any]:
    """Never write to this number again: from when this returns nothing more is handed over. Raises InvalidNumber."""
    row = {
        "number": _one_number(settings, number),
        "reason": reason,
        "source": who,
        "created_at": now_ms(),
    }
    with write():
        Suppression.insert(**row).on_conflict_ignore().execute()
        # Wait for those who have looked at the list and not yet committed that they send: they hold their job.
        list(locked(Job.select(Job.id).where(Job.state.in_(OPEN)).order_by(Job.id)))
        return _describe(Suppression.get_by_id(row["number"]))


def unsuppress(settings: Settings, number: str) -> None:
    """Take a number off the list. Raises InvalidNumber, NotFound."""
    plain = _one_number(settings, number)
    with write():
        if not Suppression.delete().where(Suppression.number == plain).execute():
            raise errors.NotFound("This number is not on the suppression list.")


def totals() -> dict[str, int]:
    """How many messages are in each state, by the jobs' counters."""
    (sums,) = tuples(Job.select(*(peewee.fn.SUM(getattr(Job, state.value)) for state in State)))
    return {state.value: int(count or 0) for state, count in zip(State, sums, strict=True)}


def job_totals() -> dict[str, int]:
    """How many jobs are in each stored state."""
    counted = dict(tuples(Job.select(Job.state, peewee.fn.COUNT(Job.id)).group_by(Job.state)))
    return {state.value: counted.get(state.value, 0) for state in JobState}
