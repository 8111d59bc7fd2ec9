"""How a job is doing: its status, what it waits for, and when it will be done."""

from __future__ import annotations

from dataclasses import dataclass

import peewee

from daemon.accounts import directory, handovers, pace, pacing
from daemon.accounts import limits as account_limits
from daemon.config import Settings
from daemon.db.proxy import tuples
from daemon.delivery import eligibility
from daemon.models import Account, Job
from daemon.states import MAY_RUN, AccountState, JobState, State

WAITING = "waiting_for_login"


@dataclass(frozen=True)
class Progress:
    """A job as `GET /status/{id}` shows it; each message is counted once, in the state it is in. Times are UTC ms.

    status: as stored, or WAITING; code: why it waits, for a program. next_reason: what the next message waits for;
    eta: when the job will be done. waits_until: when what its account waits for ends, where that is known.
    dry_run: messages of it went to a transport that sends nothing, so that "sent" is not.
    """

    job_id: int
    name: str
    status: str
    reason: str | None
    code: str | None
    waits_until: int | None
    dry_run: bool
    account: str
    total: int
    pending: int
    claimed: int
    sending: int
    accepted: int
    sent: int
    delivered: int
    read: int
    expired: int
    failed: int
    uncertain: int
    skipped: int
    cancelled: int
    next_send_at: int | None
    next_reason: str | None
    eta: int | None
    schedule_at: int | None
    created_at: int
    started_at: int | None
    completed_at: int | None


def progress(settings: Settings, found: Job, now: int) -> Progress:
    """The job's present state."""
    account = Account.get_or_none(Account.name == found.account)
    status, reason = _derive(settings, found, account, now)
    refused = _refused(settings, found, account) if found.state in MAY_RUN else None
    waits = found.state in MAY_RUN and (not directory.can_send(account, now) or refused is not None)
    limits = account_limits.own_rules(account, account_limits.rules(settings))
    active = found.state in MAY_RUN and found.pending > 0
    opens = _opening(found, now, limits) if active else None
    eta = _eta(settings, found, now, limits, opens) if opens is not None else None
    told = opens if opens and _tells(status, opens) else None
    return Progress(
        job_id=found.id,
        name=found.name,
        status=status,
        reason=reason,
        code=(refused or code(account, now)) if waits else None,
        waits_until=_until(account, now) if waits else None,
        account=found.account,
        dry_run=found.dry_run,
        total=found.total,
        next_send_at=told.at if told else None,
        next_reason=told.why if told else None,
        eta=None if waits else eta,
        schedule_at=found.schedule_at,
        created_at=found.created_at,
        started_at=found.started_at,
        completed_at=found.completed_at,
        **{state.value: getattr(found, state.value) for state in State},
    )


def _tells(status: str, opens: pacing.Opening) -> bool:
    """Whether to show what the job waits for: before it has begun, only its own window and cap."""
    own = opens.why in (pacing.Why.JOB_WINDOW, pacing.Why.JOB_CAP)
    return status == JobState.RUNNING or (status == JobState.PENDING and own)


def _opening(found: Job, now: int, limits: pacing.Rules) -> pacing.Opening:
    """When the account and the job's own limits allow its next message, ignoring turns between jobs."""
    opens = pace.opening(found.account, now, limits)
    if not found.window and not found.daily_cap:
        return opens
    own = eligibility.job_opening(found, max(now, opens.at), limits.zone)
    return own if own.at > max(now, opens.at) else opens


def _eta(settings: Settings, found: Job, now: int, limits: pacing.Rules, opens: pacing.Opening) -> int | None:
    streak, slow = directory.pace(found.account, now)
    limits = pacing.narrowed(limits, eligibility.terms(found))
    own = found.id if found.daily_cap else None
    done = handovers.by_minute(found.account, now - pacing.DAY_MS, now, own) if limits.windows() else []
    sends = account_limits.send_ms(settings, found.account)
    delays = pacing.with_send(pacing.slowed((found.delay_min_ms, found.delay_max_ms), slow), sends)
    last = pacing.eta(found.pending, opens, delays, streak, limits, done)
    return None if last is None else last + sends


DRY_RUN = "dry_run"
WAS_DRY_RUN = "was_dry_run"
REFUSED = {
    DRY_RUN: "This account's sender is a dry run, and this campaign was made to be sent: it waits for a real sender.",
    WAS_DRY_RUN: "A dry run has begun this campaign, so it is never sent: duplicate it to send it.",
}


def _refused(settings: Settings, found: Job, account: Account | None) -> str | None:
    """Why the account's sender leaves the job alone, see `claim.Takes`; None where it does not."""
    if account is None:
        return None
    if account.dry_run:
        return None if found.for_dry_run or settings.dryrun_takes_all else DRY_RUN
    return WAS_DRY_RUN if found.dry_run else None


def _derive(settings: Settings, found: Job, account: Account | None, now: int) -> tuple[str, str | None]:
    """`waiting_for_login` is never stored: it is what a job that may run is while its account cannot send."""
    if found.state not in MAY_RUN:
        return found.state, found.reason
    if account is None:
        state = WAITING if found.state == JobState.RUNNING else found.state
        return state, f"No sender drives {found.account}: start one for this account."
    if refused := _refused(settings, found, account):
        return WAITING, REFUSED[refused]
    if directory.can_send(account, now):
        return found.state, found.reason
    return WAITING, explain(account, now)


def _to_link(account: Account) -> str:
    return "enter the code on the phone." if account.link_code else "scan the QR code with the phone."


def explain(account: Account, now: int) -> str:
    """Why the account cannot send, as a sentence for a person."""
    if not directory.alive(account, now):
        return f"The sender of account {account.name} is not running."
    words = {
        AccountState.STARTING: "The sender is starting its browser.",
        AccountState.LOADING: "WhatsApp Web is loading.",
        AccountState.NEEDS_LINK: f"WhatsApp is not linked: {_to_link(account)}",
        AccountState.OFFLINE: "WhatsApp's servers cannot be reached; sending resumes when they can.",
        AccountState.BANNED: "WhatsApp has temporarily banned this account.",
    }
    text = words.get(
        AccountState(account.state), f"The account is on hold: {(account.hold or 'unknown').replace('_', ' ')}."
    )
    goes_on = "People it has messaged before still get their messages." if account.known_chats else ""
    return " ".join(filter(None, (text, account.detail, goes_on)))


def _until(account: Account | None, now: int) -> int | None:
    """When the account's hold ends; None where nobody knows, and where there is none."""
    if account is None or not directory.alive(account, now) or (account.until or 0) <= now:
        return None
    return account.until


def code(account: Account | None, now: int) -> str:
    """Why the account cannot send, for a program: its state, `held.` with the hold, `no_sender` or `sender_stopped`."""
    if account is None:
        return "no_sender"
    if not directory.alive(account, now):
        return "sender_stopped"
    return f"held.{account.hold or 'unknown'}" if account.state == AccountState.HELD else str(account.state)


def totals() -> dict[str, int]:
    """How many messages are in each state, by the jobs' counters."""
    (sums,) = tuples(Job.select(*(peewee.fn.SUM(getattr(Job, state.value)) for state in State)))
    return {state.value: int(count or 0) for state, count in zip(State, sums, strict=True)}


def job_totals() -> dict[str, int]:
    """How many jobs are in each stored state."""
    counted = dict(tuples(Job.select(Job.state, peewee.fn.COUNT(Job.id)).group_by(Job.state)))
    return {state.value: counted.get(state.value, 0) for state in JobState}
