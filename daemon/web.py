"""What REST and pages share: who may do what, database work off the event loop, and errors as problem+json.

Errors follow RFC 9457; `type` is stable, a client may match on it. A page gets the same as HTML.
"""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from multidict import MultiDictProxy

from daemon import errors, languages
from daemon.config import Settings
from daemon.db import available
from daemon.models import Role as Role

log = structlog.get_logger()
T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SETTINGS = web.AppKey("settings", Settings)
API_KEY = web.AppKey("api_key", str)
THREADS = web.AppKey("threads", ThreadPoolExecutor)
ERROR_PAGE: web.AppKey[Callable[[web.Request, dict[str, Any], int], web.Response]] = web.AppKey("error_page")
STYLE_HASH = web.AppKey("style_hash", str)
COOKIE = "wasender_session"
LANGUAGE_COOKIE = "wasender_language"
ZONE_COOKIE = "wasender_zone"  # set by the page's script: only the browser knows
PROBLEM_TYPE = "application/problem+json"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

PROBLEMS: dict[type[errors.DaemonError], tuple[int, str]] = {  # the slug is API: a client may match on it
    errors.Unauthorized: (401, "unauthorized"),
    errors.Forbidden: (403, "forbidden"),
    errors.StalePage: (403, "stale-page"),
    errors.TooManyTries: (429, "too-many-tries"),
    errors.MalformedRequest: (400, "malformed-request"),
    errors.NotFound: (404, "not-found"),
    errors.KeyReused: (409, "idempotency-key-reused"),
    errors.IllegalMove: (409, "illegal-move"),
    errors.LeaseLost: (409, "lease-lost"),
    errors.AccountInUse: (409, "account-in-use"),
    errors.TooLarge: (413, "too-large"),
    errors.InvalidInput: (422, "invalid-input"),
    errors.AttachmentLost: (422, "attachment-lost"),
    errors.TransportError: (502, "transport-error"),
    errors.DatabaseBusy: (503, "database-busy"),
    errors.DatabaseUnusable: (500, "database-unusable"),
    errors.ConfigError: (500, "misconfigured"),
    errors.SetupError: (500, "machine-not-ready"),
}


async def in_db(request: web.Request, work: Callable[..., T], *arguments: Any) -> T:
    """Run one piece of database work on the thread pool; the event loop never waits for the database."""
    context = contextvars.copy_context()
    loop = asyncio.get_running_loop()

    def call() -> T:
        with available():
            return context.run(work, *arguments)

    return await loop.run_in_executor(request.app[THREADS], call)


@dataclass(frozen=True)
class Visitor:
    """Who asks; found out by `gate.identify`. session: None for the key in a header."""

    name: str  # under which changes are recorded
    role: Role
    session: str | None = None
    user_id: int | None = None  # None: by the API key
    csrf: str = ""
    fresh: bool = True  # an unsafe request came with the session's token


visitor: ContextVar[Visitor | None] = ContextVar("visitor", default=None)  # who asks; None: a stranger


async def posted(request: web.Request) -> MultiDictProxy[str | bytes | bytearray | web.FileField]:
    """The fields of a form. Raises MalformedRequest when it is cut off, or says nonsense of how it is written."""
    try:
        return await request.post()
    except (ValueError, LookupError, RuntimeError, BadHttpMessage):  # its end, charset, encoding, headers
        raise errors.MalformedRequest("The form ends in the middle: send it again.") from None


def authorized(_request: web.Request) -> bool:
    """Whether the request carries the key (X-API-KEY, or as a Bearer token) or a session of the page."""
    return visitor.get() is not None


def given_key(request: web.Request) -> str:
    """The key that the request carries, right or wrong; "" for none."""
    authorization = request.headers.get("Authorization", "")
    if authorization.startswith("Basic "):  # a proxy's own login
        authorization = ""
    return request.headers.get("X-API-KEY") or authorization.removeprefix("Bearer ")


def same(given: str, expected: str) -> bool:
    """Compare in constant time, whatever the lengths."""
    one, other = (hashlib.sha256(text.encode(errors="surrogateescape")).digest() for text in (given, expected))
    return hmac.compare_digest(one, other)


def require(_request: web.Request, least: Role) -> Visitor:
    """Who asks. Raises Unauthorized when nobody has logged in, Forbidden when that role may not do this."""
    who = visitor.get()
    if who is None:
        raise errors.Unauthorized(
            "Send the API key in the header X-API-KEY; it is in the file api_key in the data folder."
        )
    if not who.fresh:
        raise errors.StalePage("This page was opened before your latest login: load it anew, then try again.")
    if who.role < least:
        role, needed = who.role.name.lower(), least.name.lower()
        raise errors.Forbidden(f"Your role, {role}, does not allow this: ask an administrator for the role {needed}.")
    return who


