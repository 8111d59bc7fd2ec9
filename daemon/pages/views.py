"""Accounts, jobs and messages as templates take them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from daemon import errors
from daemon.accounts import directory
from daemon.accounts.directory import AccountRow
from daemon.campaigns import progress, queries
from daemon.campaigns.funnel import NOT_DELIVERED, is_late
from daemon.campaigns.rows import JobRow, MessageRow
from daemon.config import Settings
from daemon.db import clock
from daemon.i18n.coded import Told, told
from daemon.pages.refusals import Why
from daemon.pages.words import (
    BAR,
    BEING_STOPPED,
    MEANINGS,
    REHEARSED,
    STATUSES,
    TONES,
    WAITS,
    held_by,
    lasts,
    words,
)
from daemon.states import IN_HAND, JOB_MOVES, OPEN, OUT, AccountState, JobState, State

READY = "Linked and ready to send."
SLOW = "After a restriction it sends at a third of its usual speed for a day."


@dataclass(frozen=True)
class AccountView:
    """An account in words. called: its title; tone: how a chip is coloured; qr: changes whenever there is another code
    to draw, None without one; until: UTC ms."""

    name: str
    called: str
    state: str
    tone: str
    sentence: tuple[Told, ...]
    qr: str | None = None
    until: int | None = None


@dataclass(frozen=True)
class Bar:
    """A part of a progress bar; at, width: in percent of the whole."""

    name: str
    at: str
    width: str


@dataclass(frozen=True)
class JobView(progress.Progress):
    """A job as pages show it: its progress, the bar's parts and what may be done with it. called: what its chip says;
    over: nothing is left to send; out: how many were sent."""

    done: int
    out: int
    over: bool
    called: str
    sentence: tuple[Told, ...]
    meaning: str
    waits_for: str
    bar: list[Bar]
    left: str
    may: dict[str, bool]


@dataclass(frozen=True)
class MessageView:
    """A recipient as tables show them. who: their name; again_at: when the next attempt is, UTC ms; at: when it was
    sent."""

    id: int
    row: int
    who: str
    number: str
    state: str
    meaning: str
    attempts: int
    error: Told | None
    again_at: int | None
    at: int | None


def account_view(row: AccountRow, now: int, with_pace: bool = True) -> AccountView:
    """The account in words. with_pace: say also that it sends slowly for a while."""
    alive, ready = directory.alive(row, now), directory.can_send(row, now)
    slow = SLOW if with_pace and directory.slow(row.slow_until, now) else None
    linked = (READY, told(row.detail, row.coded), slow)
    sentence = tuple(each for each in linked if each) if ready else progress.why(row, now)
    code = row.qr if alive and row.state == AccountState.NEEDS_LINK else None
    return AccountView(
        name=row.name,
        called=row.called,
        state=row.state if alive else "not running",
        tone=TONES.get(row.state, "plain") if alive else "bad",
        sentence=sentence,
        qr=hashlib.sha256(code.encode()).hexdigest()[:12] if code else None,
        until=row.until if alive else None,
    )


def campaign(job_id: int) -> JobRow:
    """The campaign by that number. Raises NotFound, in words for a page."""
    try:
        return queries.job(job_id)
    except errors.NotFound:
        raise errors.NotFound(Why.NO_CAMPAIGN, campaign=job_id) from None


def job_view(settings: Settings, row: JobRow) -> JobView:
    """A job as pages show it."""
    now = clock.now_ms()
    found = progress.progress(settings, row, now)
    meaning = STATUSES[JobState(row.state)]
    if row.state == JobState.STOPPED and row.pending:
        meaning = BEING_STOPPED
    elif row.state == JobState.RUNNING and row.dry_run:
        meaning = REHEARSED
    left = sum(getattr(found, state) for state in (State.PENDING, *IN_HAND))
    return JobView(
        **vars(found),
        done=row.total - left,
        out=sum(getattr(found, state) for state in OUT),
        over=not left,
        called=held_by(found.code) if found.code else words(found.status),
        sentence=found.said or (meaning,),
        meaning=meaning,
        waits_for=_waits_for(found.next_reason or ""),
        bar=_bar(found),
        left=lasts(found.eta - now) if found.eta else "",
        may={
            "pause": row.state in JOB_MOVES["pause"][0],
            "resume": row.state in JOB_MOVES["resume"][0],
            "stop": row.state in JOB_MOVES["stop"][0],
            "retry": row.failed > 0 and row.state in JOB_MOVES["retry"][0],
            "resend": row.state != JobState.STOPPED,
            "archive": row.state not in OPEN and row.archived_at is None,
        },
    )


def _waits_for(reason: str) -> str:
    """What the next message waits for, in words; a reason of a newer version by its name."""
    return next((told for why, told in WAITS.items() if why == reason), words(reason))


def _bar(found: progress.Progress) -> list[Bar]:
    parts, at = [], 0.0
    for name, states in BAR:
        width = 100 * sum(getattr(found, state) for state in states) / max(1, found.total)
        parts.append(Bar(name, f"{at:.4g}", f"{width:.4g}"))
        at += width
    return parts


def message_view(row: MessageRow, columns: list[str]) -> MessageView:
    waits = row.state == State.PENDING and row.not_before > clock.now_ms()
    return MessageView(
        id=row.id,
        row=row.row,
        who=" ".join(filter(None, (row.fields.get(name, "") for name in columns))),
        number=row.number,
        state=row.state,
        meaning=MEANINGS[State(row.state)],
        attempts=row.attempts,
        error=told(row.error, row.coded) or (NOT_DELIVERED if is_late(row, clock.now_ms()) else None),
        again_at=row.not_before if waits else None,
        at=row.sent_at,
    )
