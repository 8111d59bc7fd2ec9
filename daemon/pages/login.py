"""Logging in, with a name and its password or with the API key, and out.

The login has no token of a session, as there is none yet: the browser's word for where the form came from (Origin,
Sec-Fetch-Site) keeps another site from logging somebody in under a name that is not theirs. Every browser that keeps
our SameSite cookie sends it with a POST; a token in a second cookie would not add to that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlencode

from aiohttp import web

from daemon import errors
from daemon.auth import audit, lockout, sessions, users
from daemon.auth.login_steps import Step
from daemon.auth.refusals import Why as OfAuth
from daemon.pages import forms
from daemon.pages.content import PageContent
from daemon.pages.refusals import Why
from daemon.pages.shell import own_path, show
from daemon.server import access, audited
from daemon.server.visitors import API_KEY, SETTINGS, authorized, in_db, require, same, timed, visitor
from daemon.states import Role

routes = web.RouteTableDef()

LOGIN_BYTES = 4096
MOST_WAITING = 50
FULL_MS = 5_000  # until somebody who found the queue full may try again


class Queue:
    """One thread checks its passwords, however many people log in, and only a limited number wait for it."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0

    async def __aenter__(self) -> None:
        if self._waiting >= MOST_WAITING:
            raise errors.TooManyTries(FULL_MS)
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1

    async def __aexit__(self, *_: object) -> None:
        self._turn.release()


class Turns:
    """Strangers have a queue of their own: whoever fills it keeps nobody out who is logged in, or whose password was
    right, or whose browser the name has logged in with before."""

    def __init__(self) -> None:
        self.known, self.strangers = Queue(), Queue()


ONE_BY_ONE = web.AppKey("one_by_one", Turns)


@routes.get("/app/login")
async def login_page(request: web.Request) -> web.StreamResponse:
    goal = own_path(forms.asked(request).text("next"))
    if authorized(request):
        raise web.HTTPFound(goal)
    return await _form(request, goal)


@routes.post("/app/login")
async def login(request: web.Request) -> web.StreamResponse:
    """With the right password or key a session is opened; otherwise the same page is shown again."""
    if request.content_length is None or request.content_length > LOGIN_BYTES:
        raise errors.TooLarge(Why.NOT_THE_LOGIN_FORM)
    if not access.from_our_page(request):
        raise errors.Forbidden(Why.LOGIN_FROM_ELSEWHERE)
    form = (await forms.read(request)).parsed(forms.Login)
    goal, name = own_path(form.next), "" if form.by_key else form.name
    origin = access.origin_of(request, name)
    try:
        opened = await (_by_key(request, origin, form.key) if form.by_key else _by_password(request, origin, form))
    except (errors.Unauthorized, errors.TooManyTries) as error:
        return await _form(request, goal, name, error, by_key=form.by_key)
    if isinstance(opened, Step):
        audit.called("login.password")
        audit.heard()
    await end(request)  # the session that was open before, if any
    if isinstance(opened, Step):
        response = web.HTTPSeeOther("/app/login/step?" + urlencode({"next": goal}))
        access.let_half_in(request, response, opened)
        raise response
    response = web.HTTPSeeOther(goal)
    access.let_in(request, response, opened)
    raise response


async def _by_key(request: web.Request, origin: lockout.Try, given: str) -> sessions.Opened:
    key = request.app[API_KEY]
    right = same(given, key)
    if not right and audited.refused_key(request):
        audit.heard(OfAuth.WRONG_KEY.name.lower())
    return await timed(request, sessions.by_key, origin, right, key)


async def _by_password(request: web.Request, origin: lockout.Try, form: forms.Login) -> sessions.Opened | Step:
    if not form.name or not form.password:  # a form that is not filled in costs no turn
        raise errors.Unauthorized(OfAuth.WRONG_PASSWORD)
    # Before the queue, so that somebody who is locked out does not keep others waiting.
    await timed(request, lockout.look, lockout.counters(origin, form.name), origin)
    turns = request.app[ONE_BY_ONE]
    async with turns.known if origin.known else turns.strangers:
        check: Callable[..., sessions.Opened | Step] = sessions.by_password
        required = request.app[SETTINGS].require_totp
        return await timed(request, check, origin, form.name, form.password, required=required)


@dataclass(frozen=True)
class LoginForm(PageContent):
    """goal: where to go afterwards; wait_s: until the next try is allowed; by_key: which of the two forms was sent;
    users: whether there are any."""

    template: ClassVar = "login.html"

    goal: str
    name: str
    wrong: bool
    wait_s: int
    by_key: bool
    users: bool


async def _form(
    request: web.Request,
    goal: str,
    name: str = "",
    error: errors.Unauthorized | errors.TooManyTries | None = None,
    by_key: bool = False,
) -> web.StreamResponse:
    wrong = isinstance(error, errors.Unauthorized)
    wait_s = error.left_s if isinstance(error, errors.TooManyTries) else 0
    form = LoginForm(goal, name, wrong, wait_s, by_key, await in_db(request, users.any_yet))
    response = show(request, form, 200 if error is None else 401 if wrong else 429)
    if wait_s:
        response.headers["Retry-After"] = str(wait_s)
    return response


@routes.post("/app/logout")
async def logout(request: web.Request) -> web.StreamResponse:
    require(request, Role.VIEWER)
    await end(request)
    response = web.HTTPSeeOther("/app/login")
    access.let_out(request, response)
    raise response


async def end(request: web.Request) -> None:
    """End the session that the browser has, if it has one."""
    who = visitor.get()
    if who is not None and who.session is not None:
        await in_db(request, sessions.close, who.session)
