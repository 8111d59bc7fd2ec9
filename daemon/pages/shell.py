"""What all pages share: templates, who may see them, static files."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp_jinja2
import jinja2
from aiohttp import web

from daemon import config, errors
from daemon.pages.words import iso, size, tone, words
from daemon.web import authorized

routes = web.RouteTableDef()

UI = Path(__file__).parents[1] / "ui"
STATIC = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}  # machines differ about .js
STREAMS: web.AppKey[set[asyncio.Task[Any]]] = web.AppKey("streams")
OWN_PATH = re.compile(r"/app(?:[/?][\w/?=&%.-]*)?", re.A)

Page = Callable[[web.Request], Awaitable[web.StreamResponse]]


def set_up(app: web.Application) -> None:
    """Templates, and the end of all event streams at shutdown."""
    filters: dict[str, Callable[..., str]] = {"iso": iso, "words": words, "size": size, "tone": tone}
    aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(UI),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        default_helpers=False,
        filters=filters,
    )
    app[STREAMS] = set()
    app.on_shutdown.append(_end_streams)


async def _end_streams(app: web.Application) -> None:
    for task in app[STREAMS].copy():
        task.cancel()


def members(page: Page) -> Page:
    """Whoever is not logged in is sent to the login, and from there back."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        if not authorized(request):
            raise web.HTTPFound("/app/login?" + urlencode({"next": request.path_qs}))
        return await page(request)

    return guarded


def show(request: web.Request, template: str, context: dict[str, Any] | None = None, status: int = 200) -> web.Response:
    context = {"signed_in": True, "version": config.release(), **(context or {})}
    response = aiohttp_jinja2.render_template(template, request, context, status=status)
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


def number(request: web.Request, name: str) -> int | None:
    text = request.query.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


def own_path(path: str) -> str:
    """Where to go after the login: one of our pages, never another site."""
    return path if OWN_PATH.fullmatch(path) and "//" not in path else "/app"
