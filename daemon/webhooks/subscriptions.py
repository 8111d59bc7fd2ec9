"""Webhooks: which addresses are told what, with which secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

import peewee
import structlog

from daemon import errors
from daemon.auth import audit
from daemon.campaigns import news
from daemon.config import Networks
from daemon.db import versions
from daemon.db.connection import after_commit, write
from daemon.db.proxy import locked, tuples
from daemon.db.records import record
from daemon.i18n.coded import Phrase
from daemon.models import Delivery
from daemon.models import Webhook as WebhookRow
from daemon.webhooks import sending, signatures
from daemon.webhooks.outbox import Stage
from daemon.webhooks.refusals import Why

log = structlog.get_logger()

MOST = 50
LONGEST_NAME = 120
HOUR_MS = 3_600_000
ROTATION_HOURS = 24  # how long the old secret signs, too, unless somebody says otherwise
USUAL = (  # what a webhook is told unless somebody chooses: outcomes, not each step towards them
    *(f"message.{end}" for end in ("sent", "delivered", "read", "failed", "uncertain", "skipped", "cancelled")),
    *("message.accepted", "message.expired", "job", "account", "reply"),
)


class Disabled(StrEnum):
    """Why a webhook is told nothing."""

    PERSON = "person"
    FAILING = "failing"  #: nothing arrived for days
    GONE = "gone"  #: it answered 410


@dataclass(frozen=True)
class Webhook:
    """A webhook as it is shown; times in UTC ms. waiting, dead: how many deliveries are. old_until: until when the old
    secret signs, too."""

    id: int
    name: str
    url: str
    kinds: list[str]
    accounts: list[str] | None
    old_until: int | None
    failures: int
    failing_since: int | None
    delivered_at: int | None
    disabled_at: int | None
    disabled_why: str | None
    created_at: int
    created_by: str
    version: int
    waiting: int = 0
    dead: int = 0


@dataclass(frozen=True)
class Wish:
    """What somebody wants a webhook to be; None: as it is, or as usual. accounts: []: all."""

    url: str | None = None
    name: str | None = None
    kinds: Sequence[str] | None = None
    accounts: Sequence[str] | None = None
    enabled: bool | None = None


@dataclass(frozen=True)
class Made:
    """A webhook with its secret, which is shown just once."""

    webhook: Webhook
    secret: str = field(repr=False)


def every(now: int) -> list[Webhook]:
    """All webhooks, in the order in which they were made."""
    rows = list(WebhookRow.select().order_by(WebhookRow.id))
    counts = _counts()
    return [_shown(row, counts, now) for row in rows]


def _counts(*more: Any) -> dict[tuple[int, str], int]:
    counted = (Delivery.state.in_([Stage.WAITING.value, Stage.DEAD.value]), *more)
    query = Delivery.select(Delivery.webhook, Delivery.state, peewee.fn.COUNT(Delivery.id)).where(*counted)
    rows = tuples(query.group_by(Delivery.webhook, Delivery.state))
    return {(webhook, state): count for webhook, state, count in rows}


def find(webhook_id: int, now: int) -> Webhook:
    """The webhook by that id. Raises NotFound."""
    return _shown(_row(webhook_id), _counts(Delivery.webhook == webhook_id), now)


def _shown(row: WebhookRow, counts: dict[tuple[int, str], int], now: int) -> Webhook:
    until = row.old_until if row.old_until and row.old_until > now else None
    stages = {name: counts.get((row.id, name.value), 0) for name in (Stage.WAITING, Stage.DEAD)}
    return record(Webhook, row, old_until=until, waiting=stages[Stage.WAITING], dead=stages[Stage.DEAD])


def _row(webhook_id: int, lock: bool = False) -> WebhookRow:
    query = WebhookRow.select().where(WebhookRow.id == webhook_id)
    found: WebhookRow | None = (locked(query) if lock else query).first()
    if found is None:
        raise errors.NotFound(Why.NO_WEBHOOK, webhook=webhook_id)
    return found


def _checked(wish: Wish, networks: Networks) -> dict[str, Any]:
    """The columns that the wish changes. Raises InvalidInput."""
    changes: dict[str, Any] = {}
    if wish.url is not None:
        changes["url"] = sending.checked_url(wish.url, networks)
    if wish.name is not None:
        changes["name"] = wish.name.strip()[:LONGEST_NAME]
    if wish.kinds is not None:
        if not wish.kinds:
            raise errors.InvalidInput(Why.WEBHOOK_EVENTS_EMPTY)
        if unknown := news.unknown_kinds(wish.kinds):
            known = ", ".join((*news.FAMILIES, *news.KINDS))
            raise errors.InvalidInput(Why.WEBHOOK_EVENTS_UNFIT, name=unknown[0][:40], known=known)
        changes["kinds"] = list(dict.fromkeys(wish.kinds))
    if wish.accounts is not None:
        changes["accounts"] = list(dict.fromkeys(wish.accounts)) or None
    return changes


def make(wish: Wish, networks: Networks, who: str, now: int) -> Made:
    """A new webhook, which is told what happens from now on. Raises InvalidInput, IllegalMove (there are too many)."""
    usual: dict[str, Any] = {"name": "", "kinds": list(USUAL), "accounts": None}
    columns = usual | _checked(wish, networks)
    secret = signatures.new_secret()
    with write():
        if WebhookRow.select().count() >= MOST:
            raise errors.IllegalMove(Why.TOO_MANY_WEBHOOKS, most=MOST)
        begin = news.begun()
        position = {"event": begin.event, "happening": begin.happening}
        row = WebhookRow.create(**columns, **position, secret=secret, created_at=now, created_by=who)
        audit.about("webhook", row.id)
        after_commit(partial(log.info, "webhook.created", webhook_id=row.id, who=who))
        return Made(find(row.id, now), secret)


def change(webhook_id: int, wish: Wish, networks: Networks, who: str, now: int, seen: int | None = None) -> Webhook:
    """Change it. Enabled again, it goes on where it was. seen: see db/versions.py. Raises NotFound, InvalidInput,
    EditConflict."""
    columns = _checked(wish, networks)
    with write():
        row = _row(webhook_id, lock=True)
        versions.check(Phrase("webhook"), row.version, seen)
        if wish.enabled is True or (wish.url is not None and columns["url"] != row.url):
            columns |= {"failures": 0, "failing_since": None, "rest_until": 0}
        if wish.enabled is True:
            columns |= {"disabled_at": None, "disabled_why": None}
        elif wish.enabled is False and row.disabled_at is None:
            columns |= {"disabled_at": now, "disabled_why": Disabled.PERSON}
        WebhookRow.update(**columns, version=row.version + 1).where(WebhookRow.id == webhook_id).execute()
        after_commit(partial(log.info, "webhook.changed", webhook_id=webhook_id, who=who, what=sorted(columns)))
        return find(webhook_id, now)


def rotate(webhook_id: int, hours: int, who: str, now: int) -> Made:
    """A new secret; for so many hours the old one signs, too. Raises NotFound."""
    secret = signatures.new_secret()
    with write():
        row = _row(webhook_id, lock=True)
        old = {"old_secret": row.secret, "old_until": now + hours * HOUR_MS}
        if not hours:
            old = {"old_secret": None, "old_until": None}
        changes = WebhookRow.update(secret=secret, **old, version=row.version + 1)
        changes.where(WebhookRow.id == webhook_id).execute()
        after_commit(partial(log.info, "webhook.rotated", webhook_id=webhook_id, who=who, hours=hours))
        return Made(find(webhook_id, now), secret)


def delete(webhook_id: int, who: str) -> None:
    """Delete it, with what it was still to be told. Raises NotFound."""
    _row(webhook_id)
    with write():
        WebhookRow.delete().where(WebhookRow.id == webhook_id).execute()
        after_commit(partial(log.info, "webhook.deleted", webhook_id=webhook_id, who=who))


def in_trouble() -> list[tuple[int, str]]:
    """The webhooks that were disabled because nothing arrived any more: id, and name or address."""
    query = WebhookRow.select(WebhookRow.id, WebhookRow.name, WebhookRow.url)
    query = query.where(WebhookRow.disabled_why.in_([Disabled.FAILING.value, Disabled.GONE.value]))
    return [(webhook_id, name or url) for webhook_id, name, url in tuples(query.order_by(WebhookRow.id))]
