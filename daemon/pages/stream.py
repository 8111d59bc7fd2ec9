"""The event stream that keeps open pages true."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web
from aiohttp_sse import sse_response

from daemon.feed import FEED
from daemon.pages.shell import STREAMS
from daemon.web import require_key

routes = web.RouteTableDef()

PING_S = 15.0  # shorter than any proxy's patience


@routes.get("/events")
async def events(request: web.Request) -> web.StreamResponse:
    """Server-sent events `job` and `account`: everything as it is now, then what changes."""
    require_key(request)
    task = request.task
    async with sse_response(request, ping_interval=PING_S) as stream, request.app[FEED].listen() as queue:
        request.app[STREAMS].add(task)
        try:
            while stream.is_connected():
                try:
                    kind, state = await asyncio.wait_for(queue.get(), PING_S)
                except TimeoutError:
                    continue
                await stream.send(json.dumps(state), event=kind)
        finally:
            request.app[STREAMS].discard(task)
    return stream
