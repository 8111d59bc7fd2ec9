"""The event stream: changes as they happen. It also keeps open pages up to date."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict

from aiohttp import web
from aiohttp_sse import sse_response

from daemon.accounts import rights
from daemon.api import endpoint
from daemon.api.answers import EventStream
from daemon.api.endpoint import Caller
from daemon.api.parameters import OfJob
from daemon.campaigns import queries
from daemon.contacts import masking
from daemon.errors import NotFound
from daemon.server.access import still_in
from daemon.server.feed import FEED, STREAMS, kind_of
from daemon.server.scopes import Scope
from daemon.server.visitors import in_db

PING_S = 15.0  # shorter than the idle timeout of usual proxies
LOOK_S = 15.0  # how often it is checked that the reader is still logged in


@endpoint.get("/events", scope=Scope.READ, errors=(NotFound,), tag="events")
async def events(caller: Caller, request: web.Request, *, job: OfJob | None = None) -> EventStream:
    """Server-sent events `job`, `account` and `chats`: first the present state of everything, then changes.

    The data are JSON: a job as in `GET /status/{job_id}`, an account as in `GET /accounts/{name}`, without its limits;
    of the chats of `GET /replies/chats` how many wait for a person (`chats`), and in how many of them somebody asks for
    no more (`stops`); not for callers limited to some accounts.
    With `job` only that job, however old it is, and its account. A `ping` means that nothing has changed and the
    connection is alive.
    """
    if job is not None:
        await in_db(request, queries.job, job)
    task, clock = request.task, asyncio.get_running_loop().time
    looked = clock()
    async with (
        sse_response(request, response_cls=EventStream, ping_interval=PING_S) as stream,
        request.app[FEED].listen(job) as queue,
    ):
        request.app[STREAMS].add(task)
        try:
            while stream.is_connected():
                if clock() - looked >= LOOK_S:
                    looked = clock()
                    if not await still_in(request):
                        break
                try:
                    change = await asyncio.wait_for(queue.get(), LOOK_S)
                except TimeoutError:
                    await stream.send("", event="ping")
                    continue
                if rights.limited() and kind_of(change) == "chats":
                    continue  # it counts those of all accounts
                shown = {name: value for name, value in asdict(change).items() if name != "said"}  # that is for pages
                await stream.send(json.dumps(masking.tree(shown)), event=kind_of(change))
        finally:
            request.app[STREAMS].discard(task)
    return stream
