"""What webhooks still have to be told, durably: a row for each delivery, fed from the history by a position that moves
on in the same transaction.

Something is tried at once, and after each failure later, over three days (RETRIES_S); then it is *dead*, until somebody
has it sent again. What is about the same message (job, account, reply) is told in order: the next one waits until the
one before has arrived or is dead. A webhook that fails again and again is left alone for a while and then tried with a
single delivery, and after DISABLE_MS without any success it is disabled; what happens meanwhile stays in the history.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

import peewee
import structlog

from daemon import errors
from daemon.campaigns import news
from daemon.campaigns.news import News, Position, Told, Wanted, event_id, iso
from daemon.db.clock import AHEAD_MS, within
from daemon.db.connection import after_commit, write
from daemon.db.proxy import in_order, locked, tuples
from daemon.db.records import record
from daemon.models import Delivery as DeliveryRow
from daemon.models import Webhook as WebhookRow
from daemon.webhooks import duty
from daemon.webhooks.refusals import Problem, Why
from daemon.webhooks.sending import Result

log = structlog.get_logger()

DUTY = "webhooks"
DAY_MS = 86_400_000
RETRIES_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)  # after each failure; in all 75 hours
JITTER = 0.1  # of each wait, so that not all come back at once
LONGEST_RETRY_S = 86_400  # that a receiver can ask for
FARTHEST_MS = round(1_000 * max(*RETRIES_S, LONGEST_RETRY_S) * (1 + JITTER)) + AHEAD_MS  # ahead that something is tried
DISABLE_MS = 5 * DAY_MS
TRIED_MS = 2 * DAY_MS  # what waits is tried every day or so; where nothing was, nothing waited, or the clock jumped
RESTS_AFTER = 5  # failures in a row
REST_S, LONGEST_REST_S = 5, 300  # it doubles with each further failure
REST_ENDS_MS = 1_000 * LONGEST_REST_S + AHEAD_MS  # a rest that ends later was given while the clock was ahead
READY = 1_000  # deliveries of a webhook that are due: more are not read from the history before
AT_ONCE = 16  # requests to one webhook
KEEP_MS, KEEP_DEAD_MS = 7 * DAY_MS, 30 * DAY_MS
FEW = 2_000  # rows that are deleted in one transaction
TEST = "t"  # begins the source of a test
TEST_KIND = "webhook.test"


class Stage(StrEnum):
    """Where a delivery is."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True)
class Delivery:
    """A delivery as it is shown; times in UTC ms. event_id: what the receiver knows it by."""

    id: int
    webhook_id: int
    event_id: str
    kind: str
    topic: str
    at: int
    state: str
    attempts: int
    due_at: int | None
    tried_at: int | None
    ended_at: int | None
    status: int | None
    problem: str | None
    elapsed_ms: int | None


@dataclass(frozen=True)
class Call:
    """A request to be made. topic: as of its delivery; at: now, UTC ms; keys: the secrets that sign it, the newest
    first."""

    delivery_id: int
    topic: str
    attempts: int
    at: int
    url: str
    news: News | None  # None: it has been deleted
    keys: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class Made:
    """A request that was made."""

    call: Call
    result: Result


def serving(now: int) -> list[int]:
    """The webhooks that may be told something now."""
    awake = (WebhookRow.rest_until <= now) | (WebhookRow.rest_until > now + REST_ENDS_MS)
    found = WebhookRow.select(WebhookRow.id).where(WebhookRow.disabled_at.is_null(), awake)
    return [webhook_id for (webhook_id,) in tuples(found)]


def feed(webhook_id: int, until: Position, owner: str, now: int) -> int:
    """Give the webhook what has happened since, up to that position, as far as it has room; returns how many deliveries
    were made. Nothing where another process has the duty by now."""
    _set_right(webhook_id, now)
    count, more = 0, True
    while more:
        row = WebhookRow.get_or_none(WebhookRow.id == webhook_id)
        if row is None or row.disabled_at is not None:
            return count
        if row.failures >= RESTS_AFTER and (count or _any_waits(webhook_id)):  # else there would be nothing to try
            return count
        if _ready(webhook_id, now) >= READY:
            return count
        at = Position(row.event, row.happening)
        if not at.behind(until):
            return count
        accounts = None if row.accounts is None else frozenset(row.accounts)
        page = news.page(at, until, Wanted(frozenset(row.kinds), accounts))
        if page.end == at:
            return count
        with write():
            there = WebhookRow.event == at.event, WebhookRow.happening == at.happening
            moved = WebhookRow.update(event=page.end.event, happening=page.end.happening).where(
                WebhookRow.id == webhook_id, *there, duty.held(DUTY, owner, now)
            )
            if not moved.execute():
                return count
            later = _tried_later(webhook_id, {each.order for each in page.news})
            rows = [_row_of(webhook_id, each, max(now, later.get(each.order, now))) for each in page.news]
            for begin in range(0, len(rows), 100):
                DeliveryRow.insert_many(rows[begin : begin + 100]).on_conflict_ignore().execute()
        count += len(page.news)
        more = page.more
    return count


