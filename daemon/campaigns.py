"""What a job may do: create, pause, resume, stop, retry; and what is known of it: progress, ETA, report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import peewee
import structlog

from daemon import accounts, contacts, errors, handovers, outbox, pacing, recipients, render, uploads
from daemon.config import ACCOUNT_NAME, Settings
from daemon.db import after_commit, locked, now_ms, tuples, write
from daemon.models import (
    JOB_MOVES,
    MAY_RUN,
    Account,
    Answer,
    Event,
    Job,
    JobState,
    KeyScope,
    Kind,
    Message,
    State,
)
from daemon.transports import AccountState

log = structlog.get_logger()

WAITING = "waiting_for_login"
MAX_DELAY_S = 24 * 3600
LEAST_TIME_MS = 100_000_000_000  # of 1973: below it somebody has given seconds, and would send at once
MAX_DAILY_CAP = 1_000_000
MAX_ATTACHMENTS = 30  # WhatsApp's limit for one pick, whatsapp-web.md §7
PAGE = 100
ANSWERS_MS = 7 * pacing.DAY_MS
UNASKED = frozenset({"audience", "scope", "kind", "cloned_from"})  # what no request says
MEDIA = frozenset({"photo", "video"})


@dataclass(frozen=True)
class Order:
    """What a caller asks for: who gets which message, when and how fast. Exactly one source of recipients.

    delay_*: seconds, None for the settings' pace. schedule_at: UTC epoch ms. key: the Idempotency-Key; scope: who
    gives it, so that no caller can give one of the page's own, whatever they write.
    window: such as 09:00-18:00, in the account's zone. daily_cap: most messages of this job in 24 hours.
    audience: people who were chosen before (a draft's dry run), beside whom the key does not look at anything.
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
    window: str | None = None
    daily_cap: int | None = None
    audience: Audience | None = None
    key: str | None = None
    scope: KeyScope = KeyScope.SEND
    kind: Kind = Kind.CAMPAIGN
    cloned_from: int | None = None


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


@dataclass(frozen=True)
class Checked:
    """An order that can be stored as it is: who gets it, and the pace (ms)."""

    order: Order
    audience: Audience
    delays: tuple[int, int]


def rules(settings: Settings) -> pacing.Rules:
    """The settings' limits as pacing takes them."""
    return pacing.Rules(
        long_pause_every=settings.long_pause_every,
        long_pause_ms=(round(settings.long_pause_min * 1000), round(settings.long_pause_max * 1000)),
        hourly_cap=settings.hourly_cap,
        daily_cap=settings.daily_cap,
        quiet=settings.quiet,
        zone=settings.timezone,
        person_cap=settings.person_cap[0],
        person_window_ms=settings.person_cap[1] * pacing.DAY_MS,
    )


def rules_of(settings: Settings, account: str) -> pacing.Rules:
    """What limits that account: its own limits, and the settings' where it has none."""
    return accounts.own_rules(Account.get_or_none(Account.name == account), rules(settings))


def create(settings: Settings, order: Order, who: str) -> dict[str, Any]:
    """Check everything, then queue one message for each recipient, all or nothing.

    Returns the API's answer; a repeat with the same Idempotency-Key gets the first one.
    Raises InvalidInput (nobody left to write to, a mistake in the text…), NotFound, KeyReused.
    """
    if (answer := _answered(order)) is not None:
        return answer
    checked = check(settings, order)
    try:
        return store(settings, checked, who)
    except peewee.IntegrityError:  # on PostgreSQL the same request may get as far as this twice at once
        if (answer := _answered(order)) is not None:
            return answer
        raise


def check(settings: Settings, order: Order) -> Checked:
    """Find everything that is wrong with an order before anything is stored, and outside of a transaction: with many
    people it takes a while. Raises as `create`.
    """
    if order.account is not None and not ACCOUNT_NAME.fullmatch(order.account):
        raise errors.InvalidInput("account is the name of an account: letters, digits, - and _ (32 at most).")
    if order.schedule_at is not None and order.schedule_at < LEAST_TIME_MS:
        raise errors.InvalidInput("schedule_at is in milliseconds since 1970, or a date such as 2030-01-31T09:00:00Z.")
    _check_terms(order)
    audience = _audience(settings, order)
    delays = _delays(settings, order)
    _check_text(settings, order, audience)
    return Checked(order, audience, delays)


def _digest(order: Order) -> str:
    """What makes a request the same one again."""
    asked = {name: value for name, value in order.__dict__.items() if name not in UNASKED}
    for name in ("window", "daily_cap"):  # unknown to the versions that kept the digests of earlier requests
        if asked[name] is None:
            del asked[name]
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()


def _check_terms(order: Order) -> None:
    try:
        pacing.window(order.window)
    except ValueError:
        raise errors.InvalidInput("window is written as 09:00-18:00, two different times.") from None
    if order.daily_cap is not None and not 0 <= order.daily_cap <= MAX_DAILY_CAP:
        raise errors.InvalidInput(f"daily_cap is a number of messages, 0 (no cap) to {MAX_DAILY_CAP:,}.")


def store(settings: Settings, checked: Checked, who: str) -> dict[str, Any]:
    """Make the job and queue its messages, in one transaction; returns the API's answer. Raises KeyReused."""
    order, audience, delays = checked.order, checked.audience, checked.delays
    now = now_ms()
    scheduled = order.schedule_at is not None and order.schedule_at > now
    with write():
        if (answer := _answered(order)) is not None:
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
            window=order.window or None,
            daily_cap=order.daily_cap or 0,
            kind=order.kind,
            cloned_from=order.cloned_from,
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
            Answer.create(scope=order.scope, key=order.key, request=_digest(order), response=answer, created_at=now)
        counts = {"total": len(audience.people), "duplicates": audience.duplicates}
        after_commit(
            partial(
                log.info, "job.created", account=job.account, job_id=job.id, rejected=len(audience.rejected), **counts
            )
        )
    return answer


def _answered(order: Order) -> dict[str, Any] | None:
    """What the same request was answered; None when it comes for the first time or has no key. Raises KeyReused."""
    row = Answer.get_or_none(Answer.scope == order.scope, Answer.key == order.key) if order.key else None
    if row is None:
        return None
    if row.request != _digest(order):
        raise errors.KeyReused("This Idempotency-Key was used for a different request: use a new key for a new job.")
    answer: dict[str, Any] = row.response
    return answer


def forget_answers(now: int) -> int:
    """Delete the answers to those requests that nobody repeats any more, as rejected numbers stand in them; returns
    how many. A started draft knows its job by itself."""
    with write():
        return int(Answer.delete().where(Answer.created_at < now - ANSWERS_MS).execute())


def _audience(settings: Settings, order: Order) -> Audience:
    if order.audience is not None and order.audience.people:
        return order.audience
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


def _check_text(settings: Settings, order: Order, audience: Audience) -> None:
    """Everything about the message that could go wrong later goes wrong here, before anybody got it."""
    own = {tuple(person.attachments) for person in audience.people if person.attachments is not None}
    for ids in {tuple(order.attachments), *own}:
        if reason := unfit([row.kind for row in uploads.intact(settings, ids)]):
            raise errors.InvalidInput(reason)
    if not order.text.strip() and not order.attachments and not own:
        raise errors.InvalidInput("The message is empty: write a text or add an attachment.")
    if order.text.strip():
        template = render.compile(order.text)
        captioned = [person for person in audience.people if files_of(person, order.attachments)]
        render.check(template, captioned, render.MAX_CAPTION)
        render.check(template, [p for p in audience.people if not files_of(p, order.attachments)], render.MAX_TEXT)


def files_of(person: contacts.Contact, common: Sequence[str]) -> Sequence[str]:
    """Ids of the attachments that this one gets, where `common` are those of all."""
    return common if person.attachments is None else person.attachments


def unfit(kinds: Sequence[str]) -> str | None:
    """Why these kinds of attachments cannot go in one message, as a sentence; None when they can."""
    if len(kinds) > MAX_ATTACHMENTS:
        return f"A message takes up to {MAX_ATTACHMENTS} attachments."
    if len(set(kinds)) > 1 and not set(kinds) <= MEDIA:
        return "Photos and videos can go together; other kinds of attachments cannot be mixed in one message."
    return None


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


def suspend(job_id: int, why: str) -> None:
    """Pause it because something of its own is missing; `why`, a sentence, says what a person has to do.

    Nothing happens where it is paused, stopped or completed already.
    """
    with write():
        found = _job_to_move(job_id)
        if found.state in JOB_MOVES["pause"][0]:
            _move(job_id, "pause", "sender", why)


def resume(job_id: int, who: str) -> Job:
    """Go on where it was paused, or wait for its time again if it has not begun. Raises NotFound, IllegalMove."""
    found = job(job_id)
    early = found.started_at is None and found.schedule_at is not None and found.schedule_at > now_ms()
    return _move(job_id, "reschedule" if early else "resume", who)


def stop(job_id: int, who: str) -> Job:
    """End it for good: what is still queued is cancelled. Raises NotFound, IllegalMove."""
    return _move(job_id, "stop", who)


def retry(job_id: int, who: str, search: str = "") -> tuple[Job, int]:
    """Queue its failed messages again, those that the text finds (`recipients.Selection`); returns how many.

    Raises NotFound, IllegalMove (none failed), InvalidInput (a text that cannot be searched for).
    """
    with write():
        found = _job_to_move(job_id)
        if not found.failed:
            raise errors.IllegalMove(f"Job {job_id} has no failed messages to retry.")
        chosen = recipients.where(found, recipients.Selection(State.FAILED, search)) if search.strip() else None
        count = found.failed if chosen is None else Message.select().where(chosen).count()
        if not count:
            raise errors.IllegalMove(f"Job {job_id} has no failed messages that this search finds.")
        if found.state == JobState.COMPLETED:
            found = _move(job_id, "retry", who)
        elif found.state not in JOB_MOVES["retry"][0]:
            raise _refusal(found, "retry")
        outbox.resend_failed(found, who, now_ms(), chosen)
        after_commit(partial(log.info, "job.retried", account=found.account, job_id=job_id, count=count))
    return job(job_id), count


def _move(job_id: int, name: str, who: str, why: str | None = None) -> Job:
    sources, target = JOB_MOVES[name]
    now = now_ms()
    with write():
        found = _job_to_move(job_id)
        if found.state not in sources:
            raise _refusal(found, name)
        ended_at = now if target is JobState.STOPPED else None
        changes: dict[str, Any] = {"state": target, "completed_at": ended_at, "reason": why}
        Job.update(**changes).where(Job.id == job_id).execute()
        if target is JobState.STOPPED:
            outbox.cancel_pending(found, who, now)
        told = {"why": why} if why else {}
        after_commit(partial(log.info, MOVED[name], account=found.account, job_id=job_id, who=who, **told))
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
    limits = accounts.own_rules(account, rules(settings))
    active = found.state in MAY_RUN and found.pending > 0
    opens = _opening(found, now, limits) if active else None
    eta = _eta(found, now, limits, opens) if opens is not None else None
    return {
        "job_id": found.id,
        "name": found.name,
        "status": status,
        "reason": reason,
        "code": code(account, now) if found.state in MAY_RUN and not accounts.can_send(account, now) else None,
        "account": found.account,
        "total": found.total,
        **{state.value: getattr(found, state.value) for state in State},
        "next_send_at": opens.at if opens and _tells(status, opens) else None,
        "next_reason": opens.why if opens and _tells(status, opens) else None,
        "eta": eta if status != WAITING else None,
        "schedule_at": found.schedule_at,
        "created_at": found.created_at,
        "started_at": found.started_at,
        "completed_at": found.completed_at,
    }


def _tells(status: str, opens: pacing.Opening) -> bool:
    """Whether what it waits for is the job's to tell: before it has begun, only what is its own."""
    own = opens.why in (pacing.Why.JOB_WINDOW, pacing.Why.JOB_CAP)
    return status == JobState.RUNNING or (status == JobState.PENDING and own)


def _opening(found: Job, now: int, limits: pacing.Rules) -> pacing.Opening:
    """When the job's next message may go out, as far as account and job are concerned; its turn aside."""
    opens = outbox.opening(found.account, now, limits)
    if not found.window and not found.daily_cap:
        return opens
    own = outbox.job_opening(found, max(now, opens.at), limits.zone)
    return own if own.at > max(now, opens.at) else opens


def _eta(found: Job, now: int, limits: pacing.Rules, opens: pacing.Opening) -> int | None:
    streak, slow = accounts.pace(found.account, now)
    limits = pacing.narrowed(limits, outbox.terms(found))
    own = found.id if found.daily_cap else None
    done = handovers.times(found.account, now - pacing.DAY_MS, now, own) if limits.windows() else []
    delays = pacing.slowed((found.delay_min_ms, found.delay_max_ms), slow)
    return pacing.eta(found.pending, opens, delays, streak, limits, done)


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


def _to_link(account: Account) -> str:
    return "enter the code on the phone." if account.link_code else "scan the QR code with the phone."


def explain(account: Account, now: int) -> str:
    """Why the account cannot send, as a sentence for a person."""
    if not accounts.alive(account, now):
        return f"The sender of account {account.name} does not run."
    words = {
        AccountState.STARTING: "The sender is starting its browser.",
        AccountState.LOADING: "WhatsApp Web is loading.",
        AccountState.NEEDS_LINK: f"WhatsApp is not linked: {_to_link(account)}",
        AccountState.OFFLINE: "WhatsApp's servers cannot be reached; sending goes on when they can.",
        AccountState.BANNED: "WhatsApp has banned this account for now.",
    }
    text = words.get(
        AccountState(account.state), f"The account is held: {(account.hold or 'unknown').replace('_', ' ')}."
    )
    goes_on = "People it has written to before still get their messages." if account.known_chats else ""
    return " ".join(filter(None, (text, account.detail, goes_on)))


def code(account: Account | None, now: int) -> str:
    """What keeps it from sending, for a program: its state, `held.` with the hold, `no_sender` or `sender_stopped`."""
    if account is None:
        return "no_sender"
    if not accounts.alive(account, now):
        return "sender_stopped"
    return f"held.{account.hold or 'unknown'}" if account.state == AccountState.HELD else str(account.state)


def jobs(cursor: int | None, limit: int = PAGE) -> tuple[list[Job], int | None]:
    """Jobs, newest first, from below the cursor; and the cursor of the next page."""
    query = Job.select().order_by(Job.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(Job.id < cursor)
    rows = list(query)
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def some_jobs(ids: Collection[int]) -> list[Job]:
    """The jobs by those ids, as far as there are any."""
    return list(Job.select().where(Job.id.in_(sorted(ids)))) if ids else []


def messages_everywhere(
    state: str, cursor: int | None, limit: int = PAGE, job_id: int | None = None
) -> tuple[list[Message], int | None]:
    """Messages of all jobs, or of one, in one state, oldest first, from behind the cursor; and the cursor of the next
    page."""
    if state not in set(State):
        raise errors.InvalidInput(f"state is one of {', '.join(State)}.")
    jobs_with_any = Job.select(Job.id).where(getattr(Job, state) > 0)
    query = Message.select(Message, Job).join(Job).where(Message.job.in_(jobs_with_any), Message.state == state)
    if cursor is not None:
        query = query.where(Message.id > cursor)
    if job_id is not None:
        query = query.where(Message.job == job_id)
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


def totals() -> dict[str, int]:
    """How many messages are in each state, by the jobs' counters."""
    (sums,) = tuples(Job.select(*(peewee.fn.SUM(getattr(Job, state.value)) for state in State)))
    return {state.value: int(count or 0) for state, count in zip(State, sums, strict=True)}


def job_totals() -> dict[str, int]:
    """How many jobs are in each stored state."""
    counted = dict(tuples(Job.select(Job.state, peewee.fn.COUNT(Job.id)).group_by(Job.state)))
    return {state.value: counted.get(state.value, 0) for state in JobState}
