"""One's own second factor: on, off, and new recovery codes; each only with the password."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web

from daemon import errors
from daemon.auth import second_factor, sessions
from daemon.auth.refusals import Why as OfAuth
from daemon.contacts import masking
from daemon.i18n.languages import gettext
from daemon.pages import forms
from daemon.pages.asking import said
from daemon.pages.content import PageContent
from daemon.pages.login import LOGIN_BYTES, ONE_BY_ONE
from daemon.pages.login_steps import Shown, drawn
from daemon.pages.refusals import Why
from daemon.pages.shell import members, show
from daemon.server import access
from daemon.server.visitors import SECRET_KEY, SETTINGS, Visitor, in_db, require, timed
from daemon.states import Role

routes = web.RouteTableDef()

PATH = "/app/me/second_factor"


Change = Callable[[Visitor, int, str], Awaitable[list[str]]]


class Proved(forms.Form):
    """The password, and a code where one is asked for."""

    password: forms.Text
    code: forms.Line


@dataclass(frozen=True)
class SecondFactor(PageContent):
    """on: whether it is asked for; shown: one that is being set up; codes: new recovery codes, to be shown once; left:
    how many there are; required: whether everybody has to have one; place: the form that the error is about."""

    template: ClassVar = "second_factor.html"
    here: ClassVar = "me"

    on: bool
    shown: Shown | None
    codes: list[str]
    left: int
    required: bool
    error: str
    place: str


@routes.get(PATH)
@members
async def own(request: web.Request) -> web.StreamResponse:
    """Whether it is on, and what can be done about it."""
    return await _page(request, _user(request))


@routes.post(PATH + "/begin")
@members
async def begin(request: web.Request) -> web.StreamResponse:
    """Show what the app needs; nothing is asked for yet."""
    await in_db(request, second_factor.begin, _user_id(_user(request)))
    raise web.HTTPSeeOther(PATH)


@routes.post(PATH + "/on")
@members
async def turn_on(request: web.Request) -> web.StreamResponse:
    """From the next login on a code is asked for. All other sessions end."""

    async def change(who: Visitor, user_id: int, code: str) -> list[str]:
        return await timed(request, sessions.turn_on, user_id, who.session, code, request.app[SECRET_KEY])

    return await _proved(request, "on", change)


@routes.post(PATH + "/codes")
@members
async def new_codes(request: web.Request) -> web.StreamResponse:
    """Recovery codes in place of the earlier ones."""

    async def change(_who: Visitor, user_id: int, _code: str) -> list[str]:
        if not await in_db(request, second_factor.is_on, user_id):
            raise errors.IllegalMove(OfAuth.NO_SECOND_FACTOR)
        return await in_db(request, second_factor.new_codes, user_id, request.app[SECRET_KEY])

    return await _proved(request, "codes", change)


@routes.post(PATH + "/off")
@members
async def turn_off(request: web.Request) -> web.StreamResponse:
    """No code is asked for any more."""
    if request.app[SETTINGS].require_totp:
        raise errors.IllegalMove(OfAuth.SECOND_FACTOR_REQUIRED)

    async def change(_who: Visitor, user_id: int, _code: str) -> list[str]:
        await in_db(request, second_factor.turn_off, user_id)
        return []

    return await _proved(request, "off", change)


async def _proved(request: web.Request, place: str, change: Change) -> web.StreamResponse:
    """Do it, if the password is right, and show the codes that it makes."""
    who = _user(request)
    user_id = _user_id(who)
    form = (await forms.read(request, LOGIN_BYTES)).parsed(Proved)
    try:
        async with request.app[ONE_BY_ONE].known:
            await timed(request, sessions.confirm, access.origin_of(request, who.name), user_id, form.password)
    except errors.Unauthorized:
        return await _page(request, who, error=gettext("This is not your current password."), place=place)
    try:
        codes = await change(who, user_id, form.code)
    except errors.Unauthorized as error:  # the code
        return await _page(request, who, error=said(error), place="code")
    return await _page(request, who, codes=codes)


def _user(request: web.Request) -> Visitor:
    return require(request, Role.VIEWER)


def _user_id(who: Visitor) -> int:
    """Raises IllegalMove with the API key, which has no password."""
    if who.user_id is None:
        raise errors.IllegalMove(Why.KEY_IS_NO_PASSWORD)
    return who.user_id


async def _page(
    request: web.Request, who: Visitor, codes: list[str] | None = None, error: str = "", place: str = ""
) -> web.StreamResponse:
    key, user_id = request.app[SECRET_KEY], _user_id(who)
    nonce = await in_db(request, second_factor.begun, user_id)
    masking.hidden.set(False)  # there are no numbers on it, and codes and pictures may look like some
    content = SecondFactor(
        on=await in_db(request, second_factor.is_on, user_id),
        shown=drawn(key, user_id, who.name, nonce) if nonce else None,
        codes=codes or [],
        left=await in_db(request, second_factor.left, user_id),
        required=request.app[SETTINGS].require_totp,
        error=error,
        place=place,
    )
    response = show(request, content, 422 if error else 200)
    response.headers["Cache-Control"] = "no-store"
    return response
