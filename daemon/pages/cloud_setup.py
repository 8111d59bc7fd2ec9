"""An account of the Cloud API: its number as Meta sees it, and the steps of its setup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from daemon.pages.content import PageContent
from daemon.pages.shell import only, show
from daemon.server import cloud_setup
from daemon.server.cloud_setup import Found
from daemon.server.visitors import SETTINGS, timed
from daemon.states import Role
from daemon.transports.cloud.graph import GraphNumber

routes = web.RouteTableDef()


@dataclass(frozen=True)
class CloudSetup(PageContent):
    """left: how many steps are not done."""

    template: ClassVar = "cloud_setup.html"
    here: ClassVar = "accounts"

    account: str
    number: GraphNumber | None
    steps: Sequence[Found]
    left: int


@routes.get("/app/accounts/{name}/cloud")
@only(Role.OPERATOR)
async def setup(request: web.Request) -> web.StreamResponse:
    """Ask Meta, and show what is still to be done."""
    name = request.match_info["name"]
    found = await cloud_setup.look(await timed(request, cloud_setup.known, request.app[SETTINGS], name))
    left = sum(not each.done for each in found.steps)
    return show(request, CloudSetup(name, found.number, found.steps, left))
