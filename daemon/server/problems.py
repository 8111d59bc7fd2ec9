"""Errors as RFC 9457 problem+json, or as a page for a browser; `type` is stable, a client may match on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypedDict
from urllib.parse import urlencode, urlsplit

import structlog
from aiohttp import web

from daemon import errors
from daemon.files import trouble
from daemon.i18n import languages
from daemon.server import visitors
from daemon.server.visitors import COOKIE, SAFE, SETTINGS, Handler

log = structlog.get_logger()

ERROR_PAGE: web.AppKey[Callable[[web.Request, dict[str, Any], int], web.Response]] = web.AppKey("error_page")
NO_FILE = "A file that wasender needs cannot be used: see the server's log."
LONGEST_PATH = 100  # characters of it in a sentence
PROBLEM_TYPE = "application/problem+json"
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
    errors.StorageFull: (507, "storage-full"),
    errors.UnknownHost: (421, "unknown-host"),
    errors.InvalidInput: (422, "invalid-input"),
    errors.ChoosePhoneColumn: (422, "choose-phone-column"),
    errors.AttachmentLost: (422, "attachment-lost"),
    errors.TransportError: (502, "transport-error"),
    errors.DatabaseBusy: (503, "database-busy"),
    errors.DiskFull: (507, "disk-full"),
    errors.ReadingBusy: (503, "reading-busy"),
    errors.DatabaseUnusable: (500, "database-unusable"),
    errors.ConfigError: (500, "misconfigured"),
    errors.SetupError: (500, "machine-not-ready"),
}


def to_login(request: web.Request) -> web.HTTPException:
    """A redirect to the login, and from there back to this page, or to the page whose form was sent."""
    if request.method in SAFE:
        return web.HTTPFound("/app/login?" + urlencode({"next": request.path_qs}))
    try:
        before = urlsplit(request.headers.get("Referer", ""))
    except ValueError:  # such as http://[
        before = urlsplit("/app")
    goal = f"{before.path}?{before.query}" if before.query else before.path
    return web.HTTPSeeOther("/app/login?" + urlencode({"next": goal}, errors="replace"))


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
        response = problem(request, status, slug, str(error), error.members)
        if isinstance(error, errors.TooManyTries):
            response.headers["Retry-After"] = str(error.left_s)
        if request.content.exception() is not None:  # it is unclear where the next request would begin
            request.content.feed_eof()
            response.force_close()
    except web.HTTPRequestEntityTooLarge:
        limit = f"{request.app[SETTINGS].max_upload_mb} MB"
        if visitors.visitor.get() is None:
            limit = f"without a key or a login {request._client_max_size // 1024} KB"
        response = problem(request, 413, "too-large", f"The request is too large: {limit} is the limit.")
    except web.HTTPError as error:
        response = problem(request, error.status, _slug(error.reason), _sentence(request, error))
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
    except (ConnectionResetError, web.HTTPException):  # the client has gone; a redirect
        raise
    except OSError as error:
        response = _of_the_disk(request, error)
    except Exception:
        response = _failed(request)
    elapsed_ms = round((time.monotonic() - started) * 1000)
    log.debug(
        "request.finished", method=request.method, route=_route(request), status=response.status, elapsed_ms=elapsed_ms
    )
    return response


def _of_the_disk(request: web.Request, error: OSError) -> web.Response:
    """Trouble with files, within an `except`."""
    if error.errno in trouble.FULL:
        return problem(request, *PROBLEMS[errors.DiskFull], str(errors.DiskFull()))
    if error.filename is None or error.errno not in trouble.ADVICE:
        return _failed(request)
    log.error("request.failed", method=request.method, route=_route(request), reason=trouble.sentence(error))
    return problem(request, *PROBLEMS[errors.SetupError], NO_FILE)


def _failed(request: web.Request) -> web.Response:
    """What nobody foresaw, within an `except`."""
    log.exception("request.failed", method=request.method, route=_route(request))
    return problem(request, 500, "internal-error", "Something unexpected happened: see the server's log.")


def problem(
    request: web.Request, status: int, slug: str, detail: str, members: dict[str, object] | None = None
) -> web.Response:
    """The error as RFC 9457 problem+json, or as a page if the browser asked for one."""
    title = HTTPStatus(status).phrase
    if _wants_page(request):
        context = {"title": title, "detail": detail, "status": status}
        return request.app[ERROR_PAGE](request, context, status)
    headers = {"WWW-Authenticate": "ApiKey"} if status == 401 else None
    if COOKIE in request.cookies and not visitors.given_key(
        request
    ):  # it is the page that asks, and shows this to a person
        detail = languages.say(detail)
    body = problem_body(status, slug, detail) | (members or {})
    return web.json_response(body, status=status, content_type=PROBLEM_TYPE, headers=headers)


def _wants_page(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "") and request.path.startswith("/app")


class Problem(TypedDict):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str


def problem_body(status: int, slug: str, detail: str) -> Problem:
    """The members of RFC 9457."""
    title = HTTPStatus(status).phrase
    return {"type": f"urn:wasender:problem:{slug}", "title": title, "status": status, "detail": detail}


def _sentence(request: web.Request, error: web.HTTPError) -> str:
    path = request.path if len(request.path) <= LONGEST_PATH else f"{request.path[:LONGEST_PATH]}…"
    if error.status == 404:
        return f"There is nothing at {path}: see the README for the addresses."
    if error.status == 405:
        return f"{request.method} is not possible at {path}."
    return f"{error.reason}."


def _slug(reason: str) -> str:
    return reason.lower().replace(" ", "-")


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unknown"
