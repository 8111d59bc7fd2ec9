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
from daemon.config import Settings
from daemon.db import clock
from daemon.db.connection import available
from daemon.i18n import languages
from daemon.i18n.coded import Phrase
from daemon.server.refusals import Why
from daemon.states import Role

log = structlog.get_logger()
T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SETTINGS = web.AppKey("settings", Settings)
API_KEY = web.AppKey("api_key", str)
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
    """The caller, identified by `access.identify`. session: None with the API key in a header."""

    name: str  # recorded with every change they make
    role: Role
    session: str | None = None
    user_id: int | None = None  # None: by the API key
    csrf: str = ""
    fresh: bool = True  # an unsafe request came with the session's token


dry_runs: ContextVar[tuple[str, ...]] = ContextVar("dry_runs", default=())  # accounts whose senders send nothing
visitor: ContextVar[Visitor | None] = ContextVar("visitor", default=None)  # who asks; None: a stranger


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
    """The caller. Raises Unauthorized when nobody is logged in, Forbidden when their role does not allow this."""
    who = visitor.get()
    if who is None:
        raise errors.Unauthorized(Why.NO_KEY)
    if not who.fresh:
        raise errors.StalePage(Why.PAGE_OUTDATED)
    if who.role < least:
        role, needed = Phrase(who.role.name.lower()), Phrase(least.name.lower())
        raise errors.Forbidden(Why.ROLE_NOT_ENOUGH, role=role, needed=needed)
    return who


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
