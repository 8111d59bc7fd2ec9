"""What a login asks for beside the password: a code, setting up a second factor, a password in place of a temporary
one. There is no session before all of it is done; see auth/login_steps.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlencode

from aiohttp import web
from markupsafe import Markup

from daemon import errors
from daemon.auth import audit, login_steps, passwords, second_factor, sessions
from daemon.auth.login_steps import Asked, Standing
from daemon.formats import qr
from daemon.i18n.languages import gettext
from daemon.pages import forms
from daemon.pages.asking import said
from daemon.pages.content import PageContent
from daemon.pages.login import LOGIN_BYTES, ONE_BY_ONE
from daemon.pages.refusals import Why
from daemon.pages.shell import own_path, show
from daemon.server import access
from daemon.server.visitors import SECRET_KEY, SETTINGS, timed

routes = web.RouteTableDef()

PATH = "/app/login/step"


@dataclass(frozen=True)
class Shown:
    """A second factor that is being set up: its QR code, and the same to be typed."""

    picture: Markup
    secret: str


@dataclass(frozen=True)
class LoginStep(PageContent):
    """asked: what is asked for, "" for nothing more; codes: new recovery codes, to be shown once; wait_s: until the
    next try is allowed; goal: where to go afterwards."""

    template: ClassVar = "login_step.html"

    asked: str
    name: str
    goal: str
    shown: Shown | None
    codes: list[str]
    error: str
    wait_s: int
    shortest: int


class LoginStepForm(forms.Form):
    """code: of the app, or for recovery; new, again: the password twice."""

    next: forms.Text
    code: forms.Line
    new: forms.Text
    again: forms.Text


def drawn(key: bytes, user_id: int, name: str, nonce: str) -> Shown:
    """What the user's app needs."""
    secret = second_factor.secret(key, user_id, nonce)
    picture = qr.svg(second_factor.address(secret, name), scalable=True).decode()
    spaced = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return Shown(Markup(picture), spaced)  # noqa: S704 (made of squares)


@routes.get(PATH)
async def step(request: web.Request) -> web.StreamResponse:
    """What is asked for next."""
    goal = own_path(forms.asked(request).text("next"))
    try:
        return _page(request, await _standing(request), goal)
    except errors.Unauthorized:
        raise web.HTTPFound(goal) from None


@routes.post(PATH)
async def take(request: web.Request) -> web.StreamResponse:
    """One of them; after the last there is a session."""
    if request.content_length is None or request.content_length > LOGIN_BYTES:
        raise errors.TooLarge(Why.NOT_THE_LOGIN_FORM)
    if not access.from_our_page(request):
        raise errors.Forbidden(Why.LOGIN_FROM_ELSEWHERE)
    form = (await forms.read(request)).parsed(LoginStepForm)
    goal = own_path(form.next)
    try:
        found = await _standing(request)
    except errors.Unauthorized:
        raise web.HTTPSeeOther("/app/login?" + urlencode({"next": goal})) from None
    audit.by(found.user.name, f"user:{found.user.id}")
    try:
        if found.asked is Asked.SET_UP:
            return await _set_up(request, found, form, goal)
        if found.asked is Asked.CODE:
            await _pass_code(request, found, form)
        found = await _standing(request)
        if found.asked is not None and not (found.asked is Asked.PASSWORD and form.new):
            return _page(request, found, goal)
        if form.new != form.again:
            said_again = gettext("The two passwords differ: enter the new password twice.")
            return _page(request, found, goal, said_again, status=422)
        audit.called("login")
        async with request.app[ONE_BY_ONE].known:
            required = request.app[SETTINGS].require_totp
            opened = await timed(request, sessions.finish, _token(request), required, new_password=form.new)
    except errors.TooManyTries as error:
        response = _page(request, found, goal, status=429, wait_s=error.left_s)
        response.headers["Retry-After"] = str(error.left_s)
        return response
    except errors.InvalidInput as error:
        return _page(request, found, goal, said(error), status=422)
    except errors.Unauthorized as error:
        return _page(request, found, goal, said(error), status=401)
    done = web.HTTPSeeOther(goal)
    access.let_in(request, done, opened)
    raise done


async def _pass_code(request: web.Request, found: Standing, form: LoginStepForm) -> None:
    audit.called("login.code")
    origin = access.origin_of(request, found.user.name)
    await timed(request, login_steps.pass_code, origin, _token(request), form.code, request.app[SECRET_KEY])


async def _set_up(request: web.Request, found: Standing, form: LoginStepForm, goal: str) -> web.StreamResponse:
    """The recovery codes, once the code is right."""
    audit.called("me.second_factor_on")
    codes = await timed(request, login_steps.set_up, _token(request), form.code, request.app[SECRET_KEY])
    return _page(request, await _standing(request), goal, codes=codes)


def _token(request: web.Request) -> str:
    return request.cookies.get(access.STEP_COOKIE, "")[: access.LONGEST_COOKIE]


async def _standing(request: web.Request) -> Standing:
    return await timed(request, login_steps.standing, _token(request), request.app[SETTINGS].require_totp)


def _page(
    request: web.Request,
    found: Standing,
    goal: str,
    error: str = "",
    status: int = 200,
    wait_s: int = 0,
    codes: list[str] | None = None,
) -> web.Response:
    user, asked = found.user, found.asked
    shown = drawn(request.app[SECRET_KEY], user.id, user.name, found.nonce) if asked is Asked.SET_UP else None
    content = LoginStep(
        asked=asked.value if asked else "",
        name=user.name,
        goal=goal,
        shown=shown,
        codes=codes or [],
        error=error,
        wait_s=wait_s,
        shortest=passwords.SHORTEST,
    )
    response = show(request, content, status)
    response.headers["Cache-Control"] = "no-store"
    return response
