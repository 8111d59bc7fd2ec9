"""What the steps of a new campaign share: loading the draft, the line of steps, saving, and where to go next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

from aiohttp import web

from daemon import errors
from daemon.campaigns import drafts, series
from daemon.campaigns.drafts import Draft
from daemon.config import Settings
from daemon.i18n.languages import N_
from daemon.pages import forms, working
from daemon.pages.asking import said
from daemon.pages.content import Names, PageContent
from daemon.pages.forms import Posted
from daemon.pages.shell import only, show
from daemon.server import heavy
from daemon.server.problems import PROBLEMS
from daemon.server.visitors import SETTINGS, in_db, require_key
from daemon.states import Role

routes = web.RouteTableDef()

PATH = r"/app/drafts/{id:[0-9a-f]{1,32}}"
TITLES = {
    "people": N_("People"),
    "columns": N_("Columns"),
    "numbers": N_("Numbers"),
    "message": N_("Message"),
    "when": N_("Time"),
    "check": N_("Dry run"),
    "start": N_("Start"),
}
AS_TYPED = "typed"  # what our script has for a button while somebody is writing
# Errors in what was entered: the step is shown again with the sentence.
SHOWN_AGAIN = (errors.InvalidInput, errors.IllegalMove, errors.NotFound, errors.TooLarge, errors.ReadingBusy)


@dataclass(frozen=True)
class Place:
    """A step in the line of steps. open: whether one can go there."""

    name: str
    title: str
    done: bool
    open: bool


@dataclass(frozen=True)
class Around(Names):
    """What all steps have around their content. base: the address of the draft; error: what was wrong in the form;
    conflict: whether somebody else has changed the draft since it was shown."""

    draft: Draft
    step: str
    line: list[Place]
    base: str
    error: str
    conflict: bool


@dataclass(frozen=True)
class StepContent(PageContent):
    """What one step has inside."""

    here: ClassVar = "new"
    beside: ClassVar = (Around,)


# What each step has inside; the third argument is the form that was refused, empty without one, the fourth what the
# address says.
CONTENTS: dict[str, Callable[[Settings, Draft, Posted, Posted], StepContent]] = {}
Entered = TypeVar("Entered", bound=forms.Step)


async def load(request: web.Request) -> Draft:
    """The draft in the address. A draft that was started redirects to its campaign."""
    draft = await in_db(request, drafts.find, request.match_info["id"])
    if draft.job_id:
        raise web.HTTPSeeOther(f"/app/jobs/{draft.job_id}")
    if draft.data.started and (series_id := await in_db(request, series.of_draft, draft.id)):
        raise web.HTTPSeeOther(f"/app/series/{series_id}")
    return draft


async def show_step(
    request: web.Request, draft: Draft, step: str, entered: Posted | None = None, error: Exception | None = None
) -> web.Response:
    """The step's page. With an error it shows what was entered, and nothing is saved."""
    shown = (entered or Posted(), forms.asked(request))
    content = await in_db(request, CONTENTS[step], request.app[SETTINGS], draft, *shown)
    status = 200
    if error is not None:
        status = next(PROBLEMS[kind][0] for kind in type(error).__mro__ if kind in PROBLEMS)
    around = Around(
        draft=draft,
        step=step,
        line=await in_db(request, _line, draft),
        base=f"/app/drafts/{draft.id}",
        error=said(error),
        conflict=isinstance(error, errors.EditConflict),
    )
    return show(request, content, status, around)


def _line(draft: Draft) -> list[Place]:
    line, open_ = [], True
    for name in drafts.STEPS:
        done = drafts.ready(draft, name)
        line.append(Place(name, TITLES[name], done, open_))
        open_ = open_ and done
    return line


async def get_step(request: web.Request, step: str) -> web.StreamResponse:
    """The page of a step; a step that is too far ahead redirects to the first one that is not done."""
    draft = await load(request)
    first = await in_db(request, drafts.reached, draft)
    if drafts.STEPS.index(step) > drafts.STEPS.index(first):
        raise web.HTTPSeeOther(f"/app/drafts/{draft.id}/{first}")
    return await show_step(request, draft, step)


async def post_step(
    request: web.Request,
    step: str,
    model: type[Entered],
    work: Callable[..., str | None],
    read: Callable[[web.Request, Entered], Awaitable[object]] | None = None,
) -> web.StreamResponse:
    """Save what was entered, and go where its button says.

    work: of the settings, the draft, the form, what `read` has found, and the time as `now`; on a database thread. It
    returns where to go, or None for where the button says. read: reads what the form brings, off the database threads.
    """
    require_key(request)
    draft, entered = await load(request), await forms.read(request)
    try:
        form = entered.parsed(model)
        if form.version is not None:  # the one that the page had when it was shown
            draft = replace(draft, version=form.version)
        size = max(draft.data.source.size if draft.data.source else 0, request.content_length or 0)

        async def saved() -> str | None:
            found = () if read is None else (await read(request, form),)
            return await heavy.timed(request, size, work, request.app[SETTINGS], draft, form, *found)

        async def all_of_it() -> str:
            return await saved() or _goal(draft, step, form.go.what)

        if form.go.what == AS_TYPED:
            await saved()
            return web.json_response({"version": (await load(request)).version})
        goal = await working.done(request, draft.id, step, entered, all_of_it)
    except SHOWN_AGAIN as error:
        return await show_step(request, await load(request), step, entered, error)
    return await go(request, goal or f"/app/drafts/{draft.id}/work")


@routes.get(PATH + "/work")
@only(Role.OPERATOR)
async def at_work(request: web.Request) -> web.StreamResponse:
    """How far the draft's work is; once it is done, where it leads."""
    draft_id = request.match_info["id"]
    work = working.of(request, draft_id)
    if work is not None and not work.task.done():
        draft = await in_db(request, drafts.find, draft_id)
        return working.page(request, work, draft.name or "")
    draft = await load(request)
    if work is None:
        raise web.HTTPSeeOther(f"/app/drafts/{draft_id}/{await in_db(request, drafts.reached, draft)}")
    working.forget(request.app, draft_id, work)
    try:
        goal = work.task.result()
    except SHOWN_AGAIN as error:
        return await show_step(request, draft, work.step, work.entered, error)
    raise web.HTTPSeeOther(goal)


@routes.post(PATH + "/work")
@only(Role.OPERATOR)
async def give_up(request: web.Request) -> web.StreamResponse:
    """Give the work up, as long as it can be; then nothing is left of it."""
    if work := working.of(request, request.match_info["id"]):
        await load(request)  # whether it is theirs
        work.cancelled = True
    raise web.HTTPSeeOther(f"/app/drafts/{request.match_info['id']}/work")


def _goal(draft: Draft, step: str, button: str) -> str:
    if button == "leave":
        return "/app/new"
    following = drafts.STEPS[min(drafts.STEPS.index(step) + 1, len(drafts.STEPS) - 1)]
    return f"/app/drafts/{draft.id}/{following if button == 'next' else step}"


async def go(request: web.Request, path: str) -> web.StreamResponse:
    """Go to the next page: by a redirect, or as an address for our script, which stays if no answer comes."""
    if "application/json" in request.headers.get("Accept", ""):
        return web.json_response({"next": path})
    raise web.HTTPSeeOther(path)
