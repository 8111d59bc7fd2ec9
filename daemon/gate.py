"""Who asks, found out before any handler runs; and what those who may only look never get to see.

A request is known by the API key in a header, or by a session's cookie. The cookie alone changes nothing: the request
must also come from a page of ours (Origin, or Sec-Fetch-Site) and carry the session's token, which only our pages
have (in the field `csrf` of a form, or in the header X-CSRF-Token).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets

from aiohttp import web

from daemon import errors, logins, masking, users
from daemon.models import Role, Session, User
from daemon.web import (
    API_KEY,
    COOKIE,
    LANGUAGE_COOKIE,
    SAFE,
    Handler,
    Visitor,
    given_key,
    in_db,
    posted,
    same,
    visitor,
)

TOKEN_HEADER = "X-CSRF-Token"  # noqa: S105 (a header's name)
TOKEN_FIELD = "csrf"  # noqa: S105
BROWSER_COOKIE = "wasender_browser"
BROWSER_S = 365 * 24 * 3600
LANGUAGE_S = 365 * 24 * 3600
LONGEST_COOKIE = 200
JSON_TYPES = frozenset({"application/json", "application/problem+json"})


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out who asks, for all that follows."""
    who = None if request.path.startswith("/app/static/") else await _who(request)
    visitor.set(who)
    masking.hidden.set(who is not None and who.role < Role.OPERATOR)  # a stranger gets no numbers at all
    return await handler(request)


async def _who(request: web.Request) -> Visitor | None:
    given, key = given_key(request), request.app[API_KEY]
    if given:
        return Visitor("api", Role.ADMIN) if same(given, key) else None
    token = request.cookies.get(COOKIE, "")
    if not 0 < len(token) <= LONGEST_COOKIE or not (request.method in SAFE or from_our_page(request)):
        return None
    row = await in_db(request, logins.session, token, key)
    if row is None:
        return None
    fresh = request.method in SAFE or same(await _token(request), row.csrf)
    return _visitor(row, fresh)


def _visitor(row: Session, fresh: bool) -> Visitor:
    user: User | None = row.user
    name = user.name if user else "page"
    return Visitor(name, users.role_of(row.role), row.id, user.id if user else None, row.csrf, fresh)


async def _token(request: web.Request) -> str:
    """The token that came along; a form's fields stay there for its handler."""
    given = request.headers.get(TOKEN_HEADER)
    if given is not None or request.content_type not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return given or ""
    try:
        return str((await posted(request)).get(TOKEN_FIELD, ""))
    except errors.MalformedRequest:  # not a form after all
        return ""


def from_our_page(request: web.Request) -> bool:
    """A cookie alone must not let another site's page change anything: the browser says where it comes from.

    Sec-Fetch-Site is for those behind a proxy that gives us another Host than the browser sees.
    """
    if request.headers.get("Sec-Fetch-Site") == "same-origin":
        return True
    origin = request.headers.get("Origin", "")
    return origin.partition("://")[2] == request.host


def behind_tls(request: web.Request) -> bool:
    """Whether the browser speaks TLS, also where a proxy does that for us: it tells in the Origin of its form."""
    return request.secure or request.headers.get("Origin", "").startswith("https://")


async def still_in(request: web.Request) -> bool:
    """Whether somebody who listens for long is still logged in."""
    who = visitor.get()
    try:
        return who is not None and (who.session is None or await in_db(request, logins.still_open, who.session))
    except errors.DatabaseBusy:  # nothing is known: the next look will tell
        return True


@web.middleware
async def conceal(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Numbers in JSON and CSV as the reader may see them; templates and streams do it where they write."""
    response = await handler(request)
    if masking.hidden.get() and isinstance(response, web.Response) and isinstance(response.body, bytes):
        if response.content_type in JSON_TYPES:
            response.text = json.dumps(masking.tree(json.loads(response.body)))
        elif response.content_type == "text/csv":
            response.text = masking.text(response.body.decode())
    return response


# Cookies


def let_in(request: web.Request, response: web.StreamResponse, opened: logins.Opened) -> None:
    """Give the browser its session, the language its user reads, and the mark of a browser that has been here."""
    name = opened.user.name if opened.user else ""
    _set(request, response, COOKIE, opened.token, logins.SESSION_MS // 1000)
    _set(request, response, BROWSER_COOKIE, _marked(request, secrets.token_hex(16), name), BROWSER_S, "/app")
    if opened.user is not None and opened.user.language:
        set_language(request, response, opened.user.language)


def let_out(request: web.Request, response: web.StreamResponse) -> None:
    """Take the session's cookie back."""
    response.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict", secure=behind_tls(request))


def set_language(request: web.Request, response: web.StreamResponse, language: str) -> None:
    """Remember the language in the browser, also for the login page."""
    secure = behind_tls(request)
    response.set_cookie(
        LANGUAGE_COOKIE, language, max_age=LANGUAGE_S, path="/", httponly=True, samesite="Lax", secure=secure
    )


def _set(
    request: web.Request, response: web.StreamResponse, name: str, value: str, max_age: int, path: str = "/"
) -> None:
    secure = behind_tls(request)
    response.set_cookie(name, value, max_age=max_age, path=path, httponly=True, samesite="Strict", secure=secure)


def origin_of(request: web.Request, name: str) -> logins.Try:
    """Where somebody tries to log in from as `name` ("": with the key); X-Forwarded-For is what anybody may say."""
    nonce = request.cookies.get(BROWSER_COOKIE, "").partition(".")[0]
    known = bool(nonce) and same(request.cookies[BROWSER_COOKIE], _marked(request, nonce, name))
    return logins.Try(request.remote or "", nonce if known else None)


def _marked(request: web.Request, nonce: str, name: str) -> str:
    text = f"browser:{nonce}:{users.same_name(name)}".encode(errors="surrogatepass")
    return f"{nonce}.{hmac.new(request.app[API_KEY].encode(), text, hashlib.sha256).hexdigest()}"
