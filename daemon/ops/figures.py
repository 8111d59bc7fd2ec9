"""What `GET /metrics` tells, read from the database: so it is right whichever process answers, and whichever did the
work. Nothing here grows with the messages there are; what an account's readers may not see is left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import peewee

from daemon.accounts import counting, directory, handovers, rights
from daemon.accounts.counting import SUM_MS, Name
from daemon.accounts.directory import AccountRow
from daemon.campaigns import progress
from daemon.config import Settings
from daemon.db.proxy import tuples
from daemon.delivery import cloud_inbox, overdue
from daemon.delivery.forgetting import Kind
from daemon.files import release
from daemon.models import UNDECIDED, CloudBatch, Delivery, Event, Job, Webhook
from daemon.ops.keeping import Other
from daemon.states import MOVES, OPEN, UNFINISHED, AccountState
from daemon.telemetry import families
from daemon.telemetry.counts import Counted
from daemon.telemetry.families import BUCKETS_S, Family
from daemon.webhooks.outbox import Stage

MOST_WAITING = 10_000  # of what waits is counted
OUTCOMES = {move: target.value for move, (_, target) in MOVES.items() if target not in UNFINISHED}
RETRIES = frozenset({"retry", "requeue", "reinstate", "resend"})
_COUNTED = {
    Counted.TRANSPORT_RESTARTS: families.RESTARTS,
    Counted.ORPHANS: families.ORPHANS,
    Counted.LEASES_LOST: families.LEASES_LOST,
    Counted.ACCOUNTS_LOST: families.ACCOUNTS_LOST,
    Name.STATES: families.STATES,
    Name.HOLDS: families.HOLDS,
    Name.JOBS: families.JOB_STATES,
    Name.REPLIES: families.REPLIES,
}


@dataclass(frozen=True)
class Sample:
    """A value of a metric. labels: their values, in the order of the family's."""

    family: Family
    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True)
class Histogram:
    """How often something took how long, by an account: by bucket (`le`), each with those before it; in seconds."""

    account: str
    buckets: list[tuple[str, float]]
    sum: float


Found = Iterator[Sample]


def figures(settings: Settings, now: int) -> list[Sample]:
    """All but the histogram."""
    accounts = directory.every()
    found = [Sample(families.BUILD, (release.version(),), 1)]
    found += _totals()
    found += _counted([account.name for account in accounts])
    for account in accounts:
        found += _of_account(account, settings, now)
    found += _queues(accounts)
    if not rights.limited():
        found += _webhooks(now)
    return [*found, *_cloud(now)]


def durations() -> list[Histogram]:
    """From the claim of a message until WhatsApp had it, by account."""
    counted = counting.every()[Name.DURATIONS]
    found = []
    for account in sorted({account for account, _ in counted if rights.may(account)}):
        buckets, so_far = [], 0
        for bound in (*map(str, BUCKETS_S), "+Inf"):
            so_far += counted.get((account, bound), 0)
            buckets.append((bound, float(so_far)))
        found.append(Histogram(account, buckets, counted.get((account, SUM_MS), 0) / 1000))
    return found


def _totals() -> Found:
    for state, count in progress.totals().items():
        yield Sample(families.MESSAGES, (state,), count)
    for state, count in progress.job_totals().items():
        yield Sample(families.JOBS, (state,), count)


def _counted(names: list[str]) -> Found:
    """The counts; where nothing has happened yet they are 0, as an increase is only seen of what was there before."""
    counted = counting.every()
    sums: dict[tuple[Family, tuple[str, ...]], int] = dict.fromkeys(_noughts(names), 0)
    for (account, move), count in counted[Name.MOVES].items():
        for family, labels in _of_move(account, move):
            sums[family, labels] = sums.get((family, labels), 0) + count
    for name, family in _COUNTED.items():
        for (account, label), count in counted[name].items():
            sums[family, (account, label) if len(family.labels) > 1 else (account,)] = count
    for (account, kind), count in cloud_inbox.counts().items():
        sums[families.CLOUD_LEFT_OUT, (account, kind)] = count
    for (family, labels), count in sorted(sums.items(), key=lambda each: (each[0][0].name, each[0][1])):
        if rights.may(labels[0]):
            yield Sample(family, labels, count)
    for (_, process), count in counted[Name.STARTS].items():
        yield Sample(families.STARTS, (process,), count)
    removed = {kind: count for (_, kind), count in counted[Name.REMOVED].items()}
    for kind in (*Kind, *Other):
        yield Sample(families.REMOVED, (kind.value,), removed.get(kind.value, 0))


