"""Campaigns that repeat."""

from __future__ import annotations

from daemon.api import endpoint, paging
from daemon.api.endpoint import Caller
from daemon.api.parameters import MAX_LIMIT, Limit, Named, SeriesId, SortedCursor
from daemon.api.schemas.series import Run, Series, SeriesList
from daemon.campaigns import series as repeating
from daemon.campaigns.series import Repeating
from daemon.db import clock
from daemon.errors import IllegalMove, NotFound
from daemon.server.scopes import Scope


@endpoint.get("/series", scope=Scope.READ, tag="series")
def all_series(
    caller: Caller, *, search: Named = "", cursor: SortedCursor | None = None, limit: Limit = MAX_LIMIT
) -> SeriesList:
    """The campaigns that repeat, those that go on first, a page at a time."""
    wanted = [row for row in repeating.every() if paging.found_by(search, row.name)]
    rows, after = paging.page(sorted(wanted, key=_place), _place, cursor, limit)
    return SeriesList(series=[_series(each) for each in rows], next_cursor=after)


def _place(found: Repeating) -> tuple[bool, int, int]:
    coming = min(found.next, default=None)
    return (coming is None, coming or 0, -found.id)


@endpoint.get("/series/{series_id}", scope=Scope.READ, errors=(NotFound,), tag="series")
def one_series(caller: Caller, *, series_id: SeriesId) -> Series:
    """A campaign that repeats, with its next times and its last runs."""
    return _series(repeating.find(series_id))


@endpoint.post("/series/{series_id}/pause", scope=Scope.CONTROL, errors=(NotFound, IllegalMove), tag="series")
def pause_series(caller: Caller, *, series_id: SeriesId) -> Series:
    """Make no campaign of it until it is resumed."""
    repeating.pause(series_id, caller.name, clock.now_ms())
    return _series(repeating.find(series_id))


@endpoint.post("/series/{series_id}/resume", scope=Scope.CONTROL, errors=(NotFound, IllegalMove), tag="series")
def resume_series(caller: Caller, *, series_id: SeriesId) -> Series:
    """Go on with its first time from now on."""
    repeating.resume(series_id, caller.name, clock.now_ms())
    return _series(repeating.find(series_id))


@endpoint.post("/series/{series_id}/end", scope=Scope.CONTROL, errors=(NotFound, IllegalMove), tag="series")
def end_series(caller: Caller, *, series_id: SeriesId) -> Series:
    """Make no campaign of it any more. Those that were made go on."""
    repeating.end(series_id, caller.name, clock.now_ms())
    return _series(repeating.find(series_id))


def _series(found: Repeating) -> Series:
    runs = [Run(at=each.at, job_id=each.job, reason=str(each.why) if each.why else None) for each in found.runs]
    return Series(
        series_id=found.id,
        name=found.name,
        account=found.account,
        state=found.state,
        days=list(found.weekly.days),
        time=found.weekly.time,
        zone=found.zone,
        until=found.weekly.until,
        most=found.weekly.most,
        made=found.made,
        people=found.people,
        next=found.next,
        runs=runs,
    )
