"""Webhooks: addresses that are told what happens."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from daemon.accounts import directory
from daemon.api import endpoint
from daemon.api.endpoint import Caller
from daemon.api.parameters import Cursor, DeliveryId, Limit, StageName, WebhookId
from daemon.api.schemas.common import Done
from daemon.api.schemas.webhooks import (
    ChangedWebhook,
    Deliveries,
    Delivery,
    NewWebhook,
    Replayed,
    Rotation,
    Webhook,
    WebhookMade,
    Webhooks,
)
from daemon.db import clock
from daemon.errors import EditConflict, IllegalMove, NotFound
from daemon.server.scopes import Scope
from daemon.server.visitors import beside, require_all_accounts
from daemon.webhooks import dispatch, outbox, reasons, subscriptions
from daemon.webhooks.subscriptions import Wish

PAGE = 50


@endpoint.get("/webhooks", scope=Scope.ADMIN, tag="webhooks")
def webhooks(caller: Caller) -> Webhooks:
    """All webhooks, in the order in which they were made."""
    require_all_accounts()
    return Webhooks(webhooks=[_webhook(each) for each in subscriptions.every(clock.now_ms())])


@endpoint.post("/webhooks", scope=Scope.ADMIN, errors=(IllegalMove,), tag="webhooks")
def make_webhook(caller: Caller, *, body: NewWebhook) -> WebhookMade:
    """Add an address. It is told what happens from now on, signed with the secret in the answer."""
    require_all_accounts()
    directory.check_names(caller.settings, body.accounts)
    wish = Wish(body.url, body.name, body.events, body.accounts)
    return _made(subscriptions.make(wish, caller.settings.hook_networks, caller.name, clock.now_ms()))


@endpoint.get("/webhooks/{webhook_id}", scope=Scope.ADMIN, errors=(NotFound,), tag="webhooks")
def webhook(caller: Caller, *, webhook_id: WebhookId) -> Webhook:
    """One webhook."""
    require_all_accounts()
    return _webhook(subscriptions.find(webhook_id, clock.now_ms()))


@endpoint.patch("/webhooks/{webhook_id}", scope=Scope.ADMIN, errors=(NotFound, EditConflict), tag="webhooks")
def change_webhook(caller: Caller, *, webhook_id: WebhookId, body: ChangedWebhook) -> Webhook:
    """Change a webhook, or disable or enable it. With `version`, this is refused if somebody has changed it since."""
    require_all_accounts()
    now = clock.now_ms()
    there = subscriptions.find(webhook_id, now).accounts or ()  # one of these may have been removed since
    directory.check_names(caller.settings, [name for name in body.accounts or () if name not in there])
    wish = Wish(body.url, body.name, body.events, body.accounts, body.enabled)
    networks = caller.settings.hook_networks
    return _webhook(subscriptions.change(webhook_id, wish, networks, caller.name, now, body.version))


@endpoint.delete("/webhooks/{webhook_id}", scope=Scope.ADMIN, errors=(NotFound,), tag="webhooks")
def delete_webhook(caller: Caller, *, webhook_id: WebhookId) -> Done:
    """Delete a webhook and what it was still to be told."""
    require_all_accounts()
    subscriptions.delete(webhook_id, caller.name)
    return Done()


@endpoint.post("/webhooks/{webhook_id}/rotate", scope=Scope.ADMIN, errors=(NotFound,), tag="webhooks")
def rotate_webhook(caller: Caller, *, webhook_id: WebhookId, body: Rotation | None = None) -> WebhookMade:
    """Give it a new secret. The old one signs, too, for `hours`, so that the receiver can change over."""
    require_all_accounts()
    hours = subscriptions.ROTATION_HOURS if body is None else body.hours
    return _made(subscriptions.rotate(webhook_id, hours, caller.name, clock.now_ms()))


@endpoint.post("/webhooks/{webhook_id}/test", scope=Scope.ADMIN, errors=(NotFound,), tag="webhooks")
async def test_webhook(caller: Caller, request: web.Request, *, webhook_id: WebhookId) -> Delivery:
    """Send an event `webhook.test` now, and answer what came of it. It is not tried again."""
    require_all_accounts()
    return _delivery(await dispatch.test(caller.settings, webhook_id, partial(beside, request.app)))


@endpoint.get("/webhooks/{webhook_id}/deliveries", scope=Scope.ADMIN, errors=(NotFound,), tag="webhooks")
def deliveries(
    caller: Caller,
    *,
    webhook_id: WebhookId,
    state: StageName | None = None,
    limit: Limit = PAGE,
    cursor: Cursor | None = None,
) -> Deliveries:
    """What a webhook is told and was told, newest first: what arrived in the last 7 days, what is dead for 30 days."""
    require_all_accounts()
    subscriptions.find(webhook_id, clock.now_ms())
    found, more = outbox.of_webhook(webhook_id, state, cursor, limit)
    return Deliveries(deliveries=[_delivery(each) for each in found], next_cursor=more)


@endpoint.post("/webhooks/{webhook_id}/replay", scope=Scope.ADMIN, errors=(NotFound,), tag="webhooks")
def replay_dead(caller: Caller, *, webhook_id: WebhookId) -> Replayed:
    """Send everything again that is dead."""
    require_all_accounts()
    now = clock.now_ms()
    subscriptions.find(webhook_id, now)
    return Replayed(replayed=outbox.replay_dead(webhook_id, caller.name, now))


@endpoint.post(
    "/webhooks/deliveries/{delivery_id}/replay", scope=Scope.ADMIN, errors=(NotFound, IllegalMove), tag="webhooks"
)
def replay(caller: Caller, *, delivery_id: DeliveryId) -> Delivery:
    """Send something again that is dead, or that has arrived already."""
    require_all_accounts()
    return _delivery(outbox.replay(delivery_id, caller.name, clock.now_ms()))


def _webhook(found: subscriptions.Webhook) -> Webhook:
    return Webhook.model_validate(_columns(found))


def _made(made: subscriptions.Made) -> WebhookMade:
    return WebhookMade.model_validate(_columns(made.webhook) | {"secret": made.secret})


def _columns(found: subscriptions.Webhook) -> dict[str, object]:
    named = {
        "webhook_id": found.id,
        "events": found.kinds,
        "enabled": found.disabled_at is None,
        "old_secret_until": found.old_until,
    }
    return {name: getattr(found, name) for name in Webhook.model_fields if name not in named} | named


def _delivery(found: outbox.Delivery) -> Delivery:
    why = reasons.why(found)
    named = {
        "delivery_id": found.id,
        "type": found.kind,
        "code": None if why is None else why.code.value,
        "reason": None if why is None else str(why),
    }
    return Delivery.model_validate(
        {name: getattr(found, name) for name in Delivery.model_fields if name not in named} | named
    )
