"""One job as it goes on: its progress, at once or when it changes. Who waits holds no database thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import web

from daemon.api import endpoint, tags
from daemon.api.endpoint import Caller, Open
from daemon.api.parameters import JobId, Wait
from daemon.api.schemas.jobs import Job
from daemon.campaigns import progress, queries
from daemon.campaigns.rows import JobRow
from daemon.db import clock
from daemon.errors import NotFound
from daemon.server.feed import FEED, STREAMS, Queue
from daemon.server.visitors import in_db


@endpoint.get("/status/{job_id}", scope=Open.STATUS, errors=(NotFound,), tag="jobs")
async def status(caller: Caller, request: web.Request, *, job_id: JobId, wait: Wait = 0) -> Job:
    """A job's progress. Without a key: states and counts only, unless the installation requires a key for that, too."""
    return await _when_changed(caller, request, job_id, wait)


@endpoint.get("/jobs/{job_id}", scope=Open.STATUS, errors=(NotFound,), tag="jobs")
async def one_job(caller: Caller, request: web.Request, *, job_id: JobId, wait: Wait = 0) -> Job:
    """A job, as `GET /status/{job_id}` answers it."""
    return await _when_changed(caller, request, job_id, wait)


HIDDEN = ("name", "account", "reason", "code", "waits_until", "made_by", "external_id")  # from callers without a key


def shown(caller: Caller, row: JobRow) -> Job:
    """The whole job for callers with a key, states and counts for others."""
    found = progress.progress(caller.settings, row, clock.now_ms())
    hidden = {} if caller.known else dict.fromkeys(HIDDEN)
    return Job.model_validate(vars(found) | hidden)


def _read(caller: Caller, job_id: int) -> Job:
    return shown(caller, queries.job(job_id))


async def _when_changed(caller: Caller, request: web.Request, job_id: int, wait: int) -> Job:
    """The job at once, or, for those who wait and have it as it is, when it is different or the time is over."""
    read = partial(in_db, request, _read, caller, job_id)
    first = await read()
    asked = request.headers.get(tags.ASKED)
    had = tags.tag(first)
    if not wait or not caller.known or (asked and not tags.known(asked, had)):
        return first
    async with request.app[FEED].listen(job_id) as changes:
        waiting = asyncio.create_task(_different(read, had, changes))
        request.app[STREAMS][waiting] = ""  # where the process ends, so does the waiting, and there is an answer
        try:
            await asyncio.wait({waiting}, timeout=wait)
        finally:
            request.app[STREAMS].pop(waiting, None)
            ended = not waiting.cancel() and not waiting.cancelled()
    return waiting.result() if ended else await read()


async def _different(read: Callable[[], Awaitable[Job]], had: str, changes: Queue) -> Job:
    """The job once its tag is another one. It is looked up only when the feed has seen a change."""
    while True:
        await changes.get()
        job = await read()
        if tags.tag(job) != had:
            return job
