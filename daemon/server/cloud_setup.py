"""Whether an account of the Cloud API is set up: the steps from a new app at Meta to the first template, and its number
as Meta sees it. What is said of a step says what to do where it is not done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

from daemon import errors
from daemon.accounts import cloud_standing, directory, limits, portfolios
from daemon.accounts.portfolios import Reach
from daemon.campaigns import cloud_templates
from daemon.config import Settings
from daemon.i18n.coded import Coded, Refusal, part, refusal
from daemon.server.refusals import Step as Says
from daemon.server.refusals import Why
from daemon.transports.cloud.graph import Graph, GraphNumber, words

Answer = TypeVar("Answer")
Wait = Callable[[Says], Refusal]
BLOCKED = "BLOCKED"


class Step(StrEnum):
    """In the order in which they are done. The words are API."""

    IDS = "ids"
    TOKEN = "token"  # noqa: S105 (a step, not a password)
    NUMBER = "number"
    PERMISSION = "permission"
    SECRETS = "secrets"
    ADDRESS = "address"
    SUBSCRIPTION = "subscription"
    WEBHOOK = "webhook"
    TEMPLATE = "template"


@dataclass(frozen=True)
class Found:
    """done: None where it could not be looked at yet."""

    step: Step
    done: bool | None
    told: Coded


@dataclass(frozen=True)
class Known:
    """What is known here of an account. heard_at: when Meta last reported anything, UTC ms, 0 for never; approved:
    whether a template can be sent; reach: of its business."""

    settings: Settings
    heard_at: int
    approved: bool
    reach: Reach


@dataclass(frozen=True)
class Setup:
    """number: as Meta sees it, None where it cannot be asked."""

    account: str
    number: GraphNumber | None
    steps: list[Found]


def known(settings: Settings, name: str, now: int) -> Known:
    """Raises NotFound, InvalidInput where it does not use the Cloud API."""
    directory.find(name)
    own = limits.settings_of(settings, name)
    if own.transport != "cloud":
        raise errors.InvalidInput(Why.ACCOUNT_NOT_OF_CLOUD, account=name)
    approved = any(each.unusable is None for each in cloud_templates.every(name))
    reach = portfolios.reach(limits.portfolio(own), now)
    return Known(own, cloud_standing.of(name, now).heard_at, approved, reach)


async def look(account: Known) -> Setup:
    """Look at all steps; asks Meta, which may take a while."""
    own = account.settings
    ids = bool(own.cloud_phone_number_id and own.cloud_business_account_id)
    asked = ids and bool(own.cloud_token)
    number: GraphNumber | None = None
    of_number = of_apps = of_templates = fault = None
    if asked:
        graph = Graph(own)
        await graph.open()
        try:
            number, fault = await _try(graph.number)
            apps, of_apps = await _try(graph.subscribed)
            _, of_templates = await _try(lambda: _first(graph))
        finally:
            await graph.close()
    else:
        apps = None
    can = number is not None and number.able.can_send != BLOCKED
    if number is not None and not can:
        of_number = refusal(Says.NUMBER_BLOCKED, reason=number.able.details or number.status)
    waits_for = Step.TOKEN if ids else Step.IDS
    wait = partial(_later, list(Step).index(waits_for) + 1)
    token = refusal(Says.TOKEN_MISSING)
    if own.cloud_token and not asked:
        token = wait(Says.TOKEN_TAKEN)
    elif own.cloud_token:
        token = refusal(Says.TOKEN_REFUSED, reason=part(fault)) if fault else refusal(Says.TOKEN_TAKEN)
    return Setup(
        own.account,
        number,
        [
            Found(Step.IDS, ids, refusal(Says.IDS_SET if ids else Says.IDS_MISSING)),
            Found(Step.TOKEN, number is not None if asked or not own.cloud_token else None, token),
            Found(Step.NUMBER, can if number else None, of_number or (refusal if can else wait)(Says.NUMBER_READY)),
            _asked(Step.PERMISSION, number, of_templates, Says.TEMPLATES_READABLE, Says.TEMPLATES_BARRED, wait),
            _secrets(own),
            _address(own, account.heard_at),
            _subscription(number, apps, of_apps, wait),
            Found(Step.WEBHOOK, bool(account.heard_at), refusal(Says.HEARD if account.heard_at else Says.NOT_HEARD)),
            Found(Step.TEMPLATE, account.approved, refusal(Says.APPROVED if account.approved else Says.NONE_APPROVED)),
        ],
    )


def _later(step: int, what: Says) -> Refusal:
    """That cannot be looked at before that step is done. what: what is said where it is as it should be."""
    return refusal(Says.NOT_LOOKED_AT, step=step, what=part(refusal(what)))


async def _try(ask: Callable[[], Awaitable[Answer]]) -> tuple[Answer | None, Any]:
    """The answer, or why there is none."""
    try:
        return await ask(), None
    except errors.TransportError as error:
        return None, words(error)


async def _first(graph: Graph) -> None:
    async for _ in graph.templates():
        return


def _asked(step: Step, number: GraphNumber | None, fault: Any, well: Says, badly: Says, wait: Wait) -> Found:
    if number is None:
        return Found(step, None, wait(well))
    return Found(step, fault is None, refusal(badly, reason=part(fault)) if fault else refusal(well))


def _secrets(own: Settings) -> Found:
    done = bool(own.cloud_app_secret and own.cloud_verify_token)
    return Found(Step.SECRETS, done, refusal(Says.SECRETS_SET if done else Says.SECRETS_MISSING))


def _address(own: Settings, heard_at: int) -> Found:
    """Whether Meta's requests are answered, which carry the public name of this installation."""
    if own.allowed_hosts.strip():
        return Found(Step.ADDRESS, True, refusal(Says.ADDRESS_SET, names=own.allowed_hosts))
    return Found(Step.ADDRESS, bool(heard_at), refusal(Says.HEARD if heard_at else Says.ADDRESS_MISSING))


def _subscription(number: GraphNumber | None, apps: list[str] | None, fault: Any, wait: Wait) -> Found:
    if apps is not None and not apps:
        return Found(Step.SUBSCRIPTION, False, refusal(Says.NOT_SUBSCRIBED))
    return _asked(Step.SUBSCRIPTION, number, fault, Says.SUBSCRIBED, Says.SUBSCRIPTION_UNKNOWN, wait)
