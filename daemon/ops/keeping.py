"""What is kept how long: each kind with its age, how much was removed and when; and the removal itself, once an hour,
in short steps between which others have their turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from daemon.accounts import counting
from daemon.accounts.counting import Name
from daemon.config import PREFIX, Settings
from daemon.db.clock import within
from daemon.db.connection import write
from daemon.delivery import forgetting
from daemon.delivery.forgetting import Kind, Sweep
from daemon.models import Kept

log = structlog.get_logger()

#: the rest of a job that is removed anyway has its history removed, and what is removed is not archived before
ORDER = (Kind.RECIPIENTS, Kind.HISTORY, Kind.FIELDS, Kind.TEXTS, Kind.REJECTED, Kind.ARCHIVE)
PAUSE_S = 0.03  # after each step, in which others write
LONGEST_S = 3_000.0  # of one run; the next one goes on
JUMP_MS = 2 * 86_400_000  # since the last run: the clock may have jumped, so the next run is waited for


def begin(settings: Settings, kind: Kind, now: int) -> Sweep | None:
    """Look for what is too old; None where nothing of the kind is removed now."""
    found = forgetting.sweep(settings, kind, now)
    if found is None:
        return None
    with write():
        row = Kept.get_or_none(Kept.kind == kind.value)
        new = Kept.insert(kind=kind.value, run_at=now, removed=0, total=0)
        new.on_conflict(conflict_target=[Kept.kind], update={Kept.run_at: now}).execute()
    if row is not None and not within(row.run_at, now, JUMP_MS):
        log.warning("keeping.waited", kind=kind.value)
        return None
    return found


def step(sweep: Sweep, now: int) -> bool:
    """Remove a little; whether there may be more."""
    before = sweep.removed

    def count(removed: int) -> None:
        so_far = Kept.removed + removed if before else removed
        changes: dict[Any, Any] = {Kept.removed: so_far, Kept.removed_at: now, Kept.total: Kept.total + removed}
        Kept.update(changes).where(Kept.kind == sweep.kind.value).execute()
        counting.add({(Name.REMOVED, "", sweep.kind.value): removed})

    return sweep.step(now, count)


async def run(settings: Settings, timed: Callable[..., Any], longest_s: float = LONGEST_S) -> None:
    """Remove what is too old. timed: runs work on a database thread, with the time."""
    give_up = time.monotonic() + longest_s
    for kind in ORDER:
        sweep = await timed(begin, settings, kind)
        more = sweep is not None
        while more and time.monotonic() < give_up:
            more = await timed(step, sweep)
            await asyncio.sleep(PAUSE_S)
        if sweep is not None and sweep.removed:
            log.info("keeping.removed", kind=kind.value, count=sweep.removed, more=more)


@dataclass(frozen=True)
class Held:
    """A kind: for how many days it is kept after the end of its campaign (0: for ever), by which setting; due: how many
    campaigns are old enough that it will be removed from them, MANY at most; times in UTC ms; removed: how much the
    last time, total: ever."""

    kind: str
    setting: str
    days: int
    due: int
    run_at: int | None
    removed_at: int | None
    removed: int
    total: int


MANY = 10_000


def held(settings: Settings, now: int) -> list[Held]:
    """All kinds."""
    rows = {row.kind: row for row in Kept.select()}
    return [_held(settings, kind, rows.get(kind.value), now) for kind in ORDER]


def _held(settings: Settings, kind: Kind, row: Any, now: int) -> Held:
    days = forgetting.days(settings, kind)
    name = "archive_days" if kind is Kind.ARCHIVE else f"keep_{kind.value}_days"
    sweep = forgetting.sweep(settings, kind, now)
    return Held(
        kind=kind.value,
        setting=PREFIX + name.upper(),
        days=days,
        due=0 if sweep is None else sweep.due(MANY),
        run_at=row.run_at if row else None,
        removed_at=row.removed_at if row else None,
        removed=row.removed if row else 0,
        total=row.total if row else 0,
    )
