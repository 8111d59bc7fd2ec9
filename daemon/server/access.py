"""Identifies the caller before any handler runs, and masks numbers for those who may only look.

A request is authenticated by the API key in a header or by a session cookie. The cookie alone is not enough to change
anything: the request must also come from one of our pages (Origin, or Sec-Fetch-Site) and carry the session's token,
which only our pages have (in the form field `csrf` or the header X-CSRF-Token).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets

import structlog
from aiohttp import web

from daemon import errors
from daemon.accounts import directory, rights
from daemon.auth import keys, lockout, login_steps, sessions, users
from daemon.auth.login_steps import Step
from daemon.auth.sessions import Session
from daemon.contacts import file_reading, masking
from daemon.server import audited, proxies
from daemon.server.key_use import KEY_USE
from daemon.server.posted import posted
from daemon.server.rates import RATES
from daemon.server.visitors import (
    API_KEY,
    COOKIE,
    LANGUAGE_COOKIE,
    SAFE,
    SETTINGS,
    Handler,
    Visitor,
    dry_runs,
    given_key,
    not_taken,
    same,
    timed,
    visitor,
)
from daemon.states import Role

log = structlog.get_logger()

TOKEN_HEADER = "X-CSRF-Token"  # noqa: S105 (a header's name)
TOKEN_FIELD = "csrf"  # noqa: S105
BROWSER_COOKIE = "wasender_browser"
STEP_COOKIE = "wasender_login"  # of a login that is not done
STEP_PATH = "/app/login"
BROWSER_S = 365 * 24 * 3600
LANGUAGE_S = 365 * 24 * 3600
LONGEST_COOKIE = 200
WRONG_KEY_S = 0.5  # how long the answer to a wrong key is delayed
JSON_TYPES = frozenset({"application/json", "application/problem+json"})


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Identify the caller, for everything that handles the request after this."""
    not_taken.set(None)
    who = None if request.path.startswith("/app/static/") else await _who(request)
    visitor.set(who)
    rights.allowed.set(who.accounts if who else None)
    rights.caller.set(who.name if who else "")
    if who is not None and request.path.startswith("/app"):
        dry_runs.set(tuple(await timed(request, directory.dry_runs, request.app[SETTINGS])))
    file_reading.asker.set(who.name if who else "")
    masking.hidden.set(who is not None and who.masked)  # a stranger gets no numbers at all
    try:
        if who is not None and who.key is not None and who.secret is not None:
            request.app[KEY_USE].note(request.app, who.secret)
            request.app[RATES].take(request, who.key)
        return await handler(request)
    except (errors.Unauthorized, web.HTTPRedirection):  # whose page leads to the login
        if who is None and given_key(request):
            if not_taken.get() is None:
                await audited.note_key(request, "wrong_key")
            await asyncio.sleep(WRONG_KEY_S)
        raise


async def _who(request: web.Request) -> Visitor | None:
    given, key = given_key(request), request.app[API_KEY]
    if given:
        return Visitor("api", Role.ADMIN) if same(given, key) else await _program(request, given)
    token = request.cookies.get(COOKIE, "")
    if not 0 < len(token) <= LONGEST_COOKIE or not (request.method in SAFE or from_our_page(request)):
        return None
    session = await timed(request, sessions.session, token, key)
    if session is None:
        return None
    fresh = request.method in SAFE or same(await _token(request), session.csrf)
    return _visitor(session, fresh)


async def _program(request: web.Request, given: str) -> Visitor | None:
    """The program whose key that is; None for nobody's, and for one that is not taken: `not_taken` says why."""
    address = proxies.address(request)
    found = await timed(request, keys.asks, given, address) if given.startswith(keys.LIVE) else None
    if found is None:
        return None
    key = found.key
    if found.why is not None:
        not_taken.set(found.why)
        log.warning("key.refused", key_id=key.id, name=key.name, address=address, reason=found.why.name.lower())
        await audited.note_key(request, found.why.name.lower(), key.who, f"key:{key.id}")
        return None
    accounts = frozenset(key.accounts) if key.accounts is not None else None
    return Visitor(key.who, Role.VIEWER, key=key, secret=found.secret, accounts=accounts)


def _visitor(session: Session, fresh: bool) -> Visitor:
    user = session.user
    name = user.name if user else "page"
    accounts = frozenset(user.accounts) if user and user.accounts is not None else None
    return Visitor(
        name, users.role_of(session.role), session.id, user.id if user else None, session.csrf, fresh, accounts=accounts
    )


