"""The request that made a job, as the first span of that job's trace; only where traces are on."""

from __future__ import annotations

import time

from aiohttp import web

from daemon.server.problems import route_of
from daemon.server.visitors import Handler
from daemon.telemetry import traces
from daemon.telemetry.traces import Traces

TRACES: web.AppKey[Traces] = web.AppKey("traces", Traces)


@web.middleware
async def traced(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Export a span for each job that the request has made."""
    since = time.time_ns() // traces.MS
    with traces.noting() as made:
        response = await handler(request)
    until, route = time.time_ns() // traces.MS, f"{request.method} {route_of(request)}"
    request.app[TRACES].export(traces.request(route, response.status, job, since, until) for job in made)
    return response
