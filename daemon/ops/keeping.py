"""What is kept how long: each kind with its age, how much was removed and when; and the removal itself, once an hour,
in short steps between which others have their turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import peewee
import structlog

from daemon import errors
from daemon.accounts import counting
from daemon.accounts.counting import Name
from daemon.config import PREFIX, Settings
from daemon.db.clock import within
from daemon.db.connection import write
from daemon.delivery import forgetting
from daemon.delivery.forgetting import DAY_MS, Kind, Sweep
from daemon.models import Draft, Evidence, Kept, Reply, Upload

log = structlog.get_logger()

#: the rest of a job that is removed anyway has its history removed, and what is removed is not archived before
ORDER = (Kind.RECIPIENTS, Kind.HISTORY, Kind.FIELDS, Kind.TEXTS, Kind.REJECTED, Kind.ARCHIVE)
PAUSE_S = 0.03  # after each step, in which others write
LONGEST_S = 3_000.0  # of one run; the next one goes on
MANY = 10_000  # up to so many are counted
JUMP_MS = 2 * 86_400_000  # since the last run: the clock may have jumped
DOUBTED_MS = 3_540_000  # so long the clock is not believed: not quite an hour, after which the next run is
DOUBT = "?"  # behind a kind: the row that has since when the clock is not believed


class Beside(StrEnum):
    """What is removed elsewhere, and has no setting or one of its own: see ops/audit_upkeep.py and ops/retention.py."""

    AUDIT = "audit"
    HANDOVERS = "handovers"
    ANSWERS = "answers"  #: kept for repeated requests
    STARTED = "started"  #: drafts that were started, people of series that have ended
    REST = "rest"  #: what goes, or changes, by its age alone and is not counted


class Other(StrEnum):
    """What is removed by its own age, see ops/retention.py."""

    REPLIES = "replies"
    EVIDENCE = "evidence"
    DRAFTS = "drafts"
    UPLOADS = "uploads"


REMOVED = [each.value for each in (*Kind, *Beside, *Other)]
OTHERS: dict[Other, tuple[str, Callable[[], Any], Any]] = {  # setting, all of it, since when it is as it is
    Other.REPLIES: ("keep_replies_days", lambda: Reply.select(Reply.id), Reply.at),
    Other.EVIDENCE: ("keep_evidence_days", lambda: Evidence.select(Evidence.id), Evidence.at),
    Other.DRAFTS: ("keep_drafts_days", lambda: Draft.select(Draft.id).where(Draft.job.is_null()), Draft.updated_at),
    Other.UPLOADS: ("keep_unused_days", lambda: Upload.select(Upload.id), Upload.used_at),
}


def looked(kind: StrEnum, removed: int, now: int, anew: bool = True) -> None:
    """Note that a kind was looked for, and how much was removed; part of the caller's transaction, if there is one.
    anew: what was removed before is not of the same time."""
    with write():
        _ran(kind.value, now)
        if removed:
            so_far = removed if anew else Kept.removed + removed
            changes: dict[Any, Any] = {Kept.removed: so_far, Kept.removed_at: now, Kept.total: Kept.total + removed}
            Kept.update(changes).where(Kept.kind == kind.value).execute()
            counting.add({(Name.REMOVED, "", kind.value): removed})


def _ran(kind: str, now: int) -> None:
    row = Kept.insert(kind=kind, run_at=now, removed=0, total=0)
    with write():
        row.on_conflict(conflict_target=[Kept.kind], update={Kept.run_at: now}).execute()


def steady(kind: StrEnum, now: int) -> bool:
    """Note that a kind is looked for now; whether that may be believed: after a jump of the clock nothing is removed
    for an hour, however often it is looked for meanwhile, so that there is time to set it right."""
    if believed(kind.value, now, JUMP_MS, DOUBTED_MS):
        return True
    log.warning("keeping.waited", kind=kind.value)
    return False


def believed(kind: str, now: int, jump_ms: int, doubted_ms: int) -> bool:
    """Note that there is a look now; whether the clock may be believed. It is not for doubted_ms where the last look
    was longer ago than jump_ms, or lies ahead."""
    doubt = f"{kind}{DOUBT}"
    run_at, since = (row.run_at if row else None for row in (Kept.get_or_none(kind=each) for each in (kind, doubt)))
    if run_at is None and kind in REMOVED:  # new in this version, or not removed until now
        run_at = Kept.select(peewee.fn.MAX(Kept.run_at)).where(Kept.kind.in_(REMOVED)).scalar()
    if run_at is None or within(run_at, now, jump_ms) or (since is not None and doubted_ms <= now - since < jump_ms):
        with write():
            _ran(kind, now)
            Kept.delete().where(Kept.kind == doubt).execute()
        return True
    if since is None or not within(since, now, jump_ms):
        _ran(doubt, now)
    return False


def by_age(kind: StrEnum, now: int, remove: Callable[[], int]) -> None:
    """Have what is too old removed, and note how much that was."""
    if steady(kind, now):
        looked(kind, remove(), now)


def begin(settings: Settings, kind: Kind, now: int) -> Sweep | None:
    """Look for what is too old; None where nothing of the kind is removed now."""
    found = forgetting.sweep(settings, kind, now)
    if found is None:
        return None
    return found if steady(kind, now) else None


def step(sweep: Sweep, now: int) -> bool:
    """Remove a little; whether there may be more."""
    anew = not sweep.removed
    return sweep.step(now, lambda removed: looked(sweep.kind, removed, now, anew))


async def run(settings: Settings, timed: Callable[..., Any], longest_s: float = LONGEST_S) -> None:
    """Remove what is too old; of each kind, whatever became of the others. timed: runs work on a database thread, with
    the time. Raises ExceptionGroup of all that was in the way."""
    give_up, failures = time.monotonic() + longest_s, list[Exception]()
    for kind in ORDER:
        try:
            await _removed(settings, kind, timed, give_up)
        except (errors.DatabaseBusy, errors.DatabaseUnusable) as error:
            failures.append(error)
            break
        except Exception as error:
            failures.append(error)
    if failures:
        raise ExceptionGroup("keeping", failures)


async def _removed(settings: Settings, kind: Kind, timed: Callable[..., Any], give_up: float) -> None:
    sweep = await timed(begin, settings, kind)
    more = sweep is not None
    while more and time.monotonic() < give_up:
        more = await timed(step, sweep)
        await asyncio.sleep(PAUSE_S)
    if sweep is not None and sweep.removed:
        log.info("keeping.removed", kind=kind.value, count=sweep.removed, more=more)


@dataclass(frozen=True)
class Held:
    """A kind, by which setting for how many days it is kept (0: for ever). there: how many campaigns that have ended
    still have it, or how many of it there are; due: how many of these are old enough that it will be removed, and
    due_messages: of how many messages; all of them MANY campaigns at most. run_at: when that was last looked for,
    removed_at: when something was last removed (UTC ms), removed: how much then, total: ever."""

    kind: str
    setting: str
    days: int
    there: int
    due: int
    due_messages: int | None
    run_at: int | None
    removed_at: int | None
    removed: int
    total: int


def held(settings: Settings, now: int) -> list[Held]:
    """All kinds."""
    rows = {row.kind: row for row in Kept.select()}
    found = [_of_jobs(settings, kind, rows.get(kind.value), now) for kind in Kind]
    return [*found, *(_by_age(settings, kind, rows.get(kind.value), now) for kind in Other)]


def _of_jobs(settings: Settings, kind: Kind, row: Any, now: int) -> Held:
    sweep = forgetting.sweep(settings, kind, now)
    due, messages = (0, 0) if sweep is None else sweep.due(MANY)
    name = "archive_days" if kind is Kind.ARCHIVE else f"keep_{kind.value}_days"
    there = forgetting.there(kind, MANY)
    return _held(kind, name, forgetting.days(settings, kind), (there, due, messages), row)


def _by_age(settings: Settings, kind: Other, row: Any, now: int) -> Held:
    name, every, age = OTHERS[kind]
    days = int(getattr(settings, name))
    there = every().limit(MANY).count()
    due = every().where(age < now - days * DAY_MS).limit(MANY).count() if days else 0
    return _held(kind, name, days, (there, due, None), row)


def _held(kind: StrEnum, name: str, days: int, counts: tuple[int, int, int | None], row: Any) -> Held:
    there, due, messages = counts
    return Held(
        kind=kind.value,
        setting=PREFIX + name.upper(),
        days=days,
        there=there,
        due=due,
        due_messages=messages,
        run_at=row.run_at if row else None,
        removed_at=row.removed_at if row else None,
        removed=row.removed if row else 0,
        total=row.total if row else 0,
    )