async def _token(request: web.Request) -> str:
    """The token sent with the request; the fields of a form stay readable for its handler."""
    given = request.headers.get(TOKEN_HEADER)
    if given is not None or request.content_type not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return given or ""
    try:
        return str((await posted(request)).get(TOKEN_FIELD, ""))
    except errors.MalformedRequest:  # not a form after all
        return ""


def from_our_page(request: web.Request) -> bool:
    """Whether the request comes from one of our pages, as the browser tells; a cookie would also be sent with a
    request from another site.

    Sec-Fetch-Site is for installations behind a proxy that changes the Host header.
    """
    if request.headers.get("Sec-Fetch-Site") == "same-origin":
        return True
    origin = request.headers.get("Origin", "")
    return origin.partition("://")[2] == request.host


def behind_tls(request: web.Request) -> bool:
    """Whether the browser uses TLS, so that its cookies are for TLS only."""
    return proxies.scheme(request) == "https"


async def still_in(request: web.Request) -> bool:
    """Whether the reader of an event stream is still logged in, or their key still taken, and neither is changed."""
    who = visitor.get()
    try:
        if who is None:
            return False
        if who.key is not None and who.secret is not None:
            return await timed(request, keys.still_taken, who.secret, who.key.version)
        return who.session is None or await timed(request, sessions.still_open, who.session)
    except errors.DatabaseBusy:  # unknown for now: the next check will tell
        return True


@web.middleware
async def conceal(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Mask numbers in JSON and CSV for readers who may not see them; templates and streams do so themselves."""
    response = await handler(request)
    if masking.hidden.get() and isinstance(response, web.Response) and isinstance(response.body, bytes):
        if response.content_type in JSON_TYPES:
            response.text = json.dumps(masking.tree(json.loads(response.body)))
        elif response.content_type == "text/csv":
            response.text = masking.text(response.body.decode())
    return response


# Cookies


def let_in(request: web.Request, response: web.StreamResponse, opened: sessions.Opened) -> None:
    """Set the cookies of a new session, the user's language, and the mark of a known browser."""
    name = opened.user.name if opened.user else ""
    _set(request, response, COOKIE, opened.token, sessions.SESSION_MS // 1000)
    response.del_cookie(STEP_COOKIE, path=STEP_PATH, httponly=True, samesite="Strict", secure=behind_tls(request))
    _set(request, response, BROWSER_COOKIE, _marked(request, secrets.token_hex(16), name), BROWSER_S, "/app")
    if opened.user is not None and opened.user.language:
        set_language(request, response, opened.user.language)


def let_half_in(request: web.Request, response: web.StreamResponse, step: Step) -> None:
    """Set the cookie of a login that is not done: it opens nothing but its next step."""
    _set(request, response, STEP_COOKIE, step.token, login_steps.STEP_MS // 1000, STEP_PATH)


def let_out(request: web.Request, response: web.StreamResponse) -> None:
    """Delete the session cookie."""
    response.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict", secure=behind_tls(request))


def set_language(request: web.Request, response: web.StreamResponse, language: str) -> None:
    """Store the language in a cookie, so that the login page uses it, too."""
    secure = behind_tls(request)
    response.set_cookie(
        LANGUAGE_COOKIE, language, max_age=LANGUAGE_S, path="/", httponly=True, samesite="Lax", secure=secure
    )


def remember(request: web.Request, response: web.StreamResponse, name: str, value: str) -> None:
    """Keep a choice of the reader's that is no secret in a cookie."""
    secure = behind_tls(request)
    response.set_cookie(name, value, max_age=LANGUAGE_S, path="/", httponly=True, samesite="Lax", secure=secure)


def _set(
    request: web.Request, response: web.StreamResponse, name: str, value: str, max_age: int, path: str = "/"
) -> None:
    secure = behind_tls(request)
    response.set_cookie(name, value, max_age=max_age, path=path, httponly=True, samesite="Strict", secure=secure)


def origin_of(request: web.Request, name: str) -> lockout.Try:
    """Where a login attempt as `name` comes from."""
    nonce = request.cookies.get(BROWSER_COOKIE, "").partition(".")[0]
    known = bool(nonce) and same(request.cookies[BROWSER_COOKIE], _marked(request, nonce, name))
    return lockout.Try(proxies.address(request), nonce if known else None)


def _marked(request: web.Request, nonce: str, name: str) -> str:
    text = f"browser:{nonce}:{users.same_name(name)}".encode(errors="surrogatepass")
    return f"{nonce}.{hmac.new(request.app[API_KEY].encode(), text, hashlib.sha256).hexdigest()}"
