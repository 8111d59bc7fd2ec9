"""Work on a draft that takes a while: a page that says how far it is, with a button that gives it up.

What is done within PATIENCE_S is answered at once, as if there were nothing of this. Otherwise the work goes on beside
the request, and the page of it is loaded again and again, by the browser itself, so it needs no script. A draft has one
piece of work at a time: a second press of a button leads to the same page.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import ClassVar

import structlog
from aiohttp import web

from daemon import errors
from daemon.campaigns.drafts import Draft
from daemon.i18n.languages import N_
from daemon.pages.content import PageContent
from daemon.pages.forms import Posted
from daemon.pages.refusals import Why
from daemon.pages.shell import show
from daemon.server.posted import hold, release
from daemon.telemetry import progress
from daemon.telemetry.progress import Stage

log = structlog.get_logger()

PATIENCE_S = 3.0
AGAIN_S = 1  # between two looks of the page
SLOW_S = 15.0  # from then on the page says that it is slow
STOP_S = 10.0
KEPT_S = 600.0  # how long the outcome waits for somebody to look

STAGES = {
    Stage.READING: N_("Rows read"),
    Stage.STORING: N_("Rows stored"),
    Stage.CHECKING: N_("People checked"),
    Stage.QUEUEING: N_("Messages queued"),
}


@dataclass
class Work:
    """A piece of work. step: of the draft, entered: what was entered there."""

    step: str
    entered: Posted
    task: asyncio.Task[str]
    began: float = field(default_factory=time.monotonic)
    stage: Stage | None = None
    done: int = 0
    total: int | None = None
    cancelled: bool = False

    def listen(self, stage: Stage | None, done: int, total: int | None) -> None:
        """On whichever thread it is. stage: None where there is nothing new. Raises InvalidInput when it is to end."""
        if self.cancelled:
            raise errors.InvalidInput(Why.WORK_CANCELLED)
        if stage is None:
            return
        self.stage, self.done, self.total = stage, done, total


async def stop(app: web.Application) -> None:
    """Give up what still goes on, as the process ends: it leaves nothing behind."""
    tasks = {work.task for work in app[WORKS].values() if not work.task.done()}
    for work in app[WORKS].values():
        work.cancelled = True
    if tasks:
        await asyncio.wait(tasks, timeout=STOP_S)


WORKS: web.AppKey[dict[str, Work]] = web.AppKey("works", dict)


@dataclass(frozen=True)
class Working(PageContent):
    """What is being done for a draft. stage: in words, None before it is known; share: done, of a hundred, where the
    whole is known; slow: it takes longer than most; ending: it was given up."""

    template: ClassVar = "working.html"
    here: ClassVar = "new"

    draft: Draft
    stage: str | None
    done: int
    total: int | None
    slow: bool
    ending: bool


def of(request: web.Request, draft_id: str) -> Work | None:
    return request.app[WORKS].get(draft_id)


async def done(
    request: web.Request, draft: Draft, step: str, entered: Posted, work: Callable[[], Awaitable[str]]
) -> str | None:
    """Where the work says to go; None if it takes a while, or the draft has other work. Raises what the work raises."""
    works = request.app[WORKS]
    if draft.id in works and not works[draft.id].task.done():
        return None
    begun = asyncio.Event()

    async def watched() -> str:
        await begun.wait()
        with progress.listening(found.listen):
            return await work()

    found = works[draft.id] = Work(step, entered, asyncio.create_task(watched()))
    begun.set()
    try:
        await asyncio.wait({found.task}, timeout=PATIENCE_S)
    finally:  # also when who has asked is gone: it goes on
        if not found.task.done():
            hold(request)
            found.task.add_done_callback(lambda _: _ended(request, draft.id, found))
    if not found.task.done():
        return None
    del works[draft.id]
    return found.task.result()


def _ended(request: web.Request, draft_id: str, work: Work) -> None:
    """Its outcome waits for somebody to look, for a while."""
    release(request)
    error = None if work.task.cancelled() else work.task.exception()
    if error is not None and not isinstance(error, errors.DaemonError):
        log.error("work.crashed", work="a draft", kind=type(error).__name__)
    asyncio.get_running_loop().call_later(KEPT_S, forget, request.app, draft_id, work)


def forget(app: web.Application, draft_id: str, work: Work) -> None:
    if app[WORKS].get(draft_id) is work:
        del app[WORKS][draft_id]


def page(request: web.Request, draft: Draft, work: Work) -> web.Response:
    """How far it is; loaded again in a moment."""
    content = Working(
        draft=draft,
        stage=STAGES[work.stage] if work.stage else None,
        done=work.done,
        total=work.total,
        slow=time.monotonic() - work.began > SLOW_S,
        ending=work.cancelled,
    )
    response = show(request, content)
    response.headers["Refresh"] = str(AGAIN_S)
    return response
