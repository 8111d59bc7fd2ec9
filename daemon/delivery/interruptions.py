"""Whether the installation goes on where it stopped. If not, campaigns wait until a person says what becomes of them.

A database that was restored does not know what was sent after it was saved: a campaign would send that again. So there
is an epoch, a number that grows every few seconds in which a process of ours runs, in the database and in the file
`epoch` of the data folder. The database's is always written first; where it is below the file's, it is an older one.
Beside it stands which file an SQLite database is: another one is a copy, of nobody knows when. After a long stop
everything is known, but what is overdue may be of no use to anybody any more.

A jump of the clock is neither: as long as the machine was not started anew, time is measured by how long it has run.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

import peewee
import structlog

from daemon.accounts import ownership, pacing
from daemon.config import Settings
from daemon.db.connection import after_commit, write
from daemon.db.proxy import in_order, locked, tuples
from daemon.db.sqlite import SQLITE
from daemon.delivery import job_moves, timing
from daemon.files import durable, trouble
from daemon.models import Installation, Job, JobStep, Message
from daemon.states import MAY_RUN, OPEN, JobState, State

log = structlog.get_logger()

FILE = "epoch"
LONG_MS = pacing.DAY_MS  # without any process: after that a person decides
BEAT_MS = 5_000  # between two notes that somebody is there
JUMP_MS = 65 * 60_000  # of the clock, that is not believed at once: more than an hour, by which people set one
DOUBTED_MS = 600_000  # so long it is not
ONE = 1  # the id of the only row


class Cause(StrEnum):
    """Why campaigns wait for a person; stored with them."""

    RESTORED = "restored"  #: the database is an older one, or a copy
    LONG_STOPPED = "long_stopped"  #: no process of ours ran for LONG_MS


@dataclass(frozen=True)
class Moment:
    """Now, by the clock of the leases (UTC ms), and by how long this machine has run since which start."""

    now: int
    boot: str
    up_ms: int


@dataclass(frozen=True)
class Mark:
    """What the file says. database: which file the database is (its inode); 0: it is none, or that is not known."""

    epoch: int = 0
    database: int = 0


class Presence:
    """A process that is there."""

    def __init__(self, settings: Settings) -> None:
        self._file, self._url = settings.data_dir / FILE, settings.db_url
        self._here: Moment | None = None  # when this process was there last, by a clock that had not jumped

    def beat(self, now: int) -> None:
        """Note that the installation runs, at most once in BEAT_MS, and look whether it goes on where it stopped. To
        be called when a process starts, before it sends anything, and again and again. Raises SetupError."""
        here = moment(now)
        known, database = read(self._file), _inode(self._url)  # before the row is: what the file says, it has said
        copied = known.database not in (0, database)
        row = Installation.get_or_none(Installation.id == ONE)
        if not copied and row is not None and row.epoch >= known.epoch and 0 <= _passed(row, here) < BEAT_MS:
            self._here = here
            return
        with write():
            epoch = _noted(known.epoch, copied, self._here, here)
        if not _jumped(self._here, here):
            self._here = here
        raise_to(self._file, Mark(epoch, database))


def moment(now: int) -> Moment:
    """This one, on this machine."""
    return Moment(now, ownership.kernel(), round(timing.clock() * 1000))


def _noted(known: int, copied: bool, before: Moment | None, moment: Moment) -> int:
    """The new epoch; part of a transaction. before: when this process was there last."""
    fresh = {"epoch": 0, "seen_at": 0, "boot": "", "up_ms": 0}
    Installation.insert(id=ONE, **fresh).on_conflict_ignore().execute()
    row = locked(Installation.select().where(Installation.id == ONE)).get()
    # Whoever was there all the time knows that nothing has stopped, whatever a clock says that another host has noted.
    stayed = before is not None and moment.up_ms - before.up_ms < LONG_MS
    cause = Cause.RESTORED if copied or row.epoch < known else None if stayed else _long_stop(row, moment)
    interrupted = {}
    if cause is not None:
        interrupted = {"interruption": cause, "interrupted_at": moment.now}
        since = row.seen_at or None
        held = _hold(cause, since, moment.now)
        told = {"cause": cause.value, "since": since, "jobs": held}
        after_commit(partial(log.warning, "installation.interrupted", **told))
    epoch = max(row.epoch, known) + 1
    seen = {"seen_at": moment.now, "boot": moment.boot, "up_ms": moment.up_ms}
    if row.seen_at and moment.boot and row.boot == moment.boot:
        before = Moment(row.seen_at, row.boot, row.up_ms)
    # What was noted before a jump stays until it is believed: a sender that is started meanwhile doubts it as well.
    here = {} if _jumped(before, moment) else seen
    secret = {} if row.secret else {"secret": secrets.token_hex(32)}
    Installation.update(epoch=epoch, **here, **interrupted, **secret).where(Installation.id == ONE).execute()
    return int(epoch)


def _long_stop(row: Installation, moment: Moment) -> Cause | None:
    return Cause.LONG_STOPPED if row.seen_at and _passed(row, moment) >= LONG_MS else None


def _jumped(before: Moment | None, moment: Moment) -> bool:
    """Whether the clock has jumped since then, and just now. before: of this machine, since the same start."""
    if before is None or not 0 <= (passed := moment.up_ms - before.up_ms) < DOUBTED_MS:
        return False
    return abs(moment.now - before.now - passed) > JUMP_MS


def _passed(row: Installation, moment: Moment) -> int:
    """How long ago somebody was there."""
    if moment.boot and row.boot == moment.boot:
        return int(moment.up_ms - row.up_ms)
    return int(moment.now - row.seen_at)


def _hold(cause: Cause, since: int | None, now: int) -> int:
    """Have campaigns wait for a person; returns how many. Part of a transaction.

    After a restore all that are not over: what a person has done to them since is not known, either. After a long stop
    those of which something is overdue.
    """
    with in_order():
        found = _open() if cause is Cause.RESTORED else _overdue(now)
    for job_id in found:
        job = job_moves.job_to_move(job_id)
        before = [each for each in (since, job.unconfirmed_since) if each is not None]
        changes = {"unconfirmed": cause, "unconfirmed_at": now, "unconfirmed_since": min(before, default=None)}
        Job.update(changes).where(Job.id == job_id).execute()
        JobStep.create(job=job_id, at=now, move="hold", who=job_moves.DAEMON)
        job_moves.tell(job_id, "hold", job_moves.DAEMON, now)
    return len(found)


def _open() -> list[int]:
    return [row[0] for row in tuples(Job.select(Job.id).where(Job.state.in_(sorted(OPEN))).order_by(Job.id))]


def _overdue(now: int) -> list[int]:
    queued = Message.select(Message.not_before).where(Message.job == Job.id, Message.state == State.PENDING.value)
    first = queued.order_by(Message.not_before, Message.id).limit(1)
    waits = Job.state.in_(sorted(MAY_RUN)) & peewee.Expression(first, peewee.OP.LTE, now)
    late = (Job.state == JobState.SCHEDULED) & (Job.schedule_at <= now)
    query = Job.select(Job.id).where(Job.unconfirmed.is_null(), waits | late).order_by(Job.id)
    return [row[0] for row in tuples(query)]


def cover(job_id: int, due_at: int, now: int) -> None:
    """The job is made only now and was due then: where that was before the interruption it waits for a person, too.
    Part of the transaction that makes it."""
    row = Installation.get_or_none(Installation.id == ONE)
    if row is not None and row.interrupted_at is not None and due_at <= row.interrupted_at:
        changes = {"unconfirmed": row.interruption, "unconfirmed_at": now, "unconfirmed_since": due_at}
        Job.update(changes).where(Job.id == job_id).execute()


def _inode(url: str) -> int:
    if not url.startswith(SQLITE):
        return 0
    with suppress(OSError):
        return Path(url.removeprefix(SQLITE)).stat().st_ino
    return 0


def read(file: Path) -> Mark:
    """What that file says. Raises SetupError."""
    with trouble.told():
        try:
            words = file.read_text(encoding="ascii", errors="replace").split()
        except FileNotFoundError:
            return Mark()
    return Mark(*map(int, words[:2])) if all(each.isdecimal() for each in words) else Mark()


def raise_to(file: Path, mark: Mark) -> None:
    """Have the file say that, if its epoch is not a later one. Raises SetupError."""
    if (known := read(file)) == mark or known.epoch > mark.epoch:
        return
    with trouble.told():
        part = file.with_name(f".{file.name}-{secrets.token_hex(4)}")
        part.write_text(f"{mark.epoch} {mark.database}\n", encoding="ascii")
        durable.keep(part, file)
