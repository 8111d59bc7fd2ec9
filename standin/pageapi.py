"""The routes that the page itself uses; drivers and tests must not."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import segno
from aiohttp import BodyPartReader, web

from standin import phone
from standin.keys import HUB, WORLD


def add_routes(app: web.Application) -> None:
    """Add everything under `/_standin/api/`."""
    app.router.add_get("/_standin/api/stream", stream)
    app.router.add_post("/_standin/api/boot", boot)
    app.router.add_post("/_standin/api/event", event)
    app.router.add_get("/_standin/api/exists", exists)
    app.router.add_get("/_standin/api/chat", chat)
    app.router.add_get("/_standin/api/history", history)
    app.router.add_post("/_standin/api/read", read)
    app.router.add_post("/_standin/api/deliver", deliver)
    app.router.add_post("/_standin/api/unlink", unlink)
    app.router.add_post("/_standin/api/qr", qr)
    app.router.add_get("/_standin/api/hang", hang)
    app.router.add_get(r"/_standin/file/{sha256:[0-9a-f]{64}}", stored_file)


async def stream(request: web.Request) -> web.StreamResponse:
    """Server-sent events to one page, `page` being the id it gave itself."""
    page, hub = request.query["page"], request.app[HUB]
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    queue = hub.open_page(page)
    queue.put_nowait(json.dumps({"kind": "hello", "detail": request.app[WORLD].switches}))
    try:
        while not hub.closing.is_set():
            try:
                line = await asyncio.wait_for(queue.get(), 5.0)
            except TimeoutError:
                line = ""  # an SSE comment line, to find out whether the page is still there
            await response.write(f"data: {line}\n\n".encode() if line else b":\n\n")
    except ConnectionError:
        pass
    finally:
        hub.close_page(page, queue)
    return response


async def boot(request: web.Request) -> web.Response:
    """Answer a starting page: is it linked, and which chats are there."""
    world = request.app[WORLD]
    token = (await request.json()).get("token")
    linked = world.is_linked(token)
    if not linked and world.switches["linked"]:
        token, linked = world.link(), True
    chats = world.chats() if linked else []
    return web.json_response({"linked": linked, "token": token if linked else None, "chats": chats})


async def event(request: web.Request) -> web.Response:
    """Keep what a page reports: `{page, event, detail}`."""
    body = await request.json()
    hub, detail = request.app[HUB], body.get("detail", {})
    if body["event"] == "violation":
        request.app[WORLD].violate(detail["what"], detail["detail"])
    hub.note(body["event"], detail | {"page": body["page"]})
    hub.saw(body["page"], body["event"], detail)
    return web.json_response({})


async def exists(request: web.Request) -> web.Response:
    """Look a number up; takes `existence_ms` as the real query takes its time."""
    world = request.app[WORLD]
    number = phone.plain(request.query["number"])
    await asyncio.sleep(world.switches["existence_ms"] / 1000)
    refused = {phone.plain(each) for each in world.switches["not_on_whatsapp"]}
    found = number not in refused and 7 <= len(number) - 1 <= 15
    return web.json_response({"exists": found, "chat": world.chat(number)})


async def chat(request: web.Request) -> web.Response:
    """Describe one chat without asking whether its number exists."""
    return web.json_response(request.app[WORLD].chat(request.query["number"]))


async def history(request: web.Request) -> web.Response:
    """All messages of one chat."""
    return web.json_response({"messages": request.app[WORLD].history(request.query["number"])})


async def read(request: web.Request) -> web.Response:
    """The chat was opened."""
    request.app[WORLD].read((await request.json())["number"])
    return web.json_response({})


async def deliver(request: web.Request) -> web.Response:
    """Receive one message: a form with `message` (JSON) and its files. Only now has it really been sent."""
    world, hub = request.app[WORLD], request.app[HUB]
    message: dict[str, Any] = {}
    files: list[dict[str, Any]] = []
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)
        if part.name == "message":
            message = json.loads(await part.text())
        else:
            files.append(await _keep(request, part))
    if not world.is_linked(message["token"]):
        raise web.HTTPUnauthorized(text="this session is not linked")
    for file, via in zip(files, message["via"], strict=True):
        file["via"] = via
    entry = {
        "id": message["id"],
        "number": message["number"],
        "text": message["text"],
        "caption": bool(files and message["text"]),
        "files": files,
    }
    if world.receive(entry):
        shown: list[dict[str, Any] | None] = [*files] or [None]
        rows = zip(message["rows"], shown, strict=True)
        for index, (row_id, row_file) in enumerate(rows):
            row = world.say(message["number"], "" if index else message["text"], own=True, id=row_id, file=row_file)
            hub.push("message", {"message": row, "chat": world.chat(row["number"])}, besides=message["page"])
            hub.progress(row_id)
        hub.note("message.received", {"id": entry["id"], "number": entry["number"], "text": entry["text"]})
    return web.json_response({})


async def _keep(request: web.Request, part: BodyPartReader) -> dict[str, Any]:
    content = bytes(await part.read())
    digest = hashlib.sha256(content).hexdigest()
    (request.app[WORLD].files / digest).write_bytes(content)
    mimetype = part.headers.get("Content-Type", "application/octet-stream")
    return {"name": part.filename, "size": len(content), "sha256": digest, "mimetype": mimetype}


async def unlink(request: web.Request) -> web.Response:
    """Log out from the page's own button."""
    request.app[WORLD].unlink_all()
    request.app[HUB].push("logout", {})
    return web.json_response({})


async def qr(request: web.Request) -> web.Response:
    """Turn a payload into rows of dark and light modules for the page's canvas."""
    matrix = segno.make(await request.text(), error="l", micro=False).matrix
    return web.json_response({"rows": ["".join(str(module) for module in row) for row in matrix]})


async def hang(request: web.Request) -> web.Response:
    """Hold a page that is to look hung."""
    return web.json_response({"hang": await request.app[HUB].hung(timeout_s=2.0)})


async def stored_file(request: web.Request) -> web.FileResponse:
    """Give a received file back, for thumbnails."""
    headers = {"Content-Type": request.query.get("type", "application/octet-stream")}
    return web.FileResponse(request.app[WORLD].files / request.match_info["sha256"], headers=headers)
