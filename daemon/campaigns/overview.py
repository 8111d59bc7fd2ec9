"""What the first page says of everything together: a week in figures, what needs a person, and the first steps."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import peewee
import phonenumbers
from babel.core import get_global

from daemon.accounts import directory, pacing, rights, status
from daemon.accounts.directory import AccountRow
from daemon.campaigns import progress
from daemon.campaigns.rows import JobRow
from daemon.config import Settings
from daemon.db.records import record
from daemon.delivery import quarters, replies
from daemon.i18n.coded import Told
from daemon.i18n.instants import instant
from daemon.models import Account, Job, Kind, User
from daemon.states import MAY_RUN, OPEN, AccountState, JobState

DAYS = 7
MANY = 1_000  # unread replies: up to so many are counted
SHOWN = 5  # campaigns and accounts that need somebody
LOOKED_AT = 50  # open campaigns that are looked at for it
STALLED_MS = 30 * 60_000  # so long a campaign may go without a turn while its account can send


@dataclass(frozen=True)
class Day:
    """What happened on that day in the reader's zone."""

    on: date
    sent: int = 0
    delivered: int = 0
    read: int = 0
    replied: int = 0


def week(now: int, zone: str) -> list[Day]:
    """Each of the last seven days, today the last one."""
    there = ZoneInfo(zone)
    today = instant(now, there).date()
    days = {today - timedelta(days=ago): Day(today - timedelta(days=ago)) for ago in reversed(range(DAYS))}
    for each in quarters.since(now - (DAYS + 1) * pacing.DAY_MS):
        day = instant(each.at, there).date()
        if known := days.get(day):
            days[day] = Day(
                on=day,
                sent=known.sent + each.sent,
                delivered=known.delivered + each.delivered,
                read=known.read + each.read,
                replied=known.replied + each.replied,
            )
    return list(days.values())


@dataclass(frozen=True)
class Held:
    """An account that cannot send although somebody waits for it, or that WhatsApp holds. why: sentence by sentence."""

    name: str
    why: tuple[Told, ...]
    until: int | None


@dataclass(frozen=True)
class Stalled:
    """A campaign that does not go on by itself. why: () where nobody knows."""

    id: int
    name: str
    why: tuple[Told, ...]


@dataclass(frozen=True)
class Needs:
    """What needs a person. replies: unread ones, MANY at most."""

    undecided: int
    held: list[Held]
    stalled: list[Stalled]
    replies: int

    def __bool__(self) -> bool:
        return bool(self.undecided or self.held or self.stalled or self.replies)


def needs(settings: Settings, now: int) -> Needs:
    """What waits for a person now."""
    accounts = directory.every()
    mine = Job.account.in_([each.name for each in accounts])
    # + 0: no index has that order, so that it is not followed through all that are over, to find the few that are not.
    newest = (Job.id + 0).desc()
    waiting = list(Job.select().where(mine, Job.state.in_(sorted(OPEN))).order_by(newest).limit(LOOKED_AT))
    at_work = {job.account for job in waiting if job.state in MAY_RUN}
    wanted = {job.account for job in waiting}
    stalled = [found for job in waiting if (found := _stalled(settings, job, now))]
    return Needs(
        undecided=progress.undecided(),
        held=[_held(each, now) for each in accounts if _is_held(each, at_work, wanted, now)][:SHOWN],
        stalled=stalled[:SHOWN],
        replies=replies.fresh(MANY),
    )


def _is_held(account: AccountRow, at_work: Collection[str], wanted: Collection[str], now: int) -> bool:
    """at_work: the accounts that have something to send now; wanted: those that have a campaign, if only a paused one,
    which would wait for a phone when it is resumed."""
    if directory.can_send(account, now):
        return False
    if account.name in at_work or not directory.alive(account, now):
        return account.name in at_work
    unlinked = account.state == AccountState.NEEDS_LINK and account.name in wanted
    return unlinked or account.state in (AccountState.HELD, AccountState.BANNED)


def _held(account: AccountRow, now: int) -> Held:
    until = account.until if directory.alive(account, now) and (account.until or 0) > now else None
    return Held(account.name, progress.why(account, now), until)


def _stalled(settings: Settings, job: Job, now: int) -> Stalled | None:
    """The job if it waits for a person: its sender has paused it, its account leaves it alone, or it has had no turn
    for long although nothing is in its way."""
    if job.state == JobState.PAUSED and job.reason:
        return Stalled(job.id, job.name, progress.own(record(JobRow, job)))
    if job.state not in MAY_RUN:
        return None
    found = progress.progress(settings, record(JobRow, job), now)
    if found.code in progress.REFUSED or found.code == "no_sender":
        return Stalled(job.id, job.name, found.said)
    if found.code or not job.pending or found.eta is None:
        return None
    if (found.next_send_at or 0) > now or job.claimed or job.sending:
        return None
    next_at = Account.select(Account.next_send_at).where(Account.name == job.account).scalar() or 0
    idle = now - max(job.claimed_at, job.created_at, job.opens_at, next_at) > STALLED_MS
    return Stalled(job.id, job.name, ()) if idle and _due(job.id) else None


def _due(job_id: int) -> bool:
    """Whether no other campaign of the account has had a turn since."""
    job = Job.get_by_id(job_id)
    others = (Job.account == job.account, Job.state.in_(sorted(MAY_RUN)))
    newest = Job.select(peewee.fn.MAX(Job.claimed_at)).where(*others).scalar() or 0
    return bool(newest <= job.claimed_at)


@dataclass(frozen=True)
class Steps:
    """Which of the first steps are done."""

    linked: bool
    zone: bool
    login: bool
    test: bool
    campaign: bool

    def done(self) -> bool:
        return all(vars(self).values())


def steps(settings: Settings, now: int) -> Steps:
    """How far a new installation has come."""
    begun = Job.started_at.is_null(False)
    mine = rights.within(Job.select().where(begun), Job.account)
    campaign = mine.where(Job.kind == Kind.CAMPAIGN, ~Job.dry_run).exists()
    linked = any(each.state in status.LINKED and directory.alive(each, now) for each in directory.every())
    return Steps(
        linked=linked or campaign,
        zone=_zone_is_known(settings) and _country_is_known(settings),
        login=User.select().exists(),
        test=mine.where(Job.kind == Kind.TEST).exists(),
        campaign=campaign,
    )


def _zone_is_known(settings: Settings) -> bool:
    return bool(settings.timezone) or all(each.timezone for each in directory.every())


def _country_is_known(settings: Settings) -> bool:
    """Whether numbers without a country code can be read."""
    return bool(settings.default_country) or any(each.country for each in directory.every())


def likely_country(zone: str) -> str:
    """The country (ISO code) in which that time zone is; "" where nobody knows."""
    found = get_global("zone_territories").get(zone, "")
    return found if found in phonenumbers.SUPPORTED_REGIONS else ""
