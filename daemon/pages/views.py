"""Accounts, jobs and messages as templates take them."""

from __future__ import annotations

import hashlib
from typing import Any

from daemon.accounts import directory
from daemon.accounts.directory import AccountRow
from daemon.campaigns import progress
from daemon.campaigns.queries import JobRow, MessageRow
from daemon.config import Settings
from daemon.db import clock
from daemon.pages.words import BAR, MEANINGS, NAMES, STATUSES, TONES, WAITS, lasts, words
from daemon.states import IN_HAND, JOB_MOVES, AccountState, JobState, State

SLOW = "After a restriction it sends at a third of its usual speed for a day."


def account_views(settings: Settings) -> list[dict[str, Any]]:
    now = clock.now_ms()
    known = [account_view(row, now) for row in directory.every()]
    return known or [
        {
            "name": settings.account,
            "state": "not started",
            "tone": "bad",
            "sentence": "No sender has started yet: scripts/start runs it beside this page.",
            "qr": None,
            "until": None,
        }
    ]


def account_view(row: AccountRow, now: int, with_pace: bool = True) -> dict[str, Any]:
    """The account in words. with_pace: say also that it sends slowly for a while. qr: changes whenever there is another
    code to draw, None without one."""
    alive, ready = directory.alive(row, now), directory.can_send(row, now)
    slow = SLOW if with_pace and directory.slow(row.slow_until, now) else ""
    sentence = f"Linked and ready to send. {row.detail or ''} {slow}" if ready else progress.explain(row, now)
    code = row.qr if alive and row.state == AccountState.NEEDS_LINK else None
    return {
        "name": row.name,
        "state": row.state if alive else "not running",
        "tone": TONES.get(row.state, "plain") if alive else "bad",
        "sentence": sentence.strip(),
        "qr": hashlib.sha256(code.encode()).hexdigest()[:12] if code else None,
        "until": row.until if alive else None,
    }


def job_view(settings: Settings, row: JobRow) -> dict[str, Any]:
    """A job as pages show it: its progress, the bar's parts and what may be done with it."""
    now = clock.now_ms()
    found = dict(vars(progress.progress(settings, row, now)))
    found["done"] = row.total - sum(found[state] for state in (State.PENDING, *IN_HAND))
    found["sentence"] = found["reason"] or STATUSES[JobState(row.state)]
    found["meaning"] = STATUSES[JobState(row.state)]
    found["waits_for"] = WAITS.get(found["next_reason"], words(found["next_reason"] or ""))
    found["bar"] = _bar(found)
    found["left"] = lasts(found["eta"] - now) if found["eta"] else ""
    found["may"] = {
        "pause": row.state in JOB_MOVES["pause"][0],
        "resume": row.state in JOB_MOVES["resume"][0],
        "stop": row.state in JOB_MOVES["stop"][0],
        "retry": row.failed > 0 and row.state in JOB_MOVES["retry"][0],
        "resend": row.state != JobState.STOPPED,
    }
    return found


def _bar(found: dict[str, Any]) -> list[dict[str, str]]:
    """Parts of the progress bar, in percent of its width."""
    parts, at = [], 0.0
    for name, states in BAR:
        width = 100 * sum(found[state] for state in states) / max(1, found["total"])
        parts.append({"name": name, "at": f"{at:.4g}", "width": f"{width:.4g}"})
        at += width
    return parts


def message_view(row: MessageRow, columns: list[str]) -> dict[str, Any]:
    who = " ".join(filter(None, (row.fields.get(name, "") for name in columns)))
    return {
        "id": row.id,
        "row": row.row,
        "who": who,
        "number": row.number,
        "state": row.state,
        "meaning": MEANINGS[State(row.state)],
        "attempts": row.attempts,
        "error": row.error,
        "again_at": row.not_before if row.state == State.PENDING and row.not_before > clock.now_ms() else None,
        "at": row.sent_at,
    }


def name_columns(columns: list[str]) -> list[str]:
    """The columns that say who somebody is."""
    return [name for name in columns if NAMES & set(name.split("_"))][:2] or columns[:1]
