"""The caller of a request and what they may do; running database work off the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import structlog
from aiohttp import web

from daemon import errors
from daemon.auth import keys
from daemon.config import Settings
from daemon.db import clock
from daemon.db.connection import available
from daemon.i18n import languages
from daemon.i18n.coded import Phrase, Wording
from daemon.server.refusals import Why
from daemon.server.scopes import GRANTED, least_role
from daemon.states import Role, Scope

log = structlog.get_logger()
T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SETTINGS = web.AppKey("settings", Settings)
API_KEY = web.AppKey("api_key", str)
SECRET_KEY = web.AppKey("secret_key", bytes)
THREADS = web.AppKey("threads", ThreadPoolExecutor)
COOKIE = "wasender_session"
LANGUAGE_COOKIE = "wasender_language"
ZONE_COOKIE = "wasender_zone"  # set by the page's script: only the browser knows
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


async def in_db(request: web.Request, work: Callable[..., T], *arguments: Any) -> T:
    """Run a piece of database work on the thread pool, so that the event loop never waits for the database."""
    return await _on_thread(request.app, partial(work, *arguments))


async def timed(request: web.Request, work: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Like `in_db`, with `now=` the time at which the work begins: it may be the database that has to be asked for
    it."""
    return await beside(request.app, work, *arguments, **options)


async def beside(app: web.Application, work: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Like `timed`, for a task that runs beside the requests."""

    def at_once() -> T:
        return work(*arguments, now=clock.now_ms(), **options)

    return await _on_thread(app, at_once)


async def _on_thread(app: web.Application, work: Callable[[], T]) -> T:
    context = contextvars.copy_context()

    def call() -> T:
        with available():
            return context.run(work)

    return await asyncio.get_running_loop().run_in_executor(app[THREADS], call)


@dataclass(frozen=True)
class Visitor:
    """The caller, identified by `access.identify`. session: None with the API key in a header. key: that of a program,
    with its own terms, secret: the one of it that was sent; accounts: those that they may see and use, None for all."""

    name: str  # recorded with every change they make
    role: Role
    session: str | None = None
    user_id: int | None = None  # None: by the API key
    csrf: str = ""
    fresh: bool = True  # an unsafe request came with the session's token
    key: keys.Key | None = None
    secret: int | None = None
    accounts: frozenset[str] | None = None

    @property
    def scopes(self) -> frozenset[Scope]:
        """What they may do."""
        return GRANTED[self.role] if self.key is None else self.key.scopes

    @property
    def masked(self) -> bool:
        """Whether they are shown telephone numbers masked."""
        return self.role < Role.OPERATOR if self.key is None else self.key.masked

    @property
    def identity(self) -> str:
        """Who they are, whatever they are called later: what Idempotency-Keys belong to."""
        return self.name if self.key is None else f"{keys.OWN}{self.key.id}"


dry_runs: ContextVar[tuple[str, ...]] = ContextVar("dry_runs", default=())  # accounts whose senders send nothing
visitor: ContextVar[Visitor | None] = ContextVar("visitor", default=None)  # who asks; None: a stranger
not_taken: ContextVar[Wording | None] = ContextVar("not_taken", default=None)  # why a key that was one is none now


def authorized(_request: web.Request) -> bool:
    """Whether the request carries the key (X-API-KEY, or as a Bearer token) or a session of the page."""
    return visitor.get() is not None


def given_key(request: web.Request) -> str:
    """The API key sent with the request, right or wrong; "" for none."""
    authorization = request.headers.get("Authorization", "")
    if authorization.startswith("Basic "):  # a proxy's own login
        authorization = ""
    return request.headers.get("X-API-KEY") or authorization.removeprefix("Bearer ")


def same(given: str, expected: str) -> bool:
    """Compare in constant time, whatever the lengths."""
    one, other = (hashlib.sha256(text.encode(errors="surrogateescape")).digest() for text in (given, expected))
    return hmac.compare_digest(one, other)


def require(_request: web.Request, least: Role) -> Visitor:
    """The caller, a person. Raises Unauthorized when nobody is logged in, Forbidden when their role does not allow
    this, and for the key of a program."""
    who = _known()
    if who.key is not None:
        raise errors.Forbidden(Why.KEY_NOT_FOR_PAGES)
    if who.role < least:
        raise _role_not_enough(who, least)
    return who


def require_scope(scope: Scope) -> Visitor:
    """The caller, who has that scope. Raises Unauthorized, Forbidden."""
    who = _known()
    if scope in who.scopes:
        return who
    if who.key is not None:
        raise errors.Forbidden(Why.SCOPE_NOT_ENOUGH, needed=Phrase(scope.value))
    raise _role_not_enough(who, least_role(scope))


def _known() -> Visitor:
    who = visitor.get()
    if who is None:
        raise errors.Unauthorized(not_taken.get() or Why.NO_KEY)
    if not who.fresh:
        raise errors.StalePage(Why.PAGE_OUTDATED)
    return who


def _role_not_enough(who: Visitor, least: Role) -> errors.Forbidden:
    role, needed = Phrase(who.role.name.lower()), Phrase(least.name.lower())
    return errors.Forbidden(Why.ROLE_NOT_ENOUGH, role=role, needed=needed)


def require_all_accounts() -> None:
    """Raises Forbidden for somebody who may only use some of the accounts."""
    who = visitor.get()
    if who is not None and who.accounts is not None:
        raise errors.Forbidden(Why.LIMITED_TO_ACCOUNTS)


def require_key(request: web.Request) -> None:
    """Anybody logged in may look, an operator may also change things. Raises Unauthorized, Forbidden."""
    require(request, Role.VIEWER if request.method in SAFE else Role.OPERATOR)


def caller(_request: web.Request) -> str:
    """The name recorded with a change: the user's, `page` for a login with the API key, `api` for the header."""
    who = visitor.get()
    return who.name if who else "nobody"


@web.middleware
async def speak(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer in the reader's language."""
    wished, accepted = request.cookies.get(LANGUAGE_COOKIE), request.headers.get("Accept-Language", "")
    languages.language.set(languages.choose(wished, accepted))
    languages.set_zone(request.cookies.get(ZONE_COOKIE))
    return await handler(request)
