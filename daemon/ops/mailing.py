"""Mails the notices that wait. Runs in the http process, of several in the one that has the duty. Where no
mail server is set they are only noted, for the pages that are open."""

from __future__ import annotations

import asyncio
import contextvars
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from daemon.accounts import ownership
from daemon.config import Settings
from daemon.db.connection import write
from daemon.i18n import languages
from daemon.i18n.coded import Refusal, Told, part, refusal, told
from daemon.models import Notice
from daemon.ops import mail
from daemon.ops.notices import AGAIN_MS, Noticing
from daemon.ops.refusals import Notice as Says
from daemon.webhooks import duty

log = structlog.get_logger()

EVERY_S = 5.0
DUTY = "mail"
IN_ONE = 50  # notices in a mail
RETRIES_MS = (60_000, 300_000, 900_000, 3_600_000)  # the last one again and again
FARTHEST_MS = 2 * max(AGAIN_MS, *RETRIES_MS)  # no notice waits for longer: it was noted while the clock was ahead
GIVE_UP_MS = 3 * 86_400_000
LEAST_TRIES = 10  # before one is given up, some hours: it may be the clock that has jumped, before there was a network
SUBJECT = 120  # characters
MANY = 1  # a notice that stands for more than that says for how many


@dataclass(frozen=True)
class Waiting:
    """A notice to be mailed."""

    id: int
    says: Told
    at: int
    count: int
    tries: int


async def run(settings: Settings, timed: Callable[..., Any]) -> None:
    """Look and mail every few seconds until cancelled. timed: runs work on a database thread, with the time."""
    noticing, owner = Noticing(settings), secrets.token_hex(8)
    place = ownership.here(settings.data_dir)
    while True:
        try:
            if await timed(lambda now: duty.hold(DUTY, owner, place, now)):
                await timed(noticing.look)
                if settings.mail_addresses:
                    await mail_due(settings, timed)
                else:
                    await timed(seen_only)
        except Exception:
            log.exception("notices.failed")
        await asyncio.sleep(EVERY_S)


async def mail_due(settings: Settings, timed: Callable[..., Any]) -> None:
    """Send what is due, in one mail."""
    waiting: list[Waiting] = await timed(due)
    if not waiting:
        return
    subject, text = worded([(each.at, _said(each)) for each in waiting], settings)
    mail_id = f"wasender-{waiting[0].id}-{waiting[-1].id}-{waiting[0].at}"
    problem = await mail.send(settings, subject, text, mail_id)
    await timed(ended, waiting, problem)
    if problem is None:
        log.info("mail.sent", count=len(waiting), to=len(settings.mail_addresses))
    else:
        log.warning("mail.failed", problem=problem.code.value, tries=waiting[0].tries + 1)


async def test(settings: Settings, now: int) -> Refusal | None:
    """Send a mail that says it is a test; None, or why that did not work."""
    subject, text = worded([(now, refusal(Says.TEST))], settings)
    return await mail.send(settings, subject, text, f"wasender-test-{secrets.token_hex(8)}", all_of_them=True)


def due(now: int) -> list[Waiting]:
    """What is to be mailed now."""
    rows = Notice.select().where(*_due(now))
    return [
        Waiting(row.id, told(row.words, row.coded) or "", row.at, row.count, row.tries)
        for row in rows.order_by(Notice.due_at, Notice.id).limit(IN_ONE)
    ]


def seen_only(now: int) -> None:
    """Nobody gets mails: what is due is over, and was told by the pages that are open."""
    if Notice.select().where(*_due(now)).exists():
        with write():
            Notice.update(ended_at=now).where(*_due(now)).execute()


def _due(now: int) -> tuple[Any, Any]:
    return Notice.ended_at.is_null(), (Notice.due_at <= now) | (Notice.due_at > now + FARTHEST_MS)


def ended(waiting: list[Waiting], problem: Refusal | None, now: int) -> None:
    """Keep what came of it: they are mailed, tried again later, or given up."""
    given_up = 0
    with write():
        for each in waiting:
            changes: dict[str, Any] = {"ended_at": now, "problem": None}
            if problem is not None:
                late = now - each.at > GIVE_UP_MS and each.tries + 1 >= LEAST_TRIES
                wait = RETRIES_MS[min(each.tries, len(RETRIES_MS) - 1)]
                changes = {"tries": each.tries + 1, "problem": problem.code.value, "due_at": now + wait}
                changes |= {"ended_at": now} if late else {}
                given_up += late
            Notice.update(changes).where(Notice.id == each.id).execute()
    if given_up and problem is not None:
        log.error("mail.given_up", count=given_up, problem=problem.code.value)


def _said(notice: Waiting) -> Told:
    if notice.count <= MANY:
        return notice.says
    return refusal(Says.TIMES, what=part(notice.says), count=notice.count)


def worded(told: list[tuple[int, Told]], settings: Settings) -> tuple[str, str]:
    """The subject and the text of a mail that tells these, with the times at which they happened."""

    def in_its_language() -> tuple[str, str]:
        languages.language.set(settings.mail_language)
        languages.set_zone(settings.zone)
        said = [languages.say(what) for _, what in told]
        first = " ".join(said[0].split())
        more = f" (+{len(said) - 1})" if len(said) > 1 else ""
        text = "\n\n".join(f"{languages.moment(at)}\n{what}" for (at, _), what in zip(told, said, strict=True))
        return f"wasender: {first if len(first) <= SUBJECT else first[:SUBJECT] + '…'}{more}", text + "\n"

    return contextvars.copy_context().run(in_its_language)
