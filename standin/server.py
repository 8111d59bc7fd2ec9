"""The application: the page at `/` and `/send`, the control side under `/_standin/`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from standin import pageapi, phone
from standin.hub import Hub
from standin.keys import HUB, WORLD
from standin.world import World

PAGE = Path(__file__).parent / "page"
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; frame-src 'none'; object-src 'none'"
)


def make_app(world: World) -> web.Application:
    """Wire the routes around one world."""
    app = web.Application(client_max_size=512 * 2**20)
    app[WORLD] = world
    app.cleanup_ctx.append(_live)
    app.on_shutdown.append(_shutdown)
    app.router.add_get("/", page)
    app.router.add_get("/send", page)
    app.router.add_get("/send/", page)
    app.router.add_static("/_standin/page", PAGE)
    app.router.add_get("/_standin/record", record)
    app.router.add_get("/_standin/switches", get_switches)
    app.router.add_post("/_standin/switches", post_switches)
    app.router.add_get("/_standin/events", events)
    app.router.add_post("/_standin/scan", scan)
    app.router.add_post("/_standin/enter", enter)
    app.router.add_post("/_standin/logout", logout)
    app.router.add_post("/_standin/incoming", incoming)
    app.router.add_post("/_standin/own", own)
    app.router.add_post("/_standin/tick", tick)
    app.router.add_post("/_standin/reload", reload)
    pageapi.add_routes(app)
    return app


async def _live(app: web.Application) -> AsyncIterator[None]:
    app[HUB] = Hub(app[WORLD])
    for message_id in app[WORLD].unticked():
        app[HUB].progress(message_id)
    yield


async def _shutdown(app: web.Application) -> None:
    await app[HUB].stop()


async def page(request: web.Request) -> web.FileResponse:
    """Serve the app, or the page that sends a headless browser away."""
    headless = "HeadlessChrome" in request.headers.get("User-Agent", "")
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return web.FileResponse(PAGE / ("unsupported.html" if headless else "page.html"), headers=headers)


async def record(request: web.Request) -> web.Response:
    """What was really delivered, and what a careful driver never does."""
    return web.json_response(request.app[WORLD].record())


async def get_switches(request: web.Request) -> web.Response:
    """All switches with their present values."""
    return web.json_response(request.app[WORLD].switches)


async def post_switches(request: web.Request) -> web.Response:
    """Merge switches and tell every open page."""
    changes = await request.json()
    try:
        request.app[WORLD].set_switches(changes)
    except ValueError as error:
        raise web.HTTPBadRequest(text=str(error)) from error
    request.app[HUB].push("switches", changes)
    return web.json_response(request.app[WORLD].switches)


async def events(request: web.Request) -> web.Response:
    """Long poll: events after number `after`, waiting up to `timeout` seconds for the first."""
    after = int(request.query.get("after", 0))
    timeout_s = min(float(request.query.get("timeout", 0)), 60.0)
    return web.json_response({"events": await request.app[HUB].events(after, timeout_s)})


async def scan(request: web.Request) -> web.Response:
    """The phone scans the QR code; 409 when no page shows a live one."""
    if not request.app[HUB].scan():
        raise web.HTTPConflict(text="no open page shows a QR code that could be scanned")
    return web.json_response({"linked": True})


async def enter(request: web.Request) -> web.Response:
    """A code is entered on the phone: `{code}`; 409 when no page shows it now."""
    if not request.app[HUB].enter((await request.json())["code"]):
        raise web.HTTPConflict(text="no open page shows this code now")
    return web.json_response({"linked": True})


async def logout(request: web.Request) -> web.Response:
    """The phone removes all linked devices."""
    request.app[WORLD].unlink_all()
    request.app[HUB].push("logout", {})
    return web.json_response({})


async def incoming(request: web.Request) -> web.Response:
    """Somebody writes to us: `{number, text, name?, quoted?}`."""
    body = await request.json()
    number = phone.plain(body["number"])
    message = request.app[WORLD].say(
        number, body["text"], own=False, name=body.get("name"), quoted=body.get("quoted"), id=body.get("id")
    )
    request.app[HUB].push("message", {"message": message, "chat": request.app[WORLD].chat(number)})
    return web.json_response(message)


async def own(request: web.Request) -> web.Response:
    """We write on the phone: `{number, text, at_ms?}`; the row arrives here already sent."""
    body = await request.json()
    number = phone.plain(body["number"])
    message = request.app[WORLD].say(number, body["text"], own=True, at_ms=body.get("at_ms"))
    message["ack"] = 1
    request.app[WORLD].tick(message["id"], 1)
    request.app[HUB].push("message", {"message": message, "chat": request.app[WORLD].chat(number)})
    return web.json_response(message)


async def tick(request: web.Request) -> web.Response:
    """Our messages get as far as `{number, ack}` (1 sent, 2 delivered, 3 read), or only the one with `{id}`."""
    body = await request.json()
    world = request.app[WORLD]
    number = phone.plain(body["number"])
    ids = [body["id"]] if "id" in body else [row["id"] for row in world.history(number) if row["own"]]
    for each in ids:
        request.app[HUB].tick(each, body["ack"])
    return web.json_response({})


async def reload(request: web.Request) -> web.Response:
    """Make every open page reload itself."""
    request.app[HUB].push("reload", {})
    return web.json_response({})
