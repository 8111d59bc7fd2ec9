"""How far an account of the Cloud API is set up."""

from __future__ import annotations

from aiohttp import web

from daemon.api import endpoint
from daemon.api.endpoint import Caller
from daemon.api.parameters import AccountName
from daemon.api.schemas.cloud_templates import CloudNumber, CloudSetup, CloudStep
from daemon.errors import NotFound
from daemon.server import cloud_setup
from daemon.server.scopes import Scope
from daemon.server.visitors import timed


@endpoint.get("/accounts/{name}/cloud", scope=Scope.CONTROL, errors=(NotFound,), tag="accounts")
async def cloud_account(caller: Caller, request: web.Request, *, name: AccountName) -> CloudSetup:
    """The number of an account of the Cloud API, as Meta sees it, and which steps of its setup are done.

    Meta is asked anew each time. docs/cloud-setup.md has the steps.
    """
    known = await timed(request, cloud_setup.known, caller.settings, name)
    found = await cloud_setup.look(known)
    number = found.number
    return CloudSetup(
        account=name,
        number=None
        if number is None
        else CloudNumber(
            number=number.shown,
            verified_name=number.name,
            status=number.status,
            quality=number.quality,
            throughput=number.throughput,
            limit=number.limit,
            most_people=known.reach.most,
            people=known.reach.people,
            can_send=number.able.can_send,
            in_the_way=number.able.details,
        ),
        steps=[
            CloudStep(step=each.step.value, done=each.done, sentence=str(each.told), code=each.told.code)
            for each in found.steps
        ],
    )
