"""Work that takes a while, on a draft or an import: a page that says how far it is, with a button that gives it up.

What is done within PATIENCE_S is answered at once, as if there were nothing of this. Otherwise the work goes on beside
the request, and the page of it is loaded again and again, by the browser itself, so it needs no script. A draft has one
piece of work at a time: a second press of a button leads to the same page, any other form is refused until it is done.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import structlog
from aiohttp import web

from daemon import errors
from daemon.i18n.languages import N_
from daemon.pages.content import PageContent
from daemon.pages.forms import Posted
from daemon.pages.refusals import Why
from daemon.pages.shell import show
from daemon.server import audited
from daemon.server.posted import hold, posted, release
from daemon.telemetry import progress
from daemon.telemetry.progress import Stage

log = structlog.get_logger()

PATIENCE_S = 3.0
AGAIN_S = 1  # between two looks of the page
SLOW_S = 15.0  # from then on the page says that it is slow
STOP_S = 10.0
KEPT_S = 600.0  # how long the outcome waits for somebody to look

Sent = frozenset[tuple[str, str]]

STAGES = {
    Stage.READING: N_("Rows read"),
    Stage.STORING: N_("Rows stored"),
    Stage.CHECKING: N_("People checked"),
    Stage.QUEUEING: N_("Messages queued"),
}


@dataclass
class Work:
    """A piece of work. step: of the draft, or which import; entered: what was entered there; sent: see `_sent`; about:
    what the import is; final: it can no longer be given up."""

    step: str
    entered: Posted
    sent: Sent
    task: asyncio.Task[str]
    about: Any = None
    began: float = field(default_factory=time.monotonic)
    stage: Stage | None = None
    done: int = 0
    total: int | None = None
    cancelled: bool = False
    final: bool = False

    def listen(self, stage: Stage | None, done: int, total: int | None, can_end: bool) -> None:
        """On whichever thread it is. stage: None where there is nothing new. Raises InvalidInput when it is to end."""
        if self.cancelled and can_end:
            raise errors.InvalidInput(Why.WORK_CANCELLED)
        if stage is None:
            return
        self.stage, self.done, self.total, self.final = stage, done, total, not can_end


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
    """What is being done. subject: what it is for, "" for a campaign without a name; of_draft: whether it is work on a
    draft. stage: in words, None before it is known; total: None where the whole is not known; slow: it takes longer
    than most; ending: it was given up; final: it can no longer be."""

    template: ClassVar = "working.html"
    here: ClassVar = "new"

    subject: str
    of_draft: bool
    stage: str | None
    done: int
    total: int | None
    slow: bool
    ending: bool
    final: bool


def of(request: web.Request, key: str) -> Work | None:
    return request.app[WORKS].get(key)


async def done(
    request: web.Request, key: str, step: str, entered: Posted, work: Callable[[], Awaitable[str]], about: Any = None
) -> str | None:
    """Where the work says to go; None if it takes a while, or this very form was sent before and that goes on.
    Raises what the work raises, and IllegalMove where other work of that key, which is the draft's id, goes on."""
    works, sent = request.app[WORKS], await _sent(request)
    if key in works and not works[key].task.done():
        if (step, sent) != (works[key].step, works[key].sent):
            raise errors.IllegalMove(Why.DRAFT_BUSY)
        return None
    begun = asyncio.Event()

    async def watched() -> str:
        await begun.wait()
        with progress.listening(found.listen):
            return await work()

    found = works[key] = Work(step, entered, sent, asyncio.create_task(watched()), about)
    begun.set()
    try:
        await asyncio.wait({found.task}, timeout=PATIENCE_S)
    finally:  # also when who has asked is gone: it goes on
        if not found.task.done():
            hold(request)
            found.task.add_done_callback(lambda _: _ended(request, key, found))
    if not found.task.done():
        audited.goes_on()
        return None
    del works[key]
    return found.task.result()


async def _sent(request: web.Request) -> Sent:
    """What tells one form from another, and is the same when its button is pressed again."""
    fields = await posted(request)
    return frozenset((name, _told(value)) for name, value in fields.items() if name not in ("csrf", "version"))


def _told(value: Any) -> str:
    if not isinstance(value, web.FileField):
        return str(value)
    size = value.file.seek(0, io.SEEK_END)
    value.file.seek(0)
    return f"{value.filename} {size}"


def _ended(request: web.Request, key: str, work: Work) -> None:
    """Its outcome waits for somebody to look, for a while."""
    release(request)
    error = None if work.task.cancelled() else work.task.exception()
    audited.ended_beside(request, error)
    if error is not None and not isinstance(error, errors.DaemonError):
        log.error("work.crashed", work=work.step, kind=type(error).__name__)
    asyncio.get_running_loop().call_later(KEPT_S, forget, request.app, key, work)


def forget(app: web.Application, key: str, work: Work) -> None:
    if app[WORKS].get(key) is work:
        del app[WORKS][key]


def page(request: web.Request, work: Work, subject: str, here: str | None = None) -> web.Response:
    """How far it is; loaded again in a moment. here: the entry of the navigation that an import belongs to."""
    content = Working(
        subject=subject,
        of_draft=here is None,
        stage=STAGES[work.stage] if work.stage else None,
        done=work.done,
        total=work.total,
        slow=time.monotonic() - work.began > SLOW_S,
        ending=work.cancelled and not work.final,
        final=work.final,
    )
    response = show(request, content, here=here)
    response.headers["Refresh"] = str(AGAIN_S)
    return response