def _set_right(webhook_id: int, now: int) -> None:
    """What was put off while the clock was ahead is due."""
    ahead = (DeliveryRow.webhook == webhook_id, _waits(), DeliveryRow.due_at > now + FARTHEST_MS)
    with in_order():
        any_ahead = tuples(DeliveryRow.select(DeliveryRow.id).where(*ahead).order_by(DeliveryRow.due_at).limit(1))
    if any_ahead:
        with write():
            DeliveryRow.update(due_at=now).where(*ahead).execute()


def _ready(webhook_id: int, now: int) -> int:
    due = (DeliveryRow.webhook == webhook_id, _waits(), DeliveryRow.due_at <= now)
    with in_order():
        ordered = DeliveryRow.select(DeliveryRow.id).where(*due).order_by(DeliveryRow.due_at, DeliveryRow.id)
        return len(tuples(ordered.limit(READY)))  # not `count`, which leaves out the order


def _any_waits(webhook_id: int) -> bool:
    with in_order():
        one = DeliveryRow.select(DeliveryRow.id).where(DeliveryRow.webhook == webhook_id, _waits())
        return bool(tuples(one.order_by(DeliveryRow.due_at, DeliveryRow.id).limit(1)))


def _waits() -> Any:
    """As in the indexes, which are only used where it says so word by word."""
    return DeliveryRow.state == peewee.SQL("'waiting'")


def _tried_later(webhook_id: int, topics: Collection[str]) -> dict[str, int]:
    """When what waits already is tried, of those topics: what comes behind it is not due before."""
    waits = (DeliveryRow.webhook == webhook_id, _waits(), DeliveryRow.topic.in_(sorted(topics)))
    with in_order():
        query = DeliveryRow.select(DeliveryRow.topic, DeliveryRow.due_at).where(*waits)
        found = tuples(query.order_by(DeliveryRow.topic, DeliveryRow.id)) if topics else []
    later: dict[str, int] = {}
    for topic, due_at in found:
        later[topic] = max(due_at, later.get(topic, due_at))
    return later


def _row_of(webhook_id: int, each: News, due_at: int) -> dict[str, Any]:
    return {
        "webhook": webhook_id,
        "source": each.source,
        "kind": each.kind,
        "topic": each.order,
        "at": each.at,
        "state": Stage.WAITING,
        "attempts": 0,
        "due_at": due_at,
    }


def due(webhook_id: int, now: int, at_once: int = AT_ONCE) -> list[Call]:
    """What the webhook has to be told now, at most `at_once`; one, to try it, where it has failed again and again."""
    row = WebhookRow.get_or_none(WebhookRow.id == webhook_id)
    if row is None or row.disabled_at is not None or now < row.rest_until <= now + REST_ENDS_MS:
        return []
    most = 1 if row.failures >= RESTS_AFTER else at_once
    before = DeliveryRow.alias()
    waits = before.state == peewee.SQL("'waiting'")
    same = (before.webhook == webhook_id, before.topic == DeliveryRow.topic, waits)
    first = before.select(before.id).where(*same).order_by(before.id).limit(1)  # PostgreSQL makes no join of that
    columns = (DeliveryRow.id, DeliveryRow.topic, DeliveryRow.attempts, DeliveryRow.source)
    query = DeliveryRow.select(*columns).where(DeliveryRow.webhook == webhook_id, _waits(), DeliveryRow.due_at <= now)
    query = query.where(DeliveryRow.id == first).order_by(DeliveryRow.due_at, DeliveryRow.id).limit(most)
    with in_order():
        found = tuples(query)
    told = news.found([source for *_, source in found])
    keys = _keys(row, now)
    return [
        Call(each, topic, attempts, now, row.url, told.get(source), keys) for each, topic, attempts, source in found
    ]


def _keys(row: WebhookRow, now: int) -> tuple[str, ...]:
    rotating = row.old_until is not None and row.old_until > now
    return tuple(str(each) for each in (row.secret, row.old_secret if rotating else None) if each)