def _noughts(names: list[str]) -> Iterator[tuple[Family, tuple[str, ...]]]:
    for name in names:
        for family in (families.QUEUED, families.RETRIES, *_COUNTED.values()):
            if len(family.labels) == 1:
                yield family, (name,)
        for outcome in sorted(set(OUTCOMES.values())):
            yield families.OUTCOMES, (name, outcome)
        for state in AccountState:
            yield families.STATES, (name, state.value)
    for name in ("", *names):
        for kind in cloud_inbox.Counted:
            yield families.CLOUD_LEFT_OUT, (name, kind.value)


def _of_move(account: str, move: str) -> Iterator[tuple[Family, tuple[str, ...]]]:
    if move == "enqueue":
        yield families.QUEUED, (account,)
    if move in RETRIES:
        yield families.RETRIES, (account,)
    if move in OUTCOMES:
        yield families.OUTCOMES, (account, OUTCOMES[move])


def _of_account(account: AccountRow, settings: Settings, now: int) -> Found:
    name = (account.name,)
    yield Sample(families.CAN_SEND, name, directory.can_send(account, now))
    for state in AccountState:
        yield Sample(families.STATE, (account.name, state.value), account.state == state)
    if account.hold and account.state in (AccountState.HELD, AccountState.BANNED):
        yield Sample(families.HELD, (account.name, account.hold), 1)
    yield Sample(families.SILENT, name, (now - account.seen_at) / 1000)
    if last := handovers.last(account.name):
        yield Sample(families.LAST_HANDOVER, name, last / 1000)
    waits = overdue.waits(settings, account, now)
    yield Sample(families.OLDEST, name, (now - waits.due) / 1000 if waits.due is not None else 0)
    yield Sample(families.OVERDUE, name, (now - waits.late) / 1000 if waits.late is not None else 0)


def _queues(accounts: list[AccountRow]) -> Found:
    """Of the campaigns that are not at their end, which are few."""
    names = [account.name for account in accounts]
    mine = (Job.account.in_(names), Job.state.in_(sorted(OPEN)))
    query = Job.select(Job.account, Job.state, peewee.fn.SUM(Job.pending)).where(*mine)
    waiting = {(name, state): int(count) for name, state, count in tuples(query.group_by(Job.account, Job.state))}
    for name in names:
        for state in sorted(OPEN):
            yield Sample(families.QUEUE, (name, state.value), waiting.get((name, state), 0))
    undecided = dict.fromkeys(names, 0)
    sums = Job.select(Job.account, peewee.fn.SUM(Job.uncertain)).where(UNDECIDED).group_by(Job.account)
    undecided.update({name: int(count) for name, count in tuples(sums) if name in undecided})
    for name, count in undecided.items():
        yield Sample(families.UNCERTAIN, (name,), count)


def _webhooks(now: int) -> Found:
    newest = int(Event.select(peewee.fn.MAX(Event.id)).scalar() or 0)
    columns = (Webhook.id, Webhook.event, Webhook.failures, Webhook.disabled_at)
    for webhook_id, event, failures, disabled_at in tuples(Webhook.select(*columns).order_by(Webhook.id)):
        name = (str(webhook_id),)
        waits = (Delivery.webhook == webhook_id, Delivery.state == Stage.WAITING.value)
        yield Sample(families.HOOK_WAITING, name, _some(Delivery.select(Delivery.id).where(*waits)))
        oldest = Delivery.select(Delivery.at).where(*waits).order_by(Delivery.id).limit(1).scalar()
        yield Sample(families.HOOK_OLDEST, name, (now - oldest) / 1000 if oldest is not None else 0)
        due = Delivery.select(peewee.fn.MIN(Delivery.due_at)).where(*waits).scalar()
        yield Sample(families.HOOK_OVERDUE, name, max(0, now - due) / 1000 if due is not None else 0)
        yield Sample(families.HOOK_BEHIND, name, max(0, newest - event))
        yield Sample(families.HOOK_FAILURES, name, failures)
        yield Sample(families.HOOK_DISABLED, name, disabled_at is not None)


def _cloud(now: int) -> Found:
    yield Sample(families.CLOUD_WAITING, (), _some(CloudBatch.select(CloudBatch.id)))
    oldest = CloudBatch.select(CloudBatch.at).order_by(CloudBatch.id).limit(1).scalar()
    yield Sample(families.CLOUD_OLDEST, (), (now - oldest) / 1000 if oldest is not None else 0)
    yield Sample(families.CLOUD_ASIDE, (), cloud_inbox.set_aside_count())


def _some(query: Any) -> int:
    """How many rows there are, up to MOST_WAITING."""
    return int(query.limit(MOST_WAITING).count())