def require_key(request: web.Request) -> None:
    """Whoever has logged in may look, an operator may change things. Raises Unauthorized, Forbidden."""
    require(request, Role.VIEWER if request.method in SAFE else Role.OPERATOR)


def caller(_request: web.Request) -> str:
    """Who a change is recorded under: a user's name, `page` for a login with the API key, `api` for the header."""
    who = visitor.get()
    return who.name if who else "nobody"


def to_login(request: web.Request) -> web.HTTPException:
    """The way to the login, and from there back to this page, or to the one whose form was sent."""
    if request.method in SAFE:
        return web.HTTPFound("/app/login?" + urlencode({"next": request.path_qs}))
    before = urlsplit(request.headers.get("Referer", ""))
    goal = f"{before.path}?{before.query}" if before.query else before.path
    return web.HTTPSeeOther("/app/login?" + urlencode({"next": goal}))


@web.middleware
async def speak(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer in the reader's language."""
    wished, accepted = request.cookies.get(LANGUAGE_COOKIE), request.headers.get("Accept-Language", "")
    languages.language.set(languages.choose(wished, accepted))
    languages.set_zone(request.cookies.get(ZONE_COOKIE, "UTC"))
    return await handler(request)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into its status and one sentence, and log the request without its query."""
    started = time.monotonic()
    try:
        response = await handler(request)
    except errors.Unauthorized as error:
        if _wants_page(request):
            raise to_login(request) from error
        response = problem(request, *PROBLEMS[errors.Unauthorized], str(error))
    except errors.DaemonError as error:
        status, slug = next(PROBLEMS[c] for c in type(error).__mro__ if c in PROBLEMS)
        response = problem(request, status, slug, str(error))
        if isinstance(error, errors.TooManyTries):
            response.headers["Retry-After"] = str(error.left_s)
        if request.content.exception() is not None:  # where the next request would begin nobody can tell
            request.content.feed_eof()
            response.force_close()
    except web.HTTPRequestEntityTooLarge:
        limit = request.app[SETTINGS].max_upload_mb
        response = problem(request, 413, "too-large", f"The request is too large: {limit} MB is the limit.")
    except web.HTTPError as error:
        response = problem(request, error.status, _slug(error.reason), _sentence(request, error))
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
    except (ConnectionResetError, web.HTTPException):  # the client has gone; a redirect
        raise
    except Exception:
        log.exception("request.failed", method=request.method, route=_route(request))
        response = problem(request, 500, "internal-error", "Something unexpected happened: see the server's log.")
    elapsed_ms = round((time.monotonic() - started) * 1000)
    log.debug(
        "request.finished", method=request.method, route=_route(request), status=response.status, elapsed_ms=elapsed_ms
    )
    return response


def problem(request: web.Request, status: int, slug: str, detail: str) -> web.Response:
    """The error as RFC 9457 asks, or as a page for a browser that asked for one."""
    title = HTTPStatus(status).phrase
    if _wants_page(request):
        context = {"title": title, "detail": detail, "status": status}
        return request.app[ERROR_PAGE](request, context, status)
    headers = {"WWW-Authenticate": "ApiKey"} if status == 401 else None
    if COOKIE in request.cookies and not given_key(request):  # it is the page that asks, and shows this to a person
        detail = languages.say(detail)
    body = problem_body(status, slug, detail)
    return web.json_response(body, status=status, content_type=PROBLEM_TYPE, headers=headers)


def _wants_page(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "") and request.path.startswith("/app")


def problem_body(status: int, slug: str, detail: str) -> dict[str, Any]:
    """The members of RFC 9457."""
    title = HTTPStatus(status).phrase
    return {"type": f"urn:wasender:problem:{slug}", "title": title, "status": status, "detail": detail}


def _sentence(request: web.Request, error: web.HTTPError) -> str:
    if error.status == 404:
        return f"There is nothing at {request.path}: see the README for the addresses."
    if error.status == 405:
        return f"{request.method} is not possible at {request.path}."
    return f"{error.reason}."


def _slug(reason: str) -> str:
    return reason.lower().replace(" ", "-")


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unknown"


async def secure(request: web.Request, response: web.StreamResponse) -> None:
    """Headers that keep a page from running or framing anything that is not ours; also on streams and downloads."""
    style = request.app[STYLE_HASH]
    response.headers.setdefault(
        "Content-Security-Policy",
        f"default-src 'none'; script-src 'self'; style-src 'self' {style}; img-src 'self' data: blob:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    )
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Cache-Control", "no-store")