def take(webhook_id: int, made: Sequence[Made], now: int) -> None:
    """Store what came of these requests. What somebody else has stored meanwhile stays."""
    if not made:
        return
    with write():
        row = locked(WebhookRow.select().where(WebhookRow.id == webhook_id)).first()
        if row is None:
            return
        for each in made:
            _take_one(webhook_id, each, now)
        _judge(row, made, now)


def _take_one(webhook_id: int, made: Made, now: int) -> None:
    call, result = made.call, made.result
    attempts = call.attempts + 1
    changes: dict[str, Any] = {"attempts": attempts, "tried_at": now, "status": result.status}
    changes |= {"problem": result.problem and result.problem.value, "elapsed_ms": result.elapsed_ms}
    if result.arrived:
        changes |= {"state": Stage.DELIVERED, "ended_at": now}
    elif attempts > len(RETRIES_S) or result.problem is Problem.FORGOTTEN:
        changes |= {"state": Stage.DEAD, "ended_at": now}
    else:
        wait_s = RETRIES_S[attempts - 1] * (1 + JITTER * random.random())
        changes["due_at"] = now + round(1_000 * max(wait_s, min(result.retry_s, LONGEST_RETRY_S)))
    mine = (DeliveryRow.id == call.delivery_id, DeliveryRow.attempts == call.attempts, _waits())
    if not DeliveryRow.update(changes).where(*mine).execute():
        return
    if changes.get("state") == Stage.DEAD:
        after_commit(partial(log.warning, "delivery.died", delivery_id=call.delivery_id, attempts=attempts))
    elif "due_at" in changes:  # what waits for it is not due either: it would take the room of what could be told
        behind = (DeliveryRow.webhook == webhook_id, DeliveryRow.topic == call.topic, _waits())
        later = (DeliveryRow.id > call.delivery_id, DeliveryRow.due_at < changes["due_at"])
        DeliveryRow.update(due_at=changes["due_at"]).where(*behind, *later).execute()


def _judge(row: WebhookRow, made: Sequence[Made], now: int) -> None:
    """What the outcome says about the webhook as a whole."""
    tried = [each.result for each in made if each.result.problem is not Problem.FORGOTTEN]
    if not tried:
        return
    changes: dict[str, Any] = {}
    gone = any(each.status == 410 for each in tried)
    if any(each.arrived for each in tried):
        changes = {"failures": 0, "failing_since": None, "rest_until": 0, "delivered_at": now}
        if row.failing_since is not None:
            after_commit(partial(log.info, "webhook.recovered", webhook_id=row.id))
    else:
        since = _failing_since(row, now)
        # Requests that were made at once say no more than one of them: the first rest is the shortest all the same.
        failures = row.failures + 1 if row.failures >= RESTS_AFTER else min(row.failures + len(tried), RESTS_AFTER)
        changes = {"failures": failures, "failing_since": since}
        if failures >= RESTS_AFTER:
            rest_s = min(REST_S * 2 ** min(failures - RESTS_AFTER, 20), LONGEST_REST_S)
            changes["rest_until"] = now + 1_000 * rest_s
        if row.failing_since is None:
            problem = tried[0].problem
            after_commit(partial(log.warning, "webhook.failed", webhook_id=row.id, problem=problem and problem.value))
        if gone or now - since >= DISABLE_MS:
            why = "gone" if gone else "failing"
            changes |= {"disabled_at": now, "disabled_why": why}
            after_commit(partial(log.error, "webhook.disabled", webhook_id=row.id, why=why))
    WebhookRow.update(changes).where(WebhookRow.id == row.id).execute()


def _failing_since(row: WebhookRow, now: int) -> int:
    """Since when it is known to fail without a pause."""
    since = row.failing_since
    tried = row.rest_until if row.failures >= RESTS_AFTER else since
    if since is None or tried is None or since > now + AHEAD_MS or not within(tried, now, TRIED_MS):
        return now
    return since


def next_due(now: int) -> int | None:
    """When something is due next, of those webhooks that are not disabled; None: nothing waits."""
    query = DeliveryRow.select(peewee.fn.MIN(DeliveryRow.due_at)).join(WebhookRow)
    found = query.where(WebhookRow.disabled_at.is_null(), _waits()).scalar()
    return None if found is None else int(found)


def of_webhook(
    webhook_id: int, stage: Stage | None = None, before: int | None = None, limit: int = 50
) -> tuple[list[Delivery], int | None]:
    """Deliveries of the webhook, newest first, and where the next page begins. before: an id."""
    wanted = [DeliveryRow.webhook == webhook_id]
    if stage is not None:
        wanted.append(DeliveryRow.state == stage)
    if before is not None:
        wanted.append(DeliveryRow.id < before)
    rows = list(DeliveryRow.select().where(*wanted).order_by(DeliveryRow.id.desc()).limit(limit + 1))
    shown = [_shown(row) for row in rows[:limit]]
    return shown, shown[-1].id if len(rows) > limit else None


