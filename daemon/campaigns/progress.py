"""How a job is doing: its status, what it waits for, and when it will be done."""

from __future__ import annotations

from dataclasses import dataclass, replace

import peewee

from daemon.accounts import directory, handovers, pace, pacing, portfolios, rights
from daemon.accounts import limits as account_limits
from daemon.accounts.directory import AccountRow
from daemon.campaigns import gone
from daemon.campaigns.refusals import Stands
from daemon.campaigns.rows import JobRow
from daemon.config import Settings
from daemon.db.proxy import in_order, tuples
from daemon.delivery import eligibility
from daemon.delivery.interruptions import Cause
from daemon.i18n.coded import Phrase, Told, refusal, told
from daemon.models import UNDECIDED, Job, Message
from daemon.states import MAY_RUN, OPEN, AccountState, JobState, State

WAITING = "waiting_for_login"
TO_CONFIRM = "waiting_for_confirmation"  # of a person, see campaigns/confirming.py


@dataclass(frozen=True)
class Progress:
    """A job as `GET /status/{id}` shows it; each message is counted once, in the state it is in. Times are UTC ms.

    status: as stored, WAITING or TO_CONFIRM; said: `reason`, sentence by sentence; code: why it waits, for a program.
    next_reason: what the next message waits for; eta: when the job will be done. waits_until: when what its account
    waits for ends, where that is known. dry_run: messages of it went to a transport that sends nothing, so that "sent"
    is not. removed: what was because of its age, and when, see campaigns/gone.py.
    """

    job_id: int
    name: str
    status: str
    reason: str | None
    said: tuple[Told, ...]
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
    replied: int
    next_send_at: int | None
    next_reason: str | None
    eta: int | None
    schedule_at: int | None
    created_at: int
    started_at: int | None
    completed_at: int | None
    archived_at: int | None
    made_by: str | None
    external_id: str | None
    removed: dict[str, int]


def progress(settings: Settings, found: JobRow, now: int) -> Progress:
    """The job's present state."""
    account = directory.known(found.account)
    status, said = _derive(settings, found, account, now)
    refused = _refused(settings, found, account) if found.state in MAY_RUN else None
    asks = status == TO_CONFIRM
    waits = found.state in MAY_RUN and (asks or not directory.can_send(account, now) or refused is not None)
    limits = account_limits.own_rules(settings, account)
    active = found.state in MAY_RUN and found.pending > 0
    opens = _opening(found, now, limits) if active else None
    eta = _eta(settings, found, now, limits, opens) if opens is not None else None
    if opens and eta is not None and (due := _due(found)):
        opens = pacing.Opening(due[0], pacing.Why.DATE) if due[0] > opens.at else opens
        eta = max(eta, due[1])
    shown = opens if opens and _tells(status, opens) else None
    if shown and shown.why is pacing.Why.PORTFOLIO_LIMIT:
        said = (*said, refusal(Stands.PORTFOLIO_LIMIT, count=portfolios.reach(limits.portfolio, now).most or 0))
    return Progress(
        job_id=found.id,
        name=found.name,
        status=status,
        reason=_in_words(said) or None,
        said=said,
        code=found.unconfirmed if asks else (refused or code(account, now)) if waits else None,
        waits_until=_until(account, now) if waits and not asks else None,
        account=found.account,
        dry_run=found.dry_run,
        total=found.total,
        next_send_at=shown.at if shown else None,
        next_reason=shown.why if shown else None,
        eta=None if waits else eta,
        schedule_at=found.schedule_at,
        created_at=found.created_at,
        started_at=found.started_at,
        completed_at=found.completed_at,
        archived_at=found.archived_at,
        made_by=found.made_by,
        external_id=found.external_id,
        removed=gone.removed(found),
        replied=found.replied,
        **{state.value: getattr(found, state.value) for state in State},
    )


def _due(found: JobRow) -> tuple[int, int] | None:
    """When the first and the last of its queued messages are due, where each person has a date."""
    if found.dated is None:
        return None
    queued = Message.select(Message.not_before).where(Message.job == found.id, Message.state == State.PENDING)
    with in_order():
        first = queued.order_by(Message.not_before, Message.id).limit(1).scalar()
        last = queued.order_by(Message.not_before.desc(), Message.id.desc()).limit(1).scalar()
    return None if first is None else (first, last)


def _tells(status: str, opens: pacing.Opening) -> bool:
    """Whether to show what the job waits for: before it has begun, only what is its own."""
    own = opens.why in (pacing.Why.JOB_WINDOW, pacing.Why.JOB_CAP, pacing.Why.DATE, pacing.Why.PORTFOLIO_LIMIT)
    return status == JobState.RUNNING or (status == JobState.PENDING and own)


def _opening(found: JobRow, now: int, limits: pacing.Rules) -> pacing.Opening:
    """When the account, its business and the job's own limits allow its next message, ignoring turns between jobs."""
    opens = pace.opening(found.account, now, limits)
    if found.window or found.daily_cap:
        own = eligibility.job_opening(found.id, found.account, _terms(found), max(now, opens.at), limits.zone)
        opens = own if own.at > max(now, opens.at) else opens
    if not limits.paced and found.own_delays and opens.at < found.opens_at <= now + found.delay_max_ms:
        opens = pacing.Opening(found.opens_at, pacing.Why.PAUSE)
    at = portfolios.opens_at(limits.portfolio, now)
    return opens if at is None or at <= opens.at else pacing.Opening(at, pacing.Why.PORTFOLIO_LIMIT)


def _terms(found: JobRow) -> pacing.Terms:
    return eligibility.terms(found.window, found.daily_cap)


