"""What all pages share: templates, who may see them, static files."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp_jinja2
import jinja2
from aiohttp import web
from markupsafe import Markup

from daemon import config, errors, languages
from daemon.languages import N_
from daemon.pages.words import iso, size, tone, words
from daemon.web import ERROR_PAGE, LANGUAGE_COOKIE, STYLE_HASH, Role, authorized, require

routes = web.RouteTableDef()

UI = Path(__file__).parents[1] / "ui"
STATIC = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}  # machines differ about .js
STREAMS: web.AppKey[set[asyncio.Task[Any]]] = web.AppKey("streams")
OWN_PATH = re.compile(r"/app(?:[/?][\w/?=&%.-]*)?", re.A)

NAVIGATION = (  # name that a template gives as `here`, address, words, and who may go there
    ("campaigns", "/app", N_("Campaigns"), Role.VIEWER),
    ("new", "/app/new", N_("New campaign"), Role.OPERATOR),
    ("decisions", "/app/decisions", N_("Decisions"), Role.VIEWER),
)
LANGUAGE_S = 365 * 24 * 3600

Page = Callable[[web.Request], Awaitable[web.StreamResponse]]


def set_up(app: web.Application) -> None:
    """Templates, and the end of all event streams at shutdown."""
    filters: dict[str, Callable[..., str]] = {
        "iso": iso, "words": words, "size": size, "tone": tone, "phone": phone, "say": languages.say,
        "moment": languages.moment, "amount": languages.amount,
    }  # fmt: skip
    environment = aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(UI),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        default_helpers=False,
        filters=filters,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(languages.gettext, languages.ngettext, newstyle=True)  # type: ignore[attr-defined]
    # In the page itself: it can be read as soon as it has come, without a second question to the server.
    style = "\n".join(path.read_text() for path in sorted(UI.glob("*.css")))
    environment.globals["style"] = Markup(style)  # noqa: S704 (our own files)
    app[STYLE_HASH] = f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'"
    app[ERROR_PAGE] = lambda request, context, status: show(request, "error.html", context, status)
    app[STREAMS] = set()
    app.on_shutdown.append(_end_streams)


async def _end_streams(app: web.Application) -> None:
    for task in app[STREAMS].copy():
        task.cancel()


def members(page: Page) -> Page:
    """Whoever is not logged in is sent to the login, and from there back."""
    return only(Role.VIEWER)(page)


def only(least: Role) -> Callable[[Page], Page]:
    """As `members`, for those who have at least this role."""

    def guard(page: Page) -> Page:
        async def guarded(request: web.Request) -> web.StreamResponse:
            if not authorized(request):
                raise web.HTTPFound("/app/login?" + urlencode({"next": request.path_qs}))
            require(request, least)
            return await page(request)

        return guarded

    return guard


def phone(number: str) -> str:
    """A telephone number as the reader may see it."""
    return number


def frame(request: web.Request) -> dict[str, Any]:
    """What every page has around its content."""
    language = languages.language.get()
    return {
        "signed_in": authorized(request),
        "version": config.release(),
        "navigation": NAVIGATION,
        "language": language,
        "languages": languages.LANGUAGES,
        "direction": "rtl" if language in languages.RIGHT_TO_LEFT else "ltr",
        "address": request.path_qs,
    }


def show(request: web.Request, template: str, context: dict[str, Any] | None = None, status: int = 200) -> web.Response:
    response = aiohttp_jinja2.render_template(template, request, frame(request) | (context or {}), status=status)
    response.headers["Referrer-Policy"] = "same-origin"  # with no-referrer a form would be sent without its Origin
    response.enable_compression()
    return response


@routes.get("/")
async def root(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/app")


@routes.get(r"/app/static/{name:[a-z]+\.(?:css|js|svg)}")
async def static(request: web.Request) -> web.StreamResponse:
    """Style, script or icon; revalidated by its ETag, so an update shows at once."""
    path = UI / request.match_info["name"]
    if not path.is_file():
        raise errors.NotFound(f"There is nothing at {request.path}.")
    return web.FileResponse(path, headers={"Cache-Control": "no-cache", "Content-Type": STATIC[path.suffix]})


@routes.post("/app/language")
async def speak(request: web.Request) -> web.StreamResponse:
    """The reader chooses a language; it is kept in a cookie of its own, also for the login page."""
    form = await request.post()
    response = web.HTTPSeeOther(own_path(str(form.get("next", ""))))
    if (chosen := str(form.get("language", ""))) in languages.LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE, chosen, max_age=LANGUAGE_S, path="/", httponly=True, samesite="Lax", secure=request.secure
        )
    raise response


def number(request: web.Request, name: str) -> int | None:
    text = request.query.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


def own_path(path: str) -> str:
    """Where to go after the login: one of our pages, never another site."""
    return path if OWN_PATH.fullmatch(path) and "//" not in path else "/app"
