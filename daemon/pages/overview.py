"""The first page: the accounts and the campaigns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from daemon.accounts import directory
from daemon.campaigns import progress, queries
from daemon.config import Settings
from daemon.i18n import languages
from daemon.pages.content import PageContent
from daemon.pages.shell import members, number, show
from daemon.pages.views import AccountView, JobView, account_views, job_view
from daemon.server.visitors import SETTINGS, in_db

routes = web.RouteTableDef()

JOBS_SHOWN = 20


@routes.get("/app")
@members
async def overview(request: web.Request) -> web.StreamResponse:
    """The accounts and the campaigns."""
    settings = request.app[SETTINGS]
    return show(request, await in_db(request, _overview, settings, number(request, "cursor")))


@dataclass(frozen=True)
class Overview(PageContent):
    """undecided: how many messages a person has to decide about; cursor: of this page, None for the first; after: of
    the next page; unconfirmed: accounts whose time zone is only this machine's, machine_zone: that one, reader_zone:
    the browser's, "" where it has not told."""

    template: ClassVar = "campaigns.html"
    here: ClassVar = "campaigns"

    accounts: list[AccountView]
    jobs: list[JobView]
    undecided: int
    cursor: int | None
    after: int | None
    unconfirmed: list[str]
    machine_zone: str
    reader_zone: str


def _overview(settings: Settings, cursor: int | None) -> Overview:
    rows, after = queries.jobs(cursor, JOBS_SHOWN)
    jobs = [job_view(settings, row) for row in rows]
    zoned = {settings.account: None, **{row.name: row.timezone for row in directory.every()}}
    unsure = [] if settings.timezone else sorted(name for name, zone in zoned.items() if zone is None)
    undecided = progress.undecided()
    zones = (settings.zone, languages.told_zone())
    return Overview(account_views(settings), jobs, undecided, cursor, after, unsure, *zones)
