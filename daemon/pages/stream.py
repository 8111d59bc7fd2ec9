"""The event stream that keeps open pages true."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web
from aiohttp_sse import sse_response

from daemon import campaigns, masking
from daemon.feed import FEED
from daemon.gate import still_in
from daemon.pages.shell import STREAMS, number
from daemon.web import in_db, require_key

routes = web.RouteTableDef()

PING_S = 15.0  # shorter than any proxy's patience
LOOK_S = 15.0  # how long somebody still hears who has been logged out meanwhile


@routes.get("/events")
async def events(request: web.Request) -> web.StreamResponse:
    """Server-sent events `job` and `account`: everything as it is now, then what changes; until the session ends.

    `?job=` tells of that job and its account only, however old it is. `ping` says that nothing has changed, but that
    the connection stands.
    """
    require_key(request)
    job_id = number(request, "job")
    if job_id is not None:
        await in_db(request, campaigns.job, job_id)
    task, clock = request.task, asyncio.get_running_loop().time
    looked = clock()
    async with sse_response(request, ping_interval=PING_S) as stream, request.app[FEED].listen(job_id) as queue:
        request.app[STREAMS].add(task)
        try:
            while stream.is_connected():
                if clock() - looked >= LOOK_S:
                    looked = clock()
                    if not await still_in(request):
                        break
                try:
                    kind, state = await asyncio.wait_for(queue.get(), LOOK_S)
                except TimeoutError:
                    await stream.send("", event="ping")
                    continue
                await stream.send(json.dumps(masking.tree(state)), event=kind)
        finally:
            request.app[STREAMS].discard(task)
    return stream