def _eta(settings: Settings, found: JobRow, now: int, limits: pacing.Rules, opens: pacing.Opening) -> int | None:
    streak, slow = directory.pace(found.account, now)
    limits = pacing.narrowed(limits, _terms(found))
    own = found.id if found.daily_cap else None
    done = handovers.by_minute(found.account, now - pacing.DAY_MS, now, own) if limits.windows() else []
    sends = account_limits.send_ms(settings, found.account)
    own_settings = account_limits.settings_of(settings, found.account)
    pauses = account_limits.spacing(own_settings, (found.delay_min_ms, found.delay_max_ms), found.own_delays)
    delays = pacing.with_send(pacing.slowed(pauses, slow), sends)
    if not pacing.pauses(limits.paced, found.delay_max_ms, found.own_delays):
        limits = replace(limits, long_pause_every=0)
    last = pacing.eta(found.pending, opens, delays, streak, limits, done)
    if last is None:
        return None
    # As if none of them had written lately: whoever has does not have to wait for that.
    return max(last + sends, portfolios.opens_at(limits.portfolio, now, found.pending) or 0)


DRY_RUN = "dry_run"
WAS_DRY_RUN = "was_dry_run"
REFUSED = {
    DRY_RUN: Stands.DRY_RUN,
    WAS_DRY_RUN: Stands.WAS_DRY_RUN,
}


CONFIRMS = {Cause.RESTORED: Stands.AFTER_RESTORE, Cause.LONG_STOPPED: Stands.AFTER_LONG_STOP}


def _refused(settings: Settings, found: JobRow, account: AccountRow | None) -> str | None:
    """Why the account's sender leaves the job alone, see `claim.Takes`; None where it does not."""
    if account is None:
        return None
    if account.dry_run:
        return None if found.for_dry_run or settings.dryrun_takes_all else DRY_RUN
    return WAS_DRY_RUN if found.dry_run else None


def _derive(settings: Settings, found: JobRow, account: AccountRow | None, now: int) -> tuple[str, tuple[Told, ...]]:
    """`waiting_for_login` is never stored: it is what a job that may run is while its account cannot send. Nor is
    `waiting_for_confirmation`: what a person does not confirm stays what it is."""
    if found.unconfirmed and found.state in OPEN:
        return TO_CONFIRM, (refusal(CONFIRMS[Cause(found.unconfirmed)]),)
    if found.state not in MAY_RUN:
        return found.state, own(found)
    if account is None or not directory.was_driven(account):
        state = WAITING if found.state == JobState.RUNNING else found.state
        return state, (refusal(Stands.NO_SENDER, account=found.account),)
    if refused := _refused(settings, found, account):
        return WAITING, (refusal(REFUSED[refused]),)
    if directory.can_send(account, now):
        return found.state, own(found)
    return WAITING, why(account, now)


def own(found: JobRow) -> tuple[Told, ...]:
    """Why the job itself does not go on, where somebody has said why."""
    kept = told(found.reason, found.coded)
    return (kept,) if kept else ()


def _in_words(said: tuple[Told, ...]) -> str:
    return " ".join(str(each) for each in said)


def explain(account: AccountRow, now: int) -> str:
    """Why the account cannot send, as a sentence for a person."""
    return _in_words(why(account, now))


def why(account: AccountRow, now: int) -> tuple[Told, ...]:
    """The same, sentence by sentence."""
    if not directory.was_driven(account):
        return (refusal(Stands.NO_SENDER, account=account.name),)
    if not directory.alive(account, now):
        return (refusal(Stands.SILENT, name=account.name),)
    codes = {
        AccountState.STARTING: Stands.STARTING,
        AccountState.LOADING: Stands.LOADING,
        AccountState.NEEDS_LINK: Stands.ENTER_CODE if account.link_code else Stands.SCAN_CODE,
        AccountState.OFFLINE: Stands.OFFLINE,
        AccountState.BANNED: Stands.BANNED,
    }
    code = codes.get(AccountState(account.state))
    hold = (account.hold or "unknown").replace("_", " ")
    state = refusal(code) if code else refusal(Stands.ON_HOLD, hold=Phrase(hold))
    goes_on = refusal(Stands.KNOWN_GO_ON) if account.known_chats else None
    return tuple(each for each in (state, told(account.detail, account.coded), goes_on) if each)


def _until(account: AccountRow | None, now: int) -> int | None:
    """When the account's hold ends; None where nobody knows, and where there is none."""
    if account is None or not directory.alive(account, now) or (account.until or 0) <= now:
        return None
    return account.until


def code(account: AccountRow | None, now: int) -> str:
    """Why the account cannot send, for a program: its state, `held.` with the hold, `no_sender` or `sender_stopped`."""
    if account is None or not directory.was_driven(account):
        return "no_sender"
    if not directory.alive(account, now):
        return "sender_stopped"
    return f"held.{account.hold or 'unknown'}" if account.state == AccountState.HELD else str(account.state)


def undecided() -> int:
    """How many messages a person has to decide about."""
    query = Job.select(peewee.fn.SUM(Job.uncertain)).where(UNDECIDED)
    return int(rights.within(query, Job.account).scalar() or 0)


def totals() -> dict[str, int]:
    """How many messages are in each state, by the jobs' counters."""
    query = Job.select(*(peewee.fn.SUM(getattr(Job, state.value)) for state in State))
    (sums,) = tuples(rights.within(query, Job.account))
    return {state.value: int(count or 0) for state, count in zip(State, sums, strict=True)}


def job_totals() -> dict[str, int]:
    """How many jobs are in each stored state."""
    query = rights.within(Job.select(Job.state, peewee.fn.COUNT(Job.id)), Job.account)
    counted = dict(tuples(query.group_by(Job.state)))
    return {state.value: counted.get(state.value, 0) for state in JobState}
