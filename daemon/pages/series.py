"""Campaigns that repeat: their next times, what became of the last ones, and pause, resume, end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from aiohttp import web

from daemon.campaigns import series
from daemon.campaigns.series import Repeating
from daemon.pages import forms
from daemon.pages.content import PageContent
from daemon.pages.shell import members, show
from daemon.pages.words import WEEKDAYS
from daemon.server.visitors import SETTINGS, caller, in_db, require_key, timed

routes = web.RouteTableDef()
ONE = r"/app/series/{id:\d{1,18}}"


@dataclass(frozen=True)
class SeriesList(PageContent):
    """All that repeat. weekdays: in words, from Monday."""

    template: ClassVar = "series_list.html"
    here: ClassVar = "campaigns"

    every: list[Repeating]
    weekdays: tuple[str, ...]


@dataclass(frozen=True)
class SeriesPage(PageContent):
    """One that repeats. weekdays: in words, from Monday."""

    template: ClassVar = "series.html"
    here: ClassVar = "campaigns"

    one: Repeating
    weekdays: tuple[str, ...]


@routes.get("/app/series")
@members
async def every(request: web.Request) -> web.StreamResponse:
    """All campaigns that repeat."""
    return show(request, SeriesList(await in_db(request, series.every), WEEKDAYS))


@routes.get(ONE)
@members
async def one(request: web.Request) -> web.StreamResponse:
    """One of them, with its next and its last times."""
    return show(request, SeriesPage(await in_db(request, series.find, int(request.match_info["id"])), WEEKDAYS))


async def _changed(request: web.Request, work: Callable[..., Any]) -> web.StreamResponse:
    require_key(request)
    series_id = int(request.match_info["id"])
    await timed(request, work, series_id, caller(request))
    raise web.HTTPSeeOther(f"/app/series/{series_id}")


@routes.post(ONE + "/pause")
async def pause(request: web.Request) -> web.StreamResponse:
    """Make no run until it is resumed."""
    return await _changed(request, series.pause)


@routes.post(ONE + "/resume")
async def resume(request: web.Request) -> web.StreamResponse:
    """Go on with the next run from now on."""
    return await _changed(request, series.resume)


@routes.post(ONE + "/end")
async def end(request: web.Request) -> web.StreamResponse:
    """Make no run any more."""
    return await _changed(request, series.end)


class Missed(forms.Form):
    """at: the time of a run that was left out, UTC ms."""

    at: forms.Perhaps


@routes.post(ONE + "/run")
async def make_up(request: web.Request) -> web.StreamResponse:
    """Send a run now that was left out; pressed twice, it is sent once."""
    require_key(request)
    form = (await forms.read(request)).parsed(Missed)
    given = (request.app[SETTINGS], int(request.match_info["id"]), form.at or 0, caller(request))
    job_id = await timed(request, series.make_up, *given)
    raise web.HTTPSeeOther(f"/app/jobs/{job_id}")
