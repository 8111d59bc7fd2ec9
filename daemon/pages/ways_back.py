"""The way back from the address of a form to the page with the form.

A refused form is shown in the answer to its POST, so the browser is at the form's own address. From there the page is
reloaded, spoken in another language, come back to after a login, and fetched again by the script that keeps it up to
date.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from aiohttp import web
from yarl import URL

from daemon.server.visitors import SAFE, Handler


@web.middleware
async def lead_back(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lead from an address that takes forms only to the nearest page above it."""
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed:
        if request.method not in SAFE or not request.path.startswith("/app/"):
            raise
        raise web.HTTPFound(await _page_above(request)) from None


async def _page_above(request: web.Request) -> URL:
    for above in PurePosixPath(request.path).parents:
        found = URL.build(path=str(above))
        if (await request.app.router.resolve(request.clone(rel_url=found))).http_exception is None:
            break
    return found
