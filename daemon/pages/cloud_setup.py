"""An account of the Cloud API: its number as Meta sees it, the steps of its setup, and its own settings for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote

from aiohttp import web

from daemon import errors
from daemon.accounts import cloud_lines, directory, limits
from daemon.accounts.directory import AccountRow
from daemon.accounts.portfolios import Reach
from daemon.i18n.languages import N_
from daemon.pages import forms
from daemon.pages.asking import said
from daemon.pages.content import PageContent
from daemon.pages.shell import only, show
from daemon.server import cloud_setup
from daemon.server.cloud_setup import Found
from daemon.server.problems import PROBLEMS
from daemon.server.visitors import SETTINGS, caller, in_db, timed
from daemon.states import Role
from daemon.transports.cloud.graph import GraphNumber

routes = web.RouteTableDef()

LABELS = {
    "cloud_phone_number_id": N_("Phone number ID"),
    "cloud_business_account_id": N_("WhatsApp Business account ID"),
    "cloud_throughput": N_("Messages a second"),
    "cloud_token": N_("Access token"),
    "cloud_app_secret": N_("App secret"),
    "cloud_verify_token": N_("Verify token"),
}


@dataclass(frozen=True)
class OwnField:
    """A field of the form. kept: it is a secret that the account has, and that is not shown."""

    name: str
    label: str
    value: str
    secret: bool
    kept: bool


@dataclass(frozen=True)
class CloudSetup(PageContent):
    """reach: of its business. left: how many steps are not done. own: what the account has of its own, as of
    own_version. late: somebody else was faster."""

    template: ClassVar = "cloud_setup.html"
    here: ClassVar = "accounts"

    account: str
    number: GraphNumber | None
    reach: Reach
    steps: Sequence[Found]
    left: int
    own: Sequence[OwnField]
    own_version: int
    saved: bool
    error: str
    late: bool


class CloudLimits(forms.Versioned):
    """For an empty field the settings of the installation decide; an empty secret stays as it is."""

    cloud_phone_number_id: forms.Zone
    cloud_business_account_id: forms.Zone
    cloud_throughput: forms.Cap
    cloud_token: forms.Line
    cloud_app_secret: forms.Line
    cloud_verify_token: forms.Line

    @property
    def limits(self) -> limits.Limits:
        """What is to be set."""
        found = limits.Limits(
            cloud_phone_number_id=self.cloud_phone_number_id,
            cloud_business_account_id=self.cloud_business_account_id,
            cloud_throughput=self.cloud_throughput,
        )
        if self.cloud_token:
            found["cloud_token"] = self.cloud_token
        if self.cloud_app_secret:
            found["cloud_app_secret"] = self.cloud_app_secret
        if self.cloud_verify_token:
            found["cloud_verify_token"] = self.cloud_verify_token
        return found


@routes.get("/app/accounts/{name}/cloud")
@only(Role.OPERATOR)
async def setup(request: web.Request) -> web.StreamResponse:
    """Ask Meta, and show what is still to be done."""
    return await _page(request)


async def _page(
    request: web.Request, entered: Mapping[str, str] | None = None, error: errors.DaemonError | None = None
) -> web.StreamResponse:
    name = request.match_info["name"]
    known = await timed(request, cloud_setup.known, request.app[SETTINGS], name)
    account = await in_db(request, directory.find, name)
    found = await cloud_setup.look(known)
    content = CloudSetup(
        account=name,
        number=found.number,
        reach=known.reach,
        steps=found.steps,
        left=sum(not each.done for each in found.steps),
        own=[_field(account, field, entered) for field in LABELS],
        own_version=account.limits_version,
        saved="saved" in request.query,
        error=said(error),
        late=isinstance(error, errors.EditConflict),
    )
    return show(request, content, PROBLEMS[type(error)][0] if error else 200)


def _field(account: AccountRow, name: str, entered: Mapping[str, str] | None) -> OwnField:
    secret, own = name in limits.SECRETS, getattr(account, name)
    value = str(own or "") if entered is None else entered[name]
    return OwnField(name, LABELS[name], "" if secret else value, secret, kept=secret and own is not None)


@routes.post("/app/accounts/{name}/cloud")
@only(Role.ADMIN)
async def change(request: web.Request) -> web.StreamResponse:
    """Set what the account has of its own for the Cloud API."""
    name, form = request.match_info["name"], await forms.read(request)
    try:
        asked = form.parsed(CloudLimits)
        await in_db(request, cloud_lines.check_ids, request.app[SETTINGS], name, asked.limits)
        await in_db(request, limits.set_limits, name, asked.limits, caller(request), asked.version)
    except (errors.InvalidInput, errors.EditConflict) as error:
        return await _page(request, {field: form.text(field) for field in LABELS}, error)
    raise web.HTTPSeeOther(f"/app/accounts/{quote(name)}/cloud?saved=1")
