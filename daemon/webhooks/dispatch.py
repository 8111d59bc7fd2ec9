"""Tells webhooks what has happened. Runs in the http process; of several, in the one that has the duty.

Each webhook has a task of its own while there is something for it, so a slow one holds up nobody else. What came of a
round of requests is stored before the next one: after a crash at most that round is sent again, with the same ids.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from daemon.accounts import ownership
from daemon.campaigns import news
from daemon.campaigns.news import Position, Told
from daemon.config import Settings
from daemon.webhooks import duty, outbox, sending, signatures
from daemon.webhooks.outbox import DUTY, Call, Delivery, Made
from daemon.webhooks.refusals import Problem
from daemon.webhooks.sending import Result, Sender

log = structlog.get_logger()

POLL_S = 0.5
IDLE_S = 2.0  # between two looks where there is no webhook
RENEW_S = 5.0
MOST_AT_ONCE = 64  # requests, of all webhooks: each has its share
SAFE_S = duty.LEASE_MS / 1_000 - sending.TOTAL_S  # of a lease; less would be left than a request may take

Timed = Callable[..., Awaitable[Any]]


class Dispatcher:
    """Tells all webhooks; `run` it. timed: runs work on a database thread, with the time."""

    def __init__(self, settings: Settings) -> None:
        self._networks = settings.hook_networks
        self._owner, self._place = secrets.token_hex(8), ownership.here(settings.data_dir)
        self._horizon = news.horizon()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._share = outbox.AT_ONCE  # of one webhook: requests at once
        self._held_at = float("-inf")  # when the duty was taken or renewed last, by the monotonic clock

    async def run(self, timed: Timed) -> None:
        """Go on until cancelled."""
        async with Sender(self._networks) as sender:
            try:
                while True:
                    busy = await self._round(timed, sender)
                    await asyncio.sleep(POLL_S if busy else IDLE_S)
            finally:
                tasks = [*self._tasks.values()]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                if self._held_at > float("-inf"):
                    await _quietly(timed(self._leave))

    async def _round(self, timed: Timed, sender: Sender) -> bool:
        """Begin what can be begun; whether there is any webhook to tell something."""
        try:
            webhooks = await timed(_serving)
            if not webhooks or not await self._on_duty(timed):
                return False
            self._share = share(len(webhooks))
            until = await timed(self._settled)
            for webhook_id in webhooks if until is not None else ():
                if webhook_id not in self._tasks:
                    work = self._serve(webhook_id, until, timed, sender)
                    self._tasks[webhook_id] = asyncio.create_task(work)
        except Exception:
            log.exception("webhooks.failed")
        return True

    async def _on_duty(self, timed: Timed) -> bool:
        """Whether this process has the duty, and long enough for a request."""
        if time.monotonic() - self._held_at >= RENEW_S:
            asked = time.monotonic()
            self._held_at = asked if await timed(self._hold) else float("-inf")
        return self._safe()

    def _safe(self) -> bool:
        return time.monotonic() - self._held_at < SAFE_S

    def _hold(self, now: int) -> bool:
        return duty.hold(DUTY, self._owner, self._place, now)

    def _leave(self, now: int) -> None:
        duty.leave(DUTY, self._owner)

    def _settled(self, now: int) -> Position | None:
        return news.settled(self._horizon)

    async def _serve(self, webhook_id: int, until: Position, timed: Timed, sender: Sender) -> None:
        """Tell one webhook all that is due."""
        try:
            await timed(self._feed, webhook_id, until)
            while self._safe() and (calls := await timed(_due, webhook_id, self._share)):
                results = await asyncio.gather(*(_make(each, sender) for each in calls))
                made = [Made(call, result) for call, result in zip(calls, results, strict=True)]
                await timed(_take, webhook_id, made)
        except Exception:
            log.exception("webhooks.failed", webhook_id=webhook_id)
        finally:
            self._tasks.pop(webhook_id, None)

    def _feed(self, webhook_id: int, until: Position, now: int) -> None:
        outbox.feed(webhook_id, until, self._owner, now)


def _serving(now: int) -> list[int]:
    return outbox.serving(now)


def _due(webhook_id: int, most: int, now: int) -> list[Call]:
    return outbox.due(webhook_id, now, most)


def share(webhooks: int) -> int:
    """How many requests at once each of so many webhooks may have, so that slow ones leave room for the others."""
    return max(1, min(outbox.AT_ONCE, MOST_AT_ONCE // webhooks))


def _take(webhook_id: int, made: list[Made], now: int) -> None:
    outbox.take(webhook_id, made, now)


async def _quietly(work: Awaitable[Any]) -> None:
    try:
        await work
    except Exception:
        log.exception("webhooks.failed")


async def _make(call: Call, sender: Sender) -> Result:
    if call.news is None:
        return Result(None, Problem.FORGOTTEN, 0)
    return await send(call.url, call.news.told(), call.keys, sender, call.at)


async def send(url: str, told: Told, keys: tuple[str, ...], sender: Sender, now: int) -> Result:
    """Sign it and send it."""
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return await sender.post(url, body, signatures.headers(told["id"], body, keys, now))


async def test(settings: Settings, webhook_id: int, timed: Timed) -> Delivery:
    """Send an event `webhook.test` now, whether the webhook is disabled or not, and store what came of it. Raises
    NotFound."""
    call = await timed(outbox.test_call, webhook_id)
    async with Sender(settings.hook_networks) as sender:
        result = await send(call.url, call.told, call.keys, sender, call.at)
    delivery: Delivery = await timed(outbox.tested, webhook_id, call.source, result)
    return delivery
