"""Webhooks: which addresses are told what happens, what came of it, tests and replays; for administrators of all
accounts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from aiohttp import web

from daemon import errors
from daemon.i18n.coded import Told
from daemon.i18n.languages import N_
from daemon.pages import forms
from daemon.pages.asking import said
from daemon.pages.content import PageContent
from daemon.pages.shell import number, only, show
from daemon.server.visitors import SETTINGS, beside, caller, in_db, timed
from daemon.states import Role
from daemon.webhooks import dispatch, outbox, reasons, subscriptions
from daemon.webhooks.outbox import Delivery, Stage
from daemon.webhooks.subscriptions import Webhook, Wish

routes = web.RouteTableDef()

FORM_BYTES = 16_384
ONE = r"/app/webhooks/{id:\d{1,18}}"
SHOWN = 25  # deliveries on a page
MEANINGS = {
    "message": N_("every step of every message"),
    "job": N_("campaigns: begun, paused, completed and so on"),
    "account": N_("accounts: ready, held and so on"),
    "reply": N_("what people answer"),
}
DISABLED = {
    "person": N_("Disabled: it is told nothing."),
    "failing": N_("Disabled, because nothing has arrived there for five days."),
    "gone": N_("Disabled, because it answered that it is gone for good."),
}
STAGES = {Stage.WAITING: N_("waits"), Stage.DELIVERED: N_("arrived"), Stage.DEAD: N_("given up")}
TONES = {Stage.WAITING: "warn", Stage.DELIVERED: "good", Stage.DEAD: "bad"}
DONE = {
    "changed": N_("The webhook is changed."),
    "deleted": N_("The webhook is deleted."),
    "replayed": N_("It is sent again now."),
    "arrived": N_("The test has arrived."),
    "lost": N_("The test has not arrived: see below why."),
}


class WebhookForm(forms.Form):
    """What a webhook is to be. version: see db/versions.py."""

    url: forms.Line
    name: forms.Line
    events: forms.Texts
    version: forms.Perhaps


@dataclass(frozen=True)
class EventChoice:
    """An event, or a family of them. meaning: in words, "" where its name says it."""

    value: str
    meaning: str
    chosen: bool


@dataclass(frozen=True)
class EnteredWebhook:
    """What was entered of a webhook."""

    url: str = ""
    name: str = ""


@dataclass(frozen=True)
class WebhookView:
    """A webhook as the pages show it. state: in words, tone: of its chip; times in UTC ms."""

    id: int
    title: str
    name: str
    url: str
    kinds: list[str]
    accounts: str
    state: str
    tone: str
    enabled: bool
    disabled: str
    failing_since: int | None
    delivered_at: int | None
    old_until: int | None
    waiting: int
    dead: int
    version: int


@dataclass(frozen=True)
class DeliveryView:
    """A delivery as the pages show it. may_replay: whether it can be sent again; times in UTC ms."""

    id: int
    kind: str
    at: int
    state: str
    tone: str
    attempts: int
    due_at: int | None
    why: Told | None
    may_replay: bool


@dataclass(frozen=True)
class WebhookList(PageContent):
    """made, secret: the one that was made just now, with its secret, which is shown this once."""

    template: ClassVar = "webhooks.html"
    here: ClassVar = "webhooks"

    known: list[WebhookView]
    made: WebhookView | None
    secret: str
    form: EnteredWebhook
    events: list[EventChoice]
    error: str
    done: str
    longest: int


@dataclass(frozen=True)
class OneWebhook(PageContent):
    """secret: the new one, where it was replaced just now. older: the next page of deliveries."""

    template: ClassVar = "webhook.html"
    here: ClassVar = "webhooks"

    webhook: WebhookView
    secret: str
    form: EnteredWebhook
    events: list[EventChoice]
    deliveries: list[DeliveryView]
    older: int | None
    error: str
    done: str
    longest: int


def _view(found: Webhook) -> WebhookView:
    state, tone = (N_("active"), "good") if found.failing_since is None else (N_("fails"), "warn")
    if found.disabled_at is not None:
        state, tone = N_("disabled"), "plain" if found.disabled_why == "person" else "bad"
    return WebhookView(
        id=found.id,
        title=found.name or found.url,
        name=found.name,
        url=found.url,
        kinds=found.kinds,
        accounts=", ".join(found.accounts or ()),
        state=state,
        tone=tone,
        enabled=found.disabled_at is None,
        disabled=DISABLED.get(found.disabled_why or "", ""),
        failing_since=found.failing_since,
        delivered_at=found.delivered_at,
        old_until=found.old_until,
        waiting=found.waiting,
        dead=found.dead,
        version=found.version,
    )


def _delivery(found: Delivery) -> DeliveryView:
    stage = Stage(found.state)
    ended = stage is not Stage.WAITING and found.kind != outbox.TEST_KIND
    return DeliveryView(
        id=found.id,
        kind=found.kind,
        at=found.at,
        state=STAGES[stage],
        tone=TONES[stage],
        attempts=found.attempts,
        due_at=found.due_at,
        why=reasons.why(found),
        may_replay=ended,
    )


def _choices(chosen: list[str]) -> list[EventChoice]:
    offered = dict.fromkeys((*subscriptions.USUAL, "message", *chosen))
    return [EventChoice(each, MEANINGS.get(each, ""), each in chosen) for each in offered]


@routes.get("/app/webhooks")
@only(Role.ADMIN, everywhere=True)
async def listed(request: web.Request) -> web.StreamResponse:
    """All webhooks, and the form for a new one."""
    return await _listed(request)


async def _listed(
    request: web.Request,
    form: WebhookForm | None = None,
    error: str = "",
    made: subscriptions.Made | None = None,
) -> web.StreamResponse:
    content = WebhookList(
        known=[_view(each) for each in await timed(request, subscriptions.every)],
        made=_view(made.webhook) if made else None,
        secret=made.secret if made else "",
        form=EnteredWebhook(form.url, form.name) if form else EnteredWebhook(),
        events=_choices(form.events if form else list(subscriptions.USUAL)),
        error=error,
        done=DONE.get(forms.asked(request).text("done"), ""),
        longest=subscriptions.LONGEST_NAME,
    )
    return show(request, content, 422 if error else 200)


@routes.post("/app/webhooks")
@only(Role.ADMIN, everywhere=True)
async def add(request: web.Request) -> web.StreamResponse:
    """Add a webhook, and show its secret: this answer is the only one that has it."""
    form = (await forms.read(request, FORM_BYTES)).parsed(WebhookForm)
    wish = Wish(form.url, form.name, form.events)
    try:
        made = await timed(request, subscriptions.make, wish, request.app[SETTINGS].hook_networks, caller(request))
    except (errors.InvalidInput, errors.IllegalMove) as error:
        return await _listed(request, form, said(error))
    return await _listed(request, made=made)


@routes.get(ONE)
@only(Role.ADMIN, everywhere=True)
async def one(request: web.Request) -> web.StreamResponse:
    """One webhook: what it is told, what came of it, and what can be done."""
    return await _one(request)


def _id(request: web.Request) -> int:
    return int(request.match_info["id"])


async def _one(
    request: web.Request, secret: str = "", form: WebhookForm | None = None, error: str = "", status: int = 200
) -> web.StreamResponse:
    before = number(request, "cursor")
    found = await timed(request, subscriptions.find, _id(request))
    deliveries, older = await in_db(request, partial(outbox.of_webhook, _id(request), before=before, limit=SHOWN))
    content = OneWebhook(
        webhook=_view(found),
        secret=secret,
        form=EnteredWebhook(form.url, form.name) if form else EnteredWebhook(found.url, found.name),
        events=_choices(form.events if form else found.kinds),
        deliveries=[_delivery(each) for each in deliveries],
        older=older,
        error=error,
        done=DONE.get(forms.asked(request).text("done"), ""),
        longest=subscriptions.LONGEST_NAME,
    )
    return show(request, content, status)


def _back(request: web.Request, done: str) -> web.HTTPException:
    return web.HTTPSeeOther(f"/app/webhooks/{_id(request)}?done={done}")


@routes.post(ONE)
@only(Role.ADMIN, everywhere=True)
async def change(request: web.Request) -> web.StreamResponse:
    """Change its address, name and events."""
    form = (await forms.read(request, FORM_BYTES)).parsed(WebhookForm)
    try:
        await _change(request, Wish(form.url, form.name, form.events), form.version)
    except (errors.InvalidInput, errors.EditConflict) as error:
        status = 409 if isinstance(error, errors.EditConflict) else 422
        return await _one(request, form=form, error=said(error), status=status)
    raise _back(request, "changed")


async def _change(request: web.Request, wish: Wish, seen: int | None = None) -> None:
    networks = request.app[SETTINGS].hook_networks
    await timed(request, partial(subscriptions.change, seen=seen), _id(request), wish, networks, caller(request))


@routes.post(ONE + "/enable")
@only(Role.ADMIN, everywhere=True)
async def enable(request: web.Request) -> web.StreamResponse:
    """Go on where it was."""
    await _change(request, Wish(enabled=True))
    raise _back(request, "changed")


@routes.post(ONE + "/disable")
@only(Role.ADMIN, everywhere=True)
async def disable(request: web.Request) -> web.StreamResponse:
    """Tell it nothing until it is enabled again."""
    await _change(request, Wish(enabled=False))
    raise _back(request, "changed")


@routes.post(ONE + "/rotate")
@only(Role.ADMIN, everywhere=True)
async def rotate(request: web.Request) -> web.StreamResponse:
    """Give it a new secret, and show that; the old one signs for a day, too."""
    made = await timed(request, subscriptions.rotate, _id(request), subscriptions.ROTATION_HOURS, caller(request))
    return await _one(request, made.secret)


@routes.post(ONE + "/test")
@only(Role.ADMIN, everywhere=True)
async def test(request: web.Request) -> web.StreamResponse:
    """Send a test now, and say whether it has arrived."""
    found = await dispatch.test(request.app[SETTINGS], _id(request), partial(beside, request.app))
    raise _back(request, "arrived" if found.state == Stage.DELIVERED else "lost")


@routes.post(ONE + "/replay")
@only(Role.ADMIN, everywhere=True)
async def replay_dead(request: web.Request) -> web.StreamResponse:
    """Send everything again that was given up."""
    await timed(request, subscriptions.find, _id(request))
    await timed(request, outbox.replay_dead, _id(request), caller(request))
    raise _back(request, "replayed")


@routes.post(ONE + r"/deliveries/{delivery_id:\d{1,18}}/replay")
@only(Role.ADMIN, everywhere=True)
async def replay(request: web.Request) -> web.StreamResponse:
    """Send one of them again."""
    given: tuple[Any, ...] = (int(request.match_info["delivery_id"]), caller(request))
    await timed(request, outbox.replay, *given)
    raise _back(request, "replayed")


@routes.post(ONE + "/delete")
@only(Role.ADMIN, everywhere=True)
async def delete(request: web.Request) -> web.StreamResponse:
    """Delete it, with what it was still to be told."""
    await in_db(request, subscriptions.delete, _id(request), caller(request))
    raise web.HTTPSeeOther("/app/webhooks?done=deleted")
