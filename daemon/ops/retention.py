"""Deletes data that is only kept for a while. Runs in the http process once an hour, so that it does not depend on
senders, which may be busy or no longer exist."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import structlog

from daemon import errors
from daemon.accounts import commands, handovers, portfolios
from daemon.campaigns import create, idempotency, leftovers
from daemon.config import Settings
from daemon.contacts import row_sets, stored, unfinished_lists, uploads
from daemon.contacts.stored import DAY_MS
from daemon.db import connection
from daemon.delivery import (
    cloud_inbox,
    enqueue,
    evidence,
    forgetting,
    person_keys,
    receipts,
    replies,
    rescue,
    sweeps,
    tallies,
    windows,
)
from daemon.ops import keeping, notices
from daemon.ops.keeping import Beside, Other
from daemon.webhooks import outbox

log = structlog.get_logger()

EVERY_S = 3_600


def prune(settings: Settings, now: int) -> None:
    """Delete old evidence, screenshots, replies, hand-overs, stored answers, started drafts, the people of series that
    have ended, files that nobody uses, and what interrupted uploads, lists and orders have left. Also
    settle messages that were being sent when the last sender of their account went away, and those accepted and never
    delivered: they would stay in that state for ever. What an interrupted stop has left in the queue is cancelled.
    Counts by the second are merged where they are drawn by the minute.

    Each of these is tried, whatever became of the others. Raises ExceptionGroup of all that was in the way."""
    steady, failures = False, list[Exception]()
    try:
        steady = keeping.steady(Beside.REST, now)
    except Exception as error:
        failures.append(error)
    for work in _works(settings, now, steady):
        try:
            with connection.available():  # which closes a connection that was lost
                work()
        except (errors.DatabaseBusy, errors.DatabaseUnusable) as error:
            failures.append(error)
            break  # each of the others would wait as long, and keep a thread from requests
        except Exception as error:
            failures.append(error)
    if failures:
        raise ExceptionGroup("pruning", failures)


def _works(settings: Settings, now: int, steady: bool) -> Iterator[Callable[[], object]]:
    """What is to be done, in order. steady: else the clock may have jumped, and leases may only look as if they were
    over."""
    here = time.time_ns() // 1_000_000  # files have the time of this machine
    if steady:
        yield partial(rescue.rescue, now)
    for work in (
        sweeps.finish_stops,
        commands.prune,
        enqueue.sweep,
        person_keys.complete,
        row_sets.sweep,
        unfinished_lists.sweep,
    ):
        yield partial(work, now)
    if steady:
        for aged in (
            receipts.expire_due,
            handovers.forget_minutes,
            forgetting.happenings,
            cloud_inbox.prune,
            windows.prune,
            portfolios.prune,
            outbox.prune,
            notices.prune,
        ):
            yield partial(aged, now)
    for kind, remove in (
        (Beside.ANSWERS, lambda: create.forget_answers(now) + idempotency.prune(now)),
        (Other.REPLIES, lambda: replies.prune(now, settings.keep_replies_days * DAY_MS)),
        (Other.EVIDENCE, lambda: evidence.prune(now, settings.keep_evidence_days * DAY_MS)),
        (Beside.HANDOVERS, lambda: forgetting.handovers(now)),
    ):
        yield partial(keeping.by_age, kind, now, remove)
    yield tallies.lengthen
    for kind, remove in (
        (
            Beside.STARTED,
            lambda: leftovers.forget_started(settings, now) + leftovers.forget_people_of_series(settings, now),
        ),
        (Other.DRAFTS, lambda: leftovers.forget_untouched(settings, now)),
        (Other.UPLOADS, lambda: sum(stored.prune(settings, leftovers.attachments, now))),
    ):
        yield partial(keeping.by_age, kind, now, remove)
    yield partial(uploads.sweep, settings, here)
    if steady:
        yield partial(stored.settle, settings, here)


async def run(settings: Settings, timed: Callable[..., Any]) -> None:
    """Prune at once and then every hour, until cancelled. timed: runs work on a database thread, with the time."""
    while True:
        for work in (partial(timed, prune, settings), partial(keeping.run, settings, timed)):
            try:
                await work()
            except ExceptionGroup as failed:
                for each in failed.exceptions:
                    log.error("pruning.failed", exc_info=each)
            except Exception:
                log.exception("pruning.failed")
        await asyncio.sleep(EVERY_S)
