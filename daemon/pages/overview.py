"""The first page: the accounts and the campaigns."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from daemon.campaigns import progress, queries
from daemon.config import Settings
from daemon.pages.shell import members, number, show
from daemon.pages.views import account_views, job_view
from daemon.server.visitors import SETTINGS, in_db
from daemon.states import State

routes = web.RouteTableDef()

JOBS_SHOWN = 20


@routes.get("/app")
@members
async def overview(request: web.Request) -> web.StreamResponse:
    """The accounts and the campaigns."""
    settings = request.app[SETTINGS]
    return show(request, "campaigns.html", await in_db(request, _overview, settings, number(request, "cursor")))


def _overview(settings: Settings, cursor: int | None) -> dict[str, Any]:
    rows, after = queries.jobs(cursor, JOBS_SHOWN)
    return {
        "accounts": account_views(settings),
        "jobs": [job_view(settings, row) for row in rows],
        "undecided": progress.totals()[State.UNCERTAIN],
        "cursor": cursor,
        "after": after,
    }
