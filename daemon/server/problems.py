"""Errors as RFC 9457 problem+json, or as a page for a browser; `type` and `code` are stable, a client may match on
them."""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TypedDict
from urllib.parse import urlencode, urlsplit

import structlog
from aiohttp import web

from daemon import errors
from daemon.files import trouble
from daemon.i18n import languages
from daemon.i18n.coded import Coded, refusal
from daemon.server import fields, visitors
from daemon.server.refusals import Why
from daemon.server.visitors import COOKIE, SAFE, SETTINGS, Handler

log = structlog.get_logger()

ErrorPage = Callable[[web.Request, str, int], web.Response]  # makes it of a sentence and the status of HTTP
ERROR_PAGE: web.AppKey[ErrorPage] = web.AppKey("error_page")
LONGEST_PATH = 100  # characters of it in a sentence
PROBLEM_TYPE = "application/problem+json"
PROBLEMS: dict[type[errors.DaemonError], tuple[int, str]] = {  # the slug is API: a client may match on it
    errors.Unauthorized: (401, "unauthorized"),
    errors.Forbidden: (403, "forbidden"),
    errors.StalePage: (403, "stale-page"),
    errors.TooManyTries: (429, "too-many-tries"),
    errors.RateLimited: (429, "rate-limited"),
    errors.MalformedRequest: (400, "malformed-request"),
    errors.NotFound: (404, "not-found"),
    errors.KeyReused: (409, "idempotency-key-reused"),
    errors.IllegalMove: (409, "illegal-move"),
    errors.AccountHasWork: (409, "account-has-work"),
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
    errors.TooManyStreams: (503, "too-many-streams"),
    errors.BackupRefused: (409, "backup-refused"),
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
        response = problem(request, *PROBLEMS[errors.Unauthorized], error.told)
    except errors.DaemonError as error:
        status, slug = next(PROBLEMS[c] for c in type(error).__mro__ if c in PROBLEMS)
        response = problem(request, status, slug, error.told, error.members | _at_field(request, error))
        if isinstance(error, errors.TooManyTries | errors.RateLimited):
            response.headers["Retry-After"] = str(error.left_s)
        if request.content.exception() is not None:  # it is unclear where the next request would begin
            request.content.feed_eof()
            response.force_close()
    except web.HTTPRequestEntityTooLarge:
        if visitors.visitor.get() is None:
            most = request._client_max_size // 1024
            response = problem(request, 413, "too-large", refusal(Why.TOO_LARGE_WITHOUT_KEY, most=most))
        else:
            most = request.app[SETTINGS].max_upload_mb
            response = problem(request, 413, "too-large", refusal(Why.TOO_LARGE, most=most))
    except web.HTTPError as error:
        response = problem(request, error.status, _slug(error.reason), _told(request, error))
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
        "request.finished",
        method=request.method,
        route=route_of(request),
        status=response.status,
        elapsed_ms=elapsed_ms,
    )
    return response


def _at_field(request: web.Request, error: errors.DaemonError) -> dict[str, object]:
    """The field that it is about, for a program that has a form; nothing where it is about none."""
    found = fields.names(error)
    if not found:
        return {}
    detail = languages.say(error.told) if _shown_to_person(request) else str(error.told)
    return {"errors": [{"field": found[0], "code": error.told.code, "detail": detail}]}


def _of_the_disk(request: web.Request, error: OSError) -> web.Response:
    """Trouble with files, within an `except`."""
    if error.errno in trouble.FULL:
        return problem(request, *PROBLEMS[errors.DiskFull], errors.DiskFull().told)
    if error.filename is None or error.errno not in trouble.ADVICE:
        return _failed(request)
    log.error("request.failed", method=request.method, route=route_of(request), reason=str(trouble.unusable(error)))
    return problem(request, *PROBLEMS[errors.SetupError], refusal(Why.FILE_TROUBLE))


def _failed(request: web.Request) -> web.Response:
    """What nobody foresaw, within an `except`."""
    log.exception("request.failed", method=request.method, route=route_of(request))
    return problem(request, 500, "internal-error", refusal(Why.UNFORESEEN))


def problem(
    request: web.Request, status: int, slug: str, told: Coded, members: dict[str, object] | None = None
) -> web.Response:
    """The error as RFC 9457 problem+json, or as a page if the browser asked for one."""
    if _wants_page(request):
        return request.app[ERROR_PAGE](request, languages.say(told), status)
    headers = {"WWW-Authenticate": "ApiKey"} if status == 401 else None
    shown = _shown_to_person(request)
    body = problem_body(status, slug, told, languages.say(told) if shown else str(told)) | (members or {})
    return web.json_response(body, status=status, content_type=PROBLEM_TYPE, headers=headers)


def _shown_to_person(request: web.Request) -> bool:
    """Whether the page asks, and shows the answer."""
    return COOKIE in request.cookies and not visitors.given_key(request)


def _wants_page(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "") and request.path.startswith("/app")


class Problem(TypedDict):
    """RFC 9457, and `code`: what is wrong, more exactly than by the type."""

    type: str
    title: str
    status: int
    detail: str
    code: str


def problem_body(status: int, slug: str, told: Coded, detail: str) -> Problem:
    """The members of an answer."""
    title = HTTPStatus(status).phrase
    return {
        "type": f"urn:wasender:problem:{slug}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": told.code,
    }


def _told(request: web.Request, error: web.HTTPError) -> Coded:
    path = request.path if len(request.path) <= LONGEST_PATH else f"{request.path[:LONGEST_PATH]}…"
    if error.status == 404:
        return refusal(Why.NOTHING_THERE, path=path)
    if error.status == 405:
        return refusal(Why.METHOD_NOT_POSSIBLE, method=request.method, path=path)
    return refusal(Why.REFUSED, reason=error.reason)


def _slug(reason: str) -> str:
    return reason.lower().replace(" ", "-")


def route_of(request: web.Request) -> str:
    """Its address, as it is declared."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unknown"