def find(delivery_id: int) -> Delivery:
    """The delivery by that id. Raises NotFound."""
    row = DeliveryRow.get_or_none(DeliveryRow.id == delivery_id)
    if row is None:
        raise errors.NotFound(Why.NO_DELIVERY, delivery=delivery_id)
    return _shown(row)


def _shown(row: DeliveryRow) -> Delivery:
    waits = row.state == Stage.WAITING
    return record(Delivery, row, event_id=event_id(row.source, row.at), due_at=row.due_at if waits else None)


def replay(delivery_id: int, who: str, now: int) -> Delivery:
    """Have something sent again, with all its attempts: what is dead, or has arrived already. Raises NotFound,
    IllegalMove."""
    with write():
        found = find(delivery_id)
        if found.kind == TEST_KIND:
            raise errors.IllegalMove(Why.DELIVERY_OF_TEST, delivery=delivery_id)
        if found.state == Stage.WAITING:
            raise errors.IllegalMove(Why.DELIVERY_WAITS, delivery=delivery_id)
        _again(DeliveryRow.id == delivery_id, now)
        after_commit(partial(log.info, "delivery.replayed", webhook_id=found.webhook_id, count=1, who=who))
    return find(delivery_id)


def replay_dead(webhook_id: int, who: str, now: int) -> int:
    """Have everything sent again that is dead; returns how many."""
    with write():
        dead = (DeliveryRow.webhook == webhook_id) & (DeliveryRow.state == Stage.DEAD)
        count = _again(dead & (DeliveryRow.kind != TEST_KIND), now)
        if count:
            after_commit(partial(log.info, "delivery.replayed", webhook_id=webhook_id, count=count, who=who))
    return count


def _again(which: Any, now: int) -> int:
    changes = {"state": Stage.WAITING, "attempts": 0, "due_at": now, "ended_at": None}
    return int(DeliveryRow.update(changes).where(which).execute())


@dataclass(frozen=True)
class TestCall:
    """A request that tests a webhook. source: of its delivery."""

    source: str
    at: int
    url: str
    told: Told
    keys: tuple[str, ...] = field(repr=False)


def test_call(webhook_id: int, now: int) -> TestCall:
    """What a test sends. Raises NotFound."""
    row = WebhookRow.get_or_none(WebhookRow.id == webhook_id)
    if row is None:
        raise errors.NotFound(Why.NO_WEBHOOK, webhook=webhook_id)
    source = f"{TEST}{secrets.token_hex(6)}"
    told = Told(id=event_id(source, now), type=TEST_KIND, timestamp=iso(now), data={"webhook_id": webhook_id})
    return TestCall(source, now, row.url, told, _keys(row, now))


def tested(webhook_id: int, source: str, result: Result, now: int) -> Delivery:
    """Store a test that was made. Raises NotFound."""
    stage = Stage.DELIVERED if result.arrived else Stage.DEAD
    with write():
        if locked(WebhookRow.select().where(WebhookRow.id == webhook_id)).first() is None:  # deleted meanwhile
            raise errors.NotFound(Why.NO_WEBHOOK, webhook=webhook_id)
        row = DeliveryRow.create(
            webhook=webhook_id,
            source=source,
            kind=TEST_KIND,
            topic=source,
            at=now,
            state=stage,
            attempts=1,
            due_at=now,
            tried_at=now,
            ended_at=now,
            status=result.status,
            problem=result.problem and result.problem.value,
            elapsed_ms=result.elapsed_ms,
        )
        after_commit(partial(log.info, "webhook.tested", webhook_id=webhook_id, arrived=result.arrived))
    return find(row.id)


def prune(now: int) -> None:
    """Delete what arrived more than KEEP_MS ago, and what has been dead for KEEP_DEAD_MS."""
    for stage, keep_ms in ((Stage.DELIVERED, KEEP_MS), (Stage.DEAD, KEEP_DEAD_MS)):
        old = (DeliveryRow.ended_at.is_null(False), DeliveryRow.ended_at < now - keep_ms, DeliveryRow.state == stage)
        few = DeliveryRow.select(DeliveryRow.id).where(*old).order_by(DeliveryRow.ended_at).limit(FEW)
        more = FEW
        while more == FEW:
            with in_order():
                ids = [row[0] for row in tuples(few)]
            more = len(ids)
            with write():
                DeliveryRow.delete().where(DeliveryRow.id.in_(ids)).execute()
