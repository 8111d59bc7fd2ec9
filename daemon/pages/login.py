"""The login: the right key gets a session."""

from __future__ import annotations

from aiohttp import web

from daemon import errors
from daemon.pages.shell import own_path, show
from daemon.web import API_KEY as KEY
from daemon.web import COOKIE, SESSION_S, authorized, new_session, require_key, same

routes = web.RouteTableDef()

LOGIN_BYTES = 4096


@routes.get("/app/login")
async def login_page(request: web.Request) -> web.StreamResponse:
    goal = own_path(request.query.get("next", ""))
    if authorized(request):
        raise web.HTTPFound(goal)
    return show(request, "login.html", {"goal": goal, "wrong": False})


@routes.post("/app/login")
async def login(request: web.Request) -> web.StreamResponse:
    """The right key gets a session; a wrong one the same page again."""
    if request.content_length is None or request.content_length > LOGIN_BYTES:
        raise errors.TooLarge("This is not the login form.")
    form = await request.post()
    goal, key = own_path(str(form.get("next", ""))), str(form.get("key", "")).strip()
    if not same(key, request.app[KEY]):
        return show(request, "login.html", {"goal": goal, "wrong": True}, status=401)
    response = web.HTTPSeeOther(goal)
    response.set_cookie(
        COOKIE,
        new_session(request),
        max_age=SESSION_S,
        path="/",
        httponly=True,
        samesite="Strict",
        secure=request.secure,
    )
    raise response


@routes.post("/app/logout")
async def logout(request: web.Request) -> web.StreamResponse:
    require_key(request)
    response = web.HTTPSeeOther("/app/login")
    response.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict", secure=request.secure)
    raise response
