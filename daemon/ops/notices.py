"""What people are told by mail, and in their browsers: that an account is logged out or held, that nothing is sent
although something is due, that a campaign is finished, that a person has to decide, that a backup failed.

Each is a row, noted in the transaction that moves the position in the history on, so that nothing is told twice or
forgotten, whatever is killed. What comes to the same while it waits is put into one, and of one subject there is a mail
an hour at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from daemon.accounts import counting, directory
from daemon.accounts.counting import Name
from daemon.config import Settings
from daemon.db.connection import write
from daemon.db.prepared import by_key
from daemon.db.proxy import in_order, tuples
from daemon.db.settled import Horizon
from daemon.delivery import overdue
from daemon.i18n.coded import Refusal, filed, part, refusal, told
from daemon.models import Account, Event, Happening, Job, Kind, Message, MetricPosition, Notice
from daemon.ops import backup_failures
from daemon.ops.refusals import Notice as Says
from daemon.states import OUT, AccountState, JobState

MINUTE_MS = 60_000
GATHER_MS = 20_000  # before a mail: what happens at once is one
AGAIN_MS = 60 * MINUTE_MS  # between two mails of one subject
STALLED_MS = 10 * MINUTE_MS
SEEN_MS = MINUTE_MS  # for so long a queue has to stand still before our eyes: after a long pause it only seems to
KEEP_MS = 90 * 86_400_000
NEWEST = 20  # that open pages are told
MOST = 2_000  # lines of the history that are looked at at once
FEW = 1_000  # deleted in one transaction
HELD = (f"account.{AccountState.HELD.value}", f"account.{AccountState.BANNED.value}")


@dataclass(frozen=True)
class Found:
    """Something to be told. count: how often it has happened, 0 where its words say so; again: whether it is told anew
    when it happens later."""

    subject: str
    account: str
    says: Refusal
    count: int = 1
    again: bool = True


class Noticing:
    """Looks for what is to be told; one in a process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._horizon = Horizon(Happening, Event)
        self._still: dict[str, tuple[int, int]] = {}  # account: since when its messages are late, when that was seen

    def look(self, now: int) -> None:
        """Note what has happened since, and what stands still."""
        ends = self._horizon.look()
        if ends is not None:
            while _advance("mail_happening", ends[0], _happened, now):
                pass
            while _advance("mail_event", ends[1], _lost, now):
                pass
        found = [*self._stalled(now), *_backups(self._settings)]
        if found:
            with write():
                for each in found:
                    note(each, now)

    def _stalled(self, now: int) -> Iterator[Found]:
        for account in directory.every():
            late = overdue.waits(self._settings, account, now).late
            since, seen = self._still.get(account.name, (None, now))
            if late is None or late != since:
                self._still[account.name] = (late or 0, now)
            elif now - late >= STALLED_MS and now - seen >= SEEN_MS:
                says = refusal(Says.STALLED, account=account.called, minutes=(now - late) // MINUTE_MS)
                yield Found(f"stalled {account.name} {late}", account.name, says, again=False)


def _backups(settings: Settings) -> Iterator[Found]:
    failure = backup_failures.last(settings.data_dir)
    if failure is not None:
        says = refusal(Says.BACKUP_FAILED, why=part(failure.why))
        yield Found(f"backup {failure.at}", "", says, again=False)


def note(found: Found, now: int) -> None:
    """Keep it until it is mailed; part of the caller's transaction."""
    words, code = str(found.says), filed(found.says)
    last = Notice.select().where(Notice.subject == found.subject).order_by(Notice.id.desc()).first()
    if last is not None and last.ended_at is None:
        changes = {"count": Notice.count + found.count, "words": words, "coded": code}
        if found.again and Notice.update(changes).where(Notice.id == last.id, Notice.ended_at.is_null()).execute():
            return
    if last is not None and not found.again:
        return
    due = now + GATHER_MS if last is None else max(now + GATHER_MS, min(last.ended_at or now, now) + AGAIN_MS)
    about = {"subject": found.subject, "account": found.account, "words": words, "coded": code, "count": found.count}
    Notice.insert(about | {"at": now, "due_at": due}).execute()


def _advance(history: str, end: int, read: Callable[[int, int], list[Found]], now: int) -> bool:
    """Note what a part of the history tells, up to that id; whether there is more."""
    mine = MetricPosition.history == history
    row = MetricPosition.get_or_none(mine)
    if row is None:  # mails begin with what happens from then on
        with write():
            MetricPosition.insert(history=history, position=end).on_conflict_ignore().execute()
        return False
    begin = row.position
    if begin == end:
        return False
    until = min(end, begin + MOST)
    found = read(begin, until) if begin < until else []
    with write():
        if MetricPosition.update(position=until).where(mine, MetricPosition.position == begin).execute():
            for each in found:
                note(each, now)
    return until < end


def _happened(begin: int, end: int) -> list[Found]:
    rows = Happening.select().where(Happening.id > begin, Happening.id <= end).order_by(Happening.id)
    return [found for row in rows if (found := _of(row)) is not None]


def _of(row: Happening) -> Found | None:
    if row.kind in HELD:
        return Found(f"held {row.account} {row.about.get('hold')}", row.account, _held(row))
    if row.kind == f"account.{AccountState.NEEDS_LINK.value}":
        if not counting.of(Name.STATES, row.account, AccountState.READY.value):
            return None  # it is set up just now
        return Found(f"logged out {row.account}", row.account, refusal(Says.LOGGED_OUT, account=_called(row.account)))
    if row.kind == f"job.{JobState.COMPLETED.value}":
        job = by_key(Job, row.job)
        if job is None or job.kind != Kind.CAMPAIGN:
            return None
        counts = row.about.get("counts", {})
        sent = sum(counts.get(state.value, 0) for state in OUT) + counts.get("accepted", 0)
        total, failed = counts.get("total", job.total), counts.get("failed", 0)
        says = refusal(Says.FINISHED, job=job.name, sent=sent, total=total, failed=failed)
        return Found(f"finished {job.id} {row.id}", row.account, says, again=False)
    return None


def _held(row: Happening) -> Refusal:
    """Why, in words of which the account still knows the code."""
    account = by_key(Account, row.account)
    words = row.about.get("detail") or row.about.get("hold") or ""
    coded = account.coded if account is not None and account.detail == words else None
    return refusal(Says.HELD, account=_called(row.account), why=part(told(words, coded) or words))


def _called(name: str) -> str:
    row = by_key(Account, name)
    return (row.title if row is not None else None) or name


def _lost(begin: int, end: int) -> list[Found]:
    """Messages about which a person has to decide: so many of each campaign."""
    there = (Event.id > begin, Event.id <= end, Event.move == "lose")
    query = Event.select(Job.id, Job.name, Job.account).join(Message).join(Job).where(*there).distinct()
    with in_order():
        jobs = tuples(query)
    undecided = {job_id: Job.get_by_id(job_id).uncertain for job_id, _, _ in jobs}
    return [
        Found(f"undecided {job_id}", account, refusal(Says.UNDECIDED, job=name, count=undecided[job_id]), count=0)
        for job_id, name, account in jobs
        if undecided[job_id]
    ]


@dataclass(frozen=True)
class Newest:
    """What was noted last, newest first: ids and codes."""

    notices: tuple[tuple[int, str], ...]


def newest() -> Newest:
    """For those who may use all accounts: it is of all of them."""
    rows = tuples(Notice.select(Notice.id, Notice.coded).order_by(Notice.id.desc()).limit(NEWEST))
    return Newest(tuple((id, (coded or {}).get("code", "")) for id, coded in rows))


def prune(now: int) -> None:
    """Delete what was told long ago."""
    old = Notice.select(Notice.id).where(Notice.at < now - KEEP_MS, Notice.ended_at.is_null(False))
    more = FEW
    while more == FEW:
        with write():
            more = Notice.delete().where(Notice.id.in_(old.order_by(Notice.at).limit(FEW))).execute()
